//! Changes of directories, announced by the kernel (inotify(7)).
//!
//! An event is queued by the task that makes the change, before its system call returns. So whoever finds the queue
//! empty behind a change that he knows to be made has been told of it, and nothing was changed since. That holds where
//! all changes pass through this kernel; [`announces`] says where.
//!
//! What is watched is names, and the directory itself. Not files: native AIO and stores into mappings change them
//! without an event, and so does whoever uses a hard link in another directory; and each write to a watched file costs
//! its writer an event.

use super::errno::{from_os, retry};
use super::statfs::{is_overlay, statfs};
use super::{Host, held_path, walk};
use crate::abi::{Errno, Error, Result};
use parking_lot::Mutex;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{OFlags, fcntl_getfl, ioctl_getflags};
use rustix::io::Errno as OsErrno;
use std::collections::HashSet;

/// Filesystems whose changes all pass through this kernel, by their magic: ext2/3/4, XFS, Btrfs, F2FS, tmpfs, bcachefs,
/// and overlayfs as seen from above. Never network and cluster filesystems, FUSE, or 9P.
const LOCAL_MAGICS: [u64; 7] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994, 0xca45_1a4e, 0x794c_7630];

/// `FS_CASEFOLD_FL`: names that differ in case are one.
const CASEFOLD: u32 = 0x4000_0000;

/// Bytes that one read of the queue takes: a few hundred events. What is read is applied at once, so this bounds for
/// how long a flood can keep others from looking names up.
const READ_BYTES: usize = 16 << 10;

/// The fixed part of `struct inotify_event`: watch, mask, cookie, length of the name.
const EVENT_BYTES: usize = 16;

/// What is announced of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announces {
    /// Whether changes of its own attributes are, too.
    pub(crate) attributes: bool,
}

/// Something that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A name came or went.
    Name { wd: i32, name: &'a [u8] },
    /// The directory itself changed, moved, or lost its name.
    Directory { wd: i32 },
    /// The watch is gone.
    Ended { wd: i32 },
    /// Events were lost.
    Overflow,
}

/// Whether the kernel announces what changes in `dir`: `EOPNOTSUPP` where it does not. `dir` may be `O_PATH`.
pub(crate) fn announces(host: &Host, dir: BorrowedFd<'_>) -> Result<Announces> {
    let figures = statfs(dir)?;
    if !LOCAL_MAGICS.contains(&figures.magic) {
        return Err(Errno::Opnotsupp.into());
    }
    // Where case is folded, an event carries one spelling of the name, and the cache may know another one.
    let flags = ioctl_getflags(walk::readable(host, dir)?);
    if flags.is_ok_and(|flags| flags.bits() & CASEFOLD != 0) {
        return Err(Errno::Opnotsupp.into());
    }
    // A directory of overlayfs gets another size and change time when it is copied up, which nothing announces.
    Ok(Announces { attributes: !is_overlay(&figures) })
}

/// A queue of events.
#[derive(Debug)]
pub(crate) struct Inotify {
    /// `None` only while it is dropped.
    fd: Option<OwnedFd>,
    /// Whether somebody else has it too.
    is_shared: bool,
    buffer: Mutex<Box<[u8]>>,
    /// Watches that were added and have not ended, as far as is known.
    watches: Mutex<HashSet<i32>>,
}

/// Instances without watches and events, for the next who wants one. Closing one that ever had a watch takes some 8 ms,
/// as the kernel waits until nobody can be looking at its marks; a process that mounts and unmounts would wait for that
/// each time.
static SPARE: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());

/// Most of them.
const SPARES_MAX: usize = 4;

/// Most watches that are taken back one by one (2 us each) to spare an instance.
const SPARED_WATCHES_MAX: usize = 512;

impl Inotify {
    /// A queue without watches. `EMFILE` also when the user has too many of them (`fs.inotify.max_user_instances`).
    pub(crate) fn new(host: &Host) -> Result<Inotify> {
        let spare = SPARE.lock().pop();
        let fd = match spare {
            Some(fd) => fd,
            None => instance(host)?,
        };
        Ok(Inotify::over(fd, false))
    }

    /// A queue that somebody else made, who adds the watches, and whose only reader this is. `EINVAL` for a descriptor
    /// of anything else, and without `/proc`, where there is no telling.
    pub(crate) fn handed(fd: OwnedFd) -> Result<Inotify> {
        let what = std::fs::read_link(format!("/proc/thread-self/fd/{}", fd.as_raw_fd()));
        if !what.is_ok_and(|what| what.as_os_str() == INOTIFY) || !does_not_wait(fd.as_fd()) {
            return Err(Errno::Inval.into());
        }
        Ok(Inotify::over(fd, true))
    }

