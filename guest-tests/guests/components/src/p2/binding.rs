//! `wasi:filesystem` of WASI 0.2 with the names of `fs.rs`.

use crate::fs::{Code, Entry, Hash, Nanos, Result, Stat, Time};
pub use wasip2::clocks::wall_clock::Datetime as Instant;
pub use wasip2::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasip2::filesystem::{preopens, types};
use wasip2::io::streams::StreamError;

/// A descriptor; dropping it closes it.
#[derive(Debug)]
pub struct Descriptor(pub types::Descriptor);

/// The preopens with their names, each time with new descriptors.
pub fn preopens() -> Vec<(Descriptor, String)> {
    preopens::get_directories().into_iter().map(|(descriptor, name)| (Descriptor(descriptor), name)).collect()
}

pub fn now() -> Nanos {
    let now = wasip2::clocks::wall_clock::now();
    Nanos::from(now.seconds) * crate::fs::SECOND + Nanos::from(now.nanoseconds)
}

fn done<T, U: From<T>>(result: std::result::Result<T, ErrorCode>) -> Result<U> {
    result.map(U::from).map_err(Code::from)
}

impl Descriptor {
    /// Reads to `len` bytes, less at the end of the file alone.
    pub fn read(&self, len: usize, offset: u64) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < len {
            let (some, end) = self.0.read((len - all.len()) as u64, offset.saturating_add(all.len() as u64))?;
            assert!(some.len() <= len - all.len(), "more than was asked for");
            let nothing = some.is_empty();
            all.extend(some);
            if end || nothing {
                break;
            }
        }
        Ok(all)
    }

    /// Writes everything.
    pub fn write(&self, mut bytes: &[u8], mut offset: u64) -> Result<()> {
        while !bytes.is_empty() {
            let n = self.0.write(bytes, offset)?;
            assert!(n > 0 && n <= bytes.len() as u64, "a write of {} bytes wrote {n}", bytes.len());
            bytes = &bytes[n as usize..];
            offset += n;
        }
        Ok(())
    }

    /// Appends everything.
    pub fn append(&self, bytes: &[u8]) -> Result<()> {
        let stream = self.0.append_via_stream()?;
        for some in bytes.chunks(4096) {
            stream.blocking_write_and_flush(some).map_err(code_of)?;
        }
        Ok(())
    }

    pub fn entries(&self) -> Result<Vec<Entry>> {
        let stream = self.0.read_directory()?;
        let mut entries = Vec::new();
        while let Some(entry) = stream.read_directory_entry()? {
            entries.push(entry.into());
        }
        Ok(entries)
    }

    pub fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        done(self.0.advise(offset, len, advice))
    }

    pub fn sync(&self) -> Result<()> {
        done(self.0.sync())
    }

    pub fn sync_data(&self) -> Result<()> {
        done(self.0.sync_data())
    }

    pub fn flags(&self) -> Result<DescriptorFlags> {
        done(self.0.get_flags())
    }

    pub fn kind(&self) -> Result<crate::fs::Kind> {
        done(self.0.get_type())
    }

    pub fn set_size(&self, size: u64) -> Result<()> {
        done(self.0.set_size(size))
    }

    pub fn set_times(&self, accessed: Time, modified: Time) -> Result<()> {
        done(self.0.set_times(accessed.into(), modified.into()))
    }

    pub fn create_directory_at(&self, path: &str) -> Result<()> {
        done(self.0.create_directory_at(path))
    }

    pub fn stat(&self) -> Result<Stat> {
        done(self.0.stat())
    }

    pub fn stat_at(&self, lookup: PathFlags, path: &str) -> Result<Stat> {
        done(self.0.stat_at(lookup, path))
    }

    pub fn set_times_at(&self, lookup: PathFlags, path: &str, accessed: Time, modified: Time) -> Result<()> {
        done(self.0.set_times_at(lookup, path, accessed.into(), modified.into()))
    }

    pub fn link_at(&self, lookup: PathFlags, path: &str, to: &Descriptor, new: &str) -> Result<()> {
        done(self.0.link_at(lookup, path, &to.0, new))
    }

    pub fn open_at(
        &self,
        lookup: PathFlags,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Descriptor> {
        self.0.open_at(lookup, path, open, flags).map(Descriptor).map_err(Code::from)
    }

    pub fn readlink_at(&self, path: &str) -> Result<String> {
        done(self.0.readlink_at(path))
    }

    pub fn remove_directory_at(&self, path: &str) -> Result<()> {
        done(self.0.remove_directory_at(path))
    }

    pub fn rename_at(&self, path: &str, to: &Descriptor, new: &str) -> Result<()> {
        done(self.0.rename_at(path, &to.0, new))
    }

    pub fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        done(self.0.symlink_at(target, path))
    }

    pub fn unlink_file_at(&self, path: &str) -> Result<()> {
        done(self.0.unlink_file_at(path))
    }

    pub fn is_same_object(&self, other: &Descriptor) -> bool {
        self.0.is_same_object(&other.0)
    }

    pub fn metadata_hash(&self) -> Result<Hash> {
        done(self.0.metadata_hash())
    }

    pub fn metadata_hash_at(&self, lookup: PathFlags, path: &str) -> Result<Hash> {
        done(self.0.metadata_hash_at(lookup, path))
    }
}

/// The code behind a failure of a stream, which must have one: these streams are files.
#[track_caller]
pub fn code_of(error: StreamError) -> Code {
    match error {
        StreamError::Closed => panic!("the stream is closed"),
        StreamError::LastOperationFailed(error) => match types::filesystem_error_code(&error) {
            Some(code) => code.into(),
            None => panic!("a failure without a code: {}", error.to_debug_string()),
        },
    }
}
