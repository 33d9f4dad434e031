//! write-via-stream and append-via-stream.

use super::binding::{End, both, feed};
use crate::kit::*;
use std::future::IntoFuture;
use std::pin::pin;
use std::task::Poll;

/// The other end of a stream that the file reads, and what the file says when it ends.
fn writing(file: &Descriptor, offset: u64) -> (StreamWriter<u8>, impl Future<Output = End> + use<>) {
    let (writer, reader) = wasip3::wit_stream::new();
    (writer, file.0.write_via_stream(reader, offset).into_future())
}

fn appending(file: &Descriptor) -> (StreamWriter<u8>, impl Future<Output = End> + use<>) {
    let (writer, reader) = wasip3::wit_stream::new();
    (writer, file.0.append_via_stream(reader).into_future())
}

/// Gives bytes to a stream that takes them all.
async fn give(writer: &mut StreamWriter<u8>, bytes: &[u8]) {
    assert_eq!(writer.write_all(bytes.to_vec()).await.len(), 0, "the file takes no more");
}

#[track_caller]
fn assert_well(end: End) {
    ok(end.map_err(Code::from));
}

pub fn a_stream_writes_from_its_offset() {
    make("file", b"0123456789");
    let file = open("file", NONE, WRITE);

    block_on(async {
        let (mut writer, end) = writing(&file, 4);
        give(&mut writer, b"AB").await;
        give(&mut writer, b"CD").await;
        drop(writer);
        assert_well(end.await);
    });

    assert_contents("file", b"0123ABCD89");
}

pub fn a_stream_takes_any_amount() {
    let bytes = Random::new(10).bytes(1 << 20);
    let file = create("file");

    block_on(async {
        let (writer, end) = writing(&file, 0);
        ok(feed(writer, &bytes, end).await);
    });

    assert_contents("file", &bytes);
}

pub fn the_end_of_a_write_is_reported_after_the_stream() {
    let file = create("file");

    block_on(async {
        let (mut writer, end) = writing(&file, 0);
        let mut end = pin!(end);
        give(&mut writer, b"contents").await;
        let early = std::future::poll_fn(|context| Poll::Ready(end.as_mut().poll(context).is_ready())).await;
        assert!(!early, "the end was reported while the stream was open");
        drop(writer);
        assert_well(end.await);
    });

    assert_contents("file", b"contents");
}

pub fn what_a_stream_took_is_in_the_file() {
    let file = create("file");

    block_on(async {
        let (mut writer, _end) = writing(&file, 0);
        for n in 1..=20 {
            give(&mut writer, b"ten bytes.").await;
            assert_eq!(file.0.stat().await.unwrap().size, n * 10);
        }
    });
}

pub fn an_empty_stream_writes_nothing() {
    make("file", b"abc");
    let file = open("file", NONE, WRITE);

    block_on(async {
        for (writer, end) in [writing(&file, 0), writing(&file, 100)] {
            drop(writer);
            assert_well(end.await);
        }
        let (writer, end) = appending(&file);
        drop(writer);
        assert_well(end.await);
    });

    assert_contents("file", b"abc");
}

pub fn a_zero_length_write_writes_nothing() {
    make("file", b"0123456789");
    let file = open("file", NONE, WRITE);

    block_on(async {
        let (mut writer, end) = writing(&file, 2);
        for piece in [b"".as_slice(), b"A", b"", b"", b"B", b""] {
            let (_, left) = writer.write(piece.to_vec()).await;
            assert_eq!(left.remaining(), 0);
        }
        drop(writer);
        assert_well(end.await);
    });

    assert_contents("file", b"01AB456789");
}

pub fn a_write_stream_past_the_end_leaves_zeroes() {
    let file = create("file");

    block_on(async {
        let (writer, end) = writing(&file, 5_000);
        ok(feed(writer, b"tail", end).await);
    });

    let mut expected = vec![0; 5_000];
    expected.extend_from_slice(b"tail");
    assert_contents("file", expected);
}

pub fn a_write_stream_without_anybody_at_its_end_writes() {
    let file = create("file");

    block_on(async {
        let (mut writer, end) = writing(&file, 0);
        drop(end);
        give(&mut writer, &vec![7; 50_000]).await;
    });

    assert_contents("file", vec![7; 50_000]);
}

pub fn a_write_stream_to_the_wrong_descriptor_fails() {
    make("file", b"contents");
    mkdir("directory");
    let wrong = [(open("file", NONE, READ), Code::BadDescriptor), (open_dir("directory"), Code::IsDirectory)];

    block_on(async {
        for (descriptor, code) in &wrong {
            let (mut writer, end) = writing(descriptor, 0);
            let (left, end) = both(writer.write_all(b"x".to_vec()), end).await;
            assert_eq!(left.len(), 1, "somebody took the byte");
            refused(end.map_err(Code::from), &[*code, Code::BadDescriptor]);

            let (mut writer, end) = appending(descriptor);
            let (left, end) = both(writer.write_all(b"x".to_vec()), end).await;
            assert_eq!(left.len(), 1, "somebody took the byte");
            refused(end.map_err(Code::from), &[*code, Code::BadDescriptor]);
        }
    });

    assert_contents("file", b"contents");
}

