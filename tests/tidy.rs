//! The rules of the house that no compiler checks: who may import whom, no import cycles, no protocol words in the
//! cache, `unsafe` in one place, no system calls where time is handed in, sizes, docs and reasons.
//!
//! A file is read as tokens, without comments, strings and what only tests compile. Paths are followed through
//! re-exports to the file that defines their end. Every rule has a test that it fails on a file that breaks it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Who may `use crate::` whom: files below the first may import the second. Rows add up. `room` is what the room's own
/// `mod.rs` offers, `room::name` one item or module of it, `room::*` all of it.
const IMPORTS: &[(&str, &[&str])] = &[
    ("abi", &[]),
    ("sys", &[]),
    ("sync", &["sys::*"]),
    ("hostfs", &["abi", "sync", "sys::*"]),
    ("proto", &["abi"]),
    ("transport", &["abi", "sync", "sys::*", "proto::*"]),
    ("backend", &["abi", "sync", "hostfs::*", "proto::*", "transport::*"]),
    ("gofer", &["abi", "sync", "backend"]),
    ("gofer/page", &["sys::*"]),
    ("vfs", &["abi", "backend", "gofer"]),
    // A host directory is mounted by its path alone.
    ("vfs/builder.rs", &["backend::directfs"]),
    ("wasi", &["abi", "vfs", "backend::Advice"]),
    ("wasi/p1/memory.rs", &["sys::*"]),
    ("sidecar", &["abi", "sync", "sys::*", "hostfs::*", "proto::*", "transport::*"]),
];

/// Rooms to which clocks and background work are handed in.
const PURE_ROOMS: &[&str] = &["abi", "proto", "gofer", "vfs"];

/// What makes a system call, or asks the time.
const SYSTEM: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::os::unix::net",
    "rustix",
    "libc",
    "cap_std",
    "Instant::now",
    "SystemTime::now",
    "thread::sleep",
    "thread::spawn",
];

/// Words of protocols, which the cache must not know.
const PROTOCOL_WORDS: &[&str] = &["fid", "fdid", "qid", "lisafs", "p9"];

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn the_source_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for part in ["src", "host/src"] {
        collect(root, &root.join(part), "rs", &mut sources);
    }
    let mut manifests = Vec::new();
    collect(root, root, "toml", &mut manifests);
    manifests.retain(|(path, _)| path.ends_with("Cargo.toml"));
    assert!(sources.len() > 100 && !manifests.is_empty(), "{} files were found", sources.len());
    let mut faults = check(&sources);
    faults.extend(manifests.iter().flat_map(|(path, text)| unexplained_dependencies(path, text)));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Every file below `dir` with this extension: its path from `root`, and its text.
fn collect(root: &Path, dir: &Path, extension: &str, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).expect("a directory of the project").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let skipped = ["target", ".git"].iter().any(|skipped| name == *skipped);
        if path.is_dir() && !skipped {
            collect(root, &path, extension, files);
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            files.push((path.strip_prefix(root).expect("below it").display().to_string(), text));
        }
    }
    files.sort();
}

/// Every fault of the source files of all crates.
fn check(sources: &[(String, String)]) -> Vec<String> {
    let mut faults = Vec::new();
    for root in ["src/", "host/src/"] {
        let files = sources.iter().filter_map(|(path, text)| Some((path.strip_prefix(root)?, text.as_str())));
        let krate = Crate::new(root, files);
        if root == "src/" {
            faults.extend(krate.forbidden_imports());
            faults.extend(krate.protocol_words());
            faults.extend(krate.system_calls());
        }
        faults.extend(krate.cycles());
        for file in krate.files.values() {
            faults.extend(file.faults().into_iter().map(|fault| format!("{root}{}: {fault}", file.path)));
        }
    }
    faults
}

// ---- tokens

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
    /// Whether only tests compile it.
    test: bool,
}

