//! How many processors there are.

use std::sync::OnceLock;
use std::thread::available_parallelism;

/// As of the first time that this is called, which has to be before a jail is entered: there nobody may ask any more. 1
/// where it is not known.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(1, std::num::NonZero::get))
}
