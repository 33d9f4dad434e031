//! Everything that can be told of a directory, to be compared.

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use wasi_gofer::{Call, FileType, GoferCtx};

/// Of a larger file, only the first and the last part of this size are compared, so that sparse files cost no time.
const DIGESTED_MAX: u64 = 8 << 20;

/// What an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Its length.
        size: u64,
        /// A checksum of its contents.
        digest: [u8; 32],
    },
    /// A symbolic link.
    Symlink(PathBuf),
    /// A pipe, a socket or a device.
    Special,
}

/// An object under one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its permission bits; `None` where they are not compared.
    pub mode: Option<u32>,
    /// How many names it has.
    pub links: u64,
    /// The first of its names in this tree, if that is another one than this.
    pub same_as: Option<PathBuf>,
}

/// The objects below a directory by their paths, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Object>);

/// What a tree is read through.
trait Source {
    /// The names in a directory.
    fn names(&self, dir: &Path) -> Result<Vec<OsString>>;
    /// An object without its links to others, and its device and inode number.
    fn object(&self, path: &Path) -> Result<(Object, (u64, u64))>;
}

impl Tree {
    /// The tree below a directory of the host.
    ///
    /// # Errors
    ///
    /// When any of it cannot be read.
    pub fn of_host(root: &Path) -> Result<Tree> {
        Tree::of(&Host(root))
    }

    /// The tree as a guest sees it.
    ///
    /// # Errors
    ///
    /// When any of it cannot be read, or a name is no UTF-8.
    pub fn of_guest(files: &GoferCtx) -> Result<Tree> {
        Tree::of(&Guest(files))
    }

    fn of(source: &impl Source) -> Result<Tree> {
        let mut tree = BTreeMap::new();
        let mut first_names: HashMap<(u64, u64), PathBuf> = HashMap::new();
        let mut todo = vec![PathBuf::new()];
        while let Some(dir) = todo.pop() {
            let mut names = source.names(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
            names.sort();
            for name in names {
                let path = dir.join(name);
                let (object, id) = source.object(&path).with_context(|| format!("cannot read {}", path.display()))?;
                if object.kind == Kind::Directory {
                    todo.push(path.clone());
                }
                let first = first_names.entry(id).or_insert_with(|| path.clone());
                if path < *first {
                    first.clone_from(&path);
                }
                tree.insert(path, (object, id));
            }
        }
        let link = |(path, (object, id)): (PathBuf, (Object, (u64, u64)))| {
            let same_as = first_names.get(&id).filter(|first| **first != path).cloned();
            (path, Object { same_as, ..object })
        };
        Ok(Tree(tree.into_iter().map(link).collect()))
    }

    /// The same without permission bits, for a comparison with a filesystem that has no umask.
    #[must_use]
    pub fn without_modes(mut self) -> Tree {
        for object in self.0.values_mut() {
            object.mode = None;
        }
        self
    }

    /// The same without the object at `path` and all below it.
    #[must_use]
    pub fn without(mut self, path: &Path) -> Tree {
        self.0.retain(|other, _| !other.starts_with(path));
        self
    }

    /// The paths of all objects.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The object at a path.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<&Object> {
        self.0.get(path)
    }

    /// Compares.
    ///
    /// # Errors
    ///
    /// The text says where the trees differ, this one's side first.
    pub fn expect(&self, expected: &Tree) -> Result<()> {
        let paths: std::collections::BTreeSet<_> = self.0.keys().chain(expected.0.keys()).collect();
        let differ: Vec<String> = paths
            .into_iter()
            .filter(|path| self.0.get(*path) != expected.0.get(*path))
            .map(|path| format!("{}: {} but {}", path.display(), told(self.get(path)), told(expected.get(path))))
            .collect();
        if differ.is_empty() {
            return Ok(());
        }
        let more = differ.len().saturating_sub(8);
        bail!("{}{}", differ[..differ.len() - more].join("\n"), if more > 0 { "\n..." } else { "" })
    }
}

fn told(object: Option<&Object>) -> String {
    object.map_or_else(|| "missing".to_owned(), ToString::to_string)
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Directory => write!(f, "directory")?,
            Kind::File { size, digest } => {
                let [a, b, c, d, ..] = digest;
                write!(f, "file of {size} bytes ({a:02x}{b:02x}{c:02x}{d:02x})")?;
            }
            Kind::Symlink(target) => write!(f, "symlink to {}", target.display())?,
            Kind::Special => write!(f, "special file")?,
        }
        if let Some(mode) = self.mode {
            write!(f, " {mode:o}")?;
        }
        write!(f, " links {}", self.links)?;
        self.same_as.as_ref().map_or(Ok(()), |first| write!(f, " same as {}", first.display()))
    }
}

