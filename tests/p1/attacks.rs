//! Attacks that filesystems of WebAssembly runtimes have seen, by their numbers where they have one, and those that only
//! a cache can have.

use crate::kit::abi::{fstflags, oflags};
use crate::kit::{Errno, Filetype, Guest, Open, Scene, args, at_root, mount, options};
use rustix::fs::{CWD, Mode, mkfifoat};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use wasi_gofer::abi::Timespec;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions};

/// Every way to the outside through symbolic links: `hidden -> ../outside`, and links to that.
const WAYS_OUT: [&str; 12] = [
    "hidden",
    "hidden/",
    "hidden/.",
    "hidden//",
    "indirect",
    "indirect/",
    "indirect/.",
    "dotted",
    "dotted/",
    "deep/hidden",
    "deep/hidden/",
    "deep/up/hidden/",
];

fn scene_with_ways_out() -> Scene {
    let scene = Scene::new();
    scene.write("own", "the guest's own");
    scene.write("deep/file", "the guest's own");
    scene.symlink("../outside", "hidden");
    scene.symlink("hidden/", "indirect");
    scene.symlink("hidden/.", "dotted");
    scene.symlink("../../outside", "deep/hidden");
    scene.symlink("../deep", "deep/up");
    scene
}

/// A further directory of the host, beside the guest's.
fn beside(scene: &Scene) -> PathBuf {
    let path = scene.inside().with_file_name("beside");
    fs::create_dir_all(&path).expect("made");
    path
}

/// Refused, and for a reason that has to do with the way.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, Errno>, what: &str) {
    let reasons = [Errno::PERM, Errno::LOOP, Errno::NOTDIR, Errno::ISDIR, Errno::INVAL, Errno::EXIST, Errno::BADF];
    match result {
        Err(errno) if reasons.contains(&errno) => {}
        other => panic!("{what}: {other:?}"),
    }
}

// GHSA-vqjp-4c8c-hfgg, GHSA-hp8f-xmx4-4qrg: a trailing slash in a path or in a link's target made the resolver follow a
// link out of the directory.

#[test]
fn open_of_links_that_lead_out_with_any_slashes_is_refused() {
    for policy in CachePolicy::ALL {
        let scene = scene_with_ways_out();
        let mut guest = scene.guest(policy);

        for way in WAYS_OUT {
            for how in [Open::DIRECTORY, Open::READ, Open::CREATE, Open::DIRECTORY.nofollow(), Open::READ.nofollow()] {
                assert_refused(guest.open(way, how), way);
            }
            for how in [Open::READ, Open::CREATE, Open::WRITE.and(oflags::TRUNC), Open::READ.nofollow()] {
                assert_refused(guest.open(format!("{way}/secret"), how), way);
                assert_refused(guest.open(format!("{way}/planted"), how.and(oflags::CREAT)), way);
            }
            assert_refused(guest.names(way), way);
            assert_refused(guest.stat(way), way);
            assert_refused(guest.lstat(format!("{way}/secret")), way);
            assert_refused(guest.set_times_at((Guest::ROOT, way), (0, 0), fstflags::MTIM), way);
        }
        scene.assert_untouched();
    }
}

#[test]
fn changes_of_names_through_links_that_lead_out_are_refused() {
    for policy in CachePolicy::ALL {
        let scene = scene_with_ways_out();
        let mut guest = scene.guest(policy);
        guest.mkdir("dir").expect("made");

        for way in WAYS_OUT {
            let (secret, planted) = (format!("{way}/secret"), format!("{way}/planted"));
            assert_refused(guest.mkdir(&planted), way);
            assert_refused(guest.mkdir(way), way);
            assert_refused(guest.unlink(&secret), way);
            assert_refused(guest.rmdir(format!("{way}/empty")), way);
            assert_refused(guest.rmdir(way), way);
            assert_refused(guest.symlink("x", &planted), way);
            assert_refused(guest.symlink("x", way), way);
            assert_refused(guest.rename(&secret, "stolen"), way);
            assert_refused(guest.rename("own", &planted), way);
            assert_refused(guest.rename("dir", &planted), way);
            assert_refused(guest.rename("own", &format!("{way}/")), way);
            assert_refused(guest.rename(&format!("{way}/"), "stolen"), way);
            assert_refused(guest.link_at((Guest::ROOT, &secret), (Guest::ROOT, "stolen")), way);
            assert_refused(guest.link_at((Guest::ROOT, "own"), (Guest::ROOT, &planted)), way);
            assert_refused(guest.unlink(format!("{way}/")), way);
        }
        scene.assert_untouched();
        assert_eq!(guest.lstat("hidden").map(|stat| stat.filetype), Ok(Filetype::SYMLINK), "{policy}");
        assert_eq!(guest.lstat("stolen"), Err(Errno::NOENT), "{policy}");
    }
}

