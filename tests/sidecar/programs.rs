//! The program: its sockets, its jail, its ends.

use crate::files::{changes, looks};
use crate::gofer::{name, soon};
use crate::subject::{Program, Subject, eventually, mounted, start};
use crate::wire::{raw, read_frame, request};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt, chown};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use wasi_gofer::abi::{Errno, Mode, OpenFlags};
use wasi_gofer::proto::lisafs::*;
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::Client;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wasi-gofer-sidecar");

/// Whether this is root with what makes root one: in a container he may lack some of it.
pub(crate) fn is_root() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    let needed = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID
        | CapabilitySet::SETUID
        | CapabilitySet::SETGID
        | CapabilitySet::MKNOD;
    let lacking = needed.difference(capabilities(None).expect("told").effective);
    let is_root = rustix::process::geteuid().is_root();
    if is_root && !lacking.is_empty() {
        eprintln!("root without {lacking:?}: what takes root is SKIPPED");
    }
    is_root && lacking.is_empty()
}

/// Descriptors of the program without a connection: the standard streams, the socket, the signals, the export.
const IDLE: usize = 6;

/// The program with a socket of its own.
pub(crate) struct Listening {
    child: Child,
    dir: tempfile::TempDir,
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid")
}

/// The process that serves: the child of the one that was started, where there are two.
fn serving(child: &Child) -> u32 {
    let pid = child.id();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("told");
    children.split_whitespace().next().map_or(pid, |child| child.parse().expect("a pid"))
}

/// A number that `/proc` tells of a process: sizes in kB.
fn told(pid: u32, what: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("told");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("there is such a line");
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}

