//! Rows of operations that run under faults.

use crate::act::{Act, Subject};
use crate::model::Model;
use crate::op::op;
use crate::rows::seeded_runner;
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use wasi_gofer::vfs::OpenHow;

fn path(path: &str) -> String {
    path.to_owned()
}

fn open(at: &str, how: OpenHow, into: usize) -> Act {
    Act::Open { dir: 0, path: path(at), how, into }
}

/// Every kind of operation at least once, cold and warm.
pub(crate) fn everything() -> Vec<Act> {
    let create = OpenHow { follow: true, create: true, read: true, write: true, ..OpenHow::default() };
    let read = OpenHow { follow: true, read: true, ..OpenHow::default() };
    let directory = OpenHow { directory: true, ..read };
    let stat = |at: &str| Act::Stat { dir: 0, path: path(at), follow: true };
    let mkdir = |at: &str| Act::Mkdir { dir: 0, path: path(at) };
    let link = |at: &str, new: &str| Act::Link { dir: 0, path: path(at), new_dir: 0, new_path: path(new) };
    let rename = |at: &str, new: &str| Act::Rename { dir: 0, path: path(at), new_dir: 0, new_path: path(new) };
    let symlink = |target: &str, at: &str| Act::Symlink { dir: 0, target: path(target), path: path(at) };
    let unlink = |at: &str| Act::Unlink { dir: 0, path: path(at) };
    let rmdir = |at: &str| Act::Rmdir { dir: 0, path: path(at) };
    vec![
        mkdir("a"),
        mkdir("a/b"),
        mkdir("dd"),
        open("a/b/file", create, 0),
        Act::WriteAt { file: 0, offset: 3, data: b"data"[..].into() },
        link("a/b/file", "dd/hard"),
        symlink("a/b", "b"),
        stat("b/file"),
        Act::DropCaches,
        stat("b/../b/file"),
        stat("missing/file"),
        stat("a/missing"),
        Act::List { dir: 0 },
        open("b/file", OpenHow { write: true, ..read }, 1),
        Act::Write { file: 1, data: b"more"[..].into() },
        Act::SetAppend { file: 1, append: true },
        Act::Write { file: 1, data: b"end"[..].into() },
        Act::SeekEnd { file: 1, back: 2 },
        Act::Read { file: 1, len: 9 },
        Act::ReadAt { file: 0, offset: 0, len: 20 },
        Act::FileTimes { file: 1, secs: 1_000 },
        Act::SetSize { file: 1, size: 6 },
        Act::FileStat { file: 1 },
        Act::FileSync { file: 1 },
        open("a", directory, 1),
        Act::Stat { dir: 2, path: path("b/file"), follow: false },
        Act::ListSome { dir: 2, fresh: true, max: 1 },
        rename("a", "dd/moved"),
        Act::Stat { dir: 2, path: path("b"), follow: false },
        Act::ListSome { dir: 2, fresh: false, max: 9 },
        stat("dd/moved/b/file"),
        rename("dd/hard", "dd/moved/b/other"),
        rename("dd/moved/b/other", "dd/moved/b/file"),
        open("dd/hard", OpenHow { truncate: true, ..create }, 2),
        Act::Write { file: 2, data: b"new"[..].into() },
        rename("dd/hard", "dd/moved/b/file"),
        Act::FileStat { file: 0 },
        Act::Readlink { dir: 0, path: path("b") },
        Act::SetTimes { dir: 0, path: path("dd/moved"), follow: true, secs: 2_000 },
        Act::Close { file: 2, dropped: false },
        Act::DropCaches,
        open("dd/moved/b/file", read, 2),
        Act::Close { file: 2, dropped: false },
        open("dd/moved/b/file", OpenHow { write: true, ..read }, 2),
        open("dd/moved/b/file", OpenHow { read: false, write: true, ..read }, 3),
        Act::Close { file: 3, dropped: true },
        unlink("b"),
        stat("b"),
        Act::DirStat { dir: 2 },
        Act::DirTimes { dir: 2, secs: 3_000 },
        Act::DirSync { dir: 2 },
        Act::SyncAll,
        Act::Close { file: 0, dropped: false },
        Act::Close { file: 1, dropped: true },
        unlink("dd/moved/b/file"),
        rmdir("dd/moved/b"),
        rmdir("dd/moved"),
        Act::DirStat { dir: 2 },
        Act::CloseDir { dir: 2 },
        mkdir("dd/moved"),
        open("dd/moved/file", OpenHow { exclusive: true, ..create }, 0),
    ]
}

/// Random operations.
pub(crate) fn random(seed: u64, len: usize) -> Vec<Act> {
    let ops = vec(op(), len).new_tree(&mut seeded_runner(seed, 0, 1)).expect("drawn").current();
    let mut model = Model::new();
    let mut acts = Vec::new();
    for op in ops {
        let act = op.concretize(&model, false);
        drop(model.act(&act));
        acts.push(act);
    }
    acts
}
