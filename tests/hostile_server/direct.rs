//! The backend alone.

use crate::case::{Case, Expected, What, at};
use crate::proxy::{Lie, Reply};
use crate::scene::{CONTENTS, LONG, SHORT, Scene, assert_no_descriptor_is_left, connect, descriptors, in_time, memory};
use crate::{ALONE, files, frames, listings, walks};
use std::io::{IoSlice, IoSliceMut};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Instant;
use wasi_gofer::abi::{Call, Errno, Error, Mode, Name, OpenFlags, Result, SetStat, Timespec};
use wasi_gofer::backend::lisafs::{LisaFs, LisaHandle, LisaNode};
use wasi_gofer::backend::{Backend, Found, Handle, Location, NodeKind, Object, Step, WalkEnd};
use wasi_gofer::proto::lisafs::Mid;

const CALL: &Call = &Call::WAITING;

pub(crate) fn name(name: &str) -> Name<'_> {
    Name::new(name.as_bytes()).expect("a name")
}

/// What was found before anybody lied.
struct Known {
    root: Found<LisaNode>,
    d: Found<LisaNode>,
    f: Found<LisaNode>,
    l: Found<LisaNode>,
    /// An open file, where the case is about one.
    file: Option<Arc<LisaHandle>>,
}

impl Known {
    fn new(fs: &LisaFs, what: What) -> Known {
        Known::find(fs, what).expect("all is there")
    }

    fn find(fs: &LisaFs, what: What) -> Result<Known> {
        let root = fs.root(CALL)?;
        let d = fs.lookup(CALL, &root.node, name("d"))?;
        let f = fs.lookup(CALL, &d.node, name("f"))?;
        let l = fs.lookup(CALL, &d.node, name("l"))?;
        let mut known = Known { root, d, f, l, file: None };
        if by_messages(what) {
            let flags = OpenFlags::READ | OpenFlags::WRITE;
            known.file = Some(fs.open(CALL, known.object(), flags)?);
        }
        Ok(known)
    }

    fn object(&self) -> Object<'_, LisaNode> {
        Self::object_of(&self.d, &self.f, "f")
    }

    fn object_of<'a>(dir: &'a Found<LisaNode>, of: &'a Found<LisaNode>, at: &'static str) -> Object<'a, LisaNode> {
        let location = Some(Location { dir: &dir.node, name: name(at) });
        Object { node: &of.node, location, key: of.stat.key, file_type: of.stat.file_type }
    }
}

fn by_messages(what: What) -> bool {
    matches!(what, What::Read | What::Write | What::Append | What::AppendByTurns | What::Sync | What::Allocate)
}

/// Asks; the error, if it is one.
fn ask(fs: &LisaFs, known: &Known, what: What, call: &Call) -> Result<()> {
    let file = || known.file.as_ref().expect("opened");
    match what {
        What::Mount => Ok(()),
        What::Walk => {
            let mut found = Vec::new();
            let end = fs.walk_many(call, &known.root.node, &[name("d"), name("f")], &mut found)?;
            assert_eq!((end, found.len()), (WalkEnd::Complete, 2));
            Ok(())
        }
        What::Stat => fs.stat(call, known.object()).map(|_| ()),
        What::Revalidate => {
            let step = |dir, at, key| Step { dir, name: name(at), key };
            let steps = [step(&known.root.node, "d", known.d.stat.key), step(&known.d.node, "f", known.f.stat.key)];
            fs.revalidate_many(call, &steps, &mut Vec::new())
        }
        What::RevalidateEnd => {
            let names = [name("d"), name("f")];
            fs.revalidate_end(call, &known.root.node, &names, known.f.stat.key).map(|_| ())
        }
        What::Open | What::OpenToWrite => {
            let access = if what == What::Open { OpenFlags::READ } else { OpenFlags::READ | OpenFlags::WRITE };
            let handle = fs.open(call, known.object(), access)?;
            assert_eq!(read(&handle)?, CONTENTS);
            Ok(())
        }
        What::Create => {
            let flags = OpenFlags::READ | OpenFlags::WRITE;
            fs.create(call, &known.root.node, name("new"), flags, Mode::new(0o644)).map(|_| ())
        }
        What::Mkdir => fs.mkdir(call, &known.root.node, name("new"), Mode::new(0o755)).map(|_| ()),
        What::Mknod => fs.mknod(call, &known.root.node, name("new"), NodeKind::Regular, Mode::new(0o644)).map(|_| ()),
        What::Symlink => fs.symlink(call, &known.root.node, name("new"), b"x").map(|_| ()),
        What::Link => fs.link(call, known.object(), &known.root.node, name("new")).map(|_| ()),
        What::Rename => {
            let at = |at| Location { dir: &known.root.node, name: name(at) };
            fs.rename(call, at("g"), at("new"))
        }
        What::Unlink => fs.unlink(call, &known.root.node, name("g")),
        What::Readlink => fs.readlink(call, Known::object_of(&known.d, &known.l, "l")).map(|_| ()),
        What::List => fs.read_dir(call, &known.d.node, 0, &mut |_| true).map(|end| assert!(end)),
        What::ListFound => fs
            .read_dir_found(call, &known.d.node, 0, &mut |entry, found| {
                if let Some(Found { stat, .. }) = found {
                    assert!(
                        stat.key.ino != 0 && entry.file_type.is_none_or(|listed| listed == stat.file_type),
                        "{stat:?}"
                    );
                }
                true
            })
            .map(|end| assert!(end)),
        What::StatFs => fs.statfs(CALL).map(|_| ()),
        What::SetStat => {
            let set = SetStat { mode: Some(Mode::new(0o600)), ..SetStat::default() };
            let report = fs.set_stat(call, known.object(), &set)?;
            report.errno.map_or(Ok(()), |errno| Err(Error::Errno(errno)))
        }
        What::Xattr => fs.get_xattr(call, known.object(), b"user.x").map(|_| ()),
        What::Read => read(file()).map(|_| ()),
        What::Write => file().write_at(call, &[IoSlice::new(b"HE")], 0).map(|_| ()),
        What::Append | What::AppendByTurns => file().append(call, &[IoSlice::new(b"!")]).map(|_| ()),
        What::Sync => file().sync(call, false),
        What::Allocate => file().allocate(call, 0, 5),
    }
}

