//! Where rows of operations come from.

use crate::act::Act;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::time::{SystemTime, UNIX_EPOCH};

/// A number from the environment.
pub(crate) fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// The tree that a row may start with.
pub(crate) fn some_tree() -> Vec<Act> {
    let mkdir = |path: &str| Act::Mkdir { dir: 0, path: path.to_owned() };
    let put = |path: &str, data: &str| Act::Put { path: path.to_owned(), data: data.as_bytes().into() };
    let symlink = |target: &str, path: &str| Act::Symlink { dir: 0, target: target.to_owned(), path: path.to_owned() };
    let link =
        |path: &str, new: &str| Act::Link { dir: 0, path: path.to_owned(), new_dir: 0, new_path: new.to_owned() };
    vec![
        mkdir("a"),
        mkdir("a/b"),
        mkdir("a/b/c"),
        mkdir("dd"),
        put("c", "one"),
        put("a/a", "two"),
        put("a/b/c/dd", "three"),
        link("a/a", "dd/a"),
        symlink("a/b", "b"),
        symlink("../dd", "a/c"),
        symlink("c", "dd/b"),
    ]
}

/// A seed for a run that nobody gave one.
pub(crate) fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::from(since.subsec_nanos()))
}

/// A source of `cases` rows that depends on the seed and the salt alone.
pub(crate) fn seeded_runner(seed: u64, salt: u64, cases: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&salt.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).expect("a small number"),
        max_shrink_iters: 4_000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
