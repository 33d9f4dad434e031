//! Mounts, by descriptors. rustix has these calls too, behind a feature that would rebuild the runtime for them.

use super::process::{check_long, last};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::{self, Errno};
use std::ffi::CStr;
use std::ptr::null;

/// `MOUNT_ATTR_*` of linux/mount.h.
const RDONLY: u64 = 0x1;
const NOSUID: u64 = 0x2;
const NODEV: u64 = 0x4;
const NOEXEC: u64 = 0x8;
const NOSYMFOLLOW: u64 = 0x0020_0000;

/// `OPEN_TREE_CLONE`.
const TREE_CLONE: libc::c_int = 1;

/// `MOVE_MOUNT_F_EMPTY_PATH`.
const MOVE_EMPTY_PATH: libc::c_uint = 0x4;

/// `struct mount_attr` of linux/mount.h.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Cuts all mounts of this namespace off from those that they were copied from.
pub(crate) fn make_all_private() -> io::Result<()> {
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the path is a C string; null is what the call ignores here.
    let result = unsafe { libc::mount(null(), c"/".as_ptr(), null(), flags, null()) };
    check_long(result.into()).map(|_| ())
}

/// A copy, attached nowhere, of what is mounted at and below the working directory.
pub(crate) fn clone_working_directory() -> io::Result<OwnedFd> {
    let flags = TREE_CLONE | libc::AT_RECURSIVE | libc::O_CLOEXEC;
    // SAFETY: the path is a C string.
    let fd = check_long(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, c".".as_ptr(), flags) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::IO)?;
    // SAFETY: the call has just opened it, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has a tree of mounts give no set-user-ID, devices or programs and follow no symbolic link; nor take changes, if
/// `read_only`. `EINVAL` before Linux 5.14, `ENOSYS` before 5.12.
pub(crate) fn restrict(tree: BorrowedFd<'_>, read_only: bool) -> io::Result<()> {
    let set = NOSUID | NODEV | NOEXEC | NOSYMFOLLOW | if read_only { RDONLY } else { 0 };
    let attr = MountAttr { set, clear: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let (fd, path) = (tree.as_raw_fd(), c"".as_ptr());
    // SAFETY: the path is a C string, and the structure lives for the call, with its size behind it.
    let result =
        unsafe { libc::syscall(libc::SYS_mount_setattr, fd, path, flags, &raw const attr, size_of::<MountAttr>()) };
    check_long(result).map(|_| ())
}

/// Mounts a tree over the working directory.
pub(crate) fn attach_at_working_directory(tree: BorrowedFd<'_>) -> io::Result<()> {
    let (from, empty) = (tree.as_fd().as_raw_fd(), c"".as_ptr());
    let (to, here) = (libc::AT_FDCWD, c".".as_ptr());
    // SAFETY: both paths are C strings.
    let result = unsafe { libc::syscall(libc::SYS_move_mount, from, empty, to, here, MOVE_EMPTY_PATH) };
    check_long(result).map(|_| ())
}

/// Unmounts what is at `path`, with all below, also while somebody uses it.
pub(crate) fn detach(path: &CStr) -> io::Result<()> {
    // SAFETY: the path is a C string.
    if unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) } == -1 { Err(last()) } else { Ok(()) }
}
