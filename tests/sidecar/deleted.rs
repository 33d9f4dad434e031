//! What has lost its name, or has another: those who refer to it go on.

use crate::gofer::name;
use crate::overlayfs::is_overlay_that_lacks;
use crate::subject::{Here, Subject};
use std::os::unix::fs::MetadataExt as _;
use wasi_gofer::abi::{Errno, FileType, Mode, OpenFlags, SetStat, SetStatMask, SetStatReport, SetTime, Timespec};
use wasi_gofer::backend::directfs::FdBudget;
use wasi_gofer::proto::lisafs::*;

fn set(here: &mut Here, fd: FdId, set: &SetStat) -> SetStatReport {
    here.ask(&SetStatRequest::new(fd, set), |reply| reply.to_report()).expect("answered").expect("a report")
}

fn unlink(here: &mut Here, dir: FdId, at: &str) {
    here.done(&UnlinkAt { dir, flags: 0, name: name(at) }).expect("removed");
}

fn common(dir: FdId) -> CreateCommon {
    CreateCommon::new(dir, None, Mode::new(0o700))
}

#[test]
fn removed_file_is_still_told_changed_read_and_written_by_its_numbers() {
    let mut here = Here::new();
    let root = here.root;
    std::fs::write(here.host("file"), "hello").expect("written");
    let control = here.control(&["file"]);
    let open = OpenAt { fd: control, flags: open_bits(OpenFlags::READ | OpenFlags::WRITE) };
    let fd = here.ask(&open, |reply| reply.fd).expect("opened");
    unlink(&mut here, root, "file");
    let stat = here.stat(control).expect("attributes");
    assert_eq!((stat.nlink.get(), stat.size.get()), (0, 5));
    let time = Timespec { secs: 5, nanos: 6 };
    let all = SetStat {
        mode: Some(Mode::new(0o640)),
        uid: Some(stat.uid.get()),
        gid: Some(stat.gid.get()),
        size: Some(3),
        atime: Some(SetTime::At(time)),
        mtime: Some(SetTime::At(time)),
    };
    assert_eq!(set(&mut here, control, &all), SetStatReport::DONE);
    let stat = here.stat(control).expect("attributes").to_stat().expect("attributes");
    assert_eq!((stat.mode, stat.size, stat.atime, stat.mtime), (Mode::new(0o640), 3, time, time));
    assert_eq!(here.ask(&PRead { offset: 0, fd, count: 9 }, |reply| reply.data.to_vec()).expect("read"), b"hel");
    here.done(&PWrite { offset: 0, fd, data: b"other" }).expect("written");
    here.done(&FAllocate { fd, mode: 0, offset: 0, length: 20 }).expect("allocated");
    assert_eq!(here.stat(fd).expect("attributes").size.get(), 20);
    here.done(&FSync { fds: &[fd] }).expect("synced");
    assert_eq!(here.ask(&FStatFs { fd: control }, |figures| figures.name_max), Ok(255));
    // What would need its name is refused.
    assert_eq!(here.done(&open), Err(Errno::Inval.into()));
    assert_eq!(here.done(&LinkAt { dir: root, target: control, name: name("link") }), Err(Errno::Inval.into()));
    // A new one of the same name is another.
    std::fs::write(here.host("file"), "new").expect("written");
    assert_eq!(here.stat(control).expect("attributes").size.get(), 20);
    assert_eq!(here.done(&open), Err(Errno::Inval.into()));
    here.finish();
}

