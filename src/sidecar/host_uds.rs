//! Which unix sockets of the host clients get at.

use std::fmt;
use std::str::FromStr;

/// Which unix sockets clients get at, in the words of gVisor's option of the same name. Whoever has a connection to a
/// socket of the export is to its other end the user who serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostUds {
    /// None: a socket is a name with attributes.
    #[default]
    None,
    /// Those that are in the export, to connect to them.
    Open,
    /// Those that clients make in the export, to take connections from the host.
    Create,
    /// Both.
    All,
}

impl HostUds {
    /// Whether clients may connect to sockets.
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, HostUds::Open | HostUds::All)
    }

    /// Whether clients may bind sockets. In a read-only export they may not.
    #[must_use]
    pub const fn creates(self) -> bool {
        matches!(self, HostUds::Create | HostUds::All)
    }

    /// What is left of it in a read-only export.
    pub(super) const fn in_export(self, read_only: bool) -> HostUds {
        match self {
            HostUds::All if read_only => HostUds::Open,
            HostUds::Create if read_only => HostUds::None,
            other => other,
        }
    }
}

impl FromStr for HostUds {
    type Err = String;

    fn from_str(word: &str) -> Result<HostUds, String> {
        match word {
            "none" => Ok(HostUds::None),
            "open" => Ok(HostUds::Open),
            "create" => Ok(HostUds::Create),
            "all" => Ok(HostUds::All),
            other => Err(format!("{other:?} is none of none, open, create, all")),
        }
    }
}

impl fmt::Display for HostUds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HostUds::None => "none",
            HostUds::Open => "open",
            HostUds::Create => "create",
            HostUds::All => "all",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::HostUds;

    #[test]
    fn option_of_its_own_words_is_the_option_and_gives_what_it_says() {
        let all = [HostUds::None, HostUds::Open, HostUds::Create, HostUds::All];
        for (option, gives) in all.into_iter().zip([(false, false), (true, false), (false, true), (true, true)]) {
            assert_eq!(option.to_string().parse(), Ok(option));
            assert_eq!((option.opens(), option.creates()), gives);
            assert_eq!(option.in_export(false), option);
            assert_eq!((option.in_export(true).opens(), option.in_export(true).creates()), (gives.0, false));
        }
        assert!("both".parse::<HostUds>().is_err());
    }
}
