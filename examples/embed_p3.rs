//! Runs a component of WASI 0.3 with a host directory and a directory in memory: what an embedder of wasmtime changes is
//! marked.
//!
//! ```text
//! cargo run --example embed_p3 [DIR]
//! ```

use anyhow::{Result, ensure};
use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions, p3};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p3::bindings::Command;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    // Changed: one field more.
    files: GoferComponentCtx,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

// Changed: the way to it.
impl GoferView for Host {
    fn gofer(&mut self) -> GoferCtxView<'_> {
        GoferCtxView { ctx: &mut self.files, table: &mut self.table }
    }
}

fn main() -> Result<()> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").to_owned() + "/src");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (printed, gofer) = runtime.block_on(run(&dir))?;
    print!("{printed}");
    for mount in gofer.stats() {
        eprintln!("{}: {} hits, {} misses", mount.dst, mount.fs.hits, mount.fs.misses);
    }
    Ok(())
}

async fn run(dir: &str) -> Result<(String, Gofer)> {
    // Changed: instead of `preopened_dir` calls, mounts; built once per process and shared by every guest.
    let mut builder = Gofer::builder();
    let options = MountOptions { read_only: true, fs: FsOptions::with_policy(CachePolicy::Exclusive) };
    builder.dir(dir, "/src", options);
    builder.mount("/tmp", MemoryFs::new().with_file("notes.txt", "in memory")?, MountOptions::default());
    let gofer = builder.build()?;

    let engine = Engine::new(Config::new().wasm_component_model_async(true))?;
    let mut linker: Linker<Host> = Linker::new(&engine);
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    // Changed: one call more, behind the one of wasmtime-wasi.
    p3::add_to_linker(&mut linker)?;

    let component = Component::new(&engine, include_str!("embed_p3.wat"))?;
    let printed = MemoryOutputPipe::new(1 << 20);
    let host = Host {
        table: ResourceTable::new(),
        wasi: WasiCtxBuilder::new().stdout(printed.clone()).build(),
        files: GoferComponentCtx::new(gofer.ctx()),
    };
    let mut store = Store::new(&engine, host);
    let command = Command::instantiate_async(&mut store, &component, &linker).await?;
    let result = store.run_concurrent(async |store| command.wasi_cli_run().call_run(store).await).await??;
    ensure!(result.is_ok(), "the guest failed");

    drop(store);
    // Where a policy holds writes back, this brings them out, and says what could not be.
    let report = gofer.shutdown(None);
    ensure!(report.failures.is_empty(), "{report:?}");
    Ok((String::from_utf8(printed.contents().to_vec())?, gofer))
}

#[cfg(test)]
mod tests {
    #[test]
    fn run_over_a_host_directory_and_memory_lists_both() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let (printed, _) = runtime.block_on(super::run(dir)).expect("the guest ran");
        let names: Vec<&str> = printed.lines().collect();
        assert!(names.contains(&"wasi") && names.contains(&"lib.rs") && names.contains(&"notes.txt"), "{printed}");
    }
}
