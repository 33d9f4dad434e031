//! By mounts and namespaces.

use super::ways;
use super::world::{CWD, at, call, number, path, reaches, read_at};
use libc::{CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, MS_BIND, MS_REMOUNT, O_NOFOLLOW, O_RDONLY};

const OPEN: i32 = O_RDONLY | O_NOFOLLOW;

/// `OPEN_TREE_CLONE`.
const CLONE: usize = 1;

ways! {
    mount_a_filesystem: Twice, Apart, |w| {
        call(libc::SYS_fchdir, &[number(w.root)])?;
        let (kind, here) = (path("tmpfs"), path("d"));
        reaches("a mount", call(libc::SYS_mount, &[at(&kind), at(&here), at(&kind), 0, 0]))
    };
    mount_proc: Twice, Apart, |w| {
        call(libc::SYS_fchdir, &[number(w.root)])?;
        let (kind, here) = (path("proc"), path("d"));
        reaches("a mount", call(libc::SYS_mount, &[at(&kind), at(&here), at(&kind), 0, 0]))
    };
    bind_the_outside: Twice, Apart, |w| {
        call(libc::SYS_fchdir, &[number(w.root)])?;
        let (from, here) = (path(w.outside.as_str()), path("d"));
        call(libc::SYS_mount, &[at(&from), at(&here), 0, number(MS_BIND), 0])?;
        read_at(number(w.root), "d/secret", OPEN)
    };
    remount_with_programs: Twice, Apart, |w| {
        // Without a jail the directory is no mount yet.
        call(libc::SYS_fchdir, &[number(w.root)])?;
        let here = path(".");
        let _ = call(libc::SYS_mount, &[at(&here), at(&here), 0, number(MS_BIND), 0]);
        reaches("a mount", call(libc::SYS_mount, &[0, at(&path(w.export.as_str())), 0, number(MS_BIND | MS_REMOUNT), 0]))
    };
    remount_the_root: Twice, Apart, |_| {
        let root = path("/");
        reaches("a mount", call(libc::SYS_mount, &[0, at(&root), 0, number(MS_BIND | MS_REMOUNT), 0]))
    };
    clear_the_flags_of_the_root: Twice, Apart, |_| {
        let (root, attr) = (path("/"), [0u64, 0x8, 0, 0]);
        reaches("a mount", call(libc::SYS_mount_setattr, &[CWD, at(&root), 0, attr.as_ptr() as usize, 32]))
    };
    unmount_the_root: Twice, Untried("the machine's root would go with it"), |_| {
        let root = path("/");
        reaches("what is below", call(libc::SYS_umount2, &[at(&root), number(libc::MNT_DETACH)]))
    };
    copy_mounts: Twice, Apart, |_| {
        let root = path("/");
        reaches("mounts", call(libc::SYS_open_tree, &[CWD, at(&root), CLONE]))
    };
    open_a_filesystem: Twice, ForRoot, |_| {
        let kind = path("tmpfs");
        reaches("a filesystem", call(libc::SYS_fsopen, &[at(&kind), 0]))
    };
    move_a_mount: Twice, Untried("there is none to move"), |_| {
        let (root, to) = (path("/"), path("/d"));
        reaches("it", call(libc::SYS_move_mount, &[CWD, at(&root), CWD, at(&to), 0]))
    };
    pick_a_filesystem: Twice, ForRoot, |_| {
        let root = path("/");
        reaches("it", call(libc::SYS_fspick, &[CWD, at(&root), 0]))
    };
    pivot_the_root: Twice, Apart, |w| {
        call(libc::SYS_fchdir, &[number(w.root)])?;
        let (here, kind) = (path("."), path("tmpfs"));
        // A mount of its own to pivot to.
        let dir = path("d");
        call(libc::SYS_mount, &[at(&kind), at(&dir), at(&kind), 0, 0])?;
        call(libc::SYS_chdir, &[at(&dir)])?;
        reaches("another root", call(libc::SYS_pivot_root, &[at(&here), at(&here)]))
    };
    unshare_the_user_namespace: Once, ForAll, |_| {
        reaches("capabilities", call(libc::SYS_unshare, &[number(CLONE_NEWUSER)]))
    };
    unshare_the_mount_namespace: Twice, ForRoot, |_| {
        reaches("mounts", call(libc::SYS_unshare, &[number(CLONE_NEWNS)]))
    };
    unshare_the_network_namespace: Twice, ForRoot, |_| {
        reaches("a network", call(libc::SYS_unshare, &[number(CLONE_NEWNET)]))
    };
    unshare_the_pid_namespace: Twice, ForRoot, |_| {
        reaches("processes", call(libc::SYS_unshare, &[number(CLONE_NEWPID)]))
    };
    join_the_namespaces_of_another: Twice, ForRoot, |w| {
        let process = call(libc::SYS_pidfd_open, &[w.victim, 0])?;
        reaches("them", call(libc::SYS_setns, &[process, number(CLONE_NEWNS | CLONE_NEWNET)]))
    };
    join_a_namespace_by_proc: Twice, ForRoot, |w| {
        let file = path(format!("/proc/{}/ns/net", w.victim));
        let fd = call(libc::SYS_openat, &[number(w.root), at(&file), number(O_RDONLY)])?;
        reaches("it", call(libc::SYS_setns, &[fd, 0]))
    };
    name_the_host: Twice, Apart, |_| {
        let name = path("jail");
        reaches("its name", call(libc::SYS_sethostname, &[at(&name), 4]))
    };
    name_the_domain: Twice, Apart, |_| {
        let name = path("jail");
        reaches("its name", call(libc::SYS_setdomainname, &[at(&name), 4]))
    };
}
