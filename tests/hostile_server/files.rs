//! Lies about open files, the descriptors that come with them, lists and contents.

use crate::case::{Case, DIRECTORY, EIO, Expected, WORKS, What, at, put};
use crate::proxy::Reply;
use rustix::fd::OwnedFd;
use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create, open};
use wasi_gofer::abi::Errno;
use wasi_gofer::proto::lisafs::Mid;

const OPEN: (What, Mid) = (What::Open, Mid::OPEN_AT);
const WRITER: (What, Mid) = (What::OpenToWrite, Mid::OPEN_AT);
const CREATE: (What, Mid) = (What::Create, Mid::OPEN_CREATE_AT);
const LIST: (What, Mid) = (What::List, Mid::GETDENTS64);
const READ: (What, Mid) = (What::Read, Mid::P_READ);
const WRITE: (What, Mid) = (What::Write, Mid::P_WRITE);
const APPEND: (What, Mid) = (What::Append, Mid::APPEND);
const BY_TURNS: What = What::AppendByTurns;
const READLINK: (What, Mid) = (What::Readlink, Mid::READ_LINK_AT);

pub(crate) fn cases() -> Vec<Case> {
    let mut all = descriptors();
    all.extend(numbers());
    all.extend(lists());
    all.extend(contents());
    all
}

fn shorter(reply: &mut Reply) {
    reply.payload.pop();
}

fn opened(reply: &Reply, name: &str, flags: OFlags) -> OwnedFd {
    open(reply.root.join(name), flags | OFlags::CLOEXEC, Mode::empty()).expect("open")
}

fn descriptors() -> Vec<Case> {
    let instead = |name, ask: (What, Mid), make: fn(&Reply) -> OwnedFd| {
        Case::new(name, ask, EIO, move |reply: &mut Reply| {
            reply.fds = vec![make(reply)];
        })
    };
    vec![
        Case::new("open_without_a_descriptor", OPEN, WORKS, |reply| reply.fds.clear()),
        Case::new("open_with_three_descriptors", OPEN, WORKS, |reply| {
            let more = [opened(reply, "g", OFlags::RDONLY), opened(reply, "d", OFlags::RDONLY)];
            reply.fds.extend(more);
        }),
        Case::new("open_with_thirty_descriptors", OPEN, EIO, |reply| {
            reply.fds = (0..30).map(|_| opened(reply, "d/f", OFlags::RDONLY)).collect();
        })
        .ends(),
        instead("open_with_a_pipe", OPEN, |_| std::io::pipe().expect("a pipe").0.into()),
        instead("open_with_a_socket", OPEN, |_| std::os::unix::net::UnixStream::pair().expect("a pair").0.into()),
        instead("open_with_a_directory", OPEN, |reply| opened(reply, "d", OFlags::RDONLY)),
        instead("open_with_a_device", OPEN, |_| std::fs::File::open("/dev/null").expect("open").into()),
        instead("open_with_an_endless_device", OPEN, |_| std::fs::File::open("/dev/zero").expect("open").into()),
        instead("open_with_a_path_descriptor", OPEN, |reply| opened(reply, "d/f", OFlags::PATH)),
        instead("open_with_a_path_descriptor_of_a_link", OPEN, |reply| {
            opened(reply, "d/l", OFlags::PATH | OFlags::NOFOLLOW)
        }),
        instead("open_with_another_file", OPEN, |reply| opened(reply, "g", OFlags::RDONLY)),
        instead("open_with_one_that_cannot_read", OPEN, |reply| opened(reply, "d/f", OFlags::WRONLY)),
        instead("open_to_write_with_one_that_cannot", WRITER, |reply| opened(reply, "d/f", OFlags::RDONLY)),
        instead("open_to_write_with_one_that_appends", WRITER, |reply| {
            opened(reply, "d/f", OFlags::RDWR | OFlags::APPEND)
        }),
        instead("open_with_memory", OPEN, |_| memfd_create("lie", MemfdFlags::CLOEXEC).expect("made")),
        instead("open_with_a_removed_file", OPEN, |reply| {
            std::fs::write(reply.root.join("gone"), "x").expect("written");
            let fd = opened(reply, "gone", OFlags::RDONLY);
            std::fs::remove_file(reply.root.join("gone")).expect("removed");
            fd
        }),
        instead("open_with_an_event_descriptor", OPEN, |_| {
            rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).expect("made")
        }),
        instead("create_with_another_file", CREATE, |reply| opened(reply, "g", OFlags::RDWR)),
        instead("create_with_a_directory", CREATE, |reply| opened(reply, "d", OFlags::RDONLY)),
    ]
}