/// A call that ends before a server that stalls goes on.
fn soon() -> Call {
    Call { deadline: Some(Instant::now() + SHORT), ..Call::WAITING }
}

/// Asks a server that stalls: again where the time had passed before the request came to it.
pub(crate) fn ask_who_stalls(scene: &Scene, ask: impl Fn() -> Result<()>) -> Result<()> {
    let until = Instant::now() + LONG;
    loop {
        let outcome = ask();
        if scene.proxy.told() > 0 || outcome != Err(Error::Errno(Errno::Timedout)) {
            return outcome;
        }
        assert!(Instant::now() < until, "no request came");
    }
}

/// The answer to a mount, of a server that cannot append.
fn without_append(reply: &mut Reply) {
    let start = at::INODE_BYTES + 6;
    for number in reply.payload[start..].chunks_exact_mut(2) {
        if number == Mid::APPEND.0.to_le_bytes() {
            // One that nobody knows.
            number.copy_from_slice(&511u16.to_le_bytes());
        }
    }
}

fn read(handle: &LisaHandle) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 64];
    let count = handle.read_at(CALL, &mut [IoSliceMut::new(&mut bytes)], 0)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// The mount answers as the host does.
fn assert_precise(fs: &LisaFs, scene: &Scene, case: &str) {
    in_time(case, || precise(fs, scene, case));
}

fn precise(fs: &LisaFs, scene: &Scene, case: &str) -> Result<()> {
    let root = fs.root(CALL)?;
    let mut found = Vec::new();
    let names = [name("d"), name("f")];
    let end = fs.walk_many(CALL, &root.node, &names, &mut found)?;
    assert_eq!((end, found.len()), (WalkEnd::Complete, 2), "{case}");
    let [d, f] = <[_; 2]>::try_from(found).expect("two");
    let host = std::fs::metadata(scene.host("d/f")).expect("there");
    let stat = fs.stat(CALL, Known::object_of(&d, &f, "f"))?;
    assert_eq!((stat.key.ino, stat.key.dev, stat.size), (host.ino(), host.dev(), host.size()), "{case}");
    let end = fs.revalidate_end(CALL, &root.node, &names, f.stat.key)?;
    assert_eq!(end.map(|stat| stat.key), Some(f.stat.key), "{case}");
    let handle = fs.open(CALL, Known::object_of(&d, &f, "f"), OpenFlags::READ)?;
    assert_eq!(read(&handle)?, std::fs::read(scene.host("d/f")).expect("read"), "{case}");
    let mut listed = Vec::new();
    let end = fs.read_dir(CALL, &d.node, 0, &mut |entry| {
        listed.push(entry.name.as_bytes().to_vec());
        true
    })?;
    listed.sort();
    assert_eq!((end, listed), (true, vec![b"f".to_vec(), b"l".to_vec()]), "{case}");
    match fs.lookup(CALL, &root.node, name("none")) {
        Err(Error::Errno(Errno::Noent)) => Ok(()),
        Err(error) => Err(error),
        Ok(found) => panic!("{case}: {:?} of what is not there", found.stat),
    }
}

