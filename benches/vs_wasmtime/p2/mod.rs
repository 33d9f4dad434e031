//! Operations of WASI 0.2: ours in each policy, wasmtime-wasi as `wasmtime run` sets it up, and a stub, whose functions do
//! nothing: what it takes is the canonical ABI's.

mod component;
mod guest;
mod stub;

use crate::subjects::{Operation, Row, Subject};
use anyhow::Result;
use std::path::Path;
use wasi_gofer::CachePolicy;

/// An operation of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// `get-type` of a directory.
    GetType,
    /// `stat-at`.
    StatAt { missing: bool },
    /// `stat` of a file.
    Stat,
    /// `open-at` to read, drop.
    OpenDrop,
    /// `read` of so many bytes, always the same.
    Read { len: u32 },
    /// `blocking-read` of 64 KiB after 64 KiB of a stream over 1 MiB, a new one at the end.
    StreamRead,
    /// `write` of 4 KiB, always the same.
    Write,
    /// `read-directory` and every entry of 1000, as one operation.
    ReadDirectory,
}

impl Operation for Op {}

/// How many entries are listed.
const ENTRIES: u32 = 1000;
/// What a stream is read by.
const STREAM_PART: u32 = 64 << 10;

impl Op {
    /// The path that it works on, relative to the mount; files of the other rows.
    fn path(self) -> &'static str {
        match self {
            Op::GetType => ".",
            Op::StatAt { missing: false } | Op::Stat | Op::OpenDrop => "file.txt",
            Op::StatAt { missing: true } => "missing.txt",
            Op::Read { len: 0..=0xffff } => "read-4096",
            Op::Read { .. } | Op::StreamRead => "read-65536",
            Op::Write => "work/write-4096",
            Op::ReadDirectory => "list-1000",
        }
    }
}

/// Every row.
pub(crate) fn rows() -> Vec<Row<Op>> {
    [
        ("get-type", Op::GetType),
        ("stat-at/existing", Op::StatAt { missing: false }),
        ("stat-at/missing", Op::StatAt { missing: true }),
        ("stat", Op::Stat),
        ("open-at+drop", Op::OpenDrop),
        ("read/4KiB", Op::Read { len: 4 << 10 }),
        ("read/64KiB", Op::Read { len: 64 << 10 }),
        ("input-stream.blocking-read/64KiB", Op::StreamRead),
        ("write/4KiB", Op::Write),
        ("read-directory/1000", Op::ReadDirectory),
    ]
    .map(|(name, op)| Row { name: format!("p2/{name}"), op })
    .into()
}

/// The subjects, wasmtime's own first: the others are compared with it.
pub(crate) fn subjects(root: &Path) -> Result<Vec<Box<dyn Subject<Op>>>> {
    let program = component::program()?;
    let mut subjects: Vec<Box<dyn Subject<Op>>> = vec![Box::new(guest::stock(&program, root)?)];
    for policy in CachePolicy::ALL {
        subjects.push(Box::new(guest::ours(&program, root, policy)?));
    }
    subjects.push(Box::new(guest::stub(&program, root)?));
    Ok(subjects)
}
