//! To the kernel and its devices.

use super::ways;
use super::world::{CWD, at, call, number, path, reaches};
use libc::{O_CLOEXEC, O_NOFOLLOW, O_RDONLY, O_RDWR};

ways! {
    make_a_device: Twice, ForRoot, |w| {
        let name = path("device");
        let mode = number(libc::S_IFCHR | 0o666);
        reaches("it", call(libc::SYS_mknodat, &[number(w.root), at(&name), mode, 0x103]))
    };
    make_a_disk: Twice, ForRoot, |w| {
        let name = path("disk");
        let mode = number(libc::S_IFBLK | 0o666);
        reaches("it", call(libc::SYS_mknodat, &[number(w.root), at(&name), mode, 0x800]))
    };
    open_a_device_of_the_export: Twice, ForRoot, |w| {
        let name = path("null");
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&name), number(O_RDWR | O_NOFOLLOW | O_CLOEXEC)]))
    };
    open_a_device_outside: Twice, ForAll, |w| {
        let name = path("/dev/null");
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&name), number(O_RDWR | O_NOFOLLOW | O_CLOEXEC)]))
    };
    open_the_terminal: Twice, ForAll, |w| {
        // The multiplexer, as this process has no terminal.
        let name = path("/dev/ptmx");
        reaches("it", call(libc::SYS_openat, &[number(w.root), at(&name), number(O_RDWR | O_NOFOLLOW | O_CLOEXEC)]))
    };
    a_rings_queue: Once, ForAll, |_| {
        let mut parameters = [0u32; 30];
        reaches("it", call(libc::SYS_io_uring_setup, &[4, parameters.as_mut_ptr() as usize]))
    };
    native_aio: Once, ForAll, |_| {
        let mut context = 0usize;
        reaches("it", call(libc::SYS_io_setup, &[4, &raw mut context as usize]))
    };
    a_map_of_bpf: Once, ForRoot, |_| {
        let attr = [2u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        reaches("it", call(libc::SYS_bpf, &[0, attr.as_ptr() as usize, size_of_val(&attr)]))
    };
    a_program_of_bpf: Twice, ForRoot, |_| {
        // `r0 = 0; exit`, for a tracepoint.
        let program = [0xb7u64, 0x95];
        let license = path("GPL");
        let attr = [5u64 | (2 << 32), program.as_ptr() as u64, license.as_ptr() as u64, 0, 0, 0, 0, 0, 0];
        reaches("it", call(libc::SYS_bpf, &[5, attr.as_ptr() as usize, size_of_val(&attr)]))
    };
    events_of_the_machine: Twice, ForRoot, |_| {
        // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, of all processes on the first processor.
        let mut attr = [0u64; 16];
        attr[0] = 1 | (128 << 32);
        reaches("them", call(libc::SYS_perf_event_open, &[attr.as_ptr() as usize, number(-1), 0, number(-1), 0]))
    };
    changes_of_the_whole_filesystem: Twice, ForRoot, |_| {
        let group = call(libc::SYS_fanotify_init, &[0, 0])?;
        let root = path("/");
        // FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN.
        reaches("them", call(libc::SYS_fanotify_mark, &[group, 0x101, 0x20, CWD, at(&root)]))
    };
    load_a_module: Twice, Untried("it would be loaded"), |_| {
        let (module, options) = ([0u8; 64], path(""));
        match call(libc::SYS_init_module, &[module.as_ptr() as usize, module.len(), at(&options)]) {
            Err(libc::ENOEXEC) => Ok("the loader".to_owned()),
            other => reaches("it", other),
        }
    };
    load_a_kernel: Twice, Untried("it would be loaded"), |_| reaches("it", call(libc::SYS_kexec_load, &[0, 0, 0, 0]));
    restart_the_machine: Twice, Untried("it would be restarted"), |_| {
        // LINUX_REBOOT_CMD_CAD_OFF, which is the least of it.
        reaches("it", call(libc::SYS_reboot, &[0xfee1_dead, 0x2812_1969, 0, 0]))
    };
    set_the_clock: Twice, Untried("the machine's clock would change"), |_| {
        let time = [0u64; 2];
        reaches("it", call(libc::SYS_clock_settime, &[0, time.as_ptr() as usize]))
    };
    tune_the_clock: Twice, Untried("the machine's clock would change"), |_| {
        // ADJ_TICK with its usual value.
        let mut timex = [0u64; 26];
        (timex[0], timex[10]) = (0x4000, 10_000);
        reaches("it", call(libc::SYS_adjtimex, &[timex.as_mut_ptr() as usize]))
    };
    messages_of_the_kernel: Twice, ForRoot, |_| {
        let mut buffer = [0u8; 256];
        reaches("them", call(libc::SYS_syslog, &[3, buffer.as_mut_ptr() as usize, buffer.len()]))
    };
    accounting: Twice, Untried("it would be on, or off"), |_| reaches("it", call(libc::SYS_acct, &[0]));
    swap: Twice, Untried("it would be on"), |w| {
        let file = path(format!("{}/f", w.export));
        reaches("it", call(libc::SYS_swapon, &[at(&file), 0]))
    };
    quotas: Twice, Untried("not every filesystem has them"), |_| {
        let root = path("/");
        let mut info = [0u64; 16];
        // Q_GETINFO of users' quotas.
        reaches("them", call(libc::SYS_quotactl, &[0x8000_0500, at(&root), 0, info.as_mut_ptr() as usize]))
    };
    file_flags: Once, ForRoot, |w| {
        let name = path("f");
        let flags = number(O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        let file = call(libc::SYS_openat, &[number(w.root), at(&name), flags])?;
        // FS_IOC_SETFLAGS, for which one needs to own the file alone: of what a file of ext4 has (else that would have to
        // keep its blocks in another way, and refuses at times), or of nothing where there is no such flag.
        let (extents, nothing) = (0x0008_0000u32, 0u32);
        let set = |flags: &u32| call(libc::SYS_ioctl, &[file, 0x4008_6602, std::ptr::from_ref(flags) as usize]);
        reaches("them", set(&extents).or_else(|_| set(&nothing)))
    };
    immutable_files: Twice, Untried("it could not be removed"), |w| {
        let name = path("f");
        let flags = number(O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        let file = call(libc::SYS_openat, &[number(w.root), at(&name), flags])?;
        let immutable = 0x10u32;
        reaches("one", call(libc::SYS_ioctl, &[file, 0x4008_6602, &raw const immutable as usize]))
    };
    input_of_a_terminal: Twice, Untried("there is no terminal"), |_| {
        // TIOCSTI.
        let key = path("x");
        reaches("it", call(libc::SYS_ioctl, &[0, 0x5412, at(&key)]))
    };
    blocks_of_a_file: Twice, Untried("not every filesystem tells"), |w| {
        let name = path("f");
        let file = call(libc::SYS_openat, &[number(w.root), at(&name), number(O_RDONLY | O_NOFOLLOW | O_CLOEXEC)])?;
        // FIBMAP.
        let mut block = 0u32;
        reaches("them", call(libc::SYS_ioctl, &[file, 1, &raw mut block as usize]))
    };
    holes_in_files: Once, ForAll, |w| {
        let name = path("f");
        let file = call(libc::SYS_openat, &[number(w.root), at(&name), number(O_RDWR | O_NOFOLLOW | O_CLOEXEC)])?;
        // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE.
        reaches("one", call(libc::SYS_fallocate, &[file, 3, 0, 1]))
    };
}
