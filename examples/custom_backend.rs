//! Storage of your own as a guest's files: a read-only tar archive, held in memory.
//!
//! ```text
//! cargo run --example custom_backend [ARCHIVE.tar]
//! ```
//!
//! The backend only says what is in the archive. Names, attributes and directory lists are cached by the gofer, paths
//! and symbolic links are resolved by it, and what a read-only storage refuses is refused by the trait's default bodies.

use anyhow::{Context as _, Result, anyhow};
use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut, Read as _};
use std::sync::Arc;
use wasi_gofer::abi::{
    Dirent, FileType, InodeKey, Mode, Name, OpenFlags, Result as FsResult, SetStat, SetStatReport, Timespec,
};
use wasi_gofer::backend::{Capabilities, DirentSink, Found, Handle, Object};
use wasi_gofer::{Backend, CachePolicy, Call, DirEntryInfo, Errno, FsOptions, Gofer, GoferCtx, MountOptions, Stat};

/// What an entry of the archive is.
enum Content {
    Directory(BTreeMap<Vec<u8>, usize>),
    File(Arc<[u8]>),
    Symlink(Vec<u8>),
}

struct Entry {
    content: Content,
    mode: u32,
    mtime: i64,
}

/// An archive: its entries, the root first. A node is an index.
struct TarFs {
    entries: Vec<Entry>,
}

impl TarFs {
    /// Reads an archive. Entries of other kinds than files, directories and symbolic links are left out.
    fn read(archive: impl std::io::Read) -> Result<TarFs> {
        let root = Entry { content: Content::Directory(BTreeMap::new()), mode: 0o755, mtime: 0 };
        let mut fs = TarFs { entries: vec![root] };
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            let path = entry.path_bytes().into_owned();
            let header = entry.header();
            let (mode, mtime) = (header.mode()?, i64::try_from(header.mtime()?)?);
            let content = match header.entry_type() {
                tar::EntryType::Directory => Content::Directory(BTreeMap::new()),
                tar::EntryType::Regular => {
                    let mut data = Vec::new();
                    entry.read_to_end(&mut data)?;
                    Content::File(data.into())
                }
                tar::EntryType::Symlink => {
                    Content::Symlink(entry.link_name_bytes().context("a link without a target")?.into_owned())
                }
                _ => continue,
            };
            fs.add(&path, Entry { content, mode, mtime })?;
        }
        Ok(fs)
    }

    /// Puts an entry at its path, making directories that the archive does not list.
    fn add(&mut self, path: &[u8], entry: Entry) -> Result<()> {
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).collect();
        let Some((last, above)) = names.split_last() else { return Ok(()) };
        let mut dir = 0;
        for name in above {
            dir = self.child_or_new_directory(dir, name)?;
        }
        let known = self.children(dir).ok().and_then(|children| children.get(*last)).copied();
        match (known, &entry.content) {
            // A directory that was made up when its contents came first.
            (Some(index), Content::Directory(_)) => self.entries[index].mode = entry.mode,
            (Some(index), _) => self.entries[index] = entry,
            (None, _) => drop(self.insert(dir, last, entry)?),
        }
        Ok(())
    }

    fn child_or_new_directory(&mut self, dir: usize, name: &[u8]) -> Result<usize> {
        if let Some(index) = self.children(dir).map_err(|_| anyhow!("a file where a directory is"))?.get(name) {
            return Ok(*index);
        }
        self.insert(dir, name, Entry { content: Content::Directory(BTreeMap::new()), mode: 0o755, mtime: 0 })
    }

    fn insert(&mut self, dir: usize, name: &[u8], entry: Entry) -> Result<usize> {
        let index = self.entries.len();
        let Content::Directory(children) = &mut self.entries[dir].content else {
            return Err(anyhow!("a file where a directory is"));
        };
        children.insert(name.to_vec(), index);
        self.entries.push(entry);
        Ok(index)
    }

    fn children(&self, dir: usize) -> FsResult<&BTreeMap<Vec<u8>, usize>> {
        match &self.entries[dir].content {
            Content::Directory(children) => Ok(children),
            Content::File(_) | Content::Symlink(_) => Err(Errno::Notdir.into()),
        }
    }

    fn stat_of(&self, index: usize) -> Stat {
        let entry = &self.entries[index];
        let (file_type, size) = match &entry.content {
            Content::Directory(children) => (FileType::Directory, children.len()),
            Content::File(data) => (FileType::Regular, data.len()),
            Content::Symlink(target) => (FileType::Symlink, target.len()),
        };
        let time = Timespec { secs: entry.mtime, nanos: 0 };
        Stat {
            key: InodeKey { dev: 1 << 40, ino: index as u64 + 1, birth_ns: None },
            file_type,
            mode: Mode::new(entry.mode),
            nlink: 1,
            uid: 0,
            gid: 0,
            size: size as u64,
            blocks: (size as u64).div_ceil(512),
            blksize: 4096,
            atime: time,
            mtime: time,
            ctime: time,
        }
    }

    fn found(&self, index: usize) -> Found<usize> {
        Found { node: index, stat: self.stat_of(index) }
    }
}

