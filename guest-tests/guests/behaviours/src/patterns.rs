//! What real programs do with a filesystem, in small.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use crate::kit::*;
use crate::wasi::*;

/// As SQLite commits with a rollback journal: a crash at any point leaves either the old or the new page.
pub fn a_rollback_journal() {
    const PAGE: usize = 4096;
    let database = create("db");
    let mut model = vec![0; 16 * PAGE];
    write_all(database, &model);
    let mut random = Random::new(1);

    for transaction in 0..20 {
        let page = random.below(16);
        let at = page * PAGE;
        let new = random.bytes(PAGE);

        assert_missing("db-journal");
        let journal = open("db-journal", oflags::CREAT | oflags::EXCL, rights::READ_WRITE);
        write_all(journal, &(page as u32).to_le_bytes());
        write_all(journal, &read_range(database, at as u64, PAGE));
        ok(fd_sync(journal));
        assert_eq!(ok(fd_pwrite(database, &new, at as u64)), PAGE);

        if transaction % 4 == 3 {
            // Roll back, as after a crash.
            let journal = contents("db-journal");
            assert_eq!(journal[..4], (page as u32).to_le_bytes());
            assert_eq!(ok(fd_pwrite(database, &journal[4..], at as u64)), PAGE);
        } else {
            model[at..at + PAGE].copy_from_slice(&new);
        }
        ok(fd_sync(database));
        ok(fd_close(journal));
        unlink("db-journal");
    }

    assert_contents("db", &model);
    assert_eq!(names("."), set(["db"]));
}

/// As editors save and package managers install: readers see the old or the new file, whole.
pub fn files_replaced_by_rename_are_always_whole() {
    fs::write("/config", "version 0\n").unwrap();

    for version in 1..=100 {
        let before = File::open("/config").unwrap();
        let mut new = File::create("/config.tmp").unwrap();
        writeln!(new, "version {version}").unwrap();
        new.write_all(&vec![b'#'; version * 37]).unwrap();
        new.sync_all().unwrap();
        drop(new);
        fs::rename("/config.tmp", "/config").unwrap();

        let first_line = |file: File| BufReader::new(file).lines().next().unwrap().unwrap();
        assert_eq!(first_line(before), format!("version {}", version - 1));
        assert_eq!(first_line(File::open("/config").unwrap()), format!("version {version}"));
    }

    assert_eq!(names("."), set(["config"]));
}

/// As mail spools deliver: written aside, linked into place, the first name removed.
pub fn a_maildir_delivery() {
    for directory in ["mail", "mail/tmp", "mail/new", "mail/cur"] {
        mkdir(directory);
    }

    for n in 0..50 {
        let (tmp, new) = (format!("mail/tmp/{n}"), format!("mail/new/{n}"));
        make(&tmp, format!("message {n}"));
        ok(path_link(ROOT, NOFOLLOW, &tmp, ROOT, &new));
        unlink(&tmp);
    }
    for name in names("mail/new") {
        rename(&format!("mail/new/{name}"), &format!("mail/cur/{name}:2,S"));
    }

    assert_eq!(names("mail/cur").len(), 50);
    assert_eq!((names("mail/new").len(), names("mail/tmp").len()), (0, 0));
    assert_contents("mail/cur/17:2,S", b"message 17");
    assert_eq!(stat("mail/cur/17:2,S").nlink, 1);
}

/// As lock files and lock directories are taken.
pub fn only_the_first_gets_the_lock() {
    let take_file = || OpenOptions::new().write(true).create_new(true).open("/lock");

    for _ in 0..20 {
        let held = take_file().unwrap();
        assert!(take_file().is_err());
        assert!(fs::create_dir("/lock").is_err());
        drop(held);
        fs::remove_file("/lock").unwrap();

        fs::create_dir("/lock").unwrap();
        assert!(fs::create_dir("/lock").is_err());
        assert!(take_file().is_err());
        fs::remove_dir("/lock").unwrap();
    }
}

pub fn a_copy_of_one_mebibyte_is_the_same() {
    let bytes = Random::new(3).bytes(1 << 20);
    fs::write("/original", &bytes).unwrap();

    let mut from = File::open("/original").unwrap();
    let mut to = File::create("/copy").unwrap();
    let mut buffer = [0; 10_000];
    loop {
        match from.read(&mut buffer).unwrap() {
            0 => break,
            n => to.write_all(&buffer[..n]).unwrap(),
        }
    }
    assert_eq!(checksum(&fs::read("/copy").unwrap()), checksum(&bytes));

    assert_eq!(fs::copy("/copy", "/second").unwrap(), 1 << 20);
    assert_eq!(checksum(&fs::read("/second").unwrap()), checksum(&bytes));
}

