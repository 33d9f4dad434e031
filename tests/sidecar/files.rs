//! Files of every type, what their numbers may be used for, and what a read-only export refuses.

use crate::gofer::name;
use crate::programs::is_root;
use crate::subject::{Here, Subject};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use wasi_gofer::abi::{Errno, FileType, Mode, OpenFlags, SetStat, SetStatReport, Timespec};
use wasi_gofer::proto::lisafs::*;

const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

#[test]
fn open_of_a_pipe_never_waits_and_hands_it_out() {
    let mut here = Here::new();
    let common = CreateCommon::new(here.root, Some(FileType::Fifo), Mode::new(0o600));
    let fd = here.ask(&MknodAt { common, minor: 0, major: 0, name: name("pipe") }, |inode| inode.control);
    let fd = fd.expect("made");
    let open = |flags| OpenAt { fd, flags: open_bits(flags) };
    // Nobody reads, so it cannot be written; to read is to have it.
    assert_eq!(here.done(&open(OpenFlags::WRITE)), Err(Errno::Nxio.into()));
    let (opened, fds) = here.ask_with_fds(&open(OpenFlags::READ), |reply| reply.fd).expect("opened");
    assert_eq!(fds.len(), 1);
    let flags = rustix::fs::fcntl_getfl(&fds[0]).expect("told");
    assert!(flags.contains(rustix::fs::OFlags::NONBLOCK));
    assert_eq!(here.done(&PRead { offset: 0, fd: opened, count: 1 }), Err(Errno::Spipe.into()));
    let (_, fds) = here.ask_with_fds(&open(OpenFlags::WRITE), |reply| reply.fd).expect("somebody reads");
    assert_eq!(fds.len(), 1);
    here.finish();
}

#[test]
fn open_of_devices_sockets_links_and_directories_is_refused_by_type() {
    let mut here = Here::new();
    let _listener = UnixListener::bind(here.host("socket")).expect("bound");
    std::os::unix::fs::symlink("socket", here.host("link")).expect("made");
    std::fs::create_dir(here.host("dir")).expect("made");
    let mut refused = vec![("socket", 0, Errno::Nxio), ("link", 0, Errno::Inval)];
    for flags in [1, 2, 0x200, 0x201] {
        refused.push(("dir", flags, Errno::Isdir));
    }
    refused.push(("dir", 3, Errno::Inval));
    if is_root() {
        use rustix::fs::{CWD, FileType as OsType, Mode as OsMode, makedev, mknodat};
        let null =
            mknodat(CWD, here.host("null"), OsType::CharacterDevice, OsMode::from_raw_mode(0o666), makedev(1, 3));
        match null {
            Ok(()) => refused.push(("null", 0, Errno::Perm)),
            // In a user namespace that is all that root may not.
            Err(rustix::io::Errno::PERM) => eprintln!("no device can be made here: opening one is SKIPPED"),
            Err(errno) => panic!("{errno}"),
        }
    }
    for (at, flags, errno) in refused {
        let fd = here.control(&[at]);
        assert_eq!(here.done(&OpenAt { fd, flags }), Err(errno.into()), "{at} {flags}");
    }
    // Devices are made by nobody either.
    for (bits, errno) in [(0o020_666, Errno::Perm), (0o060_666, Errno::Perm), (0o040_666, Errno::Perm)] {
        let common = CreateCommon { mode: bits, ..CreateCommon::new(here.root, None, Mode::new(0)) };
        let mknod = MknodAt { common, minor: 3, major: 1, name: name("made") };
        assert_eq!(here.done(&mknod), Err(errno.into()));
    }
    here.finish();
}

#[test]
fn donated_descriptor_has_the_access_that_was_asked_for_and_no_more() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "contents").expect("written");
    let fd = here.control(&["file"]);
    for (flags, reads, writes) in [(OpenFlags::READ, true, false), (OpenFlags::WRITE, false, true), (BOTH, true, true)]
    {
        let open = OpenAt { fd, flags: open_bits(flags) };
        let (opened, fds) = here.ask_with_fds(&open, |reply| reply.fd).expect("opened");
        let [donated] = <[_; 1]>::try_from(fds).expect("one");
        assert!(rustix::fs::fcntl_getfl(&donated).expect("told").contains(rustix::fs::OFlags::NONBLOCK));
        let donated = std::fs::File::from(donated);
        assert_eq!(donated.read_at(&mut [0; 4], 0).is_ok(), reads);
        assert_eq!(donated.write_at(b"c", 0).is_ok(), writes);
        assert_eq!(here.done(&PRead { offset: 0, fd: opened, count: 4 }).is_ok(), reads);
        assert_eq!(here.done(&PWrite { offset: 0, fd: opened, data: b"c" }).is_ok(), writes);
    }
    here.finish();
}

