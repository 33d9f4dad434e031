//! The guests, and what is known of each.

use crate::harness::ours::Linking;
use crate::harness::{self, CliRun};
use crate::registry::{self, Leaves};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use wasmtime::Module;
use wasmtime::component::Component;

include!("../../guests/behaviours/src/names.rs");
include!("../../guests/components/src/names.rs");

/// A behaviour of a guest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    pub(crate) name: &'static str,
    pub(crate) leaves: Leaves,
    pub(crate) setting: Setting,
}

/// What a behaviour finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// An empty directory that is preopened as `/`.
    Root,
    /// The preopens of `settings.rs`.
    Mounts,
    /// As `Root`, and the guest may have [`FEW`] descriptors.
    Few,
}

/// What `limits.rs` counts on.
pub(crate) const FEW: usize = 64;

macro_rules! p1 {
    ($($name:ident)*) => {
        &[$(Behaviour { name: stringify!($name), leaves: registry::p1::$name, setting: Setting::Root }),*]
    };
}
macro_rules! shared {
    ($($name:ident)*) => {
        &[$(Behaviour { name: stringify!($name), leaves: registry::shared::$name, setting: Setting::Root }),*]
    };
}
macro_rules! settings {
    ($($name:ident)*) => {
        &[$(Behaviour { name: stringify!($name), leaves: registry::settings::$name, setting: Setting::Mounts }),*]
    };
}
macro_rules! limits {
    ($($name:ident)*) => {
        &[$(Behaviour { name: stringify!($name), leaves: registry::limits::$name, setting: Setting::Few }),*]
    };
}
macro_rules! p2 {
    ($($name:ident)*) => {
        &[$(Behaviour { name: stringify!($name), leaves: registry::p2::$name, setting: Setting::Root }),*]
    };
}
macro_rules! p3 {
    ($($name:ident)*) => {
        &[$(Behaviour { name: stringify!($name), leaves: registry::p3::$name, setting: Setting::Root }),*]
    };
}

const P1: &[Behaviour] = foreach_behaviour!(p1);
const SHARED: &[Behaviour] = foreach_shared!(shared);
const SETTINGS: &[Behaviour] = foreach_setting!(settings);
const LIMITS: &[Behaviour] = foreach_limit!(limits);
const P2: &[Behaviour] = foreach_p2!(p2);
const P3: &[Behaviour] = foreach_p3!(p3);

/// A guest, by the interface through which it asks for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guest {
    /// The module of preview 1.
    P1,
    /// The same module behind wasmtime's adapter, which asks WASI 0.2.
    P2Adapted,
    /// The component that asks WASI 0.2.
    P2,
    /// The component that asks WASI 0.3.
    P3,
}

/// What is compiled of a guest.
pub(crate) enum Program {
    Module(Module),
    Component(CliRun, Component),
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guest::P1 => "p1",
            Guest::P2Adapted => "p2-adapted",
            Guest::P2 => "p2",
            Guest::P3 => "p3",
        })
    }
}

impl Guest {
    pub(crate) const ALL: [Guest; 4] = [Guest::P1, Guest::P2Adapted, Guest::P2, Guest::P3];

    /// Those whose file is in the repository.
    pub(crate) const COMMITTED: [Guest; 3] = [Guest::P1, Guest::P2, Guest::P3];

    /// How it is linked where nothing else is said.
    pub(crate) fn linking(self) -> Linking {
        match self {
            Guest::P1 | Guest::P2Adapted | Guest::P2 => Linking::Sync,
            // There is no other.
            Guest::P3 => Linking::Async,
        }
    }

    /// The committed file.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Guest::P1 | Guest::P2Adapted => "behaviours.wasm",
            Guest::P2 => "behaviours-p2.wasm",
            Guest::P3 => "behaviours-p3.wasm",
        }
    }

    /// The list of behaviours that wasmtime's own filesystem does not have.
    fn stock_differs(self) -> &'static str {
        match self {
            Guest::P1 => "stock-differs.txt",
            Guest::P2Adapted => "stock-differs-p2-adapted.txt",
            Guest::P2 => "stock-differs-p2.txt",
            Guest::P3 => "stock-differs-p3.txt",
        }
    }

    pub(crate) fn differs_under_stock(self) -> Result<BTreeMap<String, String>> {
        harness::differences(self.stock_differs())
    }

    pub(crate) fn program(self) -> Result<Program> {
        let path: PathBuf = harness::committed(self.file());
        Ok(match self {
            Guest::P1 => Program::Module(harness::module(&path)?),
            Guest::P2Adapted => Program::Component(CliRun::P2, harness::component(harness::adapted_behaviours())?),
            Guest::P2 => Program::Component(CliRun::P2, harness::component(&path)?),
            Guest::P3 => Program::Component(CliRun::P3, harness::component(&path)?),
        })
    }

    /// In the order in which the guest lists them.
    pub(crate) fn behaviours(self) -> impl Iterator<Item = Behaviour> {
        let groups: &[&[Behaviour]] = match self {
            Guest::P1 | Guest::P2Adapted => &[P1],
            Guest::P2 => &[SHARED, SETTINGS, LIMITS, P2],
            Guest::P3 => &[SHARED, SETTINGS, LIMITS, P3],
        };
        groups.iter().copied().flatten().copied()
    }
}
