//! Opening, and what a descriptor may be used for.

use crate::kit::*;

const NOBODY: DescriptorFlags = DescriptorFlags::empty();

fn try_nofollow(path: &str, open: OpenFlags, flags: DescriptorFlags) -> Result<Descriptor> {
    root().open_at(NOFOLLOW, path, open, flags)
}

pub fn the_root_is_preopened_as_slash() {
    let preopens = preopens();

    assert_eq!(preopens.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["/"]);
    assert_eq!(ok(preopens[0].0.kind()), Kind::Directory);
}

pub fn every_call_gives_new_descriptors_of_the_preopens() {
    let (first, second) = (preopen("/"), preopen("/"));

    drop(first);

    ok(second.create_directory_at("directory"));
    assert!(second.is_same_object(root()));
}

pub fn open_of_a_missing_file_is_refused() {
    refused(try_open("missing", NONE, READ), &[Code::NoEntry]);
    refused(try_open("missing", NONE, READ_WRITE), &[Code::NoEntry]);
    refused(try_open("missing", TRUNCATE, READ_WRITE), &[Code::NoEntry]);
    refused(try_open("missing", DIRECTORY, READ), &[Code::NoEntry]);
    refused(try_open("missing/file", CREATE, READ_WRITE), &[Code::NoEntry]);

    assert_eq!(names("."), set::<&str>([]));
}

pub fn a_miss_is_forgotten_once_the_file_exists() {
    refused(try_open("late", NONE, READ), &[Code::NoEntry]);
    assert_missing("late");

    make("late", b"here");

    assert_contents("late", b"here");
    unlink("late");
    assert_missing("late");
    mkdir("late");
    assert_eq!(stat("late").kind, Kind::Directory);
}

pub fn open_create_keeps_what_is_there() {
    make("file", b"contents");

    let file = open("file", CREATE, READ_WRITE);

    assert_same(&read_all(&file), b"contents");
}

pub fn open_exclusive_refuses_what_is_there() {
    make("file", b"contents");
    mkdir("directory");
    symlink("nowhere", "dangling");

    for path in ["file", "directory", "dangling"] {
        refused(try_open(path, CREATE | EXCLUSIVE, READ_WRITE), &[Code::Exist]);
        refused(try_nofollow(path, CREATE | EXCLUSIVE, READ_WRITE), &[Code::Exist]);
    }
    open("new", CREATE | EXCLUSIVE, READ_WRITE);

    assert_contents("file", b"contents");
    assert_missing("nowhere");
}

pub fn open_truncate_empties() {
    make("file", b"contents");

    let file = open("file", TRUNCATE, READ_WRITE);

    assert_eq!(ok(file.stat()).size, 0);
    ok(file.write(b"new", 0));
    assert_contents("file", b"new");
}

pub fn open_directory_flag_wants_a_directory() {
    make("file", b"");
    mkdir("directory");

    refused(try_open("file", DIRECTORY, READ), &[Code::NotDirectory]);
    let directory = open("directory", DIRECTORY, READ);

    assert_eq!(ok(directory.kind()), Kind::Directory);
}

pub fn open_directory_flag_goes_with_no_creation() {
    mkdir("directory");

    refused(try_open("new", DIRECTORY | CREATE, READ), &[Code::Invalid]);
    refused(try_open("directory", DIRECTORY | CREATE, READ), &[Code::Invalid]);

    assert_missing("new");
}

pub fn a_directory_cannot_be_opened_for_writing() {
    mkdir("directory");

    refused(try_open("directory", NONE, READ_WRITE), &[Code::IsDirectory]);
    refused(try_open("directory", CREATE, READ_WRITE), &[Code::IsDirectory]);
    refused(try_open("directory", TRUNCATE, READ_WRITE), &[Code::IsDirectory]);
    refused(try_open(".", NONE, READ_WRITE), &[Code::IsDirectory]);
}

pub fn open_of_a_directory_without_the_flag_gives_a_directory() {
    mkdir("directory");
    make("directory/file", b"x");

    let directory = open("directory", NONE, READ);

    assert_eq!(ok(directory.kind()), Kind::Directory);
    ok(directory.open_at(FOLLOW, "file", NONE, READ));
}

pub fn a_symlink_is_opened_only_when_followed() {
    make("file", b"contents");
    mkdir("directory");
    symlink("file", "to-file");
    symlink("directory", "to-directory");

    refused(try_nofollow("to-file", NONE, READ), &[Code::Loop]);
    refused(try_nofollow("to-file", CREATE, READ_WRITE), &[Code::Loop]);
    // Linux says ENOTDIR where O_DIRECTORY meets O_NOFOLLOW.
    refused(try_nofollow("to-directory", DIRECTORY, READ), &[Code::Loop, Code::NotDirectory]);

    assert_same(&read_all(&open("to-file", NONE, READ)), b"contents");
    open("to-directory", DIRECTORY, READ);
}

pub fn open_creates_through_a_dangling_symlink() {
    mkdir("directory");
    symlink("directory/target", "link");

    let file = open("link", CREATE, READ_WRITE);
    ok(file.write(b"through", 0));

    assert_contents("directory/target", b"through");
    assert_eq!(stat("link").kind, Kind::Symlink);
}

pub fn a_read_only_descriptor_cannot_write() {
    make("file", b"contents");

    let file = open("file", NONE, READ);

    refused(file.write(b"x", 0), NOT_FOR_THAT);
    refused(file.append(b"x"), NOT_FOR_THAT);
    // Linux says EINVAL for ftruncate on a descriptor that is not for writing.
    refused(file.set_size(0), &[Code::BadDescriptor, Code::Invalid]);
    assert_contents("file", b"contents");
}

