//! Streams of files: `wasi:io/streams` behind read-via-stream, write-via-stream and append-via-stream.

use super::binding::code_of;
use crate::kit::*;
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

#[track_caller]
fn input(file: &Descriptor, offset: u64) -> InputStream {
    file.0.read_via_stream(offset).unwrap_or_else(|code| panic!("failed with {code:?}"))
}

#[track_caller]
fn output(file: &Descriptor, offset: u64) -> OutputStream {
    file.0.write_via_stream(offset).unwrap_or_else(|code| panic!("failed with {code:?}"))
}

#[track_caller]
fn appending(file: &Descriptor) -> OutputStream {
    file.0.append_via_stream().unwrap_or_else(|code| panic!("failed with {code:?}"))
}

/// What a stream answers, with the code of the file in place of the error.
#[track_caller]
fn done<T>(result: std::result::Result<T, StreamError>) -> T {
    result.unwrap_or_else(|error| panic!("failed with {:?}", code_of(error)))
}

#[track_caller]
fn assert_closed<T: std::fmt::Debug>(result: std::result::Result<T, StreamError>) {
    match result {
        Err(StreamError::Closed) => {}
        Err(error) => panic!("failed with {:?}, expected a closed stream", code_of(error)),
        Ok(value) => panic!("succeeded with {value:?}, expected a closed stream"),
    }
}

/// Everything to the end, `len` bytes at a time at most.
#[track_caller]
fn drain(stream: &InputStream, len: u64) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(len) {
            Ok(some) => {
                assert!(!some.is_empty() && some.len() as u64 <= len, "{} of {len} bytes", some.len());
                all.extend(some);
            }
            Err(StreamError::Closed) => return all,
            Err(error) => panic!("failed with {:?}", code_of(error)),
        }
    }
}

/// Writes everything as the permits allow, without a blocking call but for the wait on the stream's readiness.
#[track_caller]
fn pour(stream: &OutputStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let permitted = done(stream.check_write()) as usize;
        if permitted == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(permitted.min(bytes.len()));
        done(stream.write(now));
        bytes = later;
    }
    done(stream.blocking_flush());
}

pub fn an_input_stream_reads_from_its_offset_to_the_end() {
    let bytes = Random::new(3).bytes(200_000);
    make("file", &bytes);
    let file = open("file", NONE, READ);

    for (offset, len) in [(0, 1 << 20), (0, 65_536), (0, 4_096), (12_345, 777), (199_999, 10)] {
        assert_same(&drain(&input(&file, offset), len), &bytes[offset as usize..]);
    }
}

pub fn an_input_stream_at_or_beyond_the_end_is_closed() {
    make("file", b"abc");
    let file = open("file", NONE, READ);

    for offset in [3, 4, 1 << 40] {
        let stream = input(&file, offset);
        assert_closed(stream.blocking_read(10));
        assert_closed(stream.blocking_read(10));
        assert_closed(stream.read(10));
    }
}

pub fn a_read_that_does_not_block_gets_everything_in_the_end() {
    let bytes = Random::new(4).bytes(100_000);
    make("file", &bytes);
    let stream = input(&open("file", NONE, READ), 0);

    let mut all = Vec::new();
    loop {
        match stream.read(30_000) {
            // Not ready now.
            Ok(some) if some.is_empty() => stream.subscribe().block(),
            Ok(some) => all.extend(some),
            Err(StreamError::Closed) => break,
            Err(error) => panic!("failed with {:?}", code_of(error)),
        }
    }

    assert_same(&all, &bytes);
}

pub fn a_stream_read_of_no_bytes_takes_nothing() {
    make("file", b"abc");
    let stream = input(&open("file", NONE, READ), 0);

    assert_same(&done(stream.read(0)), b"");
    assert_same(&done(stream.blocking_read(0)), b"");
    assert_eq!(done(stream.skip(0)), 0);

    assert_same(&drain(&stream, 10), b"abc");
}

