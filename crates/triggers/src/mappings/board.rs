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
    /// Invocations that were begun.
    pub(crate) calls: AtomicU64,
    /// Invocations that failed, or whose answers named failed records.
    pub(crate) failed_calls: AtomicU64,
    /// Times that the function was not reached.
    pub(crate) unreached: AtomicU64,
    /// Records that are done.
    pub(crate) records: AtomicU64,
    /// Records that no filter let through.
    pub(crate) filtered: AtomicU64,
    /// Records that were given up.
    pub(crate) dropped: AtomicU64,
    /// Batches that a destination took.
    pub(crate) sent: AtomicU64,
    /// Batches that a destination did not take.
    pub(crate) unsent: AtomicU64,
}

/// Adds to a count.
pub(super) fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
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

    pub(crate) fn counts(&self, mapping: &str) -> Arc<Counts> {
        let mut counts = self.counts.lock();
        counts.entry(mapping.to_owned()).or_default().clone()
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
