//! Write-back: dirty data and times on their way to the backend.

use crate::abi::{Call, Errno, Error, Result, SetStat, SetTime};
use crate::backend::ErasedHandle;
use crate::gofer::clock::{is_now, now};
use crate::gofer::dirty::DirtyFile;
use crate::gofer::fs::GoferFs;
use crate::gofer::inode::Inode;
use crate::gofer::page::{Batch, DataCell, FileData};
use crate::gofer::stats::Op;
use crate::gofer::wait;
use crate::sync;
use std::sync::Arc;
use std::time::Instant;

/// Most bytes that are under way at once of one file.
const BATCH_BYTES: usize = 1 << 20;

/// Most threads that bring out filesystems beside each other.
const THREADS_MAX: usize = 64;

/// A file whose data could not be brought out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its path from the root of the filesystem, if it has a name that is known.
    pub path: Option<String>,
    /// Why.
    pub error: Error,
}

impl GoferFs {
    /// Enters a file into the list of dirty ones, under its data's lock, and sees to it that it is brought out in time.
    #[cold]
    pub(super) fn list_dirty(self: &Arc<Self>, inode: &Arc<Inode>, cell: &Arc<DataCell>, data: &mut FileData) {
        if data.listed {
            return;
        }
        data.listed = true;
        let now = sync::monotonic();
        self.dirty.add(inode, cell, now);
        let due = now.checked_add(self.options.writeback).unwrap_or(now);
        let weak = Arc::downgrade(self);
        let scheduled =
            self.background.schedule(due, move || Box::new(move || weak.upgrade().and_then(|fs| fs.bring_out_due())));
        if !scheduled {
            tracing::warn!(target: "wasi_gofer::gofer", "no thread for write-back: data goes out at sync and close alone");
        }
    }

    /// Brings out every file that has been dirty for long enough; answers when the next one is.
    fn bring_out_due(self: Arc<Self>) -> Option<Instant> {
        let due = |since: Instant| since.checked_add(self.options.writeback);
        for file in self.dirty.all() {
            let call = Call::WAITING;
            let begun = sync::monotonic();
            if due(file.since).is_some_and(|due| due <= begun) {
                if let Err(error) = self.bring_out(&call, &file.inode, &file.cell, true) {
                    tracing::warn!(target: "wasi_gofer::gofer", %error, inode = file.inode.key().ino, "write-back failed");
                }
                // What is still listed failed, or is newer than this.
                self.dirty.postpone(&file.cell, begun);
            }
            self.forget_file(&call, file);
        }
        self.after(&Call::WAITING);
        self.dirty.oldest().and_then(due)
    }

    fn forget_file(&self, call: &Call, file: DirtyFile) {
        let DirtyFile { inode, cell, .. } = file;
        drop(cell);
        self.bury(call, vec![inode]);
    }

    /// Brings a file's dirty data to the backend, and then its times if asked for: all that was dirty when this began. A
    /// failure is counted in the inode, and what it concerns stays dirty.
    pub(super) fn bring_out(&self, call: &Call, inode: &Arc<Inode>, cell: &Arc<DataCell>, times: bool) -> Result<()> {
        let _io = wait::lock(call, &cell.io)?;
        let brought_out = self.bring_out_data(call, inode, cell, true);
        let brought_out = match brought_out {
            Ok(()) if times => self.bring_out_times(call, inode, cell),
            other => other,
        };
        self.count_failure(call, inode, brought_out);
        if brought_out.is_ok() {
            self.unlist(call, inode, cell);
        }
        brought_out
    }

    /// Brings out what is behind a writer that goes in order through a large file, and drops its pages: they are not worth
    /// those of others. A failure is counted, and told by whoever asks for one.
    #[cold]
    pub(super) fn bring_out_stream(&self, call: &Call, inode: &Arc<Inode>, cell: &Arc<DataCell>) {
        // Who may not wait leaves it to those who may.
        let Ok(_io) = wait::lock(call, &cell.io) else { return };
        let brought_out = self.bring_out_data(call, inode, cell, false);
        self.count_failure(call, inode, brought_out);
    }

    /// Counts a failure in the inode, unless it is that of the call: what ends a call early says nothing of the file.
    fn count_failure(&self, call: &Call, inode: &Inode, brought_out: Result<()>) {
        if let Err(Error::Errno(errno)) = brought_out
            && !call.is_cancelled()
            && !sync::expired(call.deadline)
        {
            inode.note_failure(errno);
        }
    }

