//! What programs do through Rust's standard library, which calls the interface directly.

use crate::kit::{Random, assert_same};
use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub fn std_files_are_written_and_read_back() {
    for len in [0, 1, 4096, 65_537] {
        let bytes = Random::new(len as u64).bytes(len);
        fs::write("/file", &bytes).unwrap();
        assert_same(&fs::read("/file").unwrap(), &bytes);
        assert_eq!(fs::metadata("/file").unwrap().len(), len as u64);
    }
}

pub fn std_positions_move_as_they_should() {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open("/file").unwrap();
    file.write_all(b"0123456789").unwrap();

    assert_eq!(file.stream_position().unwrap(), 10);
    file.seek(SeekFrom::Start(2)).unwrap();
    file.write_all(b"AB").unwrap();
    let mut two = [0; 2];
    file.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"45");
    assert_eq!(file.seek(SeekFrom::End(-3)).unwrap(), 7);
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "789");
    assert_eq!(file.seek(SeekFrom::Current(-20)).unwrap_err().kind(), ErrorKind::InvalidInput);
    file.seek(SeekFrom::Start(12)).unwrap();
    file.write_all(b"end").unwrap();

    assert_same(&fs::read("/file").unwrap(), b"01AB456789\0\0end");
}

pub fn std_append_goes_to_the_end() {
    fs::write("/log", "start\n").unwrap();
    let mut a = OpenOptions::new().append(true).open("/log").unwrap();
    let mut b = OpenOptions::new().append(true).open("/log").unwrap();

    for n in 0..20 {
        writeln!(a, "a {n}").unwrap();
        writeln!(b, "b {n}").unwrap();
    }

    let expected: String = (0..20).map(|n| format!("a {n}\nb {n}\n")).collect();
    assert_eq!(fs::read_to_string("/log").unwrap(), format!("start\n{expected}"));
}

