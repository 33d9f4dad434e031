//! Others who change the tree while a client goes through it, and clients that change it beside each other.

use crate::gofer::{name, soon};
use crate::programs::Listening;
use crate::subject::{Here, Subject, eventually};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Errno, Mode, OpenFlags, SetStat};
use wasi_gofer::proto::lisafs::*;
use wasi_gofer::sidecar::Export;
use wasi_gofer::transport::lisafs::Client;

/// How often a client tries while the other one swaps, at least.
const ATTEMPTS: usize = 3000;

/// Attempts of a client while another one swaps.
pub(crate) struct Attempts {
    left: usize,
    until: Instant,
}

impl Default for Attempts {
    fn default() -> Attempts {
        Attempts { left: ATTEMPTS, until: Instant::now() + Duration::from_secs(60) }
    }
}

impl Attempts {
    /// Whether there is another one. There are more than usual for as long as not all was `seen`, as the other one may not
    /// get a processor.
    pub(crate) fn go_on(&mut self, seen: bool) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0 || (!seen && Instant::now() < self.until)
    }
}

/// A directory that is served, and beside it one that is not. `export/d` and `export/l` are a directory and a symbolic link
/// to the outside, which somebody swaps for as long as `act` runs.
pub(crate) fn while_swapped(with: impl FnOnce(Export) -> Export, act: impl FnOnce(&mut Here, &Path)) {
    let base = tempfile::tempdir().expect("a directory");
    let outside = base.path().join("outside");
    std::fs::create_dir(&outside).expect("made");
    std::fs::write(outside.join("file"), "the secret").expect("written");
    let mut here = Here::over(tempfile::tempdir_in(base.path()).expect("a directory"), with);
    std::fs::create_dir(here.host("d")).expect("made");
    std::fs::write(here.host("d/file"), "ours").expect("written");
    std::os::unix::fs::symlink(&outside, here.host("l")).expect("made");
    let (d, l) = (here.host("d"), here.host("l"));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &d, CWD, &l, RenameFlags::EXCHANGE).expect("swapped");
            }
        });
        // Also when it fails, or the other would go on for ever.
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(&mut here, &outside)));
        stop.store(true, Ordering::Relaxed);
        acted.unwrap_or_else(|failure| std::panic::resume_unwind(failure));
    });
    assert_eq!(std::fs::read(outside.join("file")).expect("read"), b"the secret");
    assert_eq!(std::fs::read_dir(&outside).expect("listed").count(), 1);
    here.finish();
}

#[test]
fn walk_and_open_through_a_directory_swapped_for_a_link_never_leave() {
    while_swapped(std::convert::identity, |here, outside| {
        let root = here.root;
        let secret = std::os::unix::fs::MetadataExt::ino(&outside.join("file").metadata().expect("there"));
        let (mut through, mut stopped) = (0, 0);
        let mut attempts = Attempts::default();
        while attempts.go_on(through > 0 && stopped > 0) {
            let (status, found) = match here.walk(root, &["d", "file"]) {
                Ok(walked) => walked,
                Err(error) => {
                    assert_eq!(error, Errno::Stale.into());
                    continue;
                }
            };
            assert!(found.iter().all(|inode| inode.stat.ino.get() != secret));
            match status {
                WalkStatus::Symlink => stopped += 1,
                _ => through += 1,
            }
            if let [_, file] = &found[..] {
                let open = OpenAt { fd: file.control, flags: open_bits(OpenFlags::READ) };
                if let Ok((fd, fds)) = here.ask_with_fds(&open, |reply| reply.fd) {
                    assert_eq!(
                        std::io::read_to_string(std::fs::File::from(fds.into_iter().next().expect("one")))
                            .expect("read"),
                        "ours"
                    );
                    here.done(&Close { fds: &[fd] }).expect("closed");
                }
            }
            let ids: Vec<FdId> = found.iter().map(|inode| inode.control).collect();
            here.done(&Close { fds: &ids }).expect("closed");
            let names = [name("d"), name("file")];
            let path = StatPath { with_start: false, names: Names::List(&names) };
            if let Ok(stats) = here.ask(&WalkStat { dir: root, path }, |reply| reply.stats.to_vec()) {
                assert!(stats.iter().all(|stat| stat.ino.get() != secret));
            }
        }
        assert!(through > 0 && stopped > 0, "{through} {stopped}");
    });
}

