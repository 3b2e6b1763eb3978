//! Key latches: they make read, decide and enqueue of one key one step, without holding anything while
//! the disk works.

use parking_lot::{Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_64;

const STRIPES: usize = 4096;

/// Striped locks over keys. Several are taken in ascending stripe order, so there is no deadlock.
pub(crate) struct Latches {
    stripes: Vec<Mutex<()>>,
}

/// Latches that are held until this is dropped.
pub(crate) struct Held<'a> {
    _guards: Vec<MutexGuard<'a, ()>>,
}

impl Latches {
    pub(crate) fn new() -> Self {
        Latches {
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Takes the latches of these keys.
    pub(crate) fn hold<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> Held<'_> {
        let mut stripes: Vec<usize> = keys.map(stripe_of).collect();
        stripes.sort_unstable();
        stripes.dedup();
        Held {
            _guards: stripes
                .into_iter()
                .map(|stripe| self.stripes[stripe].lock())
                .collect(),
        }
    }
}

fn stripe_of(key: &[u8]) -> usize {
    (xxh3_64(key) as usize) % STRIPES
}
