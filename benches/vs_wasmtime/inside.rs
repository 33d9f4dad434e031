//! A program inside gVisor, which does what the guest does: over gVisor's own gofer, and over a server of ours.
//!
//! It is `inside.c`, linked statically, and runs for as long as the benchmark does: a line on its standard input says
//! what to do and how often, one on its standard output how long that took inside.
//!
//! `INTEROP_RUNSC` names another gVisor than the installed one, of which the platform is systrap where it has that, else
//! ptrace. A server of ours is put below by hand, which is done with the version of 2022 alone. Not with `chrt`: gVisor's
//! processes wait by spinning, and in front of all others never let those run that they wait for.

use crate::guest::{self, Program};
use crate::rows::{LISTS, Op};
use crate::sandbox::{self, Sandbox};
use crate::subjects::{self, DIRECTORY, NOENT, REGULAR, Row, Subject};
use crate::{runsc, syscall};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::CachePolicy;
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;

/// The policies that gVisor has too, as it calls them.
const POLICIES: [CachePolicy; 2] = [CachePolicy::Exclusive, CachePolicy::Shared];

/// The rows: those whose cost is a look at what is cached.
pub(crate) fn rows() -> Vec<Row> {
    let row = |name: &str, op| Row { name: format!("gvisor/{name}"), op };
    vec![
        row("stat/existing-depth4", Op::PathFilestatGet { path: "a/b/c/file.txt", missing: false }),
        row("stat/missing", Op::PathFilestatGet { path: "missing.txt", missing: true }),
        row("open+close", Op::PathOpenClose),
        row("pread/4KiB", Op::FdPread { len: 4 << 10 }),
        row("readdir/1000", Op::FdReaddir { entries: LISTS[1] }),
    ]
}

/// What ends with the subject: the program ends with its standard input.
enum Running {
    Run(Child),
    /// In this order: the sandbox is killed, and its connection ends.
    Boot(#[expect(dead_code, reason = "killed at the end")] Sandbox, #[expect(dead_code, reason = "serves")] Server),
}

/// The program, in one sandbox.
struct Inside {
    name: String,
    options: String,
    input: Option<PipeWriter>,
    output: BufReader<PipeReader>,
    running: Running,
    _dir: TempDir,
}

/// Makes the program, in the directory that is served; false where there is no compiler that links statically.
fn compiled(root: &Path) -> bool {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/vs_wasmtime/inside.c");
    let made = Command::new("cc").args(["-static", "-O2", "-o"]).arg(root.join("inside")).arg(source).output();
    made.is_ok_and(|made| made.status.success())
}

/// Whether gVisor's option is one that this version knows.
fn knows(runsc: &OsStr, flag: &str) -> bool {
    let help = Command::new(runsc).arg("flags").output().map(|output| [output.stdout, output.stderr].concat());
    help.is_ok_and(|help| String::from_utf8_lossy(&help).contains(flag))
}

/// The platform by which a program runs: the fast one, where this version has it.
fn platform(runsc: &OsStr) -> &'static str {
    if knows(runsc, "systrap") { "systrap" } else { "ptrace" }
}

impl Inside {
    /// As gVisor's users start it, over its own gofer.
    fn run(runsc: &OsStr, root: &Path, (name, flags): (&str, &[&str])) -> Result<Inside> {
        let dir = tempfile::tempdir()?;
        let config = serde_json::json!({
            "ociVersion": "1.0.2",
            "process": { "user": { "uid": 0, "gid": 0 }, "args": ["/inside"], "cwd": "/" },
            "root": { "path": root, "readonly": false },
            "mounts": [],
        });
        std::fs::write(dir.path().join("config.json"), config.to_string())?;
        let ((theirs, input), (output, their_output)) = (std::io::pipe()?, std::io::pipe()?);
        let platform = format!("--platform={}", platform(runsc));
        let id = dir.path().file_name().context("a name")?.to_string_lossy().replace('.', "x");
        let child = Command::new(runsc)
            .arg("--root")
            .arg(dir.path().join("state"))
            .args(["--ignore-cgroups", "--network=none", "--overlay2=none", &platform])
            .args(flags)
            .args(["run", "--bundle"])
            .args([dir.path().as_os_str(), OsStr::new(&id)])
            .stdin(theirs)
            .stdout(their_output)
            .stderr(Stdio::null())
            .spawn()?;
        let options = format!("runsc {platform} {}", flags.join(" "));
        let (input, output) = (Some(input), BufReader::new(output));
        let mut inside =
            Inside { name: name.to_owned(), options, input, output, running: Running::Run(child), _dir: dir };
        // Until then it makes the directories that it mounts upon, as the next one does over the same files; and one that
        // takes them for its own does not see them come.
        inside.observe(Op::PathFilestatGet { path: "missing.txt", missing: true })?;
        Ok(inside)
    }

