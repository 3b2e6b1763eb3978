//! Measuring collections: the first page at once, the rest beside the threads that serve.

use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use headwater_model::{CorruptItem, EncodedItem, limits, prefix_end};

use super::known::KnownCollections;
use super::size::{Collection, MeasuredPage};
use crate::database::{Database, Inner};
use crate::error::EngineError;
use crate::index::Index;
use crate::read::KeyRange;
use crate::record::state_key;

/// Bytes of items and entries that are read at once.
const PAGE_BYTES: usize = limits::PAGE_SIZE_BYTES_MAX;

impl Database {
    /// Sees to it that a page of a collection was read, and that somebody reads the rest.
    pub(super) async fn measure(&self, collection: &Arc<Collection>) -> Result<(), EngineError> {
        let begun = collection.begun.get_or_try_init(|| async {
            // What was enqueued before the collection was known here is in every page from then on.
            let appended = self.inner.log.appended();
            self.inner.log.wait_durable(appended).await?;
            self.measure_page(collection)
        });
        begun.await?;
        let known = &self.inner.collections;
        if collection.queue(self.collection_limit()) && known.enqueue(collection.clone()) {
            let (known, database) = (known.clone(), Arc::downgrade(&self.inner));
            tokio::task::spawn_blocking(move || measure_waiting(&known, &database));
        }
        Ok(())
    }

    pub(super) fn collection_limit(&self) -> i64 {
        let limit = self.inner.options.item_collection_bytes_max;
        i64::try_from(limit).unwrap_or(i64::MAX)
    }

    /// Reads the next page of a collection, unless that would tell nothing.
    fn measure_page(&self, collection: &Collection) -> Result<(), EngineError> {
        let Some(from) = collection.rest(self.collection_limit()) else {
            return Ok(());
        };
        let number = collection.table().id();
        let to = match prefix_end(collection.prefix()) {
            Some(end) => state_key(number, &end),
            None => state_key(number + 1, b""),
        };
        let range = KeyRange {
            from: Bound::Included(state_key(number, &from)),
            to: Bound::Excluded(to),
        };
        let table = collection.table();
        let mut local = table.indexes().to_vec();
        local.retain(|index| table.local_indexes.contains(&index.id()));
        let (mut bytes, mut rest, mut failure) = (0, None, None);
        let seen = self.merged_once(range, &mut |key, value| {
            match size_with_entries(&local, &key[4..], value) {
                Ok(size) => bytes += size,
                Err(corrupt) => failure = Some(corrupt),
            }
            if bytes < PAGE_BYTES && failure.is_none() {
                return ControlFlow::Continue(());
            }
            // The least key above this one.
            rest = Some([&key[4..], &[0]].concat());
            ControlFlow::Break(())
        })?;
        if let Some(corrupt) = failure {
            return Err(corrupt.into());
        }
        collection.pass(MeasuredPage {
            bytes: bytes as i64,
            rest: rest.or(seen.rest.map(|key| key[4..].to_vec())),
            position: seen.position,
        });
        Ok(())
    }
}

/// The size of an item with its entries in local indexes.
fn size_with_entries(
    local: &[Arc<Index>],
    key: &[u8],
    value: &Bytes,
) -> Result<usize, CorruptItem> {
    let item = EncodedItem::from_bytes(value.clone());
    let mut bytes = item.size_bytes();
    for index in local {
        let entry = index.entry_if_fit(key, &item)?;
        bytes += entry.map_or(0, |entry| entry.item.size_bytes());
    }
    Ok(bytes)
}

/// Measures collections until none waits. The database may be closed and dropped between two pages.
fn measure_waiting(known: &KnownCollections, database: &Weak<Inner>) {
    let _measurement = Measurement(known);
    while let Some(collection) = known.next() {
        while let Some(_reading) = known.begin_reading()
            && let Some(inner) = database.upgrade()
        {
            let database = Database { inner };
            if collection.rest(database.collection_limit()).is_none() {
                break;
            }
            if let Err(error) = database.measure_page(&collection) {
                // Its next write tries again.
                tracing::warn!(%error, "an item collection can't be measured");
                break;
            }
        }
        collection.leave_queue();
    }
}

/// A measurement in the background. One that panics makes place for another.
struct Measurement<'a>(&'a KnownCollections);

impl Drop for Measurement<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.measurement_failed();
        }
    }
}