#[test]
fn append_goes_behind_what_others_wrote_and_tells_the_end() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "of others\n").expect("written");
    let fd = here.control(&["file"]);
    let mut opened = |flags| here.ask(&OpenAt { fd, flags: open_bits(flags) }, |reply| reply.fd).expect("opened");
    let (read, write, both) = (opened(OpenFlags::READ), opened(OpenFlags::WRITE), opened(BOTH));
    let mut append = |fd, data: &[u8]| here.ask(&Append { fd, data }, |reply| (reply.end, reply.count));
    assert_eq!(append(write, b"one\n"), Ok((14, 4)));
    assert_eq!(append(both, b""), Ok((14, 0)));
    assert_eq!(append(both, b"two\n"), Ok((18, 4)));
    assert_eq!(append(read, b"three\n"), Err(Errno::Badf.into()));
    let mut other = std::fs::OpenOptions::new().append(true).open(here.host("file")).expect("there");
    std::io::Write::write_all(&mut other, b"of others\n").expect("written");
    // Neither what was written at its place before nor by a descriptor moves the end to which one goes.
    here.done(&PWrite { offset: 0, fd: both, data: b"OF" }).expect("written");
    assert_eq!(here.ask(&Append { fd: write, data: b"four\n" }, |reply| (reply.end, reply.count)), Ok((33, 5)));
    let there = std::fs::read_to_string(here.host("file")).expect("there");
    assert_eq!(there, "OF others\none\ntwo\nof others\nfour\n");
    let dir = here.ask(&OpenAt { fd: here.root, flags: 0 }, |reply| reply.fd).expect("opened");
    assert_eq!(here.done(&Append { fd: dir, data: b"x" }), Err(Errno::Badf.into()));
    here.finish();
}

#[test]
fn append_of_more_bytes_than_it_says_or_has_is_refused_and_appends_nothing() {
    let mut here = Here::new();
    let common = CreateCommon::new(here.root, None, Mode::new(0o600));
    let create = OpenCreateAt { common, flags: open_bits(BOTH), name: name("file") };
    let fd = here.ask(&create, |reply| reply.fd).expect("made");
    let limit = here.client.limit();
    let head = AppendHead { fd, count: 100 };
    let short = here.client.call_with(&crate::gofer::soon(), &head, b"ten bytes").map(|_| ());
    assert_eq!(short, Err(Errno::Io.into()));
    // As large as a message can be; and one byte more, which a client of ours does not send.
    let data = vec![7; limit - 12];
    assert_eq!(here.ask(&Append { fd, data: &data }, |reply| reply.count), Ok(data.len() as u64));
    let size = here.stat(fd).expect("attributes").size.get();
    let data = vec![7; limit - 11];
    assert!(here.done(&Append { fd, data: &data }).is_err());
    assert_eq!(here.stat(fd).expect("attributes").size.get(), size);
    here.finish();
}

#[test]
fn directory_that_is_open_is_never_handed_out() {
    let mut here = Here::new();
    let (_, fds) = here.ask_with_fds(&OpenAt { fd: here.root, flags: 0 }, |reply| reply.fd).expect("opened");
    assert!(fds.is_empty());
    let mounted = here.client.mount(&crate::gofer::soon()).expect("mounted");
    assert!(mounted.fd.is_none());
    here.finish();
}

#[test]
fn allocate_of_other_modes_is_refused_and_the_connection_goes_on() {
    let mut here = Here::new();
    let common = CreateCommon::new(here.root, None, Mode::new(0o600));
    let create = OpenCreateAt { common, flags: open_bits(BOTH), name: name("file") };
    let fd = here.ask(&create, |reply| reply.fd).expect("made");
    for mode in [1, 2, 3, 8, 16, u64::MAX, 1 << 32] {
        let allocate = FAllocate { fd, mode, offset: 0, length: 10 };
        assert_eq!(here.done(&allocate), Err(Errno::Opnotsupp.into()), "{mode}");
    }
    assert_eq!(here.done(&FAllocate { fd, mode: 0, offset: u64::MAX, length: 1 }), Err(Errno::Inval.into()));
    assert_eq!(here.stat(fd).expect("attributes").size.get(), 0);
    here.finish();
}

