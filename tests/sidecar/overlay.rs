//! A directory on overlayfs, where a file of the lower layer is copied to the upper one when it is first opened for writing.

use crate::gofer::name;
use crate::own_mounts::in_own_mounts;
use crate::subject::{Here, Subject, mounted};
use std::fs;
use std::path::{Path, PathBuf};
use wasi_gofer::abi::{Mode, OpenFlags, SetStat, SetStatMask, SetStatReport};
use wasi_gofer::proto::lisafs::*;
use wasi_gofer::sidecar::{Export, Server};

const TEST: &str = "overlay::removed_and_replaced_files_of_a_lower_layer_are_not_copied_up";
const LENGTH: u64 = 1 << 20;

#[test]
fn removed_and_replaced_files_of_a_lower_layer_are_not_copied_up() {
    let lay = |dir: &Path| {
        for sub in ["lower", "layers", "merged"] {
            fs::create_dir(dir.join(sub)).expect("made");
        }
        for file in ["removed", "read", "replaced", "written"] {
            fs::write(dir.join("lower").join(file), "l".repeat(1 << 20)).expect("made");
        }
    };
    let mounts = "mount -t tmpfs tmpfs layers && mkdir layers/upper layers/work &&
        mount -t overlay overlay -o lowerdir=lower,upperdir=layers/upper,workdir=layers/work merged";
    in_own_mounts(TEST, mounts, lay, on_overlay);
}

/// Bytes that a filesystem has given out, also for files without a name.
fn taken(dir: &Path) -> u64 {
    let figures = rustix::fs::statvfs(dir).expect("told");
    (figures.f_blocks - figures.f_bfree) * figures.f_frsize
}

fn on_overlay(base: &Path) {
    let (merged, layers): (PathBuf, PathBuf) = (base.join("merged"), base.join("layers"));
    let server = Server::lisafs(Export::open_ambient(&merged).expect("mounted")).expect("serves");
    let (client, root) = mounted(server.connect().expect("connected"));
    let mut here = Here { client, root, server, dir: tempfile::tempdir().expect("a directory") };
    let unlink = |here: &mut Here, at| {
        here.done(&UnlinkAt { dir: root, flags: 0, name: name(at) }).expect("removed");
        assert!(!merged.join(at).exists());
    };

    let change = |here: &mut Here, control| {
        let set = SetStat { size: Some(5), mode: Some(Mode::new(0o640)), ..SetStat::default() };
        let report = here.ask(&SetStatRequest::new(control, &set), |reply| reply.to_report()).expect("answered");
        report.expect("a report")
    };
    let before = taken(&layers);
    // Nothing is copied of what is only known, or read.
    let removed = here.control(&["removed"]);
    unlink(&mut here, "removed");
    assert_eq!(here.stat(removed).expect("it is still told").size.get(), LENGTH);
    assert_eq!(change(&mut here, removed).failed, SetStatMask::SIZE | SetStatMask::MODE);
    let read = here.control(&["read"]);
    let open = OpenAt { fd: read, flags: open_bits(OpenFlags::READ) };
    let fd = here.ask(&open, |reply| reply.fd).expect("opened");
    unlink(&mut here, "read");
    assert_eq!(here.ask(&PRead { offset: 0, fd, count: 3 }, |reply| reply.data.to_vec()).expect("read"), b"lll");
    let replaced = here.control(&["replaced"]);
    fs::write(merged.join("new"), "new").expect("written");
    let rename = RenameAt { old_dir: root, new_dir: root, old_name: name("new"), new_name: name("replaced") };
    here.done(&rename).expect("renamed");
    assert_eq!(fs::read(merged.join("replaced")).expect("read"), b"new");
    assert_eq!(here.stat(replaced).expect("it is still told").size.get(), LENGTH);
    let grown = taken(&layers) - before;
    assert!(grown < LENGTH, "{grown} bytes of the upper layer for what has no name");

    // What was opened for writing, or made, is in the upper layer already, and goes on as on any filesystem.
    let written = here.control(&["written"]);
    let open = OpenAt { fd: written, flags: open_bits(OpenFlags::WRITE) };
    here.ask(&open, |reply| reply.fd).expect("opened");
    let common = CreateCommon::new(root, None, Mode::new(0o600));
    let create = OpenCreateAt { common, flags: open_bits(OpenFlags::READ | OpenFlags::WRITE), name: name("made") };
    let made = here.ask(&create, |reply| reply.inode.control).expect("made");
    for (at, control) in [("written", written), ("made", made)] {
        unlink(&mut here, at);
        assert_eq!(change(&mut here, control), SetStatReport::DONE, "{at}");
        let stat = here.stat(control).expect("told").to_stat().expect("attributes");
        assert_eq!((stat.size, stat.mode, stat.nlink), (5, Mode::new(0o640), 0), "{at}");
    }
    here.finish();
}
