//! Subjects that run the guest: ours in each policy, and wasmtime's own.

use crate::fixture;
use crate::rows::{ISSUE_TEXT, LIST_BUFFER, Op, PAGE, TREE_FILES, read_file_size};
use crate::runsc::Runsc;
use crate::subjects::{self, NOENT, Subject};
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use wasi_gofer::backend::lisafs::Program as Sidecar;
use wasi_gofer::p1::{self, GoferP1Ctx};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, LisaFs, LisaFsOptions, MountOptions};
use wasmtime::{Engine, Instance, Linker, Memory, Module, Store, TypedFunc, WasmParams, WasmResults};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// The descriptor of the one preopen.
const ROOT: i32 = 3;
// Places in the guest's memory; `guest.wat` says what they are for.
const STRUCT_AT: usize = 64;
const PATH_AT: i32 = 4096;
const OTHER_PATH_AT: i32 = 4096 + 1024;
const COLLECTED_AT: usize = 0x4_0000;
const DATA_AT: usize = 0x10_0000;

type Timed = TypedFunc<(i32, i32, i32, i32, i32), i32>;

/// The compiled guest: one engine and one module for all subjects.
#[derive(Clone)]
pub(crate) struct Program {
    engine: Engine,
    module: Module,
}

impl Program {
    /// Compiles the guest.
    pub(crate) fn new() -> Result<Self> {
        let engine = Engine::default();
        let wasm = wat::parse_str(include_str!("guest.wat"))?;
        let module = Module::new(&engine, wasm)?;
        Ok(Program { engine, module })
    }
}

/// What an operation opens before its loop.
#[derive(Clone, Copy)]
enum Opens {
    Nothing,
    Reading,
    Writing,
    Directory,
}

/// Asks a row that reads a whole file for the digest of its bytes.
const WITH_DIGEST: u32 = 1 << 31;

/// The argument of rows of whole files.
fn whole_file(len: u32, mib: u32) -> u32 {
    mib << 16 | len >> 10
}

/// How an operation calls the guest.
struct Plan {
    function: &'static str,
    opens: Opens,
    len: u32,
    arg: u32,
    errno: i32,
}

impl Plan {
    fn of(op: Op) -> Plan {
        let path_len = u32::try_from(op.path().len()).unwrap_or(0);
        let plan = |function, opens, len, arg| Plan { function, opens, len, arg, errno: 0 };
        match op {
            Op::PathFilestatGet { missing: true, .. } => {
                Plan { errno: NOENT, ..plan("path_filestat_get", Opens::Nothing, path_len, NOENT.cast_unsigned()) }
            }
            Op::PathFilestatGet { missing: false, .. } => plan("path_filestat_get", Opens::Nothing, path_len, 0),
            Op::PathOpenClose => plan("path_open_close", Opens::Nothing, path_len, 0),
            Op::PathCreateUnlink => plan("path_create_unlink", Opens::Nothing, path_len, 0),
            Op::FdFilestatGet => plan("fd_filestat_get", Opens::Reading, 0, 0),
            Op::FdPrestatGet => plan("fd_prestat_get", Opens::Nothing, 0, 0),
            Op::FdRead { len } => plan("fd_read", Opens::Reading, len, read_file_size(len)),
            Op::FdPread { len } => plan("fd_pread", Opens::Reading, len, 0),
            Op::FdPwrite { len } => plan("fd_pwrite", Opens::Writing, len, 0),
            Op::PreadRandom { mib } => plan("fd_pread_random", Opens::Reading, PAGE, mib << 20),
            Op::PwriteInTurn { mib } => plan("fd_pwrite_in_turn", Opens::Writing, PAGE, mib << 20),
            Op::SeqWrite { len, mib } => plan("seq_write", Opens::Nothing, path_len, whole_file(len, mib)),
            Op::SeqReadCold { len, mib } => plan("seq_read", Opens::Reading, 0, whole_file(len, mib)),
            // `.` and `..` are entries.
            Op::FdReaddir { entries } => plan("fd_readdir", Opens::Directory, LIST_BUFFER, entries + 2),
            Op::PathRename => plan("path_rename", Opens::Nothing, path_len, OTHER_PATH_AT.cast_unsigned()),
            Op::PathCreateRemoveDirectory => plan("path_create_remove_directory", Opens::Nothing, path_len, 0),
            Op::Issue7973 { sync } => plan("issue_7973", Opens::Nothing, path_len, u32::from(sync)),
            Op::TreeWalk => plan("tree_walk", Opens::Nothing, path_len, TREE_FILES),
        }
    }
}

