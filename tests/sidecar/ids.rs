//! Numbers of files: of the wrong kind, of nothing, of another connection; and more of them than there may be.

use crate::gofer::{name, soon};
use crate::subject::{Here, Subject, eventually};
use crate::wire::{errno, exchange, payload, raw, raw_of, read_frame};
use rustix::event::{PollFd, PollFlags, poll};
use std::sync::Arc;
use wasi_gofer::abi::{Errno, FileType, Mode, SetStat};
use wasi_gofer::backend::directfs::FdBudget;
use wasi_gofer::proto::lisafs::*;
use wasi_gofer::sidecar::{Export, HostUds};

/// What a message wants to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Control,
    Open,
    Either,
    Bound,
}

/// Every message about a file, with this number for it.
fn messages(fd: FdId, dir: FdId) -> Vec<(&'static str, Wants, Mid, Vec<u8>)> {
    use Wants::{Bound, Control, Either, Open};
    let x = name("x");
    let common = CreateCommon::new(fd, None, Mode::new(0o600));
    let node = CreateCommon::new(fd, Some(FileType::Regular), Mode::new(0o600));
    let set = SetStatRequest::new(fd, &SetStat { size: Some(0), ..SetStat::default() });
    let path = StatPath { with_start: true, names: Names::List(&[x]) };
    let rename = |old_dir, new_dir| RenameAt { old_dir, new_dir, old_name: x, new_name: x };
    fn row<R: Request>(what: &'static str, wants: Wants, request: &R) -> (&'static str, Wants, Mid, Vec<u8>) {
        (what, wants, R::MID, payload(request))
    }
    vec![
        row("stat", Either, &FStat { fd }),
        row("statfs", Either, &FStatFs { fd }),
        row("set_stat", Control, &set),
        row("walk", Control, &Walk { dir: fd, names: Names::List(&[x]) }),
        row("walk_stat", Control, &WalkStat { dir: fd, path }),
        row("open", Control, &OpenAt { fd, flags: 0 }),
        row("create", Control, &OpenCreateAt { common, flags: 0, name: x }),
        row("fsync", Open, &FSync { fds: &[fd] }),
        row("write", Open, &PWrite { offset: 0, fd, data: b"x" }),
        row("append", Open, &Append { fd, data: b"x" }),
        row("read", Open, &PRead { offset: 0, fd, count: 1 }),
        row("mkdir", Control, &MkdirAt { common, name: x }),
        row("mknod", Control, &MknodAt { common: node, minor: 0, major: 0, name: x }),
        row("symlink", Control, &SymlinkAt { dir: fd, uid: NO_ID, gid: NO_ID, name: x, target: Str(b"x") }),
        row("link, directory", Control, &LinkAt { dir: fd, target: dir, name: x }),
        row("link, file", Control, &LinkAt { dir, target: fd, name: x }),
        row("allocate", Open, &FAllocate { fd, mode: 0, offset: 0, length: 1 }),
        row("readlink", Control, &ReadLinkAt { fd }),
        row("flush", Open, &Flush { fd }),
        row("connect", Control, &Connect { fd, socket_type: 1 }),
        row(
            "connect_with_creds",
            Control,
            &ConnectWithCreds { connect: Connect { fd, socket_type: 1 }, uid: 0, gid: 0 },
        ),
        row("unlink", Control, &UnlinkAt { dir: fd, flags: 0, name: x }),
        row("rename, from", Control, &rename(fd, dir)),
        row("rename, to", Control, &rename(dir, fd)),
        row("rename2, from", Control, &RenameAt2 { names: rename(fd, dir), flags: 1 }),
        row("rename2, to", Control, &RenameAt2 { names: rename(dir, fd), flags: 2 }),
        row("getdents", Open, &Getdents64 { fd, count: 100 }),
        row("getxattr", Control, &FGetXattr { fd, size: 0, name: Str(b"user.x") }),
        row("setxattr", Control, &FSetXattr { fd, flags: 0, name: Str(b"user.x"), value: Str(b"x") }),
        row("listxattr", Control, &FListXattr { fd, size: 0 }),
        row("removexattr", Control, &FRemoveXattr { fd, name: Str(b"user.x") }),
        row("bind", Control, &BindAt { common, socket_type: 1, name: x }),
        row("listen", Bound, &Listen { socket: fd, backlog: 1 }),
        row("accept", Bound, &Accept { socket: fd }),
    ]
}