#[test]
fn reads_and_writes_at_the_ends_of_what_can_be_are_errnos() {
    let mut here = Here::new();
    let common = CreateCommon::new(here.root, None, Mode::new(0o600));
    let create = OpenCreateAt { common, flags: open_bits(BOTH), name: name("file") };
    let fd = here.ask(&create, |reply| reply.fd).expect("made");
    let limit = u32::try_from(here.client.limit()).expect("it fits");
    assert!(here.done(&PRead { offset: 0, fd, count: limit - 8 }).is_ok());
    for count in [limit - 7, limit, u32::MAX] {
        assert_eq!(here.done(&PRead { offset: 0, fd, count }), Err(Errno::Overflow.into()));
    }
    for offset in [u64::MAX, 1 << 63, u64::MAX - 1] {
        assert_eq!(here.done(&PRead { offset, fd, count: 1 }), Err(Errno::Inval.into()));
        assert_eq!(here.done(&PWrite { offset, fd, data: b"x" }), Err(Errno::Inval.into()));
    }
    assert_eq!(here.ask(&PWrite { offset: 3, fd, data: b"" }, |reply| reply.count), Ok(0));
    assert_eq!(here.stat(fd).expect("attributes").size.get(), 0);
    here.finish();
}

#[test]
fn set_stat_with_an_unknown_bit_is_perm_and_nothing_is_set() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "contents").expect("written");
    let fd = here.control(&["file"]);
    for bit in [0x1, 0x4, 0x80, 0x100, 0x400, 0x800, 1 << 31] {
        let request = SetStatRequest::new(fd, &SetStat { size: Some(0), ..SetStat::default() });
        let request = SetStatRequest { mask: request.mask | bit, ..request };
        assert_eq!(here.done(&request), Err(Errno::Perm.into()));
    }
    let nanos =
        SetStatRequest { mtime_nanos: 1_000_000_000, mask: 0x40, ..SetStatRequest::new(fd, &SetStat::default()) };
    assert_eq!(here.done(&nanos), Err(Errno::Inval.into()));
    assert_eq!(std::fs::read(here.host("file")).expect("read"), b"contents");
    here.finish();
}

#[test]
fn owner_comes_last_and_clears_set_user_id_bits() {
    if !is_root() {
        return;
    }
    let mut here = Here::new();
    std::fs::write(here.host("file"), "").expect("written");
    let fd = here.control(&["file"]);
    let set = SetStat { mode: Some(Mode::new(0o4755)), uid: Some(7), ..SetStat::default() };
    let report = here.ask(&SetStatRequest::new(fd, &set), |reply| reply.to_report()).expect("answered");
    assert_eq!(report, Ok(SetStatReport::DONE));
    assert_eq!((here.host("file").metadata().expect("there").mode() & 0o7777), 0o755);
    here.finish();
}

#[test]
fn owner_of_what_is_made_is_the_message_s_else_the_export_s() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut here = Here::over(dir, |export| export.owner(Some(12), Some(34)));
    let root = here.root;
    let own = |uid, gid| CreateCommon { uid, gid, ..CreateCommon::new(root, None, Mode::new(0o640)) };
    let cases = [("a", NO_ID, NO_ID, (12, 34)), ("b", 5, NO_ID, (5, 34)), ("c", 5, 6, (5, 6)), ("d", 0, 0, (0, 0))];
    for (at, uid, gid, expected) in cases {
        let common = own(uid, gid);
        let node = CreateCommon { mode: 0o100_640, ..common };
        let (dir, file) = (format!("{at}-dir"), format!("{at}-file"));
        let (link, mknod) = (format!("{at}-link"), format!("{at}-node"));
        here.done(&MkdirAt { common, name: name(&dir) }).expect("made");
        here.done(&OpenCreateAt { common, flags: 2, name: name(&file) }).expect("made");
        here.done(&SymlinkAt { dir: root, uid, gid, name: name(&link), target: Str(b"x") }).expect("made");
        let stat = here.ask(&MknodAt { common: node, minor: 0, major: 0, name: name(&mknod) }, |inode| inode.stat);
        assert_eq!(stat.map(|stat| (stat.uid.get(), stat.gid.get())), Ok(expected));
        for at in [dir, file, link, mknod] {
            let host = here.host(&at).symlink_metadata().expect("there");
            assert_eq!((host.uid(), host.gid()), expected, "{at}");
        }
    }
    here.finish();
}

