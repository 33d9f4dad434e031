//! One guest's state, and the way to it.

use super::conduct::{Blocking, Conduct};
use super::descriptor::{Descriptor, DescriptorFlags};
use super::guest::{Guest, Slot};
use crate::abi::{Call, Errno};
use crate::vfs::{self, GoferCtx, Preopen};
use crate::wasi::fail::{Fail, Outcome};
use std::sync::Arc;
use wasmtime::component::{HasData, ResourceTable};

/// The state of a component's calls on files. Lives in the `T` of a `Store<T>`, beside the `WasiCtx` and the
/// [`ResourceTable`]; WASI 0.2 and 0.3 share it.
#[derive(Debug)]
pub struct GoferComponentCtx {
    fs: GoferCtx,
    conduct: Conduct,
    guest: Arc<Guest>,
    limit: usize,
}

impl GoferComponentCtx {
    /// A guest whose files are `fs`. Its calls run inline and wait as long as it takes.
    #[must_use]
    pub fn new(fs: GoferCtx) -> Self {
        let conduct = Conduct::default();
        // What it starts with is never too much.
        let limit = fs.max_descriptors().max(fs.preopens().len());
        GoferComponentCtx { fs, guest: Arc::new(Guest::new(conduct.clone())), conduct, limit }
    }

    /// Sets where calls run that have to wait.
    #[must_use]
    pub fn with_blocking(mut self, blocking: Blocking) -> Self {
        self.behave(Conduct::new(self.conduct.waiting.clone(), blocking));
        self
    }

    /// Sets how long calls wait: a deadline, a token that cancels.
    pub fn set_call(&mut self, call: Call) {
        self.behave(Conduct::new(call, self.conduct.blocking));
    }

    fn behave(&mut self, conduct: Conduct) {
        self.guest.behave(conduct.clone());
        self.conduct = conduct;
    }

    /// The guest's files.
    #[must_use]
    pub fn files(&self) -> &GoferCtx {
        &self.fs
    }

    /// How many files, directories and listings the guest has open, streams included.
    #[must_use]
    pub fn open_descriptors(&self) -> usize {
        self.guest.open()
    }

    /// How calls run.
    #[inline]
    pub(crate) fn conduct(&self) -> &Conduct {
        &self.conduct
    }

    /// `EMFILE` when no more may be opened: asked before anything is.
    #[inline]
    pub(crate) fn check_room(&self) -> Outcome {
        if self.open_descriptors() < self.limit { Ok(()) } else { Err(Errno::Mfile.into()) }
    }

    /// Takes a place for something open: `EMFILE` when none is left.
    pub(crate) fn slot(&self) -> Outcome<Slot> {
        Slot::take(&self.guest, self.limit)
    }

    /// Makes a descriptor that was just opened the guest's: `EMFILE` when it may have no more.
    pub(crate) fn adopt(&self, mut opened: Descriptor) -> Outcome<Descriptor> {
        opened.place(self.slot()?);
        Ok(opened)
    }

    /// Opens every preopen anew, with the names that the guest knows them by.
    pub(crate) fn open_preopens(&self) -> Outcome<Vec<(Descriptor, String)>> {
        let open = |preopen: &Preopen| {
            let slot = self.slot()?;
            let directory = vfs::Descriptor::Directory(Box::new(self.fs.open_preopen(&self.conduct.waiting, preopen)?));
            let mut opened = Descriptor::new(directory, DescriptorFlags::empty());
            opened.place(slot);
            Ok::<_, Fail>((opened, preopen.path().to_owned()))
        };
        self.fs.preopens().iter().map(open).collect()
    }

    /// Does the after-work of what was dropped meanwhile.
    #[inline]
    pub(crate) fn after(&self, can_hand_over: bool) {
        self.fs.after(self.conduct.first(can_hand_over));
    }
}

/// How an embedder's store data leads to the state of a guest's files. The table must be the one that the store data's
/// `WasiView` answers: the streams that we make are found there by wasmtime-wasi's `wasi:io`.
pub trait GoferView: Send {
    /// The guest's state and its resources.
    fn gofer(&mut self) -> GoferCtxView<'_>;
}

impl<T: GoferView + ?Sized> GoferView for &mut T {
    fn gofer(&mut self) -> GoferCtxView<'_> {
        T::gofer(self)
    }
}

impl<T: GoferView + ?Sized> GoferView for Box<T> {
    fn gofer(&mut self) -> GoferCtxView<'_> {
        T::gofer(self)
    }
}

/// A guest's state and its resources, borrowed from the store data.
#[derive(Debug)]
pub struct GoferCtxView<'a> {
    /// The state of its calls on files.
    pub ctx: &'a mut GoferComponentCtx,
    /// Its resources.
    pub table: &'a mut ResourceTable,
}

/// The marker by which bindings of wasmtime name [`GoferCtxView`].
#[derive(Clone, Copy, Debug)]
pub struct HasGofer;

impl HasData for HasGofer {
    type Data<'a> = GoferCtxView<'a>;
}
