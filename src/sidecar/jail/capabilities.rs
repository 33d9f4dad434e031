//! Capabilities, and what could bring them back.

use super::step::{Step, StepError, Steps};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
    set_no_new_privs, set_thread_groups,
};

/// What a process that was started as root keeps, to serve files of all users as their owners' clients expect: give them
/// an owner, reach those that only their owner may, change what only the owner may, and keep set-group-ID when it does.
///
/// Not `DAC_READ_SEARCH`: `DAC_OVERRIDE` has all of it but opening by handle, which finds files outside of the export.
/// Not `MKNOD`, `SETFCAP`, `LINUX_IMMUTABLE`, `LEASE`: nothing here makes devices or sets such attributes.
const WRITABLE: CapabilitySet =
    CapabilitySet::CHOWN.union(CapabilitySet::DAC_OVERRIDE).union(CapabilitySet::FOWNER).union(CapabilitySet::FSETID);

/// For an export that is only read: to read, and never to write. With it a file could be opened by handle where there is
/// no own user namespace; the list of system calls has no call for that.
const READ_ONLY: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// Whether this process may make namespaces and map ids as it likes. Asked before anything is changed.
pub(super) fn is_privileged() -> Result<bool, StepError> {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SETPCAP;
    Ok(capabilities(None).step("ask for the capabilities")?.effective.contains(needed))
}

/// Leaves the supplementary groups, which add nothing to what root may.
pub(super) fn leave_groups() -> Result<(), StepError> {
    set_thread_groups(&[]).step("leave the supplementary groups")
}

/// Gives all capabilities up but those that `privileged` needs. Says in words what is left.
pub(super) fn drop_all_but_needed(steps: &mut Steps, privileged: bool, read_only: bool) -> Result<(), StepError> {
    let before = capabilities(None).step("ask for the capabilities")?;
    if before.effective.contains(CapabilitySet::SETPCAP) {
        let emptied = empty_bounding_set().and_then(|()| lock_secure_bits());
        if steps.attempt(emptied)?.is_some() {
            steps.hold("no capability by exec");
        }
    }
    let keep = match (privileged, read_only) {
        (true, false) => WRITABLE,
        (true, true) => READ_ONLY,
        (false, _) => CapabilitySet::empty(),
    } & before.permitted;
    let sets = CapabilitySets { effective: keep, permitted: keep, inheritable: CapabilitySet::empty() };
    let dropped = clear_ambient_capability_set().step("clear the ambient capabilities").and_then(|()| give_up(sets));
    if steps.attempt(dropped)?.is_some() {
        let names: Vec<String> = keep.iter_names().map(|(name, _)| name.to_lowercase()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(" ") };
        steps.hold(format!("capabilities: {names}"));
    }
    Ok(())
}

/// What the process that stays behind has: nothing.
pub(super) fn drop_all() -> Result<(), StepError> {
    let none = CapabilitySet::empty();
    give_up(CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// No program that is started gains rights by its file. landlock and seccomp ask for it.
pub(super) fn no_new_privileges() -> Result<(), StepError> {
    set_no_new_privs(true).step("set no_new_privs")
}

fn give_up(sets: CapabilitySets) -> Result<(), StepError> {
    set_capabilities(None, sets).step("drop the capabilities")
}

fn empty_bounding_set() -> Result<(), StepError> {
    // The kernel says EINVAL behind the last capability that it has.
    for bit in 0..u64::BITS {
        let Some(one) = 1u64.checked_shl(bit).map(CapabilitySet::from_bits_retain) else { break };
        match capability_is_in_bounding_set(one) {
            Ok(true) => remove_capability_from_bounding_set(one).step("empty the bounding set")?,
            Ok(false) => {}
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(StepError::new("read the bounding set", errno)),
        }
    }
    Ok(())
}

/// User ID 0 is a number like any other from here on.
fn lock_secure_bits() -> Result<(), StepError> {
    let bits = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    set_capabilities_secure_bits(bits).step("lock the secure bits")
}
