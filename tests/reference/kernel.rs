//! A directory of this host, by plain system calls: what a program without us would see.

use crate::act::{Act, Answer, DIRS, FILES, Outcome, Seen, Subject, split};
use crate::bytes::Bytes;
use crate::tree::{Entry, Kind, Tree};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    self, AtFlags, Dir, FallocateFlags, Mode, OFlags, ResolveFlags, Statx, StatxFlags, Timespec, Timestamps,
};
use rustix::io::Errno as OsErrno;
use std::collections::BTreeMap;
use std::path::Path;
use wasi_gofer::abi::{Errno, FileType};
use wasi_gofer::vfs::OpenHow;

#[derive(Debug)]
pub(crate) struct Kernel {
    files: Vec<Option<OwnedFd>>,
    dirs: Vec<Option<OwnedFd>>,
    /// The files and directories of the guest who is not at work.
    other: (Vec<Option<OwnedFd>>, Vec<Option<OwnedFd>>),
}

pub(crate) fn errno(os: OsErrno) -> Errno {
    Errno::from_raw(os.raw_os_error())
}

type Result<T> = std::result::Result<T, Errno>;

/// The errno of a path that leaves its start is ours to choose, not the kernel's.
fn confined(os: OsErrno) -> Errno {
    if os == OsErrno::XDEV { Errno::Perm } else { errno(os) }
}

fn check(path: &str) -> Result<()> {
    match path.as_bytes() {
        [] => Err(Errno::Noent),
        [b'/', ..] => Err(Errno::Perm),
        _ => Ok(()),
    }
}

/// openat2(2) without leaving `dir`; again when a rename anywhere on the machine made the kernel unsure of a `..`.
fn beneath(dir: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    loop {
        match fs::openat2(dir, path, flags, mode, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
            Err(OsErrno::AGAIN) => {}
            other => return other.map_err(confined),
        }
    }
}

/// Whatever `path` leads to without leaving `dir`, held but not opened.
fn hold(dir: BorrowedFd<'_>, path: &str, follow: bool) -> Result<OwnedFd> {
    check(path)?;
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, !follow);
    beneath(dir, path, flags, Mode::empty())
}

/// Checks that the directory that holds the last component of `path` can be reached.
fn check_parent(dir: BorrowedFd<'_>, path: &str) -> Result<()> {
    check(path)?;
    let parent = hold(dir, split(path).0, true)?;
    let stat = statx(parent.as_fd(), "")?;
    if file_type(&stat) == FileType::Directory { Ok(()) } else { Err(Errno::Notdir) }
}

pub(crate) fn statx(dir: BorrowedFd<'_>, name: &str) -> Result<Statx> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
    fs::statx(dir, name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME).map_err(errno)
}

fn file_type(stat: &Statx) -> FileType {
    FileType::from_mode_bits(stat.stx_mode.into()).expect("a type that we know")
}

fn seen(stat: &Statx) -> Seen {
    Seen::new(file_type(stat), stat.stx_nlink.into(), stat.stx_size)
}

fn times(secs: i64) -> Timestamps {
    let time = Timespec { tv_sec: secs, tv_nsec: 5 };
    Timestamps { last_access: time, last_modification: time }
}

fn done(result: rustix::io::Result<()>) -> Outcome {
    result.map(|()| Answer::Done).map_err(errno)
}

/// The entries of a directory, without `.` and `..`. Leaves the access time alone.
pub(crate) fn list(dir: BorrowedFd<'_>) -> Result<Vec<(String, FileType)>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOATIME;
    let fd = fs::openat(dir, ".", flags, Mode::empty()).map_err(errno)?;
    let mut names = Vec::new();
    for entry in Dir::new(fd).map_err(errno)? {
        let entry = entry.map_err(errno)?;
        let name = entry.file_name().to_str().expect("a name that we made").to_owned();
        if name != "." && name != ".." {
            let file_type = match entry.file_type() {
                fs::FileType::RegularFile => FileType::Regular,
                fs::FileType::Directory => FileType::Directory,
                fs::FileType::Symlink => FileType::Symlink,
                other => panic!("{name} is {other:?}"),
            };
            names.push((name, file_type));
        }
    }
    names.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(names)
}

