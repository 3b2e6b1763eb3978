//! The overlay: values that the log has taken and the state does not hold yet.
//!
//! It answers two questions. A writer asks for the newest value of a key, durable or not, so that later
//! commands of a group decide on top of earlier ones. A reader asks for the newest *durable* value. It is
//! striped by the top bits of the partition hash, so that the stripes of one table are ranges in key order.
//!
//! Behind the pending values each stripe has a cache of values that the state holds as well. A value moves there when
//! it is dropped, under the stripe's lock: who looks finds the one or the other. Ranges read the state itself.

mod item_cache;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use headwater_changelog::LogError;
use headwater_model::Sequence;
use parking_lot::Mutex;
use tokio::sync::Notify;

use item_cache::ItemCache;

const STRIPE_BITS: u32 = 6;
const STRIPES: usize = 1 << STRIPE_BITS;
/// What an entry costs beside its key and value, for the bound.
const ENTRY_OVERHEAD_BYTES: usize = 96;

struct Version {
    sequence: Sequence,
    value: Option<Bytes>,
}

/// What the overlay knows of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing: the state has the value.
    Unknown,
    /// The value (`None`: deleted) and the sequence number of the change that made it, or of a later durable one.
    Value(Sequence, Option<Bytes>),
}

/// A key of the state that a change was applied to.
pub(crate) struct AppliedKey {
    pub(crate) key: Bytes,
    pub(crate) sequence: Sequence,
    /// Items are looked up by their keys again, entries of indexes are not.
    pub(crate) is_item: bool,
}

struct Stripe {
    pending: BTreeMap<Vec<u8>, Vec<Version>>,
    /// What the state holds of keys that are not in `pending`; older than `pending` of those that are.
    cache: ItemCache,
}

/// Pending and not yet applied values by state key.
pub(crate) struct Overlay {
    stripes: Vec<Mutex<Stripe>>,
    bytes: AtomicUsize,
    bytes_max: usize,
    applied: AtomicU64,
    room: Notify,
    /// Nothing is applied any more, so no room will ever come.
    ended: AtomicBool,
}

impl Overlay {
    pub(crate) fn new(bytes_max: usize, cache_bytes_max: usize, applied: Sequence) -> Self {
        let stripe = || Stripe {
            pending: BTreeMap::new(),
            cache: ItemCache::new(cache_bytes_max / STRIPES, applied),
        };
        Overlay {
            stripes: (0..STRIPES).map(|_| Mutex::new(stripe())).collect(),
            bytes: AtomicUsize::new(0),
            bytes_max,
            applied: AtomicU64::new(applied.0),
            room: Notify::new(),
            ended: AtomicBool::new(false),
        }
    }

    /// Waits until there is room for another write, or until [`Overlay::end`]. Taken before any latch.
    pub(crate) async fn admit(&self) {
        while !self.admits() {
            let room = self.room.notified();
            if self.admits() {
                return;
            }
            room.await;
        }
    }

    /// What a write is refused with that waited too long for room.
    pub(crate) fn overload(&self) -> LogError {
        LogError::Overloaded {
            queued_bytes: self.bytes.load(Ordering::Acquire),
            limit_bytes: self.bytes_max,
        }
    }

    /// Whether another write need not wait.
    pub(crate) fn admits(&self) -> bool {
        self.bytes.load(Ordering::Acquire) <= self.bytes_max || self.ended.load(Ordering::Acquire)
    }