pub fn a_read_only_descriptor_that_created_the_file_cannot_write() {
    for (path, flags) in [("created", CREATE), ("new", CREATE | EXCLUSIVE)] {
        let file = open(path, flags, READ);

        refused(file.write(b"x", 0), NOT_FOR_THAT);
        refused(file.append(b"x"), NOT_FOR_THAT);
        refused(file.set_size(10), &[Code::BadDescriptor, Code::Invalid]);

        assert_eq!(ok(file.flags()), READ);
        assert_eq!(stat(path).size, 0);
    }
}

pub fn a_write_only_descriptor_cannot_read() {
    make("file", b"contents");

    let file = open("file", NONE, WRITE);

    refused(file.read(4, 0), NOT_FOR_THAT);
    ok(file.write(b"CON", 0));
    assert_contents("file", b"CONtents");
}

pub fn flags_are_those_of_the_open() {
    make("file", b"");
    mkdir("directory");

    for flags in [READ, WRITE, READ_WRITE] {
        assert_eq!(ok(open("file", NONE, flags).flags()), flags);
    }
    let mutate = DescriptorFlags::MUTATE_DIRECTORY;
    assert_eq!(ok(open("directory", DIRECTORY, READ | mutate).flags()), READ | mutate);
    assert_eq!(ok(root().flags()), READ | mutate);
}

/// The interface would have it refused. But no libc asks for `mutate-directory`, and programs that make names in a
/// directory that they opened would all fail.
pub fn names_change_through_a_directory_that_was_opened_for_reading() {
    mkdir("directory");
    let directory = open("directory", DIRECTORY, READ);

    ok(directory.open_at(FOLLOW, "file", CREATE, READ_WRITE));
    ok(directory.create_directory_at("child"));
    ok(directory.symlink_at("target", "link"));
    ok(directory.rename_at("file", &directory, "renamed"));
    ok(directory.unlink_file_at("link"));

    assert_eq!(names("directory"), set(["child", "renamed"]));
}

pub fn a_descriptor_without_read_and_write_can_be_asked_about() {
    make("file", b"contents");

    let file = open("file", NONE, NOBODY);

    assert_eq!(ok(file.kind()), Kind::File);
    assert_eq!(ok(file.stat()).size, 8);
    refused(file.write(b"x", 0), NOT_FOR_THAT);
    assert_contents("file", b"contents");
}

pub fn the_kind_is_that_of_the_object() {
    make("file", b"");
    mkdir("directory");
    symlink("file", "link");

    assert_eq!(ok(open("file", NONE, READ).kind()), Kind::File);
    assert_eq!(ok(open("link", NONE, READ).kind()), Kind::File);
    assert_eq!(ok(open("directory", NONE, READ).kind()), Kind::Directory);
    assert_eq!((stat("link").kind, ok(follow("link")).kind), (Kind::Symlink, Kind::File));
}

pub fn a_directory_cannot_be_read_or_written() {
    mkdir("directory");
    let directory = open_dir("directory");
    let refusals = &[Code::IsDirectory, Code::BadDescriptor];

    refused(directory.read(4, 0), refusals);
    refused(directory.write(b"x", 0), refusals);
    refused(directory.append(b"x"), refusals);
    refused(directory.set_size(0), &[Code::IsDirectory, Code::BadDescriptor, Code::Invalid]);
}

pub fn a_file_is_no_directory() {
    make("file", b"x");
    let file = open("file", NONE, READ_WRITE);

    refused(file.stat_at(FOLLOW, "x"), &[Code::NotDirectory]);
    refused(file.open_at(FOLLOW, "x", CREATE, READ_WRITE), &[Code::NotDirectory]);
    refused(file.create_directory_at("x"), &[Code::NotDirectory]);
    refused(file.unlink_file_at("x"), &[Code::NotDirectory]);
    refused(file.readlink_at("x"), &[Code::NotDirectory]);
    refused(file.entries(), &[Code::NotDirectory]);
    refused(root().rename_at("file", &file, "x"), &[Code::NotDirectory]);
    refused(root().link_at(NOFOLLOW, "file", &file, "x"), &[Code::NotDirectory]);
    refused(file.metadata_hash_at(FOLLOW, "x"), &[Code::NotDirectory]);
}

pub fn a_path_is_opened_relative_to_the_directory() {
    mkdir("a");
    mkdir("a/b");
    make("a/b/file", b"deep");
    let a = open_dir("a");

    let b = ok(a.open_at(FOLLOW, "b", DIRECTORY, READ | DescriptorFlags::MUTATE_DIRECTORY));
    let file = ok(b.open_at(FOLLOW, "./file", NONE, READ));

    assert_same(&read_all(&file), b"deep");
    ok(b.create_directory_at("c"));
    ok(b.rename_at("file", &a, "moved"));
    assert_contents("a/moved", b"deep");
    assert_eq!(names("a/b"), set(["c"]));
}

pub fn two_hundred_open_files() {
    let files: Vec<_> = (0..200).map(|n| create(&format!("file-{n}"))).collect();

    for (n, file) in files.iter().enumerate() {
        ok(file.write(n.to_string().as_bytes(), 0));
    }

    for (n, file) in files.iter().enumerate() {
        assert_same(&read_all(file), n.to_string().as_bytes());
    }
}

pub fn five_thousand_opens_leave_nothing_open() {
    make("file", b"contents");

    for _ in 0..5_000 {
        drop(open("file", NONE, READ));
    }
    for _ in 0..500 {
        drop(open(".", DIRECTORY, READ));
    }

    assert_contents("file", b"contents");
}
