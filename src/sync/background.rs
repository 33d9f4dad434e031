//! Work that comes due: one thread per mount, started when there is some.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Instant;

/// What is done when it is due. It answers when there is more to do.
pub(super) type Work = Box<dyn FnMut() -> Option<Instant> + Send>;

/// Runs work when it is due, on a thread that starts with the first work and ends with this.
#[derive(Debug, Default)]
pub(crate) struct Background {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    due: Option<Instant>,
    running: bool,
    ended: bool,
}

impl Background {
    /// Has the work done at `due`, or at an earlier time that was asked for before. `work` makes it, for a thread that is
    /// to be started. False when there can be no thread: then nobody will do it.
    pub(crate) fn schedule(&self, due: Instant, work: impl FnOnce() -> Work) -> bool {
        let mut state = self.shared.state.lock();
        self.shared.want(&mut state, due);
        if !state.running {
            let (shared, mut work) = (Arc::clone(&self.shared), work());
            let thread = std::thread::Builder::new().name("gofer-background".to_owned());
            let started = thread.spawn(move || {
                while shared.wait() {
                    shared.again(work());
                }
            });
            state.running = started.is_ok();
        }
        state.running
    }

    /// As [`Background::schedule`], of work that was scheduled before; false when there is no thread for it.
    pub(crate) fn due(&self, due: Instant) -> bool {
        let mut state = self.shared.state.lock();
        self.shared.want(&mut state, due);
        state.running
    }
}

impl Shared {
    /// Wakes the thread at `due`, unless it is to wake earlier.
    fn want(&self, state: &mut State, due: Instant) {
        if state.due.is_none_or(|earlier| due < earlier) {
            state.due = Some(due);
            self.changed.notify_one();
        }
    }

    /// Waits until work is due; false at the end.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        loop {
            match state.due {
                _ if state.ended => return false,
                None => self.changed.wait(&mut state),
                Some(due) if due <= Instant::now() => {
                    state.due = None;
                    return true;
                }
                Some(due) => drop(self.changed.wait_until(&mut state, due)),
            }
        }
    }

    fn again(&self, due: Option<Instant>) {
        let mut state = self.state.lock();
        state.due = [state.due, due].into_iter().flatten().min();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The thread is not waited for: it may be the one that drops this, or wait for a backend.
        self.shared.state.lock().ended = true;
        self.shared.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::Background;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    #[test]
    fn schedule_runs_the_work_at_the_earliest_time_and_again_as_it_asks() {
        let (done, waiting) = mpsc::channel();
        let background = Background::default();
        let far = Instant::now() + Duration::from_secs(3_600);
        let mut turns = 0;
        let work = move || {
            turns += 1;
            done.send(turns).expect("the test waits");
            (turns < 3).then(Instant::now)
        };
        assert!(background.schedule(far, || Box::new(work)));
        assert!(background.schedule(Instant::now(), || unreachable!("it runs already")));
        let turns: Vec<i32> = (0..3).map(|_| waiting.recv().expect("the work runs")).collect();
        assert_eq!(turns, [1, 2, 3]);
        drop(background);
        assert!(waiting.recv().is_err(), "the thread ends and drops its end of the channel");
    }
}