    /// Lets waiting writers go on, to hear from the log that it takes no more: nothing is applied after this.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.room.notify_waiters();
    }

    /// Adds the value that the change `sequence` gives a key; `durable` tells which older versions no
    /// reader can ask for any more.
    pub(crate) fn insert(
        &self,
        key: Vec<u8>,
        sequence: Sequence,
        value: Option<Bytes>,
        durable: Sequence,
    ) {
        let mut stripe = self.stripe(&key).lock();
        if sequence.0 <= self.applied.load(Ordering::SeqCst) {
            stripe.cache.forget(&key, sequence);
            return;
        }
        let key_bytes = key.len();
        let versions = stripe.pending.entry(key).or_default();
        let mut bytes_added = value_cost(&value);
        if versions.is_empty() {
            bytes_added += key_bytes;
        }
        let superseded = versions
            .partition_point(|version| version.sequence <= durable)
            .saturating_sub(1);
        let bytes_freed: usize = versions
            .drain(..superseded)
            .map(|version| value_cost(&version.value))
            .sum();
        versions.push(Version { sequence, value });
        self.bytes.fetch_add(bytes_added, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes_freed, Ordering::AcqRel);
    }

    /// The newest value of a key, pending ones included.
    pub(crate) fn newest(&self, key: &[u8]) -> Found {
        let mut stripe = self.stripe(key).lock();
        match stripe.pending.get(key).and_then(|v| v.last()) {
            Some(version) => Found::Value(version.sequence, version.value.clone()),
            None => stripe.cached(key),
        }
    }

    /// The newest value of a key that is durable. `durable` is asked while the stripe is locked: a position
    /// from before could lie below the only version that is left, since writers drop superseded ones.
    pub(crate) fn newest_durable(&self, key: &[u8], durable: impl Fn() -> Sequence) -> Found {
        let mut stripe = self.stripe(key).lock();
        let pending = stripe.pending.get(key);
        match pending.map(|versions| visible(versions, durable())) {
            Some(found @ Found::Value(..)) => found,
            // Only values that are not durable yet: the state has the one before.
            Some(Found::Unknown) | None => stripe.cached(key),
        }
    }

    /// Keeps what a snapshot of the state at `position` holds of a key, for the next one who asks.
    pub(crate) fn remember(&self, key: &[u8], position: Sequence, value: Option<Bytes>) {
        let mut stripe = self.stripe(key).lock();
        if !stripe.pending.contains_key(key) {
            stripe.cache.fill(key, position, value);
        }
    }

    /// The durable values of keys in a range, in key order, at most `limit` of them. The second part of
    /// the answer is the key at which the gathering stopped, if it did: keys from there on were not seen.
    /// `durable` is asked for each stripe, while that is locked, as in [`Overlay::newest_durable`].
    pub(crate) fn range(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        durable: impl Fn() -> Sequence,
        limit: usize,
        reverse: bool,
    ) -> Gathered {
        if holds_nothing(from, to) {
            return Gathered::default();
        }
        let (first, last) = (stripe_of_bound(from, 0), stripe_of_bound(to, STRIPES - 1));
        let mut gathered = Gathered::default();
        let mut visit = |key: &Vec<u8>, versions: &Vec<Version>, durable: Sequence| {
            if let Found::Value(sequence, value) = visible(versions, durable) {
                if gathered.entries.len() == limit {
                    gathered.stopped_at = Some(key.clone());
                    return false;
                }
                gathered.entries.push((key.clone(), sequence, value));
            }
            true
        };
        let mut stripes: Vec<usize> = (first..=last.max(first)).collect();
        if reverse {
            stripes.reverse();
        }
        'stripes: for index in stripes {
            let stripe = self.stripes[index].lock();
            if stripe.pending.is_empty() {
                continue;
            }
            let durable = durable();
            let range = stripe.pending.range::<[u8], _>((from, to));
            if reverse {
                for (key, versions) in range.rev() {
                    if !visit(key, versions, durable) {
                        break 'stripes;
                    }
                }
            } else {
                for (key, versions) in range {
                    if !visit(key, versions, durable) {
                        break 'stripes;
                    }
                }
            }
        }
        gathered
    }

    /// Drops what the state holds now: `changes` are the keys that were just applied, in order. The snapshots that
    /// readers take must show them already.
    pub(crate) fn drop_applied<'a>(
        &self,
        applied: Sequence,
        changes: impl Iterator<Item = &'a AppliedKey>,
    ) {
        self.applied.store(applied.0, Ordering::SeqCst);
        let mut bytes_freed = 0;
        for change in changes {
            let mut stripe = self.stripe(&change.key).lock();
            bytes_freed += stripe.drop_applied(change, applied);
        }
        self.bytes.fetch_sub(bytes_freed, Ordering::AcqRel);
        self.room.notify_waiters();
    }

    /// Bytes of values that are not in the state yet.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    fn stripe(&self, key: &[u8]) -> &Mutex<Stripe> {
        &self.stripes[stripe_of(key)]
    }
}

impl Stripe {
    fn cached(&mut self, key: &[u8]) -> Found {
        match self.cache.get(key) {
            Some((sequence, value)) => Found::Value(sequence, value),
            None => Found::Unknown,
        }
    }

    /// Moves the newest applied version of a key to the cache; returns how many bytes are not pending any more.
    fn drop_applied(&mut self, change: &AppliedKey, applied: Sequence) -> usize {
        let (key, sequence) = (change.key.as_ref(), change.sequence);
        let Some(versions) = self.pending.get_mut(key) else {
            // An earlier change of the same batch took it along, or it was never here.
            self.cache.forget(key, sequence);
            return 0;
        };
        let gone = versions.partition_point(|version| version.sequence <= applied);
        let mut bytes_freed = 0;
        let mut newest = None;
        for version in versions.drain(..gone) {
            bytes_freed += value_cost(&version.value);
            newest = Some(version);
        }
        if versions.is_empty() {
            self.pending.remove(key);
            bytes_freed += key.len();
        }
        match newest {
            Some(version) if change.is_item => {
                self.cache.put(key, version.sequence, version.value);
            }
            Some(_) | None => self.cache.forget(key, sequence),
        }
        bytes_freed
    }
}

/// What [`Overlay::range`] found.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) entries: Vec<(Vec<u8>, Sequence, Option<Bytes>)>,
    pub(crate) stopped_at: Option<Vec<u8>>,
}

fn visible(versions: &[Version], durable: Sequence) -> Found {
    match versions.partition_point(|version| version.sequence <= durable) {
        0 => Found::Unknown,
        n => Found::Value(versions[n - 1].sequence, versions[n - 1].value.clone()),
    }
}

/// Whether no key can lie between the bounds; `BTreeMap::range` panics on such bounds.
fn holds_nothing(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
    }
}

fn value_cost(value: &Option<Bytes>) -> usize {
    ENTRY_OVERHEAD_BYTES + value.as_ref().map_or(0, Bytes::len)
}

/// The stripe of a state key: the top bits of the partition hash, which stands behind the table number.
fn stripe_of(key: &[u8]) -> usize {
    (key.get(4).copied().unwrap_or(0) >> (8 - STRIPE_BITS)) as usize
}

fn stripe_of_bound(bound: Bound<&[u8]>, unbounded: usize) -> usize {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) if key.len() > 4 => stripe_of(key),
        _ => unbounded,
    }
}

#[cfg(test)]
mod tests;
