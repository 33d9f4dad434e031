//! Checking a cached path in one call.

use crate::harness::{At, Fs, NodeOf, Subject, errno, settled};
use wasi_gofer::abi::{Errno, InodeKey, Name, Result, Stat};
use wasi_gofer::backend::{Backend, Step};

/// Checks `names`, each in the directory before it, of which `dirs` are the nodes; the stats and the outcome.
fn revalidate<S: Subject>(fs: &Fs<S>, dirs: &[&At<NodeOf<S>>], names: &[(&str, InodeKey)]) -> (Vec<Stat>, Result<()>) {
    let steps: Vec<_> = dirs
        .iter()
        .zip(names)
        .map(|(dir, (name, key))| Step {
            dir: dir.node(),
            name: Name::new(name.as_bytes()).expect("a name"),
            key: *key,
        })
        .collect();
    let mut out = Vec::new();
    let outcome = fs.run(dirs, |call| {
        out.clear();
        fs.backend().revalidate_many(call, &steps, &mut out)
    });
    (out, outcome)
}

/// `a/b/f` and the nodes of the root, `a` and `a/b`.
fn tree<S: Subject>(fs: &Fs<S>) -> [At<NodeOf<S>>; 3] {
    fs.dir("a");
    fs.dir("a/b");
    fs.file("a/b/f", b"");
    ["", "a", "a/b"].map(|path| fs.walk(path).expect("there"))
}

fn path_keys<S: Subject>(fs: &Fs<S>) -> [(&'static str, InodeKey); 3] {
    [("a", "a"), ("b", "a/b"), ("f", "a/b/f")].map(|(name, path)| (name, fs.stat(path).expect("there").key))
}

fn revalidate_of_an_unchanged_path_is_every_stat<S: Subject>(fs: &Fs<S>) {
    let [root, a, b] = tree(fs);
    let (stats, outcome) = revalidate(fs, &[&root, &a, &b], &path_keys(fs));
    assert_eq!(outcome, Ok(()));
    let expected = ["a", "a/b", "a/b/f"].map(|path| settled(fs.stat(path).expect("there")));
    assert_eq!(stats.into_iter().map(settled).collect::<Vec<_>>(), expected);
}

fn revalidate_behind_a_replaced_name_stops_there<S: Subject>(fs: &Fs<S>) {
    let [root, a, b] = tree(fs);
    let keys = path_keys(fs);
    fs.rename("a/b", "a/old").expect("moves");
    let other = fs.dir("a/b").key;
    fs.file("a/b/f", b"");
    let (stats, outcome) = revalidate(fs, &[&root, &a, &b], &keys);
    assert_eq!(outcome, Ok(()));
    assert_eq!(stats.iter().map(|stat| stat.key).collect::<Vec<_>>(), [keys[0].1, other]);
}

fn revalidate_of_a_missing_name_is_noent_behind_the_steps_before<S: Subject>(fs: &Fs<S>) {
    let [root, a, b] = tree(fs);
    let keys = path_keys(fs);
    fs.unlink("a/b/f").expect("there");
    let (stats, outcome) = revalidate(fs, &[&root, &a, &b], &keys);
    assert_eq!(errno(outcome), Errno::Noent);
    assert_eq!(stats.iter().map(|stat| stat.key).collect::<Vec<_>>(), [keys[0].1, keys[1].1]);
}

fn revalidate_of_a_name_that_became_a_symlink_is_the_link<S: Subject>(fs: &Fs<S>) {
    let [root, a, b] = tree(fs);
    let keys = path_keys(fs);
    fs.rename("a", "hidden").expect("moves");
    let link = fs.symlink("a", "hidden").expect("made").key;
    let (stats, outcome) = revalidate(fs, &[&root, &a, &b], &keys);
    assert_eq!(outcome, Ok(()));
    assert_eq!(stats.iter().map(|stat| stat.key).collect::<Vec<_>>(), [link]);
}

fn revalidate_of_no_steps_is_nothing<S: Subject>(fs: &Fs<S>) {
    assert_eq!(revalidate(fs, &[], &[]), (Vec::new(), Ok(())));
}

fn revalidate_shows_what_changed_in_the_attributes<S: Subject>(fs: &Fs<S>) {
    let [root, a, b] = tree(fs);
    let keys = path_keys(fs);
    let file = fs.open("a/b/f", wasi_gofer::abi::OpenFlags::WRITE).expect("opens");
    fs.write(&file, 0, b"longer").expect("writes");
    let (stats, outcome) = revalidate(fs, &[&root, &a, &b], &keys);
    assert_eq!((outcome, stats.last().map(|stat| stat.size)), (Ok(()), Some(6)));
}

crate::suite! {
    revalidate_of_an_unchanged_path_is_every_stat
    revalidate_behind_a_replaced_name_stops_there
    revalidate_of_a_missing_name_is_noent_behind_the_steps_before
    revalidate_of_a_name_that_became_a_symlink_is_the_link
    revalidate_of_no_steps_is_nothing
    revalidate_shows_what_changed_in_the_attributes
}
