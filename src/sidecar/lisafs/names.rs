//! Names: walks, and what makes, removes and moves them.

use super::session::{Session, write};
use crate::abi::{Errno, Error, FileType, InodeKey, Mode, Name, Result, SetStat, Stat};
use crate::hostfs::rename::Onto;
use crate::hostfs::walk::Crossed;
use crate::hostfs::{link, mkdir, mknod, remove, rename, set_stat, stat, symlink, walk};
use crate::proto::lisafs::{
    CreateCommon, FdId, Inode, LinkAt, MkdirAt, MknodAt, NO_ID, Names, ReadLinkAt, RenameAt2, Statx, Str, SymlinkAt,
    UNLINK_DIRECTORY, UnlinkAt, Walk, WalkReply, WalkStat, WalkStatReply, WalkStatus, Writer,
};
use crate::sidecar::tree::{Node, Reach};
use cap_std::fs::Dir;
use rustix::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Bytes of a walk's answer before its first object.
const WALK_HEAD: usize = 3;

/// `RENAME_NOREPLACE` and `RENAME_EXCHANGE`.
const NOREPLACE: u32 = 1;
const EXCHANGE: u32 = 2;

/// `S_IFMT`.
const TYPE_BITS: u32 = 0o170_000;

/// What stands at a name on the way, and the directory if it is one that is crossed.
struct Step {
    stat: Stat,
    held: Option<Arc<Dir>>,
}

impl Session {
    /// Looks one name up in `dir`, and holds what it is if it is a directory that is to be crossed. `known` is what the
    /// tree has there: a directory that it holds need not be opened again.
    fn step(&self, dir: BorrowedFd<'_>, name: Name<'_>, crossed: bool, known: Option<&Arc<Node>>) -> Result<Step> {
        let host = self.shared.tree.host();
        let stat = stat::stat_at(host.keys(), dir, name)?;
        if !crossed || stat.file_type != FileType::Directory {
            return Ok(Step { stat, held: None });
        }
        if let Some(held) = known.filter(|known| known.is(&stat)).and_then(|known| known.held().ok()) {
            return Ok(Step { stat, held: Some(held) });
        }
        Ok(match walk::cross(host, dir, name)? {
            Crossed::Directory(held, stat) => Step { stat, held: Some(held) },
            Crossed::Other(stat) => Step { stat, held: None },
        })
    }

    /// `EOVERFLOW` for a path whose answer could not be sent, before anything is looked up.
    fn check_length(&self, names: usize, each: usize) -> Result<()> {
        let most = usize::try_from(self.shared.export.limits.max_message).unwrap_or(usize::MAX);
        let fits = names.checked_mul(each).is_some_and(|bytes| bytes <= most.saturating_sub(WALK_HEAD));
        if fits { Ok(()) } else { Err(Errno::Overflow.into()) }
    }

    pub(super) fn walk(&self, walk: &Walk<'_>, to: &mut Writer<'_>) -> Result<()> {
        self.check_length(walk.names.len(), size_of::<Inode>())?;
        let start = self.ids.lock().control(walk.dir)?;
        let mut found = Vec::new();
        let status = self.find(&start, &walk.names, &mut found)?;
        let mut ids = self.ids.lock();
        ids.room(found.len(), 0)?;
        let inode =
            |(node, stat): (Arc<Node>, Stat)| Inode { control: ids.add_control(node), stat: Statx::from_stat(&stat) };
        let inodes: Vec<Inode> = found.into_iter().map(inode).collect();
        drop(ids);
        // It was compared with what fits.
        write(to, &WalkReply { status, inodes: &inodes })
    }

