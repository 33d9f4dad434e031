//! Guests go on when their sidecar is killed.

use crate::kit::{self, CREATE, READ_WRITE};
use crate::sidecar::Served;
use std::io::{IoSlice, IoSliceMut};
use wasi_gofer::abi::{Call, Errno, Error, Stat};
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions};
use wasi_gofer::vfs::{OpenDirectory, OpenFile, OpenHow};
use wasi_gofer::{CachePolicy, Gofer, MountOptions};

const CALL: &Call = &Call::WAITING;

fn root(gofer: &Gofer) -> OpenDirectory {
    kit::root(gofer).1
}

fn file(dir: &OpenDirectory, path: &str, how: OpenHow) -> OpenFile {
    kit::open(CALL, dir, path, how).expect("it opens")
}

fn directory(dir: &OpenDirectory, path: &str) -> OpenDirectory {
    kit::open_dir(CALL, dir, path).expect("it opens")
}

fn read(file: &OpenFile) -> String {
    let mut room = [0; 100];
    let count = file.read_at(CALL, &mut [IoSliceMut::new(&mut room)], 0).expect("read");
    String::from_utf8_lossy(&room[..count]).into_owned()
}

fn write(file: &OpenFile, text: &str, offset: u64) {
    assert_eq!(file.write_at(CALL, &[IoSlice::new(text.as_bytes())], offset), Ok(text.len()));
}

fn stat(dir: &OpenDirectory, path: &str) -> Result<Stat, Error> {
    dir.stat_at(CALL, path.as_bytes(), true)
}

fn names(dir: &OpenDirectory) -> Vec<String> {
    let mut names = Vec::new();
    dir.read_dir(CALL, 0, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    })
    .expect("listed");
    names.sort();
    names
}

#[test]
fn everything_goes_on_after_the_sidecar_was_killed_in_every_policy() {
    for policy in CachePolicy::ALL {
        let served = Served::new();
        std::fs::create_dir_all(served.dir.path().join("a/b/c")).expect("made");
        std::fs::write(served.dir.path().join("a/b/c/file"), "contents").expect("written");
        let gofer = served.gofer(policy);
        let root = root(&gofer);
        let held = directory(&root, "a/b");
        let open = file(&root, "a/b/c/file", READ_WRITE);
        assert_eq!(read(&open), "contents", "{policy}");

        for round in 0..3 {
            assert!(served.kill() > 0, "{policy}: there is a sidecar");

            assert_eq!(read(&open), "contents", "{policy}");
            write(&open, "contents", 0);
            assert_eq!(stat(&root, "a/b/c/file").map(|stat| stat.size), Ok(8), "{policy}");
            assert_eq!(stat(&root, "a/b/c/missing"), Err(Errno::Noent.into()), "{policy}");
            assert_eq!(names(&held), [".", "..", "c"], "{policy}");
            let name = format!("made-{round}");
            held.create_directory_at(CALL, name.as_bytes()).expect("made");
            write(&file(&held, &format!("{name}/new"), CREATE), "new", 0);
            held.rename_at(CALL, name.as_bytes(), &root, b"moved").expect("moved");
            assert_eq!(read(&file(&root, "moved/new", READ_WRITE)), "new", "{policy}");
            root.unlink_at(CALL, b"moved/new").expect("gone");
            root.remove_directory_at(CALL, b"moved").expect("gone");
        }
        gofer.check_invariants().expect("sound");
        assert_eq!(gofer.shutdown(None).failures, [], "{policy}");
        assert_eq!(served.host("a/b/c/file"), "contents");
    }
}

#[test]
fn an_open_directory_that_was_moved_is_found_where_it_is() {
    for policy in CachePolicy::ALL {
        let served = Served::new();
        std::fs::create_dir_all(served.dir.path().join("a/held/below")).expect("made");
        std::fs::create_dir(served.dir.path().join("z")).expect("made");
        let gofer = served.gofer(policy);
        let root = root(&gofer);
        let held = directory(&root, "a/held");
        root.rename_at(CALL, b"a/held", &root, b"z/moved").expect("moved");

        served.kill();

        assert_eq!(names(&held), [".", "..", "below"], "{policy}");
        write(&file(&held, "below/new", CREATE), "new", 0);
        assert_eq!(served_text(&gofer, &served, "z/moved/below/new"), "new", "{policy}");
    }
}

fn served_text(gofer: &Gofer, served: &Served, path: &str) -> String {
    gofer.sync().expect("brought out");
    served.host(path)
}

