//! A guest whose program is the test.

use super::abi::{self, Dirent, Errno, Event, Filestat, Subscription, dirents, fdflags, oflags, rights, u32_at};
use super::module::{Memories, engine, module};
use tokio::runtime::Runtime;
use wasi_gofer::GoferCtx;
use wasi_gofer::p1::{self, GoferP1Ctx};
use wasmtime::{Instance, Linker, Memory, SharedMemory, Store, Val};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};

/// Which host functions a guest is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    Sync,
    Async,
}

impl Front {
    pub(crate) const BOTH: [Front; 2] = [Front::Sync, Front::Async];
}

/// An argument of a host function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word(Val);

macro_rules! words {
    ($($ty:ty => $variant:ident($convert:expr),)*) => {$(
        impl From<$ty> for Word {
            fn from(value: $ty) -> Word {
                Word(Val::$variant($convert(value)))
            }
        }
    )*};
}

words! {
    i32 => I32(std::convert::identity),
    u32 => I32(u32::cast_signed),
    i64 => I64(std::convert::identity),
    u64 => I64(u64::cast_signed),
}

/// The arguments of a host function: numbers of 64 bits are written with their type.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { &[$($crate::kit::Word::from($arg)),*] };
}
pub(crate) use args;

/// Where the guest keeps what a call needs. The last page but one is for buffers of tests.
const OUT: u32 = 64;
const PATH: u32 = 0x1000;
const OTHER_PATH: u32 = 0x4000;
const IOVECS: u32 = 0x8000;
const SUBSCRIPTIONS: u32 = 0x8000;
const EVENTS: u32 = 0xc000;
const BUFFER: u32 = 0x10000;

/// How a path is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) lookup: u32,
    pub(crate) oflags: u32,
    pub(crate) rights: u64,
    pub(crate) fdflags: u32,
}

impl Open {
    pub(crate) const READ: Open = Open { lookup: 1, oflags: 0, rights: rights::FD_READ, fdflags: 0 };
    pub(crate) const WRITE: Open = Open { lookup: 1, oflags: 0, rights: rights::FD_WRITE, fdflags: 0 };
    pub(crate) const READ_WRITE: Open =
        Open { lookup: 1, oflags: 0, rights: rights::FD_READ | rights::FD_WRITE, fdflags: 0 };
    pub(crate) const CREATE: Open = Open { oflags: oflags::CREAT, ..Open::READ_WRITE };
    pub(crate) const DIRECTORY: Open = Open { oflags: oflags::DIRECTORY, ..Open::READ };
    pub(crate) const APPEND: Open = Open { fdflags: fdflags::APPEND, ..Open::CREATE };

    pub(crate) const fn nofollow(self) -> Open {
        Open { lookup: 0, ..self }
    }