#[test]
fn number_of_nothing_or_of_another_connection_is_badf_and_of_another_kind_inval() {
    let everything = |export: Export| export.xattrs(true).host_uds(HostUds::All);
    let mut here = Here::over(tempfile::tempdir().expect("a directory"), everything);
    let root = here.root;
    // Of the other connection: a walk gives many numbers, none of which this one has.
    std::fs::write(here.host("file"), "contents").expect("written");
    let foreign = (0..20).map(|_| here.control(&["file"])).last().expect("one");
    let (control, open) = {
        let control = here.control(&["file"]);
        let open = here.ask(&OpenAt { fd: control, flags: 2 }, |reply| reply.fd).expect("opened");
        (control, open)
    };
    let stream = here.server.connect().expect("connected");
    let mut other = raw_of(&stream);
    let mount = exchange(&mut other, Mid::MOUNT, &[]);
    let dir = decode::<MountReply<'_>>(&mount.1).expect("mounted").root.control;
    let opened = exchange(&mut other, Mid::OPEN_AT, &payload(&OpenAt { fd: dir, flags: 0 }));
    let open_dir = decode::<OpenReply>(&opened.1).expect("opened").fd;
    let common = CreateCommon::new(dir, None, Mode::new(0o600));
    let bound = exchange(&mut other, Mid::BIND_AT, &payload(&BindAt { common, socket_type: 1, name: name("s") }));
    let socket = decode::<BindAtReply<'_>>(&bound.1).expect("bound").socket;
    let mut tried = 0;
    for unknown in [foreign, control, open, FdId::NONE, FdId::new(u64::MAX), FdId::new(1 << 32)] {
        for (what, _, mid, payload) in messages(unknown, dir) {
            assert_eq!(errno(&exchange(&mut other, mid, &payload)), Some(Errno::Badf), "{what} of {unknown:?}");
            tried += 1;
        }
    }
    for (wrong, is) in [(dir, Wants::Control), (open_dir, Wants::Open), (socket, Wants::Bound)] {
        for (what, wants, mid, payload) in messages(wrong, dir) {
            if wants == is || (wants == Wants::Either && is != Wants::Bound) {
                continue;
            }
            assert_eq!(errno(&exchange(&mut other, mid, &payload)), Some(Errno::Inval), "{what} of a wrong kind");
            tried += 1;
        }
    }
    assert!(tried > 250, "{tried}");
    // Nothing of it did anything.
    assert_eq!(std::fs::read_dir(here.host("")).expect("listed").count(), 2);
    assert_eq!(std::fs::read(here.host("file")).expect("read"), b"contents");
    assert!(here.stat(root).is_ok());
    drop((stream, other));
    here.finish();
}

#[test]
fn close_of_what_is_not_there_closes_the_rest() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "").expect("written");
    let fd = here.control(&["file"]);
    here.done(&Close { fds: &[FdId::NONE, FdId::new(77), fd, fd] }).expect("closed");
    assert_eq!(here.stat(fd), Err(Errno::Badf.into()));
    here.finish();
}

#[test]
fn flood_of_control_files_is_mfile_at_the_bound_and_leaves_nothing() {
    let mut here = Here::limited(|limits| limits.controls = 100);
    std::fs::create_dir_all(here.host("a/b/c")).expect("made");
    let root = here.root;
    let mut taken = vec![];
    let refused = loop {
        match here.walk(root, &["a", "b", "c"]) {
            Ok((_, found)) => taken.extend(found.iter().map(|inode| inode.control)),
            Err(error) => break error,
        }
    };
    // One is the root's.
    assert_eq!((refused, taken.len()), (Errno::Mfile.into(), 99));
    let common = CreateCommon::new(root, None, Mode::new(0o700));
    assert_eq!(here.done(&MkdirAt { common, name: name("new") }), Err(Errno::Mfile.into()));
    assert_eq!(here.done(&OpenCreateAt { common, flags: 2, name: name("new") }), Err(Errno::Mfile.into()));
    assert_eq!(here.done(&Mount {}), Err(Errno::Mfile.into()));
    assert!(!here.host("new").exists());
    here.done(&Close { fds: &taken[..10] }).expect("closed");
    here.done(&MkdirAt { common, name: name("new") }).expect("there is room");
    // Others have their own.
    let (mut other, root) = here.another();
    assert!(other.call(&soon(), &FStat { fd: root }).is_ok());
    drop(other);
    here.finish();
}

