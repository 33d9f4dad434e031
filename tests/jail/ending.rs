//! How a process in the jail ends: asked to, with its supervisor, with its parent, and by itself.

use crate::start::{KILLED, Place, Who};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout};

/// In the jail: waits until it is asked to end, and says so.
pub(crate) fn wait(stop: &OwnedFd) {
    println!("waiting: {}", rustix::process::getpid());
    let mut info = [0; 128];
    loop {
        match rustix::io::read(stop, &mut info) {
            Ok(length) => {
                println!("asked: {length} bytes, signal {}", info[0]);
                std::process::exit(7);
            }
            Err(rustix::io::Errno::AGAIN) => std::thread::sleep(std::time::Duration::from_millis(1)),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A child that waits in the jail, once it says so.
fn waiting(place: &Place, with: &[(&str, &str)]) -> (Child, BufReader<ChildStdout>) {
    let start = with.iter().fold(place.child("wait"), |start, (option, value)| start.with(option, value));
    let mut child = start.spawn();
    let mut said = BufReader::new(child.stdout.take().expect("asked for"));
    let mut line = String::new();
    while !line.contains("waiting: ") {
        line.clear();
        let length = said.read_line(&mut line).expect("read");
        assert!(length > 0, "it ended before it waited");
    }
    (child, said)
}

fn rest(said: &mut BufReader<ChildStdout>) -> String {
    // The end of the pipe is the end of all who have it.
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("read");
    rest
}

/// `sleep` in `wait` is clock_nanosleep(2), which is in no list.
const NO_LIST: (&str, &str) = ("WITHOUT", "seccomp");

fn a_signal_to_the_process_that_was_started_asks_the_one_in_the_jail() {
    for who in Who::all() {
        for (signal, number) in [(rustix::process::Signal::TERM, 15), (rustix::process::Signal::HUP, 1)] {
            let place = Place::new(*who);
            let (mut child, mut said) = waiting(&place, &[NO_LIST]);
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, signal).expect("ours");
            assert_eq!(rest(&mut said).trim(), format!("asked: 128 bytes, signal {number}"));
            assert_eq!(child.wait().expect("ours").code(), Some(7), "its status is passed on");
        }
    }
}

fn the_process_in_the_jail_ends_with_the_one_that_was_started() {
    for who in Who::all() {
        let place = Place::new(*who);
        let (mut child, mut said) = waiting(&place, &[NO_LIST]);
        child.kill().expect("ours");
        assert_eq!(rest(&mut said), "", "it was killed, and not asked");
        child.wait().expect("ours");
    }
}

/// The parent is a shell, which is killed.
fn both_end_with_their_parent_when_they_are_to() {
    for who in Who::all() {
        let place = Place::new(*who);
        let start = place.child("wait").with("DIES", 1).with(NO_LIST.0, NO_LIST.1);
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", "\"$0\" \"$@\" & wait"]).arg(start.command.get_program()).args(start.command.get_args());
        shell.env_clear().envs(start.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.current_dir("/").stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
        if *who == Who::User && rustix::process::geteuid().is_root() {
            std::os::unix::process::CommandExt::uid(&mut shell, 65_534);
            std::os::unix::process::CommandExt::gid(&mut shell, 65_534);
        }
        let mut child = shell.spawn().expect("there is a shell");
        let mut said = BufReader::new(child.stdout.take().expect("asked for"));
        let mut line = String::new();
        while !line.contains("waiting: ") {
            line.clear();
            assert!(said.read_line(&mut line).expect("read") > 0, "it ended before it waited");
        }
        child.kill().expect("ours");
        assert_eq!(rest(&mut said), "", "it was killed, and not asked");
        child.wait().expect("ours");
    }
}

fn a_system_call_that_is_not_in_the_list_ends_the_process_and_is_told() {
    for who in Who::all() {
        let ran = Place::new(*who).child("wait").run();
        assert_eq!(ran.code, KILLED, "{ran:#?}");
        assert!(ran.errors.contains("signal 31, for a system call that the jail does not allow"), "{ran:#?}");
    }
}

crate::tests! {
    a_signal_to_the_process_that_was_started_asks_the_one_in_the_jail
    the_process_in_the_jail_ends_with_the_one_that_was_started
    both_end_with_their_parent_when_they_are_to
    a_system_call_that_is_not_in_the_list_ends_the_process_and_is_told
}
