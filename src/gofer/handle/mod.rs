//! Backend handles of files: what opens of one inode share, and what is kept behind the last close.

mod idle;
mod set;

pub(crate) use idle::IdleHandles;
pub(crate) use set::HandleSet;
