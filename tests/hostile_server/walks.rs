//! Lies about names, objects and attributes.

use crate::case::{Case, DIRECTORY, EIO, ESTALE, FIFO, REGULAR, SYMLINK, WORKS, What, at, put, rest};
use crate::proxy::Reply;
use wasi_gofer::proto::lisafs::Mid;

const WALK: (What, Mid) = (What::Walk, Mid::WALK);
const STAT: (What, Mid) = (What::Stat, Mid::F_STAT);
const REVALIDATE: (What, Mid) = (What::Revalidate, Mid::WALK_STAT);
const END: (What, Mid) = (What::RevalidateEnd, Mid::WALK_STAT);
const MOUNT: (What, Mid) = (What::Mount, Mid::MOUNT);

/// Where the second object of a walk begins.
const SECOND: usize = 3 + at::INODE_BYTES;

fn shorter(reply: &mut Reply) {
    reply.payload.pop();
}

fn nothing(reply: &mut Reply) {
    reply.payload.clear();
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = walk_replies();
    all.extend(attributes());
    all.extend(checks());
    all.extend(made());
    all.extend(mounts());
    all
}

fn walk_replies() -> Vec<Case> {
    vec![
        Case::new("walk_shorter_by_a_byte", WALK, EIO, shorter),
        Case::new("walk_of_no_bytes", WALK, EIO, nothing),
        Case::new("walk_that_counts_more_than_there_is", WALK, EIO, |reply| put(reply, 1, &[0xff; 2])),
        Case::new("walk_to_more_than_was_asked", WALK, EIO, |reply| {
            let last = rest(reply, SECOND);
            reply.payload.extend(last);
            put(reply, 1, &3u16.to_le_bytes());
        })
        .ends(),
        Case::new("walk_to_60000_objects", WALK, EIO, |reply| {
            let last = rest(reply, SECOND);
            (2..8_000).for_each(|_| reply.payload.extend(&last));
            put(reply, 1, &8_000u16.to_le_bytes());
        })
        .ends(),
        Case::new("walk_that_is_complete_with_less", WALK, EIO, |reply| {
            reply.payload.truncate(SECOND);
            put(reply, 1, &1u16.to_le_bytes());
        }),
        Case::new("walk_that_ended_as_nothing_ends", WALK, EIO, |reply| put(reply, 0, &[9])),
        Case::new("walk_to_all_that_misses_one", WALK, EIO, |reply| put(reply, 0, &[1])),
        Case::new("walk_to_all_that_stops_at_a_link", WALK, EIO, |reply| put(reply, 0, &[2])),
        Case::new("walk_that_stops_at_a_link_that_is_none", WALK, EIO, |reply| {
            reply.payload.truncate(SECOND);
            put(reply, 0, &[2, 1, 0]);
        }),
        Case::new("walk_through_a_file", WALK, EIO, |reply| put(reply, at::WALKED + at::MODE, &REGULAR)),
        Case::new("walk_through_a_link", WALK, EIO, |reply| put(reply, at::WALKED + at::MODE, &SYMLINK)),
        Case::new("walk_to_number_zero", WALK, EIO, |reply| put(reply, SECOND, &[0; 8])),
        Case::new("walk_with_bytes_behind", WALK, WORKS, |reply| reply.payload.extend([7; 100])),
        Case::new("walk_with_descriptors", WALK, WORKS, |reply| {
            reply.fds = (0..3).map(|_| std::fs::File::open("/dev/null").expect("open").into()).collect();
        }),
        Case::new("walk_to_one_number_twice", WALK, WORKS, |reply| {
            let number = rest(reply, 3).into_iter().take(8).collect::<Vec<_>>();
            put(reply, SECOND, &number);
        }),
        Case::new("walk_to_one_inode_as_two_types", WALK, WORKS, |reply| {
            let key = at::WALKED + at::INO;
            let ino = rest(reply, key).into_iter().take(8).collect::<Vec<_>>();
            put(reply, SECOND + at::INODE + at::INO, &ino);
        }),
    ]
}

