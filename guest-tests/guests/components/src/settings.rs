//! Behaviours with more than one preopen. Their setting is `/work` and `/second`, both empty and writable, and
//! `/readonly`, a mount that takes no change, with `file`, `directory/inner` (`contents` in both), the links `link -> file`
//! and `absolute -> /etc/passwd`, and `odd` with `plain`, a socket `socket` and a name that is no UTF-8.

use crate::kit::*;

fn work() -> Descriptor {
    preopen("/work")
}

fn readonly() -> Descriptor {
    preopen("/readonly")
}

/// A file with `contents` in the directory.
fn put(directory: &Descriptor, path: &str) {
    ok(ok(directory.open_at(FOLLOW, path, CREATE | TRUNCATE, READ_WRITE)).write(b"contents", 0));
}

#[track_caller]
fn assert_untouched() {
    let readonly = readonly();
    assert_eq!(names_of(ok(readonly.entries())), set(["absolute", "directory", "file", "link", "odd"]));
    for path in ["file", "directory/inner"] {
        assert_same(&read_all(&ok(readonly.open_at(FOLLOW, path, NONE, READ))), b"contents");
        assert_eq!(ok(readonly.stat_at(FOLLOW, path)).links, 1);
    }
}

pub fn every_mount_is_a_preopen() {
    let names: Vec<String> = preopens().into_iter().map(|(_, name)| name).collect();

    assert_eq!(names, ["/work", "/second", "/readonly"]);
}

pub fn a_read_only_mount_is_read() {
    let readonly = readonly();

    assert_untouched();
    assert_eq!(ok(readonly.readlink_at("link")), "file");
    assert_eq!(ok(readonly.stat_at(FOLLOW, "link")).size, 8);
    assert_eq!(ok(readonly.flags()), READ);
}

pub fn a_read_only_mount_takes_no_change() {
    let readonly = readonly();
    let refusals = &[Code::ReadOnly];

    refused(readonly.open_at(FOLLOW, "file", NONE, WRITE), refusals);
    refused(readonly.open_at(FOLLOW, "file", NONE, READ_WRITE), refusals);
    refused(readonly.open_at(FOLLOW, "new", CREATE, READ), refusals);
    refused(readonly.open_at(FOLLOW, "new", CREATE, READ_WRITE), refusals);
    refused(readonly.create_directory_at("new"), refusals);
    refused(readonly.symlink_at("target", "new"), refusals);
    refused(readonly.link_at(NOFOLLOW, "file", &readonly, "new"), refusals);
    refused(readonly.rename_at("file", &readonly, "new"), refusals);
    refused(readonly.unlink_file_at("file"), refusals);
    refused(readonly.remove_directory_at("directory"), &[Code::ReadOnly, Code::NotEmpty]);
    refused(readonly.set_times_at(FOLLOW, "file", Time::At(0), Time::At(0)), refusals);
    refused(readonly.set_times(Time::At(0), Time::At(0)), refusals);

    assert_untouched();
}

/// A file that was opened for reading is as read-only as its mount.
pub fn a_file_of_a_read_only_mount_takes_no_change() {
    let readonly = readonly();
    let file = ok(readonly.open_at(FOLLOW, "file", NONE, READ));

    refused(file.write(b"x", 0), &[Code::BadDescriptor, Code::ReadOnly]);
    refused(file.append(b"x"), &[Code::BadDescriptor, Code::ReadOnly]);
    refused(file.set_size(0), &[Code::BadDescriptor, Code::Invalid, Code::ReadOnly]);
    refused(file.set_times(Time::At(0), Time::At(0)), &[Code::ReadOnly]);

    assert_untouched();
}

/// No right to write is asked for, and the file would be emptied all the same.
pub fn truncate_without_write_empties_no_file_of_a_read_only_mount() {
    let readonly = readonly();
    let refusals = &[Code::ReadOnly];

    refused(readonly.open_at(FOLLOW, "file", TRUNCATE, READ), refusals);
    refused(readonly.open_at(FOLLOW, "file", TRUNCATE, DescriptorFlags::empty()), refusals);
    refused(readonly.open_at(FOLLOW, "link", TRUNCATE, READ), refusals);

    assert_untouched();
}

