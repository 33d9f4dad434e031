//! Control handles that are given back under pressure.

use crate::directfs_swapped::name;
use crate::harness::errno;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;
use wasi_gofer::abi::{Call, Errno, Error, OpenFlags};
use wasi_gofer::backend::directfs::{DirectFs, DirectNode, FdBudget};
use wasi_gofer::backend::{Backend, Found, Location, Object, WalkEnd};

const CALL: &Call = &Call::WAITING;

/// `count` directories `d0`, `d1` ... with a file `f` each.
fn tree(count: usize) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for number in 0..count {
        let sub = dir.path().join(format!("d{number}"));
        fs::create_dir(&sub).expect("made");
        fs::write(sub.join("f"), "x").expect("made");
    }
    dir
}

/// Crosses directory `number` on the way to its file.
fn cross(fs: &DirectFs, root: &DirectNode, number: usize) -> Vec<Found<DirectNode>> {
    let mut found = Vec::new();
    let sub = format!("d{number}");
    assert_eq!(fs.walk_many(CALL, root, &[name(&sub), name("f")], &mut found), Ok(WalkEnd::Complete));
    found
}

/// Looks `f` up in a directory that may have been given back; whether it had been.
fn use_again(fs: &DirectFs, root: &DirectNode, number: usize, found: &Found<DirectNode>) -> bool {
    let sub = format!("d{number}");
    let mut restored = false;
    loop {
        match fs.lookup(CALL, &found.node, name("f")) {
            Ok(_) => return restored,
            Err(Error::Unbound) => {
                let at = Location { dir: root, name: name(&sub) };
                fs.restore(CALL, &found.node, at, found.stat.key).expect("still there");
                restored = true;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn a_thousand_directories_walked_with_eight_handles_hold_eight_and_every_restore_works() {
    let dir = tree(1000);
    let budget = FdBudget::new(8);
    let fs = DirectFs::open_ambient(dir.path()).expect("there").with_budget(Arc::clone(&budget));
    let root = fs.root(CALL).expect("root").node;
    let mut nodes = Vec::new();
    for number in 0..1000 {
        nodes.push(cross(&fs, &root, number).swap_remove(0));
        assert!(budget.held() <= 8);
    }
    assert_eq!((budget.held(), budget.evictions()), (8, 992));
    let mut restored = 0;
    for (number, found) in nodes.iter().enumerate() {
        restored += usize::from(use_again(&fs, &root, number, found));
        assert!(budget.held() <= 8);
    }
    assert_eq!(restored, 1000, "going round, the next one is always the one given back last");
    drop(nodes);
    assert_eq!((budget.held(), budget.pinned()), (0, 0));
}

#[test]
fn a_directory_that_is_used_again_and_again_is_not_given_back() {
    let dir = tree(100);
    let budget = FdBudget::new(4);
    let fs = DirectFs::open_ambient(dir.path()).expect("there").with_budget(budget);
    let root = fs.root(CALL).expect("root").node;
    let hot = cross(&fs, &root, 0).swap_remove(0);
    let mut cold = Vec::new();
    for number in 1..100 {
        cold.push(cross(&fs, &root, number));
        assert!(!use_again(&fs, &root, 0, &hot), "given back at {number}");
    }
}

#[test]
fn pinned_directories_stay_and_the_rest_is_bounded() {
    let dir = tree(50);
    let budget = FdBudget::new(8);
    let fs = DirectFs::open_ambient(dir.path()).expect("there").with_budget(Arc::clone(&budget));
    let root = fs.root(CALL).expect("root").node;
    let mut nodes: Vec<_> = (0..12).map(|number| cross(&fs, &root, number).swap_remove(0)).collect();
    for (number, found) in nodes.iter().enumerate() {
        // Of a directory that was given back, what it will hold is pinned.
        fs.pin(&found.node, true);
        use_again(&fs, &root, number, found);
    }
    assert_eq!((budget.pinned(), budget.held()), (12, 12));
    let more: Vec<_> = (12..50).map(|number| cross(&fs, &root, number).swap_remove(0)).collect();
    assert_eq!((budget.pinned(), budget.held()), (12, 13), "one at a time beside the pinned");
    for (number, found) in nodes.iter().enumerate() {
        assert!(!use_again(&fs, &root, number, found));
    }
    assert!(fs.relieve(usize::MAX) == 1 && budget.held() == 12);
    for found in nodes.drain(..6) {
        fs.pin(&found.node, false);
    }
    assert_eq!((budget.pinned(), budget.held()), (6, 6));
    nodes.iter().for_each(|found| fs.pin(&found.node, false));
    assert_eq!((budget.pinned(), budget.held()), (0, 6));
    drop((nodes, more));
    assert_eq!(budget.held(), 0);
}

#[test]
fn an_operation_on_an_unbound_directory_is_unbound_before_it_does_anything() {
    use wasi_gofer::abi::{Mode, SetStat};
    let dir = tree(1);
    let fs = DirectFs::open_ambient(dir.path()).expect("there").with_budget(FdBudget::new(8));
    let root = fs.root(CALL).expect("root").node;
    let found = cross(&fs, &root, 0);
    let (node, file) = (&found[0].node, &found[1]);
    assert_eq!(fs.relieve(8), 1);
    let mode = Mode::new(0o755);
    let object = Object {
        node: &file.node,
        location: Some(Location { dir: node, name: name("f") }),
        key: file.stat.key,
        file_type: file.stat.file_type,
    };
    let (here, there) = (Location { dir: node, name: name("f") }, Location { dir: &root, name: name("g") });
    let outcomes = [
        fs.lookup(CALL, node, name("f")).map(drop),
        fs.walk_many(CALL, node, &[name("f")], &mut Vec::new()).map(drop),
        fs.stat(CALL, object).map(drop),
        fs.set_stat(CALL, object, &SetStat { mode: Some(mode), ..SetStat::default() }).map(drop),
        fs.open(CALL, object, OpenFlags::READ).map(drop),
        fs.create(CALL, node, name("x"), OpenFlags::WRITE, mode).map(drop),
        fs.mkdir(CALL, node, name("x"), mode).map(drop),
        fs.mknod(CALL, node, name("x"), wasi_gofer::backend::NodeKind::Fifo, mode).map(drop),
        fs.symlink(CALL, node, name("x"), b"y").map(drop),
        fs.link(CALL, object, &root, name("x")).map(drop),
        fs.unlink(CALL, node, name("f")),
        fs.rmdir(CALL, node, name("f")),
        fs.rename(CALL, here, there),
        fs.rename(CALL, there, here),
        fs.read_dir(CALL, node, 0, &mut |_| true).map(drop),
        fs.sync_dir(CALL, node),
        fs.restore(CALL, &cross(&fs, &root, 0)[0].node, here, file.stat.key).and(Err(Error::Unbound)),
    ];
    assert_eq!(outcomes, [Err(Error::Unbound); 17]);
    assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1);
    assert_eq!(fs::read_dir(dir.path().join("d0")).expect("there").count(), 1);
}

#[test]
fn many_threads_share_few_handles() {
    let dir = tree(40);
    let budget = FdBudget::new(4);
    let fs = DirectFs::open_ambient(dir.path()).expect("there").with_budget(Arc::clone(&budget));
    let root = fs.root(CALL).expect("root").node;
    let nodes: Vec<_> = (0..40).map(|number| cross(&fs, &root, number).swap_remove(0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (fs, root, nodes) = (&fs, &root, &nodes);
            scope.spawn(move || {
                for round in 0..600 {
                    let number = (round * (thread + 3)) % nodes.len();
                    let found = &nodes[number];
                    // Each thread pins a range of its own, so that pins alternate as a cache's do.
                    let own = number % 4 == thread;
                    if own {
                        fs.pin(&found.node, true);
                    }
                    use_again(fs, root, number, found);
                    if own {
                        fs.pin(&found.node, false);
                    }
                }
            });
        }
    });
    assert!(budget.held() <= 4 && budget.pinned() == 0, "{budget:?}");
    drop(nodes);
    assert_eq!(budget.held(), 0);
}

#[test]
fn backends_share_one_budget() {
    let dir = tree(10);
    let budget = FdBudget::new(6);
    let backends =
        [(); 3].map(|()| DirectFs::open_ambient(dir.path()).expect("there").with_budget(Arc::clone(&budget)));
    let roots: Vec<_> = backends.iter().map(|fs| fs.root(CALL).expect("root").node).collect();
    let mut nodes = Vec::new();
    for number in 0..10 {
        for (fs, root) in backends.iter().zip(&roots) {
            nodes.push(cross(fs, root, number));
            assert!(budget.held() <= 6);
        }
    }
    assert_eq!(budget.held(), 6);
}

/// Runs the calling test's body in a process of its own, whose limits are its own. True in that process.
fn in_own_process(test: &str) -> bool {
    const MARK: &str = "WASI_GOFER_TEST_CHILD";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let exe = std::env::current_exe().expect("a test binary");
    let run = std::process::Command::new(exe)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .expect("runs");
    let shown = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && shown.contains("1 passed"), "{shown}{}", String::from_utf8_lossy(&run.stderr));
    false
}

#[test]
fn running_out_of_descriptors_gives_handles_back_and_goes_on() {
    if !in_own_process("directfs_budget::running_out_of_descriptors_gives_handles_back_and_goes_on") {
        return;
    }
    let dir = tree(300);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).expect("lowers");
    // A budget far above what the process may have, so that only the kernel's answer can tell.
    let budget = FdBudget::new(100_000);
    let fs = DirectFs::open_ambient(dir.path()).expect("there").with_budget(Arc::clone(&budget));
    let root = fs.root(CALL).expect("root").node;
    let nodes: Vec<_> = (0..300).map(|number| cross(&fs, &root, number)).collect();
    assert!(budget.evictions() > 200 && budget.held() < 64, "{budget:?}");
    // Open files are nobody's to take: when they fill the table, the errno is told.
    let mut open = Vec::new();
    let failure = nodes.iter().enumerate().find_map(|(number, found)| {
        use_again_while_room(&fs, &root, number, &found[0])
            .and_then(|()| {
                let object = Object {
                    node: &found[1].node,
                    location: Some(Location { dir: &found[0].node, name: name("f") }),
                    key: found[1].stat.key,
                    file_type: found[1].stat.file_type,
                };
                fs.open(CALL, object, OpenFlags::READ).map(|file| open.push(file))
            })
            .err()
    });
    assert_eq!(failure, Some(Error::Errno(Errno::Mfile)));
    assert!(open.len() > 40, "{} files were opened", open.len());
    open.clear();
    assert!(use_again_while_room(&fs, &root, 0, &nodes[0][0]).is_ok(), "there is room again");
}

