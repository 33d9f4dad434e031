//! directory-entry-stream.

use crate::kit::*;
use wasip2::filesystem::types::DirectoryEntryStream;

#[track_caller]
fn listing(directory: &Descriptor) -> DirectoryEntryStream {
    directory.0.read_directory().unwrap_or_else(|code| panic!("failed with {code:?}"))
}

#[track_caller]
fn next(stream: &DirectoryEntryStream) -> Option<Entry> {
    stream.read_directory_entry().unwrap_or_else(|code| panic!("failed with {code:?}")).map(Entry::from)
}

fn rest(stream: &DirectoryEntryStream) -> impl Iterator<Item = Entry> {
    std::iter::from_fn(|| next(stream))
}

pub fn a_listing_that_ended_stays_ended() {
    let (list, names) = directory_of(5);
    let stream = listing(&list);
    assert_eq!(names_of(rest(&stream)), names);

    make("list/late", b"");

    assert_eq!(next(&stream), None);
    assert_eq!(next(&stream), None);
}

pub fn listings_do_not_interfere() {
    let (list, names) = directory_of(100);
    let (a, b) = (listing(&list), listing(&list));
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());

    for _ in 0..100 {
        of_a.extend(next(&a));
        of_b.extend(next(&b));
    }

    assert_eq!(names_of(of_a.clone()), names);
    assert_eq!(of_a, of_b);
}

pub fn a_listing_outlives_its_descriptor() {
    let (list, names) = directory_of(50);
    let stream = listing(&list);
    drop(list);

    assert_eq!(names_of(rest(&stream)), names);
}

pub fn a_listing_survives_the_rename_of_its_directory() {
    let (list, names) = directory_of(500);
    let stream = listing(&list);
    let mut listed: Vec<_> = rest(&stream).take(10).collect();

    rename("list", "renamed");
    listed.extend(rest(&stream));

    assert_eq!(names_of(listed), names);
}

pub fn listing_and_unlinking_leaves_nothing() {
    let (list, names) = directory_of(2_000);

    let mut unlinked = 0;
    for entry in rest(&listing(&list)) {
        ok(list.unlink_file_at(&entry.name));
        unlinked += 1;
    }

    assert_eq!(unlinked, names.len());
    rmdir("list");
}

pub fn listing_while_adding_shows_the_old_names_once() {
    let (list, names) = directory_of(100);

    let mut listed = Vec::new();
    for (n, entry) in rest(&listing(&list)).take(10_000).enumerate() {
        if n < 200 {
            make(&format!("list/added-{n}"), b"");
        }
        listed.push(entry);
    }

    let mut listed = names_of(listed);
    listed.retain(|name| name.starts_with("file-"));
    assert_eq!(listed, names);
}

pub fn listing_while_others_go_shows_the_rest_once() {
    let (list, names) = directory_of(2_000);
    let stream = listing(&list);
    let seen = names_of(rest(&stream).take(20));

    // Of what was listed everything goes; of what was not, every second.
    let (gone, kept): (Vec<_>, Vec<_>) =
        names.iter().filter(|name| !seen.contains(*name)).partition(|name| name.ends_with(['1', '3', '5', '7', '9']));
    for name in seen.iter().chain(gone.iter().copied()) {
        unlink(&format!("list/{name}"));
    }

    let mut rest = names_of(rest(&stream));
    rest.retain(|name| !gone.contains(&name));
    assert_eq!(rest, set(kept));
}
