//! Random actions on the data of few files: what they hold matters here, not what they are called.

use crate::act::{Act, FILES};
use crate::bytes::{Bytes, fill};
use crate::model::Model;
use proptest::prelude::*;
use wasi_gofer::abi::FileType;
use wasi_gofer::vfs::OpenHow;

/// The names that files have. One is in a directory if there is one of that name.
const NAMES: [&str; 4] = ["a", "b", "c", "dd/a"];

/// Longest file of most rows, in bytes.
const SIZE: u64 = 20 << 10;

/// An action on data, with its operands.
#[derive(Clone, Debug)]
pub(crate) struct DataOp {
    kind: u8,
    who: u8,
    names: (u8, u8),
    slot: u8,
    place: u32,
    length: u16,
    seed: u8,
    flags: u8,
}

pub(crate) fn op() -> impl Strategy<Value = DataOp> {
    let names = (any::<u8>(), any::<u8>());
    (any::<u8>(), any::<u8>(), names, any::<u8>(), any::<u32>(), any::<u16>(), any::<u8>(), any::<u8>()).prop_map(
        |(kind, who, names, slot, place, length, seed, flags)| DataOp {
            kind,
            who,
            names,
            slot,
            place,
            length,
            seed,
            flags,
        },
    )
}

fn name(number: u8) -> String {
    NAMES[usize::from(number) % NAMES.len()].to_owned()
}

impl DataOp {
    /// Which of two guests does it.
    pub(crate) fn guest(&self) -> usize {
        usize::from(self.who % 4 == 2)
    }

    fn flag(&self, bit: u32) -> bool {
        self.flags >> bit & 1 == 1
    }

    /// A place in a file of `size` bytes: near a border of pages, near the end, or anywhere.
    fn place(&self, size: u64) -> u64 {
        let (number, by) = (u64::from(self.place) >> 8, u64::from(self.place) >> 4 & 7);
        let near = |at: u64| (at + by).saturating_sub(4);
        match self.place % 16 {
            0..5 => near(number % (SIZE / 512 + 1) * 512),
            5..8 => near(number % (SIZE / 4_096 + 1) * 4_096),
            8..11 => near(size),
            11 => 0,
            // Beyond the first of the largest pages, seldom: whole trees are compared behind every action.
            12 if number.is_multiple_of(8) => near(65_536),
            _ => number % SIZE,
        }
    }

    fn length(&self) -> usize {
        let number = usize::from(self.length >> 4);
        match self.length % 16 {
            0..8 => number % 40 + 1,
            8..11 => number % 700,
            11 | 12 => 512 * (number % 3 + 1),
            13 => 4_096 * (number % 2 + 1),
            14 => number % 9_000,
            _ => 65_536 * usize::from(number.is_multiple_of(4)) + number,
        }
    }

    fn data(&self) -> Bytes {
        // Programs clear ranges too.
        if self.seed == 0 { Bytes(vec![0; self.length()]) } else { fill(self.seed, self.length()) }
    }

    fn secs(&self) -> i64 {
        i64::from(self.length) * 100_000
    }

    /// What it means where things stand.
    pub(crate) fn concretize(&self, model: &Model, outside: bool) -> Act {
        let path = name(self.names.0);
        if outside && self.who % 4 == 3 {
            return self.outside(model, path);
        }
        let new_path = name(self.names.1);
        match self.kind {
            0..24 => self.open(path),
            24..27 => Act::Unlink { dir: 0, path },
            27..31 => Act::Rename { dir: 0, path, new_dir: 0, new_path },
            31..34 => Act::Link { dir: 0, path, new_dir: 0, new_path },
            34..37 => Act::Mkdir { dir: 0, path: "dd".to_owned() },
            37..44 => Act::Stat { dir: 0, path, follow: true },
            44..47 => Act::SetTimes { dir: 0, path, follow: true, secs: self.secs() },
            47..51 => Act::DropCaches,
            51..54 => Act::SyncAll,
            54..58 => Act::Compare,
            _ => self.on_file(model, path),
        }
    }

    fn on_file(&self, model: &Model, path: String) -> Act {
        let open = model.open_files();
        let Some(file) = open.get(usize::from(self.slot) % open.len().max(1)).copied() else { return self.open(path) };
        let place = self.place(model.open_size(file));
        match self.kind {
            0..115 => Act::WriteAt { file, offset: place, data: self.data() },
            115..155 => Act::ReadAt { file, offset: place, len: self.length() },
            155..175 => Act::Write { file, data: self.data() },
            175..190 => Act::Read { file, len: self.length() },
            190..206 => Act::SetSize { file, size: place },
            206..210 => Act::Allocate { file, offset: place, len: self.length().max(1) as u64 },
            210..216 => Act::SeekEnd { file, back: u64::from(self.length) % 2_000 },
            216..222 => Act::SetAppend { file, append: self.flag(0) },
            222..230 => Act::FileStat { file },
            230..233 => Act::FileTimes { file, secs: self.secs() },
            233..241 => Act::FileSync { file },
            _ => Act::Close { file, dropped: self.flag(0) },
        }
    }

    fn open(&self, path: String) -> Act {
        let how = OpenHow {
            follow: true,
            create: !self.flag(0) || self.flag(1),
            truncate: self.flag(2) && self.flag(3) && self.flag(4),
            read: !self.seed.is_multiple_of(8),
            write: self.seed % 8 != 1,
            append: self.flag(5) && self.flag(6),
            ..OpenHow::default()
        };
        Act::Open { dir: 0, path, how, into: usize::from(self.slot) % FILES }
    }

    fn outside(&self, model: &Model, path: String) -> Act {
        let size = model.size_at(&path);
        let act = match self.kind {
            0..40 => Act::Put { path, data: self.data() },
            40..110 => Act::Patch { path, offset: Some(self.place(size)), data: self.data() },
            110..170 => Act::Patch { path, offset: None, data: self.data() },
            170..220 => Act::Cut { path, size: self.place(size) },
            220..235 => Act::Rename { dir: 0, path, new_dir: 0, new_path: name(self.names.1) },
            235..240 => Act::Unlink { dir: 0, path },
            240..245 => Act::SetTimes { dir: 0, path, follow: true, secs: self.secs() },
            _ => {
                // Another object under the same name at once: where inode numbers are reused it gets the same one.
                let away = match model.type_at(&path) {
                    Some(FileType::Directory) => Act::Rmdir { dir: 0, path: path.clone() },
                    _ => Act::Unlink { dir: 0, path: path.clone() },
                };
                return Act::Outside(vec![away, Act::Put { path, data: self.data() }]);
            }
        };
        Act::Outside(vec![act])
    }
}
