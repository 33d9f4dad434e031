//! The behaviours that are run, each with what it leaves behind. Every name of a guest has an entry here: one that
//! lacks it does not compile.

/// What a behaviour leaves in its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// The same names, kinds, contents, links and modes as under wasmtime's own filesystem.
    AsStock,
    /// These paths, where wasmtime's filesystem is known to behave differently.
    Paths(&'static [&'static str]),
    /// What the order of the backend's directory lists decides, or that in which calls that run at once come to it.
    WhatTheOrderDecides,
}

macro_rules! register {
    ($($name:ident $(=> $leaves:expr)?;)*) => {$(
        #[allow(non_upper_case_globals, reason = "the guest's names, which are those of its functions")]
        pub(crate) const $name: Leaves = register!(@ $($leaves)?);
    )*};
    (@) => { Leaves::AsStock };
    (@ $leaves:expr) => { $leaves };
}

pub(crate) mod limits;
pub(crate) mod p1;
pub(crate) mod p2;
pub(crate) mod p3;
pub(crate) mod settings;
pub(crate) mod shared;
