//! What a guest can make grow.

use crate::kit::{Code, Guest, args, mount};
use wasi_gofer::{GoferCtx, MemoryFs, MountOptions};

/// A mounted memory with two files, and room for so many descriptors.
pub(super) fn files(limit: usize) -> GoferCtx {
    let backend = MemoryFs::new().with_file("file", vec![1; 100_000]).and_then(|fs| fs.with_file("dir/file", "x"));
    mount("/", backend.expect("made"), MountOptions::default()).ctx().with_max_descriptors(limit)
}

#[test]
fn a_guest_keeps_its_preopens_however_low_the_limit_and_a_flood_of_them_traps() {
    let mut guest = Guest::new(files(0));
    assert_eq!(guest.preopens.len(), 1);
    assert_eq!(guest.open("file"), Err(Code::INSUFFICIENT_MEMORY));

    let trap = guest.trap("get-directories", args![0x100u32]);
    assert!(trap.contains("EMFILE"), "{trap}");
}
