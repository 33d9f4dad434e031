//! The keys about file data, its times and the change queue, and which of them go together.
//!
//! A key that could do nothing is an error, but only where it was given: defaults that a policy has no use for are
//! nobody's mistake. Saying "none" (`pagecache=0`, `force_page_cache=off`, `watches=0`) is true everywhere and accepted.

use anyhow::{Result, bail};
use std::time::Duration;
use wasi_gofer::{AtimePolicy, CachePolicy, FsOptions};

/// What was given of them; `None` for what was not.
#[derive(Debug, Default)]
pub(super) struct DataKeys {
    /// `pagecache`.
    pub(super) page_cache_bytes: Option<usize>,
    /// `page_size`.
    pub(super) page_bytes: Option<usize>,
    /// `force_page_cache`.
    pub(super) force_page_cache: Option<bool>,
    /// `writeback`.
    pub(super) writeback: Option<Duration>,
    /// `noatime`.
    pub(super) noatime: Option<bool>,
    /// `relatime`.
    pub(super) relatime: Option<bool>,
    /// `watches`.
    pub(super) watches: Option<usize>,
}

/// Whether a policy keeps file data, and with it the times that reading and writing move.
fn caches_data(policy: CachePolicy) -> bool {
    match policy {
        CachePolicy::Exclusive | CachePolicy::Writethrough => true,
        CachePolicy::Shared | CachePolicy::None => false,
    }
}

/// A policy as the user wrote it, or did not.
struct Chosen {
    policy: CachePolicy,
    given: bool,
}

impl Chosen {
    /// Refuses `key` unless `useful`; `who` says where it has an effect.
    fn demand(&self, key: &str, useful: bool, who: &str) -> Result<()> {
        if useful {
            return Ok(());
        }
        let default = if self.given { "" } else { " (the default)" };
        bail!("`{key}` can do nothing with cache={}{default}: {who}", self.policy)
    }
}

impl DataKeys {
    /// Puts what was given into `fs`, whose policy is settled by now (`policy_given`: by the user), or says what cannot
    /// be.
    pub(super) fn settle(self, fs: &mut FsOptions, policy_given: bool) -> Result<()> {
        let chosen = Chosen { policy: fs.cache, given: policy_given };
        self.check_pages(&chosen)?;
        if self.writeback.is_some() {
            let who = "only exclusive holds changes back";
            chosen.demand("writeback", chosen.policy == CachePolicy::Exclusive, who)?;
        }
        if self.watches.is_some_and(|count| count > 0) {
            let who = "only shared and none ask who else changes the tree";
            chosen.demand("watches", !caches_data(chosen.policy), who)?;
        }
        let atime = self.atime(&chosen)?;
        fs.page_cache_bytes = self.page_cache_bytes.unwrap_or(fs.page_cache_bytes);
        fs.page_bytes = self.page_bytes.unwrap_or(fs.page_bytes);
        fs.force_page_cache = self.force_page_cache.unwrap_or(fs.force_page_cache);
        fs.writeback = self.writeback.unwrap_or(fs.writeback);
        fs.watches = self.watches.unwrap_or(fs.watches);
        fs.atime = atime.unwrap_or(fs.atime);
        Ok(())
    }

    fn check_pages(&self, chosen: &Chosen) -> Result<()> {
        let who = "only exclusive and writethrough cache file data";
        let about_pages = [
            ("pagecache", self.page_cache_bytes.is_some_and(|bytes| bytes > 0)),
            ("page_size", self.page_bytes.is_some()),
            ("force_page_cache", self.force_page_cache == Some(true)),
        ];
        for (key, _) in about_pages.into_iter().filter(|(_, given)| *given) {
            chosen.demand(key, caches_data(chosen.policy), who)?;
        }
        if self.page_cache_bytes == Some(0) {
            let need_pages = [about_pages[1], about_pages[2], ("writeback", self.writeback.is_some())];
            if let Some((key, _)) = need_pages.into_iter().find(|(_, given)| *given) {
                bail!("`{key}` can do nothing with `pagecache=0`, which caches no file data");
            }
        }
        Ok(())
    }

    fn atime(&self, chosen: &Chosen) -> Result<Option<AtimePolicy>> {
        let (key, noatime) = match (self.noatime, self.relatime) {
            (None, None) => return Ok(None),
            (Some(true), Some(true)) => bail!("both `noatime` and `relatime`"),
            (Some(false), Some(false)) => bail!("neither `noatime` nor `relatime`"),
            (Some(noatime), _) => ("noatime", noatime),
            (None, Some(relatime)) => ("relatime", !relatime),
        };
        let who = "there the source's own filesystem keeps access times, as it was mounted";
        chosen.demand(key, caches_data(chosen.policy), who)?;
        Ok(Some(if noatime { AtimePolicy::Noatime } else { AtimePolicy::Relatime }))
    }
}
