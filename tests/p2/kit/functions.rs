//! What the component imports of WASI 0.2 that is not the same in 0.3.

use wasmtime::Config;

pub(crate) const IMPORTS: &str = include_str!("imports.wat");

/// Between the name and the parameters of a function that is lifted.
pub(crate) const LIFT: &str = "";

/// The host functions, as the component's own list has them.
pub(crate) const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("$types", "[method]descriptor.read-via-stream", "ili"),
    ("$types", "[method]descriptor.write-via-stream", "ili"),
    ("$types", "[method]descriptor.append-via-stream", "ii"),
    ("$types", "[method]descriptor.read", "illi"),
    ("$types", "[method]descriptor.write", "iiili"),
    ("$types", "[method]directory-entry-stream.read-directory-entry", "ii"),
    ("$types", "filesystem-error-code", "ii"),
    ("$streams", "[method]input-stream.read", "ili"),
    ("$streams", "[method]input-stream.blocking-read", "ili"),
    ("$streams", "[method]input-stream.skip", "ili"),
    ("$streams", "[method]input-stream.blocking-skip", "ili"),
    ("$streams", "[method]input-stream.subscribe", "i=i"),
    ("$streams", "[method]output-stream.check-write", "ii"),
    ("$streams", "[method]output-stream.write", "iiii"),
    ("$streams", "[method]output-stream.blocking-write-and-flush", "iiii"),
    ("$streams", "[method]output-stream.flush", "ii"),
    ("$streams", "[method]output-stream.blocking-flush", "ii"),
    ("$streams", "[method]output-stream.subscribe", "i=i"),
    ("$streams", "[method]output-stream.write-zeroes", "ili"),
    ("$streams", "[method]output-stream.blocking-write-zeroes-and-flush", "ili"),
    ("$streams", "[method]output-stream.splice", "iili"),
    ("$streams", "[method]output-stream.blocking-splice", "iili"),
    ("$poll", "[method]pollable.ready", "i=i"),
    ("$poll", "[method]pollable.block", "i"),
    ("$poll", "poll", "iii"),
];

/// The resources, each of which has a function that drops a handle: `drop-descriptor` and so on.
const RESOURCES: [&str; 6] =
    ["descriptor", "directory-entry-stream", "input-stream", "output-stream", "pollable", "error"];

pub(crate) fn config() -> Config {
    Config::new()
}

/// Further core functions: the name of the export, the definition, and the signature.
pub(crate) fn further() -> Vec<(String, String, &'static str)> {
    RESOURCES.map(|resource| (format!("drop-{resource}"), format!("resource.drop ${resource}"), "i")).to_vec()
}
