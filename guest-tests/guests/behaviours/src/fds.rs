//! Descriptors themselves: numbers, flags, closing, renumbering, and what each kind refuses.

use crate::kit::*;
use crate::wasi::*;

pub fn the_root_is_preopened_as_slash() {
    let mut name = [b'.'; 4];

    assert_eq!(ok(fd_prestat_name_len(ROOT)), 1);
    ok(fd_prestat_dir_name(ROOT, &mut name[..1]));

    assert_eq!(&name, b"/...");
    refused(fd_prestat_dir_name(ROOT, &mut []), &[Errno::NAMETOOLONG]);
    refused(fd_prestat_name_len(ROOT + 1), &[Errno::BADF]);
}

pub fn an_opened_directory_is_no_preopen() {
    mkdir("directory");
    let fd = open_dir("directory");

    refused(fd_prestat_name_len(fd), &[Errno::BADF, Errno::INVAL, Errno::NOTSUP]);
    refused(fd_prestat_dir_name(fd, &mut [0; 16]), &[Errno::BADF, Errno::NOTDIR, Errno::INVAL, Errno::NOTSUP]);
}

// stock: hands out the highest number that was closed.
pub fn a_new_descriptor_takes_the_lowest_free_number() {
    make("file", b"");
    let open_file = || open("file", oflags::NONE, rights::READ);
    let fds = [open_file(), open_file(), open_file(), open_file()];
    assert_eq!(fds, [4, 5, 6, 7], "stdio and the root come first");

    ok(fd_close(6));
    ok(fd_close(4));

    assert_eq!([open_file(), open_file(), open_file()], [4, 6, 8]);
}

pub fn closing_twice_is_refused() {
    let fd = create("file");

    ok(fd_close(fd));

    refused(fd_close(fd), &[Errno::BADF]);
    refused(fd_close(u32::MAX), &[Errno::BADF]);
}

pub fn a_closed_descriptor_is_refused_everywhere() {
    mkdir("directory");
    let fd = open_dir("directory");
    ok(fd_close(fd));
    let bad = &[Errno::BADF];

    refused(fd_read(fd, &mut [0; 4]), bad);
    refused(fd_pread(fd, &mut [0; 4], 0), bad);
    refused(fd_write(fd, b"x"), bad);
    refused(fd_pwrite(fd, b"x", 0), bad);
    refused(fd_seek(fd, 0, whence::SET), bad);
    refused(fd_tell(fd), bad);
    refused(fd_sync(fd), bad);
    refused(fd_datasync(fd), bad);
    refused(fd_advise(fd, 0, 0, 0), bad);
    refused(fd_allocate(fd, 0, 1), bad);
    refused(fd_fdstat_get(fd), bad);
    refused(fd_fdstat_set_flags(fd, 0), bad);
    refused(fd_filestat_get(fd), bad);
    refused(fd_filestat_set_size(fd, 0), bad);
    refused(fd_filestat_set_times(fd, 0, 0, 0), bad);
    refused(fd_readdir(fd, &mut [0; 100], 0), bad);
    refused(fd_prestat_name_len(fd), bad);
    refused(fd_renumber(fd, ROOT), bad);
    refused(path_open(fd, FOLLOW, "x", oflags::CREAT, rights::READ_WRITE, 0), bad);
    refused(path_create_directory(fd, "x"), bad);
    refused(path_remove_directory(fd, "x"), bad);
    refused(path_filestat_get(fd, FOLLOW, "x"), bad);
    refused(path_filestat_set_times(fd, FOLLOW, "x", 0, 0, 0), bad);
    refused(path_unlink_file(fd, "x"), bad);
    refused(path_readlink(fd, "x", &mut [0; 4]), bad);
    refused(path_symlink("target", fd, "x"), bad);
    refused(path_rename(fd, "x", ROOT, "y"), bad);
    refused(path_rename(ROOT, "directory", fd, "y"), bad);
    refused(path_link(fd, NOFOLLOW, "x", ROOT, "y"), bad);
    refused(path_link(ROOT, NOFOLLOW, "directory", fd, "y"), bad);
}

pub fn renumber_replaces_the_target() {
    make("a", b"contents of a");
    make("b", b"contents of b");
    let (a, b) = (open("a", oflags::NONE, rights::READ), open("b", oflags::NONE, rights::READ));
    ok(fd_seek(a, 9, whence::SET));

    ok(fd_renumber(a, b));

    refused(fd_tell(a), &[Errno::BADF]);
    assert_eq!(ok(fd_tell(b)), 9, "the position moves along");
    assert_eq!(read_to_end(b), b"of a"[..].to_vec());
}

pub fn renumber_onto_itself_changes_nothing() {
    let fd = create("file");
    write_all(fd, b"abc");

    ok(fd_renumber(fd, fd));

    assert_eq!(ok(fd_tell(fd)), 3);
    write_all(fd, b"def");
    assert_contents("file", b"abcdef");
}

pub fn renumber_wants_two_open_descriptors() {
    let fd = create("file");

    refused(fd_renumber(fd, 1_000), &[Errno::BADF]);
    refused(fd_renumber(1_000, fd), &[Errno::BADF]);
    refused(fd_renumber(1_000, 1_000), &[Errno::BADF]);

    write_all(fd, b"still open");
    assert_contents("file", b"still open");
}

