//! A change that was under way when the connection ended is made once, whether the server had made it or not.

use crate::cut::{Scene, Side};
use crate::kit::{self, CREATE, READ_WRITE};
use crate::overlayfs::is_overlay_that_lacks;
use std::fs::Permissions;
use std::io::IoSlice;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use wasi_gofer::abi::{Call, CancelToken, Errno, Error};
use wasi_gofer::backend::lisafs::{HardLisaFs, LisaFsOptions};
use wasi_gofer::vfs::{OpenDirectory, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions, SharedBackend};

const CALL: &Call = &Call::WAITING;
/// A change, the number of its message, what must be so behind it, and what a further one of the same kind comes to.
struct Case {
    name: &'static str,
    mid: u16,
    change: fn(&OpenDirectory) -> Result<(), Error>,
    holds: fn(&Path) -> bool,
    again: Errno,
}

fn create(dir: &OpenDirectory) -> Result<(), Error> {
    let file = kit::open(CALL, dir, "dir/new", OpenHow { exclusive: true, ..CREATE })?;
    kit::write_all(CALL, &file, b"data", 0)?;
    kit::close(CALL, file)
}

const CASES: &[Case] = &[
    Case {
        name: "mkdir",
        mid: 13,
        change: |dir| dir.create_directory_at(CALL, b"dir/new"),
        holds: |host| host.join("dir/new").is_dir(),
        again: Errno::Exist,
    },
    Case {
        name: "create",
        mid: 8,
        change: create,
        holds: |host| std::fs::read(host.join("dir/new")).is_ok_and(|data| data == b"data"),
        again: Errno::Exist,
    },
    Case {
        name: "symlink",
        mid: 15,
        change: |dir| dir.symlink_at(CALL, b"target", b"dir/new"),
        holds: |host| std::fs::read_link(host.join("dir/new")).is_ok_and(|target| target == Path::new("target")),
        again: Errno::Exist,
    },
    Case {
        name: "link",
        mid: 16,
        change: |dir| dir.link_at(CALL, b"dir/file", dir, b"dir/new"),
        holds: |host| std::fs::read(host.join("dir/new")).is_ok_and(|data| data == b"contents"),
        again: Errno::Exist,
    },
    Case {
        name: "unlink",
        mid: 22,
        change: |dir| dir.unlink_at(CALL, b"dir/file"),
        holds: |host| !host.join("dir/file").exists(),
        again: Errno::Noent,
    },
    Case {
        name: "rmdir",
        mid: 22,
        change: |dir| dir.remove_directory_at(CALL, b"dir/empty"),
        holds: |host| !host.join("dir/empty").exists(),
        again: Errno::Noent,
    },
    Case {
        name: "rename",
        mid: 23,
        change: |dir| dir.rename_at(CALL, b"dir/file", dir, b"other/new"),
        holds: |host| !host.join("dir/file").exists() && host.join("other/new").is_file(),
        again: Errno::Noent,
    },
];

fn mounted(backend: HardLisaFs, policy: CachePolicy) -> (Gofer, SharedBackend, OpenDirectory) {
    let backend = SharedBackend::new(backend);
    let mut builder = Gofer::builder();
    let fs = FsOptions::with_policy(policy);
    builder.mount("/", backend.clone(), MountOptions { read_only: false, fs });
    let gofer = builder.build().expect("mounted");
    let (_, root) = kit::root(&gofer);
    (gofer, backend, root)
}

fn lay(host: &Path) {
    for dir in ["dir", "dir/empty", "other"] {
        std::fs::create_dir(host.join(dir)).expect("made");
    }
    std::fs::write(host.join("dir/file"), "contents").expect("written");
    // What there is must be older than any change, by more than a filesystem's clock can be late.
    std::thread::sleep(Duration::from_millis(50));
}

#[test]
fn a_change_that_was_under_way_is_made_once_on_either_side_of_the_end() {
    for policy in CachePolicy::ALL {
        for side in [Side::Before, Side::Behind] {
            for case in CASES {
                let (scene, backend) = Scene::new();
                let host = scene.dir.path();
                if is_overlay_that_lacks(host, "birth times to decide by") {
                    return;
                }
                lay(host);
                let (gofer, _backend, root) = mounted(backend, policy);
                scene.cut(case.mid, side);

                let changed = (case.change)(&root);

                let what = format!("{} in {policy}, cut {side:?}", case.name);
                assert!(scene.was_cut(), "{what}");
                assert_eq!(changed, Ok(()), "{what}");
                gofer.sync().expect("brought out");
                assert!((case.holds)(host), "{what}");
                assert_eq!((case.change)(&root), Err(case.again.into()), "{what}: again");
                gofer.check_invariants().expect("sound");
            }
        }
    }
}

