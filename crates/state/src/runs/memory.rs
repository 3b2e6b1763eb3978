//! What was applied and is not in a run yet: an ordered map in memory that one thread adds to while others read.
//!
//! Each value stands under its key and the number of the batch that brought it, so that a reader sees the values up to
//! its own batch and no later ones. A filter of bits in front says of most keys at once that they are not there.

use bytes::Bytes;
use crossbeam_skiplist::SkipMap;
use crossbeam_skiplist::map::Entry;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What an entry takes beside its key and value: the node, and what the allocator adds.
const ENTRY_BYTES: usize = 160;
/// Bytes of the map for each word of the filter.
const BYTES_PER_WORD: usize = 512;

/// A key and a batch, as they are ordered: the latest batch of a key first.
trait At {
    fn key(&self) -> &[u8];
    fn batch(&self) -> u64;
}

impl PartialEq for dyn At + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for dyn At + '_ {}

impl PartialOrd for dyn At + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn At + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = self.key().cmp(other.key());
        keys.then_with(|| other.batch().cmp(&self.batch()))
    }
}

/// The key of an entry.
#[derive(PartialEq, Eq)]
struct Stored {
    key: Box<[u8]>,
    batch: u64,
}

impl PartialOrd for Stored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stored {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = self.key.cmp(&other.key);
        keys.then_with(|| other.batch.cmp(&self.batch))
    }
}

impl At for Stored {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn batch(&self) -> u64 {
        self.batch
    }
}

/// What is looked for.
struct Wanted<'a>(&'a [u8], u64);

impl At for Wanted<'_> {
    fn key(&self) -> &[u8] {
        self.0
    }

    fn batch(&self) -> u64 {
        self.1
    }
}

impl<'a> Borrow<dyn At + 'a> for Stored {
    fn borrow(&self) -> &(dyn At + 'a) {
        self
    }
}

/// See the module.
pub(super) struct Memory {
    map: SkipMap<Stored, Option<Bytes>>,
    bytes: AtomicUsize,
    filter: Box<[AtomicU64]>,
}

impl Memory {
    /// For about so many bytes; more only makes its filter worse.
    pub(super) fn new(bytes_expected: usize) -> Self {
        let words = (bytes_expected / BYTES_PER_WORD).max(8);
        Self {
            map: SkipMap::new(),
            bytes: AtomicUsize::new(0),
            filter: (0..words).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// Adds what a batch says of a key. Whoever reads up to an earlier batch does not see it.
    pub(super) fn put(&self, key: &[u8], hash: u64, batch: u64, value: Option<&[u8]>) {
        let bytes = key.len() + value.map_or(0, <[u8]>::len) + ENTRY_BYTES;
        self.bytes.fetch_add(bytes, Relaxed);
        let (word, bits) = self.place(hash);
        word.fetch_or(bits, Relaxed);
        let key = Stored {
            key: key.into(),
            batch,
        };
        // A copy of its own: the value of a batch would keep the whole block of the log that it came in.
        self.map.insert(key, value.map(Bytes::copy_from_slice));
    }

    /// The word of the filter for a hash, and the bits in it.
    fn place(&self, hash: u64) -> (&AtomicU64, u64) {
        let index = ((hash >> 32) * self.filter.len() as u64) >> 32;
        let bits = 1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63);
        (&self.filter[index as usize], bits)
    }

    /// What batches up to `batch` say of a key, if they say anything.
    pub(super) fn get(&self, key: &[u8], hash: u64, batch: u64) -> Option<Option<Bytes>> {
        let (word, bits) = self.place(hash);
        if word.load(Relaxed) & bits != bits {
            return None;
        }
        let found = self.seek(key, batch)?;
        (*found.key().key == *key).then(|| found.value().clone())
    }

    /// The first entry at a place or behind it.
    fn seek(&self, key: &[u8], batch: u64) -> Option<Entry<'_, Stored, Option<Bytes>>> {
        let wanted: &dyn At = &Wanted(key, batch);
        self.map.lower_bound(Bound::Included(wanted))
    }

    /// The first key of a range, or the last, with what batches up to `batch` say of it.
    pub(super) fn cursor(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backward: bool,
        batch: u64,
    ) -> MemoryCursor<'_> {
        let entry = match (backward, from, to) {
            (false, Bound::Unbounded, _) => self.map.front(),
            (false, Bound::Included(key), _) => self.seek(key, u64::MAX),
            // Behind the oldest batch of the key, but for batch 0, which there is none of.
            (false, Bound::Excluded(key), _) => self.seek(key, 0),
            (true, _, Bound::Unbounded) => self.map.back(),
            (true, _, Bound::Included(key)) => self.before(key, 0),
            (true, _, Bound::Excluded(key)) => self.before(key, u64::MAX),
        };
        let mut cursor = MemoryCursor {
            memory: self,
            entry,
            backward,
            batch,
        };
        cursor.settle();
        cursor
    }

    /// The last entry before a place.
    fn before(&self, key: &[u8], batch: u64) -> Option<Entry<'_, Stored, Option<Bytes>>> {
        let wanted: &dyn At = &Wanted(key, batch);
        self.map.upper_bound(Bound::Excluded(wanted))
    }
}

/// Goes through the keys one by one.
pub(super) struct MemoryCursor<'a> {
    memory: &'a Memory,
    entry: Option<Entry<'a, Stored, Option<Bytes>>>,
    backward: bool,
    batch: u64,
}

impl MemoryCursor<'_> {
    pub(super) fn key(&self) -> Option<&[u8]> {
        Some(&self.entry.as_ref()?.key().key)
    }

    /// The value of the key, `None` if it is deleted.
    pub(super) fn value(&self) -> Option<&[u8]> {
        self.entry.as_ref()?.value().as_deref()
    }

    pub(super) fn advance(&mut self) {
        let Some(entry) = &self.entry else { return };
        self.entry = match self.backward {
            true => self.memory.before(&entry.key().key, u64::MAX),
            false => {
                let mut next = entry.next();
                while let Some(older) = next.take_if(|next| next.key().key == entry.key().key) {
                    next = older.next();
                }
                next
            }
        };
        self.settle();
    }

    /// From some entry of a key to the latest that is to be seen, of this key or else of the next that has one.
    fn settle(&mut self) {
        while let Some(entry) = &self.entry {
            let settled = match self.backward {
                false if entry.key().batch <= self.batch => return,
                false => entry.next(),
                true => {
                    let key = &entry.key().key;
                    let latest = self.memory.seek(key, self.batch);
                    match latest.filter(|latest| latest.key().key == *key) {
                        Some(latest) => {
                            self.entry = Some(latest);
                            return;
                        }
                        None => self.memory.before(key, u64::MAX),
                    }
                }
            };
            self.entry = settled;
        }
    }
}
