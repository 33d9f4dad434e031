//! Messages of ours: watches in the server whose queue the client reads, and listings with attributes.

use crate::gofer::{assert_is, soon};
use crate::subject::{Here, Program, Subject, eventually};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{ReadFlags, Reader};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::path::Path;
use wasi_gofer::abi::{Errno, FileType};
use wasi_gofer::proto::lisafs::*;
use zerocopy::little_endian::I32;

/// A queue of a connection, and its descriptor.
fn queue(subject: &mut impl Subject) -> (FdId, OwnedFd) {
    let (queue, fds) = subject.ask_with_fds(&ChangeQueue {}, |reply| reply.queue).expect("a queue");
    let [fd] = <[_; 1]>::try_from(fds).expect("one descriptor");
    (queue, fd)
}

fn watch(subject: &mut impl Subject, queue: FdId, dir: FdId) -> Result<(i32, u32), wasi_gofer::abi::Error> {
    subject.ask(&AddWatch { queue, dir }, |reply| (reply.watch, reply.flags))
}

/// What is queued: the watch, what happened, and the name.
fn events(fd: &OwnedFd) -> Vec<(i32, ReadFlags, String)> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(fd, &mut buffer);
    let mut events = Vec::new();
    while let Ok(event) = reader.next() {
        let name = event.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        events.push((event.wd(), event.events(), name));
    }
    events
}

fn queued(fd: &OwnedFd) -> u64 {
    rustix::io::ioctl_fionread(fd).expect("told")
}

fn watches_and_hears(mut subject: impl Subject) {
    std::fs::create_dir_all(subject.host("dir/below")).expect("made");
    let dir = subject.control(&["dir"]);
    let below = subject.control(&["dir", "below"]);
    let (queue, fd) = queue(&mut subject);
    let (wd, flags) = watch(&mut subject, queue, dir).expect("watched");
    // What is on top of it is of a local filesystem, and so are its attributes, but on overlayfs.
    assert!(flags == WATCH_ATTRIBUTES || flags == 0, "{flags}");
    assert_eq!(watch(&mut subject, queue, dir), Ok((wd, flags)));
    let (other, _) = watch(&mut subject, queue, below).expect("watched");
    assert!(other != wd && wd > 0 && queued(&fd) == 0);
    // Others change it, and the client itself does: no message is needed to hear of it.
    std::fs::write(subject.host("dir/name"), "").expect("written");
    let common = CreateCommon::new(below, None, wasi_gofer::abi::Mode::new(0o755));
    subject.done(&MkdirAt { common, name: crate::gofer::name("made") }).expect("made");
    assert!(queued(&fd) > 0);
    let seen = events(&fd);
    assert!(seen.contains(&(wd, ReadFlags::CREATE, "name".into())), "{seen:?}");
    assert!(seen.contains(&(other, ReadFlags::CREATE | ReadFlags::ISDIR, "made".into())), "{seen:?}");
    subject.done(&RemoveWatch { queue, watches: &[I32::new(other), I32::new(12_345), I32::new(-1)] }).expect("removed");
    assert_eq!(events(&fd), [(other, ReadFlags::IGNORED, String::new())]);
    std::fs::write(subject.host("dir/below/unheard"), "").expect("written");
    assert_eq!(queued(&fd), 0);
    subject.done(&Close { fds: &[queue] }).expect("closed");
    assert_eq!(watch(&mut subject, queue, dir), Err(Errno::Badf.into()));
    drop(fd);
    subject.finish();
}

#[test]
fn watch_of_a_directory_announces_what_anybody_changes_in_it() {
    watches_and_hears(Here::new());
    watches_and_hears(Program::with(&[]));
    watches_and_hears(Program::with(&["--jail", "off"]));
}

#[test]
fn watch_in_a_read_only_jail_hears_of_others() {
    let mut program = Program::with(&["--ro"]);
    let root = program.root;
    let (queue, fd) = queue(&mut program);
    let (wd, _) = watch(&mut program, queue, root).expect("watched");
    std::fs::write(program.host("name"), "").expect("written");
    assert!(events(&fd).contains(&(wd, ReadFlags::CREATE, "name".into())));
    program.finish();
}

#[test]
fn watches_of_what_is_none_are_refused() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "").expect("written");
    let file = here.control(&["file"]);
    let (queue, _fd) = queue(&mut here);
    let root = here.root;
    for (queue, dir, errno) in [
        (queue, file, Errno::Notdir),
        (queue, queue, Errno::Inval),
        (queue, FdId::new(999), Errno::Badf),
        (root, root, Errno::Inval),
        (FdId::new(999), root, Errno::Badf),
    ] {
        assert_eq!(watch(&mut here, queue, dir), Err(errno.into()));
    }
    // A queue is no file.
    assert_eq!(here.stat(queue).err(), Some(Errno::Inval.into()));
    assert_eq!(here.done(&OpenAt { fd: queue, flags: 0 }), Err(Errno::Inval.into()));
    assert_eq!(here.done(&PRead { offset: 0, fd: queue, count: 1 }), Err(Errno::Inval.into()));
    assert_eq!(here.done(&RemoveWatch { queue: root, watches: &[] }), Err(Errno::Inval.into()));
    here.finish();
}

