//! Damage under a store that is open: an error for whoever needs what is damaged, never another value, never
//! a panic. And files of each format, and of other stores.

use crate::support::{Kind, bytes, content, disk_with, small};
use bytes::Bytes;
use headwater_state::{
    Batch, Direction, RedbStore, Remedy, RunStore, StateError, StateOptions, StateStore,
};
use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::path::Path;

const KEYS: u32 = 400;
const CHUNK_BYTES: usize = 64 << 10;
const FILL: [u8; 24] = *b"a value that is searched";

fn key(number: u32) -> Bytes {
    Bytes::from(format!("key {number:05}"))
}

fn value(number: u32) -> Bytes {
    let mut value = FILL.to_vec();
    value.extend_from_slice(&number.to_be_bytes());
    value.resize(60 + number as usize % 200, b'.');
    Bytes::from(value)
}

fn filled() -> Batch {
    let mut batch = Batch::new();
    for number in 0..KEYS {
        batch.put(key(number), value(number));
    }
    batch
}

fn make(path: &Path, checksums: bool) {
    let options = StateOptions {
        checksums,
        ..small()
    };
    let store = RedbStore::open_file(path, options).unwrap();
    store.apply(filled(), 7).unwrap();
}

/// Flips one bit of the value of a key, where it stands in the file.
fn flip_value(path: &Path, number: u32) {
    let mut file = std::fs::read(path).unwrap();
    let wanted = value(number);
    let found: Vec<usize> = (0..file.len())
        .filter(|at| file[*at..].starts_with(&wanted))
        .collect();
    assert!(!found.is_empty());
    for at in found {
        file[at + 30] ^= 4;
    }
    std::fs::write(path, file).unwrap();
}

#[test]
fn a_flipped_bit_in_a_value_is_an_error_for_its_readers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make(&path, true);
    flip_value(&path, 123);
    let store = RedbStore::open_file(&path, small()).unwrap();
    let snapshot = store.snapshot();
    let error = snapshot.get(&key(123)).unwrap_err();
    assert_eq!(error.remedy(), Remedy::Rebuild);
    let hash = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&key(123)));
    assert!(error.to_string().contains(&hash), "{error}");
    assert!(!error.to_string().contains("00123"), "{error}");
    assert_eq!(snapshot.get(&key(122)).unwrap(), Some(value(122)));

    let mut seen = 0;
    let (from, to) = (key(100), key(200));
    let scan = snapshot.scan(
        Bound::Included(&from),
        Bound::Excluded(&to),
        Direction::Forward,
        &mut |_, _| {
            seen += 1;
            ControlFlow::Continue(())
        },
    );
    assert!(matches!(scan, Err(StateError::Damaged { .. })));
    assert_eq!(seen, 23, "up to the damage");
    let (mut whole, mut damaged) = (0, Vec::new());
    snapshot
        .scan_checked(
            Bound::Unbounded,
            Bound::Unbounded,
            Direction::Backward,
            &mut |key, value| {
                match value {
                    Ok(_) => whole += 1,
                    Err(_) => damaged.push(key.to_vec()),
                }
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    assert_eq!((whole, damaged), (KEYS - 1, vec![key(123).to_vec()]));

    // The store itself lets it be written over, and the rest of the store is not concerned.
    let mut batch = Batch::new();
    batch.put(key(123), value(123));
    store.apply(batch, 8).unwrap();
    assert_eq!(store.snapshot().get(&key(123)).unwrap(), Some(value(123)));
}

/// What the checksums are for: a file of the first format gives whatever is there.
#[test]
fn files_of_the_first_format_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make(&path, false);
    flip_value(&path, 5);
    let store = RedbStore::open_file(&path, small()).unwrap();
    assert_eq!(store.format(), 1);
    assert_ne!(store.snapshot().get(&key(5)).unwrap(), Some(value(5)));
    let mut batch = Batch::new();
    batch.put(key(5), bytes("new"));
    store.apply(batch, 8).unwrap();
    drop(store);
    let store = RedbStore::open_file(&path, small()).unwrap();
    assert_eq!(store.format(), 1);
    assert_eq!(store.snapshot().get(&key(5)).unwrap(), Some(bytes("new")));
    assert_eq!(store.snapshot().get(&key(6)).unwrap(), Some(value(6)));
    drop(store);

    let path = folder.path().join("newer");
    make(&path, true);
    assert_eq!(RedbStore::open_file(&path, small()).unwrap().format(), 2);
}

