//! What concerns a whole tree.

use crate::harness::{Fs, Subject};
use wasi_gofer::backend::Backend;

fn statfs_is_plausible<S: Subject>(fs: &Fs<S>) {
    let figures = fs.run(&[], |call| fs.backend().statfs(call)).expect("figures");
    assert_eq!(figures.name_max, 255);
    assert!(figures.block_size.is_power_of_two());
    assert!(figures.blocks_available <= figures.blocks && figures.files_free <= figures.files);
}

fn restore_of_a_node_in_its_place_succeeds<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("d/f", b"");
    for path in ["d", "d/f"] {
        let at = fs.walk(path).expect("there");
        let location = at.location().expect("not the root");
        // Twice: a node that is bound is left as it is.
        for _ in 0..2 {
            assert_eq!(fs.run(&[&at], |call| fs.backend().restore(call, at.node(), location, at.key())), Ok(()));
        }
    }
}

fn pin_of_any_node_changes_nothing_to_see<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("d/f", b"");
    for path in ["", "d", "d/f"] {
        let at = fs.walk(path).expect("there");
        fs.backend().pin(at.node(), true);
        assert!(fs.stat(path).is_ok());
        fs.backend().pin(at.node(), false);
    }
}

fn relieve_takes_nothing_that_cannot_be_had_again<S: Subject>(fs: &Fs<S>) {
    fs.dir("a");
    fs.dir("a/b");
    fs.file("a/b/f", b"x");
    let at = fs.walk("a/b/f").expect("there");
    fs.backend().relieve(usize::MAX);
    assert!(fs.run(&[&at], |call| fs.backend().stat(call, at.object())).is_ok());
    assert_eq!(fs.contents("a/b/f").expect("reads"), b"x");
}

fn lock_tree_twice_by_one_backend_succeeds<S: Subject>(fs: &Fs<S>) {
    assert_eq!(fs.backend().lock_tree(), Ok(()));
    assert_eq!(fs.backend().lock_tree(), Ok(()));
}

fn lineage_begins_with_the_root_or_is_empty<S: Subject>(fs: &Fs<S>) {
    let lineage = fs.backend().lineage();
    assert!(lineage.is_empty() || lineage.first() == Some(&fs.stat("").expect("root").key));
}

crate::suite! {
    statfs_is_plausible
    restore_of_a_node_in_its_place_succeeds
    pin_of_any_node_changes_nothing_to_see
    relieve_takes_nothing_that_cannot_be_had_again
    lock_tree_twice_by_one_backend_succeeds
    lineage_begins_with_the_root_or_is_empty
}
