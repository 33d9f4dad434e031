//! `tree PATH`: what a directory holds, in a few lines. No behaviour, but a first thing to run over a real tree.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Default)]
struct Summary {
    directories: u64,
    files: u64,
    symlinks: u64,
    others: u64,
    bytes: u64,
    largest: Vec<(u64, PathBuf)>,
    extensions: BTreeMap<String, (u64, u64)>,
    unreadable: Vec<(PathBuf, io::Error)>,
}

const LARGEST: usize = 5;
const EXTENSIONS: usize = 8;

pub fn print(root: &str) -> Result<(), String> {
    let top = fs::metadata(root).map_err(|error| format!("{root}: {error}"))?;
    if !top.is_dir() {
        return Err(format!("{root}: not a directory"));
    }
    let mut summary = Summary::default();
    walk(Path::new(root), &mut summary);
    summary.print(root);
    if summary.unreadable.is_empty() {
        Ok(())
    } else {
        Err(format!("{} could not be read", summary.unreadable.len()))
    }
}

fn walk(root: &Path, summary: &mut Summary) {
    // A list of what is to do instead of recursion, so that no tree is too deep.
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        let listing = fs::read_dir(&directory).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let mut entries = match listing {
            Ok(entries) => entries,
            Err(error) => {
                summary.unreadable.push((directory, error));
                continue;
            }
        };
        entries.sort_by_key(|entry| entry.file_name());
        let mut below = Vec::new();
        for entry in entries {
            let path = entry.path();
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    summary.directories += 1;
                    below.push(path);
                }
                Ok(metadata) if metadata.is_file() => summary.add_file(path, metadata.len()),
                Ok(metadata) if metadata.is_symlink() => summary.symlinks += 1,
                Ok(_) => summary.others += 1,
                Err(error) => summary.unreadable.push((path, error)),
            }
        }
        todo.extend(below.into_iter().rev());
    }
}

impl Summary {
    fn add_file(&mut self, path: PathBuf, len: u64) {
        self.files += 1;
        self.bytes += len;
        let extension = path.extension().map_or("(none)".into(), |ext| format!(".{}", ext.to_string_lossy()));
        let (count, bytes) = self.extensions.entry(extension).or_default();
        *count += 1;
        *bytes += len;

        // Sorted, largest first; of equals the one that came first.
        let at = self.largest.partition_point(|(other, _)| *other >= len);
        if at < LARGEST {
            self.largest.insert(at, (len, path));
            self.largest.truncate(LARGEST);
        }
    }

    fn print(&self, root: &str) {
        println!("{root}");
        println!("{:>12}  directories", grouped(self.directories));
        println!("{:>12}  files", grouped(self.files));
        println!("{:>12}  symlinks", grouped(self.symlinks));
        if self.others > 0 {
            println!("{:>12}  others", grouped(self.others));
        }
        println!("{:>12}  bytes in files", grouped(self.bytes));

        if !self.largest.is_empty() {
            println!("\nlargest files");
            for (len, path) in &self.largest {
                println!("{:>12}  {}", grouped(*len), path.display());
            }

            println!("\nby extension");
            let mut extensions: Vec<_> = self.extensions.iter().collect();
            extensions.sort_by_key(|(name, (count, _))| (u64::MAX - count, *name));
            for (name, (count, bytes)) in extensions.iter().take(EXTENSIONS) {
                println!("{:>12}  {name}, {} bytes", grouped(*count), grouped(*bytes));
            }
            if extensions.len() > EXTENSIONS {
                let rest: u64 = extensions[EXTENSIONS..].iter().map(|(_, (count, _))| count).sum();
                println!("{:>12}  with {} other extensions", grouped(rest), extensions.len() - EXTENSIONS);
            }
        }

        for (path, error) in &self.unreadable {
            println!("\ncannot read {}: {error}", path.display());
        }
    }
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
