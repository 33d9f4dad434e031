//! What is believed, by a queue that says what it is told to say: it is silent when it should speak, so that an answer
//! shows where it came from.

use crate::kit;
use std::fs;
use std::io::IoSliceMut;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::scope;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wasi_gofer::abi::{Call, CancelToken, Errno, Error, Stat};
use wasi_gofer::backend::WatchId;
use wasi_gofer::backend::faulty::{Announced, FaultPlan, Faulty, Op, QueueScript};
use wasi_gofer::vfs::{Descriptor, OpenDirectory, OpenFile, OpenHow};
use wasi_gofer::{CachePolicy, DirectFs, FsOptions, Gofer, MountOptions};

const CALL: &Call = &Call::WAITING;

/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mounted directory with `dir/file`, `dir/sub/` and `other/file`, and a hand on its backend and its queue.
struct Mounted {
    dir: TempDir,
    plan: Arc<FaultPlan>,
    script: Arc<QueueScript>,
    gofer: Gofer,
    root: OpenDirectory,
}

impl Mounted {
    fn new() -> Mounted {
        Mounted::with(FsOptions::with_policy(CachePolicy::Shared))
    }

    fn with(fs: FsOptions) -> Mounted {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a fresh directory");
        for sub in ["dir/sub", "other"] {
            fs::create_dir_all(dir.path().join(sub)).expect("made");
        }
        for file in ["dir/file", "other/file"] {
            fs::write(dir.path().join(file), file).expect("written");
        }
        let script = QueueScript::new();
        let backend = Faulty::new(DirectFs::open_ambient(dir.path()).expect("opened")).with_queue(&script);
        let plan = Arc::clone(backend.plan());
        let mut builder = Gofer::builder();
        builder.mount("/", backend, MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("mounted");
        let (_, root) = kit::root(&gofer);
        Mounted { dir, plan, script, gofer, root }
    }

    fn host(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn stat(&self, path: &str) -> Result<Stat, Error> {
        self.root.stat_at(CALL, path.as_bytes(), false)
    }

    fn exists(&self, path: &str) -> bool {
        match self.stat(path) {
            Ok(_) => true,
            Err(Error::Errno(Errno::Noent)) => false,
            Err(error) => panic!("{path}: {error}"),
        }
    }

    fn open_dir(&self, path: &str) -> OpenDirectory {
        kit::open_dir(CALL, &self.root, path).expect("opened")
    }

    /// Looks until every directory on the way is watched and what is looked at is believed.
    fn warm(&self, path: &str) {
        for _ in 0..8 {
            let _ = self.exists(path);
        }
    }

    /// Questions so far about names.
    fn asked_by_name(&self) -> u64 {
        self.plan.calls(Op::RevalidateEnd) + self.plan.calls(Op::RevalidateMany)
    }

    /// Questions to the backend that `look` asks.
    fn asked<T>(&self, look: impl FnOnce() -> T) -> (T, u64) {
        let told = [Op::Pin, Op::Relieve, Op::Release, Op::ReleaseHandles];
        let count = || self.plan.calls_total() - told.iter().map(|op| self.plan.calls(*op)).sum::<u64>();
        let before = count();
        let answer = look();
        (answer, count() - before)
    }

    /// The watch of the directory `path`, which must be the `nth` that was taken, 1 being the first.
    fn watch(nth: u64) -> WatchId {
        WatchId(nth)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.gofer.check_invariants().expect("the cache is in order");
        }
    }
}

fn names(dir: &OpenDirectory) -> Vec<String> {
    let mut names = Vec::new();
    let listed = dir.read_dir(CALL, 0, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    });
    listed.expect("listed");
    names.retain(|name| name != "." && name != "..");
    names.sort();
    names
}

/// Else a test shows nothing. Some filesystems (btrfs, overlayfs) do not count links of directories.
#[track_caller]
fn counts_children(before: u64, after: u64) {
    if before < 2 {
        return eprintln!("directories do not count their children here: what is told of that is SKIPPED");
    }
    assert_ne!(before, after, "the directory counts its children here");
}

