//! How far the delivery of one shard has got: what its checkpoint says, and what people are shown.
//!
//! Invariant: the checkpoint's position is at or before the first record of every lane that is not done.

use std::sync::Arc;

use headwater_model::{Clock, Sequence};
use parking_lot::Mutex;

use crate::registry::{Checkpoint, Checkpoints, LaneCheckpoint, OpenWindow, ShardKey, Trial};

use super::record::PendingRecord;
use super::verdict::Fault;

/// Longest error that is kept for people, in bytes.
const ERROR_BYTES_MAX: usize = 1_024;

/// Most records of a failed batch that are named to people.
const NAMED_RECORDS_MAX: usize = 10;

/// Where a lane is.
#[derive(Clone, Debug, Default)]
pub(super) struct LanePlace {
    /// The first record that is not done; `None` if all that was read is.
    pub(super) first: Option<Sequence>,
    /// Batches that are to be tried again.
    pub(super) trials: Vec<Trial>,
}

/// The delivery of one shard as it is now.
pub(crate) struct Progress {
    checkpoints: Arc<Checkpoints>,
    clock: Arc<dyn Clock>,
    key: ShardKey,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    read_to: Sequence,
    lanes: Vec<LanePlace>,
    window: Option<OpenWindow>,
    result: Option<String>,
    at_ms: u64,
    noted_ms: u64,
    shown: Shown,
}

/// What people are shown of a shard, beside its checkpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// Batches that are at the function.
    pub(crate) in_flight: usize,
    /// Calls of the batch that fails, if one does.
    pub(crate) attempts: u32,
    /// What went wrong last.
    pub(crate) trouble: Option<Trouble>,
    /// The batch that was done last.
    pub(crate) last_batch: Option<LastBatch>,
    /// Records that were read and wait.
    pub(crate) waiting: usize,
}

/// Something that went wrong.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) text: String,
    /// When, in milliseconds since the epoch.
    pub(crate) at_ms: u64,
    /// The batch that the function failed with, if it was reached.
    pub(crate) batch: Option<FailedBatch>,
}

/// The records of a call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailedBatch {
    pub(crate) records: usize,
    /// The first of them, [`NAMED_RECORDS_MAX`] at most.
    pub(crate) first: Vec<Sequence>,
    /// The record that it failed with, where that is known: the one that the function named, or the only one.
    pub(crate) at_fault: Option<Sequence>,
}

impl FailedBatch {
    pub(super) fn of(records: &[PendingRecord], fault: Fault) -> Self {
        let place = match fault {
            Fault::From(place) => Some(place),
            Fault::Whole => (records.len() == 1).then_some(0),
        };
        let sequence = |record: &PendingRecord| record.sequence;
        let first = records.iter().take(NAMED_RECORDS_MAX).map(sequence);
        Self {
            records: records.len(),
            first: first.collect(),
            at_fault: place.and_then(|place| records.get(place)).map(sequence),
        }
    }
}

/// A batch that was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastBatch {
    pub(crate) records: usize,
    /// When, in milliseconds since the epoch.
    pub(crate) done_ms: u64,
    /// How old its last record was then: the `IteratorAge` of CloudWatch.
    pub(crate) age_ms: u64,
}

impl Progress {
    pub(super) fn new(
        checkpoints: Arc<Checkpoints>,
        clock: Arc<dyn Clock>,
        key: ShardKey,
        checkpoint: &Checkpoint,
    ) -> Self {
        let state = State {
            result: checkpoint.result.clone(),
            at_ms: checkpoint.at_ms,
            ..State::default()
        };
        Self {
            checkpoints,
            clock,
            key,
            state: Mutex::new(state),
        }
    }

    pub(super) fn key(&self) -> &ShardKey {
        &self.key
    }

    /// Begins again with these lanes; notes nothing.
    pub(super) fn begin(
        &self,
        read_to: Sequence,
        lanes: Vec<LanePlace>,
        window: Option<OpenWindow>,
    ) {
        let mut state = self.state.lock();
        state.read_to = read_to;
        state.lanes = lanes;
        state.window = window;
        state.shown.in_flight = 0;
    }

    /// How far was read; written with the next note.
    pub(super) fn read_to(&self, position: Sequence, waiting: usize) {
        let mut state = self.state.lock();
        state.read_to = position;
        state.shown.waiting = waiting;
    }

    /// When something was noted last, in milliseconds since the epoch.
    pub(super) fn noted_ms(&self) -> u64 {
        self.state.lock().noted_ms
    }

    /// A lane got further, or a batch of it failed. `window` is the lane's, if windows tumble.
    pub(super) fn note(
        &self,
        lane: usize,
        place: LanePlace,
        window: Option<&OpenWindow>,
        result: Option<String>,
    ) {
        let mut state = self.state.lock();
        state.window = window.cloned();
        if let Some(result) = result {
            state.result = Some(result);
            state.at_ms = self.clock.now_ms();
        }
        if let Some(known) = state.lanes.get_mut(lane) {
            *known = place;
        }
        self.write(&mut state);
    }

    /// A last call of a window failed: the window is still open, and the lanes are where they are.
    pub(super) fn note_result(&self, result: String) {
        let mut state = self.state.lock();
        state.result = Some(result);
        state.at_ms = self.clock.now_ms();
        self.write(&mut state);
    }

