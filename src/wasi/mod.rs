//! Front ends: decode what a guest asks, call the namespace, encode the answer. They know WASI and no caching.

#[cfg(feature = "p1")]
pub mod p1;
