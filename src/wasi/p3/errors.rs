//! `error-code`.

use super::bindings::ErrorCode;
use crate::abi::Errno;

/// The code of an errno. Exhaustive: a new errno does not compile before it has its code here.
pub(super) fn code(errno: Errno) -> ErrorCode {
    match errno {
        Errno::Perm => ErrorCode::NotPermitted,
        Errno::Noent => ErrorCode::NoEntry,
        Errno::Intr => ErrorCode::Interrupted,
        Errno::Io => ErrorCode::Io,
        Errno::Nxio => ErrorCode::NoSuchDevice,
        Errno::Badf => ErrorCode::BadDescriptor,
        // The interface has no code for too many open files: what is used up is a resource of the host's.
        Errno::Nomem | Errno::Mfile | Errno::Nfile => ErrorCode::InsufficientMemory,
        Errno::Acces => ErrorCode::Access,
        Errno::Busy => ErrorCode::Busy,
        Errno::Exist => ErrorCode::Exist,
        Errno::Xdev => ErrorCode::CrossDevice,
        Errno::Nodev => ErrorCode::NoDevice,
        Errno::Notdir => ErrorCode::NotDirectory,
        Errno::Isdir => ErrorCode::IsDirectory,
        Errno::Inval | Errno::Fault => ErrorCode::Invalid,
        Errno::Notty => ErrorCode::NoTty,
        Errno::Txtbsy => ErrorCode::TextFileBusy,
        Errno::Fbig => ErrorCode::FileTooLarge,
        Errno::Nospc => ErrorCode::InsufficientSpace,
        Errno::Spipe => ErrorCode::InvalidSeek,
        Errno::Rofs => ErrorCode::ReadOnly,
        Errno::Mlink => ErrorCode::TooManyLinks,
        Errno::Pipe => ErrorCode::Pipe,
        Errno::Range | Errno::Overflow => ErrorCode::Overflow,
        Errno::Deadlk => ErrorCode::Deadlock,
        Errno::Nametoolong => ErrorCode::NameTooLong,
        Errno::Nolck => ErrorCode::NoLock,
        Errno::Nosys | Errno::Opnotsupp | Errno::Notsock => ErrorCode::Unsupported,
        Errno::Notempty => ErrorCode::NotEmpty,
        Errno::Loop => ErrorCode::Loop,
        Errno::Ilseq => ErrorCode::IllegalByteSequence,
        Errno::Dquot => ErrorCode::Quota,
        // Those for which there is no code.
        Errno::Again
        | Errno::Nodata
        | Errno::Proto
        | Errno::Prototype
        | Errno::Timedout
        | Errno::Connrefused
        | Errno::Stale
        | Errno::Canceled => ErrorCode::Other(Some(errno.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::code;
    use crate::abi::Errno;
    use crate::wasi::p3::bindings::ErrorCode;

    #[test]
    fn code_of_every_errno_without_one_says_its_name() {
        let nameless = [
            Errno::Again,
            Errno::Nodata,
            Errno::Proto,
            Errno::Prototype,
            Errno::Timedout,
            Errno::Connrefused,
            Errno::Stale,
            Errno::Canceled,
        ];
        for errno in Errno::ALL {
            match code(*errno) {
                ErrorCode::Other(name) => assert!(nameless.contains(errno) && name == Some(errno.to_string())),
                ErrorCode::Io => assert_eq!(*errno, Errno::Io),
                _ => assert!(!nameless.contains(errno), "{errno}"),
            }
        }
    }
}