#[test]
fn flood_of_removed_files_keeps_a_few_descriptors_and_the_rest_is_stale() {
    let budget = FdBudget::new(32);
    let mut here = Here::over(tempfile::tempdir().expect("a directory"), |export| export.budget(budget));
    let root = here.root;
    let mut removed = Vec::new();
    for at in 0..100 {
        let at = format!("file-{at}");
        let mknod = CreateCommon::new(root, Some(FileType::Regular), Mode::new(0o600));
        let mknod = MknodAt { common: mknod, minor: 0, major: 0, name: name(&at) };
        removed.push(here.ask(&mknod, |inode| inode.control).expect("made"));
        // It is removed whether or not there is a descriptor for what is left.
        unlink(&mut here, root, &at);
    }
    assert_eq!(std::fs::read_dir(here.host("")).expect("listed").count(), 0);
    let told: Vec<_> = removed.iter().map(|fd| here.stat(*fd).map(|stat| stat.nlink.get())).collect();
    assert_eq!(told.iter().filter(|told| **told == Ok(0)).count(), 4);
    assert!(told[4..].iter().all(|told| *told == Err(Errno::Stale.into())));
    // Room comes with the end of those.
    here.done(&Close { fds: &removed }).expect("closed");
    std::fs::write(here.host("file"), "").expect("written");
    let fd = here.control(&["file"]);
    unlink(&mut here, root, "file");
    assert_eq!(here.stat(fd).map(|stat| stat.nlink.get()), Ok(0));
    here.finish();
}

#[test]
fn removed_link_and_pipe_are_still_told() {
    let mut here = Here::new();
    let root = here.root;
    std::os::unix::fs::symlink("some/where", here.host("link")).expect("made");
    let pipe = CreateCommon::new(root, Some(FileType::Fifo), Mode::new(0o600));
    let mknod = MknodAt { common: pipe, minor: 0, major: 0, name: name("pipe") };
    let pipe = here.ask(&mknod, |inode| inode.control).expect("made");
    let link = here.control(&["link"]);
    unlink(&mut here, root, "link");
    unlink(&mut here, root, "pipe");
    assert_eq!(here.ask(&ReadLinkAt { fd: link }, |target| target.0.to_vec()).expect("read"), b"some/where");
    for fd in [link, pipe] {
        assert_eq!(here.stat(fd).expect("attributes").nlink.get(), 0);
        let time = Timespec { secs: 5, nanos: 6 };
        let both = SetStat { mode: Some(Mode::new(0o600)), mtime: Some(SetTime::At(time)), ..SetStat::default() };
        let report = set(&mut here, fd, &both);
        assert_eq!((report.failed, report.errno), (SetStatMask::MODE, Some(Errno::Opnotsupp)));
        assert_eq!(here.stat(fd).expect("attributes").to_stat().expect("attributes").mtime, time);
    }
    here.finish();
}

#[test]
fn removed_directory_is_told_and_holds_no_new_names() {
    let mut here = Here::new();
    let root = here.root;
    std::fs::create_dir(here.host("dir")).expect("made");
    std::fs::write(here.host("other"), "").expect("written");
    let dir = here.control(&["dir"]);
    let other = here.control(&["other"]);
    let open = here.ask(&OpenAt { fd: dir, flags: 0 }, |reply| reply.fd).expect("opened");
    here.done(&UnlinkAt { dir: root, flags: UNLINK_DIRECTORY, name: name("dir") }).expect("removed");
    assert_eq!(here.stat(dir).expect("attributes").nlink.get(), 0);
    assert_eq!(here.ask(&Getdents64 { fd: open, count: -4096 }, |entries| entries.len()), Ok(0));
    assert_eq!(here.walk(dir, &["x"]), Ok((WalkStatus::Missing, Vec::new())));
    let inval = Err(Errno::Inval.into());
    let x = name("x");
    assert_eq!(here.done(&MkdirAt { common: common(dir), name: x }), inval);
    assert_eq!(here.done(&OpenCreateAt { common: common(dir), flags: 2, name: x }), inval);
    assert_eq!(here.done(&LinkAt { dir, target: other, name: x }), inval);
    assert_eq!(here.done(&UnlinkAt { dir, flags: 0, name: x }), inval);
    let rename = RenameAt { old_dir: root, new_dir: dir, old_name: name("other"), new_name: x };
    assert_eq!(here.done(&rename), inval);
    assert_eq!(here.done(&OpenAt { fd: dir, flags: 0 }), inval);
    assert_eq!(
        set(&mut here, dir, &SetStat { mode: Some(Mode::new(0o700)), ..SetStat::default() }),
        SetStatReport::DONE
    );
    here.finish();
}