    /// Finds `names`, each in the one before it, and how that ended. An error leaves nodes that nobody refers to, which go
    /// with `found`.
    fn find(&self, start: &Arc<Node>, names: &Names<'_>, found: &mut Vec<(Arc<Node>, Stat)>) -> Result<WalkStatus> {
        if names.is_empty() {
            return Ok(WalkStatus::Complete);
        }
        let tree = &self.shared.tree;
        let names_stay = tree.names();
        if start.is_deleted() {
            return Ok(WalkStatus::Missing);
        }
        let mut dir = tree.dir(start)?;
        let mut at = Arc::clone(start);
        let mut left = names.len();
        for name in names.iter() {
            left = left.saturating_sub(1);
            let guard = at.guard_shared();
            let step = match self.step(dir.as_fd(), name, left > 0, at.known(name).as_ref()) {
                Err(Error::Errno(Errno::Noent)) => return Ok(WalkStatus::Missing),
                other => other?,
            };
            let node = tree.child(&at, name, &step.stat, step.held.as_ref())?;
            drop(guard);
            found.push((Arc::clone(&node), step.stat));
            match (left, step.held, step.stat.file_type) {
                (0, ..) => break,
                (_, Some(held), _) => (dir, at) = (held, node),
                (_, None, FileType::Symlink) => return Ok(WalkStatus::Symlink),
                (_, None, _) => return Err(Errno::Notdir.into()),
            }
        }
        drop(names_stay);
        Ok(WalkStatus::Complete)
    }

    /// Attributes along a path. The directories below the start are not kept from changing meanwhile: nothing is made of
    /// them.
    pub(super) fn walk_stat(&self, walk: &WalkStat<'_>, to: &mut Writer<'_>) -> Result<()> {
        let names = &walk.path.names;
        let start = self.ids.lock().control(walk.dir)?;
        self.check_length(names.len().saturating_add(usize::from(walk.path.with_start)), size_of::<Statx>())?;
        let mut stats = Vec::new();
        if walk.path.with_start {
            stats.push(Statx::from_stat(&self.stat_node(&start)?));
        }
        if !names.is_empty() && !start.is_deleted() {
            self.stat_along(&start, names, &mut stats)?;
        }
        write(to, &WalkStatReply { stats: &stats })
    }

    fn stat_along(&self, start: &Arc<Node>, names: &Names<'_>, stats: &mut Vec<Statx>) -> Result<()> {
        let tree = &self.shared.tree;
        let _names = tree.names();
        let mut dir = tree.dir(start)?;
        let mut at = Some(Arc::clone(start));
        let mut left = names.len();
        for name in names.iter() {
            left = left.saturating_sub(1);
            let known = at.as_ref().and_then(|at| at.known(name));
            let step = match self.step(dir.as_fd(), name, left > 0, known.as_ref()) {
                Err(Error::Errno(Errno::Noent)) => return Ok(()),
                other => other?,
            };
            stats.push(Statx::from_stat(&step.stat));
            match (left, step.held, step.stat.file_type) {
                (0, ..) | (_, None, FileType::Symlink) => break,
                (_, None, _) => return Err(Errno::Notdir.into()),
                (_, Some(held), _) => {
                    at = known.filter(|known| known.is(&step.stat));
                    dir = held;
                }
            }
        }
        Ok(())
    }

    /// The directory in which a name is to be made, removed or moved. `EINVAL` for one that was removed.
    fn names_of(&self, node: &Arc<Node>) -> Result<Arc<Dir>> {
        if node.is_deleted() {
            return Err(Errno::Inval.into());
        }
        self.shared.tree.dir(node)
    }

    /// The owner that a new object gets, as far as one is wanted.
    pub(super) fn owner(&self, uid: u32, gid: u32) -> SetStat {
        let export = &self.shared.export;
        let named = |id: u32| Some(id).filter(|id| *id != NO_ID);
        SetStat { uid: named(uid).or(export.uid), gid: named(gid).or(export.gid), ..SetStat::default() }
    }

    /// Gives what was just made its owner. What cannot have it is taken back.
    fn give(&self, dir: BorrowedFd<'_>, name: Name<'_>, made: Stat, owner: &SetStat) -> Result<Stat> {
        let has_it = owner.uid.is_none_or(|uid| uid == made.uid) && owner.gid.is_none_or(|gid| gid == made.gid);
        if has_it {
            return Ok(made);
        }
        let host = self.shared.tree.host();
        let given = set_stat::set_stat_named(host, dir, name, (made.key, made.file_type), owner)
            .and_then(|report| report.errno.map_or(Ok(()), |errno| Err(errno.into())))
            .and_then(|()| stat::stat_at_as(host.keys(), dir, name, made.key));
        if given.is_err() {
            remove::take_back(host.keys(), dir, name, &made);
        }
        given
    }