#[test]
fn stat_of_a_missing_name_that_is_believed_asks_nothing_until_it_is_announced() {
    let it = Mounted::new();
    it.warm("new");
    assert_eq!(it.asked(|| it.exists("new")), (false, 0));
    fs::write(it.host("new"), "").expect("made");
    // Not announced: what comes is the cache's.
    assert_eq!(it.asked(|| it.exists("new")), (false, 0));
    it.script.announce_name(Mounted::watch(1), "new").expect("a name");
    assert!(it.exists("new"));
    assert_eq!(it.gofer.stats()[0].fs.queue_drains, 1);
}

#[test]
fn stat_of_a_directory_that_is_believed_asks_nothing_until_it_or_its_name_is_announced() {
    let it = Mounted::new();
    it.warm("dir");
    let links = |it: &Mounted| it.stat("dir").expect("there").nlink;
    let (before, asked) = it.asked(|| links(&it));
    assert_eq!(asked, 0);
    fs::create_dir(it.host("dir/another")).expect("made");
    assert_eq!(it.asked(|| links(&it)), (before, 0));
    // Its own watch is the second or the first, by which of the two was asked about more.
    it.script.announce_name(Mounted::watch(2), "another").expect("a name");
    it.script.announce_name(Mounted::watch(1), "another").expect("a name");
    let after = fs::metadata(it.host("dir")).map(|found| std::os::unix::fs::MetadataExt::nlink(&found)).expect("there");
    assert_eq!(links(&it), after);
    counts_children(before, after);
    // Back in belief; then another directory takes the name.
    it.warm("dir");
    assert_eq!(it.asked(|| links(&it)).1, 0);
    fs::rename(it.host("dir"), it.host("moved")).expect("moved");
    it.script.announce_name(Mounted::watch(1), "dir").expect("a name");
    it.script.announce_name(Mounted::watch(2), "dir").expect("a name");
    assert!(!it.exists("dir"));
}

#[test]
fn stat_of_a_regular_file_asks_about_it_alone_once_the_way_is_believed() {
    let it = Mounted::new();
    it.warm("dir/file");
    let (stat, asked) = it.asked(|| it.stat("dir/file").expect("there"));
    assert_eq!((stat.size, asked), (8, 1));
    // Nothing announces what native AIO, a mapping, or a writer through another link does to it.
    fs::write(it.host("dir/file"), "longer than before").expect("written");
    let (stat, asked) = it.asked(|| it.stat("dir/file").expect("there"));
    assert_eq!((stat.size, asked), (18, 1));
}

#[test]
fn list_that_is_believed_asks_nothing_until_a_name_is_announced() {
    let it = Mounted::new();
    let dir = it.open_dir("other");
    for _ in 0..4 {
        names(&dir);
    }
    assert_eq!(it.asked(|| names(&dir)), (vec!["file".to_owned()], 0));
    fs::write(it.host("other/new"), "").expect("made");
    assert_eq!(it.asked(|| names(&dir)).0, ["file"]);
    for watch in 1..=it.script.taken() {
        it.script.announce_name(WatchId(watch), "new").expect("a name");
    }
    assert_eq!(names(&dir), ["file", "new"]);
}

#[test]
fn names_that_were_cached_before_the_watch_are_confirmed_once_behind_it() {
    let it = Mounted::new();
    // Cached while nothing is watched, and swapped unannounced.
    assert!(it.exists("other"));
    fs::rename(it.host("other"), it.host("aside")).expect("moved");
    fs::create_dir(it.host("other")).expect("made");
    it.warm("dir");
    assert!(it.script.taken() > 0);
    let ours = it.stat("other").expect("there").key;
    let theirs =
        fs::metadata(it.host("other")).map(|found| std::os::unix::fs::MetadataExt::ino(&found)).expect("there");
    assert_eq!(ours.ino, theirs);
}

#[test]
fn attributes_that_were_cached_before_the_watch_are_asked_for_behind_it() {
    let it = Mounted::new();
    let links = |it: &Mounted| it.stat("dir").expect("there").nlink;
    let before = links(&it);
    fs::create_dir(it.host("dir/unannounced")).expect("made");
    let after = fs::metadata(it.host("dir")).map(|found| std::os::unix::fs::MetadataExt::nlink(&found)).expect("there");
    // The second look has both directories watched.
    assert_eq!((links(&it), it.script.taken()), (after, 2));
    counts_children(before, after);
}

