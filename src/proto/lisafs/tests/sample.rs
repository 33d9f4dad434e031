//! One of every message, made of random parts.

use crate::abi::Name;
use crate::proto::lisafs::*;
use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::FromBytes;
use zerocopy::little_endian::{I32, U16};

/// What random messages are made of.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) numbers: Vec<u64>,
    pub(super) small: Vec<u32>,
    pub(super) names: Vec<Vec<u8>>,
    pub(super) blobs: Vec<Vec<u8>>,
    pub(super) inodes: Vec<Inode>,
    pub(super) fds: Vec<FdId>,
    pub(super) mids: Vec<U16>,
    pub(super) watches: Vec<I32>,
    pub(super) status: u8,
    pub(super) with_start: bool,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..40).prop_map(|mut bytes| {
        bytes.iter_mut().filter(|byte| matches!(**byte, 0 | b'/')).for_each(|byte| *byte = b'x');
        if bytes == b"." || bytes == b".." { b"...".to_vec() } else { bytes }
    })
}

fn inode() -> impl Strategy<Value = Inode> {
    vec(any::<u8>(), size_of::<Inode>()).prop_map(|bytes| Inode::read_from_bytes(&bytes).expect("its size"))
}

pub(super) fn parts() -> impl Strategy<Value = Parts> {
    let numbers = (vec(any::<u64>(), 4), vec(any::<u32>(), 4), vec(any::<u64>().prop_map(FdId::new), 0..20));
    let bytes = (vec(name(), 2..8), vec(vec(any::<u8>(), 0..100), 2..6));
    let lists = (vec(inode(), 1..4), vec(any::<u16>().prop_map(U16::new), 0..40), 0u8..3, any::<bool>());
    (numbers, bytes, lists).prop_map(|((numbers, small, fds), (names, blobs), (inodes, mids, status, with_start))| {
        let watches = small.iter().map(|number| I32::new(*number as i32)).collect();
        Parts { numbers, small, names, blobs, inodes, fds, mids, watches, status, with_start }
    })
}

/// Arrays as they stand in a message: strings, entries of a directory, and those with attributes.
pub(super) fn arrays(parts: &Parts) -> [Vec<u8>; 3] {
    let mut strings = Vec::new();
    let blobs = parts.blobs.iter().map(Vec::as_slice);
    Strings::write(&mut Writer::new(&mut strings, 1 << 20), blobs).expect("they fit");
    let mut dirents = Vec::new();
    let mut writer = Writer::new(&mut dirents, 1 << 20);
    let mut entries = DirentsWriter::new(&mut writer).expect("it fits");
    for (name, number) in parts.names.iter().zip(parts.numbers.iter().cycle()) {
        let [dev_minor, dev_major, ..] = parts.small[..] else { panic!("four") };
        let raw_name = Str(name);
        let entry = WireDirent { ino: *number, dev_minor, dev_major, offset: !*number, kind: parts.status, raw_name };
        assert!(entries.push(&entry));
    }
    let mut stat_dirents = Vec::new();
    let mut writer = Writer::new(&mut stat_dirents, 1 << 20);
    let mut entries = DirentsWriter::new(&mut writer).expect("it fits");
    for (name, inode) in parts.names.iter().zip(parts.inodes.iter().cycle()) {
        let (offset, kind, raw_name) = (inode.control.get(), parts.status, Str(name));
        assert!(entries.push(&StatDirent { offset, stat: &inode.stat, kind, raw_name }));
    }
    [strings, dirents, stat_dirents]
}

pub(super) fn names(parts: &Parts) -> Vec<Name<'_>> {
    parts.names.iter().map(|name| Name::new(name).expect("a name")).collect()
}