    fn over(fd: OwnedFd, is_shared: bool) -> Inotify {
        let buffer = Mutex::new(vec![0; READ_BYTES].into_boxed_slice());
        Inotify { fd: Some(fd), is_shared, buffer, watches: Mutex::default() }
    }

    fn fd(&self) -> Result<&OwnedFd> {
        self.fd.as_ref().ok_or(Error::Errno(Errno::Badf))
    }

    /// Watches a directory that is held; the same one twice is one watch. `ENOSPC` when the user has too many
    /// (`fs.inotify.max_user_watches`), `EACCES` for a directory that may not be read, and `ENOENT` without `/proc`.
    pub(crate) fn add(&self, dir: BorrowedFd<'_>) -> Result<i32> {
        let wd = watch(self.fd()?, dir)?;
        self.watches.lock().insert(wd);
        Ok(wd)
    }

    /// Ends a watch, which queues [`Event::Ended`].
    pub(crate) fn remove(&self, wd: i32) {
        self.watches.lock().remove(&wd);
        if let Ok(fd) = self.fd() {
            // The only error is that it has ended already.
            let _ = inotify::remove_watch(fd, wd);
        }
    }

    /// Whether no event is queued.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.fd.as_ref().is_some_and(|fd| rustix::io::ioctl_fionread(fd).is_ok_and(|bytes| bytes == 0))
    }

    /// Takes events out, as many as one read gives.
    pub(crate) fn read(&self, sink: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        let fd = self.fd()?.as_fd();
        if self.is_shared && (self.is_empty() || !does_not_wait(fd)) {
            // Whoever has it too can read it, and have reads wait. That is looked at so that he who errs does no harm; who
            // does it between this and the read can have that wait.
            return if self.is_empty() { Ok(()) } else { Err(Errno::Io.into()) };
        }
        let mut buffer = self.buffer.lock();
        let mut heed = |event: Event<'_>| {
            if let Event::Ended { wd } = event {
                self.watches.lock().remove(&wd);
            }
            sink(event);
        };
        match rustix::io::retry_on_intr(|| rustix::io::read(fd, &mut buffer[..])) {
            Ok(length) => parse(buffer.get(..length).unwrap_or_default(), &mut heed).ok_or(Error::Errno(Errno::Io)),
            Err(OsErrno::AGAIN) => Ok(()),
            Err(error) => Err(from_os(error)),
        }
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        let Some(fd) = self.fd.take() else { return };
        let watches = self.watches.get_mut();
        if self.is_shared || watches.len() > SPARED_WATCHES_MAX {
            return;
        }
        for wd in watches.drain() {
            let _ = inotify::remove_watch(&fd, wd);
        }
        // Nothing comes any more, so this ends. Numbers of watches go on, so nothing of this is mistaken later.
        let buffer = self.buffer.get_mut();
        while rustix::io::retry_on_intr(|| rustix::io::read(&fd, &mut buffer[..])).is_ok_and(|length| length > 0) {}
        let mut spare = SPARE.lock();
        if spare.len() < SPARES_MAX {
            spare.push(fd);
        }
    }
}

/// What `/proc` calls a queue.
const INOTIFY: &str = "anon_inode:inotify";

/// A new instance. `EMFILE` also when the user has too many of them (`fs.inotify.max_user_instances`).
fn instance(host: &Host) -> Result<OwnedFd> {
    host.opening(|| inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK))
}

/// Whether a read answers at once.
fn does_not_wait(fd: BorrowedFd<'_>) -> bool {
    fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK))
}

/// Has names of a directory announced, and what happens to it itself.
fn watch(queue: &OwnedFd, dir: BorrowedFd<'_>) -> Result<i32> {
    // Times and modes of what is in the directory arrive too, as IN_ATTRIB is not to be had for itself alone. It
    // cannot be left out: whoever may not search the directory any more does not see its names.
    let mask = WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::ATTRIB
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR;
    // By the descriptor, never by a path of the host: what is watched is what is held.
    held_path::of_dir(dir, |path| retry(|| inotify::add_watch(queue, path, mask)))
}

/// A queue that is handed out: somebody else reads it. It is never kept for another, as he would hear of that one's
/// directories too.
#[cfg(feature = "sidecar")]
#[derive(Debug)]
pub(crate) struct HandedOut {
    fd: OwnedFd,
    /// Watches that were added and that nobody said ended, no more than `most`.
    watches: Mutex<HashSet<i32>>,
    most: usize,
}

#[cfg(feature = "sidecar")]
impl HandedOut {
    /// A queue without watches, and with at most so many. `EMFILE` also when the user has too many queues.
    pub(crate) fn new(host: &Host, most: usize) -> Result<HandedOut> {
        Ok(HandedOut { fd: instance(host)?, watches: Mutex::default(), most })
    }

