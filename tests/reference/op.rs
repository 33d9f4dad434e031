//! Random actions. Operands are drawn as plain numbers and mean something of what exists at that moment (modulo how many
//! there are), so that most actions do something, and a failing row of them stays meaningful while it is made shorter.

use crate::act::{Act, DIRS, FILES};
use crate::bytes::Bytes;
use crate::model::Model;
use proptest::collection::vec;
use proptest::prelude::*;
use wasi_gofer::abi::FileType;
use wasi_gofer::vfs::OpenHow;

/// A path in the making: one number for each component, and what it is like.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    components: Vec<u8>,
    last: u8,
    wild: u8,
    end: u8,
}

/// What a path is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Something that is there, if anything is.
    Existing,
    /// A name in a directory that is there.
    New,
}

/// A kind of action with its operands.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    kind: u8,
    /// Slots of directories and files.
    slots: (u8, u8),
    paths: (Path, Path),
    flags: u16,
    number: u16,
    data: Vec<u8>,
}

/// Names that are made; few, so that they meet.
const NAMES: [&str; 5] = ["a", "b", "c", "dd", "an-entry-longer-than-inline"];

/// Contents of symbolic links, beside paths that exist.
const TARGETS: [&str; 10] = ["a", "b/", "../a", "..", ".", "a/b", "dd/../b", "../../..", "missing", "./c/."];

fn path() -> impl Strategy<Value = Path> {
    (vec(any::<u8>(), 0..4), any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(components, last, wild, end)| Path {
        components,
        last,
        wild,
        end,
    })
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let slots = (any::<u8>(), any::<u8>());
    (any::<u8>(), slots, (path(), path()), any::<u16>(), any::<u16>(), vec(any::<u8>(), 0..20))
        .prop_map(|(kind, slots, paths, flags, number, data)| Op { kind, slots, paths, flags, number, data })
}

/// One component, or none where nothing is to be drawn.
fn component(number: u8, existing: &[String]) -> String {
    let pick = |names: &[String]| names.get(usize::from(number) % names.len().max(1)).cloned();
    match number {
        0..150 => pick(existing).unwrap_or_else(|| NAMES[usize::from(number) % NAMES.len()].to_owned()),
        150..225 => NAMES[usize::from(number) % NAMES.len()].to_owned(),
        225..240 => "..".to_owned(),
        240..248 => ".".to_owned(),
        248..252 => String::new(),
        252..254 => "n".repeat(255),
        _ => "n".repeat(256),
    }
}

impl Path {
    fn concretize(&self, model: &Model, dir: usize, role: Role) -> String {
        let path = if self.wild < 216 { self.sensible(model, dir, role) } else { self.wild(model, dir) };
        let end = match self.end {
            0..232 => "",
            232..242 => "/",
            242..244 => "//",
            244..250 => "/.",
            _ => "/..",
        };
        let path = path.trim_end_matches('/').trim_start_matches('/').to_owned() + end;
        if path.is_empty() || path.starts_with('/') { ".".to_owned() } else { path }
    }

    /// Down through directories, and a name in the last.
    fn sensible(&self, model: &Model, dir: usize, role: Role) -> String {
        let mut path = String::new();
        for number in &self.components {
            let dirs = model.dirs_at(dir, &path);
            let Some(name) = dirs.get(usize::from(*number) % (dirs.len() + 1)) else { break };
            path = format!("{path}{name}/");
        }
        let last = usize::from(self.last);
        let existing = model.names_at(dir, path.trim_end_matches('/'));
        match role {
            Role::Existing if !existing.is_empty() => path + &existing[last % existing.len()],
            _ => path + NAMES[last % NAMES.len()],
        }
    }

    /// Anything.
    fn wild(&self, model: &Model, dir: usize) -> String {
        let mut path = String::new();
        for number in self.components.iter().chain([&self.last]) {
            let existing = model.names_at(dir, path.trim_end_matches('/'));
            path += &component(*number, &existing);
            path.push('/');
        }
        path
    }
}

fn pick<T: Copy>(from: &[T], number: impl Into<usize>) -> Option<T> {
    from.get(number.into() % from.len().max(1)).copied()
}

impl Op {
    fn flag(&self, bit: u32) -> bool {
        self.flags >> bit & 1 == 1
    }

    fn data(&self) -> Bytes {
        // Zeros hide errors of holes.
        Bytes(self.data.iter().map(|byte| byte % 26 + b'a').collect())
    }

    fn offset(&self) -> u64 {
        u64::from(if self.number.is_multiple_of(16) { self.number } else { self.number % 48 })
    }

    fn secs(&self) -> i64 {
        i64::from(self.number) * 100_000
    }

    /// Which of two guests does it.
    pub(crate) fn guest(&self) -> usize {
        usize::from(self.slots.0 % 4 == 2)
    }

