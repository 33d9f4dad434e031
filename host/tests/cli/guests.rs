//! Guests in text form.

/// Imports and helpers. The guest's path, or the text that it prints, stands at 1024.
const PRELUDE: &str = r#"
(import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_open"
  (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
(memory (export "memory") 4)
;; Ends the guest with the number, unless it is 0.
(func $check (param $errno i32) (if (local.get $errno) (then (call $proc_exit (local.get $errno)))))
;; Writes bytes to a descriptor.
(func $put (param $fd i32) (param $at i32) (param $len i32)
  (i32.store (i32.const 0) (local.get $at))
  (i32.store (i32.const 4) (local.get $len))
  (call $check (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
(func $newline (i32.store8 (i32.const 12) (i32.const 10)) (call $put (i32.const 1) (i32.const 12) (i32.const 1)))
;; Copies a descriptor to the standard output until its end.
(func $copy (param $fd i32)
  (block $end (loop $more
    (i32.store (i32.const 0) (i32.const 65536))
    (i32.store (i32.const 4) (i32.const 65536))
    (call $check (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (br_if $end (i32.eqz (i32.load (i32.const 8))))
    (call $put (i32.const 1) (i32.const 65536) (i32.load (i32.const 8)))
    (br $more))))
;; Opens the path from 1024 on under descriptor 3; the descriptor.
(func $open (param $len i32) (param $oflags i32) (param $rights i64) (result i32)
  (call $check (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (local.get $len) (local.get $oflags)
    (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 16)))
  (i32.load (i32.const 16)))
;; Prints so many strings that end in 0, one a line, from this address on.
(func $strings (param $count i32) (param $at i32)
  (local $len i32)
  (block $end (loop $more
    (br_if $end (i32.eqz (local.get $count)))
    (local.set $len (i32.const 0))
    (block $found (loop $scan
      (br_if $found (i32.eqz (i32.load8_u (i32.add (local.get $at) (local.get $len)))))
      (local.set $len (i32.add (local.get $len) (i32.const 1)))
      (br $scan)))
    (call $put (i32.const 1) (local.get $at) (local.get $len))
    (call $newline)
    (local.set $at (i32.add (local.get $at) (i32.add (local.get $len) (i32.const 1))))
    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
    (br $more))))
"#;

const READ: i64 = 1 << 1;
const WRITE: i64 = 1 << 6;
const READDIR: i64 = 1 << 14;
const CREATE: i32 = 1;

/// A guest with these module fields besides the prelude.
pub(crate) fn module(fields: &str) -> String {
    format!("(module {PRELUDE} {fields})")
}

/// A guest with this `_start`.
pub(crate) fn start(body: &str) -> String {
    module(&format!("(func (export \"_start\") {body})"))
}

fn start_with_path(path: &str, body: &str) -> String {
    let bytes: String = path.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    module(&format!("(data (i32.const 1024) \"{bytes}\") (func (export \"_start\") {body})"))
}

/// Prints the file `path` of the first mount; on failure ends with the errno.
pub(crate) fn read_file(path: &str) -> String {
    start_with_path(
        path,
        &format!("(call $copy (call $open (i32.const {}) (i32.const 0) (i64.const {READ})))", path.len()),
    )
}

/// Makes the file `path` of the first mount hold its own path; on failure ends with the errno.
pub(crate) fn write_file(path: &str) -> String {
    let len = path.len();
    let open = format!("(call $open (i32.const {len}) (i32.const {CREATE}) (i64.const {WRITE}))");
    start_with_path(path, &format!("(call $put {open} (i32.const 1024) (i32.const {len}))"))
}

/// Makes the file `path` of the first mount hold its own path, keeps it open as `$fd`, and does `body`, which can call
/// `$ready` to print `ready`.
pub(crate) fn write_file_then(path: &str, body: &str) -> String {
    let len = path.len();
    let ready = "(data (i32.const 512) \"ready\")
        (func $ready (call $put (i32.const 1) (i32.const 512) (i32.const 5)))";
    let write = format!(
        "(local $fd i32)
         (local.set $fd (call $open (i32.const {len}) (i32.const {CREATE}) (i64.const {WRITE})))
         (call $put (local.get $fd) (i32.const 1024) (i32.const {len}))"
    );
    start_with_path(path, &format!("{write} {body}")).replacen("(func (export", &format!("{ready} (func (export"), 1)
}

/// As [`write_file_then`], of a file in the first mount and one in the second.
pub(crate) fn write_files_then(path: &str, body: &str) -> String {
    let len = path.len();
    let other = format!(
        "(call $check (call $path_open (i32.const 4) (i32.const 1) (i32.const 1024) (i32.const {len})
           (i32.const {CREATE}) (i64.const {WRITE}) (i64.const 0) (i32.const 0) (i32.const 16)))
         (call $put (i32.load (i32.const 16)) (i32.const 1024) (i32.const {len}))"
    );
    write_file_then(path, &format!("{other} {body}"))
}

/// Asks for the attributes of `path` so many times; ends with the errno of the last.
pub(crate) fn stat_file(path: &str, times: u32) -> String {
    let stat = format!(
        "(call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const {}) (i32.const 2048))",
        path.len()
    );
    let before = match times - 1 {
        0 => String::new(),
        more => format!(
            "(loop $again
               (drop {stat})
               (i32.store (i32.const 4096) (i32.add (i32.load (i32.const 4096)) (i32.const 1)))
               (br_if $again (i32.lt_u (i32.load (i32.const 4096)) (i32.const {more}))))"
        ),
    };
    start_with_path(path, &format!("{before} (call $check {stat})"))
}

/// Lists the directory `path` of the first mount; ends with the errno of the listing.
pub(crate) fn list_dir(path: &str) -> String {
    let open = format!("(call $open (i32.const {}) (i32.const 2) (i64.const {READDIR}))", path.len());
    start_with_path(
        path,
        &format!(
            "(call $check (call $fd_readdir {open} (i32.const 65536) (i32.const 65536) (i64.const 0) (i32.const 8)))
             (call $put (i32.const 1) (i32.const 65536) (i32.load (i32.const 8)))"
        ),
    )
}

/// Prints the name of each preopened directory.
pub(crate) fn list_preopens() -> String {
    start(
        "(local $fd i32)
         (local.set $fd (i32.const 3))
         (block $end (loop $more
           (br_if $end (call $fd_prestat_get (local.get $fd) (i32.const 16)))
           (call $check (call $fd_prestat_dir_name (local.get $fd) (i32.const 65536) (i32.load (i32.const 20))))
           (call $put (i32.const 1) (i32.const 65536) (i32.load (i32.const 20)))
           (call $newline)
           (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
           (br $more)))",
    )
}

/// Prints its arguments, then its environment, one a line.
pub(crate) fn print_args_and_environment() -> String {
    let part = |name: &str| {
        format!(
            "(call $check (call ${name}_sizes_get (i32.const 16) (i32.const 20)))
             (call $check (call ${name}_get (i32.const 2048) (i32.const 65536)))
             (call $strings (i32.load (i32.const 16)) (i32.const 65536))"
        )
    };
    start(&format!("{} {}", part("args"), part("environ")))
}

/// Copies its standard input to its standard output.
pub(crate) fn copy_stdin() -> String {
    start("(call $copy (i32.const 0))")
}

/// A sleep of ten minutes.
pub(crate) const SLEEP: &str = "(i32.store (i32.const 1552) (i32.const 1))
    (i64.store (i32.const 1560) (i64.const 600000000000))
    (call $check (call $poll_oneoff (i32.const 1536) (i32.const 2048) (i32.const 1) (i32.const 16)))";

/// Sleeps for ten minutes.
pub(crate) fn sleep() -> String {
    start(SLEEP)
}

/// Prints `text`, then does `body`.
pub(crate) fn print_then(text: &str, body: &str) -> String {
    start_with_path(text, &format!("(call $put (i32.const 1) (i32.const 1024) (i32.const {})) {body}", text.len()))
}

/// Prints `text` on this descriptor.
pub(crate) fn print(fd: u32, text: &str) -> String {
    start_with_path(text, &format!("(call $put (i32.const {fd}) (i32.const 1024) (i32.const {}))", text.len()))
}

/// Ends with this code.
pub(crate) fn exit(code: u32) -> String {
    start(&format!("(call $proc_exit (i32.const {code}))"))
}

/// Opens the directory of the first mount so many times more; ends with the errno of the first failure.
pub(crate) fn open_root(times: u32) -> String {
    let open = format!("(drop (call $open (i32.const 1) (i32.const 2) (i64.const {READDIR})))");
    start_with_path(".", &open.repeat(times as usize))
}

/// Asks for so many random bytes at once.
pub(crate) fn random(len: u32) -> String {
    let import = "(import \"wasi_snapshot_preview1\" \"random_get\" (func $random_get (param i32 i32) (result i32)))";
    format!(
        "(module {import} (memory (export \"memory\") 1)
           (func (export \"_start\") (drop (call $random_get (i32.const 0) (i32.const {len})))))"
    )
}

/// Prints `path` when it is there, then asks for it every few milliseconds until there is an errno, and ends with it.
pub(crate) fn watch(path: &str) -> String {
    let len = path.len();
    let body = format!(
        "(i32.store (i32.const 1556) (i32.const 0))
         (call $check (call $stat (i32.const {len})))
         (call $put (i32.const 1) (i32.const 1024) (i32.const {len}))
         (loop $again
           (i32.store (i32.const 1552) (i32.const 1))
           (i64.store (i32.const 1560) (i64.const 5000000))
           (call $check (call $poll_oneoff (i32.const 1536) (i32.const 2048) (i32.const 1) (i32.const 16)))
           (call $check (call $stat (i32.const {len})))
           (br $again))"
    );
    let stat = "(func $stat (param $len i32) (result i32)
        (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 1024) (local.get $len) (i32.const 4096)))";
    start_with_path(path, &body).replacen("(func (export", &format!("{stat} (func (export"), 1)
}
