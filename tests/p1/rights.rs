//! What a guest may do: the intersection of mount, preopen and open flags.

use crate::kit::abi::{fstflags, oflags, rights};
use crate::kit::{Errno, Guest, Open, args, at_root, mount};
use wasi_gofer::{Gofer, MemoryFs, MountOptions, SharedBackend};

/// Asked for, inherited, and never given by a read-only mount.
const ALL_BUT_WRITE: u64 = ((1 << 30) - 1) & !rights::FD_WRITE;

fn files() -> MemoryFs {
    MemoryFs::new().with_file("file", "contents").expect("made").with_file("dir/inner", "inner").expect("made")
}

/// Everything that changes something, through a directory of this guest.
#[track_caller]
fn assert_nothing_can_be_changed(guest: &mut Guest, dir: u32) {
    let rofs = Err(Errno::ROFS);
    assert_eq!(guest.open_at(dir, "file", Open::WRITE), Err(Errno::ROFS));
    assert_eq!(guest.open_at(dir, "file", Open::READ_WRITE), Err(Errno::ROFS));
    assert_eq!(guest.open_at(dir, "file", Open::READ.and(oflags::TRUNC)), Err(Errno::ROFS));
    assert_eq!(guest.open_at(dir, "file", Open { rights: 0, ..Open::READ }.and(oflags::TRUNC)), Err(Errno::ROFS));
    assert_eq!(guest.open_at(dir, "new", Open::CREATE), Err(Errno::ROFS));
    assert_eq!(guest.open_at(dir, "new", Open::READ.and(oflags::CREAT)), Err(Errno::ROFS));
    assert_eq!(guest.mkdir_at(dir, "new"), rofs);
    assert_eq!(guest.symlink_at("file", dir, "new"), rofs);
    assert_eq!(guest.link_at((dir, "file"), (dir, "new")), rofs);
    assert_eq!(guest.rename_at((dir, "file"), (dir, "new")), rofs);
    assert_eq!(guest.unlink_at(dir, "file"), rofs);
    assert_eq!(guest.set_times_at((dir, "file"), (0, 0), fstflags::MTIM), rofs);
    assert_eq!(guest.answer("fd_filestat_set_times", args![dir, 0i64, 0i64, fstflags::MTIM]), rofs);
    let fd = guest.open_at(dir, "file", Open::READ).expect("opened");
    assert_eq!(guest.write(fd, "x"), Err(Errno::BADF));
    assert_eq!(guest.answer("fd_filestat_set_size", args![fd, 0i64]), Err(Errno::BADF));
    assert_eq!(guest.answer("fd_allocate", args![fd, 0i64, 100i64]), Err(Errno::BADF));
    assert_eq!(guest.answer("fd_filestat_set_times", args![fd, 0i64, 0i64, fstflags::MTIM]), rofs);
    guest.close(fd).expect("closed");
    assert_eq!(guest.stat_at(dir, "file", true).map(|stat| stat.size), Ok(8));
}

#[test]
fn a_read_only_mount_changes_nothing() {
    let gofer = mount("/", files(), MountOptions::read_only());
    let mut guest = Guest::new(gofer.ctx());

    assert_nothing_can_be_changed(&mut guest, Guest::ROOT);

    assert_eq!(guest.rmdir("dir"), Err(Errno::ROFS));
    assert_eq!(guest.names("."), Ok(vec!["dir".to_owned(), "file".to_owned()]));
}

#[test]
fn a_read_only_context_of_a_writable_mount_changes_nothing() {
    let gofer = mount("/", files(), MountOptions::default());
    let mut guest = Guest::new(gofer.ctx().read_only());

    assert_nothing_can_be_changed(&mut guest, Guest::ROOT);

    assert_eq!(guest.names("."), Ok(vec!["dir".to_owned(), "file".to_owned()]));
}

#[test]
fn a_directory_opened_through_a_read_only_mount_is_as_read_only() {
    for read_only_mount in [true, false] {
        let files = files().with_file("a/b/file", "contents").expect("made");
        let gofer = match read_only_mount {
            true => mount("/", files, MountOptions::read_only()),
            false => mount("/", files, MountOptions::default()),
        };
        let mut guest = Guest::new(if read_only_mount { gofer.ctx() } else { gofer.ctx().read_only() });
        let a = guest.open("a", Open { rights: ALL_BUT_WRITE, ..Open::DIRECTORY }).expect("opened");
        let b = guest.open_at(a, "b", Open::DIRECTORY).expect("opened");

        assert_nothing_can_be_changed(&mut guest, b);
    }
}

#[test]
fn exclusive_creation_of_what_exists_on_a_read_only_mount_is_exist() {
    let mut guest = Guest::new(mount("/", files(), MountOptions::read_only()).ctx());

    assert_eq!(guest.open("file", Open::CREATE.and(oflags::EXCL)), Err(Errno::EXIST));
    assert_eq!(guest.mkdir("dir"), Err(Errno::EXIST));
    assert_eq!(guest.symlink("x", "file"), Err(Errno::EXIST));
}

#[test]
fn creation_of_what_exists_on_a_read_only_mount_opens_it_for_reading() {
    let mut guest = Guest::new(mount("/", files(), MountOptions::read_only()).ctx());

    let fd = guest.open("file", Open::READ.and(oflags::CREAT)).expect("opened");

    assert_eq!(guest.read(fd, 16), Ok(b"contents".to_vec()));
}

