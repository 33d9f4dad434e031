//! A process that is killed loses nothing that a sync, a close or a replacing rename had promised.
//!
//! The test starts itself again as a child that mounts a directory, writes numbered records with checksums to several
//! files, and says on a pipe behind each promise how far it reaches ([`child`]). It is killed at a random point; then
//! the host's files must have every promised record, whole ([`record`]). A child that ends by `Gofer::shutdown` loses
//! nothing at all.
//!
//! `CRASH_KILLS` sets the number of kills (default 200), `CRASH_SEED` repeats the draws of a run.

mod child;
#[path = "../kit/mod.rs"]
mod kit;
mod record;

use crate::child::{Ending, FILES, Options};
use crate::kit::{Rng, env, seed};
use crate::record::{Record, parse};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::CachePolicy;

/// Children that are killed, of each policy together.
const KILLS: u64 = 200;

/// What a child promised: of a file, the age of the tree of records in it and how many there are.
type Promises = BTreeMap<String, (u64, u64)>;

/// Starts the child over a directory.
fn start(dir: &Path, options: &Options) -> (Child, BufReader<ChildStderr>) {
    let mut child = Command::new(std::env::current_exe().expect("we run"))
        .args(["--exact", "child::writes_until_it_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(child::DIR, dir)
        .env(child::OPTIONS, options.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test can be started");
    let pipe = child.stderr.take().expect("it was asked for");
    (child, BufReader::new(pipe))
}

/// Takes one line of the child down; false at its end.
fn hear(pipe: &mut impl BufRead, promises: &mut Promises, said: &mut Vec<String>) -> bool {
    let mut line = String::new();
    if pipe.read_line(&mut line).expect("the pipe can be read") == 0 {
        return false;
    }
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        ["kept", file, age, count] if line.ends_with('\n') => {
            let promise = (age.parse().expect("a number"), count.parse().expect("a number"));
            promises.insert(file.to_owned(), promise);
        }
        // From here on it may be cut.
        ["cut", file] => drop(promises.remove(file)),
        _ => {}
    }
    said.push(line);
    true
}

/// Checks what the host has against what was promised; how many records that were.
fn check(dir: &Path, promises: &Promises) -> Result<u64, String> {
    let mut checked = 0;
    for (name, (age, count)) in promises {
        let data = std::fs::read(dir.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let mut rest = &data[..];
        if name == child::REPLACED {
            // One record, of the promised age or a later one.
            let whole = parse(&mut rest).filter(|record| record.file == name.as_bytes() && record.age >= *age);
            let whole = whole.filter(|_| rest.is_empty());
            whole.ok_or_else(|| format!("{name} is not whole, or older than {age}: {} bytes", data.len()))?;
            checked += 1;
            continue;
        }
        for number in 0..*count {
            let at = data.len() - rest.len();
            let wanted = Record { file: name.as_bytes().to_vec(), age: *age, number };
            match parse(&mut rest) {
                Some(record) if record == wanted => checked += 1,
                other => {
                    let len = data.len();
                    return Err(format!(
                        "{name} has {other:?} at {at} of {len}, where {wanted:?} was promised of {count}"
                    ));
                }
            }
        }
    }
    Ok(checked)
}

/// One child, and its end; how many records were checked.
fn run(options: &Options, rng: &mut Rng) -> Result<u64, String> {
    let dir = TempDir::new().expect("a directory");
    let (mut child, mut pipe) = start(dir.path(), options);
    let (mut promises, mut said) = (Promises::new(), Vec::new());
    if options.ending == Ending::Killed {
        let lines = rng.below(240);
        for _ in 0..lines {
            if !hear(&mut pipe, &mut promises, &mut said) {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(rng.below(4_000)));
        child.kill().expect("it is our child");
    }
    // What it said before its end counts too.
    while hear(&mut pipe, &mut promises, &mut said) {}
    let status = child.wait().expect("it is our child");
    let as_meant = match options.ending {
        Ending::Killed => std::os::unix::process::ExitStatusExt::signal(&status) == Some(9),
        Ending::Shutdown => status.success() && promises.len() > FILES,
    };
    let told = check(dir.path(), &promises)
        .and_then(|checked| if as_meant { Ok(checked) } else { Err(format!("the child ended with {status}")) });
    let last = said.len().saturating_sub(20);
    told.map_err(|error| format!("{error}\n{options}\nthe last that was said:\n{}", said[last..].concat()))
}

fn runs(policy: CachePolicy, ending: Ending, count: u64) {
    let seed = seed("CRASH_SEED");
    let mut rng = Rng::new(seed);
    let mut checked = 0;
    for _ in 0..count {
        let page = rng.pick(&[512, 4_096, 65_536]);
        let options = Options {
            policy,
            ending,
            seed: rng.next(),
            page_bytes: page,
            page_cache_bytes: rng.pick(&[0, page, 5 * page, 64 << 20, 64 << 20, 64 << 20]),
            writeback_ms: rng.pick(&[0, 2, 30, 1_000, 60_000]),
        };
        match run(&options, &mut rng) {
            Ok(records) => checked += records,
            Err(error) => panic!("CRASH_SEED={seed}: {error}"),
        }
    }
    assert!(checked > 0, "nothing was promised");
    println!("crash {policy}, {ending}, CRASH_SEED={seed}: {count} children, {checked} promised records, all there");
}

fn kills() -> u64 {
    env("CRASH_KILLS").unwrap_or(KILLS)
}

#[test]
fn exclusive_that_is_killed_keeps_what_was_synced() {
    runs(CachePolicy::Exclusive, Ending::Killed, kills() * 3 / 4);
}

#[test]
fn writethrough_that_is_killed_keeps_what_was_written() {
    runs(CachePolicy::Writethrough, Ending::Killed, kills().div_ceil(4));
}

#[test]
fn exclusive_that_is_shut_down_keeps_everything() {
    runs(CachePolicy::Exclusive, Ending::Shutdown, kills().div_ceil(10));
}

#[test]
fn check_of_a_file_that_lacks_a_promised_record_names_it() {
    let dir = TempDir::new().expect("a directory");
    let record = |number| Record { file: b"log0".to_vec(), age: 0, number };
    let promises = |count| Promises::from([("log0".to_owned(), (0, count))]);
    let mut data = [record(0).bytes(), record(1).bytes()].concat();
    std::fs::write(dir.path().join("log0"), &data).expect("written");
    assert_eq!(check(dir.path(), &promises(2)), Ok(2));
    assert!(check(dir.path(), &promises(3)).is_err());
    // A page that was never written is a hole.
    let end = data.len() - 512;
    data[end..].fill(0);
    std::fs::write(dir.path().join("log0"), &data).expect("written");
    assert_eq!(check(dir.path(), &promises(1)), Ok(1));
    assert!(check(dir.path(), &promises(2)).is_err_and(|error| error.contains("log0")));
}
