//! What the programs do.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A program with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// As in the report.
    pub(crate) name: &'static str,
    /// As `guest-tests/programs/build.sh` calls it; nothing for the one that is made here.
    pub(crate) program: &'static str,
    /// Where it is.
    pub(crate) module: PathBuf,
    /// The guest's arguments, behind its name.
    pub(crate) args: Vec<String>,
    /// A file that is there when it starts.
    input: Option<(&'static str, String)>,
    /// A file that is compared when it has ended.
    output: Option<&'static str>,
    /// What of a line it prints does not depend on the clock; nothing of lines that do as a whole.
    steady: fn(&str) -> Option<&str>,
}

/// Every work; smaller ones when it is to be quick.
pub(crate) fn all(quick: bool) -> Vec<Work> {
    let (files, transactions) = if quick { (100, 500) } else { (1000, 20_000) };
    let script = format!(
        "set location /\nset number {files}\nset transactions {transactions}\nset subdirectories 10\nset seed 42\nrun\nquit\n"
    );
    let size = if quick { "5" } else { "50" };
    let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let work = |name, program| Work {
        name,
        program,
        module: PathBuf::new(),
        args: Vec::new(),
        input: None,
        output: None,
        steady: |line| Some(line),
    };
    vec![
        work("start", ""),
        Work {
            args: args(&["/script"]),
            input: Some(("script", script)),
            steady: counts_of_postmark,
            ..work("postmark", "postmark")
        },
        Work {
            args: args(&["--size", size, "--journal", "persist", "--verify", "/test.db"]),
            output: Some("test.db"),
            steady: without_seconds,
            ..work("speedtest1", "speedtest1")
        },
    ]
}

/// `NNN.NNNs` at the end of a line is a time.
fn without_seconds(line: &str) -> Option<&str> {
    match line.rsplit_once(' ') {
        Some((rest, time)) if time.ends_with('s') && time.contains('.') => Some(rest.trim_end()),
        _ => Some(line),
    }
}

/// The counts of a PostMark report; the speeds beside them are left out.
fn counts_of_postmark(line: &str) -> Option<&str> {
    let counts = ["created", "deleted", "alone"].iter().any(|word| line.contains(word));
    counts.then(|| line.split('(').next().unwrap_or_default().trim())
}

impl Work {
    /// Where the program is, if it was built.
    pub(crate) fn module(&self, dir: &Path) -> Result<Option<PathBuf>> {
        if self.program.is_empty() {
            let path = dir.join("start.wat");
            fs::write(&path, "(module (memory (export \"memory\") 1) (func (export \"_start\")))")?;
            return Ok(Some(path));
        }
        let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/programs");
        let programs = std::env::var_os("PROGRAMS_DIR").map_or_else(default, PathBuf::from);
        let path = programs.join(format!("{}.wasm", self.program));
        Ok(path.exists().then_some(path))
    }

    /// This work with the program that is there.
    pub(crate) fn with_module(&self, module: PathBuf) -> Work {
        Work { module, ..self.clone() }
    }

    /// Makes `root` anew, as the program expects it.
    pub(crate) fn prepare(&self, root: &Path) -> Result<()> {
        if root.exists() {
            fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))?;
        }
        fs::create_dir(root)?;
        if let Some((name, text)) = &self.input {
            fs::write(root.join(name), text)?;
        }
        // What the filesystem owes the disk is not for the run to pay.
        Ok(rustix::fs::syncfs(fs::File::open(root)?)?)
    }

    /// What must be the same whoever served the files: what was printed, the names that are left, the output.
    pub(crate) fn outcome(&self, printed: &str, root: &Path) -> Result<Vec<u8>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(root)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        let lines: Vec<_> = printed.lines().filter_map(self.steady).collect();
        let mut outcome = format!("{}\n{}\n", lines.join("\n"), names.join("\n")).into_bytes();
        if let Some(output) = self.output {
            outcome.extend(fs::read(root.join(output)).with_context(|| format!("the program left no {output}"))?);
        }
        Ok(outcome)
    }
}
