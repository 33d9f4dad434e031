//! Round trips of lisafs: our server in its jail and gVisor's gofer, over the socket and over a channel.
//!
//! ```text
//! cargo bench --no-default-features --features sidecar --bench lisafs -- [--quick] [--rounds N] [--filter SUBSTR] [--jail MODE]
//!     [--json PATH]
//! ```
//!
//! The client is ours in all of them, on one thread, and asks the same of servers in processes of their own over
//! directories with the same contents. The subjects take turns, in each round another first; told is the median of the
//! rounds, and the quartiles. Then a hard mount's sidecar is killed, and told is when guests have their answers again.
//! gVisor's gofer (`runsc`, or what `INTEROP_RUNSC` names) is left out, aloud, where it is not
//! installed. It is a program of its own and no test: it fails when answers differ, never because something was slow.

mod reattach;
#[path = "../../tests/interop/runsc.rs"]
#[allow(dead_code, reason = "the tests' own")]
mod runsc;
#[path = "../../tests/kit/serving.rs"]
mod serving;
mod walk;

use anyhow::{Context, Result, bail, ensure};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fmt::Write as _;
use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, Name};
use wasi_gofer::proto::lisafs::{
    Close, FStat, FdId, Getdents64, Names, OpenAt, PRead, ReadDirStat, StatPath, Walk, WalkStat,
};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::Client;

const CALL: &Call = &Call::WAITING;

/// Names of the directory that is listed.
const ENTRIES: usize = 1000;

/// Bytes of the largest read.
const LARGE: u32 = 1 << 20;

/// A server, which ends with its client.
enum Server {
    Ours(Child, #[expect(dead_code, reason = "removed at the end")] tempfile::TempDir),
    Gvisor(runsc::Runsc),
}

/// One way to one server.
struct Subject {
    name: String,
    client: Client,
    root: FdId,
    file: FdId,
    open: FdId,
    dir: FdId,
    is_ours: bool,
}

/// What is timed.
struct Operation {
    name: &'static str,
    /// How many of it one look at the clock is for.
    batch: u32,
    run: fn(&mut Subject) -> Result<()>,
    /// Whether gVisor's gofer has no message for it.
    ours_alone: bool,
}

const OPERATIONS: &[Operation] = &[
    Operation { name: "FStat", batch: 2000, run: fstat, ours_alone: false },
    Operation { name: "WalkStat, 4 names", batch: 1000, run: walk_stat, ours_alone: false },
    Operation { name: "Walk, 4 names, + Close", batch: 500, run: walk_and_close, ours_alone: false },
    Operation { name: "OpenAt + Close", batch: 500, run: open_and_close, ours_alone: false },
    Operation { name: "PRead 4 KiB", batch: 1000, run: |subject| read(subject, 4096), ours_alone: false },
    Operation { name: "PRead 1 MiB", batch: 20, run: |subject| read(subject, LARGE), ours_alone: false },
    Operation { name: "Getdents64, 1000 entries", batch: 5, run: list, ours_alone: false },
    Operation { name: "ReadDirStat, 1000 entries", batch: 5, run: list_with_attributes, ours_alone: true },
];

fn name(name: &str) -> Name<'_> {
    Name::new(name.as_bytes()).expect("a name")
}

fn path() -> [Name<'static>; 4] {
    ["a", "b", "c", "file"].map(name)
}

fn fstat(subject: &mut Subject) -> Result<()> {
    let stat = subject.client.call(CALL, &FStat { fd: subject.file }).context("FStat")?;
    ensure!(stat.message.size.get() == u64::from(LARGE), "another file");
    Ok(())
}

fn walk_stat(subject: &mut Subject) -> Result<()> {
    let names = path();
    let path = StatPath { with_start: false, names: Names::List(&names) };
    let walked = subject.client.call(CALL, &WalkStat { dir: subject.root, path }).context("WalkStat")?;
    ensure!(walked.message.stats.len() == 4, "a short walk");
    Ok(())
}