    /// Makes a name in the directory `dir` by `make`, and answers with what it is.
    fn make(
        &self,
        what: (FdId, Name<'_>, SetStat),
        to: &mut Writer<'_>,
        make: impl FnOnce(BorrowedFd<'_>) -> Result<Stat>,
    ) -> Result<()> {
        let (node, stat) = self.make_node(what, make)?;
        let control = self.ids.lock().add_control(node);
        write(to, &&Inode { control, stat: Statx::from_stat(&stat) })
    }

    /// Makes a name in the directory `dir` by `make`, for which there is room among the control files.
    pub(super) fn make_node(
        &self,
        (dir, name, owner): (FdId, Name<'_>, SetStat),
        make: impl FnOnce(BorrowedFd<'_>) -> Result<Stat>,
    ) -> Result<(Arc<Node>, Stat)> {
        self.writable()?;
        let tree = &self.shared.tree;
        let parent = {
            let ids = self.ids.lock();
            ids.room(1, 0)?;
            ids.control(dir)?
        };
        let guard = tree.writing(&parent);
        let held = self.names_of(&parent)?;
        let made = make(held.as_fd())?;
        let stat = self.give(held.as_fd(), name, made, &owner)?;
        let node = match tree.child(&parent, name, &stat, None) {
            Ok(node) => node,
            Err(error) => {
                remove::take_back(tree.host().keys(), held.as_fd(), name, &stat);
                return Err(error);
            }
        };
        drop(guard);
        Ok((node, stat))
    }

    fn make_common(
        &self,
        common: &CreateCommon,
        name: Name<'_>,
        to: &mut Writer<'_>,
        make: impl FnOnce(BorrowedFd<'_>) -> Result<Stat>,
    ) -> Result<()> {
        self.make((common.dir, name, self.owner(common.uid, common.gid)), to, make)
    }

    pub(super) fn mkdir_at(&self, request: &MkdirAt<'_>, to: &mut Writer<'_>) -> Result<()> {
        let (name, mode) = (request.name, Mode::new(request.common.mode.into()));
        let keys = self.shared.tree.host().keys();
        self.make_common(&request.common, name, to, |dir| mkdir::mkdir(keys, dir, name, mode))
    }

    /// Files, pipes and unbound sockets; devices are `EPERM`, as is everything that has a message of its own.
    pub(super) fn mknod_at(&self, request: &MknodAt<'_>, to: &mut Writer<'_>) -> Result<()> {
        self.writable()?;
        let (name, bits) = (request.name, u32::from(request.common.mode));
        let file_type = match bits & TYPE_BITS {
            // As mknod(2) reads it.
            0 => FileType::Regular,
            _ => FileType::from_mode_bits(bits).ok_or(Errno::Inval)?,
        };
        let keys = self.shared.tree.host().keys();
        self.make_common(&request.common, name, to, |dir| mknod::mknod(keys, dir, name, file_type, Mode::new(bits)))
    }

    pub(super) fn symlink_at(&self, request: &SymlinkAt<'_>, to: &mut Writer<'_>) -> Result<()> {
        let (name, target) = (request.name, request.target.0);
        let keys = self.shared.tree.host().keys();
        let owner = self.owner(request.uid, request.gid);
        self.make((request.dir, name, owner), to, |dir| symlink::symlink(keys, dir, name, target))
    }

    pub(super) fn link_at(&self, request: &LinkAt<'_>, to: &mut Writer<'_>) -> Result<()> {
        self.writable()?;
        let target = {
            let ids = self.ids.lock();
            ids.control(request.dir)?;
            ids.control(request.target)?
        };
        if target.file_type == FileType::Directory {
            return Err(Errno::Perm.into());
        }
        let tree = &self.shared.tree;
        self.make((request.dir, request.name, SetStat::default()), to, |dir| {
            let _target = target.guard_shared();
            let Ok(Reach::Named(old_dir, old_name)) = tree.reach(&target) else { return Err(Errno::Inval.into()) };
            let old = (old_dir.as_fd(), old_name.as_name(), target.key);
            link::link(tree.host().keys(), old, dir, request.name)
        })
    }

    pub(super) fn unlink_at(&self, request: &UnlinkAt<'_>) -> Result<()> {
        self.writable()?;
        if request.flags & !UNLINK_DIRECTORY != 0 {
            return Err(Errno::Inval.into());
        }
        let tree = &self.shared.tree;
        let parent = self.ids.lock().control(request.dir)?;
        let _guard = tree.writing(&parent);
        let held = self.names_of(&parent)?;
        let victim = parent.known(request.name);
        let victim_guard = victim.as_ref().map(|victim| victim.guard());
        let was_there = victim.as_ref().is_some_and(|victim| tree.is_at(victim, held.as_fd(), request.name));
        let remains = victim.as_ref().and_then(|victim| tree.prepare_to_lose(victim));
        if request.flags == 0 {
            remove::unlink(held.as_fd(), request.name)?;
        } else {
            remove::rmdir(held.as_fd(), request.name)?;
        }
        if let Some(victim) = &victim {
            tree.lost(victim, was_there, remains);
        }
        drop(victim_guard);
        Ok(())
    }

    pub(super) fn rename_at(&self, request: &RenameAt2<'_>) -> Result<()> {
        self.writable()?;
        let onto = match request.flags {
            0 => Onto::Replace,
            NOREPLACE => Onto::Keep,
            EXCHANGE => Onto::Exchange,
            _ => return Err(Errno::Inval.into()),
        };
        let tree = &self.shared.tree;
        let names = &request.names;
        let (from, to) = {
            let ids = self.ids.lock();
            (ids.control(names.old_dir)?, ids.control(names.new_dir)?)
        };
        let _global = tree.global();
        let (from_dir, to_dir) = (self.names_of(&from)?, self.names_of(&to)?);
        let (old, new) = ((from_dir.as_fd(), names.old_name), (to_dir.as_fd(), names.new_name));
        let same = self.key_of(old)?.is_some_and(|key| self.key_of(new) == Ok(Some(key)));
        let replaced = to.known(names.new_name).filter(|_| !same && onto == Onto::Replace);
        let replaced = replaced.map(|replaced| {
            let was_there = tree.is_at(&replaced, new.0, new.1);
            let remains = tree.prepare_to_lose(&replaced);
            (replaced, was_there, remains)
        });
        rename::rename(old, new, onto)?;
        let (old, new) = ((&from, names.old_name), (&to, names.new_name));
        match onto {
            // Two names of one object: rename(2) leaves both.
            Onto::Replace if same => {}
            Onto::Replace | Onto::Keep => tree.moved(old, new, replaced),
            Onto::Exchange => tree.exchanged(old, new),
        }
        Ok(())
    }

    /// What is at a name, if anything is.
    fn key_of(&self, (dir, name): (BorrowedFd<'_>, Name<'_>)) -> Result<Option<InodeKey>> {
        match stat::stat_at(self.shared.tree.host().keys(), dir, name) {
            Ok(stat) => Ok(Some(stat.key)),
            Err(Error::Errno(Errno::Noent)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn read_link_at(&self, request: &ReadLinkAt, to: &mut Writer<'_>) -> Result<()> {
        let tree = &self.shared.tree;
        let node = self.ids.lock().control(request.fd)?;
        if node.file_type != FileType::Symlink {
            return Err(Errno::Inval.into());
        }
        let _guard = tree.reading(&node);
        let contents = match tree.reach(&node)? {
            Reach::Named(dir, name) => {
                symlink::readlink(tree.host(), dir.as_fd(), name.as_name(), (node.key, node.file_type))
            }
            Reach::Remains(remains) => symlink::contents(remains.as_fd()),
            Reach::Held(_) => Err(Errno::Inval.into()),
        };
        write(to, &Str(&contents?))
    }
}