#[test]
fn changes_below_a_directory_swapped_for_a_link_never_leave() {
    while_swapped(std::convert::identity, |here, _| {
        let root = here.root;
        let mut made = 0;
        let mut attempts = Attempts::default();
        while attempts.go_on(made > 0) {
            let Ok((WalkStatus::Complete, found)) = here.walk(root, &["d"]) else { continue };
            let dir = found[0].control;
            let common = CreateCommon::new(dir, None, Mode::new(0o700));
            let x = name("x");
            made += usize::from(here.done(&MkdirAt { common, name: x }).is_ok());
            let _ = here.done(&UnlinkAt { dir, flags: UNLINK_DIRECTORY, name: x });
            made += usize::from(here.ask(&OpenCreateAt { common, flags: 2, name: x }, |reply| reply.fd).is_ok());
            let empty = SetStat { size: Some(0), mode: Some(Mode::new(0o777)), ..SetStat::default() };
            let _ = here.done(&SetStatRequest::new(dir, &SetStat { size: None, ..empty }));
            if let Ok((_, files)) = here.walk(dir, &["x"])
                && let [file] = &files[..]
            {
                let _ = here.done(&SetStatRequest::new(file.control, &empty));
                let _ = here.done(&OpenAt { fd: file.control, flags: open_bits(OpenFlags::WRITE | OpenFlags::TRUNC) });
                let rename = RenameAt { old_dir: dir, new_dir: dir, old_name: x, new_name: name("y") };
                let _ = here.done(&rename);
            }
            let _ = here.done(&UnlinkAt { dir, flags: 0, name: x });
            let _ = here.done(&UnlinkAt { dir, flags: 0, name: name("y") });
            // Numbers of all kinds, and some of nothing.
            let ids: Vec<FdId> = (dir.get()..dir.get() + 12).map(FdId::new).collect();
            here.done(&Close { fds: &ids }).expect("closed");
        }
        assert!(made > 0);
    });
}

/// A client that makes, moves and removes by itself, in directories that others use too. Answers how many succeeded.
fn stir(client: &mut Client, root: FdId, seed: u64) -> usize {
    let mut state = seed;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut succeeded = 0;
    for _ in 0..1500 {
        let (one, other) = (format!("n{}", draw(4)), format!("n{}", draw(4)));
        let (one, other) = (name(&one), name(&other));
        let names = [one, other, one];
        let found = client.call(&soon(), &Walk { dir: root, names: Names::List(&names) });
        let found: Vec<FdId> =
            found.map(|answer| answer.message.inodes.iter().map(|inode| inode.control).collect()).unwrap_or_default();
        let at = |at: u64| *found.get(usize::try_from(at).expect("small")).unwrap_or(&root);
        let (dir, to) = (at(draw(4)), at(draw(4)));
        let common = CreateCommon::new(dir, None, Mode::new(0o700));
        let done = match draw(9) {
            0 | 1 => client.call(&soon(), &MkdirAt { common, name: one }).map(|_| ()),
            2 => client.call(&soon(), &OpenCreateAt { common, flags: 2, name: one }).map(|_| ()),
            3 => client.call(&soon(), &UnlinkAt { dir, flags: 0, name: one }).map(|_| ()),
            4 => client.call(&soon(), &UnlinkAt { dir, flags: UNLINK_DIRECTORY, name: one }).map(|_| ()),
            5 => client.call(&soon(), &LinkAt { dir, target: to, name: other }).map(|_| ()),
            6 => {
                let mode = SetStat { mode: Some(Mode::new(0o755)), ..SetStat::default() };
                client.call(&soon(), &SetStatRequest::new(to, &mode)).map(|_| ())
            }
            flags => {
                let names = RenameAt { old_dir: dir, new_dir: to, old_name: one, new_name: other };
                let flags = if flags == 7 { 0 } else { 2 };
                client.call(&soon(), &RenameAt2 { names, flags }).map(|_| ())
            }
        };
        assert_eq!(client.ended(), None);
        succeeded += usize::from(done.is_ok());
        // What was opened is among the last numbers.
        let last = found.last().map_or(1, |id| id.get());
        let ids: Vec<FdId> = (2..last + 4).rev().take(40).map(FdId::new).filter(|id| *id != root).collect();
        client.call(&soon(), &Close { fds: &ids }).map(|_| ()).expect("closed");
    }
    succeeded
}

#[test]
fn clients_that_change_one_tree_beside_each_other_never_wait_for_ever_and_leave_nothing() {
    let here = Here::new();
    let succeeded = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (mut client, root) = here.another();
            let succeeded = &succeeded;
            scope.spawn(move || succeeded.fetch_add(stir(&mut client, root, seed), Ordering::Relaxed));
        }
    });
    let succeeded = succeeded.into_inner();
    assert!(succeeded > 1000, "{succeeded}");
    here.finish();
}

#[test]
fn clients_of_the_program_that_change_one_tree_beside_each_other_are_all_served() {
    let program = Listening::start(&["--jail", "require"]);
    let succeeded = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for seed in 10..14 {
            let (mut client, root) = program.client();
            let succeeded = &succeeded;
            scope.spawn(move || succeeded.fetch_add(stir(&mut client, root, seed), Ordering::Relaxed));
        }
    });
    let succeeded = succeeded.into_inner();
    assert!(succeeded > 1000, "{succeeded}");
    eventually("nobody", || program.is_idle());
    program.end();
}
