//! What a regular file holds: reading, writing, the position, the size.

use std::fs;

use crate::kit::*;
use crate::wasi::*;

pub fn write_then_read_back() {
    for len in [0, 1, 4095, 4096, 4097, 65_536, 65_537] {
        let bytes = Random::new(len as u64).bytes(len);

        fs::write("/file", &bytes).unwrap();

        assert_same(&fs::read("/file").unwrap(), &bytes);
        assert_eq!(fs::metadata("/file").unwrap().len(), len as u64);
    }
}

pub fn create_makes_an_empty_file() {
    let fd = create("file");

    let by_path = stat("file");
    assert_eq!((by_path.filetype(), by_path.size, by_path.nlink), (FileType::REGULAR, 0, 1));
    assert_eq!(ok(fd_read(fd, &mut [0; 8])), 0);
    assert_eq!(names("."), set(["file"]));
}

pub fn stat_is_the_same_by_path_and_by_descriptor() {
    make("file", b"twelve bytes");
    let fd = open("file", oflags::NONE, rights::READ);

    let (by_path, by_fd) = (stat("file"), ok(fd_filestat_get(fd)));

    assert_eq!((by_path.dev, by_path.ino), (by_fd.dev, by_fd.ino));
    assert_eq!(by_path.filetype(), by_fd.filetype());
    assert_eq!((by_path.size, by_path.nlink), (12, 1));
    assert_eq!((by_fd.size, by_fd.nlink), (12, 1));
    assert_eq!((by_path.mtim, by_path.ctim), (by_fd.mtim, by_fd.ctim));
}

pub fn different_files_have_different_inodes() {
    make("a", b"");
    make("b", b"");
    mkdir("d");

    let inodes = [stat("a").ino, stat("b").ino, stat("d").ino, stat(".").ino];

    for (at, ino) in inodes.iter().enumerate() {
        assert!(!inodes[..at].contains(ino), "two objects with inode {ino}: {inodes:?}");
    }
}

pub fn seek_set_cur_end() {
    let fd = create("file");
    write_all(fd, b"0123456789");

    assert_eq!(ok(fd_tell(fd)), 10);
    assert_eq!(ok(fd_seek(fd, 2, whence::SET)), 2);
    assert_eq!(ok(fd_seek(fd, 3, whence::CUR)), 5);
    assert_eq!(ok(fd_seek(fd, -1, whence::CUR)), 4);
    assert_eq!(ok(fd_seek(fd, -4, whence::END)), 6);
    assert_eq!(ok(fd_tell(fd)), 6);

    assert_eq!(read_to_end(fd), b"6789");
}

pub fn seek_to_before_the_start_is_refused() {
    let fd = create("file");
    write_all(fd, b"0123456789");
    ok(fd_seek(fd, 4, whence::SET));

    refused(fd_seek(fd, -1, whence::SET), &[Errno::INVAL]);
    refused(fd_seek(fd, -5, whence::CUR), &[Errno::INVAL]);
    refused(fd_seek(fd, -11, whence::END), &[Errno::INVAL]);
    refused(fd_seek(fd, i64::MIN, whence::CUR), &[Errno::INVAL]);

    assert_eq!(ok(fd_tell(fd)), 4, "a refused seek leaves the position alone");
}

// stock: traps, as it does for every enum value that it does not know.
pub fn an_unknown_whence_or_advice_is_refused() {
    let fd = create("file");

    refused(fd_seek(fd, 0, 3), &[Errno::INVAL]);
    refused(fd_seek(fd, 0, 255), &[Errno::INVAL]);
    refused(fd_advise(fd, 0, 0, 6), &[Errno::INVAL]);
}

pub fn write_after_a_seek_past_the_end_leaves_zeroes() {
    let fd = create("file");
    write_all(fd, b"head");

    ok(fd_seek(fd, 10_000, whence::SET));
    assert_eq!(stat("file").size, 4, "a seek does not extend");
    assert_eq!(ok(fd_read(fd, &mut [0; 8])), 0);
    write_all(fd, b"tail");

    let mut expected = b"head".to_vec();
    expected.resize(10_000, 0);
    expected.extend_from_slice(b"tail");
    assert_contents("file", expected);
}

pub fn read_at_the_end_returns_nothing() {
    make("file", b"abc");
    let fd = open("file", oflags::NONE, rights::READ);
    let mut buffer = *b"........";

    assert_eq!(ok(fd_read(fd, &mut buffer)), 3, "a read stops at the end of the file");
    assert_eq!(&buffer, b"abc.....", "and touches no more of the buffer");
    assert_eq!(ok(fd_read(fd, &mut buffer)), 0);
    assert_eq!(ok(fd_pread(fd, &mut buffer, 3)), 0);
    assert_eq!(ok(fd_pread(fd, &mut buffer, 1 << 40)), 0);
    assert_eq!(ok(fd_tell(fd)), 3);
}

