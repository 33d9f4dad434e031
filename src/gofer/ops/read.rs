//! Reading through the page cache.

use crate::abi::{Call, Errno, Error, Result};
use crate::backend::ErasedHandle;
use crate::gofer::clock::now;
use crate::gofer::file::File;
use crate::gofer::fs::GoferFs;
use crate::gofer::options::AtimePolicy;
use crate::gofer::page::{DataCell, Fetched, Rooms, STREAM_BYTES, STREAM_MIN, Stream};
use crate::gofer::stats::Op;
use crate::gofer::wait;
use std::io::IoSliceMut;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// From so many bytes on a transfer goes straight between the caller and the backend: one copy is one copy.
pub(super) const LARGE: u64 = 64 << 10;

/// How often a question to the backend is repeated that was overtaken by a change; then changes are kept out.
const TRIES: usize = 4;

/// Most pages that one miss fetches.
const PAGES_MAX: usize = 256;

/// Seconds after which an access time is moved whatever happened since (mount(8), relatime).
const DAY_SECS: i64 = 24 * 60 * 60;

/// What was asked of the backend, and is not cached.
struct Missing {
    offset: u64,
    len: u64,
    sequential: bool,
}

impl File {
    /// Reads at `offset`: what is cached by a copy, the rest from the backend.
    #[inline]
    pub(super) fn read_cached(
        &self,
        call: &Call,
        cell: &Arc<DataCell>,
        bufs: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> Result<usize> {
        let mut rooms = Rooms::new(bufs);
        let wanted = rooms.len();
        let sequential = self.ahead.goes_on(offset);
        let (mut done, size) = {
            let data = cell.read();
            // Who goes on in a page has used it once.
            (data.read(&mut rooms, offset, !sequential), data.size())
        };
        if done == wanted.min(size.saturating_sub(offset)) {
            self.fs.stats.page_hit(done);
            if !cell.read_noted.load(Ordering::Relaxed) {
                self.note_hit(cell);
            }
        } else {
            let rest = Missing { offset: offset + done, len: wanted - done, sequential };
            match self.read_missing(call, cell, &mut rooms, rest) {
                Ok(more) => done += more,
                // What was read was read; a call that may not wait is made again, and then gets all.
                Err(Error::Errno(_) | Error::Unbound) if done > 0 => {}
                Err(error) => return Err(error),
            }
            self.fs.stats.page_miss(done);
        }
        self.ahead.ended(offset + done);
        usize::try_from(done).map_err(|_| Errno::Overflow.into())
    }

    /// Reads what is not cached, and what is behind it.
    #[cold]
    fn read_missing(&self, call: &Call, cell: &Arc<DataCell>, rooms: &mut Rooms<'_, '_>, rest: Missing) -> Result<u64> {
        let handle = self.read.as_ref().ok_or(Errno::Badf)?;
        let force = self.fs.options.force_page_cache;
        let (mut done, mut overtaken) = (0, 0);
        // Changes are kept out of the file once they were in the way too often.
        let mut undisturbed = None;
        loop {
            let at = rest.offset + done;
            let len = (rest.len - done).min(cell.read().size().saturating_sub(at));
            if len == 0 {
                break;
            }
            if overtaken == TRIES && undisturbed.is_none() {
                undisturbed = Some(wait::lock(call, &cell.io)?);
            }
            let miss = Missing { offset: at, len, ..rest };
            let past = len >= LARGE && !force;
            let answer = match past {
                true => Ok(None),
                false if self.streams(cell, &miss) => self.read_stream(call, cell, handle, rooms, &miss),
                false => self.fill(call, cell, handle, rooms, &miss),
            };
            let answer = match answer {
                Ok(None) => self.read_past(call, cell, handle, rooms, &miss),
                other => other,
            };
            match answer {
                Ok(Some(0)) => break,
                Ok(Some(read)) => done += read,
                Ok(None) => overtaken += 1,
                Err(Error::Errno(_)) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        if done > 0 {
            // The backend's own access time has moved, where it keeps one as Linux does.
            self.inode.note_read();
        }
        Ok(done)
    }

    /// Fetches pages, caches them, and reads from them; `None` when there is no room for a page. 0 bytes, from a file
    /// that has some, mean that the answer was overtaken.
    fn fill(
        &self,
        call: &Call,
        cell: &Arc<DataCell>,
        handle: &ErasedHandle,
        rooms: &mut Rooms<'_, '_>,
        miss: &Missing,
    ) -> Result<Option<u64>> {
        let window = self.ahead.window(miss.sequential);
        for _ in 0..TRIES {
            let (range, generation, size) = {
                let data = cell.read();
                (data.missing(miss.offset, miss.len, window, PAGES_MAX), data.generation(), data.size())
            };
            let pages = usize::try_from(range.end - range.start).unwrap_or(PAGES_MAX);
            let mut fetched = self.fs.take_pages(pages);
            if fetched.is_empty() {
                return Ok(None);
            }
            let page_bytes = u64::from(cell.page_bytes);
            let start = range.start * page_bytes;
            let want = (fetched.len() as u64 * page_bytes).min(size.saturating_sub(start));
            self.fs.stats.op(Op::HandleRead);
            let got = read_pages(call, handle, &mut fetched, start, want);
            let mut entered = Vec::new();
            let read = {
                let mut data = cell.write();
                match got {
                    Ok(got) if data.generation() == generation => {
                        data.fill(range.start, fetched, got, &mut entered);
                        Some(data.read(rooms, miss.offset, false))
                    }
                    _ => {
                        data.give_back(fetched);
                        None
                    }
                }
            };
            self.fs.recency.enter(cell, &entered);
            got?;
            match read {
                None | Some(0) => {}
                read => return Ok(read),
            }
        }
        Ok(None)
    }

    /// Whether a miss is of somebody who reads a large file in order for the first time.
    fn streams(&self, cell: &DataCell, miss: &Missing) -> bool {
        if !miss.sequential {
            // Whoever jumps about has no use for what is behind.
            if let Some(mut slot) = self.stream.try_lock() {
                *slot = None;
            }
            return false;
        }
        let began = self.stream.try_lock().is_some_and(|slot| slot.is_some());
        let size = cell.read().size();
        if self.fs.options.force_page_cache || size < STREAM_MIN || (self.inode.was_streamed() && !began) {
            return false;
        }
        if miss.offset > size / 2 && miss.offset - size / 2 < STREAM_BYTES as u64 {
            // Whoever comes next reads it again.
            self.inode.note_streamed();
        }
        true
    }

    /// Reads from what was fetched ahead, and fetches more when that is used up; `None` when there is no room, or the
    /// answer was overtaken.
    fn read_stream(
        &self,
        call: &Call,
        cell: &Arc<DataCell>,
        handle: &ErasedHandle,
        rooms: &mut Rooms<'_, '_>,
        miss: &Missing,
    ) -> Result<Option<u64>> {
        let Some(mut slot) = self.stream.try_lock() else { return Ok(None) };
        if slot.is_none() {
            *slot = Stream::new(&self.fs.pages).map(Box::new);
        }
        let Some(stream) = slot.as_mut() else { return Ok(None) };
        for _ in 0..2 {
            let (generation, size) = {
                let data = cell.read();
                let held = stream.at(miss.offset, data.generation());
                if !held.is_empty() {
                    let len = (held.len() as u64).min(miss.len);
                    data.compose_over(rooms, held, miss.offset, len);
                    return Ok(Some(len));
                }
                (data.generation(), data.size())
            };
            let ahead = self.ahead.window(true).max(miss.len).min(size.saturating_sub(miss.offset));
            let room = stream.room(room_len(ahead));
            self.fs.stats.op(Op::HandleRead);
            let got = handle.read_at(call, &mut [IoSliceMut::new(room)], miss.offset)?;
            stream.filled(miss.offset, got.min(room_len(ahead)), generation);
            if got == 0 {
                break;
            }
        }
        Ok(None)
    }

    /// Reads past the cache, and puts over it what is dirty; `None` when the answer was overtaken.
    fn read_past(
        &self,
        call: &Call,
        cell: &Arc<DataCell>,
        handle: &ErasedHandle,
        rooms: &mut Rooms<'_, '_>,
        miss: &Missing,
    ) -> Result<Option<u64>> {
        let generation = cell.read().generation();
        self.fs.stats.op(Op::HandleRead);
        let got = rooms.with_rest(miss.len, |bufs| handle.read_at(call, bufs, miss.offset))? as u64;
        let data = cell.read();
        if data.generation() != generation {
            return Ok(None);
        }
        let len = miss.len.min(data.size().saturating_sub(miss.offset));
        // The backend's file may be shorter than the guest's: what lies between is a hole, or dirty.
        let read = if got == 0 { len } else { got.min(len) };
        if got == 0 {
            rooms.patch_zeros(0, read);
        }
        data.compose(rooms, miss.offset, read);
        drop(data);
        rooms.skip(usize::try_from(read).unwrap_or(usize::MAX));
        Ok(Some(read))
    }

    /// Notes a read that the backend did not hear of.
    #[cold]
    fn note_hit(&self, cell: &Arc<DataCell>) {
        cell.read_noted.store(true, Ordering::Relaxed);
        let now = now();
        let (stat, _) = self.inode.attr();
        let relative = stat.atime <= stat.mtime || stat.atime <= stat.ctime || now.secs - stat.atime.secs >= DAY_SECS;
        let due = match self.fs.options.atime {
            AtimePolicy::Relatime => relative && stat.atime < now,
            AtimePolicy::Noatime => false,
        };
        if due && let Ok(handle) = self.any() {
            let mut data = cell.write();
            self.inode.note_times(Some(now), None);
            data.keeper.get_or_insert_with(|| Arc::clone(handle));
            self.fs.list_dirty(&self.inode, cell, &mut data);
        }
    }
}

fn room_len(len: u64) -> usize {
    usize::try_from(len).unwrap_or(STREAM_BYTES).min(STREAM_BYTES)
}

/// Fills `pages` from `offset` on, until `want` bytes are there or the backend's file ends; how many bytes it had.
pub(super) fn read_pages(
    call: &Call,
    handle: &ErasedHandle,
    pages: &mut Fetched,
    offset: u64,
    want: u64,
) -> Result<u64> {
    let mut done = 0;
    while done < want {
        match handle.read_at(call, &mut pages.rest(done, want), offset + done)? as u64 {
            0 => break,
            read => done += read.min(want - done),
        }
    }
    Ok(done)
}

impl GoferFs {
    /// Memory for up to `want` pages of the budget, made free by eviction where needed.
    pub(super) fn take_pages(&self, want: usize) -> Fetched {
        let want = want.min(self.pages.pages_max() / 2).max(1);
        let mut taken = Fetched::take(&self.pages, want);
        if taken.len() < want && self.recency.evict(want - taken.len()) > 0 {
            taken.take_more(&self.pages, want);
        }
        taken
    }
}
