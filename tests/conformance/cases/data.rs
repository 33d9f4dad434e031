//! Reading, writing and appending.

use crate::harness::{Fs, HandleOf, Subject, errno};
use std::io::{IoSlice, IoSliceMut};
use wasi_gofer::abi::{Call, Errno, OpenFlags};
use wasi_gofer::backend::Handle;

const RW: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

fn open<S: Subject>(fs: &Fs<S>, contents: &[u8]) -> HandleOf<S> {
    let (_, handle) = fs.create("f", RW, 0o644).expect("made");
    assert_eq!(fs.write(&handle, 0, contents), Ok(contents.len()));
    handle
}

fn read_at_the_end_is_short_and_behind_it_empty<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"0123456789");
    assert_eq!(fs.read(&file, 7, 10).expect("reads"), b"789");
    assert_eq!(fs.read(&file, 10, 10).expect("reads"), b"");
    assert_eq!(fs.read(&file, 1 << 40, 10).expect("reads"), b"");
    assert_eq!(fs.read(&file, 3, 0).expect("reads"), b"");
}

fn read_into_several_buffers_fills_them_in_order<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"0123456789");
    let (mut a, mut b, mut c) = ([0; 2], [0; 0], [0; 5]);
    let bufs = &mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b), IoSliceMut::new(&mut c)];
    assert_eq!(fs.run(&[], |call| file.read_at(call, bufs, 1)), Ok(7));
    assert_eq!((&a, &c), (b"12", b"34567"));
}

fn write_from_several_buffers_writes_them_in_order<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"0123456789");
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
    assert_eq!(fs.run(&[], |call| file.write_at(call, &bufs, 8)), Ok(5));
    assert_eq!(fs.read(&file, 0, 99).expect("reads"), b"01234567abcde");
}

fn read_and_write_of_no_buffers_is_nothing<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"0123456789");
    assert_eq!(fs.run(&[], |call| file.read_at(call, &mut [], 0)), Ok(0));
    assert_eq!(fs.run(&[], |call| file.write_at(call, &[], 0)), Ok(0));
    assert_eq!(fs.run(&[], |call| file.append(call, &[])), Ok((0, 10)));
}

fn more_buffers_than_one_call_takes_are_moved_in_several<S: Subject>(fs: &Fs<S>) {
    const COUNT: usize = 2500;
    let file = open(fs, b"");
    let data: Vec<u8> = (0..COUNT).map(|number| number.to_le_bytes()[0]).collect();
    let mut done = 0;
    while done < COUNT {
        let bufs: Vec<_> = data[done..].chunks(1).map(IoSlice::new).collect();
        let written = fs.run(&[], |call| file.write_at(call, &bufs, done as u64)).expect("writes");
        assert!(written > 0);
        done += written;
    }
    let mut back = vec![0; COUNT];
    done = 0;
    while done < COUNT {
        let mut bufs: Vec<_> = back[done..].chunks_mut(1).map(IoSliceMut::new).collect();
        let read = fs.run(&[], |call| file.read_at(call, &mut bufs, done as u64)).expect("reads");
        assert!(read > 0);
        done += read;
    }
    assert_eq!(back, data);
}

fn write_behind_the_end_leaves_zeros<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"ab");
    assert_eq!(fs.write(&file, 5, b"c"), Ok(1));
    assert_eq!(fs.read(&file, 0, 99).expect("reads"), b"ab\0\0\0c");
}

fn write_far_behind_the_end_is_sparse<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"");
    assert_eq!(fs.write(&file, 1 << 40, b"far"), Ok(3));
    let stat = fs.stat_handle(&file).expect("open");
    assert_eq!(stat.size, (1 << 40) + 3);
    assert!(stat.blocks < 1 << 12, "{} blocks", stat.blocks);
    assert_eq!(fs.read(&file, (1 << 40) - 2, 99).expect("reads"), b"\0\0far");
}

fn write_and_read_at_an_impossible_offset_is_inval<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"ab");
    for offset in [1 << 63, u64::MAX] {
        assert_eq!(errno(fs.write(&file, offset, b"x")), Errno::Inval);
        assert_eq!(errno(fs.read(&file, offset, 1)), Errno::Inval);
    }
    assert_eq!(fs.stat_handle(&file).expect("open").size, 2);
}

fn write_over_many_pages_is_read_back<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"");
    let data: Vec<u8> = (0..300_000_usize).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect();
    let mut done = 0;
    while done < data.len() {
        done += fs.write(&file, 100 + done as u64, &data[done..]).expect("writes");
    }
    let back = fs.read(&file, 0, 400_000).expect("reads");
    assert_eq!((back.len(), &back[..100], &back[100..]), (300_100, [0; 100].as_slice(), data.as_slice()));
}

fn append_writes_at_the_end_wherever_others_wrote<S: Subject>(fs: &Fs<S>) {
    let file = open(fs, b"ab");
    let other = fs.open("f", OpenFlags::WRITE).expect("opens");
    assert_eq!(fs.append(&file, b"cd"), Ok((2, 4)));
    assert_eq!(fs.write(&other, 4, b"ef"), Ok(2));
    assert_eq!(fs.append(&file, b"gh"), Ok((2, 8)));
    assert_eq!(fs.append(&other, b"i"), Ok((1, 9)));
    assert_eq!(fs.write(&file, 0, b"A"), Ok(1));
    assert_eq!(fs.read(&file, 0, 99).expect("reads"), b"Abcdefghi");
}

fn append_without_write_is_badf<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"ab");
    let file = fs.open("f", OpenFlags::READ).expect("opens");
    // The kernel as a subject opens a second descriptor of its own for this.
    if fs.backend_name() != "kernel" {
        assert_eq!(errno(fs.append(&file, b"x")), Errno::Badf);
        assert_eq!(fs.contents("f").expect("reads"), b"ab");
    }
}

fn appends_of_many_threads_never_overlap<S: Subject>(fs: &Fs<S>) {
    const EACH: usize = 200;
    let file = open(fs, b"");
    std::thread::scope(|scope| {
        for byte in [b'a', b'b', b'c', b'd'] {
            let file = &file;
            scope.spawn(move || {
                for _ in 0..EACH {
                    let outcome = file.append(&Call::WAITING, &[IoSlice::new(&[byte; 3])]);
                    assert_eq!(outcome.expect("appends").0, 3);
                }
            });
        }
    });
    let back = fs.read(&file, 0, 4 * EACH * 3 + 1).expect("reads");
    assert_eq!(back.len(), 4 * EACH * 3);
    assert!(back.chunks(3).all(|record| record == [record[0]; 3]), "a record was torn");
}

crate::suite! {
    read_at_the_end_is_short_and_behind_it_empty
    read_into_several_buffers_fills_them_in_order
    write_from_several_buffers_writes_them_in_order
    read_and_write_of_no_buffers_is_nothing
    more_buffers_than_one_call_takes_are_moved_in_several
    write_behind_the_end_leaves_zeros
    write_far_behind_the_end_is_sparse
    write_and_read_at_an_impossible_offset_is_inval
    write_over_many_pages_is_read_back
    append_writes_at_the_end_wherever_others_wrote
    append_without_write_is_badf
    appends_of_many_threads_never_overlap
}
