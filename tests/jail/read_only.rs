//! A jail over a directory that is only read.

use crate::harness::Fs;
use crate::start::{Place, Who};
use crate::subjects::{Jailed, ROOT};
use wasi_gofer::abi::{Call, Errno, Error, Mode, OpenFlags, Result, SetStat};
use wasi_gofer::backend::{Backend, NodeKind};

/// In the jail: everything that changes something is refused, and what there is is read.
pub(crate) fn read_and_fail_to_change() {
    let root = ROOT.get().expect("in the jail").try_clone().expect("duplicated");
    let backend = wasi_gofer::DirectFs::from_dir(cap_std::fs::Dir::from_std_file(root.into())).expect("a directory");
    let fs = Fs { subject: Jailed::over(backend) };
    println!("contents: {}", String::from_utf8_lossy(&fs.contents("d/f").expect("reads")));
    println!("names: {}", fs.names("d").expect("lists").join(" "));
    println!("link: {}", String::from_utf8_lossy(&fs.readlink("l").expect("reads")));
    println!("blocks: {}", fs.backend().statfs(&Call::WAITING).is_ok_and(|figures| figures.blocks > 0));
    let mut refused = 0;
    let mut refuse = |what: &str, outcome: Result<()>| match outcome {
        Err(Error::Errno(Errno::Rofs | Errno::Acces)) => refused += 1,
        other => println!("changed: {what}: {other:?}"),
    };
    let set = |set: SetStat| match fs.set_stat("d/f", &set) {
        Ok(report) => report.errno.map_or(Ok(()), |errno| Err(errno.into())),
        Err(error) => Err(error),
    };
    refuse("create", fs.create("d/new", OpenFlags::WRITE, 0o644).map(drop));
    refuse("open to write", fs.open("d/f", OpenFlags::WRITE).map(drop));
    refuse("mkdir", fs.mkdir("d/new").map(drop));
    refuse("mknod", fs.mknod("d/new", NodeKind::Fifo).map(drop));
    refuse("symlink", fs.symlink("d/new", "f").map(drop));
    refuse("link", fs.link("d/f", "d/new").map(drop));
    refuse("unlink", fs.unlink("d/f"));
    refuse("rmdir", fs.rmdir("e"));
    refuse("rename", fs.rename("d/f", "e/f"));
    refuse("chmod", set(SetStat { mode: Some(Mode::new(0o600)), ..SetStat::default() }));
    println!("refused: {refused}");
}

fn changes_in_a_read_only_jail_are_refused_with_and_without_its_own_mount() {
    for who in Who::all() {
        // By the mount; by landlock and the list, each with what the other leaves out.
        for without in ["", "seccomp", "namespaces"] {
            let place = Place::new(*who);
            let export = place.export();
            for dir in ["d", "e"] {
                std::fs::create_dir(export.join(dir)).expect("made");
                place.give(&export.join(dir));
            }
            std::fs::write(export.join("d/f"), "read me").expect("written");
            place.give(&export.join("d/f"));
            std::os::unix::fs::symlink("d/f", export.join("l")).expect("made");
            let start = place.child("read").with("READ_ONLY", 1);
            let ran = if without.is_empty() { start } else { start.with("WITHOUT", without) }.run();
            assert_eq!(ran.told("contents"), Some("read me"), "{ran:#?}");
            assert_eq!(ran.told("names"), Some("f"));
            assert_eq!(ran.told("link"), Some("d/f"));
            assert_eq!(ran.told("blocks"), Some("true"));
            assert_eq!((ran.told("changed"), ran.told("refused")), (None, Some("10")), "{who:?} {ran:#?}");
            assert_eq!(std::fs::read(export.join("d/f")).expect("there"), b"read me");
        }
    }
}

crate::tests! {
    changes_in_a_read_only_jail_are_refused_with_and_without_its_own_mount
}
