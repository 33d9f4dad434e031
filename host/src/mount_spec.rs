//! The grammar of `--dir` and `--mount`.

mod data;
mod fields;
mod keys;
mod remote;
mod values;

use anyhow::{Result, bail};
use data::DataKeys;
use fields::Field;
use keys::Key;
use remote::RemoteKeys;
pub(crate) use remote::{Remote, Server};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
pub(crate) use values::{duration, memory_size};
use wasi_gofer::{CachePolicy, FsOptions};

/// A mount as the command line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MountSpec {
    /// What is mounted.
    pub(crate) source: Source,
    /// Where the guest sees it.
    pub(crate) dst: String,
    /// Whether the guest may change nothing.
    pub(crate) read_only: bool,
    /// How it is cached.
    pub(crate) fs: FsOptions,
    /// The limit of idle handles, where one is named.
    pub(crate) idle_handle_limit: Option<usize>,
    /// The budget of control handles; one of the process, that a mount may name too.
    pub(crate) fds: Option<usize>,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A directory or a file of the host.
    Directfs(PathBuf),
    /// A tree in memory, empty at the start and gone at the end, of so many bytes at most.
    Memory { limit: Option<u64> },
    /// What a server serves.
    Lisafs(Remote),
}

/// Reads `HOST[::GUEST][::ro]`.
pub(crate) fn parse_dir(text: &OsStr) -> Result<MountSpec> {
    let mut parts = split_colons(text.as_bytes());
    let mut read_only = false;
    if parts.len() > 1
        && let Some(last) = parts.last()
        && matches!(*last, b"ro" | b"rw")
    {
        read_only = *last == b"ro";
        parts.pop();
    }
    let (host, guest) = match *parts.as_slice() {
        [host] => (host, host),
        [host, guest] => (host, guest),
        [_, _, third] => {
            bail!("`{}` in the third place: it is `ro` or `rw`", String::from_utf8_lossy(third));
        }
        _ => bail!("more than three parts: HOST, HOST::GUEST or HOST::GUEST::ro"),
    };
    if host.is_empty() {
        bail!("no host path before the `::`");
    }
    Ok(MountSpec {
        source: Source::Directfs(path(host)),
        dst: guest_path(guest)?,
        read_only,
        fs: FsOptions::default(),
        idle_handle_limit: None,
        fds: None,
    })
}

/// Reads `key=value,...`.
pub(crate) fn parse_mount(text: &OsStr) -> Result<MountSpec> {
    let mut draft = Draft::default();
    let mut seen: Vec<(Key, String)> = Vec::new();
    for field in fields::split(text.as_bytes())? {
        let key = Key::find(&field.key)?;
        if let Some((_, before)) = seen.iter().find(|(other, _)| *other == key) {
            bail!("`{}` is given twice{}", field.key, if *before == field.key { "" } else { ", under two names" });
        }
        seen.push((key, field.key.clone()));
        draft.apply(key, &field)?;
    }
    draft.finish()
}

/// The parts of `text` between `::`.
fn split_colons(mut text: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some(at) = text.windows(2).position(|pair| pair == b"::") {
        parts.push(&text[..at]);
        text = &text[at + 2..];
    }
    parts.push(text);
    parts
}

fn path(bytes: &[u8]) -> PathBuf {
    OsString::from_vec(bytes.to_vec()).into()
}

fn guest_path(bytes: &[u8]) -> Result<String> {
    match String::from_utf8(bytes.to_vec()) {
        Ok(path) if path.is_empty() => bail!("an empty guest path"),
        Ok(path) => Ok(path),
        Err(_) => bail!("the guest path `{}` is not UTF-8", String::from_utf8_lossy(bytes)),
    }
}

/// A mount of which some keys have been read.
#[derive(Default)]
struct Draft {
    kind: Option<String>,
    source: Option<PathBuf>,
    dst: Option<String>,
    read_only: Option<bool>,
    read_write: Option<bool>,
    cache: Option<CachePolicy>,
    fs: FsOptions,
    idle_handle_limit: Option<usize>,
    data: DataKeys,
    remote: RemoteKeys,
    fds: Option<usize>,
    size: Option<u64>,
}

