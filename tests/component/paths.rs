//! Names and what they lead to.

use crate::kit::abi::{bits, flags, kind, open};
use crate::kit::version::OWN_CODES;
use crate::kit::{Code, Front, Guest, Scene, at_root, mount, options};
use rustix::fs::{CWD, Mode, mkfifoat};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::{Faulty, Op};
use wasi_gofer::component::GoferComponentCtx;
use wasi_gofer::{CachePolicy, Gofer, MemoryFs, MountOptions};

#[test]
fn stat_at_of_a_file_a_directory_and_a_missing_name_tells_each() {
    for front in Front::ALL {
        for policy in CachePolicy::ALL {
            let scene = Scene::new();
            scene.write("dir/file", "contents");
            let gofer = scene.gofer(policy);
            let mut guest = Guest::with(front, GoferComponentCtx::new(gofer.ctx()));

            let stat = guest.stat_path("dir/file").expect("there");
            assert_eq!((stat.kind, stat.size, stat.links), (kind::REGULAR_FILE, 8, 1), "{front:?} {policy}");
            assert_eq!(guest.stat_path("dir").map(|stat| stat.kind), Ok(kind::DIRECTORY), "{front:?} {policy}");
            assert_eq!(guest.stat_path("dir/none"), Err(Code::NO_ENTRY), "{front:?} {policy}");
            assert_eq!(guest.stat_path("dir/file/none"), Err(Code::NOT_DIRECTORY), "{front:?} {policy}");
        }
    }
}

#[test]
fn stat_at_of_a_link_follows_it_when_asked() {
    let scene = Scene::new();
    scene.write("file", "contents");
    scene.symlink("file", "link");
    let mut guest = scene.guest(CachePolicy::Shared);

    assert_eq!(guest.stat_at(guest.root, "link", 0).map(|stat| stat.kind), Ok(kind::SYMBOLIC_LINK));
    assert_eq!(guest.stat_at(guest.root, "link", 1).map(|stat| stat.kind), Ok(kind::REGULAR_FILE));
}

#[test]
fn stat_at_of_pipes_and_sockets_tells_their_types() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.inside()).expect("there");
    mkfifoat(CWD, scene.inside().join("pipe"), Mode::from_raw_mode(0o600)).expect("made");
    let _socket = UnixListener::bind(scene.inside().join("socket")).expect("bound");
    let mut guest = scene.guest(CachePolicy::Shared);

    assert_eq!(guest.stat_path("pipe").map(|stat| stat.kind), Ok(kind::FIFO));
    assert_eq!(guest.stat_path("socket").map(|stat| stat.kind), Ok(kind::SOCKET));
}

#[test]
fn status_change_time_is_that_of_the_last_change_and_not_of_birth() {
    let scene = Scene::new();
    scene.write("file", "contents");
    let mut guest = scene.guest(CachePolicy::Shared);
    // Coarser clocks of filesystems tick every few milliseconds.
    std::thread::sleep(Duration::from_millis(20));
    std::fs::rename(scene.inside().join("file"), scene.inside().join("moved")).expect("moved");

    let host = std::fs::metadata(scene.inside().join("moved")).expect("there");
    let (seconds, nanoseconds) = guest.stat_path("moved").expect("there").changed.expect("told");
    let seconds = bits(seconds);
    assert_eq!((seconds, i64::from(nanoseconds)), (host.ctime().cast_unsigned(), host.ctime_nsec()));
    let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    assert!(host.created().is_err() || host.created().is_ok_and(|born| born < changed), "the test shows nothing");
}