#[test]
fn a_format_of_a_later_version_is_refused() {
    const META: redb::TableDefinition<&str, u64> = redb::TableDefinition::new("meta");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make(&path, true);
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(META)
        .unwrap()
        .insert("format", 3)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = RedbStore::open_file(&path, small()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the file state has format 3, this version of Headwater reads formats up to 2; use the version that wrote it, or a later one"
    );
}

#[test]
fn a_state_belongs_to_the_store_that_claimed_it() {
    let folder = tempfile::tempdir().unwrap();
    for checksums in [false, true] {
        let path = folder.path().join(format!("state-{checksums}"));
        make(&path, checksums);
        let store = RedbStore::open_file(&path, small()).unwrap();
        store.check_owner([8; 16]).unwrap();
        store.claim([7; 16]).unwrap();
        store.claim([7; 16]).unwrap();
        store.check_owner([7; 16]).unwrap();
        assert!(store.check_owner([8; 16]).is_err());
        assert_eq!(store.position(), 7);
        drop(store);
        let store = RedbStore::open_file(&path, small()).unwrap();
        let error = store.claim([8; 16]).unwrap_err();
        assert_eq!(error.remedy(), Remedy::FindTheFile);
        assert!(error.to_string().contains("another store"), "{error}");
        assert_eq!(store.snapshot().get(&key(9)).unwrap(), Some(value(9)));
    }
}

/// Damages every page in turn, in several ways. Whatever redb makes of it, a reader gets the value that was
/// written, or an error, or nothing; the store can be written to or refuses, and can be closed.
#[test]
fn no_damage_of_a_page_gives_a_wrong_value_or_a_panic() {
    const PAGE: usize = 4096;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make(&path, true);
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    // The first page is the header, which opening looks at.
    for page in (PAGE..whole.len()).step_by(PAGE) {
        if whole[page..page + PAGE].iter().all(|byte| *byte == 0) {
            continue;
        }
        for (offset, flip) in [(0, 3), (2, 0xff), (9, 0xff), (30, 0x10)] {
            let mut damaged = whole.clone();
            damaged[page + offset] ^= flip;
            refused += usize::from(use_damaged(Kind::Tree, &damaged, page, offset));
        }
        let mut damaged = whole.clone();
        damaged[page..page + PAGE].fill(0xff);
        refused += usize::from(use_damaged(Kind::Tree, &damaged, page, PAGE));
    }
    assert!(refused > 0);
}

/// Reads and writes all of a damaged store; whether anything was refused.
fn use_damaged(kind: Kind, image: &[u8], page: usize, offset: usize) -> bool {
    let store = match kind.open(disk_with(image).backend(), small()) {
        Err(_) if kind == Kind::Tree => return true,
        // Heads, lists and roots are there twice.
        opened => opened.unwrap_or_else(|error| panic!("{error}, {page} {offset}")),
    };
    let mut refused = false;
    let snapshot = store.snapshot();
    for number in 0..KEYS {
        match snapshot.get(&key(number)) {
            Ok(None) => assert_eq!(kind, Kind::Tree, "{number} is gone, {page}"),
            Ok(Some(found)) => assert_eq!(found, value(number), "{page} {offset}"),
            Err(error) => {
                assert!(matches!(error, StateError::Damaged { .. }), "{error}");
                refused = true;
            }
        }
    }
    let mut visit = |found: &[u8], stored: &[u8]| {
        let text = std::str::from_utf8(found).unwrap();
        let number = text.strip_prefix("key ").unwrap().parse().unwrap();
        assert_eq!(stored, value(number), "{page} {offset}");
        ControlFlow::Continue(())
    };
    for direction in [Direction::Forward, Direction::Backward] {
        let all = (Bound::Unbounded, Bound::Unbounded);
        refused |= snapshot.scan(all.0, all.1, direction, &mut visit).is_err();
    }
    drop(snapshot);
    if !refused && kind == Kind::Tree {
        // Pages of redb's own; damage there can end the process in a checkpoint, as docs/adr/0013 says.
        return false;
    }
    let written = store.apply(filled(), 8).and_then(|()| store.checkpoint());
    if let Err(error) = written {
        assert!(store.apply(filled(), 9).is_err(), "after {error}");
    } else if kind == Kind::Runs {
        // What was written over is whole again, in memory and on the disk.
        for number in 0..KEYS {
            assert_eq!(
                store.snapshot().get(&key(number)).unwrap(),
                Some(value(number))
            );
        }
    }
    refused
}