impl Draft {
    fn apply(&mut self, key: Key, field: &Field) -> Result<()> {
        let name = field.key.as_str();
        match key {
            Key::Type => self.kind = Some(kind(text(field)?)?),
            Key::Source => self.source = Some(path(bytes(field)?)),
            Key::Destination => self.dst = Some(absolute(name, bytes(field)?)?),
            Key::ReadOnly => self.read_only = Some(values::switch(name, optional(field)?)?),
            Key::ReadWrite => self.read_write = Some(values::switch(name, optional(field)?)?),
            Key::Cache => self.cache = Some(values::policy(name, text(field)?)?),
            Key::DentryCacheLimit => self.fs.dentry_cache_limit = count(field)?,
            Key::DentryCacheBytes => self.fs.dentry_cache_bytes = memory(field)?,
            Key::NegativeLimit => self.fs.negative_limit = count(field)?,
            Key::ListLimit => self.fs.list_limit = memory(field)?,
            Key::ListCacheBytes => self.fs.list_cache_bytes = memory(field)?,
            Key::IdleHandleLimit => self.idle_handle_limit = Some(count(field)?),
            Key::Lock => self.fs.lock = values::switch(name, optional(field)?)?,
            Key::OverlayfsStaleRead => self.fs.share_stale_handles = !values::switch(name, optional(field)?)?,
            Key::DisableFileHandleSharing => {
                self.fs.disable_handle_sharing = values::switch(name, optional(field)?)?;
            }
            // Who owns a file that the backend names no owner of; both backends of this build always name one.
            Key::DefaultUid | Key::DefaultGid => drop(values::number(name, text(field)?, u32::MAX)?),
            Key::Fds => self.fds = Some(count(field)?),
            Key::Size => self.size = Some(values::size(name, text(field)?)?),
            Key::PageCache => self.data.page_cache_bytes = Some(memory(field)?),
            Key::PageSize => self.data.page_bytes = Some(values::page_size(name, text(field)?)?),
            Key::ForcePageCache => self.data.force_page_cache = Some(values::switch(name, optional(field)?)?),
            Key::Writeback => self.data.writeback = Some(values::duration(name, text(field)?)?),
            Key::Noatime => self.data.noatime = Some(values::switch(name, optional(field)?)?),
            Key::Relatime => self.data.relatime = Some(values::switch(name, optional(field)?)?),
            Key::Socket => self.remote.socket = Some(remote::socket(bytes(field)?)?),
            Key::Fd => self.remote.fd = Some(values::number(name, text(field)?, i32::MAX)?),
            Key::Jail => self.remote.jail = Some(remote::jail(text(field)?)?),
            Key::Timeout => self.remote.timeout = Some(values::duration(name, text(field)?)?),
            Key::Hard => self.remote.hard = Some(values::switch(name, optional(field)?)?),
            Key::Soft => self.remote.soft = Some(values::switch(name, optional(field)?)?),
            Key::HostFds => self.remote.host_fds = Some(values::switch(name, optional(field)?)?),
            Key::Watches => self.data.watches = Some(count(field)?),
        }
        Ok(())
    }

    fn finish(self) -> Result<MountSpec> {
        let Some(dst) = self.dst else { bail!("no `dst`: the guest's path of the mount") };
        let read_only = match (self.read_only, self.read_write) {
            (Some(true), Some(true)) => bail!("both `ro` and `rw`"),
            (Some(false), Some(false)) => bail!("neither `ro` nor `rw`"),
            (Some(read_only), _) => read_only,
            (None, read_write) => read_write == Some(false),
        };
        if self.source.as_deref().is_some_and(|path| path.as_os_str().is_empty()) {
            bail!("bad value `` for `src`: a path of the host");
        }
        if self.size.is_some() && self.kind.as_deref() != Some("memory") {
            bail!("`size` belongs to type=memory: a directory has no size here");
        }
        if self.kind.as_deref() != Some("lisafs") {
            self.remote.refuse()?;
        }
        let source = match (self.kind.as_deref(), self.source) {
            (Some("lisafs"), root) => self.remote.settle(root)?,
            (Some("memory"), Some(_)) => bail!("type=memory has no `src`: it starts empty"),
            (Some("memory"), None) => Source::Memory { limit: self.size },
            (_, None) => bail!("no `src`: the host's path of the mount"),
            (_, Some(path)) => Source::Directfs(path),
        };
        let mut fs = FsOptions { cache: self.cache.unwrap_or_default(), ..self.fs };
        self.data.settle(&mut fs, self.cache.is_some())?;
        Ok(MountSpec { source, dst, read_only, fs, idle_handle_limit: self.idle_handle_limit, fds: self.fds })
    }
}

