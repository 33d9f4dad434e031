//! Which names there are, and what they name.

use super::inode::Inode;
use crate::abi::{Errno, Name, Result, Timespec};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The directories of a filesystem, by inode number; one that was removed is not among them. Flat, so that a deep tree
/// is dropped without deep recursion.
#[derive(Debug)]
pub(super) struct Names {
    dirs: HashMap<u64, Directory>,
}

#[derive(Debug)]
struct Directory {
    /// Inode number of the directory that holds this one; the root's own for the root.
    parent: u64,
    by_name: HashMap<Arc<[u8]>, u64>,
    /// By cookie, which grows with every entry made and is never given to another: a listing goes on behind a cookie
    /// whether its entry is still there or not.
    by_cookie: BTreeMap<u64, Entry>,
    next_cookie: u64,
}

/// A name of a directory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<[u8]>,
    pub(super) inode: Arc<Inode>,
}

impl Directory {
    fn new(parent: u64) -> Directory {
        Directory { parent, by_name: HashMap::new(), by_cookie: BTreeMap::new(), next_cookie: 1 }
    }

    fn get(&self, name: Name<'_>) -> Option<&Arc<Inode>> {
        self.by_cookie.get(self.by_name.get(name.as_bytes())?).map(|entry| &entry.inode)
    }

    fn insert(&mut self, name: Name<'_>, inode: Arc<Inode>) {
        let name: Arc<[u8]> = name.as_bytes().into();
        let cookie = self.next_cookie;
        // A directory does not see 2^64 entries in its life.
        self.next_cookie = self.next_cookie.saturating_add(1);
        self.by_name.insert(Arc::clone(&name), cookie);
        self.by_cookie.insert(cookie, Entry { name, inode });
    }

    /// Puts `inode` under `name`; one that is taken keeps its place in listings that are under way.
    fn put(&mut self, name: Name<'_>, inode: Arc<Inode>) {
        let place = self.by_name.get(name.as_bytes()).and_then(|cookie| self.by_cookie.get_mut(cookie));
        match place {
            Some(entry) => entry.inode = inode,
            None => self.insert(name, inode),
        }
    }

    fn remove(&mut self, name: Name<'_>) {
        if let Some(cookie) = self.by_name.remove(name.as_bytes()) {
            self.by_cookie.remove(&cookie);
        }
    }
}

impl Names {
    pub(super) fn new(root: &Arc<Inode>) -> Names {
        Names { dirs: HashMap::from([(root.key.ino, Directory::new(root.key.ino))]) }
    }

    /// `ENOTDIR` for what is no directory, `ENOENT` for a directory that was removed.
    fn dir(&self, dir: &Inode) -> Result<&Directory> {
        if !dir.is_dir() {
            return Err(Errno::Notdir.into());
        }
        self.dirs.get(&dir.key.ino).ok_or_else(|| Errno::Noent.into())
    }

    fn dir_mut(&mut self, dir: &Inode) -> Result<&mut Directory> {
        if !dir.is_dir() {
            return Err(Errno::Notdir.into());
        }
        self.dirs.get_mut(&dir.key.ino).ok_or_else(|| Errno::Noent.into())
    }

    /// What `name` in `dir` is. `ENOENT` when it is nothing.
    pub(super) fn lookup(&self, dir: &Inode, name: Name<'_>) -> Result<Arc<Inode>> {
        self.dir(dir)?.get(name).cloned().ok_or_else(|| Errno::Noent.into())
    }

