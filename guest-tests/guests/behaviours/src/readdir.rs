//! Listing directories, at the level of `fd_readdir`: cookies, buffers, and changes on the way.

use std::collections::BTreeMap;

use crate::kit::*;
use crate::wasi::*;

/// A directory `list` with files `file-000`, `file-001`, ... and a descriptor of it.
fn directory_of(files: usize) -> (Fd, Vec<String>) {
    mkdir("list");
    let names: Vec<String> = (0..files).map(|n| format!("file-{n:03}")).collect();
    for name in &names {
        make(&format!("list/{name}"), b"");
    }
    (open_dir("list"), names)
}

pub fn a_listing_holds_dot_and_dot_dot() {
    let (fd, _) = directory_of(0);

    let listing = entries(fd);

    let mut names: Vec<_> = listing.iter().map(|entry| entry.name.as_slice()).collect();
    names.sort();
    assert_eq!(names, [b".".as_slice(), b".."]);
    assert!(listing.iter().all(|entry| entry.filetype == FileType::DIRECTORY));
    let dot = listing.iter().find(|entry| entry.name == b".").unwrap();
    assert_eq!(dot.ino, stat("list").ino);
}

pub fn a_listing_of_the_root_stays_inside() {
    make("file", b"");

    let listing = entries(ROOT);

    assert_eq!(names_of(&listing), set(["file"]));
    for entry in listing.iter().filter(|entry| entry.name.starts_with(b".")) {
        assert_eq!(entry.ino, stat(".").ino, "above the root is the root");
    }
}

pub fn entries_tell_the_type_and_the_inode() {
    mkdir("list");
    make("list/file", b"");
    mkdir("list/directory");
    symlink("file", "list/link");
    ok(path_link(ROOT, NOFOLLOW, "list/file", ROOT, "list/second"));
    let expected = [
        ("directory", FileType::DIRECTORY),
        ("file", FileType::REGULAR),
        ("link", FileType::SYMLINK),
        ("second", FileType::REGULAR),
    ];

    let listing: BTreeMap<Vec<u8>, Entry> =
        entries(open_dir("list")).into_iter().map(|entry| (entry.name.clone(), entry)).collect();

    assert_eq!(listing.len(), 6);
    for (name, filetype) in expected {
        let entry = &listing[name.as_bytes()];
        assert_eq!(entry.filetype, filetype, "of {name}");
        assert_eq!(entry.ino, stat(&format!("list/{name}")).ino, "of {name}");
    }
}

pub fn an_entry_is_laid_out_as_the_abi_says() {
    let (fd, _) = directory_of(1);
    let mut buffer = [0xee; 4096];

    let used = ok(fd_readdir(fd, &mut buffer, 0));

    assert_eq!(used, 3 * DIRENT + 1 + 2 + 8, "three entries with `.`, `..` and `file-000`");
    let at = buffer[..used].windows(8).position(|name| name == b"file-000").expect("the name is there") - DIRENT;
    assert_eq!(buffer[at + 8..at + 16], stat("list/file-000").ino.to_le_bytes());
    assert_eq!(buffer[at + 16..at + 20], 8_u32.to_le_bytes());
    assert_eq!(buffer[at + 20], FileType::REGULAR.0);
    assert_eq!(buffer[used..], [0xee; 4096][used..], "nothing is written behind what was used");
    let cookies: std::collections::BTreeSet<u64> = parse(&buffer[..used]).iter().map(|entry| entry.next).collect();
    assert_eq!(cookies.len(), 3, "every entry has a cookie of its own");
    assert!(!cookies.contains(&0), "0 is the start and no entry's cookie");
}

pub fn a_listing_ends_after_the_last_cookie() {
    let (fd, _) = directory_of(3);

    let last = entries(fd).last().unwrap().next;

    assert_eq!(ok(fd_readdir(fd, &mut [0; 4096], last)), 0);
    assert_eq!(ok(fd_readdir(fd, &mut [0; 4096], last)), 0);
}

pub fn a_buffer_of_one_header_is_filled() {
    let (fd, _) = directory_of(3);
    let all = entries(fd);
    let mut buffer = [0xee; DIRENT];

    for (at, expected) in all.iter().enumerate() {
        let cookie = if at == 0 { 0 } else { all[at - 1].next };
        assert_eq!(ok(fd_readdir(fd, &mut buffer, cookie)), DIRENT, "a full buffer says that there is more");
        assert_eq!(buffer[..8], expected.next.to_le_bytes());
        assert_eq!(buffer[16..20], (expected.name.len() as u32).to_le_bytes());
        assert_eq!(buffer[20], expected.filetype.0);
    }
}

pub fn a_buffer_that_cuts_an_entry_is_filled() {
    let (fd, _) = directory_of(5);
    let mut whole = [0; 4096];
    let used = ok(fd_readdir(fd, &mut whole, 0));

    for len in 0..used {
        let mut cut = vec![0xee; len];
        assert_eq!(ok(fd_readdir(fd, &mut cut, 0)), len);
        // Byte 21 to 23 of a header are padding.
        assert_eq!(parse(&cut), parse(&whole[..len]), "with a buffer of {len} bytes");
    }
}

