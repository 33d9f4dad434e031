//! The process in the jail: enters as its environment says, tells the log line, and acts.

use crate::subjects::ROOT;
use crate::{connection, ending, entering, escapes, read_only, serving};
use rustix::fs::{Mode, OFlags, open};
use std::env::var;
use wasi_gofer::sidecar::HostUds;
use wasi_gofer::sidecar::jail::{InForce, Jail, JailMode, Mechanism, close_inherited};

/// An option, from the environment.
pub(crate) fn option(name: &str) -> Option<String> {
    var(format!("JAIL_{name}")).ok()
}

/// The jail that the environment asks for: `MODE` (require unless it says otherwise), `READ_ONLY`, `THREADS`,
/// `DESCRIPTORS`, `WITHOUT` (mechanisms), `LISTENS`, `SOCKETS` (which clients get at), `DIES`.
fn jail() -> Jail {
    let export = option("EXPORT").expect("the child of a test");
    let export = open(export, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).expect("there");
    let mode = option("MODE").map_or(JailMode::Require, |mode| mode.parse().expect("a mode"));
    let mut jail = Jail::new(export, option("READ_ONLY").is_some(), mode)
        .threads(option("THREADS").map_or(0, |most| most.parse().expect("a number")))
        .listens(option("LISTENS").is_some())
        .host_uds(option("SOCKETS").map_or(HostUds::None, |which| which.parse().expect("a word")))
        .dies_with_parent(option("DIES").is_some());
    if let Some(most) = option("DESCRIPTORS") {
        jail = jail.descriptors(most.parse().expect("a number"));
    }
    for name in option("WITHOUT").iter().flat_map(|names| names.split(',')) {
        jail = jail.without(match name {
            "namespaces" => Mechanism::Namespaces,
            "landlock" => Mechanism::Landlock,
            "capabilities" => Mechanism::Capabilities,
            "limits" => Mechanism::Limits,
            "seccomp" => Mechanism::Seccomp,
            other => panic!("{other} is no mechanism"),
        });
    }
    jail
}

/// This program, if a test of it has started it.
pub(crate) fn enter_the_jail_and_act() -> ! {
    let act = option("ACT").expect("the child of a test");
    close_inherited(&[]).expect("the inherited ones go");
    // What needs a look at the environment or at files outside is done before.
    let prepared = escapes::prepare(&act);
    entering::prepare(&act);
    let jail = connection::prepare(&act).into_iter().fold(jail(), Jail::keep);
    let inside = match jail.enter() {
        Ok(inside) => inside,
        Err(error) => {
            println!("refused: {error}");
            std::process::exit(3);
        }
    };
    println!("log: {inside}");
    serve(inside, &act, prepared);
    std::process::exit(0);
}

fn serve(inside: InForce, act: &str, prepared: Option<escapes::Attempt>) {
    let (root, stop) = inside.into_descriptors();
    let root = ROOT.get_or_init(|| root);
    match act {
        "nothing" => {}
        "cases" => serving::run_cases(),
        "watch" => serving::watch(root),
        "threads" => serving::start_threads(),
        "answer" => connection::answer(root),
        "channel" => connection::channel(root),
        "accept" => connection::accept(),
        "look" => entering::look(),
        "read" => read_only::read_and_fail_to_change(),
        "wait" => ending::wait(&stop),
        "hold" => escapes::moved::hold(root),
        _ => prepared.expect("a known act")(root),
    }
}
