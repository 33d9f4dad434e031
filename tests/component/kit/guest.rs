//! A guest whose program is the test.

use super::abi::{Code, DescriptorStat, NewTime, bits, flags, open, u32_at, u64_at};
use super::component::{component, engine};
use crate::kit::version::{CODE_AT, Front};
use tokio::runtime::Runtime;
use wasi_gofer::GoferCtx;
use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
use wasmtime::Store;
use wasmtime::component::{Instance, Linker, ResourceTable, Val};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The data of a guest's store.
pub(crate) struct Host {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    pub(crate) files: GoferComponentCtx,
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

/// An argument of a host function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    I(u32),
    L(u64),
}

impl From<u32> for Word {
    fn from(value: u32) -> Word {
        Word::I(value)
    }
}

impl From<u64> for Word {
    fn from(value: u64) -> Word {
        Word::L(value)
    }
}

/// The arguments of a host function: `u32` and `u64`.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { &[$($crate::kit::Word::from($arg)),*] };
}
pub(crate) use args;

pub(crate) type Result<T, E = Code> = std::result::Result<T, E>;

const RETURNED: u32 = 0x100;
const PATH: u32 = 0x1000;
const OTHER_PATH: u32 = 0x8000;

pub(crate) fn executor() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A guest. Its methods are the host functions; one that traps where an answer is expected fails the test.
pub(crate) struct Guest {
    pub(crate) store: Store<Host>,
    instance: Instance,
    /// Where an asynchronous guest runs.
    runtime: Option<Runtime>,
    /// Its first preopen.
    pub(crate) root: u32,
    /// All of them.
    pub(crate) preopens: Vec<(u32, String)>,
}

impl Guest {
    pub(crate) fn new(files: GoferCtx) -> Guest {
        Guest::with(Front::ALL[0], GoferComponentCtx::new(files))
    }

    pub(crate) fn with(front: Front, files: GoferComponentCtx) -> Guest {
        let wasi = WasiCtxBuilder::new().build();
        let mut store = Store::new(engine(), Host { table: ResourceTable::new(), wasi, files });
        let mut linker = Linker::new(engine());
        front.link(&mut linker).expect("linked");
        let runtime = front.is_async().then(executor);
        let instance = match &runtime {
            None => linker.instantiate(&mut store, component()),
            Some(runtime) => runtime.block_on(linker.instantiate_async(&mut store, component())),
        }
        .expect("instantiated");
        let mut guest = Guest { store, instance, runtime, root: 0, preopens: Vec::new() };
        guest.preopens = guest.directories();
        guest.root = guest.preopens.first().map_or(0, |(root, _)| *root);
        guest
    }

    pub(crate) fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    /// Calls a function: what it answers where that is a number, or how it ends the guest.
    pub(crate) fn call(&mut self, name: &str, args: &[Word]) -> wasmtime::Result<u64> {
        let function = self.instance.get_func(&mut self.store, name).unwrap_or_else(|| panic!("no export {name}"));
        let args = vals(args);
        let mut results = vec![Val::U32(0); function.ty(&self.store).results().len()];
        match &self.runtime {
            None => function.call(&mut self.store, &args, &mut results)?,
            Some(runtime) => runtime.block_on(function.call_async(&mut self.store, &args, &mut results))?,
        }
        Ok(number(&results))
    }

    /// As [`Guest::call`] of an asynchronous guest, on the executor of whoever awaits it.
    pub(crate) async fn call_here(&mut self, name: &str, args: &[Word]) -> wasmtime::Result<u64> {
        let function = self.instance.get_func(&mut self.store, name).unwrap_or_else(|| panic!("no export {name}"));
        let args = vals(args);
        let mut results = vec![Val::U32(0); function.ty(&self.store).results().len()];
        function.call_async(&mut self.store, &args, &mut results).await?;
        Ok(number(&results))
    }

    /// As [`Guest::call`] of a function that must not trap and answers 32 bits.
    #[track_caller]
    pub(crate) fn expect(&mut self, name: &str, args: &[Word]) -> u32 {
        let answer = self.call(name, args).unwrap_or_else(|trap| panic!("{name} trapped: {trap:?}"));
        u32::try_from(answer).expect("32 bits")
    }

    /// Calls a function that returns through memory: the first `len` bytes of what it returned.
    #[track_caller]
    pub(crate) fn returned(&mut self, name: &str, args: &[Word], len: u32) -> Vec<u8> {
        let args: Vec<Word> = args.iter().copied().chain([Word::I(RETURNED)]).collect();
        self.expect(name, &args);
        self.get(RETURNED, len)
    }

    /// Calls a function that returns a `result` whose payload, or code, is at `at`: what is from there on, or the code.
    #[track_caller]
    pub(crate) fn answer(&mut self, name: &str, args: &[Word], at: u32, len: u32) -> Result<Vec<u8>> {
        let bytes = self.returned(name, args, at + len.max(1));
        match bytes[0] {
            0 => Ok(bytes[at as usize..].to_vec()),
            _ => Err(Code(bytes[at as usize])),
        }
    }

