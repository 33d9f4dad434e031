//! Claims of `docs/SEMANTICS.md` that no other subject shows.

use crate::kit::abi::{Filestat, oflags, u64_at};
use crate::kit::{Errno, Guest, Memories, Open, Scene, args, at_root, engine, module, mount, options};
use rustix::fs::{CWD, Mode, mkfifoat};
use std::fs;
use std::os::unix::fs::MetadataExt;
use wasi_gofer::p1::{self, GoferP1Ctx};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions};
use wasmtime::{Linker, Store, Val};
use wasmtime_wasi::WasiCtxBuilder;

/// In the guest's memory, where the kit keeps nothing.
const STAT: u32 = 0x200;
const NAME: u32 = 0x300;
const LIST: u32 = 0x400;
const ROOM: u32 = Guest::BUFFER;

mod fdflags {
    pub(super) const APPEND: u32 = 1;
    pub(super) const DSYNC: u32 = 1 << 1;
    pub(super) const NONBLOCK: u32 = 1 << 2;
    pub(super) const RSYNC: u32 = 1 << 3;
    pub(super) const SYNC: u32 = 1 << 4;
}

/// Device and inode number of a path in the first preopen.
#[track_caller]
fn identity(guest: &mut Guest, path: &str) -> (u64, u64) {
    guest.put(NAME, path.as_bytes());
    let len = u32::try_from(path.len()).expect("short");
    guest.answer("path_filestat_get", args![Guest::ROOT, 0, NAME, len, STAT]).expect("attributes");
    let bytes = guest.get(STAT, Filestat::SIZE);
    (u64_at(&bytes, 0), u64_at(&bytes, 8))
}

#[test]
fn transfer_on_an_open_pipe_is_spipe() {
    let scene = Scene::new();
    mkfifoat(CWD, scene.inside().join("pipe"), Mode::from_raw_mode(0o600)).expect("made");
    let mut guest = scene.guest(CachePolicy::Shared);

    // For both, so that the open needs nobody at the other end.
    let fd = guest.open("pipe", Open::READ_WRITE).expect("opened");

    assert_eq!(guest.read(fd, 8), Err(Errno::SPIPE));
    assert_eq!(guest.write(fd, "x"), Err(Errno::SPIPE));
}

#[test]
fn open_with_sync_flags_is_taken_and_told_back() {
    let mut guest = at_root(MemoryFs::new());
    let all = [fdflags::DSYNC, fdflags::RSYNC, fdflags::SYNC, fdflags::NONBLOCK];
    for asked in all {
        let fd = guest.open("file", Open { fdflags: asked, ..Open::CREATE }).expect("opened");

        guest.answer("fd_fdstat_get", args![fd, STAT]).expect("told");

        let told = guest.get(STAT + 2, 2);
        assert_eq!(u32::from(told[0]), asked);
        assert_eq!(guest.write(fd, "x"), Ok(1));
    }
}

#[test]
fn set_flags_with_a_sync_flag_is_inval() {
    let mut guest = at_root(MemoryFs::new());
    let fd = guest.open("file", Open::CREATE).expect("opened");
    for asked in [fdflags::DSYNC, fdflags::RSYNC, fdflags::SYNC] {
        assert_eq!(guest.answer("fd_fdstat_set_flags", args![fd, asked]), Err(Errno::INVAL));
    }
}

#[test]
fn set_flags_that_tells_the_sync_flags_it_has_keeps_them() {
    let mut guest = at_root(MemoryFs::new());
    let fd = guest.open("file", Open { fdflags: fdflags::SYNC, ..Open::CREATE }).expect("opened");
    let told = |guest: &mut Guest| {
        guest.answer("fd_fdstat_get", args![fd, STAT]).expect("told");
        u32::from(guest.get(STAT + 2, 2)[0])
    };

    assert_eq!(guest.answer("fd_fdstat_set_flags", args![fd, fdflags::SYNC | fdflags::APPEND]), Ok(()));
    assert_eq!(told(&mut guest), fdflags::SYNC | fdflags::APPEND);
    assert_eq!(guest.answer("fd_fdstat_set_flags", args![fd, fdflags::NONBLOCK]), Ok(()));
    assert_eq!(told(&mut guest), fdflags::SYNC | fdflags::NONBLOCK);
    assert_eq!(guest.answer("fd_fdstat_set_flags", args![fd, fdflags::DSYNC]), Err(Errno::INVAL));
}

