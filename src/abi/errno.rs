//! Error numbers, as Linux names them.

use std::fmt;

macro_rules! errnos {
    ($($(#[doc = $doc:literal])* $name:ident = $raw:literal,)*) => {
        /// A guest-visible failure. The variants are those of errno(3) that a filesystem can answer with; numbers are
        /// Linux's on x86-64 and AArch64. Front ends convert them without a catch-all arm.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Errno { $($(#[doc = $doc])* $name = $raw,)* }

        impl Errno {
            /// Every variant, for tests that must not forget one.
            pub const ALL: &[Errno] = &[$(Errno::$name,)*];

            /// The variant for a raw Linux number; one that no filesystem should answer with becomes [`Errno::Io`].
            #[must_use]
            pub const fn from_raw(raw: i32) -> Errno {
                match raw {
                    $($raw => Errno::$name,)*
                    _ => Errno::Io,
                }
            }

            /// The lower-case name without the leading `E`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Errno::$name => stringify!($name),)* }
            }
        }
    };
}

errnos! {
    /// Operation not permitted; also every attempt to leave a preopen.
    Perm = 1,
    /// No such file or directory.
    Noent = 2,
    /// Interrupted.
    Intr = 4,
    /// Input or output error.
    Io = 5,
    /// No such device or address.
    Nxio = 6,
    /// Bad descriptor, or one opened without the right that the call needs.
    Badf = 9,
    /// Try again.
    Again = 11,
    /// Not enough memory, or a cap of ours.
    Nomem = 12,
    /// Permission denied.
    Acces = 13,
    /// Bad address.
    Fault = 14,
    /// In use, for instance a mount point.
    Busy = 16,
    /// Exists already.
    Exist = 17,
    /// Across two mounts.
    Xdev = 18,
    /// No such device.
    Nodev = 19,
    /// Not a directory.
    Notdir = 20,
    /// Is a directory.
    Isdir = 21,
    /// Invalid argument.
    Inval = 22,
    /// Too many open files in the system.
    Nfile = 23,
    /// Too many open files.
    Mfile = 24,
    /// Not a terminal.
    Notty = 25,
    /// Text file busy.
    Txtbsy = 26,
    /// File too large.
    Fbig = 27,
    /// No space left on the device.
    Nospc = 28,
    /// Not seekable.
    Spipe = 29,
    /// Read-only mount or filesystem.
    Rofs = 30,
    /// Too many links.
    Mlink = 31,
    /// Broken pipe.
    Pipe = 32,
    /// Result out of range.
    Range = 34,
    /// Deadlock avoided.
    Deadlk = 35,
    /// Name over 255 bytes or path over 4095.
    Nametoolong = 36,
    /// No locks available.
    Nolck = 37,
    /// Function not implemented.
    Nosys = 38,
    /// Directory not empty.
    Notempty = 39,
    /// Too many symbolic links, or one where none is followed.
    Loop = 40,
    /// No such extended attribute.
    Nodata = 61,
    /// Protocol error of a peer.
    Proto = 71,
    /// A value does not fit.
    Overflow = 75,
    /// Not UTF-8 where WASI demands it.
    Ilseq = 84,
    /// Not a socket.
    Notsock = 88,
    /// A socket of another type.
    Prototype = 91,
    /// Not supported here.
    Opnotsupp = 95,
    /// The deadline of the call passed.
    Timedout = 110,
    /// Connection refused.
    Connrefused = 111,
    /// The object is not what it was.
    Stale = 116,
    /// Quota exceeded.
    Dquot = 122,
    /// The call was cancelled.
    Canceled = 125,
}

impl Errno {
    /// The raw Linux number.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self as i32
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{}", self.name().to_ascii_uppercase())
    }
}

impl std::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::Errno;

    #[test]
    fn from_raw_of_every_variant_is_the_variant() {
        for errno in Errno::ALL {
            assert_eq!(Errno::from_raw(errno.raw()), *errno);
        }
    }

    #[test]
    fn from_raw_of_an_unknown_number_is_io() {
        assert_eq!(Errno::from_raw(9999), Errno::Io);
        assert_eq!(Errno::from_raw(-1), Errno::Io);
    }
}
