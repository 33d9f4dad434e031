//! The functions of `descriptor` that all versions have alike.

use super::attempt::{Handle, behind, path, push};
use super::ctx::{GoferCtxView, GoferView};
use super::descriptor::Descriptor;
use super::hash::metadata_hash;
use super::types::{
    Advice, DescriptorFlags, MetadataHashValue, OpenFlags, PathFlags, advice, descriptor_flags, follow, open_args,
};
use super::version::{Link, Version};
use crate::wasi::fail::{Fail, Outcome};
use wasmtime::StoreContextMut;
use wasmtime::component::WasmStr;

/// What is found is the answer.
pub(crate) fn as_found<W>(_: &mut GoferCtxView<'_>, found: W) -> Outcome<W> {
    Ok(found)
}

/// Links all of them.
pub(crate) fn add_functions<V: Version, T: GoferView + 'static>(
    interface: &mut impl Link<V, T>,
) -> wasmtime::Result<()> {
    add_kinds(interface)?;
    add_data(interface)?;
    add_attributes(interface)?;
    add_attributes_at(interface)?;
    add_open(interface)?;
    add_names(interface)?;
    add_two_names(interface)?;
    add_identity(interface)
}

fn add_kinds<V: Version, T: GoferView + 'static>(interface: &mut impl Link<V, T>) -> wasmtime::Result<()> {
    interface.at_once("[method]descriptor.get-flags", |view, (handle,): (Handle,)| {
        Ok(descriptor_flags(behind(view, &handle)?.flags()?))
    })?;
    interface.at_once("[method]descriptor.get-type", |view, (handle,): (Handle,)| {
        Ok(V::descriptor_type(Some(behind(view, &handle)?.file_type()?)))
    })
}

fn add_data<V: Version, T: GoferView + 'static>(interface: &mut impl Link<V, T>) -> wasmtime::Result<()> {
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

fn add_attributes<V: Version, T: GoferView + 'static>(interface: &mut impl Link<V, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.stat",
        |_, (handle,): (Handle,)| Ok((handle, ())),
        |descriptor, (), call| descriptor.stat(call),
        |_, stat| Ok(V::descriptor_stat(&stat)),
    )?;
    interface.waiting(
        "[method]descriptor.set-times",
        |_, (handle, atime, mtime): (Handle, V::NewTimestamp, V::NewTimestamp)| {
            Ok((handle, (V::set_time(atime)?, V::set_time(mtime)?)))
        },
        |descriptor, (atime, mtime), call| descriptor.set_times(call, *atime, *mtime),
        as_found,
    )?;
    interface.waiting(
        "[method]descriptor.metadata-hash",
        |_, (handle,): (Handle,)| Ok((handle, ())),
        |descriptor, (), call| descriptor.metadata_hash(call),
        |_, hash| Ok(MetadataHashValue::from(hash)),
    )
}

fn add_attributes_at<V: Version, T: GoferView + 'static>(interface: &mut impl Link<V, T>) -> wasmtime::Result<()> {
    interface.waiting(
        "[method]descriptor.stat-at",
        |store, (handle, flags, name): (Handle, PathFlags, WasmStr)| Ok((handle, (follow(flags), path(store, &name)?))),
        |descriptor, (follow, path), call| descriptor.directory()?.stat_at(call, path, *follow),
        |_, stat| Ok(V::descriptor_stat(&stat)),
    )?;
    interface.waiting(
        "[method]descriptor.set-times-at",
        |store, params: (Handle, PathFlags, WasmStr, V::NewTimestamp, V::NewTimestamp)| {
            let (handle, flags, name, atime, mtime) = params;
            Ok((handle, (follow(flags), path(store, &name)?, V::set_time(atime)?, V::set_time(mtime)?)))
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
        |_, hash| Ok(MetadataHashValue::from(hash)),
    )
}

fn add_open<V: Version, T: GoferView + 'static>(interface: &mut impl Link<V, T>) -> wasmtime::Result<()> {
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

fn add_names<V: Version, T: GoferView + 'static>(interface: &mut impl Link<V, T>) -> wasmtime::Result<()> {
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

/// What is behind a second handle.
fn other<T: GoferView + 'static>(store: &mut StoreContextMut<'_, T>, handle: &Handle) -> Outcome<Descriptor> {
    Ok(behind(&store.data_mut().gofer(), handle)?.clone())
}

fn add_two_names<V: Version, T: GoferView + 'static>(interface: &mut impl Link<V, T>) -> wasmtime::Result<()> {
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

fn add_identity<V: Version, T: GoferView + 'static>(interface: &mut impl Link<V, T>) -> wasmtime::Result<()> {
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
