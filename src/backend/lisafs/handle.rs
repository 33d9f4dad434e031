//! An open file of a server.

use super::connection::{for_good, lock};
use super::donated::Donated;
use super::fs::Shared;
use super::numbers::Number;
use super::set;
use crate::abi::{
    Call, Errno, Error, FileType, InodeKey, OpenFlags, Result, SetStat, SetStatMask, SetStatReport, Stat,
};
use crate::backend::{Advice, Handle};
use crate::hostfs::{FileFd, Keys, data, set_stat, stat, sync};
use crate::proto::lisafs::{AppendHead, FAllocate, FStat, FSync, FdId, Mid, PRead, PWriteHead};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::Advice as OsAdvice;
use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

/// Bytes of a message that carries data which are no data, at most.
const HEAD: usize = 32;

/// Most bytes of one transfer by message: more are left for the next.
const TRANSFER_MAX: usize = 1 << 20;

/// The largest offset of a file.
const OFFSET_MAX: u64 = i64::MAX.cast_unsigned();

/// A file of a [`super::LisaFs`], open with some access.
pub struct LisaHandle {
    shared: Arc<Shared>,
    key: InodeKey,
    access: OpenFlags,
    /// What the file's attributes are changed by.
    control: Arc<Number>,
    open: Number,
    /// The descriptor that the server handed out.
    host: Option<FileFd>,
    /// Whether this process sees the same user and group as the server: not so where that has a user namespace of its
    /// own that does not know them.
    same_owner: bool,
}

impl LisaHandle {
    pub(super) fn new(
        shared: &Arc<Shared>,
        (control, open, donated): (Arc<Number>, Number, Option<Donated>),
        meant: &Stat,
        access: OpenFlags,
    ) -> LisaHandle {
        let owner = |stat: &Stat| (stat.uid, stat.gid);
        LisaHandle {
            shared: Arc::clone(shared),
            key: meant.key,
            access,
            control,
            open,
            same_owner: donated.as_ref().is_some_and(|donated| owner(&donated.stat) == owner(meant)),
            host: donated.map(|donated| FileFd::new(donated.fd)),
        }
    }

    /// Whether reading and writing need no message.
    #[must_use]
    pub fn has_host_fd(&self) -> bool {
        self.host.is_some()
    }

    /// Whether its attributes are asked for by a system call of this process.
    pub(super) fn stats_here(&self) -> bool {
        self.host.is_some() && self.same_owner
    }

    /// Whether the connection that it is of has ended.
    pub(super) fn is_over(&self) -> bool {
        self.shared.connection.is_over()
    }

    /// Changes attributes by the descriptor that the server handed out: `ESTALE` without one.
    pub(super) fn set_stat_here(&self, call: &Call, set: &SetStat) -> Result<SetStatReport> {
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        match self.host() {
            Some(host) => Ok(set_stat::set_stat_open(host, set)),
            None => Err(Errno::Stale.into()),
        }
    }

    pub(super) fn open_id(&self) -> FdId {
        self.open.id()
    }

    pub(super) fn is_writer(&self) -> bool {
        self.access.contains(OpenFlags::WRITE)
    }

