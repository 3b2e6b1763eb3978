//! Adding, removing and settling secondary indexes of a table that is there.

use std::sync::Arc;

use headwater_model::Sequence;

use crate::catalog::{counts_key, decode_counts};
use crate::catalog_change::{AT_COMMIT_MS, CatalogChange};
use crate::database::Database;
use crate::error::EngineError;
use crate::index_record::{IndexKind, IndexRecord, IndexState, NewIndex};
use crate::record::{TableRecord, TableStatus, Throughput};
use crate::table::Table;
use crate::throughput::OnDemandChange;

/// A change of a table's global indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexChange {
    /// Adds an index and fills it with the items that are there.
    Create(NewIndex),
    /// Removes the index of this kind and name.
    Delete(IndexKind, String),
}

/// Throughput that a global index is to have; absent parts stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexThroughput {
    /// The index's name.
    pub index: String,
    /// Provisioned throughput.
    pub throughput: Option<Throughput>,
    /// Maxima of an on-demand table's index.
    pub on_demand: OnDemandChange,
    /// Warm throughput that it is raised to.
    pub warm: Throughput,
}

impl Database {
    /// Entries of an index and their bytes, as far as they are applied.
    ///
    /// # Errors
    /// Errors of the state store.
    pub fn index_counts(&self, index: u32) -> Result<(u64, u64), EngineError> {
        let stored = self.inner.state.snapshot().get(&counts_key(index))?;
        let (items, bytes) = stored.map_or((0, 0), |stored| decode_counts(&stored));
        Ok((items.max(0) as u64, bytes.max(0) as u64))
    }

    pub(crate) fn change_indexes(
        &self,
        record: &mut TableRecord,
        wanted: IndexChange,
        change: &mut CatalogChange,
    ) -> Result<(), EngineError> {
        match wanted {
            IndexChange::Create(new) => self.create_index(record, new, change),
            IndexChange::Delete(kind, index) => delete_index(record, kind, index, change),
        }
    }

    fn create_index(
        &self,
        record: &mut TableRecord,
        new: NewIndex,
        change: &mut CatalogChange,
    ) -> Result<(), EngineError> {
        let name = record.name.clone();
        if record.indexes.iter().any(|index| index.name == new.name) {
            let index = new.name;
            return Err(EngineError::IndexExists { name, index });
        }
        refuse_beside_creation(record, None)?;
        let present = self.inner.catalog.maps.read().next;
        let mut next = change.next.unwrap_or(present);
        let id = next.table;
        next.table += 1;
        change.next = Some(next);
        let index = IndexRecord::new(new, id, IndexState::Creating);
        record.indexes.push(index);
        Ok(())
    }

    /// Tells indexes that are filled readable, and forgets those whose deletion is over.
    pub(crate) async fn settle_indexes(&self) -> Result<(), EngineError> {
        let mut position = Sequence::ZERO;
        {
            let _change = self.inner.catalog.change.lock();
            let tables: Vec<Arc<Table>> = {
                let maps = self.inner.catalog.maps.read();
                maps.all_tables().cloned().collect()
            };
            for table in tables {
                if let Some(record) = self.settled_indexes(&table.record()) {
                    let mut change = CatalogChange::default();
                    change.tables.push(record);
                    position = self.commit_catalog(change, &[table])?;
                }
            }
        }
        Ok(self.inner.log.wait_durable(position).await?)
    }

    /// The definition with its indexes settled; `None` if there is nothing to settle.
    fn settled_indexes(&self, record: &TableRecord) -> Option<TableRecord> {
        let now_ms = self.inner.clock.now_ms();
        let in_phase = record.status(now_ms) != TableStatus::Active;
        let is_filled = |index: &IndexRecord| {
            index.state == IndexState::Creating
                && !in_phase
                && self.inner.filled_indexes.contains(index.id)
        };
        let is_gone = |index: &IndexRecord| matches!(index.state, IndexState::Deleting { until_ms } if until_ms <= now_ms);
        let mut indexes = record.indexes.iter();
        if !indexes.any(|index| is_filled(index) || is_gone(index)) {
            return None;
        }
        let mut settled = record.clone();
        settled.indexes.retain(|index| !is_gone(index));
        let filled = settled.indexes.iter_mut().filter(|index| is_filled(index));
        filled.for_each(|index| index.state = IndexState::Active);
        Some(settled)
    }
}

fn delete_index(
    record: &mut TableRecord,
    kind: IndexKind,
    index: String,
    change: &mut CatalogChange,
) -> Result<(), EngineError> {
    refuse_beside_creation(record, Some(&index))?;
    let found = find_index(record, kind, &index)?;
    found.state = IndexState::Deleting {
        until_ms: AT_COMMIT_MS,
    };
    change.dropped_indexes.push(found.id);
    Ok(())
}

/// Changes the throughput of global indexes.
pub(crate) fn change_index_throughput(
    record: &mut TableRecord,
    wanted: &[IndexThroughput],
    now_ms: u64,
) -> Result<(), EngineError> {
    let billing = record.billing;
    for wanted in wanted {
        let index = find_index(record, IndexKind::Global, &wanted.index)?;
        index.warm = index.warm_throughput(billing).max(wanted.warm);
        if let Some(throughput) = wanted.throughput {
            index.changes.note(index.throughput, throughput, now_ms);
            index.throughput = throughput;
        }
        index.on_demand = wanted.on_demand.apply(index.on_demand);
    }
    Ok(())
}

/// One index is made at a time; the one that is being made may be removed.
fn refuse_beside_creation(record: &TableRecord, removed: Option<&str>) -> Result<(), EngineError> {
    let mut indexes = record.indexes.iter();
    let busy = indexes
        .any(|index| index.state == IndexState::Creating && removed != Some(index.name.as_str()));
    match busy {
        true => Err(EngineError::IndexBeingCreated {
            name: record.name.clone(),
        }),
        false => Ok(()),
    }
}

fn find_index<'r>(
    record: &'r mut TableRecord,
    kind: IndexKind,
    index: &str,
) -> Result<&'r mut IndexRecord, EngineError> {
    let name = record.name.clone();
    let mut indexes = record.indexes.iter_mut();
    indexes
        .find(|found| found.name == index && found.kind == kind && found.is_kept())
        .ok_or(EngineError::IndexNotFound {
            name,
            index: index.to_owned(),
        })
}
