//! What a guest has open.

use super::conduct::{Background, Blocking, Conduct};
#[cfg(feature = "p3")]
use super::guest::KeptConduct;
use super::guest::Slot;
use super::hash::metadata_hash;
use crate::abi::{Call, Errno, Error, FileType, Result, SetTime, Stat};
use crate::vfs::{self, OpenDirectory, OpenFile, Rights};
use std::io::IoSliceMut;
use std::sync::Arc;

bitflags::bitflags! {
    /// How a descriptor was opened: `descriptor-flags` of both WASI versions.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct DescriptorFlags: u8 {
        /// Data can be read.
        const READ = 1 << 0;
        /// Data can be written.
        const WRITE = 1 << 1;
        /// Writes reach the disk with their metadata (`O_SYNC`).
        const FILE_INTEGRITY_SYNC = 1 << 2;
        /// Writes reach the disk (`O_DSYNC`).
        const DATA_INTEGRITY_SYNC = 1 << 3;
        /// Reads are as much in step with the disk as writes (`O_RSYNC`).
        const REQUESTED_WRITE_SYNC = 1 << 4;
        /// Names in a directory may be changed.
        const MUTATE_DIRECTORY = 1 << 5;
    }
}

impl DescriptorFlags {
    /// Those that are fixed at open and only told back.
    const SYNCS: DescriptorFlags =
        Self::FILE_INTEGRITY_SYNC.union(Self::DATA_INTEGRITY_SYNC).union(Self::REQUESTED_WRITE_SYNC);
}

/// A file that a guest has open, through a descriptor or streams; closed with the last of them.
#[derive(Debug)]
pub struct OpenedFile {
    /// There until it is closed.
    file: Option<OpenFile>,
    syncs: DescriptorFlags,
    /// There once a guest has it.
    slot: Option<Slot>,
}

impl OpenedFile {
    /// The file: `EBADF` while it is being closed, when nobody has it any more.
    #[inline]
    pub(crate) fn file(&self) -> Result<&OpenFile> {
        self.file.as_ref().ok_or(Error::Errno(Errno::Badf))
    }

    /// How calls on it behave that the guest does not make itself.
    pub(crate) fn conduct(&self) -> Conduct {
        self.slot.as_ref().map(|slot| slot.guest().conduct()).unwrap_or_default()
    }

    /// As [`OpenedFile::conduct`], for who asks often and keeps it.
    #[cfg(feature = "p3")]
    #[inline]
    pub(crate) fn conduct_kept<'k>(&self, kept: &'k mut KeptConduct) -> &'k Conduct {
        match &self.slot {
            Some(slot) => slot.guest().conduct_kept(kept),
            None => kept.conduct(),
        }
    }

    /// Reads at most `len` bytes at `offset`; none at the end.
    #[inline]
    pub(crate) fn read_at(&self, call: &Call, len: usize, offset: u64) -> Result<Arc<[u8]>> {
        let file = self.file()?;
        let guest = self.slot.as_ref().ok_or(Error::Errno(Errno::Badf))?.guest();
        guest.read_by(len, |bytes| file.read_at(call, &mut [IoSliceMut::new(bytes)], offset))
    }

    fn may(&self, right: Rights) -> bool {
        self.file.as_ref().is_some_and(|file| file.rights().contains(right))
    }
}

impl Drop for OpenedFile {
    /// Closes it. What could not be brought out stays dirty, and is told by whoever shuts the mounts down.
    fn drop(&mut self) {
        // One that no guest ever had is closed by the next operation on its filesystem.
        if self.file.is_some() && self.slot.is_some() {
            self.close(&self.conduct());
        }
    }
}

impl OpenedFile {
    fn close(&mut self, conduct: &Conduct) {
        let (Some(file), slot) = (self.file.take(), self.slot.take()) else { return };
        match conduct.blocking {
            // Only one that could be written has something to bring out.
            Blocking::HandOver if file.rights().contains(Rights::WRITE) => {
                Background::detached(&conduct.waiting, move |call| {
                    let closed = file.close(call);
                    // It counts until then: closes that wait are bounded like what is open.
                    drop(slot);
                    closed
                });
            }
            Blocking::Inline | Blocking::HandOver => drop(file.close(conduct.first(true))),
        }
    }
}

/// A directory that a guest has open.
#[derive(Debug)]
pub struct OpenedDirectory {
    directory: Box<OpenDirectory>,
    syncs: DescriptorFlags,
    slot: Option<Slot>,
}

impl OpenedDirectory {
    /// The directory.
    #[inline]
    pub(crate) fn directory(&self) -> &OpenDirectory {
        &self.directory
    }
}

/// What a handle of the resource `descriptor` stands for, in both WASI versions. Cheap to clone: calls that go on
/// elsewhere hold their own.
#[derive(Clone, Debug)]
pub enum Descriptor {
    /// A file, device or pipe.
    File(Arc<OpenedFile>),
    /// A directory.
    Directory(Arc<OpenedDirectory>),
}