#[test]
fn links_that_a_guest_makes_itself_lead_out_no_more_than_others() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        let mut guest = scene.guest(policy);
        guest.mkdir("dir").expect("made");

        for (n, target) in ["../outside", "../outside/", "dir/../../outside", "./../outside/.", ".."].iter().enumerate()
        {
            let link = format!("link-{n}");
            guest.symlink(target, &link).expect("relative targets are not looked at");
            assert_refused(guest.open(&link, Open::DIRECTORY), target);
            assert_refused(guest.open(format!("{link}/secret"), Open::READ), target);
            assert_refused(guest.open(format!("{link}/planted"), Open::CREATE), target);
        }
        for target in ["/", "/etc/passwd", "//outside", "/."] {
            assert_eq!(guest.symlink(target, "absolute"), Err(Errno::PERM), "{policy} {target}");
        }
        scene.assert_untouched();
    }
}

// GHSA-m9f7-9w4p-gv38: a slash behind a link let a rename follow it.

#[test]
fn rename_of_a_link_with_a_slash_is_notdir_and_moves_nothing() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("dir/file", "x");
        scene.symlink("dir", "link");
        scene.symlink("../outside/empty", "out");
        let mut guest = scene.guest(policy);
        guest.mkdir("other").expect("made");

        for link in ["link/", "out/", "link//"] {
            assert_eq!(guest.rename(link, "moved"), Err(Errno::NOTDIR), "{policy} {link}");
            assert_eq!(guest.rename("other", link), Err(Errno::NOTDIR), "{policy} {link}");
            assert_eq!(guest.rename("dir/file", link), Err(Errno::NOTDIR), "{policy} {link}");
        }

        assert_eq!(guest.names("."), Ok(["dir", "link", "other", "out"].map(str::to_owned).to_vec()), "{policy}");
        scene.assert_untouched();
    }
}

// GHSA-2r75-cxrj-cmph, CVE-2026-47261: an open for truncation alone emptied a file of a read-only preopen.

#[test]
fn open_for_truncation_alone_on_a_read_only_mount_is_rofs_and_keeps_the_file() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut guest = scene.read_only_guest(policy);

        for rights in [0, Open::READ.rights] {
            for oflags in [oflags::TRUNC, oflags::TRUNC | oflags::CREAT] {
                let how = Open { rights, oflags, ..Open::READ };
                assert_eq!(guest.open("file", how), Err(Errno::ROFS), "{policy}");
            }
        }

        assert_eq!(scene.read("file"), "contents");
    }
}

// GHSA-4ch3-9j33-3pmj, CVE-2026-58494: a file of a read-only preopen was linked or moved into a writable one.

#[test]
fn link_and_rename_from_a_read_only_mount_of_the_same_directory_are_xdev() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut guest = scene.guest_with_ro_and_rw(policy);
        let (ro, rw) = (Guest::ROOT, Guest::ROOT + 1);

        assert_eq!(guest.link_at((ro, "file"), (rw, "stolen")), Err(Errno::XDEV), "{policy}");
        assert_eq!(guest.rename_at((ro, "file"), (rw, "stolen")), Err(Errno::XDEV), "{policy}");
        assert_eq!(guest.rename_at((rw, "file"), (ro, "planted")), Err(Errno::XDEV), "{policy}");
        assert!(guest.link_at((rw, "file"), (ro, "planted")).is_err(), "{policy}");

        assert_eq!(guest.names_at(rw), Ok(vec!["file".to_owned()]), "{policy}");
    }
}

#[test]
fn link_and_rename_between_mounts_of_different_directories_are_xdev() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut builder = Gofer::builder();
        builder.dir(scene.inside(), "/ro", MountOptions { read_only: true, ..options(policy) });
        builder.dir(beside(&scene), "/rw", options(policy));
        let mut guest = Guest::new(builder.build().expect("mounted").ctx());
        let (ro, rw) = (Guest::ROOT, Guest::ROOT + 1);

        assert_eq!(guest.link_at((ro, "file"), (rw, "stolen")), Err(Errno::XDEV), "{policy}");
        assert_eq!(guest.rename_at((ro, "file"), (rw, "stolen")), Err(Errno::XDEV), "{policy}");

        assert_eq!(guest.names_at(rw), Ok(Vec::new()), "{policy}");
        assert_eq!(scene.read("file"), "contents");
    }
}

// GHSA-j2g9-4prp-pf6h: times out of range panicked.

#[test]
fn times_at_the_ends_of_their_range_are_set_or_refused_and_told() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        for mut guest in [scene.guest(policy), at_root(MemoryFs::new().with_file("file", "x").expect("made"))] {
            for time in [0, 1, 999_999_999, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX] {
                let flags = fstflags::ATIM | fstflags::MTIM;
                let set = guest.set_times_at((Guest::ROOT, "file"), (time, time), flags);
                assert!(matches!(set, Ok(()) | Err(Errno::INVAL | Errno::OVERFLOW)), "{policy} {time}: {set:?}");
                assert!(guest.lstat("file").is_ok(), "{policy} {time}");
                let fd = guest.open("file", Open::READ_WRITE).expect("opened");
                let set = guest.answer("fd_filestat_set_times", args![fd, time, time, flags]);
                assert!(matches!(set, Ok(()) | Err(Errno::INVAL | Errno::OVERFLOW)), "{policy} {time}: {set:?}");
                assert!(guest.fstat(fd).is_ok(), "{policy} {time}");
                guest.close(fd).expect("closed");
            }
        }
    }
}

