//! The pages of one file against a plain array of bytes, over a backend that is one too.

use super::budget::PAGE_OVERHEAD;
use super::{Batch, DataCell, Fetched, Lack, PageBudget, PageCeiling, Pieces, Recency, Rooms};
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

const PAGE: u32 = 512;
const SIZE_MAX: u64 = 8 * 512;

/// Repeatable random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct World {
    cell: Arc<DataCell>,
    budget: Arc<PageBudget>,
    recency: Recency,
    /// What a guest must see.
    seen: Vec<u8>,
    /// What the backend has.
    backend: Vec<u8>,
    under_way: Option<Batch>,
    random: Random,
}

fn budget(pages: usize) -> Arc<PageBudget> {
    PageBudget::new(3_600 + 300 * pages + pages * (512 + PAGE_OVERHEAD), 512, PageCeiling::new(usize::MAX))
}

impl World {
    fn new(seed: u64, pages: usize) -> World {
        let mut random = Random(seed);
        let start: Vec<u8> = (0..random.below(SIZE_MAX)).map(|n| n as u8 | 1).collect();
        let budget = budget(pages);
        World {
            cell: DataCell::new(start.len() as u64, PAGE, &budget),
            recency: Recency::new(&budget),
            budget,
            seen: start.clone(),
            backend: start,
            under_way: None,
            random,
        }
    }

    fn backend_read(&self, offset: u64, room: &mut [u8]) -> u64 {
        let from = self.backend.get(offset as usize..).unwrap_or_default();
        let len = from.len().min(room.len());
        room[..len].copy_from_slice(&from[..len]);
        len as u64
    }

    fn backend_write(backend: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
        let end = offset as usize + bytes.len();
        if backend.len() < end {
            backend.resize(end, 0);
        }
        backend[offset as usize..end].copy_from_slice(bytes);
    }

    fn fill(&mut self, first: u64, pages: usize) -> bool {
        let mut fetched = Fetched::take(&self.budget, pages);
        if fetched.is_empty() {
            return false;
        }
        let (mut got, end) = (0, fetched.len() as u64 * u64::from(PAGE));
        for (n, page) in fetched.rest(0, end).iter_mut().enumerate() {
            got += self.backend_read((first + n as u64) * u64::from(PAGE), page);
        }
        let mut entered = Vec::new();
        self.cell.write().fill(first, fetched, got, &mut entered);
        self.recency.enter(&self.cell, &entered);
        true
    }

    fn read(&mut self) {
        let (offset, len) = (self.random.below(SIZE_MAX + 600), self.random.below(1_500));
        let mut room = vec![0; len as usize];
        let mut done = 0;
        while done < len.min((self.seen.len() as u64).saturating_sub(offset)) {
            let at = offset + done;
            let got = {
                let mut bufs = [IoSliceMut::new(&mut room[done as usize..])];
                self.cell.read().read(&mut Rooms::new(&mut bufs), at, true)
            };
            done += got;
            if got == 0 {
                let range = self.cell.read().missing(at, len - done, 0, 8);
                let pages = (range.end - range.start) as usize;
                // A page for which the table has no place is fetched for nothing.
                let fetched = self.fill(range.start, pages) && self.cell.read().has_byte(at);
                if !fetched && self.recency.evict(1) == 0 {
                    done += self.read_past(at, &mut room[done as usize..]);
                }
            }
        }
        let end = (offset + len).min(self.seen.len() as u64).max(offset) as usize;
        let expected = self.seen.get(offset as usize..end).unwrap_or_default();
        assert_eq!((done, &room[..done as usize]), (expected.len() as u64, expected), "read at {offset}");
    }

    /// As the reader does: past the cache, with what is dirty put over it.
    fn read_past(&self, at: u64, room: &mut [u8]) -> u64 {
        let len = (room.len() as u64).min(self.seen.len() as u64 - at);
        room[..len as usize].fill(0);
        self.backend_read(at, &mut room[..len as usize]);
        let mut bufs = [IoSliceMut::new(room)];
        self.cell.read().compose(&mut Rooms::new(&mut bufs), at, len);
        len
    }

    fn bytes(&mut self) -> Vec<u8> {
        let (len, first) = (self.random.below(1_400), self.random.below(255));
        (0..len).map(|n| (first + n) as u8 | 1).collect()
    }

    fn write(&mut self) {
        let (offset, bytes) = (self.random.below(SIZE_MAX), self.bytes());
        let bufs = [IoSlice::new(&bytes)];
        let mut pieces = Pieces::new(&bufs);
        let mut done = 0;
        while pieces.len() > 0 {
            let (put, lack) = self.cell.write().write(&mut pieces, offset + done);
            done += put;
            match lack {
                None => {}
                Some(Lack::Fill(index)) if !self.fill(index, 1) && self.recency.evict(1) == 0 => {
                    self.bring_out();
                    self.cell.write().forget(index * u64::from(PAGE), 1);
                }
                Some(Lack::Fill(_)) => {}
                Some(Lack::Room) if self.recency.evict(2) > 0 => {}
                Some(Lack::Room) => self.bring_out(),
            }
        }
        if !bytes.is_empty() {
            Self::backend_write(&mut self.seen, offset, &bytes);
        }
    }

