//! The cases of the conformance suite, for a process in the jail.

/// A name, and what it does.
type Case = (&'static str, fn());

#[path = "../conformance/cases/attributes.rs"]
pub(crate) mod attributes;
#[path = "../conformance/cases/create.rs"]
pub(crate) mod create;
#[path = "../conformance/cases/data.rs"]
pub(crate) mod data;
#[path = "../conformance/cases/handles.rs"]
pub(crate) mod handles;
#[path = "../conformance/cases/link.rs"]
pub(crate) mod link;
#[path = "../conformance/cases/list.rs"]
pub(crate) mod list;
#[path = "../conformance/cases/lookup.rs"]
pub(crate) mod lookup;
#[path = "../conformance/cases/make.rs"]
pub(crate) mod make;
#[path = "../conformance/cases/open.rs"]
pub(crate) mod open;
#[path = "../conformance/cases/remove.rs"]
pub(crate) mod remove;
#[path = "../conformance/cases/rename.rs"]
pub(crate) mod rename;
#[path = "../conformance/cases/rename_rules.rs"]
pub(crate) mod rename_rules;
#[path = "../conformance/cases/revalidate.rs"]
pub(crate) mod revalidate;
#[path = "../conformance/cases/revalidate_end.rs"]
pub(crate) mod revalidate_end;
#[path = "../conformance/cases/times.rs"]
pub(crate) mod times;
#[path = "../conformance/cases/tree.rs"]
pub(crate) mod tree;
#[path = "../conformance/cases/walk.rs"]
pub(crate) mod walk;

/// All of them, by the file that they are in.
pub(crate) const ALL: &[(&str, &[Case])] = &[
    ("attributes", attributes::CASES),
    ("create", create::CASES),
    ("data", data::CASES),
    ("handles", handles::CASES),
    ("link", link::CASES),
    ("list", list::CASES),
    ("lookup", lookup::CASES),
    ("make", make::CASES),
    ("open", open::CASES),
    ("remove", remove::CASES),
    ("rename", rename::CASES),
    ("rename_rules", rename_rules::CASES),
    ("revalidate", revalidate::CASES),
    ("revalidate_end", revalidate_end::CASES),
    ("times", times::CASES),
    ("tree", tree::CASES),
    ("walk", walk::CASES),
];
