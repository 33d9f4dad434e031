//! A host in the way of HTTP servers: each request is answered by a guest of its own, in a store of its own, and all of
//! them share one [`Gofer`]. What the first guests looked up is cached for the next, where a runtime's own filesystem
//! opens every preopened directory again for each. It prints what a request takes either way.
//!
//! ```text
//! cargo run --release --example embed_many [REQUESTS]
//! ```

use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions, p1};
use wasmtime::{Engine, InstancePre, Linker, Module, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// The directories that every guest gets; the site is the one that it answers from.
const DIRECTORIES: [&str; 4] = ["site", "assets", "templates", "data"];

/// What a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Response {
    status: u16,
    body: Vec<u8>,
}

/// Runs a guest's `_start`: whether it ended well.
fn start<T>(
    store: &mut Store<T>,
    guest: &InstancePre<T>,
    before: impl FnOnce(&mut Store<T>, wasmtime::Memory),
) -> Result<bool> {
    let instance = guest.instantiate(&mut *store)?;
    let memory = instance.get_memory(&mut *store, "memory").context("the guest exports its memory")?;
    before(store, memory);
    let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
    match start.call(store, ()) {
        Ok(()) => Ok(true),
        Err(error) if error.is::<I32Exit>() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn response(ended_well: bool, body: &MemoryOutputPipe) -> Response {
    match ended_well {
        true => Response { status: 200, body: body.contents().to_vec() },
        false => Response { status: 404, body: Vec::new() },
    }
}

/// What all requests share.
struct Server {
    engine: Engine,
    guest: InstancePre<p1::GoferP1Ctx>,
    gofer: Gofer,
}

impl Server {
    fn new(engine: &Engine, module: &Module, root: &Path) -> Result<Server> {
        let mut builder = Gofer::builder();
        for directory in DIRECTORIES {
            // Whoever deploys the site may change it under the guests: names are checked before use.
            let fs = FsOptions::with_policy(CachePolicy::Shared);
            builder.dir(root.join(directory), &format!("/{directory}"), MountOptions { read_only: true, fs });
        }
        let mut linker = Linker::new(engine);
        p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
        Ok(Server { engine: engine.clone(), guest: linker.instantiate_pre(module)?, gofer: builder.build()? })
    }

    fn answer(&self, path: &str) -> Result<Response> {
        let body = MemoryOutputPipe::new(1 << 20);
        let wasi = WasiCtxBuilder::new().args(&["handler", path]).stdout(body.clone()).build_p1();
        let mut store = Store::new(&self.engine, p1::GoferP1Ctx::new(wasi, self.gofer.ctx()));
        let well = start(&mut store, &self.guest, |store, memory| store.data_mut().bind(memory))?;
        Ok(response(well, &body))
    }
}

/// The same with wasmtime's own filesystem, to compare.
struct Stock<'r> {
    engine: Engine,
    guest: InstancePre<WasiP1Ctx>,
    root: &'r Path,
}

impl<'r> Stock<'r> {
    fn new(engine: &Engine, module: &Module, root: &'r Path) -> Result<Stock<'r>> {
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
        Ok(Stock { engine: engine.clone(), guest: linker.instantiate_pre(module)?, root })
    }

    fn answer(&self, path: &str) -> Result<Response> {
        let body = MemoryOutputPipe::new(1 << 20);
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(&["handler", path]).stdout(body.clone()).allow_blocking_current_thread(true);
        for directory in DIRECTORIES {
            wasi.preopened_dir(self.root.join(directory), format!("/{directory}"), FsPerms::ReadOnly)?;
        }
        let mut store = Store::new(&self.engine, wasi.build_p1());
        let well = start(&mut store, &self.guest, |_, _| {})?;
        Ok(response(well, &body))
    }
}

/// Files to serve.
fn deploy(root: &Path) -> Result<()> {
    for directory in DIRECTORIES {
        std::fs::create_dir_all(root.join(directory).join("pages/today"))?;
    }
    std::fs::write(root.join("site/pages/today/index.html"), "<h1>Hello</h1>\n".repeat(100))?;
    Ok(())
}

/// What `requests` requests take, each on the average: the best of three rounds.
fn measure(requests: u32, answer: impl Fn(&str) -> Result<Response>) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let begin = Instant::now();
        for _ in 0..requests {
            ensure!(answer("pages/today/index.html")?.status == 200, "it is there");
        }
        best = best.min(begin.elapsed());
    }
    Ok(best / requests.max(1))
}

/// A server over `root`, and what a request takes with it and with wasmtime's own filesystem.
fn run(root: &Path, requests: u32) -> Result<(Server, [Duration; 2])> {
    deploy(root)?;
    let engine = Engine::default();
    let module = Module::new(&engine, include_str!("embed_many.wat"))?;
    let (server, stock) = (Server::new(&engine, &module, root)?, Stock::new(&engine, &module, root)?);
    for path in ["pages/today/index.html", "pages/yesterday/index.html", "../data"] {
        ensure!(server.answer(path)? == stock.answer(path)?, "both answer {path} alike");
    }
    let times = [measure(requests, |path| server.answer(path))?, measure(requests, |path| stock.answer(path))?];
    Ok((server, times))
}

fn main() -> Result<()> {
    let requests = std::env::args().nth(1).map_or(Ok(2_000), |requests| requests.parse())?;
    let root = tempfile::tempdir()?;
    let (server, [shared, reopened]) = run(root.path(), requests)?;
    println!("{requests} requests, each by a guest of its own with {} directories:", DIRECTORIES.len());
    println!("  {shared:>10.1?} a request over one shared cache");
    println!("  {reopened:>10.1?} a request with wasmtime's own filesystem, which opens the directories for each");
    for mount in server.gofer.stats() {
        println!("  {}: {} hits, {} misses", mount.dst, mount.fs.hits, mount.fs.misses);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn requests_are_answered_by_guests_that_share_what_was_looked_up() {
        let root = tempfile::tempdir().expect("a directory");
        let (server, _) = super::run(root.path(), 5).expect("served");
        let site = |server: &super::Server| server.gofer.stats().swap_remove(0);
        let before = site(&server);

        let page = server.answer("pages/today/index.html").expect("answered");
        assert_eq!((page.status, page.body.len()), (200, 1_500));
        assert_eq!(server.answer("pages/none").expect("answered").status, 404);
        // What is deployed meanwhile is seen at once.
        std::fs::write(root.path().join("site/pages/today/index.html"), "new").expect("written");
        assert_eq!(server.answer("pages/today/index.html").expect("answered").body, b"new");

        let after = site(&server);
        assert!(after.fs.hits > before.fs.hits, "{before:?} {after:?}");
    }
}
