//! What is in force behind the door, and who is not let in.

use crate::child::option;
use crate::start::{Place, Who};
use rustix::fd::IntoRawFd;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, getrlimit};
use rustix::thread::capabilities;
use wasi_gofer::sidecar::jail::allowed;

/// In the child, before it enters: makes it one that is not to be let in, if its test says so.
pub(crate) fn prepare(act: &str) {
    match option("BEFORE").as_deref() {
        Some("thread") => drop(std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(3600)))),
        Some("directory") => drop(std::fs::File::open("/").expect("there").into_raw_fd()),
        Some("stdin") => assert_eq!(act, "nothing"),
        Some("inherited") => {
            let file = std::fs::File::open("/").expect("there");
            fcntl_setfd(&file, FdFlags::empty()).expect("ours");
            let number = file.into_raw_fd();
            let closed = wasi_gofer::sidecar::jail::close_inherited(&[]).expect("closed");
            println!("closed: {closed} of {}", u32::from(number > 2));
        }
        Some(other) => panic!("{other} is unknown"),
        None => {}
    }
}

/// In the jail: what this process can see of itself.
pub(crate) fn look() {
    let sets = capabilities(None).expect("asked");
    println!("sets: {:?} {:?} {:?}", sets.effective, sets.permitted, sets.inheritable);
    let limits = [Resource::Nofile, Resource::Data, Resource::Core, Resource::Memlock, Resource::Nproc];
    println!("limits: {:?}", limits.map(|limit| getrlimit(limit).maximum));
    println!("pid: {}", rustix::process::getpid());
    println!("ids: {} {}", rustix::process::geteuid(), rustix::process::getegid());
    println!("no_new_privs: {:?}", rustix::thread::no_new_privs());
    println!("securebits: {:?}", rustix::thread::capabilities_secure_bits().map(|bits| bits.bits()));
    println!("dumpable: {:?}", rustix::process::dumpable_behavior());
    println!("names: {}", std::fs::read_dir("/").expect("lists").count());
    let open: Vec<i32> = (0..100).filter(|fd| rustix::io::fcntl_getfd(borrowed(*fd)).is_ok()).collect();
    println!("open: {open:?}");
}

fn borrowed(fd: i32) -> std::os::fd::BorrowedFd<'static> {
    // SAFETY: it is only asked whether it is open.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) }
}

fn enter_with_all_required_has_every_mechanism_in_force() {
    for who in Who::all() {
        let place = Place::new(*who);
        let ran = place.child("look").with("WITHOUT", "seccomp").run();
        let root = *who == Who::Root;
        let expected = if root { "CHOWN | DAC_OVERRIDE | FOWNER | FSETID" } else { "0x0" };
        let told = ran.told("sets").unwrap_or_else(|| panic!("{ran:#?}"));
        assert!(told.starts_with(&format!("CapabilitySet({expected}) CapabilitySet({expected})")), "{told}");
        assert_eq!(ran.told("pid"), Some("1"));
        assert_eq!(ran.told("ids"), Some(if root { "0 0" } else { "65534 65534" }));
        assert_eq!(ran.told("no_new_privs"), Some("Ok(true)"));
        // no root, no fixup, no ambient raise, all locked, and keep-caps locked.
        assert_eq!(ran.told("securebits"), Some("Ok(239)"));
        assert_eq!(ran.told("dumpable"), Some("Ok(NotDumpable)"));
        assert_eq!(ran.told("names"), Some("0"), "the root is the export, which is empty");
        // The standard streams, the root, and what tells of signals.
        assert_eq!(ran.told("open").map(|open| open.split(',').count()), Some(5), "{ran:#?}");
        let limits = ran.told("limits").expect("told");
        assert!(limits.contains("Some(1073741824), Some(0), Some(0), Some(2)"), "{limits}");
        for part in
            ["user", "mount", "pid", "network", "ipc", "uts", "cgroup", "root: the export", "landlock", "keyring"]
        {
            assert!(ran.log().contains(part), "{part} is not in {}", ran.log());
        }
        assert!(!ran.log().contains("not in force"), "{}", ran.log());
        println!("jail, {who:?}: {}", ran.log());
    }
}

fn enter_says_how_many_system_calls_it_allows() {
    let ran = Place::new(Who::all()[0]).child("nothing").with("THREADS", 2).run();
    let expected = format!("{} system calls", allowed(true, false).count());
    assert!(ran.log().contains(&expected), "{expected}: {ran:#?}");
    println!("jail: {} system calls, {} with a listener", allowed(true, false).count(), allowed(true, true).count());
}

fn enter_with_off_changes_nothing_and_says_so() {
    for who in Who::all() {
        let ran = Place::new(*who).child("nothing").with("MODE", "off").run();
        assert_eq!((ran.log(), ran.code), ("jail: off", 0), "{ran:#?}");
    }
}

fn enter_with_two_threads_is_refused_by_name() {
    for mode in ["auto", "require"] {
        let ran = Place::new(Who::User).child("nothing").with("MODE", mode).with("BEFORE", "thread").run();
        assert_eq!((ran.told("refused"), ran.code), (Some("enter with one thread: there are 2"), 3), "{ran:#?}");
    }
}

fn enter_with_an_open_directory_is_refused_by_name() {
    for mode in ["auto", "require"] {
        let ran = Place::new(Who::User).child("nothing").with("MODE", mode).with("BEFORE", "directory").run();
        let refused = ran.told("refused").unwrap_or_default();
        assert!(refused.starts_with("enter with known descriptors alone: ") && refused.ends_with(" is /"), "{ran:#?}");
    }
}

