//! Changes of names that were under way when the server went away.
//!
//! The thread whose request it was finds out: it answers [`Error::Unbound`], the cache restores the directories and makes
//! the same call again, and that first looks at what is there. Only such an answer leaves a question: a call that ends
//! otherwise leaves the change undecided. Nothing but the restoring comes between the two, so whatever else the thread asks
//! for, and a restoring that fails, says that the call was given up: its question would decide a later change that is none
//! of it. So would one of another deadline.

use crate::abi::{Call, Errno, Error, FileType, InodeKey, Mode, Name, NameBuf, Result, Stat};
use crate::backend::lisafs::{LisaFs, LisaNode};
use crate::backend::{Backend, Location, Object};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// By how much the clock that a filesystem stamps with may be behind the one that is read here.
const CLOCK_GRAIN: Duration = Duration::from_millis(20);

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A new name of a new object.
    Make(InodeKey, NameBuf, New),
    /// A further name of this object.
    Link(InodeKey, NameBuf, InodeKey),
    /// No name any more.
    Remove(InodeKey, NameBuf),
    /// Another name.
    Rename([(InodeKey, NameBuf); 2]),
}

impl Change {
    /// The name that comes or goes by it, in the first directory, and whether it goes.
    pub(super) fn name(&self) -> (Name<'_>, bool) {
        match self {
            Change::Make(_, name, _) | Change::Link(_, name, _) => (name.as_name(), false),
            Change::Remove(_, name) | Change::Rename([(_, name), _]) => (name.as_name(), true),
        }
    }

    pub(super) fn make(dir: InodeKey, name: Name<'_>, new: New) -> Change {
        Change::Make(dir, name.to_buf(), new)
    }
}

/// A new object, by what can be seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum New {
    /// A symbolic link with these contents.
    Link(Vec<u8>),
    /// Anything else, empty, with this mode.
    Empty(FileType, Mode),
}

/// The bits of a mode that are as they were asked for; others may come from the directory.
const PERMISSIONS: u32 = 0o777;

impl New {
    /// Whether what has the name now is as it would be just after it was made.
    fn is_like(&self, call: &Call, fs: &LisaFs, (dir, name): (&LisaNode, Name<'_>), stat: &Stat) -> Result<bool> {
        let (file_type, mode) = match self {
            New::Link(_) => (FileType::Symlink, None),
            New::Empty(file_type, mode) => (*file_type, Some(fs.masked(*mode))),
        };
        let has_mode = mode.is_none_or(|mode| (mode.bits() ^ stat.mode.bits()) & PERMISSIONS == 0);
        if stat.file_type != file_type || !has_mode {
            return Ok(false);
        }
        if !matches!(self, New::Link(_) | New::Empty(FileType::Directory, _)) {
            return Ok(stat.size == 0 && stat.nlink == 1);
        }
        let found = fs.lookup(call, dir, name)?;
        if found.stat.key != stat.key {
            return Ok(false);
        }
        match self {
            New::Link(target) => {
                let location = Some(Location { dir, name });
                let link = Object { node: &found.node, location, key: stat.key, file_type };
                Ok(fs.readlink(call, link)? == *target)
            }
            New::Empty(..) => {
                let mut is_empty = true;
                fs.read_dir(call, &found.node, 0, &mut |_| {
                    is_empty = false;
                    false
                })?;
                Ok(is_empty)
            }
        }
    }
}

/// A change of which nobody knows whether it was made, and since when it may have been.
#[derive(Debug)]
pub(super) struct Question {
    change: Change,
    /// What had the name before that comes or goes.
    before: Option<InodeKey>,
    since: SystemTime,
    /// That of its call.
    deadline: Option<Instant>,
}

/// What there is of a change.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was made.
    Made,
    /// It was not, and may be asked for again.
    NotMade,
}

/// The open questions, one of a thread at most.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Mutex<HashMap<ThreadId, Question>>,
    count: AtomicUsize,
}

