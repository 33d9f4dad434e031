//! Every behaviour of the guest over every backend and policy, and under wasmtime's own filesystem.
//!
//! | tests | what runs |
//! |---|---|
//! | `p1/<backend>/<policy>/<behaviour>` | synchronous host functions |
//! | `p1-async/directfs/shared/<behaviour>` | asynchronous ones |
//! | `p1/directfs-tiny/<policy>/<behaviour>` | one dentry and four descriptors of directories in the cache |
//! | `stock/<behaviour>` | wasmtime's filesystem; those in `stock-differs.txt` must fail |
//! | `committed/...` | the module is what its sources built to, and lists the names that are run here |
//! | `descriptors/<policy>` | all behaviours one after the other in a process of their own: no descriptor is left |
//!
//! Behind each run the guest's directory must hold what the registry says, the cache must show what the backend holds,
//! its invariants must hold, and nothing beside the directory may have changed.

mod descriptors;
mod place;
mod registry;
mod scenario;

use anyhow::{Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use registry::Leaves;
use scenario::{Scenario, run_stock};
use std::process::ExitCode;
use wasi_gofer::CachePolicy;
use wasi_gofer_guest_tests as harness;

include!("../../guests/behaviours/src/names.rs");

/// A behaviour of the guest.
#[derive(Clone, Copy, Debug)]
struct Behaviour {
    name: &'static str,
    leaves: Leaves,
}

macro_rules! all {
    ($($name:ident)*) => {
        const BEHAVIOURS: &[Behaviour] = &[$(Behaviour { name: stringify!($name), leaves: registry::$name }),*];
    };
}

foreach_behaviour!(all);

/// The committed guest.
const GUEST: &str = "behaviours.wasm";

fn main() -> ExitCode {
    if let Some(policy) = descriptors::asked() {
        return descriptors::run(policy);
    }
    let arguments = Arguments::from_args();
    let mut trials = committed();
    trials.extend(stock());
    for scenario in Scenario::all() {
        trials.extend(
            BEHAVIOURS
                .iter()
                .map(|behaviour| trial(format!("{scenario}/{}", behaviour.name), move || scenario.check(*behaviour))),
        );
    }
    for policy in CachePolicy::ALL {
        trials.push(trial(format!("descriptors/{policy}"), move || descriptors::check(policy)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, body: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || body().map_err(|error| Failed::from(format!("{error:#}"))))
}

fn committed() -> Vec<Trial> {
    let of = |name: &str, body: fn() -> Result<()>| trial(format!("committed/{name}"), body);
    vec![
        of("behaviours_are_what_their_sources_built_to", || harness::check_committed(GUEST)),
        of("behaviours_lists_every_name", || {
            let place = place::Place::new()?;
            let outcome = harness::stock::run(&place.mount(), &guest()?, &harness::Invocation::of(GUEST).arg("list"))?;
            let listed: Vec<_> = std::str::from_utf8(&outcome.stdout)?.lines().collect();
            let named: Vec<_> = BEHAVIOURS.iter().map(|behaviour| behaviour.name).collect();
            ensure!(listed == named, "the module lists other behaviours than names.rs: {outcome}");
            Ok(())
        }),
        of("stock_differs_names_behaviours", || {
            for name in harness::differs_under_stock()?.keys() {
                ensure!(BEHAVIOURS.iter().any(|behaviour| behaviour.name == name), "there is no behaviour `{name}`");
            }
            Ok(())
        }),
    ]
}

/// The list of what differs under wasmtime's filesystem is kept true: what is on it must fail.
fn stock() -> Vec<Trial> {
    let check = |name: &'static str| {
        let (outcome, _) = run_stock(name)?;
        match harness::differs_under_stock()?.get(name) {
            None => ensure!(outcome.is_success(), "{outcome}"),
            Some(reason) => ensure!(!outcome.is_success(), "it passes, but stock-differs.txt says: {reason}"),
        }
        Ok(())
    };
    BEHAVIOURS.iter().map(|b| trial(format!("stock/{}", b.name), move || check(b.name))).collect()
}

fn guest() -> Result<wasmtime::Module> {
    harness::module(&harness::committed(GUEST))
}
