//! One run of a core module.

use crate::guest::{Failure, Frame, Guest, HostData};
use crate::invoke::{self, Call};
use crate::options::wasi_enabled;
use wasi_gofer::GoferCtx;
use wasi_gofer::p1::{self, GoferP1Ctx};
use wasmtime::{Error, Instance, Linker, Module, Result, Store, StoreLimits, Val};
use wasmtime_wasi::{WasiCtxBuilder, WasiView};

/// A core module that runs.
pub(crate) struct ModuleGuest<'a> {
    /// What every guest has.
    pub(crate) frame: Frame<'a>,
    /// The module.
    pub(crate) module: Module,
    /// Modules whose exports it can import, under these names.
    pub(crate) preloads: Vec<(String, Module)>,
    /// What to call after instantiation.
    pub(crate) call: Option<Call>,
}

/// The data of the guest's store.
pub(crate) struct Host {
    p1: GoferP1Ctx,
    limits: StoreLimits,
}

impl HostData for Host {
    fn limits(&mut self) -> &mut StoreLimits {
        &mut self.limits
    }

    fn set_call(&mut self, call: wasi_gofer::abi::Call) {
        self.p1.set_call(call);
    }
}

impl Guest for ModuleGuest<'_> {
    type Host = Host;

    fn frame(&self) -> &Frame<'_> {
        &self.frame
    }

    fn host(&self, mut builder: WasiCtxBuilder, files: GoferCtx, limits: StoreLimits) -> Host {
        let mut wasi = builder.build_p1();
        // Wasmtime counts its descriptors among the resources; those of the standard streams do not count there.
        let files = match self.frame.options.wasi.max_resources {
            Some(most) => {
                wasi.ctx().table.set_max_capacity(most);
                files.with_max_descriptors(most.saturating_add(3))
            }
            None => files,
        };
        Host { p1: GoferP1Ctx::new(wasi, files), limits }
    }

    async fn start(&self, store: &mut Store<Host>) -> Result<i32, Failure> {
        let mut linker = self.linker().map_err(Failure::NotStarted)?;
        let instance = self.instantiate(store, &mut linker).await.map_err(Failure::NotStarted)?;
        self.bind(store, instance);
        self.call(store, instance).await.map_err(Failure::Ended)?;
        Ok(0)
    }
}

impl ModuleGuest<'_> {
    fn linker(&self) -> Result<Linker<Host>> {
        let mut linker = Linker::new(&self.frame.engine);
        if let Some(allow) = self.frame.options.wasm.unknown_exports_allow {
            linker.allow_unknown_exports(allow);
        }
        if wasi_enabled(self.frame.options) {
            p1::add_to_linker_async(&mut linker, |host: &mut Host| &mut host.p1)?;
        }
        Ok(linker)
    }

    async fn instantiate(&self, store: &mut Store<Host>, linker: &mut Linker<Host>) -> Result<Instance, Error> {
        for (name, module) in &self.preloads {
            let linked = linker.module_async(&mut *store, name, module).await;
            linked.map_err(|error| error.context(format!("cannot preload the module `{name}`")))?;
        }
        if self.frame.options.wasm.unknown_imports_trap == Some(true) {
            linker.define_unknown_imports_as_traps(&self.module)?;
        }
        if self.frame.options.wasm.unknown_imports_default == Some(true) {
            linker.define_unknown_imports_as_default_values(&mut *store, &self.module)?;
        }
        linker.instantiate_async(&mut *store, &self.module).await.map_err(|error| self.explain(error))
    }

    /// Adds what helps with an instantiation that failed.
    fn explain(&self, error: Error) -> Error {
        let mut what = format!("cannot instantiate `{}`", self.frame.name);
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
}
