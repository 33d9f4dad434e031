//! How the operations call the guest, and who serves it.

use super::{ENTRIES, MIB, Op, ROOM};
use crate::component::{self, DATA_AT, Guest, GuestSubject, HEAP_AT, Host, Looped, Plan, Program, RETURNED_AT};
use crate::subjects;
use anyhow::{Context, Result};
use std::path::Path;
use wasi_gofer::{CachePolicy, p3};
use wasmtime::component::Linker;

/// `descriptor-flags`.
const READ: u32 = 1;
/// How functions are added to linkers.
const ADDED: &str = "add_to_linker";

impl Looped for Op {
    fn plan(self) -> Plan {
        let path = self.path();
        let (function, opens, args) = match self {
            Op::StatAt => ("loop-stat-at", None, [u32::try_from(path.len()).unwrap_or(0), 0]),
            Op::ReadViaStream { part } => ("loop-read-via-stream", Some(READ), [part, MIB << 20]),
            Op::ReadDirectory => ("loop-read-directory", Some(READ), [ROOM, ENTRIES]),
        };
        Plan { function, path, opens, args }
    }

    fn seen(self, guest: &mut Guest, fd: u32) -> Result<Vec<u8>> {
        match self {
            Op::StatAt => {
                let at = RETURNED_AT + 8;
                let kind = guest.get(at, 1)?;
                let (links, size) = (guest.number(at + 16)?, guest.number(at + 24)?);
                let modified = guest.number(at + 64)? * 1_000_000_000 + (guest.number(at + 72)? & 0xffff_ffff);
                Ok(subjects::attributes(kind[0], links, size, modified))
            }
            Op::ReadViaStream { part } => Ok(guest.call::<_, (u64,)>("digest", (fd, part))?.0.0.to_le_bytes().to_vec()),
            Op::ReadDirectory => entries(guest),
        }
    }
}

fn entries(guest: &mut Guest) -> Result<Vec<u8>> {
    let (entries, heap) = (guest.get(DATA_AT, ENTRIES * 24)?, guest.get(HEAP_AT, ENTRIES * 64)?);
    let word = |entry: &[u8], at: usize| -> Result<usize> {
        let bytes = entry.get(at..at + 4).context("an entry is longer")?;
        Ok(u32::from_le_bytes(bytes.try_into()?) as usize)
    };
    let mut listed = Vec::new();
    for entry in entries.chunks(24) {
        let (ptr, len) = (word(entry, 16)?, word(entry, 20)?);
        let from = ptr.checked_sub(HEAP_AT as usize).context("a name is on the heap")?;
        let name = heap.get(from..from + len).context("a name is on the heap")?;
        listed.push((name.to_vec(), entry[0]));
    }
    Ok(subjects::listing(listed))
}

fn linker(program: &Program) -> Result<Linker<Host>> {
    let mut linker = Linker::new(&program.engine);
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// wasmtime-wasi.
pub(super) fn stock(program: &Program, root: &Path) -> Result<GuestSubject> {
    component::stock(program, linker(program)?, ADDED, root)
}

/// Ours.
pub(super) fn ours(program: &Program, root: &Path, policy: CachePolicy) -> Result<GuestSubject> {
    let mut linker = linker(program)?;
    p3::add_to_linker(&mut linker)?;
    component::ours(program, linker, ADDED, root, policy)
}