fn numbers() -> Vec<Case> {
    vec![
        Case::new("open_of_number_zero", OPEN, EIO, |reply| put(reply, 0, &[0; 8])),
        Case::new("open_shorter_by_a_byte", OPEN, EIO, shorter),
        Case::new("open_of_no_bytes", OPEN, EIO, |reply| reply.payload.clear()),
        Case::new("create_of_a_directory", CREATE, EIO, |reply| put(reply, at::INODE + at::MODE, &DIRECTORY)),
        Case::new("create_of_number_zero", CREATE, EIO, |reply| put(reply, at::INODE_BYTES, &[0; 8])),
        Case::new("create_shorter_by_a_byte", CREATE, EIO, shorter),
        Case::new("create_of_a_size_that_no_file_has", CREATE, EIO, |reply| {
            put(reply, at::INODE + at::SIZE, &[0xff; 8]);
        }),
    ]
}

/// A list with entries of these names, each at the offset that is told.
fn list(reply: &mut Reply, entries: &[(&[u8], u64)]) {
    reply.payload = u16::try_from(entries.len()).expect("few").to_le_bytes().to_vec();
    for (name, offset) in entries {
        reply.payload.extend(7u64.to_le_bytes());
        reply.payload.extend([0; 8]);
        reply.payload.extend(offset.to_le_bytes());
        reply.payload.push(8);
        reply.payload.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
        reply.payload.extend(*name);
    }
}

fn lists() -> Vec<Case> {
    let named = |case, name: &'static [u8]| Case::new(case, LIST, EIO, move |reply| list(reply, &[(name, 5)]));
    vec![
        named("list_of_a_name_with_a_slash", b"a/b"),
        named("list_of_an_absolute_name", b"/etc/passwd"),
        named("list_of_a_way_out", b"../out"),
        named("list_of_no_name", b""),
        named("list_of_a_name_with_nul", b"a\0b"),
        named("list_of_a_name_of_256_bytes", &[b'n'; 256]),
        named("list_of_a_name_of_60000_bytes", &[b'n'; 60_000]),
        Case::new("list_of_dots", LIST, WORKS, |reply| list(reply, &[(b".", 1), (b"..", 2), (b"f", 3), (b"l", 4)])),
        Case::new("list_of_one_name_twice", LIST, WORKS, |reply| list(reply, &[(b"f", 1), (b"l", 2), (b"f", 3)])),
        Case::new("list_without_offsets", LIST, WORKS, |reply| list(reply, &[(b"f", 0), (b"l", 0)])),
        Case::new("list_that_counts_more_than_there_is", LIST, EIO, |reply| put(reply, 0, &[0xff; 2])),
        Case::new("list_shorter_by_a_byte", LIST, EIO, shorter),
        Case::new("list_of_20000_entries_at_once", LIST, EIO, |reply| list(reply, &[(&b"f"[..], 1); 20_000])),
        Case::new("list_of_more_bytes_than_were_asked", LIST, EIO, |reply| {
            list(reply, &[(&[b'n'; 255][..], 1); 4_000])
        }),
        Case::new("list_that_stands_still", LIST, EIO, |reply| list(reply, &[(b"f", 1), (b"l", 2)])).always(),
        Case::new("list_without_end", LIST, EIO, |reply| {
            let place = reply.nth + 1;
            list(reply, &[(b"f", place)]);
        })
        .always(),
        Case::new("list_of_dots_without_end", LIST, EIO, |reply| list(reply, &[(b".", 1)])).always(),
    ]
}

