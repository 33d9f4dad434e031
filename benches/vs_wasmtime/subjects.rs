//! Who is measured.

use crate::rows::Op;
use anyhow::Result;
use std::time::Duration;

/// One way to do the operations.
pub(crate) trait Subject {
    /// As in the JSON.
    fn name(&self) -> &str;

    /// How it was set up, for the report's head.
    fn options(&self) -> &str;

    /// Whether there is such an operation here.
    fn can(&self, op: Op) -> bool;

    /// Does the operation once and answers what came of it, in a form that is the same for all subjects. An errno that
    /// is not the operation's is an error.
    fn observe(&mut self, op: Op) -> Result<Vec<u8>>;

    /// Does the operation at least once to warm up, unless it is that of a whole file, and then `n` times; the time of
    /// these.
    fn run(&mut self, op: Op, n: u32) -> Result<Duration>;
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
