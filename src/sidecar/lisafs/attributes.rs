//! Attributes: asking for them, and changing them.

use super::ids::Either;
use super::session::{Session, write};
use crate::abi::{Result, SetStat, SetStatReport, Stat};
use crate::hostfs::{set_stat, stat, statfs, walk};
use crate::proto::lisafs::{FStat, FStatFs, SetStatReply, SetStatRequest, StatFsReply, Statx, Writer};
use crate::sidecar::tree::{Node, Reach};
use rustix::fd::AsFd;
use std::sync::Arc;

impl Session {
    /// Attributes of a node.
    pub(super) fn stat_node(&self, node: &Arc<Node>) -> Result<Stat> {
        let tree = &self.shared.tree;
        let keys = tree.host().keys();
        let _guard = tree.reading(node);
        match tree.reach(node)? {
            Reach::Held(dir) => stat::stat_fd(keys, dir.as_fd()),
            Reach::Named(dir, name) => stat::stat_at_as(keys, dir.as_fd(), name.as_name(), node.key),
            Reach::Remains(remains) => stat::stat_fd(keys, remains.as_fd()),
        }
    }

    pub(super) fn f_stat(&self, request: &FStat, to: &mut Writer<'_>) -> Result<()> {
        let file = self.ids.lock().either(request.fd)?;
        let stat = match file {
            Either::Control(node) => self.stat_node(&node)?,
            Either::Open(file) => stat::stat_fd(self.shared.tree.host().keys(), file.as_fd())?,
        };
        write(to, &&Statx::from_stat(&stat))
    }

    /// Figures of the filesystem that a control file, or an open one, is in.
    pub(super) fn f_stat_fs(&self, request: &FStatFs, to: &mut Writer<'_>) -> Result<()> {
        let tree = &self.shared.tree;
        let file = self.ids.lock().either(request.fd)?;
        let figures = match file {
            Either::Open(file) => statfs::statfs(file.as_fd())?,
            Either::Control(node) => {
                let _guard = tree.reading(&node);
                match tree.reach(&node)? {
                    Reach::Held(dir) => statfs::statfs(dir.as_fd())?,
                    Reach::Named(dir, name) => {
                        let held = walk::hold(tree.host(), dir.as_fd(), name.as_name(), node.key)?;
                        statfs::statfs(held.as_fd())?
                    }
                    Reach::Remains(remains) => statfs::statfs(remains.as_fd())?,
                }
            }
        };
        write(to, &StatFsReply::from_stat_fs(&figures))
    }

    /// Each attribute is tried. The order is gVisor's: mode, length, times, and the owner last, which may clear
    /// set-user-ID bits that the mode has just set.
    pub(super) fn set_stat(&self, request: &SetStatRequest, to: &mut Writer<'_>) -> Result<()> {
        self.writable()?;
        let node = self.ids.lock().control(request.fd)?;
        let set = request.to_set_stat()?;
        let mut report = SetStatReport::DONE;
        let guard = self.shared.tree.writing(&node);
        for step in in_order(&set) {
            if step.mask().is_empty() {
                continue;
            }
            match self.set_step(&node, &step) {
                Ok(done) => done.errno.into_iter().for_each(|errno| report.fail(done.failed, errno)),
                Err(error) => report.fail(step.mask(), error.errno()),
            }
        }
        drop(guard);
        write(to, &SetStatReply::from_report(&report))
    }

    /// Sets what `set` names, which is a length alone or none.
    fn set_step(&self, node: &Arc<Node>, set: &SetStat) -> Result<SetStatReport> {
        let tree = &self.shared.tree;
        match tree.reach(node)? {
            Reach::Held(dir) => Ok(set_stat::set_stat_dir(dir.as_fd(), set)),
            Reach::Remains(remains) if remains.is_open() => Ok(set_stat::set_stat_open(remains.as_fd(), set)),
            Reach::Remains(remains) => Ok(set_stat::set_stat_held(remains.as_fd(), set)),
            Reach::Named(dir, name) => {
                let is = (node.key, node.file_type);
                match set.size {
                    None => set_stat::set_stat_named(tree.host(), dir.as_fd(), name.as_name(), is, set),
                    Some(size) => set_stat::truncate_named(tree.host(), dir.as_fd(), name.as_name(), is, size)
                        .map(|()| SetStatReport::DONE),
                }
            }
        }
    }
}

/// A change as changes that are made one after the other: a length stands alone, and so does the owner, as the host's
/// order is another. As few as that allows.
fn in_order(set: &SetStat) -> [SetStat; 4] {
    let nothing = SetStat::default();
    let owner = SetStat { uid: set.uid, gid: set.gid, ..nothing };
    let mode = SetStat { mode: set.mode, ..nothing };
    let times = SetStat { atime: set.atime, mtime: set.mtime, ..nothing };
    match set.size {
        None => [SetStat { mode: set.mode, ..times }, nothing, nothing, owner],
        size => [mode, SetStat { size, ..nothing }, times, owner],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{Mode, SetStatMask, SetTime};

    #[test]
    fn in_order_of_everything_is_everything_once_with_the_owner_last() {
        let now = Some(SetTime::Now);
        let all =
            SetStat { mode: Some(Mode::new(0o600)), uid: Some(1), gid: Some(2), size: Some(3), atime: now, mtime: now };
        let steps = in_order(&all);
        let masks = steps.map(|step| step.mask());
        assert_eq!(masks[3], SetStatMask::UID | SetStatMask::GID);
        assert_eq!(masks[1], SetStatMask::SIZE);
        let sum = masks.iter().fold(SetStatMask::empty(), |sum, mask| {
            assert!(!sum.intersects(*mask));
            sum | *mask
        });
        assert_eq!(sum, SetStatMask::all());
        let without = in_order(&SetStat { size: None, ..all });
        assert_eq!(without.iter().filter(|step| !step.mask().is_empty()).count(), 2);
    }
}