    fn host(&self) -> Option<BorrowedFd<'_>> {
        self.host.as_ref().map(FileFd::as_fd)
    }

    /// The first step of what takes a message without a descriptor of the server's.
    fn enter(&self, call: &Call) -> Result<()> {
        if self.host.is_some() || call.may_wait { Ok(()) } else { Err(Error::WouldWait) }
    }

    /// As [`LisaHandle::enter`], and `EBADF` without the right.
    fn may(&self, call: &Call, right: OpenFlags) -> Result<()> {
        self.enter(call)?;
        if self.access.contains(right) { Ok(()) } else { Err(Errno::Badf.into()) }
    }

    /// Most bytes of one transfer by message.
    fn transfer_max(&self) -> usize {
        self.shared.connection.limit().saturating_sub(HEAD).min(TRANSFER_MAX)
    }

    fn pread(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        let room: usize = bufs.iter().map(|buf| buf.len()).fold(0, usize::saturating_add);
        let count = u32::try_from(room.min(self.transfer_max())).map_err(|_| Errno::Overflow)?;
        if offset > OFFSET_MAX {
            return Err(Errno::Inval.into());
        }
        if count == 0 {
            return Ok(0);
        }
        let request = PRead { offset, fd: self.open.id(), count };
        self.shared.connection.ask(call, &request, |reply, _| {
            let mut left = reply.data;
            if u32::try_from(left.len()).map_or(true, |told| told > count) {
                return Err(Errno::Io.into());
            }
            let read = left.len();
            for buf in bufs {
                let (now, later) = left.split_at(left.len().min(buf.len()));
                if let Some(place) = buf.get_mut(..now.len()) {
                    place.copy_from_slice(now);
                }
                left = later;
            }
            Ok(read)
        })
    }

    /// What of `bufs` one message takes, in one piece; `gathered` is where it is put together if it is in several.
    fn in_one<'a>(&self, bufs: &'a [IoSlice<'_>], gathered: &'a mut Vec<u8>) -> &'a [u8] {
        let most = self.transfer_max();
        let data = match bufs {
            [one] => &**one,
            bufs => {
                gathered.extend(bufs.iter().flat_map(|buf| buf.iter().copied()).take(most));
                gathered
            }
        };
        data.get(..most).unwrap_or(data)
    }

    fn pwrite(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let mut gathered = Vec::new();
        let data = self.in_one(bufs, &mut gathered);
        if offset > OFFSET_MAX {
            return Err(Errno::Inval.into());
        }
        if data.is_empty() {
            return Ok(0);
        }
        let count = u32::try_from(data.len()).map_err(|_| Errno::Overflow)?;
        let request = PWriteHead { offset, fd: self.open.id(), count };
        let written = self.shared.connection.ask_with(call, &request, data, |reply, _| counted(reply.count, data));
        written.map_err(|failed| failed.error)
    }

    /// A write at the end, by the message that servers of ours have for it.
    fn append_there(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        if !self.shared.connection.offers(Mid::APPEND) {
            return self.append_by_turns(call, bufs);
        }
        let mut gathered = Vec::new();
        let data = self.in_one(bufs, &mut gathered);
        if data.is_empty() {
            return Ok((0, self.stat_there(call)?.size));
        }
        let count = u32::try_from(data.len()).map_err(|_| Errno::Overflow)?;
        let request = AppendHead { fd: self.open.id(), count };
        let appended = self.shared.connection.ask_with(call, &request, data, |reply, _| {
            let written = counted(reply.count, data)?;
            if (reply.count..=OFFSET_MAX).contains(&reply.end) {
                Ok((written, reply.end))
            } else {
                Err(Errno::Io.into())
            }
        });
        appended.map_err(|failed| failed.error)
    }

    /// A write at the end of a server that has no message for it: a look at the length, and a write there. Those through
    /// this filesystem have their turn one after the other.
    fn append_by_turns(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let count = u64::try_from(self.shared.appends.len()).unwrap_or(1);
        let turn = usize::try_from(self.key.ino.checked_rem(count).unwrap_or(0)).unwrap_or(0);
        let _turn = self.shared.appends.get(turn).map(|turn| lock(call, turn)).transpose()?;
        let end = self.stat_there(call)?.size;
        let written = self.pwrite(call, bufs, end)?;
        Ok((written, end.saturating_add(u64::try_from(written).unwrap_or(u64::MAX))))
    }

    fn stat_there(&self, call: &Call) -> Result<Stat> {
        let request = FStat { fd: self.open.id() };
        let stat = self.shared.connection.ask(call, &request, |wire, _| super::told::stat(self.shared.keys, wire))?;
        let same = (stat.key, stat.file_type) == (self.key, FileType::Regular);
        if same { Ok(stat) } else { Err(Errno::Stale.into()) }
    }

    /// Changes attributes by the control file. A server that finds its objects by their names, and does not find this one
    /// any more, leaves the descriptor that it handed out.
    fn set_stat_there(&self, call: &Call, set: &SetStat, mut report: SetStatReport) -> Result<SetStatReport> {
        let lost = |errno| matches!(errno, Errno::Stale | Errno::Noent | Errno::Inval);
        let answer = set::set_stat(&self.shared.connection, call, self.control.id(), set, SetStatReport::DONE);
        let there = match answer {
            Err(Error::Errno(errno)) if lost(errno) => SetStatReport { failed: set.mask(), errno: Some(errno) },
            other => other?,
        };
        let Some(errno) = there.errno else { return Ok(report) };
        match self.host().filter(|_| lost(errno)) {
            Some(host) => {
                let left = set::without(set, set.mask() - there.failed);
                let done = set_stat::set_stat_open(host, &left);
                done.errno.into_iter().for_each(|errno| report.fail(done.failed, errno));
            }
            None => report.fail(there.failed, errno),
        }
        Ok(report)
    }

    /// Has a write reach the disk, if the file was opened for that: there is no flag of the protocol for it.
    fn after_write(&self, call: &Call) -> Result<()> {
        let (all, data) = (self.access.contains(OpenFlags::SYNC), self.access.contains(OpenFlags::DSYNC));
        let synced = if all || data { self.sync(call, !all) } else { Ok(()) };
        // Something was written.
        synced.map_err(for_good)
    }
}

