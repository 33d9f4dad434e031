//! Extended attributes.

use super::wire::{FdId, Str, messages};

messages! {
    /// Asks for a value; answered by a [`Str`].
    struct FGetXattr<'a> {
        /// The control file.
        fd: FdId,
        /// Bytes of the value at most; 0 for as many as there are.
        size: u32,
        /// The attribute's name.
        name: Str<'a>,
    }

    /// Sets a value.
    struct FSetXattr<'a> {
        /// The control file.
        fd: FdId,
        /// The flags of setxattr(2).
        flags: u32,
        /// The attribute's name.
        name: Str<'a>,
        /// The value.
        value: Str<'a>,
    }

    /// Asks for the names of the attributes; answered by [`super::Strings`].
    struct FListXattr {
        /// The control file.
        fd: FdId,
        /// Bytes of the names at most; 0 for as many as there are.
        size: u64,
    }

    /// Removes an attribute.
    struct FRemoveXattr<'a> {
        /// The control file.
        fd: FdId,
        /// The attribute's name.
        name: Str<'a>,
    }
}
