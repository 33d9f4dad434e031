//! What the behaviours arrange and assert with. Paths are relative to the root.

pub use crate::fs::*;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::OnceLock;

pub const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
pub const NOFOLLOW: PathFlags = PathFlags::empty();
pub const NONE: OpenFlags = OpenFlags::empty();
pub const READ: DescriptorFlags = DescriptorFlags::READ;
pub const WRITE: DescriptorFlags = DescriptorFlags::WRITE;
pub const READ_WRITE: DescriptorFlags = READ.union(WRITE);
pub const CREATE: OpenFlags = OpenFlags::CREATE;
pub const EXCLUSIVE: OpenFlags = OpenFlags::EXCLUSIVE;
pub const TRUNCATE: OpenFlags = OpenFlags::TRUNCATE;
pub const DIRECTORY: OpenFlags = OpenFlags::DIRECTORY;

/// Linux says EBADF to somebody who uses a descriptor for what it was not opened for.
pub const NOT_FOR_THAT: &[Code] = &[Code::BadDescriptor];

/// The preopen `/`, the root of the filesystem under test.
pub fn root() -> &'static Descriptor {
    static ROOT: OnceLock<Descriptor> = OnceLock::new();
    ROOT.get_or_init(|| preopen("/"))
}

/// A new descriptor of the preopen of this name.
#[track_caller]
pub fn preopen(name: &str) -> Descriptor {
    let found = preopens().into_iter().find(|(_, path)| path == name);
    found.unwrap_or_else(|| panic!("there is no preopen {name}")).0
}

/// The call must fail, with one of `allowed`.
#[track_caller]
pub fn refused<T: Debug>(result: Result<T>, allowed: &[Code]) {
    match result {
        Err(code) if allowed.contains(&code) => {}
        Err(code) => panic!("refused with {code:?}, expected {allowed:?}"),
        Ok(value) => panic!("succeeded with {value:?}, expected {allowed:?}"),
    }
}

/// The call must succeed.
#[track_caller]
pub fn ok<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(code) => panic!("failed with {code:?}"),
    }
}

pub fn try_open(path: &str, open: OpenFlags, flags: DescriptorFlags) -> Result<Descriptor> {
    root().open_at(FOLLOW, path, open, flags)
}

#[track_caller]
pub fn open(path: &str, open: OpenFlags, flags: DescriptorFlags) -> Descriptor {
    ok(try_open(path, open, flags))
}

/// A directory in which names may be changed.
#[track_caller]
pub fn open_dir(path: &str) -> Descriptor {
    open(path, DIRECTORY, READ | DescriptorFlags::MUTATE_DIRECTORY)
}

/// A new or emptied file, open for reading and writing.
#[track_caller]
pub fn create(path: &str) -> Descriptor {
    open(path, CREATE | TRUNCATE, READ_WRITE)
}

/// A file with these contents, closed again.
#[track_caller]
pub fn make(path: &str, contents: impl AsRef<[u8]>) {
    ok(create(path).write(contents.as_ref(), 0));
}

#[track_caller]
pub fn mkdir(path: &str) {
    ok(root().create_directory_at(path));
}

#[track_caller]
pub fn symlink(target: &str, path: &str) {
    ok(root().symlink_at(target, path));
}

/// All that a file holds.
#[track_caller]
pub fn read_all(file: &Descriptor) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let some = ok(file.read(1 << 20, all.len() as u64));
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

/// The contents of a file by path.
#[track_caller]
pub fn contents(path: &str) -> Vec<u8> {
    read_all(&open(path, NONE, READ))
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
pub fn stat(path: &str) -> Stat {
    ok(root().stat_at(NOFOLLOW, path))
}

pub fn follow(path: &str) -> Result<Stat> {
    root().stat_at(FOLLOW, path)
}

pub fn exists(path: &str) -> bool {
    match root().stat_at(NOFOLLOW, path) {
        Ok(_) => true,
        Err(Code::NoEntry) => false,
        Err(code) => panic!("stat of {path} failed with {code:?}"),
    }
}

#[track_caller]
pub fn assert_missing(path: &str) {
    refused(root().stat_at(NOFOLLOW, path), &[Code::NoEntry]);
}

#[track_caller]
pub fn unlink(path: &str) {
    ok(root().unlink_file_at(path));
}

#[track_caller]
pub fn rmdir(path: &str) {
    ok(root().remove_directory_at(path));
}

#[track_caller]
pub fn rename(from: &str, to: &str) {
    ok(root().rename_at(from, root(), to));
}

#[track_caller]
pub fn readlink(path: &str) -> String {
    ok(root().readlink_at(path))
}

#[track_caller]
pub fn set_times(path: &str, accessed: Nanos, modified: Nanos) {
    ok(root().set_times_at(NOFOLLOW, path, Time::At(accessed), Time::At(modified)));
}

/// The names of a listing; one that comes twice is a failure.
#[track_caller]
pub fn names_of(entries: impl IntoIterator<Item = Entry>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in entries {
        assert!(names.insert(entry.name.clone()), "{} is listed twice", entry.name);
    }
    names
}

/// The names in a directory.
#[track_caller]
pub fn names(path: &str) -> BTreeSet<String> {
    names_of(ok(open(path, DIRECTORY, READ).entries()))
}

pub fn set<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.as_ref().to_owned()).collect()
}

/// The directory `list` with `n` files, and their names.
#[track_caller]
pub fn directory_of(n: usize) -> (Descriptor, BTreeSet<String>) {
    mkdir("list");
    let names: Vec<String> = (0..n).map(|n| format!("file-{n:04}")).collect();
    for name in &names {
        make(&format!("list/{name}"), b"");
    }
    (open_dir("list"), set(names))
}

/// A file's clock may tick coarsely and be read from another place than ours.
#[track_caller]
pub fn assert_is_now(time: Nanos, before: Nanos) {
    let after = now();
    assert!(time + SECOND >= before, "{time} is before {before}");
    assert!(time <= after + SECOND, "{time} is after {after}");
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
