//! The functions that answer streams and futures. They never wait, and never fail: what a stream cannot do, the future
//! beside it tells.

use super::encode::P3;
use super::listing::{LIST, Lister};
use super::method::Interface;
use super::outcome::{Ending, Told};
use super::reading::{FileReader, READ};
use super::writing::{APPEND, FileWriter, WRITE};
use crate::abi::Errno;
use crate::vfs::Rights;
use crate::wasi::component::{
    Descriptor, DirectoryEntries, Fail, GoferCtxView, GoferView, Handle, OpenedFile, Outcome, Place, Slot, Version,
    behind, streamed,
};
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{FutureReader, Lift, Lower, StreamProducer, StreamReader};

/// Links all of them.
pub(super) fn add_streams<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    let instance = &mut interface.instance;
    instance.func_wrap(READ, |mut store, (handle, offset): (Handle, u64)| {
        let file = placed(&store.data_mut().gofer(), &handle, Rights::READ);
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

/// The file of a descriptor that a stream is to read or write, and a place for the stream.
fn placed(view: &GoferCtxView<'_>, handle: &Handle, right: Rights) -> Outcome<(Arc<OpenedFile>, Slot)> {
    Ok((streamed(view, handle, right)?, view.ctx.slot()?))
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
            let told = Err(P3::failure(call, errno));
            FutureReader::new(store, std::future::ready(Ok::<Told, wasmtime::Error>(told)))
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
    let file = placed(&store.data_mut().gofer(), handle, Rights::WRITE);
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
