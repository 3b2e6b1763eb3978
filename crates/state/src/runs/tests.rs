//! What only the inside of the store shows.

use super::*;
use bytes::Bytes;

/// Keys of each checkpoint, whose filter takes 12.5 KB.
const KEYS: u64 = 10_000;

#[test]
fn filters_that_had_no_place_beside_the_merged_ones_are_kept_afterwards() {
    // One such filter fits, two do not.
    let room_bytes = 20_000;
    let options = StateOptions {
        cache_bytes: room_bytes * FILTER_PART,
        ..StateOptions::default()
    };
    let store = RunStore::in_memory(options).unwrap();
    for position in 1..=3 {
        let mut batch = Batch::new();
        (0..KEYS).for_each(|key| {
            batch.put(bytes_of(key), bytes_of(position));
        });
        store.apply(batch, position).unwrap();
        store.checkpoint().unwrap();
    }
    // The thread takes them in before it waits again.
    store.shared.control.wait_while(|_| true);
    let view = store.shared.view.load();
    let kept: Vec<_> = view.runs.iter().map(|run| run.filters_kept()).collect();
    assert_eq!(kept, [(1, 1)], "filters in memory, filters of the run");
}

#[test]
fn a_block_that_is_read_past_a_full_cache_is_checked() {
    let store = RunStore::in_memory(StateOptions::default()).unwrap();
    let mut batch = Batch::new();
    (0..KEYS).for_each(|key| batch.put(bytes_of(key), bytes_of(key + 1)));
    store.apply(batch, 1).unwrap();
    store.checkpoint().unwrap();
    let (shared, snapshot) = (&store.shared, store.snapshot());
    let view = shared.view.load();
    let run = &view.runs[0];
    let [first, last] = run.ends();
    shared.cache.be_full();
    let found = snapshot.get(&bytes_of(KEYS - 1)).unwrap();
    assert_eq!(found, Some(bytes_of(KEYS)));
    assert_eq!(shared.cache.get(run.id(), last), None);
    run.flip_byte(first);
    assert!(matches!(
        snapshot.get(&bytes_of(0)),
        Err(StateError::Damaged { .. })
    ));
    assert!(run.is_damaged());
    // What is wanted again is kept.
    snapshot.get(&bytes_of(KEYS - 1)).unwrap();
    assert!(shared.cache.get(run.id(), last).is_some());
}

fn bytes_of(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}
