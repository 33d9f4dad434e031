//! The committed guests and what is known of them.

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the guests are.
#[must_use]
pub fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests")
}

/// A committed module, by its file name.
#[must_use]
pub fn committed(name: &str) -> PathBuf {
    guests().join(name)
}

/// Checks a committed module against its checksum, and the sources that it was built from against theirs: what
/// `check.sh --quick` does.
///
/// # Errors
///
/// The text says which file is another one than was recorded.
pub fn check_committed(name: &str) -> Result<()> {
    let here = guests();
    let sources = checksums(&here.join(format!("{name}.sources")))?;
    for (file, expected) in checksums(&here.join(format!("{name}.sha256")))?.iter().chain(&sources) {
        let bytes = fs::read(here.join(file)).with_context(|| format!("cannot read {file}"))?;
        let actual = hex(&Sha256::digest(bytes));
        ensure!(actual == *expected, "{file} is stale: run guest-tests/guests/build.sh and commit what it wrote");
    }
    // What was added since: a source beside those that are listed.
    let directories: BTreeSet<_> = sources.keys().filter_map(|file| Path::new(file).parent()).collect();
    for directory in directories {
        for entry in fs::read_dir(here.join(directory))? {
            let file = directory.join(entry?.file_name()).to_string_lossy().into_owned();
            ensure!(!file.ends_with(".rs") || sources.contains_key(&file), "{file} is newer than {name}");
        }
    }
    Ok(())
}

/// A list of `sha256sum`: checksums by file.
fn checksums(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let list: Option<BTreeMap<_, _>> =
        text.lines().map(|line| line.split_once("  ").map(|(sum, file)| (file.to_owned(), sum.to_owned()))).collect();
    list.filter(|list| !list.is_empty()).with_context(|| format!("{} is no list of checksums", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A committed list of behaviours that differ somewhere, each with what happens instead.
///
/// # Errors
///
/// When the list cannot be read, or a line is no name and reason.
pub fn differences(list: &str) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(committed(list)).with_context(|| format!("cannot read {list}"))?;
    let line = |line: &str| {
        let (name, reason) = line.split_once('\t').with_context(|| format!("`{line}` is no name, tab, reason"))?;
        Ok((name.to_owned(), reason.to_owned()))
    };
    text.lines().map(line).collect()
}