    /// What it means where things stand; `outside` may add what somebody else does.
    pub(crate) fn concretize(&self, model: &Model, outside: bool) -> Act {
        if outside && self.slots.0 % 4 == 3 {
            return self.concretize_outside(model);
        }
        let dir = |number: u8| {
            // The root twice as often as any other.
            let dirs = model.open_dirs();
            pick(&dirs, usize::from(number).saturating_sub(128) % (dirs.len() + 1)).unwrap_or(0)
        };
        let (one, two) = (dir(self.slots.0), dir(self.slots.1));
        // What is made is mostly new, and what is opened or replaced now and then.
        let makes = matches!(self.kind, 36..56 | 120..132) || self.flag(14);
        let role = |new| if new { Role::New } else { Role::Existing };
        let path = self.paths.0.concretize(model, one, role(makes && !self.flag(13)));
        let new_path = self.paths.1.concretize(model, two, role(!self.flag(13)));
        match self.kind {
            0..36 => self.open(one, path),
            36..56 => Act::Mkdir { dir: one, path },
            56..72 => Act::Unlink { dir: one, path },
            72..84 => Act::Rmdir { dir: one, path },
            84..108 => Act::Rename { dir: one, path, new_dir: two, new_path },
            108..120 => Act::Link { dir: one, path, new_dir: two, new_path },
            120..132 => Act::Symlink { dir: one, target: self.target(model), path },
            132..136 => Act::Readlink { dir: one, path },
            136..148 => Act::Stat { dir: one, path, follow: self.flag(0) },
            148..152 => Act::SetTimes { dir: one, path, follow: self.flag(0), secs: self.secs() },
            152..156 => Act::DirStat { dir: one },
            156..158 => Act::DirTimes { dir: one, secs: self.secs() },
            158..160 => Act::DirSync { dir: one },
            160..166 => Act::List { dir: one },
            166..178 => {
                Act::ListSome { dir: one, fresh: self.number.is_multiple_of(5), max: usize::from(self.flags % 4) + 1 }
            }
            178..182 => Act::CloseDir { dir: one.max(1) },
            182..186 => Act::DropCaches,
            186..190 => Act::SyncAll,
            190..196 => Act::Compare,
            _ => self.on_file(model),
        }
    }

    fn on_file(&self, model: &Model) -> Act {
        let Some(file) = pick(&model.open_files(), self.slots.1) else {
            return self.open(0, self.paths.0.concretize(model, 0, Role::New));
        };
        let len = usize::from(self.flags % 40);
        match self.kind {
            0..206 => Act::WriteAt { file, offset: self.offset(), data: self.data() },
            206..214 => Act::ReadAt { file, offset: self.offset(), len },
            214..220 => Act::Write { file, data: self.data() },
            220..226 => Act::Read { file, len },
            226..230 => Act::SetSize { file, size: self.offset() },
            230..234 => Act::SeekEnd { file, back: self.offset() },
            234..237 => Act::SetAppend { file, append: self.flag(0) },
            237..242 => Act::FileStat { file },
            242..244 => Act::FileTimes { file, secs: self.secs() },
            244..246 => Act::FileSync { file },
            _ => Act::Close { file, dropped: self.flag(0) },
        }
    }

    fn open(&self, dir: usize, path: String) -> Act {
        let directory = self.flags.is_multiple_of(4);
        let how = OpenHow {
            follow: !self.flag(2) || self.flag(3),
            directory,
            create: !directory && self.flag(4),
            exclusive: !directory && self.flag(4) && self.flag(5) && self.flag(6),
            truncate: !directory && self.flag(7) && self.flag(8),
            read: self.flag(9),
            write: !directory && (self.flag(10) || self.flag(15)),
            append: self.flag(11) && self.flag(12),
            ..OpenHow::default()
        };
        Act::Open { dir, path, how, into: usize::from(self.number) % (FILES * DIRS) }
    }

    fn target(&self, model: &Model) -> String {
        if self.flag(0) {
            return TARGETS[usize::from(self.number) % TARGETS.len()].to_owned();
        }
        // Which of two errors a link to no possible name gives is nobody's business.
        self.paths.1.concretize(model, 0, Role::Existing).replace(&"n".repeat(256), "n")
    }

    /// What somebody else does behind the cache.
    fn concretize_outside(&self, model: &Model) -> Act {
        let role = |new| if new { Role::New } else { Role::Existing };
        let path = self.paths.0.concretize(model, 0, role(matches!(self.kind, 0..20 | 100..115 | 130..145)));
        let new_path = self.paths.1.concretize(model, 0, role(self.flag(13)));
        let data = self.data();
        let act = match self.kind {
            0..40 => Act::Put { path, data },
            40..60 => Act::Rename { dir: 0, path, new_dir: 0, new_path },
            60..80 => Act::Unlink { dir: 0, path },
            80..100 => Act::Rmdir { dir: 0, path },
            100..115 => Act::Mkdir { dir: 0, path },
            115..130 => Act::Link { dir: 0, path, new_dir: 0, new_path },
            130..145 => Act::Symlink { dir: 0, target: self.target(model), path },
            145..155 => Act::Chmod { path, mode: 0o600 + u32::from(self.number % 2) * 0o055 },
            155..165 => Act::SetTimes { dir: 0, path, follow: true, secs: self.secs() },
            _ => return self.replace(model, path),
        };
        Act::Outside(vec![act])
    }

    /// Takes an object away and puts another one, of the same type or not, in its place at once: where inode numbers
    /// are reused it gets the same one.
    fn replace(&self, model: &Model, path: String) -> Act {
        let dir = 0;
        let away = match model.type_at(&path) {
            Some(FileType::Directory) => Act::Rmdir { dir, path: path.clone() },
            _ => Act::Unlink { dir, path: path.clone() },
        };
        let next = match (model.type_at(&path), self.flags % 6) {
            (Some(FileType::Directory), 0..4) | (_, 4) => Act::Mkdir { dir, path },
            (Some(FileType::Symlink), 0..4) | (_, 5) => Act::Symlink { dir, target: self.target(model), path },
            _ => Act::Put { path, data: self.data() },
        };
        Act::Outside(vec![away, next])
    }
}