/// The tokens of a source: words, `::`, and single characters. Comments, strings, characters and lifetimes are left
/// out.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens: Vec<Token> = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let rest = &chars[at..];
        let skip = match rest {
            ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
            ['/', '*', ..] => block_comment(rest),
            ['"', ..] => string(rest),
            ['\'', '\\', ..] => 2 + rest[3..].iter().take_while(|c| **c != '\'').count() + 2,
            ['\'', _, '\'', ..] => 3,
            ['\'', ..] => 1 + rest[1..].iter().take_while(|c| is_word(**c)).count(),
            _ => raw_string(rest),
        };
        if skip > 0 {
            line += rest[..skip.min(rest.len())].iter().filter(|c| **c == '\n').count();
            at += skip;
            continue;
        }
        let length = match rest {
            [c, ..] if is_word(*c) => rest.iter().take_while(|c| is_word(**c)).count(),
            [':', ':', ..] => 2,
            _ => 1,
        };
        let text: String = rest[..length].iter().collect();
        if !text.trim().is_empty() {
            tokens.push(Token { text, line, test: false });
        }
        line += usize::from(rest[0] == '\n');
        at += length;
    }
    mark_tests(&mut tokens);
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the string literal that `rest` begins with.
fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of the raw, byte or C string literal that `rest` begins with; 0 when it begins with something else.
fn raw_string(rest: &[char]) -> usize {
    let prefix = rest.iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    let raw = prefix > 0 && rest[prefix - 1] == 'r';
    let hashes = if raw { rest[prefix..].iter().take_while(|c| **c == '#').count() } else { 0 };
    let start = prefix + hashes;
    if prefix == 0 || prefix > 2 || rest.get(start) != Some(&'"') {
        return 0;
    }
    if !raw {
        return prefix + string(&rest[prefix..]);
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = &rest[start + 1..];
    let length = body.windows(end.len()).position(|window| window == end).unwrap_or(body.len());
    start + 1 + length + end.len()
}

/// The index behind the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// Whether the tokens at `at` are these.
fn matches(tokens: &[Token], at: usize, texts: &[&str]) -> bool {
    texts.iter().enumerate().all(|(i, text)| tokens.get(at + i).is_some_and(|token| token.text == *text))
}

/// Marks each item behind a `#[cfg(test)]`.
fn mark_tests(tokens: &mut [Token]) {
    let mut at = 0;
    while at < tokens.len() {
        let cfg = matches(tokens, at, &["#", "[", "cfg", "("]);
        let test = cfg && (matches(tokens, at + 4, &["test", ")"]) || matches(tokens, at + 4, &["all", "(", "test"]));
        if !test {
            at += 1;
            continue;
        }
        let mut end = closing(tokens, at + 1);
        while matches(tokens, end, &["#"]) {
            end = closing(tokens, end + 1);
        }
        // Up to the block of the item, or to its end if it has none.
        while end < tokens.len() && !matches!(tokens[end].text.as_str(), "{" | ";") {
            end = if matches!(tokens[end].text.as_str(), "(" | "[") { closing(tokens, end) } else { end + 1 };
        }
        end = if matches(tokens, end, &["{"]) { closing(tokens, end) } else { end + 1 };
        let end = end.min(tokens.len());
        tokens[at..end].iter_mut().for_each(|token| token.test = true);
        at = end;
    }
}

// ---- files and their rules

struct File {
    /// From the root of its crate's source.
    path: String,
    text: String,
    tokens: Vec<Token>,
}

impl File {
    /// The first component of the path.
    fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }

    /// What is wrong with it by itself.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.text.starts_with("//!") {
            faults.push("has no module doc in its first line".to_owned());
        }
        let lines = self.text.lines().count() - self.test_lines();
        if lines > FILE_LINES_MAX {
            faults.push(format!("has {lines} lines that are no tests, more than {FILE_LINES_MAX}"));
        }
        for (number, line) in (1..).zip(self.text.lines()) {
            for mark in ["TODO", "FIXME", "XXX"] {
                if line.split(|c| !is_word(c)).any(|word| word == mark) {
                    faults.push(format!("{number}: {mark}"));
                }
            }
        }
        faults.extend(self.long_functions());
        faults.extend(self.marks());
        faults
    }

    fn test_lines(&self) -> usize {
        let lines = |test| self.tokens.iter().filter(move |token| token.test == test).map(|token| token.line);
        let (first, last) = (lines(true).min(), lines(true).max());
        first.zip(last).map_or(0, |(first, last)| {
            let others: BTreeSet<usize> = lines(false).filter(|line| (first..=last).contains(line)).collect();
            last + 1 - first - others.len()
        })
    }

    fn long_functions(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (at, token) in self.tokens.iter().enumerate().filter(|(_, token)| token.text == "fn") {
            let Some(name) = self.tokens.get(at + 1).filter(|name| is_word(name.text.chars().next().unwrap_or(' ')))
            else {
                continue;
            };
            let mut body = at;
            while body < self.tokens.len() && !matches!(self.tokens[body].text.as_str(), "{" | ";") {
                let nested = matches!(self.tokens[body].text.as_str(), "(" | "[");
                body = if nested { closing(&self.tokens, body) } else { body + 1 };
            }
            if matches(&self.tokens, body, &["{"]) {
                let end = self.tokens[closing(&self.tokens, body) - 1].line;
                let lines = end + 1 - token.line;
                if lines > FUNCTION_LINES_MAX {
                    faults.push(format!(
                        "{}: fn {} has {lines} lines, more than {FUNCTION_LINES_MAX}",
                        token.line, name.text
                    ));
                }
            }
        }
        faults
    }

    /// `unsafe` out of its place, macros of unfinished work, and silenced lints without a reason.
    fn marks(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            let line = token.line;
            match token.text.as_str() {
                "unsafe" if self.room() != "sys" => faults.push(format!("{line}: unsafe outside sys")),
                "todo" | "dbg" | "unimplemented" if matches(&self.tokens, at + 1, &["!"]) => {
                    faults.push(format!("{line}: {}!", token.text));
                }
                "allow" | "expect" if at > 0 && matches(&self.tokens, at - 1, &["[", &token.text, "("]) => {
                    let end = closing(&self.tokens, at + 1);
                    if !self.tokens[at..end].iter().any(|token| token.text == "reason") {
                        faults.push(format!("{line}: {} without a reason", token.text));
                    }
                }
                _ => {}
            }
        }
        faults
    }
}

