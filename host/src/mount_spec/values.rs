//! Values of mount keys: numbers, sizes, switches, names.

use crate::suggest::{list, nearest};
use anyhow::{Result, anyhow, bail};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;
use wasi_gofer::CachePolicy;

/// A path of the host, of any bytes.
pub(super) fn path(bytes: &[u8]) -> PathBuf {
    OsString::from_vec(bytes.to_vec()).into()
}

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
pub(crate) fn memory_size(key: &str, text: &str) -> Result<usize> {
    usize::try_from(size(key, text)?)
        .map_err(|_| anyhow!("bad value `{text}` for `{key}`: {} bytes at most", usize::MAX))
}

/// The least and the most bytes of a page.
const PAGE_SIZES: (usize, usize) = (512, 64 << 10);

/// [`size()`] for a page.
pub(super) fn page_size(key: &str, text: &str) -> Result<usize> {
    let bytes = memory_size(key, text)?;
    if !bytes.is_power_of_two() || bytes < PAGE_SIZES.0 || bytes > PAGE_SIZES.1 {
        bail!("bad value `{text}` for `{key}`: a power of two from 512 to 64k");
    }
    Ok(bytes)
}

/// The shortest and the longest time that can be asked for.
const DURATIONS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(3600));

/// A time: a whole number with its unit behind it (`250ms`, `1s`, `2m`, `1h`), of seconds without one.
pub(crate) fn duration(key: &str, text: &str) -> Result<Duration> {
    let bad = || anyhow!("bad value `{text}` for `{key}`: a time, such as 250ms, 1s or 2m");
    let out_of_bounds = || anyhow!("bad value `{text}` for `{key}`: from 10ms to 1h");
    let lower = text.to_ascii_lowercase();
    let digits = digits(&lower).ok_or_else(bad)?;
    let millis: u64 = match &lower[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(bad()),
    };
    let number: u64 = digits.parse().map_err(|_| out_of_bounds())?;
    let time = number.checked_mul(millis).map(Duration::from_millis).ok_or_else(out_of_bounds)?;
    if time < DURATIONS.0 || time > DURATIONS.1 {
        return Err(out_of_bounds());
    }
    Ok(time)
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
    use super::{POLICIES, duration, memory_size, number, page_size, policy, size, switch};
    use std::time::Duration;

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
    fn page_size_takes_powers_of_two_within_its_bounds() {
        for (text, bytes) in [("512", 512), ("4k", 4096), ("65536", 65_536), ("64KiB", 65_536)] {
            assert_eq!(page_size("page_size", text).unwrap(), bytes, "{text}");
        }
        for bad in ["0", "256", "511", "3k", "4097", "128k", "99999999999g", "many"] {
            let message = page_size("page_size", bad).unwrap_err().to_string();
            assert!(message.contains(&format!("`{bad}` for `page_size`")), "{message}");
        }
    }

    #[test]
    fn duration_takes_units_and_seconds_within_its_bounds() {
        for (text, millis) in [
            ("10ms", 10),
            ("250ms", 250),
            ("1s", 1000),
            ("1", 1000),
            ("2M", 120_000),
            ("1h", 3_600_000),
            ("3600", 3_600_000),
        ] {
            assert_eq!(duration("writeback", text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for bad in ["", "s", "9ms", "0", "61m", "2h", "-1s", "1.5s", "1 s", "1sec", "5us", "99999999999999999999s"] {
            let message = duration("writeback", bad).unwrap_err().to_string();
            assert!(message.contains(&format!("`{bad}` for `writeback`")), "{message}");
        }
        assert!(duration("writeback", "18446744073709551615h").unwrap_err().to_string().contains("10ms to 1h"));
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
