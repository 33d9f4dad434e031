//! A filesystem under test, spoken to by path.
//!
//! It does what a cache does with a backend: walks, keeps the nodes, and binds anew those that were given back.

use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use wasi_gofer::abi::{
    Call, Errno, Error, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, Timespec,
};
use wasi_gofer::backend::{Backend, Found, Handle, Location, NodeKind, Object, WalkEnd};

/// A kind of backend that the suite runs over.
pub(crate) trait Subject: Sized {
    /// Its backend.
    type Backend: Backend;
    /// Whether every call is first made as one that may not wait: it must answer `WouldWait` and change nothing.
    const RELUCTANT: bool = false;
    /// An empty filesystem of its own.
    fn fresh() -> Self;
    /// The backend.
    fn backend(&self) -> &Self::Backend;
}

pub(crate) type NodeOf<S> = <<S as Subject>::Backend as Backend>::Node;
pub(crate) type HandleOf<S> = Arc<<<S as Subject>::Backend as Backend>::Handle>;

/// An object with the way to it.
pub(crate) struct At<N> {
    root: Found<N>,
    steps: Vec<(Vec<u8>, Found<N>)>,
}

impl<N> At<N> {
    fn found(&self) -> &Found<N> {
        self.steps.last().map_or(&self.root, |(_, found)| found)
    }

    pub(crate) fn node(&self) -> &N {
        &self.found().node
    }

    pub(crate) fn stat(&self) -> Stat {
        self.found().stat
    }

    pub(crate) fn key(&self) -> InodeKey {
        self.stat().key
    }

    pub(crate) fn location(&self) -> Option<Location<'_, N>> {
        self.location_of(self.steps.len().checked_sub(1)?)
    }

    fn location_of(&self, step: usize) -> Option<Location<'_, N>> {
        let dir = step.checked_sub(1).map_or(&self.root.node, |above| &self.steps[above].1.node);
        Some(Location { dir, name: Name::new(&self.steps[step].0).expect("was walked") })
    }

    pub(crate) fn object(&self) -> Object<'_, N> {
        let stat = self.stat();
        Object { node: self.node(), location: self.location(), key: stat.key, file_type: stat.file_type }
    }
}

/// A listed entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: Vec<u8>,
    pub(crate) ino: u64,
    pub(crate) file_type: Option<FileType>,
    pub(crate) cookie: u64,
}

/// What a snapshot remembers of an object: path, attributes but the access time, and contents.
pub(crate) type Remembered = (String, Stat, Vec<u8>);

/// A filesystem under test.
pub(crate) struct Fs<S> {
    pub(crate) subject: S,
}

/// For tests of `Unbound` and of the waits: what is done when the nodes of `places` were given back.
const ROUNDS: usize = 8;

impl<S: Subject> Fs<S> {
    pub(crate) fn new() -> Self {
        Fs { subject: S::fresh() }
    }

    pub(crate) fn backend(&self) -> &S::Backend {
        self.subject.backend()
    }

