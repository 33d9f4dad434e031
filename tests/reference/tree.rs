//! Whole trees, to be compared.

use crate::bytes::{Bytes, differ};
use std::collections::BTreeMap;

/// What a name names.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File(Bytes),
    Directory,
    Symlink(String),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::File(data) => write!(f, "file {data:?}"),
            Kind::Directory => f.write_str("directory"),
            Kind::Symlink(target) => write!(f, "link to {target:?}"),
        }
    }
}

/// One name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) nlink: u64,
    /// The first path, in order, that is of the same object.
    pub(crate) same: String,
}

/// Every path below a root.
pub(crate) type Tree = BTreeMap<String, Entry>;

/// Says where two trees differ.
pub(crate) fn compare(what: (&str, &str), one: &Tree, other: &Tree) -> Result<(), String> {
    if one == other {
        return Ok(());
    }
    let paths = one.keys().chain(other.keys());
    let path = paths.filter(|path| one.get(*path) != other.get(*path)).min();
    let path = path.cloned().unwrap_or_default();
    let (a, b) = (one.get(&path), other.get(&path));
    let at = match (a.map(|a| &a.kind), b.map(|b| &b.kind)) {
        (Some(Kind::File(a)), Some(Kind::File(b))) => {
            format!(", differing at {} of {} and {}", differ(a, b), a.len(), b.len())
        }
        _ => String::new(),
    };
    Err(format!("{path:?} is {a:?} in {}, and {b:?} in {}{at}", what.0, what.1))
}

/// A tree without what is in its files: what a storage has that writes come to later.
pub(crate) fn without_data(mut tree: Tree) -> Tree {
    for entry in tree.values_mut() {
        if let Kind::File(data) = &mut entry.kind {
            *data = Bytes::default();
        }
    }
    tree
}