/// How much of `data` was written, of what the server says. Who writes on until all is written would go on for ever with
/// nothing.
fn counted(told: u64, data: &[u8]) -> Result<usize> {
    let written = usize::try_from(told).ok().filter(|written| (1..=data.len()).contains(written));
    written.ok_or(Errno::Io.into())
}

impl Handle for LisaHandle {
    fn read_at(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        self.may(call, OpenFlags::READ)?;
        match self.host() {
            Some(host) => data::read_at(host, bufs, offset),
            None => self.pread(call, bufs, offset),
        }
    }

    fn write_at(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        self.may(call, OpenFlags::WRITE)?;
        let written = match &self.host {
            Some(host) => host.write_at(bufs, offset)?,
            None => self.pwrite(call, bufs, offset)?,
        };
        self.after_write(call)?;
        Ok(written)
    }

    fn append(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        self.may(call, OpenFlags::WRITE)?;
        let appended = match &self.host {
            Some(host) => host.append(bufs)?,
            None => self.append_there(call, bufs)?,
        };
        self.after_write(call)?;
        Ok(appended)
    }

    fn stat(&self, call: &Call) -> Result<Stat> {
        match self.host() {
            // The key stays that of the server's: it may tell no birth time where the kernel does.
            Some(host) if self.same_owner => {
                stat::stat_fd(Keys::WithoutBirth, host).map(|stat| Stat { key: self.key, ..stat })
            }
            _ => self.stat_there(call),
        }
    }

    fn stats_locally(&self) -> bool {
        self.stats_here()
    }

    fn set_stat(&self, call: &Call, set: &SetStat) -> Result<SetStatReport> {
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        // As ftruncate(2) on a descriptor without the right, and for a length that no file has.
        let refused = !self.is_writer() || set.size.is_some_and(|size| size > OFFSET_MAX);
        let report = set::refused(set, FileType::Regular, refused.then_some(Errno::Inval));
        let asked = set::without(set, report.failed);
        // What a descriptor that is open for writing may do by itself; who else may change what is for the server to say.
        let own = SetStat { size: asked.size, atime: asked.atime, mtime: asked.mtime, ..SetStat::default() };
        let own = self.host().filter(|_| self.is_writer() && !own.mask().is_empty()).map(|host| (host, own));
        let (mut report, mut asked) = (report, asked);
        if let Some((host, own)) = own {
            let done = set_stat::set_stat_open(host, &own);
            // Times may need the owner, who the server may be and this process not.
            let theirs = if done.errno == Some(Errno::Perm) { done.failed } else { SetStatMask::empty() };
            if let Some(errno) = done.errno
                && theirs.is_empty()
            {
                report.fail(done.failed, errno);
            }
            asked = set::without(&asked, own.mask() - theirs);
        }
        self.set_stat_there(call, &asked, report)
    }

    fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        match self.host() {
            Some(host) => sync::sync(host, data_only),
            None => self.shared.connection.ask(call, &FSync { fds: &[self.open.id()] }, |(), _| Ok(())),
        }
    }

    fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        self.may(call, OpenFlags::WRITE)?;
        if let Some(host) = self.host() {
            return data::allocate(host, offset, len);
        }
        if len == 0 || offset > OFFSET_MAX || len > OFFSET_MAX {
            return Err(Errno::Inval.into());
        }
        if offset.saturating_add(len) > OFFSET_MAX {
            return Err(Errno::Fbig.into());
        }
        let request = FAllocate { fd: self.open.id(), mode: 0, offset, length: len };
        self.shared.connection.ask(call, &request, |(), _| Ok(()))
    }

    fn advise(&self, call: &Call, offset: u64, len: u64, advice: Advice) -> Result<()> {
        self.enter(call)?;
        let raw = match advice {
            Advice::Normal => OsAdvice::Normal,
            Advice::Sequential => OsAdvice::Sequential,
            Advice::Random => OsAdvice::Random,
            Advice::WillNeed => OsAdvice::WillNeed,
            Advice::DontNeed => OsAdvice::DontNeed,
            Advice::NoReuse => OsAdvice::NoReuse,
        };
        self.host().map_or(Ok(()), |host| data::advise(host, offset, len, raw))
    }
}

impl fmt::Debug for LisaHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LisaHandle")
            .field("key", &self.key)
            .field("access", &self.access)
            .field("host_fd", &self.has_host_fd())
            .finish_non_exhaustive()
    }
}
