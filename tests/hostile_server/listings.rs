//! Lies about lists with attributes, the message that only servers of ours have.

use crate::case::{Case, DIRECTORY, EIO, FIFO, REGULAR, SYMLINK, WORKS, What, at};
use crate::proxy::Reply;
use wasi_gofer::proto::lisafs::Mid;

const LIST: (What, Mid) = (What::ListFound, Mid::READ_DIR_STAT);

/// What `d_type` says of files and of directories.
const DT_REGULAR: u8 = 8;
const DT_DIRECTORY: u8 = 4;

/// An entry of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) offset: u64,
    pub(crate) stat: [u8; at::STATX_BYTES],
    pub(crate) kind: u8,
    pub(crate) name: Vec<u8>,
}

impl Entry {
    /// Overwrites bytes of its attributes.
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.stat[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// One like it, elsewhere.
    fn named(&self, name: &[u8], offset: u64) -> Entry {
        Entry { name: name.to_vec(), offset, ..self.clone() }
    }
}

/// The entries of an answer.
pub(crate) fn entries(reply: &Reply) -> Vec<Entry> {
    let mut bytes = reply.payload.get(2..).unwrap_or_default();
    let mut entries = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(8 + at::STATX_BYTES + 3) {
        let length = usize::from(u16::from_le_bytes([head[153], head[154]]));
        let (name, rest) = rest.split_at(length);
        entries.push(Entry {
            offset: u64::from_le_bytes(head[..8].try_into().expect("eight bytes")),
            stat: head[8..8 + at::STATX_BYTES].try_into().expect("attributes"),
            kind: head[152],
            name: name.to_vec(),
        });
        bytes = rest;
    }
    entries
}

/// Answers with these.
pub(crate) fn answer(reply: &mut Reply, entries: &[Entry]) {
    reply.payload = u16::try_from(entries.len()).expect("few").to_le_bytes().to_vec();
    for entry in entries {
        reply.payload.extend(entry.offset.to_le_bytes());
        reply.payload.extend(entry.stat);
        reply.payload.push(entry.kind);
        reply.payload.extend(u16::try_from(entry.name.len()).expect("short").to_le_bytes());
        reply.payload.extend(&entry.name);
    }
}

/// The file of an answer that is about `d`; one that is made up, where the answer has none.
pub(crate) fn file(reply: &Reply) -> Entry {
    let there = entries(reply).into_iter().find(|entry| entry.name == b"f");
    let stat = [0; at::STATX_BYTES];
    there.unwrap_or(Entry { offset: 1, stat, kind: DT_REGULAR, name: b"f".to_vec() })
}

/// Changes each entry.
fn each(reply: &mut Reply, change: impl Fn(usize, &mut Entry)) {
    let mut all = entries(reply);
    all.iter_mut().enumerate().for_each(|(index, entry)| change(index, entry));
    answer(reply, &all);
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = names();
    all.extend(counts());
    all.extend(attributes());
    all.extend(places());
    all
}

fn names() -> Vec<Case> {
    let named = |case, name: &'static [u8]| {
        Case::new(case, LIST, EIO, move |reply| {
            let entry = file(reply).named(name, 5);
            answer(reply, &[entry]);
        })
    };
    vec![
        named("found_of_a_name_with_a_slash", b"a/b"),
        named("found_of_an_absolute_name", b"/etc/passwd"),
        named("found_of_a_way_out", b"../out"),
        named("found_of_no_name", b""),
        named("found_of_a_name_with_nul", b"a\0b"),
        named("found_of_a_name_of_256_bytes", &[b'n'; 256]),
        named("found_of_a_name_of_60000_bytes", &[b'n'; 60_000]),
        Case::new("found_of_dots", LIST, WORKS, |reply| {
            let (mut all, file) = (entries(reply), file(reply));
            all.extend([file.named(b".", 1), file.named(b"..", 2)]);
            answer(reply, &all);
        }),
        Case::new("found_of_one_name_twice", LIST, WORKS, |reply| {
            let (mut all, file) = (entries(reply), file(reply));
            all.push(file.named(b"f", file.offset ^ 1));
            answer(reply, &all);
        }),
    ]
}

