//! The functions of `descriptor` and `directory-entry-stream`.

use super::bindings::{Advice, DescriptorFlags, DirectoryEntry, NewTimestamp, OpenFlags, PathFlags};
use super::encode::{
    advice, descriptor_flags, descriptor_stat, descriptor_type, follow, metadata_hash_value, open_args, set_time,
};
use super::input::FileInput;
use super::method::{Interface, answer};
use super::output::{FileOutput, Place};
use crate::abi::{Call, Errno, Error, Result};
use crate::vfs::Rights;
use crate::wasi::component::{
    Descriptor, DirectoryEntries, Fail, GoferCtxView, GoferView, OpenedFile, Outcome, TRANSFER_MAX, behind, hand_over,
    metadata_hash, path, push,
};
use std::io::IoSlice;
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

/// A handle of a descriptor, owned or borrowed.
type Handle = Resource<Descriptor>;

/// What is found is the answer.
fn as_found<W>(_: &mut GoferCtxView<'_>, found: W) -> Outcome<W> {
    Ok(found)
}

/// Links all of them.
pub(super) fn add<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    add_kinds(interface)?;
    add_streams(interface)?;
    add_data(interface)?;
    add_write(interface)?;
    add_attributes(interface)?;
    add_attributes_at(interface)?;
    add_open(interface)?;
    add_names(interface)?;
    add_two_names(interface)?;
    add_identity(interface)?;
    add_listing(interface)
}

fn add_kinds<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.at_once("[method]descriptor.get-flags", |view, (handle,): (Handle,)| {
        Ok(descriptor_flags(behind(view, &handle)?.flags()?))
    })?;
    interface.at_once("[method]descriptor.get-type", |view, (handle,): (Handle,)| {
        Ok(descriptor_type(Some(behind(view, &handle)?.file_type()?)))
    })
}

/// The file of a descriptor that a stream is to read or write: `EISDIR` for a directory, `EBADF` when it was not opened
/// for that.
fn streamed(view: &GoferCtxView<'_>, handle: &Handle, right: Rights) -> Outcome<Arc<OpenedFile>> {
    match behind(view, handle)? {
        Descriptor::File(file) if file.file()?.rights().contains(right) => Ok(Arc::clone(file)),
        Descriptor::File(_) => Err(Errno::Badf.into()),
        Descriptor::Directory(_) if right == Rights::READ => Err(Errno::Isdir.into()),
        Descriptor::Directory(_) => Err(Errno::Badf.into()),
    }
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

fn add_data<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
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
    )?;
    interface.waiting(
        "[method]descriptor.advise",
        |_, (handle, offset, len, hint): (Handle, u64, u64, Advice)| Ok((handle, (offset, len, advice(hint)))),
        |descriptor, (offset, len, hint), call| descriptor.file()?.advise(call, *offset, *len, *hint),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.set-size",
        |_, (handle, size): (Handle, u64)| Ok((handle, size)),
        |descriptor, size, call| descriptor.file()?.set_size(call, *size),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.sync",
        |_, (handle,): (Handle,)| Ok((handle, ())),
        |descriptor, (), call| descriptor.sync(call, false),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.sync-data",
        |_, (handle,): (Handle,)| Ok((handle, ())),
        |descriptor, (), call| descriptor.sync(call, true),
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
            answer(
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
            Ok(Write::Done(written)) => Box::new(std::future::ready(answer(WRITE, Ok(written)))),
            Err(fail) => Box::new(std::future::ready(answer(WRITE, Err(fail)))),
            Ok(Write::Waits(file, bytes, call)) => Box::new(async move {
                let written = hand_over(&call, move |call| write_at(&file, call, &bytes, offset)).await;
                answer(WRITE, written.map_err(Fail::from))
            }),
        }
    })
}

fn add_attributes<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.stat",
        |_, (handle,): (Handle,)| Ok((handle, ())),
        |descriptor, (), call| descriptor.stat(call),
        |_, stat| Ok(descriptor_stat(&stat)),
    )?;
    interface.waiting(
        "[method]descriptor.set-times",
        |_, (handle, atime, mtime): (Handle, NewTimestamp, NewTimestamp)| {
            Ok((handle, (set_time(atime)?, set_time(mtime)?)))
        },
        |descriptor, (atime, mtime), call| descriptor.set_times(call, *atime, *mtime),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.metadata-hash",
        |_, (handle,): (Handle,)| Ok((handle, ())),
        |descriptor, (), call| descriptor.metadata_hash(call),
        |_, hash| Ok(metadata_hash_value(hash)),
    )
}