// GHSA-mr2v-56j5-cmfc and wasmtime PR 13894: times of the host's files before 1970, and extreme ones.

#[test]
fn stat_of_a_host_file_with_times_before_1970_or_far_away_is_told() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write_extreme_times();
        let mut guest = scene.guest(policy);

        assert_eq!(guest.lstat("before").map(|stat| (stat.atim, stat.mtim)), Ok((0, 0)), "{policy}");
        assert_eq!(guest.lstat("long-before").map(|stat| (stat.atim, stat.mtim)), Ok((0, 0)), "{policy}");
        assert!(guest.lstat("far").expect("stat").mtim > 1 << 62, "{policy}");
        assert_eq!(guest.names(".").map(|names| names.len()), Ok(3), "{policy}");
    }
}

#[test]
fn stat_in_a_filesystem_whose_clock_is_mad_is_told() {
    for (secs, told) in [(i64::MIN, 0), (-1, 0), (i64::MAX, u64::MAX), (1 << 40, u64::MAX)] {
        let files = MemoryFs::new().with_clock(move || Timespec { secs, nanos: 999_999_999 });
        let mut guest = at_root(files);

        guest.make("file", "x").expect("made");

        assert_eq!(guest.lstat("file").map(|stat| stat.mtim), Ok(told), "{secs}");
        assert_eq!(guest.lstat(".").map(|stat| stat.mtim), Ok(told), "{secs}");
    }
}

// Paths as such: bun 30304, wasmoon 294, walrus 458 (`..`), wasmer 1759 (rename to the top).

#[test]
fn paths_that_lead_above_the_start_are_perm() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("a/b/file", "x");
        let mut guest = scene.guest(policy);
        let b = guest.open("a/b", Open::DIRECTORY).expect("opened");

        for path in [
            "..",
            "../",
            "../outside/secret",
            "a/../..",
            "a/../../x",
            "a/b/../../../x",
            "./..",
            "a/b/../../../inside/a",
        ] {
            assert_eq!(guest.open(path, Open::READ), Err(Errno::PERM), "{policy} {path}");
            assert_eq!(guest.stat(path), Err(Errno::PERM), "{policy} {path}");
        }
        for path in ["..", "../file", "../../a/b/file", "../../../outside/secret"] {
            assert_eq!(guest.open_at(b, path, Open::READ), Err(Errno::PERM), "{policy} {path}");
        }
        for path in ["../planted", "a/../../planted", "../outside/planted"] {
            assert_eq!(guest.open(path, Open::CREATE), Err(Errno::PERM), "{policy} {path}");
            assert_eq!(guest.mkdir(path), Err(Errno::PERM), "{policy} {path}");
            assert_eq!(guest.symlink("x", path), Err(Errno::PERM), "{policy} {path}");
            assert_eq!(guest.rename("a", path), Err(Errno::PERM), "{policy} {path}");
            assert_eq!(guest.unlink(path), Err(Errno::PERM), "{policy} {path}");
            assert_eq!(guest.rmdir(path), Err(Errno::PERM), "{policy} {path}");
        }
        scene.assert_untouched();
    }
}

#[test]
fn empty_absolute_and_cut_paths_are_refused() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "x");
        let mut guest = scene.guest(policy);

        for (path, errno) in [
            (&b""[..], Errno::NOENT),
            (b"/", Errno::PERM),
            (b"/file", Errno::PERM),
            (b"//file", Errno::PERM),
            (b"\0", Errno::INVAL),
            (b"file\0", Errno::INVAL),
            (b"file\0/../../outside/secret", Errno::INVAL),
        ] {
            assert_eq!(guest.open(path, Open::READ), Err(errno), "{policy} {path:?}");
            assert_eq!(guest.open(path, Open::CREATE), Err(errno), "{policy} {path:?}");
            assert_eq!(guest.lstat(path), Err(errno), "{policy} {path:?}");
            assert_eq!(guest.mkdir(path), Err(errno), "{policy} {path:?}");
            assert_eq!(guest.unlink(path), Err(errno), "{policy} {path:?}");
            assert_eq!(guest.rmdir(path), Err(errno), "{policy} {path:?}");
            assert_eq!(guest.readlink(path), Err(errno), "{policy} {path:?}");
        }
        assert_eq!(guest.symlink("a\0b", "link"), Err(Errno::INVAL), "{policy}");
        assert_eq!(guest.names("."), Ok(vec!["file".to_owned()]), "{policy}");
    }
}

