//! What every store promises, run against each implementation.

use crate::support::{Content, Kind, bytes, content, content_of, scan, small, small_encrypted};
use bytes::Bytes;
use headwater_state::testing::{FaultyDisk, ModelStore};
use headwater_state::{Batch, Direction, Remedy, StateError, StateStore};
use proptest::prelude::*;
use std::ops::{Bound, ControlFlow};

/// Calls each check with a fresh store.
fn contract(fresh: &dyn Fn() -> Box<dyn StateStore>) {
    starts_empty(&*fresh());
    batches_are_visible_with_their_position(&*fresh());
    snapshots_do_not_change(&*fresh());
    positions_do_not_go_back(&*fresh());
    scans_hold_their_bounds(&*fresh());
    empty_keys_values_and_batches(&*fresh());
    large_values(&*fresh());
    checkpoints_report_their_position(&*fresh());
    readers_see_whole_batches(&*fresh());
    follows_a_plain_map(fresh);
}

#[test]
fn model() {
    contract(&|| Box::new(ModelStore::new()));
}

#[test]
fn in_memory() {
    for kind in Kind::ALL {
        contract(&|| kind.in_memory(small()).unwrap());
    }
}

#[test]
fn in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for kind in Kind::ALL {
        let count = std::cell::Cell::new(0);
        contract(&|| {
            count.set(count.get() + 1);
            let path = folder.path().join(format!("{kind:?}-{}", count.get()));
            kind.open_file(&path, small()).unwrap()
        });
    }
}

#[test]
fn on_a_faulty_disk() {
    for kind in Kind::ALL {
        contract(&|| kind.open(FaultyDisk::new().backend(), small()).unwrap());
    }
}

#[test]
fn encrypted() {
    for kind in Kind::ALL {
        contract(&|| {
            kind.open(FaultyDisk::new().backend(), small_encrypted())
                .unwrap()
        });
    }
}

fn put(store: &dyn StateStore, position: u64, pairs: &[(&str, &str)]) {
    let mut batch = Batch::new();
    for (key, value) in pairs {
        batch.put(bytes(key), bytes(value));
    }
    store.apply(batch, position).unwrap();
}

fn starts_empty(store: &dyn StateStore) {
    assert_eq!(store.position(), 0);
    assert_eq!(store.durable_position(), 0);
    assert_eq!(store.snapshot().position(), 0);
    assert_eq!(store.snapshot().get(b"a").unwrap(), None);
    assert!(content(store).is_empty());
}

fn batches_are_visible_with_their_position(store: &dyn StateStore) {
    put(store, 7, &[("a", "1"), ("b", "2")]);
    let mut batch = Batch::new();
    batch.delete(bytes("a"));
    batch.put(bytes("c"), bytes("3"));
    batch.put(bytes("c"), bytes("4"));
    batch.delete(bytes("never there"));
    store.apply(batch, 9).unwrap();
    let snapshot = store.snapshot();
    assert_eq!((store.position(), snapshot.position()), (9, 9));
    assert_eq!(snapshot.get(b"a").unwrap(), None);
    assert_eq!(snapshot.get(b"b").unwrap(), Some(bytes("2")));
    assert_eq!(snapshot.get(b"c").unwrap(), Some(bytes("4")));
}

fn snapshots_do_not_change(store: &dyn StateStore) {
    put(store, 1, &[("a", "1")]);
    let before = store.snapshot();
    put(store, 2, &[("a", "2"), ("b", "2")]);
    store.checkpoint().unwrap();
    put(store, 3, &[("a", "3")]);
    assert_eq!(before.position(), 1);
    let expected = Content::from([(b"a".to_vec(), b"1".to_vec())]);
    assert_eq!(content_of(&*before), expected);
    assert_eq!(store.snapshot().get(b"a").unwrap(), Some(bytes("3")));
}

fn positions_do_not_go_back(store: &dyn StateStore) {
    put(store, 5, &[("a", "1")]);
    let error = store.apply(Batch::new(), 4).unwrap_err();
    assert!(matches!(
        error,
        StateError::OutOfOrder {
            position: 4,
            applied: 5
        }
    ));
    assert_eq!(error.remedy(), Remedy::FixTheCall);
    put(store, 5, &[("b", "same position")]);
    put(store, 6, &[("c", "and on")]);
    assert_eq!(store.position(), 6);
    assert_eq!(content(store).len(), 3);
}

