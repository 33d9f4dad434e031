//! The cases of the conformance suite.

#[path = "../conformance/cases/attributes.rs"]
mod attributes;
#[path = "../conformance/cases/create.rs"]
mod create;
#[path = "../conformance/cases/data.rs"]
mod data;
#[path = "../conformance/cases/handles.rs"]
mod handles;
#[path = "../conformance/cases/link.rs"]
mod link;
#[path = "../conformance/cases/list.rs"]
mod list;
#[path = "../conformance/cases/lookup.rs"]
mod lookup;
#[path = "../conformance/cases/make.rs"]
mod make;
#[path = "../conformance/cases/open.rs"]
mod open;
#[path = "../conformance/cases/remove.rs"]
mod remove;
#[path = "../conformance/cases/rename.rs"]
mod rename;
#[path = "../conformance/cases/rename_rules.rs"]
mod rename_rules;
#[path = "../conformance/cases/revalidate.rs"]
mod revalidate;
#[path = "../conformance/cases/revalidate_end.rs"]
mod revalidate_end;
#[path = "../conformance/cases/times.rs"]
mod times;
#[path = "../conformance/cases/tree.rs"]
mod tree;
#[path = "../conformance/cases/walk.rs"]
mod walk;
