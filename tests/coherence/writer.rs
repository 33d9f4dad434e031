//! The other process: makes changes, each by one system call, and publishes them.

use crate::aio::Aio as NativeAio;
use crate::board::{Board, Command};
use crate::subject::{self, ALL, Scene, Subject, listed_name};
use crate::uring::Uring as Ring;
use crate::{make_dir, pause};
use rustix::fs::{AtFlags, CWD, RenameFlags, Timespec, Timestamps, linkat, renameat_with, utimensat};
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

/// Where it works; without, this program is a test.
pub(crate) const DIRECTORY: &str = "COHERENCE_WRITER_DIRECTORY";
/// What it draws by.
pub(crate) const SEED: &str = "COHERENCE_WRITER_SEED";

/// Events that a queue holds.
pub(crate) fn queue_limit() -> u64 {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").ok();
    limit.and_then(|limit| limit.trim().parse().ok()).unwrap_or(16_384)
}

/// Changes of a burst beyond those.
const BEYOND: u64 = 4_000;

/// A small generator of draws; xorshift.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Draws {
        Draws(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

struct Writer {
    base: PathBuf,
    outside: PathBuf,
    board: Board,
    written: File,
    elsewhere: File,
    uring: Option<Ring>,
    aio: Option<NativeAio>,
}

impl Writer {
    /// Every subject in its version 0.
    fn new(scene: &Scene) -> Writer {
        let (base, outside) = (scene.base(), scene.outside());
        for dir in ["names", "links", "list", "attributes", "swap", "data"] {
            make_dir(&base.join(dir));
        }
        make_dir(&outside);
        let at = |subject: Subject| base.join(subject.path());
        symlink("target-0", at(Subject::Target)).expect("a link");
        symlink("target", at(Subject::LinkedSymlink)).expect("a link");
        for dir in [Subject::Mode, Subject::Mtime, Subject::Nlink, Subject::Swapped] {
            make_dir(&at(dir));
        }
        set_mode(&at(Subject::Mode), 0);
        set_mtime(&at(Subject::Mtime), 0);
        make_dir(&outside.join("directory"));
        fs::write(at(Subject::Swapped).join("file"), "1").expect("a file");
        fs::write(outside.join("directory/file"), "22").expect("a file");
        fs::write(outside.join("source"), "").expect("a file");
        fs::write(at(Subject::LinkedFile), "").expect("a file");
        let grown = |subject: Subject| {
            fs::write(at(subject), 0u64.to_le_bytes()).expect("a file");
            OpenOptions::new().read(true).write(true).open(at(subject)).expect("the file")
        };
        let (written, elsewhere) = (grown(Subject::Written), grown(Subject::Elsewhere));
        drop(elsewhere);
        // By the hard link alone: an open file knows the directory that it was opened in.
        fs::hard_link(at(Subject::Elsewhere), outside.join("elsewhere")).expect("a link");
        let elsewhere = OpenOptions::new().write(true).open(outside.join("elsewhere")).expect("the file");
        let board = Board::open(&scene.board());
        let uring = Ring::new(grown(Subject::Uring)).map_err(|error| skip(&board, Subject::Uring, &error)).ok();
        let aio = NativeAio::new(grown(Subject::Aio)).map_err(|error| skip(&board, Subject::Aio, &error)).ok();
        Writer { written, elsewhere, uring, aio, base, outside, board }
    }

    /// Makes the next version of a subject by one system call, and publishes it.
    fn change(&mut self, subject: Subject) {
        if self.board.is_skipped(subject) {
            return;
        }
        let (at, next) = (self.base.join(subject.path()), self.board.made(subject) + 1);
        self.prepare(subject, next);
        let Writer { board, base, outside, written, elsewhere, uring, aio } = self;
        board.publish(subject, |version| {
            let there = subject::exists(version);
            let done = match subject {
                Subject::Renamed if there => fs::rename(outside.join("staged"), at),
                Subject::Renamed => fs::rename(at, outside.join("staged")),
                Subject::Created if there => OpenOptions::new().write(true).create_new(true).open(at).map(drop),
                Subject::Created => fs::remove_file(at),
                Subject::Made if there => fs::create_dir(at),
                Subject::Made => fs::remove_dir(at),
                Subject::Linked if there => fs::hard_link(outside.join("source"), at),
                Subject::Linked => fs::remove_file(at),
                Subject::Target => fs::rename(outside.join("staged-link"), at),
                Subject::LinkedSymlink if there => link(&at, &outside.join("symlink")),
                Subject::LinkedSymlink => fs::remove_file(outside.join("symlink")),
                Subject::List => toggle(&base.join("list").join(listed_name(version)), version),
                Subject::Mode => {
                    set_mode(&at, version);
                    Ok(())
                }
                Subject::Mtime => {
                    set_mtime(&at, version);
                    Ok(())
                }
                Subject::Nlink if there => fs::create_dir(at.join("child")),
                Subject::Nlink => fs::remove_dir(at.join("child")),
                Subject::Swapped => exchange(&at, &outside.join("directory")),
                Subject::LinkedFile if there => fs::hard_link(at, outside.join("file")),
                Subject::LinkedFile => fs::remove_file(outside.join("file")),
                Subject::Written => written.write_all_at(&version.to_le_bytes(), 8 * version),
                Subject::Elsewhere => elsewhere.write_all_at(&version.to_le_bytes(), 8 * version),
                Subject::Uring => uring.as_mut().expect("not skipped").write(version.to_le_bytes(), 8 * version),
                Subject::Aio => aio.as_mut().expect("not skipped").write(version.to_le_bytes(), 8 * version),
            };
            done.unwrap_or_else(|error| panic!("{subject:?} {version}: {error}"));
        });
    }

    /// What a version needs before its own system call, outside of the mount.
    fn prepare(&self, subject: Subject, version: u64) {
        match subject {
            Subject::Renamed if subject::exists(version) => {
                let staged = File::create(self.outside.join("staged")).expect("a file");
                staged.set_len(subject::renamed_size(version)).expect("a size");
            }
            Subject::Target => {
                let target = String::from_utf8(subject::target(version)).expect("ASCII");
                symlink(target, self.outside.join("staged-link")).expect("a link");
            }
            _ => {}
        }
    }

    /// Changes in runs, with pauses between them in which nothing happens.
    fn work(&mut self, seed: u64) {
        let mut draws = Draws::new(seed);
        let parent = parent_id();
        // Nobody is left to stop it where the test was ended from outside.
        while parent_id() == parent {
            match self.board.command() {
                Command::Go => {}
                Command::Burst => {
                    // Alternating names: equal events in a row are one.
                    for _ in 0..(queue_limit() + BEYOND) / 2 {
                        self.change(Subject::Created);
                        self.change(Subject::Made);
                    }
                    // These find the queue full: nobody is told of them.
                    for subject in ALL {
                        self.change(subject);
                    }
                    self.board.answer();
                    // Nothing comes that would be announced: what was lost has to be found out.
                    pause(30_000);
                }
                Command::Stop => return self.board.answer(),
            }
            for _ in 0..draws.below(24) {
                let subject = ALL[usize::try_from(draws.below(ALL.len() as u64)).expect("small")];
                self.change(subject);
            }
            if draws.below(4) > 0 {
                pause(draws.below(400));
            }
        }
    }
}

pub(crate) fn skip(board: &Board, subject: Subject, error: &std::io::Error) {
    eprintln!("coherence: SKIPPED {subject:?}: {error}");
    board.skip(subject);
}

fn toggle(path: &Path, version: u64) -> std::io::Result<()> {
    if subject::listed(version).contains(listed_name(version).as_bytes()) {
        OpenOptions::new().write(true).create_new(true).open(path).map(drop)
    } else {
        fs::remove_file(path)
    }
}

fn set_mode(path: &Path, version: u64) {
    fs::set_permissions(path, Permissions::from_mode(subject::mode(version))).expect("a mode");
}

fn set_mtime(path: &Path, version: u64) {
    let time = Timespec { tv_sec: subject::mtime(version), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::empty()).expect("a time");
}

fn exchange(a: &Path, b: &Path) -> std::io::Result<()> {
    Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
}

/// A hard link to a symbolic link itself.
fn link(old: &Path, new: &Path) -> std::io::Result<()> {
    Ok(linkat(CWD, old, CWD, new, AtFlags::empty())?)
}

/// As the other process it never ends by itself. As a test it shows that what it publishes is so.
#[test]
fn writer_leaves_every_subject_in_the_state_that_it_published() {
    if let Some(path) = std::env::var_os(DIRECTORY) {
        let mut writer = Writer::new(&Scene::at(path.into()));
        writer.board.ready();
        writer.work(std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1));
        return;
    }
    let scene = Scene::new();
    let _board = Board::create(&scene.board());
    let mut writer = Writer::new(&scene);
    for version in 1..=20u64 {
        for subject in ALL {
            writer.change(subject);
        }
        let at = |subject: Subject| scene.base().join(subject.path());
        for name in [Subject::Renamed, Subject::Created, Subject::Made, Subject::Linked] {
            assert_eq!(at(name).exists(), subject::exists(version), "{name:?} {version}");
        }
        let listed = fs::read_dir(at(Subject::List)).expect("a list").map(|entry| entry.expect("an entry").file_name());
        let listed = listed.map(|name| name.into_encoded_bytes()).collect();
        assert_eq!(subject::listed(version), listed, "{version}");
        assert_eq!(
            fs::read_link(at(Subject::Target)).expect("a link").as_os_str().as_encoded_bytes(),
            subject::target(version)
        );
        for file in [Subject::Written, Subject::Uring, Subject::Aio, Subject::Elsewhere] {
            let grown = writer.board.is_skipped(file)
                || fs::metadata(at(file)).expect("a file").len() == subject::grown(version);
            assert!(grown, "{file:?} {version}");
        }
        let swapped = fs::metadata(at(Subject::Swapped).join("file")).expect("a file").len();
        assert_eq!(swapped, subject::swapped_size(version));
    }
}
