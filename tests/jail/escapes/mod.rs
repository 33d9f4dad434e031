//! Ways out of the jail, each tried from inside by a process that has been taken over, and from outside to show that it
//! is one.
//!
//! A way is tried in the jail as it is, and again without the list of system calls, which would end the process before
//! anything else could show that it holds too, and without the rules about files either. From outside it must lead where it should lead; ways that would do
//! harm there are not tried, and say why.

mod kernel;
mod memory;
mod mounts;
pub(crate) mod moved;
mod paths;
mod privileges;
mod processes;
mod sockets;
pub(crate) mod world;

use crate::child::option;
use crate::start::{Counts, KILLED, Place, Ran, Who};
use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd};
use world::{Outside, World};

/// What a try came to: what was reached, or the errno.
pub(crate) type Tried = Result<String, i32>;

/// What is to be done in the jail.
pub(crate) type Attempt = Box<dyn FnOnce(&OwnedFd)>;

/// What holds against a way, beside the list of system calls where that has no such call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Something else too.
    Twice,
    /// For root nothing else: he needs no namespace or capability for it that the jail takes away.
    TwiceForUsers,
    /// Nothing else.
    Once,
}

/// From where a way leads out, so that it can be shown to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Real {
    /// From any process.
    ForAll,
    /// From one of root.
    ForRoot,
    /// From one of root, which tries it in namespaces of its own, as the machine would not like it.
    Apart,
    /// It is not tried, for this reason.
    Untried(&'static str),
}

/// A way out.
struct Way {
    name: &'static str,
    held: Held,
    real: Real,
    attempt: fn(&World) -> Tried,
}

/// A table of ways: `name: held, real, |world| attempt;`.
macro_rules! ways {
    ($($name:ident: $held:ident, $real:ident $(($reason:literal))?, $attempt:expr;)*) => {
        pub(super) const WAYS: &[super::Way] = &[$(super::Way {
            name: stringify!($name),
            held: super::Held::$held,
            real: super::Real::$real $(($reason))?,
            attempt: $attempt,
        },)*];
    };
}
use ways;

/// The variable by which every way has to lead out without a jail, or the machine is the wrong one to test on.
const REQUIRED: &str = "JAIL_WAYS_REQUIRED";

/// The limit of descriptors in the jails here, so that it is not that of the machine which holds.
const DESCRIPTORS_MAX: usize = 512;

/// What leads out of a jail without namespaces (`auto` where they are not permitted): landlock has no rules for names and
/// attributes, so those outside are left as far as the user himself may, and devices in the export that he may open. No
/// contents of files outside are among it.
const WITHOUT_NAMESPACES: &[&str] = &[
    "chmod_outside",
    "open_a_device_of_the_export",
    "open_of_a_directory_outside",
    "readlink_outside",
    "set_times_outside",
    "stat_outside",
    "watch_outside",
];

/// What leads out of one beside that where clients get at sockets: names of sockets are looked up outside too, for which
/// landlock has rules from its ABI 9 on, and abstract names are those of the machine.
const WITHOUT_NAMESPACES_WITH_SOCKETS: &[&str] = &["connect_to_a_path", LISTEN_ABSTRACT];

/// The way that is none out of a jail where clients get at sockets: the name is in a namespace of its own.
const LISTEN_ABSTRACT: &str = "listen_at_an_abstract_name";

/// The way that is none out of a jail for threads.
const A_THREAD: &str = "a_thread";

const ALL: [&[Way]; 7] =
    [paths::WAYS, mounts::WAYS, processes::WAYS, sockets::WAYS, memory::WAYS, kernel::WAYS, privileges::WAYS];

/// In the child, before it enters: finds the way that it is to try.
pub(crate) fn prepare(act: &str) -> Option<Attempt> {
    let name = act.strip_prefix("way ")?;
    let way = ALL.into_iter().flatten().find(|way| way.name == name).expect("a known way");
    if option("APART").is_some() {
        world::go_apart();
    }
    let mut world = World::from_environment();
    Some(Box::new(move |root| {
        world.root = root.as_raw_fd();
        match (way.attempt)(&world) {
            Ok(what) => println!("reached: {what}"),
            Err(errno) => println!("errno: {errno}"),
        }
    }))
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Reached(String),
    Refused(i32),
    Killed,
}

fn outcome(ran: &Ran) -> Outcome {
    match (ran.told("reached"), ran.told("errno")) {
        (Some(what), _) => Outcome::Reached(what.to_owned()),
        (None, Some(errno)) => Outcome::Refused(errno.parse().expect("a number")),
        (None, None) if ran.code == KILLED => Outcome::Killed,
        // It became a program that says nothing.
        (None, None) if ran.code == 0 => Outcome::Reached("a program".to_owned()),
        (None, None) => panic!("it came to nothing: {ran:#?}"),
    }
}

