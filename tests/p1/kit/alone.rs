//! Tests that need a process of their own: for its limits, or to count its descriptors.

use super::descriptors::assert_none_is_left;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable of the environment that says which test this process is for.
const ALONE: &str = "WASI_GOFER_TEST_ALONE";

/// Runs the body of the test that calls this in another process, where no other test runs.
#[track_caller]
pub(crate) fn alone<F: FnOnce()>(body: F) {
    // `p1::subject::test::{{closure}}`
    let closure = std::any::type_name::<F>();
    let test = closure.trim_end_matches("::{{closure}}").split_once("::").expect("a path").1;
    if std::env::var(ALONE).is_ok_and(|asked| asked == test) {
        body();
        return;
    }
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, test)
        .output()
        .expect("started");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} failed in a process of its own:\n{text}");
    assert!(text.contains("1 passed"), "{test} did not run:\n{text}");
}

/// The descriptors of this process and what they lead to.
pub(crate) fn open_descriptors() -> BTreeMap<u32, PathBuf> {
    let mut open = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").expect("/proc") {
        let entry = entry.expect("an entry");
        let number = entry.file_name().to_string_lossy().parse();
        if let (Ok(number), Ok(target)) = (number, fs::read_link(entry.path())) {
            open.insert(number, target);
        }
    }
    // That of the listing itself is closed by now.
    open.retain(|number, _| fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok());
    open
}

/// Waits until no descriptor of this process leads into `dir`.
#[track_caller]
pub(crate) fn assert_none_leads_into(dir: &Path, what: impl Display) {
    assert_none_is_left(what, || {
        let open = open_descriptors();
        open.into_values().filter(|target| target.starts_with(dir)).map(|target| target.display().to_string()).collect()
    });
}
