//! Numbers that mean nothing are an errno, never a trap.

use crate::kit::abi::{Subscription, fstflags, rights};
use crate::kit::{Errno, Guest, Open, Word, args, at_root};
use wasi_gofer::MemoryFs;

const OUT: u32 = 0x20000;

fn guest() -> (Guest, u32) {
    let mut guest = at_root(MemoryFs::new().with_file("file", "contents").expect("made"));
    let fd = guest.open("file", Open::READ_WRITE).expect("opened");
    guest.put(0x30000, b"file");
    (guest, fd)
}

/// Every call is refused, and nothing happened.
#[track_caller]
fn all_inval(calls: impl FnOnce(u32) -> Vec<(&'static str, Vec<Word>)>) {
    let (mut guest, fd) = guest();
    let before = guest.lstat("file").expect("stat");

    for (name, args) in calls(fd) {
        assert_eq!(guest.answer(name, &args), Err(Errno::INVAL), "{name} {args:?}");
    }

    assert_eq!(guest.lstat("file"), Ok(before));
    assert_eq!(guest.seek(fd, 0, 1), Ok(0));
}

#[test]
fn seek_with_an_unknown_whence_is_inval() {
    all_inval(|fd| [3, 4, 255, 256, -1].map(|whence| ("fd_seek", args![fd, 0i64, whence, OUT].to_vec())).to_vec());
}

#[test]
fn advise_with_an_unknown_advice_is_inval() {
    all_inval(|fd| [6, 255, 256, -1].map(|advice| ("fd_advise", args![fd, 0i64, 0i64, advice].to_vec())).to_vec());
}

#[test]
fn seek_out_of_the_range_of_files_is_inval() {
    all_inval(|fd| {
        let calls = [(i64::MIN, 0), (-1, 0), (-1, 1), (-9, 2), (i64::MAX, 2)];
        calls.map(|(offset, whence)| ("fd_seek", args![fd, offset, whence, OUT].to_vec())).to_vec()
    });
}

#[test]
fn offsets_beyond_the_largest_file_are_inval() {
    all_inval(|fd| {
        vec![
            ("fd_pread", args![fd, OUT, 0, -1i64, OUT].to_vec()),
            ("fd_pread", args![fd, OUT, 0, i64::MIN, OUT].to_vec()),
            ("fd_pwrite", args![fd, OUT, 0, -1i64, OUT].to_vec()),
            ("fd_filestat_set_size", args![fd, -1i64].to_vec()),
            ("fd_allocate", args![fd, -1i64, 1i64].to_vec()),
            ("fd_allocate", args![fd, 0i64, -1i64].to_vec()),
            ("fd_allocate", args![fd, 0i64, 0i64].to_vec()),
            ("fd_advise", args![fd, -1i64, 1i64, 0].to_vec()),
        ]
    });
}

/// fallocate(2): "EFBIG offset+len exceeds the maximum file size".
#[test]
fn allocate_that_ends_beyond_the_largest_file_is_fbig() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let fd = guest.open("file", Open::READ_WRITE).expect("opened");

    assert_eq!(guest.answer("fd_allocate", args![fd, i64::MAX, 1i64]), Err(Errno::FBIG));
    assert_eq!(guest.answer("fd_allocate", args![fd, 1i64, i64::MAX]), Err(Errno::FBIG));
}

#[test]
fn open_with_unknown_flags_is_inval() {
    all_inval(|_| {
        let open = |lookup: i32, oflags: i32, base: u64, fdflags: i32| {
            ("path_open", args![Guest::ROOT, lookup, 0x30000, 4, oflags, base, base, fdflags, OUT].to_vec())
        };
        vec![
            open(2, 0, 0, 0),
            open(-1, 0, 0, 0),
            open(0, 16, 0, 0),
            open(0, -1, 0, 0),
            open(0, 0, 0, 32),
            open(0, 0, 0, -1),
            open(0, 0, rights::UNKNOWN, 0),
            open(0, 0, u64::MAX, 0),
        ]
    });
}

#[test]
fn stat_and_link_with_unknown_lookup_flags_are_inval() {
    all_inval(|_| {
        let (dir, path) = (Guest::ROOT, 0x30000);
        vec![
            ("path_filestat_get", args![dir, 2, path, 4, OUT].to_vec()),
            ("path_filestat_get", args![dir, -1, path, 4, OUT].to_vec()),
            ("path_link", args![dir, 2, path, 4, dir, path, 3].to_vec()),
            ("path_filestat_set_times", args![dir, 2, path, 4, 0i64, 0i64, 0].to_vec()),
        ]
    });
}

#[test]
fn link_through_a_symlink_is_inval() {
    all_inval(|_| vec![("path_link", args![Guest::ROOT, 1, 0x30000, 4, Guest::ROOT, 0x30000, 3].to_vec())]);
}

