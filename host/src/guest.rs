//! One run of a guest.

use crate::exit;
use crate::invoke::{self, Call};
use crate::options::wasi_enabled;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};
use wasi_gofer::p1::{self, GoferP1Ctx};
use wasmtime::{
    Engine, Error, Instance, Linker, Module, Store, StoreLimits, StoreLimitsBuilder, Trap, Val, WasmCoreDump,
};
use wasmtime_cli_flags::{CommonOptions, WasmOptions};
use wasmtime_wasi::I32Exit;

/// What runs.
pub(crate) struct Guest<'a> {
    /// The user's sub-options.
    pub(crate) options: &'a CommonOptions,
    /// The engine that the modules were made ready for.
    pub(crate) engine: Engine,
    /// The module as the user named it.
    pub(crate) name: &'a str,
    /// The module.
    pub(crate) module: Module,
    /// Modules whose exports it can import, under these names.
    pub(crate) preloads: Vec<(String, Module)>,
    /// What to call after instantiation.
    pub(crate) call: Option<Call>,
}

/// The data of the guest's store.
struct Host {
    p1: GoferP1Ctx,
    limits: StoreLimits,
}

/// How a guest ended that neither returned nor was interrupted.
enum Failure {
    /// Before its code ran: a missing import, a limit of the store.
    NotStarted(Error),
    /// By an exit, a trap, or an error of a function that it called.
    Ended(Error),
}

impl Guest<'_> {
    /// Runs the guest to its end and answers the exit code.
    ///
    /// The linker is wasmtime's asynchronous one: without it neither a sleeping guest nor one that waits for input
    /// could be interrupted by `-W timeout`, and calls on files run inline in both. The runtime has one thread, this
    /// one: nothing but the guest and its timer runs on it, and the workers of the other kind, one per processor,
    /// would cost their start and have nothing to do.
    pub(crate) fn run(&self, p1: GoferP1Ctx) -> Result<i32> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let code = runtime.block_on(self.execute(p1));
        // A read of the standard input that a timeout gave up still waits on its thread; nobody waits for that.
        runtime.shutdown_background();
        code
    }

    async fn execute(&self, p1: GoferP1Ctx) -> Result<i32> {
        let mut store = self.store(p1)?;
        let mut linker = self.linker()?;
        let result = match self.options.wasm.timeout {
            None => self.start(&mut store, &mut linker).await,
            Some(limit) => {
                let timeout = tokio::time::timeout(limit, self.start(&mut store, &mut linker)).await;
                timeout.unwrap_or_else(|_| Err(Failure::Ended(Trap::Interrupt.into())))
            }
        };
        Ok(self.code(&mut store, result))
    }

    fn store(&self, p1: GoferP1Ctx) -> Result<Store<Host>> {
        let options = self.options;
        let mut store = Store::new(&self.engine, Host { p1, limits: limits(&options.wasm) });
        store.limiter(|host| &mut host.limits);
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
            store.data_mut().p1.set_call(wasi_gofer::abi::Call { deadline, ..wasi_gofer::abi::Call::WAITING });
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

    fn linker(&self) -> Result<Linker<Host>> {
        let mut linker = Linker::new(&self.engine);
        if let Some(allow) = self.options.wasm.unknown_exports_allow {
            linker.allow_unknown_exports(allow);
        }
        if wasi_enabled(self.options) {
            p1::add_to_linker_async(&mut linker, |host: &mut Host| &mut host.p1)?;
        }
        Ok(linker)
    }

    async fn start(&self, store: &mut Store<Host>, linker: &mut Linker<Host>) -> Result<(), Failure> {
        let instance = self.instantiate(store, linker).await.map_err(Failure::NotStarted)?;
        self.bind(store, instance);
        self.call(store, instance).await.map_err(Failure::Ended)
    }

    async fn instantiate(&self, store: &mut Store<Host>, linker: &mut Linker<Host>) -> Result<Instance, Error> {
        for (name, module) in &self.preloads {
            let linked = linker.module_async(&mut *store, name, module).await;
            linked.map_err(|error| error.context(format!("cannot preload the module `{name}`")))?;
        }
        if self.options.wasm.unknown_imports_trap == Some(true) {
            linker.define_unknown_imports_as_traps(&self.module)?;
        }
        if self.options.wasm.unknown_imports_default == Some(true) {
            linker.define_unknown_imports_as_default_values(&mut *store, &self.module)?;
        }
        linker.instantiate_async(&mut *store, &self.module).await.map_err(|error| self.explain(error))
    }

    /// Adds what helps with an instantiation that failed.
    fn explain(&self, error: Error) -> Error {
        let mut what = format!("cannot instantiate `{}`", self.name);
        if self.module.imports().any(|import| import.module() == "wasi_unstable") {
            what.push_str(" (it imports `wasi_unstable`, which is older than this version serves)");
        }
        error.context(what)
    }

    /// Tells the front end where the guest's memory is, so that no call has to look it up. With preloaded modules a
    /// call can come from one of those, which has a memory of its own.
    fn bind(&self, store: &mut Store<Host>, instance: Instance) {
        if self.preloads.is_empty()
            && let Some(memory) = instance.get_memory(&mut *store, "memory")
        {
            store.data_mut().p1.bind(memory);
        }
    }

    async fn call(&self, store: &mut Store<Host>, instance: Instance) -> Result<(), Error> {
        if let Some(function) = instance.get_func(&mut *store, "_initialize") {
            function.typed::<(), ()>(&*store)?.call_async(&mut *store, ()).await?;
        }
        let Some(call) = &self.call else { return Ok(()) };
        let Some(function) = instance.get_func(&mut *store, &call.export) else {
            return Err(Error::msg(format!("the export `{}` is gone", call.export)));
        };
        let mut results = vec![Val::null_func_ref(); call.results];
        function.call_async(&mut *store, &call.arguments, &mut results).await?;
        Ok(invoke::print(&results)?)
    }

    /// The exit code of a run that ended so; says why, where the guest did not choose it.
    fn code(&self, store: &mut Store<Host>, result: Result<(), Failure>) -> i32 {
        let (error, code) = match result {
            Ok(()) => return 0,
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
    fn dump_core(&self, store: &mut Store<Host>, error: &Error) -> String {
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
