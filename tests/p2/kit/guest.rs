//! A guest whose program is the test.

use super::abi::{Code, DescriptorStat, NewTime, flags, open, u32_at, u64_at};
use super::component::{component, engine};
use tokio::runtime::Runtime;
use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
use wasi_gofer::{GoferCtx, p2};
use wasmtime::Store;
use wasmtime::component::{Instance, Linker, ResourceTable, Val};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// Which host functions a guest is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    Sync,
    Async,
}

impl Front {
    pub(crate) const BOTH: [Front; 2] = [Front::Sync, Front::Async];
}

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

/// How a stream's operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamError {
    /// With a handle of an error.
    Failed(u32),
    Closed,
}

pub(crate) type Result<T, E = Code> = std::result::Result<T, E>;

const RETURNED: u32 = 0x100;
const PATH: u32 = 0x1000;
const OTHER_PATH: u32 = 0x8000;
const BUFFER: u32 = 0x20000;

/// A guest. Its methods are the host functions; one that traps where an answer is expected fails the test.
pub(crate) struct Guest {
    store: Store<Host>,
    instance: Instance,
    runtime: Option<Runtime>,
    /// Its first preopen.
    pub(crate) root: u32,
    /// All of them.
    pub(crate) preopens: Vec<(u32, String)>,
}

impl Guest {
    pub(crate) fn new(files: GoferCtx) -> Guest {
        Guest::with(Front::Sync, GoferComponentCtx::new(files))
    }

    pub(crate) fn with(front: Front, files: GoferComponentCtx) -> Guest {
        let wasi = WasiCtxBuilder::new().build();
        let mut store = Store::new(engine(), Host { table: ResourceTable::new(), wasi, files });
        let mut linker = Linker::new(engine());
        let (instance, runtime) = match front {
            Front::Sync => {
                p2::add_all_to_linker_sync(&mut linker).expect("linked");
                (linker.instantiate(&mut store, component()).expect("instantiated"), None)
            }
            Front::Async => {
                p2::add_all_to_linker_async(&mut linker).expect("linked");
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let instance = runtime.block_on(linker.instantiate_async(&mut store, component()));
                (instance.expect("instantiated"), Some(runtime))
            }
        };
        let mut guest = Guest { store, instance, runtime, root: 0, preopens: Vec::new() };
        guest.preopens = guest.directories();
        guest.root = guest.preopens.first().map_or(0, |(root, _)| *root);
        guest
    }

    pub(crate) fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    /// Calls a host function: what it answers where that is a number, or how it ends the guest.
    pub(crate) fn call(&mut self, name: &str, args: &[Word]) -> wasmtime::Result<u32> {
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
    pub(crate) async fn call_here(&mut self, name: &str, args: &[Word]) -> wasmtime::Result<u32> {
        let function = self.instance.get_func(&mut self.store, name).unwrap_or_else(|| panic!("no export {name}"));
        let args = vals(args);
        let mut results = vec![Val::U32(0); function.ty(&self.store).results().len()];
        function.call_async(&mut self.store, &args, &mut results).await?;
        Ok(number(&results))
    }

    /// As [`Guest::call`] of a function that must not trap.
    #[track_caller]
    pub(crate) fn expect(&mut self, name: &str, args: &[Word]) -> u32 {
        self.call(name, args).unwrap_or_else(|trap| panic!("{name} trapped: {trap:?}"))
    }

    /// Calls a function that returns through memory: the first `len` bytes of what it returned.
    #[track_caller]
    pub(crate) fn returned(&mut self, name: &str, args: &[Word], len: u32) -> Vec<u8> {
        let args: Vec<Word> = args.iter().copied().chain([Word::I(RETURNED)]).collect();
        self.expect(name, &args);
        self.get(RETURNED, len)
    }

    /// Calls a function that returns a `result` whose payload is at `at`: what is from there on, or the code.
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
        self.answer(name, args, 1, 0).map(drop)
    }

    /// A trap, as text.
    #[track_caller]
    pub(crate) fn trap(&mut self, name: &str, args: &[Word]) -> String {
        match self.call(name, args) {
            Ok(_) => panic!("{name} answered {:?}", self.get(RETURNED, 16)),
            Err(trap) => format!("{trap:?}"),
        }
    }

    fn reset(&mut self) {
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

    /// Bytes to write, in the guest's memory: pointer and length.
    pub(crate) fn buffer(&mut self, bytes: impl AsRef<[u8]>) -> (u32, u32) {
        self.path_at(BUFFER, bytes.as_ref())
    }

    // ---- preopens

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
        let stat = self.answer("descriptor-stat-at", args![dir, follow, ptr, len], 8, 96)?;
        Ok(DescriptorStat::read(&stat))
    }

    #[track_caller]
    pub(crate) fn stat_path(&mut self, path: impl AsRef<[u8]>) -> Result<DescriptorStat> {
        self.stat_at(self.root, path, 0)
    }

    #[track_caller]
    pub(crate) fn stat(&mut self, descriptor: u32) -> Result<DescriptorStat> {
        Ok(DescriptorStat::read(&self.answer("descriptor-stat", args![descriptor], 8, 96)?))
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
        Ok(u32::from(self.answer("descriptor-get-flags", args![descriptor], 1, 1)?[0]))
    }

    #[track_caller]
    pub(crate) fn kind(&mut self, descriptor: u32) -> Result<u8> {
        Ok(self.answer("descriptor-get-type", args![descriptor], 1, 1)?[0])
    }

