//! What the applier derives from the items of a table: its secondary indexes, and the times at which its items expire.

use std::sync::Arc;

use bytes::Bytes;
use headwater_changelog::Change;
use headwater_model::{CorruptItem, EncodedItem};

use crate::index::{self, EntryChange, Index, Indexes, kept_indexes};
use crate::index_record::IndexState;
use crate::record::{TableRecord, state_key};
use crate::time_to_live::Expiry;

/// One range of derived entries.
#[derive(Clone)]
pub(crate) enum Derived {
    Index(Arc<Index>),
    Expiry(Expiry),
}

impl Derived {
    /// An item's entry, key within the range and value; `None` if it has none.
    pub(crate) fn entry(
        &self,
        table_key: &[u8],
        item: &EncodedItem,
    ) -> Result<Option<(Vec<u8>, Bytes)>, CorruptItem> {
        match self {
            Derived::Index(index) => {
                let entry = index.entry_if_fit(table_key, item)?;
                Ok(entry.map(|entry| (entry.key, entry.item.into_bytes())))
            }
            Derived::Expiry(expiry) => {
                let key = expiry.key(table_key, item)?;
                Ok(key.map(|key| (key, Bytes::new())))
            }
        }
    }
}

/// All that is derived from the items of a table.
#[derive(Clone, Default)]
pub(crate) struct DerivedRanges {
    pub(crate) indexes: Indexes,
    pub(crate) expiry: Option<Expiry>,
}

/// A change of the times at which items expire.
pub(crate) struct ExpiryChange {
    pub(crate) index: u32,
    pub(crate) removed: Option<Vec<u8>>,
    pub(crate) put: Option<Vec<u8>>,
}

impl DerivedRanges {
    /// What is derived from a table of this definition.
    pub(crate) fn of(record: &TableRecord) -> Self {
        DerivedRanges {
            indexes: kept_indexes(record),
            expiry: Expiry::of(record),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.indexes.is_empty() && self.expiry.is_none()
    }

    /// The numbers of the ranges, and whether each was made after its table and has to be filled.
    pub(crate) fn numbers(&self) -> Vec<(u32, bool)> {
        let indexes = self.indexes.iter();
        let indexes = indexes.map(|index| {
            let creating = index.record().state == IndexState::Creating;
            (index.id(), creating)
        });
        let expiry = self.expiry.iter().map(|expiry| (expiry.index, true));
        indexes.chain(expiry).collect()
    }

    pub(crate) fn find(&self, number: u32) -> Option<Derived> {
        let expiry = self.expiry.iter().filter(|expiry| expiry.index == number);
        let mut indexes = self.indexes.iter();
        let index = indexes.find(|index| index.id() == number);
        let index = index.map(|index| Derived::Index(index.clone()));
        index.or_else(|| expiry.map(|expiry| Derived::Expiry(expiry.clone())).next())
    }

    /// What the change of an item does to the entries of the indexes.
    pub(crate) fn index_changes(&self, change: &Change) -> Result<Vec<EntryChange>, CorruptItem> {
        let (old, new) = images(change);
        index::changes(&self.indexes, &change.key, old.as_ref(), new.as_ref())
    }

    /// What it does to the times at which items expire; `None` if nothing.
    pub(crate) fn expiry_change(
        &self,
        change: &Change,
    ) -> Result<Option<ExpiryChange>, CorruptItem> {
        let Some(expiry) = &self.expiry else {
            return Ok(None);
        };
        let (old, new) = images(change);
        let key = |item: Option<EncodedItem>| match item {
            Some(item) => expiry.key(&change.key, &item),
            None => Ok(None),
        };
        let (removed, put) = (key(old)?, key(new)?);
        let state_key = |key: Vec<u8>| state_key(expiry.index, &key);
        Ok((removed != put).then(|| ExpiryChange {
            index: expiry.index,
            removed: removed.map(state_key),
            put: put.map(state_key),
        }))
    }
}

fn images(change: &Change) -> (Option<EncodedItem>, Option<EncodedItem>) {
    let image = |image: &Option<Bytes>| image.clone().map(EncodedItem::from_bytes);
    (image(&change.old), image(&change.new))
}
