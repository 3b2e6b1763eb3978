//! Runs of many sections, with keys that begin alike, against a plain map.

use crate::support::{Content, small, small_encrypted};
use bytes::Bytes;
use headwater_state::testing::FaultyDisk;
use headwater_state::{Batch, Direction, RunStore, Snapshot, StateOptions, StateStore};
use std::ops::{Bound, ControlFlow};

/// A generator of numbers (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// A key of one of several forms: whole prefixes, long common beginnings, zeros at the end, one byte.
    fn key(&mut self) -> Vec<u8> {
        let number = self.below(9_000);
        match self.below(6) {
            0 => number.to_be_bytes().to_vec(),
            1 => [
                &b"a very long beginning that all of these have "[..],
                &number.to_be_bytes(),
            ]
            .concat(),
            2 => format!("table/{}/{}", number % 7, number).into_bytes(),
            3 => [
                &(number as u32 % 500).to_be_bytes()[..],
                &[0; 9][..number as usize % 10],
            ]
            .concat(),
            4 => vec![b'z'; number as usize % 300],
            _ => vec![number as u8],
        }
    }
}

fn check(snapshot: &dyn Snapshot, model: &Content, numbers: &mut Numbers) {
    for _ in 0..1_500 {
        let key = numbers.key();
        let found = snapshot.get(&key).unwrap();
        assert_eq!(found.as_deref(), model.get(&key).map(Vec::as_slice));
    }
    for _ in 0..150 {
        let (mut from, mut to) = (numbers.key(), numbers.key());
        if from > to {
            std::mem::swap(&mut from, &mut to);
        }
        let bound = |key, kind| match kind {
            0 => Bound::Included(key),
            1 => Bound::Excluded(key),
            _ => Bound::Unbounded,
        };
        let range = (
            bound(&from[..], numbers.below(3)),
            bound(&to[..], numbers.below(3)),
        );
        if from == to && matches!(range, (Bound::Excluded(_), Bound::Excluded(_))) {
            continue;
        }
        let most = numbers.below(40) as usize + 1;
        let inside = || model.range::<[u8], _>(range);
        for direction in [Direction::Forward, Direction::Backward] {
            let expected: Vec<_> = match direction {
                Direction::Forward => inside().take(most).collect(),
                Direction::Backward => inside().rev().take(most).collect(),
            };
            let mut seen = 0;
            snapshot
                .scan(range.0, range.1, direction, &mut |key, value| {
                    assert_eq!((key, value), (&expected[seen].0[..], &expected[seen].1[..]));
                    seen += 1;
                    match seen < most {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                })
                .unwrap();
            assert_eq!(seen, expected.len(), "{range:?} {direction:?}");
        }
    }
}

fn run(seed: u64, options: &StateOptions) {
    let mut numbers = Numbers(seed);
    let disk = FaultyDisk::new();
    let mut store = RunStore::open(disk.backend(), options.clone()).unwrap();
    let mut model = Content::new();
    for position in 1..=30 {
        let mut batch = Batch::new();
        for _ in 0..700 {
            let key = numbers.key();
            if numbers.below(4) == 0 {
                model.remove(&key);
                batch.delete(key.into());
                continue;
            }
            let mut value = vec![position as u8; numbers.below(400) as usize];
            // Now and then one that needs a block of its own.
            if numbers.below(300) == 0 {
                value.resize(40_000, 7);
            }
            model.insert(key.clone(), value.clone());
            batch.put(Bytes::from(key), Bytes::from(value));
        }
        store.apply(batch, position).unwrap();
        match numbers.below(5) {
            0 => {
                store.checkpoint().unwrap();
            }
            1 => {
                drop(store);
                store = RunStore::open(disk.backend(), options.clone()).unwrap();
            }
            _ => {}
        }
        check(&*store.snapshot(), &model, &mut numbers);
    }
    drop(store);
    let checked = StateOptions {
        verify: true,
        ..options.clone()
    };
    let store = RunStore::open(disk.backend(), checked).unwrap();
    check(&*store.snapshot(), &model, &mut numbers);
}

#[test]
fn runs_of_many_sections_hold_what_was_put() {
    for seed in 0..2 {
        // Written from memory in one piece, and in many.
        run(
            seed,
            &StateOptions {
                cache_bytes: 64 << 20,
                ..small()
            },
        );
        run(seed, &small());
    }
    run(7, &small_encrypted());
}
