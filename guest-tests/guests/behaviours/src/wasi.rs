//! The file functions of WASI preview 1, as thin as they can be: every call returns the errno that came back.
//! The only file with `unsafe`.

use std::fmt;

pub type Fd = u32;
pub type Result<T> = std::result::Result<T, Errno>;

/// The one preopened directory, the root of the filesystem under test.
pub const ROOT: Fd = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u16);

macro_rules! errnos {
    ($($name:ident = $value:literal),* $(,)?) => {
        #[allow(dead_code, reason = "the list is whole, whether a behaviour needs an errno or not")]
        impl Errno {
            $(pub const $name: Errno = Errno($value);)*
        }

        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($value => f.write_str(stringify!($name)),)*
                    other => write!(f, "errno {other}"),
                }
            }
        }
    };
}

errnos! {
    ACCES = 2, AGAIN = 6, BADF = 8, BUSY = 10, DQUOT = 19, EXIST = 20, FAULT = 21, FBIG = 22, ILSEQ = 25,
    INTR = 27, INVAL = 28, IO = 29, ISDIR = 31, LOOP = 32, MFILE = 33, MLINK = 34, NAMETOOLONG = 37,
    NFILE = 41, NODEV = 43, NOENT = 44, NOMEM = 48, NOSPC = 51, NOSYS = 52, NOTDIR = 54, NOTEMPTY = 55,
    NOTSUP = 58, NXIO = 60, OVERFLOW = 61, PERM = 63, PIPE = 64, RANGE = 68, ROFS = 69, SPIPE = 70,
    STALE = 72, TXTBSY = 74, XDEV = 75, NOTCAPABLE = 76,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct FileType(pub u8);

impl FileType {
    pub const DIRECTORY: FileType = FileType(3);
    pub const REGULAR: FileType = FileType(4);
    pub const SYMLINK: FileType = FileType(7);
}

pub mod oflags {
    pub const NONE: u16 = 0;
    pub const CREAT: u16 = 1;
    pub const DIRECTORY: u16 = 2;
    pub const EXCL: u16 = 4;
    pub const TRUNC: u16 = 8;
}

pub mod fdflags {
    pub const NONE: u16 = 0;
    pub const APPEND: u16 = 1;
}

/// Lookup flags: whether a symlink as the last component of a path is followed.
pub const NOFOLLOW: u32 = 0;
pub const FOLLOW: u32 = 1;

pub mod whence {
    pub const SET: u8 = 0;
    pub const CUR: u8 = 1;
    pub const END: u8 = 2;
}

pub mod fstflags {
    pub const ATIM: u16 = 1;
    pub const ATIM_NOW: u16 = 2;
    pub const MTIM: u16 = 4;
    pub const MTIM_NOW: u16 = 8;
}

pub mod rights {
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_SEEK: u64 = 1 << 2;
    pub const FD_WRITE: u64 = 1 << 6;
    pub const PATH_OPEN: u64 = 1 << 13;
    pub const FD_READDIR: u64 = 1 << 14;
    pub const FD_FILESTAT_GET: u64 = 1 << 21;

    const ALL: u64 = (1 << 28) - 1;
    /// What only somebody who writes needs: datasync, write, allocate, set_size.
    const WRITING: u64 = 1 | FD_WRITE | 1 << 8 | 1 << 22;
    const READING: u64 = FD_READ | FD_READDIR;

    // The three sets that wasi-libc asks for with O_RDONLY, O_WRONLY and O_RDWR.
    pub const READ: u64 = ALL & !WRITING;
    pub const WRITE: u64 = ALL & !READING;
    pub const READ_WRITE: u64 = ALL;
}

#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Filestat {
    pub dev: u64,
    pub ino: u64,
    filetype: u8,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
    pub ctim: u64,
}

impl Filestat {
    pub fn filetype(&self) -> FileType {
        FileType(self.filetype)
    }
}

#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Fdstat {
    filetype: u8,
    pub flags: u16,
    pub rights: u64,
    pub inheriting: u64,
}

