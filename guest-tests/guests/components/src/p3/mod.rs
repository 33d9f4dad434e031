//! WASI 0.3.

pub mod behaviours;
pub mod binding;
mod concurrent;
mod listing;
mod reading;
mod times;
mod writing;