pub fn pread_keeps_the_position() {
    make("file", b"0123456789");
    let fd = open("file", oflags::NONE, rights::READ);
    ok(fd_seek(fd, 3, whence::SET));
    let mut buffer = [0; 4];

    assert_eq!(ok(fd_pread(fd, &mut buffer, 5)), 4);

    assert_eq!(&buffer, b"5678");
    assert_eq!(ok(fd_tell(fd)), 3);
}

pub fn pwrite_keeps_the_position() {
    let fd = create("file");
    write_all(fd, b"0123456789");
    ok(fd_seek(fd, 3, whence::SET));

    assert_eq!(ok(fd_pwrite(fd, b"ABCD", 8)), 4);

    assert_eq!(ok(fd_tell(fd)), 3);
    assert_contents("file", b"01234567ABCD");
}

// stock: takes only the first buffer that is not empty. That is a legal short read, but a slow and surprising one.
pub fn readv_fills_every_buffer() {
    make("file", b"0123456789");
    let fd = open("file", oflags::NONE, rights::READ);
    let (mut a, mut b, mut c) = ([0; 2], [0; 5], *b"......");

    let n = ok(fd_readv(fd, &mut [&mut [], &mut a, &mut [], &mut b, &mut c]));

    assert_eq!(n, 10);
    assert_eq!((&a, &b, &c), (b"01", b"23456", b"789..."));
    assert_eq!(ok(fd_tell(fd)), 10);
}

// stock: as above.
pub fn writev_writes_every_buffer() {
    let fd = create("file");
    let parts: Vec<Vec<u8>> = (0..17).map(|n| vec![b'a' + n as u8; n]).collect();
    let buffers: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();

    let n = ok(fd_writev(fd, &buffers));

    assert_eq!(n, 136, "17 buffers, the first of them empty");
    assert_eq!(ok(fd_tell(fd)), 136);
    assert_contents("file", parts.concat());
}

// stock: as above.
pub fn preadv_and_pwritev_take_whole_lists() {
    let fd = create("file");
    write_all(fd, b"................");

    assert_eq!(ok(fd_pwritev(fd, &[b"ab", b"", b"cde", b"f"], 4)), 6);
    let (mut a, mut b) = ([0; 3], [0; 4]);
    assert_eq!(ok(fd_preadv(fd, &mut [&mut a, &mut [], &mut b], 3)), 7);

    assert_eq!((&a, &b), (b".ab", b"cdef"));
    assert_eq!(ok(fd_tell(fd)), 16);
    assert_contents("file", b"....abcdef......");
}

pub fn vectors_without_a_byte_do_nothing() {
    let fd = create("file");
    write_all(fd, b"abc");
    ok(fd_seek(fd, 1, whence::SET));

    assert_eq!(ok(fd_writev(fd, &[])), 0);
    assert_eq!(ok(fd_writev(fd, &[b"", b"", b""])), 0);
    assert_eq!(ok(fd_pwrite(fd, b"", 100)), 0);
    assert_eq!(ok(fd_readv(fd, &mut [])), 0);
    assert_eq!(ok(fd_readv(fd, &mut [&mut [], &mut []])), 0);

    assert_eq!(ok(fd_tell(fd)), 1);
    assert_contents("file", b"abc");
}

pub fn overwriting_the_middle_keeps_the_rest() {
    make("file", [b'-'; 10_000]);
    let fd = open("file", oflags::NONE, rights::WRITE);

    for offset in [4090, 8190, 0, 9997] {
        ok(fd_pwrite(fd, b"XYZ", offset));
    }

    let mut expected = vec![b'-'; 10_000];
    for offset in [4090, 8190, 0, 9997] {
        expected[offset..offset + 3].copy_from_slice(b"XYZ");
    }
    assert_contents("file", expected);
}

pub fn writes_across_page_boundaries_meet() {
    let fd = create("file");
    let bytes = Random::new(7).bytes(20_000);

    // Odd lengths, every second piece first, then the pieces between.
    for first in [0, 1] {
        for (at, piece) in bytes.chunks(1_777).enumerate().skip(first).step_by(2) {
            assert_eq!(ok(fd_pwrite(fd, piece, at as u64 * 1_777)), piece.len());
        }
    }

    assert_same(&read_range(fd, 0, 30_000), &bytes);
    assert_contents("file", bytes);
}

pub fn truncate_shrinks_and_extends_with_zeroes() {
    let fd = create("file");
    write_all(fd, b"0123456789");

    ok(fd_filestat_set_size(fd, 4));
    assert_eq!(ok(fd_filestat_get(fd)).size, 4);
    assert_contents("file", b"0123");

    ok(fd_filestat_set_size(fd, 8));
    assert_eq!(stat("file").size, 8);
    assert_contents("file", b"0123\0\0\0\0");
}

