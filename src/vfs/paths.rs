//! Operations by path, relative to an open directory.

use super::directory::OpenDirectory;
use super::namespace::Place;
use super::open_file::OpenFile;
use super::resolve::{
    Last, Names, Parent, Resolved, check, open_shortest, plain_names, resolve, resolve_or_missing, resolve_parent,
    resolve_to_create, stat, wants_directory,
};
use super::rights::Rights;
use crate::abi::{Call, Errno, Error, FileType, Mode, Name, OpenFlags, Result, SetStat, SetTime, Stat};
use crate::gofer::File;
use std::sync::Arc;

/// How often any other operation does.
const STEADY_TRIES: usize = 64;

/// How often an open starts again when others change what it works on: an outsider who makes and removes a file as fast
/// as he can is overtaken in the end.
const TRIES: usize = 1_024;

/// What a guest asks of an open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenHow {
    /// Whether a symbolic link at the end is followed; else it is `ELOOP`.
    pub follow: bool,
    /// Whether a missing file is made.
    pub create: bool,
    /// With `create`: `EEXIST` for one that is not missing.
    pub exclusive: bool,
    /// Whether the file is emptied.
    pub truncate: bool,
    /// Whether anything but a directory is `ENOTDIR`.
    pub directory: bool,
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Whether every write goes to the end.
    pub append: bool,
    /// Whether every write reaches the disk with its metadata.
    pub sync: bool,
    /// Whether every write reaches the disk.
    pub dsync: bool,
}

/// Something open.
#[derive(Debug)]
pub enum Descriptor {
    /// A file, device or pipe.
    File(OpenFile),
    /// A directory.
    Directory(Box<OpenDirectory>),
}

/// A name that an operation is to make, replace or remove.
struct Target<'p> {
    dir: Place,
    name: Name<'p>,
    slash: bool,
}

impl OpenDirectory {
    /// Runs an operation again when what its path led to was swapped before it could be used: Linux resolves and acts in
    /// one, so a guest never learns of it. `ENOENT` where this directory itself is out of reach.
    fn steadily<R>(&self, call: &Call, operation: impl FnMut() -> Result<R>) -> Result<R> {
        self.steadily_with(call, self, operation)
    }

    /// As [`OpenDirectory::steadily`], of an operation with a second path, from `other`.
    fn steadily_with<R>(
        &self,
        call: &Call,
        other: &OpenDirectory,
        mut operation: impl FnMut() -> Result<R>,
    ) -> Result<R> {
        for attempt in 0..STEADY_TRIES {
            match other.unless_lost(self.unless_lost(operation())) {
                Err(Error::Errno(Errno::Stale)) => self.place.dentry.fs().let_others_go_on(call, attempt),
                answer => return answer,
            }
        }
        Err(Errno::Stale.into())
    }

    /// What may be done at a place reached from here: what the preopen grants and the mount there allows.
    pub(super) fn rights_at(&self, place: &Place) -> Result<Rights> {
        Ok(self.granted & self.ns.mount(place.mount)?.rights)
    }

    /// Attributes of what `path` leads to.
    #[inline]
    pub fn stat_at(&self, call: &Call, path: &[u8], follow: bool) -> Result<Stat> {
        let mut found = Stat::UNKNOWN;
        self.stat_at_into(call, path, follow, &mut found)?;
        Ok(found)
    }

    /// As [`OpenDirectory::stat_at`], with a place for the answer, which spares copies; behind an error it holds nothing
    /// of use.
    #[inline]
    pub fn stat_at_into(&self, call: &Call, path: &[u8], follow: bool, out: &mut Stat) -> Result<()> {
        self.steadily(call, || stat(&self.ns, call, &self.place, path, follow, out))
    }

