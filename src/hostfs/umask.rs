//! The umask of this process.

use crate::abi::Mode;

/// What is taken where the kernel does not tell.
const USUAL: Mode = Mode::new(0o022);

/// The bits that are taken from the modes of new objects, as the kernel tells them of the calling thread: the system call
/// tells them only by changing them for a moment, for all threads. 022 where there is no `/proc`.
pub(crate) fn of_process() -> Mode {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    told(&status).unwrap_or(USUAL)
}

fn told(status: &str) -> Option<Mode> {
    let octal = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(octal.trim(), 8).ok().map(Mode::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn umask_is_what_the_kernel_tells() {
        assert_eq!(told("Name:\tx\nUmask:\t0027\nState:\tR\n"), Some(Mode::new(0o027)));
        assert_eq!((told(""), told("Umask:\tnone\n")), (None, None));
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("file"), "").expect("written");
        let mode = std::os::unix::fs::MetadataExt::mode(&dir.path().join("file").metadata().expect("there"));
        assert_eq!(mode & 0o777, 0o666 & !of_process().bits());
    }
}
