//! What is there, for drawing operands.

use super::{Found, Model, ROOT};
use crate::act::{DIRS, FILES};
use wasi_gofer::abi::FileType;

impl Model {
    /// The slots with an open file.
    pub(crate) fn open_files(&self) -> Vec<usize> {
        (0..FILES).filter(|slot| self.files[*slot].is_some()).collect()
    }

    /// The slots with an open directory.
    pub(crate) fn open_dirs(&self) -> Vec<usize> {
        (0..DIRS).filter(|slot| self.dirs[*slot].is_some()).collect()
    }

    /// The names in what `path` from a directory slot leads to, for drawing paths.
    pub(crate) fn names_at(&self, dir: usize, path: &str) -> Vec<String> {
        let start = self.dir(dir);
        let path = if path.is_empty() { "." } else { path };
        match self.resolve(start, path, true, false) {
            Ok(Found::Node(id)) => {
                self.entries(id).map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Those of them that lead to directories.
    pub(crate) fn dirs_at(&self, dir: usize, path: &str) -> Vec<String> {
        let start = self.dir(dir);
        let mut names = self.names_at(dir, path);
        names.retain(|name| {
            let found = self.resolve(start, &format!("{path}{name}"), true, false);
            matches!(found, Ok(Found::Node(id)) if self.is_dir(id))
        });
        names
    }

    /// How long a file is that is open.
    pub(crate) fn open_size(&self, slot: usize) -> u64 {
        self.files[slot].as_ref().map_or(0, |file| self.seen(file.id).size.unwrap_or(0))
    }

    /// How long the file is that `path` leads to; 0 if there is none.
    pub(crate) fn size_at(&self, path: &str) -> u64 {
        match self.resolve(ROOT, path, true, false) {
            Ok(Found::Node(id)) => self.seen(id).size.unwrap_or(0),
            _ => 0,
        }
    }

    /// The type of what `path` leads to without following the last link.
    pub(crate) fn type_at(&self, path: &str) -> Option<FileType> {
        match self.resolve(ROOT, path, false, false) {
            Ok(Found::Node(id)) => Some(self.file_type(id)),
            _ => None,
        }
    }
}
