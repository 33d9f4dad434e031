//! A process in the jail of a sidecar does everything that serving a directory takes, and nothing else.
//!
//! Each test starts this program again as a child ([`child`]) that enters the jail over a fresh directory and then acts:
//! it serves (`serving.rs`: the whole conformance suite runs over a jailed `DirectFs`), tries one way out (`escapes/`), or
//! waits for its end (`ending.rs`). As root each is done twice, as root and as the user 65534; a user does it as himself.
//!
//! Every way out is also tried outside of the jail, where it must lead out: what does not, shows nothing.

//!
//! A process that enters has one thread, and the standard harness runs each test on one of its own. So this is a program
//! with a `main`, which knows `--list`, `--exact`, `--skip` and parts of names.

#[macro_use]
mod subjects;

mod cases;
mod child;
mod connection;
mod ending;
mod entering;
mod escapes;
#[path = "../conformance/harness.rs"]
#[allow(dead_code, reason = "the suite's own, of which some is for the other subjects")]
mod harness;
mod read_only;
mod serving;
mod start;

use std::panic::catch_unwind;
use std::process::ExitCode;

/// The tests of a file, by their names.
#[macro_export]
macro_rules! tests {
    ($($test:ident)*) => {
        pub(crate) const TESTS: &[(&str, fn())] = &[$((stringify!($test), $test)),*];
    };
}

/// A name, and what it does.
type Test = (&'static str, fn());

const FILES: [(&str, &[Test]); 7] = [
    ("entering", entering::TESTS),
    ("serving", serving::TESTS),
    ("connection", connection::TESTS),
    ("read_only", read_only::TESTS),
    ("ending", ending::TESTS),
    ("escapes", escapes::TESTS),
    ("escapes::moved", escapes::moved::TESTS),
];

/// Which tests are asked for.
#[derive(Default)]
struct Wanted {
    parts: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
}

impl Wanted {
    fn from_arguments() -> Wanted {
        let mut wanted = Wanted::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => wanted.exact = true,
                "--list" => wanted.list = true,
                "--skip" => wanted.skipped.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" | "-Z" => drop(arguments.next()),
                option if option.starts_with('-') => {}
                _ => wanted.parts.push(argument),
            }
        }
        wanted
    }

    fn has(&self, name: &str) -> bool {
        let is = |part: &String| if self.exact { name == part } else { name.contains(part.as_str()) };
        (self.parts.is_empty() || self.parts.iter().any(is)) && !self.skipped.iter().any(|part| name.contains(part))
    }
}

fn main() -> ExitCode {
    if child::option("ACT").is_some() {
        child::enter_the_jail_and_act();
    }
    let wanted = Wanted::from_arguments();
    let (mut passed, mut failed) = (0, Vec::new());
    for (file, tests) in FILES {
        for (test, run) in tests {
            let name = format!("{file}::{test}");
            if !wanted.has(&name) {
                continue;
            }
            if wanted.list {
                println!("{name}: test");
            } else if catch_unwind(run).is_ok() {
                println!("test {name} ... ok");
                passed += 1;
            } else {
                println!("test {name} ... FAILED");
                failed.push(name);
            }
        }
    }
    if wanted.list {
        return ExitCode::SUCCESS;
    }
    println!("\ntest result: {passed} passed; {} failed: {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
