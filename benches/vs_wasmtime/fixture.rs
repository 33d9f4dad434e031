//! The directory that all subjects work in, one after the other.

use crate::rows::{LISTS, Op, SIZES, TREE_FILES, read_file_size};
use anyhow::{Context, Result};
use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Bytes that differ from place to place, so that a misplaced one is seen.
pub(crate) fn pattern(len: u32) -> Vec<u8> {
    (0..len).map(|i| ((i * 7) ^ (i >> 8)).to_le_bytes()[0]).collect()
}

/// Makes the files under `root`, a new directory.
pub(crate) fn build(root: &Path) -> Result<()> {
    fs::create_dir_all(root.join("a/b/c")).with_context(|| format!("cannot make {}", root.display()))?;
    fs::create_dir(root.join("work"))?;
    write(&root.join("file.txt"), &pattern(1000))?;
    write(&root.join("a/b/c/file.txt"), &pattern(2000))?;
    date(&File::open(root.join("a"))?)?;
    for (len, _) in SIZES {
        write(&root.join(Op::FdRead { len }.path()), &pattern(read_file_size(len)))?;
        write(&root.join(Op::FdPwrite { len }.path()), &vec![0; len as usize])?;
    }
    write(&root.join(Op::PathRename.path()), b"renamed")?;
    build_lists(root)?;
    build_tree(&root.join(Op::TreeWalk.path()))?;
    // What the journal owes is not for the measurement to pay.
    rustix::fs::syncfs(File::open(root)?)?;
    Ok(())
}

/// Makes only the directories that are listed.
pub(crate) fn build_lists(root: &Path) -> Result<()> {
    for entries in LISTS {
        let dir = root.join(Op::FdReaddir { entries }.path());
        fs::create_dir_all(&dir)?;
        for i in 0..entries {
            write(&dir.join(format!("entry-{i:06}.txt")), b"")?;
        }
    }
    Ok(())
}

fn build_tree(root: &Path) -> Result<()> {
    for i in 0..TREE_FILES {
        let dir = root.join(format!("dir-{}/sub-{}", i / 1000, i / 100 % 10));
        if i % 100 == 0 {
            fs::create_dir_all(&dir)?;
        }
        write(&dir.join(format!("source-{i:05}.rs")), &pattern(i % 100))?;
    }
    Ok(())
}

fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let mut file = File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(contents)?;
    date(&file)
}

/// A time that no clock of the measurement can have.
fn date(file: &File) -> Result<()> {
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    Ok(file.set_times(FileTimes::new().set_modified(time))?)
}

/// Undoes what an operation left in a file, so that the next subject's own trace is seen.
pub(crate) fn reset(root: &Path, op: Op) -> Result<()> {
    match op {
        Op::FdPwrite { len } => Ok(fs::write(root.join(op.path()), vec![0; len as usize])?),
        Op::Issue7973 { .. } => Ok(fs::write(root.join(op.path()), b"")?),
        _ => Ok(()),
    }
}

/// What an operation that changes files left behind, as the host sees it.
pub(crate) fn aftermath(root: &Path, op: Op) -> Result<Vec<u8>> {
    match op {
        Op::FdPwrite { .. } | Op::Issue7973 { .. } => Ok(fs::read(root.join(op.path()))?),
        Op::PathCreateUnlink | Op::PathRename | Op::PathCreateRemoveDirectory => {
            let mut names = Vec::new();
            for entry in fs::read_dir(root.join("work"))? {
                let entry = entry?;
                names.push(format!("{:?} {}\n", entry.file_name(), entry.metadata()?.len()));
            }
            names.sort();
            Ok(names.concat().into_bytes())
        }
        _ => Ok(Vec::new()),
    }
}
