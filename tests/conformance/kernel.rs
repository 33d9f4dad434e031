//! Linux itself as a backend: the operations as plain calls on absolute paths, with the standard library where it has
//! them. It shares no code with the directory backend, and a swap of a name is beyond it.

use rustix::fs::{AtFlags, CWD, Dir, FallocateFlags, Timespec as OsTime, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::num::NonZeroI64;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown, symlink,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use wasi_gofer::abi::{
    Call, Dirent, Errno, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatMask, SetStatReport,
    SetTime, Stat, StatFs, Timespec,
};
use wasi_gofer::backend::{Backend, Created, DirentSink, Found, Handle, Location, NodeKind, Object};

/// A directory of this machine.
pub(crate) struct Kernel {
    root: PathBuf,
}

/// An object is where it was found.
pub(crate) struct KernelNode(PathBuf);

pub(crate) struct KernelHandle(File);

impl Kernel {
    pub(crate) fn new(root: &Path) -> Kernel {
        Kernel { root: root.to_owned() }
    }
}

fn os<T>(outcome: io::Result<T>) -> Result<T> {
    outcome.map_err(|error| Errno::from_raw(error.raw_os_error().expect("from the kernel")).into())
}

fn rx<T>(outcome: rustix::io::Result<T>) -> Result<T> {
    outcome.map_err(|errno| Errno::from_raw(errno.raw_os_error()).into())
}

fn join(dir: &KernelNode, name: Name<'_>) -> PathBuf {
    dir.0.join(std::ffi::OsStr::from_bytes(name.as_bytes()))
}

fn convert(metadata: &Metadata) -> Stat {
    let birth = metadata.created().ok().and_then(|birth| birth.duration_since(UNIX_EPOCH).ok());
    let birth = birth.and_then(|since| i64::try_from(since.as_nanos()).ok());
    let time = |secs, nanos: i64| Timespec { secs, nanos: u32::try_from(nanos).expect("below 10^9") };
    Stat {
        key: InodeKey { dev: metadata.dev(), ino: metadata.ino(), birth_ns: birth.and_then(NonZeroI64::new) },
        file_type: FileType::from_mode_bits(metadata.mode()).expect("a type"),
        mode: Mode::new(metadata.mode()),
        nlink: metadata.nlink(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: metadata.size(),
        blocks: metadata.blocks(),
        blksize: u32::try_from(metadata.blksize()).expect("a block size"),
        atime: time(metadata.atime(), metadata.atime_nsec()),
        mtime: time(metadata.mtime(), metadata.mtime_nsec()),
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
    }
}

fn found(path: PathBuf) -> Result<Found<KernelNode>> {
    let stat = convert(&os(fs::symlink_metadata(&path))?);
    Ok(Found { node: KernelNode(path), stat })
}

/// The path of an object that is still the one that is meant.
fn path_of<'a>(object: &Object<'a, KernelNode>) -> Result<&'a Path> {
    let path = &object.node.0;
    let stat = convert(&os(fs::symlink_metadata(path))?);
    if stat.key == object.key { Ok(path) } else { Err(Errno::Stale.into()) }
}

fn open_options(flags: OpenFlags) -> Result<OpenOptions> {
    // The standard library refuses both before the kernel can.
    let no_access = !flags.intersects(OpenFlags::READ | OpenFlags::WRITE);
    if no_access || flags.contains(OpenFlags::TRUNC) && !flags.contains(OpenFlags::WRITE) {
        return Err(Errno::Inval.into());
    }
    let mut options = OpenOptions::new();
    options.read(flags.contains(OpenFlags::READ)).write(flags.contains(OpenFlags::WRITE));
    let raw = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.custom_flags(raw.bits().cast_signed());
    Ok(options)
}

fn times(set: &SetStat) -> Timestamps {
    let one = |time| match time {
        None => OsTime { tv_sec: 0, tv_nsec: UTIME_OMIT },
        Some(SetTime::Now) => OsTime { tv_sec: 0, tv_nsec: UTIME_NOW },
        Some(SetTime::At(time)) => OsTime { tv_sec: time.secs, tv_nsec: time.nanos.into() },
    };
    Timestamps { last_access: one(set.atime), last_modification: one(set.mtime) }
}

