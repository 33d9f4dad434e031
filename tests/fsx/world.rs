//! One or two files, some open files of them, and what they must hold.

use crate::faults::{ERRNOS, Faults};
use crate::kit::{CREATE, Peek, READ, Rng, close, open, read_all, root};
use crate::setup::{Mounted, Setup};
use crate::shadow::Shadow;
use std::collections::VecDeque;
use wasi_gofer::abi::{Call, Error};
use wasi_gofer::vfs::{OpenDirectory, OpenFile, OpenHow};
use wasi_gofer::{Gofer, GoferCtx};

pub(crate) const CALL: &Call = &Call::WAITING;

/// Longest file, in bytes.
pub(crate) const SIZE_MAX: usize = 256 << 10;

/// Open files at a time.
pub(crate) const SLOTS: usize = 5;

/// Actions that a failure shows.
const SHOWN: usize = 40;

/// An open file, and what it must be.
pub(crate) struct Slot {
    pub(crate) file: OpenFile,
    /// Which of the files it is of.
    pub(crate) of: usize,
    pub(crate) how: OpenHow,
    pub(crate) position: usize,
    /// How many faults had struck when it last told of one: what it tells of came later.
    pub(crate) told: u64,
}

/// A file's name now, and what it holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) shadow: Shadow,
    /// How many faults had struck when it was last known to be written: a file that is opened later may be told of those
    /// that came since, if nobody else was.
    pub(crate) clean: u64,
}

/// What a run counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) ops: u64,
    /// Bytes that were compared, through the mount and behind it.
    pub(crate) compared: u64,
    /// Looks at the storage behind the mount.
    pub(crate) peeks: u64,
    /// Calls of the backend that failed.
    pub(crate) faults: u64,
    /// Operations that answered an error.
    pub(crate) errors: u64,
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) setup: Setup,
    pub(crate) gofer: Gofer,
    pub(crate) guests: Vec<(GoferCtx, OpenDirectory)>,
    pub(crate) slots: Vec<Option<Slot>>,
    pub(crate) files: Vec<Known>,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
    /// Faults that had struck when the operation before the present one began: one that comes from behind may be told
    /// by an operation that began a moment later.
    pub(crate) struck: u64,
    pub(crate) trace: VecDeque<String>,
    peek: Peek,
    _mounted: Mounted,
}

impl World {
    pub(crate) fn new(setup: &Setup, seed: u64) -> World {
        let mut mounted = setup.mount();
        let gofer = mounted.gofer.clone();
        let guests: Vec<_> = (0..if setup.shared { 2 } else { 1 }).map(|_| root(&gofer)).collect();
        let files: Vec<_> = guests.iter().enumerate().map(|(n, _)| format!("file{n}")).collect();
        for name in &files {
            let file = open(CALL, &guests[0].1, name, CREATE).expect("nothing fails yet");
            close(CALL, file).expect("nothing fails yet");
        }
        let peek = std::mem::replace(&mut mounted.peek, Peek::host(""));
        World {
            rng: Rng::new(seed),
            setup: setup.clone(),
            gofer,
            guests,
            slots: (0..SLOTS).map(|_| None).collect(),
            files: files.into_iter().map(|name| Known { name, ..Known::default() }).collect(),
            faults: Faults::new(mounted.plan.clone()),
            counts: Counts::default(),
            struck: 0,
            trace: VecDeque::new(),
            peek,
            _mounted: mounted,
        }
    }