impl Listening {
    /// The program over a directory `export`, with a socket beside it.
    pub(crate) fn start(options: &[&str]) -> Listening {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("export")).expect("made");
        let child = command(dir.path(), options).spawn().expect("it starts");
        let listening = Listening { child, dir };
        eventually("a socket to connect to", || UnixStream::connect(listening.socket()).is_ok());
        // The first connections are to be over before anything is counted.
        drop(listening.client());
        eventually("nobody", || listening.is_idle());
        listening
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    pub(crate) fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).expect("connected")
    }

    pub(crate) fn client(&self) -> (Client, FdId) {
        mounted(Stream::new(self.connect().into()).expect("a stream"))
    }

    /// A client of a program that was started and may not serve yet, or be in the way of another that ends.
    fn client_of_whoever_comes(&self) -> (Client, FdId) {
        let mut served = None;
        eventually("a program that serves", || {
            let Ok(stream) = UnixStream::connect(self.socket()) else { return false };
            let mut client = Client::new(Stream::new(stream.into()).expect("a stream"));
            served = client.mount(&soon()).ok().map(|mounted| (client, mounted.root.control));
            served.is_some()
        });
        served.expect("one was mounted")
    }

    /// Gives the export the mode that it began with.
    pub(crate) fn restore(&self) {
        std::fs::set_permissions(self.dir.path().join("export"), PermissionsExt::from_mode(0o755)).expect("ours");
    }

    /// Memory of its own, in bytes.
    pub(crate) fn rss_anon(&self) -> usize {
        told(serving(&self.child), "RssAnon:") * 1024
    }

    /// Descriptors that are open in it. Nobody but root may look at those of a process in a jail.
    fn descriptors(&self) -> Option<usize> {
        std::fs::read_dir(format!("/proc/{}/fd", serving(&self.child))).ok().map(Iterator::count)
    }

    /// Has it stand still while `act` runs.
    pub(crate) fn paused<T>(&self, act: impl FnOnce() -> T) -> T {
        let serving = Pid::from_raw(serving(&self.child).cast_signed()).expect("a pid");
        kill_process(serving, Signal::STOP).expect("told");
        let state = format!("/proc/{}/stat", serving.as_raw_nonzero());
        eventually("it stands still", || std::fs::read_to_string(&state).is_ok_and(|state| state.contains(") T ")));
        let acted = act();
        kill_process(serving, Signal::CONT).expect("told");
        acted
    }

    /// Whether nothing is left of any connection.
    pub(crate) fn is_idle(&self) -> bool {
        let threads = told(serving(&self.child), "Threads:");
        threads == 1 && self.descriptors().is_none_or(|count| count == IDLE)
    }

    /// Asks it to end, which it does without an error.
    pub(crate) fn end(mut self) {
        kill_process(pid(&self.child), Signal::TERM).expect("told");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

/// Also when a test fails.
impl Drop for Listening {
    fn drop(&mut self) {
        // One that has ended is waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(dir: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--root").arg(dir.join("export")).arg("--socket").arg(dir.join("socket")).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs a command to its end, which is an error that says all of `needles`.
#[track_caller]
fn refuses(command: &mut Command, needles: &[&str]) {
    let output = command.stderr(Stdio::piped()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(125), "{said}");
    needles.iter().for_each(|needle| assert!(said.contains(needle), "no `{needle}` in: {said}"));
}

/// Writes, reads back and removes.
fn use_it(s: &mut impl Subject) {
    let common = CreateCommon::new(s.root(), None, Mode::new(0o600));
    let create = OpenCreateAt { common, flags: open_bits(OpenFlags::READ | OpenFlags::WRITE), name: name("made") };
    let (fd, fds) = s.ask_with_fds(&create, |reply| reply.fd).expect("made");
    assert_eq!(fds.len(), 1);
    s.done(&PWrite { offset: 0, fd, data: b"hello" }).expect("written");
    assert_eq!(s.ask(&PRead { offset: 0, fd, count: 9 }, |reply| reply.data.to_vec()).expect("read"), b"hello");
    s.done(&UnlinkAt { dir: s.root(), flags: 0, name: name("made") }).expect("removed");
    s.done(&Close { fds: &[fd] }).expect("closed");
}

#[test]
fn program_in_each_jail_serves_and_says_which_is_in_force() {
    for (mode, says) in [("require", "jail (require): namespaces"), ("auto", "jail (auto)"), ("off", "jail: off")] {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut child, socket) = start(dir.path(), &["--jail", mode], Stdio::piped());
        let (client, root) = mounted(Stream::new(socket.into()).expect("a stream"));
        let mut said = child.stderr.take().expect("piped");
        let mut program = Program { client, root, child, dir };
        use_it(&mut program);
        program.finish();
        let mut text = String::new();
        said.read_to_string(&mut text).expect("text");
        assert!(text.starts_with(&format!("wasi-gofer-sidecar: {says}")) && text.lines().count() == 1, "{text}");
    }
}

/// The program, of a user who is nobody, over a directory that is his. For root, who may start it.
pub(crate) fn of_nobody(options: &[&str]) -> Program {
    let dir = tempfile::tempdir().expect("a directory");
    chown(dir.path(), Some(65_534), Some(65_534)).expect("root may");
    // The program itself is where that user cannot come.
    let copy = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(copy.path(), PermissionsExt::from_mode(0o755)).expect("set");
    let program = copy.path().join("program");
    // By a process of its own: what this one had open to write, a program that another test starts just then would
    // have too, and it could not be started ("text file busy").
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().expect("it starts").success());
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    // As its standard input, which it is then given under another number.
    let script = format!("exec {} \"$@\" 7<&0 </dev/null", program.display());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script, "sh", "--fd", "7", "--root"]).arg(dir.path()).args(options).uid(65_534).gid(65_534);
    shell.stdin(Stdio::from(rustix::fd::OwnedFd::from(theirs))).stderr(Stdio::null());
    let child = shell.spawn().expect("it starts");
    // It keeps the other end.
    drop(shell);
    let (client, root) = mounted(Stream::new(ours.into()).expect("a stream"));
    Program { client, root, child, dir }
}

