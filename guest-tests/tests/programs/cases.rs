//! The programs' work, and what of their output is not about files.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// One run of a program.
pub(crate) struct Step {
    /// The name under which it is called; multi-call programs look at it.
    pub(crate) argv0: &'static str,
    pub(crate) args: &'static [&'static str],
    /// Takes times and speeds out of what it printed.
    pub(crate) normalize: fn(&str) -> String,
}

/// A program's work in a fresh directory.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    pub(crate) prepare: fn(&Path) -> Result<()>,
    pub(crate) steps: &'static [Step],
    /// Makes the tree comparable.
    pub(crate) finish: fn(&Path) -> Result<()>,
    /// How many of the steps stock wasmtime does right.
    pub(crate) stock: usize,
    /// Does by hand what the other steps do, where stock fails.
    pub(crate) instead: fn(&Path) -> Result<()>,
}

impl Case {
    /// The steps whose output stock wasmtime is asked for.
    pub(crate) fn stock_steps(&self) -> &'static [Step] {
        self.steps.get(..self.stock).unwrap_or(self.steps)
    }
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "speedtest1",
        program: "speedtest1",
        prepare: nothing,
        steps: &[Step {
            argv0: "speedtest1.wasm",
            args: &["--size", "25", "--journal", "persist", "--verify", "/test.db"],
            normalize: without_seconds,
        }],
        finish: blank_journal,
        stock: 1,
        instead: nothing,
    },
    Case {
        name: "postmark",
        program: "postmark",
        prepare: postmark_script,
        steps: &[Step { argv0: "postmark.wasm", args: &["/script"], normalize: counts_of_postmark }],
        finish: nothing,
        stock: 1,
        instead: nothing,
    },
    Case {
        name: "ripgrep",
        program: "ripgrep",
        prepare: own_sources,
        steps: &[
            Step { argv0: "rg", args: &["-j1", "-c", "fn ", "/tree"], normalize: sorted },
            Step { argv0: "rg", args: &["-j1", "--files", "/tree"], normalize: sorted },
            Step { argv0: "rg", args: &["-j1", "-n", "unsafe|RWF_APPEND", "/tree"], normalize: sorted },
        ],
        finish: nothing,
        stock: 3,
        instead: nothing,
    },
    Case {
        name: "coreutils",
        program: "coreutils",
        prepare: own_sources,
        steps: &[
            Step { argv0: "coreutils.wasm", args: &["ls", "-lR", "/tree"], normalize: without_the_link },
            Step { argv0: "coreutils.wasm", args: &["cp", "-r", "/tree", "/copy"], normalize: same },
            Step { argv0: "coreutils.wasm", args: &["cp", "-r", "/tree", "/kept"], normalize: same },
            Step { argv0: "coreutils.wasm", args: &["ls", "-R", "/copy"], normalize: same },
            Step { argv0: "coreutils.wasm", args: &["rm", "-rf", "/copy"], normalize: same },
        ],
        finish: must_lack_copy,
        // Stock wasmtime leaves files behind: its directory cookies are positions in a list that changes.
        stock: 4,
        instead: remove_copy,
    },
];

fn nothing(_: &Path) -> Result<()> {
    Ok(())
}

/// A journal carries a random number in its headers and checksums: only its length is compared.
fn blank_journal(root: &Path) -> Result<()> {
    let journal = File::options().write(true).open(root.join("test.db-journal"))?;
    let len = journal.metadata()?.len();
    journal.set_len(0)?;
    Ok(journal.set_len(len)?)
}

fn remove_copy(root: &Path) -> Result<()> {
    Ok(fs::remove_dir_all(root.join("copy"))?)
}

fn must_lack_copy(root: &Path) -> Result<()> {
    anyhow::ensure!(!root.join("copy").exists(), "rm -rf left something behind");
    Ok(())
}

/// 500 files and 5,000 transactions in 10 directories.
fn postmark_script(root: &Path) -> Result<()> {
    let script =
        "set location /\nset number 500\nset transactions 5000\nset subdirectories 10\nset seed 42\nrun\nquit\n";
    Ok(fs::write(root.join("script"), script)?)
}

/// This repository's own sources as `tree`, with modification times that do not depend on the day.
fn own_sources(root: &Path) -> Result<()> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in ["src", "host", "docs", "examples", "guest-tests/src", "guest-tests/guests/behaviours/src"] {
        copy(&repository.join(part), &root.join("tree").join(part))?;
    }
    let link = root.join("tree/latest");
    std::os::unix::fs::symlink("src/lib.rs", &link)?;
    fs::hard_link(root.join("tree/src/lib.rs"), root.join("tree/lib-again.rs"))?;
    set_times(&root.join("tree"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

fn set_times(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            set_times(&entry?.path())?;
        }
    }
    if !path.is_symlink() {
        File::open(path)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))?;
    }
    Ok(())
}

fn same(printed: &str) -> String {
    printed.to_owned()
}

/// The line of the symbolic link tells when it was made.
fn without_the_link(printed: &str) -> String {
    printed.lines().filter(|line| !line.contains("latest ->")).collect::<Vec<_>>().join("\n")
}

/// Lists come in the order of the host's directory, which differs between two copies of one tree.
fn sorted(printed: &str) -> String {
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// `NNN.NNNs` at the end of a line is a time.
fn without_seconds(printed: &str) -> String {
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((rest, time)) if time.ends_with('s') && time.contains('.') => rest.trim_end().to_owned(),
        _ => line.to_owned(),
    };
    printed.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The counts of a PostMark report; the speeds beside them are left out.
fn counts_of_postmark(printed: &str) -> String {
    let counts = |line: &&str| line.contains("created") || line.contains("deleted") || line.contains("alone");
    let line = |line: &str| line.split('(').next().unwrap_or_default().trim().to_owned();
    printed.lines().filter(counts).map(line).collect::<Vec<_>>().join("\n")
}
