//! What every backend does, by groups of operations.

mod attributes;
mod create;
mod data;
mod handles;
mod link;
mod list;
mod lookup;
mod make;
mod open;
mod remove;
mod rename;
mod rename_rules;
mod revalidate;
mod revalidate_end;
mod times;
mod tree;
mod walk;
