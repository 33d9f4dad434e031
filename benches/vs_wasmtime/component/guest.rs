//! Subjects that run the guest. All are linked and called asynchronously, as wasmtime's command does it.

use super::text::{PATH_AT, Program, RETURNED_AT};
use crate::guest::options;
use crate::subjects::{Subject, warm_up};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
use wasi_gofer::{CachePolicy, Gofer, MountOptions};
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Linker, Lower, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The data of a store, whoever serves the files.
pub(crate) struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    files: Option<GoferComponentCtx>,
    /// What a stub's listing has left.
    pub(crate) entries_left: u32,
}

impl Host {
    fn new(wasi: WasiCtx) -> Host {
        Host { table: ResourceTable::new(), wasi, files: None, entries_left: 0 }
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl GoferView for Host {
    fn gofer(&mut self) -> GoferCtxView<'_> {
        let ctx = self.files.as_mut().expect("only linked where there are files of ours");
        GoferCtxView { ctx, table: &mut self.table }
    }
}

/// How an operation calls the guest.
pub(crate) struct Plan {
    /// The loop.
    pub(crate) function: &'static str,
    /// What it works on, relative to the mount.
    pub(crate) path: String,
    /// With which `descriptor-flags` that is opened first; the loop works on the root otherwise.
    pub(crate) opens: Option<u32>,
    /// What the loop is given beside the number of turns and the descriptor.
    pub(crate) args: [u32; 2],
}

/// An operation that a guest does in a loop.
pub(crate) trait Looped: Copy {
    /// How it calls the guest.
    fn plan(self) -> Plan;

    /// Puts the files below `root` as it is to find them.
    fn arrange(self, _root: &Path) -> Result<()> {
        Ok(())
    }

    /// Gives the guest what it needs beside the path.
    fn prepare(self, _guest: &mut Guest) -> Result<()> {
        Ok(())
    }

    /// What the guest sees behind one turn on `fd`.
    fn seen(self, guest: &mut Guest, fd: u32) -> Result<Vec<u8>>;

    /// What it left in the files below `root`.
    fn left(self, _root: &Path) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

/// An instance of the guest.
pub(crate) struct Guest {
    store: Store<Host>,
    instance: Instance,
    runtime: Arc<Runtime>,
    root: u32,
    gofer: Option<Gofer>,
}

impl Guest {
    fn start(program: &Program, linker: &Linker<Host>, runtime: &Arc<Runtime>, host: Host) -> Result<Guest> {
        let mut store = Store::new(&program.engine, host);
        let instance = runtime.block_on(linker.instantiate_async(&mut store, &program.component))?;
        let mut guest = Guest { store, instance, runtime: Arc::clone(runtime), root: 0, gofer: None };
        guest.root = guest.call::<(), (u32,)>("root", ())?.0.0;
        Ok(guest)
    }

    /// Calls an export; its result and its time.
    pub(crate) fn call<P, R>(&mut self, name: &str, params: P) -> Result<(R, Duration)>
    where
        P: ComponentNamedList + Lower + Sync,
        R: ComponentNamedList + Lift + Sync + 'static,
    {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name)?;
        self.runtime.block_on(async {
            let start = Instant::now();
            let result = function.call_async(&mut self.store, params).await?;
            Ok((result, start.elapsed()))
        })
    }

    /// The descriptor that the plan's loop works on.
    fn open(&mut self, plan: &Plan) -> Result<u32> {
        self.put(plan.path.as_bytes(), PATH_AT)?;
        match plan.opens {
            None => Ok(self.root),
            Some(flags) => {
                let len = u32::try_from(plan.path.len())?;
                Ok(self.call::<_, (u32,)>("open", (self.root, len, flags))?.0.0)
            }
        }
    }

    fn turns(&mut self, plan: &Plan, fd: u32, n: u32) -> Result<Duration> {
        let [first, second] = plan.args;
        match self.call::<_, (u32,)>(plan.function, (n, fd, first, second))? {
            ((0,), time) => Ok(time),
            ((what,), _) => bail!("{}: {what}: {:?}", plan.function, self.get(RETURNED_AT, 16)?),
        }
    }

    /// Puts bytes into the guest's memory.
    pub(crate) fn put(&mut self, bytes: &[u8], at: u32) -> Result<()> {
        self.call::<_, ()>("put", (bytes, at))?;
        Ok(())
    }

    /// Bytes of the guest's memory.
    pub(crate) fn get(&mut self, from: u32, len: u32) -> Result<Vec<u8>> {
        Ok(self.call::<_, (Vec<u8>,)>("get", (from, len))?.0.0)
    }

