//! The list of system calls: what serving files takes, and no more. For any other, or other arguments, the kernel ends
//! the process.

use super::step::StepError;
use crate::sidecar::host_uds::HostUds;
use libc::{
    SYS_accept4, SYS_bind, SYS_brk, SYS_clock_gettime, SYS_clone, SYS_clone3, SYS_close, SYS_connect,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_exit, SYS_exit_group, SYS_fadvise64, SYS_fallocate, SYS_fchdir, SYS_fchmod,
    SYS_fchmodat, SYS_fchownat, SYS_fcntl, SYS_fdatasync, SYS_fgetxattr, SYS_flistxattr, SYS_flock, SYS_fremovexattr,
    SYS_fsetxattr, SYS_fstatfs, SYS_fsync, SYS_ftruncate, SYS_futex, SYS_getdents64, SYS_getrandom, SYS_getsockopt,
    SYS_gettid, SYS_inotify_add_watch, SYS_inotify_init1, SYS_inotify_rm_watch, SYS_ioctl, SYS_linkat, SYS_listen,
    SYS_lseek, SYS_madvise, SYS_memfd_create, SYS_mkdirat, SYS_mknodat, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap,
    SYS_openat, SYS_openat2, SYS_ppoll, SYS_prctl, SYS_pread64, SYS_preadv, SYS_pwrite64, SYS_pwritev2, SYS_read,
    SYS_readlinkat, SYS_recvmsg, SYS_renameat2, SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_sched_getaffinity, SYS_sched_yield, SYS_sendmsg, SYS_set_robust_list, SYS_setsockopt, SYS_shutdown,
    SYS_sigaltstack, SYS_socket, SYS_socketpair, SYS_statx, SYS_symlinkat, SYS_syncfs, SYS_unlinkat, SYS_utimensat,
    SYS_write, c_int, c_long,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;

/// For which process a call is in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// Every one.
    All,
    /// Every one too; where the export is read-only, it is answered with `EROFS`.
    Writable,
    /// One that starts threads.
    Threads,
    /// One that accepts connections.
    Listener,
    /// One that accepts connections, or those to sockets that its clients make.
    Accepts,
    /// One whose clients get at sockets.
    Sockets,
    /// One whose clients connect to sockets.
    Opens,
    /// One whose clients make sockets.
    Creates,
    /// One that serves extended attributes.
    Xattrs,
    /// Likewise; where the export is read-only, it is answered with `EROFS`.
    WritableXattrs,
}

/// An argument whose bits under `mask` must be `value`. All are of 32 bits: descriptors, flags, commands.
#[derive(Clone, Copy, Debug)]
struct Bits {
    argument: u8,
    mask: u32,
    value: u32,
}

/// A call, by its number.
struct Row {
    number: c_long,
    name: &'static str,
    of: For,
    /// One of these sets of arguments; any, when there are none.
    only: &'static [&'static [Bits]],
    /// Who makes it.
    #[allow(dead_code, reason = "it is read by people")]
    why: &'static str,
}

/// An argument of 32 bits that is one number.
const fn is(argument: u8, value: u32) -> Bits {
    Bits { argument, mask: u32::MAX, value }
}

/// Flags all of which are set.
const fn has(argument: u8, flags: c_int) -> Bits {
    Bits { argument, mask: flags.cast_unsigned(), value: flags.cast_unsigned() }
}

/// Flags none of which is set.
const fn lacks(argument: u8, flags: c_int) -> Bits {
    Bits { argument, mask: flags.cast_unsigned(), value: 0 }
}

/// An operation of futex(2), private or shared.
const fn futex(operation: c_int) -> Bits {
    let flags = libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME;
    Bits { argument: 1, mask: !flags.cast_unsigned(), value: operation.cast_unsigned() }
}

/// The type in a mode.
const fn of_type(argument: u8, file_type: u32) -> Bits {
    Bits { argument, mask: libc::S_IFMT, value: file_type }
}