// ---- modules and their imports

/// A path as it was written, with the module that it stands in.
#[derive(Clone, Debug)]
struct Written {
    module: Vec<String>,
    segments: Vec<String>,
    line: usize,
    /// Whether it is a `pub use`.
    exported: bool,
}

#[derive(Default)]
struct Module {
    file: String,
    /// Names that its `use`s bring in.
    imports: BTreeMap<String, Vec<String>>,
}

/// The source files of one crate.
struct Crate {
    root: &'static str,
    files: BTreeMap<String, File>,
    modules: BTreeMap<Vec<String>, Module>,
    written: Vec<Written>,
}

impl Crate {
    fn new<'a>(root: &'static str, sources: impl Iterator<Item = (&'a str, &'a str)>) -> Crate {
        let mut krate = Crate { root, files: BTreeMap::new(), modules: BTreeMap::new(), written: Vec::new() };
        let file =
            |(path, text): (&str, &str)| File { path: path.to_owned(), text: text.to_owned(), tokens: tokens(text) };
        let all: Vec<File> = sources.map(file).collect();
        let tests: BTreeSet<String> = all.iter().flat_map(test_files).collect();
        krate.files =
            all.into_iter().filter(|file| !tests.contains(&file.path)).map(|file| (file.path.clone(), file)).collect();
        for file in krate.files.values() {
            let Some(module) = module_of(&file.path) else { continue };
            let mut reader = Reader { file, modules: &mut krate.modules, written: &mut krate.written };
            reader.read(&module, 0, file.tokens.len());
        }
        krate
    }

    fn file_of(&self, written: &Written) -> &str {
        self.modules.get(&written.module).map_or("", |module| &module.file)
    }

    /// The path from the root of the crate that a written path means, imports on its first segment followed; `None` for
    /// one of another crate.
    fn absolute(&self, module: &[String], segments: &[String], depth: usize) -> Option<Vec<String>> {
        let (first, rest) = segments.split_first()?;
        let parent = &module[..module.len().saturating_sub(1)];
        let start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => return self.absolute_in(parent, rest, depth),
            name => return self.absolute_in(module, segments, depth).filter(|_| self.knows(module, name)),
        };
        self.absolute_in(&start, rest, depth)
    }

    fn knows(&self, module: &[String], name: &str) -> bool {
        let child = [module, &[name.to_owned()]].concat();
        self.modules.contains_key(&child) || self.modules.get(module).is_some_and(|m| m.imports.contains_key(name))
    }

    fn absolute_in(&self, module: &[String], segments: &[String], depth: usize) -> Option<Vec<String>> {
        match segments.split_first() {
            Some((first, rest)) if first == "super" => {
                self.absolute_in(&module[..module.len().saturating_sub(1)], rest, depth)
            }
            Some((first, rest)) if first == "self" => self.absolute_in(module, rest, depth),
            Some((first, rest)) if depth < 32 => {
                let child = [module, std::slice::from_ref(first)].concat();
                let import = self.modules.get(module).and_then(|module| module.imports.get(first));
                match import.filter(|_| !self.modules.contains_key(&child)) {
                    Some(path) if module.is_empty() || path[0] != *first => {
                        self.absolute(module, &[path, rest].concat(), depth + 1)
                    }
                    _ => Some([module, segments].concat()),
                }
            }
            _ => Some([module, segments].concat()),
        }
    }

    /// The file that defines the end of an absolute path, re-exports followed.
    fn defining(&self, path: &[String], depth: usize) -> Option<&str> {
        let known = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let module = self.modules.get(&path[..known])?;
        let Some(name) = path.get(known) else { return Some(&module.file) };
        let import = module.imports.get(name).filter(|_| depth < 32);
        let followed = import.and_then(|import| {
            let absolute = self.absolute(&path[..known], import, depth + 1)?;
            self.defining(&[&absolute, &path[known + 1..]].concat(), depth + 1)
        });
        Some(followed.unwrap_or(&module.file))
    }

    /// Imports that the table does not have.
    fn forbidden_imports(&self) -> Vec<String> {
        let mut faults = BTreeSet::new();
        for written in &self.written {
            let file = self.file_of(written);
            let room = file.split('/').next().unwrap_or_default();
            let Some(path) = self.absolute(&written.module, &written.segments, 0) else { continue };
            let Some(to) = path.first().filter(|to| self.modules.contains_key(std::slice::from_ref(*to))) else {
                continue;
            };
            if !file.contains('/') || file.starts_with("bin/") || to == room {
                continue;
            }
            let rows = IMPORTS.iter().filter(|(from, _)| file == *from || file.starts_with(&format!("{from}/")));
            if !rows.flat_map(|(_, may)| *may).any(|may| self.allows(may, &path)) {
                faults.insert(format!("{}{file}:{}: {room} imports {}", self.root, written.line, path.join("::")));
            }
        }
        faults.into_iter().collect()
    }

    fn allows(&self, may: &str, path: &[String]) -> bool {
        let (room, part) = may.split_once("::").unwrap_or((may, ""));
        let inner = path.get(1).is_some_and(|_| self.modules.contains_key(&path[..2]));
        path[0] == room && (part == "*" || (part.is_empty() && !inner) || path.get(1).is_some_and(|name| name == part))
    }

    /// The files that each file imports from.
    fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for written in &self.written {
            let from = self.file_of(written);
            let absolute = self.absolute(&written.module, &written.segments, 0);
            let Some(to) = absolute.and_then(|path| self.defining(&path, 0)) else { continue };
            let re_export = written.exported && to.starts_with(&children_of(from));
            if from != to && !re_export {
                edges.entry(from).or_default().insert(to);
            }
        }
        edges
    }

    /// Import cycles, a shortest one for each file that is in one, each once.
    fn cycles(&self) -> Vec<String> {
        let edges = self.edges();
        let mut cycles = BTreeMap::new();
        for start in edges.keys() {
            if let Some(cycle) = shortest_cycle(&edges, start) {
                let mut key = cycle.clone();
                key.sort_unstable();
                cycles.entry(key).or_insert_with(|| cycle.join(" -> "));
            }
        }
        cycles.into_values().map(|cycle| format!("{}: import cycle: {cycle}", self.root)).collect()
    }

    /// Words of protocols in the cache, comments included.
    fn protocol_words(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for file in self.files.values().filter(|file| file.room() == "gofer") {
            for (number, line) in (1..).zip(file.text.lines()) {
                for word in line.split(|c| !is_word(c)).filter(|word| has_protocol_word(word)) {
                    faults.push(format!("{}{}:{number}: the protocol word {word}", self.root, file.path));
                }
            }
        }
        faults
    }

    /// System calls and clocks where they are to be handed in.
    fn system_calls(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for written in &self.written {
            let file = self.file_of(written);
            let path = format!("::{}::", written.segments.join("::"));
            let pure = PURE_ROOMS.iter().any(|room| file.split(['/', '.']).next() == Some(room));
            for system in SYSTEM.iter().filter(|system| pure && path.contains(&format!("::{system}::"))) {
                faults.push(format!("{}{file}:{}: {system} in a room without system calls", self.root, written.line));
            }
        }
        faults
    }
}

