//! What two processes tell each other: words in a mapped file.

use crate::Writer;
use crate::subject::{COUNT, Subject};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the writer is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Command {
    /// What it does unasked: changes as they come.
    Go = 0,
    /// More changes at once than a queue holds.
    Burst = 1,
    /// Nothing any more.
    Stop = 2,
}

const READY: usize = 0;
const COMMAND: usize = 1;
const ANSWERED: usize = 2;
const CHANGES: usize = 3;
const FIRST: usize = 8;
const WORDS: usize = FIRST + COUNT * 3;

/// The board: per subject the version whose making has begun, the one that is made, and whether there is any.
pub(crate) struct Board {
    words: &'static [AtomicU64],
}

impl Board {
    /// A fresh board at `path`.
    pub(crate) fn create(path: &Path) -> Board {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).expect("a new board");
        file.set_len((WORDS * 8) as u64).expect("room for the board");
        Board::map(&file)
    }

    /// The board that the other process made.
    pub(crate) fn open(path: &Path) -> Board {
        Board::map(&OpenOptions::new().read(true).write(true).open(path).expect("the board"))
    }

    fn map(file: &std::fs::File) -> Board {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice, of a file that is as long and is not cut.
        let start = unsafe { mmap(std::ptr::null_mut(), WORDS * 8, protection, MapFlags::SHARED, file, 0) };
        let start = start.expect("the board is mapped").cast::<AtomicU64>();
        // SAFETY: aligned to a page, never unmapped, and used by both processes through atomics alone.
        Board { words: unsafe { std::slice::from_raw_parts(start, WORDS) } }
    }

    fn word(&self, subject: Subject, which: usize) -> &AtomicU64 {
        &self.words[FIRST + subject as usize * 3 + which]
    }

    /// The version that is being made, or was made last.
    pub(crate) fn begun(&self, subject: Subject) -> u64 {
        self.word(subject, 0).load(Ordering::SeqCst)
    }

    /// The version that is made: its system call has returned.
    pub(crate) fn made(&self, subject: Subject) -> u64 {
        self.word(subject, 1).load(Ordering::SeqCst)
    }

    /// Runs a change between the two words.
    pub(crate) fn publish(&self, subject: Subject, change: impl FnOnce(u64)) {
        let version = self.made(subject) + 1;
        self.word(subject, 0).store(version, Ordering::SeqCst);
        change(version);
        self.word(subject, 1).store(version, Ordering::SeqCst);
        self.words[CHANGES].fetch_add(1, Ordering::Relaxed);
    }

    /// Says that this machine cannot make the subject's changes.
    pub(crate) fn skip(&self, subject: Subject) {
        self.word(subject, 2).store(1, Ordering::SeqCst);
    }

    pub(crate) fn is_skipped(&self, subject: Subject) -> bool {
        self.word(subject, 2).load(Ordering::SeqCst) == 1
    }

    /// Changes so far.
    pub(crate) fn changes(&self) -> u64 {
        self.words[CHANGES].load(Ordering::Relaxed)
    }

    pub(crate) fn ready(&self) {
        self.words[READY].store(1, Ordering::SeqCst);
    }

    /// Waits for the writer's first state, for as long as there is a writer.
    pub(crate) fn wait_until_ready(&self, writer: &Writer) {
        writer.wait_until(|| self.words[READY].load(Ordering::SeqCst) == 1);
    }

    /// Asks the writer for something, and waits until it is done.
    pub(crate) fn ask(&self, writer: &Writer, command: Command) {
        self.words[ANSWERED].store(0, Ordering::SeqCst);
        self.words[COMMAND].store(command as u64, Ordering::SeqCst);
        writer.wait_until(|| self.words[ANSWERED].load(Ordering::SeqCst) == 1);
    }

    /// What the writer is asked for.
    pub(crate) fn command(&self) -> Command {
        match self.words[COMMAND].load(Ordering::SeqCst) {
            0 => Command::Go,
            1 => Command::Burst,
            _ => Command::Stop,
        }
    }

    /// Says that a command is done.
    pub(crate) fn answer(&self) {
        self.words[COMMAND].store(Command::Go as u64, Ordering::SeqCst);
        self.words[ANSWERED].store(1, Ordering::SeqCst);
    }
}
