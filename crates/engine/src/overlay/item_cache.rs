//! Values that the state holds too, kept in memory for the next command or read of their key.
//!
//! A value comes from the applier when the overlay drops it, or from a reader who had to look into the state. The
//! applier's is the newest. A reader's may be old: between its snapshot and now the key may have changed and the
//! change may have been forgotten again. So each cache remembers up to which change it has forgotten any, and takes
//! nothing from a snapshot before that.
//!
//! When there is no room, the oldest value goes that was not used since the last time round.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use headwater_model::Sequence;

/// What an entry costs beside its key and value, for the bound.
const ENTRY_OVERHEAD_BYTES: usize = 160;
/// Larger values than this share of the cache are not kept: one would push out too many others.
const SHARE_OF_CACHE_MAX: usize = 4;

pub(super) struct ItemCache {
    items: HashMap<Arc<[u8]>, Cached>,
    /// The keys of `items`, each once; who is next to go is in front.
    ring: VecDeque<Arc<[u8]>>,
    bytes: usize,
    bytes_max: usize,
    /// No change of a key that is not here came after this and is in the state.
    forgotten: Sequence,
}

struct Cached {
    /// The change that made the value, or a later one up to which it is known to be the newest.
    sequence: Sequence,
    value: Option<Bytes>,
    used: bool,
}

impl ItemCache {
    /// A cache of a state that holds everything up to `applied`.
    pub(super) fn new(bytes_max: usize, applied: Sequence) -> Self {
        ItemCache {
            items: HashMap::new(),
            ring: VecDeque::new(),
            bytes: 0,
            bytes_max,
            forgotten: applied,
        }
    }

    /// The value of a key (`None`: there is no item) as the state has it.
    pub(super) fn get(&mut self, key: &[u8]) -> Option<(Sequence, Option<Bytes>)> {
        let cached = self.items.get_mut(key)?;
        cached.used = true;
        Some((cached.sequence, cached.value.clone()))
    }

    /// Takes the value that the change `sequence`, the newest of the key in the state, has made.
    pub(super) fn put(&mut self, key: &[u8], sequence: Sequence, value: Option<Bytes>) {
        if cost(key, &value) > self.bytes_max / SHARE_OF_CACHE_MAX {
            self.forget(key, sequence);
            return;
        }
        if let Some(cached) = self.items.get_mut(key) {
            self.bytes -= value_len(&cached.value);
            self.bytes += value_len(&value);
            cached.value = value;
            cached.sequence = sequence;
        } else {
            self.add(key, sequence, value);
        }
        self.make_room();
    }

    /// Takes the value that a snapshot at `position` has, if no change after it can have been forgotten.
    pub(super) fn fill(&mut self, key: &[u8], position: Sequence, value: Option<Bytes>) {
        let fits = cost(key, &value) <= self.bytes_max / SHARE_OF_CACHE_MAX;
        if fits && position >= self.forgotten && !self.items.contains_key(key) {
            self.add(key, position, value);
            self.make_room();
        }
    }

    /// The state holds the change `sequence` of this key: an older value may not stay.
    pub(super) fn forget(&mut self, key: &[u8], sequence: Sequence) {
        match self.items.get(key) {
            Some(cached) if cached.sequence >= sequence => return,
            Some(cached) => {
                self.bytes -= cost(key, &cached.value);
                self.items.remove(key);
                // Rare: only values that are too large to be kept come here.
                self.ring.retain(|other| other.as_ref() != key);
            }
            None => {}
        }
        self.forgotten = self.forgotten.max(sequence);
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn add(&mut self, key: &[u8], sequence: Sequence, value: Option<Bytes>) {
        self.bytes += cost(key, &value);
        let key: Arc<[u8]> = key.into();
        self.ring.push_back(key.clone());
        let cached = Cached {
            sequence,
            value,
            used: false,
        };
        self.items.insert(key, cached);
    }

    fn make_room(&mut self) {
        while self.bytes > self.bytes_max {
            let Some(key) = self.ring.pop_front() else {
                return;
            };
            match self.items.get_mut(&key) {
                Some(cached) if cached.used => {
                    cached.used = false;
                    self.ring.push_back(key);
                }
                _ => {
                    if let Some(gone) = self.items.remove(&key) {
                        self.bytes -= cost(&key, &gone.value);
                        self.forgotten = self.forgotten.max(gone.sequence);
                    }
                }
            }
        }
    }
}

fn cost(key: &[u8], value: &Option<Bytes>) -> usize {
    ENTRY_OVERHEAD_BYTES + key.len() + value_len(value)
}

fn value_len(value: &Option<Bytes>) -> usize {
    value.as_ref().map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests;
