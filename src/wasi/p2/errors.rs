//! `error-code`.

use super::bindings::ErrorCode;
use crate::abi::Errno;
use crate::wasi::component::error_code;
use std::io;

/// The code of an errno; `io` where there is none.
pub(super) fn code(errno: Errno) -> ErrorCode {
    error_code!(errno => ErrorCode, again: ErrorCode::WouldBlock, nameless: ErrorCode::Io)
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
