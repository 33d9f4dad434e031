//! What is changed and looked at. The state of a subject is a function of its version alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// One thing that the writer changes, by one system call a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Subject {
    /// A file that is renamed in, and out again.
    Renamed,
    /// A file that is made and unlinked: inode numbers are used again.
    Created,
    /// A directory that is made and removed.
    Made,
    /// A name that is linked in and unlinked.
    Linked,
    /// A symbolic link that is renamed over.
    Target,
    /// A symbolic link that gets and loses a hard link elsewhere.
    LinkedSymlink,
    /// A directory in which names come and go.
    List,
    /// A directory's mode.
    Mode,
    /// A directory's time.
    Mtime,
    /// A directory's link count.
    Nlink,
    /// A directory that changes places with another one.
    Swapped,
    /// A file that gets and loses a hard link elsewhere.
    LinkedFile,
    /// Files that grow, by write(2), by io_uring, by native AIO, and through a hard link elsewhere.
    Written,
    Uring,
    Aio,
    Elsewhere,
}

pub(crate) use Subject::*;

pub(crate) const ALL: [Subject; 16] = [
    Renamed,
    Created,
    Made,
    Linked,
    Target,
    LinkedSymlink,
    List,
    Mode,
    Mtime,
    Nlink,
    Swapped,
    LinkedFile,
    Written,
    Uring,
    Aio,
    Elsewhere,
];
pub(crate) const COUNT: usize = ALL.len();

/// Names that come and go in [`List`].
const LISTED: u64 = 8;

impl Subject {
    /// Below [`Scene::base`].
    pub(crate) fn path(self) -> &'static str {
        match self {
            Renamed => "names/renamed",
            Created => "names/created",
            Made => "names/made",
            Linked => "names/linked",
            Target => "links/target",
            LinkedSymlink => "links/linked",
            List => "list",
            Mode => "attributes/mode",
            Mtime => "attributes/mtime",
            Nlink => "attributes/nlink",
            Swapped => "swap/directory",
            LinkedFile => "data/linked",
            Written => "data/written",
            Uring => "data/uring",
            Aio => "data/aio",
            Elsewhere => "data/elsewhere",
        }
    }
}

/// Whether something is under the name in this version.
pub(crate) fn exists(version: u64) -> bool {
    version % 2 == 1
}

/// Size of what was renamed in.
pub(crate) fn renamed_size(version: u64) -> u64 {
    version % 1000
}

/// Contents of the link.
pub(crate) fn target(version: u64) -> Vec<u8> {
    format!("target-{version}").into_bytes()
}

/// The name that makes this version of a list.
pub(crate) fn listed_name(version: u64) -> String {
    format!("entry-{}", version % LISTED)
}

/// The names in this version of a list: each change puts its name in, or takes it out.
pub(crate) fn listed(version: u64) -> BTreeSet<Vec<u8>> {
    let there = |slot: u64| {
        let changes = (version + LISTED - slot) / LISTED - u64::from(slot == 0);
        changes % 2 == 1
    };
    (0..LISTED).filter(|slot| there(*slot)).map(|slot| listed_name(slot).into_bytes()).collect()
}

/// Mode of a directory.
pub(crate) fn mode(version: u64) -> u32 {
    0o700 | u32::try_from(version % 64).expect("small")
}

/// Change time of a directory, in seconds.
pub(crate) fn mtime(version: u64) -> i64 {
    1_000_000_000 + i64::try_from(version).expect("small")
}

/// Links of a directory beyond those of an empty one, or of a file beyond its own name.
pub(crate) fn further_links(version: u64) -> u64 {
    version % 2
}

/// Size of the file in the directory that changes places.
pub(crate) fn swapped_size(version: u64) -> u64 {
    1 + version % 2
}

/// Size of a file that grows by a word a version, each word its own version.
pub(crate) fn grown(version: u64) -> u64 {
    8 * (version + 1)
}

/// The directories of one run.
pub(crate) struct Scene {
    dir: Result<TempDir, PathBuf>,
}

/// Where the subjects are below the mount: far enough for a walk to have something to cross.
pub(crate) const WAY: &str = "one/two";

impl Scene {
    pub(crate) fn new() -> Scene {
        // Beside the build, which is on a disk; the system's directory for such things often is not.
        let place = std::env::var_os("COHERENCE_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
        let dir = TempDir::new_in(place).expect("a fresh directory");
        Scene { dir: Ok(dir) }
    }

    /// That of the other process.
    pub(crate) fn at(path: PathBuf) -> Scene {
        Scene { dir: Err(path) }
    }

    pub(crate) fn path(&self) -> &Path {
        match &self.dir {
            Ok(dir) => dir.path(),
            Err(path) => path,
        }
    }

    /// What is mounted.
    pub(crate) fn tree(&self) -> PathBuf {
        self.path().join("tree")
    }

    /// Where the subjects are.
    pub(crate) fn base(&self) -> PathBuf {
        self.tree().join(WAY)
    }

    /// A directory outside of the mount, on the same filesystem.
    pub(crate) fn outside(&self) -> PathBuf {
        self.path().join("outside")
    }

    pub(crate) fn board(&self) -> PathBuf {
        self.path().join("board")
    }
}

#[test]
fn listed_after_each_change_differs_by_the_name_that_changed() {
    for version in 1..100 {
        let (before, after) = (listed(version - 1), listed(version));
        let changed: Vec<_> = before.symmetric_difference(&after).collect();
        assert_eq!(changed, [&listed_name(version).into_bytes()], "{version}");
    }
}
