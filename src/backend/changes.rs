//! How a backend tells a cache what others changed: a queue that is empty for as long as nothing did.

use crate::abi::{Call, Name, Result};

/// One watch of one queue. The number of a watch that ended is not used again while changes of the old one are queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WatchId(pub u64);

/// What a watch of a directory announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Which one it is.
    pub id: WatchId,
    /// Whether every change of the directory's own attributes is announced, its access time aside. Names are in any
    /// case.
    pub attributes: bool,
}

/// Something that changed, whoever changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A name in a watched directory came, went, or is of another object now.
    Name {
        /// The directory's watch.
        watch: WatchId,
        /// The name.
        name: Name<'a>,
    },
    /// A watched directory itself changed: its mode, owner or times, or its place. Who may see its names may have
    /// changed with it.
    Directory {
        /// Its watch.
        watch: WatchId,
    },
    /// A watch ended: its directory is gone or unmounted, or it was given back.
    Lost {
        /// The watch.
        watch: WatchId,
    },
    /// Changes were lost; nothing is known of any watched directory. The watches go on.
    Overflow,
}

/// A queue of changes, with one reader: the cache that asked for it.
///
/// What makes it usable in place of asking: a change is queued before the call that makes it returns, whoever makes it.
/// So an empty queue says that everything which was read of watched directories since they are watched, and which no
/// change that was taken out names, is as it was. A storage that cannot promise this (one that other machines change
/// too) offers no queue.
///
/// Every method is local and quick: none waits for a peer, but for [`ChangeQueue::watch`] within what its call allows.
pub trait ChangeQueue<N>: Send + Sync {
    /// Announces changes in the directory `dir` from before this returns. A directory that is watched already keeps its
    /// watch. `EOPNOTSUPP` where this cannot be promised for the directory, `ENOSPC` where there are too many watches,
    /// [`crate::abi::Error::Unbound`] when its control handle was given back.
    fn watch(&self, call: &Call, dir: &N) -> Result<Watch>;

    /// Gives a watch back; one that ended already is no error.
    fn unwatch(&self, watch: WatchId);

    /// Whether nothing is queued. The cache asks before it answers from what it knows; an error is `false`.
    fn is_empty(&self) -> bool;

    /// Takes changes out, some of those that are queued, and hands them to `sink` in their order. An error says that
    /// nothing will be announced any more.
    fn drain(&self, sink: &mut dyn FnMut(Change<'_>)) -> Result<()>;
}