#[test]
fn file_that_a_rename_replaces_is_as_one_that_is_removed() {
    let mut here = Here::new();
    let root = here.root;
    if is_overlay_that_lacks(here.dir.path(), "file that is held to write without being copied up") {
        return here.finish();
    }
    std::fs::write(here.host("old"), "old").expect("written");
    std::fs::write(here.host("new"), "longer").expect("written");
    let (old, new) = (here.control(&["old"]), here.control(&["new"]));
    let rename = RenameAt { old_dir: root, new_dir: root, old_name: name("old"), new_name: name("new") };
    here.done(&rename).expect("renamed");
    assert_eq!(here.stat(old).expect("it is where it went").size.get(), 3);
    assert_eq!(here.stat(new).expect("it is still told").nlink.get(), 0);
    assert_eq!(set(&mut here, new, &SetStat { size: Some(1), ..SetStat::default() }), SetStatReport::DONE);
    assert_eq!(here.stat(new).expect("attributes").size.get(), 1);
    assert_eq!(std::fs::read(here.host("new")).expect("read"), b"old");
    assert!(here.done(&OpenAt { fd: old, flags: 0 }).is_ok());
    here.finish();
}

#[test]
fn rename_of_two_names_of_one_file_leaves_both() {
    let mut here = Here::new();
    let root = here.root;
    std::fs::write(here.host("one"), "").expect("written");
    std::fs::hard_link(here.host("one"), here.host("two")).expect("linked");
    let (one, two) = (here.control(&["one"]), here.control(&["two"]));
    let rename = RenameAt { old_dir: root, new_dir: root, old_name: name("one"), new_name: name("two") };
    here.done(&rename).expect("renamed");
    for (fd, at) in [(one, "one"), (two, "two")] {
        assert_eq!(here.stat(fd).expect("attributes").nlink.get(), 2);
        assert!(here.done(&OpenAt { fd, flags: 0 }).is_ok());
        assert!(here.host(at).exists());
    }
    here.finish();
}

#[test]
fn rename2_with_noreplace_and_exchange_does_what_the_kernel_does() {
    let mut here = Here::new();
    let root = here.root;
    std::fs::create_dir(here.host("dir")).expect("made");
    std::fs::write(here.host("dir/inner"), "inner").expect("written");
    std::fs::write(here.host("file"), "file").expect("written");
    let (dir, inner, file) = (here.control(&["dir"]), here.control(&["dir", "inner"]), here.control(&["file"]));
    let rename = |old: &'static str, new: &'static str, flags| RenameAt2 {
        names: RenameAt { old_dir: root, new_dir: root, old_name: name(old), new_name: name(new) },
        flags,
    };
    assert_eq!(here.done(&rename("file", "dir", 1)), Err(Errno::Exist.into()));
    assert_eq!(here.done(&rename("file", "none", 2)), Err(Errno::Noent.into()));
    for flags in [3, 4, 8, u32::MAX] {
        assert_eq!(here.done(&rename("file", "none", flags)), Err(Errno::Inval.into()));
    }
    here.done(&rename("file", "dir", 2)).expect("exchanged");
    assert!(here.host("file").is_dir() && here.host("dir").is_file());
    for (fd, at) in [(dir, "file"), (inner, "file/inner"), (file, "dir")] {
        let told = here.stat(fd).expect("it is where it went").ino.get();
        assert_eq!(told, here.host(at).metadata().expect("there").ino());
    }
    here.done(&rename("dir", "moved", 1)).expect("renamed");
    assert!(here.done(&OpenAt { fd: file, flags: 0 }).is_ok());
    assert!(here.done(&OpenAt { fd: inner, flags: 0 }).is_ok());
    here.finish();
}