/// How the C library starts a thread: everything is shared, and there is no new namespace. (musl adds the detached bit.)
const THREAD: Bits = {
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SYSVSEM
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SETTLS
        | libc::CLONE_PARENT_SETTID
        | libc::CLONE_CHILD_CLEARTID;
    Bits { argument: 0, mask: !libc::CLONE_DETACHED.cast_unsigned(), value: flags.cast_unsigned() }
};

const SOL_SOCKET: u32 = libc::SOL_SOCKET.cast_unsigned();

const UNIX: u32 = libc::AF_UNIX.cast_unsigned();

/// A socket of a type, as all are made on which nothing waits.
const fn unix_socket(kind: c_int) -> u32 {
    (kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK).cast_unsigned()
}

/// What a channel's socket is.
const CHANNEL_SOCKET: u32 = (libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC).cast_unsigned();

/// `SO_RCVTIMEO_NEW` and `SO_SNDTIMEO_NEW` of asm-generic/socket.h, which rustix asks for first.
const SO_RCVTIMEO_NEW: u32 = 66;
const SO_SNDTIMEO_NEW: u32 = 67;

/// `FS_IOC_GETFLAGS` of linux/fs.h.
const FS_IOC_GETFLAGS: u32 = 0x8008_6601;

macro_rules! rows {
    ($($number:ident $of:ident [$($only:expr),*] $why:literal;)*) => {
        &[$(Row { number: $number, name: stringify!($number), of: For::$of, only: &[$(&$only),*], why: $why },)*]
    };
}