#[test]
fn directory_call_on_a_file_is_badf_and_an_open_notdir() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let fd = guest.open("file", Open::READ).expect("opened");

    assert_eq!(guest.stat_at(fd, "a", false).map(|stat| stat.size), Err(Errno::BADF));
    assert_eq!(guest.mkdir_at(fd, "a"), Err(Errno::BADF));
    assert_eq!(guest.unlink_at(fd, "a"), Err(Errno::BADF));
    assert_eq!(guest.symlink_at("b", fd, "a"), Err(Errno::BADF));
    assert_eq!(guest.rename_at((fd, "a"), (Guest::ROOT, "b")), Err(Errno::BADF));
    assert_eq!(guest.open_at(fd, "a", Open::READ), Err(Errno::NOTDIR));
}

#[test]
fn stat_of_a_host_file_has_its_device_and_inode() {
    let scene = Scene::new();
    scene.write("dir/file", "x");
    let mut guest = scene.guest(CachePolicy::Shared);
    for path in ["dir", "dir/file"] {
        let of_host = fs::metadata(scene.inside().join(path)).expect("there");

        assert_eq!(identity(&mut guest, path), (of_host.dev(), of_host.ino()));
    }
}

#[test]
fn stat_of_a_made_up_directory_has_another_device() {
    let scene = Scene::new();
    let mut builder = Gofer::builder();
    builder.dir(scene.inside(), "/", MountOptions::default());
    builder.mount("/made/up", MemoryFs::new(), MountOptions::default());
    let mut guest = Guest::new(builder.build().expect("mounted").ctx());
    let of_host = fs::metadata(scene.inside()).expect("there").dev();

    let (made_up, _) = identity(&mut guest, "made");
    let (of_memory, _) = identity(&mut guest, "made/up");

    assert_ne!(made_up, of_host);
    assert_ne!(made_up, of_memory);
}

#[test]
fn change_in_a_made_up_directory_of_a_writable_mount_is_perm() {
    let mut builder = Gofer::builder();
    builder.mount("/", MemoryFs::new(), MountOptions::default());
    builder.mount("/made/up", MemoryFs::new(), MountOptions::default());
    let mut guest = Guest::new(builder.build().expect("mounted").ctx());

    assert_eq!(guest.names("made"), Ok(vec!["up".to_owned()]));
    assert_eq!(guest.lstat("made").map(|stat| (stat.atim, stat.mtim)), Ok((0, 0)));
    assert_eq!(guest.mkdir("made/new"), Err(Errno::PERM));
    assert_eq!(guest.symlink("up", "made/new"), Err(Errno::PERM));
    assert_eq!(guest.open("made/new", Open::CREATE), Err(Errno::PERM));
    assert_eq!(guest.names("made"), Ok(vec!["up".to_owned()]));
}

#[test]
fn change_in_a_made_up_directory_without_a_mount_above_is_rofs() {
    let scene = Scene::new();
    scene.write("file", "x");
    let mut builder = Gofer::builder();
    builder.dir(scene.inside().join("file"), "/made/file", MountOptions::default());
    // A mounted file's directory is the preopen.
    let mut guest = Guest::new(builder.build().expect("mounted").ctx());

    assert_eq!(guest.names("."), Ok(vec!["file".to_owned()]));
    assert_eq!(guest.mkdir("new"), Err(Errno::ROFS));
    assert_eq!(guest.symlink("file", "new"), Err(Errno::ROFS));
    assert_eq!(guest.open("new", Open::CREATE), Err(Errno::ROFS));
}

#[test]
fn create_of_a_name_made_outside_in_exclusive_is_exist_and_finds_it() {
    let scene = Scene::new();
    let mut guest = scene.guest(CachePolicy::Exclusive);
    assert_eq!(guest.open("new", Open::READ), Err(Errno::NOENT));
    scene.write("new", "outside");
    assert_eq!(guest.open("new", Open::READ), Err(Errno::NOENT));

    assert_eq!(guest.open("new", Open::CREATE.and(oflags::EXCL)), Err(Errno::EXIST));

    assert_eq!(guest.contents("new"), Ok("outside".to_owned()));
}