#[test]
fn files_below_a_directory_that_moves_are_reached_with_one_descriptor_for_all_directories() {
    let budget = FdBudget::new(1);
    let mut here = Here::over(tempfile::tempdir().expect("a directory"), |export| export.budget(budget.clone()));
    let root = here.root;
    std::fs::create_dir_all(here.host("a/b/c/d")).expect("made");
    std::fs::create_dir(here.host("to")).expect("made");
    std::fs::write(here.host("a/b/c/d/file"), "deep").expect("written");
    let found = here.walk(root, &["a", "b", "c", "d", "file"]).expect("walked").1;
    let to = here.control(&["to"]);
    let moves = [("a", root, to), ("a", to, root), ("a", root, to)];
    for (at, old_dir, new_dir) in moves {
        here.done(&RenameAt { old_dir, new_dir, old_name: name(at), new_name: name(at) }).expect("renamed");
        for inode in &found {
            assert_eq!(here.stat(inode.control).expect("reached").ino, inode.stat.ino);
        }
        let fd = here.ask(&OpenAt { fd: found[4].control, flags: 0 }, |reply| reply.fd).expect("opened");
        here.done(&Close { fds: &[fd] }).expect("closed");
        let made = here.done(&MkdirAt { common: common(found[2].control), name: name("made") });
        assert!(made.is_ok() || made == Err(Errno::Exist.into()));
    }
    assert!(budget.held() <= 1 && budget.evictions() > 10, "{budget:?}");
    assert!(here.host("to/a/b/c/made").is_dir());
    here.finish();
}

#[test]
fn file_that_the_host_replaced_or_moved_is_stale_and_never_another() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "mine").expect("written");
    std::fs::create_dir(here.host("dir")).expect("made");
    let (file, dir) = (here.control(&["file"]), here.control(&["dir"]));
    let open = OpenAt { fd: file, flags: open_bits(OpenFlags::WRITE | OpenFlags::TRUNC) };
    std::fs::rename(here.host("file"), here.host("moved")).expect("moved");
    assert_eq!(here.done(&open), Err(Errno::Noent.into()));
    std::fs::write(here.host("file"), "another").expect("written");
    assert_eq!(here.stat(file), Err(Errno::Stale.into()));
    assert_eq!(here.done(&open), Err(Errno::Stale.into()));
    let report = set(&mut here, file, &SetStat { size: Some(0), mode: Some(Mode::new(0)), ..SetStat::default() });
    assert_eq!((report.failed, report.errno), (SetStatMask::SIZE | SetStatMask::MODE, Some(Errno::Stale)));
    assert_eq!(std::fs::read(here.host("file")).expect("read"), b"another");
    // A directory that is held, which it is from its first use on, goes on where it is.
    here.done(&MkdirAt { common: common(dir), name: name("first") }).expect("made");
    std::fs::rename(here.host("dir"), here.host("elsewhere")).expect("moved");
    here.done(&MkdirAt { common: common(dir), name: name("x") }).expect("made");
    assert!(here.host("elsewhere/x").is_dir());
    here.finish();
}

#[test]
fn tree_deeper_than_a_stack_goes_in_one_close() {
    let mut here = Here::new();
    let mut dir = here.root;
    let mut all = Vec::new();
    for _ in 0..3000 {
        dir = here.ask(&MkdirAt { common: common(dir), name: name("d") }, |inode| inode.control).expect("made");
        all.push(dir);
    }
    let deepest = all.pop().expect("some");
    here.done(&Close { fds: &all }).expect("closed");
    assert_eq!(here.server.taken(), "3000 nodes, 0 open files");
    here.done(&MkdirAt { common: common(deepest), name: name("d") }).expect("the way to it is still known");
    here.done(&Close { fds: &[deepest] }).expect("closed");
    // The last that was made is referred to still; its whole way stays.
    assert_eq!(here.server.taken(), "3001 nodes, 0 open files");
    // As deep as it is, it takes more than a path to remove.
    let host = here.host("");
    here.finish_but_keep();
    remove_deep(&host);
}