fn make_runs(path: &Path) {
    let store = RunStore::open_file(path, StateOptions::default()).unwrap();
    store.apply(filled(), 7).unwrap();
}

#[test]
fn a_flipped_bit_in_a_run_is_an_error_for_the_readers_of_its_block_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make_runs(&path);
    flip_value(&path, 123);
    let store = RunStore::open_file(&path, small()).unwrap();
    let snapshot = store.snapshot();
    let error = snapshot.get(&key(123)).unwrap_err();
    assert_eq!(error.remedy(), Remedy::Rebuild);
    assert!(!error.to_string().contains("00123"), "{error}");
    let is_lost = |number: &u32| match snapshot.get(&key(*number)) {
        Ok(found) => {
            assert_eq!(found, Some(value(*number)));
            false
        }
        Err(_) => true,
    };
    let lost: Vec<u32> = (0..KEYS).filter(is_lost).collect();
    assert!(lost.contains(&123) && lost.len() < 40, "{lost:?}");

    // A scan tells of it wherever it meets the block, and one that checks goes on behind it.
    for direction in [Direction::Forward, Direction::Backward] {
        let mut seen = 0;
        let (from, to) = (key(0), key(KEYS));
        let scan = snapshot.scan(
            Bound::Included(&from),
            Bound::Excluded(&to),
            direction,
            &mut |_, _| {
                seen += 1;
                ControlFlow::Continue(())
            },
        );
        assert!(matches!(scan, Err(StateError::Damaged { .. })));
        let (first, last) = (lost[0], lost[lost.len() - 1]);
        let expected = match direction {
            Direction::Forward => first,
            Direction::Backward => KEYS - 1 - last,
        };
        assert_eq!(seen, expected, "up to the damage");
        let (mut whole, mut damaged) = (0, Vec::new());
        let all = (Bound::Unbounded, Bound::Unbounded);
        snapshot
            .scan_checked(all.0, all.1, direction, &mut |key, value| {
                match value {
                    Ok(_) => whole += 1,
                    Err(_) => damaged.push(key.to_vec()),
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(whole, KEYS as usize - lost.len());
        assert_eq!(damaged.len(), 1);
        // It is told before anything that the block may have.
        let place = damaged[0].as_slice();
        match direction {
            Direction::Forward => assert!(*key(first - 1) < *place && *place <= *key(first)),
            Direction::Backward => assert!(*key(last) < *place && *place <= *key(last + 1)),
        }
    }
    // Ranges in the block are errors, from either end; those beside it are not.
    let (first, last) = (lost[0], lost[lost.len() - 1]);
    for (from, to, is_lost) in [
        (first, last, true),
        (lost[1], KEYS, true),
        (0, lost[1], true),
        (last + 1, KEYS, false),
        (0, first - 1, false),
    ] {
        let (from, to) = (key(from), key(to));
        for direction in [Direction::Forward, Direction::Backward] {
            let bounds = (Bound::Included(&*from), Bound::Included(&*to));
            let all = &mut |_: &[u8], _: &[u8]| ControlFlow::Continue(());
            let scan = snapshot.scan(bounds.0, bounds.1, direction, all);
            assert_eq!(scan.is_err(), is_lost, "{from:?} {to:?} {direction:?}");
        }
    }
}

/// A store with a run of values of many keys, for a newer run to supersede.
fn open_with_older_run(path: &Path) -> RunStore {
    let store = RunStore::open_file(path, StateOptions::default()).unwrap();
    let mut older = Batch::new();
    for number in 0..20 * KEYS {
        older.put(key(number), bytes("superseded"));
    }
    store.apply(older, 6).unwrap();
    store.checkpoint().unwrap();
    store
}

/// Going backward, damage is told at the key that its block ends before: another source may have that key, and a range that
/// begins there has nothing of the block.
#[test]
fn a_key_where_a_damaged_block_ends_is_told_going_backward() {
    let folder = tempfile::tempdir().unwrap();
    for in_run in [false, true] {
        let path = folder.path().join(format!("state-{in_run}"));
        let store = RunStore::open_file(&path, StateOptions::default()).unwrap();
        // Each has a block of its own, and "kind b" divides them.
        let values = [vec![b'a'; 3_000], vec![b'c'; 3_000]];
        let mut older = Batch::new();
        older.put(bytes("kind a"), values[0].clone().into());
        older.put(bytes("kind b1"), values[1].clone().into());
        store.apply(older, 1).unwrap();
        drop(store);
        let mut file = std::fs::read(&path).unwrap();
        let mut stands = file.windows(3_000);
        let at = stands.position(|window| window == values[0]).unwrap();
        file[at] ^= 1;
        std::fs::write(&path, file).unwrap();
        let store = RunStore::open_file(&path, StateOptions::default()).unwrap();
        let mut newer = Batch::new();
        newer.put(bytes("kind b"), bytes("newer"));
        store.apply(newer, 2).unwrap();
        if in_run {
            store.checkpoint().unwrap();
        }
        let seen_from = |from: Bound<&[u8]>| {
            let (mut seen, to) = (Vec::new(), Bound::Unbounded);
            let snapshot = store.snapshot();
            let scan = snapshot.scan(from, to, Direction::Backward, &mut |key, _| {
                seen.push(String::from_utf8(key.to_vec()).unwrap());
                ControlFlow::Continue(())
            });
            (seen, scan.is_ok())
        };
        let both = vec!["kind b1".to_owned(), "kind b".to_owned()];
        let inside = seen_from(Bound::Included(b"kind b"));
        assert_eq!(inside, (both.clone(), true));
        let behind = seen_from(Bound::Excluded(b"kind b"));
        assert_eq!(behind, (both[..1].to_vec(), true));
        let all = seen_from(Bound::Included(b"kind a"));
        assert_eq!(all, (both, false), "up to the damage");
    }
}

/// A damaged block hides what older runs have below it: nothing of them is told in its place.
#[test]
fn what_a_damaged_block_supersedes_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let store = open_with_older_run(&path);
    store.apply(filled(), 7).unwrap();
    drop(store);
    flip_value(&path, 123);
    let store = RunStore::open_file(&path, small()).unwrap();
    let snapshot = store.snapshot();
    let lost: Vec<u32> = (0..KEYS)
        .filter(|number| match snapshot.get(&key(*number)) {
            Ok(found) => {
                assert_eq!(found, Some(value(*number)));
                false
            }
            Err(_) => true,
        })
        .collect();
    assert!(lost.contains(&123));
    for direction in [Direction::Forward, Direction::Backward] {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let scan = snapshot.scan(all.0, all.1, direction, &mut |found, stored| {
            let number: u32 = std::str::from_utf8(&found[4..]).unwrap().parse().unwrap();
            match number < KEYS {
                true => assert_eq!(stored, value(number), "{number} {direction:?}"),
                false => assert_eq!(stored, b"superseded"),
            }
            ControlFlow::Continue(())
        });
        assert!(scan.is_err());
    }
}

/// The same for a run of one block, in ranges that end beside it, in it, or have one key.
#[test]
fn what_the_only_block_of_a_run_supersedes_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let store = open_with_older_run(&path);
    let mut newer = Batch::new();
    for number in 100..105 {
        newer.put(key(number), value(number));
    }
    newer.delete(key(105));
    store.apply(newer, 7).unwrap();
    drop(store);
    flip_value(&path, 102);
    let store = RunStore::open_file(&path, small()).unwrap();
    let snapshot = store.snapshot();
    for direction in [Direction::Forward, Direction::Backward] {
        for (from, to) in [(50, 200), (100, 105), (102, 102), (104, 300), (20, 100)] {
            let (from, to) = (key(from), key(to));
            let bounds = (Bound::Included(&*from), Bound::Included(&*to));
            let scan = snapshot.scan(bounds.0, bounds.1, direction, &mut |found, _| {
                let number: u32 = std::str::from_utf8(&found[4..]).unwrap().parse().unwrap();
                assert!(!(100..=105).contains(&number), "{number} {direction:?}");
                ControlFlow::Continue(())
            });
            assert!(scan.is_err(), "{from:?} {to:?} {direction:?}");
        }
        let (from, to) = (key(106), key(130));
        let bounds = (Bound::Included(&*from), Bound::Excluded(&*to));
        let mut seen = 0;
        snapshot
            .scan(bounds.0, bounds.1, direction, &mut |_, _| {
                seen += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, 24);
    }
}

/// Flips bits all over a file of runs. It opens, and a reader gets the value that was written, or an error; what is
/// written over is there.
#[test]
fn no_damage_of_a_file_of_runs_gives_a_wrong_value_or_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make_runs(&path);
    let whole = std::fs::read(&path).unwrap();
    let (mut refused, mut harmless) = (0, 0);
    for at in (0..whole.len()).step_by(61) {
        if whole[at] == 0 && at % 7 > 0 {
            continue;
        }
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        match use_damaged(Kind::Runs, &damaged, at, 0) {
            true => refused += 1,
            false => harmless += 1,
        }
    }
    assert!(refused > 100, "{refused} refused, {harmless} harmless");
    // Heads are there twice.
    for at in (0..16384).step_by(13) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        let store = RunStore::open(disk_with(&damaged).backend(), small()).unwrap();
        assert_eq!(
            (store.position(), content(&store).len()),
            (7, KEYS as usize),
            "{at}"
        );
    }
}