#[test]
fn a_directory_above_a_mount_point_that_the_host_moved_keeps_its_place() {
    let scene = Scene::new();
    fs::create_dir_all(scene.inside().join("above/point")).expect("made");
    let mut builder = Gofer::builder();
    builder.dir(scene.inside(), "/", options(CachePolicy::Shared));
    builder.mount("/above/point", MemoryFs::new().with_file("file", "mounted").expect("made"), MountOptions::default());
    let mut guest = Guest::new(builder.build().expect("mounted").ctx());

    fs::rename(scene.inside().join("above"), scene.inside().join("moved")).expect("renamed");

    assert_eq!(guest.contents("above/point/file"), Ok("mounted".to_owned()));
}

#[test]
fn list_beside_others_over_the_budget_is_read_in_parts_and_whole() {
    let names: Vec<String> = (0..2_000).map(|n| format!("a-name-of-some-length-{n:04}")).collect();
    let mut files = MemoryFs::new().with_file("first/file", "x").expect("made");
    for name in &names {
        files = files.with_file(format!("second/{name}"), "x").expect("made");
    }
    let fs = FsOptions { list_cache_bytes: 0, ..FsOptions::with_policy(CachePolicy::Shared) };
    let gofer = mount("/", files, MountOptions { fs, ..MountOptions::default() });
    let mut guest = Guest::new(gofer.ctx());
    let reads = || {
        let calls = gofer.stats().remove(0).fs.backend_calls;
        calls.iter().find(|(name, _)| *name == "read_dir").map_or(0, |(_, calls)| *calls)
    };
    assert_eq!(guest.names("second").expect("listed"), names);
    assert_eq!(reads(), 1, "nobody else keeps a list");
    let first = guest.open("first", Open::DIRECTORY).expect("opened");
    guest.entries(first, 0).expect("listed");
    let before = reads();

    assert_eq!(guest.names("second").expect("listed"), names);

    assert!(reads() > before + 2, "{} parts", reads() - before);
}

#[test]
fn pread_of_more_than_64_kib_reads_all_at_once() {
    let len = 1 << 20;
    let mut guest = at_root(MemoryFs::new().with_file("file", vec![b'x'; len as usize]).expect("made"));
    let fd = guest.open("file", Open::READ).expect("opened");
    let (list, count) = guest.iovecs(&[(ROOM, len)]);

    guest.answer("fd_pread", args![fd, list, count, 0u64, STAT]).expect("read");

    assert_eq!(guest.u32_at(STAT), len);
}

#[test]
fn write_over_the_hostcall_fuel_is_written_to_a_file_and_nomem_for_a_stream() {
    let files = mount("/", MemoryFs::new(), MountOptions::default()).ctx();
    let mut store = Store::new(engine(), GoferP1Ctx::new(WasiCtxBuilder::new().build_p1(), files));
    let mut linker = Linker::new(engine());
    p1::add_to_linker_sync(&mut linker, |guest: &mut GoferP1Ctx| guest).expect("linked");
    let instance = linker.instantiate(&mut store, module(Memories::Exported)).expect("instantiated");
    let memory = instance.get_memory(&mut store, "memory").expect("a memory");
    let len = 1 << 20;
    memory.write(&mut store, NAME as usize, b"file").expect("in bounds");
    let list: Vec<u8> = [ROOM, len].iter().flat_map(|word| word.to_le_bytes()).collect();
    memory.write(&mut store, LIST as usize, &list).expect("in bounds");
    let word = |word: u32| Val::I32(word.cast_signed());
    let rights = Val::I64(1 << 6);
    let mut call = |name: &str, args: &[Val]| {
        store.set_hostcall_fuel(4096);
        let function = instance.get_func(&mut store, name).expect("an export");
        let mut results = [Val::I32(0)];
        function.call(&mut store, args, &mut results).map(|()| Errno(results[0].unwrap_i32()))
    };
    let open = [Guest::ROOT, 0, NAME, 4, oflags::CREAT].map(word);
    let open = [&open[..], &[rights, rights, word(0), word(STAT)]].concat();
    assert_eq!(call("path_open", &open).expect("answered"), Errno(0));

    let to_file = call("fd_write", &[Guest::ROOT + 1, LIST, 1, STAT].map(word));
    let to_stream = call("fd_write", &[1, LIST, 1, STAT].map(word));

    assert_eq!(to_file.expect("answered"), Errno(0));
    assert_eq!(to_stream.expect("answered"), Errno::NOMEM);
    assert_eq!(
        instance.get_memory(&mut store, "memory").map(|memory| memory.data(&store)[STAT as usize + 2]),
        Some(0x10)
    );
}