    fn bring_out_data(&self, call: &Call, inode: &Inode, cell: &Arc<DataCell>, keep: bool) -> Result<()> {
        let pages = BATCH_BYTES / self.options.page_bytes;
        // Pages that are rewritten while they are under way are held twice.
        let pages = pages.min(self.pages.pages_max() / 32).max(1);
        let mut from = 0;
        // What becomes dirty from now on is for the next time: a writer in order would be followed for ever.
        let Some(last) = cell.read().last_dirty() else { return Ok(()) };
        while from <= last {
            let (batch, writer) = {
                let mut data = cell.write();
                match (data.next_batch(from, pages), &data.writer) {
                    (Some(batch), Some(writer)) => (batch, Arc::clone(writer)),
                    (None, _) => return Ok(()),
                    (Some(_), None) => return Err(Errno::Io.into()),
                }
            };
            if from > 0 {
                call.goes_on(sync::monotonic)?;
            }
            from = batch.next_page();
            // Each write moves the backend's time, also one whose own time went there before its data.
            inode.times_still_ahead(Inode::MTIME);
            let written = self.write_batch(call, &writer, &batch);
            drop(writer);
            written?;
            let mut cleaned = Vec::new();
            let retired = {
                let mut data = cell.write();
                data.written_back(&batch, &mut cleaned);
                if !keep {
                    data.drop_pages(&cleaned);
                    cleaned.clear();
                }
                data.retire()
            };
            // Its memory must not wait for a handle to be closed.
            drop(batch);
            self.let_go(call, retired.into_iter());
            self.recency.enter(cell, &cleaned);
        }
        Ok(())
    }

    fn write_batch(&self, call: &Call, writer: &ErasedHandle, batch: &Batch) -> Result<()> {
        let mut done = 0;
        while done < batch.len() {
            self.stats.op(Op::HandleWrite);
            match writer.write_at(call, &batch.rest(done), batch.offset + done)? as u64 {
                // A backend that takes nothing would be asked for ever.
                0 => return Err(Errno::Io.into()),
                written => done += written,
            }
        }
        self.stats.written_back(done);
        Ok(())
    }

    /// Tells the backend the times that it does not have yet. One that refuses them keeps its own, which are then the
    /// file's.
    fn bring_out_times(&self, call: &Call, inode: &Arc<Inode>, cell: &Arc<DataCell>) -> Result<()> {
        let (flags, stat, keeper) = {
            let data = cell.read();
            (inode.times_ahead(), inode.attr().0, data.keeper.clone().or_else(|| data.writer.clone()))
        };
        let Some(handle) = keeper.filter(|_| flags != 0) else { return Ok(()) };
        if flags == Inode::MTIME && self.coherence.takes_backend_times() && is_now(stat.mtime) {
            let data = cell.write();
            if inode.is_unseen() && inode.attr().0.mtime == stat.mtime && !data.is_dirty() {
                // Spares a call, and a change of the inode, for each file that is written and closed at once.
                inode.take_times_ahead(flags);
                inode.attr_changed();
                return Ok(());
            }
        }
        let set = SetStat {
            atime: (flags & Inode::ATIME != 0).then_some(SetTime::At(stat.atime)),
            mtime: (flags & Inode::MTIME != 0).then_some(SetTime::At(stat.mtime)),
            ..SetStat::default()
        };
        self.stats.op(Op::HandleSetStat);
        let answer =
            handle.set_stat(call, &set).and_then(|report| report.errno.map_or(Ok(()), |errno| Err(errno.into())));
        let refused = match answer {
            Ok(()) => false,
            Err(Error::Errno(Errno::Perm | Errno::Acces | Errno::Rofs | Errno::Opnotsupp | Errno::Inval)) => true,
            Err(error) => return Err(error),
        };
        // Under the data's lock no change notes times of its own, and nobody stores what the backend told.
        let data = cell.write();
        let (now, _) = inode.attr();
        let arrived = Inode::time_flags(now.atime == stat.atime, now.mtime == stat.mtime);
        inode.take_times_ahead(flags & arrived);
        if refused {
            inode.attr_changed();
        } else {
            inode.attr_confirmed();
        }
        drop(data);
        Ok(())
    }

    /// Takes a file off the list if nothing of it is ahead of the backend.
    fn unlist(&self, call: &Call, inode: &Arc<Inode>, cell: &Arc<DataCell>) {
        let (removed, keeper) = {
            let mut data = cell.write();
            if data.is_dirty() || inode.times_ahead() != 0 || !data.listed {
                return;
            }
            data.listed = false;
            (self.dirty.remove(cell), data.keeper.take())
        };
        self.let_go(call, keeper.into_iter());
        if let Some(file) = removed {
            self.forget_file(call, file);
        }
    }

