//! Contributor insights of tables and global indexes: whether they are on, as the catalog remembers it, and what was
//! counted. The counts are in memory only: they begin when insights are turned on, and anew when the database is opened.

use headwater_model::{AttributeValue, StorageKey};
use serde::{Deserialize, Serialize};

use crate::catalog_change::CatalogChange;
use crate::contributors::{AccessedKeys, Counted};
use crate::database::Database;
use crate::error::EngineError;
use crate::index::{EntryChange, Index, Indexes};
use crate::index_record::{IndexKind, IndexState};
use crate::record::{TableRecord, TableStatus};
use crate::table::Table;
use crate::throughput_limits::ReadOf;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InsightsMode {
    /// Accessed and throttled keys.
    AccessedAndThrottled,
    /// Throttled keys only.
    Throttled,
}

/// Contributor insights of a table or index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsightsRecord {
    /// Whether they are on, or on their way out.
    pub enabled: bool,
    /// What is counted.
    pub mode: InsightsMode,
    /// When they were last turned on, milliseconds; part of the names of rules.
    pub since_ms: u64,
    /// When they last changed, milliseconds.
    pub changed_ms: u64,
    /// When ENABLING or DISABLING ends, milliseconds.
    pub settles_at_ms: u64,
}

impl InsightsRecord {
    /// The API's ContributorInsightsStatus at `now_ms`.
    pub fn status(&self, now_ms: u64) -> &'static str {
        match (self.enabled, now_ms >= self.settles_at_ms) {
            (true, false) => "ENABLING",
            (true, true) => "ENABLED",
            (false, false) => "DISABLING",
            (false, true) => "DISABLED",
        }
    }

    /// Whether there is anything to list: they are on, or not off yet.
    pub fn is_listed(&self, now_ms: u64) -> bool {
        self.enabled || now_ms < self.settles_at_ms
    }

    pub(crate) fn counts_accesses(&self) -> bool {
        self.enabled && self.mode == InsightsMode::AccessedAndThrottled
    }
}

/// Contributor insights of one table or index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsightsView {
    /// The table's name.
    pub table: String,
    /// The index's name, if it is one.
    pub index: Option<String>,
    /// Whether there is a sort key, which has rules of its own.
    pub has_sort: bool,
    /// What the catalog remembers, if they ever were on.
    pub record: Option<InsightsRecord>,
}

impl Database {
    /// Turns contributor insights on, in a mode, or off. What is so already stays as it is.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::IndexNotFound`], of local indexes too;
    /// [`EngineError::InsightsNotReady`]; [`EngineError::Log`].
    pub async fn change_insights(
        &self,
        namespace: &str,
        name: &str,
        index: Option<&str>,
        mode: Option<InsightsMode>,
    ) -> Result<InsightsView, EngineError> {
        let (view, position) = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, name)?;
            let mut record = (*table.record()).clone();
            let now_ms = self.inner.clock.now_ms();
            if mode.is_some() {
                ready(&record, index, now_ms)?;
            }
            let present = insights_of(&mut record, index)?;
            let settles_at_ms = match self.inner.options.transition_ms {
                0 => 0,
                transition_ms => now_ms.saturating_add(transition_ms),
            };
            let position = match changed(*present, mode, now_ms, settles_at_ms) {
                // Without a change the request still waits for what it has seen.
                None => self.inner.catalog.maps.read().changed_at,
                Some(new) => {
                    *present = Some(new);
                    let mut change = CatalogChange::default();
                    change.tables.push(record);
                    self.commit_catalog(change, std::slice::from_ref(&table))?
                }
            };
            (view(&table.record(), index)?, position)
        };
        self.inner.log.wait_durable(position).await?;
        Ok(view)
    }

    /// The contributor insights of a table or global index.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::IndexNotFound`]; [`EngineError::Log`].
    pub async fn insights(
        &self,
        namespace: &str,
        name: &str,
        index: Option<&str>,
    ) -> Result<InsightsView, EngineError> {
        self.durable(|| view(&self.table(namespace, name)?.record(), index))
            .await?
    }

    /// All insights that are on or not off yet, a table before its indexes, in the order of names.
    ///
    /// # Errors
    /// [`EngineError::Log`].
    pub async fn all_insights(&self, namespace: &str) -> Result<Vec<InsightsView>, EngineError> {
        let now_ms = self.inner.clock.now_ms();
        self.durable(|| {
            let maps = self.inner.catalog.maps.read();
            let tables = maps.tables.get(namespace).into_iter();
            let records = tables.flat_map(|tables| tables.values().map(|table| table.record()));
            let views = records
                .filter(|record| record.status(now_ms) != TableStatus::Gone)
                .flat_map(|record| listed(&record, now_ms));
            views.collect()
        })
        .await
    }
}

