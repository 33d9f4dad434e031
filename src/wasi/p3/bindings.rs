//! The types of `wasi:filesystem@0.3.0`.
//!
//! The functions are linked in `functions` and not by the traits that are generated here too: those would hand out every
//! path as a copy on the heap, before it is known whether it is too long.

wasmtime::component::bindgen!({
    path: "wit",
    world: "wasi-gofer:host/p3",
    with: {
        "wasi:clocks": wasmtime_wasi::p3::bindings::clocks,
        "wasi:filesystem/types.descriptor": crate::wasi::component::Descriptor,
    },
    require_store_data_send: true,
});

pub(super) use self::wasi::filesystem0_3_0::types::{
    DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, NewTimestamp,
};