fn scans_hold_their_bounds(store: &dyn StateStore) {
    put(
        store,
        1,
        &[("b", "2"), ("d", "4"), ("a", "1"), ("c", "3"), ("bb", "5")],
    );
    let snapshot = store.snapshot();
    let keys = |from, to, direction| {
        let found = scan(&*snapshot, from, to, direction);
        let keys: Vec<u8> = found
            .iter()
            .flat_map(|(key, _)| [key, &b" "[..]].concat())
            .collect();
        String::from_utf8(keys).unwrap()
    };
    use Bound::{Excluded, Included, Unbounded};
    use Direction::{Backward, Forward};
    assert_eq!(keys(Unbounded, Unbounded, Forward), "a b bb c d ");
    assert_eq!(keys(Unbounded, Unbounded, Backward), "d c bb b a ");
    assert_eq!(keys(Included(b"b"), Included(b"c"), Forward), "b bb c ");
    assert_eq!(keys(Excluded(b"b"), Excluded(b"c"), Forward), "bb ");
    assert_eq!(keys(Included(b"b"), Excluded(b"d"), Backward), "c bb b ");
    assert_eq!(keys(Excluded(b"c"), Unbounded, Forward), "d ");
    assert_eq!(keys(Included(b"bbb"), Included(b"bbb"), Forward), "");
    assert_eq!(keys(Included(b"c"), Included(b"b"), Forward), "");
    assert_eq!(keys(Excluded(b"b"), Excluded(b"b"), Forward), "");
    assert_eq!(keys(Excluded(b"b"), Included(b"b"), Backward), "");
    let mut seen = 0;
    snapshot
        .scan(Unbounded, Unbounded, Forward, &mut |_, _| {
            seen += 1;
            if seen == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(seen, 2);
}

fn empty_keys_values_and_batches(store: &dyn StateStore) {
    put(store, 1, &[("", "empty key"), ("empty value", "")]);
    store.apply(Batch::new(), 2).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(store.position(), 2);
    assert_eq!(snapshot.get(b"").unwrap(), Some(bytes("empty key")));
    assert_eq!(snapshot.get(b"empty value").unwrap(), Some(Bytes::new()));
}

fn large_values(store: &dyn StateStore) {
    let large = Bytes::from(vec![7; 450 << 10]);
    let mut batch = Batch::new();
    for key in ["a", "b", "c"] {
        batch.put(bytes(key), large.clone());
    }
    store.apply(batch, 1).unwrap();
    store.checkpoint().unwrap();
    assert_eq!(store.snapshot().get(b"b").unwrap(), Some(large));
}

fn checkpoints_report_their_position(store: &dyn StateStore) {
    put(store, 3, &[("a", "1")]);
    assert_eq!(store.durable_position(), 0);
    assert_eq!(store.checkpoint().unwrap(), 3);
    put(store, 4, &[("a", "2")]);
    assert_eq!((store.durable_position(), store.position()), (3, 4));
    assert_eq!(store.checkpoint().unwrap(), 4);
    assert_eq!(store.checkpoint().unwrap(), 4);
    assert_eq!(store.durable_position(), 4);
}

/// Each batch writes its position under two distant keys: a reader must find the same one under
/// both, and as the snapshot's position.
fn readers_see_whole_batches(store: &dyn StateStore) {
    let number = |value: Option<Bytes>| {
        value.map_or(0, |v| u64::from_be_bytes(v.as_ref().try_into().unwrap()))
    };
    let last = 60;
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let snapshot = store.snapshot();
                        let first = number(snapshot.get(b"a").unwrap());
                        assert_eq!(first, number(snapshot.get(b"z").unwrap()));
                        assert_eq!(first, snapshot.position());
                        if first == last {
                            return;
                        }
                    }
                })
            })
            .collect();
        for position in 1..=last {
            let mut batch = Batch::new();
            let value = Bytes::copy_from_slice(&position.to_be_bytes());
            batch.put(bytes("z"), value.clone());
            batch.put(bytes(&format!("k{position}")), Bytes::from(vec![1; 3000]));
            batch.put(bytes("a"), value);
            store.apply(batch, position).unwrap();
            if position % 16 == 0 {
                store.checkpoint().unwrap();
            }
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

fn follows_a_plain_map(fresh: &dyn Fn() -> Box<dyn StateStore>) {
    let key = prop::collection::vec(prop::sample::select(b"\x00ab\xff".to_vec()), 0..4);
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..600));
    let batch = prop::collection::vec((key.clone(), value), 0..40);
    let steps = prop::collection::vec((batch, any::<bool>()), 1..12);
    let config = ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps, from in key.clone(), to in key)| {
        let store = fresh();
        let mut model = Content::new();
        for (at, (operations, checkpoint)) in steps.into_iter().enumerate() {
            let mut batch = Batch::new();
            for (key, value) in operations {
                match value.clone() {
                    Some(value) => batch.put(key.clone().into(), value.into()),
                    None => batch.delete(key.clone().into()),
                }
                match value {
                    Some(value) => model.insert(key, value),
                    None => model.remove(&key),
                };
            }
            store.apply(batch, at as u64 + 1).unwrap();
            if checkpoint {
                store.checkpoint().unwrap();
            }
            prop_assert_eq!(&content(&*store), &model);
        }
        if from <= to {
            let bounds = (Bound::Included(from.as_slice()), Bound::Included(to.as_slice()));
            let mut expected: Vec<_> = model
                .range::<[u8], _>(bounds)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let snapshot = store.snapshot();
            prop_assert_eq!(&scan(&*snapshot, bounds.0, bounds.1, Direction::Forward), &expected);
            expected.reverse();
            prop_assert_eq!(scan(&*snapshot, bounds.0, bounds.1, Direction::Backward), expected);
        }
    });
}