fn walk(client: &mut Client, root: FdId) -> Result<[FdId; 4]> {
    let names = path();
    let walked = client.call(CALL, &Walk { dir: root, names: Names::List(&names) }).context("Walk")?;
    let found: Vec<FdId> = walked.message.inodes.iter().map(|inode| inode.control).collect();
    <[FdId; 4]>::try_from(found).ok().context("a short walk")
}

fn close(client: &mut Client, fds: &[FdId]) -> Result<()> {
    client.call(CALL, &Close { fds }).map(|_| ()).context("Close")
}

fn walk_and_close(subject: &mut Subject) -> Result<()> {
    let found = walk(&mut subject.client, subject.root)?;
    close(&mut subject.client, &found)
}

fn open_and_close(subject: &mut Subject) -> Result<()> {
    let opened = subject.client.call(CALL, &OpenAt { fd: subject.file, flags: 0 }).context("OpenAt")?;
    ensure!(opened.fds.len() == 1, "no descriptor");
    let fd = opened.message.fd;
    close(&mut subject.client, &[fd])
}

fn read(subject: &mut Subject, count: u32) -> Result<()> {
    let read = subject.client.call(CALL, &PRead { offset: 0, fd: subject.open, count }).context("PRead")?;
    ensure!(black_box(read.message.data).len() == count as usize, "a short read");
    Ok(())
}

fn list(subject: &mut Subject) -> Result<()> {
    let (mut count, mut listed) = (-(1 << 16), 0);
    loop {
        let part = subject.client.call(CALL, &Getdents64 { fd: subject.dir, count }).context("Getdents64")?;
        if part.message.is_empty() {
            break;
        }
        (count, listed) = (1 << 16, listed + part.message.len());
    }
    ensure!(listed == ENTRIES, "{listed} entries");
    Ok(())
}

fn list_with_attributes(subject: &mut Subject) -> Result<()> {
    let (mut count, mut listed) = (-(1 << 16), 0);
    loop {
        let part = subject.client.call(CALL, &ReadDirStat { fd: subject.dir, count }).context("ReadDirStat")?;
        if part.message.is_empty() {
            break;
        }
        (count, listed) = (1 << 16, listed + part.message.len());
    }
    ensure!(listed == ENTRIES, "{listed} entries");
    Ok(())
}

fn fill(root: &Path) -> Result<()> {
    std::fs::create_dir_all(root.join("a/b/c"))?;
    std::fs::create_dir(root.join("many"))?;
    std::fs::write(root.join("a/b/c/file"), vec![b'x'; LARGE as usize])?;
    for index in 0..ENTRIES {
        std::fs::write(root.join(format!("many/file-{index}")), "")?;
    }
    Ok(())
}

/// Our program, in its jail.
fn ours(jail: &str) -> Result<(Server, UnixStream)> {
    let dir = tempfile::tempdir()?;
    fill(dir.path())?;
    let (socket, theirs) = UnixStream::pair()?;
    fcntl_setfd(&theirs, FdFlags::empty())?;
    let child = Command::new(env!("CARGO_BIN_EXE_wasi-gofer-sidecar"))
        .args(["--fd", &theirs.as_raw_fd().to_string(), "--root"])
        .arg(dir.path())
        .args(["--jail", jail])
        .stderr(Stdio::null())
        .spawn()?;
    Ok((Server::Ours(child, dir), socket))
}

/// The two ways to a server.
fn ways(of: &str, socket: UnixStream, is_ours: bool) -> Result<[Subject; 2]> {
    let mut client = Client::new(Stream::new(socket.into())?);
    let root = client.mount(CALL)?.root.control;
    let channel = client.open_channel(CALL)?;
    let subject = |way: &str, mut client: Client| -> Result<Subject> {
        let file = walk(&mut client, root)?[3];
        let open = client.call(CALL, &OpenAt { fd: file, flags: 0 })?.message.fd;
        let names = [name("many")];
        let many = client.call(CALL, &Walk { dir: root, names: Names::List(&names) })?.message.inodes[0].control;
        let dir = client.call(CALL, &OpenAt { fd: many, flags: 0 })?.message.fd;
        let name = format!("{of}, {way}");
        Ok(Subject { name, client, root, file, open, dir, is_ours })
    };
    Ok([subject("socket", client)?, subject("channel", channel)?])
}

