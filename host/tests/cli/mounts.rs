//! What a guest sees of its mounts.

use super::{Place, guests};

const NOENT: i32 = 44;
const ROFS: i32 = 69;

#[test]
fn mounts_are_preopened_in_the_order_of_the_command_line() {
    let place = Place::new();
    place.dir("c");
    place.file("app.wat", guests::list_preopens());
    let words = ["--mount=type=memory,dst=/m", "--dir=c::/a", "--mount=src=c,dst=/b,ro", "--dir", "c", "app.wat"];
    place.run(&words).is(0, "/m\n/a\n/b\nc\n");
    place.run(&["app.wat"]).is(0, "");
    place.run(&["--dir=.", "app.wat"]).is(0, ".\n");
}

#[test]
fn files_of_a_directory_are_read_and_written() {
    let place = Place::new();
    place.file("data/sub/a.txt", "hello\n");
    place.file("read.wat", guests::read_file("sub/a.txt"));
    place.file("write.wat", guests::write_file("sub/new.txt"));
    for mount in ["--dir=data::/d", "--mount=type=directfs,source=data,target=/d", "--mount=src=data,dst=/d,cache=none"]
    {
        place.run(&[mount, "read.wat"]).is(0, "hello\n");
        place.run(&[mount, "write.wat"]).is(0, "");
        assert_eq!(std::fs::read_to_string(place.path("data/sub/new.txt")).expect("written"), "sub/new.txt");
    }
}

#[test]
fn read_only_mounts_refuse_changes() {
    let place = Place::new();
    place.file("data/a.txt", "hello\n");
    place.file("read.wat", guests::read_file("a.txt"));
    place.file("write.wat", guests::write_file("new.txt"));
    for mount in ["--dir=data::/d::ro", "--dir=data::ro", "--mount=src=data,dst=/d,ro", "--mount=src=data,dst=/d,rw=no"]
    {
        place.run(&[mount, "read.wat"]).is(0, "hello\n");
        place.run(&[mount, "write.wat"]).is(ROFS, "");
    }
    assert!(!place.path("data/new.txt").exists());
}

#[test]
fn a_single_file_can_be_mounted() {
    let place = Place::new();
    place.file("one.txt", "one\n");
    place.file("app.wat", guests::read_file("one.txt"));
    for mount in ["--dir=one.txt::/etc/one.txt", "--mount=src=one.txt,dst=/etc/one.txt,ro"] {
        place.run(&[mount, "app.wat"]).is(0, "one\n");
    }
}

#[test]
fn a_file_over_a_directory_of_another_mount_is_seen_there() {
    let place = Place::new();
    place.file("base/etc/other", "");
    place.file("one.txt", "one\n");
    place.file("app.wat", guests::read_file("etc/one.txt"));
    place.run(&["--dir=base::/", "--dir=one.txt::/etc/one.txt::ro", "app.wat"]).is(0, "one\n");
}

#[test]
fn nested_mounts_are_seen_through_the_one_above() {
    let place = Place::new();
    place.dir("base");
    place.file("deep/a.txt", "deep\n");
    place.file("app.wat", guests::read_file("x/y/a.txt"));
    place.run(&["--dir=base::/", "--dir=deep::/x/y", "app.wat"]).is(0, "deep\n");
}

#[test]
fn memory_mounts_start_empty_and_are_gone_at_the_end() {
    let place = Place::new();
    place.file("write.wat", guests::write_file("a.txt"));
    place.file("read.wat", guests::read_file("a.txt"));
    for mount in ["--mount=type=memory,dst=/m", "--mount=type=memory,dst=/m,size=1m"] {
        place.run(&[mount, "write.wat"]).is(0, "");
        place.run(&[mount, "read.wat"]).is(NOENT, "");
    }
}

#[test]
fn memory_mounts_are_bounded_by_their_size() {
    let place = Place::new();
    let name = "x".repeat(200);
    place.file("write.wat", guests::write_file(&name));
    const NOSPC: i32 = 51;
    place.run(&["--mount=type=memory,dst=/m,size=100", "write.wat"]).is(NOSPC, "");
}