pub fn fdstat_tells_type_and_flags() {
    mkdir("directory");
    let (file, log, directory) = (create("file"), create_append("log"), open_dir("directory"));

    assert_eq!(ok(fd_fdstat_get(file)).filetype(), FileType::REGULAR);
    assert_eq!(ok(fd_fdstat_get(file)).flags, fdflags::NONE);
    assert_eq!(ok(fd_fdstat_get(log)).flags, fdflags::APPEND);
    assert_eq!(ok(fd_fdstat_get(directory)).filetype(), FileType::DIRECTORY);
    assert_eq!(ok(fd_fdstat_get(ROOT)).filetype(), FileType::DIRECTORY);
}

pub fn fdstat_tells_the_rights() {
    make("file", b"");
    let rights_of = |rights| ok(fd_fdstat_get(open("file", oflags::NONE, rights))).rights;
    let both = rights::FD_READ | rights::FD_WRITE;

    assert_eq!(rights_of(rights::READ) & both, rights::FD_READ);
    assert_eq!(rights_of(rights::WRITE) & both, rights::FD_WRITE);
    assert_eq!(rights_of(rights::READ_WRITE) & both, both);

    let root = ok(fd_fdstat_get(ROOT));
    let needed = rights::PATH_OPEN | rights::FD_READDIR | rights::FD_FILESTAT_GET;
    assert_eq!(root.rights & needed, needed);
    assert_eq!(root.rights & rights::FD_SEEK, 0, "nobody seeks in a directory");
    assert_eq!(root.inheriting & both, both, "libc gives files no more than this");
}

pub fn two_hundred_open_files() {
    let fds: Vec<Fd> = (0..200).map(|n| create(&format!("file-{n}"))).collect();

    for (n, &fd) in fds.iter().enumerate() {
        write_all(fd, format!("contents of {n}").as_bytes());
    }
    for (n, &fd) in fds.iter().enumerate().rev() {
        assert_eq!(ok(fd_tell(fd)), format!("contents of {n}").len() as u64);
        ok(fd_close(fd));
    }

    assert_eq!(names(".").len(), 200);
    assert_contents("file-137", b"contents of 137");
}

pub fn a_directory_cannot_be_read_written_or_sought() {
    mkdir("directory");
    let fd = open_dir("directory");
    let not_a_file = &[Errno::BADF, Errno::ISDIR, Errno::NOTCAPABLE];

    refused(fd_read(fd, &mut [0; 4]), not_a_file);
    refused(fd_pread(fd, &mut [0; 4], 0), not_a_file);
    refused(fd_write(fd, b"x"), not_a_file);
    refused(fd_pwrite(fd, b"x", 0), not_a_file);
    refused(fd_seek(fd, 0, whence::SET), not_a_file);
    refused(fd_tell(fd), not_a_file);
    refused(fd_filestat_set_size(fd, 0), &[Errno::BADF, Errno::ISDIR, Errno::INVAL, Errno::NOTCAPABLE]);
    refused(fd_allocate(fd, 0, 1), &[Errno::BADF, Errno::ISDIR, Errno::NODEV, Errno::NOTCAPABLE]);
}

// stock: BADF.
pub fn a_directory_can_be_synced() {
    mkdir("directory");
    let fd = open_dir("directory");
    make("directory/file", b"x");

    ok(fd_sync(fd));
    ok(fd_datasync(fd));
}

pub fn a_file_is_no_directory() {
    let fd = create("file");
    let not_a_directory = &[Errno::NOTDIR, Errno::BADF, Errno::NOTCAPABLE];

    refused(fd_readdir(fd, &mut [0; 100], 0), not_a_directory);
    refused(path_open(fd, FOLLOW, "x", oflags::NONE, rights::READ, 0), not_a_directory);
    refused(path_open(fd, FOLLOW, ".", oflags::NONE, rights::READ, 0), not_a_directory);
    refused(path_filestat_get(fd, FOLLOW, "x"), not_a_directory);
    refused(path_create_directory(fd, "x"), not_a_directory);
    refused(path_unlink_file(fd, "x"), not_a_directory);
    refused(path_rename(ROOT, "file", fd, "x"), not_a_directory);
    refused(path_link(ROOT, NOFOLLOW, "file", fd, "x"), not_a_directory);
}

pub fn stdio_has_no_position() {
    let no_position = &[Errno::SPIPE, Errno::BADF, Errno::NOTCAPABLE];

    refused(fd_seek(2, 0, whence::SET), no_position);
    refused(fd_tell(2), no_position);
    refused(fd_pwrite(2, b"x", 0), no_position);
    refused(fd_pread(0, &mut [0; 4], 0), no_position);
}

pub fn polling_a_file_finds_it_ready_at_once() {
    const AN_HOUR: u64 = 3_600_000_000_000;
    make("file", b"contents");
    let reader = open("file", oflags::NONE, rights::READ);
    let writer = open("file", oflags::NONE, rights::WRITE);
    let before = now();

    for descriptor in [(reader, Event::READ), (writer, Event::WRITE)] {
        let events = ok(poll(&[descriptor], AN_HOUR));

        assert_eq!(events.len(), 1, "the clock has an hour left");
        assert_eq!((events[0].userdata, events[0].kind), (0, descriptor.1));
        ok(events[0].result());
    }
    assert!(now() - before < AN_HOUR / 60);
}