#[test]
fn links_of_the_host_to_absolute_paths_are_perm_and_can_be_read_and_removed() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.symlink("/", "root");
        scene.symlink(scene.outside(), "out");
        scene.symlink(scene.inside(), "in");
        scene.write("file", "x");
        let mut guest = scene.guest(policy);

        for path in ["root", "root/", "root/etc", "out", "out/secret", "in", "in/file", "in/../file"] {
            assert_eq!(guest.open(path, Open::READ), Err(Errno::PERM), "{policy} {path}");
            assert_eq!(guest.stat(path), Err(Errno::PERM), "{policy} {path}");
        }
        assert_eq!(guest.open("out/planted", Open::CREATE), Err(Errno::PERM), "{policy}");
        assert_eq!(guest.readlink("root").as_deref(), Ok("/"), "{policy}");
        assert_eq!(guest.lstat("root").map(|stat| stat.filetype), Ok(Filetype::SYMLINK), "{policy}");
        assert_eq!(guest.unlink("out"), Ok(()), "{policy}");
        scene.assert_untouched();
    }
}

#[test]
fn links_in_a_circle_and_chains_over_forty_are_loop() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("end", "x");
        scene.symlink("b", "a");
        scene.symlink("a", "b");
        scene.symlink("self/self", "self");
        scene.symlink("end", "link-1");
        for n in 2..=41 {
            scene.symlink(format!("link-{}", n - 1), &format!("link-{n}"));
        }
        // Each doubles the path behind it.
        scene.symlink("grow/grow", "grow");
        let mut guest = scene.guest(policy);

        for path in ["a", "b/x", "self", "self/", "grow", "link-41"] {
            assert_eq!(guest.open(path, Open::READ), Err(Errno::LOOP), "{policy} {path}");
        }
        assert_eq!(guest.contents("link-40").as_deref(), Ok("x"), "{policy}");
    }
}

#[test]
fn links_that_pile_up_a_path_without_end_are_refused_without_its_memory() {
    let scene = Scene::new();
    let long = "d/".repeat(2_000);
    fs::create_dir(scene.inside().join("d")).expect("made");
    for n in 0..39 {
        scene.symlink(format!("{long}../link-{}", n + 1), &format!("link-{n}"));
    }
    let mut guest = scene.guest(CachePolicy::Shared);

    let (result, allocated) = crate::kit::allocated::allocated_by(|| guest.open("link-0", Open::READ));

    assert!(matches!(result, Err(Errno::NOENT | Errno::NAMETOOLONG | Errno::LOOP)), "{result:?}");
    assert!(allocated.largest < 4 << 20, "{allocated:?}");
}

#[test]
fn names_over_255_bytes_and_paths_over_4095_are_nametoolong() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        let mut guest = scene.guest(policy);
        let (name, path) = ("n".repeat(256), "./".repeat(2_048));

        for path in [&name, &path] {
            assert_eq!(guest.open(path, Open::CREATE), Err(Errno::NAMETOOLONG), "{policy}");
            assert_eq!(guest.mkdir(path), Err(Errno::NAMETOOLONG), "{policy}");
            assert_eq!(guest.lstat(path), Err(Errno::NAMETOOLONG), "{policy}");
        }
        assert_eq!(guest.mkdir("n".repeat(255)), Ok(()), "{policy}");
    }
}

// Magic links of /proc, which resolve to objects and not to paths.

#[test]
fn magic_links_of_a_mounted_proc_never_leave_it() {
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        let scene = Scene::new();
        let secret = fs::File::open(scene.outside().join("secret")).expect("opened");
        let number = std::os::fd::AsRawFd::as_raw_fd(&secret);
        let mut builder = Gofer::builder();
        builder.dir("/proc", "/", MountOptions { read_only: true, ..options(policy) });
        let mut guest = Guest::new(builder.build().expect("mounted").ctx());
        let pid = std::process::id();

        for path in [
            format!("{pid}/root"),
            format!("{pid}/root/"),
            format!("{pid}/root/etc/passwd"),
            format!("{pid}/cwd"),
            format!("{pid}/cwd/."),
            format!("{pid}/exe"),
            format!("{pid}/fd/{number}"),
            format!("{pid}/fd/{number}/"),
            format!("{pid}/task/{pid}/root/etc"),
            "self/root/etc/passwd".to_owned(),
            "self/cwd".to_owned(),
            "thread-self/root/etc".to_owned(),
            format!("self/fd/{number}"),
        ] {
            for how in [Open::READ, Open::READ.nofollow(), Open::DIRECTORY, Open::DIRECTORY.nofollow()] {
                let opened = guest.open(&path, how);
                assert!(opened.is_err(), "{policy} {path} {how:?}: {opened:?}");
            }
            assert!(guest.stat(&path).is_err(), "{policy} {path}");
        }
        assert_eq!(guest.lstat(format!("{pid}/root")).map(|stat| stat.filetype), Ok(Filetype::SYMLINK), "{policy}");
        assert!(guest.contents(format!("{pid}/comm")).is_ok(), "{policy}: the mount itself works");
    }
}