/// A name in a writable mount would make the file writable.
pub fn a_hard_link_out_of_a_read_only_mount_is_refused() {
    let (readonly, work) = (readonly(), work());

    refused(readonly.link_at(NOFOLLOW, "file", &work, "stolen"), &[Code::CrossDevice, Code::ReadOnly]);

    refused(work.stat_at(NOFOLLOW, "stolen"), &[Code::NoEntry]);
    assert_untouched();
}

pub fn a_rename_out_of_a_read_only_mount_is_refused() {
    let (readonly, work) = (readonly(), work());

    for path in ["file", "directory", "link"] {
        refused(readonly.rename_at(path, &work, "stolen"), &[Code::CrossDevice, Code::ReadOnly]);
    }

    refused(work.stat_at(NOFOLLOW, "stolen"), &[Code::NoEntry]);
    assert_untouched();
}

pub fn a_rename_or_link_into_a_read_only_mount_is_refused() {
    let (readonly, work) = (readonly(), work());
    put(&work, "file");

    refused(work.rename_at("file", &readonly, "new"), &[Code::CrossDevice, Code::ReadOnly]);
    refused(work.rename_at("file", &readonly, "file"), &[Code::CrossDevice, Code::ReadOnly]);
    refused(work.link_at(NOFOLLOW, "file", &readonly, "new"), &[Code::CrossDevice, Code::ReadOnly]);

    assert_untouched();
}

pub fn a_rename_or_link_between_mounts_is_refused() {
    let (work, second) = (work(), preopen("/second"));
    put(&work, "file");

    refused(work.rename_at("file", &second, "moved"), &[Code::CrossDevice]);
    refused(work.link_at(NOFOLLOW, "file", &second, "linked"), &[Code::CrossDevice]);

    assert_eq!(ok(second.entries()), []);
    assert_eq!(names_of(ok(work.entries())), set(["file"]));
}

pub fn objects_of_two_mounts_are_never_the_same() {
    let (work, second) = (work(), preopen("/second"));
    put(&work, "file");
    put(&second, "file");
    let open = |mount: &Descriptor| ok(mount.open_at(FOLLOW, "file", NONE, READ));

    assert!(!work.is_same_object(&second));
    assert!(!open(&work).is_same_object(&open(&second)));
    assert!(open(&work).is_same_object(&open(&work)));
    assert_ne!(ok(work.metadata_hash_at(NOFOLLOW, "file")), ok(second.metadata_hash_at(NOFOLLOW, "file")));
}

pub fn no_path_leads_from_one_mount_to_another() {
    let (work, second) = (work(), preopen("/second"));
    put(&second, "file");
    ok(work.symlink_at("../second/file", "link"));

    refused(work.open_at(FOLLOW, "../second/file", NONE, READ), &[Code::NotPermitted]);
    refused(work.open_at(FOLLOW, "link", NONE, READ), &[Code::NotPermitted]);
}

/// The guest cannot make such a link; the host can.
pub fn an_absolute_link_of_the_host_is_not_told_and_leads_nowhere() {
    let readonly = readonly();

    refused(readonly.readlink_at("absolute"), &[Code::NotPermitted]);
    refused(readonly.stat_at(FOLLOW, "absolute"), &[Code::NotPermitted]);
    refused(readonly.open_at(FOLLOW, "absolute", NONE, READ), &[Code::NotPermitted]);

    assert_eq!(ok(readonly.stat_at(NOFOLLOW, "absolute")).kind, Kind::Symlink);
}

pub fn a_name_that_is_no_utf8_is_left_out_of_a_listing() {
    let odd = ok(readonly().open_at(FOLLOW, "odd", DIRECTORY, READ));

    assert_eq!(names_of(ok(odd.entries())), set(["plain", "socket"]));
}

pub fn a_socket_of_the_host_is_a_socket() {
    assert_eq!(ok(readonly().stat_at(NOFOLLOW, "odd/socket")).kind, Kind::Socket);
}
