//! An empty, read-only directory: the root of a namespace that has no mount at `/`.

use super::{Advice, Backend, Capabilities, DirentSink, Found, Handle, Object};
use crate::abi::{
    Call, Errno, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, Timespec,
};
use std::convert::Infallible;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

/// The backend of an empty directory.
#[derive(Debug)]
pub(crate) struct EmptyFs;

/// There are no files, so there are no handles.
#[derive(Debug)]
pub(crate) struct NoHandle(Infallible);

const ROOT: Stat = Stat {
    key: InodeKey { dev: 1 << 34, ino: 1, birth_ns: None },
    file_type: FileType::Directory,
    mode: Mode::new(0o555),
    nlink: 2,
    uid: 0,
    gid: 0,
    size: 0,
    blocks: 0,
    blksize: 4096,
    atime: Timespec { secs: 0, nanos: 0 },
    mtime: Timespec { secs: 0, nanos: 0 },
    ctime: Timespec { secs: 0, nanos: 0 },
};

impl Backend for EmptyFs {
    type Node = ();
    type Handle = NoHandle;

    fn name(&self) -> &'static str {
        "empty"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { read_only: true, ..Capabilities::default() }
    }

    fn root(&self, _call: &Call) -> Result<Found<()>> {
        Ok(Found { node: (), stat: ROOT })
    }

    fn lookup(&self, _call: &Call, _dir: &(), _name: Name<'_>) -> Result<Found<()>> {
        Err(Errno::Noent.into())
    }

    fn stat(&self, _call: &Call, _object: Object<'_, ()>) -> Result<Stat> {
        Ok(ROOT)
    }

    fn open(&self, _call: &Call, _object: Object<'_, ()>, _flags: OpenFlags) -> Result<Arc<NoHandle>> {
        Err(Errno::Isdir.into())
    }

    fn readlink(&self, _call: &Call, _object: Object<'_, ()>) -> Result<Vec<u8>> {
        Err(Errno::Inval.into())
    }

    fn read_dir(&self, _call: &Call, _dir: &(), _cookie: u64, _sink: &mut DirentSink<'_>) -> Result<bool> {
        Ok(true)
    }
}

impl Handle for NoHandle {
    fn read_at(&self, _call: &Call, _bufs: &mut [IoSliceMut<'_>], _offset: u64) -> Result<usize> {
        match self.0 {}
    }

    fn write_at(&self, _call: &Call, _bufs: &[IoSlice<'_>], _offset: u64) -> Result<usize> {
        match self.0 {}
    }

    fn append(&self, _call: &Call, _bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        match self.0 {}
    }

    fn stat(&self, _call: &Call) -> Result<Stat> {
        match self.0 {}
    }

    fn set_stat(&self, _call: &Call, _set: &SetStat) -> Result<SetStatReport> {
        match self.0 {}
    }

    fn sync(&self, _call: &Call, _data_only: bool) -> Result<()> {
        match self.0 {}
    }

    fn advise(&self, _call: &Call, _offset: u64, _len: u64, _advice: Advice) -> Result<()> {
        match self.0 {}
    }
}
