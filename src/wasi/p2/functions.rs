//! The functions of `descriptor` that only this version has so, and of `directory-entry-stream`.

use super::bindings::DirectoryEntry;
use super::encode::P2;
use super::input::FileInput;
use super::method::Interface;
use super::output::FileOutput;
use crate::abi::{Call, Errno, Error, Result};
use crate::vfs::Rights;
use crate::wasi::component::{
    Descriptor, DirectoryEntries, Fail, GoferView, Handle, Link, OpenedFile, Outcome, Place, TRANSFER_MAX, Version,
    add_functions, answer, as_found, behind, hand_over, push, streamed,
};
use std::io::IoSlice;
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

/// Links all of them.
pub(super) fn add<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    add_functions(interface)?;
    add_streams(interface)?;
    add_read(interface)?;
    add_write(interface)?;
    add_listing(interface)
}

fn add_streams<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    let asynchronous = interface.asynchronous;
    interface.at_once("[method]descriptor.read-via-stream", move |view, (handle, offset): (Handle, u64)| {
        let file = streamed(view, &handle, Rights::READ)?;
        push::<DynInputStream>(view, Box::new(FileInput::new(file, offset, asynchronous)))
    })?;
    interface.at_once("[method]descriptor.write-via-stream", move |view, (handle, offset): (Handle, u64)| {
        let file = streamed(view, &handle, Rights::WRITE)?;
        push::<DynOutputStream>(view, Box::new(FileOutput::new(file, Place::At(offset), asynchronous)))
    })?;
    interface.at_once("[method]descriptor.append-via-stream", move |view, (handle,): (Handle,)| {
        let file = streamed(view, &handle, Rights::WRITE)?;
        push::<DynOutputStream>(view, Box::new(FileOutput::new(file, Place::End, asynchronous)))
    })
}

fn add_read<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.read",
        |_, (handle, len, offset): (Handle, u64, u64)| {
            let len = usize::try_from(len).unwrap_or(usize::MAX).min(TRANSFER_MAX);
            Ok((handle, (len, offset)))
        },
        |descriptor, (len, offset), call| {
            let data = descriptor.opened_file()?.read_at(call, *len, *offset)?;
            let end = data.is_empty();
            Ok((data, end))
        },
        as_found,
    )
}

const WRITE: &str = "[method]descriptor.write";

/// What `write` is given: the bytes stay in the guest's memory.
type WriteParams = (Handle, WasmList<u8>, u64);

/// How a write that was tried ended.
enum Write {
    Done(u64),
    Waits(Arc<OpenedFile>, Vec<u8>, Call),
}

fn write_at(file: &OpenedFile, call: &Call, bytes: &[u8], offset: u64) -> Result<u64> {
    Ok(file.file()?.write_at(call, &[IoSlice::new(bytes)], offset)? as u64)
}

/// Writes straight from the guest's memory.
fn try_write<T: GoferView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    (handle, bytes, offset): WriteParams,
    can_hand_over: bool,
) -> Outcome<Write> {
    let (file, call) = {
        let view = store.data_mut().gofer();
        let file = Arc::clone(behind(&view, &handle)?.opened_file()?);
        (file, view.ctx.conduct().first(can_hand_over).clone())
    };
    let bytes = bytes.as_le_slice(&*store);
    let done = match write_at(&file, &call, bytes, offset) {
        Ok(written) => Ok(Write::Done(written)),
        Err(Error::WouldWait) if !call.may_wait => {
            // A part of it is an answer too, and bounds the copy.
            let bytes = bytes.get(..TRANSFER_MAX).unwrap_or(bytes).to_vec();
            let waiting = store.data_mut().gofer().ctx.conduct().waiting.clone();
            return Ok(Write::Waits(file, bytes, waiting));
        }
        Err(error) => Err(error.into()),
    };
    store.data_mut().gofer().ctx.after(can_hand_over);
    done
}

fn add_write<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    if !interface.asynchronous {
        return interface.instance.func_wrap(WRITE, |mut store, params: WriteParams| {
            answer::<P2, _>(
                WRITE,
                match try_write(&mut store, params, false) {
                    Ok(Write::Done(written)) => Ok(written),
                    // It was told that it may wait.
                    Ok(Write::Waits(..)) => Err(Errno::Io.into()),
                    Err(fail) => Err(fail),
                },
            )
        });
    }
    interface.instance.func_wrap_async(WRITE, |mut store, params: WriteParams| {
        let offset = params.2;
        match try_write(&mut store, params, true) {
            Ok(Write::Done(written)) => Box::new(std::future::ready(answer::<P2, _>(WRITE, Ok(written)))),
            Err(fail) => Box::new(std::future::ready(answer::<P2, _>(WRITE, Err(fail)))),
            Ok(Write::Waits(file, bytes, call)) => Box::new(async move {
                let written = hand_over(&call, move |call| write_at(&file, call, &bytes, offset)).await;
                answer::<P2, _>(WRITE, written.map_err(Fail::from))
            }),
        }
    })
}

fn add_listing<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.read-directory",
        |store, (handle,): (Handle,)| {
            store.data_mut().gofer().ctx.check_room()?;
            Ok((handle, ()))
        },
        |descriptor: &Descriptor, (), call| descriptor.directory()?.reopen(call),
        |view, directory| {
            let entries = DirectoryEntries::new(view.ctx, directory)?;
            push(view, entries)
        },
    )?;
    interface.waiting(
        "[method]directory-entry-stream.read-directory-entry",
        |_, (handle,): (Resource<DirectoryEntries>,)| Ok((handle, ())),
        |entries, (), call| entries.next(call),
        |_, entry| {
            Ok(entry.map(|entry| DirectoryEntry { type_: P2::descriptor_type(entry.file_type), name: entry.name }))
        },
    )
}