pub fn a_write_stream_beyond_any_file_fails() {
    let file = create("file");

    for offset in [u64::MAX, i64::MAX as u64] {
        block_on(async {
            let (mut writer, end) = writing(&file, offset);
            let (left, end) = both(writer.write_all(b"beyond".to_vec()), end).await;
            assert_eq!(left.len(), 6, "somebody took the bytes");
            refused(end.map_err(Code::from), &[Code::FileTooLarge, Code::Invalid, Code::Overflow]);
        });
    }

    assert_eq!(stat("file").size, 0);
}

pub fn write_streams_do_not_interfere() {
    let file = create("file");

    block_on(async {
        let ((mut a, end_a), (mut b, end_b)) = (writing(&file, 0), writing(&file, 10_000));
        for n in 0..10 {
            both(give(&mut a, &vec![b'a' + n; 1_000]), give(&mut b, &vec![b'A' + n; 1_000])).await;
        }
        drop((a, b));
        let (a, b) = both(end_a, end_b).await;
        assert_well(a);
        assert_well(b);
    });

    let expected: Vec<u8> = (b'a'..).take(10).chain((b'A'..).take(10)).flat_map(|byte| [byte; 1_000]).collect();
    assert_contents("file", expected);
}

pub fn an_append_stream_follows_the_end() {
    make("file", b"start");
    let file = open("file", NONE, READ_WRITE);

    block_on(async {
        let ((mut a, end_a), (mut b, end_b)) = (appending(&file), appending(&file));
        give(&mut a, b"-one").await;
        ok(file.write(b"-between", 9));
        give(&mut b, b"-two").await;
        ok(file.set_size(21));
        give(&mut a, b"!").await;
        drop((a, b));
        let (a, b) = both(end_a, end_b).await;
        assert_well(a);
        assert_well(b);
    });

    assert_contents("file", b"start-one-between-two!");
}

pub fn a_write_stream_outlives_its_descriptor() {
    block_on(async {
        let file = create("file");
        let (mut writer, end) = writing(&file, 0);
        give(&mut writer, b"before").await;
        drop(file);
        give(&mut writer, b", after").await;
        drop(writer);
        assert_well(end.await);
    });

    assert_contents("file", b"before, after");
}

pub fn a_write_stream_goes_on_after_unlink_and_rename() {
    let (unlinked, renamed) = (create("unlinked"), create("renamed"));

    block_on(async {
        let ((mut a, end_a), (mut b, end_b)) = (writing(&unlinked, 0), writing(&renamed, 0));
        both(give(&mut a, b"before"), give(&mut b, b"before")).await;
        unlink("unlinked");
        make("unlinked", b"another file");
        rename("renamed", "elsewhere");
        both(give(&mut a, b", after"), give(&mut b, b", after")).await;
        drop((a, b));
        let (a, b) = both(end_a, end_b).await;
        assert_well(a);
        assert_well(b);
    });

    assert_same(&read_all(&unlinked), b"before, after");
    assert_contents("elsewhere", b"before, after");
    assert_contents("unlinked", b"another file");
}

pub fn a_write_stream_keeps_its_place_when_the_file_is_cut() {
    let file = create("file");

    block_on(async {
        let (mut writer, end) = writing(&file, 0);
        give(&mut writer, b"0123456789").await;
        ok(file.set_size(2));
        give(&mut writer, b"end").await;
        drop(writer);
        assert_well(end.await);
    });

    assert_contents("file", b"01\0\0\0\0\0\0\0\0end");
}

pub fn a_cancelled_write_writes_what_it_says() {
    let file = create("file");
    let mut expected = Vec::new();

    block_on(async {
        let (mut writer, end) = writing(&file, 0);
        for n in 0..20 {
            let bytes = vec![n; 1_000];
            let mut write = pin!(writer.write(bytes.clone()));
            let polled = std::future::poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await;
            // A write that is done cannot be cancelled.
            let (_, left) = match polled {
                Poll::Ready(done) => done,
                Poll::Pending => write.as_mut().cancel(),
            };
            expected.extend_from_slice(&bytes[..bytes.len() - left.remaining()]);
        }
        drop(writer);
        assert_well(end.await);
    });

    assert_contents("file", expected);
}

/// The stream of one file is that of the other, without the guest between.
pub fn a_file_is_written_from_the_stream_of_another() {
    let bytes = Random::new(16).bytes(300_000);
    make("from", &bytes);
    let (from, to) = (open("from", NONE, READ), create("to"));

    block_on(async {
        let (stream, read) = from.0.read_via_stream(1_000);
        let written = to.0.write_via_stream(stream, 0);
        let (written, read) = both(written.into_future(), read.into_future()).await;
        assert_well(written);
        assert_well(read);
    });

    assert_contents("to", &bytes[1_000..]);
}

pub fn a_file_is_appended_to_from_its_own_stream() {
    make("file", b"0123456789");
    let file = open("file", NONE, READ_WRITE);

    // It would never end if the stream went on to read what it appends; one read takes all that there is.
    let copied = block_on(async {
        let (mut stream, _) = file.0.read_via_stream(5);
        stream.read(Vec::with_capacity(5)).await.1
    });
    ok(file.append(&copied));

    assert_contents("file", b"012345678956789");
}

pub fn a_thousand_write_streams_come_and_go() {
    let file = create("file");

    block_on(async {
        for n in 0..1_000u32 {
            let (writer, end) = writing(&file, u64::from(n) * 4);
            ok(feed(writer, &n.to_le_bytes(), end).await);
        }
    });

    let expected: Vec<u8> = (0..1_000u32).flat_map(u32::to_le_bytes).collect();
    assert_contents("file", expected);
}
