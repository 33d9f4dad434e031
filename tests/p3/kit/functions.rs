//! What the component imports of WASI 0.3 that is not the same in 0.2: streams and futures, by functions of the host and
//! by built-ins.

use super::component::{MEMORY, REALLOC, export_name};
use wasmtime::Config;

pub(crate) const IMPORTS: &str = include_str!("imports.wat");

/// Between the name and the parameters of a function that is lifted: a call that waits blocks its task.
pub(crate) const LIFT: &str = " async";

/// The host functions, as the component's own list has them.
pub(crate) const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("$types", "[method]descriptor.read-via-stream", "ili"),
    ("$types", "[method]descriptor.write-via-stream", "iil=i"),
    ("$types", "[method]descriptor.append-via-stream", "ii=i"),
];

/// Host functions lowered asynchronously too, as `async-` and the name: a call that waits goes on beside its task.
const ASYNC_FUNCTIONS: &[(&str, &str)] = &[
    ("[method]descriptor.stat", "ii=i"),
    ("[method]descriptor.stat-at", "iiiii=i"),
    ("[method]descriptor.sync", "ii=i"),
];

pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config
}

/// Further core functions: the name of the export, the definition, and the signature.
pub(crate) fn further() -> Vec<(String, String, &'static str)> {
    let lowered = ASYNC_FUNCTIONS.iter().map(|(function, signature)| {
        let lower = format!("lower (func $types \"{function}\") async {MEMORY} {REALLOC}");
        (format!("async-{}", export_name(function)), lower, *signature)
    });
    let builtins = builtins().into_iter().map(|(name, definition, signature)| (name.to_owned(), definition, signature));
    lowered.chain(builtins).collect()
}

/// The built-ins, as [`further`] has them. Reads and writes do not wait; their cancellation does.
fn builtins() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("drop-descriptor", "resource.drop $descriptor".to_owned(), "i"),
        ("bytes-new", "stream.new $bytes".to_owned(), "=l"),
        ("bytes-read", format!("stream.read $bytes async {MEMORY}"), "iii=i"),
        ("bytes-write", format!("stream.write $bytes async {MEMORY}"), "iii=i"),
        ("bytes-cancel-read", "stream.cancel-read $bytes".to_owned(), "i=i"),
        ("bytes-cancel-write", "stream.cancel-write $bytes".to_owned(), "i=i"),
        ("bytes-drop-readable", "stream.drop-readable $bytes".to_owned(), "i"),
        ("bytes-drop-writable", "stream.drop-writable $bytes".to_owned(), "i"),
        ("entries-read", format!("stream.read $entries async {MEMORY} {REALLOC}"), "iii=i"),
        ("entries-cancel-read", "stream.cancel-read $entries".to_owned(), "i=i"),
        ("entries-drop-readable", "stream.drop-readable $entries".to_owned(), "i"),
        ("told-read", format!("future.read $told async {MEMORY} {REALLOC}"), "ii=i"),
        ("told-cancel-read", "future.cancel-read $told".to_owned(), "i=i"),
        ("told-drop-readable", "future.drop-readable $told".to_owned(), "i"),
        ("set-new", "waitable-set.new".to_owned(), "=i"),
        ("set-wait", format!("waitable-set.wait {MEMORY}"), "ii=i"),
        ("set-poll", format!("waitable-set.poll {MEMORY}"), "ii=i"),
        ("set-drop", "waitable-set.drop".to_owned(), "i"),
        ("join", "waitable.join".to_owned(), "ii"),
        ("subtask-cancel", "subtask.cancel".to_owned(), "i=i"),
        ("subtask-drop", "subtask.drop".to_owned(), "i"),
    ]
}
