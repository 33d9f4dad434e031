//! `ls`, `stat` and `cat`: a look at a mount without a guest.

use super::Place;

fn place() -> Place {
    let place = Place::new();
    place.file("data/b.txt", "bee\n");
    place.file("data/a.txt", "hello\n");
    place.file("data/sub/deep.txt", "deep\n");
    std::os::unix::fs::symlink("a.txt", place.path("data/link")).expect("made");
    place
}

const DIR: &str = "--dir=data::/data";
const MOUNT: &str = "--mount=type=directfs,src=data,dst=/data,ro";
const MEMORY: &str = "--mount=type=memory,dst=/mem";

#[test]
fn ls_lists_names_in_order() {
    let place = place();
    for mount in [DIR, MOUNT] {
        place.run(&["ls", mount, "/data"]).is(0, "a.txt\nb.txt\nlink\nsub\n");
    }
    place.run(&["ls", DIR, "/data/sub/", "/data/a.txt"]).is(0, "/data/sub/:\ndeep.txt\n\n/data/a.txt:\n/data/a.txt\n");
    place.run(&["ls", DIR, MEMORY, "/"]).is(0, "data\nmem\n");
    place.run(&["ls", MEMORY, "/mem"]).is(0, "");
}

#[test]
fn ls_long_shows_attributes_and_targets() {
    let place = place();
    let done = place.run(&["ls", "-l", DIR, "/data"]);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!((done.code, lines.len()), (Some(0), 4), "{done:?}");
    assert!(lines[0].starts_with("-rw") && lines[0].contains(" 6 ") && lines[0].ends_with("Z a.txt"), "{lines:?}");
    assert!(lines[2].starts_with("lrwx") && lines[2].ends_with(" link -> a.txt"), "{lines:?}");
    assert!(lines[3].starts_with("drwx"), "{lines:?}");
}

#[test]
fn ls_of_a_link_that_leads_nowhere_shows_the_link() {
    let place = place();
    for (name, target) in [("dangling", "nothing"), ("circle", "circle"), ("out", "../secret"), ("absolute", "/etc")] {
        std::os::unix::fs::symlink(target, place.path("data").join(name)).expect("made");
        let path = format!("/data/{name}");
        place.run(&["ls", DIR, &path]).is(0, &format!("{path}\n"));
        let done = place.run(&["ls", "-l", DIR, &path]);
        let shown = format!(" {path} -> {target}\n");
        assert!(done.code == Some(0) && done.stdout.starts_with("lrwx") && done.stdout.ends_with(&shown), "{done:?}");
        // It is asked for as a directory, or as something in one.
        for path in [format!("{path}/"), format!("{path}/x")] {
            place.run(&["ls", DIR, &path]).is(1, "").says(&[&path]);
        }
    }
    std::os::unix::fs::symlink("sub", place.path("data/to-sub")).expect("made");
    place.run(&["ls", DIR, "/data/to-sub"]).is(0, "deep.txt\n");
}

#[test]
fn stat_shows_attributes_and_follows_when_asked() {
    let place = place();
    let done = place.run(&["stat", DIR, "/data/a.txt"]);
    for needle in ["type: regular file", "size: 6\n", "links: 1\n", "modify: 20"] {
        assert!(done.stdout.contains(needle), "{needle}: {done:?}");
    }
    let link = place.run(&["stat", DIR, "/data/link"]).stdout;
    assert!(link.contains("/data/link -> a.txt\n") && link.contains("symbolic link"), "{link}");
    assert!(place.run(&["stat", "-L", DIR, "/data/link"]).stdout.contains("regular file"));
    assert!(place.run(&["stat", MEMORY, "/mem"]).stdout.contains("type: directory"));
    assert!(place.run(&["stat", MEMORY, "/"]).stdout.contains("type: directory"));
}

#[test]
fn cat_writes_files_to_the_output() {
    let place = place();
    place.run(&["cat", MOUNT, "/data/a.txt", "/data/link", "/data/sub/deep.txt"]).is(0, "hello\nhello\ndeep\n");
    let large: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    place.file("data/large", &large);
    let output = place.command().args(["cat", DIR, "/data/large"]).output().expect("started");
    assert_eq!(output.stdout, large);
}

#[test]
fn cat_of_a_mounted_file_writes_it() {
    let place = place();
    place.run(&["cat", "--dir=data/a.txt::/etc/motd::ro", "/etc/motd"]).is(0, "hello\n");
    place.run(&["ls", "--dir=data/a.txt::/etc/motd::ro", "/etc"]).is(0, "motd\n");
}

#[test]
fn paths_that_cannot_be_looked_at_are_1_and_the_errno() {
    let place = place();
    let done = place.run(&["cat", DIR, "/data/nothing", "/data/a.txt", "/data/sub"]);
    done.is(1, "hello\n").says(&["/data/nothing: No such file or directory (ENOENT)", "/data/sub", "(EISDIR)"]);
    place.run(&["ls", DIR, "/nothing"]).is(1, "").says(&["/nothing", "(ENOENT)"]);
    place.run(&["stat", DIR, "/data/a.txt/x"]).is(1, "").says(&["(ENOTDIR)"]);
    place.run(&["stat", MEMORY, "/mem/x"]).is(1, "").says(&["(ENOENT)"]);
}

#[test]
fn mounts_that_cannot_be_are_125() {
    let place = place();
    for command in ["ls", "stat", "cat"] {
        place.run(&[command, "--dir=nowhere::/d", "/d"]).refuses(&["nowhere"]);
        place.run(&[command, "--mount=src=data,dst=/d,cahce=none", "/d"]).refuses(&["`cache`"]);
        place.run(&[command, "/d"]).refuses(&["nothing is mounted"]);
    }
}

#[test]
fn links_that_lead_out_of_a_mount_are_refused() {
    let place = place();
    place.file("secret", "secret");
    std::os::unix::fs::symlink("../secret", place.path("data/out")).expect("made");
    place.run(&["cat", "--dir=data::/", "/out"]).is(1, "").says(&["(EPERM)"]);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_are_listed_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    std::fs::write(place.dir("data").join(name), "x").expect("written");
    for words in [&["ls", DIR, "/data"][..], &["ls", "-l", DIR, "/data"]] {
        let output = place.command().args(words).output().expect("started");
        assert!(output.status.success() && output.stdout.ends_with(b"bad\xff\n"), "{output:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::process::{Command, Stdio};
    let place = place();
    place.file("data/large", vec![b'x'; 4 << 20]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_wasi-gofer"))
        .current_dir(place.0.path())
        .args(["cat", DIR, "/data/large"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn looks_take_the_same_mount_keys_as_run() {
    let place = place();
    let mount = "--mount=src=data,dst=/data,cache=exclusive,pagecache=1m,page_size=8k,writeback=2s,noatime,watches=0";
    place.run(&["ls", mount, "/data/sub"]).is(0, "deep.txt\n");
    place.run(&["cat", mount, "/data/a.txt"]).is(0, "hello\n");
    assert_eq!(place.run(&["stat", mount, "/data/a.txt"]).code, Some(0));
}
