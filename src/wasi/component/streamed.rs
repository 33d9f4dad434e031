//! What streams of a file are made of.

use super::attempt::{Handle, behind};
use super::ctx::GoferCtxView;
use super::descriptor::{Descriptor, OpenedFile};
use crate::abi::{Call, Errno, Result};
use crate::vfs::{OpenFile, Rights};
use crate::wasi::fail::Outcome;
use std::io::IoSlice;
use std::sync::Arc;

/// The file of a descriptor that a stream is to read or write: `EISDIR` for a directory that is to be read, `EBADF` for
/// what was not opened for it.
pub(crate) fn streamed(view: &GoferCtxView<'_>, handle: &Handle, right: Rights) -> Outcome<Arc<OpenedFile>> {
    match behind(view, handle)? {
        Descriptor::File(file) if file.file()?.rights().contains(right) => Ok(Arc::clone(file)),
        Descriptor::File(_) => Err(Errno::Badf.into()),
        Descriptor::Directory(_) if right == Rights::READ => Err(Errno::Isdir.into()),
        Descriptor::Directory(_) => Err(Errno::Badf.into()),
    }
}

/// Where a stream writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At an offset, which moves with what is written.
    At(u64),
    /// At the end of the file, wherever that is by then.
    End,
}

impl Place {
    /// Writes a part of `bytes`.
    #[inline]
    pub(crate) fn write(self, file: &OpenFile, call: &Call, bytes: &[u8]) -> Result<usize> {
        let bytes = &[IoSlice::new(bytes)];
        match self {
            Place::At(offset) => file.write_at(call, bytes, offset),
            Place::End => file.append(call, bytes),
        }
    }

    /// Moves behind what was written.
    #[inline]
    pub(crate) fn advance(&mut self, written: usize) {
        if let Place::At(offset) = self {
            *offset = offset.saturating_add(written as u64);
        }
    }
}
