//! Backends that keep a guest waiting.

use super::{Guest, mount, options};
use crate::kit::version::Front;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wasi_gofer::backend::faulty::{FaultPlan, Faulty, Gate};
use wasi_gofer::component::{Blocking, GoferComponentCtx};
use wasi_gofer::{CachePolicy, Gofer, MemoryFs};

/// Longer than anything takes that does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A mounted memory with `cold`, `warm` and `dir/inner`, and a hand on its backend.
pub(crate) struct Slow {
    pub(crate) gofer: Gofer,
    pub(crate) plan: Arc<FaultPlan>,
}

impl Slow {
    pub(crate) fn new(policy: CachePolicy) -> Slow {
        let files = ["cold", "warm", "dir/inner"];
        let files = files.iter().try_fold(MemoryFs::new(), |fs, path| fs.with_file(path, "contents")).expect("made");
        let backend = Faulty::new(files);
        let plan = Arc::clone(backend.plan());
        Slow { gofer: mount("/", backend, options(policy)), plan }
    }

    pub(crate) fn guest(&self, blocking: Blocking) -> Guest {
        Guest::with(Front::Async, GoferComponentCtx::new(self.gofer.ctx()).with_blocking(blocking))
    }

    /// Closes the backend to every call.
    pub(crate) fn close(&self) -> Gate {
        self.plan.hold(None)
    }
}

pub(crate) fn is_pending<F: Future>(future: Pin<&mut F>) -> bool {
    matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}