/// Every request.
pub(super) fn requests<'r>(parts: &'r Parts, names: &'r [Name<'r>]) -> Vec<AnyRequest<'r>> {
    let [a, b, c, d] = parts.numbers[..] else { panic!("four") };
    let [i, j, k, l] = parts.small[..] else { panic!("four") };
    let (fd, dir, socket) = (FdId::new(a), FdId::new(b), FdId::new(c));
    let (name, new_name) = (names[0], names[1]);
    let (data, value) = (&parts.blobs[0][..], Str(&parts.blobs[1]));
    let common = CreateCommon { dir, uid: i, gid: j, mode: u16::try_from(k & 0xffff).expect("16 bits") };
    let path = StatPath { with_start: parts.with_start, names: Names::List(names) };
    let connect = Connect { fd, socket_type: i };
    let rename = RenameAt { old_dir: fd, new_dir: dir, old_name: name, new_name };
    let (atime_secs, atime_nanos, mtime_secs, mtime_nanos) = (a as i64, b as i64, c as i64, d as i64);
    let (fds, signed) = (&parts.fds[..], l as i32);
    vec![
        AnyRequest::Mount(Mount {}),
        AnyRequest::Channel(Channel {}),
        AnyRequest::FStat(FStat { fd }),
        AnyRequest::SetStat(SetStatRequest {
            fd,
            mask: i,
            mode: j,
            uid: k,
            gid: l,
            size: d,
            atime_secs,
            atime_nanos,
            mtime_secs,
            mtime_nanos,
        }),
        AnyRequest::Walk(Walk { dir, names: Names::List(names) }),
        AnyRequest::WalkStat(WalkStat { dir, path }),
        AnyRequest::OpenAt(OpenAt { fd, flags: i }),
        AnyRequest::OpenCreateAt(OpenCreateAt { common, flags: l, name }),
        AnyRequest::Close(Close { fds }),
        AnyRequest::FSync(FSync { fds }),
        AnyRequest::PWrite(PWrite { offset: d, fd, data }),
        AnyRequest::PRead(PRead { offset: d, fd, count: i }),
        AnyRequest::MkdirAt(MkdirAt { common, name }),
        AnyRequest::MknodAt(MknodAt { common, minor: i, major: j, name }),
        AnyRequest::SymlinkAt(SymlinkAt { dir, uid: i, gid: j, name, target: value }),
        AnyRequest::LinkAt(LinkAt { dir, target: fd, name }),
        AnyRequest::FStatFs(FStatFs { fd }),
        AnyRequest::FAllocate(FAllocate { fd, mode: b, offset: c, length: d }),
        AnyRequest::ReadLinkAt(ReadLinkAt { fd }),
        AnyRequest::Flush(Flush { fd }),
        AnyRequest::Connect(connect),
        AnyRequest::UnlinkAt(UnlinkAt { dir, flags: k, name }),
        AnyRequest::RenameAt(rename),
        AnyRequest::Getdents64(Getdents64 { fd, count: signed }),
        AnyRequest::FGetXattr(FGetXattr { fd, size: i, name: value }),
        AnyRequest::FSetXattr(FSetXattr { fd, flags: i, name: Str(data), value }),
        AnyRequest::FListXattr(FListXattr { fd, size: d }),
        AnyRequest::FRemoveXattr(FRemoveXattr { fd, name: value }),
        AnyRequest::BindAt(BindAt { common, socket_type: i, name }),
        AnyRequest::Listen(Listen { socket, backlog: signed }),
        AnyRequest::Accept(Accept { socket }),
        AnyRequest::ConnectWithCreds(ConnectWithCreds { connect, uid: k, gid: l }),
        AnyRequest::RenameAt2(RenameAt2 { names: rename, flags: l }),
        AnyRequest::ChangeQueue(ChangeQueue {}),
        AnyRequest::AddWatch(AddWatch { queue: fd, dir }),
        AnyRequest::RemoveWatch(RemoveWatch { queue: fd, watches: &parts.watches }),
        AnyRequest::ReadDirStat(ReadDirStat { fd, count: signed }),
        AnyRequest::Append(Append { fd, data }),
    ]
}

/// Every answer.
pub(super) fn replies<'r>(
    parts: &'r Parts,
    [strings, dirents, stat_dirents]: &'r [Vec<u8>; 3],
    stats: &'r [Statx],
) -> Vec<AnyReply<'r>> {
    let [a, b, c, d] = parts.numbers[..] else { panic!("four") };
    let [i, j, ..] = parts.small[..] else { panic!("four") };
    let inode = &parts.inodes[0];
    let value = Str(&parts.blobs[0]);
    let status = decode(std::slice::from_ref(&parts.status)).expect("a status");
    let (fd, socket) = (FdId::new(a), FdId::new(b));
    vec![
        AnyReply::Error(ErrorReply { errno: i }),
        AnyReply::Mount(MountReply { root: inode, max_message: i, mids: &parts.mids }),
        AnyReply::Channel(ChannelReply { offset: a as i64, length: b }),
        AnyReply::FStat(&inode.stat),
        AnyReply::SetStat(SetStatReply { failed: i, errno: j }),
        AnyReply::Walk(WalkReply { status, inodes: &parts.inodes }),
        AnyReply::WalkStat(WalkStatReply { stats }),
        AnyReply::OpenAt(OpenReply { fd }),
        AnyReply::OpenCreateAt(OpenCreateAtReply { inode, fd }),
        AnyReply::Close(()),
        AnyReply::FSync(()),
        AnyReply::PWrite(PWriteReply { count: c }),
        AnyReply::PRead(PReadReply { data: value.0 }),
        AnyReply::MkdirAt(inode),
        AnyReply::MknodAt(inode),
        AnyReply::SymlinkAt(inode),
        AnyReply::LinkAt(inode),
        AnyReply::FStatFs(StatFsReply {
            magic: a,
            block_size: b as i64,
            blocks: c,
            blocks_free: d,
            blocks_available: a,
            files: b,
            files_free: c,
            name_max: d,
        }),
        AnyReply::FAllocate(()),
        AnyReply::ReadLinkAt(value),
        AnyReply::Flush(()),
        AnyReply::Connect(()),
        AnyReply::UnlinkAt(()),
        AnyReply::RenameAt(()),
        AnyReply::Getdents64(decode(dirents).expect("entries")),
        AnyReply::FGetXattr(value),
        AnyReply::FSetXattr(()),
        AnyReply::FListXattr(decode(strings).expect("strings")),
        AnyReply::FRemoveXattr(()),
        AnyReply::BindAt(BindAtReply { inode, socket }),
        AnyReply::Listen(()),
        AnyReply::Accept(value),
        AnyReply::ConnectWithCreds(()),
        AnyReply::RenameAt2(()),
        AnyReply::ChangeQueue(ChangeQueueReply { queue: fd }),
        AnyReply::AddWatch(AddWatchReply { watch: i as i32, flags: j }),
        AnyReply::RemoveWatch(()),
        AnyReply::ReadDirStat(decode(stat_dirents).expect("entries")),
        AnyReply::Append(AppendReply { end: a, count: b }),
    ]
}
