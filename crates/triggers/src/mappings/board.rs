//! What people are shown of the mappings: the shards at work, and counts since the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::registry::ShardKey;

use super::progress::Progress;

/// What a mapping did since the server started.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Invocations that reached the function, and ended.
    pub(crate) calls: AtomicU64,
    /// Those of them that failed, or whose answers named failed records.
    pub(crate) failed_calls: AtomicU64,
    /// Times that the function was not reached; none of the invocations.
    pub(crate) unreached: AtomicU64,
    /// Records that are done.
    pub(crate) records: AtomicU64,
    /// Records that no filter let through.
    pub(crate) filtered: AtomicU64,
    /// Records that were given up.
    pub(crate) dropped: AtomicU64,
    /// How often records were past their retention before they were read; how many they were is not known.
    pub(crate) lost: AtomicU64,
    /// Batches that a destination took.
    pub(crate) sent: AtomicU64,
    /// Batches that a destination did not take.
    pub(crate) unsent: AtomicU64,
}

/// Adds to a count.
pub(super) fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// What the shards of a mapping are doing now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AtWork {
    /// Batches that are at the function.
    pub(crate) in_flight: usize,
    /// The greatest age of its shards: that of the last record of the batch that was done last, when that was done, in
    /// milliseconds.
    pub(crate) age_ms: Option<u64>,
}

/// All mappings at work.
#[derive(Default)]
pub(crate) struct Board {
    shards: Mutex<BTreeMap<ShardKey, Arc<Progress>>>,
    counts: Mutex<BTreeMap<String, Arc<Counts>>>,
}

impl Board {
    /// Shows a shard for as long as what is returned is kept.
    pub(super) fn show(self: &Arc<Self>, progress: Arc<Progress>) -> OnBoard {
        let key = progress.key().clone();
        self.shards.lock().insert(key, progress.clone());
        OnBoard {
            board: self.clone(),
            progress,
        }
    }

    /// The shard, if it is being delivered.
    pub(crate) fn shard(&self, key: &ShardKey) -> Option<Arc<Progress>> {
        self.shards.lock().get(key).cloned()
    }

    /// The mappings that have shards at work, by their UUIDs.
    pub(crate) fn at_work(&self) -> BTreeMap<String, AtWork> {
        let mut mappings: BTreeMap<String, AtWork> = BTreeMap::new();
        for (key, progress) in self.shards.lock().iter() {
            let shown = progress.shown();
            let at_work = mappings.entry(key.mapping.clone()).or_default();
            at_work.in_flight += shown.in_flight;
            let age_ms = shown.last_batch.map(|batch| batch.age_ms);
            at_work.age_ms = at_work.age_ms.max(age_ms);
        }
        mappings
    }

    /// The counts of a mapping, to add to.
    pub(super) fn counts(&self, mapping: &str) -> Arc<Counts> {
        let mut counts = self.counts.lock();
        counts.entry(mapping.to_owned()).or_default().clone()
    }

    /// The counts of a mapping, to look at; one that is gone is not remembered for it.
    pub(crate) fn counted(&self, mapping: &str) -> Arc<Counts> {
        let counts = self.counts.lock();
        counts.get(mapping).cloned().unwrap_or_default()
    }

    /// Forgets a mapping that was deleted.
    pub(crate) fn forget(&self, mapping: &str) {
        self.counts.lock().remove(mapping);
    }
}

/// A shard that is shown.
pub(super) struct OnBoard {
    board: Arc<Board>,
    progress: Arc<Progress>,
}

impl Drop for OnBoard {
    fn drop(&mut self) {
        let mut shards = self.board.shards.lock();
        let known = shards.get(self.progress.key());
        if known.is_some_and(|known| Arc::ptr_eq(known, &self.progress)) {
            shards.remove(self.progress.key());
        }
    }
}