/// How the store is entered.
#[derive(Clone)]
enum Entered {
    /// `call`.
    Sync,
    /// `call_async` in a `block_on`, as wasmtime's command does.
    Async(Arc<Runtime>),
}

/// An instance of the guest.
pub(crate) struct Guest<T: 'static> {
    store: Store<T>,
    instance: Instance,
    memory: Memory,
    entered: Entered,
    /// What is mounted, where that is ours.
    gofer: Option<Gofer>,
    /// gVisor's gofer below that.
    runsc: Option<Runsc>,
}

/// The defaults of a policy, on a mount that is as after a while: directories are watched once it is worth it for them,
/// without a sample's guest having asked for as long as the end of a queue takes.
pub(crate) fn options(policy: CachePolicy) -> FsOptions {
    FsOptions { queue_after: Some(0), ..FsOptions::with_policy(policy) }
}

/// Mounts `root` and nothing else, as [`options`] says.
pub(crate) fn mount(root: &Path, policy: CachePolicy) -> Result<Gofer> {
    mount_with(root, options(policy))
}

fn mount_with(root: &Path, fs: FsOptions) -> Result<Gofer> {
    let options = MountOptions { read_only: false, fs };
    Ok(Gofer::builder().dir(root, "/", options).build()?)
}

/// An instance over ours.
pub(crate) fn over_gofer(program: &Program, gofer: &Gofer) -> Result<Guest<GoferP1Ctx>> {
    let mut linker: Linker<GoferP1Ctx> = Linker::new(&program.engine);
    p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
    let ctx = GoferP1Ctx::new(WasiCtxBuilder::new().build_p1(), gofer.ctx());
    let mut store = Store::new(&program.engine, ctx);
    let instance = linker.instantiate(&mut store, &program.module)?;
    let memory = instance.get_memory(&mut store, "memory").context("the guest has no memory")?;
    store.data_mut().bind(memory);
    Ok(Guest { store, instance, memory, entered: Entered::Sync, gofer: Some(gofer.clone()), runsc: None })
}

/// An instance over wasmtime-wasi, set up as `wasmtime run` does it.
fn over_stock(program: &Program, runtime: &Arc<Runtime>, root: &Path) -> Result<Guest<WasiP1Ctx>> {
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&program.engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |ctx| ctx)?;
    let mut builder = WasiCtxBuilder::new();
    builder.allow_blocking_current_thread(true);
    builder.preopened_dir(root, "/", FsPerms::ReadWrite)?;
    let mut store = Store::new(&program.engine, builder.build_p1());
    let instance = runtime.block_on(linker.instantiate_async(&mut store, &program.module))?;
    let memory = instance.get_memory(&mut store, "memory").context("the guest has no memory")?;
    Ok(Guest { store, instance, memory, entered: Entered::Async(Arc::clone(runtime)), gofer: None, runsc: None })
}

/// A subject that runs the guest. Each sample has a mount and an instance of its own, so that the policies that own
/// their tree can have the same one by turns; both are made, and used once, before the clock starts.
pub(crate) struct GuestSubject<T: 'static> {
    name: String,
    options: String,
    root: PathBuf,
    start: Box<dyn Fn() -> Result<Guest<T>>>,
}

