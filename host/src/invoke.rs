//! Arguments and results of an exported function, as text.

use anyhow::{Context as _, Result, anyhow, bail};
use std::ffi::OsString;
use std::io::Write;
use wasmtime::{ExternType, FuncType, Module, Val, ValType};

/// The function to run after instantiation, and what it is called with.
#[derive(Debug)]
pub(crate) struct Call {
    /// The export; `""` and `_start` are run without being asked for.
    pub(crate) export: String,
    /// Its arguments.
    pub(crate) arguments: Vec<Val>,
    /// How many results it has.
    pub(crate) results: usize,
}

impl Call {
    /// What `--invoke`, or else the module itself, says to run; `None` for a module that has nothing to run but its
    /// start function. Everything is checked here, before any code of the guest runs.
    pub(crate) fn of(module: &Module, invoke: Option<&str>, words: &[OsString]) -> Result<Option<Call>> {
        let function = |name: &str| match module.get_export(name) {
            Some(ExternType::Func(function)) => Some(function),
            _ => None,
        };
        let (name, function) = match invoke {
            Some(name) => {
                (name, function(name).ok_or_else(|| anyhow!("the module exports no function named `{name}`"))?)
            }
            None => match ["", "_start"].iter().find_map(|name| Some((*name, function(name)?))) {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let arguments = arguments(&function, words).with_context(|| format!("arguments of the function `{name}`"))?;
        Ok(Some(Call { export: name.to_owned(), arguments, results: function.results().len() }))
    }
}

fn arguments(function: &FuncType, words: &[OsString]) -> Result<Vec<Val>> {
    let wanted = function.params().len();
    if words.len() < wanted {
        bail!("{wanted} are needed and {} given", words.len());
    }
    function.params().zip(words).map(|(kind, word)| argument(&kind, word)).collect()
}

/// One argument: integers in decimal or, with `0x` before them, in hexadecimal.
fn argument(kind: &ValType, word: &OsString) -> Result<Val> {
    let word = word.to_str().ok_or_else(|| anyhow!("{word:?} is not UTF-8"))?;
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let value = match (kind, hex) {
        (ValType::I32, None) => word.parse().ok().map(Val::I32),
        (ValType::I32, Some(hex)) => i32::from_str_radix(hex, 16).ok().map(Val::I32),
        (ValType::I64, None) => word.parse().ok().map(Val::I64),
        (ValType::I64, Some(hex)) => i64::from_str_radix(hex, 16).ok().map(Val::I64),
        (ValType::F32, _) => word.parse().ok().map(|number: f32| Val::F32(number.to_bits())),
        (ValType::F64, _) => word.parse().ok().map(|number: f64| Val::F64(number.to_bits())),
        (other, _) => bail!("a parameter of type {other} cannot be given on the command line"),
    };
    value.ok_or_else(|| anyhow!("`{word}` is not a number of type {kind}"))
}

/// Prints results on the standard output, one a line: what `--invoke` is for.
pub(crate) fn print(results: &[Val]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for result in results {
        writeln!(out, "{}", text(result))?;
    }
    out.flush()
}

fn text(value: &Val) -> String {
    let reference = |name: &str, null: bool| format!("<{}{name}>", if null { "null " } else { "" });
    match value {
        Val::I32(number) => number.to_string(),
        Val::I64(number) => number.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(number) => number.as_u128().to_string(),
        Val::FuncRef(value) => reference("funcref", value.is_none()),
        Val::ExternRef(value) => reference("externref", value.is_none()),
        Val::AnyRef(value) => reference("anyref", value.is_none()),
        Val::ExnRef(value) => reference("exnref", value.is_none()),
        Val::ContRef(value) => reference("contref", value.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::{argument, text};
    use wasmtime::{Val, ValType};

    fn read(kind: &ValType, word: &str) -> Result<String, String> {
        argument(kind, &word.into()).map(|value| text(&value)).map_err(|error| error.to_string())
    }

    #[test]
    fn argument_reads_decimal_hexadecimal_and_fractions() {
        assert_eq!(read(&ValType::I32, "-7").as_deref(), Ok("-7"));
        assert_eq!(read(&ValType::I32, "0x1F").as_deref(), Ok("31"));
        assert_eq!(read(&ValType::I64, "0X10").as_deref(), Ok("16"));
        assert_eq!(read(&ValType::F32, "1.5").as_deref(), Ok("1.5"));
        assert_eq!(read(&ValType::F64, "-0.25").as_deref(), Ok("-0.25"));
    }

    #[test]
    fn argument_names_what_it_cannot_read() {
        assert!(read(&ValType::I32, "x").is_err_and(|message| message.contains("`x` is not a number of type i32")));
        assert!(read(&ValType::I32, "4294967296").is_err());
        assert!(read(&ValType::V128, "1").is_err_and(|message| message.contains("v128")));
    }

    #[test]
    fn text_of_a_null_reference_says_so() {
        assert_eq!(text(&Val::null_func_ref()), "<null funcref>");
        assert_eq!(text(&Val::null_extern_ref()), "<null externref>");
    }
}
