//! Directory entries in the ABI's layout.

use super::encode;
use super::errno::{Fail, Outcome};
use super::memory::put_bytes;
use crate::abi::Call;
use crate::vfs::{Entry, OpenDirectory};
use wiggle::GuestMemory;

/// The guest's buffer while it is filled.
struct Filling<'m, 'a> {
    memory: &'m mut GuestMemory<'a>,
    at: u32,
    room: u32,
    failed: Option<Fail>,
}

impl Filling<'_, '_> {
    /// Puts as much of `bytes` as there is room for; false when the buffer is full behind it.
    fn put(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.get(..self.room as usize).unwrap_or(bytes);
        if let Err(fail) = put_bytes(self.memory, self.at, fits) {
            self.failed = Some(fail);
            return false;
        }
        // At most the room, which is a u32, and inside the range that was checked. That may end where the address space
        // does: nothing is put behind it then.
        let len = u32::try_from(fits.len()).unwrap_or(self.room);
        self.at = self.at.wrapping_add(len);
        self.room -= len;
        self.room > 0
    }

    fn entry(&mut self, entry: Entry<'_>) -> bool {
        if std::str::from_utf8(entry.name).is_err() {
            // The guest could not name it: paths of this ABI are UTF-8.
            tracing::debug!(target: "wasi_gofer::p1", name = %entry.name.escape_ascii(), "name is no UTF-8: not listed");
            return true;
        }
        let len = u32::try_from(entry.name.len()).unwrap_or(0);
        self.put(&encode::dirent(entry.next, entry.ino, len, entry.file_type)) && self.put(entry.name)
    }
}

/// Fills the buffer from behind `cookie`; how much was filled. The range was checked by the caller.
pub(super) fn list(
    directory: &OpenDirectory,
    call: &Call,
    memory: &mut GuestMemory<'_>,
    (buf, room): (u32, u32),
    cookie: u64,
) -> Outcome<u32> {
    let mut filling = Filling { memory, at: buf, room, failed: None };
    if room > 0 {
        directory.read_dir(call, cookie, &mut |entry| filling.entry(entry))?;
    }
    match filling.failed {
        Some(fail) => Err(fail),
        None => Ok(room - filling.room),
    }
}
