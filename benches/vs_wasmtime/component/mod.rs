//! Guests that are components: what is measured of WASI 0.2 and 0.3 alike.

mod guest;
mod text;

pub(crate) use guest::{Guest, GuestSubject, Host, Looped, Plan, ours, stock, stub};
pub(crate) use text::{DATA_AT, HEAP_AT, Program, RETURNED_AT, Text};
