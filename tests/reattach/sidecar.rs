//! A sidecar that can be killed.

use crate::serving::serving;
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;
use wasi_gofer::backend::lisafs::{HardLisaFs, LisaFsOptions, Program};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};

/// A directory, and who serves it.
pub(crate) struct Served {
    pub(crate) dir: TempDir,
}

impl Served {
    pub(crate) fn new() -> Served {
        Served { dir: TempDir::new().expect("a directory") }
    }

    pub(crate) fn program(&self) -> Program {
        Program::new(env!("CARGO_BIN_EXE_wasi-gofer-sidecar"), self.dir.path())
    }

    pub(crate) fn backend(&self, options: LisaFsOptions) -> HardLisaFs {
        HardLisaFs::start(self.program(), options).expect("it starts")
    }

    /// A mount at `/`.
    pub(crate) fn gofer(&self, policy: CachePolicy) -> Gofer {
        let mut builder = Gofer::builder();
        let fs = FsOptions::with_policy(policy);
        builder.mount("/", self.backend(LisaFsOptions::default()), MountOptions { read_only: false, fs });
        builder.build().expect("mounted")
    }

    /// Kills every process that serves the directory; how many those were.
    pub(crate) fn kill(&self) -> usize {
        let pids = serving(self.dir.path());
        pids.iter().filter(|pid| kill_process(**pid, Signal::KILL).is_ok()).count()
    }

    /// As [`Served::kill`], and waits until the processes have let go of everything.
    pub(crate) fn kill_and_wait(&self) -> usize {
        let pids = serving(self.dir.path());
        pids.iter().for_each(|pid| _ = kill_process(*pid, Signal::KILL));
        for pid in &pids {
            // The state is behind the name: Z, or X, once descriptors are closed; the first thread may be so before others.
            let is_there = || {
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
                let lives = stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']));
                let threads = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
                lives || threads.is_ok_and(|threads| threads.count() > 1)
            };
            while is_there() {
                std::thread::yield_now();
            }
        }
        pids.len()
    }

    pub(crate) fn host(&self, path: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(path)).expect("it is there")
    }
}
