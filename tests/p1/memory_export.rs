//! Which memory a call works in.

use crate::kit::{Errno, Guest, Memories, args, engine, module, mount};
use wasi_gofer::p1::{self, GoferP1Ctx};
use wasi_gofer::{MemoryFs, MountOptions};
use wasmtime::{Linker, Store};
use wasmtime_wasi::WasiCtxBuilder;

fn guest(memories: Memories) -> Guest {
    let files = MemoryFs::new().with_file("file", "contents").expect("made");
    Guest::with_memories(memories, mount("/", files, MountOptions::default()).ctx())
}

#[test]
fn a_guest_without_an_exported_memory_ends_in_an_error() {
    for memories in [Memories::Hidden, Memories::Misnamed] {
        let mut guest = guest(memories);

        for (name, args) in [
            ("fd_close", args![3].to_vec()),
            ("fd_read", args![3, 0, 0, 0].to_vec()),
            ("fd_write", args![1, 0, 0, 0].to_vec()),
            ("path_unlink_file", args![3, 0, 4].to_vec()),
            ("poll_oneoff", args![0, 0, 1, 0].to_vec()),
            ("args_sizes_get", args![0, 4].to_vec()),
            ("sched_yield", args![].to_vec()),
        ] {
            let error = guest.call(name, &args).expect_err(name);
            assert!(format!("{error:?}").contains("missing required memory export"), "{name}: {error:?}");
        }
    }
}

#[test]
fn a_bound_memory_needs_no_export() {
    let mut guest = guest(Memories::Hidden);
    let memory = guest.memory();

    guest.context().bind(memory);

    assert_eq!(guest.contents("file").as_deref(), Ok("contents"));
    assert_eq!(guest.names("."), Ok(vec!["file".to_owned()]));
    assert_eq!(guest.write(1, "printed"), Ok(7));
    assert_eq!(guest.printed(), "printed");
}

#[test]
fn a_bound_memory_and_a_looked_up_one_are_the_same() {
    let mut guest = guest(Memories::Exported);
    let before = (guest.contents("file"), guest.lstat("file"), guest.names("."));
    let memory = guest.memory();

    guest.context().bind(memory);

    assert_eq!((guest.contents("file"), guest.lstat("file"), guest.names(".")), before);
    assert_eq!(guest.lstat("missing"), Err(Errno::NOENT));
    guest.trap("fd_filestat_get", args![3, Guest::MEMORY]);
}

#[test]
fn a_bound_memory_that_grows_is_used_as_it_is_now() {
    let mut store_guest = guest(Memories::Exported);
    let memory = store_guest.memory();
    store_guest.context().bind(memory);
    store_guest.trap("fd_filestat_get", args![3, Guest::MEMORY + 8]);

    store_guest.grow(1);

    assert_eq!(store_guest.answer("fd_filestat_get", args![3, Guest::MEMORY + 8]), Ok(()));
}

#[test]
fn two_instances_in_a_store_work_in_their_own_memories() {
    let files = MemoryFs::new().with_file("file", "contents").expect("made");
    let gofer = mount("/", files, MountOptions::default());
    let wasi = WasiCtxBuilder::new().build_p1();
    let mut store = Store::new(engine(), GoferP1Ctx::new(wasi, gofer.ctx()));
    let mut linker = Linker::new(engine());
    p1::add_to_linker_sync(&mut linker, |guest: &mut GoferP1Ctx| guest).expect("linked");
    let instances = [Memories::Exported, Memories::Exported]
        .map(|memories| linker.instantiate(&mut store, module(memories)).expect("instantiated"));

    for instance in &instances {
        let stat = instance.get_typed_func::<(i32, i32), i32>(&mut store, "fd_filestat_get").expect("an export");
        assert_eq!(stat.call(&mut store, (3, 64)).expect("answered"), 0);
        let filetypes = instances.map(|instance| {
            let memory = instance.get_memory(&mut store, "memory").expect("a memory");
            memory.data(&store)[64 + 16]
        });
        assert_eq!(filetypes.iter().filter(|filetype| **filetype == 3).count(), 1);
        let memory = instance.get_memory(&mut store, "memory").expect("a memory");
        memory.data_mut(&mut store)[64 + 16] = 0;
    }
}