/// The list.
const ALLOWED: &[Row] = rows! {
    // Files. What hostfs calls, by the names of its files.
    SYS_openat All [] "walk, open, create: one name in a directory; REFUSED has what of it is not";
    SYS_openat2 All [] "walk: a path beneath a directory, without links";
    SYS_close All [] "every descriptor";
    SYS_statx All [] "stat";
    SYS_pread64 All [] "data";
    SYS_preadv All [] "data";
    SYS_pwrite64 Writable [] "data";
    SYS_pwritev2 Writable [] "data: of several buffers, append";
    SYS_ftruncate All [] "set_stat, open: a length; and of a channel's memory";
    SYS_fallocate Writable [[is(1, 0)]] "data: reserves room, never punches holes";
    SYS_fsync All [] "sync";
    SYS_fdatasync All [] "sync";
    SYS_syncfs All [] "sync";
    SYS_lseek All [] "dirents: to a cookie";
    SYS_getdents64 All [] "dirents";
    SYS_mkdirat Writable [] "mkdir";
    SYS_mknodat Writable [[of_type(2, libc::S_IFIFO)], [of_type(2, libc::S_IFSOCK)], [of_type(2, libc::S_IFREG)]]
        "mknod: no devices";
    SYS_symlinkat Writable [] "symlink";
    SYS_readlinkat All [] "symlink";
    SYS_linkat Writable [[is(4, 0)]] "link: by name, following nothing";
    SYS_unlinkat Writable [] "remove";
    SYS_renameat2 Writable [[lacks(4, !(libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE).cast_signed())]]
        "rename: no whiteouts";
    SYS_fchmod Writable [] "set_stat: of a file";
    SYS_fchmodat Writable [] "set_stat: of a directory";
    SYS_fchownat Writable [[has(4, libc::AT_EMPTY_PATH)]] "set_stat: of what is held or open";
    SYS_utimensat Writable [] "set_stat";
    SYS_fgetxattr Xattrs [] "xattr: of what is open";
    SYS_flistxattr Xattrs [] "xattr";
    SYS_fsetxattr WritableXattrs [] "xattr";
    SYS_fremovexattr WritableXattrs [] "xattr";
    SYS_fstatfs All [] "statfs";
    SYS_flock All [] "lock";
    SYS_inotify_init1 All [] "watch";
    SYS_inotify_add_watch All [] "watch";
    SYS_inotify_rm_watch All [] "watch";
    SYS_fchdir All [] "watch: to what is watched";
    SYS_ioctl All [[is(1, 0x541b)], [is(1, FS_IOC_GETFLAGS)]] "watch: bytes that are queued (FIONREAD), case folding";

    // The connection.
    SYS_recvmsg All [] "messages of clients";
    SYS_sendmsg All [] "answers, with descriptors";
    SYS_shutdown All [] "the end of a connection: no further requests";
    SYS_ppoll All [] "until one of connections and signals has something";
    SYS_memfd_create All [[has(1, 1)]] "the memory of a channel (MFD_CLOEXEC)";
    SYS_socketpair All [[is(0, UNIX), is(1, CHANNEL_SOCKET), is(2, 0)]]
        "a channel's socket, for descriptors";
    SYS_accept4 Accepts [] "a client comes; socket: accept";
    SYS_getsockopt Listener [
        [is(1, SOL_SOCKET), is(2, libc::SO_PEERCRED.cast_unsigned())],
        [is(1, SOL_SOCKET), is(2, libc::SO_DOMAIN.cast_unsigned())],
        [is(1, SOL_SOCKET), is(2, libc::SO_TYPE.cast_unsigned())]
    ] "who it is, and that it is a stream";
    SYS_setsockopt Listener [
        [is(1, SOL_SOCKET), is(2, libc::SO_RCVTIMEO.cast_unsigned())],
        [is(1, SOL_SOCKET), is(2, libc::SO_SNDTIMEO.cast_unsigned())],
        [is(1, SOL_SOCKET), is(2, SO_RCVTIMEO_NEW)],
        [is(1, SOL_SOCKET), is(2, SO_SNDTIMEO_NEW)]
    ] "how long one wait for it is";

    // Sockets of the export, where clients get at them.
    SYS_socket Sockets [
        [is(0, UNIX), is(1, unix_socket(libc::SOCK_STREAM)), is(2, 0)],
        [is(0, UNIX), is(1, unix_socket(libc::SOCK_DGRAM)), is(2, 0)],
        [is(0, UNIX), is(1, unix_socket(libc::SOCK_SEQPACKET)), is(2, 0)]
    ] "socket: bind, connect";
    SYS_connect Opens [] "socket: connect";
    SYS_bind Creates [] "socket: bind";
    SYS_listen Creates [] "socket: listen";
    SYS_epoll_create1 Creates [[is(0, libc::EPOLL_CLOEXEC.cast_unsigned())]] "socket: by which a client waits";
    SYS_epoll_ctl Creates [[is(1, libc::EPOLL_CTL_ADD.cast_unsigned())]] "socket: likewise";

    // What the program itself takes.
    SYS_read All [] "watch: events; signals to end";
    SYS_write All [] "the log";
    SYS_fcntl All [
        [is(1, libc::F_GETFD.cast_unsigned())], [is(1, libc::F_GETFL.cast_unsigned())],
        [is(1, libc::F_DUPFD_CLOEXEC.cast_unsigned())],
        [is(1, libc::F_SETFL.cast_unsigned()), lacks(2, libc::O_ASYNC)],
        [is(1, libc::F_ADD_SEALS.cast_unsigned())], [is(1, libc::F_GET_SEALS.cast_unsigned())]
    ] "checks of descriptors before they are closed; appends on old overlayfs; a channel's memory is sealed";
    SYS_mmap All [[lacks(2, libc::PROT_EXEC)]] "memory, never a program";
    SYS_mprotect All [[lacks(2, libc::PROT_EXEC)]] "likewise";
    SYS_munmap All [] "memory";
    SYS_madvise All [] "memory that is given back";
    SYS_brk All [] "memory";
    SYS_futex All [
        [futex(libc::FUTEX_WAIT)], [futex(libc::FUTEX_WAKE)], [futex(libc::FUTEX_WAIT_BITSET)],
        [futex(libc::FUTEX_WAKE_BITSET)]
    ] "locks, channels";
    SYS_getrandom All [] "seeds of hash tables";
    SYS_clock_gettime All [] "deadlines, where the kernel gives no page for it";
    SYS_sigaltstack All [] "the end of a thread";
    SYS_restart_syscall All [] "the kernel, for a wait that a stop interrupted";
    SYS_exit_group All [] "the end";
    SYS_clone Threads [[THREAD]] "a thread, and no process";
    SYS_rseq Threads [] "the start of a thread";
    SYS_rt_sigprocmask Threads [] "the start of a thread";
    SYS_exit Threads [] "the end of a thread";
};

