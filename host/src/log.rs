//! The command's log, on the standard error stream.

use clap::ValueEnum;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// What is probably not meant
    Warn,
    /// What happens once in a run
    Info,
    /// What happens often
    Debug,
    /// Everything
    Trace,
}

/// The option that chooses.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Log this much on the standard error stream; RUST_LOG gives finer filters
    #[arg(long, value_name = "LEVEL")]
    log: Option<Level>,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> LevelFilter {
        match level {
            Level::Off => LevelFilter::OFF,
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        }
    }
}

impl LogArgs {
    /// Starts the log: `--log`, else `RUST_LOG`, else warnings and errors.
    pub(crate) fn init(&self) {
        let filter = match self.log {
            Some(level) => EnvFilter::default().add_directive(LevelFilter::from(level).into()),
            None => EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy(),
        };
        let stderr = std::io::stderr();
        let ansi = stderr.is_terminal();
        // A second log of the process is refused by the library; there is one call of this.
        let _ =
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).try_init();
    }
}
