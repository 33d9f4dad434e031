//! The change queue of a server that is one of ours: it watches directories, and what the kernel announces of them comes
//! to a queue whose descriptor this process has. So to find it empty, or to read it, takes no message.

use super::LisaFs;
use super::fs::Shared;
use super::node::LisaNode;
use super::numbers::Number;
use crate::abi::{Call, Errno, Error, FileType, Result};
use crate::backend::{Change, ChangeQueue, Watch, WatchId, inotify};
use crate::hostfs::watch::Inotify;
use crate::proto::lisafs::{self, AddWatch, Mid, RemoveWatch, WATCH_ATTRIBUTES};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use zerocopy::little_endian::I32;

/// How many watches that ended one message tells the server of.
const BATCH: usize = 64;

/// A queue of the server's. It is made with the first watch, since asking for one takes a message.
struct LisaQueue {
    shared: Arc<Shared>,
    made: OnceLock<Made>,
    /// Held by who makes it.
    making: Mutex<()>,
    watches: Mutex<Watches>,
}

/// Watches of a queue. Whoever has its descriptor can add others and end them, as often as he likes: those are nobody's.
#[derive(Default)]
struct Watches {
    /// Those that the server granted, and that have not ended as far as is known.
    granted: HashSet<i32>,
    /// Those of them that ended, which the server counts until it is told.
    ended: Vec<I32>,
}

impl Watches {
    /// Notes the end of one that was granted, once; whether it was.
    fn end(&mut self, wd: i32) -> bool {
        let granted = self.granted.remove(&wd);
        if granted {
            self.ended.push(wd.into());
        }
        granted
    }
}

struct Made {
    inotify: Inotify,
    number: Number,
}

impl LisaFs {
    /// `None` for a server that has no such thing.
    pub(super) fn queue(&self) -> Option<Box<dyn ChangeQueue<LisaNode>>> {
        let needed = [Mid::CHANGE_QUEUE, Mid::ADD_WATCH, Mid::REMOVE_WATCH];
        if !needed.into_iter().all(|mid| self.connection().offers(mid)) {
            return None;
        }
        let shared = Arc::clone(&self.shared);
        Some(Box::new(LisaQueue { shared, made: OnceLock::new(), making: Mutex::default(), watches: Mutex::default() }))
    }
}

impl LisaQueue {
    fn made(&self, call: &Call) -> Result<&Made> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let _making = super::connection::lock(call, &self.making)?;
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let connection = &self.shared.connection;
        let (number, fd) = connection
            .ask(call, &lisafs::ChangeQueue {}, |reply, mut fds| Ok((connection.own(reply.queue), fds.pop())))?;
        let inotify = Inotify::handed(fd.ok_or(Errno::Io)?).map_err(|_| Errno::Io)?;
        Ok(self.made.get_or_init(|| Made { inotify, number }))
    }

    /// Tells the server of watches that ended, if they are many, or all of them.
    fn tell_ended(&self, call: &Call, made: &Made, all: bool) -> Result<()> {
        let told: Vec<I32> = {
            let ended = &mut self.watches.lock().ended;
            if ended.is_empty() || (ended.len() < BATCH && !all) {
                return Ok(());
            }
            std::mem::take(ended)
        };
        for batch in told.chunks(usize::from(u16::MAX)) {
            let request = RemoveWatch { queue: made.number.id(), watches: batch };
            self.shared.connection.ask(call, &request, |(), _| Ok(()))?;
        }
        Ok(())
    }

    fn add(&self, call: &Call, made: &Made, dir: &LisaNode) -> Result<Watch> {
        let control = dir.control()?;
        let request = AddWatch { queue: made.number.id(), dir: control.id() };
        self.shared.connection.ask(call, &request, |reply, _| {
            // 0 and below are no watch descriptors of the kernel's.
            let watch = Some(reply.watch).filter(|watch| *watch > 0).ok_or(Errno::Io)?;
            self.watches.lock().granted.insert(watch);
            Ok(Watch { id: inotify::id(watch), attributes: reply.flags & WATCH_ATTRIBUTES != 0 })
        })
    }
}

impl ChangeQueue<LisaNode> for LisaQueue {
    fn watch(&self, call: &Call, dir: &LisaNode) -> Result<Watch> {
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        if dir.file_type != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        let made = match self.made(call) {
            // No queue is no watch either, and there will be none.
            Err(error) if error.is(Errno::Mfile) => return Err(Errno::Nospc.into()),
            made => made?,
        };
        self.tell_ended(call, made, false)?;
        match self.add(call, made, dir) {
            Err(error) if error.is(Errno::Nospc) && !self.watches.lock().ended.is_empty() => {
                self.tell_ended(call, made, true)?;
                self.add(call, made, dir)
            }
            added => added,
        }
    }

    fn unwatch(&self, watch: WatchId) {
        if let (Some(made), Some(wd)) = (self.made.get(), inotify::wd(watch)) {
            // Whoever has the queue can end its watches, whoever began them. One that ended already is another's by now, if
            // the server says so.
            if self.watches.lock().end(wd) {
                made.inotify.remove(wd);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.made.get().is_none_or(|made| made.inotify.is_empty())
    }

    fn drain(&self, sink: &mut dyn FnMut(Change<'_>)) -> Result<()> {
        let Some(made) = self.made.get() else { return Ok(()) };
        inotify::drain(&made.inotify, &mut |change| {
            if let Change::Lost { watch } = change
                && let Some(wd) = inotify::wd(watch)
            {
                self.watches.lock().end(wd);
            }
            sink(change);
        })
    }
}
