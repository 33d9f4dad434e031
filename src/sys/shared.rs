//! Memory that another process, which nobody trusts, has mapped too.
//!
//! The other one may write at any moment, also what it says that it does not. So no reference to the bytes leaves this
//! file: they are copied out and in by atomic accesses, each byte once, and what is made of a copy is made of that alone.

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, SealFlags, StatxFlags, fcntl_get_seals, fstatfs, statx};
use rustix::io::{self, Errno};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// `TMPFS_MAGIC`: memory files (memfd_create(2)) of pages of the usual size are of that filesystem.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Bytes that are copied by one access.
const UNIT: usize = size_of::<u64>();

/// A part of a memory file, mapped to be read and written.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to no thread, and is reached by atomic accesses alone.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Maps `length` bytes from `offset` on, a multiple of the page size.
    ///
    /// # Errors
    ///
    /// What could be cut off behind our back, so that the next access is a `SIGBUS`, is refused: `EPERM` for memory that
    /// is not sealed against it (`F_SEAL_SHRINK`, which nobody can take back), and for memory of huge pages, of which one
    /// that was given back may not be had again; `EINVAL` for anything but memory, and when it is shorter than the part.
    pub(crate) fn map(memory: BorrowedFd<'_>, offset: u64, length: usize) -> io::Result<SharedMemory> {
        if length == 0 {
            return Err(Errno::INVAL);
        }
        // Only memory files have seals, so this is none that a server of files stands behind.
        let seals = fcntl_get_seals(memory)?;
        let kind = u64::try_from(fstatfs(memory)?.f_type);
        if !seals.contains(SealFlags::SHRINK) || kind != Ok(TMPFS_MAGIC) {
            return Err(Errno::PERM);
        }
        // Behind the seals: it can only grow from here on.
        let size = statx(memory, c"", AtFlags::EMPTY_PATH, StatxFlags::SIZE)?.stx_size;
        let end = u64::try_from(length).ok().and_then(|length| offset.checked_add(length));
        if end.is_none_or(|end| end > size) {
            return Err(Errno::INVAL);
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at a place that the kernel chooses takes nothing from anybody.
        let base = unsafe { mmap(std::ptr::null_mut(), length, access, MapFlags::SHARED, memory, offset) }?;
        NonNull::new(base.cast()).map(|base| SharedMemory { base, length }).ok_or(Errno::NOMEM)
    }

    /// The word at `at`, a multiple of four; `None` behind the end.
    pub(crate) fn word(&self, at: usize) -> Option<&AtomicU32> {
        let fits = at.is_multiple_of(size_of::<u32>())
            && at.checked_add(size_of::<u32>()).is_some_and(|end| end <= self.length);
        // SAFETY: it is in the mapping, which lives as long as `self`, and aligned as the mapping is. Nobody in this
        // process reaches it other than atomically; what another does to it is seen as some value.
        fits.then(|| unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(at).cast()) })
    }

    /// Copies out what is at `at`, each byte once; false, and nothing copied, when it is not all within.
    #[must_use]
    pub(crate) fn read(&self, at: usize, into: &mut [u8]) -> bool {
        let Some((head, units)) = self.split(at, into.len()) else { return false };
        let (first, rest) = into.split_at_mut(head);
        let mut at = at;
        for byte in first {
            *byte = self.byte(at).load(Ordering::Relaxed);
            at += 1;
        }
        let (middle, last) = rest.split_at_mut(units * UNIT);
        for unit in middle.chunks_exact_mut(UNIT) {
            unit.copy_from_slice(&self.unit(at).load(Ordering::Relaxed).to_ne_bytes());
            at += UNIT;
        }
        for byte in last {
            *byte = self.byte(at).load(Ordering::Relaxed);
            at += 1;
        }
        true
    }

    /// Copies `from` to `at`; false, and nothing copied, when it would not all be within.
    #[must_use]
    pub(crate) fn write(&self, at: usize, from: &[u8]) -> bool {
        let Some((head, units)) = self.split(at, from.len()) else { return false };
        let (first, rest) = from.split_at(head);
        let mut at = at;
        for byte in first {
            self.byte(at).store(*byte, Ordering::Relaxed);
            at += 1;
        }
        let (middle, last) = rest.split_at(units * UNIT);
        let (middle, _) = middle.as_chunks::<UNIT>();
        for unit in middle {
            self.unit(at).store(u64::from_ne_bytes(*unit), Ordering::Relaxed);
            at += UNIT;
        }
        for byte in last {
            self.byte(at).store(*byte, Ordering::Relaxed);
            at += 1;
        }
        true
    }

    /// How many of `count` bytes from `at` on are before the first whole unit, and how many units follow; `None` when
    /// they are not all within.
    fn split(&self, at: usize, count: usize) -> Option<(usize, usize)> {
        at.checked_add(count).filter(|end| *end <= self.length)?;
        let head = (at.wrapping_neg() % UNIT).min(count);
        Some((head, (count - head) / UNIT))
    }

    /// The byte at `at`, which is within.
    #[inline]
    fn byte(&self, at: usize) -> &AtomicU8 {
        debug_assert!(at < self.length, "byte {at}");
        // SAFETY: callers are in this file, and have compared `at` with the length; else as in `word`.
        unsafe { AtomicU8::from_ptr(self.base.as_ptr().add(at)) }
    }

    /// The unit at `at`, a multiple of its size, which is within.
    #[inline]
    fn unit(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at.is_multiple_of(UNIT) && at + UNIT <= self.length, "unit {at}");
        // SAFETY: as in `byte`, and the mapping is aligned to pages.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(at).cast()) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and references to it do not outlive `self`.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
        debug_assert_eq!(unmapped, Ok(()), "a mapping of ours");
    }
}