    /// The window is over; the lanes are where they are.
    pub(super) fn note_window_closed(&self, result: &str) {
        let mut state = self.state.lock();
        state.window = None;
        state.result = Some(result.to_owned());
        state.at_ms = self.clock.now_ms();
        self.write(&mut state);
    }

    /// Places a lane without telling anybody: it is idle, and what is before `first` is done.
    pub(super) fn place(&self, lane: usize, place: LanePlace) {
        if let Some(known) = self.state.lock().lanes.get_mut(lane) {
            *known = place;
        }
    }

    /// Notes how far the lanes are now.
    pub(super) fn note_places(&self) {
        self.write(&mut self.state.lock());
    }

    /// Nothing of the shard is left.
    pub(super) fn note_end(&self) {
        let mut state = self.state.lock();
        let checkpoint = Checkpoint {
            ended: true,
            result: state.result.clone(),
            at_ms: state.at_ms,
            ..Checkpoint::at(state.read_to)
        };
        state.noted_ms = self.clock.now_ms();
        self.checkpoints.note(&self.key, checkpoint);
    }

    /// The shard cannot be read.
    pub(super) fn note_problem(&self, result: String) {
        let mut state = self.state.lock();
        state.shown.trouble = Some(self.trouble(&result, None));
        state.result = Some(result);
        state.at_ms = self.clock.now_ms();
        self.write(&mut state);
    }

    pub(super) fn show(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.state.lock().shown);
    }

    /// Shows what went wrong, and with which batch, if it was one.
    pub(super) fn show_error(&self, error: &str, batch: Option<FailedBatch>) {
        let trouble = self.trouble(error, batch);
        self.state.lock().shown.trouble = Some(trouble);
    }

    fn trouble(&self, error: &str, batch: Option<FailedBatch>) -> Trouble {
        Trouble {
            text: shortened(error).to_owned(),
            at_ms: self.clock.now_ms(),
            batch,
        }
    }

    pub(crate) fn shown(&self) -> Shown {
        self.state.lock().shown.clone()
    }

    /// The checkpoint as it would be noted now.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        checkpoint_of(&self.state.lock())
    }

    fn write(&self, state: &mut State) {
        state.noted_ms = self.clock.now_ms();
        self.checkpoints.note(&self.key, checkpoint_of(state));
    }
}

fn checkpoint_of(state: &State) -> Checkpoint {
    let done = |lane: &LanePlace| lane.first.unwrap_or(state.read_to);
    let position = state.lanes.iter().map(done).min();
    let has_lanes = state.lanes.len() > 1 || state.lanes.iter().any(|lane| !lane.trials.is_empty());
    let lanes = state.lanes.iter().filter(|_| has_lanes);
    Checkpoint {
        position: position.unwrap_or(state.read_to),
        lanes: lanes
            .map(|lane| LaneCheckpoint {
                done: done(lane),
                trials: lane.trials.clone(),
            })
            .collect(),
        window: state.window.clone(),
        ended: false,
        result: state.result.clone(),
        at_ms: state.at_ms,
    }
}

/// The beginning of a text that may be long.
pub(crate) fn shortened(text: &str) -> &str {
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(read_to: u64, lanes: &[Option<u64>]) -> State {
        let place = |first: &Option<u64>| LanePlace {
            first: first.map(Sequence),
            trials: Vec::new(),
        };
        State {
            read_to: Sequence(read_to),
            lanes: lanes.iter().map(place).collect(),
            ..State::default()
        }
    }

    #[test]
    fn the_slowest_lane_holds_the_position() {
        let checkpoint = checkpoint_of(&state(10, &[Some(7), None, Some(4)]));
        assert_eq!(checkpoint.position, Sequence(4));
        let done: Vec<u64> = checkpoint.lanes.iter().map(|lane| lane.done.0).collect();
        assert_eq!(done, [7, 10, 4]);
    }

    #[test]
    fn one_lane_without_trials_is_its_position() {
        let checkpoint = checkpoint_of(&state(10, &[None]));
        assert_eq!(checkpoint, Checkpoint::at(Sequence(10)));
    }

    fn records(count: u64) -> Vec<PendingRecord> {
        let record = |counter| PendingRecord {
            sequence: Sequence(counter),
            created_ms: 0,
            read_ms: 0,
            json: bytes::Bytes::new(),
        };
        (1..=count).map(record).collect()
    }

    #[test]
    fn the_record_at_fault_is_named_where_it_is_known() {
        let at_fault = |count, fault| FailedBatch::of(&records(count), fault).at_fault;
        assert_eq!(at_fault(5, Fault::From(3)), Some(Sequence(4)));
        assert_eq!(at_fault(1, Fault::Whole), Some(Sequence(1)));
        assert_eq!(at_fault(5, Fault::Whole), None);
    }

    #[test]
    fn few_records_of_a_large_batch_are_named() {
        let batch = FailedBatch::of(&records(500), Fault::Whole);
        assert_eq!((batch.records, batch.first.len()), (500, NAMED_RECORDS_MAX));
        assert_eq!(batch.first[0], Sequence(1));
    }

    #[test]
    fn errors_are_cut_between_characters() {
        let text = "\u{e9}".repeat(ERROR_BYTES_MAX);
        assert_eq!(shortened(&text).len(), ERROR_BYTES_MAX);
        assert_eq!(shortened(&format!("a{text}")).len(), ERROR_BYTES_MAX - 1);
    }
}
