//! Up to where each shard was trimmed, so that whoever read nothing for long is not told of a loss that there was none.

use std::collections::HashMap;

use headwater_model::Sequence;
use parking_lot::Mutex;

use crate::segment::SegmentSummary;

/// The last record of each shard that was trimmed since the log was opened.
pub(crate) struct TrimmedEnds {
    /// The trim point at opening. Which shards had records below it is not known any more.
    known_from: Sequence,
    last: Mutex<HashMap<u32, Sequence>>,
}

impl TrimmedEnds {
    pub(crate) fn new(oldest: Sequence) -> Self {
        Self {
            known_from: oldest,
            last: Mutex::default(),
        }
    }

    /// Notes a segment that is about to go, in the order of the log.
    pub(crate) fn note(&self, dropped: &SegmentSummary) {
        let shards = dropped.shards.iter();
        let ends = shards.map(|held| (held.shard, held.last));
        self.last.lock().extend(ends);
    }

    /// Whether records of the shard from `from` on were trimmed, or may have been.
    pub(crate) fn reach(&self, shard: u32, from: Sequence) -> bool {
        let is_beyond = |last: &Sequence| *last >= from;
        from < self.known_from || self.last.lock().get(&shard).is_some_and(is_beyond)
    }

    pub(crate) fn retain(&self, is_wanted: &dyn Fn(u32) -> bool) {
        self.last.lock().retain(|shard, _| is_wanted(*shard));
    }
}
