//! Iovec lists: all of a list is used, in its order, up to 1,024 entries.

use crate::kit::{Errno, Guest, Memories, Open, args, at_root, mount};
use wasi_gofer::{Gofer, MemoryFs, MountOptions};

const ROOM: u32 = 0x20000;

fn alphabet(memories: Memories) -> (Guest, u32) {
    let files = MemoryFs::new().with_file("file", "abcdefghijklmnopqrstuvwxyz").expect("made");
    let mut guest = Guest::with_memories(memories, mount("/", files, MountOptions::default()).ctx());
    let fd = guest.open("file", Open::READ_WRITE).expect("opened");
    (guest, fd)
}

#[test]
fn read_into_several_rooms_fills_them_in_their_order() {
    for memories in [Memories::Exported, Memories::Shared] {
        let (mut guest, fd) = alphabet(memories);

        assert_eq!(guest.readv(fd, &[(ROOM + 100, 3), (ROOM, 2), (ROOM + 50, 0), (ROOM + 40, 4)]), Ok(9));

        assert_eq!(guest.get(ROOM + 100, 3), b"abc", "{memories:?}");
        assert_eq!(guest.get(ROOM, 2), b"de", "{memories:?}");
        assert_eq!(guest.get(ROOM + 40, 4), b"fghi", "{memories:?}");
    }
}

#[test]
fn read_into_overlapping_rooms_fills_the_later_one_last() {
    for memories in [Memories::Exported, Memories::Shared] {
        let (mut guest, fd) = alphabet(memories);

        assert_eq!(guest.readv(fd, &[(ROOM, 4), (ROOM + 2, 4), (ROOM + 1, 2)]), Ok(10));

        assert_eq!(guest.get(ROOM, 6), b"aijfgh", "{memories:?}");
    }
}

#[test]
fn read_into_rooms_that_touch_is_no_overlap() {
    let (mut guest, fd) = alphabet(Memories::Exported);

    assert_eq!(guest.readv(fd, &[(ROOM + 3, 3), (ROOM, 3)]), Ok(6));

    assert_eq!(guest.get(ROOM, 6), b"defabc");
}

#[test]
fn read_over_its_own_list_and_result_uses_the_list_as_it_was() {
    let (mut guest, fd) = alphabet(Memories::Exported);
    let (list, n) = guest.iovecs(&[(0x8000, 8), (ROOM, 4)]);

    assert_eq!(guest.answer("fd_read", args![fd, list, n, 0x8004]), Ok(()));

    assert_eq!(guest.get(ROOM, 4), b"ijkl");
    assert_eq!(guest.get(0x8000, 4), b"abcd");
    assert_eq!(guest.u32_at(0x8004), 12);
}

#[test]
fn write_of_overlapping_rooms_writes_each() {
    for memories in [Memories::Exported, Memories::Shared] {
        let (mut guest, fd) = alphabet(memories);
        guest.put(ROOM, b"0123");

        assert_eq!(guest.writev(fd, &[(ROOM, 3), (ROOM + 1, 3), (ROOM, 0), (ROOM, 1)]), Ok(7));

        assert_eq!(guest.contents("file").as_deref(), Ok("0121230hijklmnopqrstuvwxyz"), "{memories:?}");
    }
}

#[test]
fn write_of_1025_rooms_writes_1024() {
    let (mut guest, fd) = alphabet(Memories::Exported);
    guest.put(ROOM, b"x");

    assert_eq!(guest.writev(fd, &[(ROOM, 1); 1025]), Ok(1024));

    assert_eq!(guest.fstat(fd).expect("stat").size, 1024);
    assert_eq!(guest.seek(fd, 0, 1), Ok(1024));
}

#[test]
fn read_of_1025_rooms_fills_1024() {
    let mut guest = at_root(MemoryFs::new().with_file("file", [b'x'; 2000]).expect("made"));
    let fd = guest.open("file", Open::READ).expect("opened");
    let rooms: Vec<_> = (0..1025).map(|n| (ROOM + n, 1)).collect();

    assert_eq!(guest.readv(fd, &rooms), Ok(1024));

    assert_eq!(guest.get(ROOM, 1024), [b'x'; 1024]);
    assert_eq!(guest.get(ROOM + 1024, 1), [0]);
}

#[test]
fn a_list_of_four_thousand_million_entries_uses_the_first_1024() {
    let (mut guest, fd) = alphabet(Memories::Exported);
    guest.put(ROOM, b"x");
    let (list, _) = guest.iovecs(&[(ROOM, 1); 1024]);

    assert_eq!(guest.answer("fd_write", args![fd, list, u32::MAX, ROOM + 64]), Ok(()));

    assert_eq!(guest.u32_at(ROOM + 64), 1024);
}

#[test]
fn a_transfer_of_four_gigabytes_is_a_short_one_of_less_than_two() {
    let mut builder = Gofer::builder();
    builder.dir("/dev/null", "/null", MountOptions::default());
    let mut guest = Guest::new(builder.build().expect("mounted").ctx());
    let fd = guest.open("null", Open::WRITE).expect("opened");

    assert_eq!(guest.writev(fd, &[(0, Guest::MEMORY); 1024]), Ok(0x7fff_f000));
}

#[test]
fn lists_without_a_byte_do_nothing() {
    for memories in [Memories::Exported, Memories::Shared] {
        let (mut guest, fd) = alphabet(memories);

        assert_eq!(guest.writev(fd, &[(ROOM, 0); 5]), Ok(0));
        assert_eq!(guest.readv(fd, &[(ROOM, 0); 5]), Ok(0));
        assert_eq!(guest.readv(fd, &[]), Ok(0));

        assert_eq!(guest.seek(fd, 0, 1), Ok(0), "{memories:?}");
        assert_eq!(guest.contents("file").as_deref(), Ok("abcdefghijklmnopqrstuvwxyz"), "{memories:?}");
    }
}

#[test]
fn a_list_without_a_byte_asks_for_the_right_all_the_same() {
    let (mut guest, _) = alphabet(Memories::Exported);
    let reader = guest.open("file", Open::READ).expect("opened");
    let writer = guest.open("file", Open::WRITE).expect("opened");

    assert_eq!(guest.writev(reader, &[(ROOM, 0)]), Err(Errno::BADF));
    assert_eq!(guest.readv(writer, &[(ROOM, 0)]), Err(Errno::BADF));
    assert_eq!(guest.readv(Guest::ROOT, &[]), Err(Errno::BADF));
}

#[test]
fn a_mebibyte_is_read_in_one_call() {
    let mut guest = at_root(MemoryFs::new().with_file("file", vec![b'x'; 1 << 20]).expect("made"));
    let fd = guest.open("file", Open::READ).expect("opened");

    assert_eq!(guest.readv(fd, &[(ROOM, 1 << 20)]), Ok(1 << 20));

    assert_eq!(guest.get(ROOM, 1 << 20), vec![b'x'; 1 << 20]);
}
