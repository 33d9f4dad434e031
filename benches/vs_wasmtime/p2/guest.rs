//! Subjects that run the guest. All are linked and called asynchronously, as wasmtime's command does it.

use super::component::{DATA_AT, PATH_AT, Program, RETURNED_AT};
use super::stub::{self, Stub};
use super::{ENTRIES, Op, STREAM_PART};
use crate::fixture;
use crate::subjects::{self, Subject};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions, p2};
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Linker, Lower, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// `error-code` `no-entry`, counted from 1.
const NO_ENTRY: u32 = 21;
/// `descriptor-flags`.
const READ: u32 = 1;
const WRITE: u32 = 2;

/// The data of a store, whoever serves the files.
pub(super) struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    files: Option<GoferComponentCtx>,
    pub(super) stub: Stub,
}

impl Host {
    fn new(wasi: WasiCtx) -> Host {
        Host { table: ResourceTable::new(), wasi, files: None, stub: Stub::default() }
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
    opens: Option<u32>,
    len: u32,
    expected: u32,
}

impl Plan {
    fn of(op: Op) -> Plan {
        let path = u32::try_from(op.path().len()).unwrap_or(0);
        let plan = |function, opens, len| Plan { function, opens, len, expected: 0 };
        match op {
            Op::GetType => plan("loop-get-type", None, 0),
            Op::StatAt { missing: false } => plan("loop-stat-at", None, path),
            Op::StatAt { missing: true } => Plan { expected: NO_ENTRY, ..plan("loop-stat-at", None, path) },
            Op::Stat => plan("loop-stat", Some(READ), 0),
            Op::OpenDrop => plan("loop-open-drop", None, path),
            Op::Read { len } => plan("loop-read", Some(READ), len),
            Op::StreamRead => plan("loop-stream-read", Some(READ), STREAM_PART),
            Op::Write => plan("loop-write", Some(WRITE), 4096),
            Op::ReadDirectory => plan("loop-read-directory", Some(READ), ENTRIES),
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
        if op == Op::Write {
            self.call::<_, ()>("put", (fixture::pattern(4096).as_slice(), DATA_AT))?;
        }
        match plan.opens {
            None => Ok(self.root),
            Some(flags) => {
                let len = u32::try_from(path.len())?;
                Ok(self.call::<_, (u32,)>("open", (self.root, len, flags))?.0.0)
            }
        }
    }

    fn turns(&mut self, plan: &Plan, fd: u32, n: u32) -> Result<Duration> {
        match self.call::<_, (u32,)>(plan.function, (n, fd, plan.len, plan.expected))? {
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

    fn list(&mut self, at: u32) -> Result<Vec<u8>> {
        let [ptr, len] = [self.number(at)?, self.number(at + 4)?].map(|word| u32::try_from(word & 0xffff_ffff));
        self.get(ptr?, len?)
    }

    /// What the guest sees behind one turn.
    fn seen(&mut self, op: Op) -> Result<Vec<u8>> {
        match op {
            Op::GetType => self.get(RETURNED_AT + 1, 1),
            Op::StatAt { missing: false } | Op::Stat => {
                let at = RETURNED_AT + 8;
                let kind = self.get(at, 1)?;
                let (links, size) = (self.number(at + 8)?, self.number(at + 16)?);
                let modified = self.number(at + 56)? * 1_000_000_000 + (self.number(at + 64)? & 0xffff_ffff);
                Ok(subjects::attributes(kind[0], links, size, modified))
            }
            Op::Read { .. } | Op::StreamRead => self.list(RETURNED_AT + 4),
            Op::StatAt { missing: true } | Op::OpenDrop | Op::Write | Op::ReadDirectory => Ok(Vec::new()),
        }
    }

    fn end(self) -> Result<()> {
        drop(self.store);
        let failures = self.gofer.map(|gofer| gofer.shutdown(None).failures).unwrap_or_default();
        ensure!(failures.is_empty(), "{failures:?}");
        Ok(())
    }
}

type Start = Box<dyn Fn() -> Result<Guest>>;

/// Somebody who serves the guest.
pub(super) struct GuestSubject {
    name: String,
    options: String,
    root: PathBuf,
    real: bool,
    start: Start,
}

fn runtime() -> Result<Arc<Runtime>> {
    Ok(Arc::new(tokio::runtime::Builder::new_multi_thread().enable_time().build()?))
}

/// wasmtime-wasi.
pub(super) fn stock(program: &Program, root: &Path) -> Result<GuestSubject> {
    let (runtime, program, own_root) = (runtime()?, program.clone(), root.to_owned());
    let mut linker = Linker::new(&program.engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(GuestSubject {
        name: "stock".to_owned(),
        options: "add_to_linker_async, allow_blocking_current_thread(true), FsPerms::ReadWrite".to_owned(),
        root: root.to_owned(),
        real: true,
        start: Box::new(move || {
            let mut wasi = WasiCtxBuilder::new();
            wasi.allow_blocking_current_thread(true);
            wasi.preopened_dir(&own_root, "/", FsPerms::ReadWrite)?;
            Guest::start(&program, &linker, &runtime, Host::new(wasi.build()))
        }),
    })
}

/// Ours.
pub(super) fn ours(program: &Program, root: &Path, policy: CachePolicy) -> Result<GuestSubject> {
    let (runtime, program, own_root) = (runtime()?, program.clone(), root.to_owned());
    let mut linker = Linker::new(&program.engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    p2::add_to_linker_async(&mut linker)?;
    let fs = FsOptions::with_policy(policy);
    Ok(GuestSubject {
        name: format!("directfs/{policy}"),
        options: format!("add_to_linker_async, {fs:?}"),
        root: root.to_owned(),
        real: true,
        start: Box::new(move || {
            let options = MountOptions { read_only: false, fs: fs.clone() };
            let gofer = Gofer::builder().dir(&own_root, "/", options).build()?;
            let files = Some(GoferComponentCtx::new(gofer.ctx()));
            let host = Host { files, ..Host::new(WasiCtxBuilder::new().build()) };
            Ok(Guest { gofer: Some(gofer), ..Guest::start(&program, &linker, &runtime, host)? })
        }),
    })
}

/// Functions that do nothing.
pub(super) fn stub(program: &Program, root: &Path) -> Result<GuestSubject> {
    let (runtime, program) = (runtime()?, program.clone());
    let mut linker = Linker::new(&program.engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    stub::add_to_linker(&mut linker)?;
    Ok(GuestSubject {
        name: "stub".to_owned(),
        options: "asynchronous functions of the same types that answer at once".to_owned(),
        root: root.to_owned(),
        real: false,
        start: Box::new(move || Guest::start(&program, &linker, &runtime, Host::new(WasiCtxBuilder::new().build()))),
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

    fn is_real(&self) -> bool {
        self.real
    }

    fn observe(&mut self, op: Op) -> Result<Vec<u8>> {
        if op == Op::Write {
            std::fs::write(self.root.join(op.path()), vec![0; 4096])?;
        }
        let plan = Plan::of(op);
        let mut guest = (self.start)().with_context(|| self.name.clone())?;
        let fd = guest.prepare(op, &plan)?;
        guest.turns(&plan, fd, 1).with_context(|| self.name.clone())?;
        let mut observed = guest.seen(op)?;
        guest.end()?;
        if op == Op::Write {
            observed.extend(std::fs::read(self.root.join(op.path()))?);
        }
        Ok(observed)
    }

    fn run(&mut self, op: Op, n: u32) -> Result<Duration> {
        let plan = Plan::of(op);
        let mut guest = (self.start)().with_context(|| self.name.clone())?;
        let fd = guest.prepare(op, &plan)?;
        guest.turns(&plan, fd, 1 + n / 20).with_context(|| self.name.clone())?;
        let time = guest.turns(&plan, fd, n)?;
        guest.end()?;
        Ok(time)
    }
}
