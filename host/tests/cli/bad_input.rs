//! Command lines and mounts that cannot be: a message, 125, and no part of the guest has run.

use super::{Place, guests};

/// A place with a guest that would show that it ran.
fn place() -> Place {
    let place = Place::new();
    place.file("app.wat", guests::print(1, "ran"));
    place.file("file", "content");
    place.dir("dir");
    place
}

#[test]
fn a_source_that_is_missing_is_named() {
    let place = place();
    place.run(&["--dir=nowhere::/d", "app.wat"]).refuses(&["/d", "nowhere"]);
    place.run(&["--mount=src=nowhere,dst=/d", "app.wat"]).refuses(&["/d", "nowhere"]);
    place.run(&["--mount=src=file/below,dst=/d", "app.wat"]).refuses(&["/d", "file/below"]);
}

#[test]
fn a_guest_path_twice_is_named() {
    let place = place();
    place.run(&["--dir=dir::/d", "--mount=type=memory,dst=/d", "app.wat"]).refuses(&["/d"]);
    place.run(&["--dir=dir::/d", "--dir=dir::d/", "app.wat"]).refuses(&["d/"]);
    place.run(&["--dir=dir::/", "--dir=dir::.", "app.wat"]).refuses(&["`.`"]);
}

#[test]
fn a_policy_that_does_not_exist_is_named_with_the_nearest() {
    let place = place();
    place.run(&["--mount=src=dir,dst=/d,cache=sharde", "app.wat"]).refuses(&["`sharde`", "did you mean `shared`"]);
    place
        .run(&["--mount=src=dir,dst=/d,cache=all", "app.wat"])
        .refuses(&["`all`", "exclusive, writethrough, shared or none"]);
}

#[test]
fn a_mount_inside_a_file_is_named() {
    let place = place();
    place.run(&["--dir=file::/f", "--dir=dir::/f/below", "app.wat"]).refuses(&["/f/below"]);
    place.run(&["--dir=dir::/f/below", "--dir=file::/f", "app.wat"]).refuses(&["/f"]);
    place.file("base/f", "");
    place.run(&["--dir=base::/", "--dir=dir::/f/below", "app.wat"]).refuses(&["/f/below"]);
}

#[test]
fn guest_paths_that_lead_upwards_are_named() {
    let place = place();
    place.run(&["--dir=dir::/a/../b", "app.wat"]).refuses(&["/a/../b"]);
    place.run(&["--dir=..", "app.wat"]).refuses(&["`..`"]);
}

#[test]
fn keys_and_values_that_are_none_are_named_with_the_nearest() {
    let place = place();
    for (spec, needles) in [
        ("src=dir,dst=/d,cahce=none", ["`cahce`", "`cache`"]),
        ("src=dir,dst=/d,dentry_cache_limit=lots", ["`lots`", "`dentry_cache_limit`"]),
        ("type=bind,src=dir,dst=/d", ["`bind`", "`directfs`"]),
        ("type=tmpfs,dst=/d", ["`tmpfs`", "`memory`"]),
        ("type=gofer,src=dir,dst=/d", ["`gofer`", "`lisafs`"]),
        ("type=9p,src=dir,dst=/d", ["`9p`", "directfs, memory and lisafs"]),
        ("src=dir,dst=/d,msize=4k", ["`msize`", "type=memory"]),
        ("src=dir,dst=/d,socket=/s", ["`socket`", "type=lisafs"]),
        ("src=dir,dst=/d,fd=3", ["`fd`", "type=lisafs"]),
        ("type=lisafs,src=dir,dst=/d,jail=maybe", ["`maybe`", "auto, require or off"]),
        ("src=dir,dst=d", ["`d`", "`/d`"]),
        ("src=dir,dst=/d,lock=maybe", ["`maybe`", "on or off"]),
        ("type=memory,dst=/d,size=1x", ["`1x`", "`size`"]),
        ("src=dir,dst=/d,cache=exclusive,page_size=3k", ["`3k`", "`page_size`"]),
        ("src=dir,dst=/d,cache=exclusive,pagecache=lots", ["`lots`", "`pagecache`"]),
        ("src=dir,dst=/d,cache=exclusive,writeback=1d", ["`1d`", "`writeback`"]),
        ("src=dir,dst=/d,cache=exclusive,writeback=9ms", ["`9ms`", "10ms to 1h"]),
        ("src=dir,dst=/d,cache=exclusive,noatime=maybe", ["`maybe`", "`noatime`"]),
        ("src=dir,dst=/d,watches=many", ["`many`", "`watches`"]),
        ("src=dir,dst=/d,cache=exclusive,page_cache=1m", ["`page_cache`", "`pagecache`"]),
        ("dst=/d", ["`src`", "--mount"]),
        ("src=\"dir,dst=/d", ["quote", "--mount"]),
    ] {
        place.run(&["--mount", spec, "app.wat"]).refuses(&needles);
    }
}

