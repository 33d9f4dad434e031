//! Open files.

use crate::gofer::{Gofer, assert_is, name, soon};
use std::os::unix::fs::FileExt as _;
use wasi_gofer::abi::{Errno, Mode, OpenFlags};
use wasi_gofer::proto::lisafs::*;

const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

#[test]
fn open_hands_out_a_descriptor_that_reads_what_the_message_reads() {
    let Some(mut gofer) = Gofer::start("open", &[]) else { return };
    std::fs::write(gofer.host("hello"), "hello world\n").expect("written");
    let fd = gofer.control("hello");
    let open = OpenAt { fd, flags: open_bits(OpenFlags::READ) };
    let (opened, fds) = gofer.ask_with_fds(&open, |reply| reply.fd).expect("opened");
    let [donated] = <[_; 1]>::try_from(fds).expect("one descriptor");
    let donated = std::fs::File::from(donated);
    let mut bytes = [0; 100];
    let count = donated.read_at(&mut bytes, 6).expect("read");
    let read = gofer.ask(&PRead { offset: 6, fd: opened, count: 100 }, |reply| reply.data.to_vec()).expect("read");
    assert_eq!((&read[..], &bytes[..count]), (&b"world\n"[..], &b"world\n"[..]));
    let end = gofer.ask(&PRead { offset: 12, fd: opened, count: 100 }, |reply| reply.data.len());
    assert_eq!(end, Ok(0));
    assert_eq!(gofer.done(&PWrite { offset: 0, fd: opened, data: b"x" }), Err(Errno::Badf.into()));
    gofer.done(&Close { fds: &[opened, fd] }).expect("closed");
    assert_eq!(gofer.done(&PRead { offset: 0, fd: opened, count: 1 }), Err(Errno::Badf.into()));
    gofer.end();
}

#[test]
fn create_and_write_of_more_than_one_message_holds_is_read_back() {
    let Some(mut gofer) = Gofer::start("create and write", &[]) else { return };
    let common = CreateCommon::new(gofer.root, None, Mode::new(0o600));
    let create = OpenCreateAt { common, flags: open_bits(BOTH), name: name("new") };
    let (made, fds) = gofer.ask_with_fds(&create, |reply| (*reply.inode, reply.fd)).expect("made");
    let (inode, fd) = made;
    assert_is(&inode.stat, &gofer.host("new"));
    assert_eq!((inode.stat.mode.get(), fds.len()), (0o100_600, 1));
    assert_eq!(gofer.done(&create), Err(Errno::Exist.into()));
    let data: Vec<u8> = (0u32..1 << 20).flat_map(u32::to_le_bytes).collect();
    let mut offset = 0;
    while offset < data.len() {
        let room = gofer.client.limit() - 20;
        let part = &data[offset..data.len().min(offset + room)];
        let head = PWriteHead { offset: offset as u64, fd, count: u32::try_from(part.len()).expect("it fits") };
        let count = gofer.client.call_with(&soon(), &head, part).expect("written").message.count;
        assert_eq!(count, part.len() as u64);
        offset += part.len();
    }
    gofer.done(&FSync { fds: &[fd] }).expect("synced");
    assert!(std::fs::read(gofer.host("new")).expect("read") == data);
    let count = u32::try_from(gofer.client.limit() - 8).expect("it fits");
    let whole = gofer.ask(&PRead { offset: 50, fd, count }, |reply| reply.data.to_vec()).expect("read");
    assert!(whole == data[50..50 + whole.len()] && whole.len() == count as usize);
    gofer.done(&Flush { fd }).expect("told");
    gofer.end();
}

#[test]
fn open_with_trunc_empties_and_other_flags_are_dropped() {
    let Some(mut gofer) = Gofer::start("trunc", &[]) else { return };
    std::fs::write(gofer.host("file"), "hello").expect("written");
    let fd = gofer.control("file");
    gofer.done(&OpenAt { fd, flags: open_bits(OpenFlags::WRITE) | 0o2000 | 0o100 }).expect("opened");
    assert_eq!(gofer.host("file").metadata().expect("there").len(), 5);
    gofer.done(&OpenAt { fd, flags: open_bits(OpenFlags::WRITE | OpenFlags::TRUNC) }).expect("opened");
    assert_eq!(gofer.host("file").metadata().expect("there").len(), 0);
    assert_eq!(gofer.done(&OpenAt { fd: gofer.root, flags: open_bits(OpenFlags::WRITE) }), Err(Errno::Isdir.into()));
    gofer.end();
}

#[test]
fn allocate_extends_and_a_removed_file_is_read_through_what_is_open() {
    let Some(mut gofer) = Gofer::start("allocate", &[]) else { return };
    std::fs::write(gofer.host("file"), "hello").expect("written");
    let control = gofer.control("file");
    let fd = gofer.ask(&OpenAt { fd: control, flags: open_bits(BOTH) }, |reply| reply.fd).expect("opened");
    gofer.done(&FAllocate { fd, mode: 0, offset: 20, length: 100 }).expect("allocated");
    assert_eq!(gofer.host("file").metadata().expect("there").len(), 120);
    gofer.done(&UnlinkAt { dir: gofer.root, flags: 0, name: name("file") }).expect("removed");
    let read = gofer.ask(&PRead { offset: 0, fd, count: 5 }, |reply| reply.data.to_vec()).expect("read");
    assert_eq!(read, b"hello");
    let nlink = gofer.ask(&FStat { fd: control }, |stat| stat.nlink.get()).expect("attributes");
    assert_eq!(nlink, 0);
    gofer.end();
}
