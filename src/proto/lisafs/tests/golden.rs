//! Bytes that were recorded between gVisor's own programs (2022-12 and 2024-07, which agree). Of attributes only the mask
//! was; the rest of them is zeros here.

use crate::abi::Name;
use crate::proto::lisafs::*;
use zerocopy::little_endian::I32;

/// The bytes of a text of hexadecimal digits.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |d: u8| (d as char).to_digit(16).expect("a digit");
    digits.chunks(2).map(|pair| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).expect("two digits")).collect()
}

/// The frame of a message.
fn frame(mid: Mid, message: &impl Encode) -> Vec<u8> {
    let mut payload = Vec::new();
    message.encode(&mut Writer::new(&mut payload, 1 << 20)).expect("it fits");
    let header = Header::new(mid, payload.len()).expect("it fits");
    [&header.to_bytes()[..], &payload].concat()
}

fn request<R: Request>(request: &R) -> Vec<u8> {
    frame(R::MID, request)
}

/// The number and the payload of a frame.
fn parts(frame: &[u8]) -> (Mid, &[u8]) {
    let header = Header::from_prefix(frame).expect("a header");
    assert_eq!(header.payload() as usize, frame.len() - 8);
    (header.mid(), &frame[8..])
}

#[test]
fn mount_request_is_the_recorded_bytes() {
    assert_eq!(request(&Mount {}), hex("00000000 0100 0000"));
}

#[test]
fn mount_reply_of_28_messages_is_214_bytes_and_is_read_back() {
    let mut bytes = hex("d6000000 0100 0000 | 0100000000000000 ff070000");
    bytes.resize(8 + 152, 0);
    bytes.extend(hex("00f01f00 1c00"));
    (1..=28u16).for_each(|mid| bytes.extend(mid.to_le_bytes()));
    assert_eq!(bytes.len(), 8 + 214);
    let (mid, payload) = parts(&bytes);
    let reply: MountReply<'_> = decode(payload).expect("a reply");
    assert_eq!((mid, reply.root.control, reply.max_message), (Mid::MOUNT, FdId::new(1), 2_093_056));
    assert_eq!((reply.root.stat.mask.get(), reply.mids.len(), reply.mids[27].get()), (0x7ff, 28, 28));
    assert_eq!(frame(Mid::MOUNT, &reply), bytes);
}

#[test]
fn walk_of_one_name_is_the_recorded_bytes() {
    let names = [Name::new(b"hello").expect("a name")];
    let walk = Walk { dir: FdId::new(1), names: Names::List(&names) };
    let recorded = hex("11000000 0500 0000 | 0100000000000000 0100 0500 68656c6c6f");
    assert_eq!(request(&walk), recorded);
    let (mid, payload) = parts(&recorded);
    assert_eq!(AnyRequest::decode(mid, payload), Some(Ok(AnyRequest::Walk(walk))));
}

#[test]
fn walk_reply_of_one_inode_begins_as_recorded_and_is_read_back() {
    let mut recorded = hex("9b000000 0500 0000 | 00 0100 | 0200000000000000 ff070000");
    recorded.resize(8 + 0x9b, 0);
    let (mid, payload) = parts(&recorded);
    let Some(Ok(AnyReply::Walk(WalkReply { status, inodes: [inode] }))) = AnyReply::decode(mid, payload) else {
        panic!("a walk's reply of one inode")
    };
    assert_eq!((status as u8, inode.control, inode.stat.mask.get()), (0, FdId::new(2), 0x7ff));
    let inodes = &[*inode][..];
    assert_eq!(frame(mid, &WalkReply { status: WalkStatus::Complete, inodes }), recorded);
}

#[test]
fn open_at_and_its_reply_are_the_recorded_bytes() {
    let open = OpenAt { fd: FdId::new(2), flags: 0 };
    assert_eq!(request(&open), hex("10000000 0700 0000 | 0200000000000000 00000000 00000000"));
    let reply = hex("08000000 0700 0000 | 0300000000000000");
    assert_eq!(frame(Mid::OPEN_AT, &OpenReply { fd: FdId::new(3) }), reply);
    assert_eq!(decode(parts(&reply).1), Ok(OpenReply { fd: FdId::new(3) }));
}

#[test]
fn p_read_and_its_reply_are_the_recorded_bytes() {
    let read = PRead { offset: 0, fd: FdId::new(3), count: 100 };
    let recorded = hex("18000000 0c00 0000 | 0000000000000000 0300000000000000 64000000 00000000");
    assert_eq!(request(&read), recorded);
    let reply = [hex("14000000 0c00 0000 | 0c00000000000000"), b"hello world\n".to_vec()].concat();
    assert_eq!(frame(Mid::P_READ, &PReadReply { data: b"hello world\n" }), reply);
    assert_eq!(decode(parts(&reply).1), Ok(PReadReply { data: b"hello world\n" }));
}

