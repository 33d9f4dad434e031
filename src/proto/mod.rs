//! Wire formats: bytes to types and back. Nothing here does I/O, and nothing panics on any bytes.
//!
//! No promise of stability comes with this module: it is open for the fuzz targets and for tests that speak with real
//! peers.

pub mod lisafs;
