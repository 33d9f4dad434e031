//! Between the wire's structs and the house's.

use crate::abi::{
    Errno, FileType, InodeKey, Mode, OpenFlags, SetStat, SetStatMask, SetStatReport, SetTime, Stat, StatFs, Timespec,
};
use crate::proto::lisafs::*;
use proptest::prelude::*;
use std::num::NonZeroI64;
use zerocopy::little_endian::{U16, U32, U64};

fn timespec() -> impl Strategy<Value = Timespec> {
    (any::<i64>(), 0u32..1_000_000_000).prop_map(|(secs, nanos)| Timespec { secs, nanos })
}

fn stat() -> impl Strategy<Value = Stat> {
    let key = (any::<u64>(), any::<u64>(), prop::option::of(prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)]));
    let numbers = (1u8..=7, any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    let sizes = (0..=i64::MAX.cast_unsigned(), any::<u64>(), any::<u32>());
    let times = (timespec(), timespec(), timespec());
    (key, numbers, sizes, times).prop_map(
        |((dev, ino, birth), (kind, mode, nlink, uid, gid), (size, blocks, blksize), (atime, mtime, ctime))| Stat {
            key: InodeKey { dev, ino, birth_ns: birth.and_then(NonZeroI64::new) },
            file_type: FileType::from_repr(kind).expect("a type"),
            mode: Mode::new(mode),
            nlink: nlink.into(),
            uid,
            gid,
            size,
            blocks,
            blksize,
            atime,
            mtime,
            ctime,
        },
    )
}

