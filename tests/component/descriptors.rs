//! What is open.

use crate::kit::abi::{flags, open};
use crate::kit::version::OVERFLOWING_SECONDS;
use crate::kit::{Code, Front, Guest, NewTime, Scene, args, at_root, mount, options};
use std::sync::Arc;
use wasi_gofer::backend::faulty::{Faulty, Op};
use wasi_gofer::component::GoferComponentCtx;
use wasi_gofer::{CachePolicy, MemoryFs, MountOptions};

#[test]
fn get_directories_answers_the_preopens_with_fresh_descriptors_each_time() {
    let mut builder = wasi_gofer::Gofer::builder();
    builder.mount("/", MemoryFs::new(), MountOptions::default());
    builder.mount("/data", MemoryFs::new().with_file("file", "x").expect("made"), MountOptions::default());
    let gofer = builder.build().expect("mounted");
    let mut guest = Guest::new(gofer.ctx().with_preopens(&["/data"]).expect("a mount"));

    let (first, name) = guest.preopens[0].clone();
    assert_eq!((guest.preopens.len(), name.as_str()), (1, "/data"));
    guest.drop_descriptor(first);
    let again = guest.directories();
    assert_eq!(guest.stat_at(again[0].0, "file", 0).map(|stat| stat.size), Ok(1));
}

#[test]
fn sync_reaches_the_backend_of_what_was_opened_for_writing_alone() {
    let backend = Faulty::new(MemoryFs::new().with_file("file", "x").expect("made"));
    let plan = Arc::clone(backend.plan());
    let mut guest = Guest::new(mount("/", backend, options(CachePolicy::None)).ctx());
    let reader = guest.open("file").expect("opened");
    let writer = guest.create("file").expect("opened");

    for name in ["descriptor-sync", "descriptor-sync-data"] {
        let syncs = plan.calls(Op::Sync) + plan.calls(Op::SyncMany);
        assert_eq!(guest.done(name, args![reader]), Ok(()));
        assert_eq!(plan.calls(Op::Sync) + plan.calls(Op::SyncMany), syncs, "{name} of a reader");
        assert_eq!(guest.done(name, args![writer]), Ok(()));
        assert!(plan.calls(Op::Sync) + plan.calls(Op::SyncMany) > syncs, "{name} of a writer");
    }
}

#[test]
fn advise_with_every_advice_succeeds_and_with_no_such_advice_traps() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "contents").expect("made"));
    let file = guest.open("file").expect("opened");

    for advice in 0..6u32 {
        assert_eq!(guest.done("descriptor-advise", args![file, 0u64, u64::MAX, advice]), Ok(()), "{advice}");
    }
    guest.trap("descriptor-advise", args![file, 0u64, 1u64, 6u32, 0x100u32]);
}

#[test]
fn set_times_sets_what_is_asked_and_keeps_the_rest() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        scene.symlink("file", "link");
        let mut guest = scene.guest(policy);
        let file = guest.create("file").expect("opened");

        assert_eq!(guest.set_times(file, [NewTime::At(1, 2), NewTime::At(3, 4)]), Ok(()), "{policy}");
        assert_eq!(guest.set_times(file, [NewTime::Keep, NewTime::At(5, 6)]), Ok(()), "{policy}");
        let stat = guest.stat(file).expect("stat");
        assert_eq!((stat.accessed, stat.modified), (Some((1, 2)), Some((5, 6))), "{policy}");

        assert_eq!(guest.set_times_at("link", 0, [NewTime::At(7, 0), NewTime::At(7, 0)]), Ok(()), "{policy}");
        assert_eq!(guest.stat(file).map(|stat| stat.modified), Ok(Some((5, 6))), "{policy}");
        assert_eq!(guest.set_times_at("link", 1, [NewTime::Now, NewTime::Keep]), Ok(()), "{policy}");
        assert!(guest.stat(file).expect("stat").accessed.expect("told").0 > 1_000_000_000, "{policy}");
        assert_eq!(guest.set_times(file, [NewTime::At(0, 1_000_000_000), NewTime::Keep]), Err(Code::INVALID));
        for seconds in OVERFLOWING_SECONDS {
            assert_eq!(guest.set_times(file, [NewTime::At(*seconds, 0), NewTime::Keep]), Err(Code::OVERFLOW));
        }
    }
}

