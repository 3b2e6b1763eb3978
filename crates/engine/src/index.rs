//! Secondary indexes: what an index holds of an item, and what a change of the item does to it. Pure; writers, the
//! applier, replay and verification derive the same entries here.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use headwater_model::{
    AttributeValue, CorruptItem, EncodedItem, IndexSchema, Item, KeyError, KeySchema, Vector,
    VectorError, capacity, limits,
};

use crate::index_record::{
    IndexKind, IndexProjection, IndexRecord, IndexState, SearchKey, VectorRecord,
};
use crate::record::{TableRecord, state_key};

/// An index as it is used.
#[derive(Debug)]
pub struct Index {
    record: IndexRecord,
    schema: IndexSchema,
    projected: Projected,
    /// The attributes by which a vector index may be searched, beside its partition key.
    filters: Vec<SearchKey>,
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

/// An entry that an item had. What it held is not kept: a transaction may remove a hundred large ones in each index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemovedEntry {
    /// Its key within the index.
    pub(crate) key: Vec<u8>,
    /// Bytes that it held.
    pub(crate) size_bytes: usize,
}

/// Why an item can't be indexed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("index {index}: {error}")]
pub struct IndexKeyError {
    /// The index's name.
    pub index: String,
    /// What kind of index it is.
    pub kind: IndexKind,
    /// What is wrong with the item's attributes.
    pub error: IndexFault,
}

/// What is wrong with an attribute that an index wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexFault {
    /// It is no key, or not of its type.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It is not a vector of the index's dimensions.
    #[error("{attribute}: {error}")]
    Vector {
        /// The attribute.
        attribute: String,
        /// What is wrong with it.
        error: VectorError,
    },
    /// The value of an inline filter is over [`limits::SEARCH_FILTER_BYTES_MAX`].
    #[error("the filter attribute {name} is too long")]
    FilterTooLong {
        /// The attribute.
        name: String,
    },
}

/// Why there is no entry to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    #[error(transparent)]
    Fault(#[from] IndexFault),
    #[error(transparent)]
    Item(#[from] CorruptItem),
}

impl From<KeyError> for EntryError {
    fn from(error: KeyError) -> Self {
        EntryError::Fault(error.into())
    }
}

/// The key of an entry, and the vector if the index is one of vectors.
type EntryParts = (Vec<u8>, Option<Vector>);

/// What a change of an item does to one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryChange {
    /// The index's number.
    pub(crate) index: u32,
    /// The entry that goes away.
    pub(crate) removed: Option<RemovedEntry>,
    /// The entry that comes, or takes the place of one with its key.
    pub(crate) put: Option<IndexEntry>,
}

/// What a write cost in one index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexWrite {
    /// The index's name.
    pub index: String,
    /// What kind of index it is.
    pub kind: IndexKind,
    /// Write capacity units; of a vector index, bytes.
    pub units: f64,
}

