//! What `ls`, `stat` and `cat` share: the mounts they look into, and how attributes are written.

use crate::exit;
use crate::log::LogArgs;
use crate::mounts::MountArgs;
use anyhow::{Result, bail};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use wasi_gofer::GoferCtx;
use wasi_gofer::abi::{Error, FileType, Mode, Timespec};

/// The options of the three.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    mounts: MountArgs,
    #[command(flatten)]
    log: LogArgs,
}

impl ShowArgs {
    /// Starts the log and opens the mounts.
    pub(crate) fn open(&self) -> Result<GoferCtx> {
        self.log.init();
        if self.mounts.is_empty() {
            bail!("nothing is mounted: `--mount` or `--dir` says what to look at");
        }
        Ok(self.mounts.build(None)?.ctx())
    }
}

/// Says why `path` could not be looked at.
pub(crate) fn say_error(path: &str, error: Error) {
    exit::say(format_args!("{path}: {}", exit::describe(error)));
}

/// Writes to the standard output. A reader that went away is no failure: false, and nobody wants more.
pub(crate) fn print(bytes: &[u8]) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A name of the host for the standard output: as it is for a program, and for a terminal without what would steer it.
pub(crate) fn name_for_output(name: &[u8]) -> Vec<u8> {
    if std::io::stdout().is_terminal() { visible(name).into_bytes() } else { name.to_vec() }
}

/// `name` with control characters and bytes that are not UTF-8 as `\xNN`.
fn visible(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                escape(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(c);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// A type in words.
pub(crate) fn type_name(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Regular => "regular file",
        FileType::Directory => "directory",
        FileType::Symlink => "symbolic link",
        FileType::Fifo => "named pipe",
        FileType::Socket => "socket",
        FileType::CharDevice => "character device",
        FileType::BlockDevice => "block device",
    }
}

/// Type and permissions as `ls -l` writes them.
pub(crate) fn mode_letters(file_type: FileType, mode: Mode) -> String {
    let kind = match file_type {
        FileType::Regular => '-',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
        FileType::CharDevice => 'c',
        FileType::BlockDevice => 'b',
    };
    let bits = mode.bits();
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bit = |mask: u32, letter: char| if bits >> shift & mask == 0 { '-' } else { letter };
        text.push(bit(4, 'r'));
        text.push(bit(2, 'w'));
        text.push(match (bits & special != 0, bits >> shift & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text
}

/// A point in time as RFC 3339 writes it, in UTC.
pub(crate) fn time(at: Timespec) -> String {
    const DAY: i64 = 86_400;
    let (year, month, day) = civil(at.secs.div_euclid(DAY));
    let second = at.secs.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", at.nanos)
}

/// The Gregorian date `days` after 1970-01-01. The year starts in March here, so that the leap day is its last.
fn civil(days: i64) -> (i128, i64, i64) {
    const ERA: i128 = 146_097;
    let days = i128::from(days) + 719_468;
    let (era, day_of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i128::from(month <= 2);
    // A month and a day fit.
    (year, i64::try_from(month).unwrap_or_default(), i64::try_from(day).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{mode_letters, time, visible};
    use wasi_gofer::abi::{FileType, Mode, Timespec};

    #[test]
    fn visible_escapes_what_steers_a_terminal() {
        assert_eq!(visible("a\u{1b}[2J\nä\u{9b}".as_bytes()), "a\\x1b[2J\\x0aä\\xc2\\x9b");
        assert_eq!(visible(b"\xff\x41"), "\\xffA");
    }

    #[test]
    fn mode_letters_are_those_of_ls() {
        assert_eq!(mode_letters(FileType::Directory, Mode::new(0o755)), "drwxr-xr-x");
        assert_eq!(mode_letters(FileType::Regular, Mode::new(0o4640)), "-rwSr-----");
        assert_eq!(mode_letters(FileType::Regular, Mode::new(0o2711)), "-rwx--s--x");
        assert_eq!(mode_letters(FileType::Directory, Mode::new(0o1777)), "drwxrwxrwt");
    }

    #[test]
    fn time_of_known_points_is_their_date() {
        let at = |secs| time(Timespec { secs, nanos: 5 });
        assert_eq!(at(0), "1970-01-01T00:00:00.000000005Z");
        assert_eq!(at(-1), "1969-12-31T23:59:59.000000005Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000005Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59.000000005Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000000005Z");
        // No panic at the ends.
        assert!(at(i64::MAX).ends_with("Z") && at(i64::MIN).ends_with("Z"));
    }
}