pub fn truncate_keeps_the_position() {
    let fd = create("file");
    write_all(fd, b"0123456789");

    ok(fd_filestat_set_size(fd, 2));
    assert_eq!(ok(fd_tell(fd)), 10);
    write_all(fd, b"end");

    assert_contents("file", b"01\0\0\0\0\0\0\0\0end");
}

pub fn bytes_cut_off_do_not_come_back() {
    let fd = create("file");
    write_all(fd, &[b'x'; 9_000]);

    for size in [5_000, 4_097, 4_096, 100] {
        ok(fd_filestat_set_size(fd, size));
        ok(fd_filestat_set_size(fd, 9_000));

        let tail = read_range(fd, size, 9_000);
        assert_same(&tail, &vec![0; 9_000 - size as usize]);
    }
    assert_same(&read_range(fd, 0, 100), &[b'x'; 100]);
}

pub fn truncation_is_seen_by_every_descriptor() {
    make("file", b"0123456789");
    let reader = open("file", oflags::NONE, rights::READ);
    assert_eq!(ok(fd_read(reader, &mut [0; 4])), 4);

    let writer = open("file", oflags::TRUNC, rights::READ_WRITE);

    assert_eq!(ok(fd_read(reader, &mut [0; 4])), 0);
    assert_eq!(ok(fd_filestat_get(reader)).size, 0);
    write_all(writer, b"abcdefgh");
    assert_eq!(read_to_end(reader), b"efgh", "the reader goes on at its position");
}

pub fn allocate_extends_and_keeps_the_contents() {
    let fd = create("file");
    write_all(fd, b"abc");

    // Where the host cannot allocate, saying so is right; stock: always NOTSUP.
    match fd_allocate(fd, 0, 4_096) {
        Err(Errno::NOTSUP | Errno::NOSYS) => return,
        result => ok(result),
    }

    assert_eq!(stat("file").size, 4_096);
    ok(fd_allocate(fd, 0, 10));
    assert_eq!(stat("file").size, 4_096, "allocating inside does not shrink");
    let mut expected = b"abc".to_vec();
    expected.resize(4_096, 0);
    assert_contents("file", expected);
    refused(fd_allocate(fd, 0, 0), &[Errno::INVAL]);
}

pub fn a_sparse_file_of_one_tebibyte() {
    const TEBIBYTE: u64 = 1 << 40;
    let fd = create("file");

    assert_eq!(ok(fd_pwrite(fd, b"end", TEBIBYTE)), 3);

    assert_eq!(stat("file").size, TEBIBYTE + 3);
    assert_eq!(ok(fd_seek(fd, -3, whence::END)), TEBIBYTE);
    assert_eq!(read_to_end(fd), b"end");
    assert_same(&read_range(fd, TEBIBYTE - 5_000, 5_000), &[0; 5_000]);
    ok(fd_filestat_set_size(fd, 10));
    assert_contents("file", [0; 10]);
}

pub fn offsets_beyond_any_file_are_refused() {
    let fd = create("file");
    let too_far = &[Errno::INVAL, Errno::FBIG, Errno::OVERFLOW];

    refused(fd_pwrite(fd, b"x", u64::MAX - 1), too_far);
    refused(fd_pwrite(fd, b"x", i64::MAX as u64), too_far);
    refused(fd_filestat_set_size(fd, u64::MAX), too_far);

    assert_eq!(stat("file").size, 0);
}

pub fn two_descriptors_see_each_others_writes() {
    let a = create("file");
    let b = open("file", oflags::NONE, rights::READ_WRITE);

    write_all(a, b"from a,");
    assert_eq!(read_to_end(b), b"from a,");
    write_all(b, b"from b");

    assert_eq!(read_to_end(a), b"from b");
    assert_eq!(ok(fd_filestat_get(a)).size, 13);
}

pub fn every_open_has_its_own_position() {
    make("file", b"0123456789");
    let a = open("file", oflags::NONE, rights::READ);
    let b = open("file", oflags::NONE, rights::READ);

    ok(fd_seek(a, 5, whence::SET));

    assert_eq!(ok(fd_tell(b)), 0);
    assert_eq!(read_to_end(b), b"0123456789");
    assert_eq!(read_to_end(a), b"56789");
}

pub fn sync_datasync_and_advise_are_accepted() {
    let fd = create("file");
    write_all(fd, &[7; 5_000]);

    ok(fd_sync(fd));
    ok(fd_datasync(fd));
    for advice in 0..6 {
        ok(fd_advise(fd, 0, 4_096, advice));
    }
    ok(fd_advise(fd, 1_000_000, 0, 3));

    let reader = open("file", oflags::NONE, rights::READ);
    ok(fd_sync(reader));
    assert_contents("file", [7; 5_000]);
}