#[test]
fn open_at_gives_the_flags_that_were_asked_for() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let syncs = flags::FILE_INTEGRITY_SYNC | flags::DATA_INTEGRITY_SYNC | flags::REQUESTED_WRITE_SYNC;

    for asked in [flags::READ, flags::WRITE, flags::READ | flags::WRITE, flags::READ | flags::WRITE | syncs] {
        let file = guest.open_at(guest.root, "file", 0, 0, asked).expect("opened");
        assert_eq!(guest.flags(file), Ok(asked));
        assert_eq!(guest.kind(file), Ok(kind::REGULAR_FILE));
    }
    // As wasmtime: what is opened for nothing can be read.
    let file = guest.open_at(guest.root, "file", 0, 0, 0).expect("opened");
    assert_eq!(guest.flags(file), Ok(flags::READ));
    assert_eq!(guest.flags(guest.root), Ok(flags::READ | flags::MUTATE_DIRECTORY));
}

#[test]
fn open_at_creates_truncates_and_excludes() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("old", "contents");
        let mut guest = scene.guest(policy);
        let (root, rw) = (guest.root, flags::READ | flags::WRITE);

        assert_eq!(guest.open_at(root, "new", 0, 0, rw), Err(Code::NO_ENTRY), "{policy}");
        assert!(guest.open_at(root, "new", 0, open::CREATE | open::EXCLUSIVE, rw).is_ok(), "{policy}");
        assert_eq!(guest.open_at(root, "new", 0, open::CREATE | open::EXCLUSIVE, rw), Err(Code::EXIST), "{policy}");
        assert!(guest.open_at(root, "new", 0, open::CREATE, rw).is_ok(), "{policy}");
        guest.open_at(root, "old", 0, open::TRUNCATE, flags::WRITE).expect("opened");
        assert_eq!(guest.stat_path("old").map(|stat| stat.size), Ok(0), "{policy}");
        assert_eq!(guest.open_at(root, "old", 0, open::DIRECTORY, flags::READ), Err(Code::NOT_DIRECTORY), "{policy}");
        assert_eq!(guest.open_at(root, "x", 0, open::DIRECTORY | open::CREATE, 0), Err(Code::INVALID), "{policy}");
        guest.mkdir("dir").expect("made");
        assert_eq!(guest.open_at(root, "dir", 0, 0, rw), Err(Code::IS_DIRECTORY), "{policy}");
    }
}

#[test]
fn open_at_of_a_link_without_following_is_loop() {
    let scene = Scene::new();
    scene.write("file", "contents");
    scene.symlink("file", "link");
    let mut guest = scene.guest(CachePolicy::Shared);

    assert_eq!(guest.open_at(guest.root, "link", 0, 0, flags::READ), Err(Code::LOOP));
    assert!(guest.open_at(guest.root, "link", 1, 0, flags::READ).is_ok());
}

#[test]
fn open_at_that_could_change_something_through_a_read_only_directory_is_read_only() {
    let backend = MemoryFs::new().with_file("file", "x").expect("made");
    let mut guest = Guest::new(mount("/", backend, MountOptions::read_only()).ctx());
    let root = guest.root;

    for (asked, how) in [
        (0, flags::WRITE),
        (0, flags::READ | flags::MUTATE_DIRECTORY),
        (open::CREATE, flags::READ),
        (open::TRUNCATE, flags::READ),
        (open::TRUNCATE, 0),
    ] {
        for path in ["file", "none"] {
            assert_eq!(guest.open_at(root, path, 1, asked, how), Err(Code::READ_ONLY), "{path} {asked} {how}");
        }
    }
    assert_eq!(guest.flags(root), Ok(flags::READ));
    assert!(guest.open("file").is_ok());
}

