//! Operations of WASI 0.3: ours in each policy, and wasmtime-wasi as `wasmtime run` sets it up.

mod component;
mod guest;

use crate::subjects::{Operation, Row, Subject};
use crate::{fixture, rows};
use anyhow::Result;
use std::path::Path;
use wasi_gofer::CachePolicy;

/// An operation of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// `stat-at`, lowered synchronously.
    StatAt,
    /// `read-via-stream` of a whole file, so many bytes at a time.
    ReadViaStream { part: u32 },
    /// `read-directory` of 1000 entries, [`ROOM`] at a time.
    ReadDirectory,
}

impl Operation for Op {}

/// How large the file is that is read.
const MIB: u32 = 16;
/// How many entries are listed, and for how many at a time there is room.
const ENTRIES: u32 = 1000;
const ROOM: u32 = 64;

impl Op {
    /// The path that it works on, relative to the mount; but for the large file, one of the other rows.
    fn path(self) -> String {
        match self {
            Op::StatAt => "file.txt".to_owned(),
            Op::ReadViaStream { .. } => rows::Op::PreadRandom { mib: MIB }.path(),
            Op::ReadDirectory => rows::Op::FdReaddir { entries: ENTRIES }.path(),
        }
    }
}

/// Every row.
pub(crate) fn rows() -> Vec<Row<Op>> {
    [
        ("stat-at/existing", Op::StatAt),
        ("read-via-stream/16MiB-4KiB", Op::ReadViaStream { part: 4 << 10 }),
        ("read-via-stream/16MiB-64KiB", Op::ReadViaStream { part: 64 << 10 }),
        ("read-directory/1000", Op::ReadDirectory),
    ]
    .map(|(name, op)| Row { name: format!("p3/{name}"), op })
    .into()
}

/// The subjects over `root`, wasmtime's own first: the others are compared with it.
pub(crate) fn subjects(root: &Path) -> Result<Vec<Box<dyn Subject<Op>>>> {
    fixture::build_big(root, rows::Op::PreadRandom { mib: MIB })?;
    let program = component::program()?;
    let mut subjects: Vec<Box<dyn Subject<Op>>> = vec![Box::new(guest::stock(&program, root)?)];
    for policy in CachePolicy::ALL {
        subjects.push(Box::new(guest::ours(&program, root, policy)?));
    }
    Ok(subjects)
}
