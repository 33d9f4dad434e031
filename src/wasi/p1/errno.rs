//! Error numbers of the ABI, and how an operation ends.

use crate::abi;

/// `errno` of `wasi_snapshot_preview1`: those that we answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Errno {
    Acces = 2,
    Again = 6,
    Badf = 8,
    Busy = 10,
    Canceled = 11,
    Connrefused = 14,
    Deadlk = 16,
    Dquot = 19,
    Exist = 20,
    Fault = 21,
    Fbig = 22,
    Ilseq = 25,
    Intr = 27,
    Inval = 28,
    Io = 29,
    Isdir = 31,
    Loop = 32,
    Mfile = 33,
    Mlink = 34,
    Nametoolong = 37,
    Nfile = 41,
    Nodev = 43,
    Noent = 44,
    Nolck = 46,
    Nomem = 48,
    Nospc = 51,
    Nosys = 52,
    Notdir = 54,
    Notempty = 55,
    Notsock = 57,
    Notsup = 58,
    Notty = 59,
    Nxio = 60,
    Overflow = 61,
    Perm = 63,
    Pipe = 64,
    Proto = 65,
    Range = 68,
    Rofs = 69,
    Spipe = 70,
    Stale = 72,
    Timedout = 73,
    Txtbsy = 74,
    Xdev = 75,
}

/// Exhaustive: a new errno does not compile before it has its number here.
impl From<abi::Errno> for Errno {
    fn from(errno: abi::Errno) -> Self {
        match errno {
            abi::Errno::Perm => Errno::Perm,
            abi::Errno::Noent => Errno::Noent,
            abi::Errno::Intr => Errno::Intr,
            abi::Errno::Io => Errno::Io,
            abi::Errno::Nxio => Errno::Nxio,
            abi::Errno::Badf => Errno::Badf,
            abi::Errno::Again => Errno::Again,
            abi::Errno::Nomem => Errno::Nomem,
            abi::Errno::Acces => Errno::Acces,
            abi::Errno::Fault => Errno::Fault,
            abi::Errno::Busy => Errno::Busy,
            abi::Errno::Exist => Errno::Exist,
            abi::Errno::Xdev => Errno::Xdev,
            abi::Errno::Nodev => Errno::Nodev,
            abi::Errno::Notdir => Errno::Notdir,
            abi::Errno::Isdir => Errno::Isdir,
            abi::Errno::Inval => Errno::Inval,
            abi::Errno::Nfile => Errno::Nfile,
            abi::Errno::Mfile => Errno::Mfile,
            abi::Errno::Notty => Errno::Notty,
            abi::Errno::Txtbsy => Errno::Txtbsy,
            abi::Errno::Fbig => Errno::Fbig,
            abi::Errno::Nospc => Errno::Nospc,
            abi::Errno::Spipe => Errno::Spipe,
            abi::Errno::Rofs => Errno::Rofs,
            abi::Errno::Mlink => Errno::Mlink,
            abi::Errno::Pipe => Errno::Pipe,
            abi::Errno::Range => Errno::Range,
            abi::Errno::Deadlk => Errno::Deadlk,
            abi::Errno::Nametoolong => Errno::Nametoolong,
            abi::Errno::Nolck => Errno::Nolck,
            abi::Errno::Nosys => Errno::Nosys,
            abi::Errno::Notempty => Errno::Notempty,
            abi::Errno::Loop => Errno::Loop,
            // The ABI has no number for a missing attribute, and no call that could ask for one.
            abi::Errno::Nodata => Errno::Io,
            abi::Errno::Proto => Errno::Proto,
            abi::Errno::Overflow => Errno::Overflow,
            abi::Errno::Ilseq => Errno::Ilseq,
            abi::Errno::Notsock => Errno::Notsock,
            abi::Errno::Opnotsupp => Errno::Notsup,
            abi::Errno::Timedout => Errno::Timedout,
            abi::Errno::Connrefused => Errno::Connrefused,
            abi::Errno::Stale => Errno::Stale,
            abi::Errno::Dquot => Errno::Dquot,
            abi::Errno::Canceled => Errno::Canceled,
        }
    }
}

/// How an operation ends that does not succeed.
#[derive(Debug)]
pub(super) enum Fail {
    /// The guest gets a number.
    Errno(Errno),
    /// The guest ends.
    Trap(wasmtime::Error),
}

/// The outcome of an operation.
pub(super) type Outcome<T = ()> = Result<T, Fail>;

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Fail::Errno(errno)
    }
}

impl From<abi::Error> for Fail {
    fn from(error: abi::Error) -> Self {
        Fail::Errno(error.errno().into())
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
