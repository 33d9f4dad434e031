//! Landlock: rules about files that hold also where the root is not the export, and whatever descriptor leads out.

use super::step::StepError;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};
use rustix::fd::BorrowedFd;

/// The newest whose rights are looked at here. What it has and the table below has not is denied.
const NEWEST: ABI = ABI::V9;

/// What the files of a writable export may be used for: not for devices, programs, or connections to sockets by path.
const WRITABLE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | RemoveDir | RemoveFile | MakeDir | MakeReg | MakeSock | MakeFifo
    | MakeSym | Refer
});

const READ_ONLY: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

/// Binds this thread, and those that it starts, to the files below `root`; with `connects`, to its sockets too. Says in words
/// what holds.
///
/// An error before ABI 2 (Linux 5.19): without `Refer` no rename between two directories would be left.
pub(super) fn restrict(root: BorrowedFd<'_>, read_only: bool, connects: bool) -> Result<String, StepError> {
    let handled = AccessFs::from_all(NEWEST);
    let files = if read_only { READ_ONLY } else { WRITABLE };
    let granted = if connects { files | AccessFs::ResolveUnix } else { files };
    let restrict = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::Refer)?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(handled)?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rule(PathBeneath::new(root, granted))?
            .restrict_self()
    };
    let status =
        restrict().map_err(|error: landlock::RulesetError| StepError::refused(format!("landlock: {error}")))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Err(StepError::refused("landlock: the kernel has none")),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(format!("landlock {effective_abi:?}")),
        (_, status) => Err(StepError::refused(format!("landlock: {status:?}"))),
    }
}