fn run(case: &Case) {
    let (scene, socket) = Scene::new();
    if case.what == What::Mount {
        scene.proxy.arm(case.mid, &case.lie, case.always);
    }
    if case.what == What::AppendByTurns {
        scene.proxy.arm(Mid::MOUNT.0, &(Arc::new(without_append) as Lie), false);
    }
    let connected = connect(socket, LONG, !by_messages(case.what));
    let outcome = connected.and_then(|fs| {
        let known = Known::new(&fs, case.what);
        if case.what != What::Mount {
            scene.proxy.arm(case.mid, &case.lie, case.always);
        }
        let began = Instant::now();
        let outcome = if case.stalls() {
            ask_who_stalls(&scene, || ask(&fs, &known, case.what, &soon()))
        } else {
            ask(&fs, &known, case.what, CALL)
        };
        assert!(!case.stalls() || began.elapsed() < LONG, "{}: took {:?}", case.name, began.elapsed());
        assert!(scene.proxy.disarm() > 0, "{}: nobody was lied to", case.name);
        if case.ends {
            drop(known);
            // A death behind an answer is seen by the next who asks.
            let _ = fs.statfs(CALL);
            let errno = fs.root(CALL).map(|_| ());
            assert_eq!(errno, Err(Error::Errno(Errno::Io)), "{}", case.name);
        } else {
            assert_precise(&fs, &scene, case.name);
            // With what was believed before, too, unless numbers were mixed up.
            drop(known);
            assert_precise(&fs, &scene, case.name);
        }
        outcome
    });
    match (case.expected, outcome) {
        (Expected::Works, Ok(())) => {}
        (Expected::Fails(errnos), Err(Error::Errno(errno))) if errnos.contains(&errno) => {}
        // The directory above was lied about, too: a cache finds it anew, and is told that there.
        (Expected::Fails(errnos), Err(Error::Unbound)) if errnos.contains(&Errno::Stale) => {}
        (expected, outcome) => panic!("{}: {outcome:?} is not {expected:?}", case.name),
    }
    if matches!(case.what, What::Create) && !case.ends {
        // What was made and cannot be used is removed, as far as it was told what it is.
        let told_another = !case.name.starts_with("create_with");
        assert!(told_another || !scene.host("new").exists(), "{}: the file is left", case.name);
    }
    scene.end();
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = walks::cases();
    all.extend(files::cases());
    all.extend(listings::cases());
    all.extend(frames::cases());
    all
}

#[test]
fn every_lie_costs_an_errno_and_nothing_else() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let cases = all();
    assert!(cases.len() >= 180, "{}", cases.len());
    let before = descriptors();
    // The first ones fill what the process keeps anyway.
    cases.iter().take(5).for_each(run);
    let began = memory();
    for case in &cases {
        run(case);
        assert_no_descriptor_is_left(&before, case.name);
    }
    let grown = memory().saturating_sub(began);
    assert!(grown < 24 << 20, "{grown} bytes were taken");
}

#[test]
fn names_of_cases_are_each_ones_own() {
    let mut names: Vec<_> = all().iter().map(|case| case.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// Bytes of the frame with the attributes of one object.
const STAT_FRAME: usize = 8 + 144;

#[test]
fn death_at_every_byte_of_an_answer_is_io_at_once() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = descriptors();
    for bytes in 0..STAT_FRAME {
        let (scene, socket) = Scene::new();
        let fs = connect(socket, LONG, true).expect("mounted");
        let known = Known::new(&fs, What::Stat);
        let lie = Case::new("death", (What::Stat, Mid::F_STAT), Expected::Works, move |reply| reply.cut = Some(bytes));
        scene.proxy.arm(lie.mid, &lie.lie, false);
        assert_eq!(ask(&fs, &known, What::Stat, CALL), Err(Error::Errno(Errno::Io)), "{bytes}");
        assert_eq!(ask(&fs, &known, What::Walk, CALL), Err(Error::Errno(Errno::Io)), "{bytes}");
        drop((known, fs));
        scene.end();
        assert_no_descriptor_is_left(&before, "death");
    }
}

#[test]
fn stall_at_every_byte_of_an_answer_is_timedout_and_the_next_answer_is_right() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = descriptors();
    let (scene, socket) = Scene::new();
    let fs = connect(socket, LONG, true).expect("mounted");
    let known = Known::new(&fs, What::Stat);
    for bytes in 0..STAT_FRAME {
        let lie =
            Case::new("stall", (What::Stat, Mid::F_STAT), Expected::Works, move |reply| reply.stall = Some(bytes));
        scene.proxy.arm(lie.mid, &lie.lie, false);
        let outcome = ask_who_stalls(&scene, || ask(&fs, &known, What::Stat, &soon()));
        assert_eq!(outcome, Err(Error::Errno(Errno::Timedout)), "{bytes}");
        scene.proxy.disarm();
        // Not the answer that came late.
        let figures = fs.statfs(CALL).expect("answered");
        assert_eq!(figures.name_max, 255, "{bytes}");
        let stat = fs.stat(CALL, known.object()).expect("answered");
        assert_eq!((stat.key, stat.size), (known.f.stat.key, CONTENTS.len() as u64), "{bytes}");
    }
    drop((known, fs));
    scene.end();
    assert_no_descriptor_is_left(&before, "stall");
}

