//! The pages of one file.

use super::batch::{Batch, Piece};
use super::budget::PageBudget;
use super::fetched::Fetched;
use super::frame::{Bytes, Page};
use super::rooms::{Pieces, Rooms};
use super::span::Span;
use crate::backend::ErasedHandle;
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most pages of one batch: one system call takes no more buffers.
const BATCH_PAGES_MAX: usize = 1_024;

/// From so many bytes on a file that is read or written in order for the first time passes the cache by.
pub(crate) const STREAM_MIN: u64 = 4 << 20;

/// What is written in order is brought out by so many bytes.
const BEHIND_BYTES: u64 = 256 << 10;

/// What a file takes for being cached beside its table of pages: this record under its locks, and the references to it.
const RECORD_BYTES: usize = 1_792;

/// What a write needs before it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A page, and the budget has none.
    Room,
    /// The rest of this page: what is known of it is not next to what is written.
    Fill(u64),
}

/// What became of a page that the eviction hand looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is no more, or another one is in its place.
    Gone,
    /// It is dirty; it will be queued again when it is clean.
    Dirty,
    /// It was used since the last look.
    Hot,
    /// It was evicted.
    Evicted,
}

/// The cached data of one file, and its length, which is authoritative here.
///
/// Holds at all times: `dirty` of a page is within its `valid`; bytes of a page at and behind `size` are zero; `dirty` is
/// the set of pages that have dirty bytes.
pub(crate) struct FileData {
    size: u64,
    /// A power of two.
    page_bytes: u32,
    /// Of which one.
    page_shift: u32,
    pages: HashMap<u64, Page, foldhash::fast::RandomState>,
    dirty: BTreeSet<u64>,
    /// Counts what makes an answer of the backend old that was asked for before: truncation, writes past the cache, and
    /// write-back (a page that it cleaned may have been evicted since).
    generation: u64,
    next_stamp: u32,
    budget: Arc<PageBudget>,
    /// What the table of pages takes, as the budget has it.
    table_bytes: usize,
    /// The bytes that the file was extended by last, without a jump.
    run: std::ops::Range<u64>,
    /// Whether a change that needs I/O is under way; it has the file for itself among writers.
    pub(crate) busy: bool,
    /// Whether the mount's list of dirty files has it.
    pub(crate) listed: bool,
    /// What the dirty bytes are written with; there while there are any.
    pub(crate) writer: Option<ErasedHandle>,
    /// What times are set with that the backend does not have yet.
    pub(crate) keeper: Option<ErasedHandle>,
}

impl std::fmt::Debug for FileData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (pages, dirty) = (self.pages.len(), self.dirty.len());
        f.debug_struct("FileData").field("size", &self.size).field("pages", &pages).field("dirty", &dirty).finish()
    }
}

impl FileData {
    pub(super) fn new(size: u64, page_bytes: u32, budget: Arc<PageBudget>) -> FileData {
        budget.take(RECORD_BYTES);
        FileData {
            size,
            page_bytes,
            page_shift: page_bytes.trailing_zeros(),
            pages: HashMap::default(),
            dirty: BTreeSet::new(),
            generation: 0,
            next_stamp: 0,
            budget,
            table_bytes: 0,
            run: 0..0,
            busy: false,
            listed: false,
            writer: None,
            keeper: None,
        }
    }

    /// The file's length.
    #[inline]
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// What to note before the backend is asked.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it has bytes that the backend lacks.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The page that `offset` is in, and where in it.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "masked to the bits of one page")]
    fn split(&self, offset: u64) -> (u64, u32) {
        (offset >> self.page_shift, offset as u32 & (self.page_bytes - 1))
    }

    /// Where a page begins. Offsets stay below 2^63, so this does not overflow for pages of theirs.
    fn start(&self, index: u64) -> u64 {
        index.saturating_mul(self.page_bytes.into())
    }

    /// The part of `start..end` that is in page `index`.
    #[allow(clippy::cast_possible_truncation, reason = "both ends are within one page")]
    fn part(&self, index: u64, start: u64, end: u64) -> Span {
        let base = self.start(index);
        let cut = |at: u64| at.saturating_sub(base).min(self.page_bytes.into()) as u32;
        Span::new(cut(start), cut(end))
    }

    /// The pages that `start..end` is in.
    fn indices(&self, start: u64, end: u64) -> std::ops::Range<u64> {
        if start >= end { 0..0 } else { start >> self.page_shift..((end - 1) >> self.page_shift) + 1 }
    }

