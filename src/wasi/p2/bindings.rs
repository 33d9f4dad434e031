//! The types of `wasi:filesystem@0.2.12`.
//!
//! The functions are linked in `functions` and not by the traits that are generated here too: those have to be generated
//! once for synchronous and once for asynchronous linkers, with two sets of types, and would hand out every path and
//! every written buffer as a copy.

wasmtime::component::bindgen!({
    path: "wit",
    world: "wasi-gofer:host/p2",
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:filesystem/types.descriptor": crate::wasi::component::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": crate::wasi::component::DirectoryEntries,
    },
    require_store_data_send: true,
});

pub(super) use self::wasi::filesystem0_2_12::types::{
    DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, NewTimestamp,
};