impl Index {
    pub(crate) fn new(record: IndexRecord, table: &KeySchema) -> Self {
        let schema = record.schema(table);
        let vector = record.vector.as_ref();
        let search = vector.map(VectorRecord::search_keys).unwrap_or_default();
        let filters: Vec<SearchKey> = search.into_iter().filter(|one| one.is_filter).collect();
        let of_filters = filters.iter().map(|one| one.attribute.name.clone());
        let of_vectors = vector.map(|vector| vector.attribute.clone());
        let keys: Vec<String> = key_names(&schema)
            .chain(of_filters)
            .chain(of_vectors)
            .collect();
        let keys = keys.into_iter();
        let projected = match &record.projection {
            IndexProjection::All => Projected::All,
            IndexProjection::KeysOnly => Projected::Only(keys.collect()),
            IndexProjection::Include(more) => {
                Projected::Only(keys.chain(more.iter().cloned()).collect())
            }
        };
        Index {
            record,
            schema,
            projected,
            filters,
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

    /// What it is of vectors, if it is a vector index.
    pub fn vector(&self) -> Option<&VectorRecord> {
        self.record.vector.as_ref()
    }

    /// The attributes by which a vector index may be searched, beside its partition key.
    pub fn filters(&self) -> &[SearchKey] {
        &self.filters
    }

    /// The entry of an item that stands under `table_key`; `None` if it lacks a key attribute or the vector.
    pub(crate) fn entry(
        &self,
        table_key: &[u8],
        item: &EncodedItem,
    ) -> Result<Option<IndexEntry>, EntryError> {
        let found = self.parts(table_key, |name| Ok::<_, EntryError>(item.get(name)?))?;
        let Some((key, vector)) = found else {
            return Ok(None);
        };
        let item = match (&self.projected, vector) {
            (_, Some(vector)) => self.with_packed(item, &vector)?,
            (Projected::All, None) => item.clone(),
            (Projected::Only(names), None) => item.select(|name| names.contains(name))?,
        };
        Ok(Some(IndexEntry { key, item }))
    }

    /// The key of an item's entry, and its vector if the index is one of vectors. All that is there is checked, even if
    /// something else is missing.
    fn parts<E: From<KeyError> + From<IndexFault>>(
        &self,
        table_key: &[u8],
        mut value: impl FnMut(&str) -> Result<Option<AttributeValue>, E>,
    ) -> Result<Option<EntryParts>, E> {
        let Some(of_vectors) = &self.record.vector else {
            let key = self.schema.entry_key(table_key, value)?;
            return Ok(key.map(|key| (key, None)));
        };
        let vector = value(&of_vectors.attribute)?.map(|value| {
            let vector = Vector::of_value(&value, of_vectors.dimensions as usize);
            vector.map_err(|error| IndexFault::Vector {
                attribute: of_vectors.attribute.clone(),
                error,
            })
        });
        let vector = vector.transpose()?;
        for filter in &self.filters {
            if let Some(value) = value(&filter.attribute.name)? {
                check_filter(filter, &value)?;
            }
        }
        let key = self.schema.entry_key(table_key, value)?;
        Ok(key.zip(vector).map(|(key, vector)| (key, Some(vector))))
    }

    /// An entry of a vector index: what is projected, with the vector in packed form.
    fn with_packed(&self, item: &EncodedItem, vector: &Vector) -> Result<EncodedItem, CorruptItem> {
        let own = self.record.vector.as_ref();
        let own = own.map_or("", |of_vectors| of_vectors.attribute.as_str());
        let mut entry = Item::new();
        for attribute in item.as_ref().iter() {
            let (name, value) = attribute?;
            if name != own && self.projects(name) {
                entry.insert(name.to_owned(), value.to_value()?);
            }
        }
        entry.insert(own.to_owned(), AttributeValue::B(vector.pack()));
        Ok(EncodedItem::encode(&entry))
    }

    /// Checks that an item's attributes fit the index.
    pub(crate) fn check(&self, item: &Item) -> Result<(), IndexKeyError> {
        let found = self.parts(&[], |name| Ok::<_, IndexFault>(item.get(name).cloned()));
        found.map(|_| ()).map_err(|error| self.refusal(error))
    }

    pub(crate) fn refusal(&self, error: IndexFault) -> IndexKeyError {
        IndexKeyError {
            index: self.record.name.clone(),
            kind: self.record.kind,
            error,
        }
    }

    /// Whether the item was there before the index, with an attribute that it has a fault in: then that may stay so while
    /// others change, also others that do not fit.
    fn misfits(
        &self,
        table_key: &[u8],
        old: Option<&EncodedItem>,
        new: Option<&EncodedItem>,
        fault: &IndexFault,
    ) -> Result<bool, CorruptItem> {
        let Some(old) = old else { return Ok(false) };
        let had_fault = matches!(self.entry(table_key, old), Err(EntryError::Fault(_)));
        let value = |item: &EncodedItem| item.get(fault.attribute());
        let before = value(old)?;
        let after = new.map(value).transpose()?.flatten();
        Ok(had_fault && before.is_some() && before == after)
    }

    /// [`Index::entry`], where an item that does not fit is left out, as items from before the index are.
    pub(crate) fn entry_if_fit(
        &self,
        table_key: &[u8],
        item: &EncodedItem,
    ) -> Result<Option<IndexEntry>, CorruptItem> {
        match self.entry(table_key, item) {
            Ok(entry) => Ok(entry),
            Err(EntryError::Fault(_)) => Ok(None),
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
            removed: removed.map(|entry| RemovedEntry {
                size_bytes: entry.item.size_bytes(),
                key: entry.key,
            }),
            put,
        })
    }
}

impl EntryChange {
    /// The state keys that change, with their new values; what is removed first.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (Vec<u8>, Option<Bytes>)> {
        let removed = self.removed.as_ref().filter(|_| self.is_moved());
        let removed = removed.map(|entry| (state_key(self.index, &entry.key), None));
        let put = self.put.as_ref().map(|entry| {
            let value = entry.item.bytes().clone();
            (state_key(self.index, &entry.key), Some(value))
        });
        removed.into_iter().chain(put)
    }