    /// A number in the guest's memory.
    pub(crate) fn number(&mut self, at: u32) -> Result<u64> {
        Ok(u64::from_le_bytes(self.get(at, 8)?.as_slice().try_into()?))
    }

    fn end(self) -> Result<()> {
        drop(self.store);
        let failures = self.gofer.map(|gofer| gofer.shutdown(None).failures).unwrap_or_default();
        ensure!(failures.is_empty(), "{failures:?}");
        Ok(())
    }
}

/// Starts a guest over the files below a path.
type Start = Box<dyn Fn(&Path) -> Result<Guest>>;

/// Somebody who serves the guest.
pub(crate) struct GuestSubject {
    name: String,
    options: String,
    root: PathBuf,
    real: bool,
    start: Start,
}

fn runtime() -> Result<Arc<Runtime>> {
    Ok(Arc::new(tokio::runtime::Builder::new_multi_thread().enable_time().build()?))
}

/// wasmtime-wasi, which is in `linker` by way of `added`.
pub(crate) fn stock(program: &Program, linker: Linker<Host>, added: &str, root: &Path) -> Result<GuestSubject> {
    let (runtime, program) = (runtime()?, program.clone());
    Ok(GuestSubject {
        name: "stock".to_owned(),
        options: format!("{added}, allow_blocking_current_thread(true), FsPerms::ReadWrite"),
        root: root.to_owned(),
        real: true,
        start: Box::new(move |root| {
            let mut wasi = WasiCtxBuilder::new();
            wasi.allow_blocking_current_thread(true);
            wasi.preopened_dir(root, "/", FsPerms::ReadWrite)?;
            Guest::start(&program, &linker, &runtime, Host::new(wasi.build()))
        }),
    })
}

/// Ours, in `linker` by way of `added`.
pub(crate) fn ours(
    program: &Program,
    linker: Linker<Host>,
    added: &str,
    root: &Path,
    policy: CachePolicy,
) -> Result<GuestSubject> {
    let (runtime, program) = (runtime()?, program.clone());
    let fs = options(policy);
    Ok(GuestSubject {
        name: format!("directfs/{policy}"),
        options: format!("{added}, {fs:?}"),
        root: root.to_owned(),
        real: true,
        start: Box::new(move |root| {
            let options = MountOptions { read_only: false, fs: fs.clone() };
            let gofer = Gofer::builder().dir(root, "/", options).build()?;
            let files = Some(GoferComponentCtx::new(gofer.ctx()));
            let host = Host { files, ..Host::new(WasiCtxBuilder::new().build()) };
            Ok(Guest { gofer: Some(gofer), ..Guest::start(&program, &linker, &runtime, host)? })
        }),
    })
}

/// Functions that do nothing, in `linker`.
pub(crate) fn stub(program: &Program, linker: Linker<Host>, root: &Path) -> Result<GuestSubject> {
    let (runtime, program) = (runtime()?, program.clone());
    Ok(GuestSubject {
        name: "stub".to_owned(),
        options: "asynchronous functions of the same types that answer at once".to_owned(),
        root: root.to_owned(),
        real: false,
        start: Box::new(move |_| Guest::start(&program, &linker, &runtime, Host::new(WasiCtxBuilder::new().build()))),
    })
}

impl GuestSubject {
    /// A guest of its own for the operation, and the descriptor that this works on.
    fn started<O: Looped>(&self, op: O, plan: &Plan) -> Result<(Guest, u32)> {
        let mut guest = (self.start)(&self.root).with_context(|| self.name.clone())?;
        op.prepare(&mut guest)?;
        let fd = guest.open(plan)?;
        Ok((guest, fd))
    }
}

impl<O: Looped> Subject<O> for GuestSubject {
    fn name(&self) -> &str {
        &self.name
    }

    fn options(&self) -> &str {
        &self.options
    }

    fn can(&self, _op: O) -> bool {
        true
    }

    fn is_real(&self) -> bool {
        self.real
    }

    fn observe(&mut self, op: O) -> Result<Vec<u8>> {
        op.arrange(&self.root)?;
        let plan = op.plan();
        let (mut guest, fd) = self.started(op, &plan)?;
        guest.turns(&plan, fd, 1).with_context(|| self.name.clone())?;
        let mut observed = op.seen(&mut guest, fd)?;
        guest.end()?;
        observed.extend(op.left(&self.root)?);
        Ok(observed)
    }

    fn run(&mut self, op: O, n: u32) -> Result<Duration> {
        let plan = op.plan();
        let (mut guest, fd) = self.started(op, &plan)?;
        guest.turns(&plan, fd, warm_up(n)).with_context(|| self.name.clone())?;
        let time = guest.turns(&plan, fd, n)?;
        guest.end()?;
        Ok(time)
    }
}
