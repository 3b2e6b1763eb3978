//! Secondary indexes: what an index holds of an item, and what a change of the item does to it. Pure; writers, the
//! applier, replay and verification derive the same entries here.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use headwater_model::{CorruptItem, EncodedItem, IndexSchema, Item, KeyError, KeySchema, capacity};

use crate::index_record::{IndexKind, IndexProjection, IndexRecord, IndexState};
use crate::record::{TableRecord, state_key};

/// An index as it is used.
#[derive(Debug)]
pub struct Index {
    record: IndexRecord,
    schema: IndexSchema,
    projected: Projected,
}

/// The indexes that follow the items of a table.
pub type Indexes = Arc<[Arc<Index>]>;

/// The attributes of entries.
#[derive(Debug)]
enum Projected {
    All,
    Only(BTreeSet<String>),
}

/// An item's entry in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    /// Its key within the index.
    pub(crate) key: Vec<u8>,
    /// What it holds.
    pub(crate) item: EncodedItem,
}

/// Why an item can't be indexed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("index {index}: {error}")]
pub struct IndexKeyError {
    /// The index's name.
    pub index: String,
    /// What is wrong with the item's attributes.
    pub error: KeyError,
}

/// Why there is no entry to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Item(#[from] CorruptItem),
}

/// What a change of an item does to one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryChange {
    /// The index's number.
    pub(crate) index: u32,
    /// The entry that goes away.
    pub(crate) removed: Option<IndexEntry>,
    /// The entry that comes, or takes the place of one with its key.
    pub(crate) put: Option<IndexEntry>,
}

/// What a write cost in one index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexWrite {
    /// The index's name.
    pub index: String,
    /// Local or global.
    pub kind: IndexKind,
    /// Write capacity units.
    pub units: f64,
}

impl Index {
    pub(crate) fn new(record: IndexRecord, table: &KeySchema) -> Self {
        let schema = record.schema(table);
        let projected = match &record.projection {
            IndexProjection::All => Projected::All,
            IndexProjection::KeysOnly => Projected::Only(key_names(&schema).collect()),
            IndexProjection::Include(more) => {
                Projected::Only(key_names(&schema).chain(more.iter().cloned()).collect())
            }
        };
        Index {
            record,
            schema,
            projected,
        }
    }

    /// The definition.
    pub fn record(&self) -> &IndexRecord {
        &self.record
    }

    /// The key attributes of index and table.
    pub fn schema(&self) -> &IndexSchema {
        &self.schema
    }

    /// The number under which its entries are stored.
    pub fn id(&self) -> u32 {
        self.record.id
    }

    /// Whether it holds all entries yet.
    pub fn is_readable(&self) -> bool {
        self.record.state == IndexState::Active
    }

    /// Whether entries hold the attribute.
    pub fn projects(&self, attribute: &str) -> bool {
        match &self.projected {
            Projected::All => true,
            Projected::Only(names) => names.contains(attribute),
        }
    }

    /// Whether entries hold whole items.
    pub fn projects_all(&self) -> bool {
        matches!(self.projected, Projected::All)
    }

    /// The entry of an item that stands under `table_key`; `None` if it lacks a key attribute.
    pub(crate) fn entry(
        &self,
        table_key: &[u8],
        item: &EncodedItem,
    ) -> Result<Option<IndexEntry>, EntryError> {
        let key = self
            .schema
            .entry_key(table_key, |name| Ok::<_, EntryError>(item.get(name)?))?;
        let Some(key) = key else { return Ok(None) };
        let item = match &self.projected {
            Projected::All => item.clone(),
            Projected::Only(names) => item.select(|name| names.contains(name))?,
        };
        Ok(Some(IndexEntry { key, item }))
    }

    /// Checks that an item's attributes fit the index's key.
    pub(crate) fn check(&self, item: &Item) -> Result<(), IndexKeyError> {
        let found = self
            .schema
            .entry_key(&[], |name| Ok::<_, KeyError>(item.get(name).cloned()));
        found.map(|_| ()).map_err(|error| self.refusal(error))
    }

    pub(crate) fn refusal(&self, error: KeyError) -> IndexKeyError {
        IndexKeyError {
            index: self.record.name.clone(),
            error,
        }
    }

    /// Whether the item was there before the index, with the same fault: then it may stay so while others of its
    /// attributes change.
    fn misfits(&self, table_key: &[u8], old: Option<&EncodedItem>, error: &KeyError) -> bool {
        let found = old.map(|item| self.entry(table_key, item));
        matches!(found, Some(Err(EntryError::Key(found))) if found == *error)
    }