// CVE-2024-38358, GHSA-55f3-3qvg-8pv5: creation through a link to a place outside that does not exist.

#[test]
fn creation_through_a_dangling_link_that_leads_out_is_perm_and_makes_nothing() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.symlink("../outside/planted", "out");
        scene.symlink("../outside/planted/", "out-slash");
        scene.symlink("out", "indirect");
        scene.symlink("../inside-made", "beside");
        let mut guest = scene.guest(policy);

        for path in ["out", "out-slash", "indirect", "beside"] {
            for how in [Open::CREATE, Open::CREATE.and(oflags::TRUNC), Open::READ.and(oflags::CREAT), Open::APPEND] {
                assert_eq!(guest.open(path, how), Err(Errno::PERM), "{policy} {path}");
            }
            assert_eq!(guest.open(path, Open::CREATE.and(oflags::EXCL)), Err(Errno::EXIST), "{policy} {path}");
            assert_eq!(guest.mkdir(path), Err(Errno::EXIST), "{policy} {path}");
        }
        scene.assert_untouched();
        assert!(!scene.inside().with_file_name("inside-made").exists());
    }
}

// Pipes, sockets: opened by accident they hang a host.

#[test]
fn open_of_a_pipe_never_waits_for_its_other_end() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        mkfifoat(CWD, scene.inside().join("pipe"), Mode::from_raw_mode(0o600)).expect("made");
        let mut guest = scene.guest(policy);

        assert_eq!(guest.lstat("pipe").map(|stat| stat.filetype), Ok(Filetype::UNKNOWN), "{policy}");
        assert_eq!(guest.open("pipe", Open::WRITE), Err(Errno::NXIO), "{policy}");
        for how in [Open::READ, Open::READ_WRITE, Open::READ.and(oflags::TRUNC), Open::CREATE] {
            if let Ok(fd) = guest.open("pipe", how) {
                // Whatever the answer is: there is one.
                let _ = guest.read(fd, 16);
                let _ = guest.fstat(fd);
                guest.close(fd).expect("closed");
            }
        }
    }
}

#[test]
fn open_of_a_socket_is_refused_and_it_can_be_removed() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        let _listener = std::os::unix::net::UnixListener::bind(scene.inside().join("socket")).expect("bound");
        let mut guest = scene.guest(policy);

        assert_eq!(guest.open("socket", Open::READ), Err(Errno::NXIO), "{policy}");
        assert_eq!(guest.open("socket", Open::READ_WRITE.and(oflags::TRUNC)), Err(Errno::NXIO), "{policy}");
        assert_eq!(guest.names("."), Ok(vec!["socket".to_owned()]), "{policy}");
        assert_eq!(guest.unlink("socket"), Ok(()), "{policy}");
    }
}

// Names of the host that a guest cannot say.

#[test]
fn names_of_the_host_that_are_no_utf8_are_left_out_and_do_no_harm() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        let hostile = [&b"\xff\xfe"[..], b"\xc3\x28", b"\xed\xa0\x80", b"a\xf0"];
        fs::create_dir(scene.inside().join("dir")).expect("made");
        for name in hostile {
            fs::write(scene.inside().join("dir").join(OsStr::from_bytes(name)), "x").expect("written");
        }
        for name in ["new\nline", "-rf", "\u{1b}[31m", " ", "...", "\\", "nul", "\u{202e}"] {
            scene.write(&format!("dir/{name}"), "x");
        }
        scene.symlink(OsStr::from_bytes(b"\xff"), "link");
        let mut guest = scene.guest(policy);

        assert_eq!(guest.names("dir").map(|names| names.len()), Ok(8), "{policy}");
        for room in 0..200 {
            let fd = guest.open("dir", Open::DIRECTORY).expect("opened");
            assert!(guest.readdir(fd, room, 0).is_ok(), "{policy} {room}");
            guest.close(fd).expect("closed");
        }
        for name in guest.names("dir").expect("listed") {
            assert_eq!(guest.unlink(format!("dir/{name}")), Ok(()), "{policy} {name:?}");
        }
        assert_eq!(guest.rmdir("dir"), Err(Errno::NOTEMPTY), "{policy}");
        assert_eq!(guest.readlink("link"), Err(Errno::ILSEQ), "{policy}");
        assert_eq!(guest.stat("link"), Err(Errno::NOENT), "{policy}");
        assert_eq!(guest.rename("dir", "moved"), Ok(()), "{policy}");
        assert_eq!(fs::read_dir(scene.inside().join("moved")).expect("listed").count(), 4, "{policy}");
    }
}

// Only caches: what was true when it was cached.

