//! The backends that the suite runs over.

use crate::harness::Subject;
use crate::kernel::Kernel;
use tempfile::TempDir;
use wasi_gofer::backend::directfs::{DirectFs, FdBudget};
use wasi_gofer::backend::faulty::Faulty;
use wasi_gofer::backend::memory::MemoryFs;

/// A backend over a directory that lives as long as it does.
pub(crate) struct OnHost<B> {
    backend: B,
    /// Removed when the test is done.
    _dir: TempDir,
}

fn on_host<B>(open: impl FnOnce(&std::path::Path) -> B) -> OnHost<B> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    OnHost { backend: open(dir.path()), _dir: dir }
}

fn direct(path: &std::path::Path) -> DirectFs {
    DirectFs::open_ambient(path).expect("a fresh directory")
}

macro_rules! subjects {
    ($($(#[doc = $doc:literal])* $name:ident: $holder:ty, $backend:ty, $reluctant:literal, $fresh:expr;)*) => { $(
        $(#[doc = $doc])*
        pub(crate) struct $name($holder);

        impl Subject for $name {
            type Backend = $backend;
            const RELUCTANT: bool = $reluctant;
            fn fresh() -> Self {
                $name($fresh)
            }
            fn backend(&self) -> &$backend {
                Held::get(&self.0)
            }
        }
    )* };
}

/// Where a subject keeps its backend.
trait Held {
    type Backend;
    fn get(&self) -> &Self::Backend;
}

impl<B> Held for OnHost<B> {
    type Backend = B;
    fn get(&self) -> &B {
        &self.backend
    }
}

impl<B> Held for Box<B> {
    type Backend = B;
    fn get(&self) -> &B {
        self
    }
}

fn would_wait() -> Faulty<MemoryFs> {
    let faulty = Faulty::new(MemoryFs::new());
    faulty.plan().set_would_wait(true);
    faulty
}

subjects! {
    /// Linux itself.
    OnKernel: OnHost<Kernel>, Kernel, false, on_host(Kernel::new);
    /// The directory backend with the process's budget.
    Direct: OnHost<DirectFs>, DirectFs, false, on_host(direct);
    /// The directory backend that has four control handles at most.
    DirectBudget4: OnHost<DirectFs>, DirectFs, false, on_host(|path| direct(path).with_budget(FdBudget::new(4)));
    /// The directory backend on a filesystem that may make callers wait.
    DirectBlocking: OnHost<DirectFs>, DirectFs, true, on_host(|path| direct(path).assume_blocking(true));
    /// The filesystem in memory.
    Memory: Box<MemoryFs>, MemoryFs, false, Box::new(MemoryFs::new());
    /// The wrapper that changes nothing.
    Passthrough: Box<Faulty<MemoryFs>>, Faulty<MemoryFs>, false, Box::new(Faulty::new(MemoryFs::new()));
    /// The wrapper that never answers at once.
    WouldWait: Box<Faulty<MemoryFs>>, Faulty<MemoryFs>, true, Box::new(would_wait());
}

/// Makes a test of each case for each subject.
#[macro_export]
macro_rules! suite {
    ($($case:ident)*) => {
        $crate::suite!(@ kernel OnKernel $($case)*);
        $crate::suite!(@ directfs Direct $($case)*);
        $crate::suite!(@ directfs_budget_4 DirectBudget4 $($case)*);
        $crate::suite!(@ directfs_blocking DirectBlocking $($case)*);
        $crate::suite!(@ memory Memory $($case)*);
        $crate::suite!(@ passthrough Passthrough $($case)*);
        $crate::suite!(@ would_wait WouldWait $($case)*);
    };
    (@ $module:ident $subject:ident $($case:ident)*) => {
        mod $module {
            use $crate::harness::Fs;
            use $crate::subjects::$subject;
            $(
                #[test]
                fn $case() {
                    super::$case(&Fs::<$subject>::new());
                }
            )*
        }
    };
}
