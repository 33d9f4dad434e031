//! Answers of the backend that are overtaken by a change before the cache has them: they must not be kept.

use crate::kit::{PATIENCE, READ_WRITE, WAITING, join, names, open, open_dir};
use crate::ledger::Ledger;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::scope;
use std::time::Duration;
use wasi_gofer::abi::{Errno, Error, SetTime};
use wasi_gofer::vfs::OpenDirectory;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions};

/// Keeps the answer of the next call of one method back.
struct Keeper {
    want: parking_lot::Mutex<Option<&'static str>>,
    arrived: Sender<()>,
    go_on: parking_lot::Mutex<Receiver<()>>,
}

/// A mounted memory whose answers can be kept back.
struct Mounted {
    root: OpenDirectory,
    gofer: Gofer,
    keeper: Arc<Keeper>,
    arrived: Receiver<()>,
    go_on: Sender<()>,
}

impl Mounted {
    fn new() -> Mounted {
        Mounted::with(FsOptions::with_policy(CachePolicy::Exclusive))
    }

    /// Whose writes are the backend's, and make attributes old.
    fn without_pages() -> Mounted {
        Mounted::with(FsOptions { page_cache_bytes: 0, ..FsOptions::with_policy(CachePolicy::Exclusive) })
    }

    fn with(fs: FsOptions) -> Mounted {
        let ((here, arrived), (go_on, go)) = (channel(), channel());
        let keeper = Arc::new(Keeper { want: Default::default(), arrived: here, go_on: parking_lot::Mutex::new(go) });
        let memory = MemoryFs::new().with_file("dir/one", "1").expect("a fresh name");
        let hook = Arc::clone(&keeper);
        let backend = Ledger::with_hook(memory, Arc::new(move |method| hook.answered(method)));
        let mut builder = Gofer::builder();
        builder.mount("/", backend, MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("the mount is fine");
        let ctx = gofer.ctx();
        let root = ctx.open_preopen(WAITING, &ctx.preopens()[0]).expect("the preopen opens");
        Mounted { root, gofer, keeper, arrived, go_on }
    }

    /// Has `question` asked, and its answer to `method` kept back until `change` was made.
    fn overtake<T: Send>(
        &self,
        method: &'static str,
        question: impl FnOnce() -> T + Send,
        change: impl FnOnce() -> Result<(), Error>,
    ) -> T {
        *self.keeper.want.lock() = Some(method);
        let answer = scope(|s| {
            let asking = s.spawn(question);
            self.arrived.recv_timeout(PATIENCE).expect("the question reaches the backend");
            let changed = change();
            self.go_on.send(()).expect("it waits");
            assert_eq!(changed, Ok(()));
            join(asking, s)
        });
        self.gofer.check_invariants().expect("they hold");
        answer
    }
}

impl Keeper {
    fn answered(&self, method: &'static str) {
        let kept = self.want.lock().take_if(|want| *want == method).is_some();
        if kept {
            self.arrived.send(()).expect("the test waits");
            // A test that fails must not hang.
            let _ = self.go_on.lock().recv_timeout(PATIENCE + Duration::from_secs(1));
        }
    }
}

#[test]
fn a_list_overtaken_by_a_new_name_is_not_kept() {
    let mounted = Mounted::new();
    let dir = open_dir(&mounted.root, WAITING, "dir").expect("there");
    let mkdir = || mounted.root.create_directory_at(WAITING, b"dir/new");
    let overtaken = mounted.overtake("read_dir", || names(&dir, WAITING), mkdir);
    assert_eq!(overtaken.map(|names| names.len()), Ok(3));
    assert_eq!(names(&dir, WAITING).map(|names| names.len()), Ok(4));
}

#[test]
fn a_list_overtaken_by_a_removal_is_not_kept() {
    let mounted = Mounted::new();
    let dir = open_dir(&mounted.root, WAITING, "dir").expect("there");
    mounted.root.stat_at(WAITING, b"dir/one", true).expect("there");
    let unlink = || mounted.root.unlink_at(WAITING, b"dir/one");
    let overtaken = mounted.overtake("read_dir", || names(&dir, WAITING), unlink);
    assert_eq!(overtaken.map(|names| names.len()), Ok(3));
    assert_eq!(names(&dir, WAITING).map(|names| names.len()), Ok(2));
}

#[test]
fn a_missing_name_overtaken_by_its_making_is_not_kept() {
    let mounted = Mounted::new();
    let stat = || mounted.root.stat_at(WAITING, b"dir/new", true).map(|stat| stat.file_type);
    mounted.root.stat_at(WAITING, b"dir", true).expect("there");
    let _either = mounted.overtake("walk_many", stat, || mounted.root.create_directory_at(WAITING, b"dir/new"));
    assert_eq!(stat(), Ok(wasi_gofer::FileType::Directory));
}

#[test]
fn a_walk_overtaken_by_another_name_is_walked_again() {
    let mounted = Mounted::new();
    let root = &mounted.root;
    root.stat_at(WAITING, b"dir", true).expect("there");
    let stat = || root.stat_at(WAITING, b"dir/one", true).map(|stat| stat.size);
    let walked = mounted.overtake("walk_many", stat, || root.create_directory_at(WAITING, b"dir/new"));
    assert_eq!(walked, Ok(1));
    assert_eq!(root.stat_at(WAITING, b"dir", true).map(|stat| stat.nlink), Ok(3));
}

#[test]
fn attributes_overtaken_by_a_write_are_not_kept() {
    let mounted = Mounted::without_pages();
    let root = &mounted.root;
    let file = open(root, WAITING, "dir/one", READ_WRITE).expect("there");
    let write = |bytes: &[u8], at| file.write_at(WAITING, &[IoSlice::new(bytes)], at).map(drop);
    write(b"22", 0).expect("written");
    let stat = || root.stat_at(WAITING, b"dir/one", true).map(|stat| stat.size);
    let _either = mounted.overtake("stat", stat, || write(b"333", 0));
    assert_eq!(stat(), Ok(3));
}

#[test]
fn attributes_overtaken_by_a_write_into_pages_have_its_length_and_time() {
    let mounted = Mounted::new();
    let root = &mounted.root;
    let file = open(root, WAITING, "dir/one", READ_WRITE).expect("there");
    let write = |bytes: &[u8]| file.write_at(WAITING, &[IoSlice::new(bytes)], 0).map(drop);
    write(b"22").expect("written");
    // The backend is asked again behind this.
    root.set_times_at(WAITING, b"dir/one", true, Some(SetTime::Now), None).expect("set");
    let before = file.stat(WAITING).expect("open").mtime;
    root.set_times_at(WAITING, b"dir/one", true, Some(SetTime::Now), None).expect("set");
    let stat = || root.stat_at(WAITING, b"dir/one", true);
    let _either = mounted.overtake("stat", stat, || write(b"333"));
    let after = stat().expect("there");
    assert_eq!(after.size, 3);
    assert!(after.mtime > before, "{:?} is not behind {before:?}", after.mtime);
    file.sync(WAITING, false).expect("brought out");
    assert_eq!(stat().map(|stat| (stat.size, stat.mtime)), Ok((3, after.mtime)));
}

#[test]
fn attributes_overtaken_by_write_back_are_not_kept() {
    let mounted = Mounted::new();
    let root = &mounted.root;
    let file = open(root, WAITING, "dir/one", READ_WRITE).expect("there");
    file.write_at(WAITING, &[IoSlice::new(b"4444")], 0).expect("written");
    root.set_times_at(WAITING, b"dir/one", true, Some(SetTime::Now), None).expect("set");
    let stat = || root.stat_at(WAITING, b"dir/one", true).map(|stat| stat.size);
    assert_eq!(mounted.overtake("stat", stat, || file.sync(WAITING, false)), Ok(4));
    assert_eq!(stat(), Ok(4));
}

#[test]
fn attributes_overtaken_by_a_removal_are_not_kept() {
    let mounted = Mounted::without_pages();
    let root = &mounted.root;
    let file = open(root, WAITING, "dir/one", READ_WRITE).expect("there");
    file.write_at(WAITING, &[IoSlice::new(b"22")], 0).expect("written");
    let stat = || root.stat_at(WAITING, b"dir/one", true).map(|stat| stat.nlink);
    let _either = mounted.overtake("stat", stat, || root.unlink_at(WAITING, b"dir/one"));
    assert_eq!(stat(), Err(Errno::Noent.into()));
    assert_eq!(file.stat(WAITING).map(|stat| (stat.nlink, stat.size)), Ok((0, 2)));
}
