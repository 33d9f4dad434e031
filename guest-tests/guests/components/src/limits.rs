//! Behaviours of a guest that may have 64 descriptors, with an empty directory that is preopened as `/`.

use crate::kit::*;

/// More than is allowed.
const MANY: usize = 200;

/// Neither version has a code for too many open files.
const TOO_MANY: &[Code] = &[Code::InsufficientMemory];

/// Opens until it is refused; what was opened.
#[track_caller]
fn flood<T: std::fmt::Debug>(open: impl Fn() -> Result<T>) -> Vec<T> {
    let mut opened = Vec::new();
    while opened.len() < MANY {
        match open() {
            Ok(one) => opened.push(one),
            refusal => {
                refused(refusal, TOO_MANY);
                assert!(opened.len() > 40, "only {} were opened", opened.len());
                return opened;
            }
        }
    }
    panic!("{MANY} were opened");
}

pub fn files_without_end_are_refused_and_closing_makes_room() {
    make("file", b"contents");

    for _ in 0..3 {
        let mut files = flood(|| try_open("file", NONE, READ));
        files.pop();
        files.push(open("file", NONE, READ));
        refused(try_open("file", NONE, READ), TOO_MANY);
        for file in &files {
            assert_same(&ok(file.stat()).size.to_le_bytes(), &8u64.to_le_bytes());
        }
        drop(files);
        open("file", NONE, READ);
    }

    assert_contents("file", b"contents");
}

pub fn a_file_that_finds_no_room_is_not_created() {
    make("file", b"contents");

    let files = flood(|| try_open("file", NONE, READ));
    refused(try_open("new", CREATE, READ_WRITE), TOO_MANY);
    refused(try_open("file", TRUNCATE, READ_WRITE), TOO_MANY);
    assert_missing("new");
    drop(files);

    assert_contents("file", b"contents");
    assert_eq!(names("."), set(["file"]));
}

pub fn directories_without_end_are_refused_and_closing_makes_room() {
    mkdir("directory");

    for _ in 0..3 {
        drop(flood(|| try_open("directory", DIRECTORY, READ)));
    }

    assert_eq!(names("."), set(["directory"]));
}
