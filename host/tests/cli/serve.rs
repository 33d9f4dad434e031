//! `serve`: the same server as `wasi-gofer-sidecar`, whose own tests are the library's. Here: the command line, and that a
//! directory is served.

use crate::Place;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Asks for the root (`Mount` of lisafs), and answers the payload's length; `None` when nobody answers.
fn mount(socket: &Path) -> Option<usize> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    stream.write_all(&[0, 0, 0, 0, 1, 0, 0, 0]).ok()?;
    let mut header = [0; 8];
    stream.read_exact(&mut header).ok()?;
    assert_eq!(header[4..], [1, 0, 0, 0]);
    Some(usize::try_from(u32::from_le_bytes([header[0], header[1], header[2], header[3]])).expect("small"))
}

#[test]
fn serve_makes_a_private_socket_answers_and_ends_with_sigterm() {
    for (jail, says) in [("auto", "wasi-gofer: jail (auto): "), ("off", "wasi-gofer: jail: off")] {
        let place = Place::new();
        let (root, socket) = (place.dir("root"), place.path("socket"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasi-gofer"));
        command.args(["serve", "--protocol", "lisafs", "--jail", jail, "--ro", "--log", "info", "--root"]).arg(&root);
        command.arg("--socket").arg(&socket).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("started");
        let answered = (0..6000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            mount(&socket)
        });
        // The root's attributes, the largest message, and a list of messages.
        assert!(answered.is_some_and(|length| length > 158), "{jail}");
        let made = socket.symlink_metadata().expect("there");
        assert!(made.file_type().is_socket() && made.mode() & 0o7777 == 0o600);
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("started");
        assert!(told.success());
        let output = child.wait_with_output().expect("ours");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

#[test]
fn serve_of_bad_command_lines_is_refused_by_the_options_name() {
    let place = Place::new();
    place.dir("root");
    place.file("file", "precious");
    let refused = |words: &[&str], needles: &[&str]| place.run(&[&["serve"], words].concat()).refuses(needles);
    refused(&[], &["--root"]);
    refused(&["--root", "root"], &["`--socket or --fd`"]);
    refused(&["--root", "root", "--socket", "a", "--fd", "3"], &["--socket", "--fd"]);
    refused(&["--root", "root", "--fd", "77"], &["`--fd`", "77"]);
    refused(&["--root", "none", "--socket", "s"], &["`--root`", "none"]);
    refused(&["--root", "root", "--socket", "file"], &["`--socket`", "no socket"]);
    refused(&["--root", "root", "--socket", "s", "--jail", "on"], &["--jail", "auto, require, off"]);
    refused(&["--root", "root", "--socket", "s", "--protocol", "9p"], &["--protocol", "lisafs"]);
    refused(&["--root", "root", "--socket", "s", "--drain", "soon"], &["--drain"]);
    assert_eq!(std::fs::read(place.path("file")).expect("there"), b"precious");
    assert!(!place.path("s").exists());
}
