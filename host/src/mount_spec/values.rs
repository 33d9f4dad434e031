//! Values of mount keys: numbers, sizes, switches, names.

use crate::suggest::{list, nearest};
use anyhow::{Result, anyhow, bail};
use wasi_gofer::CachePolicy;

/// Words for yes and no, as Docker, gVisor and wasmtime write them.
const YES: &[&str] = &["on", "true", "yes", "y", "1"];
const NO: &[&str] = &["off", "false", "no", "n", "0"];

/// The names of the policies, ours first and gVisor's behind.
const POLICIES: &[&str] =
    &["exclusive", "writethrough", "shared", "none", "fscache", "fscache_writethrough", "remote_revalidating"];

/// A switch; one without a value is on.
pub(super) fn switch(key: &str, value: Option<&str>) -> Result<bool> {
    let Some(text) = value else { return Ok(true) };
    if YES.contains(&text) {
        return Ok(true);
    }
    if NO.contains(&text) {
        return Ok(false);
    }
    match nearest(text, YES[..3].iter().chain(&NO[..3]).copied()) {
        Some(word) => bail!("bad value `{text}` for `{key}`: did you mean `{word}`? (on or off)"),
        None => bail!("bad value `{text}` for `{key}`: on or off"),
    }
}

/// A whole number.
pub(super) fn number<T: std::str::FromStr + std::fmt::Display>(key: &str, text: &str, most: T) -> Result<T> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if plain => Ok(number),
        _ if plain => bail!("bad value `{text}` for `{key}`: {most} at most"),
        _ => match digits(text) {
            Some(digits) => bail!("bad value `{text}` for `{key}`: did you mean `{digits}`? (a whole number)"),
            None => bail!("bad value `{text}` for `{key}`: a whole number, such as 1024"),
        },
    }
}

/// The number that `text` starts with, for a message.
fn digits(text: &str) -> Option<&str> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// Bytes, with an optional unit (`64m`): k, m, g or t, each 1024 times the one before; `kb` and `kib` mean `k`.
pub(super) fn size(key: &str, text: &str) -> Result<u64> {
    let bad = || {
        anyhow!("bad value `{text}` for `{key}`: a number of bytes, with k, m, g or t behind it for larger units (64m)")
    };
    let lower = text.to_ascii_lowercase();
    let digits = digits(&lower).ok_or_else(bad)?;
    let unit = &lower[digits.len()..];
    let unit = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')) {
        Some(prefix) if !prefix.is_empty() || unit == "b" => prefix,
        Some(_) => return Err(bad()),
        None => unit,
    };
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(bad()),
    };
    let too_large = || anyhow!("bad value `{text}` for `{key}`: {} bytes at most", u64::MAX);
    let number: u64 = digits.parse().map_err(|_| too_large())?;
    number.checked_mul(1 << shift).ok_or_else(too_large)
}

/// [`size()`] for a limit of this process's memory.
pub(super) fn memory_size(key: &str, text: &str) -> Result<usize> {
    usize::try_from(size(key, text)?)
        .map_err(|_| anyhow!("bad value `{text}` for `{key}`: {} bytes at most", usize::MAX))
}

/// A cache policy, by our name or gVisor's.
pub(super) fn policy(key: &str, text: &str) -> Result<CachePolicy> {
    text.parse().map_err(|_| {
        let valid = list(&CachePolicy::ALL.map(CachePolicy::name));
        match nearest(text, POLICIES.iter().copied()) {
            Some(name) => anyhow!("bad value `{text}` for `{key}`: did you mean `{name}`? ({valid})"),
            None => anyhow!("bad value `{text}` for `{key}`: {valid}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{POLICIES, memory_size, number, policy, size, switch};

    #[test]
    fn switch_reads_every_spelling_and_refuses_others() {
        for (text, on) in [("on", true), ("1", true), ("true", true), ("off", false), ("no", false), ("0", false)] {
            assert_eq!(switch("lock", Some(text)).unwrap(), on, "{text}");
        }
        assert!(switch("ro", None).unwrap());
        let message = switch("lock", Some("of")).unwrap_err().to_string();
        assert!(message.contains("`of` for `lock`") && message.contains("`off`"), "{message}");
        assert!(switch("lock", Some("")).is_err());
    }

    #[test]
    fn number_takes_digits_alone() {
        assert_eq!(number("fds", "0", usize::MAX).unwrap(), 0);
        for bad in ["", "-1", "+1", "1.5", "1 ", "12x", "99999999999999999999999"] {
            let message = number("fds", bad, usize::MAX).unwrap_err().to_string();
            assert!(message.contains("`fds`"), "{message}");
        }
        assert!(number("fds", "12x", usize::MAX).unwrap_err().to_string().contains("`12`"));
        assert!(number("dfltuid", "4294967296", u32::MAX).unwrap_err().to_string().contains("4294967295 at most"));
    }

    #[test]
    fn size_takes_units_in_every_case() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("12b", 12),
            ("4k", 4096),
            ("1K", 1024),
            ("2MiB", 2 << 20),
            ("3gb", 3 << 30),
            ("1t", 1 << 40),
        ] {
            assert_eq!(size("size", text).unwrap(), bytes, "{text}");
        }
        for bad in ["", "k", "1x", "1.5m", "-1", "1kk", "1ib", "99999999999g", "99999999999999999999999"] {
            let message = size("size", bad).unwrap_err().to_string();
            assert!(message.contains(&format!("`{bad}` for `size`")), "{message}");
        }
        assert_eq!(memory_size("list_limit", "1k").unwrap(), 1024);
    }

    #[test]
    fn policy_takes_both_sets_of_names() {
        for name in POLICIES {
            policy("cache", name).unwrap();
        }
        let message = policy("cache", "sharde").unwrap_err().to_string();
        assert!(message.contains("did you mean `shared`") && message.contains("writethrough"), "{message}");
        let message = policy("cache", "remote-revalidatng").unwrap_err().to_string();
        assert!(message.contains("`remote_revalidating`"), "{message}");
    }
}
