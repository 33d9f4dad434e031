//! The filesystem under test, by the vfs API that the front ends use.

use crate::act::{Act, Answer, DIRS, FILES, Outcome, Seen, Subject};
use crate::bytes::{Bytes, differ};
use crate::kernel::{contents, list, statx, target};
use crate::tree::{Entry, Kind, Tree};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Mode, OFlags, Statx, StatxTimestamp, openat};
use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};
use wasi_gofer::abi::{Call, Errno, Error, FileType, SetTime, Stat, Timespec};
use wasi_gofer::vfs::{Descriptor, OpenDirectory, OpenFile, OpenHow, SeekFrom};
use wasi_gofer::{CachePolicy, Gofer, GoferCtx};

type Result<T, E = Error> = std::result::Result<T, E>;

const CALL: &Call = &Call::WAITING;

pub(crate) struct Ours {
    pub(crate) gofer: Gofer,
    ctx: GoferCtx,
    files: Vec<Option<OpenFile>>,
    dirs: Vec<Option<OpenDirectory>>,
    /// Where partial listings are.
    cookies: Vec<u64>,
    /// The same of the guest who is not at work.
    other: Option<Box<Ours>>,
}

/// What is no errno has no place at this level.
fn errno(error: Error) -> Errno {
    match error {
        Error::Errno(errno) => errno,
        other => panic!("{other:?} reached the front end"),
    }
}

fn done(result: Result<()>) -> Result<Answer> {
    result.map(|()| Answer::Done)
}

fn seen(stat: &Stat) -> Seen {
    Seen::new(stat.file_type, stat.nlink, stat.size)
}

fn at(secs: i64) -> Option<SetTime> {
    Some(SetTime::At(Timespec { secs, nanos: 5 }))
}

impl Ours {
    pub(crate) fn new(gofer: Gofer) -> Ours {
        let other = Box::new(Ours::alone(gofer.clone()));
        Ours { other: Some(other), ..Ours::alone(gofer) }
    }

    fn alone(gofer: Gofer) -> Ours {
        let ctx = gofer.ctx();
        let root = ctx.open_preopen(CALL, &ctx.preopens()[0]).expect("the preopen opens");
        let mut dirs: Vec<Option<OpenDirectory>> = (0..DIRS).map(|_| None).collect();
        dirs[0] = Some(root);
        let files = (0..FILES).map(|_| None).collect();
        Ours { gofer, ctx, files, dirs, cookies: vec![0; DIRS], other: None }
    }

    /// Whether the cache has times, and maybe data, that the storage has not.
    pub(crate) fn lags(&self) -> bool {
        match self.gofer.stats()[0].cache {
            CachePolicy::Exclusive | CachePolicy::Writethrough => true,
            CachePolicy::Shared | CachePolicy::None => false,
        }
    }

    /// Whether data reaches the storage later than the guest is told.
    pub(crate) fn writes_back(&self) -> bool {
        self.gofer.stats()[0].cache == CachePolicy::Exclusive
    }

    /// Has the storage catch up. What failed before is told once, and not again.
    pub(crate) fn settle(&self) -> Result<(), String> {
        if !self.lags() {
            return Ok(());
        }
        self.gofer.sync().or_else(|_| self.gofer.sync()).map_err(|error| format!("sync: {error}"))
    }

    /// Closes everything, as the end of a guest does.
    pub(crate) fn close_all(&mut self) {
        self.files.iter_mut().for_each(|file| drop(file.take()));
        self.dirs.iter_mut().skip(1).for_each(|dir| drop(dir.take()));
        if let Some(other) = self.other.as_mut() {
            other.close_all();
        }
        self.ctx.after(CALL);
    }

    fn dir(&self, slot: usize) -> Result<&OpenDirectory> {
        self.dirs[slot].as_ref().ok_or(Error::Errno(Errno::Badf))
    }

    fn file(&self, slot: usize) -> Result<&OpenFile> {
        self.files[slot].as_ref().ok_or(Error::Errno(Errno::Badf))
    }

