//! Many calls at once.

use super::binding::{both, feed};
use crate::kit::*;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::Poll;

type Calls<'a, T> = Vec<Pin<Box<dyn Future<Output = T> + 'a>>>;

fn call<'a, T>(call: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(call)
}

/// Runs all calls at once to the end of all; the results are in their order.
fn all_of<T>(mut calls: Calls<'_, T>) -> Vec<T> {
    let mut results: Vec<Option<T>> = calls.iter().map(|_| None).collect();
    block_on(std::future::poll_fn(|context| {
        for (call, result) in calls.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(value) = call.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    }));
    results.into_iter().flatten().collect()
}

pub fn a_hundred_stats_at_once() {
    for n in 0..50 {
        make(&format!("file-{n}"), vec![b'x'; n]);
    }
    let stats: Calls<_> = (0..100).map(|n| call(root().0.stat_at(NOFOLLOW, format!("file-{n}")))).collect();

    for (n, stat) in all_of(stats).into_iter().enumerate() {
        match stat {
            Ok(stat) => assert_eq!(stat.size, n as u64),
            Err(code) => assert!(n >= 50 && Code::from(code) == Code::NoEntry),
        }
    }
}

pub fn of_many_exclusive_creations_one_wins() {
    let opens: Calls<_> =
        (0..32).map(|_| call(root().0.open_at(NOFOLLOW, "lock".to_owned(), CREATE | EXCLUSIVE, READ_WRITE))).collect();

    let mut won = 0;
    for result in all_of(opens) {
        match result {
            Ok(_) => won += 1,
            Err(code) => assert_eq!(Code::from(code), Code::Exist),
        }
    }

    assert_eq!(won, 1);
}

pub fn of_many_unlinks_one_wins() {
    make("file", b"");
    let unlinks: Calls<_> = (0..16).map(|_| call(root().0.unlink_file_at("file".to_owned()))).collect();

    let (won, lost): (Vec<_>, Vec<_>) = all_of(unlinks).into_iter().partition(|result| result.is_ok());

    assert_eq!(won.len(), 1);
    lost.into_iter().for_each(|result| refused(result.map_err(Code::from), &[Code::NoEntry]));
}

pub fn many_names_are_made_at_once() {
    let made: Calls<_> = (0..100).map(|n| call(root().0.create_directory_at(format!("d-{n}")))).collect();

    all_of(made).into_iter().for_each(|result| ok(result.map_err(Code::from)));

    assert_eq!(names("."), set((0..100).map(|n| format!("d-{n}"))));
}

pub fn streams_write_to_one_file_at_once() {
    let file = create("file");
    let pieces: Vec<Vec<u8>> = (0..8).map(|n| Random::new(n).bytes(20_000)).collect();
    let writes: Calls<_> = pieces
        .iter()
        .enumerate()
        .map(|(n, piece)| {
            let (writer, reader) = wasip3::wit_stream::new();
            let end = file.0.write_via_stream(reader, n as u64 * 20_000);
            call(feed(writer, piece, end.into_future()))
        })
        .collect();

    all_of(writes).into_iter().for_each(ok);

    assert_contents("file", pieces.concat());
}

/// Of what appenders wrote at once nothing is lost and no line is torn.
pub fn streams_append_to_one_file_at_once() {
    let file = create("log");
    let lines: Vec<String> = (0..20).map(|n| format!("line {n:02} {}\n", "x".repeat(50))).collect();
    let writes: Calls<_> = lines
        .iter()
        .map(|line| {
            let (writer, reader) = wasip3::wit_stream::new();
            let end = file.0.append_via_stream(reader);
            call(feed(writer, line.as_bytes(), end.into_future()))
        })
        .collect();

    all_of(writes).into_iter().for_each(ok);

    let log = String::from_utf8(contents("log")).unwrap();
    let mut logged: Vec<&str> = log.split_inclusive('\n').collect();
    logged.sort_unstable();
    assert_eq!(logged, lines);
}

pub fn a_file_is_read_while_it_is_written() {
    const LEN: usize = 200_000;
    let file = create("file");
    ok(file.write(&vec![b'a'; LEN], 0));

    let all = block_on(async {
        let (stream, _) = file.0.read_via_stream(0);
        let (writer, reader) = wasip3::wit_stream::new();
        let end = file.0.write_via_stream(reader, 0);
        let (written, all) = both(feed(writer, &vec![b'b'; LEN], end.into_future()), stream.collect()).await;
        ok(written);
        all
    });

    assert_eq!(all.len(), LEN);
    assert!(all.iter().all(|byte| matches!(byte, b'a' | b'b')), "bytes that nobody wrote");
    assert_contents("file", vec![b'b'; LEN]);
}

pub fn a_call_that_nobody_waits_for_harms_nothing() {
    make("file", b"contents");

    block_on(async {
        for _ in 0..50 {
            // Started, then dropped, done or not.
            let mut call = Box::pin(root().0.stat_at(NOFOLLOW, "file".to_owned()));
            std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        }
    });

    assert_contents("file", b"contents");
}