    /// [`Index::entry`], where an item that does not fit is left out, as items from before the index are.
    pub(crate) fn entry_if_fit(
        &self,
        table_key: &[u8],
        item: &EncodedItem,
    ) -> Result<Option<IndexEntry>, CorruptItem> {
        match self.entry(table_key, item) {
            Ok(entry) => Ok(entry),
            Err(EntryError::Key(_)) => Ok(None),
            Err(EntryError::Item(corrupt)) => Err(corrupt),
        }
    }

    /// What a change of an item does to this index; `None` if nothing.
    pub(crate) fn change(
        &self,
        table_key: &[u8],
        old: Option<&EncodedItem>,
        new: Option<&EncodedItem>,
    ) -> Result<Option<EntryChange>, CorruptItem> {
        let entry = |item: Option<&EncodedItem>| match item {
            Some(item) => self.entry_if_fit(table_key, item),
            None => Ok(None),
        };
        Ok(self.between(entry(old)?, entry(new)?))
    }

    fn between(&self, removed: Option<IndexEntry>, put: Option<IndexEntry>) -> Option<EntryChange> {
        (removed != put).then_some(EntryChange {
            index: self.id(),
            removed,
            put,
        })
    }
}

impl EntryChange {
    /// The state keys that change, with their new values; what is removed first.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (Vec<u8>, Option<Bytes>)> {
        let moved = match (&self.removed, &self.put) {
            (Some(removed), Some(put)) => removed.key != put.key,
            _ => true,
        };
        let removed = self.removed.as_ref().filter(|_| moved);
        let removed = removed.map(|entry| (state_key(self.index, &entry.key), None));
        let put = self.put.as_ref().map(|entry| {
            let value = entry.item.bytes().clone();
            (state_key(self.index, &entry.key), Some(value))
        });
        removed.into_iter().chain(put)
    }

    /// By how much the index's entries and their bytes grow.
    pub(crate) fn growth(&self) -> (i64, i64) {
        let size = |entry: &Option<IndexEntry>| match entry {
            Some(entry) => (1, entry.item.size_bytes() as i64),
            None => (0, 0),
        };
        let (removed, put) = (size(&self.removed), size(&self.put));
        (put.0 - removed.0, put.1 - removed.1)
    }

    /// Write units: a move is a delete and a put (guide; dynamodb-api.md section 5).
    pub(crate) fn write_units(&self) -> f64 {
        let size = |entry: &IndexEntry| entry.item.size_bytes();
        match (&self.removed, &self.put) {
            (Some(removed), Some(put)) if removed.key == put.key => {
                capacity::write_units(size(removed).max(size(put)))
            }
            (removed, put) => [removed, put]
                .into_iter()
                .flatten()
                .map(|entry| capacity::write_units(size(entry)))
                .sum(),
        }
    }
}

fn key_names(schema: &IndexSchema) -> impl Iterator<Item = String> {
    let keys = schema.attributes().chain(schema.table.attributes());
    keys.map(|attribute| attribute.name.clone())
}

/// The indexes of a table that follow its items.
pub(crate) fn kept_indexes(record: &TableRecord) -> Indexes {
    let schema = record.schema();
    let kept = record.indexes.iter().filter(|index| index.is_kept());
    kept.map(|index| Arc::new(Index::new(index.clone(), &schema)))
        .collect()
}

/// What a change that is being decided does to the indexes, or why an index refuses it.
pub(crate) fn decided_changes(
    indexes: &[Arc<Index>],
    table_key: &[u8],
    old: Option<&EncodedItem>,
    new: Option<&EncodedItem>,
) -> Result<Result<Vec<EntryChange>, IndexKeyError>, CorruptItem> {
    let mut changes = Vec::new();
    for index in indexes {
        let put = match new.map(|item| index.entry(table_key, item)).transpose() {
            Ok(entry) => entry.flatten(),
            Err(EntryError::Key(error)) if index.misfits(table_key, old, &error) => None,
            Err(EntryError::Key(error)) => return Ok(Err(index.refusal(error))),
            Err(EntryError::Item(corrupt)) => return Err(corrupt),
        };
        let removed = old.map(|item| index.entry_if_fit(table_key, item));
        let removed = removed.transpose()?.flatten();
        changes.extend(index.between(removed, put));
    }
    Ok(Ok(changes))
}

/// What a change of an item does to the indexes.
pub(crate) fn changes(
    indexes: &[Arc<Index>],
    table_key: &[u8],
    old: Option<&EncodedItem>,
    new: Option<&EncodedItem>,
) -> Result<Vec<EntryChange>, CorruptItem> {
    let changes = indexes
        .iter()
        .map(|index| index.change(table_key, old, new));
    changes.filter_map(Result::transpose).collect()
}
