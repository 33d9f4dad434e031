//! A guest that looks, and what it may see: the state of a version between the one that was made before it looked and
//! the one that was begun before it had its answer.

use crate::board::Board;
use crate::subject::{self, ALL, Scene, Subject, WAY};
use crate::writer::{Draws, skip};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io::IoSliceMut;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wasi_gofer::Gofer;
use wasi_gofer::abi::{Call, Errno, Error, FileType, Stat};
use wasi_gofer::vfs::{Descriptor, OpenDirectory, OpenHow};

const CALL: &Call = &Call::WAITING;

/// Looks of one kind in a row: a guest that looks once at each of many things keeps no watch.
const RUN: u64 = 40;

pub(crate) struct Reader<'a> {
    board: &'a Board,
    /// Where its paths start.
    start: OpenDirectory,
    /// What they start with.
    way: String,
    seed: u64,
}

impl<'a> Reader<'a> {
    /// From the mount, or from the directory that has the subjects.
    pub(crate) fn new(scene: &Scene, board: &'a Board, gofer: &Gofer, seed: u64, inside: bool) -> Reader<'a> {
        let ctx = gofer.ctx();
        let root = ctx.open_preopen(CALL, &ctx.preopens()[0]).expect("the preopen opens");
        let (start, way) = match inside {
            true => (open_dir(&root, WAY), String::new()),
            false => (root, format!("{WAY}/")),
        };
        // Some filesystems count no children.
        if std::fs::metadata(scene.outside()).expect("a directory").nlink() <= 2 {
            let error = std::io::Error::other("directories count no children here");
            skip(board, Subject::Nlink, &error);
        }
        Reader { board, start, way, seed }
    }

    /// Looks until all readers together have `wanted` looks.
    pub(crate) fn look_until(&self, checks: &AtomicU64, wanted: u64, stop: &AtomicBool) {
        let mut draws = Draws::new(self.seed);
        while checks.load(Ordering::Relaxed) < wanted && !stop.load(Ordering::Relaxed) {
            let subject = ALL[usize::try_from(draws.below(ALL.len() as u64)).expect("small")];
            if self.board.is_skipped(subject) {
                continue;
            }
            for _ in 0..RUN {
                let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.look(subject)));
                if let Err(panic) = looked {
                    stop.store(true, Ordering::Relaxed);
                    std::panic::resume_unwind(panic);
                }
            }
            checks.fetch_add(RUN, Ordering::Relaxed);
        }
    }

    /// Looks at a subject in one of the ways in which it can be looked at.
    fn look(&self, subject: Subject) {
        let path = format!("{}{}", self.way, subject.path());
        let present = |stat: Result<Stat, Error>| found(stat).is_some();
        match subject {
            Subject::Renamed => {
                let size = |version| subject::exists(version).then(|| subject::renamed_size(version));
                self.check(subject, size, || found(self.stat(&path)).map(|stat| stat.size));
            }
            Subject::Created | Subject::Made | Subject::Linked => {
                self.check(subject, subject::exists, || present(self.stat(&path)));
            }
            Subject::Target => {
                self.check(subject, subject::target, || self.start.readlink_at(CALL, path.as_bytes()).expect("a link"));
            }
            Subject::List => {
                let dir = open_dir(&self.start, &path);
                self.check(subject, subject::listed, || list(&dir));
            }
            Subject::Mode => self.check(subject, subject::mode, || self.known(&path).mode.bits() & 0o7777),
            Subject::Mtime => self.check(subject, subject::mtime, || self.known(&path).mtime.secs),
            Subject::Nlink => {
                self.check(subject, |version| 2 + subject::further_links(version), || self.known(&path).nlink);
            }
            Subject::Swapped => {
                let path = format!("{path}/file");
                self.check(subject, subject::swapped_size, || self.known(&path).size);
            }
            Subject::LinkedFile | Subject::LinkedSymlink => {
                self.check(subject, |version| 1 + subject::further_links(version), || self.known(&path).nlink);
            }
            Subject::Written | Subject::Uring | Subject::Aio | Subject::Elsewhere => self.look_at_data(subject, &path),
        }
    }

    /// Size by name, then what an open file reads: the words up to the version that was made are there.
    fn look_at_data(&self, subject: Subject, path: &str) {
        self.check(subject, subject::grown, || self.known(path).size);
        let made = self.board.made(subject);
        let how = OpenHow { follow: true, read: true, ..OpenHow::default() };
        let opened = self.start.open_at(CALL, path.as_bytes(), how).expect("the file opens");
        let Descriptor::File(file) = opened else { panic!("{path} is a directory") };
        let mut word = [0; 8];
        let read = file.read_at(CALL, &mut [IoSliceMut::new(&mut word)], 8 * made).expect("it is read");
        file.close(CALL).expect("it is closed");
        assert_eq!((read, u64::from_le_bytes(word)), (8, made), "stale contents of {path}");
    }

    /// Compares an answer with the states that there were while it was given.
    fn check<T: PartialEq + Debug>(&self, subject: Subject, state: impl Fn(u64) -> T, look: impl FnOnce() -> T) {
        let made = self.board.made(subject);
        let answer = look();
        let begun = self.board.begun(subject);
        let fits = (made..=begun).any(|version| state(version) == answer);
        assert!(
            fits,
            "STALE {subject:?} from `{}`: {answer:?}, but {made}: {:?} to {begun}: {:?}",
            self.way,
            state(made),
            state(begun)
        );
    }

    fn stat(&self, path: &str) -> Result<Stat, Error> {
        self.start.stat_at(CALL, path.as_bytes(), false)
    }

    fn known(&self, path: &str) -> Stat {
        self.stat(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

fn found(stat: Result<Stat, Error>) -> Option<Stat> {
    match stat {
        Ok(stat) => Some(stat),
        Err(Error::Errno(Errno::Noent)) => None,
        Err(error) => panic!("{error}"),
    }
}

fn open_dir(start: &OpenDirectory, path: &str) -> OpenDirectory {
    let how = OpenHow { directory: true, read: true, follow: true, ..OpenHow::default() };
    match start.open_at(CALL, path.as_bytes(), how).expect("the directory opens") {
        Descriptor::Directory(dir) => *dir,
        Descriptor::File(_) => panic!("{path} is a file"),
    }
}

fn list(dir: &OpenDirectory) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    let listed = dir.read_dir(CALL, 0, &mut |entry| {
        if entry.name != b"." && entry.name != b".." {
            assert!(matches!(entry.file_type, Some(FileType::Regular) | None));
            names.insert(entry.name.to_vec());
        }
        true
    });
    listed.expect("it is listed");
    names
}