#[test]
fn program_of_an_unprivileged_user_serves_his_files_from_the_jail() {
    if !is_root() {
        // The other tests are then of such a user.
        return;
    }
    for mode in ["require", "off"] {
        let mut program = of_nobody(&["--jail", mode]);
        let root = program.root;
        std::fs::create_dir(program.host("root-s")).expect("made");
        std::fs::set_permissions(program.host("root-s"), PermissionsExt::from_mode(0o700)).expect("set");
        use_it(&mut program);
        let private = program.control(&["root-s"]);
        let common = CreateCommon::new(private, None, Mode::new(0o700));
        assert_eq!(program.done(&MkdirAt { common, name: name("x") }), Err(Errno::Acces.into()));
        let common = CreateCommon { uid: 0, ..CreateCommon::new(root, None, Mode::new(0o700)) };
        // An owner that it cannot give is an error, and nothing is left of it.
        assert!(program.done(&MkdirAt { common, name: name("x") }).is_err());
        assert!(!program.host("x").exists());
        program.finish();
    }
}

#[test]
fn program_with_ro_refuses_every_change_and_its_files_stay() {
    for jail in ["require", "off"] {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("file"), "kept").expect("written");
        std::fs::create_dir(dir.path().join("dir")).expect("made");
        let (child, socket) = start(dir.path(), &["--ro", "--jail", jail], Stdio::null());
        let (client, root) = mounted(Stream::new(socket.into()).expect("a stream"));
        let mut program = Program { client, root, child, dir };
        for (what, result) in changes(&mut program) {
            assert_eq!(result, Err(Errno::Rofs.into()), "{what}");
        }
        looks(&mut program);
        program.finish();
    }
}

#[test]
fn program_with_xattrs_serves_them_in_the_jail() {
    // Not where temporary files are: that may be a tmpfs, and before Linux 6.6 those have none.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut program = Program::over(dir, &["--xattrs", "--jail", "require"]);
    std::fs::write(program.host("file"), "").expect("written");
    let fd = program.control(&["file"]);
    let set = FSetXattr { fd, flags: 0, name: Str(b"user.x"), value: Str(b"value") };
    program.done(&set).expect("set");
    let get = FGetXattr { fd, size: 0, name: Str(b"user.x") };
    assert_eq!(program.ask(&get, |value| value.0.to_vec()).expect("told"), b"value");
    assert_eq!(program.ask(&FListXattr { fd, size: 0 }, |names| names.len()), Ok(1));
    program.done(&FRemoveXattr { fd, name: Str(b"user.x") }).expect("removed");
    program.finish();
    // Where they are not served, asking for them is no system call that ends the process.
    let mut program = Program::with(&["--jail", "require"]);
    let fd = program.root;
    assert_eq!(program.done(&FListXattr { fd, size: 0 }), Err(Errno::Opnotsupp.into()));
    program.finish();
}

#[test]
fn sigterm_is_answered_by_what_came_and_the_end_without_an_error() {
    for signal in [Signal::TERM, Signal::INT] {
        for jail in ["require", "off"] {
            let mut program = Listening::start(&["--jail", jail]);
            let mut peer = raw(program.connect());
            peer.write_all(&request(&Mount {})).expect("sent");
            read_frame(&mut peer).expect("an answer");
            // More than the buffers hold: some is still to be done when the signal comes.
            let many = request(&FStat { fd: FdId::new(1) }).repeat(200);
            peer.write_all(&many).expect("sent");
            kill_process(pid(&program.child), signal).expect("told");
            for at in 0..200 {
                let (mid, _) = read_frame(&mut peer).unwrap_or_else(|| panic!("answer {at}"));
                assert_eq!(mid, Mid::F_STAT);
            }
            assert_eq!(read_frame(&mut peer), None);
            let status = program.child.wait().expect("it ends");
            assert_eq!(status.code(), Some(0));
        }
    }
}

