//! Blocks and sections in memory, all runs together, bounded by what they take there.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// What an entry of the cache takes beside its bytes.
const ENTRY_BYTES: u64 = 96;
/// A block that is expected, for sizing.
const EXPECTED_BYTES: u64 = 4096;

/// Run and place in it.
type Place = (u64, u64);

#[derive(Clone)]
struct Weight;

impl Weighter<Place, Bytes> for Weight {
    fn weight(&self, _: &Place, bytes: &Bytes) -> u64 {
        allocated_bytes(bytes.len() as u64) + ENTRY_BYTES
    }
}

/// What the allocator takes for so many bytes: it has four sizes to each doubling.
fn allocated_bytes(bytes: u64) -> u64 {
    let step = (bytes.max(16).next_power_of_two() / 8).max(1);
    bytes.next_multiple_of(step)
}

/// A cache of what was read of runs. Runs have numbers that are not used again, so nothing has to be taken out.
pub(super) struct BlockCache(Cache<Place, Bytes, Weight>);

impl BlockCache {
    pub(super) fn new(bytes_max: u64) -> Self {
        let expected = (bytes_max / EXPECTED_BYTES).max(16);
        Self(Cache::with_weighter(expected as usize, bytes_max, Weight))
    }

    pub(super) fn get(&self, run: u64, place: u64) -> Option<Bytes> {
        self.0.get(&(run, place))
    }

    pub(super) fn put(&self, run: u64, place: u64, bytes: Bytes) {
        self.0.insert((run, place), bytes);
    }
}
