//! A lane: the records of a shard that are delivered one batch after the other. A shard has as many as the mapping's
//! ParallelizationFactor; the records of one partition key are all in one of them.
//!
//! Pure: when a batch is due, and where it ends (triggers.md section 2).

use std::collections::VecDeque;

use headwater_model::Sequence;

use crate::registry::{LaneCheckpoint, Trial};

use super::backoff::Pause;
use super::batch::Batch;
use super::progress::LanePlace;
use super::record::PendingRecord;
use super::window::start_of;

/// Where a batch ends, and how long it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchRules {
    pub(super) records_max: usize,
    /// Bytes of the records and what separates them.
    pub(super) bytes_max: usize,
    /// How long a batch waits to become full.
    pub(super) wait_ms: u64,
    /// Length of a tumbling window; a batch is in one of them.
    pub(super) tumbling_ms: Option<u64>,
}

/// Whether a batch is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    /// At this time, unless it becomes full before.
    At(u64),
    /// Records have to be read first.
    NotYet,
}

/// What a lane knows of the shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    /// The next sequence number to read.
    pub(super) position: Sequence,
    /// Nothing more will be read for now: the shard has ended, or no room is left.
    pub(super) is_last: bool,
    pub(super) now_ms: u64,
}

/// The records of a lane that are in no batch yet.
#[derive(Debug, Default)]
pub(super) struct Lane {
    queue: VecDeque<PendingRecord>,
    bytes: usize,
    /// Records before it are done.
    done: Sequence,
    /// Batches from before, which are formed again with the same records.
    trials: VecDeque<Trial>,
}

impl Lane {
    /// A lane that goes on from where it was.
    pub(super) fn resumed(checkpoint: LaneCheckpoint) -> Self {
        Self {
            done: checkpoint.done,
            trials: checkpoint.trials.into(),
            ..Self::default()
        }
    }

    /// Takes a record in, unless it is done. Gives the bytes that it has more now.
    pub(super) fn push(&mut self, record: PendingRecord) -> usize {
        if record.sequence < self.done {
            return 0;
        }
        let bytes = record.json.len();
        self.bytes += bytes;
        self.queue.push_back(record);
        bytes
    }

    pub(super) fn first(&self) -> Option<Sequence> {
        self.queue.front().map(|record| record.sequence)
    }

    /// Where the lane is while it is idle: its first record that is not done, if there is one before `position`, to
    /// where the shard was read, or if what is done lies behind that.
    pub(super) fn place(&self, position: Sequence) -> LanePlace {
        let ahead = Some(self.done).filter(|done| *done > position);
        LanePlace {
            first: self.first().or(ahead),
            trials: self.trials(),
        }
    }

    /// When the first record was made, in milliseconds since the epoch.
    pub(super) fn first_created_ms(&self) -> Option<u64> {
        self.queue.front().map(|record| record.created_ms)
    }

    /// Batches that are still to be formed again.
    pub(super) fn trials(&self) -> Vec<Trial> {
        self.trials.iter().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the next batch is due.
    pub(super) fn due(&mut self, rules: &BatchRules, reached: &Reached) -> Due {
        let Some(front) = self.queue.front() else {
            return Due::NotYet;
        };
        let first = front.sequence;
        while self.trials.front().is_some_and(|trial| trial.last < first) {
            self.trials.pop_front();
        }
        let wait = Pause::of(front.read_ms, rules.wait_ms);
        if reached.is_last || self.is_full(rules) {
            return Due::Now;
        }
        match self.trials.front() {
            Some(trial) if trial.first <= first && reached.position > trial.last => Due::Now,
            Some(trial) if trial.first <= first => Due::NotYet,
            Some(trial) if reached.position > trial.first => Due::Now,
            _ => wait.end_ms(reached.now_ms).map_or(Due::Now, Due::At),
        }
    }

    fn is_full(&self, rules: &BatchRules) -> bool {
        let crosses = |length_ms: u64| {
            let window = |record: &PendingRecord| start_of(record.created_ms, length_ms);
            self.queue.front().map(window) != self.queue.back().map(window)
        };
        self.queue.len() >= rules.records_max
            || self.bytes >= rules.bytes_max
            || rules.tumbling_ms.is_some_and(crosses)
    }

    /// Takes the next batch out; `None` if there are no records.
    pub(super) fn take(&mut self, rules: &BatchRules) -> Option<Batch> {
        let front = self.queue.front()?;
        let (first, window) = (front.sequence, self.window_of(front, rules));
        let trial = self.trials.front();
        let again = trial.filter(|trial| trial.first <= first);
        let (mut batch, mut bytes) = (Batch::default(), 0);
        while let Some(record) = self.queue.front() {
            let beyond = match (again, trial) {
                (Some(again), _) => record.sequence > again.last,
                (None, Some(trial)) => record.sequence >= trial.first,
                (None, None) => false,
            };
            let is_full = batch.len() >= rules.records_max
                || bytes + record.json.len() > rules.bytes_max
                || self.window_of(record, rules) != window;
            if beyond || !batch.records.is_empty() && is_full {
                break;
            }
            // A comma goes with each.
            bytes += record.json.len() + 1;
            self.bytes -= record.json.len();
            batch.records.extend(self.queue.pop_front());
        }
        if again.is_some()
            && let Some(again) = self.trials.pop_front()
        {
            (batch.failures, batch.calls) = (again.failures, again.calls);
            batch.last_call = again.last_call;
        }
        self.done = batch.last().next();
        Some(batch)
    }

    fn window_of(&self, record: &PendingRecord, rules: &BatchRules) -> Option<u64> {
        let length_ms = rules.tumbling_ms?;
        Some(start_of(record.created_ms, length_ms))
    }
}

#[cfg(test)]
mod tests;