pub fn a_read_of_more_than_any_memory_gets_what_is_there() {
    let bytes = Random::new(5).bytes(300_000);
    make("file", &bytes);
    let stream = input(&open("file", NONE, READ), 0);

    assert_same(&drain(&stream, u64::MAX), &bytes);
    assert_same(&open("file", NONE, READ).0.read(u64::MAX, 299_998).unwrap().0, &bytes[299_998..]);
}

pub fn skip_passes_over_bytes() {
    make("file", b"0123456789");
    let stream = input(&open("file", NONE, READ), 0);

    assert_eq!(done(stream.blocking_skip(4)), 4);
    assert_same(&done(stream.blocking_read(2)), b"45");
    assert_eq!(done(stream.blocking_skip(100)), 4);
    assert_closed(stream.blocking_skip(1));
    assert_closed(stream.blocking_read(1));
}

pub fn input_streams_do_not_interfere() {
    let bytes = Random::new(6).bytes(50_000);
    make("file", &bytes);
    let file = open("file", NONE, READ);
    let (a, b) = (input(&file, 0), input(&file, 10_000));
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());

    for _ in 0..10 {
        of_a.extend(done(a.blocking_read(1_000)));
        assert_same(&ok(file.read(5, 7)), &bytes[7..12]);
        of_b.extend(done(b.blocking_read(3_000)));
    }

    assert_same(&of_a, &bytes[..of_a.len()]);
    assert_same(&of_b, &bytes[10_000..10_000 + of_b.len()]);
}

pub fn an_input_stream_sees_what_is_written_meanwhile() {
    let file = create("file");
    ok(file.write(&vec![b'a'; 100_000], 0));
    let stream = input(&file, 0);
    assert_eq!(done(stream.blocking_read(10)).len(), 10);

    ok(file.write(&vec![b'b'; 50_000], 50_000));

    // What was read ahead may be old, but not everything to 50,000 bytes beyond.
    let rest = drain(&stream, 4_096);
    assert_eq!(rest.len(), 99_990);
    assert_eq!(rest[rest.len() - 1], b'b');
}

pub fn an_input_stream_of_the_wrong_descriptor_is_refused() {
    make("file", b"abc");
    let (directory, writer) = (open(".", DIRECTORY, READ), open("file", NONE, WRITE));

    let refused_with = |file: &Descriptor| match file.0.read_via_stream(0) {
        Err(code) => Code::from(code),
        Ok(stream) => code_of(stream.blocking_read(1).expect_err("the read succeeds")),
    };

    assert!([Code::IsDirectory, Code::BadDescriptor].contains(&refused_with(&directory)));
    assert_eq!(refused_with(&writer), Code::BadDescriptor);
}

pub fn an_input_stream_outlives_its_descriptor() {
    let bytes = Random::new(8).bytes(20_000);
    make("file", &bytes);
    let stream = input(&open("file", NONE, READ), 0);

    let mut all = done(stream.blocking_read(100));
    all.extend(drain(&stream, 4_096));

    assert_same(&all, &bytes);
}

pub fn an_input_stream_goes_on_after_unlink_and_rename() {
    let bytes = Random::new(9).bytes(200_000);
    for name in ["unlinked", "renamed"] {
        make(name, &bytes);
    }
    let streams = ["unlinked", "renamed"].map(|name| input(&open(name, NONE, READ), 0));
    for stream in &streams {
        assert_eq!(done(stream.blocking_skip(500)), 500);
    }

    unlink("unlinked");
    make("unlinked", b"another file");
    rename("renamed", "elsewhere");

    for stream in &streams {
        assert_same(&drain(stream, 50_000), &bytes[500..]);
    }
}

pub fn streams_of_files_are_ready() {
    make("file", b"0123456789");
    let file = open("file", NONE, READ_WRITE);
    let (from, to) = (input(&file, 0), output(&file, 5));
    let (of_from, of_to) = (from.subscribe(), to.subscribe());

    of_from.block();
    of_to.block();
    assert!(of_from.ready() && of_to.ready());
    assert_eq!(poll(&[&of_from, &of_to]), [0, 1]);

    assert_same(&done(from.blocking_read(3)), b"012");
    done(to.blocking_write_and_flush(b"xyz"));
    of_from.block();
    of_to.block();
    assert_contents("file", b"01234xyz89");
}

