//! The keys of a mount.

use crate::suggest::{list, nearest};
use anyhow::{Result, anyhow, bail};

/// What a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Type,
    Source,
    Destination,
    ReadOnly,
    ReadWrite,
    Cache,
    DentryCacheLimit,
    DentryCacheBytes,
    NegativeLimit,
    ListLimit,
    ListCacheBytes,
    IdleHandleLimit,
    Lock,
    OverlayfsStaleRead,
    DisableFileHandleSharing,
    DefaultUid,
    DefaultGid,
    Fds,
    Size,
    PageCache,
    PageSize,
    ForcePageCache,
    Writeback,
    Noatime,
    Relatime,
    Watches,
    Socket,
    Fd,
    Jail,
    Timeout,
    Hard,
    Soft,
    HostFds,
}

/// Every spelling of every key; the first one of a key is its name in messages.
const KEYS: &[(&str, Key)] = &[
    ("type", Key::Type),
    ("src", Key::Source),
    ("source", Key::Source),
    ("dst", Key::Destination),
    ("target", Key::Destination),
    ("destination", Key::Destination),
    ("ro", Key::ReadOnly),
    ("readonly", Key::ReadOnly),
    ("rw", Key::ReadWrite),
    ("cache", Key::Cache),
    ("dentry_cache_limit", Key::DentryCacheLimit),
    ("dentry_cache_bytes", Key::DentryCacheBytes),
    ("negative_limit", Key::NegativeLimit),
    ("list_limit", Key::ListLimit),
    ("list_cache_bytes", Key::ListCacheBytes),
    ("idle_handle_limit", Key::IdleHandleLimit),
    ("lock", Key::Lock),
    ("overlayfs_stale_read", Key::OverlayfsStaleRead),
    ("disable_file_handle_sharing", Key::DisableFileHandleSharing),
    ("dfltuid", Key::DefaultUid),
    ("dfltgid", Key::DefaultGid),
    ("fds", Key::Fds),
    ("size", Key::Size),
    ("pagecache", Key::PageCache),
    ("page_size", Key::PageSize),
    ("force_page_cache", Key::ForcePageCache),
    ("writeback", Key::Writeback),
    ("noatime", Key::Noatime),
    ("relatime", Key::Relatime),
    ("watches", Key::Watches),
    ("socket", Key::Socket),
    ("fd", Key::Fd),
    ("jail", Key::Jail),
    ("timeout", Key::Timeout),
    ("hard", Key::Hard),
    ("soft", Key::Soft),
    ("host_fds", Key::HostFds),
];

/// Keys of 9P mounts.
const REMOTE_KEYS: &[&str] = &["trans", "rfdno", "wfdno", "aname", "uname", "access", "msize", "version", "port"];

/// Types of mounts that this build lacks.
const REMOTE_TYPES: &[&str] = &["9p", "p9"];

/// What is called otherwise elsewhere, and here so.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("tmpfs-size", "size"),
    ("from", "src"),
    ("to", "dst"),
    ("guest", "dst"),
    ("host", "src"),
    // The library's.
    ("page_cache_bytes", "pagecache"),
    ("page_bytes", "page_size"),
    // Options of mount(8) and of filesystems of Linux, and a limit of inotify.
    ("atime", "relatime"),
    ("strictatime", "relatime"),
    ("nodiratime", "noatime"),
    ("commit", "writeback"),
    ("writeback_cache", "writeback"),
    ("max_user_watches", "watches"),
    // Options of mount(8) for NFS.
    ("timeo", "timeout"),
];

/// The types of this build.
pub(super) const TYPES: &[&str] = &["directfs", "memory", "lisafs"];

impl Key {
    /// The key that is spelt `name`.
    pub(super) fn find(name: &str) -> Result<Key> {
        if let Some((_, key)) = KEYS.iter().find(|(spelling, _)| *spelling == name) {
            return Ok(*key);
        }
        if REMOTE_KEYS.contains(&name) {
            bail!("key `{name}` is one of 9p mounts: this build has type=directfs, type=memory and type=lisafs");
        }
        let other = OTHER_NAMES.iter().find(|(there, _)| *there == name).map(|(_, here)| *here);
        match other.or_else(|| nearest(name, KEYS.iter().map(|(spelling, _)| *spelling))) {
            Some(valid) => bail!("unknown key `{name}`: did you mean `{valid}`?"),
            None => bail!("unknown key `{name}`: the keys are {}", Key::names()),
        }
    }

