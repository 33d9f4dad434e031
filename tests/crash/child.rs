//! The process that is killed.

use crate::kit::{CREATE, Rng, close, open, root, write_all};
use crate::record::Record;
use std::fmt;
use std::io::{IoSlice, Write, stderr};
use std::time::Duration;
use wasi_gofer::abi::Call;
use wasi_gofer::vfs::{OpenDirectory, OpenFile, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};

/// The variables that name the directory and the options.
pub(crate) const DIR: &str = "CRASH_DIR";
pub(crate) const OPTIONS: &str = "CRASH_OPTIONS";

/// Files that records are added to.
pub(crate) const FILES: usize = 4;

/// The file that is replaced as a whole.
pub(crate) const REPLACED: &str = "replaced";

/// Operations of a child that is not killed.
const OPS: u64 = 400;

const CALL: &Call = &Call::WAITING;

/// How a child ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Killed,
    Shutdown,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ending::Killed => "killed",
            Ending::Shutdown => "shutdown",
        })
    }
}

/// What a child mounts with, and how it ends.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) policy: CachePolicy,
    pub(crate) ending: Ending,
    pub(crate) seed: u64,
    pub(crate) page_bytes: usize,
    pub(crate) page_cache_bytes: usize,
    pub(crate) writeback_ms: u64,
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { policy, ending, seed, page_bytes, page_cache_bytes, writeback_ms } = self;
        write!(f, "{policy} {ending} {seed} {page_bytes} {page_cache_bytes} {writeback_ms}")
    }
}

impl Options {
    fn parse(text: &str) -> Option<Options> {
        let mut words = text.split(' ');
        let policy = words.next()?.parse().ok()?;
        let ending = if words.next()? == "killed" { Ending::Killed } else { Ending::Shutdown };
        let seed = words.next()?.parse().ok()?;
        let page_bytes = words.next()?.parse().ok()?;
        let page_cache_bytes = words.next()?.parse().ok()?;
        let writeback_ms = words.next()?.parse().ok()?;
        Some(Options { policy, ending, seed, page_bytes, page_cache_bytes, writeback_ms })
    }
}

/// That of them which is written with `O_DSYNC`.
const DSYNC: &str = "log0";

fn how(dsync: bool) -> OpenHow {
    OpenHow { dsync, ..CREATE }
}

/// A file that records are added to.
struct Log {
    name: String,
    /// Whether every write is a promise.
    dsync: bool,
    file: OpenFile,
    age: u64,
    count: u64,
    end: u64,
}

/// Says something, in one write.
fn say(what: &str) {
    stderr().write_all(format!("{what}\n").as_bytes()).expect("the parent listens");
}

impl Log {
    fn open(root: &OpenDirectory, name: String) -> Log {
        let dsync = name == DSYNC;
        let file = open(CALL, root, &name, how(dsync)).expect("a fresh name");
        Log { name, dsync, file, age: 0, count: 0, end: 0 }
    }

    /// Adds a record, at the end or at the place where that is.
    fn add(&mut self, rng: &mut Rng) {
        let record = Record { file: self.name.clone().into_bytes(), age: self.age, number: self.count };
        let bytes = record.bytes();
        if rng.one_in(2) {
            self.file.set_append(true);
            let written = self.file.write(CALL, &[IoSlice::new(&bytes)]);
            self.file.set_append(false);
            assert_eq!(written, Ok(bytes.len()));
        } else {
            write_all(CALL, &self.file, &bytes, self.end).expect("written");
        }
        self.count += 1;
        self.end += bytes.len() as u64;
        if self.dsync {
            self.keep();
        }
    }

    /// Says that everything so far will be found.
    fn keep(&self) {
        say(&format!("kept {} {} {}", self.name, self.age, self.count));
    }

    /// Closes the file, which nobody else has open, and opens it again.
    fn reopen(self, root: &OpenDirectory) -> Log {
        let Log { name, dsync, file, age, count, end } = self;
        close(CALL, file).expect("closed");
        say(&format!("kept {name} {age} {count}"));
        let file = open(CALL, root, &name, how(dsync)).expect("opened");
        Log { name, dsync, file, age, count, end }
    }

