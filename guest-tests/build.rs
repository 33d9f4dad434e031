//! Makes the component of the committed module of preview 1: the same guest, behind wasmtime's adapter.

use std::error::Error;
use std::path::Path;
use std::{env, fs};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::ComponentEncoder;

const MODULE: &str = "guests/behaviours.wasm";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={MODULE}");
    println!("cargo::rerun-if-changed=build.rs");
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(&fs::read(MODULE)?)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)?;
    let out = env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    fs::write(Path::new(&out).join("behaviours.adapted.wasm"), encoder.encode()?)?;
    Ok(())
}
