//! The `wasi-gofer` command: `wasmtime run` with mounts, and a look at a mount without a guest.

mod cli;
mod commands;
mod component;
mod ending;
mod engine;
mod exit;
mod guest;
mod invoke;
mod log;
mod module;
mod mount_spec;
mod mounts;
mod options;
mod rlimit;
mod show;
mod signals;
mod stats;
mod suggest;
mod sys;
mod wasi;

fn main() {
    std::process::exit(cli::main());
}