#[test]
fn a_file_without_a_name_lives_on_in_its_descriptor() {
    for policy in CachePolicy::ALL {
        let served = Served::new();
        std::fs::write(served.dir.path().join("file"), "contents").expect("written");
        let gofer = served.gofer(policy);
        let root = root(&gofer);
        let open = file(&root, "file", READ_WRITE);
        root.unlink_at(CALL, b"file").expect("gone");

        served.kill();

        assert_eq!(read(&open), "contents", "{policy}");
        write(&open, "CONTENTS", 0);
        open.set_size(CALL, 4).expect("cut");
        assert_eq!(read(&open), "CONT", "{policy}");
        assert_eq!(open.stat(CALL).map(|stat| stat.size), Ok(4), "{policy}");
        assert_eq!(stat(&root, "file"), Err(Errno::Noent.into()), "{policy}");
    }
}

#[test]
fn files_are_opened_anew_where_no_descriptor_was_handed_out_and_stale_without_a_name() {
    let served = Served::new();
    std::fs::create_dir(served.dir.path().join("dir")).expect("made");
    for name in ["dir/kept", "dir/removed"] {
        std::fs::write(served.dir.path().join(name), "contents").expect("written");
    }
    let options = LisaFsOptions { host_fds: false, ..LisaFsOptions::default() };
    let mut builder = Gofer::builder();
    let fs = wasi_gofer::FsOptions::with_policy(CachePolicy::Shared);
    builder.mount("/", served.backend(options), MountOptions { read_only: false, fs });
    let gofer = builder.build().expect("mounted");
    let root = root(&gofer);
    let (kept, removed) = (file(&root, "dir/kept", READ_WRITE), file(&root, "dir/removed", READ_WRITE));
    std::fs::remove_file(served.dir.path().join("dir/removed")).expect("removed");

    served.kill();

    write(&kept, "CONT", 0);
    assert_eq!(read(&kept), "CONTents");
    let mut room = [0; 10];
    let read = removed.read_at(CALL, &mut [IoSliceMut::new(&mut room)], 0);
    assert_eq!(read, Err(Errno::Stale.into()));
}

