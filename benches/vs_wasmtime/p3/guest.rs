//! Subjects that run the guest.

use super::component::{DATA_AT, HEAP_AT, PATH_AT, Program, RETURNED_AT};
use super::{ENTRIES, MIB, Op, ROOM};
use crate::subjects::{self, Subject};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions, p3};
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Linker, Lower, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The data of a store, whoever serves the files.
struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    files: Option<GoferComponentCtx>,
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

/// An instance of the guest.
struct Guest {
    store: Store<Host>,
    instance: Instance,
    runtime: Arc<Runtime>,
    root: u32,
    gofer: Option<Gofer>,
}

/// How an operation calls the guest.
struct Plan {
    function: &'static str,
    opens: bool,
    arg: u32,
    size: u32,
}

impl Plan {
    fn of(op: Op) -> Plan {
        match op {
            Op::StatAt => {
                let arg = u32::try_from(op.path().len()).unwrap_or(0);
                Plan { function: "loop-stat-at", opens: false, arg, size: 0 }
            }
            Op::ReadViaStream { part } => {
                Plan { function: "loop-read-via-stream", opens: true, arg: part, size: MIB << 20 }
            }
            Op::ReadDirectory => Plan { function: "loop-read-directory", opens: true, arg: ROOM, size: ENTRIES },
        }
    }
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
    fn call<P, R>(&mut self, name: &str, params: P) -> Result<(R, Duration)>
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

    fn prepare(&mut self, op: Op, plan: &Plan) -> Result<u32> {
        let path = op.path();
        self.call::<_, ()>("put", (path.as_bytes(), PATH_AT))?;
        if !plan.opens {
            return Ok(self.root);
        }
        Ok(self.call::<_, (u32,)>("open", (self.root, u32::try_from(path.len())?))?.0.0)
    }

    fn turns(&mut self, plan: &Plan, fd: u32, n: u32) -> Result<Duration> {
        match self.call::<_, (u32,)>(plan.function, (n, fd, plan.arg, plan.size))? {
            ((0,), time) => Ok(time),
            ((what,), _) => bail!("{}: {what}: {:?}", plan.function, self.get(RETURNED_AT, 16)?),
        }
    }

    fn get(&mut self, from: u32, len: u32) -> Result<Vec<u8>> {
        Ok(self.call::<_, (Vec<u8>,)>("get", (from, len))?.0.0)
    }

    fn number(&mut self, at: u32) -> Result<u64> {
        Ok(u64::from_le_bytes(self.get(at, 8)?.as_slice().try_into()?))
    }

    /// What the guest sees behind one turn.
    fn seen(&mut self, op: Op, fd: u32) -> Result<Vec<u8>> {
        match op {
            Op::StatAt => {
                let at = RETURNED_AT + 8;
                let kind = self.get(at, 1)?;
                let (links, size) = (self.number(at + 16)?, self.number(at + 24)?);
                let modified = self.number(at + 64)? * 1_000_000_000 + (self.number(at + 72)? & 0xffff_ffff);
                Ok(subjects::attributes(kind[0], links, size, modified))
            }
            Op::ReadViaStream { part } => Ok(self.call::<_, (u64,)>("digest", (fd, part))?.0.0.to_le_bytes().to_vec()),
            Op::ReadDirectory => self.entries(),
        }
    }

    fn entries(&mut self) -> Result<Vec<u8>> {
        let (entries, heap) = (self.get(DATA_AT, ENTRIES * 24)?, self.get(HEAP_AT, ENTRIES * 64)?);
        let word = |entry: &[u8], at: usize| -> Result<usize> {
            let bytes = entry.get(at..at + 4).context("an entry is longer")?;
            Ok(u32::from_le_bytes(bytes.try_into()?) as usize)
        };
        let mut listed = Vec::new();
        for entry in entries.chunks(24) {
            let (ptr, len) = (word(entry, 16)?, word(entry, 20)?);
            let from = ptr.checked_sub(HEAP_AT as usize).context("a name is on the heap")?;
            let name = heap.get(from..from + len).context("a name is on the heap")?;
            listed.push((name.to_vec(), entry[0]));
        }
        Ok(subjects::listing(listed))
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
pub(super) struct GuestSubject {
    name: String,
    options: String,
    root: PathBuf,
    start: Start,
}

fn runtime() -> Result<Arc<Runtime>> {
    Ok(Arc::new(tokio::runtime::Builder::new_multi_thread().enable_time().build()?))
}

/// wasmtime-wasi.
pub(super) fn stock(program: &Program, root: &Path) -> Result<GuestSubject> {
    let (runtime, program) = (runtime()?, program.clone());
    let mut linker = Linker::new(&program.engine);
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    Ok(GuestSubject {
        name: "stock".to_owned(),
        options: "add_to_linker, allow_blocking_current_thread(true), FsPerms::ReadWrite".to_owned(),
        root: root.to_owned(),
        start: Box::new(move |root| {
            let mut wasi = WasiCtxBuilder::new();
            wasi.allow_blocking_current_thread(true);
            wasi.preopened_dir(root, "/", FsPerms::ReadWrite)?;
            let host = Host { table: ResourceTable::new(), wasi: wasi.build(), files: None };
            Guest::start(&program, &linker, &runtime, host)
        }),
    })
}

/// Ours.
pub(super) fn ours(program: &Program, root: &Path, policy: CachePolicy) -> Result<GuestSubject> {
    let (runtime, program) = (runtime()?, program.clone());
    let mut linker = Linker::new(&program.engine);
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    let fs = FsOptions::with_policy(policy);
    Ok(GuestSubject {
        name: format!("directfs/{policy}"),
        options: format!("add_to_linker, {fs:?}"),
        root: root.to_owned(),
        start: Box::new(move |root| {
            let options = MountOptions { read_only: false, fs: fs.clone() };
            let gofer = Gofer::builder().dir(root, "/", options).build()?;
            let files = Some(GoferComponentCtx::new(gofer.ctx()));
            let host = Host { table: ResourceTable::new(), wasi: WasiCtxBuilder::new().build(), files };
            Ok(Guest { gofer: Some(gofer), ..Guest::start(&program, &linker, &runtime, host)? })
        }),
    })
}

impl Subject<Op> for GuestSubject {
    fn name(&self) -> &str {
        &self.name
    }

    fn options(&self) -> &str {
        &self.options
    }

    fn can(&self, _op: Op) -> bool {
        true
    }

    fn observe(&mut self, op: Op) -> Result<Vec<u8>> {
        let plan = Plan::of(op);
        let mut guest = (self.start)(&self.root).with_context(|| self.name.clone())?;
        let fd = guest.prepare(op, &plan)?;
        guest.turns(&plan, fd, 1).with_context(|| self.name.clone())?;
        let observed = guest.seen(op, fd)?;
        guest.end()?;
        Ok(observed)
    }

    fn run(&mut self, op: Op, n: u32) -> Result<Duration> {
        let plan = Plan::of(op);
        let mut guest = (self.start)(&self.root).with_context(|| self.name.clone())?;
        let fd = guest.prepare(op, &plan)?;
        // Twice: what is read in order for the first time may pass a cache by.
        guest.turns(&plan, fd, 2 + n / 20).with_context(|| self.name.clone())?;
        let time = guest.turns(&plan, fd, n)?;
        guest.end()?;
        Ok(time)
    }
}
