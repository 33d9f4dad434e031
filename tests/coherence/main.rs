//! Nothing that is answered without asking is stale: another process changes the tree and publishes each change once its
//! system call has returned, while guests look.
//!
//! `COHERENCE_CHECKS` is how many looks there are in all (1,000,000 unless it says otherwise), `COHERENCE_SEED` repeats
//! a run's draws, `COHERENCE_DIR` is where the tree is made. What is skipped is said on stderr.

mod aio;
#[path = "../kit/announces.rs"]
mod announces;
mod board;
mod cut;
#[path = "../kit/mod.rs"]
mod kit;
mod overtaken;
mod queue;
mod reader;
mod scripted;
mod subject;
mod uring;
mod writer;

use board::{Board, Command};
use parking_lot::Mutex;
use reader::Reader;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use subject::Scene;
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions};
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;
use wasi_gofer::{CachePolicy, DirectFs, FsOptions, FsStats, Gofer, MountOptions};

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

/// `percent` of the looks of a whole run.
fn share(percent: u64) -> u64 {
    number("COHERENCE_CHECKS", 1_000_000) * percent / 100
}

/// The other process; it ends with this.
struct Writer(Mutex<Child>);

impl Writer {
    fn start(scene: &Scene, seed: u64) -> Writer {
        let child = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["writer::writer_leaves_every_subject_in_the_state_that_it_published", "--exact", "--nocapture"])
            .env(writer::DIRECTORY, scene.path())
            .env(writer::SEED, seed.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("the writer starts");
        Writer(Mutex::new(child))
    }

