//! Settings of the engine, each with its default.

use headwater_model::limits;

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Twelve-digit account id in ARNs.
    pub account: String,
    /// How long CREATING, UPDATING, DELETING, ENABLING and DISABLING last, in milliseconds. With 0, the
    /// answer still names the phase and the next look finds it over.
    pub transition_ms: u64,
    /// How long stream records are kept when the table does not say, in milliseconds.
    pub retention_ms: u64,
    /// Age at which a shard is closed and a child goes on, in milliseconds.
    pub shard_age_ms: u64,
    /// Open shards of a new stream; `None` decides by billing mode and throughput.
    pub shards: Option<u32>,
    /// Most shards of disabled streams, those of deleted tables too: past it no stream is enabled. Past half of it the shards
    /// that have no records are forgotten, the oldest first.
    pub disabled_shards_max: usize,
    /// Whether what exceeds provisioned throughput, and the maxima of on-demand throughput, is refused.
    pub enforce_throughput: bool,
    /// Most bytes of an item collection, in tables with local indexes: its items with their entries in these. 0 sets no
    /// limit.
    pub item_collection_bytes_max: u64,
    /// Most item collections whose sizes are known at a time; the least used are measured anew.
    pub known_collections_max: usize,
    /// Time between two looks for expired items, in milliseconds.
    pub ttl_interval_ms: u64,
    /// Most bytes of values that are in the log and not yet in the state; writers wait past it.
    pub overlay_bytes_max: usize,
    /// Longest time that a write waits for that, in milliseconds; then it is refused as overload.
    pub overlay_wait_ms_max: u64,
    /// Most bytes of items that are kept in memory in front of the state; the least used go. 0 keeps none.
    pub item_cache_bytes_max: usize,
    /// Most bytes of changes that are applied to the state in one transaction.
    pub apply_bytes_max: usize,
    /// Longest time that durable changes are gathered before they are applied, in milliseconds.
    pub apply_interval_ms: u64,
    /// Time between checkpoints of the state, in milliseconds.
    pub checkpoint_interval_ms: u64,
    /// Bytes of log after which a checkpoint is due.
    pub checkpoint_log_bytes: u64,
    /// Deleted keys that a page passes, about 0.3 s; then it ends, maybe without an item.
    pub deleted_keys_per_page_max: usize,
    /// Most items that an index is filled with in one transaction, before waiting writes have their turn.
    pub backfill_items_max: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            account: "000000000000".to_owned(),
            transition_ms: 0,
            retention_ms: limits::STREAM_RETENTION_MS,
            shard_age_ms: limits::SHARD_ROLLOVER_MS,
            shards: None,
            disabled_shards_max: 65_536,
            enforce_throughput: false,
            item_collection_bytes_max: limits::ITEM_COLLECTION_SIZE_BYTES_MAX,
            known_collections_max: 16_384,
            ttl_interval_ms: 1_000,
            overlay_bytes_max: 32 << 20,
            overlay_wait_ms_max: 2_000,
            item_cache_bytes_max: 64 << 20,
            apply_bytes_max: 4 << 20,
            apply_interval_ms: 100,
            checkpoint_interval_ms: 5_000,
            checkpoint_log_bytes: 64 << 20,
            deleted_keys_per_page_max: 1_000_000,
            backfill_items_max: 1_000,
        }
    }
}
