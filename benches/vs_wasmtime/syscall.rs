//! The subject that is nothing but system calls.

use crate::fixture;
use crate::rows::{ISSUE_TEXT, LIST_BUFFER, Op, PAGE, TREE_FILES, read_file_size};
use crate::subjects::{self, DIRECTORY, NOENT, Operation, REGULAR, Subject};
use anyhow::{Context, Result, anyhow, ensure};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Statx, StatxFlags};
use rustix::io::{self, Errno};
use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
const WRITE: OFlags = OFlags::WRONLY.union(OFlags::CLOEXEC);
const LIST: OFlags = READ.union(OFlags::DIRECTORY);
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// System calls on one directory, natively.
pub(crate) struct Syscall {
    root: PathBuf,
    dir: OwnedFd,
    buf: Vec<u8>,
}

impl Syscall {
    /// On these files.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let dir = rustix::fs::open(root, LIST, Mode::empty())?;
        Ok(Syscall { root: root.to_owned(), dir, buf: vec![0; 1 << 20] })
    }
}

/// What an operation works with; made before the clock starts.
struct Prepared<'a> {
    dir: BorrowedFd<'a>,
    path: CString,
    other: CString,
    file: OwnedFd,
    buf: &'a mut [u8],
    stat: Option<Statx>,
    files: (u64, u64),
    at: u32,
    random: u32,
    digest: Option<u64>,
}

impl Syscall {
    fn prepare(&mut self, op: Op) -> Result<Prepared<'_>> {
        let path = CString::new(op.path())?;
        let flags = match op {
            Op::FdPwrite { .. } | Op::PwriteInTurn { .. } => Some(WRITE),
            Op::FdFilestatGet | Op::FdRead { .. } | Op::FdPread { .. } | Op::FdReaddir { .. } => Some(READ),
            Op::PreadRandom { .. } | Op::SeqReadCold { .. } => Some(READ),
            _ => None,
        };
        let file = match flags {
            Some(flags) => rustix::fs::openat(&self.dir, &path, flags, Mode::empty()),
            None => self.dir.as_fd().try_clone_to_owned().map_err(|_| Errno::MFILE),
        }
        .with_context(|| format!("cannot open {path:?}"))?;
        let len = match op {
            Op::FdRead { len } | Op::FdPread { len } | Op::FdPwrite { len } => len,
            Op::SeqWrite { len, .. } | Op::SeqReadCold { len, .. } => len,
            Op::PreadRandom { .. } | Op::PwriteInTurn { .. } => PAGE,
            _ => 0,
        };
        if let Op::FdPwrite { .. } | Op::PwriteInTurn { .. } | Op::SeqWrite { .. } = op {
            self.buf[..len as usize].copy_from_slice(&fixture::pattern(len));
        }
        let other = CString::new(Op::other_path())?;
        let (buf, dir) = (&mut self.buf[..len as usize], self.dir.as_fd());
        let (stat, files, digest) = (None, (0, 0), None);
        let at = if matches!(op, Op::PwriteInTurn { .. }) { 0 } else { u32::MAX };
        Ok(Prepared { dir, path, other, file, buf, stat, files, at, random: 1, digest })
    }
}

fn timed((warm, n): (u32, u32), mut turn: impl FnMut(u32) -> io::Result<()>) -> Result<Duration> {
    for i in (1..=warm).rev() {
        turn(i)?;
    }
    let start = Instant::now();
    for i in (1..=n).rev() {
        turn(i)?;
    }
    Ok(start.elapsed())
}