    /// Makes sure that the table has a place for one more page; false when the budget has no room for a larger one, of
    /// which both are there while it grows.
    #[inline]
    fn has_place(&mut self) -> bool {
        self.pages.len() < self.pages.capacity() || self.grow_table()
    }

    #[cold]
    fn grow_table(&mut self) -> bool {
        let larger = self.table_bytes.saturating_mul(2).max(512);
        if !self.budget.try_take(larger) {
            return false;
        }
        self.pages.reserve(1);
        self.budget.give(larger);
        self.count_table();
        true
    }

    /// Has the budget know what the table takes, behind whatever may have made it smaller.
    fn count_table(&mut self) {
        let bytes = self.pages.allocation_size();
        if bytes != self.table_bytes {
            self.budget.give(self.table_bytes);
            self.budget.take(bytes);
            self.table_bytes = bytes;
        }
    }

    // ---- reading

    /// Fills `rooms` with what is cached from `offset` on, up to the first byte that is not; how many bytes that were.
    #[inline]
    pub(crate) fn read(&self, rooms: &mut Rooms<'_, '_>, offset: u64, touch: bool) -> u64 {
        let end = self.size.min(offset.saturating_add(rooms.len()));
        let mut at = offset;
        while at < end {
            let (index, within) = self.split(at);
            let Some(page) = self.pages.get(&index) else { break };
            let want = self.part(index, at, end);
            let known = Span::new(within, want.end.min(page.valid.end));
            if page.valid.start > within || known.is_empty() {
                break;
            }
            at += rooms.put(known.of(&page.bytes)) as u64;
            if touch {
                page.touch();
            }
            if known.end < want.end {
                break;
            }
        }
        at - offset
    }

    /// The pages to fetch for a miss at `offset` that wants `len` bytes: those, and as many behind them as `window` says
    /// while they are neither cached nor behind the end; `most` in all.
    pub(crate) fn missing(&self, offset: u64, len: u64, window: u64, most: usize) -> std::ops::Range<u64> {
        let end = self.size.min(offset.saturating_add(window.max(len)));
        let pages = self.indices(offset, end);
        let known =
            |index: &u64| self.pages.get(index).is_some_and(|page| page.valid.len() == self.page_bytes as usize);
        let most = pages.start.saturating_add(most as u64).min(pages.end);
        let behind = (pages.start + 1..most).find(known).unwrap_or(most);
        pages.start..behind
    }

    /// Gives memory back that was taken and is not needed.
    pub(crate) fn give_back(&self, pages: Fetched) {
        self.budget.give_pages(pages.len());
    }

    /// Enters what the backend answered: `fetched` from page `first` on, of which it filled `got` bytes before the end of
    /// its file; the rest is zeros. What is known already stays. The pages that are new are told to `entered`. The
    /// pages' memory is of the budget; what is not used goes back to it.
    pub(crate) fn fill(&mut self, first: u64, fetched: Fetched, got: u64, entered: &mut Vec<(u64, u32)>) {
        let whole = Span::new(0, self.page_bytes);
        let base = self.start(first);
        // Nothing that the backend wrote behind what it answered, or that is behind the end by now, is let in.
        let known_end = base.saturating_add(got).min(self.size);
        for (index, mut bytes) in (first..).zip(fetched.0) {
            let known = self.part(index, base, known_end);
            Span::new(known.end, self.page_bytes).of_mut(&mut bytes).fill(0);
            let Some(page) = self.pages.get_mut(&index) else {
                if self.start(index) < self.size && self.has_place() {
                    let stamp = self.stamp();
                    let mut page = Page::new(bytes, whole, stamp);
                    page.queued = true;
                    self.pages.insert(index, page);
                    entered.push((index, stamp));
                } else {
                    self.budget.give_pages(1);
                }
                continue;
            };
            self.budget.give_pages(1);
            if page.valid != whole {
                page.valid.of_mut(&mut bytes).copy_from_slice(page.valid.of(&page.bytes));
                page.bytes = Bytes::Own(bytes);
                page.valid = whole;
            }
        }
    }

    /// Puts what is dirty over what was read past the cache from `offset` on, `len` bytes; `rooms` still stands before
    /// them.
    pub(crate) fn compose(&self, rooms: &mut Rooms<'_, '_>, offset: u64, len: u64) {
        let end = offset.saturating_add(len);
        for index in self.dirty.range(self.indices(offset, end)) {
            let Some(page) = self.pages.get(index) else { continue };
            let part = self.part(*index, offset, end);
            let known = Span::new(part.start.max(page.valid.start), part.end.min(page.valid.end));
            if !known.is_empty() {
                rooms.patch(self.start(*index) + u64::from(known.start) - offset, known.of(&page.bytes));
            }
        }
    }