#[test]
fn overflow_makes_everything_be_asked_again() {
    let it = Mounted::new();
    for path in ["new", "dir/new", "other/new"] {
        it.warm(path);
        assert_eq!(it.asked(|| it.exists(path)), (false, 0), "{path}");
        fs::write(it.host(path), "").expect("made");
        assert_eq!(it.asked(|| it.exists(path)), (false, 0), "{path}");
    }
    it.script.announce(Announced::Overflow);
    for path in ["new", "dir/new", "other/new"] {
        assert!(it.exists(path), "{path}");
    }
    assert_eq!(it.gofer.stats()[0].fs.queue_overflows, 1);
}

#[test]
fn watch_that_is_refused_leaves_every_look_to_the_backend() {
    for errno in [Errno::Nospc, Errno::Opnotsupp, Errno::Acces] {
        let it = Mounted::new();
        it.plan.fail_from(Op::Watch, 1, errno);
        it.warm("new");
        fs::write(it.host("new"), "").expect("made");
        assert!(it.exists("new"), "{errno:?}");
        assert_eq!(it.gofer.stats()[0].fs.watches, 0);
    }
}

#[test]
fn watch_that_is_lost_leaves_every_look_to_the_backend() {
    let it = Mounted::new();
    it.warm("new");
    assert_eq!(it.asked(|| it.exists("new")).1, 0);
    it.script.announce(Announced::Lost(Mounted::watch(1)));
    fs::write(it.host("new"), "").expect("made");
    assert!(it.exists("new"));
}

#[test]
fn queue_that_breaks_down_leaves_every_look_to_the_backend() {
    let it = Mounted::new();
    it.warm("new");
    it.script.break_down();
    for _ in 0..8 {
        assert!(!it.exists("new"));
    }
    fs::write(it.host("new"), "").expect("made");
    assert!(it.exists("new"));
}

#[test]
fn look_while_somebody_drains_waits_until_what_he_took_is_applied() {
    let it = Mounted::new();
    it.warm("new");
    fs::write(it.host("new"), "").expect("made");
    it.script.announce_name(Mounted::watch(1), "new").expect("a name");
    let gate = it.script.hold_drains();
    scope(|scope| {
        let drainer = scope.spawn(|| it.exists("new"));
        assert!(gate.wait_for(1, PATIENCE), "somebody drains");
        // The queue is empty now, and the cache does not know yet.
        let other = scope.spawn(|| it.exists("new"));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!other.is_finished(), "it was answered by a cache that is being changed");
        gate.open();
        assert!(drainer.join().expect("no panic") && other.join().expect("no panic"));
    });
}

#[test]
fn answer_that_is_overtaken_by_an_announcement_is_not_believed() {
    let it = Mounted::new();
    it.warm("dir");
    let gate = it.plan.hold_answers(Op::WalkMany);
    scope(|scope| {
        let asking = scope.spawn(|| it.exists("new"));
        assert!(gate.wait_for(1, PATIENCE), "it is asked");
        // The answer is that there is no such name. It is made, and that is announced and applied, before the answer
        // arrives.
        fs::write(it.host("new"), "").expect("made");
        it.script.announce_name(Mounted::watch(1), "new").expect("a name");
        it.script.announce_name(Mounted::watch(2), "new").expect("a name");
        let drains = it.gofer.stats()[0].fs.queue_drains;
        assert!(it.exists("dir"));
        assert_eq!(it.gofer.stats()[0].fs.queue_drains, drains + 1, "this look drains");
        gate.open();
        let _ = asking.join().expect("no panic");
    });
    assert!(it.exists("new"));
}

#[test]
fn confirmation_that_is_overtaken_by_an_announcement_is_not_believed() {
    let it = Mounted::new();
    it.warm("dir/sub");
    it.warm("other");
    // All that is known of `dir/sub` is to be confirmed again.
    it.script.announce(Announced::Overflow);
    it.warm("missing");
    let gate = it.plan.hold_answers(Op::RevalidateMany);
    scope(|scope| {
        let asking = scope.spawn(|| it.exists("dir/sub"));
        assert!(gate.wait_for(1, PATIENCE), "it is asked");
        fs::rename(it.host("dir/sub"), it.host("gone")).expect("moved");
        // Of the root and of `dir`; the third is of `dir/sub` itself, which did not change.
        for watch in [1, 2] {
            it.script.announce_name(Mounted::watch(watch), "sub").expect("a name");
        }
        let drains = it.gofer.stats()[0].fs.queue_drains;
        assert!(!it.exists("missing"));
        assert_eq!(it.gofer.stats()[0].fs.queue_drains, drains + 1, "this look drains");
        gate.open();
        let _ = asking.join().expect("no panic");
    });
    assert!(!it.exists("dir/sub"));
}

