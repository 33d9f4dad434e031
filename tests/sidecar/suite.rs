//! The cases of gVisor's own suite for servers of lisafs, with its assertions, over each subject.

use crate::gofer::{Gofer, name};
use crate::subject::{Here, Program, Subject};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use wasi_gofer::abi::{Errno, FileType, Mode, Name, OpenFlags, SetStat, SetStatReport, SetTime, Timespec};
use wasi_gofer::proto::lisafs::*;

const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

fn ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

fn common<S: Subject>(s: &S, file_type: Option<FileType>, mode: u32) -> CreateCommon {
    let (uid, gid) = ids();
    CreateCommon { uid, gid, ..CreateCommon::new(s.root(), file_type, Mode::new(mode)) }
}

/// Makes a file and opens it; the donated descriptor has to be there.
fn create<S: Subject>(s: &mut S, at: &str, mode: u32) -> (Inode, FdId, std::fs::File) {
    let create = OpenCreateAt { common: common(s, None, mode), flags: open_bits(BOTH), name: name(at) };
    let ((inode, fd), fds) = s.ask_with_fds(&create, |reply| (*reply.inode, reply.fd)).expect("made");
    let [donated] = <[_; 1]>::try_from(fds).expect("a descriptor comes with a regular file");
    (inode, fd, donated.into())
}

fn write_all<S: Subject>(s: &mut S, fd: FdId, data: &[u8]) {
    let room = s.client().limit() - 20;
    let mut offset = 0;
    for part in data.chunks(room) {
        let written = s.ask(&PWrite { offset, fd, data: part }, |reply| reply.count).expect("written");
        assert_eq!(written, part.len() as u64);
        offset += written;
    }
}

fn read_all<S: Subject>(s: &mut S, fd: FdId, mut offset: u64) -> Vec<u8> {
    let count = u32::try_from(s.client().limit() - 8).expect("it fits");
    let mut all = Vec::new();
    loop {
        let part = s.ask(&PRead { offset, fd, count }, |reply| reply.data.to_vec()).expect("read");
        if part.is_empty() {
            return all;
        }
        offset += part.len() as u64;
        all.extend(part);
    }
}

fn stat_of_the_root_is_a_directory<S: Subject>(s: &mut S) {
    let root = s.root();
    let stat = s.stat(root).expect("attributes").to_stat().expect("attributes");
    assert_eq!(stat.file_type, FileType::Directory);
}

fn regular_file_io_of_two_mebibytes_is_read_back<S: Subject>(s: &mut S) {
    let (inode, fd, donated) = create(s, "file", 0o666);
    assert_eq!(inode.stat.mode.get(), 0o100_666);
    let data: Vec<u8> = (0..2u32 << 20).map(|at| (at * 7 % 251) as u8).collect();
    write_all(s, fd, &data);
    assert!(read_all(s, fd, 0) == data);
    assert!(read_all(s, fd, 50) == data[50..]);
    let mut through = vec![0; data.len()];
    donated.read_exact_at(&mut through, 0).expect("read");
    assert!(through == data);
    s.done(&FSync { fds: &[fd] }).expect("synced");
    s.done(&Close { fds: &[fd, inode.control] }).expect("closed");
}

fn regular_file_open_for_reading_cannot_write<S: Subject>(s: &mut S) {
    let (inode, _, _) = create(s, "file", 0o666);
    let open = OpenAt { fd: inode.control, flags: open_bits(OpenFlags::READ) };
    let (fd, fds) = s.ask_with_fds(&open, |reply| reply.fd).expect("opened");
    assert_eq!(fds.len(), 1);
    assert_eq!(s.done(&PWrite { offset: 0, fd, data: b"x" }), Err(Errno::Badf.into()));
}

fn set_stat_of_everything_is_told_by_stat<S: Subject>(s: &mut S) {
    let (inode, _, _) = create(s, "file", 0o666);
    let (uid, gid) = ids();
    let before = inode.stat.to_stat().expect("attributes");
    // A second later, for what updates access times at most once in a while.
    let later = |time: Timespec| Timespec { secs: time.secs + 1, ..time };
    let (atime, mtime) = (later(before.atime), later(before.mtime));
    let set = SetStat {
        mode: Some(Mode::new(0o760)),
        uid: Some(uid),
        gid: Some(gid),
        size: Some(50),
        atime: Some(SetTime::At(atime)),
        mtime: Some(SetTime::At(mtime)),
    };
    let report = s.ask(&SetStatRequest::new(inode.control, &set), |reply| reply.to_report()).expect("answered");
    assert_eq!(report, Ok(SetStatReport::DONE));
    let stat = s.stat(inode.control).expect("attributes").to_stat().expect("attributes");
    assert_eq!((stat.mode, stat.uid, stat.gid, stat.size), (Mode::new(0o760), uid, gid, 50));
    assert_eq!((stat.atime, stat.mtime), (atime, mtime));
}