fn kind(name: &str) -> Result<String> {
    if keys::TYPES.contains(&name) { Ok(name.to_owned()) } else { Err(keys::unknown_type(name)) }
}

fn absolute(key: &str, bytes: &[u8]) -> Result<String> {
    let path = guest_path(bytes)?;
    if !path.starts_with('/') {
        bail!(
            "bad value `{path}` for `{key}`: did you mean `/{}`? (guest paths are absolute)",
            path.trim_start_matches("./")
        );
    }
    Ok(path)
}

fn bytes(field: &Field) -> Result<&[u8]> {
    match &field.value {
        Some(value) => Ok(value),
        None => bail!("`{0}` needs a value: `{0}=...`", field.key),
    }
}

fn text(field: &Field) -> Result<&str> {
    match std::str::from_utf8(bytes(field)?) {
        Ok(text) => Ok(text),
        Err(_) => bail!("the value of `{}` is not UTF-8", field.key),
    }
}

fn optional(field: &Field) -> Result<Option<&str>> {
    field.value.is_some().then(|| text(field)).transpose()
}

fn count(field: &Field) -> Result<usize> {
    values::number(&field.key, text(field)?, usize::MAX)
}

fn memory(field: &Field) -> Result<usize> {
    values::memory_size(&field.key, text(field)?)
}

#[cfg(test)]
mod tests {
    use super::{MountSpec, Source, parse_dir, parse_mount};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::time::Duration;
    use wasi_gofer::{AtimePolicy, CachePolicy, FsOptions};