#[test]
fn xattrs_of_users_are_served_where_the_export_says_so_and_no_others() {
    // Not where temporary files are: that may be a tmpfs, and before Linux 6.6 those have none.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut here = Here::over(dir, |export| export.xattrs(true));
    std::fs::write(here.host("file"), "").expect("written");
    std::os::unix::fs::symlink("file", here.host("link")).expect("made");
    let (fd, link, root) = (here.control(&["file"]), here.control(&["link"]), here.root);
    for fd in [fd, root] {
        let set = |flags, value: &'static [u8]| FSetXattr { fd, flags, name: Str(b"user.one"), value: Str(value) };
        assert_eq!(here.done(&set(2, b"x")), Err(Errno::Nodata.into()));
        here.done(&set(1, b"value")).expect("set");
        assert_eq!(here.done(&set(1, b"x")), Err(Errno::Exist.into()));
        assert_eq!(here.done(&set(4, b"x")), Err(Errno::Inval.into()));
        let get = |size| FGetXattr { fd, size, name: Str(b"user.one") };
        for size in [0, 5, 100] {
            assert_eq!(here.ask(&get(size), |value| value.0.to_vec()).as_deref(), Ok(&b"value"[..]));
        }
        assert_eq!(here.done(&get(4)), Err(Errno::Range.into()));
        let list = here.ask(&FListXattr { fd, size: 0 }, |names| names.iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        assert_eq!(list, Ok(vec![b"user.one".to_vec()]));
        assert_eq!(here.done(&FListXattr { fd, size: 3 }), Err(Errno::Range.into()));
        here.done(&FRemoveXattr { fd, name: Str(b"user.one") }).expect("removed");
        assert_eq!(here.done(&FRemoveXattr { fd, name: Str(b"user.one") }), Err(Errno::Nodata.into()));
        assert_eq!(here.ask(&FListXattr { fd, size: 0 }, |names| names.len()), Ok(0));
    }
    for other in ["security.capability", "trusted.x", "system.posix_acl_access", "user", "", "users.x"] {
        let refused = Err(Errno::Opnotsupp.into());
        let name = Str(other.as_bytes());
        assert_eq!(here.done(&FGetXattr { fd, size: 0, name }), refused, "{other}");
        assert_eq!(here.done(&FSetXattr { fd, flags: 0, name, value: Str(b"x") }), refused, "{other}");
        assert_eq!(here.done(&FRemoveXattr { fd, name }), refused, "{other}");
    }
    for bad in [&b"user."[..], b"user.a\0b"] {
        let set = FSetXattr { fd, flags: 0, name: Str(bad), value: Str(b"x") };
        assert_eq!(here.done(&set), Err(Errno::Inval.into()));
    }
    assert_eq!(here.done(&FGetXattr { fd: link, size: 0, name: Str(b"user.x") }), Err(Errno::Nodata.into()));
    assert_eq!(here.ask(&FListXattr { fd: link, size: 0 }, |names| names.len()), Ok(0));
    here.finish();
}

#[test]
fn times_of_now_and_times_left_out_are_the_server_s_and_stay() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "").expect("written");
    let fd = here.control(&["file"]);
    let set = |secs| SetStatRequest {
        mask: 0x60,
        atime_secs: secs,
        atime_nanos: 3,
        mtime_nanos: 0x3fff_fffe,
        ..SetStatRequest::new(fd, &SetStat::default())
    };
    let mtime = here.stat(fd).expect("attributes").mtime;
    here.done(&set(77)).expect("set");
    let stat = here.stat(fd).expect("attributes").to_stat().expect("attributes");
    assert_eq!(stat.atime, Timespec { secs: 77, nanos: 3 });
    assert_eq!(here.stat(fd).expect("attributes").mtime, mtime);
    here.done(&SetStatRequest { atime_nanos: 0x3fff_ffff, ..set(0) }).expect("set");
    assert!(here.stat(fd).expect("attributes").atime.secs.get() > 1_000_000_000);
    here.finish();
}

