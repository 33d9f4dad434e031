//! What a listing tells of objects, over a server of our own: it is as good as what was looked up, and never newer than it
//! is.

use crate::ledger::Ledger;
use crate::overlayfs::is_overlay_that_lacks;
use crate::subjects::serve;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use wasi_gofer::abi::{Call, Errno, FileType, Mode, Name, SetTime, Stat, Timespec};
use wasi_gofer::backend::Backend;
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions, RpcCounts};
use wasi_gofer::sidecar::Server;
use wasi_gofer::vfs::{Descriptor, OpenDirectory, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, IntoBackend, MountOptions};

const CALL: &Call = &Call::WAITING;

/// A guest's view of a directory that a server of ours serves.
struct Guest {
    root: OpenDirectory,
    gofer: Gofer,
}

impl Guest {
    fn new(backend: impl IntoBackend, fs: FsOptions) -> Guest {
        let mut builder = Gofer::builder();
        builder.mount("/", backend, MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("mounted");
        let ctx = gofer.ctx();
        let root = ctx.open_preopen(CALL, &ctx.preopens()[0]).expect("the preopen opens");
        Guest { root, gofer }
    }

    fn names(&self, path: &str) -> Vec<String> {
        let opened = self.root.open_at(CALL, path.as_bytes(), OpenHow { directory: true, ..OpenHow::default() });
        let Ok(Descriptor::Directory(dir)) = opened else { panic!("{path}: {opened:?}") };
        let mut names = Vec::new();
        dir.read_dir(CALL, 0, &mut |entry| {
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            true
        })
        .expect("listed");
        names.retain(|name| name != "." && name != "..");
        names.sort();
        names
    }

    fn stat(&self, path: &str) -> Result<Stat, Errno> {
        self.root.stat_at(CALL, path.as_bytes(), false).map_err(|error| match error {
            wasi_gofer::Error::Errno(errno) => errno,
            other => panic!("{path}: {other:?}"),
        })
    }

    fn ended(self) {
        self.gofer.check_invariants().expect("the cache is in order");
    }
}

fn served(dir: &Path) -> (Server, LisaFs, Arc<RpcCounts>) {
    let (server, socket) = serve(dir);
    let backend = LisaFs::connect(socket, LisaFsOptions::default()).expect("mounted");
    let counts = backend.rpc_counts();
    (server, backend, counts)
}

fn exclusive() -> FsOptions {
    FsOptions::with_policy(CachePolicy::Exclusive)
}

#[test]
fn what_was_listed_is_used_like_what_was_looked_up() {
    let dir = tempfile::tempdir().expect("a directory");
    if is_overlay_that_lacks(dir.path(), "attributes of directories in a listing") {
        return;
    }
    let made = |path: &str| dir.path().join(path);
    std::fs::create_dir_all(made("d/below/deep")).expect("made");
    std::fs::write(made("d/file"), "content").expect("written");
    std::fs::write(made("d/below/inner"), "x").expect("written");
    std::fs::hard_link(made("d/file"), made("d/linked")).expect("linked");
    std::os::unix::fs::symlink("file", made("d/link")).expect("made");
    let (_server, backend, counts) = served(dir.path());
    let guest = Guest::new(backend, exclusive());
    assert_eq!(guest.names("d"), ["below", "file", "link", "linked"]);
    let before = counts.total();
    for name in ["below", "file", "link", "linked"] {
        let (told, host) = (guest.stat(&format!("d/{name}")).expect("there"), made("d").join(name));
        let host = std::fs::symlink_metadata(host).expect("there");
        let is = (told.key.ino, told.key.dev, told.size, told.nlink, told.mode.bits(), told.mtime.secs);
        let mode = host.mode() & 0o7777;
        assert_eq!(is, (host.ino(), host.dev(), host.size(), host.nlink(), mode, host.mtime()), "{name}");
    }
    assert_eq!(counts.total(), before, "{counts}");
    // What has no control file yet is found when it takes one.
    assert_eq!(guest.root.readlink_at(CALL, b"d/link"), Ok(b"file".to_vec()));
    assert_eq!(guest.names("d/below"), ["deep", "inner"]);
    let how = OpenHow { follow: true, read: true, write: true, ..OpenHow::default() };
    let opened = guest.root.open_at(CALL, b"d/link", how);
    let Ok(Descriptor::File(file)) = opened else { panic!("{opened:?}") };
    let mut read = [0; 7];
    assert_eq!(file.read_at(CALL, &mut [std::io::IoSliceMut::new(&mut read)], 0), Ok(7));
    assert_eq!(&read, b"content");
    assert_eq!(file.append(CALL, &[std::io::IoSlice::new(b"!")]), Ok(1));
    file.close(CALL).expect("closed");
    // By whichever name: two that were listed are one object.
    assert_eq!(
        (guest.stat("d/file").map(|told| told.size), guest.stat("d/linked").map(|told| told.size)),
        (Ok(8), Ok(8))
    );
    guest.root.unlink_at(CALL, b"d/linked").expect("removed");
    assert_eq!(guest.stat("d/file").map(|told| told.nlink), Ok(1));
    guest.root.rename_at(CALL, b"d/below/inner", &guest.root, b"d/moved").expect("moved");
    guest.root.remove_directory_at(CALL, b"d/below/deep").expect("removed");
    guest.root.remove_directory_at(CALL, b"d/below").expect("removed");
    assert_eq!(guest.names("d"), ["file", "link", "moved"]);
    assert_eq!((guest.stat("d/moved").map(|told| told.size), guest.stat("d/below")), (Ok(1), Err(Errno::Noent)));
    guest.ended();
}

#[test]
fn listing_of_a_directory_larger_than_the_cache_leaves_what_is_used_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = |path: &str| dir.path().join(path);
    std::fs::create_dir_all(made("used")).expect("made");
    std::fs::create_dir_all(made("many")).expect("made");
    let used: Vec<String> = (0..20).map(|number| format!("used/{number}")).collect();
    used.iter().for_each(|path| std::fs::write(made(path), "").expect("written"));
    (0..3_000).for_each(|number| std::fs::write(made(&format!("many/{number}")), "").expect("written"));
    let (_server, backend, counts) = served(dir.path());
    let guest = Guest::new(backend, FsOptions { dentry_cache_limit: 100, ..exclusive() });
    for _ in 0..2 {
        used.iter().for_each(|path| assert!(guest.stat(path).is_ok()));
    }
    assert_eq!(guest.names("many").len(), 3_000);
    let held = guest.gofer.stats()[0].fs.dentries;
    assert!((50..=100).contains(&held), "{held} names are cached");
    let before = counts.total();
    used.iter().for_each(|path| assert!(guest.stat(path).is_ok()));
    assert_eq!(counts.total(), before, "{counts}");
    guest.ended();
}

