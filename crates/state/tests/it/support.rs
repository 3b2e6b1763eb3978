//! Small helpers: short bytes, and whole contents as maps.

use bytes::Bytes;
use headwater_cipher::DataKey;
use headwater_state::testing::FaultyDisk;
use headwater_state::{
    Direction, RedbStore, RunStore, Snapshot, Space, StateError, StateOptions, StateStore,
};
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

/// The kinds of stores that have a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Tree,
    Runs,
}

pub type Opened = Result<Box<dyn StateStore>, StateError>;

impl Kind {
    pub const ALL: [Self; 2] = [Self::Tree, Self::Runs];

    pub fn open(self, backend: impl StorageBackend, options: StateOptions) -> Opened {
        self.open_with_space(backend, None, options)
    }

    pub fn open_with_space(
        self,
        backend: impl StorageBackend,
        space: Option<Arc<dyn Space>>,
        options: StateOptions,
    ) -> Opened {
        Ok(match self {
            Self::Tree => Box::new(RedbStore::open_with_space(backend, space, options)?),
            Self::Runs => Box::new(RunStore::open_with_space(backend, space, options)?),
        })
    }

    pub fn open_file(self, path: &Path, options: StateOptions) -> Opened {
        Ok(match self {
            Self::Tree => Box::new(RedbStore::open_file(path, options)?),
            Self::Runs => Box::new(RunStore::open_file(path, options)?),
        })
    }

    pub fn in_memory(self, options: StateOptions) -> Opened {
        Ok(match self {
            Self::Tree => Box::new(RedbStore::in_memory(options)?),
            Self::Runs => Box::new(RunStore::in_memory(options)?),
        })
    }
}

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

/// A disk that holds the bytes of a file.
pub fn disk_with(image: &[u8]) -> FaultyDisk {
    FaultyDisk::with_content(image)
}
