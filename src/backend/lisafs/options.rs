//! What the owner of a mount chooses about its connection.

use crate::abi::Mode;
use crate::hostfs::umask;
use std::time::Duration;

/// What the owner of a mount chooses about its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LisaFsOptions {
    /// How long one request may take, waiting for others on the connection included (default 30 s: longer than a disk
    /// that spins up, shorter than the patience of whoever waits for a guest). A call that has less time takes less. The
    /// errno is `ETIMEDOUT`; whether the server did what it was asked to is then not known.
    pub timeout: Duration,
    /// Most control files held at once (default 4,096; 16 at least). Each costs the server a descriptor. Those of
    /// directories that a guest has open come on top.
    pub control_limit: usize,
    /// Whether descriptors that the server hands out are used for reading and writing (default true). Without them every
    /// transfer is a message. A server that may mount filesystems of its own can make a system call on such a
    /// descriptor wait for as long as it likes; who does not trust it that far says false.
    pub host_fds: bool,
    /// Most channels of shared memory beside the socket (default 4), over each of which a request can be under way; 0 for
    /// none. A server may give fewer: gVisor's and ours give as many as they have processors, 2 at least and 4 at most.
    /// Each costs both sides memory as its messages are large, 2 MiB for the largest.
    pub channels: usize,
    /// Whether a file that is open may go on being read as it was before somebody else changed it (overlayfs before
    /// copy-up); `None`, the default, takes it from what the server says of its filesystem.
    pub stale_handles: Option<bool>,
    /// What is taken from the modes of new objects; `None`, the default, is the umask that this process has when it mounts.
    /// The protocol leaves it to the client: gVisor's gofer has none, and a sidecar of ours has none either.
    pub umask: Option<Mode>,
}

impl LisaFsOptions {
    /// With this process's umask, as it is now, where none is named.
    pub(super) fn with_umask(mut self) -> LisaFsOptions {
        self.umask.get_or_insert_with(umask::of_process);
        self
    }
}

impl Default for LisaFsOptions {
    fn default() -> Self {
        LisaFsOptions {
            timeout: Duration::from_secs(30),
            control_limit: 4_096,
            host_fds: true,
            channels: 4,
            stale_handles: None,
            umask: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_umask_keeps_the_one_that_is_named_and_takes_the_process_s_where_none_is() {
        let named = LisaFsOptions { umask: Some(Mode::new(0o077)), ..LisaFsOptions::default() };
        assert_eq!(named.with_umask().umask, Some(Mode::new(0o077)));
        assert_eq!(LisaFsOptions::default().with_umask().umask, Some(umask::of_process()));
    }
}