/// Does what `set` asks for by the calls given.
fn apply(
    set: &SetStat,
    chown: impl FnOnce(Option<u32>, Option<u32>) -> Result<()>,
    chmod: impl FnOnce(fs::Permissions) -> Result<()>,
    truncate: impl FnOnce(u64) -> Result<()>,
    utimes: impl FnOnce(&Timestamps) -> Result<()>,
) -> SetStatReport {
    let mut report = SetStatReport::DONE;
    let mut note = |mask, outcome: Result<()>| {
        if let Err(error) = outcome {
            report.fail(mask, error.errno());
        }
    };
    if set.uid.is_some() || set.gid.is_some() {
        note(set.mask() & (SetStatMask::UID | SetStatMask::GID), chown(set.uid, set.gid));
    }
    if let Some(mode) = set.mode {
        note(SetStatMask::MODE, chmod(fs::Permissions::from_mode(mode.bits())));
    }
    if let Some(size) = set.size {
        note(SetStatMask::SIZE, truncate(size));
    }
    if set.atime.is_some() || set.mtime.is_some() {
        note(set.mask() & (SetStatMask::ATIME | SetStatMask::MTIME), utimes(&times(set)));
    }
    report
}

impl Backend for Kernel {
    type Node = KernelNode;
    type Handle = KernelHandle;