    /// As [`Inotify::add`]; `ENOSPC` also where there are as many as there may be.
    pub(crate) fn add(&self, dir: BorrowedFd<'_>) -> Result<i32> {
        let mut watches = self.watches.lock();
        let full = watches.len() >= self.most;
        let wd = watch(&self.fd, dir)?;
        if full && !watches.contains(&wd) {
            let _ = inotify::remove_watch(&self.fd, wd);
            return Err(Errno::Nospc.into());
        }
        watches.insert(wd);
        Ok(wd)
    }

    /// Ends a watch, or takes note that it ended.
    pub(crate) fn remove(&self, wd: i32) {
        if self.watches.lock().remove(&wd) {
            // The only error is that it has ended already.
            let _ = inotify::remove_watch(&self.fd, wd);
        }
    }
}

#[cfg(feature = "sidecar")]
impl AsFd for HandedOut {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Hands out the events of one read; `None` when they are cut off, which the kernel never does.
fn parse(mut bytes: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Option<()> {
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(EVENT_BYTES)?;
        let word = |at: usize| head.get(at..at + 4)?.try_into().ok();
        let wd = i32::from_ne_bytes(word(0)?);
        let mask = ReadFlags::from_bits_retain(u32::from_ne_bytes(word(4)?));
        let (padded, rest) = rest.split_at_checked(usize::try_from(u32::from_ne_bytes(word(12)?)).ok()?)?;
        bytes = rest;
        let name = padded.split(|byte| *byte == 0).next().unwrap_or_default();
        deliver(wd, mask, name, sink);
    }
    Some(())
}

fn deliver(wd: i32, mask: ReadFlags, name: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
    let names = ReadFlags::CREATE | ReadFlags::DELETE | ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO;
    if mask.contains(ReadFlags::QUEUE_OVERFLOW) {
        sink(Event::Overflow);
    } else if mask.intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT) {
        sink(Event::Ended { wd });
    } else if mask.intersects(names) {
        sink(Event::Name { wd, name });
    } else if !name.is_empty() && mask.contains(ReadFlags::ATTRIB) {
        // Attributes of something in the directory, which are never answered from the queue; its name stands.
    } else {
        sink(Event::Directory { wd });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(wd: i32, mask: ReadFlags, name: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(wd.to_ne_bytes());
        bytes.extend(mask.bits().to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        let padded = name.len().div_ceil(16) * 16;
        bytes.extend(u32::try_from(padded).expect("short").to_ne_bytes());
        bytes.extend(name);
        bytes.resize(EVENT_BYTES + padded, 0);
        bytes
    }

    fn parsed(bytes: &[u8]) -> (Option<()>, Vec<String>) {
        let mut seen = Vec::new();
        let end = parse(bytes, &mut |event| seen.push(format!("{event:?}")));
        (end, seen)
    }

    #[test]
    fn parse_of_names_in_a_row_hands_out_each_without_its_padding() {
        let bytes = [event(3, ReadFlags::CREATE, b"a"), event(4, ReadFlags::MOVED_FROM, b"sixteen-bytes-ab")].concat();
        let (end, seen) = parsed(&bytes);
        assert_eq!(end, Some(()));
        let names = [Event::Name { wd: 3, name: b"a" }, Event::Name { wd: 4, name: b"sixteen-bytes-ab" }];
        assert_eq!(seen, names.map(|event| format!("{event:?}")));
    }

    #[test]
    fn parse_of_a_childs_attributes_is_nothing_and_of_its_own_is_the_directory() {
        let bytes = [event(3, ReadFlags::ATTRIB, b"a"), event(3, ReadFlags::ATTRIB, b"")].concat();
        assert_eq!(parsed(&bytes), (Some(()), vec![format!("{:?}", Event::Directory { wd: 3 })]));
    }

    #[test]
    fn parse_of_overflow_ignored_and_unmount_says_what_was_lost() {
        let bytes = [
            event(-1, ReadFlags::QUEUE_OVERFLOW, b""),
            event(5, ReadFlags::IGNORED, b""),
            event(6, ReadFlags::UNMOUNT, b""),
        ];
        let events = [Event::Overflow, Event::Ended { wd: 5 }, Event::Ended { wd: 6 }];
        assert_eq!(parsed(&bytes.concat()).1, events.map(|event| format!("{event:?}")));
    }

    #[test]
    fn parse_of_a_cut_event_is_an_error_and_no_panic() {
        let whole = event(3, ReadFlags::CREATE, b"name");
        for length in 1..whole.len() {
            assert_eq!(parsed(&whole[..length]), (None, Vec::new()), "{length}");
        }
    }
}
