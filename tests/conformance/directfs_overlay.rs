//! The directory backend on overlayfs, where the first write changes what an object is.

use crate::directfs_swapped::name;
use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::path::Path;
use std::process::Command;
use wasi_gofer::abi::{Call, Mode, OpenFlags, SetStat, SetStatReport, SetTime};
use wasi_gofer::backend::directfs::{DirectFs, DirectNode, FdBudget};
use wasi_gofer::backend::{Backend, Found, Handle, Location, Object, WalkEnd};

const CALL: &Call = &Call::WAITING;
const TEST: &str = "directfs_overlay::the_first_write_to_a_lower_object_keeps_its_key";

fn object<'a>(found: &'a Found<DirectNode>, at: Location<'a, DirectNode>) -> Object<'a, DirectNode> {
    Object { node: &found.node, location: Some(at), key: found.stat.key, file_type: found.stat.file_type }
}

/// Runs the test in user and mount namespaces of its own, where it may mount.
#[test]
fn the_first_write_to_a_lower_object_keeps_its_key() {
    const MARK: &str = "WASI_GOFER_TEST_OVERLAY";
    if let Some(dir) = std::env::var_os(MARK) {
        return on_overlay(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let lower = dir.path().join("lower");
    fs::create_dir_all(lower.join("d/sub")).expect("made");
    for file in ["f", "g", "d/h"] {
        fs::write(lower.join(file), "lower").expect("made");
    }
    for sub in ["upper", "work", "merged"] {
        fs::create_dir(dir.path().join(sub)).expect("made");
    }
    let script = r#"cd "$1" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged || exit 77
        exec "$2" "$3" --exact --nocapture --test-threads=1"#;
    let exe = std::env::current_exe().expect("a test binary");
    let mut unshared = Command::new("unshare");
    unshared.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    unshared.arg(dir.path()).arg(exe).arg(TEST).env(MARK, dir.path().join("merged"));
    match unshared.output() {
        Ok(run) if run.status.success() => {
            assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed"));
        }
        Ok(run) if run.status.code() == Some(101) => {
            panic!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        }
        refused => eprintln!("skipped: overlayfs cannot be mounted here: {refused:?}"),
    }
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
