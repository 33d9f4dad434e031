//! Functions of the same types that do nothing: what the canonical ABI costs. Linked as generated bindings would link
//! them, with paths and written bytes as values of their own.

use super::{ENTRIES, STREAM_PART};
use crate::component::Host;
use bytes::Bytes;
use std::future::ready;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamResult};

struct Descriptor;
struct Entries;

struct Zeroes;

#[async_trait]
impl Pollable for Zeroes {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Zeroes {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        Ok(vec![0; size.min(STREAM_PART as usize)].into())
    }
}

fn stat() -> DescriptorStat {
    let time = Some(Datetime { seconds: 1_700_000_000, nanoseconds: 1 });
    DescriptorStat {
        type_: DescriptorType::RegularFile,
        link_count: 1,
        size: 1000,
        data_access_timestamp: time,
        data_modification_timestamp: time,
        status_change_timestamp: time,
    }
}

type Fd = Resource<Descriptor>;

/// Puts the stub over the filesystem in `linker`.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance("wasi:filesystem/preopens@0.2.12")?.func_wrap("get-directories", |mut store, (): ()| {
        let root: Fd = store.data_mut().ctx().table.push(Descriptor)?;
        Ok((vec![(root, "/".to_owned())],))
    })?;
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.resource("descriptor", ResourceType::host::<Descriptor>(), |mut store, rep| {
        store.data_mut().ctx().table.delete(Resource::<Descriptor>::new_own(rep))?;
        Ok(())
    })?;
    types.resource("directory-entry-stream", ResourceType::host::<Entries>(), |mut store, rep| {
        store.data_mut().ctx().table.delete(Resource::<Entries>::new_own(rep))?;
        Ok(())
    })?;
    add_measured(&mut types)?;
    add_others(&mut types)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The functions that rows call.
fn add_measured(types: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    types.func_wrap_async("[method]descriptor.get-type", |mut store, (fd,): (Fd,)| {
        let found = store.data_mut().ctx().table.get(&fd).map(|_| (Ok::<_, ErrorCode>(DescriptorType::Directory),));
        Box::new(ready(found.map_err(Into::into)))
    })?;
    types.func_wrap_async("[method]descriptor.stat-at", |mut store, (fd, _, path): (Fd, PathFlags, String)| {
        let found = store
            .data_mut()
            .ctx()
            .table
            .get(&fd)
            .map(|_| (if path.starts_with('m') { Err(ErrorCode::NoEntry) } else { Ok(stat()) },));
        Box::new(ready(found.map_err(Into::into)))
    })?;
    types.func_wrap_async("[method]descriptor.stat", |mut store, (fd,): (Fd,)| {
        let found = store.data_mut().ctx().table.get(&fd).map(|_| (Ok::<_, ErrorCode>(stat()),));
        Box::new(ready(found.map_err(Into::into)))
    })?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store, (fd, _, _, _, _): (Fd, PathFlags, String, OpenFlags, DescriptorFlags)| {
            let table = store.data_mut().ctx().table;
            let opened = table.get(&fd).map(drop).and_then(|()| table.push(Descriptor));
            Box::new(ready(opened.map(|opened| (Ok::<_, ErrorCode>(opened),)).map_err(Into::into)))
        },
    )?;
    types.func_wrap_async("[method]descriptor.read", |mut store, (fd, len, _): (Fd, u64, u64)| {
        let len = usize::try_from(len).unwrap_or(0).min(STREAM_PART as usize);
        let read = store.data_mut().ctx().table.get(&fd).map(|_| (Ok::<_, ErrorCode>((vec![0u8; len], false)),));
        Box::new(ready(read.map_err(Into::into)))
    })?;
    types.func_wrap_async("[method]descriptor.write", |mut store, (fd, bytes, _): (Fd, Vec<u8>, u64)| {
        let written = store.data_mut().ctx().table.get(&fd).map(|_| (Ok::<_, ErrorCode>(bytes.len() as u64),));
        Box::new(ready(written.map_err(Into::into)))
    })?;
    types.func_wrap("[method]descriptor.read-via-stream", |mut store, (fd, _): (Fd, u64)| {
        let table = store.data_mut().ctx().table;
        table.get(&fd)?;
        let stream: DynInputStream = Box::new(Zeroes);
        let stream = table.push(stream)?;
        Ok((Ok::<_, ErrorCode>(stream),))
    })?;
    types.func_wrap_async("[method]descriptor.read-directory", |mut store, (fd,): (Fd,)| {
        store.data_mut().entries_left = ENTRIES;
        let table = store.data_mut().ctx().table;
        let opened = table.get(&fd).map(drop).and_then(|()| table.push(Entries));
        Box::new(ready(opened.map(|opened| (Ok::<_, ErrorCode>(opened),)).map_err(Into::into)))
    })?;
    types.func_wrap_async(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store, (entries,): (Resource<Entries>,)| {
            let found = store.data_mut().ctx().table.get(&entries).map(drop);
            let left = &mut store.data_mut().entries_left;
            let entry = (*left > 0)
                .then(|| DirectoryEntry { type_: DescriptorType::RegularFile, name: "entry-000000.txt".to_owned() });
            *left = left.saturating_sub(1);
            Box::new(ready(found.map(|()| (Ok::<_, ErrorCode>(entry),)).map_err(Into::into)))
        },
    )
}

/// Functions that the guest imports and no row calls: over resources of their own they cannot stay wasmtime's.
fn add_others(types: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    let names = [
        "write-via-stream",
        "append-via-stream",
        "advise",
        "sync-data",
        "get-flags",
        "set-size",
        "set-times",
        "sync",
        "create-directory-at",
        "set-times-at",
        "link-at",
        "readlink-at",
        "remove-directory-at",
        "rename-at",
        "symlink-at",
        "unlink-file-at",
        "is-same-object",
        "metadata-hash",
        "metadata-hash-at",
    ];
    for name in names {
        let name = format!("[method]descriptor.{name}");
        types.func_new(&name, |_, _, _, _| Err(wasmtime::Error::msg("no row calls it")))?;
    }
    Ok(())
}