    fn open(&mut self, call: &Call, dir: usize, path: &str, how: OpenHow, into: usize) -> Result<Answer> {
        match self.dir(dir)?.open_at(call, path.as_bytes(), how)? {
            Descriptor::File(file) => {
                let old = self.files[into % FILES].replace(file);
                match old.map_or(Ok(()), |old| old.close(call)) {
                    // The open is done, and what was open before is closed in any case: what it has to bring out
                    // follows when somebody may wait.
                    Ok(()) | Err(Error::WouldWait) => Ok(Answer::File),
                    Err(error) => Err(error),
                }
            }
            Descriptor::Directory(dir) => {
                let slot = into % (DIRS - 1) + 1;
                self.dirs[slot] = Some(*dir);
                self.cookies[slot] = 0;
                Ok(Answer::Directory)
            }
        }
    }

    fn read(&self, call: &Call, file: usize, offset: Option<u64>, len: usize) -> Result<Answer> {
        let mut buf = vec![0; len];
        let (first, second) = buf.split_at_mut(len / 2);
        let mut bufs = [IoSliceMut::new(first), IoSliceMut::new(second)];
        let file = self.file(file)?;
        let read = match offset {
            Some(offset) => file.read_at(call, &mut bufs, offset),
            None => file.read(call, &mut bufs),
        };
        buf.truncate(read?);
        Ok(Answer::Bytes(Bytes(buf)))
    }

    fn write(&self, call: &Call, file: usize, offset: Option<u64>, data: &[u8]) -> Result<Answer> {
        let (first, second) = data.split_at(data.len() / 2);
        let bufs = [IoSlice::new(first), IoSlice::new(second)];
        let file = self.file(file)?;
        let written = match offset {
            Some(offset) => file.write_at(call, &bufs, offset),
            None => file.write(call, &bufs),
        };
        written.map(Answer::Count)
    }

    fn list_some(&mut self, call: &Call, slot: usize, fresh: bool, max: usize) -> Result<Answer> {
        let cookie = if fresh { 0 } else { self.cookies[slot] };
        let (mut next, mut names, mut end) = (cookie, Vec::new(), true);
        self.dir(slot)?.read_dir(call, cookie, &mut |entry| {
            if names.len() >= max {
                end = false;
                return false;
            }
            next = entry.next;
            if entry.name != b"." && entry.name != b".." {
                names.push(String::from_utf8_lossy(entry.name).into_owned());
            }
            true
        })?;
        self.cookies[slot] = next;
        Ok(Answer::Part(names, end))
    }

    /// The whole tree as a guest sees it that walks it from its preopen.
    pub(crate) fn tree(&self) -> Result<Tree, String> {
        let root = self.fresh_root();
        let mut tree = Tree::new();
        collect(&root, "", &mut tree, &mut BTreeMap::new())?;
        Ok(tree)
    }

    fn fresh_root(&self) -> OpenDirectory {
        self.ctx.open_preopen(CALL, &self.ctx.preopens()[0]).expect("the preopen opens")
    }

    /// Compares every attribute of every object with the host directory behind the mount.
    pub(crate) fn compare_with_host(&self, host: BorrowedFd<'_>) -> Result<(), String> {
        self.settle()?;
        let root = &self.fresh_root();
        if self.lags() {
            // Reading moves times on one side alone, so all times are compared before anything is read.
            compare_dirs(root, host, "", Compared { times: true, data: false, ctime: false })?;
            return compare_dirs(root, host, "", Compared { times: false, data: true, ctime: false });
        }
        compare_dirs(root, host, "", Compared { times: true, data: true, ctime: true })
    }
}

/// The entries of a directory, sorted, after checks of what every listing must have.
fn entries(call: &Call, dir: &OpenDirectory) -> Result<Vec<(String, FileType, u64)>> {
    let mut entries = Vec::new();
    let mut expected = 1;
    dir.read_dir(call, 0, &mut |entry| {
        assert_eq!(entry.next, expected, "cookies count up");
        expected += 1;
        let file_type = entry.file_type.expect("ext4 and memory tell types");
        entries.push((String::from_utf8_lossy(entry.name).into_owned(), file_type, entry.ino));
        true
    })?;
    assert!(entries[0].0 == "." && entries[1].0 == "..", "{entries:?}");
    let mut entries = entries.split_off(2);
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}

