//! The directory that all subjects work in, one after the other.

use crate::rows::{LISTS, Op, SIZES, TREE_FILES, read_file_size};
use crate::subjects::Row;
use anyhow::{Context, Result};
use std::fs::{self, File, FileTimes};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Bytes that differ from place to place, so that a misplaced one is seen.
pub(crate) fn pattern(len: u32) -> Vec<u8> {
    (0..len).map(|i| ((i * 7) ^ (i >> 8)).to_le_bytes()[0]).collect()
}

/// The first chunk is `i` 0: a MiB in which every eight bytes differ from all others of all chunks.
fn chunk(i: u64) -> Vec<u8> {
    let words = (i << 17..(i + 1) << 17).map(|word| (word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    words.flat_map(u64::to_le_bytes).collect()
}

/// What bytes come to behind others that came to `sum`, in the order of their words; the guest does the same.
pub(crate) fn digest(sum: u64, bytes: &[u8]) -> u64 {
    bytes
        .as_chunks()
        .0
        .iter()
        .fold(sum, |sum, word| (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The size and the digest of a file, which then is in the kernel's cache.
fn size_and_digest(path: &Path) -> Result<[u64; 2]> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let (mut bytes, mut size, mut sum) = (vec![0; 1 << 20], 0, 0);
    loop {
        let len = file.read(&mut bytes)?;
        if len == 0 {
            return Ok([size, sum]);
        }
        size += len as u64;
        sum = digest(sum, bytes.get(..len).unwrap_or_default());
    }
}

/// Makes the large file that a row reads, where it is not there.
pub(crate) fn build_big(root: &Path, op: Op) -> Result<()> {
    let path = root.join(op.path());
    let (Op::PreadRandom { mib } | Op::SeqReadCold { mib, .. }) = op else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    let mut file = File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
    for i in 0..mib {
        file.write_all(&chunk(i.into()))?;
    }
    date(&file)
}

/// Makes the files of these rows under `root`, a new directory.
pub(crate) fn build(root: &Path, rows: &[Row]) -> Result<()> {
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
    rows.iter().try_for_each(|row| build_big(root, row.op))?;
    for row in rows.iter().filter(|row| matches!(row.op, Op::PwriteInTurn { .. })) {
        reset(root, row.op)?;
    }
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
        Op::PwriteInTurn { mib } => Ok(fs::write(root.join(op.path()), vec![0; (mib as usize) << 20])?),
        _ => ready(root, op),
    }
}

/// Brings about what a sample of a whole file begins with: the file that is written is not there, that which is read is
/// in the kernel's cache.
pub(crate) fn ready(root: &Path, op: Op) -> Result<()> {
    let path = root.join(op.path());
    match op {
        Op::SeqWrite { .. } if path.exists() => Ok(fs::remove_file(path)?),
        Op::SeqReadCold { .. } => size_and_digest(&path).map(drop),
        _ => Ok(()),
    }
}

/// What an operation that changes files left behind, as the host sees it.
pub(crate) fn aftermath(root: &Path, op: Op) -> Result<Vec<u8>> {
    match op {
        Op::FdPwrite { .. } | Op::Issue7973 { .. } => Ok(fs::read(root.join(op.path()))?),
        Op::PwriteInTurn { .. } | Op::SeqWrite { .. } => {
            let [size, sum] = size_and_digest(&root.join(op.path()))?;
            Ok([size.to_le_bytes(), sum.to_le_bytes()].concat())
        }
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