/// A disk that gives back other bytes for a whole block of its own: nothing that is needed to open lies in one alone.
#[test]
fn any_bad_block_of_a_disk_leaves_the_store_open_to_be_used() {
    const DISK_BLOCK: usize = 4096;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make_runs(&path);
    for position in 8..12 {
        // Runs, a list of some, and roots of different lengths.
        let store = RunStore::open_file(&path, StateOptions::default()).unwrap();
        store.apply(filled(), position).unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for start in (0..whole.len()).step_by(DISK_BLOCK) {
        let mut damaged = whole.clone();
        let block = &mut damaged[start..start + DISK_BLOCK];
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        block.iter_mut().for_each(|byte| *byte ^= 0x5a);
        refused += usize::from(use_damaged(Kind::Runs, &damaged, start, 0));
    }
    assert!(refused > 10, "{refused} blocks with values");
}

#[test]
fn what_was_read_from_a_copy_is_found_by_whoever_looks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make_runs(&path);
    let verifying = StateOptions {
        verify: true,
        ..small()
    };
    drop(RunStore::open_file(&path, verifying.clone()).unwrap());
    let whole = std::fs::read(&path).unwrap();
    let mut chunks = BTreeSet::new();
    for at in (CHUNK_BYTES..whole.len()).step_by(24) {
        if whole[at] == 0 {
            continue;
        }
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        let opened = RunStore::open(disk_with(&damaged).backend(), small()).unwrap();
        let is_harmless = !reads_fail(&opened);
        drop(opened);
        let opened = RunStore::open(disk_with(&damaged).backend(), verifying.clone());
        if let Err(error) = opened {
            assert!(matches!(error, StateError::Damaged { .. }), "{error}");
            if is_harmless && error.to_string().contains("a list of runs or of blocks") {
                chunks.insert(at / CHUNK_BYTES);
            }
        }
    }
    assert_eq!(
        chunks.len(),
        2,
        "that of the list of runs, that of the root of one"
    );
}