pub fn a_file_of_three_mebibytes_is_read_at_random() {
    const BLOCK: usize = 512;
    const BLOCKS: usize = 3 * 1024 * 1024 / BLOCK;
    let block = |n: usize| Random::new(n as u64 + 1).bytes(BLOCK);
    let fd = create("big");
    for n in 0..BLOCKS {
        write_all(fd, &block(n));
    }

    let mut random = Random::new(5);
    for _ in 0..500 {
        let n = random.below(BLOCKS);
        assert_same(&read_range(fd, (n * BLOCK) as u64, BLOCK), &block(n));
    }

    // A read over many blocks is their sum.
    let n = random.below(BLOCKS - 64);
    let expected: Vec<u8> = (n..n + 64).flat_map(block).collect();
    assert_same(&read_range(fd, (n * BLOCK) as u64, 64 * BLOCK), &expected);
}

/// Writes, truncations and reads at random, compared with a vector of bytes.
pub fn random_changes_match_a_model() {
    const MOST: usize = 40_000;
    let fds = [create("file"), open("file", oflags::NONE, rights::READ_WRITE)];
    let mut model: Vec<u8> = Vec::new();
    let mut random = Random::new(11);

    for _ in 0..600 {
        let fd = fds[random.below(2)];
        match random.below(10) {
            0..=4 => {
                let (at, len) = (random.below(MOST), random.below(6_000));
                let bytes = random.bytes(len);
                assert_eq!(ok(fd_pwrite(fd, &bytes, at as u64)), len);
                if len > 0 {
                    model.resize(model.len().max(at + len), 0);
                    model[at..at + len].copy_from_slice(&bytes);
                }
            }
            5 => {
                let size = random.below(MOST);
                ok(fd_filestat_set_size(fd, size as u64));
                model.resize(size, 0);
            }
            6 => ok(fd_datasync(fd)),
            _ => {
                let (at, len) = (random.below(MOST), random.below(9_000));
                let end = model.len().min(at + len);
                assert_same(&read_range(fd, at as u64, len), &model[at.min(end)..end]);
            }
        }
        assert_eq!(ok(fd_filestat_get(fd)).size, model.len() as u64);
    }

    assert_contents("file", &model);
}

/// As archivers write: entries one after the other, then back to the start to fill in the table.
pub fn an_archive_patched_after_writing() {
    let mut archive = BufWriter::new(File::create("/archive").unwrap());
    archive.write_all(&[0; 8 * 20]).unwrap();
    let mut offsets = Vec::new();
    for n in 0..20_usize {
        offsets.push(archive.stream_position().unwrap());
        archive.write_all(&vec![n as u8; n * 333]).unwrap();
    }
    archive.seek(SeekFrom::Start(0)).unwrap();
    for offset in &offsets {
        archive.write_all(&offset.to_le_bytes()).unwrap();
    }
    archive.into_inner().unwrap().sync_all().unwrap();

    let archive = fs::read("/archive").unwrap();
    for (n, bytes) in archive[..160].chunks(8).enumerate() {
        let offset = u64::from_le_bytes(bytes.try_into().unwrap()) as usize;
        assert_eq!(offset as u64, offsets[n]);
        assert_same(&archive[offset..offset + n * 333], &vec![n as u8; n * 333]);
    }
}

/// As compilers and package managers do: many small files, written, looked at, read, removed.
pub fn many_small_files_made_read_and_removed() {
    for round in 0..3 {
        for n in 0..200 {
            let directory = format!("/build/{}", n % 10);
            fs::create_dir_all(&directory).unwrap();
            let (source, object) = (format!("{directory}/{n}.c"), format!("{directory}/{n}.o"));
            fs::write(&source, format!("round {round} source {n}")).unwrap();
            assert!(fs::metadata(&object).is_err());
            let text = fs::read_to_string(&source).unwrap();
            fs::write(&object, text.to_uppercase()).unwrap();
        }
        for n in 0..200 {
            let object = format!("/build/{}/{n}.o", n % 10);
            assert_eq!(fs::read_to_string(&object).unwrap(), format!("ROUND {round} SOURCE {n}"));
            fs::remove_file(&object).unwrap();
        }
    }

    for directory in 0..10 {
        assert_eq!(names(&format!("build/{directory}")).len(), 20);
    }
}

/// As logs are rotated under a writer that does not know of it.
pub fn a_rotated_log_loses_no_line() {
    let mut lines = 0;
    let mut log = OpenOptions::new().append(true).create(true).open("/log").unwrap();

    for rotation in 0..5 {
        for _ in 0..40 {
            writeln!(log, "line {lines}").unwrap();
            lines += 1;
        }
        fs::rename("/log", format!("/log.{rotation}")).unwrap();
        // Still goes to the renamed file.
        writeln!(log, "line {lines}").unwrap();
        lines += 1;
        log = OpenOptions::new().append(true).create(true).open("/log").unwrap();
    }

    let all: String = (0..5).map(|n| fs::read_to_string(format!("/log.{n}")).unwrap()).collect();
    let expected: String = (0..lines).map(|n| format!("line {n}\n")).collect();
    assert_eq!(all, expected);
    assert_eq!(fs::read("/log").unwrap(), b"");
}
