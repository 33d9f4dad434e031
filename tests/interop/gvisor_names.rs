//! Walks, creations, removals, listings.

use crate::gofer::{Gofer, assert_is, name, soon};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use wasi_gofer::abi::{Errno, FileType, Mode, Name};
use wasi_gofer::proto::lisafs::*;

/// A request that no server knows.
struct Unknown;

impl Encode for Unknown {
    fn encode(&self, _: &mut Writer<'_>) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl Request for Unknown {
    const MID: Mid = Mid(300);
    const FDS: usize = 0;
    type Reply<'r> = ();
}

#[test]
fn mount_offers_the_messages_of_its_version_and_the_root_is_the_directory() {
    let Some(mut gofer) = Gofer::start("mount", &[]) else { return };
    assert_eq!(gofer.client.limit(), 2_093_056);
    let missing = |mid: &&Mid| **mid != Mid::ERROR && !gofer.client.offers(**mid);
    let missing: Vec<Mid> = Mid::KNOWN.iter().filter(missing).copied().collect();
    // What came later, and what this version answers without saying so.
    let later = [Mid::FLUSH, Mid::F_LIST_XATTR, Mid::F_REMOVE_XATTR, Mid::CONNECT_WITH_CREDS, Mid::RENAME_AT2];
    assert!(missing.iter().all(|mid| later.contains(mid)), "{missing:?}");
    let root = FStat { fd: gofer.root };
    let stat = gofer.ask(&root, |stat| *stat).expect("attributes");
    assert_is(&stat, &gofer.host("."));
    gofer.end();
}

#[test]
fn walk_finds_what_there_is_and_says_where_it_ends() {
    let Some(mut gofer) = Gofer::start("walk", &[]) else { return };
    std::fs::create_dir_all(gofer.host("a/b")).expect("made");
    std::fs::write(gofer.host("a/b/file"), "hello").expect("written");
    std::os::unix::fs::symlink("a", gofer.host("link")).expect("made");
    let found = gofer.find(&["a", "b", "file"]);
    for (inode, path) in found.iter().zip(["a", "a/b", "a/b/file"]) {
        assert_is(&inode.stat, &gofer.host(path));
    }
    let walk = |gofer: &mut Gofer, path: &[&str]| {
        let names: Vec<Name<'_>> = path.iter().copied().map(name).collect();
        let walk = Walk { dir: gofer.root, names: Names::List(&names) };
        gofer.ask(&walk, |reply| (reply.status, reply.inodes.len()))
    };
    assert_eq!(walk(&mut gofer, &["a", "none", "x"]), Ok((WalkStatus::Missing, 1)));
    assert_eq!(walk(&mut gofer, &["link", "b"]), Ok((WalkStatus::Symlink, 1)));
    assert_eq!(walk(&mut gofer, &["link"]), Ok((WalkStatus::Complete, 1)));
    assert_eq!(walk(&mut gofer, &[]), Ok((WalkStatus::Complete, 0)));
    assert_eq!(walk(&mut gofer, &["a", "b", "file", "x"]), Err(Errno::Notdir.into()));
    gofer.end();
}

#[test]
fn walk_stat_with_the_start_tells_its_attributes_first() {
    let Some(mut gofer) = Gofer::start("walk_stat", &[]) else { return };
    std::fs::create_dir_all(gofer.host("a/b")).expect("made");
    let names = [name("a"), name("b"), name("none")];
    for (with_start, expected) in [(true, &[".", "a", "a/b"][..]), (false, &["a", "a/b"])] {
        let path = StatPath { with_start, names: Names::List(&names) };
        let walk = WalkStat { dir: gofer.root, path };
        let stats = gofer.ask(&walk, |reply| reply.stats.to_vec()).expect("walked");
        assert_eq!(stats.len(), expected.len());
        stats.iter().zip(expected).for_each(|(stat, path)| assert_is(stat, &gofer.host(path)));
    }
    gofer.end();
}

#[test]
fn what_is_made_is_on_the_host_and_what_is_removed_is_gone() {
    let Some(mut gofer) = Gofer::start("make and remove", &[]) else { return };
    let dir = gofer.root;
    let common = |file_type, mode| CreateCommon::new(dir, file_type, Mode::new(mode));
    let made = gofer.ask(&MkdirAt { common: common(None, 0o750), name: name("dir") }, |inode| *inode).expect("made");
    assert_is(&made.stat, &gofer.host("dir"));
    assert_eq!(made.stat.mode.get(), 0o040_750);
    let regular = common(Some(FileType::Regular), 0o640);
    let mknod = MknodAt { common: regular, minor: 0, major: 0, name: name("node") };
    let node = gofer.ask(&mknod, |inode| *inode).expect("made");
    assert_is(&node.stat, &gofer.host("node"));
    let symlink = SymlinkAt { dir, uid: NO_ID, gid: NO_ID, name: name("link"), target: Str(b"../any/where") };
    let link = gofer.ask(&symlink, |inode| *inode).expect("made");
    let target = gofer.ask(&ReadLinkAt { fd: link.control }, |target| target.0.to_vec()).expect("read");
    assert_eq!(target, b"../any/where");
    let hard = LinkAt { dir: made.control, target: node.control, name: name("hard") };
    let hard = gofer.ask(&hard, |inode| *inode).expect("made");
    assert_eq!((hard.stat.ino, hard.stat.nlink.get()), (node.stat.ino, 2));
    let new_name = name("renamed");
    let rename = RenameAt { old_dir: dir, new_dir: made.control, old_name: name("node"), new_name };
    gofer.done(&rename).expect("renamed");
    assert_eq!(gofer.host("dir/renamed").metadata().expect("there").ino(), node.stat.ino.get());
    let unlink = |dir, flags, at| UnlinkAt { dir, flags, name: name(at) };
    assert_eq!(gofer.done(&unlink(dir, UNLINK_DIRECTORY, "dir")), Err(Errno::Notempty.into()));
    for at in ["renamed", "hard"] {
        gofer.done(&unlink(made.control, 0, at)).expect("removed");
    }
    gofer.done(&unlink(dir, UNLINK_DIRECTORY, "dir")).expect("removed");
    gofer.done(&unlink(dir, 0, "link")).expect("removed");
    assert_eq!(std::fs::read_dir(gofer.host(".")).expect("listed").count(), 0);
    gofer.end();
}

#[test]
fn listing_of_many_entries_has_each_once_and_can_begin_again() {
    let Some(mut gofer) = Gofer::start("listing", &[]) else { return };
    for index in 0..2000 {
        std::fs::write(gofer.host(format!("file-{index}")), "").expect("written");
    }
    std::fs::create_dir(gofer.host("dir")).expect("made");
    let fd = gofer.ask(&OpenAt { fd: gofer.root, flags: 0 }, |reply| reply.fd).expect("opened");
    for first in [16_384, -16_384] {
        let mut listed = BTreeMap::new();
        let mut count = first;
        let mut rounds = 0;
        loop {
            let part = gofer.ask(&Getdents64 { fd, count }, |entries| {
                let entry = |entry: WireDirent<'_>| {
                    let name = entry.name().expect("a name").as_bytes().to_vec();
                    (name, (entry.ino, entry.dev(), entry.file_type()))
                };
                entries.iter().map(entry).collect::<Vec<_>>()
            });
            let part = part.expect("listed");
            if part.is_empty() {
                break;
            }
            for (name, told) in part {
                assert!(listed.insert(name, told).is_none());
            }
            (count, rounds) = (16_384, rounds + 1);
        }
        assert!(listed.len() == 2001 && rounds > 1, "{} in {rounds}", listed.len());
        let dir = gofer.host("dir").metadata().expect("attributes");
        assert_eq!(listed[&b"dir"[..]], (dir.ino(), dir.dev(), Some(FileType::Directory)));
    }
    gofer.done(&Close { fds: &[fd] }).expect("closed");
    gofer.end();
}