#[test]
fn metadata_hash_is_equal_for_names_of_one_file_and_outlives_changes() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());
        let root = guest.root;
        guest.link_at((root, "file"), 0, (root, "second")).expect("linked");
        let file = guest.create("file").expect("opened");

        let hash = guest.hash(file).expect("hash");
        assert_eq!(guest.hash_at("second", 0), Ok(hash), "{policy}");
        guest.write_at(file, "other contents", 0).expect("written");
        guest.rename_at((root, "file"), (root, "moved")).expect("moved");
        assert_eq!(guest.hash_at("moved", 0), Ok(hash), "{policy}");
        assert_ne!(guest.hash(root), Ok(hash), "{policy}");
        assert_eq!(guest.hash_at("none", 0), Err(Code::NO_ENTRY), "{policy}");
        // Another guest of the same mount sees the same.
        assert_eq!(Guest::new(gofer.ctx()).hash_at("moved", 0), Ok(hash), "{policy}");
        let ino = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(scene.inside().join("moved")).expect("there"));
        assert!(!hash.contains(&ino), "{policy}: the inode number shows");
    }
}

#[test]
fn is_same_object_tells_names_of_one_file_from_others() {
    for front in Front::ALL {
        let scene = Scene::new();
        scene.write("file", "x");
        scene.write("other", "x");
        let gofer = scene.gofer(CachePolicy::Exclusive);
        let mut guest = Guest::with(front, GoferComponentCtx::new(gofer.ctx()));
        let root = guest.root;
        guest.link_at((root, "file"), 0, (root, "second")).expect("linked");
        let file = guest.open("file").expect("opened");
        let (second, other) = (guest.open("second").expect("opened"), guest.open("other").expect("opened"));
        let again = guest.open_directory(".").expect("opened");

        assert!(guest.same(file, file) && guest.same(file, second) && guest.same(root, again));
        assert!(!guest.same(file, other) && !guest.same(file, root));
    }
}

#[test]
fn a_file_that_is_open_works_after_its_name_is_gone() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        let mut guest = scene.guest(policy);
        let file = guest.create("file").expect("made");
        guest.write_at(file, "contents", 0).expect("written");
        guest.unlink("file").expect("removed");

        assert_eq!(guest.contents(file, 0), Ok(b"contents".to_vec()), "{policy}");
        assert_eq!(guest.stat(file).map(|stat| stat.links), Ok(0), "{policy}");
        guest.drop_descriptor(file);
        assert_eq!(guest.stat_path("file"), Err(Code::NO_ENTRY), "{policy}");
    }
}

#[test]
fn drop_of_the_last_descriptor_brings_what_was_written_to_the_backend() {
    let scene = Scene::new();
    let mut guest = scene.guest(CachePolicy::Exclusive);
    let file = guest.create("file").expect("made");
    guest.write_at(file, "contents", 0).expect("written");

    guest.drop_descriptor(file);

    assert_eq!(scene.read("file"), "contents");
    assert_eq!(guest.host().files.open_descriptors(), guest.preopens.len());
}

#[test]
fn files_opened_with_sync_flags_reach_the_backend_with_each_write() {
    for flag in [flags::FILE_INTEGRITY_SYNC, flags::DATA_INTEGRITY_SYNC] {
        let scene = Scene::new();
        let mut guest = scene.guest(CachePolicy::Exclusive);
        let file = guest.open_at(guest.root, "file", 0, open::CREATE, flags::WRITE | flag).expect("made");

        guest.write_at(file, "contents", 0).expect("written");

        assert_eq!(scene.read("file"), "contents", "{flag}");
    }
}
