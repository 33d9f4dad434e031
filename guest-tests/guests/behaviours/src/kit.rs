//! What the behaviours arrange and assert with. Paths are relative to the root (`wasi::ROOT`).

use std::collections::BTreeSet;
use std::fmt::Debug;

use crate::wasi::*;

/// The call must fail, with one of `allowed`.
#[track_caller]
pub fn refused<T: Debug>(result: Result<T>, allowed: &[Errno]) {
    match result {
        Err(errno) if allowed.contains(&errno) => {}
        Err(errno) => panic!("refused with {errno:?}, expected {allowed:?}"),
        Ok(value) => panic!("succeeded with {value:?}, expected {allowed:?}"),
    }
}

/// The call must succeed.
#[track_caller]
pub fn ok<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(errno) => panic!("failed with {errno:?}"),
    }
}

#[track_caller]
pub fn open(path: &str, oflags: u16, rights: u64) -> Fd {
    ok(path_open(ROOT, FOLLOW, path, oflags, rights, fdflags::NONE))
}

#[track_caller]
pub fn open_dir(path: &str) -> Fd {
    open(path, oflags::DIRECTORY, rights::READ)
}

/// A new or emptied file, open for reading and writing.
#[track_caller]
pub fn create(path: &str) -> Fd {
    open(path, oflags::CREAT | oflags::TRUNC, rights::READ_WRITE)
}

#[track_caller]
pub fn create_append(path: &str) -> Fd {
    ok(path_open(ROOT, FOLLOW, path, oflags::CREAT, rights::READ_WRITE, fdflags::APPEND))
}

/// A file with these contents, closed again.
#[track_caller]
pub fn make(path: &str, contents: impl AsRef<[u8]>) {
    let fd = create(path);
    write_all(fd, contents.as_ref());
    ok(fd_close(fd));
}

#[track_caller]
pub fn mkdir(path: &str) {
    ok(path_create_directory(ROOT, path));
}

#[track_caller]
pub fn symlink(target: &str, path: &str) {
    ok(path_symlink(target, ROOT, path));
}

/// Writes everything at the position, in as many calls as it takes.
#[track_caller]
pub fn write_all(fd: Fd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let n = ok(fd_write(fd, bytes));
        assert!(n > 0, "a write made no progress");
        bytes = &bytes[n..];
    }
}

/// Reads from the position to the end.
#[track_caller]
pub fn read_to_end(fd: Fd) -> Vec<u8> {
    let mut contents = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        match ok(fd_read(fd, &mut buffer)) {
            0 => return contents,
            n => contents.extend_from_slice(&buffer[..n]),
        }
    }
}

/// Everything between two offsets, without moving the position; shorter where the file ends.
#[track_caller]
pub fn read_range(fd: Fd, offset: u64, len: usize) -> Vec<u8> {
    let mut contents = vec![0xee; len];
    let mut filled = 0;
    while filled < len {
        match ok(fd_pread(fd, &mut contents[filled..], offset + filled as u64)) {
            0 => break,
            n => filled += n,
        }
    }
    contents.truncate(filled);
    contents
}

/// The contents of a file by path.
#[track_caller]
pub fn contents(path: &str) -> Vec<u8> {
    let fd = open(path, oflags::NONE, rights::READ);
    let contents = read_to_end(fd);
    ok(fd_close(fd));
    contents
}

#[track_caller]
pub fn assert_contents(path: &str, expected: impl AsRef<[u8]>) {
    assert_same(&contents(path), expected.as_ref());
}

/// Compares without printing megabytes.
#[track_caller]
pub fn assert_same(actual: &[u8], expected: &[u8]) {
    if actual == expected {
        return;
    }
    let at = actual.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let some = |bytes: &[u8]| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 24)]).into_owned();
    panic!(
        "contents differ at byte {at}: {} bytes with {:?} there, expected {} bytes with {:?}",
        actual.len(),
        some(actual),
        expected.len(),
        some(expected)
    );
}

/// Attributes by path; a symlink is not followed.
#[track_caller]
pub fn stat(path: &str) -> Filestat {
    ok(path_filestat_get(ROOT, NOFOLLOW, path))
}

pub fn exists(path: &str) -> bool {
    match path_filestat_get(ROOT, NOFOLLOW, path) {
        Ok(_) => true,
        Err(Errno::NOENT) => false,
        Err(errno) => panic!("stat of {path} failed with {errno:?}"),
    }
}

#[track_caller]
pub fn assert_missing(path: &str) {
    refused(path_filestat_get(ROOT, NOFOLLOW, path), &[Errno::NOENT]);
}

#[track_caller]
pub fn unlink(path: &str) {
    ok(path_unlink_file(ROOT, path));
}

#[track_caller]
pub fn rename(from: &str, to: &str) {
    ok(path_rename(ROOT, from, ROOT, to));
}

#[track_caller]
pub fn readlink(path: &str) -> String {
    let mut buffer = [0; 1024];
    let n = ok(path_readlink(ROOT, path, &mut buffer));
    String::from_utf8(buffer[..n].to_vec()).expect("the target is UTF-8")
}

/// One entry as `fd_readdir` lays it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub next: u64,
    pub ino: u64,
    pub filetype: FileType,
    pub name: Vec<u8>,
}

pub const DIRENT: usize = 24;

/// The complete entries of one `fd_readdir` answer. What is cut at the end is left out.
pub fn parse(mut bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while bytes.len() >= DIRENT {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let name_len = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
        let Some(name) = bytes.get(DIRENT..DIRENT + name_len) else { break };
        entries.push(Entry { next: word(0), ino: word(8), filetype: FileType(bytes[20]), name: name.to_vec() });
        bytes = &bytes[DIRENT + name_len..];
    }
    entries
}

/// All entries from `cookie` on, `.` and `..` included, read through a buffer of `buffer_len` bytes.
#[track_caller]
pub fn entries_from(fd: Fd, mut cookie: u64, buffer_len: usize) -> Vec<Entry> {
    let mut buffer = vec![0; buffer_len];
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let used = ok(fd_readdir(fd, &mut buffer, cookie));
        assert!(used <= buffer_len, "fd_readdir says that it used {used} of {buffer_len} bytes");
        let some = parse(&buffer[..used]);
        if let Some(last) = some.last() {
            cookie = last.next;
        }
        let progressed = !some.is_empty();
        all.extend(some);
        // A buffer that was not filled means the end; a full one that held no whole entry is too small.
        if used < buffer_len {
            return all;
        }
        assert!(progressed, "no entry fits into a buffer of {buffer_len} bytes");
        assert!(all.len() < 100_000, "the listing does not end");
    }
}

#[track_caller]
pub fn entries(fd: Fd) -> Vec<Entry> {
    entries_from(fd, 0, 4096)
}

/// The names of a listing without `.` and `..`; a name that comes twice is a failure.
#[track_caller]
pub fn names_of(entries: &[Entry]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = String::from_utf8(entry.name.clone()).expect("names are UTF-8");
        if name != "." && name != ".." {
            assert!(names.insert(name.clone()), "{name} is listed twice");
        }
    }
    names
}

/// The names in a directory, without `.` and `..`.
#[track_caller]
pub fn names(path: &str) -> BTreeSet<String> {
    let fd = open_dir(path);
    let names = names_of(&entries(fd));
    ok(fd_close(fd));
    names
}

pub fn set<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.as_ref().to_owned()).collect()
}

/// A small generator with a fixed seed: every run does the same.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

/// FNV-1a.
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
