//! Signals that end a run: SIGTERM, SIGINT and SIGHUP.
//!
//! They come to a thread of their own, which waits for nothing else. The guest is neither asked nor interrupted: it may
//! compute, sleep or wait for a slow backend while the mounts are shut down under it, and is gone with the process.

use crate::ending::Ending;
use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The exit code of a process that a signal ended is this and the signal's number, as shells have it.
const BY_SIGNAL: i32 = 128;

/// Signals that come so shortly after the first are the same request: `timeout` of coreutils sends each to its child
/// and then to the child's process group.
const SAME_REQUEST: Duration = Duration::from_millis(200);

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// End the run.
    End,
    /// Nothing, beyond what the first one meant.
    Same,
    /// Leave at once, and leave undone what is not done.
    Leave,
}

/// The signals so far.
#[derive(Debug, Default)]
struct Requests {
    first: Option<Instant>,
}

impl Requests {
    /// What a signal that comes now means.
    fn step(&mut self, now: Instant) -> Step {
        match self.first {
            None => {
                self.first = Some(now);
                Step::End
            }
            Some(first) if now.saturating_duration_since(first) < SAME_REQUEST => Step::Same,
            Some(_) => Step::Leave,
        }
    }
}

/// From now on a signal ends the run. One that this process was started to ignore (`nohup`, a shell's background job)
/// stays ignored.
pub(crate) fn watch(ending: &Arc<Ending>) -> Result<()> {
    let ignored = ignored();
    let heeded = [SIGTERM, SIGINT, SIGHUP].into_iter().filter(|signal| ignored & bit(*signal) == 0);
    let mut signals = Signals::new(heeded).context("cannot wait for signals")?;
    let ending = Arc::clone(ending);
    let serve = move || {
        let mut requests = Requests::default();
        for signal in signals.forever() {
            match requests.step(Instant::now()) {
                Step::End => end(signal, &ending),
                Step::Same => {}
                Step::Leave => low_level::exit(BY_SIGNAL + signal),
            }
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(serve).context("cannot wait for signals")?;
    Ok(())
}

/// Ends the run, unless the guest's own end came first: then that goes on, within its own bounds.
fn end(signal: i32, ending: &Arc<Ending>) {
    if !ending.claim() {
        return;
    }
    ending.hold_writes();
    let theirs = Arc::clone(ending);
    let conclude = move |ending: &Ending| {
        ending.conclude(None);
        // Not `std::process::exit`: the guest's thread is at work, and may hold what that would wait for.
        low_level::exit(BY_SIGNAL + signal)
    };
    // Elsewhere, so that this thread sees the next signal. Where no thread can be had that one has to wait.
    let thread = thread::Builder::new().name("ending".to_owned()).spawn(move || conclude(&theirs));
    if thread.is_err() {
        conclude(ending);
    }
}

/// The bit of a signal in the kernel's masks.
fn bit(signal: i32) -> u64 {
    u32::try_from(signal - 1).ok().and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or(0)
}

/// The mask of the signals that this process ignores; empty where the kernel does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    mask(&status, "SigIgn:").unwrap_or(0)
}

fn mask(status: &str, name: &str) -> Option<u64> {
    let text = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(text.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{Requests, SAME_REQUEST, Step, bit, mask};
    use signal_hook::consts::{SIGHUP, SIGTERM};
    use std::time::{Duration, Instant};

    #[test]
    fn step_of_the_first_signal_ends_and_of_a_later_one_leaves() {
        let start = Instant::now();
        let mut requests = Requests::default();
        assert_eq!(requests.step(start), Step::End);
        assert_eq!(requests.step(start), Step::Same);
        assert_eq!(requests.step(start + SAME_REQUEST - Duration::from_millis(1)), Step::Same);
        assert_eq!(requests.step(start + SAME_REQUEST), Step::Leave);
        // Those that were the same request put nothing off.
        assert_eq!(requests.step(start + SAME_REQUEST * 2), Step::Leave);
    }

    #[test]
    fn mask_of_a_status_has_the_bits_of_its_signals() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000004000\n";
        let ignored = mask(status, "SigIgn:").expect("a mask");
        assert_eq!((ignored & bit(SIGHUP), ignored & bit(SIGTERM)), (1, 0));
        assert_eq!(mask(status, "SigCgt:").map(|caught| caught & bit(SIGTERM)), Some(1 << 14));
        assert_eq!((mask("", "SigIgn:"), mask("SigIgn:\tx\n", "SigIgn:")), (None, None));
    }
}
