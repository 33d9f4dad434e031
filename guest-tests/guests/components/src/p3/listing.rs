//! read-directory.

use super::binding::End;
use crate::kit::*;
use std::future::IntoFuture;
use wasip3::filesystem::types::DirectoryEntry;

/// A stream of entries, and what the directory says when it ends.
fn listing(directory: &Descriptor) -> (StreamReader<DirectoryEntry>, impl Future<Output = End> + use<>) {
    let (stream, end) = directory.0.read_directory();
    (stream, end.into_future())
}

async fn next(stream: &mut StreamReader<DirectoryEntry>) -> Option<Entry> {
    stream.next().await.map(Entry::from)
}

/// What is left, `len` entries at a time at most.
async fn rest(stream: &mut StreamReader<DirectoryEntry>, len: usize) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let (result, some) = stream.read(Vec::with_capacity(len)).await;
        assert!(some.len() <= len);
        all.extend(some.into_iter().map(Entry::from));
        match result {
            StreamResult::Complete(_) => {}
            StreamResult::Dropped => return all,
            StreamResult::Cancelled => panic!("nobody cancelled the read"),
        }
    }
}

#[track_caller]
fn assert_well(end: End) {
    ok(end.map_err(Code::from));
}

pub fn every_buffer_size_gives_the_same_listing() {
    let (list, names) = directory_of(1_000);

    block_on(async {
        for len in [1, 2, 7, 100, 999, 1_000, 5_000] {
            let (mut stream, end) = listing(&list);
            assert_eq!(names_of(rest(&mut stream, len).await), names);
            assert_well(end.await);
        }
    });
}

pub fn a_zero_length_read_of_a_listing_takes_nothing() {
    let (list, names) = directory_of(10);

    block_on(async {
        let (mut stream, end) = listing(&list);
        let mut listed = Vec::new();
        for _ in 0..5 {
            let (result, none) = stream.read(Vec::new()).await;
            assert_eq!((result, none.len()), (StreamResult::Complete(0), 0));
            listed.extend(next(&mut stream).await);
        }
        listed.extend(rest(&mut stream, 3).await);
        assert_eq!(names_of(listed), names);
        assert_well(end.await);
    });
}

pub fn a_listing_dropped_early_ends_well() {
    let (list, _) = directory_of(500);

    block_on(async {
        let (stream, end) = listing(&list);
        drop(stream);
        assert_well(end.await);

        let (mut stream, end) = listing(&list);
        assert!(next(&mut stream).await.is_some());
        drop(stream);
        assert_well(end.await);
    });
}

pub fn a_listing_of_a_file_fails() {
    make("file", b"");

    block_on(async {
        let (mut stream, end) = listing(&open("file", NONE, READ));
        assert_eq!(rest(&mut stream, 10).await, []);
        refused(end.await.map_err(Code::from), &[Code::NotDirectory]);
    });
}

pub fn listings_do_not_interfere() {
    let (list, names) = directory_of(100);

    block_on(async {
        let ((mut a, _), (mut b, _)) = (listing(&list), listing(&list));
        let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            of_a.extend(next(&mut a).await);
            of_b.extend(next(&mut b).await);
        }
        assert_eq!(names_of(of_a.clone()), names);
        assert_eq!(of_a, of_b);
    });
}

pub fn a_listing_outlives_its_descriptor() {
    let (list, names) = directory_of(50);

    block_on(async {
        let (mut stream, end) = listing(&list);
        drop(list);
        assert_eq!(names_of(rest(&mut stream, 7).await), names);
        assert_well(end.await);
    });
}

pub fn a_listing_survives_the_rename_of_its_directory() {
    let (list, names) = directory_of(500);

    block_on(async {
        let (mut stream, end) = listing(&list);
        let mut listed: Vec<_> = next(&mut stream).await.into_iter().collect();
        rename("list", "renamed");
        listed.extend(rest(&mut stream, 7).await);
        assert_eq!(names_of(listed), names);
        assert_well(end.await);
    });
}

pub fn listing_and_unlinking_leaves_nothing() {
    let (list, names) = directory_of(2_000);

    let unlinked = block_on(async {
        let (mut stream, end) = listing(&list);
        let mut unlinked = 0;
        while let Some(entry) = next(&mut stream).await {
            ok(list.0.unlink_file_at(entry.name).await.map_err(Code::from));
            unlinked += 1;
        }
        assert_well(end.await);
        unlinked
    });

    assert_eq!(unlinked, names.len());
    rmdir("list");
}

pub fn listing_while_adding_shows_the_old_names_once() {
    let (list, names) = directory_of(100);

    let mut listed = block_on(async {
        let (mut stream, _) = listing(&list);
        let mut listed = Vec::new();
        while let Some(entry) = next(&mut stream).await {
            if listed.len() < 200 {
                make(&format!("list/added-{}", listed.len()), b"");
            }
            listed.push(entry);
        }
        names_of(listed)
    });

    listed.retain(|name| name.starts_with("file-"));
    assert_eq!(listed, names);
}

pub fn listing_while_others_go_shows_the_rest_once() {
    let (list, names) = directory_of(2_000);

    block_on(async {
        let (mut stream, _) = listing(&list);
        let mut seen = Vec::new();
        for _ in 0..20 {
            seen.extend(next(&mut stream).await);
        }
        let seen = names_of(seen);

        // Of what was listed everything goes; of what was not, every second.
        let (gone, kept): (Vec<_>, Vec<_>) = names
            .iter()
            .filter(|name| !seen.contains(*name))
            .partition(|name| name.ends_with(['1', '3', '5', '7', '9']));
        for name in seen.iter().chain(gone.iter().copied()) {
            unlink(&format!("list/{name}"));
        }

        let mut rest = names_of(rest(&mut stream, 50).await);
        rest.retain(|name| !gone.contains(&name));
        assert_eq!(rest, set(kept));
    });
}