pub fn a_pollable_outlives_what_the_stream_has_to_give() {
    make("file", b"abc");
    let stream = input(&open("file", NONE, READ), 0);
    let ready = stream.subscribe();

    assert_same(&drain(&stream, 10), b"abc");

    ready.block();
    assert!(ready.ready(), "a closed stream is ready: to say so");
    assert_closed(stream.read(1));
}

pub fn an_output_stream_writes_from_its_offset() {
    make("file", b"0123456789");
    let file = open("file", NONE, WRITE);
    let stream = output(&file, 4);

    pour(&stream, b"AB");
    pour(&stream, b"CD");

    assert_contents("file", b"0123ABCD89");
}

pub fn an_output_stream_takes_any_amount_in_permitted_pieces() {
    let bytes = Random::new(10).bytes(500_000);
    let file = create("file");

    pour(&output(&file, 0), &bytes);

    assert_contents("file", &bytes);
}

pub fn an_output_stream_past_the_end_leaves_zeroes() {
    let file = create("file");

    pour(&output(&file, 5_000), b"tail");

    let mut expected = vec![0; 5_000];
    expected.extend_from_slice(b"tail");
    assert_contents("file", expected);
}

pub fn a_blocking_write_is_there_when_it_returns() {
    let file = create("file");
    let stream = output(&file, 0);
    let mut expected = Vec::new();

    for n in 0..50 {
        let line = [n; 4_096];
        done(stream.blocking_write_and_flush(&line));
        expected.extend(line);
        assert_eq!(stat("file").size, expected.len() as u64);
    }

    assert_contents("file", expected);
}

pub fn a_stream_write_of_no_bytes_changes_nothing() {
    make("file", b"abc");
    let file = open("file", NONE, WRITE);
    let stream = output(&file, 100);

    assert!(done(stream.check_write()) > 0);
    done(stream.write(b""));
    done(stream.blocking_flush());
    done(stream.blocking_write_and_flush(b""));
    pour(&appending(&file), b"");

    assert_contents("file", b"abc");
}

pub fn flush_after_nothing_is_fine() {
    make("file", b"abc");
    let file = open("file", NONE, WRITE);

    for stream in [output(&file, 0), appending(&file)] {
        done(stream.flush());
        done(stream.blocking_flush());
        done(stream.flush());
        assert!(done(stream.check_write()) > 0);
    }
}

pub fn what_was_written_to_a_stream_is_read_before_any_flush() {
    let file = create("file");
    let stream = output(&file, 0);
    stream.subscribe().block();
    assert!(done(stream.check_write()) >= 8);

    done(stream.write(b"contents"));
    // A write may go on in the background until the stream is ready again.
    stream.subscribe().block();

    assert_same(&ok(open("file", NONE, READ).read(100, 0)), b"contents");
    assert_eq!(ok(file.stat()).size, 8);
}

pub fn output_streams_do_not_interfere() {
    let file = create("file");
    let (a, b) = (output(&file, 0), output(&file, 10_000));

    for n in 0..10 {
        done(a.blocking_write_and_flush(&vec![b'a' + n; 1_000]));
        done(b.blocking_write_and_flush(&vec![b'A' + n; 1_000]));
    }

    let expected: Vec<u8> = (b'a'..).take(10).chain((b'A'..).take(10)).flat_map(|byte| [byte; 1_000]).collect();
    assert_contents("file", expected);
}

pub fn an_append_stream_follows_the_end() {
    make("file", b"start");
    let file = open("file", NONE, READ_WRITE);
    let (a, b) = (appending(&file), appending(&file));

    done(a.blocking_write_and_flush(b"-one"));
    ok(file.write(b"-between", 9));
    done(b.blocking_write_and_flush(b"-two"));
    ok(file.set_size(21));
    done(a.blocking_write_and_flush(b"!"));

    assert_contents("file", b"start-one-between-two!");
}

