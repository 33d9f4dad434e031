//! Error numbers of the ABI.

pub(super) use crate::abi::Errno;
pub(super) use crate::wasi::fail::{Fail, Outcome};

/// The number of an errno in `wasi_snapshot_preview1`. Exhaustive: a new errno does not compile before it has its number
/// here.
pub(super) fn number(errno: Errno) -> i32 {
    match errno {
        Errno::Perm => 63,
        Errno::Noent => 44,
        Errno::Intr => 27,
        Errno::Io => 29,
        Errno::Nxio => 60,
        Errno::Badf => 8,
        Errno::Again => 6,
        Errno::Nomem => 48,
        Errno::Acces => 2,
        Errno::Fault => 21,
        Errno::Busy => 10,
        Errno::Exist => 20,
        Errno::Xdev => 75,
        Errno::Nodev => 43,
        Errno::Notdir => 54,
        Errno::Isdir => 31,
        Errno::Inval => 28,
        Errno::Nfile => 41,
        Errno::Mfile => 33,
        Errno::Notty => 59,
        Errno::Txtbsy => 74,
        Errno::Fbig => 22,
        Errno::Nospc => 51,
        Errno::Spipe => 70,
        Errno::Rofs => 69,
        Errno::Mlink => 34,
        Errno::Pipe => 64,
        Errno::Range => 68,
        Errno::Deadlk => 16,
        Errno::Nametoolong => 37,
        Errno::Nolck => 46,
        Errno::Nosys => 52,
        Errno::Notempty => 55,
        Errno::Loop => 32,
        // The ABI has no number for a missing attribute, and no call that could ask for one.
        Errno::Nodata => 29,
        Errno::Proto => 65,
        Errno::Overflow => 61,
        Errno::Ilseq => 25,
        Errno::Notsock => 57,
        Errno::Prototype => 67,
        Errno::Opnotsupp => 58,
        Errno::Timedout => 73,
        Errno::Connrefused => 14,
        Errno::Stale => 72,
        Errno::Dquot => 19,
        Errno::Canceled => 11,
    }
}

impl From<wiggle::GuestError> for Fail {
    /// Only pointers come here: what is out of bounds or misaligned ends the guest.
    #[cold]
    fn from(error: wiggle::GuestError) -> Self {
        match error {
            wiggle::GuestError::InvalidUtf8(_) => Fail::Errno(Errno::Ilseq),
            other => Fail::Trap(other.into()),
        }
    }
}
