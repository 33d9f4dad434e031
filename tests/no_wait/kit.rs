//! Mounts over memory with a hand on their backend.

use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, CancelToken, Error};
use wasi_gofer::backend::faulty::{FaultPlan, Faulty};
use wasi_gofer::vfs::{Descriptor, OpenDirectory, OpenFile, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, GoferCtx, MemoryFs, MountOptions};

/// Longer than anything takes that does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough that whoever would go on has gone on.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(100);

pub(crate) const WAITING: &Call = &Call::WAITING;
pub(crate) const NOT_WAITING: &Call = &Call::NOT_WAITING;

/// A mounted memory with `dir/one`, `dir/two`, `dir/sub/deep` and `other/three`.
pub(crate) struct Mounted {
    pub(crate) gofer: Gofer,
    pub(crate) ctx: GoferCtx,
    pub(crate) plan: Arc<FaultPlan>,
}

impl Mounted {
    pub(crate) fn new(policy: CachePolicy) -> Mounted {
        Mounted::with(FsOptions::with_policy(policy))
    }

    pub(crate) fn with(options: FsOptions) -> Mounted {
        let files = ["dir/one", "dir/two", "dir/sub/deep", "other/three"];
        let memory = files.iter().try_fold(MemoryFs::new(), |fs, path| fs.with_file(path, path)).expect("fresh names");
        let backend = Faulty::new(memory);
        let plan = Arc::clone(backend.plan());
        let mut builder = Gofer::builder();
        builder.mount("/", backend, MountOptions { read_only: false, fs: options });
        let gofer = builder.build().expect("the mount is fine");
        Mounted { ctx: gofer.ctx(), gofer, plan }
    }

    pub(crate) fn root(&self) -> OpenDirectory {
        self.ctx.open_preopen(WAITING, &self.ctx.preopens()[0]).expect("the preopen opens")
    }

    /// Calls of the backend so far that asked it anything.
    pub(crate) fn asked(&self) -> u64 {
        use wasi_gofer::backend::faulty::Op;
        let told = [Op::Pin, Op::Relieve, Op::Release, Op::ReleaseHandles];
        self.plan.calls_total() - told.iter().map(|op| self.plan.calls(*op)).sum::<u64>()
    }
}

/// How to open a file to read and write it.
pub(crate) const READ_WRITE: OpenHow = OpenHow {
    follow: true,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    read: true,
    write: true,
    append: false,
    sync: false,
    dsync: false,
};

pub(crate) fn open(root: &OpenDirectory, call: &Call, path: &str, how: OpenHow) -> Result<OpenFile, Error> {
    match root.open_at(call, path.as_bytes(), how)? {
        Descriptor::File(file) => Ok(file),
        Descriptor::Directory(_) => panic!("{path} is a directory"),
    }
}

pub(crate) fn open_dir(root: &OpenDirectory, call: &Call, path: &str) -> Result<OpenDirectory, Error> {
    match root.open_at(call, path.as_bytes(), OpenHow { directory: true, read: true, ..OpenHow::default() })? {
        Descriptor::File(_) => panic!("{path} is a file"),
        Descriptor::Directory(dir) => Ok(*dir),
    }
}

pub(crate) fn names(dir: &OpenDirectory, call: &Call) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    dir.read_dir(call, 0, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    })?;
    Ok(names)
}

/// A call that ends soon.
pub(crate) fn expiring() -> Call {
    Call { deadline: Some(Instant::now() + A_MOMENT), ..Call::WAITING }
}

/// A call that can be cancelled.
pub(crate) fn cancellable() -> (Call, CancelToken) {
    let token = CancelToken::new();
    (Call { cancel: Some(token.clone()), ..Call::WAITING }, token)
}

/// What a thread answers, if it does in time.
pub(crate) fn join<'s, T>(thread: ScopedJoinHandle<'s, T>, _scope: &'s Scope<'s, '_>) -> T {
    let end = Instant::now() + PATIENCE;
    while !thread.is_finished() {
        // A scope cannot end before its threads do, so there is nothing left to report to.
        if Instant::now() > end {
            eprintln!("a thread hangs");
            std::process::abort();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    thread.join().expect("the thread did not panic")
}
