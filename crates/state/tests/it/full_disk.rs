//! A full disk: nothing is begun without room, what was begun waits for it, readers go on, and nothing is lost.

use crate::support::{Kind, Opened, bytes, content, small};
use headwater_state::testing::FaultyDisk;
use headwater_state::{Batch, Remedy, StateOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const HEADS_BYTES: usize = 16 << 10;

fn open(kind: Kind, disk: &FaultyDisk) -> Opened {
    kind.open_with_space(disk.backend(), Some(Arc::new(disk.clone())), small())
}

/// A batch larger than what the cache holds back.
fn batch(round: u64) -> Batch {
    let mut batch = Batch::new();
    for index in 0..60 {
        let value = format!("{round} {}", "x".repeat(2_000));
        batch.put(bytes(&format!("key {round} {index}")), bytes(&value));
    }
    batch
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn the_look_tells_before_anything_is_begun() {
    Kind::ALL.into_iter().for_each(looks);
}

fn looks(kind: Kind) {
    let disk = FaultyDisk::new();
    let store = open(kind, &disk).unwrap();
    store.apply(batch(1), 1).unwrap();
    store.checkpoint().unwrap();
    store.look_for_room().unwrap();
    disk.set_size_bytes(Some(disk.placed_bytes()));
    let error = store.look_for_room().unwrap_err();
    assert_eq!(error.remedy(), Remedy::MakeRoom);
    assert!(
        store
            .no_room()
            .is_some_and(|why| why.contains("0 bytes free"))
    );
    store.await_room();
    assert!(store.no_room().is_some(), "nobody is to wait");
    let seen = content(&*store);
    assert_eq!(seen.len(), 60, "readers go on");
    disk.set_size_bytes(None);
    store.look_for_room().unwrap();
    assert_eq!(store.no_room(), None);
    store.apply(batch(2), 2).unwrap();
    assert_eq!(store.checkpoint().unwrap(), 2);
}

#[test]
fn what_was_begun_waits_for_room_and_goes_on() {
    Kind::ALL.into_iter().for_each(waits);
}

fn waits(kind: Kind) {
    for extra in [0, 4096, 40_960] {
        let disk = FaultyDisk::new();
        let store = open(kind, &disk).unwrap();
        store.apply(batch(1), 1).unwrap();
        store.checkpoint().unwrap();
        store.set_waits_for_room(true);
        let before = content(&*store);
        disk.set_size_bytes(Some(disk.placed_bytes() + extra));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 2..9 {
                    store.apply(batch(round), round)?;
                }
                store.checkpoint()
            });
            until("not held", || store.no_room().is_some());
            assert!(!writer.is_finished());
            disk.set_size_bytes(None);
            assert_eq!(writer.join().unwrap().unwrap(), 8);
        });
        assert_eq!(store.no_room(), None);
        let after = content(&*store);
        assert_eq!(after.len(), 8 * 60);
        assert!(
            before
                .iter()
                .all(|(key, value)| after.get(key) == Some(value))
        );
        drop(store);
        disk.crash(extra);
        assert_eq!(content(&*open(kind, &disk).unwrap()), after);
    }
}

#[test]
fn who_is_not_to_wait_hears_of_it_and_a_reopened_store_is_as_it_was() {
    Kind::ALL.into_iter().for_each(hears);
}

fn hears(kind: Kind) {
    let disk = FaultyDisk::new();
    let store = open(kind, &disk).unwrap();
    store.apply(batch(1), 1).unwrap();
    store.checkpoint().unwrap();
    let before = content(&*store);
    store.set_waits_for_room(true);
    disk.set_size_bytes(Some(disk.placed_bytes()));
    let failed = std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| (2..9).find_map(|round| store.apply(batch(round), round).err()));
        until("not held", || store.no_room().is_some());
        // A server that is to end.
        store.set_waits_for_room(false);
        writer.join().unwrap()
    });
    assert_eq!(failed.map(|error| error.remedy()), Some(Remedy::Reopen));
    drop(store);
    disk.crash(3);
    disk.set_size_bytes(None);
    assert_eq!(content(&*open(kind, &disk).unwrap()), before);
}

