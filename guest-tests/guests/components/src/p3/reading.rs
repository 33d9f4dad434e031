//! read-via-stream.

use super::binding::End;
use crate::kit::*;
use std::future::IntoFuture;
use std::pin::pin;
use std::task::Poll;

/// A stream of a file, and what the file says when it ends.
fn reading(file: &Descriptor, offset: u64) -> (StreamReader<u8>, impl Future<Output = End> + use<>) {
    let (stream, end) = file.0.read_via_stream(offset);
    (stream, end.into_future())
}

/// What is left, `len` bytes at a time at most.
async fn drain(stream: &mut StreamReader<u8>, len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let (result, some) = stream.read(Vec::with_capacity(len)).await;
        assert!(some.len() <= len);
        all.extend(some);
        match result {
            StreamResult::Complete(_) => {}
            StreamResult::Dropped => return all,
            StreamResult::Cancelled => panic!("nobody cancelled the read"),
        }
    }
}

/// The next bytes, `len` at most and one at least.
async fn some(stream: &mut StreamReader<u8>, len: usize) -> Vec<u8> {
    let (_, some) = stream.read(Vec::with_capacity(len)).await;
    assert!(!some.is_empty() && some.len() <= len, "{} of {len} bytes", some.len());
    some
}

#[track_caller]
fn assert_well(end: End) {
    ok(end.map_err(Code::from));
}

pub fn a_stream_reads_from_its_offset_to_the_end() {
    let bytes = Random::new(3).bytes(200_000);
    make("file", &bytes);
    let file = open("file", NONE, READ);

    for (offset, len) in [(0, 1 << 20), (0, 65_536), (0, 4_096), (12_345, 777), (199_990, 1)] {
        block_on(async {
            let (mut stream, end) = reading(&file, offset);
            assert_same(&drain(&mut stream, len).await, &bytes[offset as usize..]);
            assert_well(end.await);
        });
    }
}

pub fn a_stream_of_four_mebibytes_is_read_whole() {
    let bytes = Random::new(13).bytes(4 << 20);
    make("file", &bytes);

    let read = block_on(reading(&open("file", NONE, READ), 0).0.collect());

    assert_same(&read, &bytes);
}

pub fn a_stream_at_or_beyond_the_end_ends_at_once() {
    make("file", b"abc");
    let file = open("file", NONE, READ);

    for offset in [3, 4, 1 << 40] {
        block_on(async {
            let (mut stream, end) = reading(&file, offset);
            assert_same(&drain(&mut stream, 100).await, b"");
            assert_well(end.await);
        });
    }
}

pub fn a_zero_length_read_takes_nothing() {
    make("file", b"0123456789");

    block_on(async {
        let (mut stream, end) = reading(&open("file", NONE, READ), 0);
        for expected in ["01", "23", "45"] {
            for _ in 0..3 {
                let (result, none) = stream.read(Vec::new()).await;
                assert_eq!((result, none.len()), (StreamResult::Complete(0), 0));
            }
            let (_, two) = stream.read(Vec::with_capacity(2)).await;
            assert_same(&two, expected.as_bytes());
        }
        assert_same(&drain(&mut stream, 100).await, b"6789");
        assert_well(end.await);
    });
}

pub fn a_stream_dropped_early_ends_well() {
    make("file", vec![7; 100_000]);
    let file = open("file", NONE, READ);

    block_on(async {
        let (stream, end) = reading(&file, 0);
        drop(stream);
        assert_well(end.await);

        let (mut stream, end) = reading(&file, 0);
        some(&mut stream, 10).await;
        drop(stream);
        assert_well(end.await);
    });
    assert_same(&ok(file.read(5, 0)), &[7; 5]);
}

pub fn a_stream_is_read_without_its_end() {
    let bytes = Random::new(14).bytes(100_000);
    make("file", &bytes);

    block_on(async {
        let (mut stream, end) = reading(&open("file", NONE, READ), 0);
        drop(end);
        assert_same(&drain(&mut stream, 9_999).await, &bytes);
    });
}

pub fn the_end_is_reported_after_the_last_byte() {
    make("file", b"0123456789");

    block_on(async {
        let (mut stream, end) = reading(&open("file", NONE, READ), 0);
        let mut end = pin!(end);
        assert_same(&some(&mut stream, 4).await, b"0123");
        let early = std::future::poll_fn(|context| Poll::Ready(end.as_mut().poll(context).is_ready())).await;
        assert!(!early, "the end was reported before the last byte was read");
        assert_same(&drain(&mut stream, 4).await, b"456789");
        assert_well(end.await);
    });
}