/// Has `change` made once between the server's answer to a listing of `d` and its use, and answers the guest.
fn overtaken(fs: FsOptions, change: fn(&Guest)) -> (Arc<Guest>, (Server, tempfile::TempDir)) {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("d")).expect("made");
    ["one", "two"].iter().for_each(|name| std::fs::write(dir.path().join("d").join(name), name).expect("written"));
    let (server, backend, _) = served(dir.path());
    let armed = Arc::new(AtomicBool::new(false));
    let slot: Arc<OnceLock<std::sync::Weak<Guest>>> = Arc::default();
    let (arm, own) = (Arc::clone(&armed), Arc::clone(&slot));
    let hook = move |method: &'static str| {
        if method == "read_dir" && arm.swap(false, Ordering::SeqCst) {
            let guest = own.get().and_then(std::sync::Weak::upgrade).expect("there");
            change(&guest);
        }
    };
    let guest = Arc::new(Guest::new(Ledger::with_hook(backend, Arc::new(hook)), fs));
    slot.set(Arc::downgrade(&guest)).expect("once");
    armed.store(true, Ordering::SeqCst);
    assert_eq!(guest.names("d"), ["one", "two"]);
    assert!(!armed.load(Ordering::SeqCst), "nothing was listed");
    (guest, (server, dir))
}

#[test]
fn names_of_a_listing_that_was_overtaken_by_a_change_of_names_are_not_entered() {
    let rename = |guest: &Guest| {
        guest.root.rename_at(CALL, b"d/one", &guest.root, b"d/two").expect("moved");
        // Else what the change itself left in the cache would be taken for newer than the list, which it is.
        guest.gofer.drop_caches();
    };
    let (guest, _served) = overtaken(exclusive(), rename);
    assert_eq!((guest.stat("d/one"), guest.stat("d/two").is_ok()), (Err(Errno::Noent), true));
    let unlink = |guest: &Guest| {
        guest.root.unlink_at(CALL, b"d/one").expect("removed");
        guest.gofer.drop_caches();
    };
    let (guest, _served) = overtaken(exclusive(), unlink);
    assert_eq!(guest.stat("d/one"), Err(Errno::Noent));
    guest.gofer.check_invariants().expect("the cache is in order");
}

