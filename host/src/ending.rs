//! The end of a run: the mounts are shut down, the `--stats` report is written, and what was lost is told.
//!
//! Either the guest ends and its thread does this, or a signal comes and the thread that waits for signals does. Who
//! [claims](Ending::claim) it first does it, alone; the other one must not end the process.
//!
//! Nothing here may keep the process from ending, whatever blocks: a backend in the middle of a call, a full pipe
//! behind `--stats`, an error stream that nobody reads (a guest that is blocked in a write to it holds its lock). So
//! each step, what is said of the guest's own end among them, runs on a thread of its own, and is given up after a while.

use crate::exit;
use crate::stats::Sink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use wasi_gofer::{CachePolicy, Gofer, MountStats};

/// The name of the threads that do the steps.
const THREAD: &str = "shutdown";

/// How much longer than its deadline a shutdown may take to come back with the names of what it did not get done.
const GRACE: Duration = Duration::from_secs(1);

/// What is to be said of how the guest ended.
pub(crate) type LastWord = Box<dyn FnOnce() + Send>;

/// What is left to do when the guest has ended or must end.
pub(crate) struct Ending {
    gofer: Gofer,
    sink: Mutex<Option<Sink>>,
    timeout: Duration,
    claimed: AtomicBool,
}

impl Ending {
    /// The end of a run over these mounts, whose report goes to `sink`; `timeout` bounds each step.
    pub(crate) fn new(gofer: Gofer, sink: Option<Sink>, timeout: Duration) -> Ending {
        Ending { gofer, sink: Mutex::new(sink), timeout, claimed: AtomicBool::new(false) }
    }

    /// Whether the caller is the first to ask, and so the one to end the process.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::SeqCst)
    }

    /// Lets no guest write any more. Does not wait.
    pub(crate) fn hold_writes(&self) {
        self.gofer.hold_writes();
    }

    /// Does what is left to do and tells what failed; whether nothing did. For the one who claimed it. What is to be said
    /// of the guest is said while the mounts are shut down.
    pub(crate) fn conclude(&self, word: Option<LastWord>) -> bool {
        let before = self.gofer.stats();
        let word = word.map(Step::begin);
        let mut failures = self.shut_down(&before);
        // What comes on the same stream comes behind it, unless it is stuck.
        let _ = word.and_then(|word| word.within(self.timeout));
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).take();
        failures.extend(sink.and_then(|sink| self.report(sink, before)));
        if failures.is_empty() {
            return true;
        }
        // Nobody is left to hear it when that takes too long; a short limit is for the storage, not for these few words.
        let _ = within(self.timeout.max(GRACE), move || failures.iter().for_each(exit::say));
        false
    }

    fn shut_down(&self, mounts: &[MountStats]) -> Vec<String> {
        let gofer = self.gofer.clone();
        let deadline = Instant::now().checked_add(self.timeout);
        match within(self.timeout.saturating_add(GRACE), move || gofer.shutdown(deadline)) {
            Some(report) => report.failures.iter().map(|failure| exit::lost(failure, self.timeout)).collect(),
            None => vec![unfinished(mounts, self.timeout)],
        }
    }

    fn report(&self, sink: Sink, before: Vec<MountStats>) -> Option<String> {
        let (name, gofer) = (sink.name(), self.gofer.clone());
        match within(self.timeout, move || sink.write(&before, &gofer.stats())) {
            Some(written) => written.err().map(|error| format!("{error:#}")),
            None => Some(format!("{name}: not written within {:?} (`--shutdown-timeout`)", self.timeout)),
        }
    }
}

/// What to say of a shutdown that did not even come back to say what it did not get done.
fn unfinished(mounts: &[MountStats], timeout: Duration) -> String {
    let holds_back = |mount: &&MountStats| mount.cache == CachePolicy::Exclusive;
    let names: Vec<String> = mounts.iter().filter(holds_back).map(|mount| format!("`{}`", mount.dst)).collect();
    let late = format!("the mounts were not shut down within {timeout:?} (`--shutdown-timeout`)");
    if names.is_empty() {
        return late;
    }
    format!("{late}: what the guest wrote may not have reached {}", names.join(", "))
}