    /// What was read, and whether the end was told.
    #[track_caller]
    pub(crate) fn read(&mut self, descriptor: u32, len: u64, offset: u64) -> Result<(Vec<u8>, bool)> {
        self.reset();
        let found = self.answer("descriptor-read", args![descriptor, len, offset], 4, 9)?;
        Ok((self.get(u32_at(&found, 0), u32_at(&found, 4)), found[8] != 0))
    }

    #[track_caller]
    pub(crate) fn write(&mut self, descriptor: u32, bytes: impl AsRef<[u8]>, offset: u64) -> Result<u64> {
        let (ptr, len) = self.buffer(bytes);
        Ok(u64_at(&self.answer("descriptor-write", args![descriptor, ptr, len, offset], 8, 8)?, 0))
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

    // ---- listings

    #[track_caller]
    pub(crate) fn read_directory(&mut self, descriptor: u32) -> Result<u32> {
        Ok(u32_at(&self.answer("descriptor-read-directory", args![descriptor], 4, 4)?, 0))
    }

    /// The next entry: its type and name.
    #[track_caller]
    pub(crate) fn next_entry(&mut self, stream: u32) -> Result<Option<(u8, String)>> {
        self.reset();
        let found = self.answer("directory-entry-stream-read-directory-entry", args![stream], 4, 16)?;
        if found[0] == 0 {
            return Ok(None);
        }
        let name = self.get(u32_at(&found, 8), u32_at(&found, 12));
        Ok(Some((found[4], String::from_utf8(name).expect("UTF-8"))))
    }

    /// The names in a directory, sorted.
    #[track_caller]
    pub(crate) fn names(&mut self, descriptor: u32) -> Result<Vec<String>> {
        let stream = self.read_directory(descriptor)?;
        let mut names = Vec::new();
        while let Some((_, name)) = self.next_entry(stream)? {
            names.push(name);
        }
        self.expect("drop-directory-entry-stream", args![stream]);
        names.sort();
        Ok(names)
    }

    // ---- streams

    #[track_caller]
    pub(crate) fn read_stream(&mut self, descriptor: u32, offset: u64) -> Result<u32> {
        Ok(u32_at(&self.answer("descriptor-read-via-stream", args![descriptor, offset], 4, 4)?, 0))
    }

    #[track_caller]
    pub(crate) fn write_stream(&mut self, descriptor: u32, offset: u64) -> Result<u32> {
        Ok(u32_at(&self.answer("descriptor-write-via-stream", args![descriptor, offset], 4, 4)?, 0))
    }

    #[track_caller]
    pub(crate) fn append_stream(&mut self, descriptor: u32) -> Result<u32> {
        Ok(u32_at(&self.answer("descriptor-append-via-stream", args![descriptor], 4, 4)?, 0))
    }

    /// A function of a stream, whose payload is at `at`.
    #[track_caller]
    fn streamed(&mut self, name: &str, args: &[Word], at: usize) -> Result<Vec<u8>, StreamError> {
        self.reset();
        let bytes = self.returned(name, args, 24);
        match (bytes[0], bytes[at]) {
            (0, _) => Ok(bytes[at..].to_vec()),
            (_, 0) => Err(StreamError::Failed(u32_at(&bytes, at + 4))),
            _ => Err(StreamError::Closed),
        }
    }

    /// `read` or `blocking-read`.
    #[track_caller]
    pub(crate) fn stream_read(&mut self, name: &str, stream: u32, len: u64) -> Result<Vec<u8>, StreamError> {
        let list = self.streamed(&format!("input-stream-{name}"), args![stream, len], 4)?;
        Ok(self.get(u32_at(&list, 0), u32_at(&list, 4)))
    }

    /// A function of an output stream that answers a count.
    #[track_caller]
    pub(crate) fn stream_count(&mut self, name: &str, args: &[Word]) -> Result<u64, StreamError> {
        Ok(u64_at(&self.streamed(name, args, 8)?, 0))
    }

    #[track_caller]
    pub(crate) fn check_write(&mut self, stream: u32) -> Result<u64, StreamError> {
        self.stream_count("output-stream-check-write", args![stream])
    }

    /// A function of an output stream that answers nothing.
    #[track_caller]
    pub(crate) fn stream_done(&mut self, name: &str, args: &[Word]) -> Result<(), StreamError> {
        self.streamed(name, args, 4).map(drop)
    }

    /// `write` or `blocking-write-and-flush`.
    #[track_caller]
    pub(crate) fn stream_write(&mut self, name: &str, stream: u32, bytes: impl AsRef<[u8]>) -> Result<(), StreamError> {
        let (ptr, len) = self.buffer(bytes);
        self.stream_done(&format!("output-stream-{name}"), args![stream, ptr, len])
    }

    /// What a stream's failure is in terms of files.
    pub(crate) fn error_code(&mut self, error: u32) -> Option<Code> {
        let found = self.returned("filesystem-error-code", args![error], 2);
        (found[0] == 1).then_some(Code(found[1]))
    }
}

fn vals(args: &[Word]) -> Vec<Val> {
    let val = |word: &Word| match *word {
        Word::I(value) => Val::U32(value),
        Word::L(value) => Val::U64(value),
    };
    args.iter().map(val).collect()
}

fn number(results: &[Val]) -> u32 {
    match results.first() {
        Some(Val::U32(value)) => *value,
        _ => 0,
    }
}

fn new_timestamp(time: &NewTime) -> [Word; 3] {
    match *time {
        NewTime::Keep => [Word::I(0), Word::L(0), Word::I(0)],
        NewTime::Now => [Word::I(1), Word::L(0), Word::I(0)],
        NewTime::At(seconds, nanoseconds) => [Word::I(2), Word::L(seconds), Word::I(nanoseconds)],
    }
}
