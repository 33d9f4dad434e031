//! Attacks that filesystems of WebAssembly runtimes have seen, by their numbers where they have one. That paths cannot
//! lead out is shown at length for `wasi_snapshot_preview1`, over the same resolution; here is what the interface adds.

use crate::kit::abi::{flags, kind, open};
use crate::kit::version::ENDS_OF_SECONDS;
use crate::kit::{Code, Guest, NewTime, Scene, args, at_root, options};
use wasi_gofer::{CachePolicy, Gofer, MemoryFs, MountOptions};

// GHSA-vqjp-4c8c-hfgg: a trailing slash in a path or in a link's target made the resolver follow a link out.

#[test]
fn links_that_lead_out_are_refused_by_every_function_that_takes_a_path() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("own", "the guest's own");
        scene.symlink("../outside", "hidden");
        scene.symlink("hidden/", "indirect");
        let mut guest = scene.guest(policy);
        let root = guest.root;

        for way in ["hidden", "hidden/", "hidden/.", "indirect", "indirect/"] {
            let (secret, planted) = (format!("{way}/secret"), format!("{way}/planted"));
            for follow in [0, 1] {
                assert!(guest.open_at(root, way, follow, open::DIRECTORY, flags::READ).is_err(), "{way}");
                assert!(guest.open_at(root, &secret, follow, 0, flags::READ).is_err(), "{way}");
                assert!(guest.open_at(root, &planted, follow, open::CREATE, flags::WRITE).is_err(), "{way}");
                assert!(guest.stat_at(root, &secret, follow).is_err(), "{way}");
                assert!(guest.hash_at(&secret, follow).is_err(), "{way}");
                assert!(guest.set_times_at(&secret, follow, [NewTime::Now, NewTime::Now]).is_err(), "{way}");
                assert!(guest.link_at((root, &secret), follow, (root, "stolen")).is_err(), "{way}");
                assert!(guest.link_at((root, "own"), follow, (root, &planted)).is_err(), "{way}");
            }
            assert!(guest.mkdir(&planted).is_err(), "{way}");
            assert!(guest.rmdir(format!("{way}/empty")).is_err(), "{way}");
            assert!(guest.unlink(&secret).is_err(), "{way}");
            assert!(guest.symlink("x", &planted).is_err(), "{way}");
            assert!(guest.readlink(&secret).is_err(), "{way}");
            assert!(guest.rename_at((root, &secret), (root, "stolen")).is_err(), "{way}");
            assert!(guest.rename_at((root, "own"), (root, &planted)).is_err(), "{way}");
        }
        scene.assert_untouched();
        assert_eq!(guest.stat_path("stolen"), Err(Code::NO_ENTRY), "{policy}");
    }
}

// GHSA-2r75-cxrj-cmph, CVE-2026-47261: an open for truncation alone emptied a file of a read-only preopen.

#[test]
fn open_for_truncation_alone_on_a_read_only_mount_is_read_only_and_keeps_the_file() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut guest = scene.read_only_guest(policy);

        for how in [0, flags::READ] {
            for asked in [open::TRUNCATE, open::TRUNCATE | open::CREATE] {
                assert_eq!(guest.open_at(guest.root, "file", 1, asked, how), Err(Code::READ_ONLY), "{policy}");
            }
        }
        assert_eq!(scene.read("file"), "contents");
    }
}

#[test]
fn truncation_through_a_read_only_mount_below_a_writable_directory_is_read_only() {
    let scene = Scene::new();
    scene.write("file", "contents");
    let mut builder = Gofer::builder();
    builder.mount("/", MemoryFs::new(), MountOptions::default());
    builder.dir(scene.inside(), "/ro", MountOptions { read_only: true, ..options(CachePolicy::Shared) });
    let gofer = builder.build().expect("mounted");
    let mut guest = Guest::new(gofer.ctx().with_preopens(&["/"]).expect("a mount"));

    assert_eq!(guest.open_at(guest.root, "ro/file", 1, open::TRUNCATE, flags::READ), Err(Code::READ_ONLY));
    assert_eq!(guest.open_at(guest.root, "ro/file", 1, 0, flags::WRITE), Err(Code::READ_ONLY));
    assert_eq!(guest.set_times_at("ro/file", 1, [NewTime::Now, NewTime::Now]), Err(Code::READ_ONLY));
    assert_eq!(scene.read("file"), "contents");
}