#[cfg(test)]
mod tests {
    use super::SharedMemory;
    use rustix::fd::{AsFd, OwnedFd};
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
    use rustix::io::Errno;
    use rustix::param::page_size;
    use std::os::unix::fs::FileExt;

    fn memory(pages: usize, seals: SealFlags) -> OwnedFd {
        let memory = memfd_create(c"test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("memory");
        ftruncate(&memory, (pages * page_size()) as u64).expect("set");
        fcntl_add_seals(&memory, seals).expect("sealed");
        memory
    }

    #[test]
    fn copies_at_any_place_and_of_any_length_are_what_the_other_one_has() {
        let fd = memory(2, SealFlags::SHRINK);
        let shared = SharedMemory::map(fd.as_fd(), 0, 2 * page_size()).expect("mapped");
        let file = std::fs::File::from(fd);
        let bytes: Vec<u8> = (1..=64).collect();
        for at in (0..20).chain(page_size() - 20..page_size() + 1) {
            for length in 0..=40 {
                file.write_all_at(&[0xee; 8192], 0).expect("written");
                assert!(shared.write(at, &bytes[..length]));
                let mut there = vec![0; length + 2];
                file.read_exact_at(&mut there[1..], at as u64).expect("read");
                assert!(there[1..=length] == bytes[..length] && there[length + 1] == 0xee, "{length} at {at}");
                file.write_all_at(&bytes[..length], at as u64).expect("written");
                there.fill(7);
                assert!(shared.read(at, &mut there[1..=length]));
                assert!(there[1..=length] == bytes[..length] && there[0] == 7 && there[length + 1] == 7);
            }
        }
    }

    #[test]
    fn copies_and_words_that_are_not_within_are_refused() {
        let fd = memory(1, SealFlags::SHRINK);
        let length = page_size();
        let shared = SharedMemory::map(fd.as_fd(), 0, length).expect("mapped");
        for (at, count) in [(length, 1), (length - 1, 2), (0, length + 1), (usize::MAX, 1), (usize::MAX, 2)] {
            assert!(!shared.read(at, &mut vec![0; count]) && !shared.write(at, &vec![0; count]), "{count} at {at}");
        }
        assert!(shared.read(length, &mut []) && shared.write(0, &vec![1; length]));
        for at in [1, 2, 3, length - 3, length, length + 4, usize::MAX, usize::MAX - 3] {
            assert!(shared.word(at).is_none(), "{at}");
        }
        assert!(shared.word(0).is_some() && shared.word(length - 4).is_some());
    }

    #[test]
    fn map_of_memory_that_could_be_cut_off_is_refused() {
        let refused = |fd: &OwnedFd, offset, length| SharedMemory::map(fd.as_fd(), offset, length).err();
        let page = page_size();
        for seals in [SealFlags::empty(), SealFlags::GROW, SealFlags::SEAL] {
            assert_eq!(refused(&memory(1, seals), 0, page), Some(Errno::PERM), "{seals:?}");
        }
        let sealed = memory(2, SealFlags::SHRINK);
        for (offset, length) in [(0, 3 * page), (page, 2 * page), (2 * page, page), (1 << 40, page), (usize::MAX, page)]
        {
            assert_eq!(refused(&sealed, offset as u64, length), Some(Errno::INVAL), "{length} at {offset}");
        }
        for (offset, length) in [(0, 0), (100, page), (u64::MAX - page as u64 + 1, page)] {
            assert_eq!(refused(&sealed, offset, length), Some(Errno::INVAL), "{length} at {offset}");
        }
        let (pipe, _write) = std::io::pipe().expect("a pipe");
        assert_eq!(refused(&pipe.into(), 0, page), Some(Errno::INVAL));
        let file = tempfile::tempfile().expect("a file");
        file.set_len(1 << 20).expect("set");
        let of_a_file = refused(&file.into(), 0, page);
        assert!(matches!(of_a_file, Some(Errno::INVAL | Errno::PERM)), "{of_a_file:?}");
        // Pages of 2 MiB; none need be there for a file without one.
        let huge = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
        let huge = memfd_create(c"test", huge).expect("memory");
        ftruncate(&huge, 2 << 20).expect("set");
        fcntl_add_seals(&huge, SealFlags::SHRINK).expect("sealed");
        assert_eq!(refused(&huge, 0, 2 << 20), Some(Errno::PERM));
    }

    #[test]
    fn memory_that_is_mapped_cannot_be_cut_off() {
        let fd = memory(1, SealFlags::SHRINK);
        let shared = SharedMemory::map(fd.as_fd(), 0, page_size()).expect("mapped");
        assert_eq!(ftruncate(&fd, 0), Err(Errno::PERM));
        drop(fd);
        assert!(shared.read(0, &mut [1; 100]));
    }
}
