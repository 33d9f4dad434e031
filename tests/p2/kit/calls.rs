//! The guest's calls that 0.3 has not: reads and writes, listings by the entry, and streams of `wasi:io`.

use super::abi::{Code, u32_at, u64_at};
use super::guest::{Guest, Result, Word, args};

/// Where the guest writes from.
const BUFFER: u32 = 0x20000;

/// How a stream's operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamError {
    /// With a handle of an error.
    Failed(u32),
    Closed,
}

impl Guest {
    // ---- bytes

    /// Bytes to write, in the guest's memory: pointer and length.
    pub(crate) fn buffer(&mut self, bytes: impl AsRef<[u8]>) -> (u32, u32) {
        let bytes = bytes.as_ref();
        self.put(BUFFER, bytes);
        (BUFFER, u32::try_from(bytes.len()).expect("short"))
    }

    /// What was read, and whether the end was told.
    #[track_caller]
    pub(crate) fn read(&mut self, descriptor: u32, len: u64, offset: u64) -> Result<(Vec<u8>, bool)> {
        self.reset();
        let found = self.answer("descriptor-read", args![descriptor, len, offset], 4, 9)?;
        Ok((self.get(u32_at(&found, 0), u32_at(&found, 4)), found[8] != 0))
    }

    #[track_caller]
    pub(crate) fn write(&mut self, descriptor: u32, bytes: impl AsRef<[u8]>, offset: u64) -> Result<u64> {
        let (ptr, len) = self.buffer(bytes);
        Ok(u64_at(&self.answer("descriptor-write", args![descriptor, ptr, len, offset], 8, 8)?, 0))
    }

    /// Writes all of it, however many calls that takes.
    #[track_caller]
    pub(crate) fn write_at(&mut self, descriptor: u32, bytes: impl AsRef<[u8]>, offset: u64) -> Result<()> {
        let (bytes, mut done) = (bytes.as_ref(), 0);
        while done < bytes.len() {
            let written = self.write(descriptor, &bytes[done..], offset + done as u64)?;
            assert!(written > 0, "nothing was written");
            done += usize::try_from(written).expect("short");
        }
        Ok(())
    }

    /// The contents of a file from `offset` on.
    #[track_caller]
    pub(crate) fn contents(&mut self, descriptor: u32, offset: u64) -> Result<Vec<u8>> {
        let mut found = Vec::new();
        loop {
            let (bytes, end) = self.read(descriptor, 65_536, offset.saturating_add(found.len() as u64))?;
            found.extend(bytes);
            if end {
                return Ok(found);
            }
        }
    }

    // ---- listings

    #[track_caller]
    pub(crate) fn read_directory(&mut self, descriptor: u32) -> Result<u32> {
        Ok(u32_at(&self.answer("descriptor-read-directory", args![descriptor], 4, 4)?, 0))
    }

    /// The next entry: its type and name.
    #[track_caller]
    pub(crate) fn next_entry(&mut self, stream: u32) -> Result<Option<(u8, String)>> {
        self.reset();
        let found = self.answer("directory-entry-stream-read-directory-entry", args![stream], 4, 16)?;
        if found[0] == 0 {
            return Ok(None);
        }
        let name = self.get(u32_at(&found, 8), u32_at(&found, 12));
        Ok(Some((found[4], String::from_utf8(name).expect("UTF-8"))))
    }

    /// The names in a directory, sorted.
    #[track_caller]
    pub(crate) fn names(&mut self, descriptor: u32) -> Result<Vec<String>> {
        let stream = self.read_directory(descriptor)?;
        let mut names = Vec::new();
        while let Some((_, name)) = self.next_entry(stream)? {
            names.push(name);
        }
        self.expect("drop-directory-entry-stream", args![stream]);
        names.sort();
        Ok(names)
    }

    // ---- streams

    #[track_caller]
    pub(crate) fn read_stream(&mut self, descriptor: u32, offset: u64) -> Result<u32> {
        Ok(u32_at(&self.answer("descriptor-read-via-stream", args![descriptor, offset], 4, 4)?, 0))
    }

    #[track_caller]
    pub(crate) fn write_stream(&mut self, descriptor: u32, offset: u64) -> Result<u32> {
        Ok(u32_at(&self.answer("descriptor-write-via-stream", args![descriptor, offset], 4, 4)?, 0))
    }

    #[track_caller]
    pub(crate) fn append_stream(&mut self, descriptor: u32) -> Result<u32> {
        Ok(u32_at(&self.answer("descriptor-append-via-stream", args![descriptor], 4, 4)?, 0))
    }

    /// A function of a stream, whose payload is at `at`.
    #[track_caller]
    fn streamed(&mut self, name: &str, args: &[Word], at: usize) -> Result<Vec<u8>, StreamError> {
        self.reset();
        let bytes = self.returned(name, args, 24);
        match (bytes[0], bytes[at]) {
            (0, _) => Ok(bytes[at..].to_vec()),
            (_, 0) => Err(StreamError::Failed(u32_at(&bytes, at + 4))),
            _ => Err(StreamError::Closed),
        }
    }

    /// `read` or `blocking-read`.
    #[track_caller]
    pub(crate) fn stream_read(&mut self, name: &str, stream: u32, len: u64) -> Result<Vec<u8>, StreamError> {
        let list = self.streamed(&format!("input-stream-{name}"), args![stream, len], 4)?;
        Ok(self.get(u32_at(&list, 0), u32_at(&list, 4)))
    }

    /// A function of an output stream that answers a count.
    #[track_caller]
    pub(crate) fn stream_count(&mut self, name: &str, args: &[Word]) -> Result<u64, StreamError> {
        Ok(u64_at(&self.streamed(name, args, 8)?, 0))
    }

    #[track_caller]
    pub(crate) fn check_write(&mut self, stream: u32) -> Result<u64, StreamError> {
        self.stream_count("output-stream-check-write", args![stream])
    }

    /// A function of an output stream that answers nothing.
    #[track_caller]
    pub(crate) fn stream_done(&mut self, name: &str, args: &[Word]) -> Result<(), StreamError> {
        self.streamed(name, args, 4).map(drop)
    }

    /// `write` or `blocking-write-and-flush`.
    #[track_caller]
    pub(crate) fn stream_write(&mut self, name: &str, stream: u32, bytes: impl AsRef<[u8]>) -> Result<(), StreamError> {
        let (ptr, len) = self.buffer(bytes);
        self.stream_done(&format!("output-stream-{name}"), args![stream, ptr, len])
    }

    /// What a stream's failure is in terms of files.
    pub(crate) fn error_code(&mut self, error: u32) -> Option<Code> {
        let found = self.returned("filesystem-error-code", args![error], 2);
        (found[0] == 1).then_some(Code(found[1]))
    }
}
