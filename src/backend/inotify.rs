//! What the kernel announces of directories, as changes.

use super::changes::{Change, WatchId};
use crate::abi::{Name, Result};
use crate::hostfs::watch::{Event, Inotify};

/// The number of a watch. Watch descriptors are positive; the kernel numbers them in a cycle, so an old number comes back
/// late.
pub(super) fn id(wd: i32) -> WatchId {
    WatchId(u64::from(wd.unsigned_abs()))
}

/// The inverse of [`id`].
pub(super) fn wd(watch: WatchId) -> Option<i32> {
    i32::try_from(watch.0).ok()
}

/// Takes what one read gives out of a queue.
pub(super) fn drain(inotify: &Inotify, sink: &mut dyn FnMut(Change<'_>)) -> Result<()> {
    inotify.read(&mut |event| match event {
        Event::Name { wd, name } => sink(match Name::new(name) {
            Ok(name) => Change::Name { watch: id(wd), name },
            // No name that can be looked up: whatever it is about, nothing of the directory is believed.
            Err(_) => Change::Directory { watch: id(wd) },
        }),
        Event::Directory { wd } => sink(Change::Directory { watch: id(wd) }),
        Event::Ended { wd } => sink(Change::Lost { watch: id(wd) }),
        Event::Overflow => sink(Change::Overflow),
    })
}
