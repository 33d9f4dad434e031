//! Reading and changing attributes.

use crate::harness::{Fs, Subject, errno, settled};
use wasi_gofer::abi::{Errno, FileType, InodeKey, Mode, SetStat, SetStatMask, SetStatReport, SetTime, Timespec};
use wasi_gofer::backend::{Backend, Object};

fn mode(bits: u32) -> SetStat {
    SetStat { mode: Some(Mode::new(bits)), ..SetStat::default() }
}

fn stat_of_a_directory_counts_its_subdirectories<S: Subject>(fs: &Fs<S>) {
    let count = || fs.stat("").expect("root").nlink;
    let before = count();
    if before < 2 {
        // Some filesystems (btrfs, overlayfs) do not count links of directories.
        return;
    }
    fs.dir("d");
    fs.file("f", b"");
    assert_eq!(count(), before + 1);
    assert_eq!(fs.stat("d").expect("there").nlink, 2);
    fs.rmdir("d").expect("empty");
    assert_eq!(count(), before);
}

fn stat_of_a_symlink_has_the_length_of_its_target<S: Subject>(fs: &Fs<S>) {
    fs.symlink("l", "twelve bytes").expect("made");
    let stat = fs.stat("l").expect("there");
    assert_eq!((stat.file_type, stat.size, stat.mode.bits()), (FileType::Symlink, 12, 0o777));
}

fn stat_with_another_key_is_stale<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.dir("d");
    for path in ["f", "d", ""] {
        let at = fs.walk(path).expect("there");
        let other = InodeKey { ino: at.key().ino + 1, ..at.key() };
        let object = Object { key: other, ..at.object() };
        assert_eq!(errno(fs.run(&[&at], |call| fs.backend().stat(call, object))), Errno::Stale, "{path}");
        assert_eq!(errno(fs.set_stat_of(&at, object, &mode(0o600))), Errno::Stale, "{path}");
    }
}

fn stat_of_two_names_of_a_file_is_one_key_and_of_two_files_two<S: Subject>(fs: &Fs<S>) {
    let (first, second) = (fs.file("a", b"").key, fs.file("b", b"").key);
    assert_ne!(first, second);
    assert_eq!(fs.link("a", "c").expect("links").key, first);
}

fn set_stat_of_a_files_mode_sets_it<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(fs.set_stat("f", &mode(0o600)), Ok(SetStatReport::DONE));
    assert_eq!(fs.stat("f").expect("there").mode.bits(), 0o600);
}

fn set_stat_of_a_directorys_mode_sets_it<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    assert_eq!(fs.set_stat("d", &mode(0o1700)), Ok(SetStatReport::DONE));
    assert_eq!(fs.stat("d").expect("there").mode.bits(), 0o1700);
}

fn set_stat_of_the_roots_mode_sets_it<S: Subject>(fs: &Fs<S>) {
    assert_eq!(fs.set_stat("", &mode(0o711)), Ok(SetStatReport::DONE));
    assert_eq!(fs.stat("").expect("root").mode.bits(), 0o711);
}

fn set_stat_of_a_symlinks_mode_is_opnotsupp_and_spares_the_target<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.symlink("l", "f").expect("made");
    let before = fs.stat("f").expect("there").mode;
    let report = fs.set_stat("l", &mode(0o640)).expect("reaches it");
    assert_eq!((report.failed, report.errno), (SetStatMask::MODE, Some(Errno::Opnotsupp)));
    assert_eq!(fs.stat("f").expect("there").mode, before);
}

fn set_stat_of_an_owner_to_itself_succeeds<S: Subject>(fs: &Fs<S>) {
    let stat = fs.file("f", b"");
    let set = SetStat { uid: Some(stat.uid), gid: Some(stat.gid), ..SetStat::default() };
    assert_eq!(fs.set_stat("f", &set), Ok(SetStatReport::DONE));
    let after = fs.stat("f").expect("there");
    assert_eq!((after.uid, after.gid), (stat.uid, stat.gid));
}