/// A mount whose requests may take no longer than `timeout`, and what is known of it: the first that was made in time.
fn mounted_in_time(timeout: std::time::Duration) -> (Scene, LisaFs, Known) {
    let until = Instant::now() + LONG;
    loop {
        let (scene, socket) = Scene::new();
        let mounted =
            connect(socket, timeout, true).and_then(|fs| Known::find(&fs, What::Stat).map(|known| (fs, known)));
        match mounted {
            Ok((fs, known)) => return (scene, fs, known),
            Err(error) => assert!(error == Errno::Timedout.into() && Instant::now() < until, "{error}"),
        }
        scene.end();
    }
}

#[test]
fn request_that_takes_longer_than_the_timeout_is_timedout_and_leaves_the_next_its_own() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let timeout = std::time::Duration::from_millis(700);
    let (scene, fs, known) = mounted_in_time(timeout);
    let lie = Case::new("stall", (What::Stat, Mid::F_STAT), Expected::Works, |reply| reply.stall = Some(9));
    scene.proxy.arm(lie.mid, &lie.lie, false);
    let began = Instant::now();
    let outcome = ask_who_stalls(&scene, || ask(&fs, &known, What::Stat, CALL));
    assert_eq!(outcome, Err(Error::Errno(Errno::Timedout)));
    assert!(began.elapsed() >= timeout);
    // Who waits for the one that stalls waits no longer than for an answer of his own.
    assert_eq!(ask(&fs, &known, What::Walk, CALL), Err(Error::Errno(Errno::Timedout)));
    let cancelled = wasi_gofer::abi::CancelToken::new();
    cancelled.cancel();
    let call = Call { cancel: Some(cancelled), ..Call::WAITING };
    assert_eq!(ask(&fs, &known, What::Walk, &call), Err(Error::Errno(Errno::Canceled)));
    assert_eq!(ask(&fs, &known, What::Walk, &Call::NOT_WAITING), Err(Error::WouldWait));
    scene.proxy.disarm();
    assert_precise(&fs, &scene, "timeout");
    drop((known, fs));
    scene.end();
}

#[test]
fn answers_that_come_late_are_closed_again() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = descriptors();
    let (scene, socket) = Scene::new();
    let fs = connect(socket, LONG, true).expect("mounted");
    let known = Known::new(&fs, What::Open);
    let counts = fs.rpc_counts();
    for (what, mid) in [(What::Walk, Mid::WALK), (What::Open, Mid::OPEN_AT), (What::Create, Mid::OPEN_CREATE_AT)] {
        let lie = Case::new("late", (what, mid), Expected::Works, |reply| reply.stall = Some(0));
        scene.proxy.arm(lie.mid, &lie.lie, false);
        let outcome = ask_who_stalls(&scene, || ask(&fs, &known, what, &soon()));
        assert_eq!(outcome, Err(Error::Errno(Errno::Timedout)), "{what:?}");
        scene.proxy.disarm();
        fs.statfs(CALL).expect("answered");
        assert_precise(&fs, &scene, "late");
    }
    // What was made is there, though nobody was told.
    assert!(scene.host("new").exists());
    std::thread::sleep(std::time::Duration::from_millis(1_050));
    fs.statfs(CALL).expect("answered");
    assert!(counts.snapshot().iter().any(|count| count.message == "Close"), "{counts}");
    drop((known, fs));
    scene.end();
    assert_no_descriptor_is_left(&before, "late");
}

#[test]
fn set_stat_of_times_before_1970_goes_through() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (scene, socket) = Scene::new();
    let fs = connect(socket, LONG, true).expect("mounted");
    let known = Known::new(&fs, What::SetStat);
    let time = wasi_gofer::abi::SetTime::At(Timespec { secs: -5, nanos: 7 });
    let set = SetStat { mtime: Some(time), ..SetStat::default() };
    assert_eq!(fs.set_stat(CALL, known.object(), &set).expect("set").errno, None);
    assert_eq!(std::fs::metadata(scene.host("d/f")).expect("there").mtime(), -5);
    drop((known, fs));
    scene.end();
}