/// Ours, in a policy.
pub(crate) fn ours(program: &Program, root: &Path, policy: CachePolicy) -> GuestSubject<GoferP1Ctx> {
    ours_with(program, root, format!("directfs/{policy}"), options(policy))
}

/// Ours, asking the directory before each use of what is cached: no directory is watched.
pub(crate) fn ours_unwatched(program: &Program, root: &Path) -> GuestSubject<GoferP1Ctx> {
    let options = FsOptions { watches: 0, ..FsOptions::with_policy(CachePolicy::Shared) };
    ours_with(program, root, "directfs/shared-watches0".to_owned(), options)
}

/// Ours, over a sidecar in its jail.
pub(crate) fn ours_over_sidecar(program: &Program, root: &Path, policy: CachePolicy) -> GuestSubject<GoferP1Ctx> {
    let (program, own_root) = (program.clone(), root.to_owned());
    let fs = options(policy);
    GuestSubject {
        name: format!("lisafs/{policy}"),
        options: format!("add_to_linker_sync, bind(memory), wasi-gofer-sidecar, {fs:?}"),
        root: root.to_owned(),
        start: Box::new(move || {
            let sidecar = Sidecar::new(env!("CARGO_BIN_EXE_wasi-gofer-sidecar"), &own_root);
            let files = LisaFs::start(&sidecar, LisaFsOptions::default())?;
            let options = MountOptions { read_only: false, fs: fs.clone() };
            over_gofer(&program, &Gofer::builder().mount("/", files, options).build()?)
        }),
    }
}

/// Ours, over gVisor's gofer.
pub(crate) fn ours_over_gvisor(program: &Program, root: &Path, policy: CachePolicy) -> GuestSubject<GoferP1Ctx> {
    let (program, own_root) = (program.clone(), root.to_owned());
    let fs = options(policy);
    GuestSubject {
        name: format!("lisafs-gvisor/{policy}"),
        options: format!("add_to_linker_sync, bind(memory), runsc gofer, {fs:?}"),
        root: root.to_owned(),
        start: Box::new(move || {
            let (runsc, socket) =
                Runsc::start_over("ours over gVisor's gofer", Some(&own_root), &[]).context("runsc")?;
            let files = LisaFs::connect(socket, LisaFsOptions::default())?;
            let options = MountOptions { read_only: false, fs: fs.clone() };
            let guest = over_gofer(&program, &Gofer::builder().mount("/", files, options).build()?)?;
            Ok(Guest { runsc: Some(runsc), ..guest })
        }),
    }
}

fn ours_with(program: &Program, root: &Path, name: String, fs: FsOptions) -> GuestSubject<GoferP1Ctx> {
    let (program, own_root) = (program.clone(), root.to_owned());
    GuestSubject {
        name,
        options: format!("add_to_linker_sync, bind(memory), {fs:?}"),
        root: root.to_owned(),
        start: Box::new(move || over_gofer(&program, &mount_with(&own_root, fs.clone())?)),
    }
}

/// wasmtime-wasi.
pub(crate) fn stock(program: &Program, root: &Path) -> Result<GuestSubject<WasiP1Ctx>> {
    let runtime = Arc::new(tokio::runtime::Builder::new_multi_thread().enable_time().build()?);
    let (program, own_root) = (program.clone(), root.to_owned());
    Ok(GuestSubject {
        name: "stock".to_owned(),
        options: "add_to_linker_async, call_async in block_on of a multi-thread tokio, \
                  allow_blocking_current_thread(true), FsPerms::ReadWrite"
            .to_owned(),
        root: root.to_owned(),
        start: Box::new(move || over_stock(&program, &runtime, &own_root)),
    })
}

