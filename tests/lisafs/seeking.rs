//! Cookies that nobody kept a place for: the entry behind which one stands may be gone, and the one behind that.

use crate::harness::{Fs, Listed};
use crate::subjects::{Gvisor, Own, OwnTmpfs, Start};
use std::collections::BTreeSet;

/// Reads on behind each entry of a directory after others began to read it and some of its entries went: none of those
/// that stay is lost, and one is told
/// twice only where nothing is left to tell.
fn seeks<S: Start>() {
    let Some(subject) = S::start("seeks") else { return };
    let fs = Fs { subject };
    let names = ["a", "b", "c", "dd", "an-entry-longer-than-inline", "x1", "x2", "x3"];
    for removed in [&[0][..], &[1], &[0, 1], &[1, 2]] {
        for taken in 1..names.len() - 3 {
            names.iter().for_each(|name| assert_eq!(fs.file(name, b"").size, 0));
            let (all, _) = fs.list_from("", 0, usize::MAX).expect("lists");
            let (seen, _) = fs.list_from("", 0, taken).expect("lists");
            let cookie = seen.last().expect("one").cookie;
            // What was kept for that reader goes with the next who begins.
            assert_eq!(fs.list_from("", 0, usize::MAX), Ok((all.clone(), true)));
            let text = |entry: &Listed| String::from_utf8_lossy(&entry.name).into_owned();
            let gone: Vec<String> = removed.iter().map(|behind| text(&all[taken - 1 + behind])).collect();
            gone.iter().for_each(|name| fs.unlink(name).expect("there"));
            let (rest, end) = fs.list_from("", cookie, usize::MAX).expect("lists");
            let rest: Vec<String> = rest.iter().map(text).collect();
            let expected: BTreeSet<String> =
                all[taken..].iter().map(text).filter(|name| !gone.contains(name)).collect();
            let told: BTreeSet<String> = rest.iter().cloned().collect();
            assert!(end && told.is_superset(&expected), "{removed:?} {taken} {all:?}: {rest:?}");
            // Where the entry of the cookie is gone, and the one behind too, there is no telling whether one was told.
            let twice = usize::from(removed == [0, 1]);
            assert!(rest.len() <= expected.len() + twice, "{removed:?} {taken} {all:?}: {rest:?}");
            fs.names("").expect("lists").iter().for_each(|name| fs.unlink(name).expect("there"));
        }
    }
}

#[test]
fn seeking_over_gvisors_gofer_loses_nothing() {
    seeks::<Gvisor>();
}

#[test]
fn seeking_over_our_own_server_loses_nothing() {
    seeks::<Own>();
}

#[test]
fn seeking_where_cookies_fall_loses_nothing() {
    seeks::<OwnTmpfs>();
}
