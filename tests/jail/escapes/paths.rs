//! By paths and descriptors: most of these calls are in the list, so it is the root, landlock and what is held open that
//! hold.

use super::world::{CWD, World, at, call, number, path, reaches, read_at, read_secret};
use super::{Tried, ways};
use libc::{O_CLOEXEC, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, O_WRONLY, c_long};

const OPEN: i32 = O_RDONLY | O_NOFOLLOW;

ways! {
    dot_dot_from_the_root: Twice, ForAll, |w| read_at(number(w.root), "../outside/secret", OPEN);
    many_dot_dots: Twice, ForAll, |w| read_at(number(w.root), &format!("{}{}", "../".repeat(64), w.secret()), OPEN);
    dot_dot_to_another_root: Twice, ForAll, |w| {
        // Something that is mounted over the root is found by `..` alone.
        let absolute = w.secret();
        read_at(number(w.root), &format!("..{absolute}"), OPEN).or_else(|_| {
            read_at(number(w.root), &format!("../..{absolute}"), OPEN)
        }).or_else(|_| read_at(CWD, &format!("{}{absolute}", "../".repeat(63)), OPEN))
    };
    dot_dot_from_a_directory_below: Twice, ForAll, |w| read_at(open(w, "d", O_PATH)?, "../../outside/secret", OPEN);
    dot_dot_step_by_step: Twice, ForAll, |w| {
        let up = open(w, "..", O_PATH)?;
        read_at(up, "outside/secret", OPEN)
    };
    dot_dot_from_the_working_directory: Twice, ForAll, |w| {
        call(libc::SYS_fchdir, &[number(w.root)])?;
        read_at(CWD, "../outside/secret", OPEN)
    };
    dot_dot_of_the_working_directory_to_a_directory: Twice, ForAll, |w| {
        call(libc::SYS_fchdir, &[number(w.root)])?;
        let up = path("..");
        let fd = call(libc::SYS_openat, &[CWD, at(&up), number(O_PATH | O_NOFOLLOW | O_CLOEXEC)])?;
        read_at(fd, "outside/secret", OPEN)
    };
    absolute_path: Twice, ForAll, |w| read_at(number(w.root), &w.secret(), OPEN);
    absolute_path_from_nowhere: Twice, ForAll, |w| read_at(CWD, &w.secret(), OPEN);
    absolute_path_by_openat2: Twice, ForAll, |w| openat2(w, &w.secret(), O_RDONLY);
    dot_dot_by_openat2: Twice, ForAll, |w| openat2(w, "../outside/secret", O_RDONLY);
    a_link_that_leads_up: Twice, ForAll, |w| read_at(number(w.root), "up", O_RDONLY);
    a_link_that_is_absolute: Twice, ForAll, |w| read_at(number(w.root), "absolute", O_RDONLY);
    a_link_by_openat2: Twice, ForAll, |w| openat2(w, "up", O_RDONLY);
    a_link_on_the_way: Twice, ForAll, |w| read_at(number(w.root), "out/secret", OPEN);
    a_link_of_its_own_making: Twice, ForAll, |w| {
        let (target, name) = (path(w.outside.as_str()), path("mine"));
        call(libc::SYS_symlinkat, &[at(&target), number(w.root), at(&name)])?;
        read_at(number(w.root), "mine/secret", OPEN)
    };
    open_of_a_directory_outside: Twice, ForAll, |w| {
        let dir = path(w.outside.as_str());
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&dir), number(O_PATH | OPEN | O_DIRECTORY)]))
    };
    write_outside: Twice, ForAll, |w| {
        let file = path(w.secret());
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&file), number(O_WRONLY | O_NOFOLLOW), 0]))
    };
    create_outside: Twice, ForAll, |w| {
        let file = path(format!("{}/new", w.outside));
        let flags = number(O_WRONLY | O_CREAT | O_NOFOLLOW);
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&file), flags, 0o644]))
    };
    stat_outside: Twice, ForAll, |w| {
        let mut buffer = [0u8; 256];
        by_name(libc::SYS_statx, &w.secret(), &[0, 0x7ff, buffer.as_mut_ptr() as usize])
    };
    readlink_outside: Twice, ForAll, |w| {
        let mut buffer = [0u8; 256];
        by_name(libc::SYS_readlinkat, &format!("{}/absolute", w.export), &[buffer.as_mut_ptr() as usize, 256])
    };
    unlink_outside: Twice, ForAll, |w| by_name(libc::SYS_unlinkat, &w.secret(), &[0]);
    mkdir_outside: Twice, ForAll, |w| by_name(libc::SYS_mkdirat, &format!("{}/new", w.outside), &[0o755]);
    mkfifo_outside: Twice, ForAll, |w| {
        by_name(libc::SYS_mknodat, &format!("{}/new", w.outside), &[number(libc::S_IFIFO | 0o644), 0])
    };
    chmod_outside: Twice, ForAll, |w| by_name(libc::SYS_fchmodat, &w.secret(), &[0o777]);
    set_times_outside: Twice, ForAll, |w| by_name(libc::SYS_utimensat, &w.secret(), &[0, 0]);
    symlink_outside: Twice, ForAll, |w| {
        let (target, name) = (path("secret"), path(format!("{}/new", w.outside)));
        reaches("it", call(libc::SYS_symlinkat, &[at(&target), number(w.root), at(&name)]))
    };
    link_a_file_in: Twice, ForAll, |w| {
        let (old, new) = (path(w.secret()), path("stolen"));
        reaches("it", call(libc::SYS_linkat, &[CWD, at(&old), number(w.root), at(&new), 0]))
    };
    link_a_file_in_by_dot_dot: Twice, ForAll, |w| {
        let (old, new) = (path("../outside/secret"), path("stolen"));
        reaches("it", call(libc::SYS_linkat, &[number(w.root), at(&old), number(w.root), at(&new), 0]))
    };
    rename_a_file_in: Twice, ForAll, |w| {
        let (old, new) = (path(w.secret()), path("stolen"));
        reaches("it", call(libc::SYS_renameat2, &[CWD, at(&old), number(w.root), at(&new), 0]))
    };
    rename_a_directory_out: Twice, ForAll, |w| {
        let (old, new) = (path("d"), path(format!("{}/d", w.outside)));
        reaches("it", call(libc::SYS_renameat2, &[number(w.root), at(&old), CWD, at(&new), 0]))
    };
    watch_outside: Twice, ForAll, |w| {
        let queue = call(libc::SYS_inotify_init1, &[number(O_CLOEXEC)])?;
        let dir = path(w.outside.as_str());
        reaches("it", call(libc::SYS_inotify_add_watch, &[queue, at(&dir), 0x100]))
    };
    root_of_itself_in_proc: Twice, ForAll, |w| read_at(number(w.root), &format!("/proc/self/root{}", w.secret()), OPEN);
    working_directory_of_another_in_proc: Twice, ForAll, |w| {
        read_at(number(w.root), &format!("/proc/{}/cwd{}", w.victim, w.secret()), OPEN)
    };
    descriptors_in_proc: Twice, ForAll, |w| {
        let dir = path("/proc/self/fd");
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&dir), number(OPEN | O_DIRECTORY)]))
    };
    magic_link_in_proc: Twice, ForAll, |w| {
        let link = path("/proc/self/exe");
        let fd = call(libc::SYS_openat, &[number(w.root), at(&link), number(O_RDONLY | O_CLOEXEC)])?;
        reaches("this program", Ok(fd))
    };
    maps_in_proc: Twice, ForAll, |w| {
        let file = path("/proc/self/maps");
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&file), number(OPEN)]))
    };
    sysctl_in_proc: Twice, ForAll, |w| {
        let file = path("/proc/sys/kernel/core_pattern");
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&file), number(OPEN)]))
    };
    passwd: Twice, ForAll, |w| {
        let file = path("/etc/passwd");
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&file), number(OPEN)]))
    };
    open_by_handle: Twice, ForRoot, |w| {
        let handle = w.handle.as_ptr() as usize;
        // The descriptor names the filesystem, for which it must not be O_PATH.
        let mount = open(w, "f", O_RDONLY)?;
        read_secret(call(libc::SYS_open_by_handle_at, &[mount, handle, number(O_RDONLY)])?)
    };
    the_old_descriptor_of_the_export: Twice, Untried("outside it is the one that is given"), |w| {
        // Whatever is open, by its number: none but the root's is a directory, and none leads up.
        let found = (0..64).filter(|fd| number(*fd) != number(w.root)).find_map(|fd| {
            read_at(number(fd), "../outside/secret", OPEN).ok()
        });
        found.ok_or(libc::EBADF)
    };
    chroot_and_out: Twice, ForRoot, |w| {
        let (dir, here) = (path("d"), path("."));
        call(libc::SYS_fchdir, &[number(w.root)])?;
        call(libc::SYS_chroot, &[at(&dir)])?;
        for _ in 0..64 {
            let up = path("..");
            call(libc::SYS_chdir, &[at(&up)])?;
        }
        call(libc::SYS_chroot, &[at(&here)])?;
        read_at(CWD, &w.secret(), OPEN)
    };
    chdir_outside: Twice, ForAll, |w| {
        let dir = path(w.outside.as_str());
        reaches("it", call(libc::SYS_chdir, &[at(&dir)]))
    };
    truncate_outside: Twice, ForAll, |w| {
        let file = path(w.secret());
        reaches("it", call(libc::SYS_truncate, &[at(&file), 0]))
    };
    attribute_outside: Twice, Untried("not every filesystem has user attributes"), |w| {
        let (file, name, value) = (path(w.secret()), path("user.x"), path("y"));
        reaches("it", call(libc::SYS_setxattr, &[at(&file), at(&name), at(&value), 1, 0]))
    };
}

fn open(w: &World, file: &str, flags: i32) -> Result<usize, i32> {
    let file = path(file);
    call(libc::SYS_openat, &[number(w.root), at(&file), number(flags | O_NOFOLLOW | O_CLOEXEC), 0])
}

fn openat2(w: &World, file: &str, flags: i32) -> Tried {
    let (file, how) = (path(file), [number(flags | O_CLOEXEC) as u64, 0, 0]);
    read_secret(call(libc::SYS_openat2, &[number(w.root), at(&file), how.as_ptr() as usize, size_of_val(&how)])?)
}

/// A call on an absolute path, which needs no directory.
fn by_name(number: c_long, file: &str, rest: &[usize]) -> Tried {
    let file = path(file);
    reaches("it", call(number, &[&[CWD, at(&file)], rest].concat()))
}
