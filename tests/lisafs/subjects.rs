//! The servers that the suite runs over.

use crate::harness::Subject;
use crate::runsc::Runsc;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions};
use wasi_gofer::sidecar::{Export, Server};

/// gVisor lets pipes and sockets be seen if it is told to.
const GVISOR_FLAGS: &[&str] = &["--host-uds=all", "--host-fifo=open"];

/// What a subject can be started with.
pub(crate) trait Start: Subject {
    /// The server, and a connection to it; `None` where there is none to be started.
    fn start(test: &str) -> Option<Self>;
}

/// A server with the backend over it. The backend goes first: with it the connection ends, and with that the server.
pub(crate) struct Over<S> {
    backend: LisaFs,
    _server: S,
}

/// Our own server, over a directory that lives as long.
pub(crate) struct InProcess {
    _server: Server,
    _dir: TempDir,
}

fn options() -> LisaFsOptions {
    LisaFsOptions { timeout: Duration::from_secs(60), ..LisaFsOptions::default() }
}

fn gvisor(test: &str, options: LisaFsOptions) -> Option<Over<Runsc>> {
    let (server, socket): (Runsc, UnixStream) = Runsc::start(test, GVISOR_FLAGS)?;
    Some(Over { backend: LisaFs::connect(socket, options).expect("mounted"), _server: server })
}

/// Our own server over a directory, and a connection to it.
pub(crate) fn serve(dir: &Path) -> (Server, UnixStream) {
    serve_with(dir, |export| export)
}

/// As [`serve`], of an export that is changed.
pub(crate) fn serve_with(dir: &Path, change: impl FnOnce(Export) -> Export) -> (Server, UnixStream) {
    let server = Server::lisafs(change(Export::open_ambient(dir).expect("an export"))).expect("a server");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    server.serve(wasi_gofer::transport::Stream::new(theirs.into()).expect("a stream")).expect("served");
    (server, ours)
}

fn own(options: LisaFsOptions) -> Option<Over<InProcess>> {
    own_in(&std::env::temp_dir(), options)
}

/// In `above`, if it is there.
fn own_in(above: &Path, options: LisaFsOptions) -> Option<Over<InProcess>> {
    if !above.is_dir() {
        eprintln!("SKIPPED: {} is no directory here", above.display());
        return None;
    }
    let dir = tempfile::tempdir_in(above).expect("a directory");
    let (server, socket) = serve(dir.path());
    let backend = LisaFs::connect(socket, options).expect("mounted");
    Some(Over { backend, _server: InProcess { _server: server, _dir: dir } })
}

macro_rules! subjects {
    ($($(#[doc = $doc:literal])* $name:ident: $server:ty, $reluctant:literal, |$test:ident| $start:expr;)*) => { $(
        $(#[doc = $doc])*
        pub(crate) struct $name(Over<$server>);

        impl Start for $name {
            fn start($test: &str) -> Option<Self> {
                $start.map($name)
            }
        }

        impl Subject for $name {
            type Backend = LisaFs;
            const RELUCTANT: bool = $reluctant;
            fn fresh() -> Self {
                Self::start("a case").expect("it could be started before")
            }
            fn backend(&self) -> &LisaFs {
                &self.0.backend
            }
        }
    )* };
}

subjects! {
    /// gVisor's gofer.
    Gvisor: Runsc, false, |test| gvisor(test, options());
    /// gVisor's gofer, every transfer by message.
    GvisorMessages: Runsc, false, |test| gvisor(test, LisaFsOptions { host_fds: false, ..options() });
    /// gVisor's gofer, as few control files as there can be.
    GvisorFew: Runsc, false, |test| gvisor(test, LisaFsOptions { control_limit: 0, ..options() });
    /// Our own server.
    Own: InProcess, false, |_test| own(options());
    /// Our own server, over what is a tmpfs in general: its cookies fall since Linux 6.6.
    OwnTmpfs: InProcess, false, |_test| own_in(Path::new("/dev/shm"), options());
    /// Our own server, every transfer by message, and every call first made as one that may not wait.
    OwnReluctant: InProcess, true, |_test| own(LisaFsOptions { host_fds: false, ..options() });
    /// Our own server, without channels.
    OwnSocket: InProcess, false, |_test| own(LisaFsOptions { channels: 0, ..options() });
    /// Our own server, as few control files as there can be.
    OwnFew: InProcess, false, |_test| own(LisaFsOptions { control_limit: 0, ..options() });
}

/// Makes a test of each case for each subject.
#[macro_export]
macro_rules! suite {
    ($($case:ident)*) => {
        $crate::suite!(@ gvisor Gvisor $($case)*);
        $crate::suite!(@ gvisor_messages GvisorMessages $($case)*);
        $crate::suite!(@ gvisor_few GvisorFew $($case)*);
        $crate::suite!(@ own Own $($case)*);
        $crate::suite!(@ own_reluctant OwnReluctant $($case)*);
        $crate::suite!(@ own_socket OwnSocket $($case)*);
        $crate::suite!(@ own_few OwnFew $($case)*);
    };
    (@ $module:ident $subject:ident $($case:ident)*) => {
        mod $module {
            use $crate::harness::Fs;
            use $crate::subjects::{Start as _, $subject};
            $(
                #[test]
                fn $case() {
                    let Some(subject) = $subject::start(stringify!($case)) else { return };
                    $crate::differences::run(stringify!($module), stringify!($case), || super::$case(&Fs { subject }));
                }
            )*
        }
    };
}
