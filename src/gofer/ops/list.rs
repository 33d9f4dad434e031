//! Directory lists.

use super::listed::Listed;
use crate::abi::{Call, Dirent, Errno, Error, Name, Result};
use crate::gofer::dentry::{DirList, ListBuilder};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::stats::Op;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A directory's entries: all of them, or a run of them where all would be too many.
#[derive(Clone, Debug)]
pub enum Listing {
    /// All entries.
    Whole(Arc<DirList>),
    /// The entries behind a cookie of the backend.
    Part {
        /// The entries.
        list: Arc<DirList>,
        /// Where the next part starts; `None` at the end.
        next: Option<u64>,
    },
}

/// How often the change queue is tried before a directory is read.
const QUEUE_TRIES: usize = 3;

/// What a listing costs beside its entries and its want of a watch, in such wants: four system calls at least.
const LIST_WEIGHT: usize = 7;

/// Entries of a listing that cost what one want stands for.
const LIST_WANT: usize = 4;

/// Largest part of a list that an open directory is given once the lists of others take what they may together.
const PART_BYTES: usize = 16 << 10;

/// A list that an open directory keeps, counted.
#[derive(Debug)]
pub struct KeptList {
    fs: Arc<GoferFs>,
    bytes: usize,
}

impl KeptList {
    /// Counts `list` as kept.
    #[must_use]
    pub fn new(fs: &Arc<GoferFs>, list: &DirList) -> Self {
        let bytes = list.bytes();
        fs.kept_lists.fetch_add(bytes, Ordering::Relaxed);
        KeptList { fs: Arc::clone(fs), bytes }
    }
}

impl Drop for KeptList {
    fn drop(&mut self) {
        self.fs.kept_lists.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl GoferFs {
    /// How large a list may be that is read now: open directories keep theirs, and a guest has many of them.
    fn list_room(&self) -> usize {
        let crowded = self.kept_lists.load(Ordering::Relaxed) > self.options.list_cache_bytes;
        if crowded { self.options.list_limit.min(PART_BYTES) } else { self.options.list_limit }
    }

    /// Lists a directory as it is now; `ENOTDIR` for anything else. One list serves all readers until a name changes,
    /// where the policy allows it. Beyond `list_limit` bytes the first part is given, and beyond 16 KiB where open
    /// directories keep more than `list_cache_bytes` of lists already.
    pub fn list(self: &Arc<Self>, call: &Call, dir: &DentryRef) -> Result<Listing> {
        if !dir.inode().is_dir() {
            return Err(Errno::Notdir.into());
        }
        if self.watches.enabled()
            && let Some(list) = self.list_watched(call, dir)
        {
            return Ok(Listing::Whole(list));
        }
        let generation = {
            let tree = self.tree.read();
            if self.coherence.may_cache_lists()
                && let Some(list) = tree.list(dir.id())
            {
                return Ok(Listing::Whole(Arc::clone(list)));
            }
            tree.generation(dir.id())
        };
        let (list, next) = self.read_list(call, dir, 0)?;
        self.watches.cost(u32::try_from(LIST_WEIGHT + list.len() / LIST_WANT).unwrap_or(u32::MAX));
        if next.is_some() {
            return Ok(Listing::Part { list, next });
        }
        // With an equal generation it is watched since before it was listed.
        if self.coherence.may_cache_lists() || (self.watches.count() > 0 && self.tree.read().is_watched_dir(dir.id())) {
            let mut tree = self.tree.write();
            let kept = self.coherence.may_cache_lists() || tree.is_watched_dir(dir.id());
            if kept && tree.generation(dir.id()) == generation {
                tree.set_list(dir.id(), Arc::clone(&list), self.options.list_cache_bytes);
            }
        }
        Ok(Listing::Whole(list))
    }

    /// The list that is kept of a watched directory, if nothing was announced. Otherwise sees to it that it is watched.
    fn list_watched(&self, call: &Call, dir: &DentryRef) -> Option<Arc<DirList>> {
        for _ in 0..QUEUE_TRIES {
            let mark = self.watches.mark();
            let (list, hot) = {
                let tree = self.tree.read();
                let list = tree.believed_list(dir.id()).map(Arc::clone);
                // Over the budget a watch costs another one, which was worth its while too.
                let room = self.watches.count() < self.watches.limit();
                let hot = if room { tree.warm_by_listing(dir.id().index) } else { tree.warm(dir.id().index) };
                (list, hot)
            };
            if hot {
                self.take_watch(call, dir.id());
                return None;
            }
            let list = list?;
            if self.is_still(call, mark) {
                return Some(list);
            }
        }
        None
    }

    /// The part of a directory's entries behind `cookie`.
    pub fn list_part(self: &Arc<Self>, call: &Call, dir: &DentryRef, cookie: u64) -> Result<Listing> {
        let (list, next) = self.read_list(call, dir, cookie)?;
        Ok(Listing::Part { list, next })
    }

    fn read_list(self: &Arc<Self>, call: &Call, dir: &DentryRef, cookie: u64) -> Result<(Arc<DirList>, Option<u64>)> {
        let room = self.list_room();
        let mut builder = ListBuilder::new(room);
        let mut complete = true;
        let synthetic = self.tree.read().synthetic_children(dir.id().index);
        // What the backend has under such a name is out of sight, like all that a mount covers.
        let is_covered = |name: Name<'_>| synthetic.iter().any(|(covering, ..)| covering.as_name() == name);
        if let Some(node) = dir.inode().node() {
            let mut listed = Listed::new(self, dir.id());
            let answer = self.bound(call, &[dir.id()], || {
                builder = ListBuilder::new(room);
                if !self.coherence.trusts_attributes() {
                    return self
                        .ask(Op::ReadDir)
                        .read_dir(call, node, cookie, &mut |entry| is_covered(entry.name) || builder.push(&entry));
                }
                self.ask(Op::ReadDir).read_dir_found(call, node, cookie, &mut |entry, found| {
                    let taken = is_covered(entry.name) || builder.push(&entry);
                    listed.take(call, &entry, found);
                    taken
                })
            });
            listed.enter(call);
            if answer != Err(Error::WouldWait) {
                dir.inode().note_read();
            }
            complete = answer?;
        }
        if complete {
            let cookie = builder.cookie;
            for (name, _, inode) in &synthetic {
                let (ino, file_type) = (inode.key().ino, Some(inode.file_type()));
                builder.push_always(&Dirent { name: name.as_name(), ino, file_type, cookie });
            }
        }
        let next = (!complete).then_some(builder.cookie);
        Ok((Arc::new(builder.finish()), next))
    }
}