#[test]
fn refusals_are_errnos_and_the_connection_goes_on() {
    let Some(mut gofer) = Gofer::start("refusals", &[]) else { return };
    let root = gofer.root;
    let none = FdId::new(12_345);
    assert_eq!(gofer.done(&Unknown), Err(Errno::Opnotsupp.into()));
    assert_eq!(gofer.ask(&FStat { fd: none }, |_| ()), Err(Errno::Badf.into()));
    assert_eq!(gofer.done(&UnlinkAt { dir: root, flags: 0, name: name("none") }), Err(Errno::Noent.into()));
    assert_eq!(gofer.done(&PRead { offset: 0, fd: root, count: 1 }), Err(Errno::Inval.into()));
    // Nothing to close is nothing that fails.
    gofer.done(&Close { fds: &[none, FdId::NONE] }).expect("closed");
    let late = wasi_gofer::Call { deadline: Some(std::time::Instant::now()), ..soon() };
    assert!(gofer.client.call(&late, &FStat { fd: root }).is_err());
    assert!(gofer.done(&FStat { fd: root }).is_ok());
    gofer.end();
}

#[test]
fn readlink_by_a_name_that_was_removed_is_empty_and_by_another_the_target() {
    let Some(mut gofer) = Gofer::start("readlink", &[]) else { return };
    let dir = gofer.root;
    let symlink = SymlinkAt { dir, uid: NO_ID, gid: NO_ID, name: name("first"), target: Str(b"target") };
    let first = gofer.ask(&symlink, |inode| inode.control).expect("made");
    let second = gofer.ask(&LinkAt { dir, target: first, name: name("second") }, |inode| inode.control).expect("made");
    gofer.done(&UnlinkAt { dir, flags: 0, name: name("first") }).expect("removed");
    let mut read = |fd| gofer.ask(&ReadLinkAt { fd }, |target| target.0.to_vec());
    assert_eq!((read(first), read(second)), (Ok(Vec::new()), Ok(b"target".to_vec())));
    gofer.end();
}
