//! Searching a vector index: all entries of a partition are looked at, in steps, and the nearest are kept by their keys.
//!
//! The answer is exact. What a search holds is bounded by the number of results, whatever the index has: their keys
//! while it looks, their items at the end. Between two steps other work has its turn, and a search whose client went
//! away ends there.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use headwater_model::{
    AttributeValue, CorruptItem, DistanceFunction, EncodedItem, Item, ItemRef, ValueRef, Vector,
    limits, prefix_end,
};
use headwater_state::Direction;

use crate::database::Database;
use crate::door::usable;
use crate::error::EngineError;
use crate::index::Index;
use crate::index_record::VectorRecord;
use crate::overlay::Found;
use crate::read::KeyRange;
use crate::record::{TableRecord, state_key};
use crate::table::Table;

/// Bytes of entries that one step looks at, about.
const STEP_BYTES_MAX: usize = 1 << 20;

/// What is looked for in a vector index.
pub struct VectorSearch<'a> {
    /// The index.
    pub index: &'a Index,
    /// The vector that others are to be near to.
    pub query: &'a Vector,
    /// The value of the index's partition key, if it has one.
    pub partition: Option<&'a AttributeValue>,
    /// Attributes that have to have these values.
    pub filters: &'a [(String, AttributeValue)],
    /// How many results are wanted at most.
    pub top: usize,
}

/// A result of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// How near it is; which scores are near depends on the index's distance function.
    pub score: f64,
    /// What is shown of it.
    pub item: EncodedItem,
}

/// What stands in an index under a key, ranked. The nearest is the least; of equal ones, the one with the lower key.
struct Ranked {
    score: f64,
    larger_is_nearer: bool,
    key: Vec<u8>,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other.score, &other.key)
    }
}

impl Ranked {
    fn compare(&self, score: f64, key: &[u8]) -> Ordering {
        let by_score = match self.larger_is_nearer {
            true => score.total_cmp(&self.score),
            false => self.score.total_cmp(&score),
        };
        by_score.then_with(|| self.key.as_slice().cmp(key))
    }
}

/// A search on its way.
struct Searching<'a> {
    search: &'a VectorSearch<'a>,
    of_vectors: &'a VectorRecord,
    distance: DistanceFunction,
    /// The nearest so far, the farthest of them on top.
    nearest: BinaryHeap<Ranked>,
}

impl Database {
    /// The entries of a vector index that are nearest to a vector, the nearest first; `show` says what is shown of one.
    /// Each is a durable entry, at least as new as the call.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`] if the table is not usable; [`EngineError::IndexNotFound`] if the index is not
    /// one of vectors or went away meanwhile; [`EngineError::IndexBackfilling`];
    /// [`EngineError::SearchTooLarge`] if what is shown is over [`limits::SEARCH_SIZE_BYTES_MAX`]; errors of `show` and of
    /// the state store.
    pub async fn nearest(
        &self,
        table: &Table,
        search: &VectorSearch<'_>,
        show: impl FnMut(&EncodedItem) -> Result<EncodedItem, EngineError>,
    ) -> Result<Vec<Neighbour>, EngineError> {
        let index = search.index;
        usable(&table.state.read(), self.inner.clock.now_ms())?;
        let gone = |record: &TableRecord| EngineError::IndexNotFound {
            name: record.name.clone(),
            index: index.record().name.clone(),
        };
        let of_vectors = index.vector();
        let of_vectors = of_vectors.ok_or_else(|| gone(&table.record()))?;
        if !index.is_readable() {
            return Err(EngineError::IndexBackfilling {
                index: index.record().name.clone(),
            });
        }
        let mut searching = Searching {
            search,
            of_vectors,
            distance: of_vectors.distance(),
            nearest: BinaryHeap::with_capacity(search.top + 1),
        };
        let mut range = searching.range();
        while let Some(last) = self.look_further(&mut searching, range.clone())? {
            range.from = Bound::Excluded(last);
            tokio::task::yield_now().await;
        }
        let found = searching.nearest.into_sorted_vec();
        let neighbours = self.neighbours(search, of_vectors, found, show)?;
        // What a deleted table or index still had is no answer.
        let state = table.state.read();
        usable(&state, self.inner.clock.now_ms())?;
        match state.indexes.iter().any(|kept| kept.id() == index.id()) {
            true => Ok(neighbours),
            false => Err(gone(&state.record)),
        }
    }

    /// Looks at the next entries; gives the last one's key if there may be more.
    fn look_further(
        &self,
        searching: &mut Searching<'_>,
        range: KeyRange,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let (mut bytes, mut last, mut failure) = (0, None, None);
        self.merged(range, Direction::Forward, &mut |key, value| {
            if let Err(corrupt) = searching.look_at(key, value) {
                failure = Some(corrupt);
                return ControlFlow::Break(());
            }
            bytes += value.len();
            if bytes < STEP_BYTES_MAX {
                return ControlFlow::Continue(());
            }
            last = Some(key.to_vec());
            ControlFlow::Break(())
        })?;
        match failure {
            Some(corrupt) => Err(corrupt.into()),
            None => Ok(last),
        }
    }