/// Every change there is, with what it needs made before.
pub(crate) fn changes<S: Subject>(s: &mut S) -> Vec<(&'static str, Result<(), wasi_gofer::abi::Error>)> {
    let root = s.root();
    let (file, dir) = (s.control(&["file"]), s.control(&["dir"]));
    let open = s.ask(&OpenAt { fd: file, flags: 0 }, |reply| reply.fd).expect("opened to read");
    let common = CreateCommon::new(root, None, Mode::new(0o600));
    let node = CreateCommon::new(root, Some(FileType::Regular), Mode::new(0o600));
    let x = name("x");
    let mode = SetStatRequest::new(file, &SetStat { mode: Some(Mode::new(0)), ..SetStat::default() });
    let rename = RenameAt { old_dir: root, new_dir: dir, old_name: name("file"), new_name: x };
    let bind = BindAt { common, socket_type: 1, name: x };
    let symlink = SymlinkAt { dir: root, uid: NO_ID, gid: NO_ID, name: x, target: Str(b"x") };
    vec![
        ("set_stat", s.done(&mode)),
        ("open to write", s.done(&OpenAt { fd: file, flags: 1 })),
        ("open to read and write", s.done(&OpenAt { fd: file, flags: 2 })),
        ("open to empty", s.done(&OpenAt { fd: file, flags: 0x200 })),
        ("create", s.done(&OpenCreateAt { common, flags: 0, name: x })),
        ("write", s.done(&PWrite { offset: 0, fd: open, data: b"x" })),
        ("append", s.done(&Append { fd: open, data: b"x" })),
        ("allocate", s.done(&FAllocate { fd: open, mode: 0, offset: 0, length: 99 })),
        ("mkdir", s.done(&MkdirAt { common, name: x })),
        ("mknod", s.done(&MknodAt { common: node, minor: 0, major: 0, name: x })),
        ("symlink", s.done(&symlink)),
        ("link", s.done(&LinkAt { dir, target: file, name: x })),
        ("unlink", s.done(&UnlinkAt { dir: root, flags: 0, name: name("file") })),
        ("rmdir", s.done(&UnlinkAt { dir: root, flags: UNLINK_DIRECTORY, name: name("dir") })),
        ("rename", s.done(&rename)),
        ("rename2", s.done(&RenameAt2 { names: rename, flags: 2 })),
        ("bind", s.done(&bind)),
    ]
}

/// What a read-only export is to go on doing.
pub(crate) fn looks<S: Subject>(s: &mut S) {
    let file = s.control(&["file"]);
    let open = s.ask(&OpenAt { fd: file, flags: 0 }, |reply| reply.fd).expect("opened to read");
    assert_eq!(s.ask(&PRead { offset: 0, fd: open, count: 99 }, |reply| reply.data.to_vec()).expect("read"), b"kept");
    let list = s.ask(&OpenAt { fd: s.root(), flags: 0 }, |reply| reply.fd).expect("opened");
    assert_eq!(s.ask(&Getdents64 { fd: list, count: 4096 }, |entries| entries.len()), Ok(2));
    s.done(&FSync { fds: &[open] }).expect("synced");
    s.done(&Flush { fd: open }).expect("told");
    s.done(&FStatFs { fd: file }).expect("told");
}

#[test]
fn read_only_export_refuses_every_change_with_rofs() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("file"), "kept").expect("written");
    std::fs::create_dir(dir.path().join("dir")).expect("made");
    let mut here = Here::over(dir, |export| export.read_only(true).xattrs(true));
    for (what, result) in changes(&mut here) {
        assert_eq!(result, Err(Errno::Rofs.into()), "{what}");
    }
    let fd = here.control(&["file"]);
    let set = FSetXattr { fd, flags: 0, name: Str(b"user.x"), value: Str(b"x") };
    assert_eq!(here.done(&set), Err(Errno::Rofs.into()));
    assert_eq!(here.done(&FRemoveXattr { fd, name: Str(b"user.x") }), Err(Errno::Rofs.into()));
    looks(&mut here);
    here.finish();
}
