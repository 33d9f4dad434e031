//! Work that is done beside each other, so that what takes long for one takes nothing from the others.

use std::thread::{Builder, ScopedJoinHandle, scope};
use std::time::Instant;

/// Does `work` for each item under one deadline, and answers in the order of the items. All but one have a thread each, up
/// to `threads`; the caller's thread goes through those that have none, and gives each an equal share of the time that
/// is left, so that none is without an attempt.
pub(crate) fn run_beside<I: Sync, T: Send>(
    items: &[I],
    deadline: Option<Instant>,
    threads: usize,
    work: impl Fn(&I, Option<Instant>) -> T + Sync,
) -> Vec<T> {
    let work = &work;
    scope(|scope| {
        let spare = items.len().saturating_sub(1).min(threads);
        // All are under way before the first of the others is begun.
        let mut started: Vec<Option<ScopedJoinHandle<'_, T>>> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let thread =
                || Builder::new().name("gofer-beside".to_owned()).spawn_scoped(scope, move || work(item, deadline));
            started.push((index < spare).then(thread).and_then(Result::ok));
        }
        let alone = || items.iter().zip(&started).filter(|(_, thread)| thread.is_none()).map(|(item, _)| item);
        let mut left = alone().count();
        let mut here = Vec::with_capacity(left);
        for item in alone() {
            here.push(work(item, share(deadline, Instant::now(), left)));
            left = left.saturating_sub(1);
        }
        let mut here = here.into_iter();
        let join = |thread: ScopedJoinHandle<'_, T>| match thread.join() {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        started.into_iter().filter_map(|thread| thread.map(join).or_else(|| here.next())).collect()
    })
}

/// The deadline of the first of so many that are done one after the other until `deadline`.
fn share(deadline: Option<Instant>, now: Instant, count: usize) -> Option<Instant> {
    let deadline = deadline?;
    let left = deadline.saturating_duration_since(now);
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Some(left.checked_div(count).and_then(|share| now.checked_add(share)).unwrap_or(deadline))
}

#[cfg(test)]
mod tests {
    use super::{run_beside, share};
    use std::sync::Barrier;
    use std::time::{Duration, Instant};

    #[test]
    fn run_beside_answers_in_the_order_of_the_items_whatever_has_a_thread() {
        for threads in [0, 1, 3, 9] {
            let answers = run_beside(&[1, 2, 3, 4, 5], None, threads, |item, deadline| (item * 10, deadline));
            assert_eq!(answers, [10, 20, 30, 40, 50].map(|answer| (answer, None)), "{threads}");
        }
        assert_eq!(run_beside(&[0; 0], None, 9, |item, _| *item), [0; 0]);
    }

    #[test]
    fn run_beside_has_all_items_under_way_at_once() {
        let all = Barrier::new(5);
        run_beside(&[(); 5], None, 4, |(), _| all.wait().is_leader());
    }

    #[test]
    fn run_beside_without_threads_gives_each_item_a_share_and_the_last_what_is_left() {
        let deadline = Instant::now() + Duration::from_secs(3_600);
        let shares = run_beside(&[(); 8], Some(deadline), 0, |(), share| share.expect("there is one"));
        assert!(shares[..7].iter().all(|share| *share < deadline), "{shares:?}");
        assert_eq!(shares[7], deadline);
        let shares = run_beside(&[(); 8], Some(deadline), 7, |(), share| share.expect("there is one"));
        assert_eq!(shares, [deadline; 8]);
    }

    #[test]
    fn share_is_an_equal_part_of_the_time_that_is_left() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(share(Some(now + 4 * second), now, 4), Some(now + second));
        assert_eq!(share(Some(now + 4 * second), now + second, 3), Some(now + 2 * second));
        assert_eq!(share(Some(now + 4 * second), now + 3 * second, 1), Some(now + 4 * second));
        assert_eq!(share(Some(now), now + second, 2), Some(now + second), "it is over already");
        assert_eq!(share(None, now, 2), None);
    }
}