    /// As [`Guest::answer`], of a function that returns nothing but success.
    #[track_caller]
    pub(crate) fn done(&mut self, name: &str, args: &[Word]) -> Result<()> {
        self.answer(name, args, CODE_AT, 0).map(drop)
    }

    /// A trap, as text.
    #[track_caller]
    pub(crate) fn trap(&mut self, name: &str, args: &[Word]) -> String {
        match self.call(name, args) {
            Ok(_) => panic!("{name} answered {:?}", self.get(RETURNED, 16)),
            Err(trap) => format!("{trap:?}"),
        }
    }

    pub(crate) fn reset(&mut self) {
        self.expect("reset", &[]);
    }

    /// Puts bytes into the guest's memory.
    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) {
        self.reset();
        let put = self.instance.get_typed_func::<(&[u8], u32), ()>(&mut self.store, "put").expect("put");
        match &self.runtime {
            None => put.call(&mut self.store, (bytes, at)),
            Some(runtime) => runtime.block_on(put.call_async(&mut self.store, (bytes, at))),
        }
        .expect("put");
        self.reset();
    }

    /// Bytes of the guest's memory.
    pub(crate) fn get(&mut self, at: u32, len: u32) -> Vec<u8> {
        let get = self.instance.get_typed_func::<(u32, u32), (Vec<u8>,)>(&mut self.store, "get").expect("get");
        match &self.runtime {
            None => get.call(&mut self.store, (at, len)),
            Some(runtime) => runtime.block_on(get.call_async(&mut self.store, (at, len))),
        }
        .expect("got")
        .0
    }

    /// A path in the guest's memory: pointer and length.
    pub(crate) fn path(&mut self, path: impl AsRef<[u8]>) -> (u32, u32) {
        self.path_at(PATH, path.as_ref())
    }

    pub(crate) fn other_path(&mut self, path: impl AsRef<[u8]>) -> (u32, u32) {
        self.path_at(OTHER_PATH, path.as_ref())
    }

    fn path_at(&mut self, at: u32, path: &[u8]) -> (u32, u32) {
        self.put(at, path);
        (at, u32::try_from(path.len()).expect("short"))
    }

    // ---- preopens

    #[track_caller]
    pub(crate) fn directories(&mut self) -> Vec<(u32, String)> {
        let list = self.returned("get-directories", &[], 8);
        let (ptr, len) = (u32_at(&list, 0), u32_at(&list, 4));
        let entries = self.get(ptr, len * 12);
        let mut directories = Vec::new();
        for entry in entries.chunks(12) {
            let name = self.get(u32_at(entry, 4), u32_at(entry, 8));
            directories.push((u32_at(entry, 0), String::from_utf8(name).expect("UTF-8")));
        }
        directories
    }

    // ---- paths

    #[track_caller]
    pub(crate) fn open_at(
        &mut self,
        dir: u32,
        path: impl AsRef<[u8]>,
        follow: u32,
        open: u32,
        how: u32,
    ) -> Result<u32> {
        let (ptr, len) = self.path(path);
        let found = self.answer("descriptor-open-at", args![dir, follow, ptr, len, open, how], 4, 4)?;
        Ok(u32_at(&found, 0))
    }

    /// Opens for reading.
    #[track_caller]
    pub(crate) fn open(&mut self, path: impl AsRef<[u8]>) -> Result<u32> {
        self.open_at(self.root, path, 1, 0, flags::READ)
    }

    /// Opens for reading and writing, and makes it if it is missing.
    #[track_caller]
    pub(crate) fn create(&mut self, path: impl AsRef<[u8]>) -> Result<u32> {
        self.open_at(self.root, path, 1, open::CREATE, flags::READ | flags::WRITE)
    }

    #[track_caller]
    pub(crate) fn open_directory(&mut self, path: impl AsRef<[u8]>) -> Result<u32> {
        self.open_at(self.root, path, 1, open::DIRECTORY, flags::READ)
    }

    pub(crate) fn drop_descriptor(&mut self, descriptor: u32) {
        self.expect("drop-descriptor", args![descriptor]);
    }

    #[track_caller]
    pub(crate) fn stat_at(&mut self, dir: u32, path: impl AsRef<[u8]>, follow: u32) -> Result<DescriptorStat> {
        let (ptr, len) = self.path(path);
        let stat = self.answer("descriptor-stat-at", args![dir, follow, ptr, len], 8, DescriptorStat::SIZE)?;
        Ok(DescriptorStat::read(&stat))
    }

    #[track_caller]
    pub(crate) fn stat_path(&mut self, path: impl AsRef<[u8]>) -> Result<DescriptorStat> {
        self.stat_at(self.root, path, 0)
    }

    #[track_caller]
    pub(crate) fn stat(&mut self, descriptor: u32) -> Result<DescriptorStat> {
        Ok(DescriptorStat::read(&self.answer("descriptor-stat", args![descriptor], 8, DescriptorStat::SIZE)?))
    }

    fn on_path(&mut self, name: &str, dir: u32, path: &[u8]) -> Result<()> {
        let (ptr, len) = self.path(path);
        self.done(name, args![dir, ptr, len])
    }

    #[track_caller]
    pub(crate) fn mkdir(&mut self, path: impl AsRef<[u8]>) -> Result<()> {
        self.on_path("descriptor-create-directory-at", self.root, path.as_ref())
    }

    #[track_caller]
    pub(crate) fn rmdir(&mut self, path: impl AsRef<[u8]>) -> Result<()> {
        self.on_path("descriptor-remove-directory-at", self.root, path.as_ref())
    }

    #[track_caller]
    pub(crate) fn unlink(&mut self, path: impl AsRef<[u8]>) -> Result<()> {
        self.on_path("descriptor-unlink-file-at", self.root, path.as_ref())
    }

    #[track_caller]
    pub(crate) fn symlink(&mut self, target: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> Result<()> {
        let (target, path) = (self.path(target), self.other_path(path));
        self.done("descriptor-symlink-at", args![self.root, target.0, target.1, path.0, path.1])
    }

    #[track_caller]
    pub(crate) fn readlink(&mut self, path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        let (ptr, len) = self.path(path);
        let found = self.answer("descriptor-readlink-at", args![self.root, ptr, len], 4, 8)?;
        Ok(self.get(u32_at(&found, 0), u32_at(&found, 4)))
    }

    #[track_caller]
    pub(crate) fn link_at(&mut self, (dir, old): (u32, &str), follow: u32, (new_dir, new): (u32, &str)) -> Result<()> {
        let (old, new) = (self.path(old), self.other_path(new));
        self.done("descriptor-link-at", args![dir, follow, old.0, old.1, new_dir, new.0, new.1])
    }

    #[track_caller]
    pub(crate) fn rename_at(&mut self, (dir, old): (u32, &str), (new_dir, new): (u32, &str)) -> Result<()> {
        let (old, new) = (self.path(old), self.other_path(new));
        self.done("descriptor-rename-at", args![dir, old.0, old.1, new_dir, new.0, new.1])
    }

    #[track_caller]
    pub(crate) fn set_times_at(&mut self, path: &str, follow: u32, times: [NewTime; 2]) -> Result<()> {
        let (ptr, len) = self.path(path);
        let mut args = args![self.root, follow, ptr, len].to_vec();
        args.extend(times.iter().flat_map(new_timestamp));
        self.done("descriptor-set-times-at", &args)
    }

    #[track_caller]
    pub(crate) fn set_times(&mut self, descriptor: u32, times: [NewTime; 2]) -> Result<()> {
        let mut args = args![descriptor].to_vec();
        args.extend(times.iter().flat_map(new_timestamp));
        self.done("descriptor-set-times", &args)
    }

    // ---- descriptors

    #[track_caller]
    pub(crate) fn flags(&mut self, descriptor: u32) -> Result<u32> {
        Ok(u32::from(self.answer("descriptor-get-flags", args![descriptor], CODE_AT, 1)?[0]))
    }

    #[track_caller]
    pub(crate) fn kind(&mut self, descriptor: u32) -> Result<u8> {
        Ok(self.answer("descriptor-get-type", args![descriptor], CODE_AT, 1)?[0])
    }

    #[track_caller]
    pub(crate) fn hash(&mut self, descriptor: u32) -> Result<[u64; 2]> {
        let hash = self.answer("descriptor-metadata-hash", args![descriptor], 8, 16)?;
        Ok([u64_at(&hash, 0), u64_at(&hash, 8)])
    }

    #[track_caller]
    pub(crate) fn hash_at(&mut self, path: &str, follow: u32) -> Result<[u64; 2]> {
        let (ptr, len) = self.path(path);
        let hash = self.answer("descriptor-metadata-hash-at", args![self.root, follow, ptr, len], 8, 16)?;
        Ok([u64_at(&hash, 0), u64_at(&hash, 8)])
    }

    #[track_caller]
    pub(crate) fn same(&mut self, one: u32, other: u32) -> bool {
        self.expect("descriptor-is-same-object", args![one, other]) != 0
    }
}

fn vals(args: &[Word]) -> Vec<Val> {
    let val = |word: &Word| match *word {
        Word::I(value) => Val::U32(value),
        Word::L(value) => Val::U64(value),
    };
    args.iter().map(val).collect()
}

fn number(results: &[Val]) -> u64 {
    match results.first() {
        Some(Val::U32(value)) => u64::from(*value),
        Some(Val::U64(value)) => *value,
        _ => 0,
    }
}

fn new_timestamp(time: &NewTime) -> [Word; 3] {
    match *time {
        NewTime::Keep => [Word::I(0), Word::L(0), Word::I(0)],
        NewTime::Now => [Word::I(1), Word::L(0), Word::I(0)],
        NewTime::At(seconds, nanoseconds) => [Word::I(2), Word::L(bits(seconds)), Word::I(nanoseconds)],
    }
}