#[test]
fn directory_that_is_replaced_under_its_name_is_not_believed_behind_the_announcement() {
    let it = Mounted::new();
    it.warm("dir/new");
    assert_eq!(it.asked(|| it.exists("dir/new")), (false, 0));
    fs::rename(it.host("dir"), it.host("aside")).expect("moved");
    fs::create_dir(it.host("dir")).expect("made");
    fs::write(it.host("dir/new"), "").expect("made");
    // What is told is that the name changed, not what is in the directory that has it now.
    for watch in 1..=it.script.taken() {
        it.script.announce_name(WatchId(watch), "dir").expect("a name");
    }
    assert!(it.exists("dir/new"));
}

#[test]
fn changes_of_our_own_with_nobody_looking_give_the_watch_back() {
    let it = Mounted::new();
    it.warm("new");
    assert_eq!(it.gofer.stats()[0].fs.watches, 1);
    for _ in 0..20 {
        it.root.create_directory_at(CALL, b"made").expect("made");
        it.root.remove_directory_at(CALL, b"made").expect("removed");
    }
    assert_eq!((it.gofer.stats()[0].fs.watches, it.script.given_back()), (0, vec![Mounted::watch(1)]));
    // What was believed before is not any more.
    fs::write(it.host("new"), "").expect("made");
    assert!(it.exists("new"));
}

#[test]
fn directory_that_changes_more_often_than_it_is_looked_at_loses_its_watch() {
    let it = Mounted::new();
    it.warm("new");
    for _ in 0..100 {
        it.script.announce_name(Mounted::watch(1), "noise").expect("a name");
        assert!(!it.exists("new"));
        if !it.script.given_back().is_empty() {
            break;
        }
    }
    assert_eq!(it.script.given_back(), [Mounted::watch(1)]);
    // And gets it back only when it was asked about more often than before.
    let taken = it.script.taken();
    assert!(!it.exists("new") && !it.exists("new"));
    assert_eq!(it.script.taken(), taken);
}

#[test]
fn directory_that_is_looked_at_between_changes_keeps_its_watch() {
    let it = Mounted::new();
    it.warm("new");
    for _ in 0..20 {
        it.script.announce_name(Mounted::watch(1), "noise").expect("a name");
        for _ in 0..20 {
            assert!(!it.exists("new"));
        }
    }
    assert_eq!(it.script.given_back(), []);
}

#[test]
fn watch_over_the_budget_takes_the_place_of_one_that_does_not_serve() {
    let it = Mounted::with(FsOptions { watches: 1, ..FsOptions::with_policy(CachePolicy::Shared) });
    let (dir, other) = (it.open_dir("dir"), it.open_dir("other"));
    for _ in 0..4 {
        names(&dir);
    }
    assert_eq!(it.asked(|| names(&dir)).1, 0);
    for _ in 0..200 {
        names(&other);
    }
    assert_eq!(it.asked(|| names(&other)).1, 0);
    assert_eq!(it.gofer.stats()[0].fs.watches, 1);
    fs::write(it.host("dir/new"), "").expect("made");
    assert_eq!(names(&dir), ["file", "new", "sub"]);
}