impl<T: Send + 'static> Guest<T> {
    fn function<P: WasmParams, R: WasmResults>(&mut self, name: &str) -> Result<TypedFunc<P, R>> {
        Ok(self.instance.get_typed_func(&mut self.store, name)?)
    }

    /// Calls an export; its result and its time.
    fn call<P: WasmParams + Sync, R: WasmResults + Sync>(
        &mut self,
        function: &TypedFunc<P, R>,
        args: P,
    ) -> Result<(R, Duration)> {
        match &self.entered {
            Entered::Sync => {
                let start = Instant::now();
                let result = function.call(&mut self.store, args)?;
                Ok((result, start.elapsed()))
            }
            Entered::Async(runtime) => runtime.block_on(async {
                let start = Instant::now();
                let result = function.call_async(&mut self.store, args).await?;
                Ok((result, start.elapsed()))
            }),
        }
    }

    /// Puts the operation's paths and data in place and opens what it works on.
    fn prepare(&mut self, op: Op, plan: &Plan) -> Result<i32> {
        let path = op.path();
        self.memory.write(&mut self.store, STRUCT_AT, &[0; 64])?;
        self.memory.write(&mut self.store, PATH_AT.cast_unsigned() as usize, path.as_bytes())?;
        let data = match op {
            Op::FdPwrite { len } | Op::SeqWrite { len, .. } => fixture::pattern(len),
            Op::PwriteInTurn { .. } => fixture::pattern(PAGE),
            Op::Issue7973 { .. } => ISSUE_TEXT.to_vec(),
            _ => Vec::new(),
        };
        self.memory.write(&mut self.store, DATA_AT, &data)?;
        let other = Op::other_path().as_bytes();
        self.memory.write(&mut self.store, OTHER_PATH_AT.cast_unsigned() as usize, other)?;
        let how = match plan.opens {
            Opens::Nothing => return Ok(ROOT),
            Opens::Reading => 0,
            Opens::Writing => 1,
            Opens::Directory => 2,
        };
        let open = self.function::<(i32, i32, i32, i32), i32>("open")?;
        let (fd, _) = self.call(&open, (ROOT, PATH_AT, i32::try_from(path.len())?, how))?;
        ensure!(fd >= 0, "cannot open `{path}`: errno {}", -fd);
        Ok(fd)
    }

    fn finish(&mut self, fd: i32) -> Result<()> {
        if fd == ROOT {
            return Ok(());
        }
        let close = self.function::<i32, i32>("close")?;
        match self.call(&close, fd)? {
            (0, _) => Ok(()),
            (errno, _) => bail!("close: errno {errno}"),
        }
    }

    fn turns(&mut self, plan: &Plan, fd: i32, n: u32) -> Result<Duration> {
        let function: Timed = self.function(plan.function)?;
        let args = (n.cast_signed(), fd, PATH_AT, plan.len.cast_signed(), plan.arg.cast_signed());
        match self.call(&function, args)? {
            (errno, time) if errno == plan.errno => Ok(time),
            (errno, _) => bail!("{}: errno {errno}, expected {}", plan.function, plan.errno),
        }
    }

    fn bytes(&self, at: usize, len: usize) -> Result<Vec<u8>> {
        let bytes = self.memory.data(&self.store).get(at..at + len);
        bytes.map(<[u8]>::to_vec).ok_or_else(|| anyhow!("{at} is out of bounds"))
    }

    fn number(&self, at: usize) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes(at, 8)?.as_slice().try_into()?))
    }

    fn entries(&mut self, fd: i32) -> Result<Vec<u8>> {
        let collect = self.function::<(i32, i32), i32>("collect")?;
        let (len, _) = self.call(&collect, (fd, LIST_BUFFER.cast_signed()))?;
        let len = usize::try_from(len).map_err(|_| anyhow!("fd_readdir: errno {}", -len))?;
        let (mut at, end) = (COLLECTED_AT, COLLECTED_AT + len);
        let mut entries = Vec::new();
        while at < end {
            let head = self.number(at + 16)?.to_le_bytes();
            let [a, b, c, d, file_type, ..] = head;
            let len = u32::from_le_bytes([a, b, c, d]) as usize;
            entries.push((self.bytes(at + 24, len)?, file_type));
            at += 24 + len;
        }
        Ok(subjects::listing(entries))
    }

    /// What the guest sees behind one turn.
    fn seen(&mut self, op: Op, fd: i32) -> Result<Vec<u8>> {
        match op {
            Op::PathFilestatGet { missing: false, .. } | Op::FdFilestatGet => {
                let [file_type, ..] = self.number(STRUCT_AT + 16)?.to_le_bytes();
                let (nlink, size) = (self.number(STRUCT_AT + 24)?, self.number(STRUCT_AT + 32)?);
                Ok(subjects::attributes(file_type, nlink, size, self.number(STRUCT_AT + 48)?))
            }
            Op::FdPrestatGet => self.bytes(STRUCT_AT, 8),
            Op::FdRead { len } | Op::FdPread { len } => self.bytes(DATA_AT, len as usize),
            Op::PreadRandom { .. } => self.bytes(DATA_AT, PAGE as usize),
            Op::SeqReadCold { .. } => self.bytes(STRUCT_AT, 8),
            Op::FdReaddir { .. } => self.entries(fd),
            Op::TreeWalk => self.bytes(STRUCT_AT, 16),
            _ => Ok(Vec::new()),
        }
    }
}

