//! Message numbers, and which of them a server offers.

use super::wire::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};
use std::fmt;
use zerocopy::little_endian::U16;

/// The number of a message: a request's, or [`Mid::ERROR`] in an answer that tells a failure. Any number can stand on
/// the wire; 0 to 255 are the protocol's, those above are agreed on by two peers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mid(pub u16);

macro_rules! mids {
    (
        protocol { $($constant:ident $name:ident = $number:literal,)* }
        private { $($own_constant:ident $own_name:ident = $own_number:literal,)* }
    ) => {
        impl Mid {
            $(#[doc = concat!("`", stringify!($name), "`.")] pub const $constant: Mid = Mid($number);)*
            $(#[doc = concat!("`", stringify!($own_name), "`, of ours.")]
            pub const $own_constant: Mid = Mid($own_number);)*

            /// Every message of the protocol that is known by name.
            pub const KNOWN: &[Mid] = &[$(Mid::$constant,)*];

            /// Every message that is ours.
            pub const PRIVATE: &[Mid] = &[$(Mid::$own_constant,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Mid::$constant => Some(stringify!($name)),)*
                    $(Mid::$own_constant => Some(stringify!($own_name)),)*
                    _ => None,
                }
            }
        }
    };
}

mids! {
protocol {
    ERROR Error = 0,
    MOUNT Mount = 1,
    CHANNEL Channel = 2,
    F_STAT FStat = 3,
    SET_STAT SetStat = 4,
    WALK Walk = 5,
    WALK_STAT WalkStat = 6,
    OPEN_AT OpenAt = 7,
    OPEN_CREATE_AT OpenCreateAt = 8,
    CLOSE Close = 9,
    F_SYNC FSync = 10,
    P_WRITE PWrite = 11,
    P_READ PRead = 12,
    MKDIR_AT MkdirAt = 13,
    MKNOD_AT MknodAt = 14,
    SYMLINK_AT SymlinkAt = 15,
    LINK_AT LinkAt = 16,
    F_STAT_FS FStatFS = 17,
    F_ALLOCATE FAllocate = 18,
    READ_LINK_AT ReadLinkAt = 19,
    FLUSH Flush = 20,
    CONNECT Connect = 21,
    UNLINK_AT UnlinkAt = 22,
    RENAME_AT RenameAt = 23,
    GETDENTS64 Getdents64 = 24,
    F_GET_XATTR FGetXattr = 25,
    F_SET_XATTR FSetXattr = 26,
    F_LIST_XATTR FListXattr = 27,
    F_REMOVE_XATTR FRemoveXattr = 28,
    BIND_AT BindAt = 29,
    LISTEN Listen = 30,
    ACCEPT Accept = 31,
    CONNECT_WITH_CREDS ConnectWithCreds = 32,
    RENAME_AT2 RenameAt2 = 33,
}
private {
    CHANGE_QUEUE ChangeQueue = 256,
    ADD_WATCH AddWatch = 257,
    REMOVE_WATCH RemoveWatch = 258,
    READ_DIR_STAT ReadDirStat = 259,
    APPEND Append = 260,
}
}

impl Mid {
    /// The first number that two peers may agree on by themselves. gVisor's end never offers one of these, so each needs
    /// a way to do without.
    pub const FIRST_PRIVATE: Mid = Mid(256);

    /// Whether the number is none of the protocol's.
    #[must_use]
    pub const fn is_private(self) -> bool {
        self.0 >= Mid::FIRST_PRIVATE.0
    }
}

impl fmt::Debug for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name}({})", self.0),
            None => write!(f, "Mid({})", self.0),
        }
    }
}

impl Decode<'_> for Mid {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        u16::decode(from).map(Mid)
    }
}

impl Encode for Mid {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.0.encode(to)
    }
}

/// Words of a set: numbers from 0 to 511, so the protocol's and as many private ones.
const WORDS: usize = 8;

/// The messages that a server offers, as a set. Numbers of 512 and above, which nobody here knows, are not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offered([u64; WORDS]);

impl Offered {
    /// The set of the numbers in a list of the wire.
    #[must_use]
    pub fn from_wire(list: &[U16]) -> Offered {
        list.iter().map(|number| Mid(number.get())).collect()
    }

    /// Whether the server offers `mid`.
    #[must_use]
    pub fn has(&self, mid: Mid) -> bool {
        let (word, bit) = place(mid);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The numbers in the set, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = Mid> + '_ {
        (0..512).map(Mid).filter(|mid| self.has(*mid))
    }
}

impl FromIterator<Mid> for Offered {
    fn from_iter<I: IntoIterator<Item = Mid>>(mids: I) -> Offered {
        let mut set = Offered::default();
        for mid in mids {
            let (word, bit) = place(mid);
            if let Some(word) = set.0.get_mut(word) {
                *word |= bit;
            }
        }
        set
    }
}

fn place(mid: Mid) -> (usize, u64) {
    (usize::from(mid.0 / 64), 1 << (mid.0 % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_are_those_from_0_to_33_without_a_gap() {
        assert_eq!(Mid::KNOWN.iter().map(|mid| mid.0).collect::<Vec<_>>(), (0..=33).collect::<Vec<_>>());
        assert!(Mid::KNOWN.iter().all(|mid| mid.name().is_some() && !mid.is_private()));
        assert!(Mid::PRIVATE.iter().all(|mid| mid.name().is_some() && mid.is_private() && mid.0 < 512));
    }

    #[test]
    fn offered_of_any_list_has_its_numbers_below_512_and_no_others() {
        let list = [0, 1, 63, 64, 255, 256, 511, 512, 65535].map(U16::new);
        let set = Offered::from_wire(&list);
        assert_eq!(set.iter().map(|mid| mid.0).collect::<Vec<_>>(), [0, 1, 63, 64, 255, 256, 511]);
        assert!(!set.has(Mid(512)) && !set.has(Mid(65535)) && !set.has(Mid(2)));
    }
}