/// Nanoseconds for one of an operation.
fn sample(subject: &mut Subject, operation: &Operation, batch: u32) -> Result<f64> {
    (operation.run)(subject)?;
    let start = Instant::now();
    for _ in 0..batch {
        (operation.run)(subject)?;
    }
    Ok(start.elapsed().as_nanos() as f64 / f64::from(batch))
}

/// The lower quartile, the median and the upper quartile.
fn quartiles(samples: &mut [f64]) -> [f64; 3] {
    samples.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| samples[(samples.len() - 1) * quarter / 4])
}

struct Args {
    quick: bool,
    rounds: usize,
    jail: String,
    json: Option<PathBuf>,
    /// Part of the names of the operations that are timed.
    filter: String,
}

fn parse() -> Result<Args> {
    let mut args = Args { quick: false, rounds: 15, jail: "auto".into(), json: None, filter: String::new() };
    let mut given = std::env::args().skip(1);
    while let Some(arg) = given.next() {
        match arg.as_str() {
            "--quick" => (args.quick, args.rounds) = (true, 1),
            "--rounds" => args.rounds = given.next().context("--rounds N")?.parse()?,
            "--filter" => args.filter = given.next().context("--filter SUBSTR")?,
            "--jail" => args.jail = given.next().context("--jail MODE")?,
            "--json" => args.json = Some(given.next().context("--json PATH")?.into()),
            // What cargo says to every benchmark.
            "--bench" => {}
            other => bail!("{other} is no option"),
        }
    }
    Ok(args)
}

fn main() -> Result<()> {
    let args = parse()?;
    let mut servers = Vec::new();
    let mut subjects = Vec::new();
    let (server, socket) = ours(&args.jail)?;
    subjects.extend(ways("ours", socket, true)?);
    servers.push(server);
    if let Some((gofer, socket)) = runsc::Runsc::start("gVisor's gofer", &[]) {
        fill(&gofer.root())?;
        subjects.extend(ways("gVisor", socket, false)?);
        servers.push(Server::Gvisor(gofer));
    }
    let mut json = Vec::new();
    println!(
        "{:28}{}",
        "us, median (quartiles)",
        subjects.iter().fold(String::new(), |mut line, subject| {
            let _ = write!(line, "{:>26}", subject.name);
            line
        })
    );
    for operation in OPERATIONS.iter().filter(|operation| operation.name.contains(&args.filter)) {
        let mut samples = vec![Vec::new(); subjects.len()];
        let batch = if args.quick { 1 } else { operation.batch };
        for round in 0..args.rounds {
            for turn in 0..subjects.len() {
                let at = (round + turn) % subjects.len();
                if subjects[at].is_ours || !operation.ours_alone {
                    samples[at].push(sample(&mut subjects[at], operation, batch)?);
                }
                // So that who was asked last has gone to sleep.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let mut line = format!("{:28}", operation.name);
        for (subject, samples) in subjects.iter().zip(&mut samples) {
            if samples.is_empty() {
                let _ = write!(line, "{:>26}", "-");
                continue;
            }
            let [low, median, high] = quartiles(samples).map(|ns| ns / 1000.0);
            let _ = write!(line, "{:>26}", format!("{median:.2} ({low:.2}..{high:.2})"));
            json.push(serde_json::json!({
                "op": operation.name, "subject": subject.name, "us": median, "low": low, "high": high,
            }));
        }
        println!("{line}");
    }
    if "cold walk".contains(&args.filter) {
        json.extend(walk::report(args.rounds)?);
    }
    if "re-attach".contains(&args.filter) {
        reattach::run(args.rounds, &args.jail, &mut json)?;
    }
    if let Some(path) = args.json {
        std::fs::write(path, serde_json::to_string_pretty(&json)?)?;
    }
    drop(subjects);
    for server in servers {
        match server {
            Server::Ours(mut child, _) => ensure!(child.wait()?.success(), "the server failed"),
            Server::Gvisor(gofer) => gofer.end(),
        }
    }
    Ok(())
}