#[test]
fn calls_beside_one_that_takes_a_watch_end_with_their_deadline_and_cancel() {
    let it = Mounted::new();
    it.warm("new");
    scope(|scope| {
        let gate = it.plan.hold(Op::Watch);
        let watching = scope.spawn(|| it.warm("dir/new"));
        assert!(gate.wait_for(1, PATIENCE), "a backend takes its time over a watch");
        // There is something to be applied, by whoever has the table of the watches, which is taken.
        it.script.announce_name(Mounted::watch(1), "other").expect("a name");
        let cancel = CancelToken::new();
        let late = Call { deadline: Instant::now().checked_add(Duration::from_millis(50)), ..Call::WAITING };
        let ended = Call { cancel: Some(cancel.clone()), ..Call::WAITING };
        for call in [late, ended] {
            let it = &it;
            let looking = scope.spawn(move || it.root.stat_at(&call, b"new", false).is_ok());
            std::thread::sleep(Duration::from_millis(20));
            cancel.cancel();
            let end = Instant::now() + PATIENCE;
            while !looking.is_finished() {
                if Instant::now() > end {
                    gate.open();
                    panic!("a look hears of no deadline and no cancel");
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        gate.open();
        watching.join().expect("no panic");
    });
    assert!(!it.exists("new"));
}

#[test]
fn directory_that_leaves_the_cache_gives_its_watch_back() {
    let it = Mounted::new();
    it.warm("dir/new");
    let watched = it.gofer.stats()[0].fs.watches;
    it.gofer.drop_caches();
    assert!(it.gofer.stats()[0].fs.watches < watched);
    assert!(!it.script.given_back().is_empty());
}

#[test]
fn link_whose_name_is_believed_is_followed_without_a_question_until_its_name_is_announced() {
    let it = Mounted::new();
    std::os::unix::fs::symlink("dir", it.host("link")).expect("made");
    let reached = |it: &Mounted| it.root.stat_at(CALL, b"link", true).map(|stat| stat.key.ino);
    for _ in 0..8 {
        reached(&it).expect("there");
    }
    let (first, asked) = it.asked(|| reached(&it));
    fs::remove_file(it.host("link")).expect("removed");
    std::os::unix::fs::symlink("other", it.host("link")).expect("made");
    for watch in 1..=it.script.taken() {
        it.script.announce_name(WatchId(watch), "link").expect("a name");
    }
    assert_ne!((reached(&it), asked <= 1), (first, true));
}

impl Mounted {
    fn open(&self, path: &str, write: bool) -> OpenFile {
        let how = OpenHow { read: true, write, follow: true, ..OpenHow::default() };
        match self.root.open_at(CALL, path.as_bytes(), how).expect("opened") {
            Descriptor::File(file) => file,
            Descriptor::Directory(_) => panic!("{path} is a directory"),
        }
    }

    /// Opens a file to read, tells its contents and closes it; and how often the backend opened something for it.
    fn read(&self, path: &str) -> (String, u64) {
        let before = self.plan.calls(Op::Open);
        let file = self.open(path, false);
        let mut text = [0; 64];
        let read = file.read_at(CALL, &mut [IoSliceMut::new(&mut text)], 0).expect("read");
        file.close(CALL).expect("closed");
        (String::from_utf8_lossy(&text[..read]).into_owned(), self.plan.calls(Op::Open) - before)
    }

    /// Opens a file until its handle is kept.
    fn keep(&self, path: &str) {
        self.warm(path);
        for _ in 0..3 {
            self.read(path);
        }
        // It is kept for a second behind its last use, which may be over at any time.
        assert!((0..10).any(|_| self.read(path).1 == 0), "a kept handle serves");
    }
}

#[test]
fn open_of_a_believed_name_takes_the_handle_that_was_kept_until_the_name_is_announced() {
    let it = Mounted::new();
    it.keep("dir/file");
    assert_eq!(it.read("dir/file").0, "dir/file");
    fs::write(it.host("dir/fresh"), "fresh").expect("written");
    fs::rename(it.host("dir/fresh"), it.host("dir/file")).expect("replaced");
    for watch in 1..=it.script.taken() {
        it.script.announce_name(WatchId(watch), "file").expect("a name");
    }
    assert_eq!(it.read("dir/file").0, "fresh");
}

#[test]
fn open_by_a_kept_handle_of_a_file_whose_mode_or_names_changed_in_silence_opens_anew() {
    let it = Mounted::new();
    it.keep("dir/file");
    fs::set_permissions(it.host("dir/file"), fs::Permissions::from_mode(0o600)).expect("changed");
    assert_eq!(it.read("dir/file"), ("dir/file".to_owned(), 1));
    it.keep("dir/file");
    // What happens through the other name is announced to nobody here.
    fs::hard_link(it.host("dir/file"), it.host("other/link")).expect("linked");
    assert_eq!(it.read("dir/file").1, 1);
    assert_eq!(it.read("dir/file").1, 1, "nor is it kept again");
}

/// Looks at `dir/file` until a handle of it tells its attributes, and nobody is asked by name; each time they are as the host
/// has them. It takes as many opens: more only behind a second, for which a handle is kept behind its last use.
fn look_until_a_handle_tells(it: &Mounted, opens: u64) {
    let (begun, opened) = (Instant::now(), it.plan.calls(Op::Open));
    it.warm("dir/file");
    let told = (0..20).any(|_| {
        let before = it.asked_by_name();
        let (stat, asked) = it.asked(|| it.stat("dir/file").expect("there"));
        let host = fs::metadata(it.host("dir/file")).expect("there");
        assert_eq!((stat.size, stat.mode.bits()), (host.len(), host.permissions().mode() & 0o7777));
        asked == 1 && it.asked_by_name() == before
    });
    assert!(told, "no handle tells them");
    let opened = it.plan.calls(Op::Open) - opened;
    assert!(opened == opens || (opened > opens && begun.elapsed() >= Duration::from_secs(1)), "{opened} opens");
}

#[test]
fn stat_that_goes_on_is_answered_by_a_handle_as_the_file_is_until_its_name_is_announced() {
    let it = Mounted::new();
    look_until_a_handle_tells(&it, 1);
    // Through which name, and by whom, it was changed does not matter.
    fs::write(it.host("dir/file"), "longer than it was").expect("written");
    look_until_a_handle_tells(&it, 0);
    fs::set_permissions(it.host("dir/file"), fs::Permissions::from_mode(0o600)).expect("changed");
    // This ends the handle: the next one may be permitted less.
    look_until_a_handle_tells(&it, 1);
    fs::write(it.host("dir/fresh"), "fresh").expect("written");
    fs::rename(it.host("dir/fresh"), it.host("dir/file")).expect("replaced");
    for watch in 1..=it.script.taken() {
        it.script.announce_name(WatchId(watch), "file").expect("a name");
    }
    assert_eq!(it.stat("dir/file").expect("there").size, 5);
}

#[test]
fn stat_of_a_file_whose_name_was_removed_in_silence_is_asked_by_name() {
    let it = Mounted::new();
    look_until_a_handle_tells(&it, 1);
    // No name is left that could be believed, so the handle's word does not count.
    fs::remove_file(it.host("dir/file")).expect("removed");
    assert!(!it.exists("dir/file"));
}

#[test]
fn handle_that_tells_attributes_opens_nothing_and_is_released_when_nobody_looks() {
    let it = Mounted::new();
    look_until_a_handle_tells(&it, 1);
    // An open needs a handle that reads; then that one tells.
    assert_eq!(it.read("dir/file"), ("dir/file".to_owned(), 1));
    let before = it.plan.calls(Op::ReleaseHandles);
    let end = Instant::now() + PATIENCE;
    while it.plan.calls(Op::ReleaseHandles) == before {
        assert!(Instant::now() < end, "it is kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    let (opens, by_name) = (it.plan.calls(Op::Open), it.asked_by_name());
    let (_, asked) = it.asked(|| it.stat("dir/file").expect("there"));
    assert_eq!(asked, 1);
    assert_eq!((it.plan.calls(Op::Open) - opens, it.asked_by_name() - by_name), (0, 1), "it is asked by name");
}

#[test]
fn files_looked_at_over_the_limit_of_idle_handles_are_asked_by_name() {
    let it = Mounted::with(FsOptions { idle_handle_limit: 1, ..FsOptions::with_policy(CachePolicy::Shared) });
    let begun = Instant::now();
    for _ in 0..20 {
        assert!(it.exists("dir/file") && it.exists("other/file"));
    }
    let opens = it.plan.calls(Op::Open);
    // For a second at least: which goes by seldom in here.
    assert!(
        opens == 1 || (opens > 1 && begun.elapsed() >= Duration::from_secs(1)),
        "one has the room, and keeps it: {opens}"
    );
}

#[test]
fn kept_handle_is_released_when_it_is_not_used_and_one_to_write_at_the_close() {
    let it = Mounted::new();
    let released = || it.plan.calls(Op::ReleaseHandles);
    it.keep("dir/file");
    let before = released();
    let end = Instant::now() + PATIENCE;
    while released() == before {
        assert!(Instant::now() < end, "it is kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(it.read("dir/file").1, 1, "it is gone");

    let before = released();
    it.open("dir/file", true).close(CALL).expect("closed");
    assert!(released() > before, "nobody can write while nobody has it open");
}
