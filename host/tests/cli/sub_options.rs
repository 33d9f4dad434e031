//! Every sub-option that the command lists does what `docs/CLI.md` says of it.

use super::{Place, guests};
use std::collections::BTreeMap;

/// The rows of the table in the documentation: `-O opt-level` to what becomes of it.
fn documented() -> BTreeMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/CLI.md");
    let text = std::fs::read_to_string(path).expect("docs/CLI.md");
    let row = |line: &str| {
        let (name, effect) = line.strip_prefix("| `-")?.split_once("` | ")?;
        (name.get(1..2) == Some(" ")).then_some(())?;
        Some((format!("-{name}"), effect.trim_end_matches(" |").to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// The sub-options that `-X help` lists, each with a value that parses.
fn listed(place: &Place, group: char) -> Vec<(String, String)> {
    let done = place.run(&["run", &format!("-{group}"), "help"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let option = |line: &str| {
        let text = line.trim().strip_prefix(&format!("-{group} "))?.trim_start();
        let (name, _) = text.split_once(" --")?;
        let end = name.find(['=', '[']).unwrap_or(name.len());
        let (name, help) = name.split_at(end);
        let value = match help {
            "=N" => "=1000000",
            "=val" | "=path" | "[=val]" => "=x",
            "=N|Ns|Nms|.." => "=9s",
            "=<format>::<dir>" => "=onnx::x",
            "=<name>=<val>" => "=a=b",
            "=0|1|2|s" => "=2",
            "=backtracking|single-pass" => "=backtracking",
            "=winch|cranelift" => "=cranelift",
            "=drc|null|copying" => "=drc",
            other if other.starts_with("[=y|n") => "=y",
            other => panic!("a new kind of value: `{other}` of `{name}`"),
        };
        let name = name.replace("<KEY>", "KEY");
        Some((name, value.to_owned()))
    };
    done.stdout.lines().filter_map(option).collect()
}

#[test]
fn sub_options_are_all_documented_and_each_is_refused_or_not_as_documented() {
    let place = Place::new();
    place.file("app.wat", guests::start(""));
    let documented = documented();
    let mut count = 0;
    for group in ['O', 'C', 'D', 'W', 'S', 'R'] {
        for (name, value) in listed(&place, group) {
            count += 1;
            let row = format!("-{group} {name}");
            let effect = documented.get(&row).unwrap_or_else(|| panic!("{row} is not documented"));
            let word = format!("-{group}{name}{value}").replace("cranelift-KEY=x", "cranelift-enable_verifier=true");
            let done = place.run(&["run", &word, "app.wat"]);
            let refused = effect.starts_with("refused")
                || effect.starts_with("`=y` refused")
                || effect.ends_with("refused without")
                || effect.ends_with("with a core module refused");
            if refused {
                done.refuses(&[&format!("-{group} {name}"), "is refused"]);
            } else {
                assert!(!done.stderr.contains("is refused"), "{word}: {done:?}");
            }
        }
    }
    assert_eq!(count, documented.len());
}

#[test]
fn sub_options_that_are_unknown_or_bad_are_named() {
    let place = Place::new();
    place.file("app.wat", guests::start(""));
    place.run(&["-Shtpp", "app.wat"]).refuses(&["htpp"]);
    place.run(&["-Wfuel=much", "app.wat"]).refuses(&["fuel=much"]);
    place.run(&["-Oopt-level=9", "app.wat"]).refuses(&["opt-level=9"]);
}

#[test]
fn sub_options_come_from_a_configuration_file_too() {
    let place = Place::new();
    place.file("app.wat", guests::start("(loop $again (br $again))"));
    place.file("run.toml", "[wasm]\nfuel = 1000\n");
    place.run(&["--config=run.toml", "app.wat"]).is(134, "").says(&["fuel"]);
    place.file("bad.toml", "[wasi]\nhttp = true\n");
    place.run(&["--config=bad.toml", "app.wat"]).refuses(&["-S http"]);
    place.file("worse.toml", "[wasm]\nfule = 1\n");
    place.run(&["--config=worse.toml", "app.wat"]).refuses(&["worse.toml", "fule"]);
    place.run(&["--config=nowhere.toml", "app.wat"]).refuses(&["nowhere.toml"]);
}

#[test]
fn options_of_wasmtimes_run_that_are_not_here_are_named() {
    let place = Place::new();
    place.file("app.wat", guests::start(""));
    place.run(&["--profile=perfmap", "app.wat"]).refuses(&["--profile perfmap"]);
    place.run(&["--gdbstub=1234", "app.wat"]).refuses(&["--gdbstub"]);
    place.run(&["--target=riscv64gc-unknown-linux-gnu", "app.wat"]).refuses(&["target"]);
}