impl Questions {
    /// Notes that the request for `change`, sent at `since` or later by a call with this deadline, may have been carried
    /// out; `before` had the name that comes or goes by it.
    pub(super) fn ask(&self, call: &Call, change: Change, before: Option<InodeKey>, since: SystemTime) {
        self.again(Question { change, before, since, deadline: call.deadline });
    }

    /// Puts a question back that could not be looked at.
    pub(super) fn again(&self, question: Question) {
        let mut open = self.open.lock();
        open.insert(std::thread::current().id(), question);
        self.count.store(open.len(), Ordering::Release);
    }

    /// Throws this thread's question away, if it has one: its call was given up.
    pub(super) fn forget(&self) {
        drop(self.take_any());
    }

    /// Takes this thread's question out, if it is about `change` and of a call as this one; another one is thrown away.
    pub(super) fn take(&self, call: &Call, change: &Change) -> Option<Question> {
        self.take_any().filter(|question| question.change == *change && question.deadline == call.deadline)
    }

    fn take_any(&self) -> Option<Question> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut open = self.open.lock();
        let question = open.remove(&std::thread::current().id());
        self.count.store(open.len(), Ordering::Release);
        question
    }
}

impl Question {
    /// Whether an object was made since then; `None` where that is not known.
    fn is_new(&self, stat: &Stat) -> Option<bool> {
        let birth = stat.key.birth_ns?.get();
        let then = self.since.checked_sub(CLOCK_GRAIN)?.duration_since(UNIX_EPOCH).ok()?;
        Some(i128::from(birth) >= i128::try_from(then.as_nanos()).ok()?)
    }

    /// Whether this is what had the name before.
    fn is_before(&self, stat: &Stat) -> bool {
        self.before == Some(stat.key)
    }

    /// Looks at what there is. `None` when that decides nothing.
    pub(super) fn decide(&self, call: &Call, fs: &LisaFs, dirs: [&LisaNode; 2]) -> Result<Option<Verdict>> {
        let look = |dir: &LisaNode, name: &NameBuf| look(call, fs, dir, name.as_name());
        let [first, second] = dirs;
        Ok(match &self.change {
            Change::Make(_, name, new) => match look(first, name)? {
                None => Some(Verdict::NotMade),
                // The answer is the one that a further request gets.
                Some(stat) if self.is_before(&stat) => Some(Verdict::NotMade),
                Some(stat) => {
                    let made = self.before.is_none()
                        && self.is_new(&stat) == Some(true)
                        && new.is_like(call, fs, (first, name.as_name()), &stat)?;
                    made.then_some(Verdict::Made)
                }
            },
            Change::Link(_, name, key) => match look(first, name)? {
                None => Some(Verdict::NotMade),
                Some(stat) if self.is_before(&stat) => Some(Verdict::NotMade),
                Some(stat) => (self.before.is_none() && stat.key == *key).then_some(Verdict::Made),
            },
            Change::Remove(_, name) => match look(first, name)? {
                None => Some(Verdict::Made),
                // Another object may have come since, or have been put over it.
                Some(stat) => self.is_before(&stat).then_some(Verdict::NotMade),
            },
            Change::Rename([(_, from), (_, to)]) => match (look(first, from)?, look(second, to)?) {
                (Some(stat), _) if self.is_before(&stat) => Some(Verdict::NotMade),
                (_, Some(stat)) if self.is_before(&stat) => Some(Verdict::Made),
                _ => None,
            },
        })
    }
}

/// Attributes of what has a name now, if anything has.
pub(super) fn look(call: &Call, fs: &LisaFs, dir: &LisaNode, name: Name<'_>) -> Result<Option<Stat>> {
    let dir = fs.directory(dir)?;
    match fs.stat_name(call, dir.id(), name) {
        Ok(stat) => Ok(Some(stat)),
        Err(Error::Errno(Errno::Noent)) => Ok(None),
        Err(error) => Err(error),
    }
}
