//! Counters of a log.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a log has done since it was opened, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Groups made durable.
    pub groups: u64,
    /// Blocks written.
    pub blocks: u64,
    /// Entries made durable.
    pub entries: u64,
    /// Changes in them.
    pub changes: u64,
    /// Their bytes before compression.
    pub raw_bytes: u64,
    /// Bytes written to segments, headers and footers too, without zeroing ahead.
    pub written_bytes: u64,
    /// Calls of fsync on segments.
    pub syncs: u64,
    /// Bytes of entries that are not durable yet.
    pub queued_bytes: u64,
    /// Memory of the newest blocks.
    pub tail_cache_bytes: u64,
    /// Memory of older blocks.
    pub block_cache_bytes: u64,
    /// Memory of indexes of sealed segments.
    pub footer_cache_bytes: u64,
    /// Segments, the one written to included.
    pub segments: u64,
    /// Bytes in use in all segments.
    pub stored_bytes: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) groups: AtomicU64,
    pub(crate) blocks: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) changes: AtomicU64,
    pub(crate) raw_bytes: AtomicU64,
    pub(crate) written_bytes: AtomicU64,
    pub(crate) syncs: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> LogStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogStats {
            groups: get(&self.groups),
            blocks: get(&self.blocks),
            entries: get(&self.entries),
            changes: get(&self.changes),
            raw_bytes: get(&self.raw_bytes),
            written_bytes: get(&self.written_bytes),
            syncs: get(&self.syncs),
            ..LogStats::default()
        }
    }
}
