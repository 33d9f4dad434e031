//! A filesystem that is nothing but a tree in memory: what the answers should be, by the rules and not by any code of a
//! filesystem.

use crate::act::{Act, Answer, DIRS, FILES, Outcome, Seen, Subject, split};
use crate::bytes::Bytes;
use crate::listing::Listing;
use crate::tree::{Entry, Kind, Tree};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wasi_gofer::abi::{Errno, FileType};
use wasi_gofer::vfs::OpenHow;

mod drawing;

type Id = usize;

const ROOT: Id = 0;

#[derive(Clone, Debug)]
enum Body {
    File(Vec<u8>),
    Dir(BTreeMap<String, Id>),
    Link(String),
}

#[derive(Clone, Debug)]
struct Node {
    body: Body,
    /// Names of it.
    names: u64,
    /// Of a directory.
    parent: Id,
}

#[derive(Clone, Debug)]
struct OpenFile {
    id: Id,
    read: bool,
    write: bool,
    append: bool,
    position: u64,
}

#[derive(Clone, Debug)]
struct OpenDir {
    id: Id,
    listing: Option<Listing>,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    nodes: Vec<Node>,
    files: Vec<Option<OpenFile>>,
    dirs: Vec<Option<OpenDir>>,
    /// The files and directories of the guest who is not at work.
    other: (Vec<Option<OpenFile>>, Vec<Option<OpenDir>>),
}

enum Found {
    Node(Id),
    Missing { dir: Id, name: String },
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("files are small")
}

impl Model {
    pub(crate) fn new() -> Model {
        let root = Node { body: Body::Dir(BTreeMap::new()), names: 1, parent: ROOT };
        let mut dirs = vec![None; DIRS];
        dirs[0] = Some(OpenDir { id: ROOT, listing: None });
        let files = vec![None; FILES];
        Model { nodes: vec![root], files: files.clone(), dirs: dirs.clone(), other: (files, dirs) }
    }

    /// Has the other guest at work.
    fn swap(&mut self) {
        std::mem::swap(&mut self.files, &mut self.other.0);
        std::mem::swap(&mut self.dirs, &mut self.other.1);
    }

    /// What it is for one guest.
    pub(crate) fn of_guest<R>(&mut self, guest: usize, work: impl FnOnce(&mut Model) -> R) -> R {
        let is_other = guest != 0;
        if is_other {
            self.swap();
        }
        let result = work(self);
        if is_other {
            self.swap();
        }
        result
    }

    fn dir(&self, slot: usize) -> Id {
        self.dirs[slot].as_ref().map_or(ROOT, |dir| dir.id)
    }

    fn file_type(&self, id: Id) -> FileType {
        match self.nodes[id].body {
            Body::File(_) => FileType::Regular,
            Body::Dir(_) => FileType::Directory,
            Body::Link(_) => FileType::Symlink,
        }
    }

    fn is_dir(&self, id: Id) -> bool {
        self.file_type(id) == FileType::Directory
    }

    fn entries(&self, id: Id) -> Option<&BTreeMap<String, Id>> {
        match &self.nodes[id].body {
            Body::Dir(entries) => Some(entries),
            _ => None,
        }
    }

    fn entries_mut(&mut self, id: Id) -> &mut BTreeMap<String, Id> {
        match &mut self.nodes[id].body {
            Body::Dir(entries) => entries,
            _ => unreachable!("looked at before"),
        }
    }

    fn seen(&self, id: Id) -> Seen {
        let node = &self.nodes[id];
        match &node.body {
            Body::File(data) => Seen::new(FileType::Regular, node.names, data.len() as u64),
            Body::Link(target) => Seen::new(FileType::Symlink, node.names, target.len() as u64),
            Body::Dir(_) if node.names == 0 => Seen::new(FileType::Directory, 0, 0),
            Body::Dir(entries) => {
                let subdirs = entries.values().filter(|id| self.is_dir(**id)).count();
                Seen::new(FileType::Directory, 2 + subdirs as u64, 0)
            }
        }
    }

    fn child(&self, dir: Id, name: &str) -> Result<Option<Id>, Errno> {
        match name.len() {
            _ if self.nodes[dir].names == 0 => Ok(None),
            256.. => Err(Errno::Nametoolong),
            _ => Ok(self.entries(dir).ok_or(Errno::Notdir)?.get(name).copied()),
        }
    }