impl Descriptor {
    /// What was opened, with what was asked for; nobody's yet.
    pub(super) fn new(what: vfs::Descriptor, asked: DescriptorFlags) -> Self {
        let syncs = asked & DescriptorFlags::SYNCS;
        match what {
            vfs::Descriptor::File(file) => {
                Descriptor::File(Arc::new(OpenedFile { file: Some(file), syncs, slot: None }))
            }
            vfs::Descriptor::Directory(directory) => {
                Descriptor::Directory(Arc::new(OpenedDirectory { directory, syncs, slot: None }))
            }
        }
    }

    /// Ends it, for a guest whose calls behave like `conduct`; what else holds it keeps it open.
    pub(crate) fn end(self, conduct: &Conduct) {
        if let Descriptor::File(file) = self
            && let Some(mut file) = Arc::into_inner(file)
        {
            file.close(conduct);
        }
    }

    /// Gives it its place among those that a guest has open. It must be new: one that is held elsewhere has one.
    pub(super) fn place(&mut self, slot: Slot) {
        let place = match self {
            Descriptor::File(file) => Arc::get_mut(file).map(|file| &mut file.slot),
            Descriptor::Directory(directory) => Arc::get_mut(directory).map(|directory| &mut directory.slot),
        };
        if let Some(place) = place {
            *place = Some(slot);
        }
    }

    /// A file: `EBADF` for a directory.
    #[inline]
    pub(crate) fn file(&self) -> Result<&OpenFile> {
        self.opened_file()?.file()
    }

    /// As [`Descriptor::file`], for what holds it longer.
    #[inline]
    pub(crate) fn opened_file(&self) -> Result<&Arc<OpenedFile>> {
        match self {
            Descriptor::File(file) => Ok(file),
            Descriptor::Directory(_) => Err(Errno::Badf.into()),
        }
    }

    /// A directory: `ENOTDIR` for anything else.
    #[inline]
    pub(crate) fn directory(&self) -> Result<&OpenDirectory> {
        match self {
            Descriptor::Directory(directory) => Ok(directory.directory()),
            Descriptor::File(_) => Err(Errno::Notdir.into()),
        }
    }

    /// How it was opened, and what may be done with it.
    pub(crate) fn flags(&self) -> Result<DescriptorFlags> {
        match self {
            Descriptor::File(file) => {
                let mut flags = file.syncs;
                flags.set(DescriptorFlags::READ, file.may(Rights::READ));
                flags.set(DescriptorFlags::WRITE, file.may(Rights::WRITE));
                Ok(flags)
            }
            Descriptor::Directory(directory) => {
                let rights = directory.directory.rights()?;
                let mut flags = directory.syncs | DescriptorFlags::READ;
                flags.set(DescriptorFlags::MUTATE_DIRECTORY, rights.contains(Rights::CHANGE));
                Ok(flags)
            }
        }
    }

    /// What it is.
    pub(crate) fn file_type(&self) -> Result<FileType> {
        match self {
            Descriptor::File(file) => Ok(file.file()?.file_type()),
            Descriptor::Directory(_) => Ok(FileType::Directory),
        }
    }

    /// What the symbolic link at `path` contains. WIT: "if the contents contain an absolute or rooted path in the underlying
    /// filesystem, this function fails with `error-code::not-permitted`".
    pub(crate) fn readlink_at(&self, call: &Call, path: &[u8]) -> Result<String> {
        let target = self.directory()?.readlink_at(call, path)?;
        if target.starts_with(b"/") {
            return Err(Errno::Perm.into());
        }
        String::from_utf8(target).map_err(|_| Errno::Ilseq.into())
    }

    /// Its attributes.
    #[inline]
    pub(crate) fn stat(&self, call: &Call) -> Result<Stat> {
        match self {
            Descriptor::File(file) => file.file()?.stat(call),
            Descriptor::Directory(directory) => directory.directory.stat(call),
        }
    }

    /// Sets its times.
    pub(crate) fn set_times(&self, call: &Call, atime: Option<SetTime>, mtime: Option<SetTime>) -> Result<()> {
        match self {
            Descriptor::File(file) => file.file()?.set_times(call, atime, mtime),
            Descriptor::Directory(directory) => directory.directory.set_times(call, atime, mtime),
        }
    }

    /// Makes what was written reach the disk. WIT: "succeeds with no effect if the file descriptor is not opened for
    /// writing"; a directory's entries are brought out.
    pub(crate) fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        match self {
            Descriptor::File(file) if file.may(Rights::WRITE) => file.file()?.sync(call, data_only),
            Descriptor::File(_) => Ok(()),
            Descriptor::Directory(directory) => directory.directory.sync(call),
        }
    }

    /// Its metadata hash; see [`metadata_hash`].
    pub(crate) fn metadata_hash(&self, call: &Call) -> Result<[u64; 2]> {
        Ok(metadata_hash(&self.stat(call)?.key))
    }

    /// Whether both are the same object.
    pub(crate) fn is_same_object(&self, call: &Call, other: &Descriptor) -> Result<bool> {
        Ok(self.file_type()? == other.file_type()? && self.stat(call)?.key == other.stat(call)?.key)
    }
}
