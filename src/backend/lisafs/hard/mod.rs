//! A mount whose server may die and come back: `hard`, as other network filesystems call it.
//!
//! A [`HardLisaFs`] is a row of connections, each a [`LisaFs`] from its mount to its end. When one has ended, the next call
//! that needs the server has a new connection made, by whoever made the first, and waits for it within its own time. Then
//! everything is found anew: nodes answer [`Error::Unbound`] until the cache restores them by its own names, open files are
//! opened anew where the cache moved them to, else where they were opened, and an object counts as the same only if its
//! key is.
//! Reading and writing through a descriptor that the server handed out goes on all the while.
//!
//! # Requests that were under way
//!
//! What only asks, or comes to the same when it is done twice, is sent again, and so is what was not sent at all. The others
//! (a name that is made, moved or taken away) are decided by looking at what is there: what the request would leave is
//! success, what was there before is sent again, and anything else is `EIO`, and counted ([`HardLisaFs::undecided`]). What has
//! a name that comes or goes is looked at before, so that what is there behind is known for what it is: one more message for
//! each. What somebody else made meanwhile is told from it where it differs: in type, permissions, contents of a link,
//! emptiness, names, and where it is older than the request. Nobody can tell whose an object is that does not.
//!
//! [`LisaFs`]: super::LisaFs
//! [`Error::Unbound`]: crate::abi::Error::Unbound

mod decide;
mod handle;
mod node;
mod ops;
mod queue;
mod sessions;

pub use handle::HardHandle;
pub use node::HardNode;
pub use ops::HardLisaFs;