    /// Begins anew.
    fn cut(&mut self) {
        say(&format!("cut {}", self.name));
        self.file.set_size(CALL, 0).expect("cut");
        (self.age, self.count, self.end) = (self.age + 1, 0, 0);
    }
}

/// Replaces a file as editors do: a new one is written, and moved over it. There must be one: a rename to a free name
/// promises nothing.
fn replace(root: &OpenDirectory, age: u64) {
    let bytes = Record { file: REPLACED.into(), age, number: 0 }.bytes();
    let how = OpenHow { truncate: true, ..CREATE };
    let file = open(CALL, root, "new", how).expect("opened");
    write_all(CALL, &file, &bytes, 0).expect("written");
    let closes_first = age.is_multiple_of(2);
    let mut file = Some(file);
    if closes_first && let Some(file) = file.take() {
        close(CALL, file).expect("closed");
    }
    root.rename_at(CALL, b"new", root, REPLACED.as_bytes()).expect("renamed");
    say(&format!("kept {REPLACED} {age} 1"));
    if file.is_some() {
        // A kill in here finds only what the rename brought out: the close would do it too.
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(file);
}

/// Does what the options say.
fn work(dir: &str, options: &Options) {
    let fs = FsOptions {
        page_bytes: options.page_bytes,
        page_cache_bytes: options.page_cache_bytes,
        writeback: Duration::from_millis(options.writeback_ms),
        ..FsOptions::with_policy(options.policy)
    };
    let mut builder = Gofer::builder();
    builder.dir(dir, "/", MountOptions { read_only: false, fs });
    let gofer = builder.build().expect("the mount is fine");
    let (ctx, root) = root(&gofer);
    let mut rng = Rng::new(options.seed);
    let mut logs: Vec<_> = (0..FILES).map(|n| Log::open(&root, format!("log{n}"))).collect();
    let first = open(CALL, &root, REPLACED, CREATE).expect("a fresh name");
    write_all(CALL, &first, &Record { file: REPLACED.into(), age: 0, number: 0 }.bytes(), 0).expect("written");
    close(CALL, first).expect("closed");
    say(&format!("kept {REPLACED} 0 1"));
    let mut age = 0;
    for op in 0.. {
        let index = rng.index(FILES);
        let log = &mut logs[index];
        match rng.below(40) {
            0..26 => log.add(&mut rng),
            26..32 => {
                log.file.sync(CALL, rng.one_in(2)).expect("synced");
                log.keep();
            }
            32..35 => {
                // The last close brings everything out.
                let reopened = logs.swap_remove(index).reopen(&root);
                logs.push(reopened);
            }
            35..37 => {
                age += 1;
                replace(&root, age);
            }
            37 => {
                gofer.sync().expect("synced");
                logs.iter().for_each(Log::keep);
            }
            38 if rng.one_in(4) => log.cut(),
            _ => gofer.drop_caches(),
        }
        ctx.after(CALL);
        if options.policy == CachePolicy::Writethrough {
            // Nothing waits for anything.
            logs.iter().for_each(Log::keep);
        }
        if options.ending == Ending::Shutdown && op > OPS {
            break;
        }
    }
    let kept: Vec<_> = logs.iter().map(|log| format!("kept {} {} {}", log.name, log.age, log.count)).collect();
    drop(logs);
    let report = gofer.shutdown(None);
    assert!(report.failures.is_empty(), "{report:?}");
    kept.iter().for_each(|line| say(line));
    say(&format!("kept {REPLACED} {age} 1"));
}

/// What the tests start as a process of its own.
#[test]
#[ignore = "the process that the other tests kill"]
fn writes_until_it_is_killed() {
    let dir = std::env::var(DIR).expect("the test that starts this names a directory");
    let options = std::env::var(OPTIONS).ok().and_then(|text| Options::parse(&text));
    work(&dir, &options.expect("the test that starts this gives options"));
}