    /// Fills `rooms` with `len` bytes of `held`, which the backend has at `offset`, and what is dirty over them.
    pub(crate) fn compose_over(&self, rooms: &mut Rooms<'_, '_>, held: &[u8], offset: u64, len: u64) {
        let len_here = usize::try_from(len).unwrap_or(held.len()).min(held.len());
        if !self.dirty.is_empty() {
            rooms.patch(0, held.get(..len_here).unwrap_or_default());
            self.compose(rooms, offset, len);
            rooms.skip(len_here);
        } else {
            rooms.put(held.get(..len_here).unwrap_or_default());
        }
    }

    // ---- writing

    fn stamp(&mut self) -> u32 {
        self.next_stamp = self.next_stamp.wrapping_add(1);
        self.next_stamp
    }

    /// Puts `pieces` at `offset`; how many bytes were put, and what is lacking for the rest.
    #[inline]
    pub(crate) fn write(&mut self, pieces: &mut Pieces<'_, '_>, offset: u64) -> (u64, Option<Lack>) {
        let end = offset.saturating_add(pieces.len());
        let mut at = offset;
        if offset != self.run.end || offset < self.size {
            // A jump, or a rewrite of what may be in pages.
            self.run.start = end;
        }
        let mut lack = None;
        while at < end {
            let index = self.split(at).0;
            let part = self.part(index, at, end);
            lack = self.write_page(pieces, index, part).err();
            if lack.is_some() {
                break;
            }
            at = self.start(index) + u64::from(part.end);
            self.size = self.size.max(at);
        }
        self.run.end = at;
        (at - offset, lack)
    }

