//! A cache over the backend: a guest that goes on while it is lied to.

use crate::case::{Case, REGULAR, What, at};
use crate::scene::{CONTENTS, LONG, Scene, assert_no_descriptor_is_left, connect, descriptors, in_time, memory};
use crate::{ALONE, direct, listings};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, Errno, Error, Result};
use wasi_gofer::proto::lisafs::Mid;
use wasi_gofer::vfs::{Descriptor, OpenDirectory, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, GoferCtx, MountOptions};

const CALL: &Call = &Call::WAITING;

/// How long a request may take where the server stalls: a guest that is kept waiting makes a dozen.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a request may take in a case.
fn patience(case: &Case) -> Duration {
    if case.stalls() { PATIENCE } else { LONG }
}

/// Whatever the table's lies concern, once. Each answers, with the truth or an errno, and none of ours.
fn go_on(ctx: &GoferCtx, root: &OpenDirectory, case: &str) {
    let fair = |what: &str, outcome: Result<()>| {
        let fair = matches!(outcome, Ok(()) | Err(Error::Errno(_)));
        assert!(fair, "{case}: {what} answers {outcome:?}");
    };
    fair("stat", ctx.lookup_stat(CALL, "/d/f", true).map(|_| ()));
    fair("stat of a link", ctx.lookup_stat(CALL, "/d/l", false).map(|_| ()));
    fair("list", ctx.read_dir_path(CALL, "/d").map(|_| ()));
    fair("readlink", ctx.read_link_path(CALL, "/d/l").map(|_| ()));
    fair("read", ctx.open_read_path(CALL, "/d/f").and_then(|file| file.read_at(CALL, &mut [0; 64], 0)).map(|_| ()));
    let how = OpenHow { create: true, read: true, write: true, ..OpenHow::default() };
    fair(
        "create",
        root.open_at(CALL, b"made", how).and_then(|opened| match opened {
            Descriptor::File(file) => {
                file.write(CALL, &[std::io::IoSlice::new(b"x")])?;
                file.set_size(CALL, 9)?;
                file.sync(CALL, false)?;
                file.close(CALL)
            }
            Descriptor::Directory(_) => Ok(()),
        }),
    );
    fair("mkdir", root.create_directory_at(CALL, b"dir"));
    fair("symlink", root.symlink_at(CALL, b"x", b"link"));
    fair("link", root.link_at(CALL, b"d/f", root, b"hard"));
    fair("rename", root.rename_at(CALL, b"made", root, b"moved"));
    fair("times", root.set_times_at(CALL, b"d/f", true, None, None));
    fair("unlink", root.unlink_at(CALL, b"moved"));
    fair("rmdir", root.remove_directory_at(CALL, b"dir"));
}

/// The guest sees what the host has.
fn assert_precise(ctx: &GoferCtx, scene: &Scene, case: &str) {
    in_time(case, || precise(ctx, scene, case));
}

fn precise(ctx: &GoferCtx, scene: &Scene, case: &str) -> Result<()> {
    let stat = ctx.lookup_stat(CALL, "/d/f", true)?;
    let host = std::fs::metadata(scene.host("d/f")).expect("there");
    assert_eq!((stat.key.ino, stat.size, stat.nlink), (host.ino(), host.size(), host.nlink()), "{case}");
    let mut names: Vec<_> = ctx.read_dir_path(CALL, "/")?.into_iter().map(|entry| entry.name).collect();
    names.sort();
    let mut there: Vec<_> = std::fs::read_dir(scene.host(".")).expect("listed").flatten().collect();
    there.sort_by_key(std::fs::DirEntry::file_name);
    let there: Vec<_> = there.iter().map(|entry| entry.file_name().into_encoded_bytes()).collect();
    assert_eq!(names, there, "{case}");
    let mut bytes = [0; 64];
    let count = ctx.open_read_path(CALL, "/d/f")?.read_at(CALL, &mut bytes, 0)?;
    assert_eq!(bytes[..count], std::fs::read(scene.host("d/f")).expect("read"), "{case}");
    match ctx.lookup_stat(CALL, "/none", true) {
        Err(Error::Errno(Errno::Noent)) => Ok(()),
        Err(error) => Err(error),
        Ok(stat) => panic!("{case}: {stat:?} of what is not there"),
    }
}

