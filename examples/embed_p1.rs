//! Runs a core module with a host directory and a directory in memory: what an embedder of wasmtime changes is marked.
//!
//! ```text
//! cargo run --example embed_p1 [DIR]
//! ```

use anyhow::{Context as _, Result};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions, p1};
use wasmtime::{Engine, Linker, Module, Store};
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

fn main() -> Result<()> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").to_owned() + "/src");
    for mount in run(&dir)?.stats() {
        eprintln!("{}: {} hits, {} misses", mount.dst, mount.fs.hits, mount.fs.misses);
    }
    Ok(())
}

fn run(dir: &str) -> Result<Gofer> {
    // Changed: instead of `preopened_dir` calls, mounts; built once per process and shared by every guest.
    let mut builder = Gofer::builder();
    let options = MountOptions { read_only: true, fs: FsOptions::with_policy(CachePolicy::Exclusive) };
    builder.dir(dir, "/src", options);
    builder.mount("/tmp", MemoryFs::new(), MountOptions::default());
    let gofer = builder.build()?;

    let engine = Engine::default();
    // Changed: the store's data, and the function that adds WASI to the linker.
    let mut linker: Linker<p1::GoferP1Ctx> = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;

    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/guest-tests/guests/behaviours.wasm");
    let module = Module::from_file(&engine, guest)?;
    let wasi = WasiCtxBuilder::new().inherit_stdio().args(&["behaviours", "tree", "/src"]).build_p1();
    let mut store = Store::new(&engine, p1::GoferP1Ctx::new(wasi, gofer.ctx()));
    let instance = linker.instantiate(&mut store, &module)?;
    // Optional: spares each call the look-up of the exported memory.
    let memory = instance.get_memory(&mut store, "memory").context("the guest exports its memory")?;
    store.data_mut().bind(memory);

    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    match start.call(&mut store, ()) {
        Ok(()) => {}
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(0)) => {}
            _ => return Err(error.into()),
        },
    }

    drop(store);
    // Where a policy holds writes back, this brings them out, and says what could not be.
    let report = gofer.shutdown(None);
    anyhow::ensure!(report.failures.is_empty(), "{report:?}");
    Ok(gofer)
}

#[cfg(test)]
mod tests {
    #[test]
    fn run_over_a_host_directory_answers_from_the_cache() {
        let gofer = super::run(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).expect("the guest ran");
        let stats = gofer.stats();
        assert!(stats[0].fs.misses > 0 && stats[0].fs.hits > 0, "{stats:?}");
    }
}
