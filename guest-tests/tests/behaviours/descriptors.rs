//! Behaviours in a process of their own, where nothing else opens or closes descriptors.

use crate::guest::Guest;
use crate::harness::open_descriptors;
use crate::scenario::Scenario;
use anyhow::{Result, ensure};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use wasi_gofer::CachePolicy;

/// The variable of the environment that makes this program the other process.
const ASKED: &str = "GUEST_TESTS_DESCRIPTORS";

/// What this process is to run, if it is the other process.
pub(crate) fn asked() -> Option<(Guest, CachePolicy)> {
    let asked = std::env::var(ASKED).ok()?;
    let (guest, policy) = asked.split_once('/')?;
    Some((Guest::ALL.into_iter().find(|known| known.to_string() == guest)?, policy.parse().ok()?))
}

/// Starts the other process.
pub(crate) fn check(guest: Guest, policy: CachePolicy) -> Result<()> {
    let output = Command::new(std::env::current_exe()?).env(ASKED, format!("{guest}/{policy}")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Is the other process.
pub(crate) fn run(guest: Guest, policy: CachePolicy) -> ExitCode {
    match run_all(guest, policy) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Behaviours that make the process open what it keeps: the executors of the harness and of wasmtime-wasi, and the
/// inotify instance that one mount leaves to the next. A guest has those that it needs.
const OPEN_FOR_GOOD: [&str; 4] = [
    "write_then_read_back",
    "polling_a_file_finds_it_ready_at_once",
    "append_goes_to_the_end",
    "a_tree_of_sixty_levels",
];

fn run_all(guest: Guest, policy: CachePolicy) -> Result<()> {
    let scenario = Scenario::directfs(guest, policy);
    for behaviour in scenario.behaviours().filter(|behaviour| OPEN_FOR_GOOD.contains(&behaviour.name)) {
        scenario.check(behaviour)?;
    }
    let before = open_descriptors()?;
    for behaviour in scenario.behaviours() {
        // Whether it behaves is what its own test says.
        let _ = scenario.check(behaviour);
        let left = || -> Result<_> {
            let mut after = open_descriptors()?;
            after.retain(|number, target| before.get(number) != Some(target));
            Ok(after)
        };
        // A mount's own thread may hold it for a moment longer than who dropped it, and whoever lets go last closes.
        let until = Instant::now() + Duration::from_secs(20);
        let mut after = left()?;
        while !after.is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
            after = left()?;
        }
        ensure!(after.is_empty(), "{scenario}/{} leaves open: {after:?}", behaviour.name);
    }
    Ok(())
}
