//! The memory of a cache that guests read and write ten times its budget through.
//!
//! Files are on the host, so whatever grows is the cache's: the pages, what keeps them in order, what is still to be
//! written. The most that is allocated at a time stays within the budget and 5 % of it, beside what the same files cost
//! without any data. An allocator counts exactly; the tests of this target run one after the other.
//!
//! `BUDGET_BYTES` sets the budget (default 4 MiB).

mod allocated;
#[path = "../kit/mod.rs"]
mod kit;

use crate::allocated::peak_of;
use crate::kit::{CREATE, READ_WRITE, Rng, close, env, open, root, write_all};
use std::io::IoSliceMut;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::abi::Call;
use wasi_gofer::vfs::{OpenDirectory, OpenFile};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};

const CALL: &Call = &Call::WAITING;

/// How much of its budget a guest goes through.
const TIMES: usize = 10;

/// Bytes of one of many files.
const SMALL: usize = 20_000;

/// Bytes of one transfer: less than what goes past the cache.
const TRANSFER: usize = 32 << 10;

/// The count is of all threads.
static ALONE: Mutex<()> = Mutex::new(());

fn budget() -> usize {
    usize::try_from(env("BUDGET_BYTES").unwrap_or(4 << 20)).expect("it fits")
}

/// The bytes of a file at `at`, different in each file and on each page; the same in every run.
fn contents(file: usize, at: usize, buf: &mut [u8]) {
    let mut rng = Rng::new((file as u64) << 32 | (at / TRANSFER) as u64);
    for word in buf.chunks_mut(64) {
        let byte = rng.next().to_le_bytes()[0];
        word.fill(byte);
    }
}

/// What a guest works on: how many files, and how long each is.
#[derive(Clone, Copy, Debug)]
struct Files {
    count: usize,
    len: usize,
}

impl Files {
    fn one_large() -> Files {
        Files { count: 1, len: TIMES * budget() }
    }

    fn many_small() -> Files {
        Files { count: TIMES * budget() / SMALL, len: SMALL }
    }

    fn name(number: usize) -> String {
        format!("file{number}")
    }

    /// The transfers of one file.
    fn transfers(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.len).step_by(TRANSFER).map(move |at| (at, TRANSFER.min(self.len - at)))
    }
}

/// Uses a file, which is open for as long as it takes.
fn with_file(root: &OpenDirectory, number: usize, work: impl FnOnce(&OpenFile)) {
    let file = open(CALL, root, &Files::name(number), READ_WRITE).expect("it is there");
    work(&file);
    close(CALL, file).expect("closed");
}

fn write(files: Files, root: &OpenDirectory, buf: &mut [u8]) {
    for number in 0..files.count {
        with_file(root, number, |file| {
            for (at, len) in files.transfers() {
                contents(number, at, &mut buf[..len]);
                write_all(CALL, file, &buf[..len], at as u64).expect("written");
            }
        });
    }
}

fn read(files: Files, root: &OpenDirectory, buf: &mut [u8], wanted: &mut [u8]) {
    for number in 0..files.count {
        with_file(root, number, |file| {
            for (at, len) in files.transfers() {
                let mut done = 0;
                while done < len {
                    let read = file.read_at(CALL, &mut [IoSliceMut::new(&mut buf[done..len])], (at + done) as u64);
                    done += read.ok().filter(|read| *read > 0).expect("as long as it was written");
                }
                contents(number, at, &mut wanted[..len]);
                assert!(buf[..len] == wanted[..len], "{} at {at}", Files::name(number));
            }
        });
    }
}

