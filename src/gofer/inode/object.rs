//! One object.

use super::attr::AttrCell;
use crate::abi::{Errno, FileType, InodeKey, Stat, Timespec};
use crate::backend::{ErasedHandle, ErasedNode};
use crate::gofer::clock::time_of_change;
use crate::gofer::handle::HandleSet;
use crate::gofer::page::DataCell;
use crate::sync::{Rank, RankedMutex};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// An object of the backend, or one that exists only here (`node` is `None`: a mount point that the directory below
/// lacks). Names refer to it through dentries; two names of one object share one inode through the table.
#[derive(Debug)]
pub(crate) struct Inode {
    /// Immutable.
    key: InodeKey,
    /// Immutable: a name whose type changed is another object.
    file_type: FileType,
    /// Immutable; `None` is synthetic.
    node: Option<ErasedNode>,
    attr: AttrCell,
    /// Open files of guests; a count above zero pins the handles.
    opens: AtomicU32,
    /// Whether the idle list has an entry of it.
    idle_listed: AtomicBool,
    /// Whether it was opened, or a handle of it asked, since the idle list last looked.
    recently_open: AtomicBool,
    handles: RankedMutex<Option<Box<HandleSet>>, { Rank::Handles as u8 }>,
    /// Serialises changes of a directory; held across backend calls.
    pub(crate) changes: RankedMutex<(), { Rank::Directory as u8 }>,
    /// A symbolic link's contents, which never change for one object.
    target: OnceLock<Box<[u8]>>,
    /// A file's cached data, while somebody has it open or the page cache has pages of it.
    data: RankedMutex<Weak<DataCell>, { Rank::DataSlot as u8 }>,
    /// [`Inode::MTIME`] and the others.
    flags: AtomicU16,
    /// Counts failed write-backs, with the last one's errno: what an open file compares with what it saw.
    failures: AtomicU32,
}

impl Inode {
    /// The backend does not have the modification time that is known here.
    pub(crate) const MTIME: u16 = 1 << 0;
    /// Likewise the access time.
    pub(crate) const ATIME: u16 = 1 << 1;
    /// Data was cached at some time.
    const HAD_DATA: u16 = 1 << 2;
    /// Somebody has read it from the start to the middle, past the pages.
    const STREAMED: u16 = 1 << 4;
    /// No guest has seen the times since the last change.
    const UNSEEN: u16 = 1 << 3;
    /// It was opened by a name in a directory that was watched.
    const WATCHED: u16 = 1 << 5;
    /// A peer was asked for its attributes while its name was believed.
    const ASKED: u16 = 1 << 6;
    /// No handle of it tells them without a peer.
    const UNTOLD: u16 = 1 << 7;
    /// A name was given to it here, or may have been: how many it has is for the backend to say.
    const LINKED: u16 = 1 << 8;

    /// An object that the backend found.
    pub(crate) fn new(node: Option<ErasedNode>, stat: &Stat) -> Self {
        Inode {
            key: stat.key,
            file_type: stat.file_type,
            node,
            attr: AttrCell::new(stat),
            opens: AtomicU32::new(0),
            idle_listed: AtomicBool::new(false),
            recently_open: AtomicBool::new(false),
            handles: RankedMutex::new(None),
            changes: RankedMutex::new(()),
            target: OnceLock::new(),
            data: RankedMutex::new(Weak::new()),
            flags: AtomicU16::new(0),
            failures: AtomicU32::new(0),
        }
    }

    /// Identity.
    pub(crate) fn key(&self) -> InodeKey {
        self.key
    }

    /// Kind.
    #[inline]
    pub(crate) fn file_type(&self) -> FileType {
        self.file_type
    }