fn reads_fail(store: &RunStore) -> bool {
    let snapshot = store.snapshot();
    (0..KEYS).any(|number| snapshot.get(&key(number)).is_err())
}

/// It was taken for a tree that was never finished being created, and made one.
#[test]
fn runs_whose_heads_read_as_zeros_are_damaged_and_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    for options in [small(), crate::support::small_encrypted()] {
        let store = headwater_state::open_file(&path, options.clone()).unwrap();
        store.apply(filled(), 7).unwrap();
        drop(store);
        let mut file = std::fs::read(&path).unwrap();
        file[..CHUNK_BYTES].fill(0);
        assert!(file.len() > CHUNK_BYTES && file.len() < 2 << 20);
        std::fs::write(&path, &file).unwrap();
        let refused = headwater_state::open_file(&path, options).err().unwrap();
        assert!(matches!(refused, StateError::Damaged { .. }), "{refused}");
        assert!(std::fs::read(&path).unwrap() == file);
        std::fs::remove_file(&path).unwrap();
    }
    // As a crash left a tree while it was made.
    std::fs::write(&path, vec![0; 1 << 20]).unwrap();
    let store = headwater_state::open_file(&path, small()).unwrap();
    assert_eq!((store.format(), store.position()), (2, 0));
}

#[test]
fn a_head_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make_runs(&path);
    let mut file = std::fs::read(&path).unwrap();
    for head in file[..16384].chunks_mut(4096) {
        head[8] = 4;
        let sum = xxhash_rust::xxh3::xxh3_64(&head[..4088]);
        head[4088..].copy_from_slice(&sum.to_le_bytes());
    }
    std::fs::write(&path, file).unwrap();
    let error = RunStore::open_file(&path, small()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the file state has format 4, this version of Headwater reads formats up to 3; use the version that wrote it, or a later one"
    );
}