#[test]
fn sigterm_ends_the_program_also_with_a_client_that_takes_no_answers() {
    let mut program = Listening::start(&["--drain", "1"]);
    std::fs::write(program.dir.path().join("export/file"), vec![1; 1 << 20]).expect("written");
    let (mut client, root) = program.client();
    let walk = Walk { dir: root, names: Names::List(&[name("file")]) };
    let fd = client.call(&soon(), &walk).expect("walked").message.inodes[0].control;
    let fd = client.call(&soon(), &OpenAt { fd, flags: 0 }).expect("opened").message.fd;
    let late = wasi_gofer::Call { deadline: Some(std::time::Instant::now()), ..soon() };
    let mut peer = raw(program.connect());
    peer.write_all(&request(&Mount {})).expect("sent");
    // Nobody reads what this is answered with.
    let walk = request(&Walk { dir: FdId::new(1), names: Names::List(&[name("file")]) });
    let open = request(&OpenAt { fd: FdId::new(2), flags: 0 });
    let read = request(&PRead { offset: 0, fd: FdId::new(3), count: 1 << 20 });
    peer.write_all(&[walk, open, read].concat()).expect("sent");
    assert!(client.call(&late, &PRead { offset: 0, fd, count: 1 }).is_err());
    kill_process(pid(&program.child), Signal::TERM).expect("told");
    assert_eq!(program.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn program_ends_with_the_parent_that_started_it_if_it_is_told_to() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("export")).expect("made");
    let script = format!(
        "{PROGRAM} --die-with-parent --root {0}/export --socket {0}/socket 2>/dev/null & echo $!; read line",
        dir.path().display()
    );
    let mut shell = Command::new("/bin/sh");
    let mut shell =
        shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    let mut said = std::io::BufReader::new(shell.stdout.take().expect("piped"));
    std::io::BufRead::read_line(&mut said, &mut line).expect("the number");
    eventually("a socket to connect to", || UnixStream::connect(dir.path().join("socket")).is_ok());
    let mut peer = raw(UnixStream::connect(dir.path().join("socket")).expect("connected"));
    peer.write_all(&request(&Mount {})).expect("sent");
    assert!(read_frame(&mut peer).is_some());
    shell.kill().expect("ours");
    shell.wait().expect("ours");
    assert_eq!(read_frame(&mut peer), None);
    eventually("its end", || !Path::new(&format!("/proc/{}/exe", line.trim())).exists());
}

#[test]
fn end_of_the_process_in_the_jail_is_heard_of_while_the_one_outside_stands_still() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let mut command = Command::new(PROGRAM);
    command.args(["--fd", "0", "--root"]).arg(dir.path()).stdin(std::os::fd::OwnedFd::from(theirs));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    // Nothing of the other end is left here.
    drop(command);
    let mut peer = raw(ours);
    peer.write_all(&request(&Mount {})).expect("sent");
    assert!(read_frame(&mut peer).is_some());
    let (outside, inside) = (pid(&child), serving(&child));
    let mut program = Listening { child, dir };
    if inside == program.child.id() {
        eprintln!("SKIPPED: it is one process here");
        return;
    }
    kill_process(outside, Signal::STOP).expect("told");
    kill_process(Pid::from_raw(inside.cast_signed()).expect("a pid"), Signal::KILL).expect("told");
    let heard = peer.read(&mut [0]);
    kill_process(outside, Signal::CONT).expect("told");
    assert_eq!(heard.expect("not what says that the time is over"), 0);
    assert_eq!(program.child.wait().expect("it ends").code(), Some(128 + 9));
}

#[test]
fn socket_is_the_user_s_alone_and_the_export_is_all_that_is_seen() {
    let program = Listening::start(&["--jail", "require"]);
    let socket = program.socket().symlink_metadata().expect("there");
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.mode() & 0o7777, 0o600);
    assert_eq!(socket.uid(), rustix::process::geteuid().as_raw());
    program.end();
}

#[test]
fn peer_of_another_user_is_turned_away_unless_he_is_allowed() {
    if !is_root() {
        return;
    }
    for (options, served) in [(&[][..], false), (&["--allow-uid", "12345"], true), (&["--allow-uid=7"], false)] {
        let program = Listening::start(options);
        std::fs::set_permissions(program.dir.path(), PermissionsExt::from_mode(0o755)).expect("set");
        std::fs::set_permissions(program.socket(), PermissionsExt::from_mode(0o666)).expect("set");
        let path = program.socket();
        // The kernel notes who connects: this thread is somebody else for that.
        let connected = std::thread::spawn(move || {
            let uid = rustix::process::Uid::from_raw(12_345);
            rustix::thread::set_thread_res_uid(uid, uid, uid).expect("root may");
            UnixStream::connect(path).expect("the socket's mode lets it")
        });
        let mut peer = raw(connected.join().expect("connected"));
        let _ = peer.write_all(&request(&Mount {}));
        assert_eq!(read_frame(&mut peer).is_some(), served, "{options:?}");
        program.end();
    }
}

