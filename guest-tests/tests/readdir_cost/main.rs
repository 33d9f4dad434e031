//! What it costs to list a large directory through a small buffer, as a guest's C library does: in proportion to its
//! entries. Counted in calls of the backend and in bytes that the host allocates (every copy of a list is an
//! allocation), never in time.

#[path = "../../../tests/kit/allocated.rs"]
mod allocated;

use allocated::allocated_by;
use anyhow::Result;
use tempfile::TempDir;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};
use wasi_gofer_guest_tests::ours::{Linking, run};
use wasi_gofer_guest_tests::{End, Invocation, engine};
use wasmtime::Module;

/// Lists the preopen twice through a buffer of 4 KiB, and ends with 0 when both listings had as many bytes, which it
/// prints.
const GUEST: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $list (result i32)
    (local $cookie i64) (local $total i32) (local $used i32) (local $at i32) (local $end i32)
    (loop $calls
      (if (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 4096) (local.get $cookie) (i32.const 16))
        (then (call $proc_exit (i32.const 2))))
      (local.set $used (i32.load (i32.const 16)))
      (local.set $at (i32.const 1024))
      (local.set $end (i32.add (i32.const 1024) (local.get $used)))
      (block $cut
        (loop $entries
          (br_if $cut (i32.gt_u (i32.add (local.get $at) (i32.const 24)) (local.get $end)))
          (local.set $used (i32.add (i32.const 24) (i32.load offset=16 (local.get $at))))
          (br_if $cut (i32.gt_u (i32.add (local.get $at) (local.get $used)) (local.get $end)))
          (local.set $cookie (i64.load (local.get $at)))
          (local.set $total (i32.add (local.get $total) (local.get $used)))
          (local.set $at (i32.add (local.get $at) (local.get $used)))
          (br $entries)))
      (br_if $calls (i32.eq (i32.load (i32.const 16)) (i32.const 4096))))
    (local.get $total))
  (func (export "_start")
    (i32.store (i32.const 32) (call $list))
    (if (i32.ne (i32.load (i32.const 32)) (call $list)) (then (call $proc_exit (i32.const 1))))
    (i32.store (i32.const 0) (i32.const 32))
    (i32.store (i32.const 4) (i32.const 4))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"#;

/// What a guest's two listings of a directory cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Bytes of the entries that the guest got.
    listed: usize,
    /// Calls of the backend, all operations together.
    calls: u64,
    /// Bytes that the host allocated.
    allocated: usize,
}

fn directory_of(entries: usize) -> Result<TempDir> {
    let dir = tempfile::tempdir()?;
    for n in 0..entries {
        std::fs::write(dir.path().join(format!("entry-{n:06}")), "")?;
    }
    Ok(dir)
}

fn cost(dir: &TempDir, entries: usize, options: FsOptions) -> Result<Cost> {
    let module = Module::new(engine(), GUEST)?;
    let mut builder = Gofer::builder();
    builder.dir(dir.path(), "/", MountOptions { fs: options, ..MountOptions::default() });
    let gofer = builder.build()?;

    let invocation = Invocation::of("list");
    let (outcome, allocated) = allocated_by(|| run(Linking::Sync, gofer.ctx(), &module, &invocation));

    let outcome = outcome?;
    assert_eq!(outcome.end, End::Exit(0), "{outcome}");
    let listed = u32::from_le_bytes(outcome.stdout.as_slice().try_into()?) as usize;
    assert_eq!(listed, 2 * 24 + 3 + entries * (24 + 12), "the bytes of all entries");
    let stats = gofer.stats();
    let calls = stats.iter().flat_map(|mount| &mount.fs.backend_calls).map(|(_, calls)| calls).sum();
    Ok(Cost { listed, calls, allocated: allocated.total })
}

#[test]
fn listing_of_sixteen_thousand_entries_costs_about_sixteen_times_that_of_a_thousand() -> Result<()> {
    let (small, large) = (directory_of(1_000)?, directory_of(16_000)?);
    for policy in CachePolicy::ALL {
        // As one list, and in parts of a few hundred entries.
        for list_limit in [FsOptions::default().list_limit, 8 << 10] {
            let options = FsOptions { list_limit, ..FsOptions::with_policy(policy) };
            let few = cost(&small, 1_000, options.clone())?;
            let many = cost(&large, 16_000, options)?;

            assert!(many.listed < 40 * few.listed, "{policy} {list_limit}: {few:?} {many:?}");
            assert!(many.calls < 40 * few.calls, "{policy} {list_limit}: {few:?} {many:?}");
            assert!(many.allocated < 40 * few.allocated, "{policy} {list_limit}: {few:?} {many:?}");
            // Two listings, each in a buffer that grew: a few times what the guest gets of them.
            assert!(many.allocated < 16 * many.listed, "{policy} {list_limit}: {few:?} {many:?}");
        }
    }
    Ok(())
}

#[test]
fn listing_where_names_are_trusted_asks_the_backend_once() -> Result<()> {
    for policy in [CachePolicy::Exclusive, CachePolicy::Writethrough] {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("file"), "")?;
        let mut builder = Gofer::builder();
        builder.dir(dir.path(), "/", MountOptions { fs: FsOptions::with_policy(policy), ..MountOptions::default() });
        let gofer = builder.build()?;
        let module = Module::new(engine(), GUEST)?;

        for _ in 0..5 {
            run(Linking::Sync, gofer.ctx(), &module, &Invocation::of("list"))?;
        }

        let calls = gofer.stats().remove(0).fs.backend_calls;
        assert_eq!(calls.iter().find(|(name, _)| *name == "read_dir"), Some(&("read_dir", 1)), "{policy} {calls:?}");
    }
    Ok(())
}
