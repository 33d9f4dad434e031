//! Attributes changed by name.

use crate::abi::{Call, Errno, Error, Result, SetStat};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::stats::Op;

impl GoferFs {
    /// Changes attributes of an object; the error is that of the first one that could not be changed. `EPERM` for an
    /// object that exists only here.
    pub fn set_attr(&self, call: &Call, of: &DentryRef, set: &SetStat) -> Result<()> {
        let inode = of.inode();
        self.setting_times(call, inode, set, || {
            let answer =
                self.on_object(call, of.id(), inode, |object| self.ask(Op::SetStat).set_stat(call, object, set));
            if answer != Err(Error::WouldWait) {
                inode.attr_changed();
            }
            match answer?.errno {
                None => Ok(()),
                Some(errno) => Err(Error::Errno(errno)),
            }
        })
    }

    /// `EROFS` where the backend itself refuses changes: asked before an operation that it would only fail late.
    pub fn check_writable(&self) -> Result<()> {
        if self.is_read_only() { Err(Errno::Rofs.into()) } else { Ok(()) }
    }
}
