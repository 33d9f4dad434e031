//! Listing directories.

use crate::harness::{Fs, Listed, Subject, errno};
use std::collections::BTreeSet;
use wasi_gofer::abi::{Errno, FileType};
use wasi_gofer::backend::NodeKind;

/// More than one `getdents64` returns.
const MANY: usize = 1500;

fn make_many<S: Subject>(fs: &Fs<S>, count: usize) {
    // Made in a few directories at once, the harness would walk for each.
    for number in 0..count {
        fs.mknod(&format!("entry-with-a-long-name-{number:05}"), NodeKind::Regular).expect("made");
    }
}

fn many<S: Subject>() -> usize {
    // A reluctant subject has its tree compared at each call.
    if S::RELUCTANT { 12 } else { MANY }
}

fn list_of_a_directory_has_names_types_and_inode_numbers<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("f", b"");
    fs.symlink("l", "f").expect("made");
    fs.mknod("p", NodeKind::Fifo).expect("made");
    let (mut listed, end) = fs.list_from("", 0, usize::MAX).expect("lists");
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    let seen: Vec<_> = listed.iter().map(|entry| (entry.name.as_slice(), entry.file_type)).collect();
    let expected: [(&[u8], _); 4] = [
        (b"d", Some(FileType::Directory)),
        (b"f", Some(FileType::Regular)),
        (b"l", Some(FileType::Symlink)),
        (b"p", Some(FileType::Fifo)),
    ];
    assert_eq!((seen.as_slice(), end), (expected.as_slice(), true));
    for entry in &listed {
        let path = String::from_utf8_lossy(&entry.name);
        assert_eq!(entry.ino, fs.stat(&path).expect("there").key.ino);
    }
}

fn list_of_an_empty_directory_is_the_end<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    assert_eq!(fs.list_from("d", 0, usize::MAX), Ok((Vec::new(), true)));
    assert_eq!(fs.list_from("d", 0, 0), Ok((Vec::new(), true)));
}

fn list_of_a_file_or_symlink_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("f", b"");
    fs.symlink("l", "d").expect("made");
    assert_eq!(errno(fs.list_from("f", 0, 1)), Errno::Notdir);
    assert_eq!(errno(fs.list_from("l", 0, 1)), Errno::Notdir);
}

fn list_that_is_refused_an_entry_is_not_the_end<S: Subject>(fs: &Fs<S>) {
    fs.file("a", b"");
    fs.file("b", b"");
    let (listed, end) = fs.list_from("", 0, 1).expect("lists");
    assert_eq!((listed.len(), end), (1, false));
    let (listed, end) = fs.list_from("", 0, 2).expect("lists");
    assert_eq!((listed.len(), end), (2, true));
}

fn list_from_every_cookie_is_the_rest<S: Subject>(fs: &Fs<S>) {
    for number in 0..20 {
        fs.file(&format!("f{number}"), b"");
    }
    let (all, _) = fs.list_from("", 0, usize::MAX).expect("lists");
    for (position, entry) in all.iter().enumerate() {
        assert_ne!(entry.cookie, 0);
        let (rest, end) = fs.list_from("", entry.cookie, usize::MAX).expect("lists");
        assert_eq!((rest.as_slice(), end), (&all[position + 1..], true));
    }
}

fn list_in_small_pieces_is_the_whole<S: Subject>(fs: &Fs<S>) {
    let count = many::<S>();
    make_many(fs, count);
    let mut names = BTreeSet::new();
    let (mut cookie, mut pieces) = (0, 0);
    loop {
        let (listed, end) = fs.list_from("", cookie, 97).expect("lists");
        pieces += 1;
        for entry in listed {
            cookie = entry.cookie;
            assert!(names.insert(entry.name), "listed twice");
        }
        if end {
            break;
        }
    }
    assert_eq!((names.len(), pieces), (count, count / 97 + 1));
}

fn list_while_entries_go_and_come_loses_and_doubles_none_that_stay<S: Subject>(fs: &Fs<S>) {
    let count = if S::RELUCTANT { 12 } else { 400 };
    make_many(fs, count);
    let (all, _) = fs.list_from("", 0, usize::MAX).expect("lists");
    let (mut seen, mut cookie) = (Vec::<Vec<u8>>::new(), 0);
    let path = |entry: &Listed| String::from_utf8(entry.name.clone()).expect("ours");
    for round in 0.. {
        let (listed, end) = fs.list_from("", cookie, 7).expect("lists");
        let Some(last) = listed.last() else { break };
        cookie = last.cookie;
        seen.extend(listed.iter().map(|entry| entry.name.clone()));
        // The entry that the cookie stands behind, and one more of what was listed already.
        fs.unlink(&path(last)).expect("there");
        fs.mknod(&format!("new-{round}"), NodeKind::Regular).expect("made");
        if end {
            break;
        }
    }
    let old: Vec<_> = seen.iter().filter(|name| name.starts_with(b"entry")).collect();
    let distinct: BTreeSet<_> = old.iter().collect();
    assert_eq!((old.len(), distinct.len()), (all.len(), all.len()));
}

fn list_behind_the_last_cookie_is_empty<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let (all, _) = fs.list_from("", 0, usize::MAX).expect("lists");
    let last = all.last().expect("one").cookie;
    assert_eq!(fs.list_from("", last, usize::MAX), Ok((Vec::new(), true)));
}

crate::suite! {
    list_of_a_directory_has_names_types_and_inode_numbers
    list_of_an_empty_directory_is_the_end
    list_of_a_file_or_symlink_is_notdir
    list_that_is_refused_an_entry_is_not_the_end
    list_from_every_cookie_is_the_rest
    list_in_small_pieces_is_the_whole
    list_while_entries_go_and_come_loses_and_doubles_none_that_stay
    list_behind_the_last_cookie_is_empty
}
