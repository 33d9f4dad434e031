//! Front ends: decode what a guest asks, call the namespace, encode the answer. They know WASI and no caching.

#[cfg(any(feature = "p2", feature = "p3"))]
pub mod component;
#[cfg(any(feature = "p1", feature = "p2", feature = "p3"))]
mod fail;
#[cfg(feature = "p1")]
pub mod p1;
#[cfg(feature = "p2")]
pub mod p2;
#[cfg(feature = "p3")]
pub mod p3;