fn set_stat() -> impl Strategy<Value = SetStat> {
    let time = || prop::option::of(prop_oneof![Just(SetTime::Now), timespec().prop_map(SetTime::At)]);
    let id = || prop::option::of(0..u32::MAX);
    (prop::option::of(any::<u32>()), id(), id(), prop::option::of(any::<u64>()), time(), time()).prop_map(
        |(mode, uid, gid, size, atime, mtime)| SetStat { mode: mode.map(Mode::new), uid, gid, size, atime, mtime },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stat_over_the_wire_is_the_same(stat in stat()) {
        let mut expected = stat;
        // A birth time is told in seconds and nanoseconds, and is the same number again.
        prop_assert_eq!(Statx::from_stat(&stat).to_stat(), Ok(expected));
        // Without its mask it is no part of the key, whatever the field holds.
        let mut wire = Statx::from_stat(&stat);
        wire.mask = U32::new(0x7ff);
        expected.key.birth_ns = None;
        prop_assert_eq!(wire.to_stat(), Ok(expected));
    }

    #[test]
    fn set_stat_over_the_wire_is_the_same(set in set_stat()) {
        prop_assert_eq!(SetStatRequest::new(FdId::new(1), &set).to_set_stat(), Ok(set));
    }

    #[test]
    fn report_over_the_wire_is_the_same(bits in 0u16..64, errno in prop::sample::select(Errno::ALL)) {
        let failed = SetStatMask::from_bits_truncate(bits);
        let report = SetStatReport { failed, errno: (bits != 0).then_some(errno) };
        prop_assert_eq!(SetStatReply::from_report(&report).to_report(), Ok(report));
    }

    #[test]
    fn errno_over_the_wire_is_the_same(errno in prop::sample::select(Errno::ALL)) {
        prop_assert_eq!(ErrorReply::new(errno).to_errno(), errno);
    }
}

/// Attributes of a regular file with everything that is needed.
fn regular() -> Statx {
    Statx { mask: U32::new(0x7ff), mode: U16::new(0o100_644), ..Statx::default() }
}

#[test]
fn to_stat_without_a_needed_field_is_refused() {
    for field in 0..11 {
        let bit = 1 << field;
        let wire = Statx { mask: U32::new(0x7ff & !bit), ..regular() };
        let optional = matches!(bit, 0x20 | 0x400);
        assert_eq!(wire.to_stat().is_ok(), optional, "{bit:#x}");
    }
}

#[test]
fn to_stat_without_access_time_or_blocks_does_not_believe_the_fields() {
    let atime = StatxTime { secs: 7.into(), nanos: 8.into(), pad: 0.into() };
    let wire = Statx { mask: U32::new(0x7ff & !0x420), blocks: U64::new(9), atime, ..regular() };
    let stat = wire.to_stat().expect("attributes");
    assert_eq!((stat.blocks, stat.atime), (0, Timespec::default()));
    let wire = Statx { mask: U32::new(0x7ff), ..wire };
    let stat = wire.to_stat().expect("attributes");
    assert_eq!((stat.blocks, stat.atime), (9, Timespec { secs: 7, nanos: 8 }));
}

#[test]
fn to_stat_of_impossible_attributes_is_refused() {
    assert!(regular().to_stat().is_ok());
    let bad = [
        Statx { mode: U16::new(0o644), ..regular() },
        Statx { mode: U16::new(0o170_644), ..regular() },
        Statx { size: U64::new(1 << 63), ..regular() },
        Statx { size: U64::new(u64::MAX), ..regular() },
    ];
    for wire in bad {
        assert_eq!(wire.to_stat(), Err(DecodeError::Value), "{wire:?}");
    }
}

#[test]
fn to_stat_of_nanoseconds_out_of_range_cuts_them() {
    let mtime = StatxTime { secs: (-1).into(), nanos: U32::new(u32::MAX), pad: 0.into() };
    let stat = Statx { mtime, ..regular() }.to_stat().expect("attributes");
    assert_eq!(stat.mtime, Timespec { secs: -1, nanos: 999_999_999 });
}

#[test]
fn device_numbers_are_joined_as_linux_does() {
    let wire = Statx { dev_major: 0x1234_5678.into(), dev_minor: 0x9abc_def0.into(), ..regular() };
    let dev = wire.to_stat().expect("attributes").key.dev;
    // As makedev(3) of glibc has it.
    assert_eq!(dev, 0x1234_59ab_cde6_78f0);
}

#[test]
fn to_set_stat_of_an_unknown_bit_is_perm() {
    let request = SetStatRequest::new(FdId::new(1), &SetStat::default());
    for bit in (0..32).map(|bit| 1 << bit) {
        let known = matches!(bit, 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x200);
        let asked = SetStatRequest { mask: bit, ..request }.to_set_stat();
        assert_eq!(asked.is_ok(), known, "{bit:#x}");
        assert!(known || asked == Err(Errno::Perm));
        let failed = SetStatReply { failed: bit, errno: 1 }.to_report();
        assert_eq!(failed.is_ok(), known, "{bit:#x}");
    }
}

#[test]
fn to_set_stat_of_nanoseconds_out_of_range_is_inval() {
    let request = SetStatRequest::new(FdId::new(1), &SetStat { atime: Some(SetTime::Now), ..SetStat::default() });
    for nanos in [-1, 1_000_000_000, 0x3fff_fffd, i64::MAX, i64::MIN, 1 << 32] {
        assert_eq!(SetStatRequest { atime_nanos: nanos, ..request }.to_set_stat(), Err(Errno::Inval), "{nanos}");
    }
    let omitted = SetStatRequest { atime_nanos: 0x3fff_fffe, ..request };
    assert_eq!(omitted.to_set_stat(), Ok(SetStat::default()));
}

#[test]
fn to_set_stat_of_the_owner_that_stays_asks_for_none() {
    let request = SetStatRequest::new(FdId::new(1), &SetStat::default());
    let request = SetStatRequest { mask: 0x18, uid: NO_ID, gid: 5, ..request };
    assert_eq!(request.to_set_stat(), Ok(SetStat { gid: Some(5), ..SetStat::default() }));
}

#[test]
fn to_report_of_numbers_that_contradict_is_a_failure_only_if_attributes_failed() {
    let report = |failed, errno| SetStatReply { failed, errno }.to_report().expect("a report");
    assert_eq!(report(0, 13), SetStatReport::DONE);
    assert_eq!(report(2, 0).errno, Some(Errno::Io));
    assert_eq!(report(2, u32::MAX).errno, Some(Errno::Io));
}

#[test]
fn to_errno_of_numbers_that_are_none_is_io() {
    for errno in [0, 7, 4095, u32::MAX, 1 << 31] {
        assert_eq!(ErrorReply { errno }.to_errno(), Errno::Io, "{errno}");
    }
}

#[test]
fn stat_fs_over_the_wire_is_the_same_and_a_negative_block_size_is_refused() {
    let figures = StatFs {
        magic: 1,
        block_size: 4096,
        blocks: 2,
        blocks_free: 3,
        blocks_available: 4,
        files: 5,
        files_free: 6,
        name_max: 255,
    };
    let wire = StatFsReply::from_stat_fs(&figures);
    assert_eq!(wire.to_stat_fs(), Ok(figures));
    assert_eq!(StatFsReply { block_size: -1, ..wire }.to_stat_fs(), Err(DecodeError::Value));
}

#[test]
fn open_flags_over_the_wire_are_those_that_the_protocol_has() {
    for bits in 1..32 {
        let flags = OpenFlags::from_bits_truncate(bits);
        if !flags.intersects(OpenFlags::READ | OpenFlags::WRITE) {
            continue;
        }
        let expected = flags & (OpenFlags::READ | OpenFlags::WRITE | OpenFlags::TRUNC);
        assert_eq!(open_flags(open_bits(flags)), Some(expected), "{flags:?}");
        assert_eq!(open_flags(open_bits(flags) | 0o2000 | 0o100), Some(expected), "other bits are dropped");
    }
    assert_eq!(open_flags(3), None);
}

#[test]
fn create_common_has_a_type_only_where_one_is_asked_for() {
    let common = |file_type| CreateCommon::new(FdId::new(1), file_type, Mode::new(0o7755)).mode;
    assert_eq!((common(None), common(Some(FileType::Fifo))), (0o7755, 0o017_755));
}
