//! `read-directory`.

use crate::kit::{Code, Scene};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use wasi_gofer::CachePolicy;

#[test]
fn names_that_are_no_utf8_are_left_out() {
    let scene = Scene::new();
    scene.write("plain", "x");
    std::fs::write(scene.inside().join(OsStr::from_bytes(b"bad-\xff")), "x").expect("written");
    let mut guest = scene.guest(CachePolicy::Shared);

    assert_eq!(guest.names(guest.root), Ok(vec!["plain".to_owned()]));
    assert_eq!(guest.stat_path("bad-"), Err(Code::NO_ENTRY));
}
