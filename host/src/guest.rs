//! One run of a guest, whatever it is.

use crate::exit;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};
use wasi_gofer::GoferCtx;
use wasi_gofer::abi::Call;
use wasmtime::{Engine, Error, Store, StoreLimits, StoreLimitsBuilder, Trap, WasmCoreDump};
use wasmtime_cli_flags::{CommonOptions, WasmOptions};
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

/// What every guest has.
pub(crate) struct Frame<'a> {
    /// The user's sub-options.
    pub(crate) options: &'a CommonOptions,
    /// The engine that it was made ready for.
    pub(crate) engine: Engine,
    /// What the user called it.
    pub(crate) name: &'a str,
}

/// The data of a guest's store.
pub(crate) trait HostData: Send + 'static {
    /// What bounds the store.
    fn limits(&mut self) -> &mut StoreLimits;

    /// Sets how long calls on files wait.
    fn set_call(&mut self, call: Call);
}

/// What can run: a kind of program, linked and started in its own way.
pub(crate) trait Guest {
    /// The data of its store.
    type Host: HostData;

    /// What every guest has.
    fn frame(&self) -> &Frame<'_>;

    /// The data of its store.
    fn host(&self, builder: WasiCtxBuilder, files: GoferCtx, limits: StoreLimits) -> Self::Host;

    /// Links, instantiates and calls it; the exit code where it returned.
    async fn start(&self, store: &mut Store<Self::Host>) -> Result<i32, Failure>;

    /// Runs the guest to its end and answers the exit code.
    ///
    /// The linker is wasmtime's asynchronous one: without it neither a sleeping guest nor one that waits for input
    /// could be interrupted by `-W timeout`, and calls on files run inline in both. The runtime has one thread, this
    /// one: nothing but the guest and its timer runs on it, and the workers of the other kind, one per processor,
    /// would cost their start and have nothing to do.
    fn run(&self, builder: WasiCtxBuilder, files: GoferCtx) -> Result<i32> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let code = runtime.block_on(async {
            let frame = self.frame();
            let host = self.host(builder, files, limits(&frame.options.wasm));
            let mut store = frame.store(host)?;
            let result = match frame.options.wasm.timeout {
                None => self.start(&mut store).await,
                Some(limit) => {
                    let timeout = tokio::time::timeout(limit, self.start(&mut store)).await;
                    timeout.unwrap_or_else(|_| Err(Failure::Ended(Trap::Interrupt.into())))
                }
            };
            Ok(frame.code(&mut store, result))
        });
        // A read of the standard input that a timeout gave up still waits on its thread; nobody waits for that.
        runtime.shutdown_background();
        code
    }
}

/// How a guest ended that neither returned nor was interrupted.
pub(crate) enum Failure {
    /// Before its code ran: a missing import, a limit of the store.
    NotStarted(Error),
    /// By an exit, a trap, or an error of a function that it called.
    Ended(Error),
}

impl Frame<'_> {
    fn store<T: HostData>(&self, host: T) -> Result<Store<T>> {
        let options = self.options;
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| host.limits());
        if let Some(fuel) = options.wasm.fuel {
            store.set_fuel(fuel)?;
        }
        if let Some(fuel) = options.wasi.hostcall_fuel {
            store.set_hostcall_fuel(fuel);
        }
        if let Some(most) = options.wasi.max_component_handles {
            store.set_max_component_handles(most);
        }
        if let Some(limit) = options.wasm.timeout {
            let deadline = Instant::now().checked_add(limit);
            store.data_mut().set_call(Call { deadline, ..Call::WAITING });
            store.set_epoch_deadline(1);
            self.end_epoch_after(limit);
        } else if options.wasm.epoch_interruption == Some(true) {
            store.epoch_deadline_async_yield_and_update(1);
            store.set_epoch_deadline(1);
        }
        Ok(store)
    }

    /// Interrupts code that computes; tokio's timer interrupts what waits.
    fn end_epoch_after(&self, limit: Duration) {
        let engine = self.engine.clone();
        thread::spawn(move || {
            thread::sleep(limit);
            engine.increment_epoch();
        });
    }

    /// The exit code of a run that ended so; says why, where the guest did not choose it.
    fn code(&self, store: &mut Store<impl HostData>, result: Result<i32, Failure>) -> i32 {
        let (error, code) = match result {
            Ok(code) => return code,
            Err(Failure::NotStarted(error)) => (error, exit::OURS),
            Err(Failure::Ended(error)) => (error, exit::FAILED),
        };
        if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
            return *code;
        }
        if error.is::<Trap>() {
            let dumped = self.dump_core(store, &error);
            let what = match (error.downcast_ref(), self.options.wasm.timeout) {
                (Some(Trap::Interrupt), Some(limit)) => format!("timed out after {limit:?}"),
                _ => "trapped".to_owned(),
            };
            exit::say(format_args!("`{}` {what}: {error:?}{dumped}", self.name));
            return exit::TRAP;
        }
        match code {
            exit::OURS => exit::say(format_args!("{error:#}")),
            _ => exit::say(format_args!("`{}` failed: {error:?}", self.name)),
        }
        code
    }

    /// Writes the core dump if `-D coredump` asked for one; what is to be said of it.
    fn dump_core(&self, store: &mut Store<impl HostData>, error: &Error) -> String {
        let mut said = String::new();
        let (Some(path), Some(dump)) = (&self.options.debug.coredump, error.downcast_ref::<WasmCoreDump>()) else {
            return said;
        };
        let bytes = dump.serialize(&mut *store, self.name);
        // Writing to a string cannot fail.
        let _ = match std::fs::write(path, bytes) {
            Ok(()) => write!(said, "\ncore dump: {path}"),
            Err(error) => write!(said, "\nno core dump: `{path}`: {error}"),
        };
        said
    }
}

/// The store's limits, as `-W` gives them.
fn limits(wasm: &WasmOptions) -> StoreLimits {
    let mut limits = StoreLimitsBuilder::new();
    if let Some(most) = wasm.max_memory_size {
        limits = limits.memory_size(most);
    }
    if let Some(most) = wasm.max_table_elements {
        limits = limits.table_elements(most);
    }
    if let Some(most) = wasm.max_instances {
        limits = limits.instances(most);
    }
    if let Some(most) = wasm.max_tables {
        limits = limits.tables(most);
    }
    if let Some(most) = wasm.max_memories {
        limits = limits.memories(most);
    }
    limits.trap_on_grow_failure(wasm.trap_on_grow_failure == Some(true)).build()
}
