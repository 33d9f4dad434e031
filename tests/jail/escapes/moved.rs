//! A directory that is moved out of the export while it is held: from it, `..` would lead on outside.

use super::world::{number, read_at};
use crate::start::{Place, Who};
use libc::{O_NOFOLLOW, O_RDONLY};
use rustix::fs::{Mode, OFlags, openat};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Stdio;

/// In the jail: holds a directory until somebody has moved it, and goes up from there.
pub(crate) fn hold(root: &OwnedFd) {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = openat(root, "moved", flags, Mode::empty()).expect("there");
    println!("holding: it");
    std::io::stdin().read_exact(&mut [0]).expect("told");
    match read_at(number(held.as_raw_fd()), "../secret", O_RDONLY | O_NOFOLLOW) {
        Ok(what) => println!("reached: {what}"),
        Err(errno) => println!("errno: {errno}"),
    }
}

fn moved(who: Who, options: &[(&str, &str)]) -> String {
    let place = Place::new(who);
    std::fs::create_dir(place.export().join("moved")).expect("made");
    place.give(&place.export().join("moved"));
    let mut start = options.iter().fold(place.child("hold"), |start, (option, value)| start.with(option, value));
    start.command.stdin(Stdio::piped());
    let mut child = start.spawn();
    let mut said = BufReader::new(child.stdout.take().expect("asked for"));
    let mut line = String::new();
    while !line.contains("holding: ") {
        line.clear();
        assert!(said.read_line(&mut line).expect("read") > 0, "it ended before it held anything");
    }
    std::fs::rename(place.export().join("moved"), place.outside().join("moved")).expect("moved");
    child.stdin.take().expect("asked for").write_all(b"x").expect("told");
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("read");
    child.wait().expect("ours");
    rest.trim().to_owned()
}

fn dot_dot_from_a_directory_that_was_moved_out_leads_nowhere() {
    for who in Who::all() {
        for options in [&[][..], &[("WITHOUT", "landlock,seccomp")], &[("WITHOUT", "namespaces,seccomp")]] {
            let said = moved(*who, options);
            assert!(said.starts_with("errno: "), "{who:?} with {options:?}: {said}");
        }
        assert_eq!(moved(*who, &[("MODE", "off")]), "reached: the secret", "without a jail it leads out");
    }
}

crate::tests! {
    dot_dot_from_a_directory_that_was_moved_out_leads_nowhere
}
