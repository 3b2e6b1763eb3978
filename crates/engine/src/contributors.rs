//! Which keys of a table or index are accessed most, counted in little memory.
//!
//! A sketch by "space saving": a fixed number of keys has counts; a key that is not among them takes the place, and the
//! count, of the one with the least. So a count is never too low for a key that has one, and too high by its `error` at
//! most; a key with more than one part in [`CONTRIBUTORS_MAX`] of all accesses is always there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use headwater_model::{AttributeValue, EncodedItem, Item, KeyAttribute};
use parking_lot::Mutex;

use crate::index::Index;
use crate::record::TableRecord;

/// Most keys that have counts at a time, of each table or index: partition keys, and as many whole keys.
pub const CONTRIBUTORS_MAX: usize = 500;

/// A key and how often it was accessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contributor {
    /// The key attributes.
    pub key: EncodedItem,
    /// How often, at most.
    pub count: u64,
    /// By how much that may be too high.
    pub error: u64,
}

/// The keys that were accessed most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopContributors {
    /// The most accessed first.
    pub contributors: Vec<Contributor>,
    /// Accesses of all keys together.
    pub total: u64,
}

/// What was accessed most, or throttled most, of a table or index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessedKeys {
    /// Partition keys.
    pub partitions: TopContributors,
    /// Whole keys; `None` if there is no sort key.
    pub keys: Option<TopContributors>,
}

/// What is counted of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Accesses that were let in.
    Accesses,
    /// Those that would have exceeded the throughput.
    Throttled,
}

#[derive(Default)]
struct Sketch {
    counts: HashMap<Bytes, (u64, u64)>,
    order: BTreeSet<(u64, Bytes)>,
    total: u64,
}

impl Sketch {
    fn count(&mut self, key: Bytes) {
        self.total += 1;
        let (count, error) = match self.counts.get(&key) {
            Some(&(count, error)) => {
                self.order.remove(&(count, key.clone()));
                (count + 1, error)
            }
            None if self.counts.len() < CONTRIBUTORS_MAX => (1, 0),
            None => match self.order.pop_first() {
                Some((least, evicted)) => {
                    self.counts.remove(&evicted);
                    (least + 1, least)
                }
                None => (1, 0),
            },
        };
        self.order.insert((count, key.clone()));
        self.counts.insert(key, (count, error));
    }

    fn top(&self, limit: usize) -> TopContributors {
        let most = self.order.iter().rev().take(limit);
        let contributors = most.map(|(count, key)| Contributor {
            key: EncodedItem::from_bytes(key.clone()),
            count: *count,
            error: self.counts.get(key).map_or(0, |(_, error)| *error),
        });
        TopContributors {
            contributors: contributors.collect(),
            total: self.total,
        }
    }
}

/// Counts of keys.
#[derive(Default)]
struct Counts {
    partitions: Sketch,
    keys: Sketch,
}

/// The counts of one table or index.
#[derive(Default)]
struct Target {
    /// If accesses are wanted too.
    accesses: Option<Counts>,
    throttled: Counts,
}

impl Target {
    fn counts(&mut self, counted: Counted) -> Option<&mut Counts> {
        match counted {
            Counted::Accesses => self.accesses.as_mut(),
            Counted::Throttled => Some(&mut self.throttled),
        }
    }
}

/// The counts of a table and its indexes, where they are wanted. Accesses of other tables cost one look at a flag.
#[derive(Default)]
pub(crate) struct Contributors {
    /// Whether accesses of anything are counted.
    wanted: AtomicBool,
    targets: Mutex<BTreeMap<u32, Arc<Mutex<Target>>>>,
}

impl Contributors {
    /// Counts what a definition asks for, and forgets the rest.
    pub(crate) fn follow(&self, record: &TableRecord) {
        let of_table = record.insights.map(|insights| (record.id, insights));
        let indexes = record.indexes.iter().filter(|index| index.is_kept());
        let of_indexes = indexes.filter_map(|index| Some((index.id, index.insights?)));
        let wanted: BTreeMap<u32, bool> = of_table
            .into_iter()
            .chain(of_indexes)
            .filter(|(_, insights)| insights.enabled)
            .map(|(id, insights)| (id, insights.counts_accesses()))
            .collect();
        let mut targets = self.targets.lock();
        targets.retain(|id, _| wanted.contains_key(id));
        for (id, accesses) in &wanted {
            let mut target = targets.entry(*id).or_default().lock();
            match accesses {
                true => {
                    target.accesses.get_or_insert_default();
                }
                false => target.accesses = None,
            }
        }
        let accesses = wanted.values().any(|accesses| *accesses);
        self.wanted.store(accesses, Ordering::Relaxed);
    }

    /// Whether accesses of anything are counted.
    pub(crate) fn are_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    fn target(&self, id: u32) -> Option<Arc<Mutex<Target>>> {
        self.targets.lock().get(&id).cloned()
    }

