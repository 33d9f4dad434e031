//! Open files of a backend that fails on demand.

use super::{FaultPlan, Op};
use crate::abi::{Call, Result, SetStat, SetStatReport, Stat};
use crate::backend::{Advice, Handle};
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

/// A handle of the backend inside a [`super::Faulty`], under its plan.
#[derive(Debug)]
pub struct FaultyHandle<H> {
    inner: Arc<H>,
    plan: Arc<FaultPlan>,
}

impl<H> FaultyHandle<H> {
    pub(super) fn new(inner: Arc<H>, plan: &Arc<FaultPlan>) -> Arc<FaultyHandle<H>> {
        Arc::new(FaultyHandle { inner, plan: Arc::clone(plan) })
    }

    pub(super) fn inner(&self) -> &Arc<H> {
        &self.inner
    }

    /// The first bytes of `bufs`, as many as the plan lets through.
    fn cut<'a>(&self, bufs: &'a [IoSlice<'_>]) -> Vec<IoSlice<'a>> {
        let mut left = self.plan.transfer_max();
        let mut cut = Vec::with_capacity(bufs.len());
        for buf in bufs {
            let length = buf.len().min(left);
            left -= length;
            cut.push(IoSlice::new(buf.get(..length).unwrap_or_default()));
        }
        cut
    }

    fn cut_mut<'a>(&self, bufs: &'a mut [IoSliceMut<'_>]) -> Vec<IoSliceMut<'a>> {
        let mut left = self.plan.transfer_max();
        let mut cut = Vec::with_capacity(bufs.len());
        for buf in bufs {
            let length = buf.len().min(left);
            left -= length;
            cut.push(IoSliceMut::new(buf.get_mut(..length).unwrap_or_default()));
        }
        cut
    }
}

impl<H: Handle> Handle for FaultyHandle<H> {
    fn read_at(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        let mut bufs = self.cut_mut(bufs);
        self.plan.call(Op::ReadAt, call, || self.inner.read_at(call, &mut bufs, offset))
    }

    fn write_at(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let bufs = self.cut(bufs);
        self.plan.call(Op::WriteAt, call, || self.inner.write_at(call, &bufs, offset))
    }

    fn append(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let bufs = self.cut(bufs);
        self.plan.call(Op::Append, call, || self.inner.append(call, &bufs))
    }

    fn stat(&self, call: &Call) -> Result<Stat> {
        self.plan.call(Op::HandleStat, call, || self.inner.stat(call))
    }

    fn stats_locally(&self) -> bool {
        self.inner.stats_locally()
    }

    fn set_stat(&self, call: &Call, set: &SetStat) -> Result<SetStatReport> {
        self.plan.call(Op::HandleSetStat, call, || self.inner.set_stat(call, set))
    }

    fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        self.plan.call(Op::Sync, call, || self.inner.sync(call, data_only))
    }

    fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        self.plan.call(Op::Allocate, call, || self.inner.allocate(call, offset, len))
    }

    fn advise(&self, call: &Call, offset: u64, len: u64, advice: Advice) -> Result<()> {
        self.plan.call(Op::Advise, call, || self.inner.advise(call, offset, len, advice))
    }
}
