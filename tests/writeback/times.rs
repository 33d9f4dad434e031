//! Times that a guest sets beside data that is still to be brought out.

use crate::kit::{CREATE, READ_WRITE, close, open, root};
use crate::mounted::{CALL, lazy, write_page};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasi_gofer::abi::{SetTime, Timespec};
use wasi_gofer::{Gofer, MountOptions};

/// A time of which no clock tells the nanoseconds by itself.
fn at(secs: i64) -> Timespec {
    Timespec { secs, nanos: 7 }
}

fn now() -> Timespec {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than that") - Duration::from_millis(1);
    Timespec { secs: now.as_secs().cast_signed(), nanos: now.subsec_micros() * 1_000 + 7 }
}

#[test]
fn modification_time_that_was_set_behind_a_write_outlives_the_write_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut builder = Gofer::builder();
    builder.dir(dir.path(), "/", MountOptions { read_only: false, fs: lazy() });
    let gofer = builder.build().expect("mounted");
    let (_ctx, root) = root(&gofer);
    for (name, time) in [("future", at(2_000_000_000)), ("past", at(1)), ("just_now", now())] {
        for is_synced in [true, false] {
            let name = format!("{name}-{is_synced}");
            let file = open(CALL, &root, &name, CREATE).expect("made");
            write_page(CALL, &file, 0, b'n').expect("written");

            file.set_times(CALL, None, Some(SetTime::At(time))).expect("set");
            if is_synced {
                file.sync(CALL, false).expect("synced");
            }
            close(CALL, file).expect("closed");

            let file = open(CALL, &root, &name, READ_WRITE).expect("opened");
            assert_eq!(file.stat(CALL).expect("told").mtime, time, "{name}");
            let host = dir.path().join(&name).metadata().expect("there");
            assert_eq!((host.mtime(), host.mtime_nsec()), (time.secs, i64::from(time.nanos)), "{name}");
        }
    }
}