#[test]
fn a_name_that_was_there_before_is_refused_on_either_side_of_the_end() {
    for side in [Side::Before, Side::Behind] {
        let (scene, backend) = Scene::new();
        lay(scene.dir.path());
        std::fs::create_dir(scene.dir.path().join("dir/new")).expect("made");
        std::thread::sleep(Duration::from_millis(50));
        let (_gofer, _backend, root) = mounted(backend, CachePolicy::None);
        scene.cut(13, side);

        assert_eq!(root.create_directory_at(CALL, b"dir/new"), Err(Errno::Exist.into()), "{side:?}");
        assert!(scene.was_cut(), "{side:?}");
    }
}

/// A call that ends by the token.
fn ends_by(token: &CancelToken) -> Call {
    Call { cancel: Some(token.clone()), ..Call::WAITING }
}

#[test]
fn a_change_of_a_call_that_ended_decides_no_later_one() {
    for policy in CachePolicy::ALL {
        let (scene, backend) = Scene::new();
        lay(scene.dir.path());
        let (_gofer, _backend, root) = mounted(backend, policy);
        scene.cut(13, Side::Before);
        let token = CancelToken::new();
        let call = ends_by(&token);
        scene.before_connections(move |_| {
            token.cancel();
            false
        });
        assert_eq!(root.create_directory_at(&call, b"dir/new"), Err(Errno::Canceled.into()), "{policy}");
        assert!(scene.was_cut(), "{policy}");
        std::fs::create_dir(scene.dir.path().join("dir/new")).expect("made");
        scene.before_connections(|_| true);

        assert_eq!(root.create_directory_at(CALL, b"dir/new"), Err(Errno::Exist.into()), "{policy}");
    }
}

#[test]
fn a_change_of_a_call_that_ended_while_its_directory_was_restored_decides_no_later_one() {
    for policy in CachePolicy::ALL {
        let (scene, backend) = Scene::new();
        lay(scene.dir.path());
        let (_gofer, _backend, root) = mounted(backend, policy);
        scene.cut(13, Side::Before);
        // There is a next connection, which ends at the walk to the directory, and none behind it.
        let (plan, mut left, token) = (scene.planner(), 1, CancelToken::new());
        let call = ends_by(&token);
        scene.before_connections(move |_| {
            left -= 1;
            if left == 0 {
                plan(5, Side::Before);
            } else {
                token.cancel();
            }
            left == 0
        });
        assert_eq!(root.create_directory_at(&call, b"dir/new"), Err(Errno::Canceled.into()), "{policy}");
        assert!(scene.was_cut(), "{policy}");
        std::fs::create_dir(scene.dir.path().join("dir/new")).expect("made");
        scene.unplan();
        scene.before_connections(|_| true);

        assert_eq!(root.create_directory_at(CALL, b"dir/new"), Err(Errno::Exist.into()), "{policy}");
    }
}

/// What somebody else makes in the place of what was asked for.
struct Outsider {
    name: &'static str,
    mid: u16,
    change: fn(&OpenDirectory) -> Result<(), Error>,
    makes: fn(&Path),
}

const OUTSIDERS: &[Outsider] = &[
    Outsider {
        name: "a link that leads elsewhere",
        mid: 15,
        change: |dir| dir.symlink_at(CALL, b"target", b"dir/new"),
        makes: |new| std::os::unix::fs::symlink("elsewhere", new).expect("made"),
    },
    Outsider {
        name: "a file for a link",
        mid: 15,
        change: |dir| dir.symlink_at(CALL, b"target", b"dir/new"),
        makes: |new| std::fs::write(new, "").expect("written"),
    },
    Outsider {
        name: "a file of another mode",
        mid: 8,
        change: create,
        makes: |new| {
            std::fs::write(new, "").expect("written");
            // No umask makes that of what is asked for.
            std::fs::set_permissions(new, Permissions::from_mode(0o700)).expect("set");
        },
    },
    Outsider {
        name: "a file that is not empty",
        mid: 8,
        change: create,
        makes: |new| std::fs::write(new, "the other's").expect("written"),
    },
    Outsider {
        name: "a file with another name",
        mid: 8,
        change: create,
        makes: |new| {
            std::fs::write(new, "").expect("written");
            std::fs::hard_link(new, new.with_file_name("other")).expect("linked");
        },
    },
    Outsider {
        name: "a directory of another mode",
        mid: 13,
        change: |dir| dir.create_directory_at(CALL, b"dir/new"),
        makes: |new| {
            std::fs::create_dir(new).expect("made");
            std::fs::set_permissions(new, Permissions::from_mode(0o500)).expect("set");
        },
    },
    Outsider {
        name: "a directory that is not empty",
        mid: 13,
        change: |dir| dir.create_directory_at(CALL, b"dir/new"),
        makes: |new| {
            std::fs::create_dir(new).expect("made");
            std::fs::write(new.join("file"), "").expect("written");
        },
    },
];