/// As [`use_again`], with the failure to restore told.
fn use_again_while_room(
    fs: &DirectFs,
    root: &DirectNode,
    number: usize,
    found: &Found<DirectNode>,
) -> Result<(), Error> {
    let sub = format!("d{number}");
    fs.restore(CALL, &found.node, Location { dir: root, name: name(&sub) }, found.stat.key)
}

#[test]
fn the_process_budget_is_a_quarter_of_the_soft_limit() {
    if !in_own_process("directfs_budget::the_process_budget_is_a_quarter_of_the_soft_limit") {
        return;
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(400), maximum: Some(400) }).expect("lowers");
    assert_eq!(FdBudget::process().limit(), 100);
    assert!(Arc::ptr_eq(&FdBudget::process(), &FdBudget::process()));
}

#[test]
fn listing_and_syncing_close_what_they_open() {
    if !in_own_process("directfs_budget::listing_and_syncing_close_what_they_open") {
        return;
    }
    let count = || fs::read_dir("/proc/self/fd").expect("procfs").count();
    let dir = tree(2);
    let fs = DirectFs::open_ambient(dir.path()).expect("there").with_budget(FdBudget::new(8));
    let root = fs.root(CALL).expect("root").node;
    let before = count();
    for _ in 0..50 {
        fs.read_dir(CALL, &root, 0, &mut |_| false).expect("lists");
        fs.sync_dir(CALL, &root).expect("syncs");
        let found = cross(&fs, &root, 1);
        let stale = Location { dir: &root, name: name("d0") };
        assert_eq!(
            errno(fs.restore(CALL, &fs.lookup(CALL, &root, name("d1")).expect("there").node, stale, found[0].stat.key)),
            Errno::Stale
        );
        fs.lineage();
    }
    assert_eq!(count(), before);
}
