//! Blocks of a disk that can't be read: nothing that is needed to open lies in one alone, and merges leave them where they
//! are.

use crate::support::{bytes, disk_with, small, small_encrypted};
use headwater_state::testing::{FaultyBackend, FaultyDisk};
use headwater_state::{Batch, Direction, Remedy, StateOptions, StateStore};
use redb::StorageBackend;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BLOCK_BYTES: usize = 4096;
const HEADS_BYTES: usize = 4 * BLOCK_BYTES;
const KEYS: u64 = 400;
const PATIENCE: Duration = Duration::from_secs(30);

fn key(number: u64) -> bytes::Bytes {
    bytes(&format!("key {number:05}"))
}

fn value(number: u64, position: u64) -> bytes::Bytes {
    let noise = "n".repeat(60 + number as usize % 200);
    bytes(&format!("value {number:05} {position} {noise}"))
}

fn filled(position: u64) -> Batch {
    let mut batch = Batch::new();
    (0..KEYS).for_each(|number| batch.put(key(number), value(number, position)));
    batch
}

fn open(disk: &FaultyDisk, options: &StateOptions) -> Arc<dyn StateStore> {
    headwater_state::open(disk.backend(), None, options.clone()).unwrap()
}

/// What is on the disk, for others to begin with.
fn image(backend: &FaultyBackend) -> Vec<u8> {
    let mut image = vec![0; backend.len().unwrap() as usize];
    backend.read(0, &mut image).unwrap();
    image
}

/// Reads that fail stop a store from being written to; until then it is used as any other.
#[test]
fn any_unreadable_block_of_a_disk_leaves_the_store_open_to_be_used() {
    for options in [small(), small_encrypted()] {
        let disk = FaultyDisk::new();
        for position in 1..5 {
            let store = open(&disk, &options);
            store.apply(filled(position), position).unwrap();
        }
        let whole = image(&disk.backend());
        let mut refused = 0;
        for start in (0..whole.len()).step_by(BLOCK_BYTES) {
            if whole[start..start + BLOCK_BYTES]
                .iter()
                .all(|byte| *byte == 0)
            {
                continue;
            }
            let disk = disk_with(&whole);
            disk.break_page(start);
            let read = headwater_state::open_read_only(disk.backend(), options.clone());
            assert_eq!(read.unwrap().position(), 4, "{start}");
            let store = open(&disk, &options);
            assert_eq!(store.position(), 4, "{start}");
            store.apply(filled(5), 5).unwrap();
            store.checkpoint().unwrap();
            drop(store);
            // Of another store, whose values are not written over.
            let disk = disk_with(&whole);
            disk.break_page(start);
            let snapshot = open(&disk, &options).snapshot();
            let mut fails = false;
            for number in 0..KEYS {
                match snapshot.get(&key(number)) {
                    Ok(found) => assert_eq!(found, Some(value(number, 4)), "{start}"),
                    Err(error) => {
                        assert_eq!(error.remedy(), Remedy::Reopen, "{error}");
                        fails = true;
                    }
                }
            }
            assert!(!fails || start >= HEADS_BYTES, "{start}");
            refused += usize::from(fails);
        }
        assert!(refused > 10, "{refused} blocks with values");
    }
}

/// Either may be the newest head; with the one before it, what only the newest reaches would be written over.
#[test]
fn a_head_of_which_no_copy_can_be_read_is_an_error_and_stays_as_it_is() {
    for options in [small(), small_encrypted()] {
        let disk = FaultyDisk::new();
        for position in 1..3 {
            let store = open(&disk, &options);
            store.apply(filled(position), position).unwrap();
        }
        let whole = image(&disk.backend());
        for first in [0, 2 * BLOCK_BYTES] {
            let disk = disk_with(&whole);
            disk.break_page(first);
            disk.break_page(first + BLOCK_BYTES);
            let refused = headwater_state::open(disk.backend(), None, options.clone());
            let error = refused.err().unwrap();
            assert!(error.to_string().contains("injected failure"), "{error}");
            assert_eq!(error.remedy(), Remedy::Reopen);
        }
    }
}

#[test]
fn heads_that_are_all_unreadable_are_an_error_and_stay_as_they_are() {
    let disk = FaultyDisk::new();
    open(&disk, &small()).apply(filled(1), 1).unwrap();
    let whole = image(&disk.backend());
    for options in [small(), small_encrypted()] {
        let disk = disk_with(&whole);
        for place in (0..HEADS_BYTES).step_by(BLOCK_BYTES) {
            disk.break_page(place);
        }
        let refused = headwater_state::open(disk.backend(), None, options);
        let error = refused.err().unwrap();
        assert!(error.to_string().contains("injected failure"), "{error}");
        assert_eq!(error.remedy(), Remedy::Reopen);
    }
}

