//! What is measured: one row per operation.

use crate::subjects::{Operation, Row};

/// An operation of the guest, and its equivalent in system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// `stat(path)`.
    PathFilestatGet { path: &'static str, missing: bool },
    /// Open to read, close.
    PathOpenClose,
    /// Make a new file, close, unlink it.
    PathCreateUnlink,
    /// `fstat`.
    FdFilestatGet,
    /// What libc asks at its start; no system call is like it.
    FdPrestatGet,
    /// `read` of so many bytes, in order through a file.
    FdRead { len: u32 },
    /// `pread` of so many bytes, always the same.
    FdPread { len: u32 },
    /// `pwrite` of so many bytes, always the same.
    FdPwrite { len: u32 },
    /// `pread` of a page here and there in a file of so many MiB, every page of which was read before.
    PreadRandom { mib: u32 },
    /// `pwrite` of one page after the other of a file of so many MiB, again and again.
    PwriteInTurn { mib: u32 },
    /// Make a file of so many MiB from the start to the end, `len` bytes at a time, `fsync`, close.
    SeqWrite { len: u32, mib: u32 },
    /// `read` a file of so many MiB, `len` bytes at a time, that the kernel has in its cache and nobody else.
    SeqReadCold { len: u32, mib: u32 },
    /// The whole of an open directory of so many files, in buffers of 4 KiB.
    FdReaddir { entries: u32 },
    /// There and back, counted as two.
    PathRename,
    /// `mkdir`, `rmdir`.
    PathCreateRemoveDirectory,
    /// The program of wasmtime issue 7973: open, 1000 times seek and write of 13 bytes, close.
    Issue7973 { sync: bool },
    /// List and stat everything under a directory.
    TreeWalk,
}

/// Files of the tree that is walked: 10 directories of 10 directories of 100 files.
pub(crate) const TREE_FILES: u32 = 10_000;
/// Sizes of transfers, with their names.
pub(crate) const SIZES: [(u32, &str); 4] = [(13, "13B"), (4 << 10, "4KiB"), (64 << 10, "64KiB"), (1 << 20, "1MiB")];
/// What one transfer of [`Op::PreadRandom`] and [`Op::PwriteInTurn`] is.
pub(crate) const PAGE: u32 = 4 << 10;
/// Sizes of listed directories.
pub(crate) const LISTS: [u32; 2] = [10, 1000];
/// How much a listing asks for at a time; wasi-libc's size.
pub(crate) const LIST_BUFFER: u32 = 4096;
/// What the program of issue 7973 writes.
pub(crate) const ISSUE_TEXT: &[u8; 13] = b"hello world! ";

impl Op {
    /// The path that it works on, relative to the mount.
    pub(crate) fn path(self) -> String {
        match self {
            Op::PathFilestatGet { path, .. } => path.to_owned(),
            Op::PathOpenClose | Op::FdFilestatGet => "file.txt".to_owned(),
            Op::PathCreateUnlink => "work/created".to_owned(),
            Op::FdPrestatGet => String::new(),
            Op::FdRead { len } | Op::FdPread { len } => format!("read-{len}"),
            Op::FdPwrite { len } => format!("work/write-{len}"),
            Op::PreadRandom { mib } | Op::SeqReadCold { mib, .. } => format!("big-{mib}MiB"),
            Op::PwriteInTurn { mib } => format!("work/overwrite-{mib}MiB"),
            Op::SeqWrite { mib, .. } => format!("work/new-{mib}MiB"),
            Op::FdReaddir { entries } => format!("list-{entries}"),
            Op::PathRename => "work/name-a".to_owned(),
            Op::PathCreateRemoveDirectory => "work/directory".to_owned(),
            Op::Issue7973 { sync: false } => "work/issue".to_owned(),
            Op::Issue7973 { sync: true } => "work/issue-fsync".to_owned(),
            Op::TreeWalk => "tree".to_owned(),
        }
    }

