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
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// The directories that every guest gets; the site is the one that it answers from.
const DIRECTORIES: [&str; 4] = ["site", "assets", "templates", "data"];

/// What is asked for, below the site.
const PAGE: &str = "pages/today/index.html";

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
    /// Under `shared` whoever deploys the site may change it under the guests; under `exclusive` nobody does.
    fn new(engine: &Engine, module: &Module, root: &Path, policy: CachePolicy) -> Result<Server> {
        let mut builder = Gofer::builder();
        for directory in DIRECTORIES {
            let fs = FsOptions::with_policy(policy);
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
    std::fs::write(root.join("site").join(PAGE), "<h1>Hello</h1>\n".repeat(100))?;
    Ok(())
}

/// Who answers a request.
type Answer<'a> = Box<dyn Fn(&str) -> Result<Response> + 'a>;

/// What a request takes on the average of `requests`, for each who answers it: the best of five rounds, in turn.
fn measure<const N: usize>(requests: u32, answers: [Answer<'_>; N]) -> Result<[Duration; N]> {
    let mut best = [Duration::MAX; N];
    for _ in 0..5 {
        for (answer, best) in answers.iter().zip(&mut best) {
            let begin = Instant::now();
            for _ in 0..requests {
                ensure!(answer(PAGE)?.status == 200, "it is there");
            }
            *best = begin.elapsed().min(*best);
        }
    }
    Ok(best.map(|time| time / requests.max(1)))
}

/// A server under `shared` and one under `exclusive` over `root`, and what a request takes with each of them and with
/// wasmtime's own filesystem.
fn run(root: &Path, requests: u32) -> Result<([Server; 2], [Duration; 3])> {
    deploy(root)?;
    // Guests that live for microseconds get their memory from a pool.
    let pool = InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::default());
    let engine = Engine::new(Config::new().allocation_strategy(pool))?;
    let module = Module::new(&engine, include_str!("embed_many.wat"))?;
    let shared = Server::new(&engine, &module, root, CachePolicy::Shared)?;
    let exclusive = Server::new(&engine, &module, root, CachePolicy::Exclusive)?;
    let stock = Stock::new(&engine, &module, root)?;
    for path in [PAGE, "pages/yesterday/index.html", "../data"] {
        let expected = stock.answer(path)?;
        ensure!(shared.answer(path)? == expected && exclusive.answer(path)? == expected, "{path} is answered alike");
    }
    let answers: [Answer<'_>; 3] = [
        Box::new(|path| shared.answer(path)),
        Box::new(|path| exclusive.answer(path)),
        Box::new(|path| stock.answer(path)),
    ];
    let times = measure(requests, answers)?;
    Ok(([shared, exclusive], times))
}

fn main() -> Result<()> {
    let requests = std::env::args().nth(1).map_or(Ok(2_000), |requests| requests.parse())?;
    let root = tempfile::tempdir()?;
    let (servers, [shared, exclusive, stock]) = run(root.path(), requests)?;
    println!("A request, by a guest of its own that has {} directories:", DIRECTORIES.len());
    println!("  {stock:>8.1?}  wasmtime's own filesystem: the directories are opened for each");
    println!("  {shared:>8.1?}  one cache for all, names are checked before use (shared)");
    println!("  {exclusive:>8.1?}  one cache for all, which is believed (exclusive)");
    for mount in servers.iter().flat_map(|server| server.gofer.stats()).filter(|mount| mount.fs.misses > 0) {
        println!("{} ({}): {} hits, {} misses", mount.dst, mount.cache, mount.fs.hits, mount.fs.misses);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn requests_are_answered_by_guests_that_share_what_was_looked_up() {
        let root = tempfile::tempdir().expect("a directory");
        let ([server, _], _) = super::run(root.path(), 5).expect("served");
        let site = |server: &super::Server| server.gofer.stats().swap_remove(0);
        let before = site(&server);

        let page = server.answer(super::PAGE).expect("answered");
        assert_eq!((page.status, page.body.len()), (200, 1_500));
        assert_eq!(server.answer("pages/none").expect("answered").status, 404);
        // What is deployed meanwhile is seen at once.
        std::fs::write(root.path().join("site").join(super::PAGE), "new").expect("written");
        assert_eq!(server.answer(super::PAGE).expect("answered").body, b"new");

        let after = site(&server);
        assert!(after.fs.hits > before.fs.hits, "{before:?} {after:?}");
    }
}
