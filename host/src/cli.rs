//! The command line.

use crate::commands::cat::CatArgs;
use crate::commands::ls::LsArgs;
use crate::commands::run::RunArgs;
use crate::commands::serve::ServeArgs;
use crate::commands::stat::StatArgs;
use crate::commands::{cat, ls, run, serve, stat};
use crate::exit;
use clap::{Parser, Subcommand};

/// Run WASI modules and components over cached, confined mounts
#[derive(Parser)]
#[command(
    name = "wasi-gofer",
    version,
    args_conflicts_with_subcommands = true,
    override_usage = "wasi-gofer [run] [OPTIONS] MODULE [ARGS]...\n       \
        wasi-gofer ls|stat|cat [OPTIONS] PATH...\n       \
        wasi-gofer serve --root DIR (--socket PATH | --fd N) [OPTIONS]",
    after_help = "Without a subcommand, `run` is meant.\n\n\
        Examples:\n  \
        wasi-gofer --dir . app.wasm --input a.txt\n  \
        wasi-gofer --dir data::/data::ro --mount type=memory,dst=/tmp,size=64m app.wasm\n  \
        wasi-gofer --mount type=directfs,src=cache,dst=/cache,cache=exclusive --stats app.wasm\n  \
        wasi-gofer ls -l --dir data::/data /data\n  \
        wasi-gofer serve --root data --socket /run/user/1000/data.sock --ro\n\n\
        Exit codes: the guest's own; 134 for a trap; 128 and its number for a signal; 125 for a failure of \
        wasi-gofer itself."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Run a WebAssembly module or component
    #[command(override_usage = "wasi-gofer [run] [OPTIONS] MODULE [ARGS]...")]
    Run(Box<RunArgs>),
    /// List a directory of a mount
    Ls(LsArgs),
    /// Show the attributes of files of a mount
    Stat(StatArgs),
    /// Write files of a mount to the standard output
    Cat(CatArgs),
    /// Serve a directory to clients over a socket, from a jail
    Serve(Box<ServeArgs>),
}

/// Does what the command line asks and answers the exit code.
pub(crate) fn main() -> i32 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked = !error.use_stderr();
            // Nobody is left to hear it when that fails.
            let _ = error.print();
            return if asked { 0 } else { exit::OURS };
        }
    };
    exit::code_of(match cli.command {
        None => run::execute(cli.run),
        Some(Command::Run(args)) => run::execute(*args),
        Some(Command::Ls(args)) => ls::execute(&args),
        Some(Command::Stat(args)) => stat::execute(&args),
        Some(Command::Cat(args)) => cat::execute(&args),
        Some(Command::Serve(args)) => serve::execute(*args),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