impl Prepared<'_> {
    /// So many turns to warm up, and so many more on the clock. The loops are apart, so that none pays for the choice
    /// among them.
    fn turns(&mut self, op: Op, n: (u32, u32)) -> Result<Duration> {
        match op {
            Op::PathFilestatGet { missing: false, .. } => timed(n, |_| self.stat()),
            Op::PathFilestatGet { missing: true, .. } => timed(n, |_| match self.stat() {
                Err(Errno::NOENT) => Ok(()),
                Err(other) => Err(other),
                Ok(()) => Err(Errno::EXIST),
            }),
            Op::PathOpenClose => timed(n, |_| rustix::fs::openat(self.dir, &self.path, READ, Mode::empty()).map(drop)),
            Op::PathCreateUnlink => timed(n, |_| {
                let flags = WRITE.union(OFlags::CREATE).union(OFlags::EXCL);
                drop(rustix::fs::openat(self.dir, &self.path, flags, FILE_MODE)?);
                rustix::fs::unlinkat(self.dir, &self.path, AtFlags::empty())
            }),
            Op::FdFilestatGet => timed(n, |_| {
                self.stat = Some(black_box(statx(self.file.as_fd(), c"", AtFlags::EMPTY_PATH)?));
                Ok(())
            }),
            Op::FdPrestatGet => Err(anyhow!("there is no such system call")),
            Op::FdRead { len } => timed(n, |_| self.read(len)),
            Op::FdPread { .. } => timed(n, |_| full(rustix::io::pread(&self.file, &mut *self.buf, 0)?, self.buf.len())),
            Op::FdPwrite { .. } => timed(n, |_| full(rustix::io::pwrite(&self.file, self.buf, 0)?, self.buf.len())),
            Op::PreadRandom { mib } => timed(n, |_| self.read_at_random(mib)),
            Op::PwriteInTurn { mib } => timed(n, |_| self.write_in_turn(mib)),
            Op::SeqWrite { mib, .. } => timed(n, |_| self.write_whole(mib)),
            Op::SeqReadCold { mib, .. } => timed(n, |_| self.read_whole(mib)),
            Op::FdReaddir { entries } => timed(n, |_| {
                rustix::fs::seek(&self.file, SeekFrom::Start(0))?;
                full(list(self.file.as_fd(), |_, _| Ok(()))?, entries as usize + 2)
            }),
            Op::PathRename => timed(n, |_| {
                rustix::fs::renameat(self.dir, &self.path, self.dir, &self.other)?;
                rustix::fs::renameat(self.dir, &self.other, self.dir, &self.path)
            }),
            Op::PathCreateRemoveDirectory => timed(n, |_| {
                rustix::fs::mkdirat(self.dir, &self.path, Mode::from_raw_mode(0o777))?;
                rustix::fs::unlinkat(self.dir, &self.path, AtFlags::REMOVEDIR)
            }),
            Op::Issue7973 { sync } => timed(n, |turn| self.issue(turn, sync)),
            Op::TreeWalk => timed(n, |_| {
                self.files = (0, 0);
                walk(self.dir, &self.path, &mut self.files)?;
                full(usize::try_from(self.files.0).unwrap_or(0), TREE_FILES as usize)
            }),
        }
    }

    fn stat(&mut self) -> io::Result<()> {
        self.stat = Some(black_box(statx(self.dir, &self.path, AtFlags::empty())?));
        Ok(())
    }

    fn read(&mut self, len: u32) -> io::Result<()> {
        if self.at >= read_file_size(len) {
            self.at = 0;
            rustix::fs::seek(&self.file, SeekFrom::Start(0))?;
        }
        self.at += len;
        full(rustix::io::read(&self.file, &mut *self.buf)?, self.buf.len())
    }

    fn read_at_random(&mut self, mib: u32) -> io::Result<()> {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let page = (self.random >> 8) % ((mib << 20) / PAGE);
        full(rustix::io::pread(&self.file, &mut *self.buf, u64::from(page * PAGE))?, self.buf.len())
    }

    fn write_in_turn(&mut self, mib: u32) -> io::Result<()> {
        self.buf[..4].copy_from_slice(&self.at.to_le_bytes());
        full(rustix::io::pwrite(&self.file, self.buf, u64::from(self.at))?, self.buf.len())?;
        self.at = (self.at + PAGE) % (mib << 20);
        Ok(())
    }

    fn write_whole(&mut self, mib: u32) -> io::Result<()> {
        let flags = WRITE.union(OFlags::CREATE).union(OFlags::TRUNC);
        let file = rustix::fs::openat(self.dir, &self.path, flags, FILE_MODE)?;
        for at in (0..u64::from(mib) << 20).step_by(self.buf.len()) {
            self.buf[..8].copy_from_slice(&at.to_le_bytes());
            full(rustix::io::write(&file, self.buf)?, self.buf.len())?;
        }
        rustix::fs::fsync(&file)
    }

    fn read_whole(&mut self, mib: u32) -> io::Result<()> {
        rustix::fs::seek(&self.file, SeekFrom::Start(0))?;
        for _ in (0..u64::from(mib) << 20).step_by(self.buf.len()) {
            full(rustix::io::read(&self.file, &mut *self.buf)?, self.buf.len())?;
            if let Some(sum) = &mut self.digest {
                *sum = fixture::digest(*sum, self.buf);
            }
        }
        Ok(())
    }

    fn issue(&self, turn: u32, sync: bool) -> io::Result<()> {
        let file = rustix::fs::openat(self.dir, &self.path, WRITE.union(OFlags::CREATE), FILE_MODE)?;
        for j in 0..1000 {
            rustix::fs::seek(&file, SeekFrom::Start(u64::from(turn % 1000 * 10 + j * 13)))?;
            full(rustix::io::write(&file, ISSUE_TEXT)?, ISSUE_TEXT.len())?;
        }
        if sync { rustix::fs::fsync(&file) } else { Ok(()) }
    }

    fn seen(&self, op: Op) -> Result<Vec<u8>> {
        match op {
            Op::PathFilestatGet { missing: false, .. } | Op::FdFilestatGet => {
                let stat = self.stat.as_ref().context("nothing was stat'ed")?;
                let file_type = type_code(FileType::from_raw_mode(stat.stx_mode.into()));
                let mtime = u64::try_from(stat.stx_mtime.tv_sec)? * 1_000_000_000 + u64::from(stat.stx_mtime.tv_nsec);
                Ok(subjects::attributes(file_type, stat.stx_nlink.into(), stat.stx_size, mtime))
            }
            Op::FdRead { .. } | Op::FdPread { .. } | Op::PreadRandom { .. } => Ok(self.buf.to_vec()),
            Op::SeqReadCold { .. } => Ok(self.digest.unwrap_or(0).to_le_bytes().to_vec()),
            Op::FdReaddir { .. } => {
                rustix::fs::seek(&self.file, SeekFrom::Start(0))?;
                let mut entries = Vec::new();
                list(self.file.as_fd(), |name, file_type| {
                    entries.push((name.to_bytes().to_vec(), type_code(file_type)));
                    Ok(())
                })?;
                Ok(subjects::listing(entries))
            }
            Op::TreeWalk => Ok([self.files.0.to_le_bytes(), self.files.1.to_le_bytes()].concat()),
            _ => Ok(Vec::new()),
        }
    }
}