    /// Waits for something that it does. A machine may be as slow as it likes; a writer that has ended does nothing.
    fn wait_until(&self, done: impl Fn() -> bool) {
        while !done() {
            let ended = self.0.lock().try_wait().expect("a child");
            assert!(ended.is_none() || done(), "the writer ended: {ended:?}");
            pause(200);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let child = self.0.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// What one run came to.
#[derive(Debug, Default)]
struct Outcome {
    checks: u64,
    changes: u64,
    stats: FsStats,
}

impl Outcome {
    /// Else the run shows nothing of the queue. How often it answers depends on who gets the processors.
    #[track_caller]
    fn used_the_queue(&self) {
        assert!(self.stats.queue_answers > self.checks / 1_000, "{:?}", self.stats);
    }
}

/// How a run goes.
#[derive(Default)]
struct Run {
    name: &'static str,
    options: FsOptions,
    checks: u64,
    /// How often the readers pause while the writer fills the queue to overflowing.
    bursts: u64,
    /// Whether a sidecar serves the tree.
    over_sidecar: bool,
    /// Whether its connection ends again and again, of a mount that is hard.
    cut: bool,
}

/// Pauses until one has overflown the queue.
const BURSTS_MOST: u64 = 40;

fn shared(watches: usize) -> FsOptions {
    FsOptions { watches, ..FsOptions::with_policy(CachePolicy::Shared) }
}

impl Run {
    fn run(self) -> Outcome {
        let seed = number("COHERENCE_SEED", u64::from(std::process::id()));
        let scene = Scene::new();
        let board = Board::create(&scene.board());
        let writer = Writer::start(&scene, seed);
        board.wait_until_ready(&writer);
        let mut builder = Gofer::builder();
        let fs = FsOptions { queue_after: Some(0), ..self.options.clone() };
        let options = MountOptions { read_only: false, fs };
        let (mut server, mut cutter) = (None, None);
        let checks = Arc::new(AtomicU64::new(0));
        if self.over_sidecar {
            let serving = Server::lisafs(Export::open_ambient(scene.tree()).expect("opened")).expect("serves");
            let serving = Arc::new(serving);
            server = Some(Arc::clone(&serving));
            let connect = move || {
                let (ours, theirs) = UnixStream::pair().expect("a pair");
                serving.serve(Stream::new(theirs.into()).expect("a stream")).expect("served");
                ours
            };
            if self.cut {
                let (backend, ends) = cut::mount(connect, Arc::clone(&checks));
                cutter = Some(ends);
                builder.mount("/", backend, options);
            } else {
                builder.mount("/", LisaFs::connect(connect(), LisaFsOptions::default()).expect("mounted"), options);
            }
        } else {
            let backend = DirectFs::open_ambient(scene.tree()).expect("opened");
            builder.mount("/", backend, options);
        }
        let gofer = builder.build().expect("mounted");
        let outcome = self.look(&scene, (&board, &writer), &gofer, seed, &checks);
        drop(cutter);
        gofer.check_invariants().expect("the cache is in order");
        let FsStats { queue_answers, queue_drains, queue_overflows, watches, revalidations, .. } = outcome.stats;
        eprintln!(
            "coherence {}: seed {seed}, {} checks beside {} changes, 0 stale; {queue_answers} answered by the queue, \
             {revalidations} names confirmed, {queue_drains} drains, {queue_overflows} overflows, {watches} watches",
            self.name, outcome.checks, outcome.changes,
        );
        drop((gofer, server));
        outcome
    }

    fn look(
        &self,
        scene: &Scene,
        (board, writer): (&Board, &Writer),
        gofer: &Gofer,
        seed: u64,
        checks: &AtomicU64,
    ) -> Outcome {
        let stop = AtomicBool::new(false);
        let overflows = || gofer.stats().remove(0).fs.queue_overflows;
        // Where there is no queue none ever overflows.
        let bursts_most = if self.bursts > 0 && queue::is_offered() { BURSTS_MOST } else { self.bursts };
        let part = self.checks / (self.bursts + 1);
        let mut start_of_part = 0;
        for burst in 0.. {
            stop.store(false, Ordering::SeqCst);
            std::thread::scope(|scope| {
                for thread in 0..2 {
                    let stop = &stop;
                    scope.spawn(move || {
                        let reader = Reader::new(scene, board, gofer, seed ^ (burst * 2 + thread + 1), thread == 1);
                        reader.look_until(checks, start_of_part + part, stop);
                    });
                }
            });
            start_of_part += part;
            // The readers may have given back the watches that it was to overflow.
            if burst >= self.bursts && (burst >= bursts_most || overflows() > 0) {
                break;
            }
            board.ask(writer, Command::Burst);
        }
        board.ask(writer, Command::Stop);
        let stats = gofer.stats().remove(0).fs;
        Outcome { checks: checks.load(Ordering::SeqCst), changes: board.changes(), stats }
    }
}

#[test]
fn shared_beside_another_process_is_never_stale() {
    let outcome = Run { name: "shared", checks: share(60), ..Run::default() }.run();
    // Else this shows nothing: where the machine offers no queue, say so instead of passing.
    if queue::is_offered() {
        outcome.used_the_queue();
    } else {
        eprintln!("coherence shared: SKIPPED the queue's part, the test directory's filesystem offers none");
    }
}

#[test]
fn shared_over_a_sidecar_is_never_stale() {
    let run = Run { name: "sidecar", checks: share(10), over_sidecar: true, ..Run::default() };
    let outcome = run.run();
    if queue::is_offered() {
        outcome.used_the_queue();
    }
}

#[test]
fn shared_over_a_sidecar_that_goes_away_again_and_again_is_never_stale() {
    let run = Run { name: "cut", checks: share(10), over_sidecar: true, cut: true, ..Run::default() };
    let outcome = run.run();
    let told = |name: &str| outcome.stats.backend_counters.iter().find(|told| told.0 == name).map_or(0, |told| told.1);
    eprintln!("coherence cut: attached again {} times, {} watches added", told("reattached"), told("AddWatch"));
    assert!(told("reattached") > 10, "{:?}", outcome.stats);
    if queue::is_offered() {
        outcome.used_the_queue();
        assert!(told("AddWatch") > 10, "{:?}", outcome.stats);
    }
}

#[test]
fn shared_with_a_queue_that_overflows_is_never_stale() {
    let holds = writer::queue_limit();
    if holds > 200_000 {
        return eprintln!("coherence overflow: SKIPPED, a queue of {holds} events takes too long to fill");
    }
    let outcome = Run { name: "overflow", options: shared(8192), checks: share(10), bursts: 4, ..Run::default() }.run();
    if queue::is_offered() {
        assert!(outcome.stats.queue_overflows > 0, "{:?}", outcome.stats);
    }
}

#[test]
fn shared_without_watches_is_never_stale() {
    let outcome = Run { name: "watches=0", options: shared(0), checks: share(10), ..Run::default() }.run();
    assert_eq!((outcome.stats.queue_answers, outcome.stats.watches), (0, 0));
}

#[test]
fn shared_with_one_watch_is_never_stale() {
    let outcome = Run { name: "watches=1", options: shared(1), checks: share(5), ..Run::default() }.run();
    assert!(outcome.stats.watches <= 1, "{:?}", outcome.stats);
}

#[test]
fn shared_with_ten_watches_is_never_stale() {
    let outcome = Run { name: "watches=10", options: shared(10), checks: share(5), ..Run::default() }.run();
    assert!(outcome.stats.watches <= 10, "{:?}", outcome.stats);
}

#[test]
fn none_beside_another_process_is_never_stale() {
    let options = FsOptions::with_policy(CachePolicy::None);
    Run { name: "none", options, checks: share(5), ..Run::default() }.run();
}

#[test]
fn shared_with_a_cache_of_two_names_is_never_stale() {
    let options = FsOptions { dentry_cache_limit: 2, negative_limit: 1, ..FsOptions::default() };
    Run { name: "two names", options, checks: share(5), ..Run::default() }.run();
}

/// Sleeps for a moment in which others go on.
fn pause(micros: u64) {
    std::thread::sleep(Duration::from_micros(micros));
}

/// Makes a directory that may be there.
fn make_dir(path: &Path) {
    std::fs::create_dir_all(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