pub fn write_zeroes_writes_zeroes() {
    make("file", vec![b'x'; 20_000]);
    let file = open("file", NONE, WRITE);
    let stream = output(&file, 100);

    done(stream.blocking_write_zeroes_and_flush(4_096));
    let permitted = done(stream.check_write()).min(1_000);
    done(stream.write_zeroes(permitted));
    done(stream.blocking_flush());

    let mut expected = vec![b'x'; 20_000];
    expected[100..4_196 + permitted as usize].fill(0);
    assert_contents("file", expected);
}

pub fn splice_copies_from_file_to_file() {
    let bytes = Random::new(12).bytes(150_000);
    make("from", &bytes);
    let (from, to) = (input(&open("from", NONE, READ), 1_000), output(&create("to"), 0));

    let mut copied = 0;
    loop {
        match to.blocking_splice(&from, 40_000) {
            Ok(n) => copied += n,
            Err(StreamError::Closed) => break,
            Err(error) => panic!("failed with {:?}", code_of(error)),
        }
    }
    done(to.blocking_flush());

    assert_eq!(copied, 149_000);
    assert_contents("to", &bytes[1_000..]);
}

pub fn an_output_stream_of_the_wrong_descriptor_is_refused() {
    make("file", b"abc");
    let (directory, reader) = (open_dir("."), open("file", NONE, READ));

    for descriptor in [&directory, &reader] {
        for stream in [descriptor.0.write_via_stream(0), descriptor.0.append_via_stream()] {
            let code = match stream {
                Err(code) => Code::from(code),
                Ok(stream) => code_of(stream.blocking_write_and_flush(b"x").expect_err("the write succeeds")),
            };
            assert!([Code::IsDirectory, Code::BadDescriptor].contains(&code), "{code:?}");
        }
    }
    assert_contents("file", b"abc");
}

pub fn a_stream_that_failed_says_why_and_is_closed() {
    let file = create("file");
    let stream = output(&file, u64::MAX - 2);

    let code = code_of(stream.blocking_write_and_flush(b"beyond any file").expect_err("the write succeeds"));

    assert!([Code::FileTooLarge, Code::Invalid, Code::Overflow].contains(&code), "{code:?}");
    assert_closed(stream.blocking_write_and_flush(b"x"));
    assert_closed(stream.check_write());
    assert_eq!(stat("file").size, 0);
}

pub fn an_output_stream_outlives_its_descriptor() {
    let stream = output(&create("file"), 0);
    done(stream.blocking_write_and_flush(b"contents"));

    assert_contents("file", b"contents");
}

pub fn an_output_stream_goes_on_after_unlink_and_rename() {
    let (unlinked, renamed) = (create("unlinked"), create("renamed"));
    let streams = [output(&unlinked, 0), output(&renamed, 0)];
    streams.iter().for_each(|stream| done(stream.blocking_write_and_flush(b"before")));

    unlink("unlinked");
    make("unlinked", b"another file");
    rename("renamed", "elsewhere");
    streams.iter().for_each(|stream| done(stream.blocking_write_and_flush(b", after")));

    assert_same(&read_all(&unlinked), b"before, after");
    assert_contents("elsewhere", b"before, after");
    assert_contents("unlinked", b"another file");
}

pub fn an_output_stream_keeps_its_place_when_the_file_is_cut() {
    let file = create("file");
    let stream = output(&file, 0);
    done(stream.blocking_write_and_flush(b"0123456789"));

    ok(file.set_size(2));
    done(stream.blocking_write_and_flush(b"end"));

    assert_contents("file", b"01\0\0\0\0\0\0\0\0end");
}

pub fn a_thousand_streams_come_and_go() {
    let file = create("file");
    ok(file.write(b"contents", 0));

    for _ in 0..1_000 {
        assert_same(&done(input(&file, 3).blocking_read(10)), b"tents");
        drop(output(&file, 0));
        drop(appending(&file).subscribe());
    }

    assert_contents("file", b"contents");
}