    /// Whether it is a directory.
    #[inline]
    pub(crate) fn is_dir(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// The backend's node; `None` is synthetic.
    pub(crate) fn node(&self) -> Option<&ErasedNode> {
        self.node.as_ref()
    }

    /// The attributes, and whether they are fresh.
    #[inline]
    pub(crate) fn attr(&self) -> (Stat, bool) {
        self.attr.load(self.key, self.file_type)
    }

    /// The version to note before the backend is asked for attributes.
    pub(crate) fn attr_version(&self) -> u32 {
        self.attr.version()
    }

    /// Says that the object changed in the backend; to be called behind the change.
    pub(crate) fn attr_changed(&self) {
        self.attr.invalidate();
    }

    /// Whether anything was done to the object here, as far as is known; reading it counts, where that moves its access time.
    pub(crate) fn was_changed(&self) -> bool {
        self.attr.version() != 0 || self.flags.load(Ordering::Acquire) & Self::HAD_DATA != 0
    }

    /// Stores attributes asked for after `version` was noted. True when mode or owner differ from what was known.
    pub(crate) fn store_attr(&self, stat: &Stat, version: u32) -> bool {
        let (known, fresh) = self.attr();
        if fresh && known == *stat {
            return false;
        }
        match self.cell() {
            None => self.attr.store(stat, version),
            Some(cell) => {
                // Under the data's lock, so that no write notes its own in between.
                let data = cell.read();
                self.attr.store(&self.with_own(*stat, data.size()), version);
            }
        }
        (known.mode, known.uid, known.gid) != (stat.mode, stat.uid, stat.gid)
    }

    /// What the backend told, with what is known better here.
    fn with_own(&self, mut stat: Stat, size: u64) -> Stat {
        let (known, _) = self.attr();
        let flags = self.flags.load(Ordering::Acquire);
        stat.size = size;
        if flags & Self::MTIME != 0 {
            stat.mtime = known.mtime;
            stat.ctime = stat.ctime.max(known.ctime);
        }
        if flags & Self::ATIME != 0 {
            stat.atime = known.atime;
        }
        stat
    }

    /// Where its data is cached; `None` while it is not.
    pub(crate) fn cell(&self) -> Option<Arc<DataCell>> {
        if self.flags.load(Ordering::Acquire) & Self::HAD_DATA == 0 {
            return None;
        }
        self.data.lock().upgrade()
    }

    /// Where its data is cached, which `make` begins if it is not. `None` when an answer about attributes that was asked
    /// for when their version was `version` is old by now.
    pub(crate) fn cell_or(&self, version: u32, make: impl FnOnce() -> Arc<DataCell>) -> Option<Arc<DataCell>> {
        let mut slot = self.data.lock();
        if let Some(cell) = slot.upgrade() {
            return Some(cell);
        }
        if self.attr_version() != version {
            return None;
        }
        let cell = make();
        *slot = Arc::downgrade(&cell);
        // An answer about attributes that was asked for before does not know of what is written from now on.
        self.attr.confirm();
        self.flags.fetch_or(Self::HAD_DATA, Ordering::AcqRel);
        Some(cell)
    }

    /// Notes, under the data's lock, a change of the contents.
    #[inline]
    pub(crate) fn note_written(&self, size: u64) {
        const NOTED: u16 = Inode::MTIME | Inode::UNSEEN;
        let flags = self.flags.load(Ordering::Relaxed) & NOTED;
        let last = self.attr.ctime();
        let time = time_of_change(last, flags & Self::UNSEEN == 0);
        if flags == NOTED && time == last && self.attr.size() == size {
            // One of many within a step of the clock.
            return;
        }
        self.note_ahead(NOTED);
        self.attr.note_written(size, time);
    }

    /// The attributes for a guest, and whether they are fresh: the next change gets a time that it can tell from these.
    #[inline]
    pub(crate) fn attr_to_show(&self) -> (Stat, bool) {
        self.seen();
        self.attr()
    }

    /// As [`Inode::attr_to_show`], with a place for the attributes.
    #[inline]
    pub(crate) fn show_attr(&self, out: &mut Stat) -> bool {
        self.seen();
        self.attr.load_into(self.key, self.file_type, out)
    }

    #[inline]
    fn seen(&self) {
        if self.flags.load(Ordering::Relaxed) & Self::UNSEEN != 0 {
            self.flags.fetch_and(!Self::UNSEEN, Ordering::AcqRel);
        }
    }

    /// Notes, under the data's lock, times that the backend does not have yet. A modification time that was set is no
    /// stamp: the one that the backend takes by itself does not do for it.
    pub(crate) fn note_times(&self, atime: Option<Timespec>, mtime: Option<Timespec>) {
        if mtime.is_some() {
            self.seen();
        }
        self.note_ahead(Self::time_flags(atime.is_some(), mtime.is_some()));
        self.attr.note_times(atime, mtime);
    }

    #[inline]
    fn note_ahead(&self, flags: u16) {
        if self.flags.load(Ordering::Relaxed) & flags != flags {
            self.flags.fetch_or(flags, Ordering::AcqRel);
        }
    }

    /// Whether no guest has seen the times of the last change.
    pub(crate) fn is_unseen(&self) -> bool {
        self.flags.load(Ordering::Acquire) & Self::UNSEEN != 0
    }

    /// The flags of these times.
    pub(crate) fn time_flags(atime: bool, mtime: bool) -> u16 {
        (u16::from(atime) * Self::ATIME) | (u16::from(mtime) * Self::MTIME)
    }

    /// Which times the backend does not have yet.
    pub(crate) fn times_ahead(&self) -> u16 {
        self.flags.load(Ordering::Acquire) & (Self::MTIME | Self::ATIME)
    }

    /// Notes, under the data's lock, that these times are on their way to the backend, or are the backend's again.
    pub(crate) fn take_times_ahead(&self, flags: u16) {
        self.flags.fetch_and(!flags, Ordering::AcqRel);
    }

    /// Takes that back: they did not arrive.
    pub(crate) fn times_still_ahead(&self, flags: u16) {
        self.note_ahead(flags);
    }

    /// Notes that the backend has what was noted here.
    pub(crate) fn attr_confirmed(&self) {
        self.attr.confirm();
    }

    /// Whether somebody has read it in order before: then it is worth its pages.
    pub(crate) fn was_streamed(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & Self::STREAMED != 0
    }

    /// Notes that somebody did.
    pub(crate) fn note_streamed(&self) {
        self.note_ahead(Self::STREAMED);
    }

    /// Counts a write-back that failed.
    pub(crate) fn note_failure(&self, errno: Errno) {
        let raw = u32::try_from(errno.raw()).unwrap_or(0) & 0xff;
        let next = |failures: u32| Some((failures >> 8).wrapping_add(1) << 8 | raw);
        // The closure always has an answer, so the update cannot fail.
        let _ = self.failures.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// What an open file notes, and compares with what it noted before.
    #[inline]
    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Acquire)
    }

