//! What is measured: one row per operation.

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

/// A line of the report.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// As in the JSON.
    pub(crate) name: String,
    /// What is done.
    pub(crate) op: Op,
}

/// Files of the tree that is walked: 10 directories of 10 directories of 100 files.
pub(crate) const TREE_FILES: u32 = 10_000;
/// Sizes of transfers, with their names.
pub(crate) const SIZES: [(u32, &str); 4] = [(13, "13B"), (4 << 10, "4KiB"), (64 << 10, "64KiB"), (1 << 20, "1MiB")];
/// Sizes of listed directories.
pub(crate) const LISTS: [u32; 2] = [10, 1000];
/// How much a listing asks for at a time; wasi-libc's size.
pub(crate) const LIST_BUFFER: u32 = 4096;
/// What the program of issue 7973 writes.
pub(crate) const ISSUE_TEXT: &[u8; 13] = b"hello world! ";

impl Op {
    /// How many operations one turn of its loop is.
    pub(crate) fn per_turn(self) -> f64 {
        if self == Op::PathRename { 2.0 } else { 1.0 }
    }

    /// The path that it works on, relative to the mount.
    pub(crate) fn path(self) -> String {
        match self {
            Op::PathFilestatGet { path, .. } => path.to_owned(),
            Op::PathOpenClose | Op::FdFilestatGet => "file.txt".to_owned(),
            Op::PathCreateUnlink => "work/created".to_owned(),
            Op::FdPrestatGet => String::new(),
            Op::FdRead { len } | Op::FdPread { len } => format!("read-{len}"),
            Op::FdPwrite { len } => format!("work/write-{len}"),
            Op::FdReaddir { entries } => format!("list-{entries}"),
            Op::PathRename => "work/name-a".to_owned(),
            Op::PathCreateRemoveDirectory => "work/directory".to_owned(),
            Op::Issue7973 { sync: false } => "work/issue".to_owned(),
            Op::Issue7973 { sync: true } => "work/issue-fsync".to_owned(),
            Op::TreeWalk => "tree".to_owned(),
        }
    }

    /// The other name of a rename, as long as the first.
    pub(crate) fn other_path() -> &'static str {
        "work/name-b"
    }
}

/// The size of the file that is read in order, `len` bytes at a time.
pub(crate) fn read_file_size(len: u32) -> u32 {
    len * if len < 4096 { 4096 } else { 16 }
}

/// Every row.
pub(crate) fn all() -> Vec<Row> {
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
    for entries in LISTS {
        row(&format!("fd_readdir/{entries}"), Op::FdReaddir { entries });
    }
    row("path_rename", Op::PathRename);
    row("path_create_directory+remove", Op::PathCreateRemoveDirectory);
    row("issue-7973", Op::Issue7973 { sync: false });
    row("issue-7973/fsync", Op::Issue7973 { sync: true });
    row("tree-walk/10000", Op::TreeWalk);
    rows
}