/// Removes what no path leads to the end of.
fn remove_deep(host: &std::path::Path) {
    use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |dir: &rustix::fd::OwnedFd| openat(dir, "d", flags, Mode::empty());
    let mut way = vec![rustix::fs::open(host, flags, Mode::empty()).expect("there")];
    while let Ok(below) = open(way.last().expect("it begins somewhere")) {
        way.push(below);
        if way.len() > 200 {
            way.remove(0);
        }
    }
    while let Some(dir) = way.pop() {
        let _ = unlinkat(&dir, "d", AtFlags::REMOVEDIR);
    }
    if host.join("d").exists() {
        remove_deep(host);
    } else {
        std::fs::remove_dir(host).expect("it is empty");
    }
}

/// A directory with a file, known at `old`, that others moved to `new`; what is below it was moved out before.
fn moved_by_others(here: &mut Here) -> FdId {
    std::fs::create_dir_all(here.host("old/below")).expect("made");
    std::fs::write(here.host("old/below/file"), "x").expect("written");
    let moved = here.control(&["old"]);
    // Both are held from here on.
    here.control(&["old", "below", "file"]);
    std::fs::rename(here.host("old"), here.host("new")).expect("moved");
    moved
}

fn lives_on(here: &mut Here, moved: FdId) {
    assert_eq!(here.walk(moved, &["below", "file"]).expect("found").0, WalkStatus::Complete);
    here.done(&MkdirAt { common: common(moved), name: name("made") }).expect("made");
    assert!(here.host("new/made").is_dir());
    assert_eq!(here.stat(moved).expect("told").ino.get(), std::fs::metadata(here.host("new")).expect("there").ino());
}

#[test]
fn directory_that_others_moved_is_not_lost_when_another_is_renamed_to_where_it_was() {
    let mut here = Here::new();
    let root = here.root;
    let moved = moved_by_others(&mut here);
    std::fs::create_dir(here.host("another")).expect("made");
    let rename = |old, new| RenameAt { old_dir: root, new_dir: root, old_name: name(old), new_name: name(new) };
    here.done(&rename("another", "old")).expect("renamed");
    lives_on(&mut here, moved);
    here.finish();
}

#[test]
fn directory_that_others_moved_is_not_lost_when_what_has_its_name_is_removed() {
    let mut here = Here::new();
    let root = here.root;
    let moved = moved_by_others(&mut here);
    std::fs::create_dir(here.host("old")).expect("made");
    here.done(&UnlinkAt { dir: root, flags: UNLINK_DIRECTORY, name: name("old") }).expect("removed");
    lives_on(&mut here, moved);
    here.finish();
}

#[test]
fn directory_that_others_moved_out_is_not_lost_with_the_one_that_it_was_in() {
    let mut here = Here::new();
    let root = here.root;
    std::fs::create_dir_all(here.host("above/old/below")).expect("made");
    std::fs::write(here.host("above/old/below/file"), "x").expect("written");
    let moved = here.control(&["above", "old"]);
    here.control(&["above", "old", "below", "file"]);
    std::fs::rename(here.host("above/old"), here.host("new")).expect("moved");
    here.done(&UnlinkAt { dir: root, flags: UNLINK_DIRECTORY, name: name("above") }).expect("removed");
    lives_on(&mut here, moved);
    here.finish();
}

/// `a` and `a/b`, where others moved `b` out of `a` to the root, which the server did not see: `b` is held, `a` is not.
fn moved_out_by_others(budget: &std::sync::Arc<FdBudget>) -> (Here, FdId, FdId) {
    let budget = std::sync::Arc::clone(budget);
    let mut here = Here::over(tempfile::tempdir().expect("a directory"), |export| export.budget(budget));
    std::fs::create_dir_all(here.host("a/b/inner")).expect("made");
    let (a, b) = (here.control(&["a"]), here.control(&["a", "b"]));
    // From here on it is held.
    here.control(&["a", "b", "inner"]);
    std::fs::rename(here.host("a/b"), here.host("b")).expect("moved");
    (here, a, b)
}