    /// How many turns are compared: one, where each does the same.
    pub(crate) fn turns_compared(self) -> u32 {
        match self {
            Op::PreadRandom { .. } => 100,
            // Once around and a little further.
            Op::PwriteInTurn { mib } => (mib << 20) / PAGE + 10,
            _ => 1,
        }
    }

    /// The other name of a rename, as long as the first.
    pub(crate) fn other_path() -> &'static str {
        "work/name-b"
    }
}

impl Operation for Op {
    fn per_turn(self) -> f64 {
        if self == Op::PathRename { 2.0 } else { 1.0 }
    }

    fn is_whole_file(self) -> bool {
        matches!(self, Op::SeqWrite { .. } | Op::SeqReadCold { .. })
    }

    fn most_rounds(self) -> usize {
        match self {
            Op::SeqWrite { .. } => 9,
            Op::SeqReadCold { .. } => 15,
            _ => usize::MAX,
        }
    }

    fn reference(self) -> Option<(Vec<u8>, &'static str)> {
        // A directory whose name, `/`, is one byte long, behind a zero errno.
        (self == Op::FdPrestatGet).then(|| (vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], "the specification"))
    }
}

/// The size of the file that is read in order, `len` bytes at a time.
pub(crate) fn read_file_size(len: u32) -> u32 {
    len * if len < 4096 { 4096 } else { 16 }
}

/// How many MiB of a file are written and read as a whole, and in a run that only shows that it works.
const WHOLE_MIB: u32 = 256;
const WHOLE_MIB_QUICK: u32 = 16;

/// Every row. The rows of whole files are those of smaller ones when it is to be quick, and are called so.
pub(crate) fn all(quick: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name: &str, op| rows.push(Row { name: format!("p1/{name}"), op });
    for (name, path, missing) in [
        ("existing-depth1", "file.txt", false),
        ("existing-depth4", "a/b/c/file.txt", false),
        ("directory", "a", false),
        ("missing", "missing.txt", true),
    ] {
        row(&format!("path_filestat_get/{name}"), Op::PathFilestatGet { path, missing });
    }
    row("path_open+fd_close/read-only", Op::PathOpenClose);
    row("path_create+unlink", Op::PathCreateUnlink);
    row("fd_filestat_get", Op::FdFilestatGet);
    row("fd_prestat_get", Op::FdPrestatGet);
    for (len, name) in SIZES {
        row(&format!("fd_read/{name}/sequential"), Op::FdRead { len });
    }
    for (len, name) in SIZES {
        row(&format!("fd_pread/{name}/same-page"), Op::FdPread { len });
    }
    for (len, name) in SIZES {
        row(&format!("fd_pwrite/{name}/same-page"), Op::FdPwrite { len });
    }
    row("fd_pread/4KiB/random-32MiB", Op::PreadRandom { mib: 32 });
    row("fd_pwrite/4KiB/overwrite-8MiB", Op::PwriteInTurn { mib: 8 });
    for entries in LISTS {
        row(&format!("fd_readdir/{entries}"), Op::FdReaddir { entries });
    }
    row("path_rename", Op::PathRename);
    row("path_create_directory+remove", Op::PathCreateRemoveDirectory);
    row("issue-7973", Op::Issue7973 { sync: false });
    row("issue-7973/fsync", Op::Issue7973 { sync: true });
    row("tree-walk/10000", Op::TreeWalk);
    let mib = if quick { WHOLE_MIB_QUICK } else { WHOLE_MIB };
    for (len, name) in [(64 << 10, "64KiB"), (4 << 10, "4KiB")] {
        row(&format!("seq-write/{mib}MiB-{name}+fsync"), Op::SeqWrite { len, mib });
    }
    for (len, name) in [(64 << 10, "64KiB"), (1 << 20, "1MiB")] {
        row(&format!("seq-read-cold/{mib}MiB-{name}"), Op::SeqReadCold { len, mib });
    }
    row("seq-read-cold/32MiB-4KiB", Op::SeqReadCold { len: 4 << 10, mib: 32 });
    rows
}
