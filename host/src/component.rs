//! One run of a component.

use crate::guest::{Failure, Frame, Guest, HostData};
use crate::options::wasi_enabled;
use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
use wasi_gofer::{GoferCtx, p2, p3};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceTable, ResourceType};
use wasmtime::error::Context as _;
use wasmtime::{Result, Store, StoreLimits};
use wasmtime_wasi::p2::bindings::LinkOptions;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// A component that runs: what it exports as `wasi:cli/run`.
pub(crate) struct ComponentGuest<'a> {
    /// What every guest has.
    pub(crate) frame: Frame<'a>,
    /// The component.
    pub(crate) component: Component,
}

/// The data of the guest's store.
pub(crate) struct Host {
    wasi: WasiCtx,
    files: GoferComponentCtx,
    table: ResourceTable,
    limits: StoreLimits,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl GoferView for Host {
    fn gofer(&mut self) -> GoferCtxView<'_> {
        GoferCtxView { ctx: &mut self.files, table: &mut self.table }
    }
}

impl HostData for Host {
    fn limits(&mut self) -> &mut StoreLimits {
        &mut self.limits
    }

    fn set_call(&mut self, call: wasi_gofer::abi::Call) {
        self.files.set_call(call);
    }
}

impl Guest for ComponentGuest<'_> {
    type Host = Host;

    fn frame(&self) -> &Frame<'_> {
        &self.frame
    }

    fn host(&self, mut builder: WasiCtxBuilder, files: GoferCtx, limits: StoreLimits) -> Host {
        let mut table = ResourceTable::new();
        if let Some(most) = self.frame.options.wasi.max_resources {
            table.set_max_capacity(most);
        }
        Host { wasi: builder.build(), files: GoferComponentCtx::new(files), table, limits }
    }

    async fn start(&self, store: &mut Store<Host>) -> Result<i32, Failure> {
        let linker = self.linker().map_err(Failure::NotStarted)?;
        let not_started = |error: wasmtime::Error| {
            Failure::NotStarted(error.context(format!("cannot instantiate `{}`", self.frame.name)))
        };
        let ended = if self.serves_p3() && self.exports_run_of_p3() {
            let command =
                wasmtime_wasi::p3::bindings::Command::instantiate_async(&mut *store, &self.component, &linker);
            let command = command.await.map_err(not_started)?;
            let ended = store.run_concurrent(async move |store| command.wasi_cli_run().call_run(store).await).await;
            ended.and_then(|ended| ended)
        } else {
            let command =
                wasmtime_wasi::p2::bindings::Command::instantiate_async(&mut *store, &self.component, &linker);
            command.await.map_err(not_started)?.wasi_cli_run().call_run(store).await
        };
        match ended {
            Ok(Ok(())) => Ok(0),
            Ok(Err(())) => Ok(1),
            Err(error) => Err(Failure::Ended(error)),
        }
    }
}

impl ComponentGuest<'_> {
    /// Whether WASI 0.3 is served: unless the user says no, or takes away what it needs of the engine.
    fn serves_p3(&self) -> bool {
        let (wasi, wasm) = (&self.frame.options.wasi, &self.frame.options.wasm);
        let needs = [wasm.component_model_async, wasm.concurrency_support];
        wasi_enabled(self.frame.options) && wasi.p3.unwrap_or_else(|| !needs.contains(&Some(false)))
    }

    /// Whether the component is a command of WASI 0.3; one that is of 0.2 too is run as that of 0.3.
    fn exports_run_of_p3(&self) -> bool {
        let exported = self.component.component_type();
        exported.exports(&self.frame.engine).any(|(name, _)| name.starts_with("wasi:cli/run@0.3."))
    }

    /// Every version of WASI that this command serves to components; one that is older than a guest's import serves it
    /// where semantic versions say so.
    fn linker(&self) -> Result<Linker<Host>> {
        let options = self.frame.options;
        let mut linker = Linker::new(&self.frame.engine);
        if wasi_enabled(options) {
            let mut unstable = LinkOptions::default();
            unstable.network_error_code(options.wasi.network_error_code == Some(true));
            wasmtime_wasi::p2::add_to_linker_with_options_async(&mut linker, &unstable)?;
            p2::add_to_linker_async(&mut linker)?;
        }
        if self.serves_p3() {
            p3::add_all_to_linker(&mut linker).context("cannot serve WASI 0.3, which `-S p3=n` turns off")?;
        }
        if options.wasm.unknown_imports_trap == Some(true) {
            self.add_traps(&mut linker)?;
        }
        Ok(linker)
    }

    /// Has the functions of interfaces that nobody serves trap. Wasmtime's own function for it would also add what an
    /// interface of WASI merely names, as `wasi:io/streams` does the resource `error`, with another type than the one
    /// that is served.
    fn add_traps(&self, linker: &mut Linker<Host>) -> Result<()> {
        let engine = &self.frame.engine;
        let served = |name: &str| wasi_enabled(self.frame.options) && SERVED.iter().any(|part| name.starts_with(part));
        for (name, import) in self.component.component_type().imports(engine).filter(|(name, _)| !served(name)) {
            match import.ty {
                ComponentItem::ComponentInstance(instance) => {
                    let mut into = linker.instance(name)?;
                    for (function, export) in instance.exports(engine) {
                        add_trap(&mut into, function, &export.ty, format!("{name}#{function}"))?;
                    }
                }
                item => add_trap(&mut linker.root(), name, &item, name.to_owned())?,
            }
        }
        Ok(())
    }
}

/// The packages that are served.
const SERVED: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// Adds what has no type of its own to be right: a function that traps, a resource that nobody makes.
fn add_trap(into: &mut LinkerInstance<'_, Host>, name: &str, item: &ComponentItem, path: String) -> Result<()> {
    match item {
        ComponentItem::ComponentFunc(_) => into.func_new(name, move |_, _, _, _| {
            Err(wasmtime::format_err!("unknown import: `{path}` has not been defined"))
        }),
        ComponentItem::Resource(_) => into.resource(name, ResourceType::host::<()>(), |_, _| Ok(())),
        // What else there is cannot be stood in for: instantiation says so.
        _ => Ok(()),
    }
}
