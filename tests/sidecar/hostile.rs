//! Bytes that are no messages, and clients that go away: the program goes on serving others, and takes nothing for it.

use crate::gofer::{name, soon};
use crate::programs::Listening;
use crate::subject::{Here, Subject, eventually, mounted};
use crate::wire::{exchange, frame, payload, raw, raw_of, read_frame, request};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Mutex;
use wasi_gofer::abi::{Mode, SetStat};
use wasi_gofer::proto::lisafs::*;

#[test]
fn header_that_announces_gigabytes_ends_its_connection_and_takes_no_memory() {
    let program = Listening::start(&[]);
    let mut other = program.client();
    let before = program.rss_anon();
    for announced in [(2 << 20) - 4096 + 1, 1 << 31, 0xffff_fff7, 0xffff_fff8, u32::MAX] {
        for mid in [Mid::P_WRITE, Mid::MOUNT, Mid(999)] {
            let mut peer = raw(program.connect());
            let header = Header::new(mid, announced as usize).expect("it can be told");
            peer.write_all(&header.to_bytes()).expect("sent");
            // Some bytes of it, which nobody may wait for.
            let _ = peer.write_all(&[0; 64]);
            assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0, "{announced}");
        }
    }
    let root = other.1;
    assert!(other.0.call(&soon(), &FStat { fd: root }).is_ok());
    drop(other);
    let grown = program.rss_anon().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes more");
    program.end();
}

/// Some requests, one behind the other, of all sorts of lengths.
fn conversation(root: FdId) -> Vec<u8> {
    let names = [name("none"), name("x")];
    let common = CreateCommon::new(root, None, Mode::new(0o600));
    [
        request(&Mount {}),
        request(&Walk { dir: root, names: Names::List(&names) }),
        request(&OpenCreateAt { common, flags: 2, name: name("made") }),
        request(&PWrite { offset: 0, fd: FdId::new(3), data: b"some bytes" }),
        request(&SetStatRequest::new(FdId::new(2), &SetStat::default())),
        request(&Close { fds: &[FdId::new(2), FdId::new(3)] }),
    ]
    .concat()
}

#[test]
fn client_that_goes_away_behind_any_byte_leaves_nothing() {
    let here = Here::new();
    let whole = conversation(FdId::new(1));
    for cut in 0..=whole.len() {
        for shut in [None, Some(Shutdown::Write)] {
            let _ = std::fs::remove_file(here.host("made"));
            let stream = here.server.connect().expect("connected");
            let mut peer = raw_of(&stream);
            peer.write_all(&whole[..cut]).expect("sent");
            match shut {
                // What is answered is answered, up to the end.
                Some(how) => {
                    peer.shutdown(how).expect("shut");
                    while read_frame(&mut peer).is_some() {}
                }
                None => drop((stream, peer)),
            }
            // The bound on connections would be met soon if they stayed.
            eventually("the end of the connection", || here.server.connections() == 1);
        }
    }
    eventually("the end of what they had", || here.server.taken() == "0 nodes, 0 open files");
    here.finish();
}

#[test]
fn client_that_never_takes_its_answers_holds_nobody_else_up() {
    let here = Here::new();
    std::fs::write(here.host("file"), vec![7; 1 << 20]).expect("written");
    let stream = here.server.connect().expect("connected");
    let mut peer = raw_of(&stream);
    exchange(&mut peer, Mid::MOUNT, &[]);
    let walk = Walk { dir: FdId::new(1), names: Names::List(&[name("file")]) };
    exchange(&mut peer, Mid::WALK, &payload(&walk));
    exchange(&mut peer, Mid::OPEN_AT, &payload(&OpenAt { fd: FdId::new(2), flags: 0 }));
    let read = request(&PRead { offset: 0, fd: FdId::new(3), count: 1 << 20 });
    for _ in 0..20 {
        peer.write_all(&read).expect("sent");
    }
    let (mut other, root) = here.another();
    let common = CreateCommon::new(root, None, Mode::new(0o700));
    for at in 0..50 {
        let made = format!("dir-{at}");
        assert!(other.call(&soon(), &MkdirAt { common, name: name(&made) }).is_ok());
        let new = format!("new-{at}");
        let rename = RenameAt { old_dir: root, new_dir: root, old_name: name(&made), new_name: name(&new) };
        assert!(other.call(&soon(), &rename).is_ok());
    }
    drop((stream, peer, other));
    here.finish();
}

/// Bytes as a client may send them: requests with their fields at random, some cut, some with bytes behind.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let small_ids = prop::collection::vec(prop_oneof![0u8..6, any::<u8>()], 0..80);
    let bytes = prop_oneof![
        small_ids.prop_map(|mut bytes| {
            // Numbers of files are small: eight bytes of which the first counts.
            bytes.chunks_mut(8).for_each(|chunk| chunk.iter_mut().skip(1).for_each(|byte| *byte = 0));
            bytes
        }),
        prop::collection::vec(any::<u8>(), 0..200),
    ];
    (prop_oneof![0u16..40, any::<u16>()], bytes).prop_map(|(mid, bytes)| frame(Mid(mid), &bytes))
}

#[test]
fn garbage_is_answered_frame_by_frame_and_another_client_is_served() {
    let here = Here::new();
    std::fs::create_dir(here.host("dir")).expect("made");
    let (other, root) = here.another();
    let other = Mutex::new(other);
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(frames in prop::collection::vec(any_frame(), 1..30))| {
        let stream = here.server.connect().expect("connected");
        let mut peer = raw_of(&stream);
        exchange(&mut peer, Mid::MOUNT, &[]);
        let walk = Walk { dir: FdId::new(1), names: Names::List(&[name("dir")]) };
        exchange(&mut peer, Mid::WALK, &payload(&walk));
        exchange(&mut peer, Mid::OPEN_AT, &payload(&OpenAt { fd: FdId::new(1), flags: 0 }));
        for frame in &frames {
            peer.write_all(frame).expect("sent");
            let asked = Header::from_prefix(frame).expect("a header").mid();
            let (mid, _) = read_frame(&mut peer).expect("every frame has its answer");
            prop_assert!(mid == asked || mid == Mid::ERROR);
        }
        drop((stream, peer));
        let told = other.lock().expect("ours").call(&soon(), &FStat { fd: root }).is_ok();
        prop_assert!(told);
        eventually("the end of the connection", || here.server.connections() == 2);
    });
    drop(other);
    here.finish();
}

#[test]
fn garbage_for_the_program_in_its_jail_ends_no_connection_but_its_own() {
    let program = Listening::start(&["--xattrs", "--host-uds=all"]);
    let (other, other_root) = program.client();
    let other = Mutex::new(other);
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(frames in prop::collection::vec(any_frame(), 1..30), rest in prop::collection::vec(any::<u8>(), 0..100))| {
        // A case may have taken the rights to it away.
        program.restore();
        let (mut client, root) = mounted(wasi_gofer::transport::Stream::new(program.connect().into()).expect("a stream"));
        let path = Walk { dir: root, names: Names::List(&[name("none")]) };
        client.call(&soon(), &path).map(|_| ()).expect("walked");
        let mut peer = raw(program.connect());
        for frame in &frames {
            peer.write_all(frame).expect("sent");
            read_frame(&mut peer).expect("every frame has its answer");
        }
        // And something that is no frame at all.
        let _ = peer.write_all(&rest);
        drop((client, peer));
        let told = other.lock().expect("ours").call(&soon(), &FStat { fd: other_root }).is_ok();
        prop_assert!(told);
    });
    drop(other);
    eventually("the end of what they had", || program.is_idle());
    program.end();
}