impl Backend for TarFs {
    type Node = usize;
    type Handle = OpenEntry;

    fn name(&self) -> &'static str {
        "tar"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.read_only = true;
        capabilities
    }

    fn root(&self, _call: &Call) -> FsResult<Found<usize>> {
        Ok(self.found(0))
    }

    fn lookup(&self, _call: &Call, dir: &usize, name: Name<'_>) -> FsResult<Found<usize>> {
        let index = self.children(*dir)?.get(name.as_bytes()).ok_or(Errno::Noent)?;
        Ok(self.found(*index))
    }

    fn stat(&self, _call: &Call, object: Object<'_, usize>) -> FsResult<Stat> {
        Ok(self.stat_of(*object.node))
    }

    fn open(&self, _call: &Call, object: Object<'_, usize>, flags: OpenFlags) -> FsResult<Arc<OpenEntry>> {
        if flags.contains(OpenFlags::WRITE) {
            return Err(Errno::Rofs.into());
        }
        match &self.entries[*object.node].content {
            Content::File(data) => Ok(Arc::new(OpenEntry { data: Arc::clone(data), stat: self.stat_of(*object.node) })),
            Content::Directory(_) => Err(Errno::Isdir.into()),
            Content::Symlink(_) => Err(Errno::Loop.into()),
        }
    }

    fn readlink(&self, _call: &Call, object: Object<'_, usize>) -> FsResult<Vec<u8>> {
        match &self.entries[*object.node].content {
            Content::Symlink(target) => Ok(target.clone()),
            Content::Directory(_) | Content::File(_) => Err(Errno::Inval.into()),
        }
    }

    fn read_dir(&self, _call: &Call, dir: &usize, cookie: u64, sink: &mut DirentSink<'_>) -> FsResult<bool> {
        let skip = usize::try_from(cookie).map_err(|_| Errno::Overflow)?;
        for ((name, index), cookie) in self.children(*dir)?.iter().zip(1..).skip(skip) {
            let stat = self.stat_of(*index);
            let entry = Dirent { name: Name::new(name)?, ino: stat.key.ino, file_type: Some(stat.file_type), cookie };
            if !sink(entry) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// An open file of the archive.
struct OpenEntry {
    data: Arc<[u8]>,
    stat: Stat,
}

impl Handle for OpenEntry {
    fn read_at(&self, _call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> FsResult<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.data.len());
        let mut rest = &self.data[start..];
        let before = rest.len();
        for buf in bufs {
            let (now, later) = rest.split_at(rest.len().min(buf.len()));
            buf[..now.len()].copy_from_slice(now);
            rest = later;
        }
        Ok(before - rest.len())
    }

    fn write_at(&self, _call: &Call, _bufs: &[IoSlice<'_>], _offset: u64) -> FsResult<usize> {
        Err(Errno::Rofs.into())
    }

    fn append(&self, _call: &Call, _bufs: &[IoSlice<'_>]) -> FsResult<(usize, u64)> {
        Err(Errno::Rofs.into())
    }

    fn stat(&self, _call: &Call) -> FsResult<Stat> {
        Ok(self.stat)
    }

    fn set_stat(&self, _call: &Call, _set: &SetStat) -> FsResult<SetStatReport> {
        Err(Errno::Rofs.into())
    }

    fn sync(&self, _call: &Call, _data_only: bool) -> FsResult<()> {
        Ok(())
    }
}

/// An archive to show when none is named.
fn sample() -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in [("README", "made up\n"), ("docs/a.txt", "alpha\n"), ("docs/b.txt", "beta, longer\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        builder.append_data(&mut header, path, text.as_bytes())?;
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    builder.append_link(&mut header, "latest", "docs/b.txt")?;
    Ok(builder.into_inner()?)
}

fn mount(archive: &[u8]) -> Result<Gofer> {
    let mut builder = Gofer::builder();
    let options = MountOptions { read_only: true, fs: FsOptions::with_policy(CachePolicy::Exclusive) };
    builder.mount("/", TarFs::read(archive)?, options);
    Ok(builder.build()?)
}

fn list(files: &GoferCtx, path: &str, out: &mut Vec<String>) -> Result<()> {
    for DirEntryInfo { name, file_type, .. } in files.read_dir_path(&Call::WAITING, path)? {
        let path = format!("{}/{}", path.trim_end_matches('/'), String::from_utf8_lossy(&name));
        let stat = files.lookup_stat(&Call::WAITING, &path, false)?;
        out.push(format!("{:>8}  {path}", stat.size));
        if file_type == Some(FileType::Directory) {
            list(files, &path, out)?;
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let archive = match std::env::args().nth(1) {
        Some(path) => std::fs::read(&path).with_context(|| format!("cannot read {path}"))?,
        None => sample()?,
    };
    // A guest would get `gofer.ctx()` as in the example embed_p1; looking needs no guest.
    let gofer = mount(&archive)?;
    let mut lines = Vec::new();
    list(&gofer.ctx(), "/", &mut lines)?;
    println!("{}", lines.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasi_gofer::PathReader;

    fn read(reader: &PathReader) -> Vec<u8> {
        let mut buf = [0; 64];
        let n = reader.read_at(&Call::WAITING, &mut buf, 0).expect("read");
        buf[..n].to_vec()
    }

    #[test]
    fn sample_archive_lists_every_entry_with_its_size() {
        let gofer = mount(&sample().expect("made")).expect("mounted");
        let mut lines = Vec::new();
        list(&gofer.ctx(), "/", &mut lines).expect("listed");
        assert_eq!(
            lines,
            [
                "       8  /README",
                "       2  /docs",
                "       6  /docs/a.txt",
                "      13  /docs/b.txt",
                "      10  /latest"
            ]
        );
    }

    #[test]
    fn read_through_a_symbolic_link_of_the_archive_is_the_target_s_contents() {
        let gofer = mount(&sample().expect("made")).expect("mounted");
        let reader = gofer.ctx().open_read_path(&Call::WAITING, "/latest").expect("opened");
        assert_eq!(read(&reader), b"beta, longer\n");
    }

    #[test]
    fn second_look_asks_the_archive_nothing() {
        let gofer = mount(&sample().expect("made")).expect("mounted");
        let calls = || gofer.stats()[0].fs.backend_calls.clone();
        let look = || gofer.ctx().lookup_stat(&Call::WAITING, "/docs/a.txt", true).expect("there");
        look();
        let before = calls();
        look();
        assert_eq!(calls(), before);
    }
}