/// Calls that are answered with `ENOSYS`, as those who make them can do without.
const REFUSED: &[Row] = rows! {
    SYS_openat All [[is(0, libc::AT_FDCWD.cast_unsigned())], [lacks(2, libc::O_NOFOLLOW)]]
        "by a path, or following links: a backtrace, a library that looks for its configuration";
    SYS_openat2 All [[is(0, libc::AT_FDCWD.cast_unsigned())]] "by a path";
    SYS_fadvise64 All [] "data: a hint, which is passed over";
    SYS_mremap All [] "a buffer that grows: it is copied";
    SYS_clone3 Threads [] "a thread: its arguments cannot be seen, so clone is taken for it";
    SYS_rt_sigaction Threads [] "the first thread: for setuid(2) of all of them, which nobody calls";
    SYS_set_robust_list Threads [] "the start of a thread: we have no robust locks";
    SYS_sched_getaffinity Threads [] "the start of a thread, for the bounds of its stack";
    SYS_prctl Threads [[is(0, libc::PR_SET_NAME.cast_unsigned())]] "the name of a thread";
    SYS_gettid Threads [] "the number of a thread, for messages";
    SYS_sched_yield Threads [] "a lock that is contended, before it sleeps";
};

/// What a process does that not every one does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uses {
    pub(super) threads: bool,
    pub(super) listens: bool,
    pub(super) xattrs: bool,
    pub(super) sockets: HostUds,
    pub(super) read_only: bool,
}

/// The names of the system calls that a process in the jail may make, if it starts threads and accepts connections as it
/// says, and serves neither extended attributes nor sockets.
pub fn allowed(threads: bool, listens: bool) -> impl Iterator<Item = &'static str> {
    let uses = Uses { threads, listens, xattrs: false, sockets: HostUds::None, read_only: false };
    rows_for(ALLOWED, uses).map(|row| row.name.trim_start_matches("SYS_"))
}

