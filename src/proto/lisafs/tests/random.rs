//! Random messages and random bytes.

use super::sample::{arrays, names, parts, replies, requests};
use crate::abi::{Errno, NAME_MAX, Name};
use crate::proto::lisafs::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn encoded(message: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut Writer::new(&mut bytes, 1 << 20)).expect("it fits");
    bytes
}

/// What holds for the bytes of every message, given what they decode to.
fn check<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    message: &(impl Encode + std::fmt::Debug),
    expected: &T,
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) {
    // With bytes behind the end, too: they are ignored.
    let longer = [bytes, &[0xa5; 9]].concat();
    assert_eq!(decode(bytes).as_ref(), Ok(expected));
    assert_eq!(decode(&longer).as_ref(), Ok(expected));
    for end in 0..bytes.len() {
        assert_eq!(decode(&bytes[..end]), Err(DecodeError::Short), "{end} of {} bytes of {message:?}", bytes.len());
    }
    // Into a buffer that ends early: refused, and never over the limit.
    for limit in 0..bytes.len() {
        let mut buffer = vec![1, 2, 3];
        assert_eq!(message.encode(&mut Writer::new(&mut buffer, limit)), Err(EncodeError));
        assert!(buffer.len() <= 3 + limit && buffer.starts_with(&[1, 2, 3]));
    }
    let mut buffer = Vec::new();
    assert_eq!(message.encode(&mut Writer::new(&mut buffer, bytes.len())), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_decodes_to_itself_and_one_byte_less_is_short(parts in parts()) {
        let names = names(&parts);
        let requests = requests(&parts, &names);
        prop_assert!(requests.iter().map(AnyRequest::mid).eq(Mid::KNOWN[1..].iter().chain(Mid::PRIVATE).copied()));
        for request in &requests {
            let mid = request.mid();
            // What was decoded borrows from bytes that go away here, so it is told by what it encodes to.
            let decoded = |bytes: &[u8]| {
                AnyRequest::decode(mid, bytes).expect("a request").map(|decoded| encoded(&decoded))
            };
            let bytes = encoded(request);
            prop_assert_eq!(AnyRequest::decode(mid, &bytes), Some(Ok(*request)));
            check(&bytes, request, &bytes, decoded);
        }
    }

    #[test]
    fn every_reply_decodes_to_itself_and_one_byte_less_is_short(parts in parts()) {
        let arrays = arrays(&parts);
        let stats: Vec<Statx> = parts.inodes.iter().map(|inode| inode.stat).collect();
        let replies = replies(&parts, &arrays, &stats);
        prop_assert!(replies.iter().map(AnyReply::mid).eq(Mid::KNOWN.iter().chain(Mid::PRIVATE).copied()));
        for reply in &replies {
            let mid = reply.mid();
            let decoded = |bytes: &[u8]| {
                AnyReply::decode(mid, bytes).expect("a reply").map(|decoded| encoded(&decoded))
            };
            let bytes = encoded(reply);
            prop_assert_eq!(AnyReply::decode(mid, &bytes), Some(Ok(*reply)));
            check(&bytes, reply, &bytes, decoded);
        }
    }

    #[test]
    fn any_bytes_are_a_message_that_encodes_to_them_or_an_error(bytes in vec(any::<u8>(), 0..400)) {
        for mid in (0..=300).map(Mid) {
            garbage(mid, &bytes);
        }
    }

    #[test]
    fn bytes_changed_in_a_message_are_a_message_or_an_error(
        parts in parts(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let names = names(&parts);
        let arrays = arrays(&parts);
        let stats: Vec<Statx> = parts.inodes.iter().map(|inode| inode.stat).collect();
        let requests = requests(&parts, &names).into_iter().map(|request| (request.mid(), encoded(&request)));
        let replies = replies(&parts, &arrays, &stats);
        let replies = replies.into_iter().map(|reply| (reply.mid(), encoded(&reply)));
        for (mid, mut bytes) in requests.chain(replies).filter(|(_, bytes)| !bytes.is_empty()) {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            garbage(mid, &bytes);
        }
    }

    #[test]
    fn strings_and_entries_are_gone_through_as_often_as_their_count_says(parts in parts()) {
        let [strings, dirents, stat_dirents] = arrays(&parts);
        let strings: Strings<'_> = decode(&strings).expect("strings");
        prop_assert!(strings.iter().eq(parts.blobs.iter().map(Vec::as_slice)));
        let dirents: Dirents<'_> = decode(&dirents).expect("entries");
        prop_assert!(dirents.iter().map(|entry| entry.raw_name.0).eq(parts.names.iter().map(Vec::as_slice)));
        let stat_dirents: StatDirents<'_> = decode(&stat_dirents).expect("entries");
        prop_assert!(stat_dirents.iter().map(|entry| entry.raw_name.0).eq(parts.names.iter().map(Vec::as_slice)));
        prop_assert!(stat_dirents.iter().map(|entry| entry.stat).zip(parts.inodes.iter().cycle()).all(|(told, inode)| *told == inode.stat));
        prop_assert_eq!((strings.len(), dirents.len()), (parts.blobs.len(), parts.names.len()));
    }
}

/// Decodes bytes as both kinds of message with this number, and encodes what comes of it.
fn garbage(mid: Mid, bytes: &[u8]) {
    if let Some(Ok(request)) = AnyRequest::decode(mid, bytes) {
        assert_eq!(AnyRequest::decode(mid, &encoded(&request)), Some(Ok(request)));
    }
    if let Some(Ok(reply)) = AnyReply::decode(mid, bytes) {
        let again = encoded(&reply);
        assert!(bytes.starts_with(&again), "a reply has no field that is not kept");
    }
    let mut ids = 0;
    created_ids(mid, bytes, |_| ids += 1);
    assert!(ids <= bytes.len() / 8, "{ids} files in {} bytes", bytes.len());
}

#[test]
fn counts_that_lie_are_short_whatever_follows() {
    for count in [1u16, 2, 255, 65_535] {
        let counted = |head: &[u8]| [head, &count.to_le_bytes()].concat();
        let short = |mid, bytes: &[u8]| assert_eq!(AnyReply::decode(mid, bytes), Some(Err(DecodeError::Short)));
        short(Mid::WALK, &counted(&[0]));
        short(Mid::WALK_STAT, &counted(&[]));
        short(Mid::GETDENTS64, &counted(&[]));
        short(Mid::READ_DIR_STAT, &counted(&[]));
        short(Mid::F_LIST_XATTR, &counted(&[]));
        short(Mid::READ_LINK_AT, &counted(&[]));
        short(Mid::MOUNT, &counted(&[0; 156]));
        let request = |mid, bytes: &[u8]| assert_eq!(AnyRequest::decode(mid, bytes), Some(Err(DecodeError::Short)));
        request(Mid::CLOSE, &counted(&[]));
        request(Mid::F_SYNC, &counted(&[]));
        request(Mid::REMOVE_WATCH, &counted(&[0; 8]));
        request(Mid::WALK, &counted(&[0; 8]));
        request(Mid::WALK_STAT, &counted(&[0; 8]));
        request(Mid::MKDIR_AT, &counted(&[0; 24]));
    }
    for count in [1u64, 1 << 31, u64::from(u32::MAX), 1 << 32, u64::MAX] {
        assert_eq!(decode::<PReadReply<'_>>(&count.to_le_bytes()), Err(DecodeError::Short), "{count}");
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let write = [&[0; 16][..], &count.to_le_bytes()].concat();
        assert_eq!(decode::<PWrite<'_>>(&write), Err(DecodeError::Short), "{count}");
        assert_eq!(decode::<Append<'_>>(&write[8..]), Err(DecodeError::Short), "{count}");
    }
}

#[test]
fn names_that_are_none_are_the_protocol_s_errno_in_every_request() {
    let long = [b'a'; NAME_MAX + 1];
    let bad: [(&[u8], Errno); 7] = [
        (b"", Errno::Inval),
        (b".", Errno::Inval),
        (b"..", Errno::Inval),
        (b"a/b", Errno::Inval),
        (b"/", Errno::Inval),
        (b"a\0", Errno::Inval),
        (&long, Errno::Nametoolong),
    ];
    let good = encoded(&Name::new(b"n").expect("a name"));
    for (name, errno) in bad {
        let name = encoded(&Str(name));
        let (fd, common) = (&[0; 8][..], &[0; 24][..]);
        let cases = [
            (Mid::WALK, [fd, &[1, 0], &name].concat()),
            (Mid::WALK, [fd, &[2, 0], &good, &name].concat()),
            (Mid::WALK_STAT, [fd, &[2, 0], &good, &name].concat()),
            (Mid::WALK_STAT, [fd, &[2, 0], &[0, 0], &name].concat()),
            (Mid::OPEN_CREATE_AT, [common, &[0; 4], &name].concat()),
            (Mid::MKDIR_AT, [common, &name].concat()),
            (Mid::MKNOD_AT, [common, &[0; 8], &name].concat()),
            (Mid::SYMLINK_AT, [&[0; 16], &name[..], &good].concat()),
            (Mid::LINK_AT, [&[0; 16], &name[..]].concat()),
            (Mid::UNLINK_AT, [&[0; 12], &name[..]].concat()),
            (Mid::RENAME_AT, [&[0; 16], &name[..], &good].concat()),
            (Mid::RENAME_AT, [&[0; 16], &good[..], &name].concat()),
            (Mid::RENAME_AT2, [&[0; 16], &good[..], &name, &[0; 4]].concat()),
            (Mid::BIND_AT, [common, &[0; 4], &name].concat()),
        ];
        for (mid, bytes) in cases {
            let error = AnyRequest::decode(mid, &bytes).expect("a request").expect_err("a name that is none");
            assert_eq!((error, error.answer()), (DecodeError::Name(errno), errno), "{mid:?} {bytes:?}");
        }
    }
}

#[test]
fn walk_stat_of_a_leading_empty_string_asks_for_the_start() {
    let bytes = [&[0; 8][..], &[2, 0], &[0, 0], &[1, 0], b"n"].concat();
    let walk: WalkStat<'_> = decode(&bytes).expect("a walk");
    assert!(walk.path.with_start);
    assert_eq!(walk.path.names.iter().map(Name::as_bytes).collect::<Vec<_>>(), [b"n"]);
    assert_eq!(encoded(&walk), bytes);
    assert_eq!(decode::<WalkStat<'_>>(&[0; 10]).map(|walk| walk.path.with_start), Ok(false));
}

#[test]
fn encode_of_what_no_count_can_tell_is_refused() {
    let mut buffer = Vec::new();
    let mut writer = Writer::new(&mut buffer, 1 << 20);
    assert_eq!(Str(&[0; 65_536]).encode(&mut writer), Err(EncodeError));
    let names = vec![Name::new(b"n").expect("a name"); 65_536];
    assert_eq!(Names::List(&names).encode(&mut writer), Err(EncodeError));
    let fds = vec![FdId::NONE; 65_536];
    assert_eq!(Close { fds: &fds }.encode(&mut writer), Err(EncodeError));
}

#[test]
fn p_read_reply_written_in_place_is_that_of_a_slice() {
    let mut buffer = vec![7];
    let read = |room: &mut [u8]| {
        room[..5].copy_from_slice(b"hello");
        Ok::<_, Errno>(5)
    };
    let written = PReadReply::write(&mut Writer::new(&mut buffer, 108), 100, read);
    assert_eq!(written, Ok(Ok(5)));
    assert_eq!(buffer, [&[7][..], &encoded(&PReadReply { data: b"hello" })].concat());

    let mut writer = Writer::new(&mut buffer, 108);
    assert_eq!(PReadReply::write(&mut writer, 100, |_| Err(Errno::Isdir)), Ok(Err(Errno::Isdir)));
    assert_eq!(writer.written(), 0);
    assert_eq!(PReadReply::write(&mut writer, 101, |_| Ok::<_, Errno>(1)), Err(EncodeError));
    // A reader that claims more than there was room for.
    let mut writer = Writer::new(&mut buffer, 12);
    assert_eq!(PReadReply::write(&mut writer, 4, |_| Ok::<_, Errno>(1000)), Ok(Ok(4)));
    assert_eq!(writer.written(), 12);
}

#[test]
fn dirents_that_do_not_fit_are_left_out_whole() {
    let mut buffer = Vec::new();
    let mut writer = Writer::new(&mut buffer, 2 + 2 * 29 + 1);
    let mut entries = DirentsWriter::new(&mut writer).expect("it fits");
    let entry = WireDirent { ino: 1, dev_minor: 2, dev_major: 3, offset: 4, kind: 8, raw_name: Str(b"n!") };
    assert_eq!([entries.push(&entry), entries.push(&entry), entries.push(&entry)], [true, true, false]);
    let short = WireDirent { raw_name: Str(b""), ..entry };
    assert!(!entries.push(&short));
    let dirents: Dirents<'_> = decode(&buffer).expect("entries");
    assert!(dirents.iter().eq([entry, entry]));
}
