//! One run of a guest, whatever it is.

use crate::ending::LastWord;
use crate::exit;
use anyhow::{Context as _, Result};
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

    /// Runs the guest to its end.
    ///
    /// The linker is wasmtime's asynchronous one: without it neither a sleeping guest nor one that waits for input
    /// could be interrupted by `-W timeout`, and calls on files run inline in both. The runtime has one thread, this
    /// one: nothing but the guest and its timer runs on it, and the workers of the other kind, one per processor,
    /// would cost their start and have nothing to do.
    fn run(&self, builder: WasiCtxBuilder, files: GoferCtx) -> Result<Ended> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let ended = runtime.block_on(async {
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
            let ended = frame.ended(&mut store, result);
            // Never dropped: that would close the files that the guest left open, and wait for their backends without
            // a bound. The shutdown of the mounts brings out what they hold, and the rest ends with the process.
            std::mem::forget(store);
            Ok(ended)
        });
        // A read of the standard input that a timeout gave up still waits on its thread; nobody waits for that.
        runtime.shutdown_background();
        ended
    }
}

/// What a run came to.
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: i32,
    /// Says why, where the guest did not choose the code. It is left to the end of the run: the error stream may be a
    /// pipe that nobody reads.
    pub(crate) word: Option<LastWord>,
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

    /// What a run came to that ended so.
    fn ended(&self, store: &mut Store<impl HostData>, result: Result<i32, Failure>) -> Ended {
        let (error, code) = match result {
            Ok(code) => return Ended { code, word: None },
            Err(Failure::NotStarted(error)) => (error, exit::OURS),
            Err(Failure::Ended(error)) => (error, exit::FAILED),
        };
        if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
            return Ended { code: *code, word: None };
        }
        if error.is::<Trap>() {
            let what = match (error.downcast_ref(), self.options.wasm.timeout) {
                (Some(Trap::Interrupt), Some(limit)) => format!("timed out after {limit:?}"),
                _ => "trapped".to_owned(),
            };
            let message = format!("`{}` {what}: {error:?}", self.name);
            let dump = self.core_dump(store, &error);
            let word = move || {
                let dumped = dump.map(|(path, bytes)| write_core_dump(&path, &bytes)).unwrap_or_default();
                exit::say(format_args!("{message}{dumped}"));
            };
            return Ended { code: exit::TRAP, word: Some(Box::new(word)) };
        }
        let message = match code {
            exit::OURS => format!("{error:#}"),
            _ => format!("`{}` failed: {error:?}", self.name),
        };
        Ended { code, word: Some(Box::new(move || exit::say(message))) }
    }

    /// The core dump, and where it goes, if `-D coredump` asked for one.
    fn core_dump(&self, store: &mut Store<impl HostData>, error: &Error) -> Option<(String, Vec<u8>)> {
        let (path, dump) = (self.options.debug.coredump.as_ref()?, error.downcast_ref::<WasmCoreDump>()?);
        Some((path.clone(), dump.serialize(&mut *store, self.name)))
    }
}

/// Writes a core dump; what is to be said of it.
fn write_core_dump(path: &str, bytes: &[u8]) -> String {
    match std::fs::write(path, bytes) {
        Ok(()) => format!("\ncore dump: {path}"),
        Err(error) => format!("\nno core dump: `{path}`: {error}"),
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
