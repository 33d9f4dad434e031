//! Appends of many writers to one file: none is lost, none is torn, and each writer's come in order.
//!
//! Guests of one mount, each with an open file and a thread of its own, and where the policy lets outsiders change the
//! tree a process of its own that appends by the kernel's calls. `APPEND_RECORDS` sets the records of all writers
//! together (default 100,000).

#[path = "../kit/mod.rs"]
mod kit;

use crate::kit::{CREATE, Peek, READ_WRITE, Rng, close, env, open, root};
use std::fs::OpenOptions;
use std::io::{IoSlice, IoSliceMut, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::abi::Call;
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions};
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;
use wasi_gofer::vfs::OpenHow;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions, SharedBackend};

const CALL: &Call = &Call::WAITING;

/// Records of all writers together.
const RECORDS: u64 = 100_000;

/// The variables that name the outsider's file, and how many records he appends.
const FILE: &str = "APPEND_FILE";
const COUNT: &str = "APPEND_COUNT";

/// The writer that is no guest.
const OUTSIDER: usize = 9;

/// A record: of 10 to about 150 bytes, so that they lie across pages, and telling by itself whether it is whole.
fn record(writer: usize, number: u64) -> String {
    let filling = usize::try_from((number * 37 + writer as u64 * 11) % 140).expect("small");
    let fill = char::from(b'a' + u8::try_from(number % 26).expect("small"));
    format!("{writer} {number} {}\n", fill.to_string().repeat(filling))
}

/// Checks that a file has `counts[n]` records of each writer `n`, in order, and nothing else.
fn check(data: &[u8], counts: &[(usize, u64)]) -> Result<(), String> {
    let mut next: Vec<_> = counts.iter().map(|(writer, _)| (*writer, 0)).collect();
    let mut rest = data;
    while !rest.is_empty() {
        let at = data.len() - rest.len();
        let taken = next.iter_mut().find_map(|(writer, number)| {
            let record = record(*writer, *number);
            rest.starts_with(record.as_bytes()).then(|| {
                *number += 1;
                record.len()
            })
        });
        let Some(taken) = taken else {
            let shown = rest[..rest.len().min(200)].escape_ascii();
            return Err(format!("at {at} of {}: \"{shown}\", behind {next:?}", data.len()));
        };
        rest = &rest[taken..];
    }
    if next == counts { Ok(()) } else { Err(format!("{next:?} of {counts:?} records")) }
}

/// A guest that appends `count` records. Where the storage tells an append's `exact` end, and not only how long the file
/// was when it was asked, the record can be read in front of the position.
fn guest(gofer: &Gofer, writer: usize, count: u64, exact: bool) {
    let (ctx, root) = root(gofer);
    let mut rng = Rng::new(writer as u64);
    let how = OpenHow { append: true, ..READ_WRITE };
    let mut file = open(CALL, &root, "log", how).expect("it is there");
    for number in 0..count {
        let record = record(writer, number);
        let (first, second) = record.as_bytes().split_at(rng.index(record.len()));
        let bufs = [IoSlice::new(first), IoSlice::new(second)];
        assert_eq!(file.write(CALL, &bufs), Ok(record.len()));
        if exact && rng.one_in(20) {
            let mut buf = vec![0; record.len()];
            let start = file.tell() - record.len() as u64;
            assert_eq!(file.read_at(CALL, &mut [IoSliceMut::new(&mut buf)], start), Ok(buf.len()));
            assert_eq!(String::from_utf8_lossy(&buf), record, "the record ends where the position is");
        }
        if rng.one_in(500) {
            close(CALL, file).expect("closed");
            ctx.after(CALL);
            file = open(CALL, &root, "log", how).expect("it is there");
        }
    }
    close(CALL, file).expect("closed");
}

/// Starts a process that appends to a file of the host.
fn outsider(file: &Path, count: u64) -> std::process::Child {
    Command::new(std::env::current_exe().expect("we run"))
        .args(["--exact", "outsider_appends", "--ignored"])
        .env(FILE, file)
        .env(COUNT, count.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("the test can be started")
}

/// What the tests start as a process of its own.
#[test]
#[ignore = "the process that appends beside the other tests"]
fn outsider_appends() {
    let path = std::env::var(FILE).expect("the test that starts this names a file");
    let mut file = OpenOptions::new().append(true).open(path).expect("it is there");
    for number in 0..env(COUNT).expect("the test that starts this says how many") {
        file.write_all(record(OUTSIDER, number).as_bytes()).expect("appended");
    }
}

/// What the guests' file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Directory,
    Memory,
    /// A server of ours, whose descriptors are not used.
    Server,
}