    /// What the last close of a file does: a file that nobody can reach any more needs nothing brought out.
    pub(in crate::gofer) fn bring_out_at_close(
        &self,
        call: &Call,
        inode: &Arc<Inode>,
        cell: &Arc<DataCell>,
    ) -> Result<()> {
        if inode.attr().0.nlink == 0 {
            self.discard(call, inode, cell);
            return Ok(());
        }
        let (listed, dirty) = {
            let data = cell.read();
            (data.listed, data.is_dirty())
        };
        // An access time alone can wait for its turn, if the handle is kept for as long. A file that is listed with
        // nothing ahead is being brought out by somebody, who is waited for.
        let can_wait = !dirty && inode.times_ahead() == Inode::ATIME && self.coherence.keeps_idle_handles();
        if listed && !can_wait { self.bring_out(call, inode, cell, true) } else { Ok(()) }
    }

    /// What a rename over another file does first with the one that is moved.
    pub(super) fn bring_out_before_replacing(&self, call: &Call, inode: &Arc<Inode>) -> Result<()> {
        match inode.cell() {
            Some(cell) if cell.read().is_dirty() => self.bring_out(call, inode, &cell, false),
            _ => Ok(()),
        }
    }

    /// Brings out what an inode is ahead in whose handles are given up.
    pub(in crate::gofer) fn bring_out_idle(&self, call: &Call, inode: &Arc<Inode>) {
        if let Some(cell) = inode.cell()
            && cell.read().listed
        {
            // What fails stays listed, with a handle of its own.
            let _ = self.bring_out(call, inode, &cell, true);
        }
    }

    /// Forgets the data of a file without a name that nobody has open.
    pub(super) fn discard(&self, call: &Call, inode: &Arc<Inode>, cell: &Arc<DataCell>) {
        let retired = {
            let mut data = cell.write();
            data.discard();
            data.retire()
        };
        inode.take_times_ahead(Inode::MTIME | Inode::ATIME);
        self.let_go(call, retired.into_iter());
        self.unlist(call, inode, cell);
    }

    /// Brings out every dirty file, each once; those that could not be are named.
    pub fn bring_out_all(&self, call: &Call) -> Vec<Lost> {
        self.bring_out_those(call, |_| true)
    }

    fn bring_out_those(&self, call: &Call, wanted: impl Fn(&Inode) -> bool) -> Vec<Lost> {
        self.after(call);
        let mut lost = Vec::new();
        for file in self.dirty.all() {
            let brought_out = if !wanted(&file.inode) {
                Ok(())
            } else if sync::expired(call.deadline) {
                Err(Errno::Timedout.into())
            } else {
                self.bring_out(call, &file.inode, &file.cell, true)
            };
            if let Err(error) = brought_out {
                let path = self.tree.read().path_of(&file.inode);
                lost.push(Lost { path, error });
            }
            self.forget_file(call, file);
        }
        lost
    }

    /// Brings out every dirty file of these filesystems beside each other, as [`GoferFs::bring_out_all`] does, and then
    /// drops what each keeps for later use; the answers are in their order. A file that has no name left is left out: who
    /// has it open still has its data here, and nobody else can reach it. One whose backend takes until the deadline
    /// takes no time of the others.
    pub fn bring_out_each(filesystems: &[&Arc<GoferFs>], call: &Call) -> Vec<Vec<Lost>> {
        sync::run_beside(filesystems, call.deadline, THREADS_MAX, |fs, deadline| {
            let call = Call { deadline, ..call.clone() };
            let lost = fs.bring_out_those(&call, |inode| inode.attr().0.nlink > 0);
            fs.drop_caches(&call);
            lost
        })
    }

    /// What is left to do when nobody has the filesystem any more; nobody is left to be told either.
    pub(in crate::gofer) fn bring_out_at_drop(&self) {
        for lost in self.bring_out_all(&Call::WAITING) {
            let path = lost.path.as_deref().unwrap_or("a file without a name");
            tracing::error!(target: "wasi_gofer::gofer", error = %lost.error, path, "what was written is lost");
        }
    }

    /// Runs a change of times (`set`) so that write-back and the times that are known here do not undo it.
    pub(super) fn setting_times(
        &self,
        call: &Call,
        inode: &Arc<Inode>,
        set: &SetStat,
        change: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let cell = inode.cell().filter(|_| set.atime.is_some() || set.mtime.is_some());
        let Some(cell) = cell else { return change() };
        let _io = wait::lock(call, &cell.io)?;
        change()?;
        let data = cell.write();
        let at = |time: Option<SetTime>| {
            time.map(|time| match time {
                SetTime::Now => now(),
                SetTime::At(at) => at,
            })
        };
        let (atime, mtime) = (at(set.atime), at(set.mtime));
        if data.is_dirty() {
            // What is written back later moves the backend's time, which is then set again.
            inode.note_times(atime, mtime);
        } else {
            inode.take_times_ahead(Inode::time_flags(atime.is_some(), mtime.is_some()));
        }
        drop(data);
        inode.attr_changed();
        Ok(())
    }
}
