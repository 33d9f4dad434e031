//! Writes by Linux' native AIO, which raise no event.

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;

/// `struct iocb` of `linux/aio_abi.h`, little-endian.
#[repr(C)]
#[derive(Default)]
struct Iocb {
    data: u64,
    key: u32,
    rw_flags: u32,
    opcode: u16,
    priority: i16,
    fd: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event_fd: u32,
}

/// `IOCB_CMD_PWRITE`.
const PWRITE: u16 = 1;

/// `struct io_event`.
#[repr(C)]
#[derive(Default)]
struct IoEvent {
    data: u64,
    object: u64,
    result: i64,
    result2: i64,
}

/// A context, and the file that is written through it. It goes with the process.
pub(crate) struct Aio {
    context: libc::c_ulong,
    file: File,
}

fn checked(answer: libc::c_long) -> Result<libc::c_long> {
    if answer < 0 { Err(Error::last_os_error()) } else { Ok(answer) }
}

impl Aio {
    /// An error where the kernel has no native AIO, or does not let us.
    pub(crate) fn new(file: File) -> Result<Aio> {
        let mut context: libc::c_ulong = 0;
        // SAFETY: the kernel writes one word to `context`, which is 0 as it asks.
        checked(unsafe { libc::syscall(libc::SYS_io_setup, 4 as libc::c_long, &raw mut context) })?;
        Ok(Aio { context, file })
    }

    /// Writes one word, and waits until that is done.
    pub(crate) fn write(&mut self, word: [u8; 8], offset: u64) -> Result<()> {
        let mut block = Iocb {
            opcode: PWRITE,
            fd: u32::try_from(self.file.as_raw_fd()).map_err(Error::other)?,
            buffer: word.as_ptr() as u64,
            bytes: 8,
            offset: i64::try_from(offset).map_err(Error::other)?,
            ..Iocb::default()
        };
        let blocks = [&raw mut block];
        let mut event = IoEvent::default();
        // SAFETY: the block and its bytes live until the event below.
        checked(unsafe { libc::syscall(libc::SYS_io_submit, self.context, 1 as libc::c_long, blocks.as_ptr()) })?;
        let null = std::ptr::null_mut::<libc::timespec>();
        let one: libc::c_long = 1;
        // SAFETY: room for the one event that is waited for.
        checked(unsafe { libc::syscall(libc::SYS_io_getevents, self.context, one, one, &raw mut event, null) })?;
        match event.result {
            8 => Ok(()),
            errno if errno < 0 => Err(Error::from_raw_os_error(i32::try_from(-errno).unwrap_or(i32::MAX))),
            other => Err(Error::other(format!("{other} bytes"))),
        }
    }
}
