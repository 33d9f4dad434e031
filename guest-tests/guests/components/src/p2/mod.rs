//! WASI 0.2.

pub mod behaviours;
pub mod binding;
mod listing;
mod standard;
mod streams;
mod times;
