//! The functions that answer streams and futures. They never wait, and never fail: what a stream cannot do, the future
//! beside it tells.

use super::errors::code;
use super::listing::{LIST, Lister};
use super::method::{Handle, Interface};
use super::outcome::{Ending, Told};
use super::reading::{FileReader, READ};
use super::writing::{APPEND, FileWriter, Place, WRITE};
use crate::abi::Errno;
use crate::vfs::Rights;
use crate::wasi::component::{
    Descriptor, DirectoryEntries, Fail, GoferCtxView, GoferView, OpenedFile, Outcome, Slot, behind,
};
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{FutureReader, Lift, Lower, StreamProducer, StreamReader};

/// Links all of them.
pub(super) fn add_streams<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    let instance = &mut interface.instance;
    instance.func_wrap(READ, |mut store, (handle, offset): (Handle, u64)| {
        let file = streamed(&store.data_mut().gofer(), &handle, Rights::READ);
        produce(store, READ, file, |(file, slot), ending| FileReader::new(file, offset, ending, slot))
    })?;
    instance.func_wrap(WRITE, |store, (handle, data, offset): (Handle, StreamReader<u8>, u64)| {
        consume(store, WRITE, &handle, data, Place::At(offset))
    })?;
    instance.func_wrap(APPEND, |store, (handle, data): (Handle, StreamReader<u8>)| {
        consume(store, APPEND, &handle, data, Place::End)
    })?;
    instance.func_wrap(LIST, |mut store, (handle,): (Handle,)| {
        let entries = listed(&store.data_mut().gofer(), &handle);
        produce(store, LIST, entries, Lister::new)
    })
}

/// The file of a descriptor that a stream is to read or write, and a place for the stream: `EISDIR` for a directory that
/// is to be read, `EBADF` for what was not opened for it.
fn streamed(view: &GoferCtxView<'_>, handle: &Handle, right: Rights) -> Outcome<(Arc<OpenedFile>, Slot)> {
    match behind(view, handle)? {
        Descriptor::File(file) if file.file()?.rights().contains(right) => Ok((Arc::clone(file), view.ctx.slot()?)),
        Descriptor::File(_) => Err(Errno::Badf.into()),
        Descriptor::Directory(_) if right == Rights::READ => Err(Errno::Isdir.into()),
        Descriptor::Directory(_) => Err(Errno::Badf.into()),
    }
}

/// A listing of a descriptor's directory: `ENOTDIR` for anything else.
fn listed(view: &GoferCtxView<'_>, handle: &Handle) -> Outcome<DirectoryEntries> {
    match behind(view, handle)? {
        Descriptor::Directory(directory) => Ok(DirectoryEntries::later(Arc::clone(directory), view.ctx.slot()?)),
        Descriptor::File(_) => Err(Errno::Notdir.into()),
    }
}

/// A future that resolves to a failure; traps go on.
fn failed<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    call: &'static str,
    fail: Fail,
) -> wasmtime::Result<FutureReader<Told>> {
    match fail {
        Fail::Errno(errno) => {
            tracing::debug!(target: "wasi_gofer::p3", call, ?errno);
            FutureReader::new(store, std::future::ready(Ok::<Told, wasmtime::Error>(Err(code(errno)))))
        }
        Fail::Trap(error) => Err(error),
    }
}

type Produced<I> = ((StreamReader<I>, FutureReader<Told>),);

/// A stream that comes from us and the future of its end; an empty one where `from` failed.
fn produce<T: 'static, F, I, P>(
    mut store: StoreContextMut<'_, T>,
    call: &'static str,
    from: Outcome<F>,
    producer: impl FnOnce(F, Ending) -> P,
) -> wasmtime::Result<Produced<I>>
where
    I: Lift + Lower + Send + Sync + 'static,
    P: StreamProducer<T, Item = I>,
{
    match from {
        Ok(from) => {
            let (ending, told) = Ending::new();
            let stream = StreamReader::new(&mut store, producer(from, ending))?;
            Ok(((stream, FutureReader::new(&mut store, told)?),))
        }
        Err(fail) => {
            let told = failed(&mut store, call, fail)?;
            Ok(((StreamReader::new(&mut store, std::iter::empty())?, told),))
        }
    }
}

/// Takes a guest's stream into a file; the future of its end.
fn consume<T: GoferView + 'static>(
    mut store: StoreContextMut<'_, T>,
    call: &'static str,
    handle: &Handle,
    mut data: StreamReader<u8>,
    place: Place,
) -> wasmtime::Result<(FutureReader<Told>,)> {
    let file = streamed(&store.data_mut().gofer(), handle, Rights::WRITE);
    match file {
        Ok((file, slot)) => {
            let (ending, told) = Ending::new();
            data.pipe(&mut store, FileWriter::new(file, place, ending, slot))?;
            Ok((FutureReader::new(&mut store, told)?,))
        }
        Err(fail) => {
            data.close(&mut store)?;
            Ok((failed(&mut store, call, fail)?,))
        }
    }
}
