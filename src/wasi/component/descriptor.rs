//! What a guest has open.

use super::conduct::{Background, Blocking, Conduct};
use super::guest::Slot;
use super::hash::metadata_hash;
use crate::abi::{Call, Errno, FileType, Result, SetTime, Stat};
use crate::vfs::{self, OpenDirectory, OpenFile, Rights};
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

/// Something that was opened and belongs to no guest yet.
#[derive(Debug)]
pub(crate) struct Opened {
    what: vfs::Descriptor,
    asked: DescriptorFlags,
}

impl Opened {
    pub(super) fn new(what: vfs::Descriptor, asked: DescriptorFlags) -> Self {
        Opened { what, asked }
    }

    pub(super) fn directory(directory: OpenDirectory, asked: DescriptorFlags) -> Self {
        Opened::new(vfs::Descriptor::Directory(directory), asked)
    }
}

/// A file that a guest has open, through a descriptor or streams; closed with the last of them.
#[derive(Debug)]
pub struct OpenedFile {
    /// There until it is closed.
    file: Option<OpenFile>,
    syncs: DescriptorFlags,
    slot: Slot,
}

impl OpenedFile {
    /// The file: `EBADF` while it is being closed, when nobody has it any more.
    #[inline]
    pub(crate) fn file(&self) -> Result<&OpenFile> {
        self.file.as_ref().ok_or(crate::abi::Error::Errno(Errno::Badf))
    }

    /// How calls on it behave that the guest does not make itself.
    pub(crate) fn conduct(&self) -> Conduct {
        self.slot.guest().conduct()
    }

    fn may(&self, right: Rights) -> bool {
        self.file.as_ref().is_some_and(|file| file.rights().contains(right))
    }
}

impl Drop for OpenedFile {
    /// Closes it. What could not be brought out stays dirty, and is told by whoever shuts the mounts down.
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        let conduct = self.slot.guest().conduct();
        match conduct.blocking {
            // Only one that could be written has something to bring out.
            Blocking::HandOver if file.rights().contains(Rights::WRITE) => {
                Background::detached(&conduct.waiting, move |call| file.close(call));
            }
            Blocking::Inline | Blocking::HandOver => drop(file.close(conduct.first(true))),
        }
    }
}

/// A directory that a guest has open.
#[derive(Debug)]
pub struct OpenedDirectory {
    directory: OpenDirectory,
    syncs: DescriptorFlags,
    _slot: Slot,
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
    pub(super) fn new(Opened { what, asked }: Opened, slot: Slot) -> Self {
        let syncs = asked & DescriptorFlags::SYNCS;
        match what {
            vfs::Descriptor::File(file) => Descriptor::File(Arc::new(OpenedFile { file: Some(file), syncs, slot })),
            vfs::Descriptor::Directory(directory) => {
                Descriptor::Directory(Arc::new(OpenedDirectory { directory, syncs, _slot: slot }))
            }
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