fn add_attributes_at<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.stat-at",
        |store, (handle, flags, name): (Handle, PathFlags, WasmStr)| Ok((handle, (follow(flags), path(store, &name)?))),
        |descriptor, (follow, path), call| descriptor.directory()?.stat_at(call, path, *follow),
        |_, stat| Ok(descriptor_stat(&stat)),
    )?;
    interface.waiting(
        "[method]descriptor.set-times-at",
        |store, params: (Handle, PathFlags, WasmStr, NewTimestamp, NewTimestamp)| {
            let (handle, flags, name, atime, mtime) = params;
            Ok((handle, (follow(flags), path(store, &name)?, set_time(atime)?, set_time(mtime)?)))
        },
        |descriptor, (follow, path, atime, mtime), call| {
            descriptor.directory()?.set_times_at(call, path, *follow, *atime, *mtime)
        },
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.metadata-hash-at",
        |store, (handle, flags, name): (Handle, PathFlags, WasmStr)| Ok((handle, (follow(flags), path(store, &name)?))),
        |descriptor, (follow, path), call| {
            Ok(metadata_hash(&descriptor.directory()?.stat_at(call, path, *follow)?.key))
        },
        |_, hash| Ok(metadata_hash_value(hash)),
    )
}

fn add_open<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.open-at",
        |store, (handle, follow, name, open, flags): (Handle, PathFlags, WasmStr, OpenFlags, DescriptorFlags)| {
            let path = path(store, &name)?;
            // Before anything is opened.
            store.data_mut().gofer().ctx.check_room()?;
            Ok((handle, (path, open_args(follow, open, flags))))
        },
        |descriptor: &Descriptor, (path, args), call| descriptor.open_at(call, path, *args),
        |view, opened| {
            let descriptor = view.ctx.adopt(opened)?;
            push(view, descriptor)
        },
    )
}

fn add_names<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.create-directory-at",
        |store, (handle, name): (Handle, WasmStr)| Ok((handle, path(store, &name)?)),
        |descriptor, path, call| descriptor.directory()?.create_directory_at(call, path),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.remove-directory-at",
        |store, (handle, name): (Handle, WasmStr)| Ok((handle, path(store, &name)?)),
        |descriptor, path, call| descriptor.directory()?.remove_directory_at(call, path),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.unlink-file-at",
        |store, (handle, name): (Handle, WasmStr)| Ok((handle, path(store, &name)?)),
        |descriptor, path, call| descriptor.directory()?.unlink_at(call, path),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.symlink-at",
        |store, (handle, target, name): (Handle, WasmStr, WasmStr)| {
            Ok((handle, (path(store, &target)?, path(store, &name)?)))
        },
        |descriptor, (target, path), call| descriptor.directory()?.symlink_at(call, target, path),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.readlink-at",
        |store, (handle, name): (Handle, WasmStr)| Ok((handle, path(store, &name)?)),
        |descriptor, path, call| descriptor.readlink_at(call, path),
        as_found,
    )
}

/// The directory behind a second handle.
fn other<T: GoferView + 'static>(store: &mut StoreContextMut<'_, T>, handle: &Handle) -> Outcome<Descriptor> {
    Ok(behind(&store.data_mut().gofer(), handle)?.clone())
}

fn add_two_names<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.link-at",
        |store, (handle, flags, old, new_handle, new): (Handle, PathFlags, WasmStr, Handle, WasmStr)| {
            let paths = (path(store, &old)?, path(store, &new)?);
            Ok((handle, (follow(flags), paths, other(store, &new_handle)?)))
        },
        |descriptor, (follow, (old, new), other), call| {
            let (from, to) = (descriptor.directory()?, other.directory()?);
            if *follow { from.link_at_following(call, old, to, new) } else { from.link_at(call, old, to, new) }
        },
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.rename-at",
        |store, (handle, old, new_handle, new): (Handle, WasmStr, Handle, WasmStr)| {
            let paths = (path(store, &old)?, path(store, &new)?);
            Ok((handle, (paths, other(store, &new_handle)?)))
        },
        |descriptor, ((old, new), other), call| descriptor.directory()?.rename_at(call, old, other.directory()?, new),
        as_found,
    )
}

fn add_identity<T: GoferView + 'static>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.waiting_as(
        "[method]descriptor.is-same-object",
        |store, (handle, second): (Handle, Handle)| Ok((handle, other(store, &second)?)),
        |descriptor: &Descriptor, other, call| descriptor.is_same_object(call, other),
        as_found,
        |outcome| match outcome {
            Ok(same) => Ok((same,)),
            // The function has no way to fail, and what cannot be looked at is not known to be the same.
            Err(Fail::Errno(_)) => Ok((false,)),
            Err(Fail::Trap(error)) => Err(error),
        },
    )
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
        |_, entry| Ok(entry.map(|entry| DirectoryEntry { type_: descriptor_type(entry.file_type), name: entry.name })),
    )
}
