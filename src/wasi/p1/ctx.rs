//! One guest's state.

use super::errno::{Errno, Fail, Outcome};
use super::table::{Entry, Table};
use crate::abi::Call;
use crate::vfs::GoferCtx;
use std::fmt;
use wasmtime::Memory;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtxView, WasiView};

/// The state of a core module's WASI calls: its descriptors, and a `WasiP1Ctx` for everything that is not a file. Lives
/// in the `T` of a `Store<T>`.
pub struct GoferP1Ctx {
    pub(super) inner: WasiP1Ctx,
    pub(super) fs: GoferCtx,
    pub(super) table: Option<Table>,
    pub(super) memory: Option<Memory>,
    pub(super) call: Call,
}

impl fmt::Debug for GoferP1Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoferP1Ctx").field("fs", &self.fs).field("table", &self.table).finish_non_exhaustive()
    }
}

impl GoferP1Ctx {
    /// A guest whose files are `fs`. `wasi` gives stdio, arguments, environment, clocks and random numbers; preopens
    /// of its own are out of the guest's sight.
    #[must_use]
    pub fn new(wasi: WasiP1Ctx, fs: GoferCtx) -> Self {
        GoferP1Ctx { inner: wasi, fs, table: None, memory: None, call: Call::WAITING }
    }

    /// Remembers the instance's memory, which spares each call the look-up of the export `memory` (about 80 ns). Only
    /// for a store with one instance that uses these functions: calls of any other would read and write this memory.
    pub fn bind(&mut self, memory: Memory) {
        self.memory = Some(memory);
    }

    /// Sets how long and how calls wait: a deadline, a token that cancels.
    pub fn set_call(&mut self, call: Call) {
        // A front end that runs calls inline has nobody to run them again for it.
        self.call = Call { may_wait: true, ..call };
    }

    /// The guest's files.
    #[must_use]
    pub fn files(&self) -> &GoferCtx {
        &self.fs
    }

    /// The descriptors, made at the first use.
    #[inline]
    pub(super) fn table(&mut self) -> Outcome<(&mut Table, &GoferCtx, &Call)> {
        if self.table.is_none() {
            self.table = Some(self.open_preopens()?);
        }
        match &mut self.table {
            Some(table) => Ok((table, &self.fs, &self.call)),
            None => Err(Errno::Io.into()),
        }
    }

    #[cold]
    fn open_preopens(&self) -> Outcome<Table> {
        // What it starts with is never too much.
        let mut table = Table::new(self.fs.max_descriptors().max(3 + self.fs.preopens().len()));
        for preopen in self.fs.preopens() {
            let directory = self.fs.open_preopen(&self.call, preopen)?;
            let entry = Entry::Directory(Box::new(directory), Some(preopen.path().into()));
            table.insert(entry).map_err(|_| Fail::Errno(Errno::Mfile))?;
        }
        Ok(table)
    }

    /// The number in the inner context of a descriptor of stdio; `None` for a file or directory.
    #[inline]
    pub(super) fn stdio(&mut self, fd: u32) -> Outcome<Option<u32>> {
        match self.table()?.0.get(fd)? {
            Entry::Stdio(inner) => Ok(Some(*inner)),
            Entry::File(..) | Entry::Directory(..) => Ok(None),
        }
    }

    /// Ends an entry that left the table; one of stdio is for the caller to close in the inner context. A file is closed
    /// whatever the outcome.
    pub(super) fn end(&self, entry: Entry) -> Outcome<Option<u32>> {
        let ended = match entry {
            Entry::Stdio(inner) => Ok(Some(inner)),
            Entry::File(file, _) => file.close(&self.call).map(|()| None),
            Entry::Directory(directory, _) => {
                drop(directory);
                Ok(None)
            }
        };
        self.fs.after(&self.call);
        Ok(ended?)
    }
}

impl Drop for GoferP1Ctx {
    fn drop(&mut self) {
        let Some(mut table) = self.table.take() else { return };
        for entry in table.drain() {
            // What could not be brought out stays dirty, and is told by whoever shuts the mounts down.
            drop(self.end(entry));
        }
    }
}

impl WasiView for GoferP1Ctx {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.inner.ctx()
    }
}
