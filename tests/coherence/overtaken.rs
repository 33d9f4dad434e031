//! Directories that lost their control handle, and whose place in the cache is taken away while an operation is on its way
//! to bind them anew.

use crate::kit;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::scope;
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::abi::{Call, Errno, Error};
use wasi_gofer::backend::directfs::FdBudget;
use wasi_gofer::backend::faulty::{FaultPlan, Faulty, Op};
use wasi_gofer::vfs::OpenDirectory;
use wasi_gofer::{CachePolicy, DirectFs, FsOptions, Gofer, MountOptions};

const CALL: &Call = &Call::WAITING;
const PATIENCE: Duration = Duration::from_secs(20);

/// Files beside the directories: enough that a look at each takes all that is older out of a small cache.
const FILES: u32 = 32;

/// A mounted directory with `sub/file` of 8 bytes and `other/file` of 10, and files beside them.
struct Mounted {
    dir: TempDir,
    plan: Arc<FaultPlan>,
    budget: Arc<FdBudget>,
    gofer: Gofer,
    root: OpenDirectory,
}

impl Mounted {
    fn new(dentry_cache_limit: usize) -> Mounted {
        Mounted::with(CachePolicy::Shared, dentry_cache_limit)
    }

    fn with(policy: CachePolicy, dentry_cache_limit: usize) -> Mounted {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a fresh directory");
        for name in ["sub", "other"] {
            fs::create_dir(dir.path().join(name)).expect("made");
            fs::write(dir.path().join(name).join("file"), format!("{name}/file")).expect("written");
        }
        (0..FILES).for_each(|file| fs::write(dir.path().join(file.to_string()), "").expect("written"));
        let budget = FdBudget::new(32);
        let inner = DirectFs::open_ambient(dir.path()).expect("opened").with_budget(Arc::clone(&budget));
        let backend = Faulty::new(inner);
        let plan = Arc::clone(backend.plan());
        let fs = FsOptions { dentry_cache_limit, watches: 0, ..FsOptions::with_policy(policy) };
        let mut builder = Gofer::builder();
        builder.mount("/", backend, MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("mounted");
        let (_, root) = kit::root(&gofer);
        Mounted { dir, plan, budget, gofer, root }
    }

    fn host(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn open(&self, path: &str) -> OpenDirectory {
        kit::open_dir(CALL, &self.root, path).expect("it opens")
    }

    fn size(&self, path: &str) -> Result<u64, Error> {
        self.root.stat_at(CALL, path.as_bytes(), false).map(|stat| stat.size)
    }

    /// Caches `sub/file`, and takes the control handle of `sub` away.
    fn unbind_sub(&self) {
        assert_eq!(self.size("sub/file"), Ok(8));
        assert!(self.budget.relieve(usize::MAX) > 0, "a handle to give back");
    }

    /// Puts the directory `other` in the place of `sub`.
    fn replace_sub(&self) {
        fs::rename(self.host("sub"), self.host("aside")).expect("moved");
        fs::rename(self.host("other"), self.host("sub")).expect("moved");
    }

    /// Runs `act`, which comes to `op` in a directory without a handle, and `meanwhile` before it hears of that.
    fn overtake<T: Send>(&self, op: Op, act: impl FnOnce() -> T + Send, meanwhile: impl FnOnce()) -> T {
        let gate = self.plan.hold_answers(op);
        scope(|scope| {
            let acting = scope.spawn(act);
            assert!(gate.wait_for(1, PATIENCE), "it is asked");
            meanwhile();
            gate.open();
            acting.join().expect("no panic")
        })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.gofer.check_invariants().expect("the cache is in order");
        }
    }
}

#[test]
fn stat_whose_directory_leaves_the_cache_before_it_is_bound_looks_again() {
    let it = Mounted::new(3);
    it.unbind_sub();
    let told = it.overtake(
        Op::RevalidateMany,
        || it.size("sub/file"),
        || {
            it.replace_sub();
            for file in 0..FILES {
                assert_eq!(it.size(&file.to_string()), Ok(0));
            }
        },
    );
    assert_eq!(told, Ok(10));
}

#[test]
fn directory_whose_parent_is_found_to_be_another_before_that_is_bound_is_made_in_that() {
    let it = Mounted::new(64);
    it.unbind_sub();
    let made = it.overtake(
        Op::Mkdir,
        || it.root.create_directory_at(CALL, b"sub/new"),
        || {
            it.replace_sub();
            assert_eq!(it.size("sub/file"), Ok(10));
        },
    );
    assert_eq!(made, Ok(()));
    assert!(it.host("sub/new").is_dir());
}

#[test]
fn directory_that_is_opened_while_handles_are_short_keeps_its_own_and_goes_on_where_it_is_moved() {
    let it = Mounted::new(64);
    it.unbind_sub();
    let sub = it.overtake(
        Op::Restore,
        || it.open("sub"),
        || {
            it.budget.relieve(usize::MAX);
        },
    );
    fs::rename(it.host("sub"), it.host("aside")).expect("moved");
    assert_eq!(sub.stat_at(CALL, b"file", false).map(|stat| stat.size), Ok(8));
}

#[test]
fn names_in_an_open_directory_that_is_gone_do_not_exist() {
    let it = Mounted::new(64);
    let sub = it.open("sub");
    fs::remove_dir_all(it.host("sub")).expect("removed");
    assert_eq!(it.size("sub"), Err(Errno::Noent.into()));
    assert_eq!(sub.stat_at(CALL, b"file", false).map(drop), Err(Errno::Noent.into()));
    assert_eq!(sub.create_directory_at(CALL, b"new"), Err(Errno::Noent.into()));
}

#[test]
fn rename_into_a_directory_that_was_below_before_others_moved_it_makes_no_circle() {
    let it = Mounted::new(64);
    fs::create_dir_all(it.host("sub/between/below")).expect("made");
    let below = it.open("sub/between/below");
    fs::rename(it.host("sub/between"), it.host("elsewhere")).expect("moved");
    assert_eq!(it.root.rename_at(CALL, b"sub", &below, b"in"), Ok(()));
    it.gofer.check_invariants().expect("the cache is in order");
    assert_eq!(it.size("elsewhere/below/in/file"), Ok(8));
    assert_eq!(below.stat_at(CALL, b"in/file", false).map(|stat| stat.size), Ok(8));
    // Asks for what is above what.
    assert_eq!(below.rename_at(CALL, b"in/file", &it.root, b"file"), Ok(()));
    assert!(it.host("file").exists());
    assert_eq!(it.size("sub"), Err(Errno::Noent.into()));
}

/// Policies that answer names from the cache.
const TRUSTING: [CachePolicy; 2] = [CachePolicy::Exclusive, CachePolicy::Writethrough];

#[test]
fn directory_of_which_nobody_knows_whether_it_was_moved_is_one_through_a_descriptor_and_by_its_path() {
    for policy in TRUSTING {
        for errno in [Errno::Io, Errno::Timedout] {
            let it = Mounted::with(policy, 64);
            let sub = it.open("sub");
            it.plan.fail(Op::Rename, 1, errno);
            assert_eq!(it.root.rename_at(CALL, b"sub", &it.root, b"moved"), Err(errno.into()));
            assert_eq!(it.size("sub/new"), Err(Errno::Noent.into()), "{policy}: it is known to be missing");

            sub.create_directory_at(CALL, b"new").expect("made");
            assert!(it.size("sub/new").is_ok(), "{policy} {errno}: made through the descriptor, seen by the path");
            it.root.remove_directory_at(CALL, b"sub/new").expect("removed");
            assert_eq!(sub.stat_at(CALL, b"new", false).map(drop), Err(Errno::Noent.into()), "{policy} {errno}");
            it.root.rename_at(CALL, b"sub", &it.root, b"moved").expect("moved");
            assert_eq!(sub.stat_at(CALL, b"file", false).map(|stat| stat.size), Ok(8), "{policy} {errno}");
            assert_eq!(it.size("moved/file"), Ok(8), "{policy} {errno}");
        }
    }
}

#[test]
fn directory_that_is_removed_and_open_is_not_another_one_that_is_made_in_its_place() {
    for policy in TRUSTING {
        let it = Mounted::with(policy, 64);
        it.root.create_directory_at(CALL, b"new").expect("made");
        let old = it.open("new");
        it.root.remove_directory_at(CALL, b"new").expect("removed");
        it.root.create_directory_at(CALL, b"new").expect("made");
        it.root.create_directory_at(CALL, b"new/in").expect("made");
        assert_eq!(old.stat_at(CALL, b"in", false).map(drop), Err(Errno::Noent.into()), "{policy}");
        assert!(it.size("new/in").is_ok(), "{policy}");
    }
}

/// The open directory `above/below`, with a file of one byte, of which nothing is held.
fn unbound_below(policy: CachePolicy) -> (Mounted, OpenDirectory) {
    let it = Mounted::with(policy, 64);
    fs::create_dir_all(it.host("above/below")).expect("made");
    fs::write(it.host("above/below/file"), "x").expect("written");
    let below = it.open("above/below");
    it.budget.relieve(usize::MAX);
    (it, below)
}

#[test]
fn open_directory_below_one_that_another_guest_moves_meanwhile_is_not_lost() {
    for policy in TRUSTING {
        let (it, below) = unbound_below(policy);
        let size = || below.stat_at(CALL, b"file", false).map(|stat| stat.size);
        // It is moved, and nobody has heard of that yet, when the descriptor is used without a handle.
        let moved = it.overtake(
            Op::Rename,
            || it.root.rename_at(CALL, b"above", &it.root, b"moved"),
            || {
                let _at_that_moment = size();
            },
        );
        assert_eq!(moved, Ok(()));
        assert_eq!(size(), Ok(1), "{policy}");
        assert_eq!(it.size("moved/below/file"), Ok(1), "{policy}");
    }
}

#[test]
fn open_directory_whose_way_is_moved_while_it_is_looked_for_is_looked_for_where_it_is_now() {
    for policy in TRUSTING {
        let (it, below) = unbound_below(policy);
        let gate = it.plan.hold(Op::Restore);
        let size = scope(|scope| {
            let looking = scope.spawn(|| below.stat_at(CALL, b"file", false).map(|stat| stat.size));
            assert!(gate.wait_for(1, PATIENCE), "it is looked for under its old name");
            it.root.rename_at(CALL, b"above", &it.root, b"moved").expect("moved");
            gate.open();
            looking.join().expect("no panic")
        });
        assert_eq!(size, Ok(1), "{policy}");
    }
}
