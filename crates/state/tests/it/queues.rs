//! What is deleted at the front of a range again and again, as in a queue, at its end, as in a stack, or within it.

use crate::support::{Content, content, small};
use bytes::Bytes;
use headwater_state::{Batch, Direction, RunStore, Snapshot, StateOptions, StateStore};
use proptest::prelude::*;
use std::ops::{Bound, ControlFlow};

const KEYS: u32 = 6_000;

fn key(number: u32) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

/// The first keys of a range.
fn first(snapshot: &dyn Snapshot, from: Bound<&[u8]>, most: usize) -> Vec<Vec<u8>> {
    some(snapshot, (from, Bound::Unbounded), Direction::Forward, most)
}

/// Its last ones, backward.
fn last(snapshot: &dyn Snapshot, to: Bound<&[u8]>, most: usize) -> Vec<Vec<u8>> {
    some(snapshot, (Bound::Unbounded, to), Direction::Backward, most)
}

fn some(
    snapshot: &dyn Snapshot,
    (from, to): (Bound<&[u8]>, Bound<&[u8]>),
    direction: Direction,
    most: usize,
) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    snapshot
        .scan(from, to, direction, &mut |key, _| {
            keys.push(key.to_vec());
            match keys.len() < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })
        .unwrap();
    keys
}

/// All keys, by scans that each pass so many deleted ones; and how many scans that took.
fn by_parts(
    snapshot: &dyn Snapshot,
    direction: Direction,
    deleted_max: usize,
) -> (Vec<Vec<u8>>, usize) {
    let (mut keys, mut scans) = (Vec::new(), 0);
    let mut passed: Option<Vec<u8>> = None;
    loop {
        let edge = passed.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let (from, to) = match direction {
            Direction::Forward => (edge, Bound::Unbounded),
            Direction::Backward => (Bound::Unbounded, edge),
        };
        let mut visit = |key: &[u8], _: &[u8]| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        };
        let scanned = snapshot.scan_within(from, to, direction, deleted_max, &mut visit);
        passed = scanned.unwrap();
        scans += 1;
        if passed.is_none() {
            return (keys, scans);
        }
    }
}

fn filled() -> (RunStore, Content) {
    let store = RunStore::in_memory(small()).unwrap();
    let mut batch = Batch::new();
    let mut model = Content::new();
    for number in 0..KEYS {
        batch.put(key(number), key(number));
        model.insert(key(number).to_vec(), key(number).to_vec());
    }
    store.apply(batch, 1).unwrap();
    (store, model)
}

#[derive(Clone, Debug)]
enum Step {
    /// The first so many keys go.
    Take(usize),
    /// The last so many.
    TakeLast(usize),
    /// So many behind a key.
    TakeFrom(u32, usize),
    /// A key comes, often among those that went.
    Put(u32),
    Look(u32, bool),
    LookBack(u32, bool),
    Parts(usize),
    Checkpoint,
    /// A snapshot is held from here on.
    Hold,
}

fn step() -> impl Strategy<Value = Step> {
    let key = prop_oneof![0..KEYS, 0..1_000_u32];
    prop_oneof![
        4 => (1_usize..2_000).prop_map(Step::Take),
        4 => (1_usize..2_000).prop_map(Step::TakeLast),
        4 => (0..KEYS, 1_usize..2_000).prop_map(|(from, most)| Step::TakeFrom(from, most)),
        2 => key.clone().prop_map(Step::Put),
        4 => (key.clone(), any::<bool>()).prop_map(|(key, inclusive)| Step::Look(key, inclusive)),
        4 => (key, any::<bool>()).prop_map(|(key, inclusive)| Step::LookBack(key, inclusive)),
        1 => (1_usize..3_000).prop_map(Step::Parts),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Hold),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_first_keys_and_the_last_are_those_of_a_plain_map(steps in prop::collection::vec(step(), 1..30)) {
        let (store, mut model) = filled();
        let mut position = 1;
        let mut held = Vec::new();
        for step in steps {
            position += 1;
            let mut batch = Batch::new();
            match step {
                Step::Take(_) | Step::TakeLast(_) | Step::TakeFrom(..) => {
                    let snapshot = store.snapshot();
                    let taken = match step {
                        Step::Take(most) => first(&*snapshot, Bound::Unbounded, most),
                        Step::TakeLast(most) => last(&*snapshot, Bound::Unbounded, most),
                        Step::TakeFrom(from, most) => first(&*snapshot, Bound::Included(&*key(from)), most),
                        _ => Vec::new(),
                    };
                    for key in taken {
                        model.remove(&key);
                        batch.delete(key.into());
                    }
                }
                Step::Parts(most) => {
                    let snapshot = store.snapshot();
                    let mut expected: Vec<_> = model.keys().cloned().collect();
                    prop_assert_eq!(&by_parts(&*snapshot, Direction::Forward, most).0, &expected);
                    expected.reverse();
                    prop_assert_eq!(&by_parts(&*snapshot, Direction::Backward, most).0, &expected);
                }
                Step::Put(number) => {
                    batch.put(key(number), key(position));
                    model.insert(key(number).to_vec(), key(position).to_vec());
                }
                Step::Look(number, inclusive) => {
                    let key = key(number);
                    let from = match inclusive {
                        true => Bound::Included(&*key),
                        false => Bound::Excluded(&*key),
                    };
                    let expected: Vec<_> = model
                        .range::<[u8], _>((from, Bound::Unbounded))
                        .take(3)
                        .map(|(key, _)| key.clone())
                        .collect();
                    prop_assert_eq!(first(&*store.snapshot(), from, 3), expected);
                }
                Step::LookBack(number, inclusive) => {
                    let key = key(number);
                    let to = match inclusive {
                        true => Bound::Included(&*key),
                        false => Bound::Excluded(&*key),
                    };
                    let expected: Vec<_> = model
                        .range::<[u8], _>((Bound::Unbounded, to))
                        .rev()
                        .take(3)
                        .map(|(key, _)| key.clone())
                        .collect();
                    prop_assert_eq!(last(&*store.snapshot(), to, 3), expected);
                }
                Step::Checkpoint => {
                    store.checkpoint().unwrap();
                }
                Step::Hold => held.push((store.snapshot(), model.clone())),
            }
            store.apply(batch, u64::from(position)).unwrap();
            let expected: Vec<_> = model.keys().take(3).cloned().collect();
            prop_assert_eq!(first(&*store.snapshot(), Bound::Unbounded, 3), expected);
            let expected: Vec<_> = model.keys().rev().take(3).cloned().collect();
            prop_assert_eq!(last(&*store.snapshot(), Bound::Unbounded, 3), expected);
        }
        prop_assert_eq!(&content(&store), &model);
        for (snapshot, model) in held {
            prop_assert_eq!(crate::support::content_of(&*snapshot), model);
        }
    }
}

