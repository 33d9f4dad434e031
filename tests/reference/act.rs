//! What a test does, in full: what [`crate::op`] draws at random becomes this, and regressions are written in it.

use crate::bytes::{Bytes, differ};
use wasi_gofer::abi::{Errno, FileType};
use wasi_gofer::vfs::OpenHow;

/// Most files that a subject has open: the slots that [`Act`]s speak of.
pub(crate) const FILES: usize = 4;
/// Most directories that a subject has open; slot 0 is the root, for good.
pub(crate) const DIRS: usize = 4;

/// One action of the guest, or of an outsider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Opens a path; a file goes to the file slot `into`, a directory to the directory slot `into`, which are emptied
    /// before.
    Open {
        dir: usize,
        path: String,
        how: OpenHow,
        into: usize,
    },
    /// Closes a file: with its own call, or by dropping it.
    Close {
        file: usize,
        dropped: bool,
    },
    /// Closes a directory.
    CloseDir {
        dir: usize,
    },
    ReadAt {
        file: usize,
        offset: u64,
        len: usize,
    },
    WriteAt {
        file: usize,
        offset: u64,
        data: Bytes,
    },
    Read {
        file: usize,
        len: usize,
    },
    Write {
        file: usize,
        data: Bytes,
    },
    SeekEnd {
        file: usize,
        back: u64,
    },
    SetAppend {
        file: usize,
        append: bool,
    },
    SetSize {
        file: usize,
        size: u64,
    },
    /// Makes sure that a range can be written.
    Allocate {
        file: usize,
        offset: u64,
        len: u64,
    },
    FileStat {
        file: usize,
    },
    FileTimes {
        file: usize,
        secs: i64,
    },
    FileSync {
        file: usize,
    },
    DirStat {
        dir: usize,
    },
    DirTimes {
        dir: usize,
        secs: i64,
    },
    DirSync {
        dir: usize,
    },
    /// Lists a directory as it is, to the end.
    List {
        dir: usize,
    },
    /// Goes on with a listing by at most `max` entries, or begins a new one.
    ListSome {
        dir: usize,
        fresh: bool,
        max: usize,
    },
    Stat {
        dir: usize,
        path: String,
        follow: bool,
    },
    SetTimes {
        dir: usize,
        path: String,
        follow: bool,
        secs: i64,
    },
    Mkdir {
        dir: usize,
        path: String,
    },
    Rmdir {
        dir: usize,
        path: String,
    },
    Unlink {
        dir: usize,
        path: String,
    },
    Rename {
        dir: usize,
        path: String,
        new_dir: usize,
        new_path: String,
    },
    Link {
        dir: usize,
        path: String,
        new_dir: usize,
        new_path: String,
    },
    Symlink {
        dir: usize,
        target: String,
        path: String,
    },
    Readlink {
        dir: usize,
        path: String,
    },
    /// Writes a whole file at once, by an outsider.
    Put {
        path: String,
        data: Bytes,
    },
    /// Writes into a file, or at its end without an offset, by an outsider.
    Patch {
        path: String,
        offset: Option<u64>,
        data: Bytes,
    },
    /// Sets a file's length, by an outsider.
    Cut {
        path: String,
        size: u64,
    },
    /// Changes a mode, by an outsider.
    Chmod {
        path: String,
        mode: u32,
    },
    /// Drops what the cache keeps.
    DropCaches,
    /// Flushes everything.
    SyncAll,
    /// Compares the whole tree as the guest sees it.
    Compare,
    /// The same by another guest of the same mounts, who has slots of his own.
    Second(Box<Act>),
    /// What somebody else does to the host directory, in one go.
    Outside(Vec<Act>),
}

impl Act {
    /// Which guest does it, and what.
    pub(crate) fn parts(&self) -> (usize, &Act) {
        match self {
            Act::Second(act) => (1, act),
            act => (0, act),
        }
    }

    /// Whether a path of it has a component that no name may be.
    pub(crate) fn has_long_name(&self) -> bool {
        format!("{self:?}").split(['/', '"']).any(|part| part.len() > 255)
    }

    /// Whether our errno may be another one than the kernel's: of two that an action deserves, which comes first.
    pub(crate) fn may_differ(&self, ours: &Outcome, kernel: &Outcome) -> bool {
        match (self.parts().1, ours, kernel) {
            // Names are validated before the way to them is looked at.
            (_, Err(Errno::Nametoolong), Err(_)) => self.has_long_name(),
            // Types are looked at before it turns out that the directory was removed.
            (Act::Link { .. }, Err(Errno::Perm), Err(Errno::Noent)) => true,
            (Act::Rename { .. }, Err(Errno::Notdir), Err(Errno::Noent)) => true,
            _ => false,
        }
    }
}

/// What is compared of an object's attributes in every subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) file_type: FileType,
    pub(crate) nlink: u64,
    /// `None` for directories, whose size is the filesystem's own business.
    pub(crate) size: Option<u64>,
}

impl Seen {
    pub(crate) fn new(file_type: FileType, nlink: u64, size: u64) -> Seen {
        Seen { file_type, nlink, size: (file_type != FileType::Directory).then_some(size) }
    }
}

/// What an action answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    /// An open made a file, or a directory.
    File,
    Directory,
    Bytes(Bytes),
    Count(usize),
    Position(u64),
    Stat(Seen),
    Target(String),
    /// A whole list, sorted.
    Names(Vec<(String, FileType)>),
    /// A part of a list, and whether it was the last one.
    Part(Vec<String>, bool),
    /// The subject cannot tell.
    Any,
}

pub(crate) type Outcome = Result<Answer, Errno>;

/// Where two subjects read other bytes.
pub(crate) fn differ_at(one: &Outcome, other: &Outcome) -> String {
    match (one, other) {
        (Ok(Answer::Bytes(one)), Ok(Answer::Bytes(other))) => format!(", differing at {}", differ(one, other)),
        _ => String::new(),
    }
}

/// Whether two subjects agree.
pub(crate) fn agree(one: &Outcome, other: &Outcome) -> bool {
    matches!((one, other), (Ok(Answer::Any), _) | (_, Ok(Answer::Any))) || one == other
}

/// Something that actions are done to.
pub(crate) trait Subject {
    fn act(&mut self, act: &Act) -> Outcome;
}

/// The directory part and the last component of a path, and whether slashes follow it.
pub(crate) fn split(path: &str) -> (&str, &str, bool) {
    let trimmed = path.trim_end_matches('/');
    let (before, last) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
    (if before.is_empty() { "." } else { before }, last, trimmed.len() < path.len())
}
