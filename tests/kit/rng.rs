//! Random numbers that depend on a seed alone.

use std::sync::LazyLock;

/// Bytes of the pool that data is drawn from.
const POOL: usize = 256 << 10;

/// Random bytes without zeros, which would hide errors of holes; the same in every run.
static DATA: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut rng = Rng::new(0);
    let words: Vec<_> = (0..POOL / 8).map(|_| rng.next().to_le_bytes()).collect();
    words.concat().into_iter().map(|byte| byte.max(1)).collect()
});

/// SplitMix64, which needs no more state than a counter.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// One of `0..end`; `end` is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// As [`Rng::below`], for indices.
    pub(crate) fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).expect("below a usize")
    }

    /// Whether the one of `of` came.
    pub(crate) fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// One of them; there is one.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Some data, at most half as long as the pool: drawing bytes one by one would be most of what a test does.
    pub(crate) fn data(&mut self, len: usize) -> Vec<u8> {
        let start = self.index(POOL - len);
        DATA[start..start + len].to_vec()
    }
}