fn allocate_twice_extends_the_file<S: Subject>(s: &mut S) {
    let (inode, fd, _) = create(s, "file", 0o666);
    for (offset, length, size) in [(0, 40, 40), (20, 100, 120)] {
        s.done(&FAllocate { fd, mode: 0, offset, length }).expect("allocated");
        assert_eq!(s.stat(inode.control).expect("attributes").size.get(), size);
    }
}

fn statfs_of_the_root_succeeds<S: Subject>(s: &mut S) {
    let fd = s.root();
    let figures = s.ask(&FStatFs { fd }, |reply| reply.to_stat_fs()).expect("answered").expect("figures");
    assert!(figures.block_size > 0 && figures.name_max == 255);
}

fn unlink_leaves_nothing_for_a_walk<S: Subject>(s: &mut S) {
    let (_, fd, _) = create(s, "file", 0o666);
    s.done(&Close { fds: &[fd] }).expect("closed");
    let dir = s.root();
    s.done(&UnlinkAt { dir, flags: 0, name: name("file") }).expect("removed");
    assert_eq!(s.walk(dir, &["file"]), Ok((WalkStatus::Missing, Vec::new())));
}

fn symlink_is_one_and_tells_its_target<S: Subject>(s: &mut S) {
    let (uid, gid) = ids();
    let symlink = SymlinkAt { dir: s.root(), uid, gid, name: name("link"), target: Str(b"/tmp/some/target") };
    let inode = s.ask(&symlink, |inode| *inode).expect("made");
    assert_eq!(inode.stat.to_stat().expect("attributes").file_type, FileType::Symlink);
    let target = s.ask(&ReadLinkAt { fd: inode.control }, |target| target.0.to_vec());
    assert_eq!(target.as_deref(), Ok(&b"/tmp/some/target"[..]));
}

fn hard_link_is_the_same_inode<S: Subject>(s: &mut S) {
    let (inode, _, _) = create(s, "file", 0o666);
    let link = LinkAt { dir: s.root(), target: inode.control, name: name("link") };
    let linked = s.ask(&link, |inode| *inode).expect("linked");
    let key = |stat: &Statx| (stat.ino, stat.dev_major, stat.dev_minor);
    assert_eq!(key(&linked.stat), key(&inode.stat));
}

fn walk_of_ten_directories_and_three_missing_finds_ten<S: Subject>(s: &mut S) {
    let names: Vec<String> = (0..13).map(|at| format!("dir-{at}")).collect();
    let mut parent = s.root();
    let mut made = Vec::new();
    for at in &names[..10] {
        let common = CreateCommon { dir: parent, ..common(s, None, 0o777) };
        let inode = s.ask(&MkdirAt { common, name: name(at) }, |inode| *inode).expect("made");
        parent = inode.control;
        made.push(inode.stat);
    }
    let path: Vec<&str> = names.iter().map(String::as_str).collect();
    let (status, found) = s.walk(s.root(), &path).expect("walked");
    assert_eq!((status, found.len()), (WalkStatus::Missing, 10));
    let same = |one: &Statx, other: &Statx| {
        let is = |stat: &Statx| (stat.ino, stat.dev_minor, stat.dev_major, stat.mode, stat.uid, stat.gid);
        assert_eq!(is(one), is(other));
    };
    found.iter().zip(&made).for_each(|(found, made)| same(&found.stat, made));
    let wire: Vec<Name<'_>> = path.iter().copied().map(name).collect();
    let path = StatPath { with_start: true, names: Names::List(&wire) };
    let stats = s.ask(&WalkStat { dir: s.root(), path }, |reply| reply.stats.to_vec()).expect("walked");
    assert_eq!(stats.len(), 11);
    same(&stats[0], &s.stat(s.root()).expect("attributes"));
    stats[1..].iter().zip(&made).for_each(|(found, made)| same(found, made));
}

fn rename_into_a_subdirectory_is_found_there<S: Subject>(s: &mut S) {
    let (file, _, _) = create(s, "file", 0o666);
    let dir = s.ask(&MkdirAt { common: common(s, None, 0o777), name: name("dir") }, |inode| *inode).expect("made");
    let (old_name, new_name) = (name("file"), name("renamed"));
    s.done(&RenameAt { old_dir: s.root(), new_dir: dir.control, old_name, new_name }).expect("renamed");
    let names = [name("dir"), name("renamed")];
    let path = StatPath { with_start: false, names: Names::List(&names) };
    let stats = s.ask(&WalkStat { dir: s.root(), path }, |reply| reply.stats.to_vec()).expect("walked");
    assert_eq!((stats.len(), stats[0].ino, stats[1].ino), (2, dir.stat.ino, file.stat.ino));
    assert_eq!(s.stat(file.control).expect("it is where it went").ino, file.stat.ino);
}