    /// The entries as they are now, in the order of their present scores. One that went away meanwhile is left out.
    fn neighbours(
        &self,
        search: &VectorSearch<'_>,
        of_vectors: &VectorRecord,
        found: Vec<Ranked>,
        mut show: impl FnMut(&EncodedItem) -> Result<EncodedItem, EngineError>,
    ) -> Result<Vec<Neighbour>, EngineError> {
        let mut shown = Vec::with_capacity(found.len());
        let mut bytes = 0;
        for mut ranked in found {
            let Some(entry) = self.entry_now(&ranked.key)? else {
                continue;
            };
            let Some(score) = score_of(search, of_vectors, entry.bytes())? else {
                continue;
            };
            let item = show(&entry)?;
            bytes += item.size_bytes();
            if bytes > limits::SEARCH_SIZE_BYTES_MAX {
                return Err(EngineError::SearchTooLarge {
                    bytes_max: limits::SEARCH_SIZE_BYTES_MAX,
                });
            }
            ranked.score = score;
            shown.push((ranked, item));
        }
        shown.sort_by(|(one, _), (other, _)| one.cmp(other));
        let neighbours = shown.into_iter().map(|(ranked, item)| Neighbour {
            score: DistanceFunction::told(ranked.score),
            item,
        });
        Ok(neighbours.collect())
    }

    fn entry_now(&self, key: &[u8]) -> Result<Option<EncodedItem>, EngineError> {
        let inner = &self.inner;
        // The overlay first: what it has dropped is in every snapshot that is taken afterwards.
        let value = match inner.overlay.newest_durable(key, || inner.log.durable()) {
            Found::Value(_, value) => value,
            Found::Unknown => inner.state.snapshot().get(key)?,
        };
        Ok(value.map(EncodedItem::from_bytes))
    }
}

impl Searching<'_> {
    /// The state keys of the entries that are searched.
    fn range(&self) -> KeyRange {
        let index = self.search.index;
        let values: Vec<AttributeValue> = self.search.partition.cloned().into_iter().collect();
        let prefix = index.schema().partition_prefix(&values);
        // A value that is no key is one of no entry.
        let Ok(prefix) = prefix else {
            let nowhere = state_key(index.id(), b"");
            return KeyRange {
                from: Bound::Included(nowhere.clone()),
                to: Bound::Excluded(nowhere),
            };
        };
        let prefix = state_key(index.id(), &prefix);
        let end = prefix_end(&prefix);
        KeyRange {
            from: Bound::Included(prefix),
            to: Bound::Excluded(end.unwrap_or_else(|| state_key(index.id() + 1, b""))),
        }
    }

    fn look_at(&mut self, key: &[u8], entry: &Bytes) -> Result<(), CorruptItem> {
        let Some(score) = score_of(self.search, self.of_vectors, entry)? else {
            return Ok(());
        };
        if self.nearest.len() >= self.search.top {
            match self.nearest.peek() {
                Some(farthest) if farthest.compare(score, key).is_gt() => self.nearest.pop(),
                _ => return Ok(()),
            };
        }
        self.nearest.push(Ranked {
            score,
            larger_is_nearer: self.distance.is_larger_nearer(),
            key: key.to_vec(),
        });
        Ok(())
    }
}

/// The score of an entry; `None` if a filter leaves it out.
fn score_of(
    search: &VectorSearch<'_>,
    of_vectors: &VectorRecord,
    entry: &[u8],
) -> Result<Option<f64>, CorruptItem> {
    let entry = ItemRef::new(entry);
    for (name, wanted) in search.filters {
        match entry.get(name)? {
            Some(value) if value.to_value()? == *wanted => {}
            _ => return Ok(None),
        }
    }
    match entry.get(&of_vectors.attribute)? {
        Some(ValueRef::B(packed)) => Ok(of_vectors.distance().score(search.query, packed)),
        _ => Ok(None),
    }
}

impl Index {
    /// What an entry of a vector index shows of its item, with the vector as a list of numbers or without it.
    ///
    /// # Errors
    /// [`CorruptItem`] if the bytes are not an item's.
    pub fn searched_item(&self, entry: &EncodedItem, vector: bool) -> Result<Item, CorruptItem> {
        let mut item = entry.decode()?;
        let Some(of_vectors) = self.vector() else {
            return Ok(item);
        };
        if let Some(AttributeValue::B(packed)) = item.remove(&of_vectors.attribute)
            && vector
        {
            item.insert(of_vectors.attribute.clone(), Vector::unpack(&packed));
        }
        Ok(item)
    }
}