    pub(crate) const fn and(self, oflags: u32) -> Open {
        Open { oflags: self.oflags | oflags, ..self }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Errno>;

/// A guest. Its methods are the host functions; one that traps where an answer is expected fails the test.
pub(crate) struct Guest {
    store: Store<GoferP1Ctx>,
    instance: Instance,
    memory: Option<Memory>,
    runtime: Option<Runtime>,
    stdout: MemoryOutputPipe,
}

impl Guest {
    /// The first descriptor behind stdio: the first preopen.
    pub(crate) const ROOT: u32 = 3;
    /// A buffer that no method uses behind the test's back, unless it returns bytes.
    pub(crate) const BUFFER: u32 = BUFFER;
    /// The size of its memory.
    pub(crate) const MEMORY: u32 = super::module::PAGES << 16;

    pub(crate) fn new(files: GoferCtx) -> Guest {
        Guest::of(Front::Sync, Memories::Exported, None, files)
    }

    pub(crate) fn with_front(front: Front, files: GoferCtx) -> Guest {
        Guest::of(front, Memories::Exported, None, files)
    }

    pub(crate) fn with_memories(memories: Memories, files: GoferCtx) -> Guest {
        Guest::of(Front::Sync, memories, None, files)
    }

    /// A guest in a memory that others have too.
    pub(crate) fn in_memory(memory: &SharedMemory, files: GoferCtx) -> Guest {
        Guest::of(Front::Sync, Memories::SharedImported, Some(memory), files)
    }

    fn of(front: Front, memories: Memories, imported: Option<&SharedMemory>, files: GoferCtx) -> Guest {
        let stdout = MemoryOutputPipe::new(1 << 20);
        let mut builder = WasiCtxBuilder::new();
        builder.arg("guest").env("NAME", "value");
        builder.stdin(MemoryInputPipe::new("input")).stdout(stdout.clone());
        let mut store = Store::new(engine(), GoferP1Ctx::new(builder.build_p1(), files));
        let mut linker = Linker::new(engine());
        if let Some(memory) = imported {
            linker.define(&store, "host", "memory", memory.clone()).expect("defined");
        }
        let (instance, runtime) = match front {
            Front::Sync => {
                p1::add_to_linker_sync(&mut linker, |guest: &mut GoferP1Ctx| guest).expect("linked");
                (linker.instantiate(&mut store, module(memories)).expect("instantiated"), None)
            }
            Front::Async => {
                p1::add_to_linker_async(&mut linker, |guest: &mut GoferP1Ctx| guest).expect("linked");
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let instance = runtime.block_on(linker.instantiate_async(&mut store, module(memories)));
                (instance.expect("instantiated"), Some(runtime))
            }
        };
        let memory = ["memory", "hidden"].iter().find_map(|name| instance.get_memory(&mut store, name));
        Guest { store, instance, memory, runtime, stdout }
    }

    pub(crate) fn context(&mut self) -> &mut GoferP1Ctx {
        self.store.data_mut()
    }

    /// Its memory, unless that is shared.
    pub(crate) fn memory(&self) -> Memory {
        self.memory.expect("a memory that is not shared")
    }

    /// Lets its memory grow.
    pub(crate) fn grow(&mut self, pages: u64) {
        self.memory().grow(&mut self.store, pages).expect("grown");
    }

    /// What it printed.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.stdout.contents()).into_owned()
    }

    /// Calls a host function: the number that it answers, or how it ends the guest.
    pub(crate) fn call(&mut self, name: &str, args: &[Word]) -> wasmtime::Result<i32> {
        let function = self.instance.get_func(&mut self.store, name).expect("an export");
        let args: Vec<Val> = args.iter().map(|word| word.0).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        match &self.runtime {
            None => function.call(&mut self.store, &args, &mut results)?,
            Some(runtime) => runtime.block_on(function.call_async(&mut self.store, &args, &mut results))?,
        }
        Ok(results.first().map_or(0, Val::unwrap_i32))
    }

    /// Calls a host function that must answer.
    #[track_caller]
    pub(crate) fn answer(&mut self, name: &str, args: &[Word]) -> Result<()> {
        match self.call(name, args) {
            Ok(0) => Ok(()),
            Ok(errno) => Err(Errno(errno)),
            Err(trap) => panic!("{name} trapped: {trap:?}"),
        }
    }

    /// Calls a host function that must trap because of a pointer.
    #[track_caller]
    pub(crate) fn trap(&mut self, name: &str, args: &[Word]) {
        match self.call(name, args) {
            Ok(errno) => panic!("{name} answered {:?}", Errno(errno)),
            Err(trap) => {
                let text = format!("{trap:?}");
                assert!(text.contains("Pointer out of bounds") || text.contains("Pointer not aligned"), "{text}");
            }
        }
    }

    /// Writes into its memory.
    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) {
        match self.memory {
            Some(memory) => memory.write(&mut self.store, at as usize, bytes).expect("in bounds"),
            None => {
                for (at, byte) in (at..).zip(bytes) {
                    self.call("poke", args![at, u32::from(*byte)]).expect("in bounds");
                }
            }
        }
    }