#[test]
fn paths_with_commas_are_quoted() {
    let place = Place::new();
    place.file("a,b/f", "comma\n");
    place.file("app.wat", guests::read_file("f"));
    place.run(&["--mount", r#"type=directfs,"src=a,b",dst=/d"#, "app.wat"]).is(0, "comma\n");
    place.run(&["--mount", r#"src="a,b",dst=/d"#, "app.wat"]).is(0, "comma\n");
    place.run(&["--mount", "src=a,b,dst=/d", "app.wat"]).refuses(&["unknown key `b`"]);
}

#[test]
fn every_policy_and_key_is_taken() {
    let place = Place::new();
    place.file("data/f", "x");
    place.file("app.wat", guests::read_file("f"));
    let caches =
        ["exclusive", "writethrough", "shared", "none", "fscache", "fscache_writethrough", "remote_revalidating"];
    let keys = [
        "dentry_cache_limit=0",
        "dentry_cache_bytes=1m",
        "negative_limit=0",
        "list_limit=64k",
        "list_cache_bytes=1m",
        "idle_handle_limit=0",
        "lock=off",
        "overlayfs_stale_read",
        "overlayfs_stale_read=off",
        "disable_file_handle_sharing",
        "dfltuid=1000,dfltgid=1000",
        "fds=64",
        "fds=1",
        "pagecache=0",
        "cache=exclusive,pagecache=1m",
        "cache=writethrough,page_size=64k,force_page_cache",
        "cache=exclusive,writeback=250ms",
        "cache=exclusive,noatime",
        "cache=writethrough,relatime",
        "watches=0",
        "cache=none,watches=16",
    ];
    for option in caches.iter().map(|cache| format!("cache={cache}")).chain(keys.map(ToOwned::to_owned)) {
        place.run(&["--mount", &format!("src=data,dst=/d,{option}"), "app.wat"]).is(0, "x");
    }
    place.run(&["--fds=64", "--mount=src=data,dst=/d,fds=64", "app.wat"]).is(0, "x");
}

#[test]
fn a_guest_cannot_leave_its_mount() {
    let place = Place::new();
    place.file("secret", "secret");
    place.dir("data");
    std::os::unix::fs::symlink("../secret", place.path("data/link")).expect("made");
    for path in ["../secret", "link", "/etc/passwd"] {
        place.file("app.wat", guests::read_file(path));
        const PERM: i32 = 63;
        place.run(&["--dir=data::/d", "app.wat"]).is(PERM, "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_are_the_precise_errno_and_no_panic() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.dir("data");
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    std::fs::write(place.path("data").join(name), "x").expect("written");
    place.file("app.wat", guests::list_dir("."));
    let done = place.run(&["--dir=data::/d", "app.wat"]);
    const ILSEQ: i32 = 25;
    assert!(matches!(done.code, Some(0 | ILSEQ)) && !done.stderr.contains("panicked"), "{done:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_source_that_is_not_utf8_can_be_mounted() {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let place = Place::new();
    place.file("app.wat", guests::read_file("f"));
    let dir = place.0.path().join(std::ffi::OsStr::from_bytes(b"bad\xff"));
    std::fs::create_dir(&dir).expect("made");
    std::fs::write(dir.join("f"), "odd\n").expect("written");
    for spec in [&b"--dir=bad\xff::/d"[..], b"--mount=src=bad\xff,dst=/d"] {
        let word = std::ffi::OsString::from_vec(spec.to_vec());
        let output = place.command().arg(word).arg("app.wat").output().expect("started");
        super::Done::from(output).is(0, "odd\n");
    }
}

/// Runs a guest that watches `sub/a.txt`, changes the directory under it, and answers the guest's exit code.
fn watch_while(change: impl FnOnce(&Place)) -> Option<i32> {
    use std::io::Read;
    let place = Place::new();
    place.file("data/sub/a.txt", "hello\n");
    place.file("app.wat", guests::watch("sub/a.txt"));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_wasi-gofer"))
        .current_dir(place.0.path())
        .args(["-Wtimeout=60s", "--dir=data::/d", "app.wat"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    // The guest says when it has seen the file.
    let mut seen = [0; 9];
    child.stdout.take().expect("piped").read_exact(&mut seen).expect("seen");
    change(&place);
    child.wait().expect("ended").code()
}

#[test]
fn a_directory_that_changes_under_the_guest_is_the_precise_errno() {
    const NOTDIR: i32 = 54;
    let gone = |place: &Place| std::fs::remove_file(place.path("data/sub/a.txt")).expect("removed");
    assert_eq!(watch_while(gone), Some(NOENT));
    let swapped = |place: &Place| {
        std::fs::rename(place.path("data/sub"), place.path("data/old")).expect("renamed");
        place.file("data/sub", "no directory any more");
    };
    // Between the two the name is missing.
    assert!(matches!(watch_while(swapped), Some(NOENT | NOTDIR)));
    let source = |place: &Place| std::fs::remove_dir_all(place.path("data")).expect("removed");
    assert_eq!(watch_while(source), Some(NOENT));
}
