//! What a regular file holds.

use crate::kit::*;

pub fn write_then_read_back() {
    for len in [0, 1, 4095, 4096, 4097, 65_536, 65_537, 200_000] {
        let bytes = Random::new(len as u64).bytes(len);

        make("file", &bytes);

        assert_contents("file", &bytes);
        assert_eq!(stat("file").size, len as u64);
    }
}

pub fn create_makes_an_empty_file() {
    let file = create("file");

    let stat = ok(file.stat());
    assert_eq!((stat.kind, stat.size, stat.links), (Kind::File, 0, 1));
    assert_contents("file", b"");
    assert_eq!(names("."), set(["file"]));
}

pub fn stat_is_the_same_by_path_and_by_descriptor() {
    make("file", b"twelve bytes");
    let file = open("file", NONE, READ);

    let (by_path, by_descriptor) = (stat("file"), ok(file.stat()));

    assert_eq!((by_path.kind, by_path.size, by_path.links), (Kind::File, 12, 1));
    assert_eq!(by_path, by_descriptor);
}

pub fn a_read_stops_at_the_end() {
    make("file", b"0123456789");
    let file = open("file", NONE, READ);

    assert_same(&ok(file.read(100, 0)), b"0123456789");
    assert_same(&ok(file.read(3, 4)), b"456");
    assert_same(&ok(file.read(100, 7)), b"789");
}

pub fn a_read_at_or_beyond_the_end_returns_nothing() {
    make("file", b"abc");
    let file = open("file", NONE, READ);

    for offset in [3, 4, 4096, 1 << 40] {
        assert_same(&ok(file.read(8, offset)), b"");
    }
    // Linux has no such offset, and says so.
    match file.read(8, u64::MAX) {
        Ok(bytes) => assert_same(&bytes, b""),
        result => refused(result, &[Code::Invalid, Code::Overflow]),
    }
}

pub fn a_read_or_write_of_no_bytes_does_nothing() {
    make("file", b"abc");
    let file = open("file", NONE, READ_WRITE);
    set_times("file", 0, 0);

    assert_same(&ok(file.read(0, 0)), b"");
    ok(file.write(b"", 0));
    ok(file.write(b"", 100));
    ok(file.append(b""));

    assert_eq!((stat("file").size, stat("file").modified), (3, 0));
}

pub fn a_write_past_the_end_leaves_zeroes() {
    let file = create("file");
    ok(file.write(b"head", 0));

    ok(file.write(b"tail", 10_000));

    let mut expected = b"head".to_vec();
    expected.resize(10_000, 0);
    expected.extend_from_slice(b"tail");
    assert_contents("file", expected);
}

pub fn overwriting_the_middle_keeps_the_rest() {
    let file = create("file");
    ok(file.write(&vec![b'-'; 10_000], 0));

    for offset in [4090, 8190, 0, 9997] {
        ok(file.write(b"XYZ", offset));
    }

    let mut expected = vec![b'-'; 10_000];
    for offset in [4090, 8190, 0, 9997] {
        expected[offset..offset + 3].copy_from_slice(b"XYZ");
    }
    assert_contents("file", expected);
}

pub fn writes_across_page_boundaries_meet() {
    let file = create("file");
    let bytes = Random::new(7).bytes(20_000);

    // Odd lengths, every second piece first, then the pieces between.
    for first in [0, 1] {
        for (at, piece) in bytes.chunks(1_777).enumerate().skip(first).step_by(2) {
            ok(file.write(piece, at as u64 * 1_777));
        }
    }

    assert_same(&ok(file.read(30_000, 0)), &bytes);
    assert_contents("file", bytes);
}

pub fn set_size_shrinks_and_extends_with_zeroes() {
    let file = create("file");
    ok(file.write(b"0123456789", 0));

    ok(file.set_size(4));
    assert_eq!(ok(file.stat()).size, 4);
    assert_contents("file", b"0123");

    ok(file.set_size(8));
    assert_eq!(stat("file").size, 8);
    assert_contents("file", b"0123\0\0\0\0");
}

pub fn bytes_cut_off_do_not_come_back() {
    let file = create("file");
    ok(file.write(&vec![b'x'; 9_000], 0));

    for size in [5_000, 4_097, 4_096, 100] {
        ok(file.set_size(size));
        ok(file.set_size(9_000));

        assert_same(&ok(file.read(9_000, size)), &vec![0; 9_000 - size as usize]);
    }
    assert_same(&ok(file.read(100, 0)), &[b'x'; 100]);
}

pub fn truncation_is_seen_by_every_descriptor() {
    make("file", b"0123456789");
    let reader = open("file", NONE, READ);
    assert_same(&ok(reader.read(4, 0)), b"0123");

    let writer = open("file", TRUNCATE, READ_WRITE);

    assert_same(&ok(reader.read(4, 0)), b"");
    assert_eq!(ok(reader.stat()).size, 0);
    ok(writer.write(b"abcdefgh", 0));
    assert_same(&ok(reader.read(100, 4)), b"efgh");
}

pub fn a_sparse_file_of_one_tebibyte() {
    const TEBIBYTE: u64 = 1 << 40;
    let file = create("file");

    ok(file.write(b"end", TEBIBYTE));

    assert_eq!(stat("file").size, TEBIBYTE + 3);
    assert_same(&ok(file.read(100, TEBIBYTE)), b"end");
    assert_same(&ok(file.read(5_000, TEBIBYTE - 5_000)), &vec![0; 5_000]);
    ok(file.set_size(10));
    assert_contents("file", [0; 10]);
}