#[test]
fn names_are_made_moved_linked_and_removed() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut guest = scene.guest(policy);
        let root = guest.root;

        assert_eq!(guest.mkdir("dir"), Ok(()), "{policy}");
        assert_eq!(guest.mkdir("dir"), Err(Code::EXIST), "{policy}");
        assert_eq!(guest.rename_at((root, "file"), (root, "dir/moved")), Ok(()), "{policy}");
        assert_eq!(guest.link_at((root, "dir/moved"), 0, (root, "second")), Ok(()), "{policy}");
        assert_eq!(guest.link_at((root, "dir/moved"), 0, (root, "second")), Err(Code::EXIST), "{policy}");
        assert_eq!(guest.link_at((root, "none"), 0, (root, "third")), Err(Code::NO_ENTRY), "{policy}");
        assert_eq!(guest.link_at((root, "dir"), 0, (root, "third")), Err(Code::NOT_PERMITTED), "{policy}");
        assert_eq!(guest.stat_path("second").map(|stat| stat.links), Ok(2), "{policy}");
        assert_eq!(guest.rmdir("dir"), Err(Code::NOT_EMPTY), "{policy}");
        assert_eq!(guest.rmdir("second"), Err(Code::NOT_DIRECTORY), "{policy}");
        assert_eq!(guest.unlink("dir"), Err(Code::IS_DIRECTORY), "{policy}");
        assert_eq!(guest.unlink("dir/moved"), Ok(()), "{policy}");
        assert_eq!(guest.rmdir("dir"), Ok(()), "{policy}");
        assert_eq!(guest.names(root), Ok(vec!["second".to_owned()]), "{policy}");
        assert_eq!(scene.read("second"), "contents", "{policy}");
    }
}

#[test]
fn rename_at_and_link_at_through_a_second_descriptor_reach_its_directory() {
    let mut guest = at_root(
        MemoryFs::new().with_file("from/file", "x").and_then(|fs| fs.with_file("to/other", "y")).expect("made"),
    );
    let (from, to) = (guest.open_directory("from").expect("opened"), guest.open_directory("to").expect("opened"));

    assert_eq!(guest.link_at((from, "file"), 0, (to, "linked")), Ok(()));
    assert_eq!(guest.rename_at((from, "file"), (to, "moved")), Ok(()));

    assert_eq!(guest.names(from), Ok(Vec::new()));
    assert_eq!(guest.names(to), Ok(["linked", "moved", "other"].map(str::to_owned).to_vec()));
}

#[test]
fn link_at_follows_a_link_when_asked() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        scene.symlink("file", "link");
        scene.symlink("../outside/secret", "out");
        let mut guest = scene.guest(policy);
        let root = guest.root;

        assert_eq!(guest.link_at((root, "link"), 1, (root, "of-file")), Ok(()), "{policy}");
        assert_eq!(guest.link_at((root, "link"), 0, (root, "of-link")), Ok(()), "{policy}");
        assert_eq!(guest.link_at((root, "out"), 1, (root, "stolen")), Err(Code::NOT_PERMITTED), "{policy}");

        assert_eq!(guest.stat_path("of-file").map(|stat| (stat.kind, stat.links)), Ok((kind::REGULAR_FILE, 2)));
        assert_eq!(guest.stat_path("of-link").map(|stat| stat.kind), Ok(kind::SYMBOLIC_LINK), "{policy}");
        scene.assert_untouched();
    }
}

#[test]
fn symlink_at_and_readlink_at_keep_what_does_not_lead_to_the_root() {
    let scene = Scene::new();
    scene.symlink("/etc/passwd", "absolute");
    let mut guest = scene.guest(CachePolicy::Shared);

    assert_eq!(guest.symlink("some/where", "link"), Ok(()));
    assert_eq!(guest.readlink("link"), Ok(b"some/where".to_vec()));
    assert_eq!(guest.symlink("/etc/passwd", "other"), Err(Code::NOT_PERMITTED));
    assert_eq!(guest.readlink("absolute"), Err(Code::NOT_PERMITTED));
    assert_eq!(guest.readlink("none"), Err(Code::NO_ENTRY));
    guest.mkdir("dir").expect("made");
    assert_eq!(guest.readlink("dir"), Err(Code::INVALID));
}

