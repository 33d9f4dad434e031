//! How the operations call the guest, and who serves it.

use super::{ENTRIES, Op, STREAM_PART, stub};
use crate::component::{self, DATA_AT, Guest, GuestSubject, Host, Looped, Plan, Program, RETURNED_AT};
use crate::{fixture, subjects};
use anyhow::Result;
use std::path::Path;
use wasi_gofer::{CachePolicy, p2};
use wasmtime::component::Linker;

/// `error-code` `no-entry`, counted from 1.
const NO_ENTRY: u32 = 21;
/// `descriptor-flags`.
const READ: u32 = 1;
const WRITE: u32 = 2;
/// How functions are added to linkers.
const ADDED: &str = "add_to_linker_async";

impl Looped for Op {
    fn plan(self) -> Plan {
        let path = u32::try_from(self.path().len()).unwrap_or(0);
        let (function, opens, len, expected) = match self {
            Op::GetType => ("loop-get-type", None, 0, 0),
            Op::StatAt { missing: false } => ("loop-stat-at", None, path, 0),
            Op::StatAt { missing: true } => ("loop-stat-at", None, path, NO_ENTRY),
            Op::Stat => ("loop-stat", Some(READ), 0, 0),
            Op::OpenDrop => ("loop-open-drop", None, path, 0),
            Op::Read { len } => ("loop-read", Some(READ), len, 0),
            Op::StreamRead => ("loop-stream-read", Some(READ), STREAM_PART, 0),
            Op::Write => ("loop-write", Some(WRITE), 4096, 0),
            Op::ReadDirectory => ("loop-read-directory", Some(READ), ENTRIES, 0),
        };
        Plan { function, path: self.path().to_owned(), opens, args: [len, expected] }
    }

    fn arrange(self, root: &Path) -> Result<()> {
        if self == Op::Write {
            std::fs::write(root.join(self.path()), vec![0; 4096])?;
        }
        Ok(())
    }

    fn prepare(self, guest: &mut Guest) -> Result<()> {
        if self == Op::Write {
            guest.put(&fixture::pattern(4096), DATA_AT)?;
        }
        Ok(())
    }

    fn seen(self, guest: &mut Guest, _fd: u32) -> Result<Vec<u8>> {
        match self {
            Op::GetType => guest.get(RETURNED_AT + 1, 1),
            Op::StatAt { missing: false } | Op::Stat => {
                let at = RETURNED_AT + 8;
                let kind = guest.get(at, 1)?;
                let (links, size) = (guest.number(at + 8)?, guest.number(at + 16)?);
                let modified = guest.number(at + 56)? * 1_000_000_000 + (guest.number(at + 64)? & 0xffff_ffff);
                Ok(subjects::attributes(kind[0], links, size, modified))
            }
            Op::Read { .. } | Op::StreamRead => list(guest, RETURNED_AT + 4),
            Op::StatAt { missing: true } | Op::OpenDrop | Op::Write | Op::ReadDirectory => Ok(Vec::new()),
        }
    }

    fn left(self, root: &Path) -> Result<Vec<u8>> {
        if self == Op::Write { Ok(std::fs::read(root.join(self.path()))?) } else { Ok(Vec::new()) }
    }
}

fn list(guest: &mut Guest, at: u32) -> Result<Vec<u8>> {
    let [ptr, len] = [guest.number(at)?, guest.number(at + 4)?].map(|word| u32::try_from(word & 0xffff_ffff));
    guest.get(ptr?, len?)
}

fn linker(program: &Program) -> Result<Linker<Host>> {
    let mut linker = Linker::new(&program.engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// wasmtime-wasi.
pub(super) fn stock(program: &Program, root: &Path) -> Result<GuestSubject> {
    component::stock(program, linker(program)?, ADDED, root)
}

/// Ours.
pub(super) fn ours(program: &Program, root: &Path, policy: CachePolicy) -> Result<GuestSubject> {
    let mut linker = linker(program)?;
    p2::add_to_linker_async(&mut linker)?;
    component::ours(program, linker, ADDED, root, policy)
}

/// Functions that do nothing.
pub(super) fn stub(program: &Program, root: &Path) -> Result<GuestSubject> {
    let mut linker = linker(program)?;
    stub::add_to_linker(&mut linker)?;
    component::stub(program, linker, root)
}