impl Fdstat {
    pub fn filetype(&self) -> FileType {
        FileType(self.filetype)
    }
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Prestat {
    tag: u8,
    name_len: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Iovec {
    pointer: *mut u8,
    len: usize,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Ciovec {
    pointer: *const u8,
    len: usize,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Subscription {
    userdata: u64,
    kind: u8,
    what: Subscribed,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Subscribed {
    /// The descriptor, which has nothing else, or the clock.
    id: u32,
    timeout: u64,
    precision: u64,
    flags: u16,
}

#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Event {
    pub userdata: u64,
    error: u16,
    pub kind: u8,
    nbytes: u64,
    flags: u16,
}

impl Event {
    pub const CLOCK: u8 = 0;
    pub const READ: u8 = 1;
    pub const WRITE: u8 = 2;

    pub fn result(&self) -> Result<()> {
        check(self.error.into())
    }
}

mod import {
    use super::{Ciovec, Event, Fdstat, Filestat, Iovec, Prestat, Subscription};

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    extern "C" {
        pub fn clock_time_get(id: u32, precision: u64, time: *mut u64) -> u32;
        pub fn fd_advise(fd: u32, offset: u64, len: u64, advice: u32) -> u32;
        pub fn fd_allocate(fd: u32, offset: u64, len: u64) -> u32;
        pub fn fd_close(fd: u32) -> u32;
        pub fn fd_datasync(fd: u32) -> u32;
        pub fn fd_fdstat_get(fd: u32, stat: *mut Fdstat) -> u32;
        pub fn fd_fdstat_set_flags(fd: u32, flags: u32) -> u32;
        pub fn fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) -> u32;
        pub fn fd_filestat_get(fd: u32, stat: *mut Filestat) -> u32;
        pub fn fd_filestat_set_size(fd: u32, size: u64) -> u32;
        pub fn fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32) -> u32;
        pub fn fd_pread(fd: u32, iovs: *const Iovec, len: usize, offset: u64, n: *mut usize) -> u32;
        pub fn fd_prestat_get(fd: u32, prestat: *mut Prestat) -> u32;
        pub fn fd_prestat_dir_name(fd: u32, path: *mut u8, len: usize) -> u32;
        pub fn fd_pwrite(fd: u32, iovs: *const Ciovec, len: usize, offset: u64, n: *mut usize) -> u32;
        pub fn fd_read(fd: u32, iovs: *const Iovec, len: usize, n: *mut usize) -> u32;
        pub fn fd_readdir(fd: u32, buffer: *mut u8, len: usize, cookie: u64, used: *mut usize) -> u32;
        pub fn fd_renumber(fd: u32, to: u32) -> u32;
        pub fn fd_seek(fd: u32, offset: i64, whence: u32, position: *mut u64) -> u32;
        pub fn fd_sync(fd: u32) -> u32;
        pub fn fd_tell(fd: u32, position: *mut u64) -> u32;
        pub fn fd_write(fd: u32, iovs: *const Ciovec, len: usize, n: *mut usize) -> u32;
        pub fn path_create_directory(fd: u32, path: *const u8, len: usize) -> u32;
        pub fn path_filestat_get(fd: u32, flags: u32, path: *const u8, len: usize, stat: *mut Filestat) -> u32;
        pub fn path_filestat_set_times(
            fd: u32,
            flags: u32,
            path: *const u8,
            len: usize,
            atim: u64,
            mtim: u64,
            fst_flags: u32,
        ) -> u32;
        pub fn path_link(
            fd: u32,
            flags: u32,
            path: *const u8,
            len: usize,
            new_fd: u32,
            new_path: *const u8,
            new_len: usize,
        ) -> u32;
        #[rustfmt::skip]
        pub fn path_open(
            fd: u32,
            lookup: u32,
            path: *const u8,
            len: usize,
            oflags: u32,
            base: u64,
            inheriting: u64,
            fdflags: u32,
            opened: *mut u32,
        ) -> u32;
        pub fn path_readlink(
            fd: u32,
            path: *const u8,
            len: usize,
            buffer: *mut u8,
            buffer_len: usize,
            used: *mut usize,
        ) -> u32;
        pub fn path_remove_directory(fd: u32, path: *const u8, len: usize) -> u32;
        pub fn path_rename(
            fd: u32,
            path: *const u8,
            len: usize,
            new_fd: u32,
            new_path: *const u8,
            new_len: usize,
        ) -> u32;
        pub fn path_symlink(target: *const u8, target_len: usize, fd: u32, path: *const u8, len: usize) -> u32;
        pub fn path_unlink_file(fd: u32, path: *const u8, len: usize) -> u32;
        pub fn poll_oneoff(subscriptions: *const Subscription, events: *mut Event, len: usize, n: *mut usize) -> u32;
    }
}

fn check(code: u32) -> Result<()> {
    match code {
        0 => Ok(()),
        code => Err(Errno(code as u16)),
    }
}

/// Calls one import with an out-parameter that starts as the type's default.
fn out<T: Default>(call: impl FnOnce(*mut T) -> u32) -> Result<T> {
    let mut value = T::default();
    check(call(&mut value))?;
    Ok(value)
}

// SAFETY, for every call below: the pointers come from references and slices that live through the call, the lengths
// are theirs, and the layouts are those of the preview 1 ABI.

/// Nanoseconds since 1970.
pub fn now() -> u64 {
    out(|time| unsafe { import::clock_time_get(0, 1, time) }).expect("the clock answers")
}

pub fn fd_advise(fd: Fd, offset: u64, len: u64, advice: u32) -> Result<()> {
    check(unsafe { import::fd_advise(fd, offset, len, advice) })
}

pub fn fd_allocate(fd: Fd, offset: u64, len: u64) -> Result<()> {
    check(unsafe { import::fd_allocate(fd, offset, len) })
}

pub fn fd_close(fd: Fd) -> Result<()> {
    check(unsafe { import::fd_close(fd) })
}

pub fn fd_datasync(fd: Fd) -> Result<()> {
    check(unsafe { import::fd_datasync(fd) })
}

pub fn fd_fdstat_get(fd: Fd) -> Result<Fdstat> {
    out(|stat| unsafe { import::fd_fdstat_get(fd, stat) })
}

pub fn fd_fdstat_set_flags(fd: Fd, flags: u16) -> Result<()> {
    check(unsafe { import::fd_fdstat_set_flags(fd, flags.into()) })
}

pub fn fd_fdstat_set_rights(fd: Fd, base: u64, inheriting: u64) -> Result<()> {
    check(unsafe { import::fd_fdstat_set_rights(fd, base, inheriting) })
}

pub fn fd_filestat_get(fd: Fd) -> Result<Filestat> {
    out(|stat| unsafe { import::fd_filestat_get(fd, stat) })
}

pub fn fd_filestat_set_size(fd: Fd, size: u64) -> Result<()> {
    check(unsafe { import::fd_filestat_set_size(fd, size) })
}

pub fn fd_filestat_set_times(fd: Fd, atim: u64, mtim: u64, flags: u16) -> Result<()> {
    check(unsafe { import::fd_filestat_set_times(fd, atim, mtim, flags.into()) })
}

pub fn fd_prestat_name_len(fd: Fd) -> Result<u32> {
    let prestat = out(|prestat| unsafe { import::fd_prestat_get(fd, prestat) })?;
    assert_eq!(prestat.tag, 0, "the only kind of preopen is a directory");
    Ok(prestat.name_len)
}

pub fn fd_prestat_dir_name(fd: Fd, name: &mut [u8]) -> Result<()> {
    check(unsafe { import::fd_prestat_dir_name(fd, name.as_mut_ptr(), name.len()) })
}

fn iovecs(buffers: &mut [&mut [u8]]) -> Vec<Iovec> {
    buffers.iter_mut().map(|buffer| Iovec { pointer: buffer.as_mut_ptr(), len: buffer.len() }).collect()
}

fn ciovecs(buffers: &[&[u8]]) -> Vec<Ciovec> {
    buffers.iter().map(|buffer| Ciovec { pointer: buffer.as_ptr(), len: buffer.len() }).collect()
}

pub fn fd_readv(fd: Fd, buffers: &mut [&mut [u8]]) -> Result<usize> {
    let iovs = iovecs(buffers);
    out(|n| unsafe { import::fd_read(fd, iovs.as_ptr(), iovs.len(), n) })
}

pub fn fd_preadv(fd: Fd, buffers: &mut [&mut [u8]], offset: u64) -> Result<usize> {
    let iovs = iovecs(buffers);
    out(|n| unsafe { import::fd_pread(fd, iovs.as_ptr(), iovs.len(), offset, n) })
}

pub fn fd_writev(fd: Fd, buffers: &[&[u8]]) -> Result<usize> {
    let iovs = ciovecs(buffers);
    out(|n| unsafe { import::fd_write(fd, iovs.as_ptr(), iovs.len(), n) })
}

pub fn fd_pwritev(fd: Fd, buffers: &[&[u8]], offset: u64) -> Result<usize> {
    let iovs = ciovecs(buffers);
    out(|n| unsafe { import::fd_pwrite(fd, iovs.as_ptr(), iovs.len(), offset, n) })
}

pub fn fd_read(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    fd_readv(fd, &mut [buffer])
}

pub fn fd_pread(fd: Fd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    fd_preadv(fd, &mut [buffer], offset)
}

pub fn fd_write(fd: Fd, bytes: &[u8]) -> Result<usize> {
    fd_writev(fd, &[bytes])
}

pub fn fd_pwrite(fd: Fd, bytes: &[u8], offset: u64) -> Result<usize> {
    fd_pwritev(fd, &[bytes], offset)
}

pub fn fd_readdir(fd: Fd, buffer: &mut [u8], cookie: u64) -> Result<usize> {
    out(|used| unsafe { import::fd_readdir(fd, buffer.as_mut_ptr(), buffer.len(), cookie, used) })
}

pub fn fd_renumber(fd: Fd, to: Fd) -> Result<()> {
    check(unsafe { import::fd_renumber(fd, to) })
}

pub fn fd_seek(fd: Fd, offset: i64, whence: u8) -> Result<u64> {
    out(|position| unsafe { import::fd_seek(fd, offset, whence.into(), position) })
}

pub fn fd_sync(fd: Fd) -> Result<()> {
    check(unsafe { import::fd_sync(fd) })
}

pub fn fd_tell(fd: Fd) -> Result<u64> {
    out(|position| unsafe { import::fd_tell(fd, position) })
}

// Paths are bytes, because some behaviours are about paths that no `str` can hold.

pub fn path_create_directory(fd: Fd, path: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    check(unsafe { import::path_create_directory(fd, path.as_ptr(), path.len()) })
}

pub fn path_filestat_get(fd: Fd, lookup: u32, path: impl AsRef<[u8]>) -> Result<Filestat> {
    let path = path.as_ref();
    out(|stat| unsafe { import::path_filestat_get(fd, lookup, path.as_ptr(), path.len(), stat) })
}

pub fn path_filestat_set_times(
    fd: Fd,
    lookup: u32,
    path: impl AsRef<[u8]>,
    atim: u64,
    mtim: u64,
    flags: u16,
) -> Result<()> {
    let path = path.as_ref();
    check(unsafe { import::path_filestat_set_times(fd, lookup, path.as_ptr(), path.len(), atim, mtim, flags.into()) })
}

pub fn path_link(fd: Fd, lookup: u32, path: impl AsRef<[u8]>, new_fd: Fd, new_path: impl AsRef<[u8]>) -> Result<()> {
    let (path, new_path) = (path.as_ref(), new_path.as_ref());
    check(unsafe {
        import::path_link(fd, lookup, path.as_ptr(), path.len(), new_fd, new_path.as_ptr(), new_path.len())
    })
}

pub fn path_open(fd: Fd, lookup: u32, path: impl AsRef<[u8]>, oflags: u16, rights: u64, fdflags: u16) -> Result<Fd> {
    let path = path.as_ref();
    out(|opened| unsafe {
        let (pointer, len) = (path.as_ptr(), path.len());
        import::path_open(fd, lookup, pointer, len, oflags.into(), rights, rights, fdflags.into(), opened)
    })
}

pub fn path_readlink(fd: Fd, path: impl AsRef<[u8]>, buffer: &mut [u8]) -> Result<usize> {
    let path = path.as_ref();
    out(|used| unsafe { import::path_readlink(fd, path.as_ptr(), path.len(), buffer.as_mut_ptr(), buffer.len(), used) })
}

pub fn path_remove_directory(fd: Fd, path: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    check(unsafe { import::path_remove_directory(fd, path.as_ptr(), path.len()) })
}

pub fn path_rename(fd: Fd, path: impl AsRef<[u8]>, new_fd: Fd, new_path: impl AsRef<[u8]>) -> Result<()> {
    let (path, new_path) = (path.as_ref(), new_path.as_ref());
    check(unsafe { import::path_rename(fd, path.as_ptr(), path.len(), new_fd, new_path.as_ptr(), new_path.len()) })
}

pub fn path_symlink(target: impl AsRef<[u8]>, fd: Fd, path: impl AsRef<[u8]>) -> Result<()> {
    let (target, path) = (target.as_ref(), path.as_ref());
    check(unsafe { import::path_symlink(target.as_ptr(), target.len(), fd, path.as_ptr(), path.len()) })
}

pub fn path_unlink_file(fd: Fd, path: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    check(unsafe { import::path_unlink_file(fd, path.as_ptr(), path.len()) })
}

/// Waits for descriptors (with `Event::READ` or `Event::WRITE`), or until the nanoseconds are over. The events carry
/// the index of their descriptor as `userdata`.
pub fn poll(descriptors: &[(Fd, u8)], timeout: u64) -> Result<Vec<Event>> {
    let what = |id, timeout| Subscribed { id, timeout, precision: 0, flags: 0 };
    let mut subscriptions = vec![Subscription { userdata: u64::MAX, kind: Event::CLOCK, what: what(1, timeout) }];
    for (&(fd, kind), index) in descriptors.iter().zip(0..) {
        subscriptions.push(Subscription { userdata: index, kind, what: what(fd, 0) });
    }
    let mut events = vec![Event::default(); subscriptions.len()];
    let n =
        out(|n| unsafe { import::poll_oneoff(subscriptions.as_ptr(), events.as_mut_ptr(), subscriptions.len(), n) })?;
    events.truncate(n);
    Ok(events)
}
