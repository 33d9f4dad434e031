//! Tests that run where they may mount. They take it by itself.

use std::path::Path;
use std::process::Command;

/// Runs `act` in user and mount namespaces of its own, in a process that runs the test `test` alone: with a directory in
/// which `lay` made what is there before and `mounts`, in the shell's words, what is mounted. Says so where that cannot be.
pub(crate) fn in_own_mounts(test: &str, mounts: &str, lay: impl FnOnce(&Path), act: impl FnOnce(&Path)) {
    const MARK: &str = "WASI_GOFER_TEST_OWN_MOUNTS";
    if let Some(dir) = std::env::var_os(MARK) {
        return act(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a directory");
    lay(dir.path());
    let script = format!(
        r#"cd "$1" && {mounts} || exit 77
        exec "$2" "$3" --exact --nocapture --test-threads=1"#
    );
    let exe = std::env::current_exe().expect("a test binary");
    let mut unshared = Command::new("unshare");
    unshared.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    unshared.arg(dir.path()).arg(exe).arg(test).env(MARK, dir.path());
    match unshared.output() {
        Ok(run) if run.status.success() => {
            assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed"));
        }
        Err(error) => eprintln!("skipped: unshare(1) does not start here: {error}"),
        Ok(run) => {
            let said = String::from_utf8_lossy(&run.stderr);
            let refused = run.status.code() == Some(1) && said.contains("unshare: ");
            if run.status.code() != Some(77) && !refused {
                panic!("{}: {}{said}", run.status, String::from_utf8_lossy(&run.stdout));
            }
            eprintln!("skipped: that cannot be mounted here: {said}");
        }
    }
}