/// Whatever was moved where, each question has an answer, and nothing is left once nobody asks.
fn answers_and_ends(mut here: Here, a: FdId, b: FdId) {
    let root = here.root;
    let ino = |here: &Here, at: &str| std::fs::metadata(here.host(at)).expect("there").ino();
    std::fs::create_dir(here.host("other")).expect("made");
    for _ in 0..2 {
        let (told_a, told_b) = (here.stat(a), here.stat(b));
        for (told, at) in [(told_a, "b/x"), (told_b, "b")] {
            match told {
                Ok(stat) => assert_eq!(stat.ino.get(), ino(&here, at)),
                Err(error) => assert_eq!(error, Errno::Stale.into()),
            }
        }
        let walked = here.walk(a, &["none"]).map(|walked| walked.0);
        assert!(matches!(walked, Ok(WalkStatus::Missing)) || walked == Err(Errno::Stale.into()), "{walked:?}");
        // Takes the one descriptor from both.
        here.done(&MkdirAt { common: common(root), name: name("taken") }).expect("made");
        here.control(&["other"]);
        here.done(&UnlinkAt { dir: root, flags: UNLINK_DIRECTORY, name: name("taken") }).expect("removed");
    }
    // What is found by another way is there.
    let found = here.control(&["b", "x"]);
    assert_eq!(here.stat(found).expect("there").ino.get(), ino(&here, "b/x"));
    here.finish();
}

#[test]
fn directory_that_is_renamed_below_what_others_moved_out_of_it_makes_no_circle() {
    let budget = FdBudget::new(1);
    let (mut here, a, b) = moved_out_by_others(&budget);
    let rename = RenameAt { old_dir: here.root, new_dir: b, old_name: name("a"), new_name: name("x") };
    here.done(&rename).expect("the host has it so");
    // The one that was found by a place that was no longer its own is known by its handle alone; the other by its new place.
    let told = here.stat(a).expect("it is where it went");
    assert_eq!(told.ino.get(), std::fs::metadata(here.host("b/x")).expect("there").ino());
    answers_and_ends(here, a, b);
}

#[test]
fn directory_that_is_exchanged_with_one_below_what_others_moved_out_of_it_makes_no_circle() {
    for exchanged_from_below in [false, true] {
        let budget = FdBudget::new(1);
        let (mut here, a, b) = moved_out_by_others(&budget);
        std::fs::create_dir(here.host("b/x")).expect("made");
        let of_b = here.walk(b, &["x"]).expect("walked").1[0].control;
        let names = if exchanged_from_below {
            RenameAt { old_dir: b, new_dir: here.root, old_name: name("x"), new_name: name("a") }
        } else {
            RenameAt { old_dir: here.root, new_dir: b, old_name: name("a"), new_name: name("x") }
        };
        here.done(&RenameAt2 { names, flags: 2 }).expect("the host has it so");
        let told = here.stat(of_b).expect("it is where it went");
        assert_eq!(told.ino.get(), std::fs::metadata(here.host("a")).expect("there").ino());
        here.done(&Close { fds: &[of_b] }).expect("closed");
        answers_and_ends(here, a, b);
    }
}

#[test]
fn directory_that_another_is_renamed_into_from_where_it_was_makes_no_circle() {
    let budget = FdBudget::new(1);
    let mut here = Here::over(tempfile::tempdir().expect("a directory"), |export| export.budget(budget));
    let root = here.root;
    std::fs::create_dir_all(here.host("a/inner")).expect("made");
    std::fs::create_dir(here.host("other")).expect("made");
    let a = here.control(&["a"]);
    here.control(&["a", "inner"]);
    std::fs::rename(here.host("a"), here.host("moved")).expect("moved");
    std::fs::create_dir(here.host("a")).expect("made");
    here.done(&RenameAt { old_dir: root, new_dir: a, old_name: name("a"), new_name: name("x") }).expect("renamed");
    assert!(here.host("moved/x").is_dir());
    assert_eq!(here.stat(a).expect("held").ino.get(), std::fs::metadata(here.host("moved")).expect("there").ino());
    here.done(&MkdirAt { common: common(root), name: name("taken") }).expect("made");
    here.control(&["other"]);
    here.control(&["taken"]);
    let told = here.stat(a);
    assert!(told.is_ok() || told == Err(Errno::Stale.into()), "{told:?}");
    here.finish();
}
