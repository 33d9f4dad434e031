//! Files through the vfs API.

use std::io::{IoSlice, IoSliceMut};
use wasi_gofer::abi::{Call, Errno, Error, Result};
use wasi_gofer::vfs::{Descriptor, OpenDirectory, OpenFile, OpenHow};
use wasi_gofer::{Gofer, GoferCtx};

/// For reading.
pub(crate) const READ: OpenHow = OpenHow {
    follow: true,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    read: true,
    write: false,
    append: false,
    sync: false,
    dsync: false,
};

/// For writing.
pub(crate) const WRITE: OpenHow = OpenHow { read: false, write: true, ..READ };

/// For both.
pub(crate) const READ_WRITE: OpenHow = OpenHow { write: true, ..READ };

/// For both, and made if it is missing.
pub(crate) const CREATE: OpenHow = OpenHow { create: true, ..READ_WRITE };

/// Closes a file; whether what it had written is in the storage.
pub(crate) fn close(call: &Call, file: OpenFile) -> Result<()> {
    file.close(call)
}

/// The first preopen of a new guest.
pub(crate) fn root(gofer: &Gofer) -> (GoferCtx, OpenDirectory) {
    let ctx = gofer.ctx();
    let root = ctx.open_preopen(&Call::WAITING, &ctx.preopens()[0]).expect("the preopen opens");
    (ctx, root)
}

pub(crate) fn open(call: &Call, dir: &OpenDirectory, path: &str, how: OpenHow) -> Result<OpenFile> {
    match dir.open_at(call, path.as_bytes(), how)? {
        Descriptor::File(file) => Ok(file),
        Descriptor::Directory(_) => Err(Errno::Isdir.into()),
    }
}

pub(crate) fn open_dir(call: &Call, dir: &OpenDirectory, path: &str) -> Result<OpenDirectory> {
    match dir.open_at(call, path.as_bytes(), OpenHow { directory: true, ..READ })? {
        Descriptor::File(_) => Err(Errno::Notdir.into()),
        Descriptor::Directory(dir) => Ok(*dir),
    }
}

/// Everything from the start to the end, in transfers of 64 KiB.
pub(crate) fn read_all(call: &Call, file: &OpenFile) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buf = vec![0; 65_536];
    loop {
        match file.read_at(call, &mut [IoSliceMut::new(&mut buf)], all.len() as u64)? {
            0 => return Ok(all),
            read => all.extend_from_slice(&buf[..read]),
        }
    }
}

/// All of `data`, however short the transfers are.
pub(crate) fn write_all(call: &Call, file: &OpenFile, data: &[u8], offset: u64) -> Result<()> {
    let mut done = 0;
    while done < data.len() {
        match file.write_at(call, &[IoSlice::new(&data[done..])], offset + done as u64)? {
            0 => return Err(Error::Errno(Errno::Io)),
            written => done += written,
        }
    }
    Ok(())
}