    /// Reads from its memory.
    pub(crate) fn get(&mut self, at: u32, len: usize) -> Vec<u8> {
        match self.memory {
            Some(memory) => memory.data(&self.store)[at as usize..at as usize + len].to_vec(),
            None => {
                let end = at + u32::try_from(len).expect("in bounds");
                let byte = |at| self.call("peek", args![at]).expect("in bounds").to_le_bytes()[0];
                (at..end).map(byte).collect()
            }
        }
    }

    pub(crate) fn u32_at(&mut self, at: u32) -> u32 {
        u32_at(&self.get(at, 4), 0)
    }

    fn path(&mut self, path: impl AsRef<[u8]>) -> (u32, u32) {
        self.path_at(PATH, path)
    }

    fn path_at(&mut self, at: u32, path: impl AsRef<[u8]>) -> (u32, u32) {
        self.put(at, path.as_ref());
        (at, u32::try_from(path.as_ref().len()).expect("short"))
    }

    /// Puts an iovec list into memory; its pointer and length.
    pub(crate) fn iovecs(&mut self, list: &[(u32, u32)]) -> (u32, u32) {
        let bytes: Vec<u8> =
            list.iter().flat_map(|(ptr, len)| [ptr.to_le_bytes(), len.to_le_bytes()]).flatten().collect();
        self.put(IOVECS, &bytes);
        (IOVECS, u32::try_from(list.len()).expect("short"))
    }

    #[track_caller]
    pub(crate) fn open_at(&mut self, dir: u32, path: impl AsRef<[u8]>, how: Open) -> Result<u32> {
        let (ptr, len) = self.path(path);
        let Open { lookup, oflags, rights, fdflags } = how;
        self.answer("path_open", args![dir, lookup, ptr, len, oflags, rights, rights, fdflags, OUT])?;
        Ok(self.u32_at(OUT))
    }

    #[track_caller]
    pub(crate) fn open(&mut self, path: impl AsRef<[u8]>, how: Open) -> Result<u32> {
        self.open_at(Guest::ROOT, path, how)
    }

    #[track_caller]
    pub(crate) fn close(&mut self, fd: u32) -> Result<()> {
        self.answer("fd_close", args![fd])
    }

    #[track_caller]
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<()> {
        self.answer("fd_renumber", args![from, to])
    }

    #[track_caller]
    pub(crate) fn readv(&mut self, fd: u32, list: &[(u32, u32)]) -> Result<u32> {
        let (ptr, len) = self.iovecs(list);
        self.answer("fd_read", args![fd, ptr, len, OUT])?;
        Ok(self.u32_at(OUT))
    }

    #[track_caller]
    pub(crate) fn writev(&mut self, fd: u32, list: &[(u32, u32)]) -> Result<u32> {
        let (ptr, len) = self.iovecs(list);
        self.answer("fd_write", args![fd, ptr, len, OUT])?;
        Ok(self.u32_at(OUT))
    }

    /// At most `room` bytes from the position.
    #[track_caller]
    pub(crate) fn read(&mut self, fd: u32, room: u32) -> Result<Vec<u8>> {
        let n = self.readv(fd, &[(BUFFER, room)])?;
        Ok(self.get(BUFFER, n as usize))
    }

    #[track_caller]
    pub(crate) fn write(&mut self, fd: u32, bytes: impl AsRef<[u8]>) -> Result<u32> {
        self.put(BUFFER, bytes.as_ref());
        self.writev(fd, &[(BUFFER, u32::try_from(bytes.as_ref().len()).expect("short"))])
    }

