//! Objects: identity, attributes, handles and the backend's node. An inode never knows a dentry.

mod attr;
mod object;
mod table;

pub(crate) use object::Inode;
pub(crate) use table::InodeTable;
