//! Rows that failed once, made short.

use crate::act::Act;
use crate::harness::{Setup, Source, World, outsiders, run};
use crate::kernel::{Kernel, statx};
use crate::rows::some_tree;
use crate::runsc;
use std::io::{IoSlice, IoSliceMut};
use wasi_gofer::abi::{Call, Timespec};
use wasi_gofer::vfs::{Descriptor, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};

fn mkdir(path: &str) -> Act {
    Act::Mkdir { dir: 0, path: path.to_owned() }
}

fn symlink(target: &str, path: &str) -> Act {
    Act::Symlink { dir: 0, target: target.to_owned(), path: path.to_owned() }
}

fn rename(path: &str, new_path: &str) -> Act {
    Act::Rename { dir: 0, path: path.to_owned(), new_dir: 0, new_path: new_path.to_owned() }
}

fn link(path: &str, new_path: &str) -> Act {
    Act::Link { dir: 0, path: path.to_owned(), new_dir: 0, new_path: new_path.to_owned() }
}

fn open(path: &str, how: OpenHow) -> Act {
    Act::Open { dir: 0, path: path.to_owned(), how, into: 0 }
}

const CREATE: OpenHow = OpenHow {
    follow: true,
    create: true,
    exclusive: false,
    truncate: false,
    directory: false,
    read: true,
    write: true,
    append: false,
    sync: false,
    dsync: false,
};

/// Runs a row over every policy, over the host and over memory.
fn run_everywhere(acts: &[Act]) {
    for policy in CachePolicy::ALL {
        for setup in [Setup::direct(policy), Setup::direct(policy).fds(4).limit(0), Setup::memory(policy)] {
            run(&setup, acts).unwrap_or_else(|error| panic!("{setup:?}: {error}"));
        }
    }
}

#[test]
fn regression_create_of_a_missing_name_before_a_dot_is_enoent() {
    run_everywhere(&[open("a/.", CREATE), open("a/./", CREATE), symlink("./c/.", "dd"), open("dd", CREATE)]);
}

#[test]
fn regression_create_of_a_name_before_a_slash_is_eisdir_whatever_is_there() {
    let exclusive = OpenHow { exclusive: true, ..CREATE };
    let there = [open("file", CREATE), mkdir("d"), symlink("b/", "b"), symlink("file/", "l")];
    let opens =
        [open("file/", CREATE), open("d/", exclusive), open("b", CREATE), open("l", CREATE), open("no/", CREATE)];
    run_everywhere(&[&there[..], &opens].concat());
}

#[test]
fn regression_rename_of_dots_into_a_missing_directory_is_enoent() {
    run_everywhere(&[rename("..", "a/a"), rename(".", "a/a"), rename("..", "a")]);
}

#[test]
fn regression_link_of_a_directory_to_a_taken_name_is_eexist() {
    run_everywhere(&[mkdir("a"), open("b", CREATE), link("a", "a"), link(".", "a"), link("a", "b"), link("a", "c")]);
}

#[test]
fn regression_write_of_nothing_at_the_end_leaves_the_position() {
    let append = OpenHow { append: true, ..CREATE };
    let write = |data: &[u8]| Act::Write { file: 0, data: data.into() };
    let first = Act::WriteAt { file: 0, offset: 0, data: b"a"[..].into() };
    run_everywhere(&[open("a", append), first, write(b""), Act::Read { file: 0, len: 1 }, write(b"b")]);
}

#[test]
fn regression_readlink_tells_of_the_access_time_that_it_moved() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let mut builder = Gofer::builder();
    let fs = FsOptions::with_policy(CachePolicy::Exclusive);
    builder.dir(dir.path(), "/", MountOptions { read_only: false, fs });
    let ctx = builder.build().expect("the mount is fine").ctx();
    let call = &Call::WAITING;
    let root = ctx.open_preopen(call, &ctx.preopens()[0]).expect("it opens");
    root.symlink_at(call, b"target", b"link").expect("made");
    let stat = || root.stat_at(call, b"link", false).expect("made").atime;
    stat();
    root.readlink_at(call, b"link").expect("a link");
    let host = statx(Kernel::new(dir.path()).root(), "link").expect("made").stx_atime;
    assert_eq!(stat(), Timespec { secs: host.tv_sec, nanos: host.tv_nsec });
}