pub fn a_stream_of_a_directory_fails() {
    mkdir("directory");

    block_on(async {
        let (mut stream, end) = reading(&open_dir("directory"), 0);
        assert_same(&drain(&mut stream, 100).await, b"");
        refused(end.await.map_err(Code::from), &[Code::IsDirectory, Code::BadDescriptor]);
    });
}

pub fn a_stream_of_a_write_only_descriptor_fails() {
    make("file", b"contents");

    block_on(async {
        let (mut stream, end) = reading(&open("file", NONE, WRITE), 0);
        assert_same(&drain(&mut stream, 100).await, b"");
        refused(end.await.map_err(Code::from), &[Code::BadDescriptor]);
    });
}

pub fn a_stream_from_beyond_any_file_is_empty_or_fails() {
    make("file", b"contents");
    let file = open("file", NONE, READ);

    for offset in [u64::MAX, 1 << 63] {
        block_on(async {
            let (mut stream, end) = reading(&file, offset);
            assert_same(&drain(&mut stream, 100).await, b"");
            if let Err(code) = end.await {
                refused(Err::<(), _>(Code::from(code)), &[Code::Invalid, Code::Overflow]);
            }
        });
    }
}

pub fn read_streams_do_not_interfere() {
    let bytes = Random::new(6).bytes(50_000);
    make("file", &bytes);
    let file = open("file", NONE, READ);

    block_on(async {
        let ((mut a, _), (mut b, _)) = (reading(&file, 0), reading(&file, 10_000));
        let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            of_a.extend(some(&mut a, 1_000).await);
            of_b.extend(some(&mut b, 3_000).await);
        }
        of_a.extend(drain(&mut a, 7_000).await);
        of_b.extend(drain(&mut b, 7_000).await);
        assert_same(&of_a, &bytes);
        assert_same(&of_b, &bytes[10_000..]);
    });
}

pub fn a_read_stream_outlives_its_descriptor() {
    let bytes = Random::new(8).bytes(20_000);
    make("file", &bytes);

    block_on(async {
        let file = open("file", NONE, READ);
        let (mut stream, end) = reading(&file, 0);
        let mut all = some(&mut stream, 100).await;
        drop(file);
        all.extend(drain(&mut stream, 4_096).await);
        assert_same(&all, &bytes);
        assert_well(end.await);
    });
}

pub fn a_read_stream_goes_on_after_unlink_and_rename() {
    let bytes = Random::new(9).bytes(200_000);

    block_on(async {
        for (name, change) in [("unlinked", (|| unlink("unlinked")) as fn()), ("renamed", || rename("renamed", "new"))]
        {
            make(name, &bytes);
            let (mut stream, end) = reading(&open(name, NONE, READ), 0);
            let mut all = some(&mut stream, 1_000).await;
            change();
            make(name, b"another file");
            all.extend(drain(&mut stream, 50_000).await);
            assert_same(&all, &bytes);
            assert_well(end.await);
        }
    });
}

pub fn a_read_stream_sees_what_is_appended_before_its_end() {
    let file = create("file");
    ok(file.write(b"first", 0));

    let all = block_on(async {
        let (mut stream, _) = reading(&file, 0);
        let mut all = some(&mut stream, 2).await;
        ok(file.append(b", second"));
        all.extend(drain(&mut stream, 100).await);
        all
    });

    assert_same(&all, b"first, second");
}

pub fn a_cancelled_read_loses_nothing() {
    let bytes = Random::new(15).bytes(100_000);
    make("file", &bytes);

    block_on(async {
        let (mut stream, end) = reading(&open("file", NONE, READ), 0);
        let mut all = Vec::new();
        for _ in 0..20 {
            let mut read = pin!(stream.read(Vec::with_capacity(1_000)));
            let polled = std::future::poll_fn(|context| Poll::Ready(read.as_mut().poll(context))).await;
            // A read that is done cannot be cancelled.
            let (_, some) = match polled {
                Poll::Ready(done) => done,
                Poll::Pending => read.as_mut().cancel(),
            };
            all.extend(some);
        }
        all.extend(drain(&mut stream, 10_000).await);
        assert_same(&all, &bytes);
        assert_well(end.await);
    });
}

pub fn a_thousand_read_streams_come_and_go() {
    make("file", b"contents");
    let file = open("file", NONE, READ);

    block_on(async {
        for _ in 0..1_000 {
            let (mut stream, _) = reading(&file, 3);
            assert_same(&some(&mut stream, 10).await, b"tents");
        }
    });
}