#[test]
fn appends_behind_a_kill_while_nothing_was_under_way_are_made() {
    for channels in [0, 4] {
        let served = Served::new();
        std::fs::write(served.dir.path().join("log"), "one").expect("written");
        let options = LisaFsOptions { host_fds: false, channels, ..LisaFsOptions::default() };
        let mut builder = Gofer::builder();
        let fs = wasi_gofer::FsOptions::with_policy(CachePolicy::Shared);
        builder.mount("/", served.backend(options), MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("mounted");
        let root = root(&gofer);
        let log = file(&root, "log", OpenHow { append: true, ..READ_WRITE });
        for text in ["two", "three"] {
            assert!(served.kill_and_wait() > 0, "{channels}");

            assert_eq!(log.write(CALL, &[IoSlice::new(text.as_bytes())]), Ok(text.len()), "{channels}");
        }
        assert_eq!(served.host("log"), "onetwothree", "{channels}");
        let told = &gofer.stats()[0].fs.backend_counters;
        let counted = |name| told.iter().find(|told| told.0 == name).map(|told| told.1);
        assert_eq!((counted("undecided"), counted("reattached")), (Some(0), Some(2)), "{channels}");
    }
}

#[test]
fn files_and_directories_that_a_guest_moved_are_opened_anew_where_it_moved_them() {
    for policy in CachePolicy::ALL {
        let served = Served::new();
        for dir in ["from/below", "to"] {
            std::fs::create_dir_all(served.dir.path().join(dir)).expect("made");
        }
        for name in ["from/file", "from/below/file", "from/linked"] {
            std::fs::write(served.dir.path().join(name), "contents").expect("written");
        }
        let options = LisaFsOptions { host_fds: false, ..LisaFsOptions::default() };
        let fs = wasi_gofer::FsOptions { page_cache_bytes: 0, ..wasi_gofer::FsOptions::with_policy(policy) };
        let mut builder = Gofer::builder();
        builder.mount("/", served.backend(options), MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("mounted");
        let root = root(&gofer);
        let moved = file(&root, "from/file", READ_WRITE);
        let below = file(&root, "from/below/file", READ_WRITE);
        let linked = file(&root, "from/linked", READ_WRITE);
        let rename = |from: &str, to: &str| {
            root.rename_at(CALL, from.as_bytes(), &root, to.as_bytes()).expect("renamed");
        };
        rename("from/file", "to/first");
        rename("to/first", "to/second");
        // The file itself stays in a directory that goes.
        rename("from/below", "to/below");
        rename("to", "at-last");
        // One of two names is moved, and goes.
        root.link_at(CALL, b"from/linked", &root, b"from/second").expect("linked");
        rename("from/second", "from/third");
        root.unlink_at(CALL, b"from/third").expect("removed");

        assert!(served.kill() > 0);

        for (open, host) in [(&moved, "at-last/second"), (&below, "at-last/below/file"), (&linked, "from/linked")] {
            write(open, "CONT", 0);
            assert_eq!(read(open), "CONTents", "{policy} {host}");
            open.sync(CALL, false).expect("synced");
            assert_eq!(served.host(host), "CONTents", "{policy}");
        }
    }
}

#[test]
fn nothing_is_found_in_an_open_directory_that_others_removed_while_its_server_was_away() {
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        let served = Served::new();
        for dir in ["gone", "kept/below"] {
            std::fs::create_dir_all(served.dir.path().join(dir)).expect("made");
        }
        std::fs::write(served.dir.path().join("kept/file"), "contents").expect("written");
        let gofer = served.gofer(policy);
        let root = root(&gofer);
        let (gone, kept) = (directory(&root, "gone"), directory(&root, "kept"));
        std::fs::remove_dir(served.dir.path().join("gone")).expect("removed");

        assert!(served.kill() > 0);

        let none = Err(Errno::Noent.into());
        let how = OpenHow { read: true, follow: true, ..OpenHow::default() };
        assert_eq!(gone.create_directory_at(CALL, b"new"), none, "{policy}");
        assert_eq!(stat(&gone, "new").map(drop), none, "{policy}");
        assert_eq!(gone.open_at(CALL, b"new", how).map(drop), none, "{policy}");
        assert_eq!(gone.open_at(CALL, b"new", CREATE).map(drop), none, "{policy}");
        assert_eq!(kept.rename_at(CALL, b"below/", &gone, b"new"), none, "{policy}");
        assert_eq!(kept.rename_at(CALL, b"file/", &gone, b"new"), none, "{policy}");
        assert_eq!(kept.link_at(CALL, b"file", &gone, b"new"), none, "{policy}");
        assert_eq!(gone.rename_at(CALL, b"new", &kept, b"new"), none, "{policy}");
        assert_eq!(gone.stat(CALL).map(drop), none, "{policy}");
        assert_eq!(gone.sync(CALL), none, "{policy}");
        assert_eq!(gone.read_dir(CALL, 0, &mut |_| true), none, "{policy}");
        assert_eq!(names(&kept), [".", "..", "below", "file"], "{policy}");
        gofer.check_invariants().expect("sound");
    }
}

#[test]
fn what_was_held_back_is_sent_to_the_next_sidecar() {
    let served = Served::new();
    let gofer = served.gofer(CachePolicy::Exclusive);
    let root = root(&gofer);
    for n in 0..50 {
        let new = file(&root, &format!("file-{n}"), CREATE);
        write(&new, &format!("of {n}"), 0);
        if n % 10 == 5 {
            assert!(served.kill() > 0);
        }
    }

    assert_eq!(gofer.shutdown(None).failures, []);
    for n in 0..50 {
        assert_eq!(served.host(&format!("file-{n}")), format!("of {n}"));
    }
}

#[test]
fn a_soft_mount_fails_at_once_and_goes_on_with_what_it_has() {
    let served = Served::new();
    std::fs::write(served.dir.path().join("file"), "contents").expect("written");
    let backend = LisaFs::start(&served.program(), LisaFsOptions::default()).expect("it starts");
    let mut builder = Gofer::builder();
    let fs = wasi_gofer::FsOptions::with_policy(CachePolicy::Shared);
    builder.mount("/", backend, MountOptions { read_only: false, fs });
    let gofer = builder.build().expect("mounted");
    let root = root(&gofer);
    let open = file(&root, "file", READ_WRITE);

    served.kill();

    assert_eq!(stat(&root, "file"), Err(Errno::Io.into()));
    assert_eq!(root.create_directory_at(CALL, b"dir"), Err(Errno::Io.into()));
    assert_eq!(read(&open), "contents");
}

#[test]
fn a_thousand_open_files_are_attached_again() {
    let descriptors = kit::raise_limit();
    if descriptors < 2048 {
        return eprintln!("no more than {descriptors} descriptors: a thousand open files are SKIPPED");
    }
    let served = Served::new();
    for n in 0..1_000 {
        std::fs::write(served.dir.path().join(format!("file-{n}")), format!("of {n}")).expect("written");
    }
    let gofer = served.gofer(CachePolicy::Shared);
    let root = root(&gofer);
    let files: Vec<OpenFile> = (0..1_000).map(|n| file(&root, &format!("file-{n}"), READ_WRITE)).collect();

    served.kill();

    let start = std::time::Instant::now();
    for (n, open) in files.iter().enumerate() {
        assert_eq!(read(open), format!("of {n}"));
        assert_eq!(stat(&root, &format!("file-{n}")).map(|stat| stat.size), open.stat(CALL).map(|stat| stat.size));
    }
    println!("1,000 open files attached again, read, and looked at twice: {:?}", start.elapsed());
}
