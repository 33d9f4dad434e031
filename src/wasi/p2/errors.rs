//! `error-code`.

use super::bindings::ErrorCode;
use crate::abi::Errno;
use std::io;

/// The code of an errno. Exhaustive: a new errno does not compile before it has its code here.
pub(super) fn code(errno: Errno) -> ErrorCode {
    match errno {
        Errno::Perm => ErrorCode::NotPermitted,
        Errno::Noent => ErrorCode::NoEntry,
        Errno::Intr => ErrorCode::Interrupted,
        Errno::Nxio => ErrorCode::NoSuchDevice,
        Errno::Badf => ErrorCode::BadDescriptor,
        Errno::Again => ErrorCode::WouldBlock,
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
        Errno::Io
        | Errno::Nodata
        | Errno::Proto
        | Errno::Prototype
        | Errno::Timedout
        | Errno::Connrefused
        | Errno::Stale
        | Errno::Canceled => ErrorCode::Io,
    }
}

/// The code of a stream's failure, if it is of a filesystem: of ours, or of a stream of the embedder's that works on
/// `std::io`.
pub(super) fn of_stream(error: &wasmtime::Error) -> Option<ErrorCode> {
    if let Some(errno) = error.downcast_ref::<Errno>() {
        return Some(code(*errno));
    }
    let error = error.downcast_ref::<io::Error>()?;
    Some(match (error.raw_os_error(), error.kind()) {
        (Some(raw), _) => code(Errno::from_raw(raw)),
        (None, io::ErrorKind::NotFound) => ErrorCode::NoEntry,
        (None, io::ErrorKind::PermissionDenied) => ErrorCode::NotPermitted,
        (None, io::ErrorKind::AlreadyExists) => ErrorCode::Exist,
        (None, io::ErrorKind::InvalidInput) => ErrorCode::Invalid,
        // An open set of kinds, of which these are what wasmtime-wasi tells apart.
        (None, _) => ErrorCode::Io,
    })
}

#[cfg(test)]
mod tests {
    use super::{code, of_stream};
    use crate::abi::Errno;
    use crate::wasi::p2::bindings::ErrorCode;
    use std::io;

    #[test]
    fn code_of_every_errno_that_has_one_is_not_io() {
        let nameless = [
            Errno::Io,
            Errno::Nodata,
            Errno::Proto,
            Errno::Prototype,
            Errno::Timedout,
            Errno::Connrefused,
            Errno::Stale,
            Errno::Canceled,
        ];
        for errno in Errno::ALL {
            assert_eq!(code(*errno) == ErrorCode::Io, nameless.contains(errno), "{errno}");
        }
    }

    #[test]
    fn of_stream_knows_our_errno_and_io_errors_and_no_other() {
        assert_eq!(of_stream(&Errno::Dquot.into()), Some(ErrorCode::Quota));
        assert_eq!(of_stream(&io::Error::from_raw_os_error(28).into()), Some(ErrorCode::InsufficientSpace));
        assert_eq!(of_stream(&io::Error::from(io::ErrorKind::NotFound).into()), Some(ErrorCode::NoEntry));
        assert_eq!(of_stream(&wasmtime::Error::msg("of a socket")), None);
    }
}
