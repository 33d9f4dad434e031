//! What open files do beside reading and writing.

use crate::harness::{Fs, Subject, errno, settled};
use wasi_gofer::abi::{Errno, Mode, OpenFlags, SetStat, SetStatMask, SetStatReport};
use wasi_gofer::backend::{Advice, Backend, Handle};

fn size(size: u64) -> SetStat {
    SetStat { size: Some(size), ..SetStat::default() }
}

fn stat_of_a_handle_is_that_of_its_file<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"123");
    let file = fs.open("f", OpenFlags::READ).expect("opens");
    assert_eq!(settled(fs.stat_handle(&file).expect("open")), settled(fs.stat("f").expect("there")));
}

fn set_size_grows_with_zeros_and_shrinks<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"12345");
    let file = fs.open("f", OpenFlags::READ | OpenFlags::WRITE).expect("opens");
    assert_eq!(fs.set_stat_handle(&file, &size(3)), Ok(SetStatReport::DONE));
    assert_eq!(fs.set_stat_handle(&file, &size(6)), Ok(SetStatReport::DONE));
    assert_eq!(fs.read(&file, 0, 99).expect("reads"), b"123\0\0\0");
}

fn set_size_without_write_is_inval<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"12345");
    let file = fs.open("f", OpenFlags::READ).expect("opens");
    let failed = SetStatReport { failed: SetStatMask::SIZE, errno: Some(Errno::Inval) };
    assert_eq!(fs.set_stat_handle(&file, &size(0)), Ok(failed));
    assert_eq!(fs.contents("f").expect("reads"), b"12345");
}

fn set_size_beyond_what_a_file_can_have_fails<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"12345");
    let file = fs.open("f", OpenFlags::WRITE).expect("opens");
    for impossible in [1 << 63, u64::MAX] {
        let report = fs.set_stat_handle(&file, &size(impossible)).expect("open");
        assert_eq!((report.failed, report.errno), (SetStatMask::SIZE, Some(Errno::Inval)));
    }
    assert_eq!(fs.stat("f").expect("there").size, 5);
}

fn set_mode_through_a_handle_sets_it<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let file = fs.open("f", OpenFlags::READ).expect("opens");
    let set = SetStat { mode: Some(Mode::new(0o604)), ..SetStat::default() };
    assert_eq!(fs.set_stat_handle(&file, &set), Ok(SetStatReport::DONE));
    assert_eq!(fs.stat("f").expect("there").mode.bits(), 0o604);
}

fn allocate_grows_the_file<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"abc");
    let file = fs.open("f", OpenFlags::READ | OpenFlags::WRITE).expect("opens");
    match fs.run(&[], |call| file.allocate(call, 1, 9)) {
        Ok(()) => assert_eq!(fs.read(&file, 0, 99).expect("reads"), b"abc\0\0\0\0\0\0\0"),
        // Filesystems without it say so, and nothing is pretended.
        Err(error) => assert!(error.is(Errno::Opnotsupp)),
    }
}

fn allocate_within_the_file_changes_no_byte<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"abcdef");
    let file = fs.open("f", OpenFlags::WRITE).expect("opens");
    let _ = fs.run(&[], |call| file.allocate(call, 0, 3));
    assert_eq!(fs.contents("f").expect("reads"), b"abcdef");
}

fn allocate_of_nothing_or_out_of_range_is_refused<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"abc");
    let file = fs.open("f", OpenFlags::WRITE).expect("opens");
    let allocate = |offset, len| fs.run(&[], |call| file.allocate(call, offset, len));
    assert_eq!(errno(allocate(0, 0)), Errno::Inval);
    assert_eq!(errno(allocate(1 << 63, 1)), Errno::Inval);
    assert_eq!(errno(allocate(1, u64::MAX)), Errno::Inval);
    assert_eq!(errno(allocate((1 << 63) - 1, (1 << 63) - 1)), Errno::Fbig);
    assert_eq!(fs.stat("f").expect("there").size, 3);
}

fn allocate_without_write_is_badf<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"abc");
    let file = fs.open("f", OpenFlags::READ).expect("opens");
    assert_eq!(errno(fs.run(&[], |call| file.allocate(call, 0, 10))), Errno::Badf);
}

fn advise_of_every_kind_succeeds<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"abc");
    let file = fs.open("f", OpenFlags::READ).expect("opens");
    for advice in
        [Advice::Normal, Advice::Sequential, Advice::Random, Advice::WillNeed, Advice::DontNeed, Advice::NoReuse]
    {
        assert_eq!(fs.run(&[], |call| file.advise(call, 0, 0, advice)), Ok(()));
        assert_eq!(fs.run(&[], |call| file.advise(call, 1, 2, advice)), Ok(()));
    }
}

fn sync_of_files_and_directories_succeeds<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("d/f", b"abc");
    let file = fs.open("d/f", OpenFlags::WRITE).expect("opens");
    assert_eq!(fs.run(&[], |call| file.sync(call, true)), Ok(()));
    assert_eq!(fs.run(&[], |call| file.sync(call, false)), Ok(()));
    for path in ["", "d"] {
        let at = fs.walk(path).expect("there");
        assert_eq!(fs.run(&[&at], |call| fs.backend().sync_dir(call, at.node())), Ok(()));
    }
}

fn sync_of_many_handles_has_a_result_for_each<S: Subject>(fs: &Fs<S>) {
    let files: Vec<_> = ["a", "b", "c"].map(|path| fs.create(path, OpenFlags::WRITE, 0o644).expect("made").1).into();
    let results = fs.backend().sync_many(&wasi_gofer::abi::Call::WAITING, &files);
    assert_eq!(results, vec![Ok(()); 3]);
}

fn release_of_nodes_and_handles_takes_them<S: Subject>(fs: &Fs<S>) {
    let call = &wasi_gofer::abi::Call::WAITING;
    let (_, handle) = fs.create("f", OpenFlags::WRITE, 0o644).expect("made");
    fs.backend().release_handles(call, vec![handle]);
    let root = fs.backend().root(call).expect("root");
    fs.backend().release(call, vec![root.node]);
    assert!(fs.exists("f"));
}

crate::suite! {
    stat_of_a_handle_is_that_of_its_file
    set_size_grows_with_zeros_and_shrinks
    set_size_without_write_is_inval
    set_size_beyond_what_a_file_can_have_fails
    set_mode_through_a_handle_sets_it
    allocate_grows_the_file
    allocate_within_the_file_changes_no_byte
    allocate_of_nothing_or_out_of_range_is_refused
    allocate_without_write_is_badf
    advise_of_every_kind_succeeds
    sync_of_files_and_directories_succeeds
    sync_of_many_handles_has_a_result_for_each
    release_of_nodes_and_handles_takes_them
}