fn statx(dir: BorrowedFd<'_>, path: &CStr, flags: AtFlags) -> io::Result<Statx> {
    rustix::fs::statx(dir, path, flags, StatxFlags::BASIC_STATS)
}

fn full(done: usize, wanted: usize) -> io::Result<()> {
    if done == wanted { Ok(()) } else { Err(Errno::IO) }
}

fn type_code(file_type: FileType) -> u8 {
    match file_type {
        FileType::RegularFile => REGULAR,
        FileType::Directory => DIRECTORY,
        _ => 0,
    }
}

/// Lists with the guest's buffer size; how many entries there were.
fn list(dir: BorrowedFd<'_>, mut each: impl FnMut(&CStr, FileType) -> io::Result<()>) -> io::Result<usize> {
    let mut buf = [MaybeUninit::<u8>::uninit(); LIST_BUFFER as usize];
    let mut entries = RawDir::new(dir, &mut buf);
    let mut count = 0;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        each(entry.file_name(), entry.file_type())?;
        count += 1;
    }
    Ok(count)
}

fn walk(parent: BorrowedFd<'_>, path: &CStr, files: &mut (u64, u64)) -> io::Result<()> {
    let dir = rustix::fs::openat(parent, path, LIST, Mode::empty())?;
    list(dir.as_fd(), |name, file_type| {
        if file_type != FileType::Directory {
            let stat = statx(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
            *files = (files.0 + 1, files.1 + stat.stx_size);
            return Ok(());
        }
        if name == c"." || name == c".." { Ok(()) } else { walk(dir.as_fd(), name, files) }
    })
    .map(drop)
}

impl Subject for Syscall {
    fn name(&self) -> &str {
        "syscall"
    }

    fn options(&self) -> &str {
        "the calls natively through rustix: statx(BASIC_STATS), openat, getdents64(4 KiB), pread, pwrite, ..."
    }

    fn can(&self, op: Op) -> bool {
        op != Op::FdPrestatGet
    }

    fn observe(&mut self, op: Op) -> Result<Vec<u8>> {
        ensure!(self.can(op), "there is no such system call");
        fixture::reset(&self.root, op)?;
        let mut prepared = self.prepare(op)?;
        prepared.digest = Some(0);
        prepared.turns(op, (op.turns_compared(), 0))?;
        let errno = if matches!(op, Op::PathFilestatGet { missing: true, .. }) { NOENT } else { 0 };
        let mut observed = errno.to_le_bytes().to_vec();
        observed.extend(prepared.seen(op)?);
        observed.extend(fixture::aftermath(&self.root, op)?);
        Ok(observed)
    }

    fn run(&mut self, op: Op, n: u32) -> Result<Duration> {
        fixture::ready(&self.root, op)?;
        let warm = if op.is_whole_file() { 0 } else { subjects::warm_up(n) };
        self.prepare(op)?.turns(op, (warm, n))
    }
}
