//! Every behaviour of the guests over every front end, backend and policy, and under wasmtime's own filesystem.
//!
//! | tests | what runs |
//! |---|---|
//! | `<guest>/<backend>/<policy>/<behaviour>` | synchronous host functions; asynchronous ones for `p3`. Backends: `directfs`, `memory`, `lisafs` over our own server, and, in two policies and skipped aloud where `runsc` is not installed, `gvisor` over gVisor's |
//! | `<guest>-async/directfs/shared/<behaviour>` | asynchronous ones |
//! | `<guest>/directfs-tiny/<policy>/<behaviour>` | one dentry and four descriptors of directories in the cache |
//! | `<guest>-handover/waiting/<policy>/<behaviour>` | calls on a backend that always has to wait, on workers |
//! | `<guest>/short/<policy>/<behaviour>` | a backend that moves a part of what it is asked for |
//! | `stock/<guest>/<behaviour>` | wasmtime's filesystem; those in the guest's list of differences must fail |
//! | `committed/...` | a guest is what its sources built to, and lists the names that are run here |
//! | `descriptors/<guest>/<policy>` | all behaviours one after the other in a process of their own: no descriptor is left |
//!
//! The guests are `p1` (the module of preview 1), `p2-adapted` (the same behind wasmtime's adapter, with the same results
//! but for what `adapter-differs.txt` says of the adapter), `p2` and `p3` (components of WASI 0.2 and 0.3).
//!
//! Behind each run the guest's directory must hold what the registry says, the cache must show what the backend holds,
//! its invariants must hold, and nothing beside the directory may have changed.

mod descriptors;
mod guest;
mod place;
mod registry;
#[path = "../../../tests/interop/runsc.rs"]
#[allow(dead_code, reason = "the library's own tests', of which some is for those")]
mod runsc;
mod scenario;
mod stock;

use anyhow::{Result, ensure};
use guest::{Guest, Setting};
use libtest_mimic::{Arguments, Failed, Trial};
use scenario::Scenario;
use std::process::ExitCode;
use wasi_gofer::CachePolicy;
use wasi_gofer_guest_tests as harness;

fn main() -> ExitCode {
    if let Some((guest, policy)) = descriptors::asked() {
        return descriptors::run(guest, policy);
    }
    let arguments = Arguments::from_args();
    let mut trials = committed();
    for guest in Guest::ALL {
        trials.extend(
            guest.behaviours().map(|b| trial(format!("stock/{guest}/{}", b.name), move || stock::check(guest, b))),
        );
    }
    let gvisor = runsc::program("every behaviour over gVisor's gofer").is_some();
    for scenario in Scenario::all().into_iter().filter(|scenario| gvisor || !scenario.needs_gvisor()) {
        trials.extend(
            scenario
                .behaviours()
                .map(|behaviour| trial(format!("{scenario}/{}", behaviour.name), move || scenario.check(behaviour))),
        );
    }
    // Each is a process that compiles its guest: all policies for one of them.
    let policies = CachePolicy::ALL.map(|policy| (Guest::P1, policy));
    let others = [Guest::P2, Guest::P3].map(|guest| (guest, CachePolicy::Exclusive));
    for (guest, policy) in policies.into_iter().chain(others) {
        trials.push(trial(format!("descriptors/{guest}/{policy}"), move || descriptors::check(guest, policy)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, body: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || body().map_err(|error| Failed::from(format!("{error:#}"))))
}

fn committed() -> Vec<Trial> {
    let mut trials = Vec::new();
    for guest in Guest::COMMITTED {
        let of = |name: &str, body: fn(Guest) -> Result<()>| {
            trial(format!("committed/{}/{name}", guest.file()), move || body(guest))
        };
        trials.push(of("is_what_its_sources_built_to", |guest| harness::check_committed(guest.file())));
        trials.push(of("lists_every_name", |guest| {
            let place = place::Place::new(Setting::Root)?;
            let outcome = stock::start(guest, Setting::Root, &place, "list")?;
            let listed: Vec<_> = std::str::from_utf8(&outcome.stdout)?.lines().collect();
            let named: Vec<_> = guest.behaviours().map(|behaviour| behaviour.name).collect();
            ensure!(listed == named, "it lists other behaviours than names.rs: {outcome}");
            Ok(())
        }));
    }
    for guest in Guest::ALL {
        trials.push(trial(format!("committed/differences/{guest}_names_behaviours"), move || {
            let mut names = guest.differs_under_stock()?;
            if guest == Guest::P2Adapted {
                names.extend(harness::differences("adapter-differs.txt")?);
            }
            for name in names.keys() {
                ensure!(guest.behaviours().any(|behaviour| behaviour.name == name), "there is no behaviour `{name}`");
            }
            Ok(())
        }));
    }
    trials
}
