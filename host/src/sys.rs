//! The command's uses of `unsafe`.

use rustix::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};
use std::io;
use std::path::Path;
use wasmtime::component::Component;
use wasmtime::{Engine, Module, Result};

/// Loads machine code that wasmtime compiled before, from `file` where there is one (which maps it), else from `bytes`.
pub(crate) fn deserialize(engine: &Engine, file: Option<&Path>, bytes: &[u8]) -> Result<Module> {
    // SAFETY: the caller must vouch that the bytes come from `Engine::precompile_module` or its equals and are not
    // changed while in use. No check can tell; that is what the user says by `--allow-precompiled`, which the only
    // caller demands.
    unsafe {
        match file {
            Some(file) => Module::deserialize_file(engine, file),
            None => Module::deserialize(engine, bytes),
        }
    }
}

/// As [`deserialize`], of a component.
pub(crate) fn deserialize_component(engine: &Engine, file: Option<&Path>, bytes: &[u8]) -> Result<Component> {
    // SAFETY: as in `deserialize`, with `Engine::precompile_component`.
    unsafe {
        match file {
            Some(file) => Component::deserialize_file(engine, file),
            None => Component::deserialize(engine, bytes),
        }
    }
}

/// Takes over a descriptor that whoever started this process left open for it, by its number; standard streams are not
/// taken. It is closed on exec from then on. `EBADF` for a number that is not open, or was opened by this process.
pub(crate) fn inherited(fd: i32) -> io::Result<OwnedFd> {
    if fd <= 2 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: the number is looked at and nothing else; one that is not open is answered with `EBADF`.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let flags = fcntl_getfd(borrowed)?;
    // Everything that this process opens is closed on exec, so without the flag it is nobody's here.
    if flags.contains(FdFlags::CLOEXEC) {
        return Err(Errno::BADF.into());
    }
    fcntl_setfd(borrowed.as_fd(), flags | FdFlags::CLOEXEC)?;
    // SAFETY: open, and by the flag that it had nobody's in this process; a second call finds the flag set.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