impl<T: Send + 'static> Guest<T> {
    /// Once to warm up, with what the sample needs in caches, and then `n` times on the clock; a whole file at once.
    pub(crate) fn run(&mut self, op: Op, n: u32) -> Result<Duration> {
        let plan = Plan::of(op);
        let fd = self.prepare(op, &plan)?;
        match op {
            Op::SeqWrite { .. } | Op::SeqReadCold { .. } => {}
            Op::PreadRandom { mib } => {
                let every_page = Plan { function: "fd_read", ..Plan::of(op) };
                // Twice: what is read in order for the first time may pass a cache by.
                self.turns(&every_page, fd, 2 * (mib << 20) / PAGE).map(drop)?;
            }
            Op::PwriteInTurn { mib } => self.turns(&plan, fd, (mib << 20) / PAGE).map(drop)?,
            _ => self.turns(&plan, fd, subjects::warm_up(n)).map(drop)?,
        }
        let time = self.turns(&plan, fd, n)?;
        self.finish(fd)?;
        Ok(time)
    }

    /// Ends the guest, and brings out what a policy of ours held back.
    fn end(self) -> Result<()> {
        drop(self.store);
        let failures = self.gofer.map(|gofer| gofer.shutdown(None).failures).unwrap_or_default();
        ensure!(failures.is_empty(), "{failures:?}");
        self.runsc.into_iter().for_each(Runsc::end);
        Ok(())
    }

    fn observe(&mut self, op: Op) -> Result<Vec<u8>> {
        let mut plan = Plan::of(op);
        if matches!(op, Op::SeqReadCold { .. }) {
            plan.arg |= WITH_DIGEST;
        }
        let fd = self.prepare(op, &plan)?;
        self.turns(&plan, fd, op.turns_compared())?;
        let mut observed = plan.errno.to_le_bytes().to_vec();
        observed.extend(self.seen(op, fd)?);
        self.finish(fd)?;
        Ok(observed)
    }
}

impl<T: Send + 'static> Subject for GuestSubject<T> {
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
        fixture::reset(&self.root, op)?;
        let mut guest = (self.start)()?;
        let mut observed = guest.observe(op).with_context(|| self.name.clone())?;
        guest.end().with_context(|| self.name.clone())?;
        observed.extend(fixture::aftermath(&self.root, op)?);
        Ok(observed)
    }

    fn run(&mut self, op: Op, n: u32) -> Result<Duration> {
        fixture::ready(&self.root, op)?;
        let mut guest = (self.start)()?;
        let time = guest.run(op, n).with_context(|| self.name.clone())?;
        guest.end().with_context(|| self.name.clone())?;
        Ok(time)
    }
}