#[test]
fn a_directory_that_the_host_replaced_by_a_link_out_leads_nowhere() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("dir/secret", "the guest's own");
        scene.write("dir/sub/secret", "the guest's own");
        let mut guest = scene.guest(policy);
        assert_eq!(guest.contents("dir/secret").as_deref(), Ok("the guest's own"));
        assert_eq!(guest.contents("dir/sub/secret").as_deref(), Ok("the guest's own"));
        guest.names("dir").expect("listed");

        fs::rename(scene.inside().join("dir"), scene.inside().join("old")).expect("moved");
        scene.symlink("../outside", "dir");

        let trusting = matches!(policy, CachePolicy::Exclusive | CachePolicy::Writethrough);
        for path in ["dir/secret", "dir/sub/secret", "dir/../dir/secret"] {
            match guest.contents(path) {
                // These own their tree: the directory that they hold is still the one that they know.
                Ok(contents) => assert!(trusting && contents == "the guest's own", "{policy} {path} {contents}"),
                Err(errno) => assert!(trusting || errno == Errno::PERM, "{policy} {path} {errno:?}"),
            }
        }
        let _ = guest.open("dir/planted", Open::CREATE);
        let _ = guest.unlink("dir/secret");
        let _ = guest.rmdir("dir/empty");
        let _ = guest.names("dir");
        scene.assert_untouched();
    }
}

#[test]
fn a_file_that_the_host_replaced_is_the_new_one_at_the_next_open() {
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        let scene = Scene::new();
        scene.write("file", "old");
        let mut guest = scene.guest(policy);
        let old = guest.open("file", Open::READ).expect("opened");
        assert_eq!(guest.lstat("file").map(|stat| stat.size), Ok(3));

        scene.write("new", "the new one");
        fs::rename(scene.inside().join("new"), scene.inside().join("file")).expect("moved");

        assert_eq!(guest.lstat("file").map(|stat| stat.size), Ok(11), "{policy}");
        assert_eq!(guest.contents("file").as_deref(), Ok("the new one"), "{policy}");
        assert_eq!(guest.read(old, 16), Ok(b"old".to_vec()), "{policy}");
        assert_eq!(guest.lstat("new"), Err(Errno::NOENT), "{policy}");
    }
}

#[test]
fn a_name_that_was_missing_is_found_once_the_host_made_it() {
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        let scene = Scene::new();
        fs::create_dir(scene.inside().join("dir")).expect("made");
        let mut guest = scene.guest(policy);
        assert_eq!(guest.lstat("dir/late"), Err(Errno::NOENT));
        assert_eq!(guest.names("dir"), Ok(Vec::new()));

        scene.write("dir/late", "x");

        assert_eq!(guest.lstat("dir/late").map(|stat| stat.size), Ok(1), "{policy}");
        assert_eq!(guest.names("dir"), Ok(vec!["late".to_owned()]), "{policy}");
        fs::remove_file(scene.inside().join("dir/late")).expect("removed");
        assert_eq!(guest.lstat("dir/late"), Err(Errno::NOENT), "{policy}");
    }
}

#[test]
fn a_file_that_the_host_replaced_by_a_pipe_or_a_link_is_never_opened_as_the_old_one() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "old");
        scene.write("other", "old");
        let mut guest = scene.guest(policy);
        assert_eq!(guest.contents("file").as_deref(), Ok("old"));
        assert_eq!(guest.contents("other").as_deref(), Ok("old"));
        // Handles that were kept must not hide what is there now.
        fs::remove_file(scene.inside().join("file")).expect("removed");
        mkfifoat(CWD, scene.inside().join("file"), Mode::from_raw_mode(0o600)).expect("made");
        fs::remove_file(scene.inside().join("other")).expect("removed");
        scene.symlink("../outside/secret", "other");

        let opened = guest.open("file", Open::WRITE);
        let other = guest.contents("other");

        if matches!(policy, CachePolicy::Shared | CachePolicy::None) {
            assert_eq!(opened, Err(Errno::NXIO), "{policy}");
            assert_eq!(other, Err(Errno::PERM), "{policy}");
        }
        assert_ne!(other.as_deref(), Ok(Scene::SECRET), "{policy}");
        let _ = guest.open("other", Open::WRITE.and(oflags::TRUNC));
        scene.assert_untouched();
    }
}

#[test]
fn rename_of_an_ancestor_by_the_guest_keeps_an_open_child_where_it_is() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("a/b/c/file", "contents");
        let mut guest = scene.guest(policy);
        let c = guest.open("a/b/c", Open::DIRECTORY).expect("opened");
        let file = guest.open("a/b/c/file", Open::READ_WRITE).expect("opened");
        guest.mkdir("other").expect("made");

        guest.rename("a/b", "other/moved").expect("moved");

        assert_eq!(guest.stat_at(c, "file", true).map(|stat| stat.size), Ok(8), "{policy}");
        assert_eq!(guest.write(file, "changed!"), Ok(8), "{policy}");
        assert_eq!(guest.contents("other/moved/c/file").as_deref(), Ok("changed!"), "{policy}");
        assert_eq!(guest.open_at(c, "..", Open::DIRECTORY), Err(Errno::PERM), "{policy}");
        guest.mkdir_at(c, "new").expect("made");
        assert!(scene.inside().join("other/moved/c/new").is_dir(), "{policy}");
        assert_eq!(guest.lstat("a/b/c/file"), Err(Errno::NOENT), "{policy}");
        guest.mkdir("a/b").expect("made");
        assert_eq!(guest.lstat("a/b/c"), Err(Errno::NOENT), "{policy}");
    }
}