    fn mount(text: &str) -> MountSpec {
        parse_mount(OsStr::new(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn mount_error(text: &str) -> String {
        parse_mount(OsStr::new(text)).expect_err(text).to_string()
    }

    fn dir(text: &str) -> (String, String, bool) {
        let spec = parse_dir(OsStr::new(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
        let Source::Directfs(path) = spec.source else { panic!("not a directory") };
        (path.to_str().unwrap().to_owned(), spec.dst, spec.read_only)
    }

    #[test]
    fn dir_takes_host_guest_and_ro() {
        let is = |host: &str, guest: &str, ro| (host.to_owned(), guest.to_owned(), ro);
        assert_eq!(dir("a"), is("a", "a", false));
        assert_eq!(dir("a::/b"), is("a", "/b", false));
        assert_eq!(dir("a::/b::ro"), is("a", "/b", true));
        assert_eq!(dir("a::/b::rw"), is("a", "/b", false));
        assert_eq!(dir("a::ro"), is("a", "a", true));
        assert_eq!(dir("a::/ro"), is("a", "/ro", false));
        assert_eq!(dir("a::ro::ro"), is("a", "ro", true));
        assert_eq!(dir("ro"), is("ro", "ro", false));
        assert_eq!(dir("a:b::/c:d"), is("a:b", "/c:d", false));
    }

    #[test]
    fn dir_refuses_other_shapes() {
        for (text, needle) in [
            ("a::/b::r0", "`r0` in the third place"),
            ("a::/b::c::ro", "`c` in the third place"),
            ("a::b::c::d", "more than three"),
            ("::/b", "no host path"),
            ("a::", "empty guest path"),
            ("", "no host path"),
        ] {
            let message = parse_dir(OsStr::new(text)).expect_err(text).to_string();
            assert!(message.contains(needle), "{text}: {message}");
        }
    }

    #[test]
    fn dir_takes_a_host_path_that_is_not_utf8_and_no_such_guest_path() {
        let spec = parse_dir(OsStr::from_bytes(b"/h\xff::/g")).unwrap();
        assert_eq!(spec.source, Source::Directfs(OsStr::from_bytes(b"/h\xff").into()));
        let message = parse_dir(OsStr::from_bytes(b"/h\xff")).unwrap_err().to_string();
        assert!(message.contains("not UTF-8"), "{message}");
    }

    #[test]
    fn mount_with_every_key_has_every_value() {
        let spec = mount(
            "type=directfs,source=/s,target=/t,readonly,cache=fscache,dentry_cache_limit=1,dentry_cache_bytes=2k,\
             negative_limit=3,list_limit=4k,list_cache_bytes=5m,idle_handle_limit=6,lock=off,\
             overlayfs_stale_read=false,disable_file_handle_sharing,dfltuid=7,dfltgid=8,fds=900,pagecache=9m,\
             page_size=8k,force_page_cache,writeback=250ms,noatime,watches=0",
        );
        let fs = FsOptions {
            cache: CachePolicy::Exclusive,
            dentry_cache_limit: 1,
            dentry_cache_bytes: 2048,
            negative_limit: 3,
            list_limit: 4096,
            list_cache_bytes: 5 << 20,
            lock: false,
            share_stale_handles: true,
            disable_handle_sharing: true,
            page_cache_bytes: 9 << 20,
            page_bytes: 8192,
            force_page_cache: true,
            writeback: Duration::from_millis(250),
            atime: AtimePolicy::Noatime,
            watches: 0,
            ..FsOptions::default()
        };
        let source = Source::Directfs("/s".into());
        let dst = "/t".to_owned();
        assert_eq!(spec, MountSpec { source, dst, read_only: true, fs, idle_handle_limit: Some(6), fds: Some(900) });
    }

    #[test]
    fn mount_without_options_has_the_defaults() {
        let spec = mount("src=/s,dst=/t");
        let source = Source::Directfs("/s".into());
        let (dst, fs) = ("/t".to_owned(), FsOptions::default());
        assert_eq!(spec, MountSpec { source, dst, read_only: false, fs, idle_handle_limit: None, fds: None });
        assert_eq!(mount("type=memory,dst=/t").source, Source::Memory { limit: None });
        assert_eq!(mount("type=memory,dst=/t,size=1m").source, Source::Memory { limit: Some(1 << 20) });
    }

    #[test]
    fn mount_takes_paths_with_commas_in_quotes() {
        assert_eq!(mount(r#""src=/a,b",dst=/t"#).source, Source::Directfs("/a,b".into()));
        assert_eq!(mount(r#"src="/a,b",dst="/t,u""#).dst, "/t,u");
    }

    #[test]
    fn mount_reads_ro_and_rw_in_every_form() {
        for (text, read_only) in [
            ("ro", true),
            ("readonly=true", true),
            ("ro=0", false),
            ("rw", false),
            ("rw=false", true),
            ("ro=1,rw=0", true),
        ] {
            assert_eq!(mount(&format!("src=/s,dst=/t,{text}")).read_only, read_only, "{text}");
        }
        assert!(mount_error("src=/s,dst=/t,ro,rw").contains("both `ro` and `rw`"));
        assert!(mount_error("src=/s,dst=/t,ro=n,rw=n").contains("neither `ro` nor `rw`"));
    }

    #[test]
    fn mount_reads_atime_switches_in_every_form() {
        for (text, atime) in [
            ("noatime", AtimePolicy::Noatime),
            ("noatime=off", AtimePolicy::Relatime),
            ("relatime", AtimePolicy::Relatime),
            ("relatime=off", AtimePolicy::Noatime),
            ("noatime,relatime=off", AtimePolicy::Noatime),
            ("noatime=off,relatime", AtimePolicy::Relatime),
        ] {
            assert_eq!(mount(&format!("src=/s,dst=/t,cache=exclusive,{text}")).fs.atime, atime, "{text}");
        }
    }

    #[test]
    fn mount_takes_data_keys_where_they_act_and_zeroes_everywhere() {
        for text in [
            "cache=writethrough,pagecache=1m,page_size=512,force_page_cache,relatime",
            "writeback=5,cache=exclusive",
            "cache=shared,watches=10",
            "cache=none,watches=10",
            "watches=10",
            "pagecache=0,force_page_cache=off",
            "cache=exclusive,pagecache=0,noatime,watches=0",
            "cache=none,pagecache=0,watches=0",
        ] {
            mount(&format!("src=/s,dst=/t,{text}"));
            mount(&format!("type=memory,dst=/t,{text}"));
        }
    }

    #[test]
    fn mount_refuses_data_keys_that_can_do_nothing_naming_both() {
        for (text, key, other) in [
            ("cache=shared,pagecache=1m", "`pagecache`", "cache=shared:"),
            ("pagecache=1m", "`pagecache`", "cache=shared (the default):"),
            ("cache=none,page_size=4k", "`page_size`", "cache=none:"),
            ("force_page_cache,cache=shared", "`force_page_cache`", "cache=shared:"),
            ("cache=exclusive,pagecache=0,force_page_cache", "`force_page_cache`", "`pagecache=0`"),
            ("cache=exclusive,page_size=4k,pagecache=0", "`page_size`", "`pagecache=0`"),
            ("cache=exclusive,pagecache=0,writeback=1s", "`writeback`", "`pagecache=0`"),
            ("cache=writethrough,writeback=1s", "`writeback`", "cache=writethrough:"),
            ("writeback=1s", "`writeback`", "cache=shared (the default):"),
            ("cache=none,noatime", "`noatime`", "cache=none:"),
            ("relatime", "`relatime`", "cache=shared (the default):"),
            ("cache=exclusive,watches=1", "`watches`", "cache=exclusive:"),
            ("watches=1,cache=fscache_writethrough", "`watches`", "cache=writethrough:"),
            ("cache=exclusive,noatime,relatime", "`noatime`", "both"),
            ("cache=exclusive,noatime=off,relatime=off", "`noatime`", "neither"),
        ] {
            let message = mount_error(&format!("src=/s,dst=/t,{text}"));
            assert!(message.contains(key) && message.contains(other), "{text}: {message}");
        }
    }

    #[test]
    fn mount_refuses_what_does_not_fit_together() {
        for (text, needle) in [
            ("src=/s", "no `dst`"),
            ("dst=/t", "no `src`"),
            ("type=directfs,dst=/t", "no `src`"),
            ("src=,dst=/t", "for `src`"),
            ("src,dst=/t", "`src` needs a value"),
            ("src=/s,dst=", "empty guest path"),
            ("src=/s,dst=t", "did you mean `/t`"),
            ("src=/s,dst=./t", "did you mean `/t`"),
            ("type=memory,src=/s,dst=/t", "no `src`"),
            ("src=/s,dst=/t,size=1m", "`size` belongs to type=memory"),
            ("src=/s,dst=/t,dst=/u", "`dst` is given twice"),
            ("src=/s,dst=/t,target=/u", "`target` is given twice, under two names"),
            ("src=/s,dst=/t,cache=sharde", "did you mean `shared`"),
            ("src=/s,dst=/t,cache", "`cache` needs a value"),
            ("src=/s,dst=/t,dentry_cache_limit=many", "`many` for `dentry_cache_limit`"),
            ("src=/s,dst=/t,lock=of", "did you mean `off`"),
            ("src=/s,dst=/t,roo", "did you mean `ro`"),
            ("type=9p,src=/s,dst=/t", "this build has directfs, memory and lisafs"),
            ("src=/s,dst=/t,msize=1", "this build has type=directfs, type=memory and type=lisafs"),
        ] {
            let message = mount_error(text);
            assert!(message.contains(needle), "{text}: {message}");
        }
    }
}
