//! A change of the catalog: the same records go into the log as documents and into memory as they are,
//! in one step, so that neither can say what the other doesn't.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use headwater_changelog::EntryDraft;
use headwater_model::{Sequence, UtcTime};

use crate::backups::BackupRecord;
use crate::catalog::{Documents, Maps};
use crate::database::Database;
use crate::error::EngineError;
use crate::features::{self, Feature};
use crate::index_record::IndexState;
use crate::record::{NextNumbers, ShardRecord, StreamRecord, TableRecord, Transition};
use crate::table::Table;

/// A time or sequence number that is known only when the change takes its place in the log.
pub(crate) const AT_COMMIT_MS: u64 = u64::MAX;
/// See [`AT_COMMIT_MS`].
pub(crate) const AT_COMMIT: Sequence = Sequence(u64::MAX);

/// One change of the catalog.
#[derive(Default)]
pub(crate) struct CatalogChange {
    /// What the store begins to use with it or behind it; what the records use is added when the change is made.
    pub(crate) features: BTreeSet<Feature>,
    pub(crate) tables: Vec<TableRecord>,
    pub(crate) dropped: Vec<Arc<Table>>,
    /// Tables that go on under another definition, which has their number: nobody finds them where they were.
    pub(crate) moved: Vec<(Arc<Table>, TableRecord)>,
    /// Numbers of indexes whose entries are to be removed.
    pub(crate) dropped_indexes: Vec<u32>,
    pub(crate) streams: Vec<StreamRecord>,
    pub(crate) backups: Vec<BackupRecord>,
    pub(crate) removed_backups: Vec<u32>,
    pub(crate) shards: Vec<ShardRecord>,
    pub(crate) removed_shards: Vec<(u32, u32)>,
    pub(crate) removed_streams: Vec<u32>,
    pub(crate) next: Option<NextNumbers>,
}

impl CatalogChange {
    pub(crate) fn is_empty(&self) -> bool {
        self.documents().len() == 0
    }

    fn documents(&self) -> Documents {
        let mut out = Documents::default();
        // First, so that whoever does not know one reads no further.
        self.features
            .iter()
            .for_each(|feature| out.feature(*feature));
        self.tables.iter().for_each(|record| out.table(record));
        self.moved.iter().for_each(|(_, record)| out.table(record));
        self.dropped
            .iter()
            .for_each(|table| out.table_dropped(table.id()));
        self.dropped_indexes.iter().for_each(|id| out.dropped(*id));
        self.streams.iter().for_each(|record| out.stream(record));
        self.backups.iter().for_each(|record| out.backup(record));
        self.removed_backups
            .iter()
            .for_each(|id| out.remove_backup(*id));
        self.shards.iter().for_each(|record| out.shard(record));
        self.removed_shards
            .iter()
            .for_each(|(_, number)| out.remove_shard(*number));
        self.removed_streams
            .iter()
            .for_each(|id| out.remove_stream(*id));
        if let Some(next) = &self.next {
            out.next_numbers(next);
        }
        out
    }

    /// Puts the change's own place in the log where the records wait for it. Shards end with the first
    /// sequence number of the change and begin behind its last: between the two no change of an item can
    /// be, and a parent's end is below its child's start.
    fn stamp(&mut self, first: Sequence, count: usize, transition_ms: u64, maps: &Maps) {
        let now_ms = first.ms();
        let settles_ms = now_ms.saturating_add(transition_ms);
        for table in &mut self.tables {
            if table.created_ms == AT_COMMIT_MS {
                table.created_ms = now_ms;
                table.copy_nothing_later_than(first);
            }
            match &mut table.transition {
                Some((_, until)) if *until == AT_COMMIT_MS && transition_ms > 0 => {
                    *until = settles_ms;
                }
                // Settled at once: a clock that steps back must not bring the phase back.
                Some((_, until)) if *until == AT_COMMIT_MS => table.transition = None,
                _ => {}
            }
            for one in &mut table.kinesis {
                if one.from == AT_COMMIT {
                    one.from = first.offset(count as u64);
                }
                if one.until == Some(AT_COMMIT) {
                    one.until = Some(first);
                }
                if one.settles_at_ms == AT_COMMIT_MS {
                    one.settles_at_ms = if transition_ms > 0 { settles_ms } else { 0 };
                }
            }
            if let Some(pitr) = &mut table.pitr
                && pitr.enabled_ms == AT_COMMIT_MS
            {
                pitr.enabled_ms = now_ms;
            }
            if let Some(ttl) = &mut table.ttl
                && ttl.settles_at_ms == AT_COMMIT_MS
            {
                ttl.settles_at_ms = if transition_ms > 0 { settles_ms } else { 0 };
            }
            table.indexes.retain_mut(|index| match &mut index.state {
                IndexState::Deleting { until_ms } if *until_ms == AT_COMMIT_MS => {
                    *until_ms = settles_ms;
                    transition_ms > 0
                }
                _ => true,
            });
        }
        for backup in &mut self.backups {
            if backup.created_ms == AT_COMMIT_MS {
                backup.created_ms = now_ms;
                backup.label = free_backup_label(backup, now_ms, maps);
            }
        }
        for stream in &mut self.streams {
            if stream.created_ms == AT_COMMIT_MS {
                stream.created_ms = now_ms;
                stream.label = free_label(stream, now_ms, maps);
            }
            if stream.disabled_ms == Some(AT_COMMIT_MS) {
                stream.disabled_ms = Some(now_ms);
            }
            if stream.settles_at_ms == AT_COMMIT_MS {
                stream.settles_at_ms = if transition_ms > 0 { settles_ms } else { 0 };
            }
        }
        for shard in &mut self.shards {
            if shard.opened_ms == AT_COMMIT_MS {
                shard.opened_ms = now_ms;
            }
            if shard.start == AT_COMMIT {
                shard.start = first.offset(count as u64);
            }
            if shard.end == Some(AT_COMMIT) {
                shard.end = Some(first);
            }
        }
    }

