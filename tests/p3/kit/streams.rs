//! The streams of a guest.

use super::abi::{Code, u32_at};
use super::guest::{Guest, Result, args};

/// How a read or write of a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// More can follow.
    More,
    /// The other end is gone.
    Dropped,
    /// It was cancelled.
    Cancelled,
}

/// What a read or write of a stream moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) count: u32,
    pub(crate) end: End,
}

const BLOCKED: u32 = u32::MAX;
const EVENT: u32 = 0x40;
/// Where the guest reads to and writes from, 1 MiB.
pub(crate) const BUFFER: u32 = 0x10_0000;
const BUFFER_LEN: u32 = 0x10_0000;
/// Where outcomes of futures are read to, one at a time.
const TOLD: u32 = 0x200;
/// Where entries are read to.
const ENTRY_LEN: u32 = 24;

fn moved(code: u32) -> Moved {
    let end = match code & 0xf {
        0 => End::More,
        1 => End::Dropped,
        2 => End::Cancelled,
        other => panic!("status {other}"),
    };
    Moved { count: code >> 4, end }
}

impl Guest {
    /// Waits for the next event of a waitable: its payload.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, waitable: u32) -> u32 {
        let set = self.expect("set-new", &[]);
        self.expect("join", args![waitable, set]);
        self.expect("set-wait", args![set, EVENT]);
        let event = self.get(EVENT, 8);
        assert_eq!(u32_at(&event, 0), waitable);
        self.expect("join", args![waitable, 0u32]);
        self.expect("set-drop", args![set]);
        u32_at(&event, 4)
    }

    // ---- bytes out of a file

    /// The stream and the future of its end.
    #[track_caller]
    pub(crate) fn read_stream(&mut self, descriptor: u32, offset: u64) -> (u32, u32) {
        let found = self.returned("descriptor-read-via-stream", args![descriptor, offset], 8);
        (u32_at(&found, 0), u32_at(&found, 4))
    }

    /// Starts a read of at most `len` bytes; `None` while it waits.
    #[track_caller]
    pub(crate) fn start_read(&mut self, stream: u32, len: u32) -> Option<Moved> {
        assert!(len <= BUFFER_LEN);
        let code = self.expect("bytes-read", args![stream, BUFFER, len]);
        (code != BLOCKED).then(|| moved(code))
    }

    /// Reads at most `len` bytes, however long it takes.
    #[track_caller]
    pub(crate) fn read(&mut self, stream: u32, len: u32) -> (Vec<u8>, End) {
        let read = match self.start_read(stream, len) {
            Some(read) => read,
            None => moved(self.wait_for(stream)),
        };
        (self.get(BUFFER, read.count), read.end)
    }

    /// Reads until the stream ends, `len` bytes at a time.
    #[track_caller]
    pub(crate) fn read_all(&mut self, stream: u32, len: u32) -> Vec<u8> {
        let mut found = Vec::new();
        loop {
            let (bytes, end) = self.read(stream, len);
            found.extend(bytes);
            match end {
                End::More => {}
                End::Dropped => return found,
                End::Cancelled => panic!("cancelled"),
            }
        }
    }

    /// The end that a stream's future tells, which is read and dropped.
    #[track_caller]
    pub(crate) fn told(&mut self, future: u32) -> Result<()> {
        let code = self.expect("told-read", args![future, TOLD]);
        let code = if code == BLOCKED { self.wait_for(future) } else { code };
        assert_eq!(code, 0, "the future resolves");
        self.expect("told-drop-readable", args![future]);
        let told = self.get(TOLD, 20);
        if told[0] == 0 { Ok(()) } else { Err(Code(told[4])) }
    }

    /// Whether a stream's future tells nothing yet. It must not be read further.
    #[track_caller]
    pub(crate) fn untold(&mut self, future: u32) -> bool {
        let blocked = self.expect("told-read", args![future, TOLD]) == BLOCKED;
        if blocked {
            self.expect("told-cancel-read", args![future]);
        }
        blocked
    }

    /// The contents of a file from `offset` on.
    #[track_caller]
    pub(crate) fn contents(&mut self, descriptor: u32, offset: u64) -> Result<Vec<u8>> {
        let (stream, future) = self.read_stream(descriptor, offset);
        let found = self.read_all(stream, 65_536);
        self.expect("bytes-drop-readable", args![stream]);
        self.told(future).map(|()| found)
    }

    // ---- bytes into a file

    /// A stream of the guest's: its readable and its writable end.
    #[track_caller]
    pub(crate) fn new_stream(&mut self) -> (u32, u32) {
        let ends = self.call("bytes-new", &[]).expect("a stream");
        (u32::try_from(ends & 0xffff_ffff).expect("32 bits"), u32::try_from(ends >> 32).expect("32 bits"))
    }

    /// The writable end of a stream into a file, and the future of its end.
    #[track_caller]
    pub(crate) fn write_stream(&mut self, descriptor: u32, offset: u64) -> (u32, u32) {
        let (readable, writable) = self.new_stream();
        (writable, self.expect("descriptor-write-via-stream", args![descriptor, readable, offset]))
    }

    #[track_caller]
    pub(crate) fn append_stream(&mut self, descriptor: u32) -> (u32, u32) {
        let (readable, writable) = self.new_stream();
        (writable, self.expect("descriptor-append-via-stream", args![descriptor, readable]))
    }

    /// Starts a write; `None` while it waits.
    #[track_caller]
    pub(crate) fn start_write(&mut self, stream: u32, bytes: &[u8]) -> Option<Moved> {
        self.put(BUFFER, bytes);
        let code = self.expect("bytes-write", args![stream, BUFFER, u32::try_from(bytes.len()).expect("short")]);
        (code != BLOCKED).then(|| moved(code))
    }

    /// Writes once, however long it takes.
    #[track_caller]
    pub(crate) fn write(&mut self, stream: u32, bytes: impl AsRef<[u8]>) -> Moved {
        match self.start_write(stream, bytes.as_ref()) {
            Some(written) => written,
            None => moved(self.wait_for(stream)),
        }
    }

    /// Writes all of it.
    #[track_caller]
    pub(crate) fn write_all(&mut self, stream: u32, bytes: impl AsRef<[u8]>) {
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let written = self.write(stream, rest);
            assert_eq!(written.end, End::More);
            rest = &rest[written.count as usize..];
        }
    }

    /// Ends a stream into a file: what its future tells.
    #[track_caller]
    pub(crate) fn finish(&mut self, stream: u32, future: u32) -> Result<()> {
        self.expect("bytes-drop-writable", args![stream]);
        self.told(future)
    }

    /// Writes a file at `offset` by a stream of its own.
    #[track_caller]
    pub(crate) fn write_at(&mut self, descriptor: u32, bytes: impl AsRef<[u8]>, offset: u64) -> Result<()> {
        let (stream, future) = self.write_stream(descriptor, offset);
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let written = self.write(stream, rest);
            rest = &rest[written.count as usize..];
            if written.end == End::Dropped {
                break;
            }
        }
        self.finish(stream, future)
    }

    /// Ends a read or write that waits.
    #[track_caller]
    pub(crate) fn cancel(&mut self, what: &str, stream: u32) -> Moved {
        moved(self.expect(what, args![stream]))
    }

    // ---- entries

    #[track_caller]
    pub(crate) fn read_directory(&mut self, descriptor: u32) -> (u32, u32) {
        let found = self.returned("descriptor-read-directory", args![descriptor], 8);
        (u32_at(&found, 0), u32_at(&found, 4))
    }

    /// Starts a read of at most `count` entries; `None` while it waits.
    #[track_caller]
    pub(crate) fn start_entries(&mut self, stream: u32, count: u32) -> Option<Moved> {
        self.reset();
        assert!(count * ENTRY_LEN <= BUFFER_LEN);
        let code = self.expect("entries-read", args![stream, BUFFER, count]);
        (code != BLOCKED).then(|| moved(code))
    }

    /// Reads at most `count` entries: their types and names.
    #[track_caller]
    pub(crate) fn entries(&mut self, stream: u32, count: u32) -> (Vec<(u8, String)>, End) {
        let read = match self.start_entries(stream, count) {
            Some(read) => read,
            None => moved(self.wait_for(stream)),
        };
        let bytes = self.get(BUFFER, read.count * ENTRY_LEN);
        let mut found = Vec::new();
        for entry in bytes.chunks(ENTRY_LEN as usize) {
            let name = self.get(u32_at(entry, 16), u32_at(entry, 20));
            found.push((entry[0], String::from_utf8(name).expect("UTF-8")));
        }
        (found, read.end)
    }

    /// All entries of a directory, `count` at a time.
    #[track_caller]
    pub(crate) fn list(&mut self, descriptor: u32, count: u32) -> Result<Vec<(u8, String)>> {
        let (stream, future) = self.read_directory(descriptor);
        let mut found = Vec::new();
        loop {
            let (entries, end) = self.entries(stream, count);
            found.extend(entries);
            if end == End::Dropped {
                break;
            }
        }
        self.expect("entries-drop-readable", args![stream]);
        self.told(future).map(|()| found)
    }

    /// The names in a directory, sorted.
    #[track_caller]
    pub(crate) fn names(&mut self, descriptor: u32) -> Result<Vec<String>> {
        let mut names: Vec<_> = self.list(descriptor, 100)?.into_iter().map(|(_, name)| name).collect();
        names.sort();
        Ok(names)
    }
}