#[test]
fn set_times_with_contradicting_or_unknown_flags_is_inval() {
    all_inval(|fd| {
        let flags = [fstflags::ATIM | fstflags::ATIM_NOW, 4 | 8, 15, 16, u32::MAX];
        let by_fd = flags.map(|flags| ("fd_filestat_set_times", args![fd, 0i64, 0i64, flags].to_vec()));
        let by_path = flags
            .map(|flags| ("path_filestat_set_times", args![Guest::ROOT, 0, 0x30000, 4, 0i64, 0i64, flags].to_vec()));
        [by_fd, by_path].concat()
    });
}

#[test]
fn fdstat_set_flags_with_unknown_or_sync_flags_is_inval() {
    all_inval(|fd| [2, 8, 16, 32, -1].map(|flags| ("fd_fdstat_set_flags", args![fd, flags].to_vec())).to_vec());
}

#[test]
fn clocks_that_do_not_exist_are_inval() {
    all_inval(|_| {
        let time = [4, 255, -1].map(|clock| ("clock_time_get", args![clock, 0i64, OUT].to_vec()));
        let resolution = [4, 255, -1].map(|clock| ("clock_res_get", args![clock, OUT].to_vec()));
        [time, resolution].concat()
    });
}

#[test]
fn poll_of_an_unknown_tag_or_clock_or_clock_flag_is_inval() {
    let (mut guest, fd) = guest();
    let clock = Subscription::after(1, 0);

    assert_eq!(guest.poll(&[Subscription { tag: 3, ..clock }]), Err(Errno::INVAL));
    assert_eq!(guest.poll(&[Subscription { tag: 255, ..clock }]), Err(Errno::INVAL));
    assert_eq!(
        guest.poll(&[Subscription::of(1, Subscription::READ, fd), Subscription { tag: 3, ..clock }]),
        Err(Errno::INVAL)
    );
    assert_eq!(guest.poll(&[Subscription { subject: 4, ..clock }]), Err(Errno::INVAL));
    assert_eq!(guest.poll(&[Subscription { clock_flags: 2, ..clock }]), Err(Errno::INVAL));
    assert_eq!(guest.poll(&[]), Err(Errno::INVAL));
}

#[test]
fn descriptors_that_were_never_open_are_badf() {
    let (mut guest, _) = guest();

    for fd in [5, 64, 1 << 20, i32::MAX, -1, i32::MIN] {
        for (name, args) in [
            ("fd_close", args![fd].to_vec()),
            ("fd_fdstat_get", args![fd, OUT].to_vec()),
            ("fd_filestat_get", args![fd, OUT].to_vec()),
            ("fd_read", args![fd, OUT, 0, OUT].to_vec()),
            ("fd_write", args![fd, OUT, 0, OUT].to_vec()),
            ("fd_readdir", args![fd, OUT, 8, 0i64, OUT].to_vec()),
            ("fd_renumber", args![fd, 3].to_vec()),
            ("fd_renumber", args![3, fd].to_vec()),
            ("fd_prestat_get", args![fd, OUT].to_vec()),
            ("path_unlink_file", args![fd, 0x30000, 4].to_vec()),
            ("sock_shutdown", args![fd, 0].to_vec()),
        ] {
            assert_eq!(guest.answer(name, &args), Err(Errno::BADF), "{name} {fd}");
        }
    }
}

#[test]
fn sockets_are_not_served() {
    let (mut guest, fd) = guest();

    for fd in [1, Guest::ROOT, fd] {
        assert_eq!(guest.answer("sock_accept", args![fd, 0, OUT]), Err(Errno::NOTSOCK));
        assert_eq!(guest.answer("sock_recv", args![fd, OUT, 0, 0, OUT, OUT]), Err(Errno::NOTSOCK));
        assert_eq!(guest.answer("sock_send", args![fd, OUT, 0, 0, OUT]), Err(Errno::NOTSOCK));
        assert_eq!(guest.answer("sock_shutdown", args![fd, 3]), Err(Errno::NOTSOCK));
    }
}

#[test]
fn signals_are_not_raised() {
    let (mut guest, _) = guest();

    for signal in [0, 9, 255, -1] {
        assert_eq!(guest.answer("proc_raise", args![signal]), Err(Errno::NOTSUP));
    }
}

#[test]
fn paths_that_are_no_utf8_are_ilseq() {
    let (mut guest, _) = guest();
    let bad = b"fi\xffle";

    assert_eq!(guest.open(bad, Open::CREATE), Err(Errno::ILSEQ));
    assert_eq!(guest.mkdir(bad), Err(Errno::ILSEQ));
    assert_eq!(guest.lstat(bad), Err(Errno::ILSEQ));
    assert_eq!(guest.unlink(bad), Err(Errno::ILSEQ));
    assert_eq!(guest.names("."), Ok(vec!["file".to_owned()]));
}