    fn name(&self) -> &'static str {
        "kernel"
    }

    fn root(&self, _: &Call) -> Result<Found<KernelNode>> {
        found(self.root.clone())
    }

    fn lookup(&self, _: &Call, dir: &KernelNode, name: Name<'_>) -> Result<Found<KernelNode>> {
        // A path would go on through a link; a lookup in one must not.
        if os(fs::symlink_metadata(&dir.0))?.is_symlink() {
            return Err(Errno::Notdir.into());
        }
        found(join(dir, name))
    }

    fn stat(&self, _: &Call, object: Object<'_, KernelNode>) -> Result<Stat> {
        Ok(convert(&os(fs::symlink_metadata(path_of(&object)?))?))
    }

    fn set_stat(&self, _: &Call, object: Object<'_, KernelNode>, set: &SetStat) -> Result<SetStatReport> {
        let path = path_of(&object)?;
        let size_errno = if object.file_type == FileType::Directory { Errno::Isdir } else { Errno::Inval };
        Ok(apply(
            set,
            |uid, gid| os(lchown(path, uid, gid)),
            |mode| match object.file_type {
                FileType::Symlink => rx(rustix::fs::chmodat(CWD, path, mode.mode().into(), AtFlags::SYMLINK_NOFOLLOW)),
                _ => os(fs::set_permissions(path, mode)),
            },
            |_| Err(size_errno.into()),
            |times| rx(rustix::fs::utimensat(CWD, path, times, AtFlags::SYMLINK_NOFOLLOW)),
        ))
    }

    fn open(&self, _: &Call, object: Object<'_, KernelNode>, flags: OpenFlags) -> Result<Arc<KernelHandle>> {
        let options = open_options(flags)?;
        if object.file_type == FileType::Directory {
            return Err(Errno::Isdir.into());
        }
        let file = os(options.open(path_of(&object)?))?;
        if flags.contains(OpenFlags::TRUNC) {
            os(file.set_len(0))?;
        }
        Ok(Arc::new(KernelHandle(file)))
    }

    fn create(
        &self,
        _: &Call,
        dir: &KernelNode,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<KernelNode, KernelHandle>> {
        let path = join(dir, name);
        let file = os(open_options(flags)?.create_new(true).mode(mode.bits()).open(&path))?;
        Ok(Created { found: found(path)?, handle: Arc::new(KernelHandle(file)) })
    }

    fn mkdir(&self, _: &Call, dir: &KernelNode, name: Name<'_>, mode: Mode) -> Result<Found<KernelNode>> {
        let path = join(dir, name);
        os(fs::DirBuilder::new().mode(mode.bits()).create(&path))?;
        found(path)
    }

    fn mknod(
        &self,
        _: &Call,
        dir: &KernelNode,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<KernelNode>> {
        let path = join(dir, name);
        let file_type = match kind {
            NodeKind::Fifo => rustix::fs::FileType::Fifo,
            NodeKind::Socket => rustix::fs::FileType::Socket,
            NodeKind::Regular => rustix::fs::FileType::RegularFile,
        };
        rx(rustix::fs::mknodat(CWD, &path, file_type, mode.bits().into(), 0))?;
        found(path)
    }

    fn symlink(&self, _: &Call, dir: &KernelNode, name: Name<'_>, target: &[u8]) -> Result<Found<KernelNode>> {
        let path = join(dir, name);
        match symlink(std::ffi::OsStr::from_bytes(target), &path) {
            // The standard library found a NUL before the kernel could.
            Err(error) if error.raw_os_error().is_none() => return Err(Errno::Inval.into()),
            outcome => os(outcome)?,
        }
        found(path)
    }

    fn link(&self, _: &Call, object: Object<'_, KernelNode>, dir: &KernelNode, name: Name<'_>) -> Result<Stat> {
        let path = join(dir, name);
        os(fs::hard_link(path_of(&object)?, &path))?;
        found(path).map(|found| found.stat)
    }

    fn unlink(&self, _: &Call, dir: &KernelNode, name: Name<'_>) -> Result<()> {
        os(fs::remove_file(join(dir, name)))
    }

    fn rmdir(&self, _: &Call, dir: &KernelNode, name: Name<'_>) -> Result<()> {
        os(fs::remove_dir(join(dir, name)))
    }

    fn rename(&self, _: &Call, from: Location<'_, KernelNode>, to: Location<'_, KernelNode>) -> Result<()> {
        os(fs::rename(join(from.dir, from.name), join(to.dir, to.name)))
    }

    fn readlink(&self, _: &Call, object: Object<'_, KernelNode>) -> Result<Vec<u8>> {
        Ok(os(fs::read_link(path_of(&object)?))?.into_os_string().into_vec())
    }

    fn read_dir(&self, _: &Call, dir: &KernelNode, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW;
        let fd = rx(rustix::fs::open(&dir.0, flags, rustix::fs::Mode::empty()))?;
        let mut entries = rx(Dir::new(fd))?;
        rx(entries.seek(cookie.cast_signed()))?;
        for entry in entries {
            let entry = rx(entry)?;
            let Ok(name) = Name::new(entry.file_name().to_bytes()) else { continue };
            let file_type = match fs::symlink_metadata(join(dir, name)) {
                Ok(metadata) if metadata.file_type().is_fifo() => Some(FileType::Fifo),
                Ok(metadata) => FileType::from_mode_bits(metadata.mode()),
                Err(_) => None,
            };
            if !sink(Dirent { name, ino: entry.ino(), file_type, cookie: entry.offset().cast_unsigned() }) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn statfs(&self, _: &Call) -> Result<StatFs> {
        let raw = rx(rustix::fs::statvfs(&self.root))?;
        Ok(StatFs {
            magic: 0,
            block_size: raw.f_bsize,
            blocks: raw.f_blocks,
            blocks_free: raw.f_bfree,
            blocks_available: raw.f_bavail,
            files: raw.f_files,
            files_free: raw.f_ffree,
            name_max: raw.f_namemax,
        })
    }

    fn sync_dir(&self, _: &Call, dir: &KernelNode) -> Result<()> {
        let dir = os(OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::DIRECTORY.bits().cast_signed())
            .open(&dir.0))?;
        os(dir.sync_all())
    }
}

impl Handle for KernelHandle {
    fn read_at(&self, _: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        rx(rustix::io::preadv(&self.0, bufs, offset))
    }

    fn write_at(&self, _: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        rx(rustix::io::pwritev(&self.0, bufs, offset))
    }

    /// By a second, appending open of the same file: what our one call must be equal to.
    fn append(&self, _: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let link = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        let mut appending = os(OpenOptions::new().append(true).open(link))?;
        let written = os(appending.write_vectored(bufs))?;
        Ok((written, os(appending.metadata())?.len()))
    }

    fn stat(&self, _: &Call) -> Result<Stat> {
        Ok(convert(&os(self.0.metadata())?))
    }

    fn set_stat(&self, _: &Call, set: &SetStat) -> Result<SetStatReport> {
        Ok(apply(
            set,
            |uid, gid| os(fchown(&self.0, uid, gid)),
            |mode| os(self.0.set_permissions(mode)),
            |size| rx(rustix::fs::ftruncate(&self.0, size)),
            |times| rx(rustix::fs::futimens(&self.0, times)),
        ))
    }

    fn sync(&self, _: &Call, data_only: bool) -> Result<()> {
        os(if data_only { self.0.sync_data() } else { self.0.sync_all() })
    }

    fn allocate(&self, _: &Call, offset: u64, len: u64) -> Result<()> {
        rx(rustix::fs::fallocate(&self.0, FallocateFlags::empty(), offset, len))
    }
}