    /// Follows `path` as Linux does, with the start as the root of everything. With `create` a slash behind the last
    /// name is refused.
    fn resolve(&self, start: Id, path: &str, follow: bool, create: bool) -> Result<Found, Errno> {
        let mut way = vec![start];
        let mut todo = VecDeque::new();
        let mut slash = false;
        let mut links = 0;
        let mut expand = |todo: &mut VecDeque<String>, slash: &mut bool, path: &str| {
            match path.as_bytes() {
                [] => return Err(Errno::Noent),
                [b'/', ..] => return Err(Errno::Perm),
                _ => {}
            }
            links += 1;
            if links > 41 {
                return Err(Errno::Loop);
            }
            *slash |= todo.is_empty() && path.ends_with('/');
            path.rsplit('/').filter(|part| !part.is_empty()).for_each(|part| todo.push_front(part.to_owned()));
            Ok(())
        };
        expand(&mut todo, &mut slash, path)?;
        while let Some(part) = todo.pop_front() {
            let here = way[way.len() - 1];
            if !self.is_dir(here) {
                return Err(Errno::Notdir);
            }
            match part.as_str() {
                "." => continue,
                ".." if way.len() < 2 => return Err(Errno::Perm),
                ".." => {
                    way.pop();
                    continue;
                }
                _ => {}
            }
            let last = todo.is_empty();
            if last && slash && create {
                return Err(Errno::Isdir);
            }
            let Some(id) = self.child(here, &part)? else {
                return if last { Ok(Found::Missing { dir: here, name: part }) } else { Err(Errno::Noent) };
            };
            match &self.nodes[id].body {
                Body::Link(target) if !last || follow || slash => expand(&mut todo, &mut slash, target)?,
                _ => way.push(id),
            }
        }
        let end = way[way.len() - 1];
        if slash && !self.is_dir(end) {
            return Err(Errno::Notdir);
        }
        Ok(Found::Node(end))
    }

    fn existing(&self, dir: usize, path: &str, follow: bool) -> Result<Id, Errno> {
        match self.resolve(self.dir(dir), path, follow, false)? {
            Found::Node(id) => Ok(id),
            Found::Missing { .. } => Err(Errno::Noent),
        }
    }

