//! The handles that opens of one inode share.

use crate::abi::OpenFlags;
use crate::backend::ErasedHandle;
use std::fmt;
use std::sync::Arc;

/// At most one handle to read with and one to write with; a handle opened for both stands in both places. Where there is
/// neither, there may be one that only tells attributes.
#[derive(Default)]
pub(crate) struct HandleSet {
    read: Option<ErasedHandle>,
    write: Option<ErasedHandle>,
    look: Option<ErasedHandle>,
}

impl fmt::Debug for HandleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandleSet")
            .field("read", &self.read.is_some())
            .field("write", &self.write.is_some())
            .field("look", &self.look.is_some())
            .finish()
    }
}

impl HandleSet {
    /// Of the access `wanted`, what no handle gives yet.
    pub(crate) fn lacks(&self, wanted: OpenFlags) -> OpenFlags {
        let mut lacking = wanted & (OpenFlags::READ | OpenFlags::WRITE);
        lacking.set(OpenFlags::READ, lacking.contains(OpenFlags::READ) && self.read.is_none());
        lacking.set(OpenFlags::WRITE, lacking.contains(OpenFlags::WRITE) && self.write.is_none());
        lacking
    }

    /// Puts `handle`, which gives `access`, into its places; those that it replaces are handed back for release. A
    /// handle in use by an open file lives on there.
    pub(crate) fn install(&mut self, handle: &ErasedHandle, access: OpenFlags) -> Vec<ErasedHandle> {
        let mut replaced: Vec<_> = self.look.take().into_iter().collect();
        if access.contains(OpenFlags::READ) {
            replaced.extend(self.read.replace(Arc::clone(handle)));
        }
        if access.contains(OpenFlags::WRITE) {
            replaced.extend(self.write.replace(Arc::clone(handle)));
        }
        replaced
    }

    /// The handle to read with.
    pub(crate) fn read(&self) -> Option<&ErasedHandle> {
        self.read.as_ref()
    }

    /// The handle to write with.
    pub(crate) fn write(&self) -> Option<&ErasedHandle> {
        self.write.as_ref()
    }

    /// Puts a handle that only tells attributes in, where nothing else tells them; else hands it back.
    pub(crate) fn install_to_look(&mut self, handle: ErasedHandle) -> Option<ErasedHandle> {
        if self.any().is_some() {
            return Some(handle);
        }
        self.look = Some(handle);
        None
    }

    /// A handle that tells attributes.
    pub(crate) fn any(&self) -> Option<&ErasedHandle> {
        self.read.as_ref().or(self.write.as_ref()).or(self.look.as_ref())
    }

    /// Whether nothing can be written through it.
    pub(crate) fn only_reads(&self) -> bool {
        self.write.is_none()
    }

    /// Everything, for release.
    pub(crate) fn into_handles(self) -> Vec<ErasedHandle> {
        self.read.into_iter().chain(self.write).chain(self.look).collect()
    }
}
