//! `poll_oneoff` over files, clocks and stdio.

use crate::kit::abi::{Event, Subscription};
use crate::kit::{Errno, Front, Guest, Open, args, mount};
use wasi_gofer::{MemoryFs, MountOptions};

const HOUR: u64 = 3_600_000_000_000;

fn guest(front: Front) -> (Guest, u32) {
    let files = MemoryFs::new().with_file("file", "contents").expect("made");
    let mut guest = Guest::with_front(front, mount("/", files, MountOptions::default()).ctx());
    let fd = guest.open("file", Open::READ_WRITE).expect("opened");
    (guest, fd)
}

fn userdata(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.userdata).collect()
}

#[test]
fn poll_of_a_file_and_a_long_clock_answers_with_the_file_at_once() {
    for front in Front::BOTH {
        let (mut guest, fd) = guest(front);

        let events = guest.poll(&[Subscription::after(1, HOUR), Subscription::of(2, Subscription::READ, fd)]);

        assert_eq!(events, Ok(vec![Event { userdata: 2, error: 0, tag: 1, flags: 0 }]), "{front:?}");
    }
}

#[test]
fn poll_of_clocks_alone_answers_with_those_that_ran_out() {
    for front in Front::BOTH {
        let (mut guest, _) = guest(front);

        let events = guest.poll(&[Subscription::after(1, HOUR), Subscription::after(2, 1)]).expect("polled");

        assert_eq!(userdata(&events), [2], "{front:?}");
        assert_eq!(events[0].tag, 0);
    }
}

#[test]
fn poll_of_a_point_in_time_that_has_passed_answers_at_once() {
    let (mut guest, _) = guest(Front::Sync);
    let past = Subscription { clock_flags: 1, ..Subscription::after(1, 1) };

    assert_eq!(guest.poll(&[Subscription::after(2, HOUR), past]).map(|events| userdata(&events)), Ok(vec![1]));
}

#[test]
fn poll_of_a_file_and_a_clock_that_ran_out_answers_with_both() {
    for front in Front::BOTH {
        let (mut guest, fd) = guest(front);

        let events = guest
            .poll(&[Subscription::after(1, 0), Subscription::of(2, Subscription::WRITE, fd)])
            .map(|events| userdata(&events));

        let mut events = events.expect("polled");
        events.sort_unstable();
        assert_eq!(events, [1, 2], "{front:?}");
    }
}

#[test]
fn poll_with_any_userdata_hands_it_back() {
    for front in Front::BOTH {
        let (mut guest, fd) = guest(front);

        let events = guest
            .poll(&[Subscription::after(u64::MAX, 0), Subscription::of(u64::MAX, Subscription::READ, fd)])
            .expect("polled");

        assert_eq!(userdata(&events), [u64::MAX, u64::MAX], "{front:?}");
    }
}

#[test]
fn poll_of_a_file_at_its_end_tells_the_hangup() {
    let (mut guest, fd) = guest(Front::Sync);
    guest.seek(fd, 0, 2).expect("sought");

    let events =
        guest.poll(&[Subscription::of(1, Subscription::READ, fd), Subscription::of(2, Subscription::WRITE, fd)]);

    let events = events.expect("polled");
    assert_eq!(events.iter().map(|event| (event.userdata, event.flags)).collect::<Vec<_>>(), [(1, 1), (2, 0)]);
}

#[test]
fn poll_of_an_unknown_descriptor_is_badf() {
    for front in Front::BOTH {
        let (mut guest, fd) = guest(front);

        for unknown in [fd + 1, u32::MAX] {
            let unknown = Subscription::of(1, Subscription::READ, unknown);
            assert_eq!(guest.poll(&[unknown]), Err(Errno::BADF));
            assert_eq!(guest.poll(&[Subscription::of(2, Subscription::READ, fd), unknown]), Err(Errno::BADF));
            assert_eq!(guest.poll(&[Subscription::after(3, HOUR), unknown]), Err(Errno::BADF));
        }
    }
}

#[test]
fn poll_of_a_directory_is_badf() {
    let (mut guest, _) = guest(Front::Sync);

    assert_eq!(guest.poll(&[Subscription::of(1, Subscription::READ, Guest::ROOT)]), Err(Errno::BADF));
}

#[test]
fn poll_of_stdout_is_ready() {
    for front in Front::BOTH {
        let (mut guest, _) = guest(front);

        let events = guest.poll(&[Subscription::after(1, HOUR), Subscription::of(2, Subscription::WRITE, 1)]);

        assert_eq!(events.map(|events| userdata(&events)), Ok(vec![2]), "{front:?}");
    }
}

#[test]
fn poll_of_moved_stdout_is_ready_and_of_its_old_number_badf() {
    let (mut guest, fd) = guest(Front::Sync);
    guest.renumber(1, fd).expect("moved");

    let events = guest.poll(&[Subscription::of(1, Subscription::WRITE, fd)]);

    assert_eq!(events.map(|events| userdata(&events)), Ok(vec![1]));
    assert_eq!(guest.poll(&[Subscription::of(1, Subscription::WRITE, 1)]), Err(Errno::BADF));
}

#[test]
fn poll_of_stdin_and_a_file_answers_at_once_with_the_file() {
    for front in Front::BOTH {
        let (mut guest, fd) = guest(front);

        let events =
            guest.poll(&[Subscription::of(1, Subscription::READ, 0), Subscription::of(2, Subscription::READ, fd)]);

        assert!(userdata(&events.expect("polled")).contains(&2), "{front:?}");
    }
}

#[test]
fn poll_of_the_same_file_many_times_answers_each() {
    let (mut guest, fd) = guest(Front::Sync);
    let subscriptions: Vec<_> = (0..300).map(|n| Subscription::of(n, Subscription::READ, fd)).collect();

    let events = guest.poll(&subscriptions).expect("polled");

    assert_eq!(userdata(&events), (0..300).collect::<Vec<_>>());
}

#[test]
fn poll_of_nothing_is_inval_and_of_too_much_nomem() {
    for front in Front::BOTH {
        let (mut guest, _) = guest(front);

        for (n, errno) in [(0, Errno::INVAL), (65_537, Errno::NOMEM), (u32::MAX, Errno::NOMEM)] {
            assert_eq!(guest.answer("poll_oneoff", args![0, 0x20000, n, 0x40000]), Err(errno), "{n} {front:?}");
        }
    }
}

#[test]
fn poll_with_room_for_fewer_events_than_subscriptions_traps() {
    let (mut guest, fd) = guest(Front::Sync);
    guest.put(0x20000, &Subscription::of(1, Subscription::READ, fd).encode());
    guest.put(0x20000 + 48, &Subscription::of(2, Subscription::READ, fd).encode());

    guest.trap("poll_oneoff", args![0x20000, Guest::MEMORY - 32, 2, 0x40000]);
}
