//! Names that are none, in every message that has one.

use crate::subject::Here;
use crate::wire::{errno, exchange, payload, raw_of};
use wasi_gofer::abi::{Errno, FileType, Mode, Name};
use wasi_gofer::proto::lisafs::*;
use wasi_gofer::sidecar::HostUds;

/// A name that is put in, to be found among the bytes and replaced.
const MARK: &[u8] = b"@mark@";

/// Every message with a name: what it is called here, its number, and its payload with [`MARK`] for the name.
fn messages(dir: FdId, file: FdId) -> Vec<(&'static str, Mid, Vec<u8>)> {
    let (mark, plain) = (Name::new(MARK).expect("a name"), Name::new(b"plain").expect("a name"));
    let common = CreateCommon::new(dir, None, Mode::new(0o600));
    let node = CreateCommon::new(dir, Some(FileType::Regular), Mode::new(0o600));
    let rename = |old_name, new_name| RenameAt { old_dir: dir, new_dir: dir, old_name, new_name };
    let two = |old, new| RenameAt2 { names: rename(old, new), flags: 0 };
    let symlink = SymlinkAt { dir, uid: NO_ID, gid: NO_ID, name: mark, target: Str(b"x") };
    fn row<R: Request>(what: &'static str, request: &R) -> (&'static str, Mid, Vec<u8>) {
        (what, R::MID, payload(request))
    }
    vec![
        row("walk, first", &Walk { dir, names: Names::List(&[mark, plain]) }),
        row("walk, last", &Walk { dir, names: Names::List(&[plain, mark]) }),
        row("walk_stat, first", &WalkStat { dir, path: StatPath { with_start: false, names: Names::List(&[mark]) } }),
        row("walk_stat, second", &WalkStat { dir, path: StatPath { with_start: true, names: Names::List(&[mark]) } }),
        row("create", &OpenCreateAt { common, flags: 2, name: mark }),
        row("mkdir", &MkdirAt { common, name: mark }),
        row("mknod", &MknodAt { common: node, minor: 0, major: 0, name: mark }),
        row("symlink", &symlink),
        row("link", &LinkAt { dir, target: file, name: mark }),
        row("unlink", &UnlinkAt { dir, flags: 0, name: mark }),
        row("rmdir", &UnlinkAt { dir, flags: UNLINK_DIRECTORY, name: mark }),
        row("rename, old", &rename(mark, plain)),
        row("rename, new", &rename(plain, mark)),
        row("rename2, old", &two(mark, plain)),
        row("rename2, new", &two(plain, mark)),
        row("bind", &BindAt { common, socket_type: 1, name: mark }),
    ]
}

/// The payload with other bytes for the name.
fn with_name(payload: &[u8], name: &[u8]) -> Vec<u8> {
    let at = payload.windows(MARK.len()).position(|window| window == MARK).expect("it is there");
    let length = u16::try_from(name.len()).expect("short").to_le_bytes();
    [&payload[..at - 2], &length, name, &payload[at + MARK.len()..]].concat()
}

#[test]
fn name_that_is_none_in_any_message_is_refused_and_changes_nothing() {
    let outside = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(outside.path().join("export")).expect("made");
    std::fs::write(outside.path().join("secret"), "the secret").expect("written");
    let here = {
        let inner = tempfile::tempdir_in(outside.path()).expect("a directory");
        Here::over(inner, |export| export.host_uds(HostUds::All))
    };
    std::fs::write(here.dir.path().join("plain"), "plain").expect("written");
    let stream = here.server.connect().expect("connected");
    let mut peer = raw_of(&stream);
    let mount = exchange(&mut peer, Mid::MOUNT, &[]);
    let root = decode::<MountReply<'_>>(&mount.1).expect("mounted").root.control;
    let names = [Name::new(b"plain").expect("a name")];
    let walk = exchange(&mut peer, Mid::WALK, &payload(&Walk { dir: root, names: Names::List(&names) }));
    let file = decode::<WalkReply<'_>>(&walk.1).expect("walked").inodes[0].control;
    let long = [b'a'; 256];
    let bad: [(&[u8], Errno); 12] = [
        (b"", Errno::Inval),
        (b".", Errno::Inval),
        (b"..", Errno::Inval),
        (b"/", Errno::Inval),
        (b"/etc", Errno::Inval),
        (b"../secret", Errno::Inval),
        (b"plain/", Errno::Inval),
        (b"plain/..", Errno::Inval),
        (b"a\0b", Errno::Inval),
        (b"\0", Errno::Inval),
        (b"plain\0", Errno::Inval),
        (&long, Errno::Nametoolong),
    ];
    let mut tried = 0;
    for (what, mid, payload) in messages(root, file) {
        for (name, expected) in bad {
            if what == "walk_stat, first" && name.is_empty() {
                // There, and there alone, it is the start itself.
                continue;
            }
            let answer = exchange(&mut peer, mid, &with_name(&payload, name));
            assert_eq!(errno(&answer), Some(expected), "{what} of {name:?}");
            tried += 1;
        }
    }
    assert_eq!(tried, 16 * 12 - 1);
    let listed: Vec<_> = std::fs::read_dir(here.dir.path()).expect("listed").flatten().collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(std::fs::read(here.dir.path().join("plain")).expect("read"), b"plain");
    assert_eq!(std::fs::read(outside.path().join("secret")).expect("read"), b"the secret");
    // The connection is as good as before.
    assert_eq!(errno(&exchange(&mut peer, Mid::F_STAT, &payload(&FStat { fd: file }))), None);
}

#[test]
fn path_too_long_for_its_answer_is_refused_before_anything_is_looked_up() {
    let here = Here::new();
    let stream = here.server.connect().expect("connected");
    let mut peer = raw_of(&stream);
    let mount = exchange(&mut peer, Mid::MOUNT, &[]);
    let root = decode::<MountReply<'_>>(&mount.1).expect("mounted").root.control;
    std::fs::create_dir(here.dir.path().join("a")).expect("made");
    let one = Name::new(b"a").expect("a name");
    for count in [13_770, 13_771, 65_535] {
        let names = vec![one; count];
        let walk = exchange(&mut peer, Mid::WALK, &payload(&Walk { dir: root, names: Names::List(&names) }));
        // 13,770 objects of 152 bytes fit into 2,093,056 bytes, one more does not.
        if count == 13_770 {
            let reply = decode::<WalkReply<'_>>(&walk.1).expect("walked");
            assert_eq!((reply.status, reply.inodes.len()), (WalkStatus::Missing, 1));
        } else {
            assert_eq!(errno(&walk), Some(Errno::Overflow));
        }
    }
    for (count, expected) in [(14_534, None), (14_535, Some(Errno::Overflow)), (65_534, Some(Errno::Overflow))] {
        let names = vec![one; count];
        let path = StatPath { with_start: true, names: Names::List(&names) };
        let stats = exchange(&mut peer, Mid::WALK_STAT, &payload(&WalkStat { dir: root, path }));
        assert_eq!(errno(&stats), expected, "{count}");
    }
}