    /// Sets times of what `path` leads to. `EROFS` on a read-only mount.
    pub fn set_times_at(
        &self,
        call: &Call,
        path: &[u8],
        follow: bool,
        atime: Option<SetTime>,
        mtime: Option<SetTime>,
    ) -> Result<()> {
        self.steadily(call, || {
            let place = resolve(&self.ns, call, &self.place, path, follow)?;
            self.rights_at(&place)?.require(Rights::CHANGE)?;
            place.dentry.fs().set_attr(call, &place.dentry, &SetStat { atime, mtime, ..SetStat::default() })
        })
    }

    /// The contents of the symbolic link at `path`; `EINVAL` for anything else.
    pub fn readlink_at(&self, call: &Call, path: &[u8]) -> Result<Vec<u8>> {
        self.steadily(call, || {
            let place = resolve(&self.ns, call, &self.place, path, false)?;
            place.dentry.fs().readlink(call, &place.dentry)
        })
    }

    /// Opens `path`.
    pub fn open_at(&self, call: &Call, path: &[u8], how: OpenHow) -> Result<Descriptor> {
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(Errno::Inval.into());
        }
        if let Some(file) = self.open_shortest(call, path, how)? {
            return Ok(Descriptor::File(file));
        }
        if let Some(file) = self.create_unseen(call, path, how)? {
            return Ok(Descriptor::File(file));
        }
        for attempt in 0..TRIES {
            match self.unless_lost(self.try_open(call, path, how)) {
                // Swapped, or made by somebody else, between the look and the open.
                Err(Error::Errno(Errno::Stale)) => {}
                Err(Error::Errno(Errno::Exist)) if !how.exclusive => {}
                other => return other,
            }
            self.place.dentry.fs().let_others_go_on(call, attempt);
        }
        Err(Errno::Stale.into())
    }

    /// The common open: of a file that is known, and neither made nor emptied.
    #[inline]
    fn open_shortest(&self, call: &Call, path: &[u8], how: OpenHow) -> Result<Option<OpenFile>> {
        if how.directory || how.truncate || (how.create && how.exclusive) {
            return Ok(None);
        }
        let Ok(rights) = Rights::of_open_file(self.rights()?, how.read, how.write) else { return Ok(None) };
        let file = open_shortest(call, &self.place, path, how.follow, how.flags(rights))?;
        Ok(file.map(|file| OpenFile::new(file, rights, how.append)))
    }

    /// Makes a file whose name nobody has seen yet without looking for it first, which spares a question. `None` when
    /// there is more to it than that.
    fn create_unseen(&self, call: &Call, path: &[u8], how: OpenHow) -> Result<Option<OpenFile>> {
        let rights = self.rights()?;
        if !how.create || !rights.contains(Rights::CHANGE) {
            return Ok(None);
        }
        check(path)?;
        let mut names = Names::new();
        if !plain_names(path, &mut names)? || wants_directory(path) {
            return Ok(None);
        }
        let Some((name, way)) = names.split_last() else { return Ok(None) };
        let Ok(opened) = Rights::of_open_file(rights, how.read, how.write) else { return Ok(None) };
        let (fs, start, flags) = (self.place.dentry.fs(), &self.place.dentry, how.flags(opened));
        let made = if fs.trusts_names() {
            self.create_uncached(call, path, *name, flags)
        } else if !way.is_empty() {
            fs.create_beneath(call, start, (way, *name), flags, Mode::new(0o666))
        } else if fs.has_seen(start, *name) {
            Ok(None)
        } else {
            fs.create(call, start, *name, flags, Mode::new(0o666)).map(Some)
        };
        match made {
            Ok(file) => Ok(file.map(|file| OpenFile::new(file, opened, how.append))),
            Err(Error::Errno(Errno::Stale)) => Ok(None),
            Err(Error::Errno(Errno::Exist)) if !how.exclusive => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where names are trusted: makes the file unless its name is in the cache, as one that exists or is known to be
    /// missing.
    fn create_uncached(&self, call: &Call, path: &[u8], name: Name<'_>, flags: OpenFlags) -> Result<Option<File>> {
        let dir = resolve_parent(&self.ns, call, &self.place, path)?.dir;
        let fs = dir.dentry.fs();
        // Across a mount others may be allowed, and believed.
        if dir.mount != self.place.mount || fs.has_cached(&dir.dentry, name) {
            return Ok(None);
        }
        fs.create(call, &dir.dentry, name, flags, Mode::new(0o666)).map(Some)
    }

    fn try_open(&self, call: &Call, path: &[u8], how: OpenHow) -> Result<Descriptor> {
        let exclusive = how.create && how.exclusive;
        let follow = how.follow && !exclusive;
        let resolved = if how.create {
            resolve_to_create(&self.ns, call, &self.place, path, follow)?
        } else {
            resolve_or_missing(&self.ns, call, &self.place, path, follow)?
        };
        match resolved {
            Resolved::Found(_) if exclusive => Err(Errno::Exist.into()),
            Resolved::Found(place) => self.open_place(call, place, how),
            Resolved::Missing { .. } if !how.create => Err(Errno::Noent.into()),
            Resolved::Missing { dir, name, .. } => self.create_file(call, &dir, name.as_name(), how),
        }
    }

    fn open_place(&self, call: &Call, place: Place, how: OpenHow) -> Result<Descriptor> {
        let rights = self.rights_at(&place)?;
        let fs = Arc::clone(place.dentry.fs());
        match place.dentry.file_type() {
            FileType::Directory if how.write || how.create || how.truncate => Err(Errno::Isdir.into()),
            FileType::Directory => {
                let open = fs.open_dir(call, &place.dentry)?;
                Ok(Descriptor::Directory(Box::new(OpenDirectory::new(&self.ns, place, self.granted, open))))
            }
            _ if how.directory => Err(Errno::Notdir.into()),
            FileType::Symlink => Err(Errno::Loop.into()),
            FileType::Regular | FileType::Fifo | FileType::Socket | FileType::CharDevice | FileType::BlockDevice => {
                let opened = Rights::of_open_file(rights, how.read, how.write)?;
                let mut flags = how.flags(opened);
                if how.truncate && place.dentry.file_type() == FileType::Regular {
                    rights.require(Rights::WRITE)?;
                    // The description's rights stay those that were asked for.
                    flags |= OpenFlags::WRITE | OpenFlags::TRUNC;
                }
                let file = fs.open(call, &place.dentry, flags)?;
                Ok(Descriptor::File(OpenFile::new(file, opened, how.append)))
            }
        }
    }

    fn create_file(&self, call: &Call, dir: &Place, name: Name<'_>, how: OpenHow) -> Result<Descriptor> {
        let rights = self.rights_at(dir)?;
        rights.require(Rights::CHANGE)?;
        self.not_kept(dir, name)?;
        let opened = Rights::of_open_file(rights, how.read, how.write)?;
        let fs = dir.dentry.fs();
        let file = fs.create(call, &dir.dentry, name, how.flags(opened), Mode::new(0o666))?;
        Ok(Descriptor::File(OpenFile::new(file, opened, how.append)))
    }

    /// The target of an operation that makes a name: `EEXIST` for `.`, `..` and the start itself, and for a name that
    /// exists where nothing may be made.
    fn target_to_make<'p>(&self, call: &Call, path: &'p [u8]) -> Result<Target<'p>> {
        let parent = resolve_parent(&self.ns, call, &self.place, path)?;
        self.make_in(call, parent)
    }

    fn make_in<'p>(&self, call: &Call, parent: Parent<'p>) -> Result<Target<'p>> {
        let Parent { dir, last, slash } = parent;
        let Last::Name(name) = last else { return Err(Errno::Exist.into()) };
        if let Err(refused) = self.rights_at(&dir)?.require(Rights::CHANGE) {
            let exists = resolve_or_missing(&self.ns, call, &dir, name.as_bytes(), false)?;
            return Err(if matches!(exists, Resolved::Found(_)) { Errno::Exist.into() } else { refused });
        }
        self.not_kept(&dir, name)?;
        Ok(Target { dir, name, slash })
    }

    /// `EBUSY` for a name that is kept for another mount of the same filesystem: it cannot be made here as well.
    fn not_kept(&self, dir: &Place, name: Name<'_>) -> Result<()> {
        let kept = self.ns.hidden_in(dir).iter().any(|hidden| hidden.as_name() == name);
        if kept { Err(Errno::Busy.into()) } else { Ok(()) }
    }

    /// The target of an operation that removes or moves a name.
    fn target_to_change<'p>(&self, call: &Call, path: &'p [u8], dots: Errno) -> Result<Target<'p>> {
        let Parent { dir, last, slash } = resolve_parent(&self.ns, call, &self.place, path)?;
        let Last::Name(name) = last else { return Err(dots.into()) };
        Ok(Target { dir, name, slash })
    }

    /// Makes a directory.
    pub fn create_directory_at(&self, call: &Call, path: &[u8]) -> Result<()> {
        self.steadily(call, || {
            let Target { dir, name, .. } = self.target_to_make(call, path)?;
            dir.dentry.fs().mkdir(call, &dir.dentry, name, Mode::new(0o777))
        })
    }

    /// Makes a symbolic link with the contents `target`: `EPERM` for an absolute one, which could only lead outside,
    /// `ENOENT` for an empty one.
    pub fn symlink_at(&self, call: &Call, target: &[u8], path: &[u8]) -> Result<()> {
        match target {
            [] => return Err(Errno::Noent.into()),
            [b'/', ..] => return Err(Errno::Perm.into()),
            _ if target.len() > crate::abi::PATH_MAX => return Err(Errno::Nametoolong.into()),
            _ if target.contains(&0) => return Err(Errno::Inval.into()),
            _ => {}
        }
        self.steadily(call, || {
            let Target { dir, name, slash } = self.target_to_make(call, path)?;
            self.refuse_slash(call, &dir, name, slash)?;
            dir.dentry.fs().symlink(call, &dir.dentry, name, target)
        })
    }

    /// A name that something other than a directory is to get cannot end in a slash: `ENOENT`, or `EEXIST` when it is
    /// taken, as Linux answers.
    fn refuse_slash(&self, call: &Call, dir: &Place, name: Name<'_>, slash: bool) -> Result<()> {
        if !slash {
            return Ok(());
        }
        match resolve_or_missing(&self.ns, call, dir, name.as_bytes(), false)? {
            Resolved::Found(_) => Err(Errno::Exist.into()),
            Resolved::Missing { .. } => Err(Errno::Noent.into()),
        }
    }

    /// Makes `new_path`, relative to `new_dir`, a further name of what `old_path` names; a symbolic link is not
    /// followed. `EXDEV` across mounts.
    pub fn link_at(&self, call: &Call, old_path: &[u8], new_dir: &OpenDirectory, new_path: &[u8]) -> Result<()> {
        self.link(call, (old_path, false), new_dir, new_path)
    }

    /// As [`OpenDirectory::link_at`], but of what a symbolic link at the end of `old_path` leads to
    /// (`AT_SYMLINK_FOLLOW`).
    pub fn link_at_following(
        &self,
        call: &Call,
        old_path: &[u8],
        new_dir: &OpenDirectory,
        new_path: &[u8],
    ) -> Result<()> {
        self.link(call, (old_path, true), new_dir, new_path)
    }

    fn link(
        &self,
        call: &Call,
        (old_path, follow): (&[u8], bool),
        new_dir: &OpenDirectory,
        new_path: &[u8],
    ) -> Result<()> {
        self.steadily_with(call, new_dir, || {
            let old = resolve(&self.ns, call, &self.place, old_path, follow)?;
            let parent = resolve_parent(&new_dir.ns, call, &new_dir.place, new_path)?;
            if old.mount != parent.dir.mount || !Arc::ptr_eq(&self.ns, &new_dir.ns) {
                return Err(Errno::Xdev.into());
            }
            let Target { dir, name, slash } = new_dir.make_in(call, parent)?;
            self.rights_at(&old)?.require(Rights::CHANGE)?;
            new_dir.refuse_slash(call, &dir, name, slash)?;
            if old.dentry.file_type() == FileType::Directory {
                // That the name is taken is told first.
                let exists = resolve_or_missing(&self.ns, call, &dir, name.as_bytes(), false)?;
                return Err(if matches!(exists, Resolved::Found(_)) {
                    Errno::Exist.into()
                } else {
                    Errno::Perm.into()
                });
            }
            dir.dentry.fs().link(call, &old.dentry, &dir.dentry, name)
        })
    }

    /// Moves `old_path` to `new_path`, relative to `new_dir`. `EXDEV` across mounts, `EBUSY` for `.` and `..`.
    pub fn rename_at(&self, call: &Call, old_path: &[u8], new_dir: &OpenDirectory, new_path: &[u8]) -> Result<()> {
        self.steadily_with(call, new_dir, || {
            let old = resolve_parent(&self.ns, call, &self.place, old_path)?;
            let new = resolve_parent(&new_dir.ns, call, &new_dir.place, new_path)?;
            if old.dir.mount != new.dir.mount || !Arc::ptr_eq(&self.ns, &new_dir.ns) {
                return Err(Errno::Xdev.into());
            }
            let (Last::Name(old_name), Last::Name(new_name)) = (old.last, new.last) else {
                return Err(Errno::Busy.into());
            };
            self.rights_at(&old.dir)?.require(Rights::CHANGE)?;
            new_dir.rights_at(&new.dir)?.require(Rights::CHANGE)?;
            if old.slash || new.slash {
                // A slash behind either name asks for a directory to be moved; symbolic links are not followed here.
                let moved = resolve(&self.ns, call, &old.dir, old_name.as_bytes(), false)?;
                if moved.dentry.file_type() != FileType::Directory {
                    // That nothing can be made in a directory that is gone is told first.
                    let gone = new.dir.dentry.fs().stat(call, &new.dir.dentry)?.nlink == 0;
                    return Err(if gone { Errno::Noent.into() } else { Errno::Notdir.into() });
                }
            }
            let fs = old.dir.dentry.fs();
            fs.rename(call, (&old.dir.dentry, old_name), (&new.dir.dentry, new_name))
        })
    }

    /// Removes a name that is no directory: `EISDIR` for one, `ENOTDIR` for a slash behind anything else.
    pub fn unlink_at(&self, call: &Call, path: &[u8]) -> Result<()> {
        self.steadily(call, || {
            let Target { dir, name, slash } = self.target_to_change(call, path, Errno::Isdir)?;
            self.rights_at(&dir)?.require(Rights::CHANGE)?;
            if slash {
                let place = resolve(&self.ns, call, &dir, name.as_bytes(), false)?;
                let directory = place.dentry.file_type() == FileType::Directory;
                return Err(if directory { Errno::Isdir.into() } else { Errno::Notdir.into() });
            }
            dir.dentry.fs().unlink(call, &dir.dentry, name)
        })
    }

    /// Removes an empty directory: `EINVAL` for `.`, `ENOTEMPTY` for `..`.
    pub fn remove_directory_at(&self, call: &Call, path: &[u8]) -> Result<()> {
        self.steadily(call, || {
            let Parent { dir, last, .. } = resolve_parent(&self.ns, call, &self.place, path)?;
            let name = match last {
                Last::Name(name) => name,
                Last::Dot => return Err(Errno::Inval.into()),
                Last::DotDot => return Err(Errno::Notempty.into()),
            };
            self.rights_at(&dir)?.require(Rights::CHANGE)?;
            dir.dentry.fs().rmdir(call, &dir.dentry, name)
        })
    }
}

impl OpenHow {
    fn flags(self, rights: Rights) -> OpenFlags {
        let mut flags = OpenFlags::empty();
        flags.set(OpenFlags::READ, rights.contains(Rights::READ));
        flags.set(OpenFlags::WRITE, rights.contains(Rights::WRITE));
        flags.set(OpenFlags::SYNC, self.sync);
        flags.set(OpenFlags::DSYNC, self.dsync);
        flags
    }
}