/// The policy in which a guest meets a case: lists are asked for with attributes where those are trusted.
fn policy_of(case: &Case) -> CachePolicy {
    if case.what == What::ListFound { CachePolicy::Exclusive } else { CachePolicy::Shared }
}

/// A mount over a server that tells the truth: again where that took longer than a request may.
fn mounted_in_time(case: &Case, host_fds: bool) -> (Scene, Gofer) {
    let until = Instant::now() + LONG;
    loop {
        let (scene, socket) = Scene::new();
        let options = MountOptions { read_only: false, fs: FsOptions::with_policy(policy_of(case)) };
        let mounted = connect(socket, patience(case), host_fds)
            .map_err(|error| error.to_string())
            .and_then(|fs| Gofer::builder().mount("/", fs, options).build().map_err(|error| error.to_string()));
        match mounted {
            Ok(gofer) => return (scene, gofer),
            Err(error) => assert!(case.stalls() && Instant::now() < until, "{}: {error}", case.name),
        }
        scene.end();
    }
}

fn run(case: &Case, host_fds: bool) {
    let (scene, gofer) = mounted_in_time(case, host_fds);
    {
        let ctx = gofer.ctx();
        in_time(case.name, || ctx.open_preopen(CALL, &ctx.preopens()[0]).map(drop));
        let root = ctx.open_preopen(CALL, &ctx.preopens()[0]).expect("the root");
        assert_precise(&ctx, &scene, case.name);
        scene.proxy.arm(case.mid, &case.lie, true);
        let began = Instant::now();
        go_on(&ctx, &root, case.name);
        assert!(began.elapsed() < LONG * 3, "{}: took {:?}", case.name, began.elapsed());
        scene.proxy.disarm();
        if case.ends {
            // Ended by whichever operation met the lie first, if one did.
            if ctx.lookup_stat(CALL, "/d/f", true).is_err() {
                assert_eq!(
                    ctx.lookup_stat(CALL, "/d/f", true).map(|_| ()),
                    Err(Error::Errno(Errno::Io)),
                    "{}",
                    case.name
                );
            }
        } else {
            gofer.drop_caches();
            assert_precise(&ctx, &scene, case.name);
        }
        gofer.check_invariants().unwrap_or_else(|wrong| panic!("{}: {wrong}", case.name));
    }
    drop(gofer);
    scene.end();
}

#[test]
fn a_guest_over_every_lie_is_told_an_errno_and_finds_the_truth_again() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let cases = direct::all();
    let before = descriptors();
    cases.iter().filter(|case| case.what != What::Mount).take(3).for_each(|case| run(case, true));
    let began = memory();
    for case in cases.iter().filter(|case| case.what != What::Mount) {
        run(
            case,
            !matches!(
                case.what,
                What::Read | What::Write | What::Append | What::AppendByTurns | What::Sync | What::Allocate
            ),
        );
        assert_no_descriptor_is_left(&before, case.name);
    }
    let grown = memory().saturating_sub(began);
    assert!(grown < 24 << 20, "{grown} bytes were taken");
}

/// A guest in `exclusive`, who asks for lists with attributes, over a fresh scene.
fn exclusive(fs: FsOptions) -> (Scene, Gofer) {
    let (scene, socket) = Scene::new();
    let backend = connect(socket, LONG, true).expect("mounted");
    let options = MountOptions { read_only: false, fs: FsOptions { cache: CachePolicy::Exclusive, ..fs } };
    let gofer = Gofer::builder().mount("/", backend, options).build().expect("the mount is fine");
    (scene, gofer)
}

