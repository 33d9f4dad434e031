//! The `--stats` report.

use super::announces::announces;
use super::{Done, Place, guests};
use serde_json::Value;

fn numbers(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {report}"))
}

/// The report of a run, which is the last line of the error stream.
fn report(done: &Done) -> Value {
    let line = done.stderr.lines().last().expect("a report");
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

#[test]
fn stats_have_one_entry_per_mount_with_every_field() {
    let place = Place::new();
    place.dir("data");
    place.file("app.wat", guests::start(""));
    let mounts = ["--dir=data::/data", "--mount=type=memory,dst=/tmp,cache=exclusive"];
    let done = place.run(&["--stats", mounts[0], mounts[1], "app.wat"]);
    let report = report(done.is(0, ""));
    let mounts = report["mounts"].as_array().expect("a list");
    let names = |key: &str| mounts.iter().map(|mount| mount[key].as_str().expect("text")).collect::<Vec<_>>();
    assert_eq!(names("dst"), ["/data", "/tmp"]);
    assert_eq!(names("type"), ["directfs", "memory"]);
    assert_eq!(names("cache"), ["shared", "exclusive"]);
    for mount in mounts {
        for pointer in
            ["/lookups/hits", "/lookups/negative_hits", "/lookups/misses", "/revalidations", "/evictions", "/dentries"]
        {
            numbers(mount, pointer);
        }
        for pointer in ["/queue/watches", "/queue/answers", "/queue/drains", "/queue/overflows"] {
            numbers(mount, pointer);
        }
        for pointer in ["/bytes/read", "/bytes/written", "/bytes/cache", "/bytes/pages"] {
            numbers(mount, pointer);
        }
        for pointer in ["/bytes/written_back", "/bytes/not_written_back", "/pages/hits", "/pages/misses"] {
            numbers(mount, pointer);
        }
        assert!(mount["backend_calls"].is_object());
        assert_eq!(mount["backend_counters"], serde_json::json!({}), "neither counts by itself");
    }
}

#[test]
fn stats_count_hits_misses_and_revalidations() {
    let place = Place::new();
    place.file("data/a.txt", "12345");
    place.file("app.wat", guests::stat_file("a.txt", 10));
    for (cache, revalidations) in [("exclusive", 0), ("shared", 9)] {
        let mount = format!("--mount=type=directfs,src=data,dst=/data,cache={cache}");
        let report = report(place.run(&["--stats", &mount, "app.wat"]).is(0, ""));
        let mount = &report["mounts"][0];
        assert_eq!(numbers(mount, "/lookups/misses"), 1, "{report}");
        assert_eq!(numbers(mount, "/lookups/hits"), 9, "{report}");
        assert_eq!(numbers(mount, "/revalidations"), revalidations, "{report}");
    }
}

#[test]
fn run_asks_for_a_queue_once_it_asked_as_much_as_the_end_of_one_costs() {
    let place = Place::new();
    place.file("data/a.txt", "12345");
    let announces = announces(&place.path("data"));
    for (backend, few, many) in [("directfs", 16_000, 34_000), ("lisafs", 4_000, 8_400)] {
        for (times, is_worth_it) in [(few, false), (many, true)] {
            place.file("app.wat", guests::stat_file("a.txt", times));
            let mount = format!("--mount=type={backend},src=data,dst=/data");
            let report = report(place.run(&["--stats", &mount, "app.wat"]).is(0, ""));
            let queue = ["/queue/watches", "/queue/answers"].map(|field| numbers(&report["mounts"][0], field));
            if is_worth_it && announces {
                assert!(queue[0] == 1 && queue[1] > 0, "{backend}, {times} times: {report}");
            } else {
                assert_eq!(queue, [0, 0], "{backend}, {times} times: {report}");
            }
        }
    }
    if !announces {
        eprintln!("the queue of a run that is worth it: SKIPPED, the test directory's filesystem offers none");
    }
}

#[test]
fn stats_count_negative_hits_where_missing_names_are_cached() {
    let place = Place::new();
    place.dir("data");
    place.file("app.wat", guests::stat_file("missing", 10));
    let report = report(place.run(&["--stats", "--mount=src=data,dst=/data,cache=exclusive", "app.wat"]).is(44, ""));
    assert_eq!(numbers(&report["mounts"][0], "/lookups/negative_hits"), 9, "{report}");
    assert_eq!(numbers(&report["mounts"][0], "/lookups/misses"), 1, "{report}");
}

#[test]
fn stats_count_bytes_and_backend_calls() {
    let place = Place::new();
    place.file("data/a.txt", "12345");
    place.file("app.wat", guests::read_file("a.txt"));
    let report = report(place.run(&["--stats", "--dir=data::/data", "app.wat"]).is(0, "12345"));
    assert_eq!(numbers(&report["mounts"][0], "/bytes/read"), 5, "{report}");
    let calls = report["mounts"][0]["backend_calls"].as_object().expect("an object");
    assert!(calls.values().all(|count| count.as_u64().is_some_and(|count| count > 0)) && !calls.is_empty(), "{report}");
}

#[test]
fn stats_go_to_a_file_when_one_is_named_also_after_a_trap() {
    let place = Place::new();
    place.file("app.wat", guests::start("unreachable"));
    let done = place.run(&["--stats=out.json", "--mount=type=memory,dst=/tmp", "app.wat"]);
    done.is(134, "");
    assert!(!done.stderr.contains("mounts"));
    let text = std::fs::read_to_string(place.path("out.json")).expect("a report");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON")["mounts"][0]["dst"], "/tmp");
}

#[test]
fn stats_file_that_cannot_be_made_is_refused_before_the_guest_runs() {
    let place = Place::new();
    place.file("app.wat", guests::print(1, "ran"));
    place.run(&["--stats=no/where.json", "app.wat"]).refuses(&["no/where.json"]);
}

#[test]
fn stats_without_mounts_are_an_empty_list() {
    let place = Place::new();
    place.file("app.wat", guests::start(""));
    assert_eq!(report(place.run(&["--stats", "app.wat"]).is(0, "")), serde_json::json!({ "mounts": [] }));
}
