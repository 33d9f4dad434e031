//! The operations, each with what it must do.

use crate::kit::{READ, READ_WRITE, WRITE, close, open};
use crate::world::{CALL, SIZE_MAX, SLOTS, Slot, World};
use std::io::{IoSlice, IoSliceMut};
use wasi_gofer::CachePolicy;
use wasi_gofer::abi::{Errno, Error, Result as CallResult};
use wasi_gofer::vfs::{OpenFile, OpenHow, SeekFrom};

/// What may be left of an operation that did not end well.
enum Torn<'a> {
    Write { at: usize, data: &'a [u8] },
    Resize(usize),
}

impl World {
    /// Draws an operation, does it and checks it.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        self.counts.ops += 1;
        self.faults.tick(&mut self.rng);
        let struck = self.faults.struck();
        let index = self.rng.index(SLOTS);
        match self.slots[index].take() {
            None => self.open(index)?,
            Some(mut slot) => {
                if self.work(&mut slot)? {
                    self.slots[index] = Some(slot);
                } else {
                    self.close(slot)?;
                }
            }
        }
        self.struck = struck;
        self.guests.iter().for_each(|(ctx, _)| ctx.after(CALL));
        if self.counts.ops.is_multiple_of(256) {
            self.gofer.check_invariants()?;
        }
        Ok(())
    }

    /// Does something with an open file; false when it is to be closed.
    fn work(&mut self, slot: &mut Slot) -> Result<bool, String> {
        match self.rng.below(1_000) {
            0..330 => self.read(slot)?,
            330..680 => self.write(slot)?,
            680..740 => self.set_size(slot)?,
            740..760 => self.allocate(slot)?,
            760..800 => self.seek(slot)?,
            800..840 => self.stat(slot)?,
            840..880 => self.sync(slot)?,
            880..895 => self.set_append(slot),
            895..905 => self.rename(slot.of)?,
            905..909 => self.sync_all()?,
            909..919 => {
                self.note(|| "drop caches".to_owned());
                self.gofer.drop_caches();
            }
            919..925 => {
                self.note(|| format!("compare {}", slot.of));
                self.compare_whole(slot.of)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn open(&mut self, index: usize) -> Result<(), String> {
        let of = self.rng.index(self.files.len());
        let how = self.rng.pick(&[READ, WRITE, READ_WRITE, READ_WRITE, READ_WRITE, READ_WRITE]);
        let how = OpenHow {
            append: self.rng.one_in(5),
            truncate: how.write && self.rng.one_in(30),
            create: self.rng.one_in(4),
            dsync: how.write && self.rng.one_in(12),
            ..how
        };
        let guest = self.rng.index(self.guests.len());
        let since = self.struck;
        let told = self.files[of].clean;
        let opened = open(CALL, &self.guests[guest].1, &self.files[of].name, how);
        self.note(|| {
            let how = (how.read, how.write, how.append, how.truncate, how.dsync);
            format!("open {of} in slot {index} by {guest} (read, write, append, truncate, dsync: {how:?})")
        });
        match opened {
            Ok(file) => {
                if how.truncate {
                    self.files[of].shadow.resize(0);
                }
                self.slots[index] = Some(Slot { file, of, how, position: 0, told });
                Ok(())
            }
            Err(error) => {
                self.explain("open", error, since)?;
                if how.truncate { self.settle(of, Torn::Resize(0)) } else { Ok(()) }
            }
        }
    }

    fn close(&mut self, slot: Slot) -> Result<(), String> {
        let Slot { file, of, told, .. } = slot;
        self.note(|| format!("close of {of}"));
        if self.rng.one_in(5) {
            drop(file);
            return Ok(());
        }
        if let Err(error) = close(CALL, file) {
            return self.explain("close", error, told);
        }
        // The last close leaves nothing behind.
        let last = self.slots.iter().flatten().all(|slot| slot.of != of);
        if last && self.rng.one_in(2) { self.compare_behind(of) } else { Ok(()) }
    }

    /// A place in a file: mostly where something happens.
    fn place(&mut self, of: usize) -> usize {
        let (size, page) = (self.files[of].shadow.size(), self.setup.options.page_bytes);
        let near = |at: usize, by: usize| (at + by).saturating_sub(4).min(SIZE_MAX - 1);
        let by = self.rng.index(9);
        match self.rng.below(10) {
            0..3 => near(self.rng.index(size / page + 2) * page, by),
            3..5 => near(size, by),
            5 => self.rng.index(SIZE_MAX),
            _ => self.rng.index(size + 1),
        }
    }

    /// How much is moved: mostly little, now and then past the 64 KiB from where on caches are passed by.
    fn length(&mut self) -> usize {
        match self.rng.below(200) {
            0 => 65_536 + self.rng.index(20_000),
            1..4 => self.rng.index(65_536),
            4..30 => self.rng.index(9_000),
            30..60 => self.setup.options.page_bytes,
            _ => self.rng.index(700),
        }
    }

    fn read(&mut self, slot: &mut Slot) -> Result<(), String> {
        let at = if self.rng.one_in(3) { None } else { Some(self.place(slot.of)) };
        let len = self.length();
        self.note(|| format!("read {} at {at:?} from {}, {len} bytes", slot.of, slot.position));
        let start = at.unwrap_or(slot.position);
        let cut = self.rng.index(len + 1);
        let mut buf = vec![0xee; len];
        let (done, end) = read(&slot.file, &mut buf, at, cut, self.setup.faulty);
        if at.is_none() {
            slot.position += done;
        }
        if slot.how.read {
            let there = self.files[slot.of].shadow.size().saturating_sub(start).min(len);
            self.observe(slot.of, start, &buf[..done])?;
            match end {
                Err(error) => self.explain("read", error, self.struck)?,
                Ok(()) if done == there => {}
                Ok(()) => return Err(format!("read {done} bytes at {start}, where {there} are")),
            }
        } else if end != Err(Errno::Badf.into()) {
            return Err(format!("read of a file that is open for writing: {end:?}"));
        }
        check_position(slot)
    }

    fn write(&mut self, slot: &mut Slot) -> Result<(), String> {
        let (of, size) = (slot.of, self.files[slot.of].shadow.size());
        let at = if self.rng.one_in(3) { None } else { Some(self.place(of)) };
        let start = if slot.how.append { size } else { at.unwrap_or(slot.position) };
        let len = self.length().max(1).min(SIZE_MAX.saturating_sub(start));
        if len == 0 {
            return self.set_size(slot);
        }
        // Zeros now and then, as a program that clears a range.
        let data = if self.rng.one_in(12) { vec![0; len] } else { self.rng.data(len) };
        let append = slot.how.append;
        self.note(|| format!("write {of} at {at:?}, append {append}, which is {start}: {len} bytes of {size}"));
        let cut = self.rng.index(len + 1);
        let struck = self.faults.struck();
        let (first, second) = data.split_at(cut);
        let bufs = [IoSlice::new(first), IoSlice::new(second)];
        let answer = match at {
            Some(at) => slot.file.write_at(CALL, &bufs, at as u64),
            None => slot.file.write(CALL, &bufs),
        };
        match answer {
            _ if !slot.how.write => match answer {
                Err(Error::Errno(Errno::Badf)) => {}
                other => return Err(format!("write of a file that is open for reading: {other:?}")),
            },
            Ok(written) => {
                if written == 0 || written > len || (written < len && !self.setup.faulty) {
                    return Err(format!("{written} bytes written of {len}"));
                }
                self.files[of].shadow.write(start, &data[..written]);
                if at.is_none() {
                    slot.position = start + written;
                }
                let options = &self.setup.options;
                let waits = options.cache == CachePolicy::Exclusive && options.page_cache_bytes > 0;
                if (slot.how.dsync || !waits) && self.rng.one_in(4) {
                    self.compare_part_behind(of, start, written)?;
                }
                // What made it short may have been a part that was written, and whose answer was lost.
                if written < len && self.faults.struck() > struck {
                    self.settle(of, Torn::Write { at: start + written, data: &data[written..] })?;
                }
            }
            Err(error) => {
                self.explain("write", error, self.struck)?;
                self.settle(of, Torn::Write { at: start, data: &data })?;
            }
        }
        check_position(slot)
    }

    fn set_size(&mut self, slot: &mut Slot) -> Result<(), String> {
        let size = match self.rng.below(8) {
            0 => 0,
            _ => self.place(slot.of),
        };
        self.note(|| format!("set size of {} to {size}", slot.of));
        match slot.file.set_size(CALL, size as u64) {
            Ok(()) if slot.how.write => self.files[slot.of].shadow.resize(size),
            Err(Error::Errno(Errno::Badf)) if !slot.how.write => {}
            Err(error) if slot.how.write => {
                self.explain("set size", error, self.struck)?;
                self.settle(slot.of, Torn::Resize(size))?;
            }
            other => return Err(format!("set size of a file that is open for reading: {other:?}")),
        }
        Ok(())
    }

    fn allocate(&mut self, slot: &mut Slot) -> Result<(), String> {
        let at = self.place(slot.of);
        let len = self.length().max(1).min(SIZE_MAX - at);
        self.note(|| format!("allocate {} at {at}, {len} bytes", slot.of));
        let size = self.files[slot.of].shadow.size();
        match slot.file.allocate(CALL, at as u64, len as u64) {
            Ok(()) if slot.how.write => self.files[slot.of].shadow.resize(size.max(at + len)),
            Err(Error::Errno(Errno::Badf)) if !slot.how.write => {}
            Err(error) if slot.how.write => {
                self.explain("allocate", error, self.struck)?;
                self.settle(slot.of, Torn::Resize(size.max(at + len)))?;
            }
            other => return Err(format!("allocate of a file that is open for reading: {other:?}")),
        }
        Ok(())
    }

    fn seek(&mut self, slot: &mut Slot) -> Result<(), String> {
        let (size, at) = (self.files[slot.of].shadow.size(), self.place(slot.of));
        let (from, base) = match self.rng.below(3) {
            0 => (SeekFrom::Start, 0),
            1 => (SeekFrom::Current, slot.position),
            _ => (SeekFrom::End, size),
        };
        let offset = (at as u64).cast_signed() - (base as u64).cast_signed();
        self.note(|| format!("seek {} to {at} from {from:?}", slot.of));
        match slot.file.seek(CALL, offset, from) {
            Ok(position) if position == at as u64 => slot.position = at,
            Ok(position) => return Err(format!("seek went to {position}, not to {at} of {size}")),
            Err(error) => self.explain("seek", error, self.struck)?,
        }
        check_position(slot)
    }

    fn stat(&mut self, slot: &mut Slot) -> Result<(), String> {
        let size = self.files[slot.of].shadow.size() as u64;
        self.note(|| format!("stat {}", slot.of));
        let guest = self.rng.index(self.guests.len());
        let stat = match self.rng.below(2) {
            0 => slot.file.stat(CALL),
            _ => self.guests[guest].1.stat_at(CALL, self.files[slot.of].name.as_bytes(), true),
        };
        match stat {
            Ok(stat) if stat.size == size => Ok(()),
            Ok(stat) => Err(format!("attributes say {} bytes of {size}", stat.size)),
            Err(error) => self.explain("stat", error, self.struck),
        }
    }

    fn sync(&mut self, slot: &mut Slot) -> Result<(), String> {
        self.note(|| format!("sync {}", slot.of));
        let struck = self.faults.struck();
        // Times are no data: after a sync of data alone they may still be on their way.
        let data_only = self.rng.one_in(2);
        match slot.file.sync(CALL, data_only) {
            Ok(()) => {
                self.files[slot.of].clean = struck;
                if !data_only && self.rng.one_in(2) { self.compare_behind(slot.of) } else { Ok(()) }
            }
            Err(error) => {
                let told = std::mem::replace(&mut slot.told, struck);
                self.explain("sync", error, told)
            }
        }
    }

    fn sync_all(&mut self) -> Result<(), String> {
        self.note(|| "sync all".to_owned());
        let struck = self.faults.struck();
        if let Err(error) = self.gofer.sync() {
            // It tells of anything since ever: nobody need have asked before.
            return self.explain("sync of all", error, 0);
        }
        self.files.iter_mut().for_each(|file| file.clean = struck);
        (0..self.files.len()).try_for_each(|of| self.compare_behind(of))
    }

    fn set_append(&mut self, slot: &mut Slot) {
        slot.how.append = !slot.how.append;
        self.note(|| format!("set append of {} to {}", slot.of, slot.how.append));
        slot.file.set_append(slot.how.append);
    }

    fn rename(&mut self, of: usize) -> Result<(), String> {
        let old = &self.files[of].name;
        let new = old.strip_suffix('\'').map_or_else(|| format!("{old}'"), str::to_owned);
        let dir = &self.guests[0].1;
        match dir.rename_at(CALL, old.as_bytes(), dir, new.as_bytes()) {
            Ok(()) => {
                self.note(|| format!("rename of {of} to {new}"));
                self.files[of].name = new;
                Ok(())
            }
            // Data that is to be written before the name goes.
            Err(error) => self.explain("rename", error, self.struck),
        }
    }

    /// Finds out what an operation left that answered an error.
    fn settle(&mut self, of: usize, torn: Torn<'_>) -> Result<(), String> {
        let size = self.ask_size(of)?;
        let shadow = &mut self.files[of].shadow;
        match torn {
            Torn::Write { at, data } => shadow.torn_write(at, data, size),
            Torn::Resize(asked) => shadow.torn_resize(asked, size),
        }
    }
}

/// Reads until `buf` is full or the file ends: in one transfer, unless short ones are to be expected. The bytes that were
/// read, and how it ended.
fn read(file: &OpenFile, buf: &mut [u8], at: Option<usize>, cut: usize, short: bool) -> (usize, CallResult<()>) {
    let mut done = 0;
    loop {
        let rest = &mut buf[done..];
        let (first, second) = rest.split_at_mut(cut.min(rest.len()));
        let mut bufs = [IoSliceMut::new(first), IoSliceMut::new(second)];
        let answer = match at {
            Some(at) => file.read_at(CALL, &mut bufs, (at + done) as u64),
            None => file.read(CALL, &mut bufs),
        };
        match answer {
            Ok(read) => {
                done += read;
                if read == 0 || !short || done == buf.len() {
                    return (done, Ok(()));
                }
            }
            Err(error) => return (done, Err(error)),
        }
    }
}

fn check_position(slot: &Slot) -> Result<(), String> {
    match slot.file.tell() {
        at if at == slot.position as u64 => Ok(()),
        at => Err(format!("the position is {at}, not {}", slot.position)),
    }
}