    /// By how much the index's entries and their bytes grow.
    pub(crate) fn growth(&self) -> (i64, i64) {
        let counted = |size: Option<usize>| size.map_or((0, 0), |size| (1, size as i64));
        let (removed, put) = self.sizes();
        let (removed, put) = (counted(removed), counted(put));
        (put.0 - removed.0, put.1 - removed.1)
    }

    /// Bytes of a write to a vector index: those of the larger entry (guide: they scale with what is replicated; the
    /// least is of the conformance suite).
    pub(crate) fn vector_write_bytes(&self) -> f64 {
        let (removed, put) = self.sizes();
        let larger = removed.max(put).unwrap_or(0);
        larger.max(limits::VECTOR_REQUEST_BYTES_MIN) as f64
    }

    /// Write units: a move is a delete and a put (guide; dynamodb-api.md section 5).
    pub(crate) fn write_units(&self) -> f64 {
        let (removed, put) = self.sizes();
        let units = |size: Option<usize>| size.map_or(0.0, capacity::write_units);
        match self.is_moved() {
            true => units(removed) + units(put),
            false => units(removed.max(put)),
        }
    }

    /// The keys that come or go.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let removed = self.removed.as_ref().filter(|_| self.is_moved());
        let removed = removed.map(|entry| entry.key.as_slice());
        let put = self.put.as_ref().map(|entry| entry.key.as_slice());
        removed.into_iter().chain(put)
    }

    /// Whether no entry stays under its key.
    fn is_moved(&self) -> bool {
        match (&self.removed, &self.put) {
            (Some(removed), Some(put)) => removed.key != put.key,
            _ => true,
        }
    }

    fn sizes(&self) -> (Option<usize>, Option<usize>) {
        let removed = self.removed.as_ref().map(|entry| entry.size_bytes);
        let put = self.put.as_ref().map(|entry| entry.item.size_bytes());
        (removed, put)
    }
}

impl IndexFault {
    /// The attribute that does not fit.
    fn attribute(&self) -> &str {
        match self {
            IndexFault::Key(
                KeyError::Missing { name }
                | KeyError::TypeMismatch { name, .. }
                | KeyError::Empty { name, .. }
                | KeyError::PartitionTooLong { name, .. }
                | KeyError::SortTooLong { name, .. },
            )
            | IndexFault::FilterTooLong { name } => name,
            IndexFault::Key(KeyError::UnknownAttributes) => "",
            IndexFault::Vector { attribute, .. } => attribute,
        }
    }
}

/// Checks the value of an attribute by which a vector index may be searched.
fn check_filter(filter: &SearchKey, value: &AttributeValue) -> Result<(), IndexFault> {
    let attribute = &filter.attribute;
    if value.type_name() != attribute.kind.as_str() {
        return Err(IndexFault::Key(KeyError::TypeMismatch {
            name: attribute.name.clone(),
            expected: attribute.kind,
            actual: value.type_name(),
        }));
    }
    match value.size_bytes() > limits::SEARCH_FILTER_BYTES_MAX {
        true => Err(IndexFault::FilterTooLong {
            name: attribute.name.clone(),
        }),
        false => Ok(()),
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
            Err(EntryError::Fault(fault)) => {
                if !index.misfits(table_key, old, new, &fault)? {
                    return Ok(Err(index.refusal(fault)));
                }
                None
            }
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
