//! An open file of a host directory.

use super::admit;
use crate::abi::{Call, Result, SetStat, SetStatReport, Stat};
use crate::backend::{Advice, Handle};
use crate::hostfs::{FileFd, Keys, data, set_stat, stat, sync};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Advice as OsAdvice;
use std::io::{IoSlice, IoSliceMut};

/// A file of a [`super::DirectFs`], open with some access. Its descriptor's position is never used.
#[derive(Debug)]
pub struct DirectHandle {
    file: FileFd,
    keys: Keys,
    blocking: bool,
}

impl DirectHandle {
    pub(super) fn new(fd: OwnedFd, keys: Keys, blocking: bool) -> DirectHandle {
        DirectHandle { file: FileFd::new(fd), keys, blocking }
    }

    /// The descriptor, once `call` may use it.
    fn fd(&self, call: &Call) -> Result<BorrowedFd<'_>> {
        Ok(self.file(call)?.as_fd())
    }

    fn file(&self, call: &Call) -> Result<&FileFd> {
        admit(self.blocking, call).map(|()| &self.file)
    }
}

impl Handle for DirectHandle {
    fn read_at(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        data::read_at(self.fd(call)?, bufs, offset)
    }

    fn write_at(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        self.file(call)?.write_at(bufs, offset)
    }

    fn append(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        self.file(call)?.append(bufs)
    }

    fn stat(&self, call: &Call) -> Result<Stat> {
        stat::stat_fd(self.keys, self.fd(call)?)
    }

    fn stats_locally(&self) -> bool {
        true
    }

    fn set_stat(&self, call: &Call, set: &SetStat) -> Result<SetStatReport> {
        Ok(set_stat::set_stat_open(self.fd(call)?, set))
    }

    fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        sync::sync(self.fd(call)?, data_only)
    }

    fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        data::allocate(self.fd(call)?, offset, len)
    }

    fn advise(&self, call: &Call, offset: u64, len: u64, advice: Advice) -> Result<()> {
        let raw = match advice {
            Advice::Normal => OsAdvice::Normal,
            Advice::Sequential => OsAdvice::Sequential,
            Advice::Random => OsAdvice::Random,
            Advice::WillNeed => OsAdvice::WillNeed,
            Advice::DontNeed => OsAdvice::DontNeed,
            Advice::NoReuse => OsAdvice::NoReuse,
        };
        data::advise(self.fd(call)?, offset, len, raw)
    }
}
