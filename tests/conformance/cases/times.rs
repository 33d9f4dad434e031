//! Times: setting them, and what sets them.

use crate::harness::{Fs, Subject};
use wasi_gofer::abi::{Errno, FileType, OpenFlags, SetStat, SetStatMask, SetStatReport, SetTime, Timespec};

const OLD: Timespec = Timespec { secs: 1_000_000_000, nanos: 123_456_789 };
const OLDER: Timespec = Timespec { secs: 900_000_000, nanos: 1 };

fn both(atime: SetTime, mtime: SetTime) -> SetStat {
    SetStat { atime: Some(atime), mtime: Some(mtime), ..SetStat::default() }
}

/// Sets both times of `path` far back.
fn age<S: Subject>(fs: &Fs<S>, path: &str) {
    assert_eq!(fs.set_stat(path, &both(SetTime::At(OLD), SetTime::At(OLD))), Ok(SetStatReport::DONE));
}

fn mtime<S: Subject>(fs: &Fs<S>, path: &str) -> Timespec {
    fs.stat(path).expect("there").mtime
}

fn set_times_of_a_file_keeps_every_nanosecond<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(fs.set_stat("f", &both(SetTime::At(OLDER), SetTime::At(OLD))), Ok(SetStatReport::DONE));
    let stat = fs.stat("f").expect("there");
    assert_eq!((stat.atime, stat.mtime), (OLDER, OLD));
}

fn set_times_of_a_directory_and_of_the_root_sets_them<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    for path in ["d", ""] {
        age(fs, path);
        assert_eq!(mtime(fs, path), OLD);
    }
}

fn set_times_of_a_symlink_sets_the_links_own<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.symlink("l", "f").expect("made");
    let target = mtime(fs, "f");
    age(fs, "l");
    assert_eq!((mtime(fs, "l"), mtime(fs, "f")), (OLD, target));
}

fn set_times_of_a_dangling_symlink_and_a_fifo_sets_them<S: Subject>(fs: &Fs<S>) {
    fs.symlink("l", "nowhere").expect("made");
    fs.mknod("p", wasi_gofer::backend::NodeKind::Fifo).expect("made");
    for path in ["l", "p"] {
        age(fs, path);
        assert_eq!(mtime(fs, path), OLD);
    }
}

fn set_times_of_one_leaves_the_other<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    age(fs, "f");
    let set = SetStat { mtime: Some(SetTime::At(OLDER)), ..SetStat::default() };
    assert_eq!(fs.set_stat("f", &set), Ok(SetStatReport::DONE));
    let stat = fs.stat("f").expect("there");
    assert_eq!((stat.atime, stat.mtime), (OLD, OLDER));
}

fn set_times_to_now_is_later_than_before<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    age(fs, "f");
    let set = SetStat { mtime: Some(SetTime::Now), ..SetStat::default() };
    assert_eq!(fs.set_stat("f", &set), Ok(SetStatReport::DONE));
    let stat = fs.stat("f").expect("there");
    assert!(stat.mtime > OLD && stat.atime == OLD);
}

fn set_times_before_1970_is_kept<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let old = Timespec { secs: -2, nanos: 999_999_999 };
    assert_eq!(fs.set_stat("f", &both(SetTime::At(old), SetTime::At(old))), Ok(SetStatReport::DONE));
    assert_eq!(mtime(fs, "f"), old);
}

/// Linux reads two other numbers out of range as "now" and "leave it" (`set_times_never_reads_a_nanosecond_as_a_word`).
fn set_times_with_a_nanosecond_out_of_range_is_inval<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    age(fs, "f");
    let handle = fs.open("f", OpenFlags::WRITE).expect("opens");
    for nanos in [1_000_000_000, u32::MAX] {
        let bad = SetTime::At(Timespec { secs: 1, nanos });
        let (failed, errno) = (SetStatMask::ATIME | SetStatMask::MTIME, Some(Errno::Inval));
        for report in [fs.set_stat("f", &both(bad, bad)), fs.set_stat_handle(&handle, &both(bad, bad))] {
            assert_eq!(report, Ok(SetStatReport { failed, errno }));
        }
    }
    assert_eq!(mtime(fs, "f"), OLD);
}

fn set_times_through_a_handle_sets_them<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let handle = fs.open("f", OpenFlags::READ).expect("opens");
    assert_eq!(fs.set_stat_handle(&handle, &both(SetTime::At(OLDER), SetTime::At(OLD))), Ok(SetStatReport::DONE));
    let stat = fs.stat("f").expect("there");
    assert_eq!((stat.atime, stat.mtime), (OLDER, OLD));
}

fn write_sets_the_modification_time<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let handle = fs.open("f", OpenFlags::WRITE).expect("opens");
    age(fs, "f");
    fs.write(&handle, 0, b"x").expect("writes");
    assert!(mtime(fs, "f") > OLD);
}

fn write_of_nothing_leaves_the_modification_time<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let handle = fs.open("f", OpenFlags::WRITE).expect("opens");
    age(fs, "f");
    assert_eq!(fs.write(&handle, 5, b""), Ok(0));
    let stat = fs.stat("f").expect("there");
    assert_eq!((stat.mtime, stat.size), (OLD, 0));
}

fn making_and_removing_names_sets_the_directorys_modification_time<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    let set = |change: &dyn Fn()| {
        age(fs, "d");
        change();
        assert!(mtime(fs, "d") > OLD);
    };
    set(&|| assert_eq!(fs.file("d/f", b"").nlink, 1));
    set(&|| assert_eq!(fs.link("d/f", "d/g").expect("links").nlink, 2));
    set(&|| fs.rename("d/g", "d/h").expect("moves"));
    set(&|| assert_eq!(fs.dir("d/s").file_type, FileType::Directory));
    set(&|| fs.rmdir("d/s").expect("empty"));
    set(&|| fs.rename("d/h", "out").expect("moves"));
    set(&|| fs.unlink("d/f").expect("there"));
}

fn renaming_and_linking_sets_the_change_time_only<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    age(fs, "f");
    // A clock that only ticks now and then has ticked when it shows two times.
    let before = fs.stat("f").expect("there").ctime;
    let mut tries = 0;
    while fs.link("f", "g").expect("links").ctime == before {
        fs.unlink("g").expect("there");
        tries += 1;
        assert!(tries < 10_000_000, "the change time stands still");
    }
    let stat = fs.stat("f").expect("there");
    assert!(stat.ctime > before && stat.mtime == OLD);
}

crate::suite! {
    set_times_of_a_file_keeps_every_nanosecond
    set_times_of_a_directory_and_of_the_root_sets_them
    set_times_of_a_symlink_sets_the_links_own
    set_times_of_a_dangling_symlink_and_a_fifo_sets_them
    set_times_of_one_leaves_the_other
    set_times_to_now_is_later_than_before
    set_times_before_1970_is_kept
    set_times_with_a_nanosecond_out_of_range_is_inval
    set_times_through_a_handle_sets_them
    write_sets_the_modification_time
    write_of_nothing_leaves_the_modification_time
    making_and_removing_names_sets_the_directorys_modification_time
    renaming_and_linking_sets_the_change_time_only
}
