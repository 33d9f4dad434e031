//! Finding names, and checking those that are known.

use super::LisaFs;
use super::node::LisaNode;
use super::told::{self, Told};
use crate::abi::{Call, Errno, Error, FileType, InodeKey, Name, Result, Stat};
use crate::backend::{Found, Step, WalkEnd};
use crate::proto::lisafs::{FdId, Inode, Names, StatPath, Walk, WalkStat, WalkStatus};
use smallvec::SmallVec;

/// Bytes of a walk's request and of its answer that belong to no name.
const HEAD: usize = 16;

impl LisaFs {
    /// Walks over `names` from `dir`: one message, unless there are more of them than one holds.
    pub(super) fn walk(
        &self,
        call: &Call,
        dir: &LisaNode,
        names: &[Name<'_>],
        out: &mut Vec<Found<LisaNode>>,
    ) -> Result<WalkEnd> {
        let mut at = self.directory(dir)?;
        let mut rest = names;
        while !rest.is_empty() {
            let (part, more) = rest.split_at(self.as_many_as_fit(rest));
            let (status, told) = match self.walk_part(call, at.id(), part) {
                Err(Error::Errno(Errno::Notdir)) if rest.len() > 1 => return self.walk_each(call, at.id(), rest, out),
                other => other?,
            };
            for told in told {
                let (found, control) = self.found_and_held(told);
                out.push(found);
                at = control;
            }
            match status {
                WalkStatus::Missing => return Ok(WalkEnd::Missing),
                WalkStatus::Symlink => return Ok(WalkEnd::NotDirectory),
                WalkStatus::Complete if more.is_empty() => break,
                WalkStatus::Complete if out.last().is_some_and(|last| is_dir(&last.stat)) => rest = more,
                WalkStatus::Complete => return Ok(WalkEnd::NotDirectory),
            }
        }
        Ok(WalkEnd::Complete)
    }

    /// Walks name by name, where the server says no more than that something on the way is no directory.
    fn walk_each(
        &self,
        call: &Call,
        from: FdId,
        names: &[Name<'_>],
        out: &mut Vec<Found<LisaNode>>,
    ) -> Result<WalkEnd> {
        let mut held;
        let mut at = from;
        for (left, name) in (0..names.len()).rev().zip(names) {
            let told = match self.walk_one(call, at, *name) {
                Err(Error::Errno(Errno::Noent)) => return Ok(WalkEnd::Missing),
                other => other?,
            };
            let (found, control) = self.found_and_held(told);
            let crossed = is_dir(&found.stat);
            out.push(found);
            if left > 0 && !crossed {
                return Ok(WalkEnd::NotDirectory);
            }
            held = control;
            at = held.id();
        }
        Ok(WalkEnd::Complete)
    }

    /// One walk. When the server has no descriptor left, half of the control files are given back, and it is asked once
    /// more.
    fn walk_part(&self, call: &Call, dir: FdId, names: &[Name<'_>]) -> Result<(WalkStatus, Vec<Told>)> {
        let ask = || {
            self.connection().ask(call, &Walk { dir, names: Names::List(names) }, |reply, _| {
                told::walked(self.connection(), self.shared.keys, reply, names.len())
            })
        };
        match ask() {
            Err(Error::Errno(Errno::Mfile | Errno::Nfile)) if self.give_back(self.controls.held().div_ceil(2)) > 0 => {
                ask()
            }
            other => other,
        }
    }

    /// Gives `want` control files back, and has them closed before anything else is asked; how many it were.
    pub(super) fn give_back(&self, want: usize) -> usize {
        let given = self.controls.relieve(want);
        if given > 0 {
            self.connection().doomed().hurry();
        }
        given
    }

    /// Finds one name. `ENOENT` when there is none.
    pub(super) fn walk_one(&self, call: &Call, dir: FdId, name: Name<'_>) -> Result<Told> {
        let (_, told) = self.walk_part(call, dir, &[name])?;
        told.into_iter().next().ok_or(Error::Errno(Errno::Noent))
    }

    /// Attributes of what `names` lead to, as far as they do; nothing is left to close.
    fn walk_stat(&self, call: &Call, dir: FdId, names: &[Name<'_>]) -> Result<SmallVec<[Stat; 4]>> {
        let path = StatPath { with_start: false, names: Names::List(names) };
        self.connection().ask(call, &WalkStat { dir, path }, |reply, _| {
            if reply.stats.len() > names.len() {
                return Err(Errno::Io.into());
            }
            reply.stats.iter().map(|stat| self.stat_told(stat)).collect()
        })
    }

    /// Attributes of one name. `ENOENT` when there is none.
    pub(super) fn stat_name(&self, call: &Call, dir: FdId, name: Name<'_>) -> Result<Stat> {
        self.walk_stat(call, dir, &[name])?.first().copied().ok_or(Error::Errno(Errno::Noent))
    }

    /// Checks steps, as many in one message as follow one another: each in the directory that the one before it named.
    pub(super) fn revalidate(&self, call: &Call, steps: &[Step<'_, LisaNode>], out: &mut Vec<Stat>) -> Result<()> {
        let mut rest = steps;
        while let Some(first) = rest.first() {
            let follows = rest.windows(2).take_while(|pair| matches!(pair, [a, b] if b.dir.key == a.key)).count();
            let run = rest.get(..=follows).unwrap_or(rest);
            let names: SmallVec<[Name<'_>; 6]> = run.iter().map(|step| step.name).collect();
            let dir = self.directory(first.dir)?;
            let mut asked = names.get(..self.as_many_as_fit(&names)).unwrap_or(&names);
            let stats = match self.walk_stat(call, dir.id(), asked) {
                Err(Error::Errno(Errno::Notdir)) if asked.len() > 1 => {
                    // Something on the way is no directory, and there is no telling what: one by one.
                    asked = asked.get(..1).unwrap_or_default();
                    self.walk_stat(call, dir.id(), asked)?
                }
                other => other?,
            };
            for (step, stat) in run.iter().zip(&stats) {
                out.push(*stat);
                if stat.key != step.key {
                    return Ok(());
                }
            }
            if stats.len() < asked.len() {
                return Err(if stats.last().is_none_or(is_dir) { Errno::Noent } else { Errno::Notdir }.into());
            }
            rest = rest.get(stats.len()..).unwrap_or_default();
        }
        Ok(())
    }

    /// The attributes at the end of a path, if it leads to the object with `key`.
    pub(super) fn revalidate_path(
        &self,
        call: &Call,
        dir: &LisaNode,
        names: &[Name<'_>],
        key: InodeKey,
    ) -> Result<Option<Stat>> {
        let dir = self.directory(dir)?;
        if self.as_many_as_fit(names) < names.len() {
            return Ok(None);
        }
        let stats = self.walk_stat(call, dir.id(), names)?;
        let end = stats.last().filter(|end| stats.len() == names.len() && end.key == key);
        Ok(end.copied())
    }

    /// How many of `names`, one at least, a request has room for, and its answer too.
    fn as_many_as_fit(&self, names: &[Name<'_>]) -> usize {
        let limit = self.connection().limit().saturating_sub(HEAD);
        let answered = limit / size_of::<Inode>();
        let mut bytes = 0usize;
        let sent = names.iter().take_while(|name| {
            bytes = bytes.saturating_add(name.as_bytes().len()).saturating_add(size_of::<u16>());
            bytes <= limit
        });
        sent.count().min(answered).max(1).min(names.len())
    }
}

fn is_dir(stat: &Stat) -> bool {
    stat.file_type == FileType::Directory
}