impl Table {
    /// The keys of the table, or of an index, with the highest counts; `None` where they are not counted.
    pub fn counted_keys(
        &self,
        counted: Counted,
        index: Option<&Index>,
        limit: usize,
    ) -> Option<AccessedKeys> {
        let (id, has_sort) = match index {
            None => (self.id(), self.schema().sort.is_some()),
            Some(index) => (index.id(), !index.schema().sort.is_empty()),
        };
        self.contributors.top((counted, id), has_sort, limit)
    }

    /// Counts a query of a partition of the table, or of an index, where that is wanted.
    pub fn count_query(&self, index: Option<&Index>, partition: &[AttributeValue]) {
        if self.contributors.are_wanted() {
            self.count_partition(Counted::Accesses, index, partition);
        }
    }

    fn count_partition(
        &self,
        counted: Counted,
        index: Option<&Index>,
        partition: &[AttributeValue],
    ) {
        let (id, attributes) = match index {
            None => (self.id(), std::slice::from_ref(&self.schema().partition)),
            Some(index) => (index.id(), index.schema().partition.as_slice()),
        };
        self.contributors
            .count_partition((counted, id), attributes, partition);
    }

    /// Counts the entries of indexes that a write puts or removes, where that is wanted.
    pub(crate) fn count_entries(&self, indexes: &Indexes, changes: &[EntryChange]) {
        if self.contributors.are_wanted() {
            self.count_changes(Counted::Accesses, indexes, changes.iter());
        }
    }

    /// Counts those that a write would have put or removed in indexes whose throughput it would have exceeded.
    pub(crate) fn count_throttled_entries<'c>(
        &self,
        indexes: &Indexes,
        changes: impl Iterator<Item = &'c EntryChange>,
    ) {
        self.count_changes(Counted::Throttled, indexes, changes);
    }

    fn count_changes<'c>(
        &self,
        counted: Counted,
        indexes: &Indexes,
        changes: impl Iterator<Item = &'c EntryChange>,
    ) {
        for change in changes {
            let index = indexes.iter().find(|index| index.id() == change.index);
            // An entry that stays under its key is one access.
            for key in change.keys() {
                index
                    .into_iter()
                    .for_each(|index| self.contributors.count_entry(counted, index, key));
            }
        }
    }

    /// Counts an access of an item, where that is wanted.
    pub(crate) fn count_access(&self, key: &StorageKey) {
        if self.contributors.are_wanted() {
            self.count_key(Counted::Accesses, key);
        }
    }

    /// Counts an access of an item that would have exceeded the throughput.
    pub(crate) fn count_throttled(&self, key: &StorageKey) {
        self.count_key(Counted::Throttled, key);
    }

    /// Counts a read that would have exceeded the throughput of the table or of an index.
    pub(crate) fn count_throttled_read(&self, index: Option<&Index>, of: ReadOf<'_>) {
        match of {
            ReadOf::Item(key) => self.count_key(Counted::Throttled, key),
            ReadOf::Partition(values) => self.count_partition(Counted::Throttled, index, values),
            ReadOf::Everything => {}
        }
    }

    fn count_key(&self, counted: Counted, key: &StorageKey) {
        let schema = self.schema();
        let partition = std::slice::from_ref(&schema.partition);
        let sort = schema.sort.as_slice();
        let decode = || schema.decode_key(key.bytes()).ok();
        self.contributors
            .count((counted, self.id()), partition, sort, decode);
    }
}

/// What becomes of the record; `None` if nothing changes.
fn changed(
    present: Option<InsightsRecord>,
    mode: Option<InsightsMode>,
    now_ms: u64,
    settles_at_ms: u64,
) -> Option<InsightsRecord> {
    let on = present.filter(|record| record.enabled);
    match (mode, on) {
        (None, None) => None,
        (None, Some(on)) => Some(InsightsRecord {
            enabled: false,
            changed_ms: now_ms,
            settles_at_ms,
            ..on
        }),
        (Some(mode), Some(on)) if on.mode == mode => None,
        (Some(mode), on) => Some(InsightsRecord {
            enabled: true,
            mode,
            // A change of the mode keeps the names of the rules (recorded).
            since_ms: on.map_or(now_ms, |on| on.since_ms),
            changed_ms: now_ms,
            settles_at_ms,
        }),
    }
}