#[test]
fn queues_and_watches_over_their_number_are_refused_until_one_ends() {
    let mut here = Here::limited(|limits| limits.watches = 2);
    let dirs: Vec<FdId> = (0..3)
        .map(|index| {
            std::fs::create_dir(here.host(&format!("dir-{index}"))).expect("made");
            here.control(&[&format!("dir-{index}")])
        })
        .collect();
    let queues: Vec<_> = (0..4).map(|_| queue(&mut here)).collect();
    assert_eq!(here.done(&ChangeQueue {}), Err(Errno::Mfile.into()));
    here.done(&Close { fds: &[queues[3].0] }).expect("closed");
    let (last, _fd) = queue(&mut here);
    let (first, _) = watch(&mut here, last, dirs[0]).expect("watched");
    watch(&mut here, last, dirs[1]).expect("watched");
    for _ in 0..3 {
        assert_eq!(watch(&mut here, last, dirs[2]), Err(Errno::Nospc.into()));
    }
    // One that is watched already takes no room.
    assert_eq!(watch(&mut here, last, dirs[0]).map(|(wd, _)| wd), Ok(first));
    // One that ended by itself counts until the client says so.
    std::fs::remove_dir(here.host("dir-0")).expect("removed");
    assert_eq!(watch(&mut here, last, dirs[2]), Err(Errno::Nospc.into()));
    here.done(&RemoveWatch { queue: last, watches: &[I32::new(first)] }).expect("told");
    assert!(watch(&mut here, last, dirs[2]).is_ok());
    here.finish();
}

#[test]
fn queue_of_a_client_that_is_gone_tells_nothing_of_the_next_one_s_directories() {
    let mut here = Here::new();
    let (old, fd) = queue(&mut here);
    let root = here.root;
    watch(&mut here, old, root).expect("watched");
    here.done(&Close { fds: &[old] }).expect("closed");
    let (mut other, other_root) = here.another();
    let answer = other.call(&soon(), &ChangeQueue {}).expect("a queue");
    let (new, _fds) = (answer.message.queue, answer.fds);
    std::fs::create_dir(here.host("secret")).expect("made");
    let names = [crate::gofer::name("secret")];
    let walk = Walk { dir: other_root, names: Names::List(&names) };
    let dir = other.call(&soon(), &walk).expect("walked").message.inodes[0].control;
    other.call(&soon(), &AddWatch { queue: new, dir }).expect("watched");
    events(&fd);
    std::fs::write(here.host("secret/name"), "").expect("written");
    assert!(events(&fd).iter().all(|(_, _, name)| name != "name"), "the old client hears of another's");
    drop(other);
    here.finish();
}

/// Lists an open directory by parts of `count` bytes: each name with its type and attributes.
fn list(subject: &mut impl Subject, fd: FdId, count: i32) -> BTreeMap<String, (Option<FileType>, Statx)> {
    let mut all = BTreeMap::new();
    let mut count = -count;
    loop {
        let part = subject.ask(&ReadDirStat { fd, count }, |entries| {
            let entry = |entry: StatDirent<'_>| {
                let name = String::from_utf8(entry.name().expect("a name").as_bytes().to_vec()).expect("UTF-8");
                (name, (entry.file_type(), *entry.stat))
            };
            entries.iter().map(entry).collect::<Vec<_>>()
        });
        let part = part.expect("listed");
        if part.is_empty() {
            return all;
        }
        for (name, told) in part {
            assert!(all.insert(name, told).is_none());
        }
        count = count.abs();
    }
}

fn lists_with_attributes(mut subject: impl Subject) {
    for index in 0..3000 {
        std::fs::write(subject.host(&format!("file-{index}")), vec![b'x'; index % 7]).expect("written");
    }
    std::fs::create_dir(subject.host("dir")).expect("made");
    std::os::unix::fs::symlink("none", subject.host("link")).expect("made");
    std::fs::write(subject.host(&"n".repeat(255)), "").expect("written");
    let root = subject.root();
    let fd = subject.ask(&OpenAt { fd: root, flags: 0 }, |reply| reply.fd).expect("opened");
    for count in [1, 100, 4096, 65_536, i32::MAX] {
        let listed = list(&mut subject, fd, count);
        assert_eq!(listed.len(), 3003, "{count}");
        for (name, (file_type, stat)) in listed.iter().step_by(97).chain(listed.iter().rev().take(3)) {
            assert_is(stat, Path::new(&subject.host(name)));
            assert!(file_type.is_none_or(|kind| Ok(kind) == stat.to_stat().map(|stat| stat.file_type)), "{name}");
        }
        let types = ["dir", "link"].map(|name| listed[name].1.to_stat().expect("attributes").file_type);
        assert_eq!(types, [FileType::Directory, FileType::Symlink]);
    }
    assert_eq!(subject.done(&ReadDirStat { fd: root, count: 1 }), Err(Errno::Inval.into()));
    subject.done(&Close { fds: &[fd] }).expect("closed");
    subject.finish();
}

#[test]
fn listing_with_attributes_has_each_entry_once_with_what_a_stat_tells() {
    lists_with_attributes(Here::new());
    lists_with_attributes(Program::with(&[]));
}

#[test]
fn listing_with_attributes_beside_one_who_removes_lists_on() {
    let here = Here::new();
    let names = || (0..500).map(|index| format!("file-{index}"));
    names().for_each(|name| std::fs::write(here.host(&name), "").expect("written"));
    let (mut other, root) = here.another();
    let removing = here.dir.path().to_owned();
    std::thread::scope(|scope| {
        scope.spawn(|| names().for_each(|name| std::fs::remove_file(removing.join(name)).expect("removed")));
        let fd = other.call(&soon(), &OpenAt { fd: root, flags: 0 }).expect("opened").message.fd;
        for count in [-4096, 4096].into_iter().cycle().take(40) {
            let listed = other.call(&soon(), &ReadDirStat { fd, count }).expect("listed");
            for entry in listed.message.iter() {
                // Attributes are told as a whole, or not at all.
                assert!(entry.stat.mask.get() == 0 || entry.stat.to_stat().is_ok());
                assert!(entry.name().is_ok() && entry.stat.ino.get() != 0);
            }
        }
    });
    drop(other);
    eventually("the end of a connection", || here.server.connections() == 1);
    here.finish();
}