fn contents() -> Vec<Case> {
    let count = |name, ask, bytes: [u8; 8]| Case::new(name, ask, EIO, move |reply| put(reply, 0, &bytes));
    vec![
        Case::new("read_of_more_than_was_asked", READ, EIO, |reply| {
            reply.payload = [&100_000u64.to_le_bytes()[..], &[7; 100_000]].concat();
        }),
        count("read_that_counts_more_than_there_is", READ, [0xff, 0, 0, 0, 0, 0, 0, 0]),
        count("read_that_counts_all_there_can_be", READ, [0xff; 8]),
        Case::new("read_of_no_bytes", READ, EIO, |reply| reply.payload.clear()),
        count("write_of_more_than_was_sent", WRITE, [0xff, 0, 0, 0, 0, 0, 0, 0]),
        count("write_of_all_there_can_be", WRITE, [0xff; 8]),
        count("write_of_nothing", WRITE, [0; 8]),
        Case::new("write_shorter_by_a_byte", WRITE, EIO, shorter),
        count("append_that_ends_before_it_began", APPEND, [0; 8]),
        count("append_that_ends_where_no_file_does", APPEND, [0xff; 8]),
        Case::new("append_of_nothing", APPEND, EIO, |reply| put(reply, 8, &[0; 8])),
        Case::new("append_of_more_than_was_asked", APPEND, EIO, |reply| put(reply, 8, &[2, 0, 0, 0, 0, 0, 0, 0])),
        Case::new("append_of_all_there_can_be", APPEND, EIO, |reply| put(reply, 8, &[0xff; 8])),
        Case::new("append_shorter_by_a_byte", APPEND, EIO, shorter),
        count("append_of_more_than_was_sent", (BY_TURNS, Mid::P_WRITE), [0xff; 8]),
        Case::new("append_at_a_size_that_no_file_has", (BY_TURNS, Mid::F_STAT), EIO, |reply| {
            put(reply, at::SIZE, &[0xff; 8]);
        }),
        Case::new(
            "append_at_the_last_byte_of_all",
            (BY_TURNS, Mid::F_STAT),
            Expected::Fails(&[Errno::Fbig, Errno::Inval]),
            |reply| {
                put(reply, at::SIZE, &i64::MAX.to_le_bytes());
            },
        ),
        Case::new("append_to_another_inode", (BY_TURNS, Mid::F_STAT), Expected::Fails(&[Errno::Stale]), |reply| {
            put(reply, at::INO, &[9; 8]);
        }),
        Case::new("sync_with_bytes_behind", (What::Sync, Mid::F_SYNC), WORKS, |reply| reply.payload.extend([1; 50])),
        Case::new("allocate_with_a_descriptor", (What::Allocate, Mid::F_ALLOCATE), WORKS, |reply| {
            reply.fds = vec![opened(reply, "g", OFlags::RDONLY)];
        }),
        Case::new("readlink_of_5000_bytes", READLINK, EIO, |reply| {
            reply.payload = [&5_000u16.to_le_bytes()[..], &[b'x'; 5_000]].concat();
        }),
        Case::new("readlink_of_nothing", READLINK, EIO, |reply| reply.payload = vec![0; 2]).always(),
        // So gVisor's gofer answers where a link lost the name that it was found by.
        Case::new("readlink_of_nothing_once", READLINK, WORKS, |reply| reply.payload = vec![0; 2]),
        Case::new("readlink_with_nul", READLINK, EIO, |reply| reply.payload = vec![2, 0, b'a', 0]),
        Case::new("readlink_that_counts_more_than_there_is", READLINK, EIO, |reply| put(reply, 0, &[0xff; 2])),
        Case::new("xattr_that_counts_more_than_there_is", (What::Xattr, Mid::F_GET_XATTR), EIO, |reply| {
            (reply.mid, reply.payload) = (Mid::F_GET_XATTR.0, vec![0xff, 0xff, 1]);
        }),
    ]
}