    /// The contents of a file of at most 64 KiB.
    #[track_caller]
    pub(crate) fn contents(&mut self, path: impl AsRef<[u8]>) -> Result<String> {
        let fd = self.open(path, Open::READ)?;
        let bytes = self.read(fd, 1 << 16);
        self.close(fd)?;
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A new or emptied file with these contents.
    #[track_caller]
    pub(crate) fn make(&mut self, path: impl AsRef<[u8]>, contents: impl AsRef<[u8]>) -> Result<()> {
        let fd = self.open(path, Open::CREATE.and(oflags::TRUNC))?;
        let written = self.write(fd, contents.as_ref());
        self.close(fd)?;
        assert_eq!(written? as usize, contents.as_ref().len(), "a short write");
        Ok(())
    }

    #[track_caller]
    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64> {
        self.answer("fd_seek", args![fd, offset, whence, OUT])?;
        Ok(abi::u64_at(&self.get(OUT, 8), 0))
    }

    #[track_caller]
    pub(crate) fn fstat(&mut self, fd: u32) -> Result<Filestat> {
        self.answer("fd_filestat_get", args![fd, OUT])?;
        Ok(Filestat::parse(&self.get(OUT, Filestat::SIZE)))
    }

    /// Attributes; a symbolic link at the end is not followed.
    #[track_caller]
    pub(crate) fn lstat(&mut self, path: impl AsRef<[u8]>) -> Result<Filestat> {
        self.stat_at(Guest::ROOT, path, false)
    }

    /// Attributes; a symbolic link at the end is followed.
    #[track_caller]
    pub(crate) fn stat(&mut self, path: impl AsRef<[u8]>) -> Result<Filestat> {
        self.stat_at(Guest::ROOT, path, true)
    }

    #[track_caller]
    pub(crate) fn stat_at(&mut self, dir: u32, path: impl AsRef<[u8]>, follow: bool) -> Result<Filestat> {
        let (ptr, len) = self.path(path);
        self.answer("path_filestat_get", args![dir, u32::from(follow), ptr, len, OUT])?;
        Ok(Filestat::parse(&self.get(OUT, Filestat::SIZE)))
    }

    #[track_caller]
    pub(crate) fn set_times_at(
        &mut self,
        (dir, path): (u32, &str),
        (atim, mtim): (u64, u64),
        flags: u32,
    ) -> Result<()> {
        let (ptr, len) = self.path(path);
        self.answer("path_filestat_set_times", args![dir, 1, ptr, len, atim, mtim, flags])
    }

    #[track_caller]
    pub(crate) fn mkdir_at(&mut self, dir: u32, path: impl AsRef<[u8]>) -> Result<()> {
        let (ptr, len) = self.path(path);
        self.answer("path_create_directory", args![dir, ptr, len])
    }

    #[track_caller]
    pub(crate) fn mkdir(&mut self, path: impl AsRef<[u8]>) -> Result<()> {
        self.mkdir_at(Guest::ROOT, path)
    }

    #[track_caller]
    pub(crate) fn rmdir(&mut self, path: impl AsRef<[u8]>) -> Result<()> {
        let (ptr, len) = self.path(path);
        self.answer("path_remove_directory", args![Guest::ROOT, ptr, len])
    }

    #[track_caller]
    pub(crate) fn unlink_at(&mut self, dir: u32, path: impl AsRef<[u8]>) -> Result<()> {
        let (ptr, len) = self.path(path);
        self.answer("path_unlink_file", args![dir, ptr, len])
    }

    #[track_caller]
    pub(crate) fn unlink(&mut self, path: impl AsRef<[u8]>) -> Result<()> {
        self.unlink_at(Guest::ROOT, path)
    }

    #[track_caller]
    pub(crate) fn rename_at(&mut self, (dir, old): (u32, &str), (new_dir, new): (u32, &str)) -> Result<()> {
        let ((old, old_len), (new, new_len)) = (self.path(old), self.path_at(OTHER_PATH, new));
        self.answer("path_rename", args![dir, old, old_len, new_dir, new, new_len])
    }

    #[track_caller]
    pub(crate) fn rename(&mut self, old: &str, new: &str) -> Result<()> {
        self.rename_at((Guest::ROOT, old), (Guest::ROOT, new))
    }

    #[track_caller]
    pub(crate) fn link_at(&mut self, (dir, old): (u32, &str), (new_dir, new): (u32, &str)) -> Result<()> {
        let ((old, old_len), (new, new_len)) = (self.path(old), self.path_at(OTHER_PATH, new));
        self.answer("path_link", args![dir, 0, old, old_len, new_dir, new, new_len])
    }

    #[track_caller]
    pub(crate) fn symlink_at(&mut self, target: &str, dir: u32, path: &str) -> Result<()> {
        let ((ptr, len), (to, to_len)) = (self.path(path), self.path_at(OTHER_PATH, target));
        self.answer("path_symlink", args![to, to_len, dir, ptr, len])
    }

    #[track_caller]
    pub(crate) fn link(&mut self, old: &str, new: &str) -> Result<()> {
        self.link_at((Guest::ROOT, old), (Guest::ROOT, new))
    }

    #[track_caller]
    pub(crate) fn symlink(&mut self, target: &str, path: &str) -> Result<()> {
        self.symlink_at(target, Guest::ROOT, path)
    }

    #[track_caller]
    pub(crate) fn readlink(&mut self, path: impl AsRef<[u8]>) -> Result<String> {
        let (ptr, len) = self.path(path);
        self.answer("path_readlink", args![Guest::ROOT, ptr, len, BUFFER, 4096, OUT])?;
        let n = self.u32_at(OUT) as usize;
        Ok(String::from_utf8_lossy(&self.get(BUFFER, n)).into_owned())
    }

    /// One `fd_readdir`: the bytes that it says it filled.
    #[track_caller]
    pub(crate) fn readdir(&mut self, fd: u32, room: u32, cookie: u64) -> Result<Vec<u8>> {
        self.answer("fd_readdir", args![fd, BUFFER, room, cookie, OUT])?;
        let n = self.u32_at(OUT) as usize;
        Ok(self.get(BUFFER, n))
    }

    /// All entries behind `cookie`.
    #[track_caller]
    pub(crate) fn entries(&mut self, fd: u32, mut cookie: u64) -> Result<Vec<Dirent>> {
        let mut all = Vec::new();
        loop {
            let bytes = self.readdir(fd, 4096, cookie)?;
            let some = dirents(&bytes);
            cookie = some.last().map_or(cookie, |last| last.next);
            all.extend(some);
            if bytes.len() < 4096 {
                return Ok(all);
            }
        }
    }

    /// The names in a directory without `.` and `..`, sorted.
    #[track_caller]
    pub(crate) fn names(&mut self, path: impl AsRef<[u8]>) -> Result<Vec<String>> {
        let fd = self.open(path, Open::DIRECTORY)?;
        let names = self.names_at(fd);
        self.close(fd)?;
        names
    }

    /// The names in an open directory.
    #[track_caller]
    pub(crate) fn names_at(&mut self, fd: u32) -> Result<Vec<String>> {
        let entries = self.entries(fd, 0)?;
        let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        names.retain(|name| name != "." && name != "..");
        names.sort();
        Ok(names)
    }

    #[track_caller]
    pub(crate) fn poll(&mut self, subscriptions: &[Subscription]) -> Result<Vec<Event>> {
        let bytes: Vec<u8> = subscriptions.iter().flat_map(Subscription::encode).collect();
        self.put(SUBSCRIPTIONS, &bytes);
        let n = u32::try_from(subscriptions.len()).expect("few");
        self.answer("poll_oneoff", args![SUBSCRIPTIONS, EVENTS, n, OUT])?;
        let events = self.u32_at(OUT) as usize;
        Ok(self.get(EVENTS, events * Event::SIZE).chunks(Event::SIZE).map(Event::parse).collect())
    }
}
