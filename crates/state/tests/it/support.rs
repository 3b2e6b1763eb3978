//! Small helpers: short bytes, and whole contents as maps.

use bytes::Bytes;
use headwater_cipher::DataKey;
use headwater_state::{Direction, Snapshot, StateOptions, StateStore};
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

pub type Content = BTreeMap<Vec<u8>, Vec<u8>>;

pub fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A cache so small that even these tests spill and evict.
pub fn small() -> StateOptions {
    StateOptions {
        cache_bytes: 64 << 10,
        prefetch_threads: 2,
        prefetch_keys_min: 4,
        ..StateOptions::default()
    }
}

/// The same for an encrypted store.
pub fn small_encrypted() -> StateOptions {
    StateOptions {
        cipher: Some(Arc::new(DataKey::new([7; 32]).state())),
        ..small()
    }
}

pub fn content(store: &dyn StateStore) -> Content {
    content_of(&*store.snapshot())
}

pub fn content_of(snapshot: &dyn Snapshot) -> Content {
    scan(
        snapshot,
        Bound::Unbounded,
        Bound::Unbounded,
        Direction::Forward,
    )
    .into_iter()
    .collect()
}

pub fn scan(
    snapshot: &dyn Snapshot,
    from: Bound<&[u8]>,
    to: Bound<&[u8]>,
    direction: Direction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    snapshot
        .scan(from, to, direction, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}
