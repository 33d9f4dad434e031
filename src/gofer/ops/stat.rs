//! Attributes.

use super::walk::Stop;
use crate::abi::{Call, Errno, FileType, Name, Result, Stat};
use crate::gofer::dentry::Reached;
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use std::sync::Arc;

/// How often attributes are asked for that are overtaken by changes.
const ASKED_TRIES: usize = 4;

impl GoferFs {
    /// Attributes of what `names` lead to from `start`, put to `out`; false when the way there has a link or a mount, which
    /// the namespace follows, or ends in what only the namespace knows. `ENOENT` and `ENOTDIR` are final. A hit takes no
    /// reference and writes nothing that other threads read.
    #[inline]
    pub fn stat_at(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        out: &mut Stat,
    ) -> Result<bool> {
        if self.coherence.trusts_names() {
            if let Some(answer) = self.stat_cached(start, names, follow_last, out) {
                return answer.map(|()| true);
            }
        } else if self.stat_checked(call, start, names, follow_last, out)? {
            return Ok(true);
        }
        let walked = self.walk(call, start, names, follow_last)?;
        match walked.stop {
            // Whether a mount shows it is for the namespace to say.
            Stop::End if walked.reached.is_synthetic() => Ok(false),
            Stop::End => {
                *out = match walked.fresh {
                    // An object that is known already may be ahead of what the backend tells.
                    Some(stat) if !self.coherence.caches_data() => stat,
                    _ => self.stat(call, &walked.reached)?,
                };
                Ok(true)
            }
            Stop::Missing => Err(Errno::Noent.into()),
            Stop::NotDirectory => Err(Errno::Notdir.into()),
            Stop::Symlink(_) | Stop::Mount => Ok(false),
        }
    }

    /// The answer if the cache has it.
    #[inline]
    fn stat_cached(
        &self,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        out: &mut Stat,
    ) -> Option<Result<()>> {
        let tree = self.tree.read();
        let walk = tree.walk(start.id().index, names, follow_last, |_, _, _| {});
        let answer = match walk.reached {
            Reached::End => {
                let inode = tree.inode(walk.at).filter(|inode| inode.node().is_some())?;
                if !inode.show_attr(out) {
                    return None;
                }
                Ok(())
            }
            Reached::Negative => {
                self.stats.negative_hit();
                Err(Errno::Noent.into())
            }
            Reached::NotDirectory => Err(Errno::Notdir.into()),
            Reached::Symlink | Reached::Mount | Reached::Unknown => return None,
        };
        drop(tree);
        self.stats.hits(walk.used);
        Some(answer)
    }

    /// Attributes of a dentry.
    pub fn stat(&self, call: &Call, of: &DentryRef) -> Result<Stat> {
        let inode = of.inode();
        let (known, fresh) = inode.attr_to_show();
        if inode.node().is_none() || (fresh && self.coherence.trusts_attributes()) {
            return Ok(known);
        }
        let own = self.coherence.caches_data() && inode.file_type() == FileType::Regular;
        let changed =
            |before: &Stat, stat: &Stat| (before.mode, before.uid, before.gid) != (stat.mode, stat.uid, stat.gid);
        let trusted = self.coherence.trusts_names();
        // A handle says nothing of the name that led here, which others may have moved since it was looked at: only where
        // nobody does can what it tells be the name's.
        let held = || if trusted { self.stat_held(call, inode) } else { None };
        let stat = self.asked(inode, own, || match held() {
            Some(stat) => Ok(stat),
            None => self.on_object(call, of.id(), inode, |object| self.ask(Op::Stat).stat(call, object)),
        })?;
        if !self.coherence.trusts_attributes() && changed(&known, &stat) {
            let handles = inode.take_handles();
            self.release_handles(call, handles);
        }
        Ok(stat)
    }

    /// Asks the backend for attributes and keeps them; what is known better here (`own`) is put over the answer. One that
    /// was overtaken by write-back, which moves times and sets them again, is asked for anew.
    pub(super) fn asked(&self, inode: &Inode, own: bool, ask: impl Fn() -> Result<Stat>) -> Result<Stat> {
        let mut tries = 0;
        loop {
            let version = inode.attr_version();
            let stat = ask()?;
            inode.store_attr(&stat, version);
            if !own {
                return Ok(stat);
            }
            let (shown, fresh) = inode.attr();
            tries += 1;
            if fresh || tries == ASKED_TRIES {
                return Ok(shown);
            }
        }
    }

    /// Attributes of a file that is open, or was a moment ago, by a handle of its own that tells them without a peer.
    /// `None` where there is none, and for an object that has no name left: which is now under the name that led here is
    /// for the backend to say.
    pub(super) fn stat_held(&self, call: &Call, inode: &Inode) -> Option<Stat> {
        if inode.file_type() != FileType::Regular {
            return None;
        }
        let handle = {
            let slot = inode.handles().try_lock()?;
            let set = slot.as_ref()?;
            set.any().filter(|handle| handle.stats_locally()).map(Arc::clone)?
        };
        inode.note_used();
        self.stats.op(Op::HandleStat);
        let told = handle.stat(call);
        // Whoever closed the file meanwhile left the handle to us.
        self.let_go(call, std::iter::once(handle));
        told.ok().filter(|stat| (stat.key, stat.file_type) == (inode.key(), FileType::Regular) && stat.nlink > 0)
    }

    /// Stores attributes that the backend told; handles opened under another mode or owner go.
    pub(super) fn learn(&self, call: &Call, inode: &Inode, stat: &Stat, version: u32) {
        if inode.store_attr(stat, version) && !self.coherence.trusts_attributes() {
            let handles = inode.take_handles();
            self.release_handles(call, handles);
        }
    }
}