fn open(dir: &OpenDirectory, name: &str, directory: bool) -> Result<Descriptor, String> {
    let how = OpenHow { directory, read: true, ..OpenHow::default() };
    dir.open_at(CALL, name.as_bytes(), how).map_err(|error| format!("open of {name:?}, which is listed: {error}"))
}

fn open_dir(dir: &OpenDirectory, name: &str) -> Result<OpenDirectory, String> {
    match open(dir, name, true)? {
        Descriptor::Directory(dir) => Ok(*dir),
        Descriptor::File(_) => Err(format!("{name:?} opens as a file")),
    }
}

fn read_all(dir: &OpenDirectory, name: &str) -> Result<Vec<u8>, String> {
    let Descriptor::File(file) = open(dir, name, false)? else { return Err(format!("{name:?} opens as a directory")) };
    let mut all = Vec::new();
    let mut buf = [0; 8192];
    loop {
        let read =
            file.read(CALL, &mut [IoSliceMut::new(&mut buf)]).map_err(|error| format!("read {name:?}: {error}"))?;
        if read == 0 {
            file.close(CALL).map_err(|error| format!("close {name:?}: {error}"))?;
            return Ok(all);
        }
        all.extend_from_slice(&buf[..read]);
    }
}

fn stat(dir: &OpenDirectory, name: &str) -> Result<Stat, String> {
    dir.stat_at(CALL, name.as_bytes(), false).map_err(|error| format!("stat of {name:?}, which is listed: {error}"))
}

fn collect(
    dir: &OpenDirectory,
    prefix: &str,
    tree: &mut Tree,
    first: &mut BTreeMap<(u64, u64), String>,
) -> Result<(), String> {
    for (name, listed, ino) in entries(CALL, dir).map_err(|errno| format!("list {prefix:?}: {errno}"))? {
        let path = format!("{prefix}{name}");
        let stat = stat(dir, &name)?;
        if (stat.file_type, stat.key.ino) != (listed, ino) {
            let is = (stat.file_type, stat.key.ino);
            return Err(format!("{path:?} is listed as {:?}, and stat says {is:?}", (listed, ino)));
        }
        let same = first.entry((stat.key.dev, ino)).or_insert_with(|| path.clone()).clone();
        let kind = match stat.file_type {
            FileType::Directory => {
                collect(&open_dir(dir, &name)?, &format!("{path}/"), tree, first)?;
                Kind::Directory
            }
            FileType::Symlink => {
                let target = dir.readlink_at(CALL, name.as_bytes()).map_err(|error| format!("readlink: {error}"))?;
                Kind::Symlink(String::from_utf8_lossy(&target).into_owned())
            }
            _ => Kind::File(Bytes(read_all(dir, &name)?)),
        };
        tree.insert(path, Entry { kind, nlink: stat.nlink, same });
    }
    Ok(())
}

/// What a comparison with the host looks at.
#[derive(Clone, Copy)]
struct Compared {
    times: bool,
    data: bool,
    /// Nobody can set it, so where the cache keeps times by its own clock the host's is another one.
    ctime: bool,
}