#[test]
fn attributes_of_a_listing_that_was_overtaken_by_a_change_of_them_are_not_believed() {
    const THEN: Timespec = Timespec { secs: 1_000_000, nanos: 5 };
    let set = |guest: &Guest| {
        let then = Some(SetTime::At(THEN));
        guest.root.set_times_at(CALL, b"d/one", true, then, then).expect("set");
    };
    let (guest, _served) = overtaken(exclusive(), set);
    assert_eq!(guest.stat("d/one").map(|told| told.mtime), Ok(THEN));
    // Whoever changed it need not have left anything in the cache.
    let set_and_forget = |guest: &Guest| {
        let then = Some(SetTime::At(THEN));
        guest.root.set_times_at(CALL, b"d/one", true, then, then).expect("set");
        guest.gofer.drop_caches();
    };
    let (guest, _served) = overtaken(exclusive(), set_and_forget);
    assert_eq!(guest.stat("d/one").map(|told| told.mtime), Ok(THEN));
    let write_and_forget = |guest: &Guest| {
        let how = OpenHow { follow: true, write: true, truncate: true, ..OpenHow::default() };
        let opened = guest.root.open_at(CALL, b"d/one", how);
        let Ok(Descriptor::File(file)) = opened else { panic!("{opened:?}") };
        file.write(CALL, &[std::io::IoSlice::new(b"longer than it was")]).expect("written");
        file.close(CALL).expect("closed");
        guest.gofer.drop_caches();
    };
    for fs in [exclusive(), FsOptions { page_cache_bytes: 0, ..exclusive() }] {
        let (guest, _served) = overtaken(fs, write_and_forget);
        assert_eq!(guest.stat("d/one").map(|told| told.size), Ok(18));
    }
}

/// What a listing from behind `cookie` tells: sizes where it tells attributes, and the cookie behind the last entry.
fn listed(fs: &LisaFs, cookie: u64, max: usize) -> (BTreeMap<String, Option<u64>>, u64) {
    let (mut told, mut behind) = (BTreeMap::new(), cookie);
    let root = fs.root(CALL).expect("there").node;
    let answer = fs.read_dir_found(CALL, &root, cookie, &mut |entry, found| {
        if told.len() == max {
            return false;
        }
        behind = entry.cookie;
        let name = String::from_utf8_lossy(entry.name.as_bytes()).into_owned();
        told.insert(name, found.map(|found| found.stat.size));
        true
    });
    answer.expect("listed");
    (told, behind)
}

#[test]
fn attributes_that_one_listing_left_are_not_told_to_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let names = ["a", "b", "c", "d"];
    names.iter().for_each(|name| std::fs::write(dir.path().join(name), "old").expect("written"));
    let (_server, backend, _) = served(dir.path());
    let (first, behind) = listed(&backend, 0, 1);
    assert_eq!(first.values().collect::<Vec<_>>(), [&Some(3)]);
    names.iter().for_each(|name| std::fs::write(dir.path().join(name), "newer").expect("written"));
    let (rest, _) = listed(&backend, behind, usize::MAX);
    assert_eq!(rest.len(), 3);
    assert!(rest.values().all(|size| size.is_none_or(|size| size == 5)), "{rest:?}");
    let (all, _) = listed(&backend, 0, usize::MAX);
    assert!(all.len() == 4 && all.values().all(|size| *size == Some(5)), "{all:?}");
}

#[test]
fn nodes_of_a_listing_reach_their_objects_by_their_names_and_no_others() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("dir")).expect("made");
    std::fs::write(dir.path().join("file"), "").expect("written");
    let (_server, backend, _) = served(dir.path());
    let root = backend.root(CALL).expect("there").node;
    let mut found = BTreeMap::new();
    let answer = backend.read_dir_found(CALL, &root, 0, &mut |entry, of| {
        found.insert(entry.name.as_bytes().to_vec(), of.expect("a server of ours tells of each"));
        true
    });
    assert_eq!(answer, Ok(true));
    let below = &found[&b"dir"[..]];
    let at = |name: &'static str| wasi_gofer::backend::Location {
        dir: &root,
        name: Name::new(name.as_bytes()).expect("a name"),
    };
    let unbound = backend.mkdir(CALL, &below.node, Name::new(b"x").expect("a name"), Mode::new(0o755)).map(|_| ());
    assert_eq!((unbound, backend.is_bound(&below.node)), (Err(wasi_gofer::Error::Unbound), false));
    assert_eq!(backend.restore(CALL, &below.node, at("dir"), below.stat.key), Ok(()));
    assert!(backend.mkdir(CALL, &below.node, Name::new(b"x").expect("a name"), Mode::new(0o755)).is_ok());
    let file = &found[&b"file"[..]];
    let object = wasi_gofer::backend::Object {
        node: &file.node,
        location: Some(at("file")),
        key: file.stat.key,
        file_type: FileType::Regular,
    };
    assert_eq!(backend.stat(CALL, object).map(|stat| stat.key), Ok(file.stat.key));
    std::fs::write(dir.path().join("new"), "").expect("written");
    std::fs::rename(dir.path().join("new"), dir.path().join("file")).expect("moved");
    assert_eq!(backend.stat(CALL, object).map(|_| ()), Err(Errno::Stale.into()));
}
