//! The wire format against recorded bytes, round trips of every message, garbage, truncation, counts that lie.

mod convert;
mod golden;
mod random;
mod sample;
