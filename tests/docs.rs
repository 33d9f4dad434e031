//! The documents say what is so: the tests that they name exist, their links lead somewhere, no option is left out.
//!
//! A claim ends with what shows it: `[test: path/to/file.rs::name]`, a function of that file, or `[behaviour: name]`, a
//! behaviour of a guest. What stands in code (fenced, or between backticks) is no claim.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a claim that nothing shows yet is marked so.
const UNSHOWN: &str = "MISSING";

/// The last column of a table whose every row must be shown.
const SHOWN_BY: &str = "Shown by";

struct Document {
    /// From the repository's root.
    path: PathBuf,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents() -> Vec<Document> {
    let mut paths: Vec<PathBuf> = ["README.md", "SECURITY.md", "CHANGELOG.md"].map(PathBuf::from).into();
    for entry in fs::read_dir(root().join("docs")).expect("there are documents") {
        let name = entry.expect("listed").file_name();
        paths.push(Path::new("docs").join(name));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths.into_iter().map(|path| Document { text: read(&path), path }).collect()
}

/// What a claim names.
#[derive(Debug, PartialEq, Eq)]
enum Shown<'t> {
    Test {
        file: &'t str,
        name: &'t str,
    },
    Behaviour(&'t str),
    /// Something that has the brackets and not the form.
    Malformed(&'t str),
}

/// The text outside of fenced code.
fn unfenced(text: &str) -> String {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// The text outside of code.
fn prose(text: &str) -> String {
    let unfenced = unfenced(text);
    let (mut out, mut rest) = (String::new(), unfenced.as_str());
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = from.trim_start_matches('`');
        let fence = &from[..from.len() - after.len()];
        match after.find(fence) {
            Some(end) => rest = &after[end + fence.len()..],
            None => {
                out.push_str(fence);
                rest = after;
            }
        }
    }
    out + rest
}

fn shown(prose: &str) -> Vec<Shown<'_>> {
    let mut found = Vec::new();
    for (at, kind) in prose.match_indices("[test:").chain(prose.match_indices("[behaviour:")) {
        let from = &prose[at + kind.len()..];
        let inside = from.split(']').next().unwrap_or(from).trim();
        let word = !inside.is_empty() && !inside.contains(char::is_whitespace);
        found.push(match (kind, inside.split_once("::")) {
            ("[test:", Some((file, name))) if word => Shown::Test { file, name },
            ("[behaviour:", None) if word => Shown::Behaviour(inside),
            _ => Shown::Malformed(inside),
        });
    }
    found
}

/// The items of lists, each with the lines that belong to it.
fn items(prose: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let mut inside = false;
    for line in prose.lines() {
        if line.starts_with("- ") {
            items.push(line.to_owned());
            inside = true;
        } else if inside && line.starts_with("  ") {
            if let Some(item) = items.last_mut() {
                *item += "\n";
                *item += line;
            }
        } else {
            inside = false;
        }
    }
    items
}

/// The last cells of the rows of tables that end in the column [`SHOWN_BY`], each with its row.
fn shown_cells(prose: &str) -> Vec<(&str, &str)> {
    let mut cells = Vec::new();
    let mut inside = false;
    for line in prose.lines().map(str::trim) {
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or(line).trim();
        match (line.starts_with('|'), inside) {
            (false, _) => inside = false,
            (true, false) => inside = last == SHOWN_BY,
            (true, true) if !last.is_empty() && last.chars().all(|c| "-:".contains(c)) => {}
            (true, true) => cells.push((line, last)),
        }
    }
    cells
}

/// Whether a file has the function, or a row of a macro that makes tests (`name: operands,`).
fn defines(source: &str, name: &str) -> bool {
    let (called, row) = (format!("fn {name}"), format!("{name}: "));
    let mut functions = source.match_indices(&called).map(|(at, _)| &source[at + called.len()..]);
    functions.any(|behind| behind.starts_with(['(', '<'])) || source.lines().any(|line| line.trim().starts_with(&row))
}

fn behaviours() -> BTreeSet<String> {
    let ident =
        |line: &&str| !line.is_empty() && line.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
    let names = ["behaviours", "components"].map(|guest| read(format!("guest-tests/guests/{guest}/src/names.rs")));
    names.iter().flat_map(|text| text.lines()).map(str::trim).filter(ident).map(str::to_owned).collect()
}

/// The targets of links that lead to this repository.
fn relative_links(prose: &str) -> Vec<&str> {
    let targets = prose.match_indices("](").filter_map(|(at, _)| prose[at + 2..].split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The name by which a heading is linked to.
fn slug(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn slugs(text: &str) -> BTreeSet<String> {
    unfenced(text).lines().filter(|line| line.starts_with('#')).map(slug).collect()
}

/// The public fields of a struct.
fn fields(source: &str, name: &str) -> Vec<String> {
    let body = source.split(&format!("pub struct {name} {{")).nth(1).and_then(|from| from.split("\n}").next());
    let body = body.unwrap_or_else(|| panic!("there is no struct {name}"));
    let field = |line: &str| Some(line.trim().strip_prefix("pub ")?.split_once(':')?.0.to_owned());
    body.lines().filter_map(field).collect()
}

fn none(failures: &[String]) {
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn documents_name_tests_and_behaviours_that_exist() {
    let behaviours = behaviours();
    let mut failures = Vec::new();
    for Document { path, text } in documents() {
        for shown in shown(&prose(&text)) {
            let exists = match shown {
                Shown::Test { file, name } => fs::read_to_string(root().join(file)).is_ok_and(|s| defines(&s, name)),
                Shown::Behaviour(name) => behaviours.contains(name),
                Shown::Malformed(inside) => inside == UNSHOWN,
            };
            if !exists {
                failures.push(format!("{}: {shown:?}", path.display()));
            }
        }
    }
    none(&failures);
}

#[test]
fn documents_make_no_claim_that_nothing_shows() {
    let mut failures = Vec::new();
    for Document { path, text } in documents() {
        let prose = prose(&text);
        let lines = prose.lines().filter(|line| line.contains(UNSHOWN));
        failures.extend(lines.map(|line| format!("{}: {line}", path.display())));
        let rows = shown_cells(&prose);
        let rows = rows.iter().filter(|(_, cell)| shown(cell).is_empty());
        failures.extend(rows.map(|(row, _)| format!("{}: {row}", path.display())));
    }
    let semantics = prose(&read("docs/SEMANTICS.md"));
    failures.extend(items(&semantics).into_iter().filter(|item| shown(item).is_empty()));
    none(&failures);
}

#[test]
fn documents_link_to_what_is_there() {
    let mut failures = Vec::new();
    for Document { path, text } in documents() {
        for link in relative_links(&prose(&text)) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            let there = root().join(&target).exists()
                && (anchor.is_empty() || (target.is_absolute() || slugs(&read(&target)).contains(anchor)));
            if !there || target.is_absolute() {
                failures.push(format!("{}: {link}", path.display()));
            }
        }
    }
    none(&failures);
}

#[test]
fn documents_explain_every_option() {
    let explained = read("docs/CLI.md") + &read("docs/SEMANTICS.md");
    let mut names = fields(&read("src/gofer/options.rs"), "FsOptions");
    names.extend(fields(&read("src/vfs/mount.rs"), "MountOptions"));
    names.retain(|name| !explained.contains(&format!("`{name}`")));
    none(&names);
}

mod parser {
    use super::*;

    #[test]
    fn prose_is_what_no_code_is() {
        let text = "a `b` c\n```text\n[test: d::e]\n```\n``f ` g`` h ` i";
        assert_eq!(prose(text), "a  c\n h ` i");
    }

    #[test]
    fn shown_takes_both_forms_over_line_ends_and_names_what_has_neither() {
        let text = "x [test: a/b.rs::c] [test:\n  d.rs::e], [behaviour: f] [test: g] [behaviour: h::i] [test: j k::l]";
        assert_eq!(
            shown(text),
            [
                Shown::Test { file: "a/b.rs", name: "c" },
                Shown::Test { file: "d.rs", name: "e" },
                Shown::Malformed("g"),
                Shown::Malformed("j k::l"),
                Shown::Behaviour("f"),
                Shown::Malformed("h::i"),
            ]
        );
    }

    #[test]
    fn items_have_their_further_lines() {
        assert_eq!(items("- a\n  b\n- c\nd\n  e"), ["- a\n  b", "- c"]);
    }

    #[test]
    fn shown_cells_are_those_of_tables_that_promise_them() {
        let text =
            "| A | B |\n|---|---|\n| 1 | 2 |\n\n| A | Shown by |\n| --- | :-: |\n| 3 | 4 |\n| 5 | |\ntext\n| 6 | 7 |";
        let cells: Vec<_> = shown_cells(text).into_iter().map(|(_, cell)| cell).collect();
        assert_eq!(cells, ["4", ""]);
    }

    #[test]
    fn defines_wants_the_whole_name() {
        let source = "fn abc() {}\nfn def<S: Subject>(fs: &S) {}\ntests! {\n    ghi: Some Thing,\n}";
        assert!(defines(source, "abc") && defines(source, "def") && defines(source, "ghi"));
        assert!(!defines(source, "ab") && !defines(source, "abcd") && !defines(source, "gh") && !defines(source, "hi"));
    }

    #[test]
    fn relative_links_are_those_without_a_scheme() {
        assert_eq!(relative_links("[a](b.md#c) [d](https://e) [](#f)"), ["b.md#c", "#f"]);
    }

    #[test]
    fn slugs_are_those_of_headings_outside_of_code() {
        let found = slugs("# The `a_b` (c), d\n```sh\n# no heading\n```\n## E");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["e", "the-a_b-c-d"]);
    }

    #[test]
    fn fields_are_the_public_ones_of_that_struct() {
        let source =
            "pub struct A {\n    /// pub x: no\n    pub a: u8,\n    b: u8,\n}\npub struct AB {\n    pub c: u8,\n}\n";
        assert_eq!(fields(source, "A"), ["a"]);
        assert_eq!(fields(source, "AB"), ["c"]);
    }

    #[test]
    fn behaviours_are_found() {
        let found = behaviours();
        assert!(found.len() > 100 && found.contains("write_then_read_back") && !found.contains("foreach_behaviour"));
    }
}
