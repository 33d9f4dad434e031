//! Attributes that are read without a lock.

use crate::abi::{FileType, InodeKey, Mode, Stat, Timespec};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

const WORDS: usize = 10;

/// The attributes of an inode under a sequence counter: readers copy the words and try again if a writer was at work
/// (the counter was odd, or changed), so a read writes nothing.
///
/// Freshness is a pair of versions. Whoever changes the object in the backend calls [`AttrCell::invalidate`] behind the
/// change; whoever asks the backend notes [`AttrCell::version`] before it asks and hands it to [`AttrCell::store`]. The
/// attributes are fresh while the stored version is the present one, and an older answer never replaces a newer.
#[derive(Debug)]
pub(crate) struct AttrCell {
    sequence: AtomicU32,
    /// Counts changes of the object.
    wanted: AtomicU32,
    /// The version that the words answer for; written inside the sequence.
    have: AtomicU32,
    words: [AtomicU64; WORDS],
}

fn pack(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[allow(clippy::cast_possible_truncation, reason = "splits a word into its halves")]
fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

fn encode(stat: &Stat) -> [u64; WORDS] {
    [
        stat.nlink,
        stat.size,
        stat.blocks,
        stat.atime.secs.cast_unsigned(),
        stat.mtime.secs.cast_unsigned(),
        stat.ctime.secs.cast_unsigned(),
        pack(stat.atime.nanos, stat.mtime.nanos),
        pack(stat.ctime.nanos, stat.blksize),
        pack(stat.uid, stat.gid),
        u64::from(stat.mode.bits()),
    ]
}

fn decode(words: [u64; WORDS], key: InodeKey, file_type: FileType) -> Stat {
    let [nlink, size, blocks, atime, mtime, ctime, nanos, rest, owner, mode] = words;
    let (atime_nanos, mtime_nanos) = unpack(nanos);
    let (ctime_nanos, blksize) = unpack(rest);
    let (uid, gid) = unpack(owner);
    Stat {
        key,
        file_type,
        mode: Mode::new(unpack(mode).1),
        nlink,
        uid,
        gid,
        size,
        blocks,
        blksize,
        atime: Timespec { secs: atime.cast_signed(), nanos: atime_nanos },
        mtime: Timespec { secs: mtime.cast_signed(), nanos: mtime_nanos },
        ctime: Timespec { secs: ctime.cast_signed(), nanos: ctime_nanos },
    }
}

impl AttrCell {
    /// Fresh attributes.
    pub(crate) fn new(stat: &Stat) -> Self {
        AttrCell {
            sequence: AtomicU32::new(0),
            wanted: AtomicU32::new(0),
            have: AtomicU32::new(0),
            words: encode(stat).map(AtomicU64::new),
        }
    }

    /// The version to note before the backend is asked.
    pub(crate) fn version(&self) -> u32 {
        self.wanted.load(Ordering::Acquire)
    }

    /// Says that the object changed in the backend; to be called behind the change.
    pub(crate) fn invalidate(&self) {
        self.wanted.fetch_add(1, Ordering::AcqRel);
    }

    /// The attributes, and whether they are fresh.
    #[inline]
    pub(crate) fn load(&self, key: InodeKey, file_type: FileType) -> (Stat, bool) {
        let mut stat = Stat::UNKNOWN;
        let fresh = self.load_into(key, file_type, &mut stat);
        (stat, fresh)
    }

    /// As [`AttrCell::load`], with a place for the attributes.
    #[inline]
    pub(crate) fn load_into(&self, key: InodeKey, file_type: FileType, out: &mut Stat) -> bool {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            if before & 1 == 0 {
                *out = decode(std::array::from_fn(|i| self.words[i].load(Ordering::Relaxed)), key, file_type);
                let have = self.have.load(Ordering::Relaxed);
                fence(Ordering::Acquire);
                if self.sequence.load(Ordering::Relaxed) == before {
                    return have == self.wanted.load(Ordering::Acquire);
                }
            }
            std::hint::spin_loop();
        }
    }

    /// Stores what the backend answered to a question asked after `version` was noted, unless a newer answer is there.
    pub(crate) fn store(&self, stat: &Stat, version: u32) {
        self.locked(|| {
            // Versions wrap; a difference below half the range is "not older".
            if version.wrapping_sub(self.have.load(Ordering::Relaxed)) < u32::MAX / 2 {
                self.have.store(version, Ordering::Relaxed);
                for (word, value) in self.words.iter().zip(encode(stat)) {
                    word.store(value, Ordering::Relaxed);
                }
            }
        });
    }

    /// The length, as far as is known.
    #[inline]
    pub(crate) fn size(&self) -> u64 {
        self.words[1].load(Ordering::Relaxed)
    }

    /// When the object changed last, as far as is known.
    #[inline]
    pub(crate) fn ctime(&self) -> Timespec {
        let [_, _, _, _, _, secs, _, nanos, _, _] = &self.words;
        // Only writers to the object ask, one at a time; beside a `store` the halves may be of two times, which is no
        // worse than either for a stamp.
        let (nanos, _) = unpack(nanos.load(Ordering::Relaxed));
        Timespec { secs: secs.load(Ordering::Relaxed).cast_signed(), nanos }
    }

    /// Notes a change of the contents that the backend need not have yet: length, change times.
    #[inline]
    pub(crate) fn note_written(&self, size: u64, now: Timespec) {
        let [_, size_word, _, _, mtime, ctime, modified, changed, _, _] = &self.words;
        self.locked(|| {
            size_word.store(size, Ordering::Relaxed);
            mtime.store(now.secs.cast_unsigned(), Ordering::Relaxed);
            ctime.store(now.secs.cast_unsigned(), Ordering::Relaxed);
            let (atime_nanos, _) = unpack(modified.load(Ordering::Relaxed));
            modified.store(pack(atime_nanos, now.nanos), Ordering::Relaxed);
            let (_, blksize) = unpack(changed.load(Ordering::Relaxed));
            changed.store(pack(now.nanos, blksize), Ordering::Relaxed);
        });
    }

    /// Notes times that the backend need not have yet.
    pub(crate) fn note_times(&self, atime: Option<Timespec>, mtime: Option<Timespec>) {
        let [_, _, _, atime_word, mtime_word, _, nanos, _, _, _] = &self.words;
        self.locked(|| {
            let (mut atime_nanos, mut mtime_nanos) = unpack(nanos.load(Ordering::Relaxed));
            if let Some(time) = atime {
                atime_word.store(time.secs.cast_unsigned(), Ordering::Relaxed);
                atime_nanos = time.nanos;
            }
            if let Some(time) = mtime {
                mtime_word.store(time.secs.cast_unsigned(), Ordering::Relaxed);
                mtime_nanos = time.nanos;
            }
            nanos.store(pack(atime_nanos, mtime_nanos), Ordering::Relaxed);
        });
    }

    /// Notes that the backend has by now what was noted here: an answer that was asked for before is older than that,
    /// and what was fresh stays so.
    pub(crate) fn confirm(&self) {
        self.locked(|| {
            let have = self.have.load(Ordering::Relaxed);
            let wanted = self.wanted.fetch_add(1, Ordering::AcqRel);
            if have == wanted {
                self.have.store(wanted.wrapping_add(1), Ordering::Relaxed);
            }
        });
    }

    /// Runs `change` on the words, to the exclusion of other writers.
    #[inline]
    fn locked(&self, change: impl FnOnce()) {
        let sequence = loop {
            let now = self.sequence.load(Ordering::Relaxed);
            if now & 1 == 0
                && self
                    .sequence
                    .compare_exchange_weak(now, now.wrapping_add(1), Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                break now;
            }
            std::hint::spin_loop();
        };
        fence(Ordering::Release);
        change();
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(size: u64) -> Stat {
        Stat {
            key: InodeKey { dev: 1, ino: 2, birth_ns: None },
            file_type: FileType::Regular,
            mode: Mode::new(0o640),
            nlink: size,
            uid: 7,
            gid: 8,
            size,
            blocks: size,
            blksize: 4096,
            atime: Timespec { secs: -5, nanos: 1 },
            mtime: Timespec { secs: i64::MAX, nanos: 2 },
            ctime: Timespec { secs: i64::MIN, nanos: 999_999_999 },
        }
    }

    fn load(cell: &AttrCell) -> (Stat, bool) {
        let s = stat(0);
        cell.load(s.key, s.file_type)
    }

    #[test]
    fn load_after_new_is_every_attribute_and_fresh() {
        assert_eq!(load(&AttrCell::new(&stat(9))), (stat(9), true));
    }

    #[test]
    fn store_of_an_answer_from_before_a_change_does_not_make_it_fresh() {
        let cell = AttrCell::new(&stat(1));
        let asked = cell.version();
        cell.invalidate();
        cell.store(&stat(2), asked);
        assert_eq!(load(&cell), (stat(2), false));
    }

    #[test]
    fn store_of_an_older_answer_does_not_replace_a_newer() {
        let cell = AttrCell::new(&stat(1));
        let older = cell.version();
        cell.invalidate();
        let newer = cell.version();
        cell.store(&stat(3), newer);
        cell.store(&stat(2), older);
        assert_eq!(load(&cell), (stat(3), true));
    }

    #[test]
    fn note_written_changes_length_and_change_times_and_nothing_else() {
        let cell = AttrCell::new(&stat(1));
        let now = Timespec { secs: 77, nanos: 88 };
        cell.note_written(5, now);
        assert_eq!(load(&cell), (Stat { size: 5, mtime: now, ctime: now, ..stat(1) }, true));
        cell.note_times(Some(Timespec { secs: -1, nanos: 3 }), None);
        assert_eq!(
            load(&cell).0,
            Stat { size: 5, mtime: now, ctime: now, atime: Timespec { secs: -1, nanos: 3 }, ..stat(1) }
        );
    }

    #[test]
    fn confirm_of_fresh_attributes_keeps_them_from_an_answer_asked_for_before() {
        let cell = AttrCell::new(&stat(1));
        let asked = cell.version();
        cell.note_written(5, Timespec { secs: 1, nanos: 1 });
        cell.confirm();
        cell.store(&stat(2), asked);
        let (seen, fresh) = load(&cell);
        assert_eq!((seen.size, fresh), (5, true));
    }

    #[test]
    fn confirm_of_old_attributes_leaves_them_old() {
        let cell = AttrCell::new(&stat(1));
        cell.invalidate();
        cell.confirm();
        assert!(!load(&cell).1);
    }

    #[test]
    fn load_beside_a_writer_never_sees_half_an_update() {
        let cell = std::sync::Arc::new(AttrCell::new(&stat(0)));
        let writer = std::sync::Arc::clone(&cell);
        let thread = std::thread::spawn(move || {
            for size in 1..20_000 {
                writer.store(&stat(size), 0);
            }
        });
        while !thread.is_finished() {
            let (seen, _) = load(&cell);
            assert_eq!((seen.size, seen.blocks, seen.nlink), (seen.size, seen.size, seen.size));
        }
        thread.join().expect("the writer finished");
    }
}
