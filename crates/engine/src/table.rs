//! A table as the engine holds it while it is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use headwater_model::{Item, KeySchema};
use parking_lot::{Mutex, RwLock};

use crate::contributors::Contributors;
use crate::index::{EntryChange, Index, IndexKeyError, Indexes, kept_indexes};
use crate::index_record::IndexKind;
use crate::record::{ShardRecord, StreamView, TableRecord};
use crate::throughput_limits::Buckets;

/// An open table. Its definition may change; its number and key schema never do.
pub struct Table {
    id: u32,
    schema: KeySchema,
    /// The numbers of its local indexes: they are made with their table, and stay.
    pub(crate) local_indexes: Vec<u32>,
    pub(crate) state: RwLock<TableState>,
    pub(crate) counts: Counts,
    pub(crate) contributors: Contributors,
    /// Empty unless throughput is enforced.
    pub(crate) buckets: Mutex<Buckets>,
}

/// What may change of a table. Writers hold it shared from the decision to the queue, so that a changed
/// definition and the changes around it stand in the log in the order in which they took effect.
pub(crate) struct TableState {
    pub(crate) record: Arc<TableRecord>,
    pub(crate) route: Option<Route>,
    /// Those that follow the items.
    pub(crate) indexes: Indexes,
}

impl TableState {
    pub(crate) fn new(record: TableRecord, route: Option<Route>) -> Self {
        TableState {
            indexes: kept_indexes(&record),
            record: Arc::new(record),
            route,
        }
    }

    pub(crate) fn set_record(&mut self, record: TableRecord) {
        if record.indexes != self.record.indexes {
            self.indexes = kept_indexes(&record);
        }
        self.record = Arc::new(record);
    }
}

/// Where the changes of a table with a stream go.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) view: StreamView,
    /// Open shards by the first partition hash of their range, ascending; the first one is 0.
    pub(crate) shards: Vec<(u32, u32)>,
}

impl Route {
    pub(crate) fn new<'a>(view: StreamView, open: impl Iterator<Item = &'a ShardRecord>) -> Self {
        let mut shards: Vec<(u32, u32)> = open
            .filter(|shard| shard.end.is_none())
            .map(|shard| (shard.hash_first, shard.number))
            .collect();
        shards.sort_unstable();
        Route { view, shards }
    }

    /// The open shard that takes changes of this partition hash.
    pub(crate) fn shard(&self, hash: u32) -> u32 {
        let after = self.shards.partition_point(|(first, _)| *first <= hash);
        after
            .checked_sub(1)
            .and_then(|index| self.shards.get(index))
            .map_or(0, |(_, number)| *number)
    }
}

/// Items and bytes of a table, bytes of the entries of its local indexes, and how often items were read and changed since the database was opened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    items: AtomicI64,
    bytes: AtomicI64,
    local_bytes: AtomicI64,
    reads: AtomicU64,
    changes: AtomicU64,
}

impl Counts {
    pub(crate) fn add(&self, items: i64, bytes: i64) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_local(&self, bytes: i64) {
        self.local_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes over what there is, of the same table under another name.
    pub(crate) fn take_over(&self, other: &Counts) {
        let value = |count: &AtomicI64| count.load(Ordering::Relaxed);
        self.add(value(&other.items), value(&other.bytes));
        self.add_local(value(&other.local_bytes));
    }

    /// Counts items that were looked at for a reader.
    pub(crate) fn read(&self, items: u64) {
        self.reads.fetch_add(items, Ordering::Relaxed);
    }

    /// Counts a change of an item.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Table {
    pub(crate) fn new(record: TableRecord, route: Option<Route>) -> Self {
        let contributors = Contributors::default();
        contributors.follow(&record);
        let indexes = record.indexes.iter();
        let local_indexes = indexes.filter(|index| index.kind == IndexKind::Local);
        Table {
            local_indexes: local_indexes.map(|index| index.id).collect(),
            id: record.id,
            schema: record.schema(),
            contributors,
            buckets: Mutex::default(),
            state: RwLock::new(TableState::new(record, route)),
            counts: Counts::default(),
        }
    }

    /// The number under which the table's items are stored.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The key schema.
    pub fn schema(&self) -> &KeySchema {
        &self.schema
    }

    /// The definition as it is now.
    pub fn record(&self) -> Arc<TableRecord> {
        self.state.read().record.clone()
    }

    /// The indexes that follow the items, those that are still being filled too.
    pub fn indexes(&self) -> Indexes {
        self.state.read().indexes.clone()
    }

    /// The index of that name, if it follows the items.
    pub fn index(&self, name: &str) -> Option<Arc<Index>> {
        let state = self.state.read();
        let mut indexes = state.indexes.iter();
        indexes.find(|index| index.record().name == name).cloned()
    }

    /// Checks that an item's attributes fit the keys of all indexes; one that lacks them is in no index.
    ///
    /// # Errors
    /// [`IndexKeyError`] of the first attribute that does not fit.
    pub fn check_index_keys(&self, item: &Item) -> Result<(), IndexKeyError> {
        for index in self.indexes().iter() {
            index.check(item)?;
        }
        Ok(())
    }

    /// Whether it has local indexes.
    pub fn has_local_indexes(&self) -> bool {
        !self.local_indexes.is_empty()
    }

    /// By how much changes of entries make its local indexes grow.
    pub(crate) fn local_growth(&self, entries: &[EntryChange]) -> i64 {
        if self.local_indexes.is_empty() {
            return 0;
        }
        let entries = entries.iter();
        let local = entries.filter(|entry| self.local_indexes.contains(&entry.index));
        local.map(|entry| entry.growth().1).sum()
    }

    /// Number of items, changes in flight included.
    pub fn item_count(&self) -> u64 {
        self.counts.items.load(Ordering::Relaxed).max(0) as u64
    }

    /// Sum of the item sizes in bytes, changes in flight included.
    pub fn size_bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed).max(0) as u64
    }

    /// The same with the entries of its local indexes: no item collection has more.
    pub fn size_with_local_indexes(&self) -> u64 {
        let local_bytes = self.counts.local_bytes.load(Ordering::Relaxed);
        self.size_bytes().saturating_add(local_bytes.max(0) as u64)
    }

    /// Items that readers looked at since the database was opened: got, or evaluated by a query or scan.
    pub fn items_read(&self) -> u64 {
        self.counts.reads.load(Ordering::Relaxed)
    }

    /// Changes of items since the database was opened.
    pub fn changes(&self) -> u64 {
        self.counts.changes.load(Ordering::Relaxed)
    }
}
