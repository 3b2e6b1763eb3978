//! Blocks and sections in memory, all runs together, bounded by what they take there.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What an entry of the cache takes beside its bytes.
const ENTRY_BYTES: u64 = 96;
/// A block that is expected, for sizing.
const EXPECTED_BYTES: u64 = 4096;
/// The cache is full when it has less than this part of its room left.
const ROOM_PART: u64 = 16;
/// So many blocks are put in between two looks at its room.
const LOOK_PUTS: u32 = 64;
/// Wanted blocks that are remembered, for each that the cache has room for.
const WANTED_PER_BLOCK: usize = 2;

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

/// A cache of what was read of runs. Runs have numbers that are not used again, so nothing in it is ever wrong.
pub(super) struct BlockCache {
    blocks: Cache<Place, Bytes, Weight>,
    puts: AtomicU32,
    is_full: AtomicBool,
    /// Marks of blocks that were wanted and not kept, each at the one place where its hash points to.
    wanted: Box<[AtomicU32]>,
}

impl BlockCache {
    pub(super) fn new(bytes_max: u64) -> Self {
        let expected = (bytes_max / EXPECTED_BYTES).max(16) as usize;
        let marks = expected * WANTED_PER_BLOCK;
        Self {
            blocks: Cache::with_weighter(expected, bytes_max, Weight),
            puts: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
            wanted: (0..marks).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    pub(super) fn get(&self, run: u64, place: u64) -> Option<Bytes> {
        self.blocks.get(&(run, place))
    }

    pub(super) fn put(&self, run: u64, place: u64, bytes: Bytes) {
        self.blocks.insert((run, place), bytes);
        if self.puts.fetch_add(1, Relaxed).is_multiple_of(LOOK_PUTS) {
            self.look_for_room();
        }
    }

    /// Takes out what is of these runs, into which no new reader looks.
    pub(super) fn forget(&self, runs: &[u64]) {
        self.blocks.retain(|(run, _), _| !runs.contains(run));
        self.look_for_room();
    }

    /// Takes it to be full, until some blocks were put in.
    #[cfg(test)]
    pub(super) fn be_full(&self) {
        self.puts.store(1, Relaxed);
        self.is_full.store(true, Relaxed);
    }

    fn look_for_room(&self) {
        let bytes_max = self.blocks.capacity();
        let is_full = self.blocks.weight() > bytes_max - bytes_max / ROOM_PART;
        self.is_full.store(is_full, Relaxed);
    }

    /// Whether a block that is not in the cache is worth being kept: there is room, or it was wanted before, not long ago.
    pub(super) fn is_worth_keeping(&self, run: u64, place: u64) -> bool {
        let (at, mark) = self.mark(run, place);
        !self.is_full.load(Relaxed) || at.load(Relaxed) == mark
    }

    /// Remembers that a block was wanted and not kept. Not before it was read: who looks twice for one block, since the disk
    /// had to be waited for, wants it once.
    pub(super) fn note_wanted(&self, run: u64, place: u64) {
        let (at, mark) = self.mark(run, place);
        at.store(mark, Relaxed);
    }

    fn mark(&self, run: u64, place: u64) -> (&AtomicU32, u32) {
        let hash = xxh3_64_with_seed(&place.to_le_bytes(), run);
        let at = ((hash >> 32) * self.wanted.len() as u64) >> 32;
        // Never that of an empty place.
        (&self.wanted[at as usize], hash as u32 | 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_with_room_takes_every_block_and_has_room_again_when_runs_are_gone() {
        let cache = BlockCache::new(4096 * 1000);
        for place in 0..2_000 {
            assert!(place >= 800 || cache.is_worth_keeping(1, place));
            cache.put(1 + place % 2, place, Bytes::from(vec![0; 4000]));
        }
        assert!(!cache.is_worth_keeping(1, 9_999));
        cache.forget(&[1]);
        assert!(cache.is_worth_keeping(1, 7_777));
        let kept = |run| {
            let places = (0..2_000).filter(|place| cache.get(run, *place).is_some());
            places.count()
        };
        assert_eq!(kept(1), 0);
        assert!(kept(2) > 300);
    }

    #[test]
    fn a_block_is_worth_keeping_when_it_is_wanted_again_before_many_others() {
        let cache = BlockCache::new(4096 * 1000);
        cache.be_full();
        let again = |places: std::ops::Range<u64>| {
            let wanted = places.filter(|place| {
                let was_wanted = cache.is_worth_keeping(7, place * 4096);
                cache.note_wanted(7, place * 4096);
                was_wanted
            });
            wanted.count()
        };
        assert_eq!(again(0..200), 0);
        assert!(again(0..200) > 150, "few others came in between");
        assert!(again(1_000..101_000) < 20, "others are told apart");
        assert!(again(0..200) < 5, "what came long ago is forgotten");
        assert!(
            !cache.is_worth_keeping(8, 4096),
            "another run is another block"
        );
    }
}
