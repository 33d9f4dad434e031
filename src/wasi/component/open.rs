//! `open-at`.

use super::descriptor::{Descriptor, DescriptorFlags};
use crate::abi::{Call, Result};
use crate::vfs::OpenHow;

/// What `open-at` is given, in both WASI versions.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenArgs {
    pub(super) follow: bool,
    pub(super) create: bool,
    pub(super) directory: bool,
    pub(super) exclusive: bool,
    pub(super) truncate: bool,
    pub(super) flags: DescriptorFlags,
}

impl OpenArgs {
    /// WIT: "if `flags` contains `write` or `mutate-directory`, or `open-flags` contains `truncate` or `create`, and the
    /// base descriptor doesn't have `mutate-directory` set, `open-at` fails with `read-only`".
    fn changes(self) -> bool {
        let changing = DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY;
        self.create || self.truncate || self.flags.intersects(changing)
    }

    fn how(self) -> OpenHow {
        let flags = self.flags;
        let syncs = DescriptorFlags::FILE_INTEGRITY_SYNC | DescriptorFlags::REQUESTED_WRITE_SYNC;
        OpenHow {
            follow: self.follow,
            create: self.create,
            exclusive: self.exclusive,
            truncate: self.truncate,
            directory: self.directory,
            read: flags.contains(DescriptorFlags::READ),
            write: flags.contains(DescriptorFlags::WRITE),
            append: false,
            sync: flags.intersects(syncs),
            dsync: flags.contains(DescriptorFlags::DATA_INTEGRITY_SYNC),
        }
    }
}

impl Descriptor {
    /// Opens `path`, relative to this directory. What is opened is nobody's until it is adopted.
    pub(super) fn open_at(&self, call: &Call, path: &[u8], args: OpenArgs) -> Result<Descriptor> {
        let directory = self.directory()?;
        if args.changes() {
            directory.require_change()?;
        }
        Ok(Descriptor::new(directory.open_at(call, path, args.how())?, args.flags))
    }
}