    /// Up to `most` entries behind `cookie` with their cookies; none of a directory that was removed.
    pub(super) fn list(&self, dir: &Inode, cookie: u64, most: usize) -> Result<Vec<(u64, Entry)>> {
        match (self.dirs.get(&dir.key.ino), cookie.checked_add(1)) {
            _ if !dir.is_dir() => Err(Errno::Notdir.into()),
            (Some(dir), Some(from)) => {
                Ok(dir.by_cookie.range(from..).take(most).map(|(cookie, entry)| (*cookie, entry.clone())).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether `name` in `dir` can be made: `EEXIST` when it is taken.
    pub(super) fn check_free(&self, dir: &Inode, name: Name<'_>) -> Result<()> {
        match self.dir(dir)?.get(name) {
            Some(_) => Err(Errno::Exist.into()),
            None => Ok(()),
        }
    }

    /// Gives `inode`, which is new, its first name; the caller has checked that it is free.
    pub(super) fn add(&mut self, dir: &Inode, name: Name<'_>, inode: &Arc<Inode>, now: Timespec) -> Result<()> {
        let parent = self.dir_mut(dir)?;
        parent.insert(name, Arc::clone(inode));
        inode.inherit(dir);
        dir.touch_modified(now);
        if inode.is_dir() {
            dir.add_link(now);
            self.dirs.insert(inode.key.ino, Directory::new(dir.key.ino));
        }
        Ok(())
    }

    /// Gives `inode` a further name. `EPERM` for a directory, `ENOENT` for an object that has no name any more.
    pub(super) fn link(&mut self, inode: &Arc<Inode>, dir: &Inode, name: Name<'_>, now: Timespec) -> Result<()> {
        self.check_free(dir, name)?;
        if inode.is_dir() {
            return Err(Errno::Perm.into());
        }
        if inode.nlink() == 0 {
            return Err(Errno::Noent.into());
        }
        inode.limits().take_inode()?;
        self.dir_mut(dir)?.insert(name, Arc::clone(inode));
        inode.add_link(now);
        dir.touch_modified(now);
        Ok(())
    }

    /// Removes a name that is no directory.
    pub(super) fn unlink(&mut self, dir: &Inode, name: Name<'_>, now: Timespec) -> Result<()> {
        let inode = self.lookup(dir, name)?;
        if inode.is_dir() {
            return Err(Errno::Isdir.into());
        }
        self.dir_mut(dir)?.remove(name);
        self.drop_name(&inode, dir, now);
        dir.touch_modified(now);
        Ok(())
    }

    /// Removes an empty directory.
    pub(super) fn rmdir(&mut self, dir: &Inode, name: Name<'_>, now: Timespec) -> Result<()> {
        let inode = self.lookup(dir, name)?;
        if !inode.is_dir() {
            return Err(Errno::Notdir.into());
        }
        self.check_empty(&inode)?;
        self.dir_mut(dir)?.remove(name);
        self.drop_name(&inode, dir, now);
        dir.touch_modified(now);
        Ok(())
    }

    fn check_empty(&self, inode: &Inode) -> Result<()> {
        if self.dir(inode)?.by_name.is_empty() { Ok(()) } else { Err(Errno::Notempty.into()) }
    }

    /// `inode` lost a name in `dir`; a directory lost its only one.
    fn drop_name(&mut self, inode: &Inode, dir: &Inode, now: Timespec) {
        if inode.is_dir() {
            self.dirs.remove(&inode.key.ino);
            inode.drop_all_links(now);
            dir.drop_link(now);
            return;
        }
        // The object itself is given back when the last user lets go of it.
        if inode.nlink() > 1 {
            inode.limits().give_inode();
        }
        inode.drop_link(now);
    }

    /// Moves a name as rename(2) does.
    pub(super) fn rename(
        &mut self,
        (from_dir, from): (&Inode, Name<'_>),
        (to_dir, to): (&Inode, Name<'_>),
        now: Timespec,
    ) -> Result<()> {
        let target_dir = self.dir(to_dir)?;
        let target = target_dir.get(to).cloned();
        let source = self.lookup(from_dir, from)?;
        if source.is_dir() && self.is_within(to_dir, &source) {
            return Err(Errno::Inval.into());
        }
        if let Some(target) = &target {
            if target.is_dir() && self.is_within(from_dir, target) {
                return Err(Errno::Notempty.into());
            }
            if target.key == source.key {
                return Ok(());
            }
            self.check_replaceable(&source, target)?;
        }
        self.dir_mut(from_dir)?.remove(from);
        self.dir_mut(to_dir)?.put(to, Arc::clone(&source));
        if let Some(target) = &target {
            self.drop_name(target, to_dir, now);
        }
        if source.is_dir() && from_dir.key != to_dir.key {
            from_dir.drop_link(now);
            to_dir.add_link(now);
            self.dir_mut(&source)?.parent = to_dir.key.ino;
        }
        from_dir.touch_modified(now);
        to_dir.touch_modified(now);
        source.touch_changed(now);
        Ok(())
    }

    /// Whether `source` may take the place of `target`.
    fn check_replaceable(&self, source: &Inode, target: &Inode) -> Result<()> {
        match (source.is_dir(), target.is_dir()) {
            (true, false) => Err(Errno::Notdir.into()),
            (false, true) => Err(Errno::Isdir.into()),
            (true, true) => self.check_empty(target),
            (false, false) => Ok(()),
        }
    }

    /// Whether `dir` is `ancestor` or below it.
    fn is_within(&self, dir: &Inode, ancestor: &Inode) -> bool {
        let mut at = dir.key.ino;
        // The root is its own parent, and only the root: a rename that would make a circle is refused here.
        while at != ancestor.key.ino {
            match self.dirs.get(&at) {
                Some(dir) if dir.parent != at => at = dir.parent,
                _ => return false,
            }
        }
        true
    }

    /// Checks below `dir` that names, cookies, parents and link counts agree; for tests.
    #[cfg(test)]
    pub(super) fn check(&self, inode: &Inode) {
        let dir = self.dir(inode).expect("a directory that has a name is known");
        assert_eq!(dir.by_name.len(), dir.by_cookie.len());
        let mut children = 0;
        for (cookie, entry) in &dir.by_cookie {
            assert_eq!(dir.by_name.get(&entry.name), Some(cookie));
            if entry.inode.is_dir() {
                children += 1;
                assert_eq!(self.dir(&entry.inode).expect("known").parent, inode.key.ino);
                self.check(&entry.inode);
            }
        }
        assert_eq!(inode.nlink(), 2 + children);
    }
}

#[cfg(test)]
mod tests {
    use crate::abi::{Call, Errno, Error, Mode, Name, OpenFlags};
    use crate::backend::memory::MemoryFs;
    use crate::backend::{Backend, Location};

    fn name(bytes: &[u8]) -> Name<'_> {
        Name::new(bytes).expect("a name")
    }

    #[test]
    fn random_renames_keep_the_tree_consistent() {
        let (fs, call) = (MemoryFs::new(), &Call::WAITING);
        let root = fs.root(call).expect("root").node;
        let names = [name(b"a"), name(b"b"), name(b"c")];
        let mut dirs = vec![root.clone()];
        // A small linear congruential generator: the same steps in every run.
        let mut seed = 1_u64;
        let mut pick = |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).expect("31 bits") % most
        };
        for step in 0..20_000 {
            let (from, to) = (dirs[pick(dirs.len())].clone(), dirs[pick(dirs.len())].clone());
            let (source, target) = (names[pick(3)], names[pick(3)]);
            match pick(5) {
                0 => dirs.extend(fs.mkdir(call, &from, source, Mode::new(0o755)).map(|made| made.node)),
                1 => drop(fs.create(call, &from, source, OpenFlags::WRITE, Mode::new(0o644))),
                2 => drop(fs.rmdir(call, &from, source)),
                3 => drop(fs.unlink(call, &from, source)),
                _ => drop(fs.rename(call, Location { dir: &from, name: source }, Location { dir: &to, name: target })),
            }
            if step % 50 == 0 {
                fs.names.read().check(&fs.root);
                dirs.truncate(1);
            }
        }
    }

    #[test]
    fn limits_are_given_back_when_the_last_user_lets_go() {
        let (fs, call) = (MemoryFs::new().max_inodes(3), &Call::WAITING);
        let root = fs.root(call).expect("root").node;
        let made = fs.create(call, &root, name(b"a"), OpenFlags::WRITE, Mode::new(0o644)).expect("fits");
        fs.symlink(call, &root, name(b"b"), b"x").expect("fits");
        let full = Err(Error::Errno(Errno::Nospc));
        assert_eq!(fs.mkdir(call, &root, name(b"c"), Mode::new(0o755)).map(drop), full);
        fs.unlink(call, &root, name(b"a")).expect("there");
        assert_eq!(fs.mkdir(call, &root, name(b"c"), Mode::new(0o755)).map(drop), full, "still open");
        drop(made);
        fs.mkdir(call, &root, name(b"c"), Mode::new(0o755)).expect("room again");
        assert_eq!(fs.statfs(call).expect("figures").files_free, 0);
    }
}
