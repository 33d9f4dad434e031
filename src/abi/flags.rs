//! Flag sets.

bitflags::bitflags! {
    /// How a backend opens or creates a file. Whether it follows symlinks is not here: no backend ever does.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u16 {
        /// For reading.
        const READ = 1 << 0;
        /// For writing.
        const WRITE = 1 << 1;
        /// Emptied on open; only with [`OpenFlags::WRITE`].
        const TRUNC = 1 << 2;
        /// Every write reaches the disk with its metadata (`O_SYNC`).
        const SYNC = 1 << 3;
        /// Every write reaches the disk (`O_DSYNC`).
        const DSYNC = 1 << 4;
    }

    /// Which attributes a `SetStat` names or failed to set.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SetStatMask: u16 {
        /// Permission bits.
        const MODE = 1 << 0;
        /// Owner.
        const UID = 1 << 1;
        /// Group.
        const GID = 1 << 2;
        /// Length.
        const SIZE = 1 << 3;
        /// Access time.
        const ATIME = 1 << 4;
        /// Modification time.
        const MTIME = 1 << 5;
    }
}
