//! Changes of which nobody knows whether they happened.

use crate::abi::{Call, Errno, Error, Name};
use crate::gofer::dentry::Dentry;
use crate::gofer::fs::{DentryRef, GoferFs};

/// Whether an error says that nothing was changed. The others (an answer that was lost, a call that was ended) do not.
fn is_refusal(error: Error) -> bool {
    match error {
        Error::WouldWait | Error::Unbound => true,
        Error::Errno(errno) => !matches!(
            errno,
            Errno::Io
                | Errno::Intr
                | Errno::Again
                | Errno::Timedout
                | Errno::Canceled
                | Errno::Pipe
                | Errno::Proto
                | Errno::Connrefused
                | Errno::Overflow
                | Errno::Stale
        ),
    }
}

impl GoferFs {
    /// Passes the error of a change on. Where it may have been made all the same, and names are answered from the cache,
    /// what is cached of `names` is forgotten: the next look asks the backend.
    pub(super) fn doubt(&self, call: &Call, error: Error, names: &[(&DentryRef, Name<'_>)]) -> Error {
        if is_refusal(error) || !self.coherence.trusts_names() {
            return error;
        }
        self.commit(call, |tree, dead| {
            for (dir, name) in names {
                if let Some(child) = tree.child_of(dir.id().index, *name) {
                    if let Some(inode) = tree.inode(child) {
                        inode.attr_changed();
                    }
                    if !tree.get(tree.id(child)).is_some_and(Dentry::is_anchored) {
                        tree.detach(child, dead);
                    }
                }
                Self::dir_changed(tree, dir);
            }
        });
        error
    }
}