#[test]
fn a_directory_that_the_host_moved_out_stays_with_its_holder_and_leads_no_further() {
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        let scene = Scene::new();
        scene.write("a/b/file", "contents");
        let mut guest = scene.guest(policy);
        let b = guest.open("a/b", Open::DIRECTORY).expect("opened");
        let sub = beside(&scene);

        fs::rename(scene.inside().join("a/b"), sub.join("b")).expect("moved");
        fs::write(sub.join("beside"), Scene::SECRET).expect("written");

        assert_eq!(guest.lstat("a/b/file"), Err(Errno::NOENT), "{policy}");
        assert_eq!(guest.stat_at(b, "file", true).map(|stat| stat.size), Ok(8), "{policy}");
        for path in ["..", "../beside", "../../outside/secret", "../../inside/a"] {
            assert_eq!(guest.open_at(b, path, Open::READ), Err(Errno::PERM), "{policy} {path}");
        }
    }
}

// Cookies.

#[test]
fn a_cookie_of_an_old_listing_goes_on_in_it_whatever_came_and_went() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        for n in 0..100 {
            scene.write(&format!("dir/file-{n:02}"), "x");
        }
        let mut guest = scene.guest(policy);
        let fd = guest.open("dir", Open::DIRECTORY).expect("opened");
        let first = crate::kit::abi::dirents(&guest.readdir(fd, 1024, 0).expect("listed"));
        let cookie = first.last().expect("some").next;
        let shown: BTreeSet<String> = first.into_iter().map(|entry| entry.name).collect();

        for name in &shown {
            let _ = guest.unlink(format!("dir/{name}"));
        }
        for n in 0..50 {
            guest.make(format!("dir/added-{n}"), "x").expect("made");
        }
        let rest = guest.entries(fd, cookie).expect("listed");

        let names: BTreeSet<String> = rest.iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(names.len(), rest.len(), "{policy}: a name comes twice");
        assert!(names.is_disjoint(&shown), "{policy}: a name comes again");
        let old: BTreeSet<String> = (0..100).map(|n| format!("file-{n:02}")).collect();
        assert!(old.iter().all(|name| names.contains(name) || shown.contains(name)), "{policy}: a name is left out");
    }
}

#[test]
fn cookies_that_no_listing_gave_are_answered() {
    for policy in CachePolicy::ALL {
        for list_limit in [8 << 20, 512] {
            let scene = Scene::new();
            for n in 0..50 {
                scene.write(&format!("dir/file-{n:02}"), "x");
            }
            let fs = FsOptions { list_limit, ..FsOptions::with_policy(policy) };
            let mut builder = Gofer::builder();
            builder.dir(scene.inside(), "/", MountOptions { fs, ..MountOptions::default() });
            let mut guest = Guest::new(builder.build().expect("mounted").ctx());

            for cookie in [1, 2, 3, 51, 52, 53, 1000, i64::MAX as u64, u64::MAX - 1, u64::MAX] {
                let fd = guest.open("dir", Open::DIRECTORY).expect("opened");
                let listed = guest.entries(fd, cookie).expect("listed");
                assert_eq!(listed.len() as u64, 52u64.saturating_sub(cookie), "{policy} {list_limit} {cookie}");
                assert_eq!(guest.entries(fd, 0).map(|entries| entries.len()), Ok(52), "{policy} {list_limit}");
                guest.close(fd).expect("closed");
            }
        }
    }
}

#[test]
fn a_directory_listed_in_parts_shows_every_lasting_name_once() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        for n in 0..300 {
            scene.write(&format!("dir/file-{n:03}"), "x");
        }
        let fs = FsOptions { list_limit: 1024, ..FsOptions::with_policy(policy) };
        let mut builder = Gofer::builder();
        builder.dir(scene.inside(), "/", MountOptions { fs, ..MountOptions::default() });
        let mut guest = Guest::new(builder.build().expect("mounted").ctx());
        let fd = guest.open("dir", Open::DIRECTORY).expect("opened");

        let mut names = Vec::new();
        let mut cookie = 0;
        loop {
            let some = crate::kit::abi::dirents(&guest.readdir(fd, 256, cookie).expect("listed"));
            let Some(last) = some.last() else { break };
            cookie = last.next;
            for entry in &some {
                // Every third goes as soon as it was seen.
                if entry.name.ends_with(['0', '3', '6', '9']) {
                    guest.unlink(format!("dir/{}", entry.name)).expect("unlinked");
                }
            }
            names.extend(some.into_iter().map(|entry| entry.name));
        }

        let distinct: BTreeSet<&String> = names.iter().collect();
        assert_eq!((names.len(), distinct.len()), (302, 302), "{policy}");
        assert_eq!(guest.entries(fd, 2).map(|entries| entries.is_empty()), Ok(false), "{policy}: back to the start");
    }
}

