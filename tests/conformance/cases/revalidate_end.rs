//! Checking a cached path as a whole. A backend without a shorter way answers `None` to everything.

use crate::harness::{Fs, Subject, settled};
use wasi_gofer::abi::{Errno, Error, InodeKey, Name, Result, Stat};
use wasi_gofer::backend::Backend;

fn check<S: Subject>(fs: &Fs<S>, from: &str, names: &[&str], key: InodeKey) -> Result<Option<Stat>> {
    let names: Vec<_> = names.iter().map(|name| Name::new(name.as_bytes()).expect("a name")).collect();
    let at = fs.walk(from)?;
    fs.run_or_decline(&[&at], |call| fs.backend().revalidate_end(call, at.node(), &names, key))
}

/// What does not lead to the object: not found, or a failure that says why.
#[track_caller]
fn assert_not_found(outcome: Result<Option<Stat>>, errnos: &[Errno]) {
    match outcome {
        Ok(None) => {}
        Err(Error::Errno(errno)) if errnos.contains(&errno) => {}
        other => panic!("{other:?}"),
    }
}

fn tree<S: Subject>(fs: &Fs<S>) -> InodeKey {
    fs.dir("a");
    fs.dir("a/b");
    fs.file("a/b/f", b"x").key
}

fn revalidate_end_of_an_unchanged_path_is_its_stat_or_none<S: Subject>(fs: &Fs<S>) {
    let key = tree(fs);
    for (from, names) in [("", &["a", "b", "f"][..]), ("a", &["b", "f"]), ("a/b", &["f"])] {
        if let Some(stat) = check(fs, from, names, key).expect("there") {
            assert_eq!(settled(stat), settled(fs.stat("a/b/f").expect("there")));
        }
    }
    let dir = fs.stat("a/b").expect("there").key;
    if let Some(stat) = check(fs, "", &["a", "b"], dir).expect("there") {
        assert_eq!(stat.key, dir);
    }
}

fn revalidate_end_at_a_symlink_is_the_link_itself<S: Subject>(fs: &Fs<S>) {
    tree(fs);
    let link = fs.symlink("a/l", "b").expect("made").key;
    if let Some(stat) = check(fs, "", &["a", "l"], link).expect("there") {
        assert_eq!((stat.key, stat.size), (link, 1));
    }
}

fn revalidate_end_over_a_symlink_does_not_follow_it<S: Subject>(fs: &Fs<S>) {
    let key = tree(fs);
    fs.symlink("l", "a/b").expect("made");
    fs.symlink("a/up", "..").expect("made");
    assert_not_found(check(fs, "", &["l", "f"], key), &[Errno::Loop, Errno::Notdir]);
    assert_not_found(check(fs, "", &["a", "up", "a", "b", "f"], key), &[Errno::Loop, Errno::Notdir]);
}

fn revalidate_end_at_another_object_is_none<S: Subject>(fs: &Fs<S>) {
    let key = tree(fs);
    fs.rename("a/b/f", "a/b/g").expect("moves");
    fs.file("a/b/f", b"other");
    assert_not_found(check(fs, "", &["a", "b", "f"], key), &[]);
}

fn revalidate_end_of_a_missing_path_is_not_found<S: Subject>(fs: &Fs<S>) {
    let key = tree(fs);
    assert_not_found(check(fs, "", &["a", "b", "x"], key), &[Errno::Noent]);
    assert_not_found(check(fs, "", &["a", "x", "f"], key), &[Errno::Noent]);
    assert_not_found(check(fs, "", &["a", "b", "f", "x"], key), &[Errno::Notdir]);
}

fn revalidate_end_of_a_path_too_long_to_join_is_none_or_its_stat<S: Subject>(fs: &Fs<S>) {
    if S::RELUCTANT {
        // The harness compares the tree by the same long path, again and again.
        return;
    }
    let name = "n".repeat(250);
    let names = [name.as_str(); 17];
    let mut path = String::new();
    let mut key = None;
    for part in names {
        path = format!("{path}/{part}");
        // The kernel as a subject is spoken to by absolute paths, which end at 4095 bytes.
        match fs.mkdir(path.trim_start_matches('/')) {
            Ok(stat) => key = Some(stat.key),
            Err(Error::Errno(Errno::Nametoolong)) if fs.backend_name() == "kernel" => return,
            Err(error) => panic!("{error:?}"),
        }
    }
    let key = key.expect("made");
    let outcome = check(fs, "", &names, key).expect("asks for each name instead");
    assert!(outcome.is_none_or(|stat| stat.key == key));
}

crate::suite! {
    revalidate_end_of_an_unchanged_path_is_its_stat_or_none
    revalidate_end_at_a_symlink_is_the_link_itself
    revalidate_end_over_a_symlink_does_not_follow_it
    revalidate_end_at_another_object_is_none
    revalidate_end_of_a_missing_path_is_not_found
    revalidate_end_of_a_path_too_long_to_join_is_none_or_its_stat
}