    /// The directory that holds the last component of `path`.
    fn parent<'p>(&self, dir: usize, path: &'p str) -> Result<(Id, &'p str, bool), Errno> {
        match path.as_bytes() {
            [] => return Err(Errno::Noent),
            [b'/', ..] => return Err(Errno::Perm),
            _ => {}
        }
        let (before, last, slash) = split(path);
        let id = self.existing(dir, before, true)?;
        if self.is_dir(id) { Ok((id, last, slash)) } else { Err(Errno::Notdir) }
    }

    /// Where a name is made: `slash_ok` for directories.
    fn vacancy<'p>(&self, dir: usize, path: &'p str, slash_ok: bool) -> Result<(Id, &'p str), Errno> {
        let (id, name, slash) = self.parent(dir, path)?;
        if matches!(name, "." | "..") || self.child(id, name)?.is_some() {
            return Err(Errno::Exist);
        }
        if (slash && !slash_ok) || self.nodes[id].names == 0 {
            return Err(Errno::Noent);
        }
        Ok((id, name))
    }

    fn add(&mut self, dir: Id, name: &str, body: Body) -> Id {
        let id = self.nodes.len();
        self.nodes.push(Node { body, names: 1, parent: dir });
        self.entries_mut(dir).insert(name.to_owned(), id);
        id
    }

    fn remove(&mut self, dir: Id, name: &str) {
        if let Some(id) = self.entries_mut(dir).remove(name) {
            self.nodes[id].names -= 1;
        }
    }

    fn open(&mut self, dir: usize, path: &str, how: &OpenHow, into: usize) -> Outcome {
        let exclusive = how.create && how.exclusive;
        let id = match self.resolve(self.dir(dir), path, how.follow && !exclusive, how.create)? {
            Found::Node(_) if exclusive => return Err(Errno::Exist),
            Found::Node(id) => id,
            Found::Missing { dir, name } if how.create => {
                if self.nodes[dir].names == 0 {
                    return Err(Errno::Noent);
                }
                self.add(dir, &name, Body::File(Vec::new()))
            }
            Found::Missing { .. } => return Err(Errno::Noent),
        };
        match &mut self.nodes[id].body {
            Body::Dir(_) if how.write || how.create || how.truncate => return Err(Errno::Isdir),
            Body::Dir(_) => {
                self.dirs[into % (DIRS - 1) + 1] = Some(OpenDir { id, listing: None });
                return Ok(Answer::Directory);
            }
            _ if how.directory => return Err(Errno::Notdir),
            Body::Link(_) => return Err(Errno::Loop),
            Body::File(data) if how.truncate => data.clear(),
            Body::File(_) => {}
        }
        let (read, write) = (how.read || !how.write, how.write);
        self.files[into % FILES] = Some(OpenFile { id, read, write, append: how.append, position: 0 });
        Ok(Answer::File)
    }

    fn rename(&mut self, (dir, path): (usize, &str), (new_dir, new_path): (usize, &str)) -> Outcome {
        let (old, name, slash) = self.parent(dir, path)?;
        let (new, new_name, new_slash) = self.parent(new_dir, new_path)?;
        if [name, new_name].iter().any(|name| matches!(*name, "." | "..")) {
            return Err(Errno::Busy);
        }
        let moved = self.child(old, name)?.ok_or(Errno::Noent)?;
        if self.nodes[new].names == 0 {
            return Err(Errno::Noent);
        }
        let replaced = self.child(new, new_name)?;
        if !self.is_dir(moved) && (slash || new_slash) {
            return Err(Errno::Notdir);
        }
        if old != new && self.is_below(new, moved) {
            return Err(Errno::Inval);
        }
        if let Some(replaced) = replaced {
            if old != new && self.is_below(old, replaced) {
                return Err(Errno::Notempty);
            }
            if replaced == moved {
                return Ok(Answer::Done);
            }
            match (self.is_dir(moved), self.is_dir(replaced)) {
                (true, false) => return Err(Errno::Notdir),
                (false, true) => return Err(Errno::Isdir),
                (true, true) if self.entries(replaced).is_some_and(|entries| !entries.is_empty()) => {
                    return Err(Errno::Notempty);
                }
                _ => self.remove(new, new_name),
            }
        }
        self.entries_mut(old).remove(name);
        self.entries_mut(new).insert(new_name.to_owned(), moved);
        self.nodes[moved].parent = new;
        Ok(Answer::Done)
    }

    /// Whether `above` is `id` or on its way to the root.
    fn is_below(&self, mut id: Id, above: Id) -> bool {
        while id != above && id != ROOT {
            id = self.nodes[id].parent;
        }
        id == above
    }

    fn data(&mut self, file: usize) -> Result<(&mut OpenFile, &mut Vec<u8>), Errno> {
        let file = self.files[file].as_mut().ok_or(Errno::Badf)?;
        match &mut self.nodes[file.id].body {
            Body::File(data) => Ok((file, data)),
            _ => unreachable!("only files are opened as files"),
        }
    }

    fn read(&mut self, file: usize, offset: Option<u64>, len: usize) -> Outcome {
        let (file, data) = self.data(file)?;
        if !file.read {
            return Err(Errno::Badf);
        }
        let start = index(offset.unwrap_or(file.position)).min(data.len());
        let bytes = data[start..(start + len).min(data.len())].to_vec();
        if offset.is_none() {
            file.position += bytes.len() as u64;
        }
        Ok(Answer::Bytes(Bytes(bytes)))
    }

    fn write(&mut self, file: usize, offset: Option<u64>, bytes: &[u8]) -> Outcome {
        let (file, data) = self.data(file)?;
        if !file.write {
            return Err(Errno::Badf);
        }
        if bytes.is_empty() {
            return Ok(Answer::Count(0));
        }
        let start = if file.append { data.len() } else { index(offset.unwrap_or(file.position)) };
        let end = start + bytes.len();
        data.resize(data.len().max(end), 0);
        data[start..end].copy_from_slice(bytes);
        if offset.is_none() {
            file.position = end as u64;
        }
        Ok(Answer::Count(bytes.len()))
    }

    /// Does something to a file that is open for writing only meanwhile.
    fn meanwhile(&mut self, path: &str, how: OpenHow, work: impl FnOnce(&mut Model) -> Outcome) -> Outcome {
        let kept = self.files[0].take();
        let outcome = self.open(0, path, &OpenHow { follow: true, write: true, ..how }, 0).and_then(|_| work(self));
        self.files[0] = kept;
        outcome.map(|_| Answer::Done)
    }

    fn unlink(&mut self, dir: usize, path: &str) -> Outcome {
        let (dir, name, slash) = self.parent(dir, path)?;
        if matches!(name, "." | "..") {
            return Err(Errno::Isdir);
        }
        let id = self.child(dir, name)?.ok_or(Errno::Noent)?;
        match (self.is_dir(id), slash) {
            (true, _) => return Err(Errno::Isdir),
            (false, true) => return Err(Errno::Notdir),
            (false, false) => self.remove(dir, name),
        }
        Ok(Answer::Done)
    }

    fn rmdir(&mut self, dir: usize, path: &str) -> Outcome {
        let (dir, name, _) = self.parent(dir, path)?;
        match name {
            "." => return Err(Errno::Inval),
            ".." => return Err(Errno::Notempty),
            _ => {}
        }
        let id = self.child(dir, name)?.ok_or(Errno::Noent)?;
        match self.entries(id) {
            None => return Err(Errno::Notdir),
            Some(entries) if !entries.is_empty() => return Err(Errno::Notempty),
            Some(_) => self.remove(dir, name),
        }
        Ok(Answer::Done)
    }

    fn link(&mut self, dir: usize, path: &str, new_dir: usize, new_path: &str) -> Outcome {
        let id = self.existing(dir, path, false)?;
        let (new, name) = self.vacancy(new_dir, new_path, false)?;
        if self.is_dir(id) {
            return Err(Errno::Perm);
        }
        self.nodes[id].names += 1;
        self.entries_mut(new).insert(name.to_owned(), id);
        Ok(Answer::Done)
    }

    fn symlink(&mut self, dir: usize, target: &str, path: &str) -> Outcome {
        match target.as_bytes() {
            [] => return Err(Errno::Noent),
            [b'/', ..] => return Err(Errno::Perm),
            _ => {}
        }
        let (dir, name) = self.vacancy(dir, path, false)?;
        self.add(dir, name, Body::Link(target.to_owned()));
        Ok(Answer::Done)
    }

    /// What `List` answers of directory `id`.
    fn names(&self, id: Id) -> Vec<(String, FileType)> {
        let entries = self.entries(id).into_iter().flatten();
        entries.map(|(name, id)| (name.clone(), self.file_type(*id))).collect()
    }

    /// Ends the listing that is under way in a directory slot.
    pub(crate) fn end_listing(&mut self, slot: usize) {
        if let Some(dir) = self.dirs[slot].as_mut() {
            dir.listing = None;
        }
    }

    /// Brings the listings that are under way up to date; after every action.
    pub(crate) fn note_listings(&mut self) {
        let now = |id| -> BTreeSet<String> { self.names(id).into_iter().map(|(name, _)| name).collect() };
        let dirs = self.dirs.iter().chain(&self.other.1);
        let nows: Vec<_> = dirs.map(|dir| dir.as_ref().map(|dir| now(dir.id)).unwrap_or_default()).collect();
        for (dir, now) in self.dirs.iter_mut().chain(&mut self.other.1).zip(nows) {
            if let Some(listing) = dir.as_mut().and_then(|dir| dir.listing.as_mut()) {
                listing.note(now);
            }
        }
    }

    /// Checks a part of a listing that a filesystem gave; what is wrong with it.
    pub(crate) fn check_part(&mut self, slot: usize, fresh: bool, part: &[String], end: bool) -> Result<(), String> {
        let now = self.names(self.dir(slot)).into_iter().map(|(name, _)| name).collect();
        let Some(open) = self.dirs[slot].as_mut() else { return Ok(()) };
        open.listing = open.listing.take().filter(|_| !fresh);
        open.listing.get_or_insert_with(|| Listing::new(now)).check(part, end)
    }

    /// The whole tree.
    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut first = BTreeMap::new();
        self.collect(ROOT, "", &mut tree, &mut first);
        tree
    }

    fn collect(&self, dir: Id, prefix: &str, tree: &mut Tree, first: &mut BTreeMap<Id, String>) {
        for (name, id) in self.entries(dir).into_iter().flatten() {
            let path = format!("{prefix}{name}");
            let same = first.entry(*id).or_insert_with(|| path.clone()).clone();
            let kind = match &self.nodes[*id].body {
                Body::File(data) => Kind::File(Bytes(data.clone())),
                Body::Dir(_) => Kind::Directory,
                Body::Link(target) => Kind::Symlink(target.clone()),
            };
            tree.insert(path.clone(), Entry { kind, nlink: self.seen(*id).nlink, same });
            self.collect(*id, &format!("{path}/"), tree, first);
        }
    }
}