    fn write_past(&mut self) {
        self.arrive();
        let (offset, bytes) = (self.random.below(SIZE_MAX), self.bytes());
        if bytes.is_empty() {
            return;
        }
        Self::backend_write(&mut self.backend, offset, &bytes);
        Self::backend_write(&mut self.seen, offset, &bytes);
        let bufs = [IoSlice::new(&bytes)];
        let mut cleaned = Vec::new();
        self.cell.write().written_past(Pieces::new(&bufs), offset, bytes.len() as u64, &mut cleaned);
        self.recency.enter(&self.cell, &cleaned);
    }

    fn truncate(&mut self) {
        self.arrive();
        let size = self.random.below(SIZE_MAX);
        self.backend.resize(size as usize, 0);
        self.seen.resize(size as usize, 0);
        let mut cleaned = Vec::new();
        self.cell.write().truncate(size, &mut cleaned);
        self.recency.enter(&self.cell, &cleaned);
    }

    /// Sends some of what is dirty on its way.
    fn depart(&mut self) {
        if self.under_way.is_none() {
            self.under_way = self.cell.write().next_batch(0, 3);
        }
    }

    /// What is under way arrives as it was when it left.
    fn arrive(&mut self) {
        let Some(batch) = self.under_way.take() else { return };
        let mut at = batch.offset;
        for piece in batch.rest(0) {
            Self::backend_write(&mut self.backend, at, &piece);
            at += piece.len() as u64;
        }
        let mut cleaned = Vec::new();
        self.cell.write().written_back(&batch, &mut cleaned);
        self.recency.enter(&self.cell, &cleaned);
    }

    fn bring_out(&mut self) {
        self.arrive();
        while self.cell.read().is_dirty() {
            self.depart();
            self.arrive();
        }
    }

    fn check(&self) {
        // Writers without a handle are all that differs from a file in use.
        let data = self.cell.read();
        let (pages, dirty) = data.check_pages().unwrap_or_else(|error| panic!("{error}"));
        self.budget.check(pages, dirty).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(data.size(), self.seen.len() as u64);
    }
}

fn explore(pages: usize) {
    for seed in 0..60 {
        let mut world = World::new(seed, pages);
        for _ in 0..200 {
            match world.random.below(10) {
                0..4 => world.read(),
                4..7 => world.write(),
                7 => world.depart(),
                8 => world.arrive(),
                _ if world.random.below(2) == 0 => world.truncate(),
                _ => world.write_past(),
            }
            world.check();
        }
        world.bring_out();
        let mut backend = world.backend.clone();
        backend.resize(world.seen.len(), 0);
        assert_eq!(backend, world.seen, "seed {seed}");
    }
}

#[test]
fn random_changes_in_many_pages_are_those_of_an_array() {
    explore(64);
}

#[test]
fn random_changes_in_three_pages_are_those_of_an_array() {
    explore(3);
}

#[test]
fn random_changes_in_one_page_are_those_of_an_array() {
    explore(1);
}

#[test]
fn write_at_a_terabyte_takes_one_page() {
    let budget = budget(4);
    let cell = DataCell::new(0, PAGE, &budget);
    let bufs = [IoSlice::new(b"far")];
    assert_eq!(cell.write().write(&mut Pieces::new(&bufs), 1 << 40), (3, None));
    assert_eq!(cell.read().size(), (1 << 40) + 3);
    assert!(budget.used() < 2_048 + 512 + PAGE_OVERHEAD, "{}", budget.used());
}

/// Reads page `index` of a warm file once, as somebody who jumps about.
fn touch(cell: &Arc<DataCell>, index: u64) -> bool {
    let mut byte = [0];
    let mut bufs = [IoSliceMut::new(&mut byte)];
    cell.read().read(&mut Rooms::new(&mut bufs), index * u64::from(PAGE), true) == 1
}

#[test]
fn evict_behind_a_long_scan_leaves_the_pages_that_are_used() {
    let budget = budget(100);
    let recency = Recency::new(&budget);
    let cell = DataCell::new(1 << 20, PAGE, &budget);
    let load = |index: u64| {
        let mut fetched = Fetched::take(&budget, 1);
        if fetched.is_empty() {
            assert!(recency.evict(1) > 0);
            fetched.take_more(&budget, 1);
        }
        let mut entered = Vec::new();
        cell.write().fill(index, fetched, PAGE.into(), &mut entered);
        recency.enter(&cell, &entered);
    };
    (0..50).for_each(load);
    (0..50).for_each(|index| assert!(touch(&cell, index)));
    (1_000..1_400).for_each(load);
    assert_eq!((0..50).filter(|index| touch(&cell, *index)).count(), 50);
}

#[test]
fn fill_from_before_the_file_was_found_to_be_longer_is_of_an_older_generation() {
    let cell = DataCell::new(100, PAGE, &budget(8));
    let before = cell.read().generation();
    cell.write().grow(100);
    assert_eq!(cell.read().generation(), before, "nothing is new");
    cell.write().grow(1_000);
    assert_ne!(cell.read().generation(), before, "bytes behind its end would be taken for zeros");
}