fn set_stat_of_an_owner_takes_the_set_id_bits_away<S: Subject>(fs: &Fs<S>) {
    let stat = fs.file("f", b"");
    assert_eq!(fs.set_stat("f", &mode(0o4755)), Ok(SetStatReport::DONE));
    let set = SetStat { uid: Some(stat.uid), ..SetStat::default() };
    assert_eq!(fs.set_stat("f", &set), Ok(SetStatReport::DONE));
    assert_eq!(fs.stat("f").expect("there").mode.bits(), 0o755);
}

fn set_stat_of_owner_and_mode_keeps_the_set_id_bits_asked_for<S: Subject>(fs: &Fs<S>) {
    let stat = fs.file("f", b"");
    let set = SetStat { uid: Some(stat.uid), mode: Some(Mode::new(0o4711)), ..SetStat::default() };
    assert_eq!(fs.set_stat("f", &set), Ok(SetStatReport::DONE));
    assert_eq!(fs.stat("f").expect("there").mode.bits(), 0o4711);
}

fn set_stat_of_a_size_by_name_is_inval_and_of_a_directory_isdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"123");
    fs.dir("d");
    let set = SetStat { size: Some(0), ..SetStat::default() };
    let report = |path| fs.set_stat(path, &set).map(|report| (report.failed, report.errno));
    assert_eq!(report("f"), Ok((SetStatMask::SIZE, Some(Errno::Inval))));
    assert_eq!(report("d"), Ok((SetStatMask::SIZE, Some(Errno::Isdir))));
    assert_eq!(fs.contents("f").expect("readable"), b"123");
}

fn set_stat_that_fails_in_part_does_the_rest_and_says_so<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"123");
    let at = Timespec { secs: 1_000_000_000, nanos: 5 };
    let set =
        SetStat { mode: Some(Mode::new(0o600)), size: Some(0), mtime: Some(SetTime::At(at)), ..SetStat::default() };
    let report = fs.set_stat("f", &set).expect("reaches it");
    assert_eq!((report.failed, report.errno), (SetStatMask::SIZE, Some(Errno::Inval)));
    let stat = fs.stat("f").expect("there");
    assert_eq!((stat.mode.bits(), stat.size, stat.mtime), (0o600, 3, at));
}

fn set_stat_of_nothing_changes_nothing<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"123");
    let before = fs.stat("f").expect("there");
    assert_eq!(fs.set_stat("f", &SetStat::default()), Ok(SetStatReport::DONE));
    assert_eq!(settled(fs.stat("f").expect("there")), settled(before));
}

fn set_stat_with_another_key_is_stale_and_changes_nothing<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let at = fs.walk("f").expect("there");
    let before = fs.snapshot();
    let object = Object { key: InodeKey { ino: at.key().ino + 1, ..at.key() }, ..at.object() };
    assert_eq!(errno(fs.set_stat_of(&at, object, &mode(0o600))), Errno::Stale);
    assert_eq!(fs.snapshot(), before);
}

fn set_stat_through_one_name_shows_under_the_other<S: Subject>(fs: &Fs<S>) {
    fs.file("a", b"");
    fs.link("a", "b").expect("links");
    assert_eq!(fs.set_stat("a", &mode(0o640)), Ok(SetStatReport::DONE));
    assert_eq!(fs.stat("b").expect("there").mode.bits(), 0o640);
}

crate::suite! {
    stat_of_a_directory_counts_its_subdirectories
    stat_of_a_symlink_has_the_length_of_its_target
    stat_with_another_key_is_stale
    stat_of_two_names_of_a_file_is_one_key_and_of_two_files_two
    set_stat_of_a_files_mode_sets_it
    set_stat_of_a_directorys_mode_sets_it
    set_stat_of_the_roots_mode_sets_it
    set_stat_of_a_symlinks_mode_is_opnotsupp_and_spares_the_target
    set_stat_of_an_owner_to_itself_succeeds
    set_stat_of_an_owner_takes_the_set_id_bits_away
    set_stat_of_owner_and_mode_keeps_the_set_id_bits_asked_for
    set_stat_of_a_size_by_name_is_inval_and_of_a_directory_isdir
    set_stat_that_fails_in_part_does_the_rest_and_says_so
    set_stat_of_nothing_changes_nothing
    set_stat_with_another_key_is_stale_and_changes_nothing
    set_stat_through_one_name_shows_under_the_other
}