fn rows_for(rows: &'static [Row], uses: Uses) -> impl Iterator<Item = &'static Row> {
    rows.iter().filter(move |row| match row.of {
        For::All | For::Writable => true,
        For::Threads => uses.threads,
        For::Listener => uses.listens,
        For::Accepts => uses.listens || uses.sockets.creates(),
        For::Sockets => uses.sockets != HostUds::None,
        For::Opens => uses.sockets.opens(),
        For::Creates => uses.sockets.creates(),
        For::Xattrs | For::WritableXattrs => uses.xattrs,
    })
}

/// Binds this thread, and those that it starts, to the list; answers its length.
///
/// Of several programs the kernel takes the harshest answer. So those that say `ENOSYS` and `EROFS` to some calls and let
/// all others through hold beside the last, which has to let those through.
pub(super) fn restrict(uses: Uses) -> Result<usize, StepError> {
    let answer = |errno: c_int| SeccompAction::Errno(errno.cast_unsigned());
    let listed = || rows_for(ALLOWED, uses);
    let refused = || rows_for(REFUSED, uses);
    let changes = |of| matches!(of, For::Writable | For::WritableXattrs);
    let changing = || listed().filter(move |row| uses.read_only && changes(row.of));
    // A call that is refused in part has its own row in the list.
    let refused_whole = refused().filter(|row| listed().all(|other| other.number != row.number));
    let programs = [
        program(refused(), SeccompAction::Allow, answer(libc::ENOSYS))?,
        program(changing(), SeccompAction::Allow, answer(libc::EROFS))?,
        program(listed().chain(refused_whole), SeccompAction::KillProcess, SeccompAction::Allow)?,
    ];
    for program in &programs {
        // Each lets through what loads the next: seccomp(2), and prctl(2) with PR_SET_NO_NEW_PRIVS.
        apply_filter(program).map_err(failed)?;
    }
    Ok(listed().count() - changing().count())
}

fn program(
    rows: impl Iterator<Item = &'static Row>,
    others: SeccompAction,
    these: SeccompAction,
) -> Result<BpfProgram, StepError> {
    let mut rules = BTreeMap::new();
    for row in rows {
        let alternatives = row.only.iter().map(|bits| rule(bits)).collect::<Result<Vec<_>, _>>();
        rules.insert(row.number, alternatives.map_err(failed)?);
    }
    let arch = std::env::consts::ARCH.try_into().map_err(failed)?;
    SeccompFilter::new(rules, others, these, arch).and_then(TryInto::try_into).map_err(failed)
}

fn rule(bits: &[Bits]) -> Result<SeccompRule, seccompiler::BackendError> {
    let condition = |bits: &Bits| {
        let masked = SeccompCmpOp::MaskedEq(bits.mask.into());
        SeccompCondition::new(bits.argument, SeccompCmpArgLen::Dword, masked, bits.value.into())
    };
    SeccompRule::new(bits.iter().map(condition).collect::<Result<_, _>>()?)
}

fn failed(error: impl std::fmt::Display) -> StepError {
    StepError::refused(format!("install the list of system calls: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn allowed_of_a_sidecar_with_threads_and_a_listener_are_sixty_at_most_and_each_once() {
        let names: Vec<_> = allowed(true, true).collect();
        assert!(names.len() <= 60, "{} system calls", names.len());
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(allowed(false, false).all(|name| names.contains(&name)));
    }

    #[test]
    fn allowed_has_none_of_the_calls_that_make_processes_programs_or_privileges() {
        let forbidden = [
            "execve",
            "execveat",
            "fork",
            "vfork",
            "clone3",
            "ptrace",
            "mount",
            "setns",
            "unshare",
            "socket",
            "connect",
            "bind",
            "bpf",
            "io_uring_setup",
            "open_by_handle_at",
            "keyctl",
            "kill",
            "tgkill",
            "process_vm_writev",
            "userfaultfd",
            "perf_event_open",
            "seccomp",
            "prctl",
            "setuid",
            "capset",
            "pidfd_getfd",
            "open",
            "creat",
        ];
        assert!(allowed(true, true).all(|name| !forbidden.contains(&name)));
    }

    #[test]
    fn allowed_where_clients_get_at_sockets_are_the_calls_for_that_and_no_others() {
        let names = |sockets, listens| -> BTreeSet<&str> {
            let uses = Uses { threads: true, listens, xattrs: false, sockets, read_only: false };
            rows_for(ALLOWED, uses).map(|row| row.name).collect()
        };
        let more = |sockets, listens| -> Vec<&str> {
            names(sockets, listens).difference(&names(HostUds::None, listens)).copied().collect()
        };
        let creates = ["SYS_bind", "SYS_epoll_create1", "SYS_epoll_ctl", "SYS_listen", "SYS_socket"];
        assert_eq!(more(HostUds::Open, true), ["SYS_connect", "SYS_socket"]);
        assert_eq!(more(HostUds::Create, true), creates);
        assert_eq!(more(HostUds::Create, false), [&["SYS_accept4"], &creates[..]].concat());
        assert_eq!(more(HostUds::All, false).len(), 7);
    }

    #[test]
    fn every_row_says_why() {
        assert!(ALLOWED.iter().chain(REFUSED).all(|row| !row.why.is_empty()));
    }
}