pub(crate) fn contents(dir: BorrowedFd<'_>, name: &str) -> Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOATIME;
    let fd = fs::openat(dir, name, flags, Mode::empty()).map_err(errno)?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::fs::File::from(fd), &mut bytes).map_err(|_| Errno::Io)?;
    Ok(bytes)
}

pub(crate) fn target(dir: BorrowedFd<'_>, name: &str) -> Result<String> {
    let target = fs::readlinkat(dir, name, Vec::new()).map_err(errno)?;
    Ok(target.into_string().expect("a target that we made"))
}

impl Kernel {
    pub(crate) fn new(root: &Path) -> Kernel {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let slots = || {
            let mut dirs: Vec<Option<OwnedFd>> = (0..DIRS).map(|_| None).collect();
            dirs[0] = Some(fs::open(root, flags, Mode::empty()).expect("the root opens"));
            ((0..FILES).map(|_| None).collect(), dirs)
        };
        let (files, dirs) = slots();
        Kernel { files, dirs, other: slots() }
    }

    /// Has the other guest at work.
    fn swap(&mut self) {
        std::mem::swap(&mut self.files, &mut self.other.0);
        std::mem::swap(&mut self.dirs, &mut self.other.1);
    }

    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.dir(0).expect("always open")
    }

    fn dir(&self, slot: usize) -> Result<BorrowedFd<'_>> {
        self.dirs[slot].as_ref().map(AsFd::as_fd).ok_or(Errno::Badf)
    }

    fn file(&self, slot: usize) -> Result<BorrowedFd<'_>> {
        self.files[slot].as_ref().map(AsFd::as_fd).ok_or(Errno::Badf)
    }

    fn open(&mut self, dir: usize, path: &str, how: &OpenHow, into: usize) -> Outcome {
        check(path)?;
        let access = match (how.read || !how.write, how.write) {
            (true, true) => OFlags::RDWR,
            (false, _) => OFlags::WRONLY,
            (true, false) => OFlags::RDONLY,
        };
        let mut flags = access | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, !how.follow);
        flags.set(OFlags::CREATE, how.create);
        flags.set(OFlags::EXCL, how.create && how.exclusive);
        flags.set(OFlags::TRUNC, how.truncate);
        flags.set(OFlags::DIRECTORY, how.directory);
        flags.set(OFlags::APPEND, how.append);
        let mode = if how.create { Mode::from_raw_mode(0o666) } else { Mode::empty() };
        let fd = beneath(self.dir(dir)?, path, flags, mode)?;
        if file_type(&statx(fd.as_fd(), "")?) == FileType::Directory {
            self.dirs[into % (DIRS - 1) + 1] = Some(fd);
            return Ok(Answer::Directory);
        }
        self.files[into % FILES] = Some(fd);
        Ok(Answer::File)
    }

    fn read(&self, file: usize, offset: Option<u64>, len: usize) -> Outcome {
        let mut buf = vec![0; len];
        let fd = self.file(file)?;
        let read = match offset {
            Some(offset) => rustix::io::pread(fd, &mut buf, offset),
            None => rustix::io::read(fd, &mut buf),
        };
        buf.truncate(read.map_err(errno)?);
        Ok(Answer::Bytes(Bytes(buf)))
    }

    fn write(&self, file: usize, offset: Option<u64>, data: &[u8]) -> Outcome {
        let fd = self.file(file)?;
        let written = match offset {
            Some(offset) => rustix::io::pwrite(fd, data, offset),
            None => rustix::io::write(fd, data),
        };
        written.map(Answer::Count).map_err(errno)
    }

    fn by_path(&self, act: &Act) -> Outcome {
        match act {
            Act::Stat { dir, path, follow } => {
                let held = hold(self.dir(*dir)?, path, *follow)?;
                statx(held.as_fd(), "").map(|stat| Answer::Stat(seen(&stat)))
            }
            Act::SetTimes { dir, path, follow, secs } => {
                let held = hold(self.dir(*dir)?, path, *follow)?;
                done(fs::utimensat(held.as_fd(), "", &times(*secs), AtFlags::EMPTY_PATH))
            }
            Act::Mkdir { dir, path } => {
                let dir = self.dir(*dir)?;
                check_parent(dir, path)?;
                done(fs::mkdirat(dir, path.as_str(), Mode::from_raw_mode(0o777)))
            }
            Act::Rmdir { dir, path } => {
                let dir = self.dir(*dir)?;
                check_parent(dir, path)?;
                done(fs::unlinkat(dir, path.as_str(), AtFlags::REMOVEDIR))
            }
            Act::Unlink { dir, path } => {
                let dir = self.dir(*dir)?;
                check_parent(dir, path)?;
                done(fs::unlinkat(dir, path.as_str(), AtFlags::empty()))
            }
            Act::Rename { dir, path, new_dir, new_path } => {
                let (dir, new_dir) = (self.dir(*dir)?, self.dir(*new_dir)?);
                check_parent(dir, path)?;
                check_parent(new_dir, new_path)?;
                done(fs::renameat(dir, path.as_str(), new_dir, new_path.as_str()))
            }
            Act::Link { dir, path, new_dir, new_path } => {
                let (dir, new_dir) = (self.dir(*dir)?, self.dir(*new_dir)?);
                hold(dir, path, false)?;
                check_parent(new_dir, new_path)?;
                done(fs::linkat(dir, path.as_str(), new_dir, new_path.as_str(), AtFlags::empty()))
            }
            Act::Symlink { dir, target, path } => {
                check(target)?;
                let dir = self.dir(*dir)?;
                check_parent(dir, path)?;
                done(fs::symlinkat(target.as_str(), dir, path.as_str()))
            }
            Act::Readlink { dir, path } => {
                let held = hold(self.dir(*dir)?, path, false)?;
                match file_type(&statx(held.as_fd(), "")?) {
                    FileType::Symlink => target(held.as_fd(), "").map(Answer::Target),
                    _ => Err(Errno::Inval),
                }
            }
            Act::Chmod { path, mode } => {
                let held = hold(self.root(), path, true)?;
                let link = format!("/proc/self/fd/{}", rustix::fd::AsRawFd::as_raw_fd(&held));
                done(fs::chmod(link, Mode::from_raw_mode(*mode)))
            }
            _ => unreachable!("{act:?} has no path"),
        }
    }

    /// Does something to a file that is open for writing only meanwhile.
    fn meanwhile(&mut self, path: &str, how: OpenHow, work: impl FnOnce(&mut Kernel) -> Outcome) -> Outcome {
        let kept = self.files[0].take();
        let outcome = self.open(0, path, &OpenHow { follow: true, write: true, ..how }, 0).and_then(|_| work(self));
        self.files[0] = kept;
        outcome.map(|_| Answer::Done)
    }

    /// The whole tree, with modes told apart by a mark in front of the contents.
    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut first = BTreeMap::new();
        collect(self.root(), "", &mut tree, &mut first);
        tree
    }

    /// Every mode below the root.
    pub(crate) fn modes(&self) -> BTreeMap<String, u16> {
        let path = |path: &String| (path.clone(), statx(self.root(), path).map_or(0, |stat| stat.stx_mode));
        self.tree().keys().map(path).collect()
    }
}