fn mknod_of_a_regular_file_is_as_asked<S: Subject>(s: &mut S) {
    let common = common(s, Some(FileType::Regular), 0o640);
    let (uid, gid) = ids();
    let inode = s.ask(&MknodAt { common, minor: 0, major: 0, name: name("node") }, |inode| *inode).expect("made");
    let stat = inode.stat.to_stat().expect("attributes");
    assert_eq!((stat.file_type, stat.uid, stat.gid, stat.mode), (FileType::Regular, uid, gid, Mode::new(0o640)));
    let again = s.stat(inode.control).expect("attributes").to_stat().expect("attributes");
    assert_eq!((again.key.ino, again.mode, again.uid, again.gid), (stat.key.ino, stat.mode, uid, gid));
}

fn bind_makes_a_socket_or_is_refused_by_who_has_none<S: Subject>(s: &mut S) {
    let common = common(s, None, 0o777);
    let bound = s.ask_with_fds(&BindAt { common, socket_type: 1, name: name("s") }, |reply| *reply.inode);
    if !S::BINDS {
        assert_eq!(bound.err(), Some(Errno::Perm.into()));
        return;
    }
    let (inode, fds) = bound.expect("bound");
    let stat = inode.stat.to_stat().expect("attributes");
    assert_eq!((stat.file_type, stat.uid, stat.gid, fds.len()), (FileType::Socket, ids().0, ids().1, 1));
    // gVisor's tells the inode number of the bound descriptor here, and of the name there.
    let again = s.stat(inode.control).expect("attributes").to_stat().expect("attributes");
    assert_eq!((again.file_type, again.uid, again.gid), (FileType::Socket, ids().0, ids().1));
}

fn getdents_by_forty_bytes_lists_each_file_once<S: Subject>(s: &mut S) {
    let mut made = BTreeMap::new();
    for at in 0..10 {
        let at = format!("file-{at}");
        let common = common(s, Some(FileType::Regular), 0o640);
        let node = s.ask(&MknodAt { common, minor: 0, major: 0, name: name(&at) }, |inode| *inode).expect("made");
        made.insert(at.into_bytes(), (node.stat.ino.get(), node.stat.to_stat().expect("attributes").key.dev));
    }
    let root = s.root();
    let fd = s.ask(&OpenAt { fd: root, flags: 0 }, |reply| reply.fd).expect("opened");
    let mut listed = BTreeMap::new();
    loop {
        let part = s.ask(&Getdents64 { fd, count: 40 }, |entries| {
            let entry = |entry: WireDirent<'_>| {
                assert_eq!(entry.file_type(), Some(FileType::Regular));
                (entry.raw_name.0.to_vec(), (entry.ino, entry.dev()))
            };
            entries.iter().map(entry).collect::<Vec<_>>()
        });
        let part = part.expect("listed");
        if part.is_empty() {
            break;
        }
        for (name, told) in part {
            assert_eq!(listed.insert(name, told), None);
        }
    }
    assert_eq!(listed, made);
}

macro_rules! suite {
    ($($case:ident)*) => {
        suite! { @subject here Here [$($case)*] }
        suite! { @subject program Program [$($case)*] }
        suite! { @subject gvisor Gofer [$($case)*] }
    };
    (@subject $module:ident $subject:ident [$($case:ident)*]) => {
        mod $module {
            use super::{Subject as _, $subject};

            $(#[test]
            fn $case() {
                let Some(mut subject) = $subject::begin(stringify!($case)) else { return };
                super::$case(&mut subject);
                subject.finish();
            })*
        }
    };
}

suite! {
    stat_of_the_root_is_a_directory
    regular_file_io_of_two_mebibytes_is_read_back
    regular_file_open_for_reading_cannot_write
    set_stat_of_everything_is_told_by_stat
    allocate_twice_extends_the_file
    statfs_of_the_root_succeeds
    unlink_leaves_nothing_for_a_walk
    symlink_is_one_and_tells_its_target
    hard_link_is_the_same_inode
    walk_of_ten_directories_and_three_missing_finds_ten
    rename_into_a_subdirectory_is_found_there
    mknod_of_a_regular_file_is_as_asked
    bind_makes_a_socket_or_is_refused_by_who_has_none
    getdents_by_forty_bytes_lists_each_file_once
}
