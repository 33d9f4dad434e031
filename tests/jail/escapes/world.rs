//! What there is outside of the jail to be reached, and how a child knows of it.

use super::Tried;
use crate::child::option;
use crate::start::{Place, Start, Who};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::ffi::CString;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// What a process that tries to get out knows.
pub(crate) struct World {
    /// The descriptor of the export, as the jail gives it.
    pub(crate) root: i32,
    /// A directory beside the export, with `secret` in it.
    pub(crate) outside: String,
    pub(crate) export: String,
    /// A process of the same user.
    pub(crate) victim: usize,
    /// Somebody listens there, on the loopback.
    pub(crate) port: u16,
    /// Somebody listens at this abstract name.
    pub(crate) abstract_name: String,
    /// Somebody listens at this path, which is in no export.
    pub(crate) socket: String,
    /// The `struct file_handle` of the secret.
    pub(crate) handle: Vec<u8>,
}

impl World {
    pub(crate) fn from_environment() -> World {
        let get = |name| option(name).unwrap_or_else(|| panic!("no {name}"));
        let outside = get("OUTSIDE");
        World {
            root: -1,
            handle: handle_of(&format!("{outside}/secret")),
            outside,
            export: get("EXPORT"),
            victim: get("VICTIM").parse().expect("a number"),
            port: get("PORT").parse().expect("a number"),
            abstract_name: get("ABSTRACT"),
            socket: get("SOCKET"),
        }
    }

    pub(crate) fn secret(&self) -> String {
        format!("{}/secret", self.outside)
    }
}

/// What stands outside of a jail, for children of one user.
pub(crate) struct Outside {
    victim: Child,
    tcp: TcpListener,
    abstract_name: String,
    _abstract: UnixListener,
    /// Beside the exports, with a name that everybody may connect to.
    named: (tempfile::TempDir, UnixListener),
}

impl Outside {
    pub(crate) fn new(who: Who) -> Outside {
        let mut victim = Command::new("/bin/sleep");
        victim.arg("100000").current_dir("/");
        if who == Who::User && rustix::process::geteuid().is_root() {
            victim.uid(65_534).gid(65_534);
        }
        let victim = victim.spawn().expect("there is sleep(1)");
        let abstract_name = format!("wasi-gofer-jail-{}", victim.id());
        let address = SocketAddr::from_abstract_name(&abstract_name).expect("short");
        let named = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(named.path().join("socket")).expect("bound");
        listener.set_nonblocking(true).expect("set");
        for (path, mode) in [(named.path().to_owned(), 0o755), (named.path().join("socket"), 0o777)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
        }
        Outside {
            named: (named, listener),
            victim,
            tcp: TcpListener::bind("127.0.0.1:0").expect("there is a loopback"),
            _abstract: UnixListener::bind_addr(&address).expect("a name of its own"),
            abstract_name,
        }
    }

    /// Puts into an export what ways begin with.
    pub(crate) fn furnish(&self, place: &Place) {
        let export = place.export();
        let outside = place.outside();
        std::fs::write(export.join("f"), "inside").expect("written");
        std::fs::create_dir(export.join("d")).expect("made");
        std::os::unix::fs::symlink("../outside/secret", export.join("up")).expect("made");
        std::os::unix::fs::symlink(outside.join("secret"), export.join("absolute")).expect("made");
        std::os::unix::fs::symlink(&outside, export.join("out")).expect("made");
        std::fs::copy("/bin/true", export.join("true")).expect("there is true(1)");
        if rustix::process::geteuid().is_root() {
            use rustix::fs::{CWD, FileType, makedev, mknodat};
            mknodat(CWD, export.join("null"), FileType::CharacterDevice, 0o666.into(), makedev(1, 3))
                .expect("root may");
            rustix::fs::chmod(export.join("null"), 0o666.into()).expect("ours");
        }
        for name in ["f", "d", "true"] {
            place.give_as_it_is(&export.join(name));
        }
    }

    /// Tells a child of it.
    pub(crate) fn tell(&self, start: Start) -> Start {
        let port = self.tcp.local_addr().expect("bound").port();
        let socket = self.named.0.path().join("socket");
        // Nobody takes the connections; those that have gone do not count any more.
        while self.named.1.accept().is_ok() {}
        start
            .with("VICTIM", self.victim.id())
            .with("PORT", port)
            .with("ABSTRACT", &self.abstract_name)
            .with("SOCKET", socket.display())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

/// Moves to namespaces of its own, in which what is tried does no harm.
pub(crate) fn go_apart() {
    let namespaces = UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWNET | UnshareFlags::NEWIPC;
    // SAFETY: it shares no less memory and no fewer descriptors than before.
    unsafe { unshare_unsafe(namespaces) }.expect("root may");
    let (root, flags) = (path("/"), libc::MS_REC | libc::MS_PRIVATE);
    call(libc::SYS_mount, &[0, at(&root), 0, number(flags), 0]).expect("root may");
}

/// A `struct file_handle` of at most 128 bytes, with room for what the kernel writes.
fn handle_of(file: &str) -> Vec<u8> {
    let mut handle = vec![0u8; 8 + 128];
    handle[..4].copy_from_slice(&128u32.to_ne_bytes());
    let (file, mut mount) = (path(file), 0i32);
    let pointer = handle.as_mut_ptr() as usize;
    // Overlayfs has none: then the way is not shown to lead anywhere.
    let _ = call(libc::SYS_name_to_handle_at, &[CWD, at(&file), pointer, &raw mut mount as usize, 0]);
    handle
}

/// `AT_FDCWD`.
pub(crate) const CWD: usize = (libc::AT_FDCWD as isize).cast_unsigned();

/// Makes a system call by its number: what a process does that has been taken over.
pub(crate) fn call(number: libc::c_long, arguments: &[usize]) -> Result<usize, i32> {
    let a: [usize; 6] = std::array::from_fn(|at| arguments.get(at).copied().unwrap_or(0));
    // SAFETY: pointers among the arguments are to memory that the caller keeps for as long; what else the kernel does to
    // this process is what the test is about.
    let result = unsafe { libc::syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) };
    if result == -1 {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO));
    }
    Ok(usize::try_from(result).unwrap_or(usize::MAX))
}

pub(crate) fn path(text: impl Into<Vec<u8>>) -> CString {
    CString::new(text).expect("no NUL")
}

pub(crate) fn at(path: &CString) -> usize {
    path.as_ptr() as usize
}

/// Any number that the C library has as one type or another.
pub(crate) fn number(value: impl TryInto<isize>) -> usize {
    value.try_into().map_or(usize::MAX, isize::cast_unsigned)
}

/// Says what a call reached, if it did.
pub(crate) fn reaches(what: &str, result: Result<usize, i32>) -> Tried {
    result.map(|_| what.to_owned())
}

/// Opens as the jail's own code would have it, and reads.
pub(crate) fn read_at(dir: usize, file: &str, flags: i32) -> Tried {
    let file = path(file);
    let fd = call(libc::SYS_openat, &[dir, at(&file), number(flags | libc::O_CLOEXEC), 0])?;
    read_secret(fd)
}

/// `ENOMSG` for a file that is another one.
pub(crate) fn read_secret(fd: usize) -> Tried {
    let mut bytes = [0u8; 64];
    let length = call(libc::SYS_read, &[fd, bytes.as_mut_ptr() as usize, bytes.len()])?;
    if bytes[..length].starts_with(b"the secret") { Ok("the secret".to_owned()) } else { Err(libc::ENOMSG) }
}