pub fn offsets_beyond_any_file_are_refused() {
    let file = create("file");
    let too_far = &[Code::Invalid, Code::FileTooLarge, Code::Overflow];

    refused(file.write(b"x", u64::MAX - 1), too_far);
    refused(file.write(b"x", u64::MAX), too_far);
    refused(file.write(b"x", i64::MAX as u64), too_far);
    refused(file.set_size(u64::MAX), too_far);

    assert_eq!(stat("file").size, 0);
}

pub fn append_goes_to_the_end() {
    make("file", b"start");
    let file = open("file", NONE, READ_WRITE);

    ok(file.append(b"-one"));
    ok(file.write(b"S", 0));
    ok(file.append(b"-two"));

    assert_contents("file", b"Start-one-two");
}

pub fn append_follows_the_end_that_others_move() {
    let (appender, other) = (create("file"), open("file", NONE, READ_WRITE));
    ok(appender.append(b"0123456789"));

    ok(other.set_size(3));
    ok(appender.append(b"abc"));
    ok(other.write(b"xyz", 8));
    ok(appender.append(b"!"));

    assert_contents("file", b"012abc\0\0xyz!");
}

pub fn two_appenders_do_not_overwrite_each_other() {
    let (a, b) = (create("log"), open("log", NONE, WRITE));
    let mut expected = String::new();

    for line in 0..200 {
        let text = format!("line {line} {}\n", "x".repeat(line % 50));
        ok(if line % 3 == 0 { &a } else { &b }.append(text.as_bytes()));
        expected += &text;
    }

    assert_contents("log", expected);
}

pub fn two_descriptors_see_each_others_writes() {
    let a = create("file");
    let b = open("file", NONE, READ_WRITE);

    ok(a.write(b"from a,", 0));
    assert_same(&ok(b.read(100, 0)), b"from a,");
    ok(b.write(b"from b", 7));

    assert_same(&ok(a.read(100, 7)), b"from b");
    assert_eq!(ok(a.stat()).size, 13);
}

pub fn sync_and_sync_data_are_accepted() {
    let file = create("file");
    ok(file.write(&vec![7; 5_000], 0));
    mkdir("directory");

    ok(file.sync());
    ok(file.sync_data());
    let reader = open("file", NONE, READ);
    ok(reader.sync());
    ok(reader.sync_data());

    assert_contents("file", vec![7; 5_000]);
}

pub fn a_directory_can_be_synced() {
    mkdir("directory");
    let directory = open_dir("directory");

    ok(directory.sync());
    ok(directory.sync_data());
}

pub fn every_advice_is_accepted() {
    let file = create("file");
    ok(file.write(&vec![7; 5_000], 0));
    let all = [Advice::Normal, Advice::Sequential, Advice::Random, Advice::WillNeed, Advice::DontNeed, Advice::NoReuse];

    for advice in all {
        ok(file.advise(0, 4_096, advice));
        ok(file.advise(0, 0, advice));
        ok(file.advise(1_000_000, 4_096, advice));
    }

    assert_contents("file", vec![7; 5_000]);
}

pub fn advice_beyond_any_file_is_no_trap() {
    let file = create("file");

    for (offset, len) in [(u64::MAX, 1), (0, u64::MAX), (u64::MAX, u64::MAX), (1 << 63, 1 << 63)] {
        // It is a hint: whoever does not want it may say so.
        if file.advise(offset, len, Advice::WillNeed).is_err() {
            refused(file.advise(offset, len, Advice::WillNeed), &[Code::Invalid, Code::Overflow]);
        }
    }
}

pub fn a_copy_of_one_mebibyte_is_the_same() {
    let bytes = Random::new(11).bytes(1 << 20);
    make("from", &bytes);
    let (from, to) = (open("from", NONE, READ), create("to"));

    let mut offset = 0;
    loop {
        let some = ok(from.read(50_000, offset));
        if some.is_empty() {
            break;
        }
        ok(to.write(&some, offset));
        offset += some.len() as u64;
    }

    assert_contents("to", bytes);
}

pub fn random_changes_match_a_model() {
    let mut random = Random::new(2024);
    let file = create("file");
    let mut model: Vec<u8> = Vec::new();

    for step in 0..300 {
        let (offset, len) = (random.below(60_000), random.below(9_000));
        match random.below(6) {
            0 | 1 => {
                let bytes = random.bytes(len);
                ok(file.write(&bytes, offset as u64));
                if !bytes.is_empty() {
                    model.resize(model.len().max(offset + len), 0);
                    model[offset..offset + len].copy_from_slice(&bytes);
                }
            }
            2 => {
                let bytes = random.bytes(len % 500);
                ok(file.append(&bytes));
                model.extend(bytes);
            }
            3 if step % 4 == 0 => {
                ok(file.set_size(offset as u64));
                model.resize(offset, 0);
            }
            _ => {
                let expected = model.get(offset..).unwrap_or_default();
                assert_same(&ok(file.read(len, offset as u64)), &expected[..expected.len().min(len)]);
            }
        }
        assert_eq!(ok(file.stat()).size, model.len() as u64, "after step {step}");
    }

    assert_contents("file", model);
}