    /// The errno of the last failure that `failures` counts.
    pub(crate) fn failure_of(failures: u32) -> Errno {
        i32::try_from(failures & 0xff).map_or(Errno::Io, Errno::from_raw)
    }

    /// Notes that it is about to get a further name.
    pub(crate) fn note_linked(&self) {
        self.note_ahead(Self::LINKED);
    }

    /// Notes that one name of it is gone; true when that was the last one, as far as is known. What was linked here never
    /// is: a link may have been made whose answer is on its way, or was lost, and its data would be thrown away.
    pub(crate) fn lost_name(&self) -> bool {
        if self.flags.load(Ordering::Acquire) & Self::LINKED != 0 {
            self.attr_changed();
            return false;
        }
        let version = self.attr_version();
        let mut stat = self.attr().0;
        stat.nlink = if self.is_dir() { 0 } else { stat.nlink.saturating_sub(1) };
        self.attr.store(&stat, version);
        self.attr_changed();
        stat.nlink == 0
    }

    /// Notes that the contents were read: where the backend keeps access times as Linux does by default (relatime), the
    /// first read behind a change moves the access time.
    #[inline]
    pub(crate) fn note_read(&self) {
        let (stat, fresh) = self.attr();
        if fresh && (stat.atime <= stat.mtime || stat.atime <= stat.ctime) {
            self.attr_changed();
        }
    }