#[test]
fn what_somebody_else_made_meanwhile_is_not_taken_for_one_s_own_where_it_differs() {
    for policy in [CachePolicy::Exclusive, CachePolicy::Shared] {
        for case in OUTSIDERS {
            let (scene, backend) = Scene::new();
            lay(scene.dir.path());
            let (gofer, _backend, root) = mounted(backend, policy);
            scene.cut(case.mid, Side::Before);
            let makes = case.makes;
            scene.before_connections(move |host| {
                makes(&host.join("dir/new"));
                true
            });

            let what = format!("{} in {policy}", case.name);
            assert_eq!((case.change)(&root), Err(Errno::Io.into()), "{what}");
            assert!(scene.was_cut(), "{what}");
            let undecided =
                gofer.stats()[0].fs.backend_counters.iter().find(|told| told.0 == "undecided").map(|told| told.1);
            assert_eq!(undecided, Some(1), "{what}");
            gofer.check_invariants().expect("sound");
        }
    }
}

#[test]
fn a_question_is_simply_asked_again() {
    // Walk, WalkStat, OpenAt, Getdents64, ReadLinkAt, FStat, SetStat.
    for mid in [5, 6, 7, 24, 19, 3, 4] {
        for side in [Side::Before, Side::Behind] {
            let (scene, backend) = Scene::new();
            lay(scene.dir.path());
            std::os::unix::fs::symlink("file", scene.dir.path().join("dir/link")).expect("linked");
            let (_gofer, _backend, root) = mounted(backend, CachePolicy::Shared);
            scene.cut(mid, side);
            for _ in 0..2 {
                assert_eq!(root.stat_at(CALL, b"dir/link", true).map(|stat| stat.size), Ok(8), "{mid} {side:?}");
                let file = kit::open(CALL, &root, "dir/file", READ_WRITE)
                    .unwrap_or_else(|error| panic!("{mid} {side:?}: {error}"));
                file.set_size(CALL, 8).expect("cut");
                let dir = kit::open_dir(CALL, &root, "dir").unwrap_or_else(|error| panic!("{mid} {side:?}: {error}"));
                let mut count = 0;
                dir.read_dir(CALL, 0, &mut |_| {
                    count += 1;
                    true
                })
                .unwrap_or_else(|error| panic!("{mid} {side:?}: {error}"));
                assert_eq!(count, 5, "{mid} {side:?}");
                root.set_times_at(CALL, b"dir", true, Some(wasi_gofer::abi::SetTime::Now), None).expect("set");
                dir.stat(CALL).expect("there");
            }
        }
    }
}

#[test]
fn an_append_by_message_that_was_under_way_is_io_and_counted() {
    const APPEND: u16 = 260;
    for (side, there) in [(Side::Before, "two"), (Side::Behind, "onetwo")] {
        let (scene, backend) = Scene::over(LisaFsOptions { host_fds: false, ..LisaFsOptions::default() });
        std::fs::write(scene.dir.path().join("log"), "").expect("written");
        let mut builder = Gofer::builder();
        let fs = FsOptions::with_policy(CachePolicy::Shared);
        builder.mount("/", backend, MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("mounted");
        let root = kit::root(&gofer).1;
        let log = kit::open(CALL, &root, "log", OpenHow { append: true, ..READ_WRITE }).expect("it opens");
        scene.cut(APPEND, side);

        assert_eq!(log.write(CALL, &[IoSlice::new(b"one")]), Err(Errno::Io.into()), "{side:?}");

        assert!(scene.was_cut(), "{side:?}");
        let counted = |name| gofer.stats()[0].fs.backend_counters.iter().find(|told| told.0 == name).map(|told| told.1);
        assert_eq!(counted("undecided"), Some(1), "{side:?}");
        assert_eq!(log.write(CALL, &[IoSlice::new(b"two")]), Ok(3), "{side:?}");
        assert_eq!((counted("undecided"), counted("reattached")), (Some(1), Some(1)), "{side:?}");
        assert_eq!(std::fs::read_to_string(scene.dir.path().join("log")).expect("there"), there, "{side:?}");
    }
}
