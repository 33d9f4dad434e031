//! Writes by io_uring, which are no system call of their own.

use io_uring::{IoUring, opcode, types};
use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;

/// A ring, and the file that is written through it.
pub(crate) struct Uring {
    ring: IoUring,
    file: File,
}

impl Uring {
    /// An error where the kernel has no io_uring, or does not let us.
    pub(crate) fn new(file: File) -> Result<Uring> {
        Ok(Uring { ring: IoUring::new(4)?, file })
    }

    /// Writes one word, and waits until that is done.
    pub(crate) fn write(&mut self, word: [u8; 8], offset: u64) -> Result<()> {
        let entry = opcode::Write::new(types::Fd(self.file.as_raw_fd()), word.as_ptr(), 8).offset(offset).build();
        // SAFETY: the bytes and the descriptor live until the completion below.
        unsafe { self.ring.submission().push(&entry) }.map_err(Error::other)?;
        self.ring.submit_and_wait(1)?;
        let done = self.ring.completion().next().map(|entry| entry.result());
        match done {
            Some(8) => Ok(()),
            Some(errno) if errno < 0 => Err(Error::from_raw_os_error(-errno)),
            other => Err(Error::other(format!("{other:?}"))),
        }
    }
}