    /// Remembers what is done, for the case that it fails.
    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if self.trace.len() == SHOWN {
            self.trace.pop_front();
        }
        let struck = self.faults.struck();
        self.trace.push_back(format!("    {} ({struck} faults): {}\n", self.counts.ops, what()));
    }

    /// Takes an error that an operation answered: one that no fault explains which struck since `since` is a failure.
    pub(crate) fn explain(&mut self, what: &str, error: Error, since: u64) -> Result<(), String> {
        self.counts.errors += 1;
        self.note(|| format!("{what} answered {error}"));
        let injected = ERRNOS.iter().any(|errno| error.is(*errno));
        if !injected || self.faults.struck() <= since {
            return Err(format!("{what}: {error}, without a fault that explains it"));
        }
        Ok(())
    }

    /// The size of a file, asked for while nothing fails.
    pub(crate) fn ask_size(&self, of: usize) -> Result<usize, String> {
        self.faults.pause();
        let stat = self.guests[0].1.stat_at(CALL, self.files[of].name.as_bytes(), true);
        self.faults.resume();
        let stat = stat.map_err(|error| format!("stat while nothing fails: {error}"))?;
        usize::try_from(stat.size).map_err(|error| error.to_string())
    }

    /// What was seen of a file.
    pub(crate) fn observe(&mut self, of: usize, at: usize, seen: &[u8]) -> Result<(), String> {
        self.counts.compared += seen.len() as u64;
        self.files[of].shadow.observe(at, seen).map_err(|wrong| format!("{}: {wrong}", self.files[of].name))
    }

    /// Compares a whole file as any guest sees it.
    pub(crate) fn compare_whole(&mut self, of: usize) -> Result<(), String> {
        let guest = self.rng.index(self.guests.len());
        self.faults.pause();
        let (dir, name) = (&self.guests[guest].1, &self.files[of].name.clone());
        let seen = open(CALL, dir, name, READ).and_then(|file| {
            let seen = read_all(CALL, &file)?;
            let size = file.stat(CALL)?.size;
            close(CALL, file).or_else(|error| if self.setup.faulty { Ok(()) } else { Err(error) })?;
            Ok((seen, size))
        });
        self.faults.resume();
        let (seen, size) = seen.map_err(|error| format!("reading {name} as a whole: {error}"))?;
        self.counts.compared += seen.len() as u64;
        if size != seen.len() as u64 {
            return Err(format!("{name} has {} bytes, and its attributes say {size}", seen.len()));
        }
        self.files[of].shadow.observe_whole(&seen).map_err(|error| format!("{name} as a whole: {error}"))
    }

    /// Compares a whole file as the storage has it. Everything was flushed.
    pub(crate) fn compare_behind(&mut self, of: usize) -> Result<(), String> {
        self.faults.pause();
        let name = &self.files[of].name.clone();
        let seen = self.peek.file(name);
        let stat = self.guests[0].1.stat_at(CALL, name.as_bytes(), true);
        self.faults.resume();
        let (seen, stat) = (seen?, stat.map_err(|error| format!("stat while nothing fails: {error}"))?);
        self.counts.peeks += 1;
        self.counts.compared += seen.data.len() as u64;
        self.files[of].shadow.observe_whole(&seen.data).map_err(|error| format!("{name} behind the mount: {error}"))?;
        // A set time whose answer was lost is one that nobody knows.
        if !self.setup.faulty && stat.mtime != seen.mtime {
            return Err(format!("{name} changed at {:?}, behind the mount at {:?}", stat.mtime, seen.mtime));
        }
        Ok(())
    }

    /// Compares a part of a file as the storage has it.
    pub(crate) fn compare_part_behind(&mut self, of: usize, at: usize, len: usize) -> Result<(), String> {
        self.faults.pause();
        let seen = self.peek.file(&self.files[of].name);
        self.faults.resume();
        self.counts.peeks += 1;
        let seen = seen?.data;
        let part = seen.get(at..at + len).ok_or_else(|| format!("the storage has {} bytes alone", seen.len()))?;
        self.observe(of, at, part).map_err(|error| format!("behind the mount, {error}"))
    }

    /// Changes a byte of a file behind the mount, as no storage may.
    pub(crate) fn spoil(&mut self, of: usize) {
        let Peek::Host(path) = &self.peek else { return };
        let path = path.join(&self.files[of].name);
        let mut data = std::fs::read(&path).expect("it is there");
        if let Some(byte) = data.last_mut() {
            *byte ^= 0xff;
            std::fs::write(&path, data).expect("it can be written");
        }
    }

    /// Ends the run: everything must be in the storage, with nothing left to tell.
    pub(crate) fn finish(mut self) -> Result<Counts, String> {
        self.faults.heal();
        for of in 0..self.files.len() {
            self.compare_whole(of)?;
        }
        for slot in 0..SLOTS {
            let Some(slot) = self.slots[slot].take() else { continue };
            if self.rng.one_in(2) {
                drop(slot);
            } else if let Err(error) = close(CALL, slot.file) {
                self.explain("close", error, slot.told)?;
            }
        }
        self.gofer.check_invariants()?;
        if self.rng.one_in(2) {
            self.gofer.sync().map_err(|error| format!("sync while nothing fails: {error}"))?;
            for of in 0..self.files.len() {
                self.compare_behind(of)?;
            }
        }
        let report = self.gofer.shutdown(None);
        if !report.failures.is_empty() {
            return Err(format!("shutdown while nothing fails: {report:?}"));
        }
        self.counts.faults = self.faults.struck();
        // Whoever looks now has no cache in front of him at all.
        let World { gofer, guests, files, peek, mut counts, _mounted, .. } = self;
        drop((guests, gofer));
        for mut file in files {
            let seen = peek.file(&file.name)?;
            counts.compared += seen.data.len() as u64;
            counts.peeks += 1;
            let same = file.shadow.observe_whole(&seen.data);
            same.map_err(|error| format!("{} behind the mount after its end: {error}", file.name))?;
        }
        Ok(counts)
    }
}