fn compare_dirs(dir: &OpenDirectory, host: BorrowedFd<'_>, prefix: &str, how: Compared) -> Result<(), String> {
    let own = dir.stat(CALL).map_err(|error| format!("stat of {prefix:?}: {error}"))?;
    same_stat(prefix, &own, &statx(host, "").expect("held"), how)?;
    let there = list(host).expect("a directory that can be listed");
    let here = entries(CALL, dir).map_err(|errno| format!("list {prefix:?}: {errno}"))?;
    let here: Vec<_> = here.into_iter().map(|(name, file_type, _)| (name, file_type)).collect();
    if here != there {
        return Err(format!("{prefix:?} lists {here:?}, and the host {there:?}"));
    }
    for (name, file_type) in there {
        let path = format!("{prefix}{name}");
        same_stat(&path, &stat(dir, &name)?, &statx(host, &name).expect("listed"), how)?;
        match file_type {
            FileType::Directory => {
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                let sub = openat(host, name.as_str(), flags, Mode::empty()).expect("listed");
                compare_dirs(&open_dir(dir, &name)?, sub.as_fd(), &format!("{path}/"), how)?;
            }
            FileType::Symlink => {
                let here =
                    dir.readlink_at(CALL, name.as_bytes()).map_err(|error| format!("readlink {path}: {error}"))?;
                let there = target(host, &name).expect("listed");
                if here != there.as_bytes() {
                    return Err(format!("{path:?} leads to {:?}, and the host's to {there:?}", here.escape_ascii()));
                }
            }
            _ if how.data => {
                let (here, there) = (read_all(dir, &name)?, contents(host, &name).expect("listed"));
                if here != there {
                    let (at, lens) = (differ(&here, &there), (here.len(), there.len()));
                    let (here, there) = (Bytes(here), Bytes(there));
                    return Err(format!(
                        "{path:?} reads {here:?}, the host's {there:?}, differing at {at} of {lens:?}"
                    ));
                }
            }
            _ => {}
        }
        if how.data {
            same_stat(&path, &stat(dir, &name)?, &statx(host, &name).expect("listed"), how)?;
        }
    }
    Ok(())
}

/// Compares every attribute.
fn same_stat(path: &str, ours: &Stat, host: &Statx, how: Compared) -> Result<(), String> {
    let time = |time: StatxTimestamp| Timespec { secs: time.tv_sec, nanos: time.tv_nsec };
    let there = Stat {
        key: ours.key,
        file_type: FileType::from_mode_bits(host.stx_mode.into()).expect("a type that we know"),
        mode: wasi_gofer::abi::Mode::new(host.stx_mode.into()),
        nlink: host.stx_nlink.into(),
        uid: host.stx_uid,
        gid: host.stx_gid,
        size: host.stx_size,
        // Filesystems allocate when they write back, at any time.
        blocks: ours.blocks,
        blksize: host.stx_blksize,
        atime: time(host.stx_atime),
        mtime: time(host.stx_mtime),
        ctime: time(host.stx_ctime),
    };
    // Reading a link on the host moves its access time, and that is what the comparison of trees does all the time.
    let atime = if ours.file_type == FileType::Symlink { ours.atime } else { there.atime };
    let ctime = if how.ctime { there.ctime } else { ours.ctime };
    // Where the cache keeps times, the host's access time goes on moving with what the cache fetches; that ours gets
    // there is a regression test's business.
    let atime = if how.ctime { atime } else { ours.atime };
    let mtime = if how.times { there.mtime } else { ours.mtime };
    let there = Stat { atime: if how.times { atime } else { ours.atime }, mtime, ctime, ..there };
    if (ours.key.ino, *ours) != (host.stx_ino, there) {
        return Err(format!("attributes of {path:?} are {ours:?}, and on the host (ino {}) {there:?}", host.stx_ino));
    }
    Ok(())
}