#[test]
fn a_descriptor_of_a_removed_directory_lists_nothing_and_makes_nothing() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("dir/file", "x");
        let mut guest = scene.guest(policy);
        let fd = guest.open("dir", Open::DIRECTORY).expect("opened");
        guest.entries(fd, 0).expect("listed");
        guest.unlink("dir/file").expect("unlinked");
        guest.rmdir("dir").expect("removed");
        guest.mkdir("dir").expect("made anew");
        guest.make("dir/new", "x").expect("made");

        assert_eq!(guest.open_at(fd, "planted", Open::CREATE), Err(Errno::NOENT), "{policy}");
        assert_eq!(guest.mkdir_at(fd, "planted"), Err(Errno::NOENT), "{policy}");
        assert_eq!(guest.stat_at(fd, "new", true), Err(Errno::NOENT), "{policy}");
        if let Ok(entries) = guest.entries(fd, 0) {
            assert!(entries.iter().all(|entry| entry.name != "new" && entry.name != "file"), "{policy} {entries:?}");
        }
        assert_eq!(guest.names("dir"), Ok(vec!["new".to_owned()]), "{policy}");
    }
}

// Guests that share a cache.

#[test]
fn what_one_guest_cached_gives_another_no_rights_and_no_way() {
    let scene = Scene::new();
    scene.write("public/file", "x");
    scene.write("private/file", Scene::SECRET);
    let mut builder = Gofer::builder();
    builder.dir(scene.inside(), "/all", MountOptions::default());
    builder.dir(scene.inside().join("public"), "/public", MountOptions::read_only());
    let gofer = builder.build().expect("mounted");
    let mut owner = Guest::new(gofer.ctx());
    let mut visitor = Guest::new(gofer.ctx().with_preopens(&["/public"]).expect("there"));
    assert_eq!(owner.contents("private/file").as_deref(), Ok(Scene::SECRET));
    owner.open("public/file", Open::READ_WRITE).expect("opened");
    owner.symlink("../private/file", "public/link").expect("linked");

    assert_eq!(visitor.contents("link"), Err(Errno::PERM));
    assert_eq!(visitor.open("../private/file", Open::READ), Err(Errno::PERM));
    assert_eq!(visitor.open("file", Open::READ_WRITE), Err(Errno::ROFS));
    assert_eq!(visitor.contents("file").as_deref(), Ok("x"));
    assert_eq!(gofer.check_invariants(), Ok(()));
}

#[test]
fn a_mount_point_can_be_neither_removed_nor_moved_nor_replaced() {
    for policy in CachePolicy::ALL {
        let mut builder = Gofer::builder();
        let files = MemoryFs::new().with_file("dir/point/under", "x").expect("made");
        builder.mount("/", files, options(policy));
        builder.mount("/dir/point", MemoryFs::new().with_file("over", "x").expect("made"), MountOptions::read_only());
        let gofer = builder.build().expect("mounted");
        let mut guest = Guest::new(gofer.ctx().with_preopens(&["/"]).expect("there"));
        guest.mkdir("other").expect("made");

        assert!(guest.rmdir("dir/point").is_err(), "{policy}");
        assert!(guest.unlink("dir/point").is_err(), "{policy}");
        assert!(guest.rename("dir/point", "moved").is_err(), "{policy}");
        assert!(guest.rename("dir", "moved").is_err(), "{policy}");
        assert!(guest.rename("other", "dir/point").is_err(), "{policy}");
        assert!(guest.mkdir("dir/point").is_err(), "{policy}");

        assert_eq!(guest.names("dir/point"), Ok(vec!["over".to_owned()]), "{policy}");
        assert_eq!(guest.stat("dir/point/under"), Err(Errno::NOENT), "{policy}");
        assert_eq!(guest.stat("dir/point/../point/over").map(|stat| stat.size), Ok(1), "{policy}");
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn a_mounted_file_shows_its_directory_to_nobody() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        scene.write("beside", Scene::SECRET);
        let mut builder = Gofer::builder();
        builder.mount("/", MemoryFs::new(), MountOptions::default());
        builder.dir(scene.inside().join("file"), "/config", options(policy));
        let gofer = builder.build().expect("mounted");
        let mut guest = Guest::new(gofer.ctx());

        assert_eq!(guest.contents("config").as_deref(), Ok("contents"), "{policy}");
        assert_eq!(guest.names("."), Ok(vec!["config".to_owned()]), "{policy}");
        for path in ["config/", "config/.", "config/..", "config/../beside", "config/beside"] {
            assert!(guest.open(path, Open::READ).is_err(), "{policy} {path}");
        }
        assert!(guest.unlink("config").is_err(), "{policy}");
        assert!(guest.rename("config", "moved").is_err(), "{policy}");
        assert_eq!(mount("/", MemoryFs::new(), options(policy)).check_invariants(), Ok(()));
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}