fn counts() -> Vec<Case> {
    vec![
        Case::new("found_that_counts_more_than_there_is", LIST, EIO, |reply| {
            reply.payload.splice(..2, [0xff, 0xff]);
        }),
        Case::new("found_that_counts_less_than_there_is", LIST, WORKS, |reply| {
            reply.payload.splice(..2, [1, 0]);
        }),
        Case::new("found_shorter_by_a_byte", LIST, EIO, |reply| {
            reply.payload.pop();
        }),
        Case::new("found_of_no_bytes", LIST, EIO, |reply| reply.payload.clear()),
        Case::new("found_of_10000_entries_at_once", LIST, EIO, |reply| {
            let one = file(reply).named(b"f", 1);
            answer(reply, &vec![one; 10_000]);
        }),
        Case::new("found_of_more_bytes_of_names_than_were_asked", LIST, EIO, |reply| {
            let one = file(reply).named(&[b'n'; 255], 1);
            answer(reply, &vec![one; 4_000]);
        }),
        Case::new("found_with_descriptors", LIST, WORKS, |reply| {
            reply.fds = (0..3).map(|_| std::fs::File::open("/dev/null").expect("open").into()).collect();
        }),
    ]
}

/// What cannot be is not told on, and the entry is listed; what could be is the server's word.
fn attributes() -> Vec<Case> {
    let told = |case, change: fn(usize, &mut Entry)| Case::new(case, LIST, WORKS, move |reply| each(reply, change));
    vec![
        told("found_without_attributes", |_, entry| entry.stat = [0; at::STATX_BYTES]),
        told("found_without_a_mask", |_, entry| entry.put(at::MASK, &[0; 4])),
        told("found_of_all_bits", |_, entry| entry.stat = [0xff; at::STATX_BYTES]),
        told("found_of_a_size_that_no_file_has", |_, entry| entry.put(at::SIZE, &[0xff; 8])),
        told("found_of_a_type_that_nothing_has", |_, entry| entry.put(at::MODE, &[0; 2])),
        told("found_of_another_type_than_listed", |_, entry| entry.put(at::MODE, &FIFO)),
        told("found_of_directories_listed_as_files", |_, entry| {
            entry.put(at::MODE, &DIRECTORY);
            entry.kind = DT_REGULAR;
        }),
        told("found_of_files_that_are_told_as_directories", |_, entry| {
            entry.put(at::MODE, &DIRECTORY);
            entry.kind = DT_DIRECTORY;
        }),
        told("found_of_all_that_is_told_as_files", |_, entry| {
            entry.put(at::MODE, &REGULAR);
            entry.kind = DT_REGULAR;
        }),
        told("found_of_types_that_are_not_listed", |_, entry| entry.kind = 0),
        told("found_of_types_that_there_are_none_of", |_, entry| entry.kind = 0xff),
        told("found_of_links_alone", |_, entry| {
            entry.put(at::MODE, &SYMLINK);
            entry.kind = 10;
        }),
        told("found_of_inode_zero", |_, entry| entry.put(at::INO, &[0; 8])),
        told("found_of_one_inode_for_all", |_, entry| entry.put(at::INO, &[7, 0, 0, 0, 0, 0, 0, 0])),
        told("found_of_nanoseconds_without_end", |_, entry| entry.put(at::MTIME_NANOS, &[0xff; 4])),
        told("found_of_names_without_number", |_, entry| entry.put(at::NLINK, &[0xff; 4])),
    ]
}

fn places() -> Vec<Case> {
    vec![
        Case::new("found_without_offsets", LIST, WORKS, |reply| each(reply, |_, entry| entry.offset = 0)),
        Case::new("found_that_goes_back", LIST, WORKS, |reply| {
            each(reply, |index, entry| entry.offset = 100 - index as u64);
        }),
        Case::new("found_that_stands_still", LIST, EIO, |reply| {
            let file = file(reply);
            answer(reply, &[file.named(b"f", 1), file.named(b"l", 2)]);
        })
        .always(),
        Case::new("found_without_end_to_and_fro", LIST, EIO, |reply| {
            let one = file(reply).named(b"f", 1 + reply.nth % 2);
            answer(reply, &[one]);
        })
        .always(),
    ]
}