#[test]
fn runs_belong_to_the_store_that_claimed_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    make_runs(&path);
    let store = RunStore::open_file(&path, small()).unwrap();
    assert_eq!(store.format(), 3);
    store.check_owner([8; 16]).unwrap();
    store.claim([7; 16]).unwrap();
    store.claim([7; 16]).unwrap();
    assert!(store.check_owner([8; 16]).is_err());
    assert_eq!(store.position(), 7);
    drop(store);
    let store = RunStore::open_file(&path, small()).unwrap();
    let error = store.claim([8; 16]).unwrap_err();
    assert_eq!(error.remedy(), Remedy::FindTheFile);
    assert_eq!(store.snapshot().get(&key(9)).unwrap(), Some(value(9)));
}

/// Whichever is there is opened, and a new one is made of runs.
#[test]
fn a_file_is_opened_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for encrypted in [false, true] {
        let options = match encrypted {
            true => crate::support::small_encrypted(),
            false => small(),
        };
        for (name, kind, format) in [("tree", Kind::Tree, 2), ("runs", Kind::Runs, 3)] {
            let path = folder.path().join(format!("{name}-{encrypted}"));
            let store = kind.open_file(&path, options.clone()).unwrap();
            store.apply(filled(), 7).unwrap();
            drop(store);
            for _ in 0..2 {
                let store = headwater_state::open_file(&path, options.clone()).unwrap();
                assert_eq!((store.format(), store.position()), (format, 7));
                assert_eq!(content(&*store).len(), KEYS as usize);
            }
        }
        let path = folder.path().join(format!("new-{encrypted}"));
        let store = headwater_state::open_file(&path, options).unwrap();
        assert_eq!((store.format(), store.position()), (3, 0));
    }
}
