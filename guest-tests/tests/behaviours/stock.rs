//! Behaviours under wasmtime's own filesystem.

use crate::guest::{Behaviour, FEW, Guest, Program, Setting};
use crate::harness::{Invocation, Outcome, Tree, stock};
use crate::place::Place;
use anyhow::{Result, ensure};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use wasmtime_wasi::FsPerms;

/// What a reason on the list begins with where the host decides whether it comes to it.
const BY_HOST: &str = "on some hosts: ";

/// The list of what differs under wasmtime's filesystem is kept true: what is on it must fail.
pub(crate) fn check(guest: Guest, behaviour: Behaviour) -> Result<()> {
    let (outcome, _) = run(guest, behaviour)?;
    match guest.differs_under_stock()?.get(behaviour.name) {
        None => ensure!(outcome.is_success(), "{outcome}"),
        Some(reason) if reason.starts_with(BY_HOST) => {}
        Some(reason) => ensure!(!outcome.is_success(), "it passes, but the list of differences says: {reason}"),
    }
    Ok(())
}

/// A behaviour of a guest.
type Key = (Guest, &'static str);

/// Runs a behaviour, once per process: how it ended, and what it left.
pub(crate) fn run(guest: Guest, behaviour: Behaviour) -> Result<(Outcome, Tree)> {
    static RUNS: OnceLock<Mutex<HashMap<Key, (Outcome, Tree)>>> = OnceLock::new();
    let (runs, key) = (RUNS.get_or_init(Mutex::default), (guest, behaviour.name));
    if let Some(run) = runs.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(run.clone());
    }
    let place = Place::new(behaviour.setting)?;
    let outcome = start(guest, behaviour.setting, &place, behaviour.name)?;
    place.check_outside()?;
    let run = (outcome, place.left()?);
    runs.lock().unwrap_or_else(PoisonError::into_inner).insert(key, run.clone());
    Ok(run)
}

/// Starts a guest with one argument.
pub(crate) fn start(guest: Guest, setting: Setting, place: &Place, argument: &str) -> Result<Outcome> {
    let invocation = Invocation::of(guest.file()).arg(argument);
    match guest.program()? {
        Program::Module(module) => stock::run(&place.mount(), &module, &invocation),
        Program::Component(run, component) => {
            let mounts = place.mounts(setting);
            let preopens: Vec<_> = mounts
                .iter()
                .map(|mount| {
                    let perms = if mount.read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
                    (mount.host.as_path(), mount.guest, perms)
                })
                .collect();
            let max_resources = (setting == Setting::Few).then_some(FEW);
            stock::run_component(&preopens, max_resources, run, &component, &invocation)
        }
    }
}
