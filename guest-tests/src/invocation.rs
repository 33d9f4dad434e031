//! What a guest is started with, and how it ended.

use std::fmt;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

/// Most bytes that a guest may print to one stream; beyond it, it ends in a trap.
const OUTPUT_MAX: usize = 16 << 20;

/// What a guest is started with. Its standard input is empty unless it is given.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Vec<u8>,
}

impl Invocation {
    /// A guest that is called `program`, without arguments.
    #[must_use]
    pub fn of(program: &str) -> Self {
        Invocation { args: vec![program.to_owned()], ..Invocation::default() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Adds a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives a standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The part of the guest's context that is the same whoever serves its files.
    pub(crate) fn context(&self) -> (WasiCtxBuilder, Printed) {
        let printed = Printed { out: MemoryOutputPipe::new(OUTPUT_MAX), err: MemoryOutputPipe::new(OUTPUT_MAX) };
        let mut builder = WasiCtxBuilder::new();
        builder.args(&self.args).envs(&self.env).stdin(MemoryInputPipe::new(self.stdin.clone()));
        builder.stdout(printed.out.clone()).stderr(printed.err.clone());
        (builder, printed)
    }
}

/// What a guest printed so far.
#[derive(Debug)]
pub(crate) struct Printed {
    out: MemoryOutputPipe,
    err: MemoryOutputPipe,
}

impl Printed {
    /// The outcome of a guest whose start function ended like this.
    pub(crate) fn outcome(&self, result: wasmtime::Result<()>) -> Outcome {
        let end = match result {
            Ok(()) => End::Exit(0),
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(code)) => End::Exit(*code),
                None => End::Trap(format!("{error:?}")),
            },
        };
        Outcome { end, stdout: self.out.contents().to_vec(), stderr: self.err.contents().to_vec() }
    }
}

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With this code; 0 when its start function returned.
    Exit(i32),
    /// In a trap, or because the host failed.
    Trap(String),
}

/// How a guest ended, and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Outcome {
    /// Whether it ended with code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.end == End::Exit(0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.end {
            End::Exit(code) => write!(f, "the guest ended with code {code}")?,
            End::Trap(error) => write!(f, "the guest trapped: {error}")?,
        }
        for (stream, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !bytes.is_empty() {
                write!(f, "\n--- {stream}\n{}", String::from_utf8_lossy(bytes).trim_end())?;
            }
        }
        Ok(())
    }
}
