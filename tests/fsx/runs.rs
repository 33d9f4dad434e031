//! Every policy over every storage.

use crate::kit::{Rng, env, seed};
use crate::setup::{Setup, Source};
use crate::world::{Counts, World};
use wasi_gofer::CachePolicy;

const SOURCES: [Source; 2] = [Source::Memory, Source::Direct];

/// Operations of each of the two runs.
const OPS: u64 = 1_000_000;

impl Counts {
    fn add(&mut self, other: Counts) {
        self.ops += other.ops;
        self.compared += other.compared;
        self.peeks += other.peeks;
        self.faults += other.faults;
        self.errors += other.errors;
    }
}

/// One run; what failed names the operations before it.
fn run(setup: &Setup, seed: u64) -> Result<Counts, String> {
    let mut world = World::new(setup, seed);
    for _ in 0..setup.ops {
        if let Err(error) = world.step() {
            let trace = world.trace.make_contiguous().concat();
            return Err(format!("{trace}operation {}: {error}", world.counts.ops));
        }
    }
    let trace = world.trace.make_contiguous().concat();
    world.finish().map_err(|error| format!("{trace}at the end: {error}"))
}

/// Runs over one policy, which gets its share of all operations.
fn explore(policy: CachePolicy, faulty: bool, share: u64) {
    let seed = seed("FSX_SEED");
    let mut rng = Rng::new(seed);
    let mut setups: Vec<_> = SOURCES.iter().flat_map(|source| Setup::all(*source, policy, faulty, &mut rng)).collect();
    let ops = (env("FSX_OPS").unwrap_or(OPS) * share / 100).div_ceil(setups.len() as u64);
    let mut counts = Counts::default();
    for setup in &mut setups {
        setup.ops = ops;
        let salt = rng.next();
        match run(setup, salt) {
            Ok(done) => counts.add(done),
            Err(error) => panic!("wrong, with FSX_SEED={seed}\n{setup:#?}\n{error}"),
        }
    }
    assert!(!faulty || counts.faults > 0 || counts.ops < 10_000, "no fault struck");
    let Counts { ops, compared, peeks, faults, errors } = counts;
    println!(
        "fsx {policy}, faults {faulty}, FSX_SEED={seed}: {ops} operations over {} mounts, {compared} bytes compared, \
         {peeks} looks behind the mount, {faults} calls failed, {errors} operations told of it, 0 wrong bytes",
        setups.len()
    );
}

macro_rules! runs {
    ($($name:ident: $policy:ident $faulty:literal $share:literal,)*) => {$(
        #[test]
        fn $name() {
            explore(CachePolicy::$policy, $faulty, $share);
        }
    )*};
}

runs! {
    exclusive_holds_what_was_written: Exclusive false 45,
    writethrough_holds_what_was_written: Writethrough false 30,
    shared_holds_what_was_written: Shared false 15,
    none_holds_what_was_written: None false 10,
    exclusive_over_faults_loses_only_what_an_error_permits: Exclusive true 45,
    writethrough_over_faults_loses_only_what_an_error_permits: Writethrough true 30,
    shared_over_faults_loses_only_what_an_error_permits: Shared true 15,
    none_over_faults_loses_only_what_an_error_permits: None true 10,
}

/// That the shadow would see what it is there for.
#[test]
fn shared_over_a_storage_that_changes_a_byte_is_wrong() {
    let mut rng = Rng::new(1);
    for salt in 0..5 {
        let setup = Setup::all(Source::Direct, CachePolicy::Shared, false, &mut rng).swap_remove(0);
        let mut world = World::new(&setup, salt);
        let told = (0..20_000).find_map(|op| {
            if op % 100 == 99 {
                world.spoil(0);
            }
            world.step().err()
        });
        assert!(told.as_ref().is_some_and(|told| told.contains("wrong bytes")), "{told:?}");
    }
}