/// A start brings what the log has into the state before anybody can wait for room: it was refused, with all readers.
#[test]
fn a_start_keeps_in_memory_what_has_no_room_up_to_a_bound() {
    let few = |round: u64| {
        let mut few = Batch::new();
        few.put(bytes(&format!("key {round}")), bytes(&"x".repeat(8_000)));
        few
    };
    let start = |disk: &FaultyDisk| {
        let options = StateOptions {
            start_bytes_max: 64 << 10,
            ..small()
        };
        let space = Some(Arc::new(disk.clone()) as _);
        Kind::Runs
            .open_with_space(disk.backend(), space, options)
            .unwrap()
    };
    let disk = FaultyDisk::new();
    drop(start(&disk));
    disk.set_size_bytes(Some(disk.placed_bytes()));
    let store = start(&disk);
    // A quarter of the cache, 16 KB, may be in memory otherwise.
    for round in 1..=6 {
        store.apply(few(round), round).unwrap();
    }
    assert_eq!(content(&*store).len(), 6, "all is read");
    assert!(store.no_room().is_some());
    store.set_waits_for_room(true);
    disk.set_size_bytes(None);
    store.await_room();
    store.apply(few(7), 7).unwrap();
    assert_eq!(store.checkpoint().unwrap(), 7);
    drop(store);

    disk.set_size_bytes(Some(disk.placed_bytes()));
    let store = start(&disk);
    assert_eq!(content(&*store).len(), 7);
    let refused = (8..30).find_map(|round| store.apply(few(round), round).err());
    assert!(refused.is_some(), "memory is not what a disk is");
}

/// File systems that copy on write need room for a head that is written again. Without any, the store opens and is read;
/// as the head may not be on the disk, nothing is written before it is.
#[test]
fn a_head_that_has_no_room_to_be_written_again_is_made_safe_before_anything_is_written() {
    let operations = std::iter::once(None).chain((0..).map(Some));
    // Once with a checkpoint that has nothing else to write, and once without.
    for (operations, with_checkpoint) in operations.flat_map(|at| [(at, false), (at, true)]) {
        let disk = FaultyDisk::new();
        let store = open(Kind::Runs, &disk).unwrap();
        store.apply(batch(1), 1).unwrap();
        store.checkpoint().unwrap();
        store.apply(batch(2), 2).unwrap();
        match operations {
            None => disk.fail_after_write_below(HEADS_BYTES),
            Some(operations) => disk.fail_after(operations),
        }
        let failed = store.checkpoint().is_err();
        disk.restart();
        drop(store);
        disk.set_copies_on_write(true);
        // Less than there is: what merging gives back is no room either.
        disk.set_size_bytes(Some(0));
        let store = open(Kind::Runs, &disk).unwrap();
        let (found, before) = (store.position(), content(&*store));
        assert_eq!(before.len() as u64, 60 * found);
        assert!(operations.is_some() || (failed, found) == (true, 2));
        assert_eq!(store.durable_position(), 0, "the log keeps what it has");
        assert!(store.checkpoint().is_err());
        drop(store);
        let store = open(Kind::Runs, &disk).unwrap();
        disk.set_size_bytes(None);
        if with_checkpoint {
            assert_eq!(store.checkpoint().unwrap(), found);
            assert_eq!(store.durable_position(), found);
        }
        for position in 3..6 {
            store.apply(batch(position), position).unwrap();
        }
        disk.crash(operations.unwrap_or(0));
        drop(store);
        let store = open(Kind::Runs, &disk).unwrap();
        assert_eq!(store.position(), found, "after {operations:?} operations");
        assert!(
            content(&*store) == before,
            "after {operations:?} operations"
        );
        if !failed {
            break;
        }
    }
}
