//! The backend that the conformance suite runs over here: a directory of the jail's root.

use crate::harness::Subject;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use wasi_gofer::backend::directfs::DirectFs;

/// The root of the jail that this process is in.
pub(crate) static ROOT: OnceLock<OwnedFd> = OnceLock::new();

/// A directory of its own in the jail's root.
pub(crate) struct Jailed(DirectFs);

impl Jailed {
    /// One over a directory that is there already.
    pub(crate) fn over(backend: DirectFs) -> Jailed {
        Jailed(backend)
    }
}

impl Subject for Jailed {
    type Backend = DirectFs;

    fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("case-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let root = ROOT.get().expect("in the jail");
        rustix::fs::mkdirat(root, &name, 0o777.into()).expect("made");
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
        let dir = rustix::fs::openat(root, &name, flags, rustix::fs::Mode::empty()).expect("there");
        Jailed(DirectFs::from_dir(cap_std::fs::Dir::from_std_file(dir.into())).expect("a directory"))
    }

    fn backend(&self) -> &DirectFs {
        &self.0
    }
}

/// Makes a list of the cases of a file, to be run by a process in the jail.
#[macro_export]
macro_rules! suite {
    ($($case:ident)*) => {
        pub(crate) const CASES: &[(&str, fn())] = &[
            $((stringify!($case), || $case(&$crate::harness::Fs::<$crate::subjects::Jailed>::new())),)*
        ];
    };
}