impl Subject for Model {
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
            Act::Read { file, len } => self.read(*file, None, *len),
            Act::WriteAt { file, offset, data } => self.write(*file, Some(*offset), data),
            Act::Write { file, data } => self.write(*file, None, data),
            Act::SeekEnd { file, back } => {
                let (file, data) = self.data(*file)?;
                file.position = (data.len() as u64).checked_sub(*back).ok_or(Errno::Inval)?;
                Ok(Answer::Position(file.position))
            }
            Act::SetAppend { file, append } => {
                self.data(*file)?.0.append = *append;
                Ok(Answer::Done)
            }
            Act::SetSize { file, size } => {
                let (file, data) = self.data(*file)?;
                if !file.write {
                    return Err(Errno::Badf);
                }
                data.resize(index(*size), 0);
                Ok(Answer::Done)
            }
            Act::Allocate { file, offset, len } => {
                let (file, data) = self.data(*file)?;
                if !file.write {
                    return Err(Errno::Badf);
                }
                data.resize(data.len().max(index(offset + len)), 0);
                Ok(Answer::Done)
            }
            Act::FileStat { file } => {
                let id = self.data(*file)?.0.id;
                Ok(Answer::Stat(self.seen(id)))
            }
            Act::DirStat { dir } => Ok(Answer::Stat(self.seen(self.dir(*dir)))),
            Act::List { dir } => Ok(Answer::Names(self.names(self.dir(*dir)))),
            Act::ListSome { .. } => Ok(Answer::Any),
            Act::Stat { dir, path, follow } => Ok(Answer::Stat(self.seen(self.existing(*dir, path, *follow)?))),
            Act::SetTimes { dir, path, follow, .. } => self.existing(*dir, path, *follow).map(|_| Answer::Done),
            Act::Mkdir { dir, path } => {
                let (dir, name) = self.vacancy(*dir, path, true)?;
                self.add(dir, name, Body::Dir(BTreeMap::new()));
                Ok(Answer::Done)
            }
            Act::Rmdir { dir, path } => self.rmdir(*dir, path),
            Act::Unlink { dir, path } => self.unlink(*dir, path),
            Act::Rename { dir, path, new_dir, new_path } => self.rename((*dir, path), (*new_dir, new_path)),
            Act::Link { dir, path, new_dir, new_path } => self.link(*dir, path, *new_dir, new_path),
            Act::Symlink { dir, target, path } => self.symlink(*dir, target, path),
            Act::Readlink { dir, path } => match &self.nodes[self.existing(*dir, path, false)?].body {
                Body::Link(target) => Ok(Answer::Target(target.clone())),
                _ => Err(Errno::Inval),
            },
            Act::Put { path, data } => {
                let how = OpenHow { create: true, truncate: true, ..OpenHow::default() };
                self.meanwhile(path, how, |model| model.write(0, None, data))
            }
            Act::Patch { path, offset, data } => {
                let how = OpenHow { append: offset.is_none(), ..OpenHow::default() };
                self.meanwhile(path, how, |model| model.write(0, *offset, data))
            }
            Act::Cut { path, size } => {
                self.meanwhile(path, OpenHow::default(), |model| model.act(&Act::SetSize { file: 0, size: *size }))
            }
            Act::Second(act) => self.of_guest(1, |model| model.act(act)),
            Act::Chmod { path, .. } => self.existing(0, path, true).map(|_| Answer::Done),
            Act::FileTimes { .. }
            | Act::FileSync { .. }
            | Act::DirTimes { .. }
            | Act::DirSync { .. }
            | Act::DropCaches
            | Act::SyncAll
            | Act::Compare
            | Act::Outside(_) => Ok(Answer::Done),
        }
    }
}
