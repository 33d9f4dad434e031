//! Faults as they come and go: episodes, each of some operations.

use crate::kit::Rng;
use std::sync::Arc;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::{FaultPlan, Op};

/// What a faulty storage answers with.
pub(crate) const ERRNOS: [Errno; 3] = [Errno::Io, Errno::Nospc, Errno::Dquot];

/// What fails, once or for as long as the episode lasts.
const OPS: [Op; 11] = [
    Op::WriteAt,
    Op::WriteAt,
    Op::WriteAt,
    Op::Append,
    Op::ReadAt,
    Op::HandleSetStat,
    Op::Sync,
    Op::Allocate,
    Op::HandleStat,
    Op::Open,
    Op::SyncFs,
];

/// The hand on the plan of a backend, if it has one.
pub(crate) struct Faults {
    plan: Option<Arc<FaultPlan>>,
    /// What fails until the episode ends.
    standing: Vec<(Op, Errno)>,
    /// Operations that the episode still lasts.
    left: u64,
}

impl Faults {
    pub(crate) fn new(plan: Option<Arc<FaultPlan>>) -> Faults {
        Faults { plan, standing: Vec::new(), left: 0 }
    }

    /// How many calls failed so far.
    pub(crate) fn struck(&self) -> u64 {
        self.plan.as_ref().map_or(0, |plan| plan.struck())
    }

    /// One operation more.
    pub(crate) fn tick(&mut self, rng: &mut Rng) {
        let Some(plan) = self.plan.clone() else { return };
        if self.left > 0 {
            self.left -= 1;
            return;
        }
        self.heal();
        self.left = rng.below(30);
        let errno = rng.pick(&ERRNOS);
        match rng.below(10) {
            0..3 => {}
            3..5 => plan.fail(rng.pick(&OPS), 1 + rng.below(4), errno),
            5..7 => plan.lose(rng.pick(&OPS), 1 + rng.below(4), errno),
            7 => self.stand(&plan, &[rng.pick(&OPS)], errno),
            8 => self.stand(&plan, &[Op::WriteAt, Op::Append, Op::Allocate], errno),
            _ => plan.set_short_transfers(Some(1 + rng.index(5_000))),
        }
    }

    fn stand(&mut self, plan: &FaultPlan, ops: &[Op], errno: Errno) {
        self.standing = ops.iter().map(|op| (*op, errno)).collect();
        self.standing.iter().for_each(|(op, errno)| plan.fail_from(*op, 1, *errno));
    }

    /// Ends all faults.
    pub(crate) fn heal(&mut self) {
        self.standing.clear();
        if let Some(plan) = &self.plan {
            plan.heal();
            plan.set_short_transfers(None);
        }
    }

    /// Ends them for the length of a look at what is there; those that were to come once do not come any more.
    pub(crate) fn pause(&self) {
        if let Some(plan) = &self.plan {
            plan.heal();
        }
    }

    pub(crate) fn resume(&self) {
        if let Some(plan) = &self.plan {
            self.standing.iter().for_each(|(op, errno)| plan.fail_from(*op, 1, *errno));
        }
    }
}