    /// The cached contents of a symbolic link.
    pub(crate) fn target(&self) -> Option<&[u8]> {
        self.target.get().map(AsRef::as_ref)
    }

    /// Remembers the contents of a symbolic link.
    pub(crate) fn set_target(&self, target: Vec<u8>) -> &[u8] {
        self.target.get_or_init(|| target.into_boxed_slice())
    }

    /// The handles that its opens share.
    pub(crate) fn handles(&self) -> &RankedMutex<Option<Box<HandleSet>>, { Rank::Handles as u8 }> {
        &self.handles
    }

    /// Takes the shared handles away, for release.
    pub(crate) fn take_handles(&self) -> Vec<ErasedHandle> {
        self.handles.lock().take().map(|set| set.into_handles()).unwrap_or_default()
    }

    /// Counts an open file; true when it is the first.
    pub(crate) fn opened(&self) -> bool {
        self.note_used();
        self.opens.fetch_add(1, Ordering::AcqRel) == 0
    }

    /// Notes that a handle of it is of use: the idle list keeps it for another while.
    pub(crate) fn note_used(&self) {
        if !self.recently_open.load(Ordering::Relaxed) {
            self.recently_open.store(true, Ordering::Relaxed);
        }
    }

    /// Counts a close; true when it was the last.
    pub(crate) fn closed(&self) -> bool {
        self.opens.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether a guest has it open.
    pub(crate) fn is_open(&self) -> bool {
        self.opens.load(Ordering::Acquire) > 0
    }

    /// Notes that it was opened by a name in a directory that is watched.
    pub(crate) fn note_watched(&self) {
        if self.flags.load(Ordering::Relaxed) & Self::WATCHED == 0 {
            self.flags.fetch_or(Self::WATCHED, Ordering::AcqRel);
        }
    }

    /// Whether [`Inode::note_watched`] was called.
    pub(crate) fn was_watched(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & Self::WATCHED != 0
    }

    /// Notes that a peer was asked for its attributes though its name was believed; true every second time, unless
    /// [`Inode::note_untold`] was called.
    pub(crate) fn is_asked_again(&self) -> bool {
        let flags = self.flags.load(Ordering::Relaxed);
        if flags & Self::UNTOLD != 0 {
            return false;
        }
        let before = self.flags.fetch_xor(Self::ASKED, Ordering::AcqRel);
        before & Self::ASKED != 0
    }

    /// Notes that no handle tells its attributes without a peer.
    pub(crate) fn note_untold(&self) {
        self.note_ahead(Self::UNTOLD);
    }

    /// Claims the one entry that the idle list has of it; false when it is there already.
    pub(crate) fn enter_idle_list(&self) -> bool {
        !self.idle_listed.load(Ordering::Acquire) && !self.idle_listed.swap(true, Ordering::AcqRel)
    }

    /// Whether the idle list has an entry of it.
    pub(crate) fn is_idle_listed(&self) -> bool {
        self.idle_listed.load(Ordering::Acquire)
    }

    /// Gives that entry up.
    pub(crate) fn leave_idle_list(&self) {
        self.idle_listed.store(false, Ordering::Release);
    }

    /// Whether it was opened since the last such question.
    pub(crate) fn take_recently_open(&self) -> bool {
        self.recently_open.swap(false, Ordering::AcqRel)
    }

    /// The parts that the backend is told to release.
    pub(crate) fn into_parts(self) -> (Option<ErasedNode>, Vec<ErasedHandle>) {
        let mut handles = self.handles.into_inner().map(|set| set.into_handles()).unwrap_or_default();
        if let Some(cell) = self.data.into_inner().upgrade() {
            // Nobody can reach the object any more, so nobody can read its pages.
            let mut data = cell.write();
            data.discard();
            handles.extend(data.retire());
            handles.extend(data.keeper.take());
        }
        (self.node, handles)
    }
}

#[cfg(test)]
mod tests {
    use super::Inode;

    #[test]
    fn size_of_an_inode_stays_within_the_memory_figure() {
        assert!(size_of::<Inode>() <= 256, "{}", size_of::<Inode>());
    }
}