#[test]
fn socket_of_a_program_that_ended_gives_way_and_nothing_else_does() {
    let mut program = Listening::start(&[]);
    // Somebody listens.
    refuses(&mut command(program.dir.path(), &[]), &["`--socket`", "somebody listens"]);
    // It may still have the connections of that one, which are many.
    let (mut client, root) = program.client_of_whoever_comes();
    assert!(client.call(&soon(), &FStat { fd: root }).is_ok());
    drop(client);
    program.child.kill().expect("ours");
    program.child.wait().expect("ours");
    // Where two processes are one program, the one that serves ends a moment later.
    eventually("a socket where nobody listens", || UnixStream::connect(program.socket()).is_err());
    assert!(program.socket().exists());
    program.child = command(program.dir.path(), &[]).spawn().expect("it starts");
    drop(program.client_of_whoever_comes());
    let beside: Vec<_> = std::fs::read_dir(program.dir.path()).expect("listed").flatten().collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    let dir = program.dir.path().to_owned();
    kill_process(pid(&program.child), Signal::TERM).expect("told");
    program.child.wait().expect("it ends");
    // A file, a directory and a link are no sockets.
    std::fs::remove_file(program.socket()).expect("there");
    std::fs::write(program.socket(), "precious").expect("written");
    refuses(&mut command(&dir, &[]), &["`--socket`", "is no socket"]);
    assert_eq!(std::fs::read(program.socket()).expect("there"), b"precious");
    std::fs::remove_file(program.socket()).expect("there");
    std::os::unix::fs::symlink("elsewhere", program.socket()).expect("made");
    refuses(&mut command(&dir, &[]), &["`--socket`", "is no socket"]);
    assert!(program.socket().symlink_metadata().expect("there").is_symlink());
}

#[test]
fn socket_of_a_program_that_is_about_to_end_is_waited_for() {
    let mut program = Listening::start(&[]);
    program.child.kill().expect("ours");
    program.child.wait().expect("ours");
    // It waits for half a second: not for a test that has no processor for so long.
    let waited = (0..5).any(|_| {
        drop(std::fs::remove_file(program.socket()));
        let ending = UnixListener::bind(program.socket()).expect("bound");
        program.child = command(program.dir.path(), &[]).spawn().expect("it starts");
        // It has come and looked.
        let looked = ending.accept().expect("somebody connects");
        drop((looked, ending));
        let mut ended = None;
        eventually("it serves or ends", || {
            ended = program.child.try_wait().expect("told");
            ended.is_some() || UnixStream::connect(program.socket()).is_ok()
        });
        ended.is_none()
    });
    assert!(waited, "it does not wait");
    // A process that another test starts may have a copy of the listener for a moment more, and connections with it.
    let (mut client, root) = program.client_of_whoever_comes();
    assert!(client.call(&soon(), &FStat { fd: root }).is_ok());
    drop(client);
    program.end();
}

