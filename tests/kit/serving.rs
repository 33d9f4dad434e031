//! The processes of sidecars. Tests and a benchmark take it by itself.

use rustix::process::Pid;
use std::path::Path;

/// The processes that serve a directory, as a mount or a test started them: with it for their root, in one argument.
pub(crate) fn serving(root: &Path) -> Vec<Pid> {
    let marker = [b"--root=", root.as_os_str().as_encoded_bytes()].concat();
    let serves = |pid: &String| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == marker)
    };
    let names = std::fs::read_dir("/proc").expect("it is there").flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(serves).filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}