    /// Over a server of ours, in this process.
    fn boot(runsc: &OsStr, root: &Path, (name, access): (&str, &str)) -> Result<Inside> {
        let dir = tempfile::tempdir()?;
        let server = Server::lisafs(Export::open_ambient(root)?)?;
        let (ours, gofer) = UnixStream::pair()?;
        server.serve(Stream::new(ours.into())?)?;
        let ((theirs, input), (output, their_output)) = (std::io::pipe()?, std::io::pipe()?);
        let [_, _, errors] = sandbox::no_streams();
        let streams = [theirs.into(), their_output.into(), errors];
        let mut sandbox = sandbox::spawn((runsc, &[access]), dir.path(), (root, &["/inside"]), gofer, streams);
        sandbox.ask("StartRoot");
        let options = format!("runsc boot --platform=ptrace {access}, our server");
        let (input, output) = (Some(input), BufReader::new(output));
        let running = Running::Boot(sandbox, server);
        Ok(Inside { name: name.to_owned(), options, input, output, running, _dir: dir })
    }

    /// Has the program do something, and answers with what is behind the word that its line begins with.
    fn ask(&mut self, op: Op, n: u32, word: &str) -> Result<String> {
        let (letter, len) = letter(op).context("no such operation inside")?;
        let input = self.input.as_mut().context("it has ended")?;
        writeln!(input, "{letter} {n} {len} {}", op.path())?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let told = line.trim_end().strip_prefix(word).with_context(|| format!("{} answers `{line}`", self.name))?;
        ensure!(!told.ends_with("failed"), "{}: {op:?} failed", self.name);
        Ok(told.trim().to_owned())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        drop(self.input.take());
        if let Running::Run(child) = &mut self.running {
            // It ended by itself, or never began.
            let _ = child.wait();
        }
    }
}

/// What the program calls an operation, and how many bytes it is about.
fn letter(op: Op) -> Option<(char, u32)> {
    match op {
        Op::PathFilestatGet { missing: false, .. } => Some(('s', 0)),
        Op::PathFilestatGet { missing: true, .. } => Some(('m', 0)),
        Op::PathOpenClose => Some(('o', 0)),
        Op::FdPread { len } => Some(('p', len)),
        Op::FdReaddir { .. } => Some(('l', 0)),
        _ => None,
    }
}

/// What was seen inside, as all subjects tell it.
fn seen(op: Op, told: &str) -> Result<Vec<u8>> {
    match op {
        Op::PathFilestatGet { missing: false, .. } => {
            let numbers = told.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
            let [mode, nlink, size, mtime] = numbers[..] else { bail!("`{told}`") };
            let file_type = if mode == 0o040_000 { DIRECTORY } else { REGULAR };
            Ok(subjects::attributes(file_type, nlink, size, mtime))
        }
        Op::FdPread { .. } => {
            let pairs = told.as_bytes().chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
            pairs.collect()
        }
        Op::FdReaddir { .. } => {
            let entry = |entry: &str| {
                let (name, kind) = entry.split_once('/').context("no entry")?;
                Ok((name.as_bytes().to_vec(), if kind == "4" { DIRECTORY } else { REGULAR }))
            };
            Ok(subjects::listing(told.split(',').map(entry).collect::<Result<_>>()?))
        }
        _ => Ok(Vec::new()),
    }
}

impl Subject for Inside {
    fn name(&self) -> &str {
        &self.name
    }

    fn options(&self) -> &str {
        &self.options
    }

    fn can(&self, op: Op) -> bool {
        letter(op).is_some()
    }

    fn observe(&mut self, op: Op) -> Result<Vec<u8>> {
        let told = self.ask(op, 0, "seen")?;
        let errno = if matches!(op, Op::PathFilestatGet { missing: true, .. }) { NOENT } else { 0 };
        Ok([errno.to_le_bytes().to_vec(), seen(op, &told)?].concat())
    }

    fn run(&mut self, op: Op, n: u32) -> Result<Duration> {
        Ok(Duration::from_nanos(self.ask(op, n, "took")?.parse()?))
    }
}

/// The system calls, the programs in gVisor, and guests over what they are over; `None`, and a line that says so, where
/// something is not installed.
pub(crate) fn subjects(program: &Program, root: &Path) -> Result<Option<Vec<Box<dyn Subject>>>> {
    let Some(gvisor) = runsc::program("the program inside gVisor") else { return Ok(None) };
    // The sandbox wants it to be absolute.
    let root = &root.canonicalize()?;
    if !compiled(root) {
        println!("there is no compiler that links statically: the program inside gVisor is SKIPPED");
        return Ok(None);
    }
    let mut subjects: Vec<Box<dyn Subject>> = vec![Box::new(syscall::Syscall::new(root)?)];
    let has_directfs = knows(&gvisor, "-directfs");
    for policy in POLICIES {
        let access = format!("--file-access={policy}");
        let lisafs: &[&str] = if has_directfs { &[&access, "--directfs=false"] } else { &[&access] };
        subjects.push(Box::new(Inside::run(&gvisor, root, (&format!("gvisor/{policy}"), lisafs))?));
        if has_directfs {
            subjects.push(Box::new(Inside::run(&gvisor, root, (&format!("gvisor-directfs/{policy}"), &[&access]))?));
        }
        if sandbox::can_start(&gvisor) {
            subjects.push(Box::new(Inside::boot(&gvisor, root, (&format!("gvisor-our-server/{policy}"), &access))?));
        }
        subjects.push(Box::new(guest::ours(program, root, policy)));
        subjects.push(Box::new(guest::ours_over_gvisor(program, root, policy)));
        subjects.push(Box::new(guest::ours_over_sidecar(program, root, policy)));
    }
    Ok(Some(subjects))
}
