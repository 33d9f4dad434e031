//! `proc_exit`.

use crate::kit::{Front, Guest, args, mount};
use wasi_gofer::{MemoryFs, MountOptions};
use wasmtime_wasi::I32Exit;

fn exit(front: Front, code: i32) -> wasmtime::Error {
    let mut guest = Guest::with_front(front, mount("/", MemoryFs::new(), MountOptions::default()).ctx());
    guest.call("proc_exit", args![code]).expect_err("the guest ends")
}

#[test]
fn proc_exit_ends_the_guest_with_the_code() {
    for front in Front::BOTH {
        for code in [0, 1, 2, 125] {
            let error = exit(front, code);
            assert_eq!(error.downcast_ref::<I32Exit>().map(|exit| exit.0), Some(code), "{front:?}");
        }
    }
}

#[test]
fn proc_exit_with_a_code_that_the_abi_lacks_is_an_error_without_a_code() {
    for front in Front::BOTH {
        for code in [126, 255, 256, i32::MAX, -1, i32::MIN] {
            let error = exit(front, code);
            assert!(error.downcast_ref::<I32Exit>().is_none(), "{front:?} {code}");
            assert!(format!("{error:?}").contains("invalid exit status"), "{error:?}");
        }
    }
}