pub fn std_open_options_are_kept_to() {
    fs::write("/file", "contents").unwrap();

    assert_eq!(File::create_new("/file").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(File::open("/missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(File::open("/file").unwrap().write_all(b"x").is_err());
    assert!(OpenOptions::new().write(true).open("/file").unwrap().read(&mut [0; 4]).is_err());
    assert_eq!(fs::read("/file").unwrap(), b"contents");
    File::create("/file").unwrap();
    assert_eq!(fs::read("/file").unwrap(), b"");
}

pub fn std_set_len_cuts_and_extends() {
    let file = File::create("/file").unwrap();
    (&file).write_all(b"0123456789").unwrap();

    file.set_len(4).unwrap();
    file.set_len(6).unwrap();

    assert_eq!(fs::read("/file").unwrap(), b"0123\0\0");
}

pub fn std_metadata_is_right() {
    fs::write("/file", "12345").unwrap();
    fs::create_dir("/directory").unwrap();

    let (file, directory) = (fs::metadata("/file").unwrap(), fs::metadata("/directory").unwrap());

    assert!(file.is_file() && file.len() == 5 && directory.is_dir());
    let age = SystemTime::now().duration_since(file.modified().unwrap()).unwrap_or_default();
    assert!(age < Duration::from_secs(60), "{age:?}");
}

pub fn std_times_are_set() {
    let file = File::create("/file").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);

    file.set_times(FileTimes::new().set_modified(time).set_accessed(time)).unwrap();

    assert_eq!(file.metadata().unwrap().modified().unwrap(), time);
    assert_eq!(fs::metadata("/file").unwrap().accessed().unwrap(), time);
}

pub fn std_syncs_are_accepted() {
    let mut file = File::create("/file").unwrap();
    file.write_all(b"contents").unwrap();

    file.sync_data().unwrap();
    file.sync_all().unwrap();

    assert_eq!(fs::read("/file").unwrap(), b"contents");
}

fn names(path: impl AsRef<Path>) -> BTreeSet<String> {
    fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// 31 directories and 125 files below and with `/tree`.
fn plant_a_tree() {
    for a in 0..5 {
        for b in 0..5 {
            fs::create_dir_all(format!("/tree/{a}/{b}")).unwrap();
            for c in 0..5 {
                fs::write(format!("/tree/{a}/{b}/{c}"), format!("{a}{b}{c}")).unwrap();
            }
        }
    }
}

pub fn std_a_tree_is_walked() {
    plant_a_tree();

    let (mut directories, mut files, mut todo) = (0, 0, vec![PathBuf::from("/tree")]);
    while let Some(directory) = todo.pop() {
        directories += 1;
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            } else {
                files += 1;
                assert_eq!(fs::read(entry.path()).unwrap().len(), 3);
            }
        }
    }

    assert_eq!((directories, files), (31, 125));
}

pub fn std_a_tree_is_removed_with_all_that_is_in_it() {
    plant_a_tree();

    fs::remove_dir_all("/tree").unwrap();

    assert_eq!(fs::metadata("/tree").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(names("/"), BTreeSet::new());
}

pub fn std_files_are_copied_renamed_linked_and_removed() {
    let bytes = Random::new(21).bytes(100_000);
    fs::write("/file", &bytes).unwrap();

    assert_eq!(fs::copy("/file", "/copy").unwrap(), 100_000);
    fs::rename("/copy", "/moved").unwrap();
    fs::hard_link("/moved", "/linked").unwrap();
    fs::remove_file("/file").unwrap();

    assert_same(&fs::read("/moved").unwrap(), &bytes);
    assert_same(&fs::read("/linked").unwrap(), &bytes);
    assert_eq!(names("/"), ["linked", "moved"].map(String::from).into());
}

pub fn std_errors_are_the_usual_ones() {
    fs::write("/file", "x").unwrap();
    fs::create_dir("/directory").unwrap();
    fs::write("/directory/file", "x").unwrap();

    assert_eq!(fs::read("/missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::create_dir("/directory").unwrap_err().kind(), ErrorKind::AlreadyExists);
    // Its libc has no kind for a directory that is not empty.
    assert!(fs::remove_dir("/directory").is_err());
    assert_eq!(fs::read_dir("/file").unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(fs::read("/file/below").unwrap_err().kind(), ErrorKind::NotADirectory);
}

/// A journal is written and synced, the database changed, the journal removed; a crash between leaves a hot journal.
pub fn std_a_rollback_journal() {
    let mut database = File::options().read(true).write(true).create(true).truncate(true).open("/db").unwrap();
    database.write_all(&[0; 16 * 512]).unwrap();
    let mut random = Random::new(31);

    for round in 0..30u8 {
        let page = random.below(16) as u64;
        let mut old = [0; 512];
        database.seek(SeekFrom::Start(page * 512)).unwrap();
        database.read_exact(&mut old).unwrap();
        let mut journal = File::create_new("/db-journal").unwrap();
        journal.write_all(&page.to_le_bytes()).unwrap();
        journal.write_all(&old).unwrap();
        journal.sync_all().unwrap();

        database.seek(SeekFrom::Start(page * 512)).unwrap();
        database.write_all(&[round + 1; 512]).unwrap();
        if round % 3 == 2 {
            // Rolled back from the journal, as after a crash.
            let journal = fs::read("/db-journal").unwrap();
            let at = u64::from_le_bytes(journal[..8].try_into().unwrap()) * 512;
            database.seek(SeekFrom::Start(at)).unwrap();
            database.write_all(&journal[8..]).unwrap();
        }
        database.sync_all().unwrap();
        fs::remove_file("/db-journal").unwrap();

        let mut now = [0; 512];
        database.seek(SeekFrom::Start(page * 512)).unwrap();
        database.read_exact(&mut now).unwrap();
        assert_same(&now, &if round % 3 == 2 { old } else { [round + 1; 512] });
    }

    assert_eq!(names("/"), [String::from("db")].into());
}

pub fn std_a_maildir_delivery() {
    for directory in ["/tmp", "/new", "/cur"] {
        fs::create_dir(directory).unwrap();
    }

    for n in 0..40 {
        let mut file = File::create_new(format!("/tmp/{n}")).unwrap();
        write!(file, "message {n}").unwrap();
        file.sync_all().unwrap();
        fs::rename(format!("/tmp/{n}"), format!("/new/{n}")).unwrap();
    }
    for name in names("/new") {
        fs::rename(format!("/new/{name}"), format!("/cur/{name}:2,S")).unwrap();
    }

    assert_eq!((names("/tmp").len(), names("/new").len(), names("/cur").len()), (0, 0, 40));
    assert_eq!(fs::read_to_string("/cur/17:2,S").unwrap(), "message 17");
}

pub fn std_many_small_files_made_read_and_removed() {
    fs::create_dir("/many").unwrap();
    for n in 0..300 {
        fs::write(format!("/many/{n}"), n.to_string()).unwrap();
    }

    for n in 0..300 {
        assert_eq!(fs::read_to_string(format!("/many/{n}")).unwrap(), n.to_string());
    }
    for entry in fs::read_dir("/many").unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }

    fs::remove_dir("/many").unwrap();
}

pub fn std_lines_are_written_and_read_through_buffers() {
    let mut writer = BufWriter::new(File::create("/lines").unwrap());
    for n in 0..5_000 {
        writeln!(writer, "line {n}").unwrap();
    }
    writer.into_inner().unwrap().sync_all().unwrap();

    let lines: Vec<String> =
        BufReader::new(File::open("/lines").unwrap()).lines().collect::<std::io::Result<_>>().unwrap();

    assert_eq!(lines.len(), 5_000);
    assert_eq!(lines[4_999], "line 4999");
}