pub fn every_buffer_size_gives_the_same_listing() {
    let (fd, names) = directory_of(100);
    let whole = entries(fd);
    assert_eq!(names_of(&whole), set(&names));

    for buffer_len in [33, 64, 100, 255, 1_000, 100_000] {
        let listing = entries_from(fd, 0, buffer_len);
        assert_eq!(listing.len(), whole.len(), "with a buffer of {buffer_len} bytes");
        assert_eq!(names_of(&listing), set(&names), "with a buffer of {buffer_len} bytes");
    }
}

pub fn long_names_are_listed_whole() {
    mkdir("list");
    let names: Vec<String> = ('a'..='j').map(|letter| letter.to_string().repeat(255)).collect();
    for name in &names {
        make(&format!("list/{name}"), b"");
    }
    let fd = open_dir("list");

    for buffer_len in [DIRENT + 256, 300, 1_000, 4_096] {
        assert_eq!(names_of(&entries_from(fd, 0, buffer_len)), set(&names));
    }
}

pub fn an_old_cookie_goes_on_where_it_stood() {
    let (fd, _) = directory_of(50);
    let all = entries(fd);

    for at in [40, 3, 51, 0, 25, 25] {
        let rest = entries_from(fd, all[at].next, 512);
        assert_eq!(rest, all[at + 1..], "after entry {at}");
    }
}

pub fn rewinding_sees_new_and_removed_names() {
    let (fd, _) = directory_of(10);
    assert_eq!(names_of(&entries(fd)).len(), 10);

    make("list/new", b"");
    unlink("list/file-003");
    rename("list/file-004", "list/renamed");

    let listed = names_of(&entries(fd));
    assert_eq!(listed.len(), 10);
    assert!(listed.contains("new") && listed.contains("renamed"));
    assert!(!listed.contains("file-003") && !listed.contains("file-004"));
}

// stock: a cookie is a position in the list as it is at that moment, so names that move up are left out.
pub fn listing_and_unlinking_leaves_nothing() {
    mkdir("list");
    for n in 0..2_000 {
        make(&format!("list/file-{n}"), b"");
    }
    let fd = open_dir("list");
    let (mut cookie, mut unlinked) = (0, 0);
    let mut buffer = [0; 1024];

    loop {
        let used = ok(fd_readdir(fd, &mut buffer, cookie));
        for entry in parse(&buffer[..used]) {
            cookie = entry.next;
            if entry.name != b"." && entry.name != b".." {
                ok(path_unlink_file(fd, &entry.name));
                unlinked += 1;
            }
        }
        if used < buffer.len() {
            break;
        }
    }

    assert_eq!(unlinked, 2_000);
    ok(path_remove_directory(ROOT, "list"));
}

pub fn listing_while_adding_shows_the_old_names_once() {
    let (fd, names) = directory_of(100);
    let (mut cookie, mut listed, mut added) = (0, Vec::new(), 0);
    let mut buffer = [0; 200];

    loop {
        let used = ok(fd_readdir(fd, &mut buffer, cookie));
        let some = parse(&buffer[..used]);
        cookie = some.last().map_or(cookie, |entry| entry.next);
        listed.extend(some);
        if used < buffer.len() {
            break;
        }
        if added < 200 {
            make(&format!("list/added-{added}"), b"");
            added += 1;
        }
    }

    let mut listed = names_of(&listed);
    listed.retain(|name| name.starts_with("file-"));
    assert_eq!(listed, set(&names));
    assert_eq!(names_of(&entries(fd)).len(), 100 + added);
}

// stock: as in `listing_and_unlinking_leaves_nothing`.
pub fn listing_while_others_go_shows_the_rest_once() {
    let (fd, names) = directory_of(100);
    let mut buffer = [0; 1_000];
    let used = ok(fd_readdir(fd, &mut buffer, 0));
    let first = parse(&buffer[..used]);
    let cookie = first.last().unwrap().next;
    let seen = names_of(&first);

    // Of what was listed everything goes; of what was not, every second.
    let (gone, kept): (Vec<_>, Vec<_>) =
        names.iter().filter(|name| !seen.contains(*name)).partition(|name| name.ends_with(['1', '3', '5', '7', '9']));
    for name in seen.iter().chain(gone.iter().copied()) {
        unlink(&format!("list/{name}"));
    }

    let mut rest = names_of(&entries_from(fd, cookie, 1_000));
    rest.retain(|name| !gone.contains(&name));
    assert_eq!(rest, set(kept));
}

pub fn two_descriptors_list_independently() {
    let (a, names) = directory_of(30);
    let b = open_dir("list");
    let (mut of_a, mut of_b, mut cookies) = (Vec::new(), Vec::new(), [0, 0]);

    for _ in 0..100 {
        for (at, (fd, all)) in [(a, &mut of_a), (b, &mut of_b)].into_iter().enumerate() {
            let mut buffer = [0; 100];
            let used = ok(fd_readdir(fd, &mut buffer, cookies[at]));
            let some = parse(&buffer[..used]);
            cookies[at] = some.last().map_or(cookies[at], |entry| entry.next);
            all.extend(some);
        }
    }

    assert_eq!(names_of(&of_a), set(&names));
    assert_eq!(of_a, of_b);
}

pub fn a_listing_survives_the_rename_of_its_directory() {
    let (fd, names) = directory_of(50);
    let mut buffer = [0; 500];
    let used = ok(fd_readdir(fd, &mut buffer, 0));
    let mut listed = parse(&buffer[..used]);

    rename("list", "renamed");
    listed.extend(entries_from(fd, listed.last().unwrap().next, 500));

    assert_eq!(names_of(&listed), set(&names));
}
