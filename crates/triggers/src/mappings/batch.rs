//! A batch: records that are delivered in one invocation, and how often that was tried.

use headwater_model::Sequence;

use crate::registry::{LastCall, Trial};

use super::record::PendingRecord;

/// Records of one lane, in order; never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) records: Vec<PendingRecord>,
    /// Calls that count against its retries.
    pub(super) failures: u32,
    /// Calls in all.
    pub(super) calls: u32,
    pub(super) last_call: LastCall,
}

impl Batch {
    pub(super) fn first(&self) -> Sequence {
        let first = self.records.first();
        first.map_or(Sequence::ZERO, |record| record.sequence)
    }

    pub(super) fn last(&self) -> Sequence {
        let last = self.records.last();
        last.map_or(Sequence::ZERO, |record| record.sequence)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of its records.
    pub(super) fn bytes(&self) -> usize {
        self.records.iter().map(|record| record.json.len()).sum()
    }

    /// Takes the first records out, as a batch of as many trials.
    pub(super) fn take_first(&mut self, count: usize) -> Self {
        let rest = self.records.split_off(count.min(self.records.len()));
        Self {
            records: std::mem::replace(&mut self.records, rest),
            failures: self.failures,
            calls: self.calls,
            last_call: self.last_call.clone(),
        }
    }

    pub(super) fn trial(&self) -> Trial {
        Trial {
            first: self.first(),
            last: self.last(),
            failures: self.failures,
            calls: self.calls,
            last_call: self.last_call.clone(),
        }
    }
}
