//! Changes of names that were under way when the server went away.
//!
//! The thread whose request it was finds out: it answers [`Error::Unbound`], the cache restores the directories and makes
//! the same call again, and that first looks at what is there. A call that is not made again leaves its question behind;
//! the thread's next change that is not that one throws it away.

use crate::abi::{Call, Errno, Error, FileType, InodeKey, Name, NameBuf, Result, Stat};
use crate::backend::lisafs::{LisaFs, LisaNode};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// By how much the clock that a filesystem stamps with may be behind the one that is read here.
const CLOCK_GRAIN: Duration = Duration::from_millis(20);

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A new name of a new object of this type.
    Make(InodeKey, NameBuf, FileType),
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

    pub(super) fn make(dir: InodeKey, name: Name<'_>, file_type: FileType) -> Change {
        Change::Make(dir, name.to_buf(), file_type)
    }
}

/// A change of which nobody knows whether it was made, and since when it may have been.
#[derive(Debug)]
pub(super) struct Question {
    change: Change,
    /// What had the name before that comes or goes.
    before: Option<InodeKey>,
    since: SystemTime,
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
    /// Notes that the request for `change`, sent at `since` or later, may have been carried out; `before` had the name that
    /// comes or goes by it.
    pub(super) fn ask(&self, change: Change, before: Option<InodeKey>, since: SystemTime) {
        let mut open = self.open.lock();
        open.insert(std::thread::current().id(), Question { change, before, since });
        self.count.store(open.len(), Ordering::Release);
    }

    /// Puts a question back that could not be looked at.
    pub(super) fn again(&self, question: Question) {
        self.ask(question.change, question.before, question.since);
    }

    /// Takes this thread's question out, if it is about `change`; another one is thrown away.
    pub(super) fn take(&self, change: &Change) -> Option<Question> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut open = self.open.lock();
        let question = open.remove(&std::thread::current().id());
        self.count.store(open.len(), Ordering::Release);
        question.filter(|question| question.change == *change)
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
            Change::Make(_, name, file_type) => match look(first, name)? {
                None => Some(Verdict::NotMade),
                // The answer is the one that a further request gets.
                Some(stat) if self.is_before(&stat) => Some(Verdict::NotMade),
                Some(stat) => {
                    let made =
                        self.before.is_none() && stat.file_type == *file_type && self.is_new(&stat) == Some(true);
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