#[test]
fn endless_list_with_attributes_stays_within_the_bounds_of_the_cache() {
    /// What is listed before the guest has enough: some 40 MiB, if all of it were kept.
    const ENTRIES: usize = 100_000;
    const DENTRIES: usize = 1_000;
    const PART: u64 = 400;
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let limits = FsOptions { dentry_cache_limit: DENTRIES, list_limit: 4 << 20, ..FsOptions::default() };
    let (scene, gofer) = exclusive(limits);
    let (ctx, mut listed) = (gofer.ctx(), 0);
    let how = OpenHow { directory: true, ..OpenHow::default() };
    let root = ctx.open_preopen(CALL, &ctx.preopens()[0]).expect("the root");
    let Ok(Descriptor::Directory(dir)) = root.open_at(CALL, b"d", how) else { panic!("it opens") };
    let truth = scene.host("d/f").metadata().expect("there");
    let lie: crate::proxy::Lie = std::sync::Arc::new(move |reply| {
        let (mut file, mut all) = (listings::file(reply), Vec::new());
        for number in reply.nth * PART + 1..=(reply.nth + 1) * PART {
            file.put(at::INO, &(truth.ino() + number).to_le_bytes());
            file.put(at::MASK, &0x7ffu32.to_le_bytes());
            file.put(at::MODE, &REGULAR);
            (file.offset, file.name) = (number, format!("{number:0>200}").into_bytes());
            all.push(file.clone());
        }
        listings::answer(reply, &all);
    });
    scene.proxy.arm(Mid::READ_DIR_STAT.0, &lie, true);
    let began = memory();
    dir.read_dir(CALL, 0, &mut |_| {
        listed += 1;
        listed < ENTRIES
    })
    .expect("listed");
    let grown = memory().saturating_sub(began);
    assert_eq!(listed, ENTRIES);
    assert!(grown < 20 << 20, "{grown} bytes were taken");
    let held = gofer.stats()[0].fs.dentries;
    assert!(held <= DENTRIES as u64 + 2, "{held} dentries");
    gofer.check_invariants().expect("in order");
    drop((dir, root, ctx, gofer));
    scene.end();
}

#[test]
fn name_that_is_listed_as_another_file_never_reads_or_changes_what_nobody_named() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (scene, gofer) = exclusive(FsOptions::default());
    {
        let ctx = gofer.ctx();
        let root = ctx.open_preopen(CALL, &ctx.preopens()[0]).expect("the root");
        // `f` is listed with an inode that is that of `d/l`, of `.`, and of none; the guest has seen neither.
        let inodes = ["d/l", "d", "."].map(|name| std::fs::symlink_metadata(scene.host(name)).expect("there").ino());
        for ino in inodes.into_iter().chain([u64::MAX]) {
            let lie: crate::proxy::Lie = std::sync::Arc::new(move |reply| {
                let mut all = listings::entries(reply);
                all.iter_mut()
                    .filter(|entry| entry.name == b"f")
                    .for_each(|entry| entry.put(at::INO, &ino.to_le_bytes()));
                listings::answer(reply, &all);
            });
            scene.proxy.arm(Mid::READ_DIR_STAT.0, &lie, false);
            assert_eq!(ctx.read_dir_path(CALL, "/d").expect("listed").len(), 2);
            assert_eq!(scene.proxy.disarm(), 1);
            let mut bytes = [0; 64];
            // Found by its name, it proves another than was told; then it is looked up anew.
            let read = ctx.open_read_path(CALL, "/d/f").and_then(|file| file.read_at(CALL, &mut bytes, 0));
            match read {
                Ok(count) => assert_eq!(&bytes[..count], CONTENTS, "{ino}"),
                Err(error) => assert!(matches!(error, Error::Errno(Errno::Stale | Errno::Io)), "{ino}: {error}"),
            }
            let times = root.set_times_at(CALL, b"d/f", true, None, None);
            assert!(matches!(times, Ok(()) | Err(Error::Errno(Errno::Stale | Errno::Io))), "{ino}: {times:?}");
            gofer.check_invariants().expect("in order");
            gofer.drop_caches();
            assert_precise(&ctx, &scene, "listed as another");
        }
    }
    drop(gofer);
    scene.end();
}
