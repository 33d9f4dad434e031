//! `error-code`, as far as all versions have the same.

/// The code of an errno in a version's `ErrorCode`, with what that has for `EAGAIN` and for an errno without a code.
/// Exhaustive: a new errno does not compile before it has its code here.
macro_rules! error_code {
    ($errno:expr => $ErrorCode:ident, again: $again:expr, nameless: $nameless:expr $(,)?) => {
        match $errno {
            Errno::Perm => $ErrorCode::NotPermitted,
            Errno::Noent => $ErrorCode::NoEntry,
            Errno::Intr => $ErrorCode::Interrupted,
            Errno::Io => $ErrorCode::Io,
            Errno::Nxio => $ErrorCode::NoSuchDevice,
            Errno::Badf => $ErrorCode::BadDescriptor,
            Errno::Again => $again,
            // There is no code for too many open files: what is used up is a resource of the host's.
            Errno::Nomem | Errno::Mfile | Errno::Nfile => $ErrorCode::InsufficientMemory,
            Errno::Acces => $ErrorCode::Access,
            Errno::Busy => $ErrorCode::Busy,
            Errno::Exist => $ErrorCode::Exist,
            Errno::Xdev => $ErrorCode::CrossDevice,
            Errno::Nodev => $ErrorCode::NoDevice,
            Errno::Notdir => $ErrorCode::NotDirectory,
            Errno::Isdir => $ErrorCode::IsDirectory,
            Errno::Inval | Errno::Fault => $ErrorCode::Invalid,
            Errno::Notty => $ErrorCode::NoTty,
            Errno::Txtbsy => $ErrorCode::TextFileBusy,
            Errno::Fbig => $ErrorCode::FileTooLarge,
            Errno::Nospc => $ErrorCode::InsufficientSpace,
            Errno::Spipe => $ErrorCode::InvalidSeek,
            Errno::Rofs => $ErrorCode::ReadOnly,
            Errno::Mlink => $ErrorCode::TooManyLinks,
            Errno::Pipe => $ErrorCode::Pipe,
            Errno::Range | Errno::Overflow => $ErrorCode::Overflow,
            Errno::Deadlk => $ErrorCode::Deadlock,
            Errno::Nametoolong => $ErrorCode::NameTooLong,
            Errno::Nolck => $ErrorCode::NoLock,
            Errno::Nosys | Errno::Opnotsupp | Errno::Notsock => $ErrorCode::Unsupported,
            Errno::Notempty => $ErrorCode::NotEmpty,
            Errno::Loop => $ErrorCode::Loop,
            Errno::Ilseq => $ErrorCode::IllegalByteSequence,
            Errno::Dquot => $ErrorCode::Quota,
            Errno::Nodata
            | Errno::Proto
            | Errno::Prototype
            | Errno::Timedout
            | Errno::Connrefused
            | Errno::Stale
            | Errno::Canceled => $nameless,
        }
    };
}

pub(crate) use error_code;