impl Ours {
    /// Does an action with a call that may not be allowed to wait.
    pub(crate) fn try_act(&mut self, call: &Call, act: &Act) -> Result<Answer> {
        match act {
            Act::Open { dir, path, how, into } => self.open(call, *dir, path, *how, *into),
            Act::Close { file, dropped } => {
                match self.files[*file].take() {
                    Some(file) if *dropped => drop(file),
                    Some(file) => file.close(call)?,
                    None => {}
                }
                Ok(Answer::Done)
            }
            Act::CloseDir { dir } => {
                self.dirs[*dir] = None;
                Ok(Answer::Done)
            }
            Act::ReadAt { file, offset, len } => self.read(call, *file, Some(*offset), *len),
            Act::WriteAt { file, offset, data } => self.write(call, *file, Some(*offset), data),
            Act::Read { file, len } => self.read(call, *file, None, *len),
            Act::Write { file, data } => self.write(call, *file, None, data),
            Act::SeekEnd { file, back } => {
                let position = self.file(*file)?.seek(call, -back.cast_signed(), SeekFrom::End);
                position.map(Answer::Position)
            }
            Act::SetAppend { file, append } => {
                self.file(*file)?.set_append(*append);
                Ok(Answer::Done)
            }
            Act::SetSize { file, size } => done(self.file(*file)?.set_size(call, *size)),
            Act::Allocate { file, offset, len } => done(self.file(*file)?.allocate(call, *offset, *len)),
            Act::FileStat { file } => {
                let stat = self.file(*file)?.stat(call)?;
                Ok(Answer::Stat(seen(&stat)))
            }
            Act::DirStat { dir } => {
                let stat = self.dir(*dir)?.stat(call)?;
                Ok(Answer::Stat(seen(&stat)))
            }
            Act::FileTimes { file, secs } => done(self.file(*file)?.set_times(call, at(*secs), at(*secs))),
            Act::DirTimes { dir, secs } => done(self.dir(*dir)?.set_times(call, at(*secs), at(*secs))),
            Act::FileSync { file } => done(self.file(*file)?.sync(call, true)),
            Act::DirSync { dir } => done(self.dir(*dir)?.sync(call)),
            Act::List { dir } => {
                self.cookies[*dir] = 0;
                let entries = entries(call, self.dir(*dir)?)?;
                Ok(Answer::Names(entries.into_iter().map(|(name, file_type, _)| (name, file_type)).collect()))
            }
            Act::ListSome { dir, fresh, max } => self.list_some(call, *dir, *fresh, *max),
            Act::Stat { dir, path, follow } => {
                let stat = self.dir(*dir)?.stat_at(call, path.as_bytes(), *follow)?;
                Ok(Answer::Stat(seen(&stat)))
            }
            Act::SetTimes { dir, path, follow, secs } => {
                done(self.dir(*dir)?.set_times_at(call, path.as_bytes(), *follow, at(*secs), at(*secs)))
            }
            Act::Mkdir { dir, path } => done(self.dir(*dir)?.create_directory_at(call, path.as_bytes())),
            Act::Rmdir { dir, path } => done(self.dir(*dir)?.remove_directory_at(call, path.as_bytes())),
            Act::Unlink { dir, path } => done(self.dir(*dir)?.unlink_at(call, path.as_bytes())),
            Act::Rename { dir, path, new_dir, new_path } => {
                let new_dir = self.dir(*new_dir)?;
                done(self.dir(*dir)?.rename_at(call, path.as_bytes(), new_dir, new_path.as_bytes()))
            }
            Act::Link { dir, path, new_dir, new_path } => {
                let new_dir = self.dir(*new_dir)?;
                done(self.dir(*dir)?.link_at(call, path.as_bytes(), new_dir, new_path.as_bytes()))
            }
            Act::Symlink { dir, target, path } => {
                done(self.dir(*dir)?.symlink_at(call, target.as_bytes(), path.as_bytes()))
            }
            Act::Readlink { dir, path } => {
                let target = self.dir(*dir)?.readlink_at(call, path.as_bytes())?;
                Ok(Answer::Target(String::from_utf8_lossy(&target).into_owned()))
            }
            Act::DropCaches => {
                self.gofer.drop_caches();
                Ok(Answer::Done)
            }
            Act::SyncAll => done(self.gofer.sync()),
            Act::Second(act) => match self.other.as_mut() {
                Some(other) => other.try_act(call, act),
                None => unreachable!("there are two guests"),
            },
            Act::Put { .. } | Act::Patch { .. } | Act::Cut { .. } | Act::Chmod { .. } => {
                unreachable!("done by outsiders")
            }
            Act::Compare | Act::Outside(_) => Ok(Answer::Done),
        }
    }
}

impl Subject for Ours {
    fn act(&mut self, act: &Act) -> Outcome {
        self.try_act(CALL, act).map_err(errno)
    }
}
