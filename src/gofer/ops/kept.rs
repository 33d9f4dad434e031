//! Handles that are kept of files in watched directories, where others may change things: so that who opens a file over and
//! over, or asks for its attributes, asks nobody. Each goes a moment after its last use.

use super::check::Crossed;
use crate::abi::{Call, Errno, Error, FileType, Name, OpenFlags, Stat};
use crate::backend::{ErasedHandle, ErasedObject, Location};
use crate::gofer::file::File;
use crate::gofer::fs::GoferFs;
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use crate::gofer::watches::Mark;
use crate::sync;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A handle that is kept where others may remove the file outlives its last use by this at least, and by twice as long at
/// most.
const KEPT_FOR: Duration = Duration::from_secs(1);

impl GoferFs {
    /// The file by a handle that its inode has already, where nothing but the look at the change queue is lacking to
    /// believe its name: `None` when it is not so, or who may open it has changed. What is announced are changes by the
    /// names of watched directories, so the file must have no other name.
    pub(super) fn open_kept(
        self: &Arc<Self>,
        call: &Call,
        inode: &Arc<Inode>,
        access: OpenFlags,
        mark: Mark,
    ) -> Option<File> {
        let (file, handle) = {
            let slot = inode.handles().try_lock()?;
            let set = slot.as_ref().filter(|set| set.lacks(access).is_empty())?;
            let handle = set.read().or(set.write()).map(Arc::clone)?;
            (File::sharing(self, Arc::clone(inode), set, access), handle)
        };
        let version = inode.attr_version();
        let (known, _) = inode.attr();
        self.stats.op(Op::HandleStat);
        let Ok(stat) = handle.stat(call) else {
            file.close(call).ok();
            return None;
        };
        let permits = |stat: &Stat| (stat.mode, stat.uid, stat.gid, stat.nlink);
        self.learn(call, inode, &stat, version);
        if permits(&stat) == permits(&known) && stat.nlink == 1 && self.is_still(call, mark) {
            return Some(file);
        }
        // With it goes the handle, unless somebody else has the file open, or it may be kept all the same.
        file.close(call).ok();
        None
    }

    /// Whether an inode's handles outlive its last file.
    pub(in crate::gofer) fn keeps_handles(&self, inode: &Inode) -> bool {
        if self.coherence.keeps_idle_handles() {
            return inode.attr().0.nlink > 0;
        }
        if !self.coherence.keeps_watched_handles() || !inode.was_watched() || inode.attr().0.nlink != 1 {
            return false;
        }
        let slot = inode.handles().try_lock();
        let only_reads = slot.is_some_and(|slot| slot.as_ref().is_some_and(|set| set.only_reads()));
        // Who is listed is looked at in time.
        only_reads && (inode.is_idle_listed() || self.background.due(Self::next_aging()))
    }

    fn next_aging() -> Instant {
        let now = sync::monotonic();
        now.checked_add(KEPT_FOR).unwrap_or(now)
    }

    /// Notes that a file was opened by a name in a watched directory, so that its handle may be kept for a moment.
    pub(super) fn opened_watched(self: &Arc<Self>, inode: &Inode) {
        if !self.coherence.keeps_watched_handles() || inode.was_watched() {
            return;
        }
        let weak = Arc::downgrade(self);
        let work = move || weak.upgrade().and_then(|fs| fs.age_handles());
        if self.background.schedule(Self::next_aging(), move || Box::new(work)) {
            inode.note_watched();
        }
    }

    /// Releases the handles that were not used for a while; answers when to look again.
    fn age_handles(self: Arc<Self>) -> Option<Instant> {
        let (aged, more) = self.idle.age();
        self.release_idle(&Call::WAITING, aged);
        more.then(Self::next_aging)
    }

    /// Opens a file whose attributes are asked for by name over and over, so that a handle tells them from now on, for as
    /// long as somebody goes on asking. `dir` is the directory that has it as `name`, for which the queue vouches.
    pub(super) fn open_to_look(self: &Arc<Self>, call: &Call, (dir, name): (&Inode, Name<'_>), last: &Crossed) {
        let inode = &last.inode;
        let may = self.coherence.keeps_watched_handles() && inode.file_type() == FileType::Regular;
        if !may || !self.idle.has_room() || !inode.is_asked_again() || inode.attr().0.nlink != 1 {
            return;
        }
        let (Some(node), Some(dir)) = (inode.node(), dir.node()) else { return };
        let location = Some(Location { dir, name });
        let object = ErasedObject { node, location, key: inode.key(), file_type: FileType::Regular };
        match self.ask(Op::Open).open_to_stat(call, object) {
            Ok((handle, access)) if handle.stats_locally() => self.keep_to_look(call, inode, handle, access),
            Ok((handle, _)) => {
                inode.note_untold();
                self.release_handles(call, vec![handle]);
            }
            // That there is no room, or that this call may not wait, says nothing of the file.
            Err(Error::Unbound | Error::WouldWait | Error::Errno(Errno::Mfile | Errno::Nfile | Errno::Stale)) => {}
            Err(Error::Errno(_)) => inode.note_untold(),
        }
    }

    fn keep_to_look(self: &Arc<Self>, call: &Call, inode: &Arc<Inode>, handle: ErasedHandle, access: OpenFlags) {
        let surplus: Vec<ErasedHandle> = match inode.handles().try_lock() {
            None => vec![handle],
            Some(mut slot) => {
                let set = slot.get_or_insert_default();
                match set.lacks(access) {
                    _ if access.is_empty() => set.install_to_look(handle).into_iter().collect(),
                    lacking if lacking.is_empty() => vec![handle],
                    lacking => set.install(&handle, lacking),
                }
            }
        };
        self.release_handles(call, surplus);
        self.opened_watched(inode);
        // Of one that is open the close decides.
        if !inode.is_open() {
            let surplus = if self.keeps_handles(inode) { self.idle.add(inode) } else { vec![Arc::clone(inode)] };
            self.release_idle(call, surplus);
        }
    }
}