#[test]
fn a_guest_that_may_only_read_changes_nothing() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        scene.write("dir/inner", "contents");
        let mut guest = Guest::new(scene.gofer(policy).ctx().read_only());
        let (root, file) = (guest.root, guest.open("file").expect("opened"));
        let dir = guest.open_directory("dir").expect("opened");

        let refused = Err(Code::READ_ONLY);
        assert_eq!(guest.mkdir("new"), refused);
        assert_eq!(guest.rmdir("dir"), refused);
        assert_eq!(guest.unlink("file"), refused);
        assert_eq!(guest.symlink("x", "new"), refused);
        assert_eq!(guest.link_at((root, "file"), 0, (root, "new")), refused);
        assert_eq!(guest.rename_at((root, "file"), (root, "new")), refused);
        assert_eq!(guest.rename_at((dir, "inner"), (root, "new")), refused);
        assert_eq!(guest.set_times_at("file", 0, [NewTime::Now, NewTime::Now]), refused);
        assert_eq!(guest.set_times(file, [NewTime::Now, NewTime::Now]), refused);
        assert_eq!(guest.set_times(dir, [NewTime::Now, NewTime::Now]), refused);
        assert_eq!(guest.open_at(dir, "inner", 0, 0, flags::WRITE), Err(Code::READ_ONLY));
        assert_eq!(guest.write_at(file, "x", 0), Err(Code::BAD_DESCRIPTOR));
        assert_eq!(guest.done("descriptor-set-size", args![file, 0u64]), Err(Code::BAD_DESCRIPTOR));
        assert_eq!(scene.read("file"), "contents", "{policy}");
        assert_eq!(guest.names(root), Ok(["dir", "file"].map(str::to_owned).to_vec()), "{policy}");
    }
}

// GHSA-4ch3-9j33-3pmj, CVE-2026-58494: a file of a read-only preopen was linked or moved into a writable one.

#[test]
fn link_and_rename_from_a_read_only_mount_of_the_same_directory_are_cross_device() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut guest = scene.guest_with_ro_and_rw(policy);
        let (ro, rw) = (guest.preopens[0].0, guest.preopens[1].0);

        for follow in [0, 1] {
            assert_eq!(guest.link_at((ro, "file"), follow, (rw, "stolen")), Err(Code::CROSS_DEVICE), "{policy}");
            assert!(guest.link_at((rw, "file"), follow, (ro, "planted")).is_err(), "{policy}");
        }
        assert_eq!(guest.rename_at((ro, "file"), (rw, "stolen")), Err(Code::CROSS_DEVICE), "{policy}");
        assert_eq!(guest.rename_at((rw, "file"), (ro, "planted")), Err(Code::CROSS_DEVICE), "{policy}");
        assert_eq!(guest.names(rw), Ok(vec!["file".to_owned()]), "{policy}");
    }
}

// GHSA-j2g9-4prp-pf6h: times out of range panicked.

#[test]
fn times_at_the_ends_of_their_range_are_set_or_refused_and_told() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        for mut guest in [scene.guest(policy), at_root(MemoryFs::new().with_file("file", "x").expect("made"))] {
            let file = guest.create("file").expect("opened");
            for seconds in ENDS_OF_SECONDS {
                for nanoseconds in [0, 999_999_999, 1_000_000_000, u32::MAX] {
                    let times = [NewTime::At(seconds, nanoseconds); 2];
                    for set in [guest.set_times_at("file", 0, times), guest.set_times(file, times)] {
                        let fine = matches!(set, Ok(()) | Err(Code::INVALID | Code::OVERFLOW));
                        assert!(fine, "{policy} {seconds} {nanoseconds}: {set:?}");
                    }
                    assert!(guest.stat(file).is_ok() && guest.stat_path("file").is_ok(), "{policy} {seconds}");
                }
            }
        }
    }
}

#[test]
fn paths_that_are_no_utf8_trap() {
    let mut guest = at_root(MemoryFs::new());
    let (ptr, len) = guest.path(b"bad-\xff");
    let root = guest.root;
    guest.trap("descriptor-stat-at", args![root, 0u32, ptr, len, 0x100u32]);
}

#[test]
fn a_directory_that_was_swapped_for_a_link_outward_is_refused_though_it_was_cached() {
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        let scene = Scene::new();
        scene.write("dir/secret", "the guest's own");
        let mut guest = scene.guest(policy);
        assert_eq!(guest.stat_path("dir/secret").map(|stat| stat.kind), Ok(kind::REGULAR_FILE));

        std::fs::rename(scene.inside().join("dir"), scene.inside().join("old")).expect("moved");
        scene.symlink("../outside", "dir");

        assert_eq!(guest.stat_path("dir/secret"), Err(Code::NOT_PERMITTED), "{policy}");
        assert!(guest.open("dir/secret").is_err(), "{policy}");
        scene.assert_untouched();
    }
}