#[test]
fn a_descriptor_opened_for_reading_cannot_change_the_file() {
    let mut guest = at_root(files());
    let fd = guest.open("file", Open::READ).expect("opened");

    assert_eq!(guest.write(fd, "x"), Err(Errno::BADF));
    assert_eq!(guest.answer("fd_pwrite", args![fd, 0, 0, 0i64, 64]), Err(Errno::BADF));
    assert_eq!(guest.answer("fd_filestat_set_size", args![fd, 0i64]), Err(Errno::BADF));
    assert_eq!(guest.answer("fd_allocate", args![fd, 0i64, 100i64]), Err(Errno::BADF));
    assert_eq!(guest.contents("file").as_deref(), Ok("contents"));
}

#[test]
fn a_descriptor_opened_for_writing_cannot_read_the_file() {
    let mut guest = at_root(files());
    let fd = guest.open("file", Open::WRITE).expect("opened");

    assert_eq!(guest.read(fd, 16), Err(Errno::BADF));
    assert_eq!(guest.answer("fd_pread", args![fd, 0, 0, 0i64, 64]), Err(Errno::BADF));
}

#[test]
fn a_truncating_open_for_reading_empties_and_still_cannot_write() {
    let mut guest = at_root(files());

    let fd = guest.open("file", Open::READ.and(oflags::TRUNC)).expect("opened");

    assert_eq!(guest.lstat("file").map(|stat| stat.size), Ok(0));
    assert_eq!(guest.write(fd, "x"), Err(Errno::BADF));
}

#[test]
fn rights_are_never_added() {
    let mut guest = at_root(files());
    let fd = guest.open("file", Open::READ).expect("opened");

    assert_eq!(guest.answer("fd_fdstat_set_rights", args![fd, u64::MAX, u64::MAX]), Err(Errno::NOTSUP));

    assert_eq!(guest.write(fd, "x"), Err(Errno::BADF));
}

#[test]
fn a_read_only_mount_inside_a_writable_one_stays_read_only_by_every_way() {
    let mut builder = Gofer::builder();
    builder.mount("/", MemoryFs::new().with_file("rw", "x").expect("made"), MountOptions::default());
    builder.mount("/ro", files(), MountOptions::read_only());
    let gofer = builder.build().expect("mounted");
    let mut guest = Guest::new(gofer.ctx().with_preopens(&["/"]).expect("there"));
    let ro = guest.open("ro", Open::DIRECTORY).expect("opened");

    assert_nothing_can_be_changed(&mut guest, ro);

    assert_eq!(guest.open("ro/file", Open::WRITE), Err(Errno::ROFS));
    assert_eq!(guest.open("ro/../ro/./file", Open::WRITE), Err(Errno::ROFS));
    assert_eq!(guest.unlink("ro/file"), Err(Errno::ROFS));
    assert_eq!(guest.rename("rw", "ro/moved"), Err(Errno::XDEV));
    assert_eq!(guest.rename("ro/file", "moved"), Err(Errno::XDEV));
    guest.symlink("ro/file", "link").expect("linked");
    assert_eq!(guest.open("link", Open::WRITE), Err(Errno::ROFS));
    assert_eq!(guest.open("link", Open::READ.and(oflags::TRUNC)), Err(Errno::ROFS));
    assert_eq!(guest.contents("link").as_deref(), Ok("contents"));
}

#[test]
fn two_guests_with_different_rights_on_one_cache_keep_their_own() {
    let gofer = mount("/", files(), MountOptions::default());
    let mut writer = Guest::new(gofer.ctx());
    let mut reader = Guest::new(gofer.ctx().read_only());
    let writers = writer.open("file", Open::READ_WRITE).expect("opened");
    let readers = reader.open("file", Open::READ).expect("opened");

    writer.write(writers, "changed!").expect("written");

    assert_eq!(reader.read(readers, 16), Ok(b"changed!".to_vec()));
    assert_eq!(reader.write(readers, "x"), Err(Errno::BADF));
    assert_nothing_can_be_changed(&mut reader, Guest::ROOT);
    assert_eq!(writer.unlink("file"), Ok(()));
    assert_eq!(reader.lstat("file"), Err(Errno::NOENT));
}

#[test]
fn one_backend_mounted_twice_is_writable_by_one_way_and_seen_by_both() {
    let backend = SharedBackend::new(files());
    let mut builder = Gofer::builder();
    builder.mount("/rw", backend.clone(), MountOptions::default());
    builder.mount("/ro", backend, MountOptions::read_only());
    let gofer = builder.build().expect("mounted");
    let mut guest = Guest::new(gofer.ctx());
    let (rw, ro) = (Guest::ROOT, Guest::ROOT + 1);

    assert_nothing_can_be_changed(&mut guest, ro);

    let fd = guest.open_at(rw, "file", Open::WRITE).expect("opened");
    guest.write(fd, "changed!").expect("written");
    let fd = guest.open_at(ro, "file", Open::READ).expect("opened");
    assert_eq!(guest.read(fd, 16), Ok(b"changed!".to_vec()));
}

#[test]
fn preopens_that_are_not_picked_are_out_of_reach() {
    let mut builder = Gofer::builder();
    builder.mount("/a", files(), MountOptions::default());
    builder.mount("/b", files(), MountOptions::default());
    let gofer = builder.build().expect("mounted");
    let mut guest = Guest::new(gofer.ctx().with_preopens(&["/b"]).expect("there"));

    assert_eq!(guest.answer("fd_prestat_get", args![Guest::ROOT + 1, 64]), Err(Errno::BADF));
    assert_eq!(guest.open("../a/file", Open::READ), Err(Errno::PERM));
    assert_eq!(guest.open("..", Open::DIRECTORY), Err(Errno::PERM));
}