/// Tries each way of a table and checks what it comes to.
fn check(group: &str, ways: &[Way]) {
    let (mut counts, mut faults) = (Counts::default(), Vec::new());
    for who in Who::all() {
        let outside = Outside::new(*who);
        for way in ways {
            if let Err(fault) = check_way(way, *who, &outside, &mut counts) {
                faults.push(format!("{} as {who:?}: {fault}", way.name));
            }
        }
    }
    println!("jail, {group}: {} ways out: {counts}", ways.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Tries a way in a place of its own.
fn attempt(way: &Way, who: Who, outside: &Outside, options: &[(&str, &str)]) -> Outcome {
    let place = Place::new(who);
    outside.furnish(&place);
    let start = outside.tell(place.child(&format!("way {}", way.name))).with("DESCRIPTORS", DESCRIPTORS_MAX);
    outcome(&options.iter().fold(start, |start, (option, value)| start.with(option, value)).run())
}

fn check_way(way: &Way, who: Who, outside: &Outside, counts: &mut Counts) -> Result<(), String> {
    let attempt = |options: &[(&str, &str)]| attempt(way, who, outside, options);
    let jails: &[&[(&str, &str)]] = if way.name == A_THREAD { &[&[]] } else { &[&[], &[("THREADS", "4")]] };
    for jail in jails {
        match attempt(jail) {
            Outcome::Killed => counts.count("killed"),
            Outcome::Refused(_) => counts.count("refused by an errno"),
            Outcome::Reached(what) => return Err(format!("it leads out of the jail {jail:?}: {what}")),
        }
    }
    let held_twice = match way.held {
        Held::Twice => true,
        Held::TwiceForUsers => who == Who::User,
        Held::Once => false,
    };
    if held_twice {
        // The rules about files hold so much that nothing else would be seen to hold.
        for without in ["seccomp", "seccomp,landlock"] {
            match attempt(&[("WITHOUT", without)]) {
                Outcome::Reached(what) => return Err(format!("without {without} it leads out: {what}")),
                Outcome::Killed => return Err(format!("killed without {without}")),
                Outcome::Refused(_) => counts.count(format!("held without {without} too")),
            }
        }
    }
    let tried = match way.real {
        Real::ForAll => true,
        Real::ForRoot | Real::Apart => who == Who::Root,
        Real::Untried(reason) => {
            assert!(!reason.is_empty());
            false
        }
    };
    if tried {
        let mut options = vec![("MODE", "off")];
        options.extend((way.real == Real::Apart).then_some(("APART", "1")));
        match attempt(&options) {
            Outcome::Reached(_) => counts.count("shown to lead out without a jail"),
            // A container may forbid what the jail does: what it shows by that is not the jail's.
            Outcome::Refused(errno) if std::env::var_os(REQUIRED).is_none() => {
                eprintln!(
                    "{} as {who:?}: this machine refuses it too (errno {errno}): not SHOWN to be the jail's work",
                    way.name
                );
                counts.count("refused by this machine too");
            }
            other => return Err(format!("it leads nowhere outside of the jail, so this shows nothing: {other:?}")),
        }
    }
    Ok(())
}

fn ways_out_of_a_jail_without_namespaces_are_those_that_are_named() {
    assert_eq!(leading(&[("WITHOUT", "namespaces")]), WITHOUT_NAMESPACES.iter().copied().collect());
}

fn ways_out_of_one_with_sockets_and_without_namespaces_are_those_that_are_named() {
    let log = Place::new(Who::User).child("nothing").run().log().to_owned();
    let abi = log.split("landlock V").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    let has_rules_for_sockets = abi.is_some_and(|abi| abi.parse::<u32>().expect("a number") >= 9);
    let with_sockets =
        WITHOUT_NAMESPACES_WITH_SOCKETS.iter().filter(|way| !has_rules_for_sockets || **way == LISTEN_ABSTRACT);
    let named = WITHOUT_NAMESPACES.iter().chain(with_sockets).copied().collect();
    assert_eq!(leading(&[("WITHOUT", "namespaces"), ("SOCKETS", "all")]), named);
}

fn ways_where_clients_get_at_sockets_lead_nowhere() {
    for which in ["open", "create", "all"] {
        let own: &[&str] = if which == "open" { &[] } else { &[LISTEN_ABSTRACT] };
        assert_eq!(leading(&[("SOCKETS", which)]), own.iter().copied().collect(), "{which}");
    }
}

/// The ways that lead out of a jail, to no contents of files outside.
fn leading(jail: &[(&str, &str)]) -> BTreeSet<&'static str> {
    let mut leading = BTreeSet::new();
    for who in Who::all() {
        let outside = Outside::new(*who);
        for way in ALL.into_iter().flatten() {
            if let Outcome::Reached(what) = attempt(way, *who, &outside, jail) {
                assert_ne!(what, "the secret", "{} as {who:?}", way.name);
                leading.insert(way.name);
            }
        }
    }
    leading
}

fn ways_by_paths_and_descriptors_lead_nowhere() {
    check("paths", paths::WAYS);
}

fn ways_by_mounts_and_namespaces_lead_nowhere() {
    check("mounts", mounts::WAYS);
}

fn ways_to_other_processes_lead_nowhere() {
    check("processes", processes::WAYS);
}

fn ways_by_sockets_and_keys_lead_nowhere() {
    check("sockets", sockets::WAYS);
}

fn ways_to_programs_and_memory_lead_nowhere() {
    check("memory", memory::WAYS);
}

fn ways_to_the_kernel_and_devices_lead_nowhere() {
    check("kernel", kernel::WAYS);
}

fn ways_to_privileges_and_beyond_limits_lead_nowhere() {
    check("privileges", privileges::WAYS);
}

crate::tests! {
    ways_out_of_a_jail_without_namespaces_are_those_that_are_named
    ways_out_of_one_with_sockets_and_without_namespaces_are_those_that_are_named
    ways_where_clients_get_at_sockets_lead_nowhere
    ways_by_paths_and_descriptors_lead_nowhere
    ways_by_mounts_and_namespaces_lead_nowhere
    ways_to_other_processes_lead_nowhere
    ways_by_sockets_and_keys_lead_nowhere
    ways_to_programs_and_memory_lead_nowhere
    ways_to_the_kernel_and_devices_lead_nowhere
    ways_to_privileges_and_beyond_limits_lead_nowhere
}
