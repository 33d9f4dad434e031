//! What becomes of each of wasmtime's own sub-options (`-O`, `-C`, `-D`, `-W`, `-S`, `-R`).
//!
//! The crate `wasmtime-cli-flags` parses them and puts those that are about the engine into a `Config`. Each of the
//! others is carried out by this command or refused by name: a sub-option that would do nothing is an error.

mod rows;

use anyhow::{Result, bail};
pub(crate) use rows::ROWS;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;
use wasmtime::Strategy;
use wasmtime_cli_flags::CommonOptions;

/// One sub-option.
pub(crate) struct Row {
    /// The letter of its group.
    pub(crate) group: char,
    /// The crate's field, which is the sub-option's name with `_` for `-`.
    pub(crate) field: &'static str,
    /// What becomes of it.
    pub(crate) effect: Effect,
    /// Whether the user gave it.
    asked: fn(&CommonOptions) -> Asked,
}

/// What becomes of a sub-option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The crate sets it on the engine.
    Engine,
    /// The crate sets it on the pooling allocator, when that is on; without it the sub-option is refused.
    Pooling,
    /// This command does what is said here.
    Done(&'static str),
    /// `=y` is refused for this reason; `=n` says what is the case and is accepted.
    RefusedOn(&'static str),
    /// `=n` is refused for this reason; `=y` says what is the case and is accepted.
    RefusedOff(&'static str),
    /// Refused for this reason.
    Refused(&'static str),
}

/// Whether and how the user gave a sub-option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Not,
    Off,
    On,
}

/// A field of the crate's option structs.
trait Field {
    fn asked(&self) -> Asked;
}

impl Field for Option<bool> {
    fn asked(&self) -> Asked {
        match self {
            None => Asked::Not,
            Some(false) => Asked::Off,
            Some(true) => Asked::On,
        }
    }
}

impl<T> Field for Vec<T> {
    fn asked(&self) -> Asked {
        if self.is_empty() { Asked::Not } else { Asked::On }
    }
}

macro_rules! values {
    ($($kind:ty),* $(,)?) => {
        $(impl Field for Option<$kind> {
            fn asked(&self) -> Asked {
                if self.is_some() { Asked::On } else { Asked::Not }
            }
        })*
    };
}

values!(
    u32,
    u64,
    usize,
    NonZeroU32,
    String,
    PathBuf,
    Duration,
    wasmtime::OptLevel,
    wasmtime::RegallocAlgorithm,
    wasmtime::Strategy,
    wasmtime::Collector,
    wasmtime::Enabled,
    wasmtime::Inlining,
);

impl Row {
    /// The name as the user writes it.
    pub(crate) fn name(&self) -> String {
        // The one prefixed sub-option stands for many.
        if self.field == "cranelift" { "cranelift-KEY".to_owned() } else { self.field.replace('_', "-") }
    }

    /// The error, if `options` asks for something that is refused.
    fn check(&self, options: &CommonOptions) -> Result<()> {
        let asked = (self.asked)(options);
        let why = match (self.effect, asked) {
            (_, Asked::Not) | (Effect::Engine | Effect::Done(_), _) => return Ok(()),
            (Effect::RefusedOn(_), Asked::Off) | (Effect::RefusedOff(_), Asked::On) => return Ok(()),
            (Effect::Pooling, _) if options.opts.pooling_allocator == Some(true) => return Ok(()),
            (Effect::Pooling, _) => "it acts on the pooling allocator, which `-O pooling-allocator` turns on",
            (Effect::RefusedOn(why) | Effect::RefusedOff(why) | Effect::Refused(why), _) => why,
        };
        let value = match self.effect {
            Effect::RefusedOn(_) => "=y",
            Effect::RefusedOff(_) => "=n",
            _ => "",
        };
        bail!("`-{} {}{value}` is refused: {why}", self.group, self.name())
    }
}

impl fmt::Display for Row {
    /// The row of the table in `docs/CLI.md`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| `-{} {}` | ", self.group, self.name())?;
        match self.effect {
            Effect::Engine => write!(f, "engine |"),
            Effect::Pooling => write!(f, "engine, with `-O pooling-allocator`; refused without |"),
            Effect::Done(what) => write!(f, "{what} |"),
            Effect::RefusedOn(why) => write!(f, "`=y` refused: {why} |"),
            Effect::RefusedOff(why) => write!(f, "`=n` refused: {why} |"),
            Effect::Refused(why) => write!(f, "refused: {why} |"),
        }
    }
}

/// Reads the `--config` file if there is one, and refuses what this command does not do. Afterwards the public fields
/// of `options` hold what the user asked for.
pub(crate) fn settle(options: &mut CommonOptions) -> Result<()> {
    // The crate reads its own raw lists in two calls alone, and this is the one that makes no engine. What it says of
    // logging to files is said again, by name, below.
    let read = options.init_logging();
    let about_logging = options.debug.log_to_files.is_some() || options.debug.logging.is_some();
    if let Err(error) = read
        && !about_logging
    {
        return Err(error.into());
    }
    for row in ROWS {
        row.check(options)?;
    }
    check_combinations(options)
}

/// Refuses values that only some builds of wasmtime know, and pairs of which one would be ignored.
fn check_combinations(options: &CommonOptions) -> Result<()> {
    if options.codegen.compiler == Some(Strategy::Winch) {
        bail!("`-C compiler=winch` is refused: this build has cranelift alone");
    }
    if options.codegen.cache == Some(false) && options.codegen.cache_config.is_some() {
        bail!("`-C cache-config` is refused: `-C cache=n` turns the cache off");
    }
    if options.wasi.cli.is_some() && options.wasi.common.is_some() {
        bail!("`-S common` is refused: it is another name of `-S cli`, which is given too");
    }
    if let Some(path) = &options.debug.coredump
        && path.contains('%')
    {
        bail!("`-D coredump={path}` is refused: patterns (`%`) in the file's name are not supported");
    }
    Ok(())
}

/// Refuses what would do nothing for a core module.
pub(crate) fn check_module(options: &CommonOptions) -> Result<()> {
    if options.wasi.network_error_code == Some(true) {
        bail!("`-S network-error-code=y` is refused: it is for components, and this is a core module");
    }
    Ok(())
}

/// Refuses what would do nothing for a component.
pub(crate) fn check_component(options: &CommonOptions) -> Result<()> {
    let wasm = &options.wasm;
    let switches = [
        ("unknown-exports-allow", wasm.unknown_exports_allow),
        ("unknown-imports-default", wasm.unknown_imports_default),
    ];
    match switches.iter().find(|(_, value)| *value == Some(true)) {
        Some((name, _)) => bail!("`-W {name}=y` is refused: it is for core modules, and this is a component"),
        None => Ok(()),
    }
}

/// Whether WASI is there for the guest (`-S cli`, or its old name).
pub(crate) fn wasi_enabled(options: &CommonOptions) -> bool {
    options.wasi.cli.or(options.wasi.common) != Some(false)
}

#[cfg(test)]
mod tests {
    use super::{Effect, ROWS, settle};
    use clap::Parser;
    use wasmtime_cli_flags::CommonOptions;

    /// The field names of the crate's structs, as their `Debug` form lists them.
    fn fields() -> Vec<(char, String)> {
        let options = CommonOptions::new();
        let structs: [(char, String); 6] = [
            ('O', format!("{:#?}", options.opts)),
            ('C', format!("{:#?}", options.codegen)),
            ('D', format!("{:#?}", options.debug)),
            ('W', format!("{:#?}", options.wasm)),
            ('S', format!("{:#?}", options.wasi)),
            ('R', format!("{:#?}", options.record)),
        ];
        let mut fields = Vec::new();
        for (group, text) in structs {
            let names = text.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": ")).map(|pair| pair.0);
            fields.extend(names.map(|name| (group, name.to_owned())));
        }
        fields
    }

    fn settled(args: &[&str]) -> anyhow::Result<CommonOptions> {
        let mut options = CommonOptions::try_parse_from([&["x"], args].concat()).expect("parses");
        settle(&mut options).map(|()| options)
    }

    #[test]
    fn rows_are_the_sub_options_of_the_crate_in_its_order() {
        let rows: Vec<(char, String)> = ROWS.iter().map(|row| (row.group, row.field.to_owned())).collect();
        assert_eq!(rows, fields());
    }

    #[test]
    fn rows_are_the_table_of_the_documentation() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/CLI.md");
        let text = std::fs::read_to_string(path).expect("docs/CLI.md");
        let is_row = |line: &&str| line.starts_with("| `-") && line.get(5..6) == Some(" ");
        let table: Vec<&str> = text.lines().filter(is_row).collect();
        let rows: Vec<String> = ROWS.iter().map(ToString::to_string).collect();
        assert_eq!(table, rows, "docs/CLI.md should hold:\n{}", rows.join("\n"));
    }

    #[test]
    fn settle_refuses_on_and_accepts_off_of_each_switch_that_is_refused() {
        for row in ROWS {
            let flag = format!("-{}", row.group);
            let (on, off) = (format!("{}=y", row.name()), format!("{}=n", row.name()));
            match row.effect {
                Effect::RefusedOn(_) => {
                    let error = settled(&[&flag, &on]).err().expect("refused").to_string();
                    assert!(error.contains(&format!("`{flag} {on}`")), "{error}");
                    settled(&[&flag, &off]).expect("accepted");
                }
                Effect::RefusedOff(_) => {
                    let error = settled(&[&flag, &off]).err().expect("refused").to_string();
                    assert!(error.contains(&format!("`{flag} {off}`")), "{error}");
                    settled(&[&flag, &on]).expect("accepted");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn settle_refuses_pooling_sub_options_without_the_pool() {
        let error = settled(&["-O", "pooling-total-memories=3"]).err().expect("refused").to_string();
        assert!(error.contains("`-O pooling-total-memories`") && error.contains("-O pooling-allocator"), "{error}");
        let options = settled(&["-O", "pooling-allocator,pooling-total-memories=3"]).expect("accepted");
        assert_eq!(options.opts.pooling_total_memories, Some(3));
    }

    #[test]
    fn settle_refuses_pairs_of_which_one_would_be_ignored() {
        for args in [
            ["-C", "cache=n,cache-config=/x"],
            ["-C", "compiler=winch"],
            ["-S", "cli=y,common=y"],
            ["-D", "coredump=core-%p"],
        ] {
            assert!(settled(&args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn settle_reads_the_config_file_before_the_command_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("run.toml");
        std::fs::write(&file, "[wasm]\nfuel = 5\nmax-wasm-stack = 100000\n[wasi]\nhttp = true\n").expect("written");
        let file = file.to_str().expect("UTF-8");
        let error = settled(&["--config", file]).err().expect("refused").to_string();
        assert!(error.contains("`-S http=y`"), "{error}");
        let options = settled(&["--config", file, "-Shttp=n", "-Wfuel=7"]).expect("accepted");
        assert_eq!((options.wasm.fuel, options.wasm.max_wasm_stack), (Some(7), Some(100_000)));
        assert!(settled(&["--config", "/nowhere.toml", "-Dlogging=n"]).is_err());
    }
}