#[test]
fn flood_of_open_files_is_mfile_at_the_bound_of_a_connection_and_nfile_at_that_of_all() {
    let budget = FdBudget::new(8);
    let mut here = Here::over(tempfile::tempdir().expect("a directory"), |export| {
        let limits = wasi_gofer::sidecar::Limits { opens: 10, ..Default::default() };
        export.limits(limits).budget(Arc::clone(&budget))
    });
    std::fs::write(here.host("file"), "").expect("written");
    let fd = here.control(&["file"]);
    let open = OpenAt { fd, flags: 0 };
    let first = here.ask(&open, |reply| reply.fd).expect("opened");
    (1..10).for_each(|_| here.done(&open).expect("opened"));
    assert_eq!(here.done(&open), Err(Errno::Mfile.into()));
    let common = CreateCommon::new(here.root, None, Mode::new(0o700));
    assert_eq!(here.done(&OpenCreateAt { common, flags: 2, name: name("new") }), Err(Errno::Mfile.into()));
    // Twice the budget are for all connections.
    let (mut other, root) = here.another();
    let open_root = OpenAt { fd: root, flags: 0 };
    (0..6).for_each(|_| drop(other.call(&soon(), &open_root).expect("opened")));
    assert_eq!(other.call(&soon(), &open_root).err(), Some(Errno::Nfile.into()));
    let common = CreateCommon::new(root, None, Mode::new(0o700));
    let create = OpenCreateAt { common, flags: 2, name: name("new") };
    assert_eq!(other.call(&soon(), &create).err(), Some(Errno::Nfile.into()));
    assert!(!here.host("new").exists());
    here.done(&Close { fds: &[first] }).expect("closed");
    assert!(other.call(&soon(), &open_root).is_ok());
    drop(other);
    here.finish();
}

#[test]
fn flood_of_places_is_nfile_at_the_bound_of_the_server_and_makes_nothing() {
    let mut here = Here::limited(|limits| limits.nodes = 50);
    for at in 0..60 {
        std::fs::write(here.host(&format!("file-{at}")), "").expect("written");
    }
    let root = here.root;
    let found: Vec<_> = (0..60).map(|at| here.walk(root, &[&format!("file-{at}")]).map(|_| ())).collect();
    assert!(found[..50].iter().all(Result::is_ok));
    assert!(found[50..].iter().all(|found| *found == Err(Errno::Nfile.into())));
    // One that is known takes no room.
    assert!(here.walk(root, &["file-3"]).is_ok());
    let common = CreateCommon::new(root, None, Mode::new(0o700));
    assert_eq!(here.done(&MkdirAt { common, name: name("new") }), Err(Errno::Nfile.into()));
    assert_eq!(here.done(&OpenCreateAt { common, flags: 2, name: name("new") }), Err(Errno::Nfile.into()));
    let symlink = SymlinkAt { dir: root, uid: NO_ID, gid: NO_ID, name: name("new"), target: Str(b"x") };
    assert_eq!(here.done(&symlink), Err(Errno::Nfile.into()));
    assert!(here.host("new").symlink_metadata().is_err());
    here.finish();
}

#[test]
fn connection_beyond_the_bound_is_refused_until_another_ends() {
    let here = Here::limited(|limits| limits.connections = 3);
    let second = here.another();
    let third = here.server.connect().expect("connected");
    assert!(here.server.connect().is_err());
    drop(third);
    eventually("room for another", || here.server.connect().is_ok());
    drop(second);
    here.finish();
}

#[test]
fn files_of_a_connection_that_ends_are_closed() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "").expect("written");
    let fd = here.control(&["file"]);
    for _ in 0..100 {
        here.done(&OpenAt { fd, flags: 2 }).expect("opened");
    }
    assert_eq!(here.server.taken(), "1 nodes, 100 open files");
    here.finish();
}

#[test]
fn descriptors_that_a_client_sends_are_closed_and_end_its_connection_alone() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::mem::MaybeUninit;
    let mut here = Here::new();
    for count in [1, 3, 200] {
        let stream = here.server.connect().expect("connected");
        let mut peer = raw_of(&stream);
        let (read, write) = std::io::pipe().expect("a pipe");
        let fds = vec![rustix::fd::AsFd::as_fd(&write); count];
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(200))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let mount = crate::wire::request(&Mount {});
        sendmsg(&peer, &[std::io::IoSlice::new(&mount)], &mut control, SendFlags::empty()).expect("sent");
        assert_eq!(read_frame(&mut peer), None);
        drop(write);
        // All other ends of the pipe are closed: the kernel says so.
        let mut polled = [PollFd::new(&read, PollFlags::empty())];
        poll(&mut polled, None).expect("polled");
        assert!(polled[0].revents().contains(PollFlags::HUP));
    }
    let root = here.root;
    assert!(here.stat(root).is_ok());
    here.finish();
}

#[test]
fn connection_that_is_not_mounted_has_no_file() {
    let here = Here::over(tempfile::tempdir().expect("a directory"), |export| export.xattrs(true));
    let stream = here.server.connect().expect("connected");
    let mut peer = raw(rustix::fd::AsFd::as_fd(&stream).try_clone_to_owned().expect("duplicated"));
    for (what, _, mid, payload) in messages(FdId::new(1), FdId::new(1)) {
        assert_eq!(errno(&exchange(&mut peer, mid, &payload)), Some(Errno::Badf), "{what}");
    }
    drop((stream, peer));
    here.finish();
}
