//! Rounds, medians and paired ratios.

use crate::subjects::{Operation, Row, Subject};
use anyhow::{Context, Result, bail};
use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Samples of each subject.
    pub(crate) rounds: usize,
    /// How long a sample of the slowest subject takes.
    pub(crate) sample: Duration,
}

/// A median with its quartiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| {
            // Between the two neighbours, as numpy does it.
            let scaled = values.len().checked_sub(1)? * quarter;
            let (low, rest) = (values.get(scaled / 4)?, [0.0, 0.25, 0.5, 0.75].get(scaled % 4)?);
            let high = values.get(scaled / 4 + 1).unwrap_or(low);
            Some(low + (high - low) * rest)
        };
        Some(Spread { q1: at(1)?, median: at(2)?, q3: at(3)? })
    }

    /// Of the quotients of two subjects' samples, round by round.
    pub(crate) fn of_ratios(over: &[f64], under: &[f64]) -> Option<Spread> {
        Spread::of(over.iter().zip(under).map(|(over, under)| over / under).collect())
    }
}

/// One subject's figures in one row.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) op: String,
    pub(crate) subject: String,
    pub(crate) ns: Spread,
    /// How many times faster than stock.
    pub(crate) to_stock: Option<Spread>,
    /// How many times faster than the bare system calls.
    pub(crate) to_syscall: Option<Spread>,
    /// How many times faster than functions that do nothing.
    pub(crate) to_stub: Option<Spread>,
    /// How many times faster than a program inside gVisor in the same policy, over gVisor's own gofer.
    pub(crate) to_gvisor: Option<Spread>,
    pub(crate) iterations: u32,
    pub(crate) rounds: usize,
}

/// Every subject once: what came of it must be what came of the system calls.
fn compare<O: Operation>(row: &Row<O>, subjects: &mut [Box<dyn Subject<O>>]) -> Result<()> {
    let mut reference = row.op.reference().map(|(bytes, whose)| (bytes, whose.to_owned()));
    // The system calls come first in the list.
    for subject in subjects.iter_mut().filter(|subject| subject.can(row.op) && subject.is_real()) {
        let observed = subject.observe(row.op).with_context(|| row.name.clone())?;
        let Some((expected, whose)) = &reference else {
            reference = Some((observed, subject.name().to_owned()));
            continue;
        };
        if observed != *expected {
            let at = observed.iter().zip(expected).take_while(|(a, b)| a == b).count();
            bail!(
                "{}: {} differs from {whose} at byte {at} of {} and {}: {:?} against {:?}",
                row.name,
                subject.name(),
                observed.len(),
                expected.len(),
                observed.iter().skip(at).take(32).collect::<Vec<_>>(),
                expected.iter().skip(at).take(32).collect::<Vec<_>>(),
            );
        }
    }
    Ok(())
}

/// How many turns fill a sample of the slowest subject; all subjects do as many.
fn calibrate<O: Operation>(row: &Row<O>, subjects: &mut [Box<dyn Subject<O>>], sample: Duration) -> Result<u32> {
    let mut slowest: f64 = 1.0;
    for subject in subjects.iter_mut().filter(|subject| subject.can(row.op)) {
        let mut n = 1;
        // The best of three: an interrupted try must not make every sample short.
        let mut time = best_of_three(&mut **subject, row.op, n)?;
        while time < sample / 8 {
            n *= 4;
            time = best_of_three(&mut **subject, row.op, n)?;
        }
        slowest = slowest.max(nanos(time) / f64::from(n));
    }
    let turns = (nanos(sample) / slowest).clamp(1.0, 1e9);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 1e9")]
    Ok(turns as u32)
}

fn best_of_three<O: Operation>(subject: &mut dyn Subject<O>, op: O, n: u32) -> Result<Duration> {
    Ok(subject.run(op, n)?.min(subject.run(op, n)?).min(subject.run(op, n)?))
}

/// Nanoseconds as a float.
pub(crate) fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Measures a row: compare, calibrate, then rounds in which every subject has its turn, each round beginning with
/// another.
pub(crate) fn row<O: Operation>(
    row: &Row<O>,
    subjects: &mut [Box<dyn Subject<O>>],
    effort: Effort,
) -> Result<Vec<Figure>> {
    compare(row, subjects)?;
    let n = if row.op.is_whole_file() { 1 } else { calibrate(row, subjects, effort.sample)? };
    let mut samples = vec![Vec::new(); subjects.len()];
    for round in 0..effort.rounds.min(row.op.most_rounds()) {
        for step in 0..subjects.len() {
            let i = (round + step) % subjects.len();
            let (Some(subject), Some(samples)) = (subjects.get_mut(i), samples.get_mut(i)) else { continue };
            if subject.can(row.op) {
                samples.push(nanos(subject.run(row.op, n)?) / f64::from(n) / row.op.per_turn());
            }
        }
    }
    let names: Vec<_> = subjects.iter().map(|subject| subject.name().to_owned()).collect();
    let samples: Vec<_> = names.into_iter().zip(samples).collect();
    Ok(samples.iter().filter_map(|(subject, own)| figure(&row.name, subject, own, &samples, n)).collect())
}

fn figure(op: &str, subject: &str, own: &[f64], all: &[(String, Vec<f64>)], iterations: u32) -> Option<Figure> {
    let ratio = |to: &str| all.iter().find(|(name, _)| name == to).and_then(|(_, its)| Spread::of_ratios(its, own));
    Some(Figure {
        op: op.to_owned(),
        subject: subject.to_owned(),
        ns: Spread::of(own.to_vec())?,
        to_stock: ratio("stock"),
        to_syscall: ratio("syscall"),
        to_stub: ratio("stub"),
        to_gvisor: subject.rsplit_once('/').and_then(|(_, policy)| ratio(&format!("gvisor/{policy}"))),
        iterations,
        rounds: own.len(),
    })
}
