//! Which kernel this is.

use std::sync::OnceLock;

/// Whether this kernel is older than `wanted`, as is one whose release tells no version. It is asked once, so a process that
/// goes to where no `/proc` is asks before.
pub(crate) fn is_before(wanted: (u32, u32)) -> bool {
    static HERE: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    is_older(*HERE.get_or_init(|| release().as_deref().and_then(version)), wanted)
}

fn is_older(here: Option<(u32, u32)>, wanted: (u32, u32)) -> bool {
    here.is_none_or(|here| here < wanted)
}

/// The kernel's release, as `uname -r` tells it. `None` without `/proc`.
fn release() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()
}

/// Version and patch level of a release: `6.1` of `6.1.0-13-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let (version, rest) = release.split_once('.')?;
    let level = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((version.parse().ok()?, level.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{is_before, is_older, release, version};

    #[test]
    fn version_of_a_release_is_its_first_two_numbers() {
        for (release, told) in [
            ("5.13.0-39-generic", Some((5, 13))),
            ("5.4", Some((5, 4))),
            ("6.18-rc1", Some((6, 18))),
            ("10.0.0", Some((10, 0))),
            ("4.19.90+", Some((4, 19))),
            ("5", None),
            ("x.y", None),
            ("5.", None),
            ("", None),
        ] {
            assert_eq!(version(release), told, "{release}");
        }
    }

    #[test]
    fn release_of_this_machine_has_a_version() {
        let release = release().expect("it is told");
        assert!(version(&release).is_some(), "{release}");
    }

    #[test]
    fn is_before_of_the_version_of_this_machine_is_false_and_of_the_next_true() {
        let (major, level) = release().as_deref().and_then(version).expect("it is told");
        assert!(!is_before((major, level)));
        assert!(is_before((major, level + 1)) && is_before((major + 1, 0)));
    }

    #[test]
    fn is_older_of_releases_before_a_version_and_of_no_version_is_true() {
        let older = |release: Option<&str>| is_older(release.and_then(version), (5, 14));
        for release in ["5.14.0", "5.15.0-91-generic", "6.1.0", "10.2"] {
            assert!(!older(Some(release)), "{release}");
        }
        for release in [Some("5.13.19"), Some("5.4.0-150-generic"), Some("4.18.0-553.el8"), Some("?"), None] {
            assert!(older(release), "{release:?}");
        }
    }
}