    /// The main spelling.
    pub(super) fn name(self) -> &'static str {
        KEYS.iter().find(|(_, key)| *key == self).map_or("", |(spelling, _)| spelling)
    }

    /// The main spellings of all keys, for a message.
    fn names() -> String {
        let names: Vec<&str> =
            KEYS.iter().filter(|(spelling, key)| key.name() == *spelling).map(|(spelling, _)| *spelling).collect();
        list(&names)
    }
}

/// The error for a `type` that this build does not have.
pub(super) fn unknown_type(name: &str) -> anyhow::Error {
    if REMOTE_TYPES.contains(&name) {
        return anyhow!("bad value `{name}` for `type`: this build has directfs, memory and lisafs");
    }
    let hint = match name {
        "bind" | "host" | "dir" | "volume" => Some("directfs"),
        "gofer" | "runsc" | "sidecar" => Some("lisafs"),
        "tmpfs" | "mem" | "ram" | "ramfs" | "memfs" => Some("memory"),
        _ => nearest(name, TYPES.iter().copied()),
    };
    match hint {
        Some(valid) => anyhow!("bad value `{name}` for `type`: did you mean `{valid}`? ({})", list(TYPES)),
        None => anyhow!("bad value `{name}` for `type`: {}", list(TYPES)),
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS, Key, REMOTE_KEYS, REMOTE_TYPES, unknown_type};

    #[test]
    fn find_of_every_spelling_is_a_key_whose_name_finds_it_again() {
        for (spelling, key) in KEYS {
            assert_eq!(Key::find(spelling).unwrap(), *key);
            assert_eq!(Key::find(key.name()).unwrap(), *key);
        }
    }

    #[test]
    fn find_of_a_misspelt_key_names_it_and_the_nearest() {
        for (bad, valid) in [
            ("cahce", "cache"),
            ("dentry-cache-limit", "dentry_cache_limit"),
            ("readOnly", "readonly"),
            ("sorce", "source"),
            ("tmpfs-size", "size"),
            ("dfltguid", "dfltuid"),
            ("page-cache", "pagecache"),
            ("pagesize", "page_size"),
            ("page_bytes", "page_size"),
            ("force-page-cache", "force_page_cache"),
            ("write_back", "writeback"),
            ("commit", "writeback"),
            ("strictatime", "relatime"),
            ("watch", "watches"),
            ("max_user_watches", "watches"),
        ] {
            let message = Key::find(bad).unwrap_err().to_string();
            assert!(message.contains(&format!("`{bad}`")) && message.contains(&format!("`{valid}`")), "{message}");
        }
        let message = Key::find("bind-propagation").unwrap_err().to_string();
        assert!(message.contains("`bind-propagation`") && message.contains("idle_handle_limit"), "{message}");
    }

    #[test]
    fn keys_and_types_of_remote_mounts_say_what_this_build_has() {
        let keys = REMOTE_KEYS.iter().map(|key| Key::find(key).unwrap_err().to_string());
        let types = REMOTE_TYPES.iter().map(|name| unknown_type(name).to_string());
        for message in keys.chain(types) {
            assert!(message.contains("this build has") && message.contains("memory"), "{message}");
        }
    }

    #[test]
    fn unknown_type_knows_what_docker_calls_it() {
        assert!(unknown_type("bind").to_string().contains("did you mean `directfs`"));
        assert!(unknown_type("gofer").to_string().contains("did you mean `lisafs`"));
        assert!(unknown_type("tmpfs").to_string().contains("did you mean `memory`"));
        assert!(unknown_type("direktfs").to_string().contains("did you mean `directfs`"));
        assert!(unknown_type("zzz").to_string().contains("directfs, memory or lisafs"));
    }
}
