//! A backend around any other that fails, waits, cuts transfers short and counts, as a test tells it to.
//!
//! ```
//! use wasi_gofer::abi::{Call, Errno, Error, Name};
//! use wasi_gofer::backend::{Backend, faulty::{Faulty, Op}, memory::MemoryFs};
//!
//! let fs = Faulty::new(MemoryFs::new().with_file("a", "x")?);
//! fs.plan().fail(Op::Lookup, 2, Errno::Io);
//! let (call, a) = (&Call::WAITING, Name::new(b"a")?);
//! let root = fs.root(call)?.node;
//! assert!(fs.lookup(call, &root, a).is_ok());
//! assert_eq!(fs.lookup(call, &root, a).map(drop), Err(Error::Errno(Errno::Io)));
//! assert!(fs.lookup(call, &root, a).is_ok());
//! assert_eq!(fs.plan().calls(Op::Lookup), 3);
//! # Ok::<(), Error>(())
//! ```

mod gate;
mod handle;
mod op;
mod ops;
mod plan;
mod queue;

pub use gate::Gate;
pub use handle::FaultyHandle;
pub use op::Op;
pub use plan::{FaultPlan, Moment};
pub use queue::{Announced, QueueScript};

use std::sync::Arc;

/// Passes every call on to `B` unless its [`FaultPlan`] says otherwise.
#[derive(Debug)]
pub struct Faulty<B> {
    inner: B,
    plan: Arc<FaultPlan>,
    script: Option<Arc<QueueScript>>,
}

impl<B> Faulty<B> {
    /// Wraps `inner` with a plan that changes nothing.
    #[must_use]
    pub fn new(inner: B) -> Faulty<B> {
        Faulty::with_plan(inner, Arc::new(FaultPlan::new()))
    }

    /// Wraps `inner` with a plan that the test, or another backend, has too.
    #[must_use]
    pub fn with_plan(inner: B, plan: Arc<FaultPlan>) -> Faulty<B> {
        Faulty { inner, plan, script: None }
    }

    /// Has the backend offer a change queue that says what `script` is told to say, in place of its own.
    #[must_use]
    pub fn with_queue(self, script: &Arc<QueueScript>) -> Faulty<B> {
        Faulty { script: Some(Arc::clone(script)), ..self }
    }

    /// What the calls go by; shared, so that a test keeps a hand on it once the backend is mounted.
    #[must_use]
    pub fn plan(&self) -> &Arc<FaultPlan> {
        &self.plan
    }

    /// The backend inside.
    #[must_use]
    pub fn inner(&self) -> &B {
        &self.inner
    }
}
