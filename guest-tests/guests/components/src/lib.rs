//! Guests that check from the inside how a filesystem behaves behind `wasi:filesystem`: with feature `p2` that of WASI
//! 0.2, with feature `p3` that of WASI 0.3. Each is a component that exports `wasi:cli/run` of its version.
//!
//! `NAME` as the only argument runs one behaviour in the directory that is preopened as `/`, which must be empty and
//! writable, but for those of `settings` and `limits`. It exits with 0 if the filesystem behaves as the interface says and Linux
//! does; else it says what went wrong and exits with 1. `list` prints the names of all behaviours.
//!
//! A behaviour is one function without arguments that arranges, acts and asserts. Those of `shared` are the same for
//! both versions; streams differ so much that each has its own. Those that stock wasmtime is known to fail are listed
//! in `stock-differs-p2.txt` and `stock-differs-p3.txt`.

#[cfg(not(any(feature = "p2", feature = "p3")))]
compile_error!("choose one of the features p2 and p3");
#[cfg(all(feature = "p2", feature = "p3"))]
compile_error!("the features p2 and p3 are two programs");

#[macro_use]
mod names;

mod fs;
mod kit;
mod limits;
mod settings;
mod shared;

#[cfg(feature = "p2")]
mod p2;
#[cfg(feature = "p3")]
mod p3;

use limits::*;
#[cfg(feature = "p2")]
use p2::behaviours::*;
#[cfg(feature = "p3")]
use p3::behaviours::*;
use settings::*;
use shared::*;

macro_rules! table {
    ($($name:ident)*) => {
        &[$((stringify!($name), $name as fn())),*]
    };
}

/// All behaviours, in groups.
const BEHAVIOURS: &[&[(&str, fn())]] = &[
    foreach_shared!(table),
    foreach_setting!(table),
    foreach_limit!(table),
    #[cfg(feature = "p2")]
    foreach_p2!(table),
    #[cfg(feature = "p3")]
    foreach_p3!(table),
];

const USAGE: &str = "the only argument is the name of a behaviour, or `list`";

fn main() -> Result<(), String> {
    let all = || BEHAVIOURS.iter().copied().flatten();
    match std::env::args().skip(1).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => all().for_each(|(name, _)| println!("{name}")),
        [wanted] => {
            let (name, behaviour) =
                all().find(|(name, _)| *name == wanted).ok_or(format!("no behaviour `{wanted}`; {USAGE}"))?;
            // A failure is an exit code with a message, not a trap with a backtrace.
            std::panic::set_hook(Box::new(move |panic| {
                eprintln!("{name} failed: {panic}");
                std::process::exit(1);
            }));
            behaviour();
        }
        _ => return Err(USAGE.to_owned()),
    }
    Ok(())
}

fn run() -> Result<(), ()> {
    main().map_err(|message| eprintln!("{message}"))
}

struct Component;

#[cfg(feature = "p2")]
impl wasip2::exports::cli::run::Guest for Component {
    fn run() -> Result<(), ()> {
        run()
    }
}

#[cfg(feature = "p3")]
impl wasip3::exports::cli::run::Guest for Component {
    async fn run() -> Result<(), ()> {
        run()
    }
}

#[cfg(feature = "p2")]
wasip2::cli::command::export!(Component);
#[cfg(feature = "p3")]
wasip3::cli::command::export!(Component);
