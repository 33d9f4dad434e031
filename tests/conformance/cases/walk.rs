//! Finding several names in one call.

use crate::harness::{Fs, NodeOf, Subject, errno};
use wasi_gofer::abi::{Errno, FileType, InodeKey, Name, Result};
use wasi_gofer::backend::{Backend, Found, WalkEnd};

type Walked<N> = Result<(WalkEnd, Vec<Found<N>>)>;

fn walk<S: Subject>(fs: &Fs<S>, from: &str, names: &[&str]) -> Walked<NodeOf<S>> {
    let names: Vec<_> = names.iter().map(|name| Name::new(name.as_bytes()).expect("a name")).collect();
    let at = fs.walk(from)?;
    fs.run(&[&at], |call| {
        let mut out = Vec::new();
        fs.backend().walk_many(call, at.node(), &names, &mut out).map(|end| (end, out))
    })
}

fn keys<N>(walked: Walked<N>) -> (WalkEnd, Vec<InodeKey>) {
    let (end, found) = walked.expect("walks");
    (end, found.into_iter().map(|found| found.stat.key).collect())
}

fn walk_over_three_directories_finds_each<S: Subject>(fs: &Fs<S>) {
    let made = [fs.dir("a").key, fs.dir("a/b").key, fs.dir("a/b/c").key, fs.file("a/b/c/f", b"").key];
    assert_eq!(keys(walk(fs, "", &["a", "b", "c", "f"])), (WalkEnd::Complete, made.to_vec()));
}

fn walk_from_a_directory_starts_there<S: Subject>(fs: &Fs<S>) {
    fs.dir("a");
    let made = [fs.dir("a/b").key, fs.file("a/b/f", b"").key];
    assert_eq!(keys(walk(fs, "a", &["b", "f"])), (WalkEnd::Complete, made.to_vec()));
}

fn walk_over_no_names_is_complete<S: Subject>(fs: &Fs<S>) {
    assert_eq!(keys(walk(fs, "", &[])), (WalkEnd::Complete, Vec::new()));
}

fn walk_to_a_missing_last_name_is_missing<S: Subject>(fs: &Fs<S>) {
    let made = fs.dir("a").key;
    assert_eq!(keys(walk(fs, "", &["a", "x"])), (WalkEnd::Missing, vec![made]));
}

fn walk_over_a_missing_middle_name_is_missing<S: Subject>(fs: &Fs<S>) {
    let made = fs.dir("a").key;
    assert_eq!(keys(walk(fs, "", &["a", "x", "y", "z"])), (WalkEnd::Missing, vec![made]));
}

fn walk_over_a_file_finds_it_and_ends<S: Subject>(fs: &Fs<S>) {
    let made = [fs.dir("a").key, fs.file("a/f", b"").key];
    assert_eq!(keys(walk(fs, "", &["a", "f", "x", "y"])), (WalkEnd::NotDirectory, made.to_vec()));
}

fn walk_over_a_symlink_finds_the_link_and_ends<S: Subject>(fs: &Fs<S>) {
    fs.dir("a");
    fs.file("a/x", b"");
    let made = fs.symlink("l", "a").expect("made").key;
    assert_eq!(keys(walk(fs, "", &["l", "x"])), (WalkEnd::NotDirectory, vec![made]));
}

fn walk_to_a_symlink_is_complete<S: Subject>(fs: &Fs<S>) {
    let made = [fs.dir("a").key, fs.symlink("a/l", "nowhere").expect("made").key];
    let (end, found) = walk(fs, "", &["a", "l"]).expect("walks");
    assert_eq!(found.last().map(|found| found.stat.file_type), Some(FileType::Symlink));
    assert_eq!(keys(Ok((end, found))), (WalkEnd::Complete, made.to_vec()));
}

fn walk_from_a_file_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(errno(walk(fs, "f", &["x"])), Errno::Notdir);
}

fn walk_appends_to_what_is_there<S: Subject>(fs: &Fs<S>) {
    let made = [fs.dir("a").key, fs.dir("a/b").key];
    let root = fs.walk("").expect("root");
    let names = ["a", "b"].map(|name| Name::new(name.as_bytes()).expect("a name"));
    let mut out = Vec::new();
    for end in [WalkEnd::Complete, WalkEnd::Complete] {
        assert_eq!(fs.run(&[], |call| fs.backend().walk_many(call, root.node(), &names, &mut out)), Ok(end));
    }
    let keys: Vec<_> = out.into_iter().map(|found| found.stat.key).collect();
    assert_eq!(keys, [made, made].concat());
}

fn walk_over_a_deep_path_works_with_few_handles<S: Subject>(fs: &Fs<S>) {
    let mut path = String::new();
    for depth in 0..12 {
        path = format!("{path}/d{depth}");
        fs.dir(path.trim_start_matches('/'));
    }
    let at = fs.walk(&path).expect("there");
    // Every directory on the way is still usable, whatever was given back meanwhile.
    assert_eq!(fs.names("d0/d1/d2"), Ok(vec!["d3".to_owned()]));
    assert_eq!(at.stat().file_type, FileType::Directory);
}

crate::suite! {
    walk_over_three_directories_finds_each
    walk_from_a_directory_starts_there
    walk_over_no_names_is_complete
    walk_to_a_missing_last_name_is_missing
    walk_over_a_missing_middle_name_is_missing
    walk_over_a_file_finds_it_and_ends
    walk_over_a_symlink_finds_the_link_and_ends
    walk_to_a_symlink_is_complete
    walk_from_a_file_is_notdir
    walk_appends_to_what_is_there
    walk_over_a_deep_path_works_with_few_handles
}