    /// Says of backups how much the tables hold that become theirs; the caller keeps these from changing.
    fn count_moved(&mut self) {
        for (table, _) in &self.moved {
            let of_table = |backup: &&mut BackupRecord| backup.copy == table.id();
            if let Some(backup) = self.backups.iter_mut().find(of_table) {
                backup.whole = Some((table.item_count(), table.size_bytes()));
            }
        }
    }

    /// Takes the records into memory; tables that are open or dropped are left to the caller.
    fn install(self, maps: &mut Maps, position: Sequence) {
        maps.changed_at = position;
        maps.features.extend(self.features);
        if let Some(next) = self.next {
            maps.next = next;
        }
        for backup in self.backups {
            maps.backups.insert(backup.id, Arc::new(backup));
        }
        for id in self.removed_backups {
            maps.backups.remove(&id);
        }
        for stream in self.streams {
            maps.insert_stream(stream);
        }
        for shard in self.shards {
            maps.insert_shard(shard);
        }
        for (stream, number) in self.removed_shards {
            maps.remove_shard(stream, number);
        }
        for id in self.removed_streams {
            maps.remove_stream(id);
        }
        for (table, record) in self.moved {
            let (namespace, name) = (record.namespace.clone(), record.name.clone());
            let moved = Arc::new(Table::new(record, None));
            moved.counts.take_over(&table.counts);
            maps.tables
                .entry(namespace)
                .or_default()
                .insert(name, moved);
        }
        for record in self.tables {
            let known = maps
                .tables
                .get(&record.namespace)
                .is_some_and(|tables| tables.contains_key(&record.name));
            if !known {
                let route = maps.route_of(&record);
                let (namespace, name) = (record.namespace.clone(), record.name.clone());
                let table = Arc::new(Table::new(record, route));
                maps.tables
                    .entry(namespace)
                    .or_default()
                    .insert(name, table);
            }
        }
    }
}

/// The label of a new stream: its time, or the next millisecond that no stream of a table of that name has.
/// Streams are told apart by it, and one can follow another within a millisecond.
fn free_label(new: &StreamRecord, now_ms: u64, maps: &Maps) -> String {
    let of_name = maps.streams_of_name(&new.namespace, &new.table_name);
    let taken = of_name.map(|stream| stream.label.as_str()).collect();
    first_free(now_ms, &taken, |ms| UtcTime::of_ms(ms).to_string())
}

/// The same of a new backup, whose label has its time in fourteen digits (recorded 2026; thirteen in earlier versions) and,
/// behind it, what the label is so far.
fn free_backup_label(new: &BackupRecord, now_ms: u64, maps: &Maps) -> String {
    let is_of_table = |backup: &&Arc<BackupRecord>| {
        let (table, other) = (&new.table, &backup.table);
        (&table.namespace, &table.name) == (&other.namespace, &other.name)
    };
    let of_table = maps.backups.values().filter(is_of_table);
    let taken = of_table.map(|backup| backup.label.as_str()).collect();
    first_free(now_ms, &taken, |ms| format!("{ms:014}-{}", new.label))
}

/// The label of the first millisecond whose label nobody has.
fn first_free(from_ms: u64, taken: &BTreeSet<&str>, label: impl Fn(u64) -> String) -> String {
    let mut ms = from_ms;
    loop {
        let label = label(ms);
        if !taken.contains(label.as_str()) {
            return label;
        }
        ms += 1;
    }
}

impl Database {
    /// Puts a catalog change into the log's queue and into memory; `open` are the tables whose definition
    /// or shards it changes. The caller holds the catalog's change lock and waits for the position.
    pub(crate) fn commit_catalog(
        &self,
        mut change: CatalogChange,
        open: &[Arc<Table>],
    ) -> Result<Sequence, EngineError> {
        self.check_room()?;
        let inner = &self.inner;
        let mut maps = inner.catalog.maps.write();
        change
            .features
            .extend(features::of_records(&change.tables, &change.backups));
        change
            .features
            .retain(|feature| !maps.features.contains(feature));
        // Writers share these from decision to queue; with them held, no item change can get between.
        let affected: BTreeMap<u32, Arc<Table>> = open
            .iter()
            .chain(&change.dropped)
            .chain(change.moved.iter().map(|(table, _)| table))
            .map(|table| (table.id(), table.clone()))
            .collect();
        let mut states: Vec<_> = affected.values().map(|table| table.state.write()).collect();
        change.count_moved();
        let count = change.documents().len();
        let transition_ms = inner.options.transition_ms;
        let appended = inner.log.append_with(count, |first| {
            change.stamp(first, count, transition_ms, &maps);
            EntryDraft::new(&change.documents().into_changes())
        })?;
        for state in &mut states {
            let id = state.record.id;
            if let Some(record) = change.tables.iter().find(|record| record.id == id) {
                state.set_record(record.clone());
            }
            let is_dropped = change.dropped.iter().any(|table| table.id() == id);
            if is_dropped || change.moved.iter().any(|(table, _)| table.id() == id) {
                let mut record = (*state.record).clone();
                record.transition = Some((Transition::Deleting, 0));
                state.set_record(record);
                maps.forget_name(&state.record);
            }
        }
        change.install(&mut maps, appended.last);
        for (state, table) in states.iter_mut().zip(affected.values()) {
            state.route = maps.route_of(&state.record);
            table.contributors.follow(&state.record);
        }
        drop(states);
        drop(maps);
        inner.due.notify_one();
        Ok(appended.last)
    }
}