/// Makes all files, writes all, reads all, and reads and writes at random places.
fn work(gofer: &Gofer, files: Files) {
    let (ctx, root) = root(gofer);
    for number in 0..files.count {
        close(CALL, open(CALL, &root, &Files::name(number), CREATE).expect("made")).expect("closed");
    }
    let (mut buf, mut wanted) = (vec![0; TRANSFER], vec![0; TRANSFER]);
    write(files, &root, &mut buf);
    read(files, &root, &mut buf, &mut wanted);
    let mut rng = Rng::new(1);
    for _ in 0..2_000 {
        let number = rng.index(files.count);
        let at = rng.index(files.len / TRANSFER + 1) * TRANSFER;
        let len = TRANSFER.min(files.len - at.min(files.len));
        with_file(&root, number, |file| {
            contents(number, at, &mut buf[..len]);
            // What is there already: the contents stay what they are.
            let part = rng.index(len + 1);
            write_all(CALL, file, &buf[part..len], (at + part) as u64).expect("written");
            let mut one = [0];
            if part < len {
                let read = file.read_at(CALL, &mut [IoSliceMut::new(&mut one)], (at + part) as u64);
                assert_eq!((read, one[0]), (Ok(1), buf[part]));
            }
        });
    }
    read(files, &root, &mut buf, &mut wanted);
    ctx.after(CALL);
}

/// Compares what the host has.
fn compare(files: Files, dir: &Path) {
    for number in 0..files.count {
        let data = std::fs::read(dir.join(Files::name(number))).expect("it is there");
        assert_eq!(data.len(), files.len);
        let mut wanted = vec![0; TRANSFER];
        for (at, len) in files.transfers() {
            contents(number, at, &mut wanted[..len]);
            assert!(data[at..at + len] == wanted[..len], "{} at {at} on the host", Files::name(number));
        }
    }
}

/// Works on new files in a mount; the most bytes that the mount and the work took.
fn run(options: &FsOptions, files: Files) -> usize {
    let dir = TempDir::new().expect("a directory");
    let (gofer, peak) = peak_of(|| {
        let mut builder = Gofer::builder();
        builder.dir(dir.path(), "/", MountOptions { read_only: false, fs: options.clone() });
        let gofer = builder.build().expect("the mount is fine");
        work(&gofer, files);
        gofer
    });
    gofer.check_invariants().expect("they hold");
    assert_eq!(gofer.shutdown(None).failures, []);
    compare(files, dir.path());
    peak
}

fn stays_within(policy: CachePolicy, files: Files) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let budget = budget();
    // What the mount, and names, attributes and handles of the same files cost.
    let without = run(&FsOptions { page_cache_bytes: 0, ..FsOptions::with_policy(policy) }, files);
    let (soon, never) = (Duration::from_millis(20), Duration::from_secs(3_600));
    for (page_bytes, writeback) in [(512, never), (4_096, soon), (4_096, never), (65_536, never)] {
        let options = FsOptions { page_bytes, page_cache_bytes: budget, writeback, ..FsOptions::with_policy(policy) };
        let peak = run(&options, files);
        let limit = without + budget + budget / 20;
        println!("budget {policy}, {files:?}, pages of {page_bytes}: {peak} bytes at most, limit {limit}");
        assert!(peak <= limit, "{options:?}: {peak} bytes, {without} of them without data, of {limit}");
    }
}

#[test]
fn exclusive_over_one_large_file_stays_within_its_budget() {
    stays_within(CachePolicy::Exclusive, Files::one_large());
}

#[test]
fn exclusive_over_many_small_files_stays_within_its_budget() {
    stays_within(CachePolicy::Exclusive, Files::many_small());
}

#[test]
fn writethrough_over_one_large_file_stays_within_its_budget() {
    stays_within(CachePolicy::Writethrough, Files::one_large());
}

#[test]
fn writethrough_over_many_small_files_stays_within_its_budget() {
    stays_within(CachePolicy::Writethrough, Files::many_small());
}

/// That a cache without a bound would be seen: what it would keep is more than the limit.
#[test]
fn peak_of_a_cache_that_keeps_everything_is_beyond_the_limit() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let budget = budget();
    let (kept, peak) = peak_of(|| {
        let pages = Files::one_large().len / 4_096;
        (0..pages).map(|_| vec![1_u8; 4_096]).collect::<Vec<_>>()
    });
    assert!(peak > budget + budget / 20, "{peak} bytes of {} pages", kept.len());
}