#[test]
fn socket_that_a_service_manager_hands_over_is_served_and_the_manager_hears_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let export = dir.path().join("export");
    std::fs::create_dir(&export).expect("made");
    let path = dir.path().join("activated");
    let listener = UnixListener::bind(&path).expect("bound");
    let manager = UnixDatagram::bind(dir.path().join("notify")).expect("bound");
    let activated = |listener: Stdio, script: &str| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, "sh", PROGRAM, "--root"]).arg(&export);
        shell.env("NOTIFY_SOCKET", dir.path().join("notify")).stdin(listener).stderr(Stdio::null());
        shell
    };
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&0 </dev/null";
    let standard = || Stdio::from(rustix::fd::OwnedFd::from(listener.try_clone().expect("duplicated")));
    let mut child = activated(standard(), script).spawn().expect("it starts");
    let mut word = [0; 64];
    manager.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("set");
    let length = manager.recv(&mut word).expect("it is ready");
    assert_eq!(&word[..length], b"READY=1\n");
    let (mut client, root) =
        mounted(Stream::new(UnixStream::connect(&path).expect("connected").into()).expect("a stream"));
    assert!(client.call(&soon(), &FStat { fd: root }).is_ok());
    kill_process(pid(&child), Signal::TERM).expect("told");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    // Words for somebody else, none at all, too many sockets, and something that is no such socket.
    for (script, needle) in [
        ("LISTEN_PID=1 LISTEN_FDS=1 exec \"$@\" 3<&0 </dev/null", "`--socket or --fd`"),
        ("exec \"$@\" 3<&0 </dev/null", "`--socket or --fd`"),
        ("LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\" 3<&0 4<&0 </dev/null", "`LISTEN_FDS`"),
        ("LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3</dev/null </dev/null", "`LISTEN_FDS`"),
        ("LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" </dev/null", "`LISTEN_FDS`"),
    ] {
        refuses(&mut activated(standard(), script), &[needle]);
    }
}

#[test]
fn bad_command_lines_are_refused_by_the_option_s_name() {
    let program = || {
        let mut command = Command::new(PROGRAM);
        command.stdin(Stdio::null());
        command
    };
    let cases: [(&[&str], &str); 16] = [
        (&[], "`--root`"),
        (&["--root"], "`--root` needs a value"),
        (&["--root", "/tmp", "--fd", "0"], "`--fd`"),
        (&["--root", "/nowhere", "--fd", "1"], "`--fd`"),
        (&["--root", "/nowhere", "--fd", "1000"], "`--fd`"),
        (&["--root", "/nowhere", "--fd", "-1"], "`--fd`"),
        (&["--root", "/nowhere", "--fd", "x"], "`--fd`"),
        (&["--root", "/nowhere", "--socket", "/nowhere/socket"], "`--root`"),
        (&["--root", "/etc/passwd", "--socket", "/nowhere/socket"], "`--root`"),
        (&["--root", "/", "--socket", "/nowhere/socket"], "`--socket`"),
        (&["--root", "/", "--socket", "a", "--fd", "3"], "`--fd` and `--socket`"),
        (&["--root", "/", "--jail", "on"], "`--jail`"),
        (&["--root", "/", "--host-uds", "yes"], "`--host-uds`"),
        (&["--root", "/", "--ro=yes"], "`--ro`"),
        (&["--root", "/", "--rw"], "`--rw`"),
        (&["--root", "/", "--uid", "-1"], "`--uid`"),
    ];
    for (arguments, needle) in cases {
        refuses(program().args(arguments), &[needle]);
    }
    for asked in ["--help", "--version"] {
        let output = program().arg(asked).output().expect("it starts");
        assert!(output.status.success() && !output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[test]
fn memory_and_descriptors_of_the_program_stay_within_their_bounds() {
    let program = Listening::start(&["--connections", "4", "--controls", "50", "--opens", "20"]);
    std::fs::write(program.dir.path().join("export/file"), "contents").expect("written");
    let mut clients: Vec<_> = (0..4).map(|_| program.client()).collect();
    for (client, root) in &mut clients {
        let walk = Walk { dir: *root, names: Names::List(&[name("file")]) };
        let fd = client.call(&soon(), &walk).expect("walked").message.inodes[0].control;
        let opened = (0..40).filter(|_| client.call(&soon(), &OpenAt { fd, flags: 0 }).is_ok()).count();
        assert_eq!(opened, 20);
    }
    // Each connection has its socket twice, and what it has open.
    let count = program.descriptors();
    assert!(count.is_none_or(|count| count <= IDLE + 4 * (2 + 20)), "{count:?}");
    // One more is accepted, and closed at once.
    let mut peer = raw(program.connect());
    assert_eq!(read_frame(&mut peer), None);
    let rss = program.rss_anon();
    assert!(rss < 8 << 20, "{rss} bytes");
    println!("sidecar: RssAnon {} KiB with four clients (debug build)", rss >> 10);
    drop(clients);
    eventually("the end of what they had", || program.is_idle());
    program.end();
}
