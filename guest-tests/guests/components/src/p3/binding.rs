//! `wasi:filesystem` of WASI 0.3 with the names of `fs.rs`; each call blocks the guest.

use crate::fs::{Code, Entry, Hash, Nanos, Result, Stat, Time};
use std::pin::pin;
use std::task::Poll;
pub use wasip3::clocks::system_clock::Instant;
pub use wasip3::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasip3::filesystem::{preopens, types};
pub use wasip3::wit_bindgen::{StreamReader, StreamResult, StreamWriter, block_on};

/// A descriptor; dropping it closes it.
#[derive(Debug)]
pub struct Descriptor(pub types::Descriptor);

/// The preopens with their names, each time with new descriptors.
pub fn preopens() -> Vec<(Descriptor, String)> {
    preopens::get_directories().into_iter().map(|(descriptor, name)| (Descriptor(descriptor), name)).collect()
}

pub fn now() -> Nanos {
    let now = wasip3::clocks::system_clock::now();
    Nanos::from(now.seconds) * crate::fs::SECOND + Nanos::from(now.nanoseconds)
}

/// Runs two futures at once to the end of both.
pub async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut a_is, mut b_is) = (None, None);
    std::future::poll_fn(move |context| {
        if a_is.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(context)
        {
            a_is = Some(value);
        }
        if b_is.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(context)
        {
            b_is = Some(value);
        }
        match (a_is.take(), b_is.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (a_is, b_is) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

fn done<T, U: From<T>>(result: std::result::Result<T, ErrorCode>) -> Result<U> {
    result.map(U::from).map_err(Code::from)
}

impl Descriptor {
    /// Reads to `len` bytes, less at the end of the file alone.
    pub fn read(&self, len: usize, offset: u64) -> Result<Vec<u8>> {
        block_on(async {
            let (mut stream, end) = self.0.read_via_stream(offset);
            let mut all = Vec::with_capacity(len);
            // Pushing past the capacity would let a reader get more than `len`.
            while all.len() < len {
                let (result, some) = stream.read(Vec::with_capacity(len - all.len())).await;
                all.extend(some);
                match result {
                    StreamResult::Complete(_) => {}
                    StreamResult::Dropped => return done(end.await).map(|()| all),
                    StreamResult::Cancelled => panic!("nobody cancelled the read"),
                }
            }
            drop(stream);
            done(end.await).map(|()| all)
        })
    }

    /// Writes everything.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        block_on(async {
            let (writer, reader) = wasip3::wit_stream::new();
            let end = self.0.write_via_stream(reader, offset);
            feed(writer, bytes, end.into_future()).await
        })
    }

    /// Appends everything.
    pub fn append(&self, bytes: &[u8]) -> Result<()> {
        block_on(async {
            let (writer, reader) = wasip3::wit_stream::new();
            let end = self.0.append_via_stream(reader);
            feed(writer, bytes, end.into_future()).await
        })
    }

    pub fn entries(&self) -> Result<Vec<Entry>> {
        block_on(async {
            let (stream, end) = self.0.read_directory();
            let entries = stream.collect().await.into_iter().map(Entry::from).collect();
            done(end.await).map(|()| entries)
        })
    }

    pub fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        done(block_on(self.0.advise(offset, len, advice)))
    }

    pub fn sync(&self) -> Result<()> {
        done(block_on(self.0.sync()))
    }

    pub fn sync_data(&self) -> Result<()> {
        done(block_on(self.0.sync_data()))
    }

    pub fn flags(&self) -> Result<DescriptorFlags> {
        done(block_on(self.0.get_flags()))
    }

    pub fn kind(&self) -> Result<crate::fs::Kind> {
        done(block_on(self.0.get_type()))
    }

    pub fn set_size(&self, size: u64) -> Result<()> {
        done(block_on(self.0.set_size(size)))
    }

    pub fn set_times(&self, accessed: Time, modified: Time) -> Result<()> {
        done(block_on(self.0.set_times(accessed.into(), modified.into())))
    }

    pub fn create_directory_at(&self, path: &str) -> Result<()> {
        done(block_on(self.0.create_directory_at(path.to_owned())))
    }

    pub fn stat(&self) -> Result<Stat> {
        done(block_on(self.0.stat()))
    }

    pub fn stat_at(&self, lookup: PathFlags, path: &str) -> Result<Stat> {
        done(block_on(self.0.stat_at(lookup, path.to_owned())))
    }

    pub fn set_times_at(&self, lookup: PathFlags, path: &str, accessed: Time, modified: Time) -> Result<()> {
        done(block_on(self.0.set_times_at(lookup, path.to_owned(), accessed.into(), modified.into())))
    }

    pub fn link_at(&self, lookup: PathFlags, path: &str, to: &Descriptor, new: &str) -> Result<()> {
        done(block_on(self.0.link_at(lookup, path.to_owned(), &to.0, new.to_owned())))
    }

    pub fn open_at(
        &self,
        lookup: PathFlags,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Descriptor> {
        block_on(self.0.open_at(lookup, path.to_owned(), open, flags)).map(Descriptor).map_err(Code::from)
    }

    pub fn readlink_at(&self, path: &str) -> Result<String> {
        done(block_on(self.0.readlink_at(path.to_owned())))
    }

    pub fn remove_directory_at(&self, path: &str) -> Result<()> {
        done(block_on(self.0.remove_directory_at(path.to_owned())))
    }

    pub fn rename_at(&self, path: &str, to: &Descriptor, new: &str) -> Result<()> {
        done(block_on(self.0.rename_at(path.to_owned(), &to.0, new.to_owned())))
    }

    pub fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        done(block_on(self.0.symlink_at(target.to_owned(), path.to_owned())))
    }

    pub fn unlink_file_at(&self, path: &str) -> Result<()> {
        done(block_on(self.0.unlink_file_at(path.to_owned())))
    }

    pub fn is_same_object(&self, other: &Descriptor) -> bool {
        block_on(self.0.is_same_object(&other.0))
    }

    pub fn metadata_hash(&self) -> Result<Hash> {
        done(block_on(self.0.metadata_hash()))
    }

    pub fn metadata_hash_at(&self, lookup: PathFlags, path: &str) -> Result<Hash> {
        done(block_on(self.0.metadata_hash_at(lookup, path.to_owned())))
    }
}

/// What a file answers when the stream that was given to it ends.
pub type End = std::result::Result<(), ErrorCode>;

/// Gives everything to a file that reads from the other end of `writer`, and waits for its answer.
pub async fn feed(mut writer: StreamWriter<u8>, bytes: &[u8], end: impl Future<Output = End>) -> Result<()> {
    let write = async {
        let left = writer.write_all(bytes.to_vec()).await;
        drop(writer);
        left.len()
    };
    let (left, end) = both(write, end).await;
    // A file that took all may still have failed; one that did not must say why.
    assert!(left == 0 || end.is_err(), "the file left {left} bytes and reports no error");
    done(end)
}