/// Merging meets a block of the oldest run that can't be read. That run stays, the newer ones are merged, and the store is
/// written to as before; so it is when it is opened again.
#[test]
fn a_run_that_cannot_be_read_stays_unmerged_and_stops_nothing() {
    let disk = FaultyDisk::new();
    let store = open(&disk, &StateOptions::default());
    store.apply(filled(1), 1).unwrap();
    drop(store);
    let whole = image(&disk.backend());
    let wanted = value(123, 1);
    let mut stands = whole.windows(wanted.len());
    let at = stands.position(|window| window == wanted).unwrap();
    disk.break_page(at);
    let mut position = 1;
    for _ in 0..2 {
        let store = open(&disk, &StateOptions::default());
        for _ in 0..12 {
            position += 1;
            // Keys behind those of the first run.
            let mut batch = Batch::new();
            (KEYS..2 * KEYS).for_each(|number| batch.put(key(number), value(number, position)));
            store.apply(batch, position).unwrap();
            store.checkpoint().unwrap();
        }
        let begun = Instant::now();
        while store.stats().merges == 0 || store.stats().runs > 4 {
            assert_eq!(store.failure(), None);
            assert!(begun.elapsed() < PATIENCE, "{:?}", store.stats());
            std::thread::yield_now();
        }
        store.apply(Batch::new(), position).unwrap();
        let snapshot = store.snapshot();
        for number in KEYS..2 * KEYS {
            assert_eq!(
                snapshot.get(&key(number)).unwrap(),
                Some(value(number, position))
            );
        }
        assert!(snapshot.get(&key(123)).is_err(), "nothing was written over");
    }
}

/// Whoever checks is told of the block and of everything else, forward and backward; whoever reads is told no less than
/// before, and a store that met it takes no more batches.
#[test]
fn a_scan_that_checks_goes_on_behind_an_unreadable_block() {
    for options in [small(), small_encrypted()] {
        let disk = FaultyDisk::new();
        open(&disk, &options).apply(filled(1), 1).unwrap();
        let whole = image(&disk.backend());
        let mut met = 0;
        for start in (HEADS_BYTES..whole.len()).step_by(BLOCK_BYTES) {
            let disk = disk_with(&whole);
            disk.break_page(start);
            let Ok(store) = headwater_state::open_read_only(disk.backend(), options.clone()) else {
                continue;
            };
            let snapshot = store.snapshot();
            let readable: Vec<_> = (0..KEYS)
                .map(key)
                .filter(|key| snapshot.get(key).is_ok())
                .collect();
            let is_whole = readable.len() == KEYS as usize;
            for direction in [Direction::Forward, Direction::Backward] {
                let store = open(&disk, &options);
                let (mut told, mut failures) = (Vec::new(), 0);
                let all = (Bound::Unbounded, Bound::Unbounded);
                let snapshot = store.snapshot();
                snapshot
                    .scan_checked(all.0, all.1, direction, &mut |key, value| {
                        match value {
                            Ok(_) => told.push(bytes::Bytes::copy_from_slice(key)),
                            Err(_) => failures += 1,
                        }
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                told.sort();
                assert_eq!(told, readable, "{start}");
                assert_eq!(failures > 0, !is_whole, "{start}");
                assert_eq!(store.failure().is_some(), !is_whole, "{start}");
                let mut goes_on = |_: &[u8], _: &[u8]| ControlFlow::Continue(());
                let scanned = snapshot.scan(all.0, all.1, direction, &mut goes_on);
                match scanned {
                    Ok(()) => assert!(is_whole, "{start}"),
                    Err(error) => assert_eq!(error.remedy(), Remedy::Reopen, "{error}"),
                }
            }
            met += usize::from(!is_whole);
        }
        assert!(met > 5, "{met} blocks with values");
    }
}

/// What a damaged block has is not known, nor how far it reaches: what is deleted around it is no range without keys.
#[test]
fn a_scan_that_checks_takes_nothing_around_damage_for_empty() {
    const DELETED: u64 = 6_000;
    const THERE: u64 = 2_500;
    let options = StateOptions::default();
    let disk = FaultyDisk::new();
    let mut batch = Batch::new();
    (0..DELETED).for_each(|number| batch.put(key(number), bytes(&format!("<{number:05}>"))));
    open(&disk, &options).apply(batch, 1).unwrap();
    let whole = image(&disk.backend());
    let value = format!("<{THERE:05}>").into_bytes();
    let place = whole.windows(value.len()).position(|bytes| bytes == value);
    for direction in [Direction::Forward, Direction::Backward] {
        let disk = disk_with(&whole);
        assert!(disk.flip(place.unwrap(), 1));
        let store = open(&disk, &options);
        let mut batch = Batch::new();
        let others = (0..DELETED).filter(|number| *number != THERE);
        others.for_each(|number| batch.delete(key(number)));
        store.apply(batch, 2).unwrap();
        let snapshot = store.snapshot();
        let (from, to) = (Bound::Unbounded, Bound::Unbounded);
        let is_told = || {
            let mut goes_on = |_: &[u8], _: &[u8]| ControlFlow::Continue(());
            snapshot.scan(from, to, direction, &mut goes_on).is_err()
        };
        assert!(is_told());
        for turn in 0..2 {
            let mut failures = 0;
            let mut count = |_: &[u8], value: Result<&[u8], _>| {
                failures += usize::from(value.is_err());
                ControlFlow::Continue(())
            };
            let checked = snapshot.scan_checked(from, to, direction, &mut count);
            checked.unwrap();
            assert_eq!(failures, 1, "{direction:?}, turn {turn}");
        }
        assert!(is_told(), "{direction:?}");
    }
}