#[test]
fn keys_that_can_do_nothing_are_named_with_what_keeps_them_from_it() {
    let place = place();
    for (spec, needles) in [
        ("cache=none,pagecache=1m", ["`pagecache`", "cache=none"]),
        ("page_size=4k", ["`page_size`", "cache=shared (the default)"]),
        ("cache=exclusive,pagecache=0,force_page_cache", ["`force_page_cache`", "`pagecache=0`"]),
        ("cache=writethrough,writeback=1s", ["`writeback`", "cache=writethrough"]),
        ("cache=shared,noatime", ["`noatime`", "cache=shared"]),
        ("cache=exclusive,noatime,relatime", ["`noatime`", "`relatime`"]),
        ("cache=exclusive,watches=5", ["`watches`", "cache=exclusive"]),
    ] {
        let mount = format!("--mount=src=dir,dst=/d,{spec}");
        place.run(&[&mount, "app.wat"]).refuses(&needles);
        for look in ["ls", "stat", "cat"] {
            place.run(&[look, &mount, "/d"]).refuses(&needles);
        }
    }
}

#[test]
fn dir_with_another_shape_is_named() {
    let place = place();
    place.run(&["--dir=dir::/d::r", "app.wat"]).refuses(&["`r`", "`ro`"]);
    place.run(&["--dir=dir::a::b::c", "app.wat"]).refuses(&["three parts"]);
    place.run(&["--dir=", "app.wat"]).refuses(&["no host path"]);
}

#[test]
fn handle_budgets_that_contradict_or_cannot_be_are_named() {
    let place = place();
    place.run(&["--fds=64", "--mount=src=dir,dst=/d,fds=65", "app.wat"]).refuses(&["64", "65", "/d"]);
    place.run(&["--fds=0", "app.wat"]).refuses(&["--fds"]);
    place.run(&["--fds=99999999999", "app.wat"]).refuses(&["--fds", "RLIMIT_NOFILE"]);
    place.run(&["--fds=few", "app.wat"]).refuses(&["few"]);
}

#[test]
fn a_tree_that_another_process_owns_is_refused_unless_insisted() {
    use rustix::fs::{FlockOperation, flock};
    let place = place();
    let held = std::fs::File::open(place.path("dir")).expect("opened");
    flock(&held, FlockOperation::LockExclusive).expect("locked");
    place.run(&["--mount=src=dir,dst=/d,cache=exclusive", "app.wat"]).refuses(&["/d", "lock"]);
    place.run(&["--mount=src=dir,dst=/d,cache=exclusive,lock=off", "app.wat"]).is(0, "ran");
    place.run(&["--mount=src=dir,dst=/d", "app.wat"]).is(0, "ran");
}

#[test]
fn environment_and_arguments_that_are_not_utf8_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let place = place();
    let odd = || std::ffi::OsString::from_vec(b"odd\xff".to_vec());
    let run = |command: &mut assert_cmd::Command| super::Done::from(command.output().expect("started"));
    run(place.command().arg("app.wat").arg(odd())).refuses(&["UTF-8"]);
    run(place.command().env("ODD", odd()).args(["--env=ODD", "app.wat"])).refuses(&["ODD", "UTF-8"]);
    run(place.command().env("ODD", odd()).args(["-Sinherit-env", "app.wat"])).refuses(&["ODD", "UTF-8"]);
    place.run(&["--env==x", "app.wat"]).refuses(&["needs a name"]);
}

#[test]
fn command_lines_that_are_none_are_refused() {
    let place = place();
    place.run(&[]).refuses(&["MODULE"]);
    place.run(&["run"]).refuses(&["MODULE"]);
    place.run(&["--bogus", "app.wat"]).refuses(&["--bogus"]);
    place.run(&["ls", "/"]).refuses(&["nothing is mounted"]);
    place.run(&["stat", "--dir=dir"]).refuses(&["PATH"]);
}