/// A server of a directory, and a mount of it where every append is a message.
fn served(dir: &Path) -> (Server, LisaFs) {
    let server = Server::lisafs(Export::open_ambient(dir).expect("an export")).expect("a server");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    server.serve(Stream::new(theirs.into()).expect("a stream")).expect("served");
    let options = LisaFsOptions { host_fds: false, ..LisaFsOptions::default() };
    (server, LisaFs::connect(ours, options).expect("mounted"))
}

fn runs(options: &FsOptions, over: Over) {
    let records = env("APPEND_RECORDS").unwrap_or(RECORDS);
    let over_memory = over == Over::Memory;
    let outside = matches!(options.cache, CachePolicy::Shared | CachePolicy::None) && !over_memory;
    let dir = TempDir::new().expect("a directory");
    let options = MountOptions { read_only: false, fs: options.clone() };
    let mut builder = Gofer::builder();
    let mut server = None;
    let peek = match over {
        Over::Memory => {
            let backend = SharedBackend::new(MemoryFs::new());
            builder.mount("/", backend.clone(), options.clone());
            Peek::mounted(&backend)
        }
        Over::Directory => {
            builder.dir(dir.path(), "/", options.clone());
            Peek::host(dir.path())
        }
        Over::Server => {
            let (serving, backend) = served(dir.path());
            server = Some(serving);
            builder.mount("/", backend, options.clone());
            Peek::host(dir.path())
        }
    };
    let gofer = builder.build().expect("the mount is fine");
    close(CALL, open(CALL, &root(&gofer).1, "log", CREATE).expect("made")).expect("closed");
    let guests = if outside { 2 } else { 3 };
    let each = records / 3;
    let mut counts: Vec<_> = (0..guests).map(|writer| (writer, each)).collect();
    counts[0].1 = records - 2 * each;
    let beside = outside.then(|| outsider(&dir.path().join("log"), each));
    std::thread::scope(|scope| {
        for (writer, count) in &counts {
            let gofer = &gofer;
            scope.spawn(move || guest(gofer, *writer, *count, over_memory));
        }
    });
    if let Some(mut beside) = beside {
        assert!(beside.wait().expect("our child").success());
        counts.push((OUTSIDER, each));
    }
    gofer.check_invariants().expect("they hold");
    assert_eq!(gofer.sync(), Ok(()));
    let data = peek.file("log").expect("it is there").data;
    let size = root(&gofer).1.stat_at(CALL, b"log", true).map(|stat| stat.size);
    assert_eq!(size, Ok(data.len() as u64), "the cache knows how long it is");
    check(&data, &counts).unwrap_or_else(|error| panic!("{options:?}: {error}"));
    drop((gofer, server));
    let (policy, writers) = (options.fs.cache, counts.len());
    println!(
        "append {policy} over {over:?}: {records} records of {writers} writers, {} bytes, none lost or torn",
        data.len()
    );
}

fn caching(policy: CachePolicy) {
    let defaults = FsOptions { writeback: Duration::from_millis(5), ..FsOptions::with_policy(policy) };
    runs(&defaults, Over::Directory);
    runs(&FsOptions { page_bytes: 512, page_cache_bytes: 512, ..defaults.clone() }, Over::Memory);
    runs(&FsOptions { page_bytes: 512, page_cache_bytes: 16 * 512, ..defaults.clone() }, Over::Directory);
    runs(&FsOptions { page_cache_bytes: 0, ..defaults }, Over::Memory);
}

#[test]
fn appends_in_shared_beside_a_process_are_all_there() {
    runs(&FsOptions::with_policy(CachePolicy::Shared), Over::Directory);
}

#[test]
fn appends_in_none_beside_a_process_are_all_there() {
    runs(&FsOptions::with_policy(CachePolicy::None), Over::Directory);
}

#[test]
fn appends_by_messages_beside_a_process_are_all_there() {
    runs(&FsOptions::with_policy(CachePolicy::Shared), Over::Server);
    runs(&FsOptions::with_policy(CachePolicy::None), Over::Server);
}

#[test]
fn appends_of_guests_in_exclusive_are_all_there() {
    caching(CachePolicy::Exclusive);
}

#[test]
fn appends_of_guests_in_writethrough_are_all_there() {
    caching(CachePolicy::Writethrough);
}

#[test]
fn check_of_lost_torn_or_swapped_records_is_an_error() {
    let all: Vec<_> = (0..4).map(|number| record(0, number)).collect();
    let counts = [(0, 4)];
    assert_eq!(check(all.concat().as_bytes(), &counts), Ok(()));
    assert!(check(all[..3].concat().as_bytes(), &counts).is_err(), "the last one is lost");
    assert!(check([&all[..1], &all[2..]].concat().concat().as_bytes(), &counts).is_err(), "one is lost");
    let mut swapped = all.clone();
    swapped.swap(1, 2);
    assert!(check(swapped.concat().as_bytes(), &counts).is_err());
    let torn = all.concat().replacen("aa", "", 1).replacen('b', "", 1);
    assert!(check(torn.as_bytes(), &counts).is_err());
}