    /// Counts one key; `key` gives its attributes, if it is to be counted.
    pub(crate) fn count(
        &self,
        (counted, id): (Counted, u32),
        partition: &[KeyAttribute],
        sort: &[KeyAttribute],
        key: impl FnOnce() -> Option<Item>,
    ) {
        let Some(target) = self.target(id) else {
            return;
        };
        let Some(key) = key() else { return };
        let part = |attributes: &mut dyn Iterator<Item = &KeyAttribute>| -> Bytes {
            let values = attributes.filter_map(|one| Some((&one.name, key.get(&one.name)?)));
            encoded(values)
        };
        let of_partition = part(&mut partition.iter());
        let whole = (!sort.is_empty()).then(|| part(&mut partition.iter().chain(sort)));
        let mut target = target.lock();
        if let Some(counts) = target.counts(counted) {
            counts.partitions.count(of_partition);
            if let Some(whole) = whole {
                counts.keys.count(whole);
            }
        }
    }

    /// Counts a query, which names a partition.
    pub(crate) fn count_partition(
        &self,
        (counted, id): (Counted, u32),
        partition: &[KeyAttribute],
        values: &[AttributeValue],
    ) {
        if let Some(target) = self.target(id) {
            let named = partition.iter().map(|attribute| &attribute.name);
            let key = encoded(named.zip(values));
            if let Some(counts) = target.lock().counts(counted) {
                counts.partitions.count(key);
            }
        }
    }

    /// The keys with the highest counts; `None` if they are not counted.
    pub(crate) fn top(
        &self,
        (counted, id): (Counted, u32),
        has_sort: bool,
        limit: usize,
    ) -> Option<AccessedKeys> {
        let target = self.target(id)?;
        let mut target = target.lock();
        let counts = target.counts(counted)?;
        Some(AccessedKeys {
            partitions: counts.partitions.top(limit),
            keys: has_sort.then(|| counts.keys.top(limit)),
        })
    }

    /// Counts an entry of an index.
    pub(crate) fn count_entry(&self, counted: Counted, index: &Index, entry_key: &[u8]) {
        let schema = index.schema();
        self.count(
            (counted, index.id()),
            &schema.partition,
            &schema.sort,
            || schema.decode_key(entry_key).ok(),
        );
    }
}

fn encoded<'a>(values: impl Iterator<Item = (&'a String, &'a AttributeValue)>) -> Bytes {
    let mut item = Item::new();
    for (name, value) in values {
        item.insert(name.clone(), value.clone());
    }
    EncodedItem::encode(&item).into_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bytes::Bytes;
    use headwater_model::SeededRng;

    use super::{CONTRIBUTORS_MAX, Sketch};

    fn key(number: u64) -> Bytes {
        Bytes::copy_from_slice(&number.to_be_bytes())
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut sketch = Sketch::default();
        for round in 0..CONTRIBUTORS_MAX as u64 {
            (0..=round).for_each(|number| sketch.count(key(number)));
        }
        let top = sketch.top(CONTRIBUTORS_MAX);
        for (place, one) in top.contributors.iter().enumerate() {
            assert_eq!(one.key.bytes(), &key(place as u64));
            assert_eq!(
                (one.count, one.error),
                ((CONTRIBUTORS_MAX - place) as u64, 0)
            );
        }
        assert_eq!(top.contributors.len(), CONTRIBUTORS_MAX);
    }

    /// Bounds of "space saving", against exact counts of a skewed run over many more keys than have a place.
    #[test]
    fn hot_keys_are_found_among_many_and_errors_hold() {
        let rng = SeededRng::new(5);
        let mut sketch = Sketch::default();
        let mut exact: HashMap<Bytes, u64> = HashMap::new();
        for _ in 0..200_000 {
            let draw = rng.below(100);
            let number = match draw {
                0..30 => draw % 10,
                _ => 100 + rng.below(50_000),
            };
            sketch.count(key(number));
            *exact.entry(key(number)).or_default() += 1;
        }
        let top = sketch.top(CONTRIBUTORS_MAX);
        assert_eq!(top.total, 200_000);
        assert_eq!(sketch.counts.len(), CONTRIBUTORS_MAX);
        assert_eq!(sketch.order.len(), CONTRIBUTORS_MAX);
        for one in &top.contributors {
            let truly = exact.get(one.key.bytes()).copied().unwrap_or_default();
            assert!(truly <= one.count && one.count - one.error <= truly);
            assert!(one.error <= top.total / CONTRIBUTORS_MAX as u64);
        }
        let mut hottest: Vec<Bytes> = top.contributors[..10]
            .iter()
            .map(|one| one.key.bytes().clone())
            .collect();
        hottest.sort();
        assert_eq!(hottest, (0..10).map(key).collect::<Vec<_>>());
    }
}
