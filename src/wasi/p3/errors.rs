//! `error-code`.

use super::bindings::ErrorCode;
use crate::abi::Errno;
use crate::wasi::component::error_code;

/// The code of an errno; another one, with its name, where there is none.
pub(super) fn code(errno: Errno) -> ErrorCode {
    let other = || ErrorCode::Other(Some(errno.to_string()));
    error_code!(errno => ErrorCode, again: other(), nameless: other())
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