#[test]
fn rename_at_and_link_at_across_mounts_are_cross_device() {
    let mut builder = Gofer::builder();
    builder.mount("/a", MemoryFs::new().with_file("file", "x").expect("made"), MountOptions::default());
    builder.mount("/b", MemoryFs::new(), MountOptions::default());
    let mut guest = Guest::new(builder.build().expect("mounted").ctx());
    let (a, b) = (guest.preopens[0].0, guest.preopens[1].0);

    assert_eq!(guest.rename_at((a, "file"), (b, "file")), Err(Code::CROSS_DEVICE));
    assert_eq!(guest.link_at((a, "file"), 0, (b, "file")), Err(Code::CROSS_DEVICE));
}

#[test]
fn functions_of_directories_on_a_file_are_not_directory() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let (root, file) = (guest.root, guest.open("file").expect("opened"));

    assert_eq!(guest.stat_at(file, "x", 0), Err(Code::NOT_DIRECTORY));
    assert_eq!(guest.open_at(file, "x", 0, 0, flags::READ), Err(Code::NOT_DIRECTORY));
    assert_eq!(guest.names(file), Err(Code::NOT_DIRECTORY));
    assert_eq!(guest.rename_at((root, "file"), (file, "x")), Err(Code::NOT_DIRECTORY));
    assert_eq!(guest.link_at((root, "file"), 0, (file, "x")), Err(Code::NOT_DIRECTORY));
}

#[test]
fn paths_that_are_empty_absolute_long_or_with_nul_have_the_code_of_each() {
    for front in Front::ALL {
        let gofer = mount("/", MemoryFs::new(), MountOptions::default());
        let mut guest = Guest::with(front, GoferComponentCtx::new(gofer.ctx()));

        assert_eq!(guest.stat_path(""), Err(Code::NO_ENTRY));
        assert_eq!(guest.stat_path("/"), Err(Code::NOT_PERMITTED));
        assert_eq!(guest.stat_path(".."), Err(Code::NOT_PERMITTED));
        assert_eq!(guest.stat_path("a\0b"), Err(Code::INVALID));
        assert_eq!(guest.stat_path("n".repeat(256)), Err(Code::NAME_TOO_LONG));
        assert_eq!(guest.stat_path("d/".repeat(2_048)), Err(Code::NAME_TOO_LONG));
        assert_eq!(guest.open_at(guest.root, "/etc", 0, 0, flags::READ), Err(Code::NOT_PERMITTED));
    }
}

#[test]
fn failures_of_a_backend_have_the_most_precise_code() {
    let backend = Faulty::new(MemoryFs::new().with_file("dir/file", "x").expect("made"));
    let plan = Arc::clone(backend.plan());
    let mut guest = Guest::new(mount("/", backend, options(CachePolicy::None)).ctx());
    let root = guest.root;

    let both = [
        (Errno::Dquot, Code::QUOTA),
        (Errno::Nospc, Code::INSUFFICIENT_SPACE),
        (Errno::Rofs, Code::READ_ONLY),
        (Errno::Txtbsy, Code::TEXT_FILE_BUSY),
        (Errno::Mlink, Code::TOO_MANY_LINKS),
        (Errno::Acces, Code::ACCESS),
        (Errno::Nxio, Code::NO_SUCH_DEVICE),
        (Errno::Nodev, Code::NO_DEVICE),
        (Errno::Deadlk, Code::DEADLOCK),
        (Errno::Nolck, Code::NO_LOCK),
        (Errno::Mfile, Code::INSUFFICIENT_MEMORY),
        (Errno::Io, Code::IO),
    ];
    for (errno, code) in both.into_iter().chain(OWN_CODES.iter().copied()) {
        plan.fail_from(Op::Mkdir, 1, errno);
        plan.fail_from(Op::Link, 1, errno);
        assert_eq!(guest.mkdir("new"), Err(code), "{errno}");
        assert_eq!(guest.link_at((root, "dir/file"), 0, (root, "new")), Err(code), "{errno}");
        plan.heal();
    }
}
