//! Attributes and their changes.

use crate::gofer::{Gofer, assert_is};
use wasi_gofer::abi::{Errno, Mode, SetStat, SetStatMask, SetStatReport, SetTime, Timespec};
use wasi_gofer::proto::lisafs::*;

fn set(gofer: &mut Gofer, fd: FdId, set: &SetStat) -> SetStatReport {
    let report = gofer.ask(&SetStatRequest::new(fd, set), |reply| reply.to_report());
    report.expect("answered").expect("a report")
}

#[test]
fn set_stat_of_everything_at_once_is_what_the_host_tells() {
    let Some(mut gofer) = Gofer::start("set_stat", &[]) else { return };
    std::fs::write(gofer.host("file"), "hello").expect("written");
    let fd = gofer.control("file");
    let (atime, mtime) = (Timespec { secs: 1_000, nanos: 1 }, Timespec { secs: -5, nanos: 999_999_999 });
    let all = SetStat {
        mode: Some(Mode::new(0o760)),
        uid: Some(12),
        gid: Some(34),
        size: Some(50),
        atime: Some(SetTime::At(atime)),
        mtime: Some(SetTime::At(mtime)),
    };
    let owner_may_change = rustix::process::geteuid().is_root();
    let asked = if owner_may_change { all } else { SetStat { uid: None, gid: None, ..all } };
    assert_eq!(set(&mut gofer, fd, &asked), SetStatReport::DONE);
    let wire = gofer.ask(&FStat { fd }, |stat| *stat).expect("attributes");
    assert_is(&wire, &gofer.host("file"));
    let stat = wire.to_stat().expect("attributes");
    assert_eq!((stat.mode, stat.size, stat.atime, stat.mtime), (Mode::new(0o760), 50, atime, mtime));
    assert!(!owner_may_change || (stat.uid, stat.gid) == (12, 34));
    // What is not named stays, and the server's clock is later than 1970.
    let now = SetStat { atime: Some(SetTime::Now), ..SetStat::default() };
    assert_eq!(set(&mut gofer, fd, &now), SetStatReport::DONE);
    let later = gofer.ask(&FStat { fd }, |stat| stat.to_stat()).expect("answered").expect("attributes");
    assert!(later.atime > atime && later.mtime == mtime && later.size == 50);
    gofer.end();
}

#[test]
fn set_stat_of_what_fails_in_part_reports_that_part() {
    let Some(mut gofer) = Gofer::start("set_stat in part", &[]) else { return };
    std::os::unix::fs::symlink("none", gofer.host("link")).expect("made");
    let fd = gofer.control("link");
    let time = Timespec { secs: 7, nanos: 8 };
    let both = SetStat { mode: Some(Mode::new(0o600)), mtime: Some(SetTime::At(time)), ..SetStat::default() };
    let report = set(&mut gofer, fd, &both);
    assert_eq!(report.failed, SetStatMask::MODE);
    assert!(matches!(report.errno, Some(Errno::Badf | Errno::Opnotsupp)), "{report:?}");
    let stat = gofer.ask(&FStat { fd }, |stat| stat.to_stat()).expect("answered").expect("attributes");
    assert_eq!(stat.mtime, time);
    gofer.end();
}

#[test]
fn statfs_is_what_the_host_tells_and_xattrs_are_answered() {
    let Some(mut gofer) = Gofer::start("statfs", &[]) else { return };
    let fd = gofer.root;
    let figures = gofer.ask(&FStatFs { fd }, |reply| reply.to_stat_fs()).expect("answered").expect("figures");
    let host = rustix::fs::statfs(gofer.host(".")).expect("figures");
    assert_eq!((figures.blocks, figures.files), (host.f_blocks, host.f_files));
    assert_eq!((figures.magic, figures.name_max), (host.f_type.cast_unsigned(), host.f_namelen.cast_unsigned()));
    // Versions before 2024 have none.
    let xattr = gofer.ask(&FGetXattr { fd, size: 0, name: Str(b"user.none") }, |value| value.0.to_vec());
    assert!(xattr == Err(Errno::Opnotsupp.into()) || xattr == Err(Errno::Nodata.into()), "{xattr:?}");
    gofer.end();
}
