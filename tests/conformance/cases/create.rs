//! Making and opening regular files.

use crate::harness::{Fs, Subject, errno, settled};
use wasi_gofer::abi::{Errno, FileType, OpenFlags};

const RW: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

fn create_of_a_file_is_empty_and_open<S: Subject>(fs: &Fs<S>) {
    let (stat, handle) = fs.create("f", RW, 0o600).expect("made");
    assert_eq!((stat.file_type, stat.size, stat.nlink, stat.mode.bits()), (FileType::Regular, 0, 1, 0o600));
    assert_eq!(settled(stat), settled(fs.stat("f").expect("there")));
    assert_eq!(fs.write(&handle, 0, b"data"), Ok(4));
    assert_eq!(fs.read(&handle, 0, 9).expect("reads"), b"data");
}

fn create_of_a_file_that_nobody_may_write_is_open_for_writing<S: Subject>(fs: &Fs<S>) {
    let (_, handle) = fs.create("f", OpenFlags::WRITE, 0o444).expect("made");
    assert_eq!(fs.write(&handle, 0, b"data"), Ok(4));
}

fn create_over_a_file_is_exist_and_keeps_it<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"old");
    assert_eq!(errno(fs.create("f", RW, 0o644)), Errno::Exist);
    assert_eq!(errno(fs.create("f", RW | OpenFlags::TRUNC, 0o644)), Errno::Exist);
    assert_eq!(fs.contents("f").expect("reads"), b"old");
}

fn create_over_a_directory_is_exist<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    assert_eq!(errno(fs.create("d", RW, 0o644)), Errno::Exist);
}

fn create_over_a_dangling_symlink_is_exist_and_makes_no_target<S: Subject>(fs: &Fs<S>) {
    fs.symlink("l", "target").expect("made");
    assert_eq!(errno(fs.create("l", RW, 0o644)), Errno::Exist);
    assert!(!fs.exists("target"));
}

fn create_in_a_file_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(errno(fs.create("f/x", RW, 0o644)), Errno::Notdir);
}

fn create_in_a_removed_directory_is_noent<S: Subject>(fs: &Fs<S>) {
    use wasi_gofer::abi::{Mode, Name};
    use wasi_gofer::backend::Backend;
    fs.dir("d");
    let at = fs.walk("d").expect("there");
    fs.run(&[&at], |call| fs.backend().sync_dir(call, at.node())).expect("bound and there");
    fs.rmdir("d").expect("empty");
    let name = Name::new(b"x").expect("a name");
    let made = fs.run(&[], |call| fs.backend().create(call, at.node(), name, RW, Mode::new(0o644)));
    assert_eq!(errno(made.map(drop)), Errno::Noent);
}

fn create_without_an_access_is_inval_and_makes_nothing<S: Subject>(fs: &Fs<S>) {
    assert_eq!(errno(fs.create("f", OpenFlags::empty(), 0o644)), Errno::Inval);
    assert_eq!(errno(fs.create("f", OpenFlags::READ | OpenFlags::TRUNC, 0o644)), Errno::Inval);
    assert!(!fs.exists("f"));
}

fn create_after_unlink_is_another_object<S: Subject>(fs: &Fs<S>) {
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(fs.file("f", b"").key);
        fs.unlink("f").expect("there");
    }
    let has_birth = keys.iter().all(|key| key.birth_ns.is_some());
    keys.sort();
    keys.dedup();
    // Inode numbers are used again at once; it is the birth time that tells them apart.
    assert!(keys.len() == 20 || !has_birth, "{keys:?}");
}

crate::suite! {
    create_of_a_file_is_empty_and_open
    create_of_a_file_that_nobody_may_write_is_open_for_writing
    create_over_a_file_is_exist_and_keeps_it
    create_over_a_directory_is_exist
    create_over_a_dangling_symlink_is_exist_and_makes_no_target
    create_in_a_file_is_notdir
    create_in_a_removed_directory_is_noent
    create_without_an_access_is_inval_and_makes_nothing
    create_after_unlink_is_another_object
}