/// A checksum of `size` bytes that `read` fills in at an offset; a short read is the end.
fn digest(size: u64, mut read: impl FnMut(&mut [u8], u64) -> Result<usize>) -> Result<[u8; 32]> {
    let parts = match size {
        0..=DIGESTED_MAX => vec![(0, size)],
        _ => vec![(0, DIGESTED_MAX / 2), (size - DIGESTED_MAX / 2, size)],
    };
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    for (mut at, end) in parts {
        while at < end {
            let room = usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
            match read(&mut buffer[..room], at)? {
                0 => bail!("the file ends at {at} of {size} bytes"),
                n => {
                    sha.update(&buffer[..n]);
                    at += n as u64;
                }
            }
        }
    }
    Ok(sha.finalize().into())
}

struct Host<'a>(&'a Path);

impl Source for Host<'_> {
    fn names(&self, dir: &Path) -> Result<Vec<OsString>> {
        fs::read_dir(self.0.join(dir))?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn object(&self, path: &Path) -> Result<(Object, (u64, u64))> {
        let path = self.0.join(path);
        let metadata = fs::symlink_metadata(&path)?;
        let kind = host_kind(&path, &metadata)?;
        let links = if kind == Kind::Directory { 1 } else { metadata.nlink() };
        let mode = Some(metadata.mode() & 0o7777);
        Ok((Object { kind, mode, links, same_as: None }, (metadata.dev(), metadata.ino())))
    }
}

fn host_kind(path: &Path, metadata: &Metadata) -> Result<Kind> {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        return Ok(Kind::Directory);
    }
    if file_type.is_symlink() {
        return Ok(Kind::Symlink(fs::read_link(path)?));
    }
    if file_type.is_fifo() || file_type.is_socket() || file_type.is_char_device() || file_type.is_block_device() {
        return Ok(Kind::Special);
    }
    let file = File::open(path)?;
    let size = metadata.len();
    Ok(Kind::File { size, digest: digest(size, |buffer, at| Ok(file.read_at(buffer, at)?))? })
}

struct Guest<'a>(&'a GoferCtx);

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))
}

impl Source for Guest<'_> {
    fn names(&self, dir: &Path) -> Result<Vec<OsString>> {
        let entries = self.0.read_dir_path(&Call::WAITING, text(dir)?)?;
        Ok(entries.into_iter().map(|entry| OsString::from_vec(entry.name)).collect())
    }

    fn object(&self, path: &Path) -> Result<(Object, (u64, u64))> {
        let (call, path) = (&Call::WAITING, text(path)?);
        let stat = self.0.lookup_stat(call, path, false)?;
        let kind = match stat.file_type {
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink(OsString::from_vec(self.0.read_link_path(call, path)?).into()),
            FileType::Fifo | FileType::Socket | FileType::CharDevice | FileType::BlockDevice => Kind::Special,
            FileType::Regular => {
                let file = self.0.open_read_path(call, path)?;
                let read = |buffer: &mut [u8], at| Ok(file.read_at(call, buffer, at)?);
                Kind::File { size: stat.size, digest: digest(stat.size, read)? }
            }
        };
        let links = if kind == Kind::Directory { 1 } else { stat.nlink };
        let mode = Some(stat.mode.bits());
        Ok((Object { kind, mode, links, same_as: None }, (stat.key.dev, stat.key.ino)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasi_gofer::{Gofer, MemoryFs, MountOptions};

    #[test]
    fn of_host_and_of_guest_over_the_same_directory_are_equal() {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root.path().join("a/b")).expect("made");
        fs::write(root.path().join("a/file"), "contents").expect("written");
        fs::hard_link(root.path().join("a/file"), root.path().join("a/b/other")).expect("linked");
        std::os::unix::fs::symlink("b/other", root.path().join("a/link")).expect("linked");

        let mut builder = Gofer::builder();
        builder.dir(root.path(), "/", MountOptions::default());
        let gofer = builder.build().expect("mounted");
        let (host, guest) = (Tree::of_host(root.path()).expect("read"), Tree::of_guest(&gofer.ctx()).expect("read"));

        host.expect(&guest).expect("equal");
        assert_eq!(host.paths().count(), 5);
        assert_eq!(host.get(Path::new("a/file")).and_then(|o| o.same_as.clone()), Some("a/b/other".into()));
    }

    #[test]
    fn expect_of_a_tree_with_other_contents_names_the_file() {
        let tree = |contents: &str| {
            let mut builder = Gofer::builder();
            let files = MemoryFs::new().with_file("dir/file", contents).expect("made");
            builder.mount("/", files, MountOptions::default());
            Tree::of_guest(&builder.build().expect("mounted").ctx()).expect("read")
        };
        let error = tree("one").expect(&tree("two")).expect_err("they differ").to_string();
        assert!(error.starts_with("dir/file: file of 3 bytes"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