/// Whether they can be turned on.
fn ready(record: &TableRecord, index: Option<&str>, now_ms: u64) -> Result<(), EngineError> {
    let is_ready = matches!(
        record.status(now_ms),
        TableStatus::Active | TableStatus::Updating
    );
    if !is_ready {
        return Err(EngineError::InsightsNotReady { of: "Table" });
    }
    let mut indexes = record.indexes.iter();
    let index = index.and_then(|name| indexes.find(|index| index.name == name));
    match index.filter(|index| index.state != IndexState::Active) {
        Some(_) => Err(EngineError::InsightsNotReady { of: "Index" }),
        None => Ok(()),
    }
}

fn insights_of<'r>(
    record: &'r mut TableRecord,
    index: Option<&str>,
) -> Result<&'r mut Option<InsightsRecord>, EngineError> {
    let Some(name) = index else {
        return Ok(&mut record.insights);
    };
    let table = record.name.clone();
    let mut indexes = record.indexes.iter_mut();
    let found = indexes.find(|index| index.name == name && index.kind == IndexKind::Global);
    found
        .map(|index| &mut index.insights)
        .ok_or_else(|| EngineError::IndexNotFound {
            name: table,
            index: name.to_owned(),
        })
}

fn view(record: &TableRecord, index: Option<&str>) -> Result<InsightsView, EngineError> {
    let mut copy = record.clone();
    let insights = *insights_of(&mut copy, index)?;
    let mut indexes = record.indexes.iter();
    let has_sort = match index.and_then(|name| indexes.find(|index| index.name == name)) {
        Some(index) => !index.sort.is_empty(),
        None => record.sort.is_some(),
    };
    Ok(InsightsView {
        table: record.name.clone(),
        index: index.map(str::to_owned),
        has_sort,
        record: insights,
    })
}

fn listed(record: &TableRecord, now_ms: u64) -> Vec<InsightsView> {
    let mut names: Vec<&str> = record
        .indexes
        .iter()
        .map(|index| index.name.as_str())
        .collect();
    names.sort_unstable();
    let targets = [None].into_iter().chain(names.into_iter().map(Some));
    targets
        .filter_map(|index| view(record, index).ok())
        .filter(|view| view.record.is_some_and(|one| one.is_listed(now_ms)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::InsightsMode::{AccessedAndThrottled, Throttled};
    use super::{InsightsMode, InsightsRecord, changed};

    fn record(
        enabled: bool,
        mode: InsightsMode,
        since_ms: u64,
        changed_ms: u64,
    ) -> Option<InsightsRecord> {
        Some(InsightsRecord {
            enabled,
            mode,
            since_ms,
            changed_ms,
            settles_at_ms: changed_ms + 5,
        })
    }

    #[test]
    fn on_off_and_the_mode_between() {
        let next = |present, mode| changed(present, mode, 100, 105);
        let on = record(true, AccessedAndThrottled, 10, 10);
        let off = record(false, AccessedAndThrottled, 10, 50);
        assert_eq!(next(None, None), None);
        assert_eq!(next(off, None), None);
        assert_eq!(next(on, Some(AccessedAndThrottled)), None);
        assert_eq!(
            next(None, Some(Throttled)),
            record(true, Throttled, 100, 100)
        );
        assert_eq!(next(on, Some(Throttled)), record(true, Throttled, 10, 100));
        assert_eq!(next(on, None), record(false, AccessedAndThrottled, 10, 100));
        assert_eq!(
            next(off, Some(Throttled)),
            record(true, Throttled, 100, 100)
        );
    }

    #[test]
    fn statuses() {
        let on = record(true, Throttled, 10, 10).unwrap();
        let off = record(false, Throttled, 10, 10).unwrap();
        assert_eq!((on.status(14), on.status(15)), ("ENABLING", "ENABLED"));
        assert_eq!((off.status(14), off.status(15)), ("DISABLING", "DISABLED"));
        assert!(on.is_listed(15) && off.is_listed(14) && !off.is_listed(15));
    }
}
