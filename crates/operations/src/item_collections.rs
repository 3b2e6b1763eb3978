//! `ReturnItemCollectionMetrics`: how large the item collections are that a write is part of, for tables with local indexes.
//!
//! AWS calls what it returns an estimate, a range in gigabytes. Here the range holds the truth, and little work finds it:
//! a collection is no larger than its table with all local indexes, whose sizes are counted, and one that ends within a
//! page of 1 MB is small. Of tables that come near the limit of collections the engine knows the sizes of those that grew.
//! Only of another collection of more than a page, in a table of more than 1 GB, little is known: the range goes up to the
//! whole table then.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use headwater_engine::{CollectionSize, Direction, PageRequest, Table};
use headwater_model::{EncodedItem, Item, StorageKey, limits};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ItemCollectionMetrics, ReturnItemCollectionMetrics};

use crate::api::Api;
use crate::failure::internal;
use crate::key_range::beginning_with;

/// What the bounds of a range count in.
const GIGABYTE: u64 = 1 << 30;

/// An item collection whose size is asked for.
pub(crate) struct Collection {
    table: Arc<Table>,
    /// What its items' keys begin with.
    prefix: Vec<u8>,
    /// The partition key.
    key: EncodedItem,
}

impl Collection {
    /// That of an item, if its size is asked for and the table has local indexes.
    pub(crate) fn of(
        wanted: Option<ReturnItemCollectionMetrics>,
        table: &Arc<Table>,
        key: &StorageKey,
    ) -> Result<Option<Self>, ApiError> {
        if wanted != Some(ReturnItemCollectionMetrics::Size) || !table.has_local_indexes() {
            return Ok(None);
        }
        let schema = table.schema();
        let decoded = schema.decode_key(key.bytes()).map_err(internal)?;
        let name = &schema.partition.name;
        let value = decoded
            .get(name)
            .ok_or_else(|| internal("a key without partition"))?;
        let mut partition = Item::new();
        partition.insert(name.clone(), value.clone());
        Ok(Some(Collection {
            table: table.clone(),
            prefix: schema.partition_prefix(value).map_err(internal)?,
            key: EncodedItem::encode(&partition),
        }))
    }
}

impl Api {
    /// The metrics of a collection after a write.
    pub(crate) fn item_collection_metrics(&self, collection: Collection) -> ItemCollectionMetrics {
        let (least, most) = self.gigabytes_of(&collection);
        ItemCollectionMetrics {
            item_collection_key: Some(collection.key),
            size_estimate_range_gb: Some(vec![least as f64, most as f64]),
        }
    }

    /// The metrics of several writes: one of each collection, by table.
    pub(crate) fn item_collection_metrics_by_table(
        &self,
        collections: Vec<(&str, Collection)>,
    ) -> Option<BTreeMap<String, Vec<ItemCollectionMetrics>>> {
        let mut seen = HashSet::new();
        let mut by_table: BTreeMap<String, Vec<ItemCollectionMetrics>> = BTreeMap::new();
        for (name, collection) in collections {
            if seen.insert((collection.table.id(), collection.prefix.clone())) {
                let of_table = by_table.entry(name.to_owned()).or_default();
                of_table.push(self.item_collection_metrics(collection));
            }
        }
        (!by_table.is_empty()).then_some(by_table)
    }

    /// Whole gigabytes between which the size of the collection is.
    fn gigabytes_of(&self, collection: &Collection) -> (u64, u64) {
        let table = &collection.table;
        let of_table = gigabytes(table.size_with_local_indexes());
        if of_table == 1 {
            return (0, 1);
        }
        match self.database.collection_size(table, &collection.prefix) {
            Some(known) => range(known, of_table),
            None if self.is_one_page(collection) => (0, 1),
            None => (0, of_table),
        }
    }

    /// Whether the collection's items are at most a page, so that it is small with all its index entries too.
    fn is_one_page(&self, collection: &Collection) -> bool {
        let request = PageRequest {
            range: beginning_with(collection.prefix.clone()),
            direction: Direction::Forward,
            limit: None,
            bytes_max: limits::PAGE_SIZE_BYTES_MAX,
            filter: None,
            items: false,
            index: None,
            fetch: false,
        };
        match self.database.page(&collection.table, &request) {
            Ok(page) => page.last_key.is_none(),
            // The write is done. What is known without the page is still true.
            Err(error) => {
                tracing::warn!(%error, "the size of an item collection could not be looked at");
                false
            }
        }
    }
}

/// The range of a size of which something is known, in a table that does not exceed so many gigabytes.
fn range(known: CollectionSize, of_table: u64) -> (u64, u64) {
    let least = known.bytes / GIGABYTE;
    match known.is_exact {
        true => (least, least + 1),
        false => (least, of_table.max(least + 1)),
    }
}

/// Whole gigabytes that so many bytes do not exceed, 1 at least.
fn gigabytes(bytes: u64) -> u64 {
    bytes.div_ceil(GIGABYTE).max(1)
}

#[cfg(test)]
mod tests {
    use headwater_engine::CollectionSize;

    use super::{GIGABYTE, gigabytes, range};

    #[test]
    fn a_known_size_is_within_a_gigabyte_and_a_part_of_it_at_least_that() {
        let of = |bytes, is_exact| range(CollectionSize { bytes, is_exact }, 20);
        assert_eq!(of(GIGABYTE - 1, true), (0, 1));
        assert_eq!(of(GIGABYTE, true), (1, 2));
        assert_eq!(of(10 * GIGABYTE + 1, true), (10, 11));
        assert_eq!(of(GIGABYTE - 1, false), (0, 20));
        assert_eq!(of(3 * GIGABYTE, false), (3, 20));
        // The table shrank since it was asked.
        assert_eq!(of(25 * GIGABYTE, false), (25, 26));
    }

    #[test]
    fn a_table_of_a_gigabyte_does_not_exceed_it() {
        assert_eq!(gigabytes(0), 1);
        assert_eq!(gigabytes(GIGABYTE), 1);
        assert_eq!(gigabytes(GIGABYTE + 1), 2);
        assert_eq!(gigabytes(u64::MAX), u64::MAX / GIGABYTE + 1);
    }
}