fn attributes() -> Vec<Case> {
    let field = |name, expected, place: usize, bytes: &'static [u8]| {
        Case::new(name, WALK, expected, move |reply| put(reply, SECOND + at::INODE + place, bytes))
    };
    vec![
        field("walk_to_attributes_that_nobody_filled", EIO, at::MASK, &[0; 4]),
        field("walk_to_attributes_without_a_type", EIO, at::MASK, &[0xfe, 0xff, 0, 0]),
        field("walk_to_a_type_that_nothing_has", EIO, at::MODE, &[0; 2]),
        field("walk_to_all_types_at_once", EIO, at::MODE, &[0xff; 2]),
        field("walk_to_a_size_that_no_file_has", EIO, at::SIZE, &[0xff; 8]),
        field("walk_to_a_size_one_too_large", EIO, at::SIZE, &[0, 0, 0, 0, 0, 0, 0, 0x80]),
        field("walk_to_no_names", WORKS, at::NLINK, &[0; 4]),
        field("walk_to_a_huge_block_size", WORKS, at::BLKSIZE, &[0xff; 4]),
        field("walk_to_all_blocks", WORKS, at::BLOCKS, &[0xff; 8]),
        field("walk_to_more_nanoseconds_than_there_are", WORKS, at::MTIME_NANOS, &[0xff; 4]),
        Case::new("stat_shorter_by_a_byte", STAT, EIO, shorter),
        Case::new("stat_of_no_bytes", STAT, EIO, nothing),
        Case::new("stat_of_another_inode", STAT, ESTALE, |reply| put(reply, at::INO, &[9; 8])).always(),
        Case::new("stat_of_a_pipe_where_a_file_was", STAT, ESTALE, |reply| put(reply, at::MODE, &FIFO)).always(),
        Case::new("stat_of_a_directory_where_a_file_was", STAT, ESTALE, |reply| put(reply, at::MODE, &DIRECTORY))
            .always(),
        Case::new("stat_of_a_size_that_no_file_has", STAT, EIO, |reply| put(reply, at::SIZE, &[0xff; 8])),
        Case::new("set_stat_of_attributes_that_are_none", (What::SetStat, Mid::SET_STAT), EIO, |reply| {
            put(reply, 0, &[0xff; 8]);
        }),
        Case::new("set_stat_that_fails_to_set_what_was_not_asked", (What::SetStat, Mid::SET_STAT), EIO, |reply| {
            put(reply, 0, &[0x08, 0, 0, 0, 1, 0, 0, 0]);
        }),
        Case::new("set_stat_that_fails_without_an_errno", (What::SetStat, Mid::SET_STAT), EIO, |reply| {
            put(reply, 0, &[0x02, 0, 0, 0, 0, 0, 0, 0]);
        }),
        Case::new("set_stat_of_no_bytes", (What::SetStat, Mid::SET_STAT), EIO, nothing),
        Case::new("statfs_of_a_negative_block_size", (What::StatFs, Mid::F_STAT_FS), EIO, |reply| {
            put(reply, 8, &[0xff; 8]);
        }),
        Case::new("statfs_shorter_by_a_byte", (What::StatFs, Mid::F_STAT_FS), EIO, shorter),
    ]
}

fn checks() -> Vec<Case> {
    vec![
        Case::new("revalidate_of_more_than_was_asked", REVALIDATE, EIO, |reply| {
            let last = rest(reply, 2 + at::STATX_BYTES);
            reply.payload.extend(last);
            put(reply, 0, &3u16.to_le_bytes());
        }),
        Case::new("revalidate_that_counts_more_than_there_is", REVALIDATE, EIO, |reply| put(reply, 0, &[0xff; 2])),
        Case::new("revalidate_of_attributes_that_nobody_filled", REVALIDATE, EIO, |reply| put(reply, 2, &[0; 4])),
        Case::new("revalidate_end_of_more_than_was_asked", END, EIO, |reply| {
            let last = rest(reply, 2 + at::STATX_BYTES);
            reply.payload.extend(last);
            put(reply, 0, &3u16.to_le_bytes());
        }),
        Case::new("revalidate_end_of_no_bytes", END, EIO, nothing),
    ]
}

fn made() -> Vec<Case> {
    let told_as = |name, ask, mode: [u8; 2]| {
        Case::new(name, ask, EIO, move |reply: &mut Reply| put(reply, at::INODE + at::MODE, &mode))
    };
    vec![
        told_as("mkdir_of_a_file", (What::Mkdir, Mid::MKDIR_AT), REGULAR),
        told_as("mkdir_of_a_link", (What::Mkdir, Mid::MKDIR_AT), SYMLINK),
        told_as("mknod_of_a_directory", (What::Mknod, Mid::MKNOD_AT), DIRECTORY),
        told_as("symlink_of_a_directory", (What::Symlink, Mid::SYMLINK_AT), DIRECTORY),
        Case::new("mkdir_of_number_zero", (What::Mkdir, Mid::MKDIR_AT), EIO, |reply| put(reply, 0, &[0; 8])),
        Case::new("mkdir_shorter_by_a_byte", (What::Mkdir, Mid::MKDIR_AT), EIO, shorter),
        Case::new("link_to_another_inode", (What::Link, Mid::LINK_AT), ESTALE, |reply| {
            put(reply, at::INODE + at::INO, &[9; 8]);
        }),
        Case::new("rename_with_bytes_behind", (What::Rename, Mid::RENAME_AT), WORKS, |reply| {
            reply.payload.extend([1; 9]);
        }),
        Case::new("unlink_with_bytes_behind", (What::Unlink, Mid::UNLINK_AT), WORKS, |reply| {
            reply.payload.extend([1; 9]);
        }),
    ]
}

fn mounts() -> Vec<Case> {
    vec![
        Case::new("mount_of_a_link", MOUNT, EIO, |reply| put(reply, at::INODE + at::MODE, &SYMLINK)),
        Case::new("mount_of_a_pipe", MOUNT, EIO, |reply| put(reply, at::INODE + at::MODE, &FIFO)),
        Case::new("mount_of_number_zero", MOUNT, EIO, |reply| put(reply, 0, &[0; 8])),
        Case::new("mount_with_messages_of_nothing", MOUNT, EIO, |reply| put(reply, at::INODE_BYTES, &[0; 4])),
        Case::new("mount_with_messages_of_gigabytes", MOUNT, WORKS, |reply| put(reply, at::INODE_BYTES, &[0xff; 4])),
        Case::new("mount_that_counts_more_numbers_than_there_are", MOUNT, EIO, |reply| {
            put(reply, at::INODE_BYTES + 4, &[0xff; 2]);
        }),
        Case::new("mount_without_messages", MOUNT, WORKS, |reply| {
            reply.payload.truncate(at::INODE_BYTES + 4);
            reply.payload.extend([0; 2]);
        }),
        Case::new("mount_of_no_bytes", MOUNT, EIO, nothing),
    ]
}
