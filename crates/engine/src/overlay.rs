//! The overlay: values that the log has taken and the state does not hold yet.
//!
//! It answers two questions. A writer asks for the newest value of a key, durable or not, so that later
//! commands of a group decide on top of earlier ones. A reader asks for the newest *durable* value. It is
//! striped by the top bits of the partition hash, so that the stripes of one table are ranges in key order.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use headwater_model::Sequence;
use parking_lot::Mutex;
use tokio::sync::Notify;

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
    /// The value (`None`: deleted) and the sequence number of the change that made it.
    Value(Sequence, Option<Bytes>),
}

type Stripe = BTreeMap<Vec<u8>, Vec<Version>>;

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
    pub(crate) fn new(bytes_max: usize, applied: Sequence) -> Self {
        Overlay {
            stripes: (0..STRIPES).map(|_| Mutex::new(Stripe::new())).collect(),
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
            return;
        }
        let key_bytes = key.len();
        let versions = stripe.entry(key).or_default();
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
        match self.stripe(key).lock().get(key).and_then(|v| v.last()) {
            Some(version) => Found::Value(version.sequence, version.value.clone()),
            None => Found::Unknown,
        }
    }

    /// The newest value of a key that is durable. `durable` is asked while the stripe is locked: a position
    /// from before could lie below the only version that is left, since writers drop superseded ones.
    pub(crate) fn newest_durable(&self, key: &[u8], durable: impl Fn() -> Sequence) -> Found {
        match self.stripe(key).lock().get(key) {
            Some(versions) => visible(versions, durable()),
            None => Found::Unknown,
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
            if stripe.is_empty() {
                continue;
            }
            let durable = durable();
            let range = stripe.range::<[u8], _>((from, to));
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

    /// Drops what the state holds now. `keys` are the keys of the changes that were just applied.
    pub(crate) fn drop_applied<'a>(&self, applied: Sequence, keys: impl Iterator<Item = &'a [u8]>) {
        self.applied.store(applied.0, Ordering::SeqCst);
        let mut bytes_freed = 0;
        for key in keys {
            let mut stripe = self.stripe(key).lock();
            let Some(versions) = stripe.get_mut(key) else {
                continue;
            };
            let gone = versions.partition_point(|version| version.sequence <= applied);
            bytes_freed += versions
                .drain(..gone)
                .map(|version| value_cost(&version.value))
                .sum::<usize>();
            if versions.is_empty() {
                stripe.remove(key);
                bytes_freed += key.len();
            }
        }
        self.bytes.fetch_sub(bytes_freed, Ordering::AcqRel);
        self.room.notify_waiters();
    }

    /// Bytes held now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    fn stripe(&self, key: &[u8]) -> &Mutex<Stripe> {
        &self.stripes[stripe_of(key)]
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