    /// Whether somebody writes a large file in order, and enough of it to be brought out: soon, so that it is still in
    /// the processor's caches.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        self.run.end.saturating_sub(self.run.start) >= STREAM_MIN
            && self.dirty.len() as u64 * u64::from(self.page_bytes) >= BEHIND_BYTES
    }

    /// Drops pages that are clean, by index and stamp.
    pub(crate) fn drop_pages(&mut self, pages: &[(u64, u32)]) {
        for (index, _) in pages {
            if self.pages.get(index).is_some_and(|page| page.dirty.is_empty()) {
                self.pages.remove(index);
                self.budget.give_pages(1);
            }
        }
    }

    #[inline]
    fn write_page(&mut self, pieces: &mut Pieces<'_, '_>, index: u64, part: Span) -> Result<(), Lack> {
        let known = Span::new(0, self.page_bytes);
        let size = self.size;
        if let Some(page) = self.pages.get_mut(&index) {
            if !page.valid.touches(part) {
                return Err(Lack::Fill(index));
            }
            let Some(bytes) = page.bytes.to_mut() else { return Err(Lack::Room) };
            pieces.take(part.of_mut(bytes));
            page.valid = page.valid.hull(part);
            page.touch();
            if page.dirty.is_empty() {
                self.dirty.insert(index);
                self.budget.dirtied();
            }
            page.dirty = page.dirty.hull(part);
            return Ok(());
        }
        if !self.has_place() {
            return Err(Lack::Room);
        }
        let Some(mut bytes) = self.budget.try_take_page() else { return Err(Lack::Room) };
        Span::new(0, part.start).of_mut(&mut bytes).fill(0);
        pieces.take(part.of_mut(&mut bytes));
        Span::new(part.end, self.page_bytes).of_mut(&mut bytes).fill(0);
        let start = self.start(index);
        let valid = if start >= size {
            // The page is new to the file: what is before the written bytes is a hole.
            known
        } else if start + u64::from(part.end) >= size {
            Span::new(part.start, known.end)
        } else {
            part
        };
        let stamp = self.stamp();
        let mut page = Page::new(bytes, valid, stamp);
        page.dirty = part;
        self.pages.insert(index, page);
        self.dirty.insert(index);
        self.budget.dirtied();
        Ok(())
    }

    /// Notes that `pieces` were written to the backend at `offset`, `len` bytes of them: what is cached of the range is
    /// what was written, and a page all of whose dirty bytes were in it is clean. `cleaned` is told the pages that are to
    /// be queued.
    pub(crate) fn written_past(
        &mut self,
        mut pieces: Pieces<'_, '_>,
        offset: u64,
        len: u64,
        cleaned: &mut Vec<(u64, u32)>,
    ) {
        self.generation += 1;
        let end = offset.saturating_add(len);
        let mut at = if self.pages.is_empty() { end } else { offset };
        while at < end {
            let index = self.split(at).0;
            let part = self.part(index, at, end);
            at = self.start(index) + u64::from(part.end);
            match self.pages.get_mut(&index) {
                Some(page) if page.valid.touches(part) => {
                    // Nothing is under way: who writes past the cache has the way to the backend for himself.
                    match page.bytes.to_mut() {
                        Some(bytes) => pieces.take(part.of_mut(bytes)),
                        None => break,
                    };
                    page.valid = page.valid.hull(part);
                    if part.covers(page.dirty) {
                        cleaned.extend(self.clean(index));
                    }
                }
                // Of what is not cached, or not next to what is, nothing is known here, and that is as right as before.
                Some(_) | None => pieces.skip(part.len()),
            }
        }
        self.size = self.size.max(end);
    }

    /// Forgets what is cached and not dirty of a range: nobody knows what the backend has there.
    pub(crate) fn forget(&mut self, offset: u64, len: u64) {
        self.generation += 1;
        let range = self.indices(offset, offset.saturating_add(len));
        let before = self.pages.len();
        self.pages.retain(|index, page| {
            if range.contains(index) {
                page.valid = page.dirty;
            }
            !page.valid.is_empty()
        });
        self.budget.give_pages(before - self.pages.len());
    }

    /// Notes that the file is at least `size` bytes long. A fill that is under way took what is behind the end it knew
    /// for zeros.
    pub(crate) fn grow(&mut self, size: u64) {
        if size > self.size {
            self.generation += 1;
            self.size = size;
        }
    }

    /// Notes that the file was cut, or extended by a hole. `cleaned` is told a page that is to be queued.
    pub(crate) fn truncate(&mut self, size: u64, cleaned: &mut Vec<(u64, u32)>) {
        self.generation += 1;
        if size < self.size {
            let kept = self.indices(0, size).end;
            let doomed = self.dirty.split_off(&kept);
            doomed.iter().for_each(|_| self.budget.cleaned());
            let before = self.pages.len();
            self.pages.retain(|index, _| *index < kept);
            self.budget.give_pages(before - self.pages.len());
            let (last, within) = self.split(size);
            if within > 0 && self.cut_page(last, within) {
                cleaned.extend(self.clean(last));
            }
        }
        self.size = size;
    }

    /// What is behind `within` in the last page is zeros from now on; whether that was all of its dirty bytes.
    fn cut_page(&mut self, index: u64, within: u32) -> bool {
        let whole = self.page_bytes;
        let Some(page) = self.pages.get_mut(&index) else { return false };
        if let Some(bytes) = page.bytes.to_mut() {
            Span::new(within, whole).of_mut(bytes).fill(0);
        }
        page.valid = if page.valid.end >= within && page.valid.start < within {
            Span::new(page.valid.start, whole)
        } else if page.valid.start >= within {
            Span::new(within, whole)
        } else {
            page.valid
        };
        let cut = page.dirty.below(within);
        let gone = !page.dirty.is_empty() && cut.is_empty();
        if !gone {
            page.dirty = cut;
        }
        gone
    }

    // ---- bringing out

    /// The first dirty bytes without a gap from page `from` on, of at most `most` pages.
    pub(crate) fn next_batch(&mut self, from: u64, most: usize) -> Option<Batch> {
        let first = *self.dirty.range(from..).next()?;
        let offset = self.start(first) + u64::from(self.pages.get(&first)?.dirty.start);
        let mut pieces: Vec<Piece> = Vec::new();
        for index in self.dirty.range(first..).take(most.clamp(1, BATCH_PAGES_MAX)) {
            let Some(page) = self.pages.get_mut(index) else { break };
            let joins = pieces.last().is_none_or(|last| {
                last.index + 1 == *index && last.span.end == self.page_bytes && page.dirty.start == 0
            });
            if !joins {
                break;
            }
            let Some(bytes) = page.bytes.share() else { break };
            pieces.push(Piece { index: *index, bytes, span: page.dirty });
        }
        Some(Batch { offset, pieces })
    }

    /// The last page with dirty bytes.
    pub(crate) fn last_dirty(&self) -> Option<u64> {
        self.dirty.last().copied()
    }

    /// Notes that a batch is in the backend: its pages are clean, but for those that were written since. `cleaned` is
    /// told the pages that are to be queued.
    pub(crate) fn written_back(&mut self, batch: &Batch, cleaned: &mut Vec<(u64, u32)>) {
        self.generation += 1;
        for piece in &batch.pieces {
            // The batch holds the page's memory, so a write since then went to other memory.
            let same = self.pages.get(&piece.index).is_some_and(|page| page.bytes.is(&piece.bytes));
            if same {
                cleaned.extend(self.clean(piece.index));
            }
        }
    }

    /// Notes that a page has no dirty bytes any more; its entry for the queues, unless they have one.
    fn clean(&mut self, index: u64) -> Option<(u64, u32)> {
        let page = self.pages.get_mut(&index)?;
        if !page.dirty.is_empty() {
            page.dirty = Span::EMPTY;
            self.dirty.remove(&index);
            self.budget.cleaned();
        }
        (!std::mem::replace(&mut page.queued, true)).then_some((index, page.stamp))
    }

    /// The handle that nothing is to be written with any more, for release; to be asked behind whatever cleans. A file
    /// that is still listed keeps one for its times.
    pub(crate) fn retire(&mut self) -> Option<ErasedHandle> {
        let retired = if self.dirty.is_empty() { self.writer.take() } else { None };
        if self.listed && self.keeper.is_none() {
            self.keeper = retired;
            return None;
        }
        retired
    }

    /// Forgets dirty bytes that nobody can reach any more.
    pub(crate) fn discard(&mut self) {
        self.generation += 1;
        (0..self.dirty.len()).for_each(|_| self.budget.cleaned());
        self.budget.give_pages(self.pages.len());
        self.dirty.clear();
        self.pages = HashMap::default();
        self.count_table();
    }

    /// Whether the byte at `offset` is known.
    #[cfg(test)]
    pub(super) fn has_byte(&self, offset: u64) -> bool {
        let (index, within) = self.split(offset);
        self.pages.get(&index).is_some_and(|page| (page.valid.start..page.valid.end).contains(&within))
    }

    /// Whether this very page is cached.
    pub(super) fn has_page(&self, index: u64, stamp: u32) -> bool {
        self.pages.get(&index).is_some_and(|page| page.stamp == stamp)
    }

    /// Looks at a page for eviction.
    pub(super) fn judge(&mut self, index: u64, stamp: u32, wholly: bool) -> Verdict {
        let Some(page) = self.pages.get_mut(&index).filter(|page| page.stamp == stamp) else { return Verdict::Gone };
        if !page.dirty.is_empty() {
            page.queued = false;
            return Verdict::Dirty;
        }
        if page.cool(wholly) {
            return Verdict::Hot;
        }
        self.pages.remove(&index);
        if self.pages.len() < self.pages.capacity() / 3 {
            self.pages.shrink_to_fit();
            self.count_table();
        }
        self.budget.give_pages(1);
        Verdict::Evicted
    }

    /// Drops every page that is not dirty.
    pub(crate) fn drop_clean(&mut self) {
        let before = self.pages.len();
        self.pages.retain(|_, page| !page.dirty.is_empty());
        self.pages.shrink_to_fit();
        self.count_table();
        self.budget.give_pages(before - self.pages.len());
    }

    /// Checks what must hold; the message names what does not. Answers how many pages there are, and how many are dirty.
    pub(crate) fn check(&self) -> Result<(usize, usize), String> {
        if self.dirty.is_empty() != self.writer.is_none() {
            return Err(format!("{} dirty pages and a writer: {}", self.dirty.len(), self.writer.is_some()));
        }
        self.check_pages()
    }

    /// As [`FileData::check`], of the pages alone.
    pub(super) fn check_pages(&self) -> Result<(usize, usize), String> {
        for (index, page) in &self.pages {
            let what = |what: &str| format!("page {index} of a file of {} bytes {what}: {page:?}", self.size);
            if !page.dirty.is_empty() && !page.valid.covers(page.dirty) {
                return Err(what("has dirty bytes that are not known"));
            }
            if page.dirty.is_empty() == self.dirty.contains(index) {
                return Err(what("is in the wrong set"));
            }
            if page.dirty.is_empty() && !page.queued {
                return Err(what("is clean and in no queue: nobody would evict it"));
            }
            let end = self.part(*index, 0, self.size).end;
            if page.dirty.end > end && !page.dirty.is_empty() {
                return Err(what("has dirty bytes behind the end"));
            }
            if Span::new(end, self.page_bytes).of(&page.bytes).iter().any(|byte| *byte != 0) {
                return Err(what("is not zero behind the end"));
            }
        }
        if self.dirty.iter().any(|index| !self.pages.contains_key(index)) {
            return Err("a dirty page is gone".to_owned());
        }
        Ok((self.pages.len(), self.dirty.len()))
    }
}

impl Drop for FileData {
    fn drop(&mut self) {
        self.discard();
        self.budget.give(RECORD_BYTES);
    }
}