    pub(crate) fn backend_name(&self) -> &'static str {
        self.backend().name()
    }

    /// Makes a call that concerns the nodes of `places`.
    pub(crate) fn run<T>(&self, places: &[&At<NodeOf<S>>], mut call: impl FnMut(&Call) -> Result<T>) -> Result<T> {
        if S::RELUCTANT {
            let before = self.snapshot();
            assert_eq!(call(&Call::NOT_WAITING).err(), Some(Error::WouldWait));
            assert_eq!(self.snapshot(), before, "a call that would have waited changed something");
        }
        self.run_waiting(places, call)
    }

    /// As [`Fs::run`], for calls that a backend may decline with `None`, which it may do without waiting too.
    pub(crate) fn run_or_decline<T>(
        &self,
        places: &[&At<NodeOf<S>>],
        mut call: impl FnMut(&Call) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        if S::RELUCTANT {
            assert!(matches!(call(&Call::NOT_WAITING), Ok(None) | Err(Error::WouldWait)));
        }
        self.run_waiting(places, call)
    }

    fn run_waiting<T>(&self, places: &[&At<NodeOf<S>>], mut call: impl FnMut(&Call) -> Result<T>) -> Result<T> {
        let mut outcome = call(&Call::WAITING);
        if !matches!(outcome, Err(Error::Unbound)) {
            return outcome;
        }
        let each_node = |pinned| {
            for place in places {
                place.steps.iter().for_each(|(_, found)| self.backend().pin(&found.node, pinned));
            }
        };
        each_node(true);
        for _ in 0..ROUNDS {
            // A call may do without a node that has lost its place: one that stops before it, for instance.
            let bound = places.iter().try_for_each(|place| self.bind(place));
            outcome = call(&Call::WAITING);
            if !matches!(outcome, Err(Error::Unbound)) {
                break;
            }
            if let Err(error) = bound {
                outcome = Err(error);
                break;
            }
        }
        each_node(false);
        outcome
    }

    fn bind(&self, place: &At<NodeOf<S>>) -> Result<()> {
        for (step, (_, found)) in place.steps.iter().enumerate() {
            if let (FileType::Directory, Some(at)) = (found.stat.file_type, place.location_of(step)) {
                self.backend().restore(&Call::WAITING, &found.node, at, found.stat.key)?;
            }
        }
        Ok(())
    }

    /// Walks to `path`; `ENOENT` and `ENOTDIR` where the walk ends early.
    pub(crate) fn walk(&self, path: impl AsRef<[u8]>) -> Result<At<NodeOf<S>>> {
        self.walk_by(path.as_ref(), |call| self.run(&[], call))
    }

    fn walk_waiting(&self, path: &[u8]) -> Result<At<NodeOf<S>>> {
        self.walk_by(path, |call| self.run_waiting(&[], call))
    }

    fn walk_by(
        &self,
        path: &[u8],
        run: impl FnOnce(&mut dyn FnMut(&Call) -> Result<Walked<NodeOf<S>>>) -> Result<Walked<NodeOf<S>>>,
    ) -> Result<At<NodeOf<S>>> {
        let components: Vec<_> = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
        let names = components.iter().map(|name| Name::new(name)).collect::<Result<Vec<_>>>()?;
        let (root, found, end) = run(&mut |call| {
            let root = self.backend().root(call)?;
            let mut found = Vec::new();
            let end = self.backend().walk_many(call, &root.node, &names, &mut found)?;
            Ok((root, found, end))
        })?;
        match end {
            WalkEnd::Complete => assert_eq!(found.len(), names.len(), "a complete walk finds every name"),
            WalkEnd::Missing => return Err(Errno::Noent.into()),
            WalkEnd::NotDirectory => return Err(Errno::Notdir.into()),
        }
        Ok(At { root, steps: components.into_iter().map(<[u8]>::to_vec).zip(found).collect() })
    }

    /// The directory that `path` is in, and its last name.
    fn split<'p>(&self, path: &'p str) -> Result<(At<NodeOf<S>>, Name<'p>)> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.walk(dir)?, Name::new(name.as_bytes())?))
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Stat> {
        let at = self.walk(path)?;
        self.run(&[&at], |call| self.backend().stat(call, at.object()))
    }

    pub(crate) fn set_stat(&self, path: &str, set: &SetStat) -> Result<SetStatReport> {
        let at = self.walk(path)?;
        self.set_stat_of(&at, at.object(), set)
    }

    pub(crate) fn set_stat_of(
        &self,
        at: &At<NodeOf<S>>,
        object: Object<'_, NodeOf<S>>,
        set: &SetStat,
    ) -> Result<SetStatReport> {
        self.run(&[at], |call| self.backend().set_stat(call, object, set))
    }

    pub(crate) fn open(&self, path: &str, flags: OpenFlags) -> Result<HandleOf<S>> {
        let at = self.walk(path)?;
        self.run(&[&at], |call| self.backend().open(call, at.object(), flags))
    }

    pub(crate) fn create(&self, path: &str, flags: OpenFlags, mode: u32) -> Result<(Stat, HandleOf<S>)> {
        let (dir, name) = self.split(path)?;
        let made = self.run(&[&dir], |call| self.backend().create(call, dir.node(), name, flags, Mode::new(mode)))?;
        Ok((made.found.stat, made.handle))
    }

    pub(crate) fn mkdir(&self, path: &str) -> Result<Stat> {
        self.mkdir_as(path, 0o755)
    }

    pub(crate) fn mkdir_as(&self, path: &str, mode: u32) -> Result<Stat> {
        let (dir, name) = self.split(path)?;
        let made = self.run(&[&dir], |call| self.backend().mkdir(call, dir.node(), name, Mode::new(mode)));
        made.map(|found| found.stat)
    }

    pub(crate) fn mknod(&self, path: &str, kind: NodeKind) -> Result<Stat> {
        let (dir, name) = self.split(path)?;
        let made = self.run(&[&dir], |call| self.backend().mknod(call, dir.node(), name, kind, Mode::new(0o600)));
        made.map(|found| found.stat)
    }

    pub(crate) fn symlink(&self, path: &str, target: impl AsRef<[u8]>) -> Result<Stat> {
        let (dir, name) = self.split(path)?;
        let made = self.run(&[&dir], |call| self.backend().symlink(call, dir.node(), name, target.as_ref()));
        made.map(|found| found.stat)
    }

    pub(crate) fn link(&self, old: &str, new: &str) -> Result<Stat> {
        let old = self.walk(old)?;
        self.link_of(&old, old.object(), new)
    }

    pub(crate) fn link_of(&self, old: &At<NodeOf<S>>, object: Object<'_, NodeOf<S>>, new: &str) -> Result<Stat> {
        let (dir, name) = self.split(new)?;
        self.run(&[old, &dir], |call| self.backend().link(call, object, dir.node(), name))
    }

    pub(crate) fn unlink(&self, path: &str) -> Result<()> {
        let (dir, name) = self.split(path)?;
        self.run(&[&dir], |call| self.backend().unlink(call, dir.node(), name))
    }

    pub(crate) fn rmdir(&self, path: &str) -> Result<()> {
        let (dir, name) = self.split(path)?;
        self.run(&[&dir], |call| self.backend().rmdir(call, dir.node(), name))
    }

    pub(crate) fn rename(&self, old: &str, new: &str) -> Result<()> {
        let ((from, old), (to, new)) = (self.split(old)?, self.split(new)?);
        self.run(&[&from, &to], |call| {
            let from = Location { dir: from.node(), name: old };
            self.backend().rename(call, from, Location { dir: to.node(), name: new })
        })
    }

    pub(crate) fn readlink(&self, path: &str) -> Result<Vec<u8>> {
        let at = self.walk(path)?;
        self.run(&[&at], |call| self.backend().readlink(call, at.object()))
    }

    /// Up to `most` entries behind `cookie`, and whether that was the end.
    pub(crate) fn list_from(&self, path: &str, cookie: u64, most: usize) -> Result<(Vec<Listed>, bool)> {
        let at = self.walk(path)?;
        self.run(&[&at], |call| self.list_node(call, at.node(), cookie, most))
    }

    fn list_node(&self, call: &Call, dir: &NodeOf<S>, cookie: u64, most: usize) -> Result<(Vec<Listed>, bool)> {
        let mut listed = Vec::new();
        let end = self.backend().read_dir(call, dir, cookie, &mut |entry| {
            let wanted = listed.len() < most;
            if wanted {
                listed.push(Listed {
                    name: entry.name.as_bytes().to_vec(),
                    ino: entry.ino,
                    file_type: entry.file_type,
                    cookie: entry.cookie,
                });
            }
            wanted
        })?;
        Ok((listed, end))
    }

    /// The sorted names in a directory.
    pub(crate) fn names(&self, path: &str) -> Result<Vec<String>> {
        let (listed, end) = self.list_from(path, 0, usize::MAX)?;
        assert!(end, "nothing was refused");
        let mut names: Vec<_> =
            listed.into_iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect();
        names.sort();
        Ok(names)
    }

    pub(crate) fn read(&self, file: &HandleOf<S>, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0xaa; length];
        let read = self.run(&[], |call| file.read_at(call, &mut [IoSliceMut::new(&mut bytes)], offset))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    pub(crate) fn write(&self, file: &HandleOf<S>, offset: u64, bytes: &[u8]) -> Result<usize> {
        self.run(&[], |call| file.write_at(call, &[IoSlice::new(bytes)], offset))
    }

    pub(crate) fn append(&self, file: &HandleOf<S>, bytes: &[u8]) -> Result<(usize, u64)> {
        self.run(&[], |call| file.append(call, &[IoSlice::new(bytes)]))
    }

    pub(crate) fn set_stat_handle(&self, file: &HandleOf<S>, set: &SetStat) -> Result<SetStatReport> {
        self.run(&[], |call| file.set_stat(call, set))
    }

    pub(crate) fn stat_handle(&self, file: &HandleOf<S>) -> Result<Stat> {
        self.run(&[], |call| file.stat(call))
    }

    /// A new file, mode 0644, with these contents.
    pub(crate) fn file(&self, path: &str, contents: &[u8]) -> Stat {
        let (stat, handle) = self.create(path, OpenFlags::WRITE, 0o644).expect("a new file");
        if !contents.is_empty() {
            assert_eq!(self.write(&handle, 0, contents), Ok(contents.len()));
        }
        stat
    }

    pub(crate) fn dir(&self, path: &str) -> Stat {
        self.mkdir(path).expect("a new directory")
    }

    pub(crate) fn contents(&self, path: &str) -> Result<Vec<u8>> {
        let handle = self.open(path, OpenFlags::READ)?;
        self.read(&handle, 0, 1 << 20)
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.walk(path).is_ok()
    }

    /// Everything in the tree.
    pub(crate) fn snapshot(&self) -> Vec<Remembered> {
        let mut all = Vec::new();
        self.remember(&mut all, String::new());
        all
    }

    fn remember(&self, all: &mut Vec<Remembered>, path: String) {
        let at = self.walk_waiting(path.as_bytes()).expect("nobody else changes the tree");
        let stat = Stat { atime: Timespec::default(), ..at.stat() };
        let object = at.object();
        let contents = match stat.file_type {
            // Even a read of nothing may set the access time, which some cases look at.
            FileType::Regular if stat.size > 0 => self.run_waiting(&[&at], |call| {
                let handle = self.backend().open(call, object, OpenFlags::READ)?;
                let mut bytes = vec![0; usize::try_from(stat.size.min(1 << 16)).expect("cut")];
                handle.read_at(call, &mut [IoSliceMut::new(&mut bytes)], 0)?;
                Ok(bytes)
            }),
            FileType::Symlink => self.run_waiting(&[&at], |call| self.backend().readlink(call, object)),
            _ => Ok(Vec::new()),
        };
        // A file whose mode forbids reading is remembered without its contents.
        all.push((path.clone(), stat, contents.unwrap_or_default()));
        if stat.file_type != FileType::Directory {
            return;
        }
        let (mut listed, _) = self
            .run_waiting(&[&at], |call| self.list_node(call, at.node(), 0, usize::MAX))
            .expect("nobody else changes the tree");
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in listed {
            if let Ok(name) = String::from_utf8(entry.name) {
                self.remember(all, format!("{path}/{name}"));
            }
        }
    }
}

type Walked<N> = (Found<N>, Vec<Found<N>>, WalkEnd);

/// The failure of a call that must fail.
#[track_caller]
pub(crate) fn errno<T>(outcome: Result<T>) -> Errno {
    match outcome {
        Ok(_) => panic!("the call succeeded"),
        Err(Error::Errno(errno)) => errno,
        Err(internal) => panic!("{internal:?} got out"),
    }
}

/// `stat` without what reading and listing change.
pub(crate) fn settled(stat: Stat) -> Stat {
    Stat { atime: Timespec::default(), ..stat }
}