fn enter_with_a_directory_as_standard_input_is_refused() {
    let place = Place::new(Who::User);
    let mut start = place.child("nothing").with("BEFORE", "stdin");
    start.command.stdin(std::fs::File::open("/").expect("there"));
    assert_eq!(start.run().told("refused"), Some("enter without directories: 0 is /"));
}

fn close_inherited_closes_what_would_go_over_an_exec() {
    let ran = Place::new(Who::User).child("nothing").with("BEFORE", "inherited").run();
    assert_eq!((ran.told("closed"), ran.code), (Some("1 of 1"), 0), "{ran:#?}");
}

/// A machine that permits no user namespace: in one with a limit of zero below it, which is a machine of its own.
fn enter_where_namespaces_are_forbidden_goes_on_in_auto_and_fails_by_name_in_require() {
    if !["/usr/bin/unshare", "/usr/bin/setpriv"].iter().all(|program| std::path::Path::new(program).exists()) {
        println!("SKIPPED: no unshare(1) and setpriv(1) to forbid namespaces with");
        return;
    }
    let place = Place::new(Who::User);
    for mode in ["auto", "require"] {
        let start = place.child("cases").with("MODE", mode).with("THREADS", 16);
        let mut forbidden = std::process::Command::new("/usr/bin/unshare");
        forbidden.args(["--user", "--map-root-user", "/bin/sh", "-c"]);
        forbidden.arg(
            "echo 0 > /proc/sys/user/max_user_namespaces && exec /usr/bin/setpriv --bounding-set=-all \"$0\" \"$@\"",
        );
        forbidden.arg(start.command.get_program()).args(start.command.get_args());
        forbidden.env_clear().envs(start.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if rustix::process::geteuid().is_root() {
            std::os::unix::process::CommandExt::uid(&mut forbidden, 65_534);
            std::os::unix::process::CommandExt::gid(&mut forbidden, 65_534);
        }
        forbidden.current_dir("/").stdin(std::process::Stdio::null());
        forbidden.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let ran = crate::start::Start { command: forbidden }.run();
        if ran.errors.contains("unshare failed") {
            println!("SKIPPED: this machine forbids user namespaces by itself: {}", ran.errors);
            return;
        }
        if mode == "require" {
            assert_eq!(ran.told("refused"), Some("unshare the user namespace: ENOSPC"), "{ran:#?}");
            continue;
        }
        assert!(ran.log().contains("not in force: unshare the user namespace: ENOSPC"), "{ran:#?}");
        assert!(ran.log().contains("landlock") && ran.log().contains("system calls"), "{}", ran.log());
        assert!(ran.told("cases").is_some_and(|told| told.ends_with(" 0 failed")), "{ran:#?}");
    }
}

/// A machine that makes user namespaces and refuses their maps: one whose `/proc` is only read.
fn enter_where_maps_of_ids_are_refused_goes_on_in_auto_and_fails_by_name_in_require() {
    let programs = ["/usr/bin/unshare", "/usr/bin/setpriv", "/bin/mount"];
    if !programs.iter().all(|program| std::path::Path::new(program).exists()) {
        println!("SKIPPED: no unshare(1), setpriv(1) and mount(8) to forbid maps with");
        return;
    }
    // A user can have such a machine only as the root of a user namespace.
    let is_root = rustix::process::geteuid().is_root();
    for who in Who::all() {
        let place = Place::new(*who);
        let as_root = *who == Who::Root || !is_root;
        let step = if as_root { "map the ids: EROFS" } else { "forbid changes of groups: EROFS" };
        for mode in ["auto", "require"] {
            let start = place.child("cases").with("MODE", mode).with("THREADS", 16);
            let mut refused = std::process::Command::new("/usr/bin/unshare");
            refused.args(if is_root { &["--mount"][..] } else { &["--user", "--map-root-user", "--mount"] });
            let user = if as_root { "" } else { "/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups" };
            refused.args(["/bin/sh", "-c"]);
            refused.arg(format!("/bin/mount -o remount,bind,ro /proc && exec {user} \"$0\" \"$@\""));
            refused.arg(start.command.get_program()).args(start.command.get_args());
            refused.env_clear().envs(start.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            refused.current_dir("/").stdin(std::process::Stdio::null());
            refused.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            let ran = crate::start::Start { command: refused }.run();
            if ran.errors.contains("unshare failed") || ran.errors.contains("mount:") {
                println!("SKIPPED: this machine cannot be made one that refuses maps: {}", ran.errors);
                return;
            }
            if mode == "require" {
                assert_eq!((ran.told("refused"), ran.code), (Some(step), 3), "{ran:#?}");
                continue;
            }
            assert!(ran.log().contains(&format!("not in force: {step}")), "{ran:#?}");
            assert!(ran.log().contains("landlock") && ran.log().contains("system calls"), "{}", ran.log());
            assert!(ran.told("cases").is_some_and(|told| told.ends_with(" 0 failed")), "{ran:#?}");
            println!("jail, {who:?}, without maps: {}", ran.log());
        }
    }
}

crate::tests! {
    enter_with_all_required_has_every_mechanism_in_force
    enter_says_how_many_system_calls_it_allows
    enter_with_off_changes_nothing_and_says_so
    enter_with_two_threads_is_refused_by_name
    enter_with_an_open_directory_is_refused_by_name
    enter_with_a_directory_as_standard_input_is_refused
    close_inherited_closes_what_would_go_over_an_exec
    enter_where_namespaces_are_forbidden_goes_on_in_auto_and_fails_by_name_in_require
    enter_where_maps_of_ids_are_refused_goes_on_in_auto_and_fails_by_name_in_require
}
