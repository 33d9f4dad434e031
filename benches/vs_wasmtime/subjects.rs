//! Who is measured.

use crate::rows::Op;
use anyhow::Result;
use std::time::Duration;

/// An operation that can be measured.
pub(crate) trait Operation: Copy {
    /// How many operations one turn of its loop is.
    fn per_turn(self) -> f64 {
        1.0
    }

    /// Whether one turn is a whole file: a sample is one turn then, on a mount that did nothing before.
    fn is_whole_file(self) -> bool {
        false
    }

    /// How many rounds are enough, where a turn takes long.
    fn most_rounds(self) -> usize {
        usize::MAX
    }

    /// What has to come of it, where no subject says so, and who does.
    fn reference(self) -> Option<(Vec<u8>, &'static str)> {
        None
    }
}

/// A line of the report.
#[derive(Clone, Debug)]
pub(crate) struct Row<O = Op> {
    /// As in the JSON.
    pub(crate) name: String,
    /// What is done.
    pub(crate) op: O,
}

/// One way to do the operations.
pub(crate) trait Subject<O = Op> {
    /// As in the JSON.
    fn name(&self) -> &str;

    /// How it was set up, for the report's head.
    fn options(&self) -> &str;

    /// Whether there is such an operation here.
    fn can(&self, op: O) -> bool;

    /// Whether it does the operations, and not only as if.
    fn is_real(&self) -> bool {
        true
    }

    /// Does the operation once and answers what came of it, in a form that is the same for all subjects. An errno that
    /// is not the operation's is an error.
    fn observe(&mut self, op: O) -> Result<Vec<u8>>;

    /// Does the operation at least once to warm up, unless it is that of a whole file, and then `n` times; the time of
    /// these.
    fn run(&mut self, op: O, n: u32) -> Result<Duration>;
}

/// Turns before the clock starts, where `n` are on it: a directory is watched from the second question on, and what is
/// believed of it since the third; and what is read in order for the first time may pass a cache by.
pub(crate) fn warm_up(n: u32) -> u32 {
    3 + n / 20
}

/// The attributes that every subject must report alike; the other ones (inode numbers, access and change times) stock
/// makes up or kernels change behind our back.
pub(crate) fn attributes(file_type: u8, nlink: u64, size: u64, mtime_ns: u64) -> Vec<u8> {
    let mut bytes = vec![file_type];
    for number in [nlink, size, mtime_ns] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// A listing without its order.
pub(crate) fn listing(mut entries: Vec<(Vec<u8>, u8)>) -> Vec<u8> {
    entries.sort();
    entries.into_iter().flat_map(|(name, file_type)| [name, vec![0, file_type]].concat()).collect()
}

/// `filetype` of a regular file.
pub(crate) const REGULAR: u8 = 4;
/// `filetype` of a directory.
pub(crate) const DIRECTORY: u8 = 3;
/// `errno` of a missing name.
pub(crate) const NOENT: i32 = 44;
