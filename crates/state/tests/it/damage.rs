//! Damage under a store that is open: an error for whoever needs what is damaged, never another value, never
//! a panic. And files of each format, and of other stores.

use crate::support::{bytes, small};
use bytes::Bytes;
use headwater_state::{Batch, Direction, RedbStore, Remedy, StateError, StateOptions, StateStore};
use std::ops::{Bound, ControlFlow};
use std::path::Path;

const KEYS: u32 = 400;
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
            std::fs::write(&path, &damaged).unwrap();
            refused += usize::from(use_damaged(&path, page, offset));
        }
        let mut damaged = whole.clone();
        damaged[page..page + PAGE].fill(0xff);
        std::fs::write(&path, &damaged).unwrap();
        refused += usize::from(use_damaged(&path, page, PAGE));
    }
    assert!(refused > 0);
}

/// Reads and writes all of a damaged store; whether anything was refused.
fn use_damaged(path: &Path, page: usize, offset: usize) -> bool {
    let Ok(store) = RedbStore::open_file(path, small()) else {
        return true;
    };
    let mut refused = false;
    let snapshot = store.snapshot();
    for number in 0..KEYS {
        match snapshot.get(&key(number)) {
            Ok(None) => {}
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
    if !refused {
        // Pages of redb's own; damage there can end the process in a checkpoint, as docs/adr/0013 says.
        return false;
    }
    let written = store.apply(filled(), 8).and_then(|()| store.checkpoint());
    if let Err(error) = written {
        assert!(store.apply(filled(), 9).is_err(), "after {error}");
    }
    true
}