fn has_protocol_word(word: &str) -> bool {
    let mut parts: Vec<String> = word.split('_').map(str::to_lowercase).collect();
    // The humps of a CamelCase word, too.
    let humps: String = word.chars().flat_map(|c| if c.is_uppercase() { vec!['_', c] } else { vec![c] }).collect();
    parts.extend(humps.split('_').map(str::to_lowercase));
    parts.iter().any(|part| PROTOCOL_WORDS.contains(&part.as_str()))
}

/// A shortest way from `start` back to itself.
fn shortest_cycle<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in edges.get(way[way.len() - 1]).into_iter().flatten() {
                if *next == start {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push([&way[..], &[*next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The module that a file is; `None` for one that is a crate of its own.
fn module_of(path: &str) -> Option<Vec<String>> {
    let path = path.strip_suffix(".rs")?;
    if path.starts_with("bin/") {
        return None;
    }
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(match path {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    })
}

/// Where the modules are that a file declares.
fn children_of(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((dir, "mod.rs")) => format!("{dir}/"),
        None if matches!(path, "lib.rs" | "main.rs") => String::new(),
        _ => format!("{}/", path.trim_end_matches(".rs")),
    }
}

/// The files that a file declares as modules for tests only.
fn test_files(file: &File) -> Vec<String> {
    let dir = children_of(&file.path);
    let mut files = Vec::new();
    for at in 0..file.tokens.len() {
        if file.tokens[at].test && file.tokens[at].text == "mod" && matches(&file.tokens, at + 2, &[";"]) {
            let name = &file.tokens[at + 1].text;
            files.extend([format!("{dir}{name}.rs"), format!("{dir}{name}/mod.rs")]);
        }
    }
    files
}

/// Reads what a file imports.
struct Reader<'a> {
    file: &'a File,
    modules: &'a mut BTreeMap<Vec<String>, Module>,
    written: &'a mut Vec<Written>,
}

impl Reader<'_> {
    fn read(&mut self, module: &[String], start: usize, end: usize) {
        self.modules.entry(module.to_vec()).or_default().file.clone_from(&self.file.path);
        let tokens = &self.file.tokens;
        let mut at = start;
        while at < end {
            let token = &tokens[at];
            if token.test {
                at += 1;
            } else if matches(tokens, at, &["pub", "(", "in"]) {
                // Where something is seen from, which imports nothing.
                at = closing(tokens, at + 1);
            } else if token.text == "mod" && matches(tokens, at + 2, &["{"]) {
                let inner = [module, std::slice::from_ref(&tokens[at + 1].text)].concat();
                let close = closing(tokens, at + 2);
                self.read(&inner, at + 3, close);
                at = close;
            } else if token.text == "use"
                && matches!(tokens[at - usize::from(at > 0)].text.as_str(), ";" | "}" | "{" | "]" | "pub" | ")" | "use")
            {
                let exported = at > 0 && matches!(tokens[at - 1].text.as_str(), "pub" | ")");
                at = self.use_tree(module, at + 1, &[], exported);
            } else {
                at = self.path(module, at);
            }
        }
    }

    /// Reads one tree of a `use` declaration; the index behind it.
    fn use_tree(&mut self, module: &[String], mut at: usize, prefix: &[String], exported: bool) -> usize {
        let tokens = &self.file.tokens;
        let mut segments = prefix.to_vec();
        let line = tokens.get(at).map_or(0, |token| token.line);
        let mut name = None;
        while let Some(token) = tokens.get(at) {
            match token.text.as_str() {
                "{" => {
                    let close = closing(tokens, at) - 1;
                    at += 1;
                    while at < close {
                        at = self.use_tree(module, at, &segments, exported);
                        at += usize::from(matches(tokens, at, &[","]));
                    }
                    return close + 1;
                }
                ";" | "," | "}" => break,
                "as" => {
                    name = tokens.get(at + 1).map(|token| token.text.clone());
                    at += 1;
                }
                "::" => {}
                "self" if !segments.is_empty() => {}
                text => segments.push(text.to_owned()),
            }
            at += 1;
        }
        let last = segments.last().cloned().unwrap_or_default();
        let imports = &mut self.modules.entry(module.to_vec()).or_default().imports;
        imports.insert(name.unwrap_or(last), segments.clone());
        self.written.push(Written { module: module.to_vec(), segments, line, exported });
        at
    }

    /// Reads a path in the middle of code, if there is one; the index behind it.
    fn path(&mut self, module: &[String], start: usize) -> usize {
        let tokens = &self.file.tokens;
        let mut segments = Vec::new();
        let mut at = start;
        while tokens.get(at).is_some_and(|token| token.text.chars().all(is_word)) {
            segments.push(tokens[at].text.clone());
            if !matches(tokens, at + 1, &["::"]) {
                break;
            }
            at += 2;
        }
        if segments.len() > 1 {
            let line = tokens[start].line;
            self.written.push(Written { module: module.to_vec(), segments, line, exported: false });
        }
        at.max(start) + 1
    }
}

// ---- manifests

/// Dependencies that nobody gave a reason for in the line above.
fn unexplained_dependencies(path: &str, text: &str) -> Vec<String> {
    let (mut faults, mut inside, mut above, mut open) = (Vec::new(), false, "", false);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('[') && !open {
            let section = line.trim_matches(['[', ']']);
            let table = section.rsplit_once('.').map_or(section, |(_, last)| last);
            inside = matches!(table, "dependencies" | "dev-dependencies" | "build-dependencies")
                && !section.starts_with("workspace");
        } else if inside && !open && line.contains('=') && !line.starts_with('#') && !above.starts_with('#') {
            faults.push(format!("{path}:{number}: a dependency without a reason above it: {line}"));
        }
        open = inside && !line.starts_with('#') && (open || line.contains('[')) && !line.contains(']');
        above = line;
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of a crate of these files, each given a module doc.
    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let doc = |(path, text): &(&str, &str)| (format!("src/{path}"), format!("//! Doc.\n{text}"));
        check(&files.iter().map(doc).collect::<Vec<_>>())
    }

    fn assert_fault(files: &[(&str, &str)], expected: &str) {
        let faults = faults(files);
        assert!(faults.len() == 1 && faults[0].contains(expected), "{faults:?}");
    }

    const LIB: (&str, &str) = ("lib.rs", "mod abi; mod vfs; mod gofer; mod backend; pub use vfs::Gofer;");
    const ABI: (&str, &str) = ("abi/mod.rs", "mod name; pub use name::Name;");
    const NAME: (&str, &str) = ("abi/name.rs", "pub struct Name;");
    const VFS: (&str, &str) = ("vfs/mod.rs", "pub struct Gofer;");

    #[test]
    fn tokens_leave_out_comments_strings_characters_and_lifetimes() {
        let source = r##"a /* b /* c */ d */ "e \" f" r#"g " h"# b"i" c"j" '"' '\'' k::<'l> // m
            n"##;
        let words: Vec<_> = tokens(source).into_iter().map(|token| token.text).collect();
        assert_eq!(words, ["a", "k", "::", "<", ">", "n"]);
        assert_eq!(tokens(source).last().map(|token| token.line), Some(2));
    }

    #[test]
    fn tokens_behind_cfg_test_are_marked() {
        let source = "fn a() {} #[cfg(test)] #[x(y)] mod t { b } fn c() {} #[cfg(all(test, d))] use e; f";
        let plain: Vec<_> = tokens(source).into_iter().filter(|token| !token.test).map(|token| token.text).collect();
        assert_eq!(plain.concat(), "fna(){}fnc(){}f");
    }

    #[test]
    fn an_import_down_the_table_is_fine() {
        assert_eq!(
            faults(&[LIB, ABI, NAME, ("vfs/mod.rs", "use crate::abi::{self, Name}; pub struct Gofer;")]),
            [""; 0]
        );
    }

    #[test]
    fn an_import_up_the_table_is_a_fault() {
        assert_fault(&[LIB, ABI, ("abi/name.rs", "use crate::vfs::X; pub struct Name;"), VFS], "abi imports vfs::X");
        assert_fault(&[LIB, ABI, ("abi/name.rs", "fn f() { super::super::vfs::x() } pub struct Name;"), VFS], "vfs::x");
    }

    #[test]
    fn an_import_through_the_root_is_that_of_the_room_behind_it() {
        let name = ("abi/name.rs", "use crate::Gofer; pub struct Name;");
        let found = faults(&[LIB, ABI, name, VFS]);
        assert!(found.iter().any(|fault| fault.contains("abi imports vfs::Gofer")), "{found:?}");
    }

    #[test]
    fn an_import_of_a_rooms_inside_is_a_fault_where_the_table_has_the_room_alone() {
        assert_fault(
            &[LIB, ABI, NAME, ("vfs/mod.rs", "use crate::abi::name::Name; pub struct Gofer;")],
            "vfs imports abi::name::Name",
        );
        let through = ("vfs/mod.rs", "use crate::abi; fn f() { abi::name::f() } pub struct Gofer;");
        assert_fault(&[LIB, ABI, NAME, through], "vfs imports abi::name::f");
    }

    #[test]
    fn an_import_in_a_test_is_none() {
        let name =
            ("abi/name.rs", "pub struct Name; #[cfg(test)] mod tests { use crate::vfs::X; } #[cfg(test)] mod more;");
        let more = ("abi/name/more.rs", "use crate::vfs::Y;");
        assert_eq!(faults(&[LIB, ABI, name, more, VFS]), [""; 0]);
    }

    #[test]
    fn a_cycle_through_a_re_export_is_a_fault() {
        let files = [
            LIB,
            VFS,
            ("abi/mod.rs", "mod name; mod errno; pub use name::Name; pub(crate) use errno::Errno;"),
            ("abi/name.rs", "use super::Errno; pub struct Name;"),
            ("abi/errno.rs", "use crate::abi::Name; pub struct Errno;"),
        ];
        assert_fault(&files, "import cycle: abi/errno.rs -> abi/name.rs");
    }

    #[test]
    fn a_mod_rs_that_defines_what_its_children_use_and_uses_them_is_a_cycle() {
        let files = [
            LIB,
            VFS,
            ("abi/mod.rs", "mod name; use name::Name; pub struct A(Name);"),
            ("abi/name.rs", "use super::A;"),
        ];
        assert_fault(&files, "import cycle: abi/mod.rs -> abi/name.rs");
    }

    #[test]
    fn a_mod_rs_that_re_exports_children_which_use_it_is_no_cycle() {
        let files =
            [LIB, VFS, ("abi/mod.rs", "mod name; pub use name::Name; pub struct A;"), ("abi/name.rs", "use super::A;")];
        assert_eq!(faults(&files), [""; 0]);
    }

    #[test]
    fn a_protocol_word_in_the_cache_is_a_fault_also_in_a_comment() {
        for text in ["// a fid", "struct QidTable;", "fn open_fdid() {}", "/// as Lisafs does\nfn f() {}", "use p9;"] {
            assert_fault(&[LIB, ("gofer/fs.rs", text)], "the protocol word");
        }
        assert_eq!(
            faults(&[LIB, ("gofer/fs.rs", "fn confide() {} // p99"), ("backend/p9.rs", "struct Fid;")]),
            [""; 0]
        );
    }

    #[test]
    fn unsafe_outside_sys_is_a_fault() {
        assert_fault(&[LIB, ("gofer/fs.rs", "fn f() { unsafe { g() } }")], "unsafe outside sys");
        assert_eq!(
            faults(&[("lib.rs", "#![deny(unsafe_code)] // unsafe"), ("sys/mod.rs", "unsafe fn f() {}")]),
            [""; 0]
        );
    }

    #[test]
    fn a_system_call_in_a_room_without_is_a_fault() {
        for text in [
            "use std::fs;",
            "use std::{io, net::X};",
            "fn f() { std::process::id(); }",
            "use rustix::fs::statx;",
            "fn f() { Instant::now(); }",
            "fn f() { std::time::SystemTime::now(); }",
            "fn f() { std::thread::sleep(x); }",
        ] {
            assert_fault(&[LIB, ("vfs/x.rs", text)], "in a room without system calls");
        }
        assert_eq!(
            faults(&[LIB, ("vfs/x.rs", "use std::time::Instant;"), ("hostfs/x.rs", "use rustix::fs;")]),
            [""; 0]
        );
    }

    #[test]
    fn a_file_of_too_many_lines_is_a_fault_unless_they_are_tests() {
        let long = "struct A;\n".repeat(FILE_LINES_MAX);
        assert_fault(&[LIB, ("vfs/x.rs", &long)], "has 801 lines");
        let tests = format!("struct A;\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(faults(&[LIB, ("vfs/x.rs", &tests)]), [""; 0]);
    }

    #[test]
    fn a_function_of_too_many_lines_is_a_fault() {
        let long = format!("impl A {{ fn f(g: fn(u8)) -> [u8; 2] {{\n{}}} }}", "g();\n".repeat(FUNCTION_LINES_MAX));
        assert_fault(&[LIB, ("vfs/x.rs", &long)], "fn f has 72 lines");
    }

    #[test]
    fn a_file_without_a_module_doc_is_a_fault() {
        let found = check(&[("src/vfs/x.rs".to_owned(), "// no\nstruct A;".to_owned())]);
        assert!(found.len() == 1 && found[0].contains("module doc"), "{found:?}");
    }

    #[test]
    fn marks_of_unfinished_work_are_faults() {
        for (text, expected) in [
            ("// TODO: x", "TODO"),
            ("// FIXME", "FIXME"),
            ("fn f() { todo!() }", "todo!"),
            ("fn f() { dbg!(x); }", "dbg!"),
        ] {
            assert_fault(&[LIB, ("vfs/x.rs", text)], expected);
        }
    }

    #[test]
    fn a_silenced_lint_without_a_reason_is_a_fault() {
        assert_fault(&[LIB, ("vfs/x.rs", "#[allow(x)] fn f() {}")], "allow without a reason");
        assert_fault(&[LIB, ("vfs/x.rs", "#![expect(x)]")], "expect without a reason");
        assert_eq!(faults(&[LIB, ("vfs/x.rs", "#[allow(x, reason = \"y\")] fn f() { a.expect(b); }")]), [""; 0]);
    }

    #[test]
    fn a_dependency_without_a_reason_is_a_fault() {
        let text = "[dependencies]\n# For x.\nx = \"1\"\ny = { version = \"2\", features = [\n  \"a = b\",\n] }\n[features]\nz = []\n[dev-dependencies]\n# For w.\nw = [\n]\n";
        let faults = unexplained_dependencies("Cargo.toml", text);
        assert!(faults.len() == 1 && faults[0].contains("Cargo.toml:4"), "{faults:?}");
    }
}