#[test]
fn access_time_of_a_read_that_the_cache_answered_reaches_the_host() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let mut builder = Gofer::builder();
    let fs = FsOptions::with_policy(CachePolicy::Exclusive);
    builder.dir(dir.path(), "/", MountOptions { read_only: false, fs });
    let gofer = builder.build().expect("the mount is fine");
    let ctx = gofer.ctx();
    let call = &Call::WAITING;
    let root = ctx.open_preopen(call, &ctx.preopens()[0]).expect("it opens");
    let how = OpenHow { create: true, read: true, write: true, ..OpenHow::default() };
    let Ok(Descriptor::File(file)) = root.open_at(call, b"file", how) else { panic!("it opens") };
    file.write_at(call, &[IoSlice::new(b"data")], 0).expect("written");
    let written = file.stat(call).expect("open").mtime;
    let mut room = [0; 4];
    assert_eq!(file.read_at(call, &mut [IoSliceMut::new(&mut room)], 0), Ok(4));
    let read = file.stat(call).expect("open").atime;
    gofer.sync().expect("brought out");
    let host = statx(Kernel::new(dir.path()).root(), "file").expect("made");
    let time = |time: rustix::fs::StatxTimestamp| Timespec { secs: time.tv_sec, nanos: time.tv_nsec };
    assert_eq!((time(host.stx_atime), time(host.stx_mtime)), (read, written));
    assert_eq!(std::fs::read(dir.path().join("file")).expect("there"), b"data");
}

#[test]
fn regression_rename_out_of_a_directory_that_an_outsider_moved_above_an_open_one_finds_it() {
    let directory = OpenHow { follow: true, directory: true, ..OpenHow::default() };
    let acts = [
        open("b", directory),
        Act::Outside(vec![rename("a", "an-entry-longer-than-inline")]),
        open("a", directory),
        open("an-entry-longer-than-inline/a", directory),
        open("dd/a", directory),
        Act::Rename { dir: 0, path: "an-entry-longer-than-inline/a".into(), new_dir: 1, new_path: "a".into() },
    ];
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        for setup in [Setup::direct(policy), Setup::direct(policy).fds(4).limit(0)] {
            let mut world = World::with_tree(&setup, false, &some_tree());
            for act in &acts {
                world.step(act).unwrap_or_else(|error| panic!("{setup:?}: {error}"));
            }
            world.finish().unwrap_or_else(|error| panic!("{setup:?}: {error}"));
        }
    }
}

#[test]
fn regression_open_of_what_an_outsider_moved_over_another_name_finds_it() {
    let acts = [rename("b/c/dd", "an-entry-longer-than-inline/a"), Act::Outside(vec![rename("a/b/c", "a/b/dd")])];
    let mut setup = Setup { source: Source::Lisafs, ..Setup::direct(CachePolicy::Shared) };
    setup.options.disable_handle_sharing = true;
    let mut world = World::with_tree(&setup, false, &some_tree());
    for act in &acts {
        world.step(act).unwrap_or_else(|error| panic!("{setup:?}: {error}"));
    }
    world.finish().unwrap_or_else(|error| panic!("{setup:?}: {error}"));
}

#[test]
fn regression_sync_of_a_removed_directory_that_is_open_is_fine() {
    let directory = OpenHow { follow: true, directory: true, ..OpenHow::default() };
    let acts = [mkdir("a"), open("a", directory), Act::Rmdir { dir: 0, path: "a".to_owned() }, Act::DirSync { dir: 1 }];
    for policy in CachePolicy::ALL {
        for setup in
            [Setup::direct(policy), Setup::memory(policy), Setup { source: Source::Lisafs, ..Setup::direct(policy) }]
        {
            run(&setup, &acts).unwrap_or_else(|error| panic!("{setup:?}: {error}"));
        }
    }
}

#[test]
fn regression_readlink_of_a_link_whose_first_name_was_removed_is_its_contents() {
    let acts = [symlink("a", "first"), link("first", "b"), Act::Unlink { dir: 0, path: "first".to_owned() }];
    let mut sources = vec![Source::Direct, Source::Memory, Source::Lisafs];
    sources.extend(runsc::program("a row over gVisor's gofer").map(|_| Source::Gvisor));
    for policy in CachePolicy::ALL {
        for source in sources.iter().copied() {
            let setup = Setup::over(source, FsOptions::with_policy(policy));
            run(&setup, &acts).unwrap_or_else(|error| panic!("{setup:?}: {error}"));
        }
    }
}

#[test]
fn regression_list_of_an_open_directory_that_was_removed_is_empty() {
    let directory = OpenHow { follow: true, directory: true, ..OpenHow::default() };
    let removed = || Act::Rmdir { dir: 0, path: "a".to_owned() };
    let mut sources = vec![Source::Direct, Source::Memory, Source::Lisafs];
    sources.extend(runsc::program("a row over gVisor's gofer").map(|_| Source::Gvisor));
    for policy in CachePolicy::ALL {
        for source in sources.iter().copied() {
            let setup = Setup::over(source, FsOptions::with_policy(policy));
            let mut ends = vec![removed()];
            ends.extend((outsiders(policy) && source != Source::Memory).then(|| Act::Outside(vec![removed()])));
            for end in ends {
                let acts = [mkdir("a"), open("a", directory), end, Act::List { dir: 1 }];
                run(&setup, &acts).unwrap_or_else(|error| panic!("{setup:?}: {error}"));
            }
        }
    }
}