/// A scan of an older snapshot notes a gap for the newest ones, too, which may show what has come since. Without a
/// look at that, the gap hid what is there.
#[test]
fn a_gap_that_an_older_snapshot_shows_hides_nothing_that_came_since() {
    const GONE: u32 = 3_000;
    let store = RunStore::in_memory(StateOptions::default()).unwrap();
    let mut position = 0;
    let mut apply = |batch| {
        position += 1;
        store.apply(batch, position).unwrap();
    };
    let one = |number: u32, is_put: bool| {
        let mut batch = Batch::new();
        match is_put {
            true => batch.put(key(number), key(number)),
            false => batch.delete(key(number)),
        }
        batch
    };
    let (mut puts, mut deletes) = (Batch::new(), Batch::new());
    (0..KEYS).for_each(|number| puts.put(key(number), key(number)));
    (0..GONE).for_each(|number| deletes.delete(key(number)));
    apply(puts);
    apply(deletes);
    let front = |snapshot: &dyn Snapshot, from: Bound<&[u8]>| first(snapshot, from, 1);
    let old = store.snapshot();
    apply(one(100, true));
    assert_eq!(front(&*old, Bound::Unbounded), [key(GONE)]);
    assert_eq!(front(&*store.snapshot(), Bound::Unbounded), [key(100)]);

    // What has come and gone since is there for those in between.
    apply(one(50, true));
    let between = store.snapshot();
    apply(one(50, false));
    let from = key(1);
    let from = Bound::Included(&*from);
    assert_eq!(front(&*old, from), [key(GONE)]);
    assert_eq!(front(&*between, from), [key(50)]);
    assert_eq!(front(&*between, Bound::Unbounded), [key(50)]);
    assert_eq!(front(&*store.snapshot(), from), [key(100)]);
    assert_eq!(front(&*store.snapshot(), Bound::Unbounded), [key(100)]);
}

/// Deleted keys between keys that are there are passed once and not again, also when others come behind them.
#[test]
fn what_is_gone_is_passed_once_in_both_directions() {
    let (store, _) = filled();
    let mut deletes = Batch::new();
    let gone = 10..10 + 5 * 1_024;
    let kept = (KEYS as usize) - gone.len();
    gone.for_each(|number| deletes.delete(key(number)));
    store.apply(deletes, 2).unwrap();
    let newer = |position: u32| {
        let mut batch = Batch::new();
        batch.put(key(KEYS + position), key(position));
        store.apply(batch, u64::from(position)).unwrap();
    };
    newer(3);
    for (direction, scans) in [(Direction::Backward, 6), (Direction::Forward, 1)] {
        let (_, took) = by_parts(&*store.snapshot(), direction, 1_000);
        assert_eq!(took, scans, "{direction:?}");
        newer(if direction == Direction::Backward {
            4
        } else {
            5
        });
        let (_, took) = by_parts(&*store.snapshot(), direction, 1_000);
        assert_eq!(took, 1, "{direction:?}");
    }
    // The same before a checkpoint and after it, and with a key among those that are gone.
    store.checkpoint().unwrap();
    let mut batch = Batch::new();
    batch.put(key(3_000), key(0));
    store.apply(batch, 6).unwrap();
    for direction in [Direction::Backward, Direction::Forward] {
        let (keys, took) = by_parts(&*store.snapshot(), direction, 1_000);
        assert_eq!((keys.len(), took), (kept + 4, 1), "{direction:?}");
    }
}

/// Two hundred times half a megabyte comes and goes.
#[test]
fn the_space_of_what_is_deleted_is_used_again() {
    let store = RunStore::in_memory(small()).unwrap();
    for position in 1..=400 {
        let mut batch = Batch::new();
        for number in 0..500 {
            match position % 2 {
                1 => batch.put(key(number), Bytes::from(vec![position as u8; 1000])),
                _ => batch.delete(key(number)),
            }
        }
        store.apply(batch, position).unwrap();
        store.checkpoint().unwrap();
    }
    assert!(content(&store).is_empty());
    let file_bytes = store.stats().file_bytes;
    assert!(file_bytes < 24 << 20, "{file_bytes} bytes");
}
