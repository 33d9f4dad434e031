//! The calls that a plan can speak of.

use std::fmt;

macro_rules! ops {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A method of [`crate::backend::Backend`] or [`crate::backend::Handle`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Op { $($(#[doc = $doc])* $name,)* }

        impl Op {
            /// Every variant, in the order of their discriminants.
            pub const ALL: &[Op] = &[$(Op::$name,)*];

            /// The method's name, with `handle.` before those of handles.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Op::$name => $text,)* }
            }
        }
    };
}

ops! {
    /// `Backend::root`
    Root = "root",
    /// `Backend::lookup`
    Lookup = "lookup",
    /// `Backend::walk_many`
    WalkMany = "walk_many",
    /// `Backend::revalidate_end`
    RevalidateEnd = "revalidate_end",
    /// `Backend::revalidate_many`
    RevalidateMany = "revalidate_many",
    /// `Backend::stat`
    Stat = "stat",
    /// `Backend::set_stat`
    SetStat = "set_stat",
    /// `Backend::open`
    Open = "open",
    /// `Backend::create`
    Create = "create",
    /// `Backend::mkdir`
    Mkdir = "mkdir",
    /// `Backend::mknod`
    Mknod = "mknod",
    /// `Backend::symlink`
    Symlink = "symlink",
    /// `Backend::link`
    Link = "link",
    /// `Backend::unlink`
    Unlink = "unlink",
    /// `Backend::rmdir`
    Rmdir = "rmdir",
    /// `Backend::rename`
    Rename = "rename",
    /// `Backend::readlink`
    Readlink = "readlink",
    /// `Backend::read_dir`
    ReadDir = "read_dir",
    /// `Backend::statfs`
    StatFs = "statfs",
    /// `Backend::get_xattr`
    GetXattr = "get_xattr",
    /// `Backend::list_xattrs`
    ListXattrs = "list_xattrs",
    /// `Backend::set_xattr`
    SetXattr = "set_xattr",
    /// `Backend::remove_xattr`
    RemoveXattr = "remove_xattr",
    /// `Backend::sync_many`
    SyncMany = "sync_many",
    /// `Backend::sync_fs`
    SyncFs = "sync_fs",
    /// `Backend::sync_dir`
    SyncDir = "sync_dir",
    /// `Backend::restore`
    Restore = "restore",
    /// `ChangeQueue::watch`
    Watch = "watch",
    /// `Backend::lock_tree`
    LockTree = "lock_tree",
    /// `Backend::pin`; counted only, as it cannot fail
    Pin = "pin",
    /// `Backend::relieve`; counted only
    Relieve = "relieve",
    /// `Backend::release`; counted only
    Release = "release",
    /// `Backend::release_handles`; counted only
    ReleaseHandles = "release_handles",
    /// `Handle::read_at`
    ReadAt = "handle.read_at",
    /// `Handle::write_at`
    WriteAt = "handle.write_at",
    /// `Handle::append`
    Append = "handle.append",
    /// `Handle::stat`
    HandleStat = "handle.stat",
    /// `Handle::set_stat`
    HandleSetStat = "handle.set_stat",
    /// `Handle::sync`
    Sync = "handle.sync",
    /// `Handle::allocate`
    Allocate = "handle.allocate",
    /// `Handle::advise`
    Advise = "handle.advise",
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