/// Does `work` on a thread of its own and waits so long for its answer.
fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    Step::begin(work).within(limit)
}

/// Work on a thread of its own.
enum Step<T> {
    /// Its answer comes here.
    Begun(Receiver<T>),
    /// There is no thread to be had: who waits for it does it.
    Left(Box<dyn FnOnce() -> T>),
}

impl<T: Send + 'static> Step<T> {
    fn begin(work: impl FnOnce() -> T + Send + 'static) -> Step<T> {
        let work = Arc::new(Mutex::new(Some(work)));
        let (done, answer) = channel();
        let take = |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let theirs = Arc::clone(&work);
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            if let Some(work) = take(&theirs) {
                // Nobody listens any more when it took too long.
                let _ = done.send(work());
            }
        });
        let left = if thread.is_err() { take(&work) } else { None };
        left.map_or(Step::Begun(answer), |work| Step::Left(Box::new(work)))
    }

    /// Waits so long for its answer.
    fn within(self, limit: Duration) -> Option<T> {
        match self {
            Step::Begun(answer) => answer.recv_timeout(limit).ok(),
            Step::Left(work) => Some(work()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, unfinished, within};
    use std::sync::mpsc::channel;
    use std::time::Duration;
    use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions};

    fn gofer(mounts: &[(&str, CachePolicy)]) -> Gofer {
        let mut builder = Gofer::builder();
        for (path, policy) in mounts {
            let options = MountOptions { read_only: false, fs: FsOptions::with_policy(*policy) };
            builder.mount(path, MemoryFs::new(), options);
        }
        builder.build().expect("mounted")
    }

    #[test]
    fn claim_is_granted_once() {
        let ending = Ending::new(gofer(&[]), None, Duration::from_secs(1));
        assert!(ending.claim());
        assert!(!ending.claim() && !ending.claim());
    }

    #[test]
    fn conclude_of_mounts_that_lose_nothing_is_true() {
        let gofer = gofer(&[("/a", CachePolicy::Exclusive), ("/b", CachePolicy::Shared)]);
        assert!(Ending::new(gofer, None, Duration::from_secs(60)).conclude(None));
    }

    #[test]
    fn conclude_says_the_last_word_and_waits_no_longer_than_it_may() {
        let ending = || Ending::new(gofer(&[("/a", CachePolicy::Exclusive)]), None, Duration::from_millis(1));
        let (said, heard) = channel();
        let word = move || said.send("it trapped").expect("the test waits");
        Ending::new(gofer(&[]), None, Duration::from_secs(60)).conclude(Some(Box::new(word)));
        assert_eq!(heard.try_recv(), Ok("it trapped"));
        let (hold, held) = channel::<()>();
        assert!(ending().conclude(Some(Box::new(move || assert!(held.recv().is_err())))));
        drop(hold);
    }

    #[test]
    fn within_answers_the_work_or_gives_it_up() {
        assert_eq!(within(Duration::from_secs(60), || 7), Some(7));
        let (hold, held) = channel::<()>();
        assert_eq!(within(Duration::from_millis(1), move || held.recv().is_ok()), None);
        drop(hold);
    }

    #[test]
    fn unfinished_names_the_mounts_that_hold_changes_back() {
        let mounts = gofer(&[("/a", CachePolicy::Exclusive), ("/b", CachePolicy::Shared)]).stats();
        let message = unfinished(&mounts, Duration::from_secs(10));
        assert!(message.contains("within 10s") && message.contains("`/a`") && !message.contains("`/b`"), "{message}");
        let message = unfinished(&[], Duration::from_secs(10));
        assert!(message.ends_with("(`--shutdown-timeout`)"), "{message}");
    }
}
