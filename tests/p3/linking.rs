//! What an embedder calls.

use crate::kit::{Host, engine};
use wasi_gofer::p3;
use wasmtime::component::Linker;

#[test]
fn add_to_linker_takes_the_place_of_wasmtimes_and_leaves_the_linker_without_shadowing() {
    let mut linker: Linker<Host> = Linker::new(engine());
    wasmtime_wasi::p3::add_to_linker(&mut linker).expect("linked");
    assert!(wasmtime_wasi::p3::add_to_linker(&mut linker).is_err(), "the test shows nothing");

    p3::add_to_linker(&mut linker).expect("linked");

    assert!(wasmtime_wasi::p3::add_to_linker(&mut linker).is_err(), "shadowing is still allowed");
    assert!(p3::add_all_to_linker(&mut linker).is_err());
}

#[test]
fn add_to_linker_of_an_engine_without_concurrency_is_an_error() {
    let engine = wasmtime::Engine::new(wasmtime::Config::new().concurrency_support(false)).expect("an engine");
    let mut linker: Linker<Host> = Linker::new(&engine);

    assert!(p3::add_to_linker(&mut linker).is_err());
}

#[cfg(feature = "p2")]
#[test]
fn one_linker_has_both_versions() {
    let mut linker: Linker<Host> = Linker::new(engine());
    wasi_gofer::p2::add_all_to_linker_async(&mut linker).expect("linked");

    p3::add_all_to_linker(&mut linker).expect("linked beside");

    linker.instantiate_pre(crate::kit::component()).expect("a guest finds what it imports");
}
