//! The directory backend on overlayfs, where the first write changes what an object is.

use crate::directfs_swapped::name;
use crate::own_mounts::in_own_mounts;
use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::path::Path;
use wasi_gofer::abi::{Call, Mode, OpenFlags, SetStat, SetStatReport, SetTime};
use wasi_gofer::backend::directfs::{DirectFs, DirectNode, FdBudget};
use wasi_gofer::backend::{Backend, Found, Handle, Location, Object, WalkEnd};

const CALL: &Call = &Call::WAITING;
const TEST: &str = "directfs_overlay::the_first_write_to_a_lower_object_keeps_its_key";

fn object<'a>(found: &'a Found<DirectNode>, at: Location<'a, DirectNode>) -> Object<'a, DirectNode> {
    Object { node: &found.node, location: Some(at), key: found.stat.key, file_type: found.stat.file_type }
}

#[test]
fn the_first_write_to_a_lower_object_keeps_its_key() {
    let lay = |dir: &Path| {
        let lower = dir.join("lower");
        fs::create_dir_all(lower.join("d/sub")).expect("made");
        for file in ["f", "g", "d/h"] {
            fs::write(lower.join(file), "lower").expect("made");
        }
        for sub in ["upper", "work", "merged"] {
            fs::create_dir(dir.join(sub)).expect("made");
        }
    };
    let mounts = "mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged";
    in_own_mounts(TEST, mounts, lay, |dir| on_overlay(&dir.join("merged")));
}

fn on_overlay(dir: &Path) {
    let fs = DirectFs::open_ambient(dir).expect("mounted").with_budget(FdBudget::new(16));
    assert!(fs.capabilities().stale_handles);
    let root = fs.root(CALL).expect("root").node;
    let at = |entry| Location { dir: &root, name: name(entry) };
    let find = |entry| fs.lookup(CALL, &root, name(entry)).expect("there");

    // Opening for writing copies the file up.
    let f = find("f");
    let before = fs.open(CALL, object(&f, at("f")), OpenFlags::READ).expect("opens");
    let after = fs.open(CALL, object(&f, at("f")), OpenFlags::WRITE).expect("opens, copied up");
    after.write_at(CALL, &[IoSlice::new(b"upper")], 0).expect("writes");
    assert_eq!(fs.stat(CALL, object(&f, at("f"))).expect("there").key, f.stat.key);
    assert_eq!((after.stat(CALL).expect("open").key, find("f").stat.key), (f.stat.key, f.stat.key));
    // Whether a handle from before reads the copy depends on the kernel (since 4.19 it does): `stale_handles`.
    let mut bytes = [0; 5];
    before.read_at(CALL, &mut [IoSliceMut::new(&mut bytes)], 0).expect("reads");
    assert!(&bytes == b"lower" || &bytes == b"upper");

    // So does a change of attributes.
    let g = find("g");
    let set = SetStat { mode: Some(Mode::new(0o600)), mtime: Some(SetTime::Now), ..SetStat::default() };
    assert_eq!(fs.set_stat(CALL, object(&g, at("g")), &set), Ok(SetStatReport::DONE));
    assert_eq!(fs.stat(CALL, object(&g, at("g"))).expect("there").key, g.stat.key);

    // And a change in a directory copies the directory, held or not.
    let mut found = Vec::new();
    let end = fs.walk_many(CALL, &root, &[name("d"), name("sub")], &mut found);
    assert_eq!(end, Ok(WalkEnd::Complete));
    let (d, sub) = (&found[0], &found[1]);
    fs.create(CALL, &d.node, name("new"), OpenFlags::WRITE, Mode::new(0o644)).expect("made");
    assert_eq!(fs.stat(CALL, object(d, at("d"))).expect("held").key, d.stat.key);
    fs.relieve(usize::MAX);
    fs.restore(CALL, &d.node, at("d"), d.stat.key).expect("the same directory");
    let in_d = Location { dir: &d.node, name: name("sub") };
    assert_eq!(fs.stat(CALL, object(sub, in_d)).expect("there").key, sub.stat.key);
    assert_eq!(fs.lineage().first(), Some(&fs.root_key()));
}
