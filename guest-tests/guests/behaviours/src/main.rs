//! A guest that checks from the inside how a filesystem behaves.
//!
//! `behaviours.wasm NAME` runs one behaviour in the directory that is preopened as `/`, which must be empty and
//! writable. It exits with 0 if the filesystem behaves as Linux does and WASI preview 1 allows; else it says what went
//! wrong and exits with 1. `list` prints the names of all behaviours, `tree PATH` a summary of a directory.
//!
//! A behaviour is one function without arguments that arranges, acts and asserts. Those that stock wasmtime is known to
//! fail say so with a comment `// stock:`.

#[macro_use]
mod names;

mod append;
mod dirs;
mod fds;
mod files;
mod kit;
mod links;
mod open;
mod paths;
mod patterns;
mod readdir;
mod rename;
mod times;
mod tree;
mod wasi;

use append::*;
use dirs::*;
use fds::*;
use files::*;
use links::*;
use open::*;
use paths::*;
use patterns::*;
use readdir::*;
use rename::*;
use times::*;

macro_rules! table {
    ($($name:ident)*) => {
        const BEHAVIOURS: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
    };
}

foreach_behaviour!(table);

const USAGE: &str = "usage: behaviours NAME | list | tree PATH";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => {
            BEHAVIOURS.iter().for_each(|(name, _)| println!("{name}"));
            Ok(())
        }
        ["tree", path] => tree::print(path),
        [name] => run(name),
        _ => Err(USAGE.to_owned()),
    };
    if let Err(message) = outcome {
        eprintln!("{message}");
        std::process::exit(1);
    }
}

fn run(name: &str) -> Result<(), String> {
    let (name, behaviour) =
        BEHAVIOURS.iter().find(|(known, _)| *known == name).ok_or(format!("no behaviour `{name}`; {USAGE}"))?;
    // A failure is an exit code with a message, not a trap with a backtrace.
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("{name} failed: {panic}");
        std::process::exit(1);
    }));
    behaviour();
    Ok(())
}