#[test]
fn close_and_its_reply_are_the_recorded_bytes() {
    let close = Close { fds: &[FdId::new(3)] };
    assert_eq!(request(&close), hex("0a000000 0900 0000 | 0100 0300000000000000"));
    assert_eq!(frame(Mid::CLOSE, &()), hex("00000000 0900 0000"));
}

#[test]
fn sizes_of_fixed_messages_are_the_protocol_s() {
    /// Bytes that a message takes: one less is too short.
    fn size<T: for<'a> Decode<'a>>() -> usize {
        let bytes = [0; 256];
        let enough = |size: &usize| decode::<T>(&bytes[..*size]).is_ok();
        let size = (0..256).find(enough).expect("256 are enough");
        assert!(size == 0 || decode::<T>(&bytes[..size - 1]).is_err_and(|error| error == DecodeError::Short));
        size
    }
    use crate::proto::lisafs as w;
    assert_eq!((size::<w::SetStatRequest>(), size::<w::SetStatReply>(), size::<w::StatFsReply>()), (64, 8, 64));
    assert_eq!((size::<w::CreateCommon>(), size::<w::Getdents64>(), size::<w::Listen>()), (24, 16, 16));
    assert_eq!((size::<w::FAllocate>(), size::<w::FListXattr>(), size::<w::ChannelReply>()), (32, 16, 16));
    assert_eq!((size::<w::Connect>(), size::<w::ConnectWithCreds>(), size::<w::PWriteHead>()), (16, 24, 20));
    assert_eq!((size_of::<w::Statx>(), size_of::<w::Inode>(), w::HEADER_BYTES), (144, 152, 8));
    assert_eq!(decode::<w::OpenCreateAtReply<'_>>(&[0; 160]).map(|_| ()), Ok(()));
    assert!(decode::<w::OpenCreateAtReply<'_>>(&[0; 159]).is_err() && decode::<w::BindAtReply<'_>>(&[0; 159]).is_err());
}

/// The bytes that docs/LISAFS.md shows.
#[test]
fn messages_of_ours_are_the_bytes_that_are_documented() {
    assert_eq!(request(&ChangeQueue {}), hex("00000000 0001 0000"));
    let queue = frame(Mid::CHANGE_QUEUE, &ChangeQueueReply { queue: FdId::new(9) });
    assert_eq!(queue, hex("08000000 0001 0000 | 0900000000000000"));
    let add = AddWatch { queue: FdId::new(9), dir: FdId::new(1) };
    assert_eq!(request(&add), hex("10000000 0101 0000 | 0900000000000000 0100000000000000"));
    let added = frame(Mid::ADD_WATCH, &AddWatchReply { watch: 1, flags: WATCH_ATTRIBUTES });
    assert_eq!(added, hex("08000000 0101 0000 | 01000000 01000000"));
    let watches = [1, 2].map(I32::new);
    let remove = request(&RemoveWatch { queue: FdId::new(9), watches: &watches });
    assert_eq!(remove, hex("12000000 0201 0000 | 0900000000000000 0200 01000000 02000000"));
    assert_eq!(frame(Mid::REMOVE_WATCH, &()), hex("00000000 0201 0000"));
    let list = ReadDirStat { fd: FdId::new(3), count: -65_536 };
    assert_eq!(request(&list), hex("10000000 0301 0000 | 0300000000000000 0000ffff 00000000"));
    let append = request(&Append { fd: FdId::new(3), data: b"line\n" });
    assert_eq!(append, hex("11000000 0401 0000 | 0300000000000000 05000000 6c696e650a"));
    let appended = frame(Mid::APPEND, &AppendReply { end: 10, count: 5 });
    assert_eq!(appended, hex("10000000 0401 0000 | 0a00000000000000 0500000000000000"));
    let mut listed = Vec::new();
    let mut writer = Writer::new(&mut listed, 1 << 20);
    let stat = Statx { mask: 0xfff.into(), ..Statx::default() };
    let entry = StatDirent { offset: 7, stat: &stat, kind: 8, raw_name: Str(b"hello") };
    assert!(DirentsWriter::new(&mut writer).expect("it fits").push(&entry));
    let mut expected = hex("0100 | 0700000000000000 ff0f0000");
    expected.resize(2 + 8 + 144, 0);
    expected.extend(hex("08 0500 68656c6c6f"));
    assert_eq!(listed, expected);
}
