//! What only the inside of the store shows.

use super::*;
use crate::Sought;
use crate::testing::FaultyDisk;
use bytes::Bytes;
use std::os::unix::fs::FileExt;

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
    fill(&store);
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

#[test]
fn a_block_that_had_to_be_waited_for_is_wanted_once() {
    let folder = tempfile::tempdir().unwrap();
    let cold = crate::ColdReads::new(|read| read());
    let options = StateOptions {
        cold_reads: Some(cold.beginning_with(|file, offset, length| {
            let read = file.read_at(&mut vec![0; length], offset).is_ok();
            Some(crate::ColdRead::new(std::future::ready(read)))
        })),
        ..StateOptions::default()
    };
    let path = folder.path().join("state");
    let store = RunStore::open_file(&path, options).unwrap();
    fill(&store);
    let (shared, snapshot) = (&store.shared, store.snapshot());
    let view = shared.view.load();
    let run = &view.runs[0];
    let [_, last] = run.ends();
    // The index of that block.
    snapshot.get(&bytes_of(KEYS - 100)).unwrap();
    shared.cache.be_full();
    let file = std::fs::File::open(&path).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    while let Sought::Waits(_read) = snapshot.seek(&bytes_of(KEYS - 1)).unwrap() {}
    assert_eq!(shared.cache.get(run.id(), last), None);
    snapshot.seek(&bytes_of(KEYS - 1)).unwrap();
    assert!(shared.cache.get(run.id(), last).is_some(), "wanted again");
}

/// One run of all keys.
fn fill(store: &RunStore) {
    let mut batch = Batch::new();
    (0..KEYS).for_each(|key| batch.put(bytes_of(key), bytes_of(key + 1)));
    store.apply(batch, 1).unwrap();
    store.checkpoint().unwrap();
}

fn bytes_of(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

/// A merge that runs out of room gives back all that it took, so that others have it; the log does not wait for it.
#[test]
fn a_merge_without_room_gives_back_what_it_took() {
    let (disk, value) = (FaultyDisk::new(), Bytes::from(vec![1; 1_000]));
    let batch = |keys: std::ops::Range<u64>| {
        let mut batch = Batch::new();
        keys.for_each(|key| batch.put(bytes_of(key), value.clone()));
        batch
    };
    // Nobody tells the store of the room, as if others took it after it looked; and nobody merges yet.
    let store = RunStore::open_any(disk.backend(), None, &StateOptions::default()).unwrap();
    for (position, keys) in [(1, 0..4_000), (2, 4_000..8_000)] {
        store.apply(batch(keys), position).unwrap();
        store.checkpoint().unwrap();
    }
    // Room for a part of both together.
    let before_bytes = disk.placed_bytes();
    disk.set_size_bytes(Some(before_bytes + (2 << 20)));
    let shared = &store.shared;
    std::thread::scope(|scope| {
        shared.control.wake();
        scope.spawn(|| shared.keep_merging());
        shared.control.wait_while(|_| true);
        let begun = std::time::Instant::now();
        let is_back = || disk.placed_bytes() < before_bytes + (1 << 20);
        while !is_back() && begun.elapsed().as_secs() < 10 {
            std::thread::yield_now();
        }
        shared.control.end();
    });
    assert!(disk.placed_bytes() < before_bytes + (1 << 20));
    assert_eq!((store.stats().runs, store.failure()), (2, None));
}

/// What is free at the end may be what the head before reaches, which the disk has as long as the newer one is not safe.
#[test]
fn a_file_whose_head_is_not_safe_is_not_cut() {
    // Lists of runs take turns in two places, of which one is the last in the file.
    for (checkpoints, seed) in (0..12).map(|at| (at % 2 + 2, at)) {
        let disk = FaultyDisk::new();
        // Two runs to be merged, and nobody merges them yet.
        let store = RunStore::open_any(disk.backend(), None, &StateOptions::default()).unwrap();
        for position in 1..=2 {
            let mut batch = Batch::new();
            batch.put(bytes_of(position), Bytes::from(vec![1; 1_000]));
            store.apply(batch, position).unwrap();
            store.checkpoint().unwrap();
        }
        for position in 3..3 + checkpoints {
            store.apply(Batch::new(), position).unwrap();
            store.checkpoint().unwrap();
        }
        store.apply(Batch::new(), 10).unwrap();
        disk.fail_after_write_below(EMPTY_BYTES as usize);
        store.checkpoint().unwrap_err();
        disk.restart();
        drop(store);
        disk.set_copies_on_write(true);
        disk.set_size_bytes(Some(0));
        let store = RunStore::open(disk.backend(), StateOptions::default()).unwrap();
        assert_eq!((store.position(), store.durable_position()), (10, 0));
        store.shared.control.wait_while(|_| true);
        assert_eq!(store.stats().runs, 2);
        disk.crash(seed);
        drop(store);
        disk.set_size_bytes(None);
        let store = RunStore::open(disk.backend(), StateOptions::default()).unwrap();
        assert_eq!(store.position(), 2 + checkpoints);
        assert!(store.snapshot().get(&bytes_of(1)).unwrap().is_some());
    }
}

/// What is in memory since the start is read anew: damage of it would be known at the next start only.
#[test]
fn damage_of_what_a_start_begins_with_is_found_before_it() {
    let disk = FaultyDisk::new();
    let store = RunStore::open_any(disk.backend(), None, &StateOptions::default()).unwrap();
    for position in 1..=3 {
        let mut batch = Batch::new();
        (0..KEYS).for_each(|key| batch.put(bytes_of(key), bytes_of(position)));
        store.apply(batch, position).unwrap();
        store.checkpoint().unwrap();
    }
    store.check_start(&|| true).unwrap();
    let places: Vec<u64> = {
        let durable = store.shared.durable.lock();
        let roots = durable.runs.iter().map(|run| run.place.offset());
        durable.head.offsets().into_iter().chain(roots).collect()
    };
    assert_eq!(places.len(), 6);
    for at in places {
        assert!(disk.flip(at as usize + 10, 4));
        let found = store.check_start(&|| true);
        assert!(
            matches!(found, Err(StateError::Damaged { .. })),
            "byte {at}: {found:?}"
        );
        assert!(disk.flip(at as usize + 10, 4));
        store.check_start(&|| true).unwrap();
    }
}

#[test]
fn no_run_has_a_number_that_an_earlier_opening_gave() {
    let disk = FaultyDisk::new();
    let mut given = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let store = RunStore::open_any(disk.backend(), None, &StateOptions::default()).unwrap();
        for _ in 0..3 {
            // As a run that is written, but that no head names.
            let number = store.shared.next_run.fetch_add(1, Ordering::Relaxed);
            assert!(given.insert(number), "{number} of {given:?}");
        }
        disk.restart();
    }
}