fn collect(dir: BorrowedFd<'_>, prefix: &str, tree: &mut Tree, first: &mut BTreeMap<u64, String>) {
    for (name, _) in list(dir).expect("a directory that can be listed") {
        let path = format!("{prefix}{name}");
        let stat = statx(dir, &name).expect("nobody else is here");
        let same = first.entry(stat.stx_ino).or_insert_with(|| path.clone()).clone();
        let kind = match file_type(&stat) {
            FileType::Directory => {
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                let sub = fs::openat(dir, name.as_str(), flags, Mode::empty()).expect("nobody else is here");
                collect(sub.as_fd(), &format!("{path}/"), tree, first);
                Kind::Directory
            }
            FileType::Symlink => Kind::Symlink(target(dir, &name).expect("nobody else is here")),
            _ => Kind::File(Bytes(contents(dir, &name).expect("nobody else is here"))),
        };
        tree.insert(path, Entry { kind, nlink: stat.stx_nlink.into(), same });
    }
}

impl Subject for Kernel {
    fn act(&mut self, act: &Act) -> Outcome {
        match act {
            Act::Open { dir, path, how, into } => self.open(*dir, path, how, *into),
            Act::Close { file, .. } => {
                self.files[*file] = None;
                Ok(Answer::Done)
            }
            Act::CloseDir { dir } => {
                self.dirs[*dir] = None;
                Ok(Answer::Done)
            }
            Act::ReadAt { file, offset, len } => self.read(*file, Some(*offset), *len),
            Act::WriteAt { file, offset, data } => self.write(*file, Some(*offset), data),
            Act::Read { file, len } => self.read(*file, None, *len),
            Act::Write { file, data } => self.write(*file, None, data),
            Act::SeekEnd { file, back } => {
                let from = fs::SeekFrom::End(-back.cast_signed());
                fs::seek(self.file(*file)?, from).map(Answer::Position).map_err(errno)
            }
            Act::SetAppend { file, append } => {
                let fd = self.file(*file)?;
                let mut flags = fs::fcntl_getfl(fd).map_err(errno)?;
                flags.set(OFlags::APPEND, *append);
                done(fs::fcntl_setfl(fd, flags))
            }
            Act::SetSize { file, size } => match fs::ftruncate(self.file(*file)?, *size) {
                // POSIX leaves the choice; we answer EBADF as for a write.
                Err(OsErrno::INVAL) => Err(Errno::Badf),
                other => done(other),
            },
            Act::Allocate { file, offset, len } => {
                done(fs::fallocate(self.file(*file)?, FallocateFlags::empty(), *offset, *len))
            }
            Act::FileStat { file } => statx(self.file(*file)?, "").map(|stat| Answer::Stat(seen(&stat))),
            Act::DirStat { dir } => statx(self.dir(*dir)?, "").map(|stat| Answer::Stat(seen(&stat))),
            Act::FileTimes { file, secs } => done(fs::futimens(self.file(*file)?, &times(*secs))),
            Act::DirTimes { dir, secs } => done(fs::futimens(self.dir(*dir)?, &times(*secs))),
            Act::FileSync { file } => self.file(*file).map(|_| Answer::Done),
            Act::DirSync { dir } => self.dir(*dir).map(|_| Answer::Done),
            Act::List { dir } => list(self.dir(*dir)?).map(Answer::Names),
            Act::ListSome { .. } => Ok(Answer::Any),
            Act::Put { path, data } => {
                let how = OpenHow { create: true, truncate: true, ..OpenHow::default() };
                self.meanwhile(path, how, |kernel| kernel.write(0, None, data))
            }
            Act::Patch { path, offset, data } => {
                let how = OpenHow { append: offset.is_none(), ..OpenHow::default() };
                self.meanwhile(path, how, |kernel| kernel.write(0, *offset, data))
            }
            Act::Cut { path, size } => {
                self.meanwhile(path, OpenHow::default(), |kernel| done(fs::ftruncate(kernel.file(0)?, *size)))
            }
            Act::Second(act) => {
                self.swap();
                let outcome = self.act(act);
                self.swap();
                outcome
            }
            Act::DropCaches | Act::SyncAll | Act::Compare | Act::Outside(_) => Ok(Answer::Done),
            act => self.by_path(act),
        }
    }
}
