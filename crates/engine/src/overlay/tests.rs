//! The overlay beside a model that forgets nothing, with readers whose snapshots of the state are old.

use std::collections::HashMap;

use headwater_model::SeededRng;

use super::*;

const KEYS: u64 = 9;

/// A key and all that ever happened to it; a model of log and state.
#[derive(Default)]
struct Model {
    /// Changes in order: key, value.
    changes: Vec<(Vec<u8>, Option<Bytes>)>,
    durable: usize,
    applied: usize,
}

impl Model {
    /// The value of a key after the first `count` changes.
    fn value_at(&self, key: &[u8], count: usize) -> Option<Bytes> {
        let mut changes = self.changes[..count].iter().rev();
        changes.find(|(changed, _)| changed == key)?.1.clone()
    }

    /// Whether a change of a key has not been applied yet.
    fn has_pending(&self, key: &[u8]) -> bool {
        self.changes[self.applied..]
            .iter()
            .any(|(changed, _)| changed == key)
    }
}

/// A reader between its snapshot and what it does with it.
struct SlowReader {
    key: Vec<u8>,
    position: usize,
    value: Option<Bytes>,
}

fn key(number: u64) -> Vec<u8> {
    // The table's number, then a hash whose top bits choose the stripe: three stripes.
    let mut key = vec![0, 0, 0, 1, (number % 3) as u8 * 80];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

#[test]
fn readers_and_writers_see_the_newest_value_whatever_is_cached() {
    for seed in 0..60 {
        // From no room at all to room for everything.
        run(seed, [0, 500, 1_500, 100_000][seed as usize % 4]);
    }
}

fn run(seed: u64, stripe_cache_bytes: usize) {
    let rng = SeededRng::new(seed);
    let overlay = Overlay::new(usize::MAX, stripe_cache_bytes * STRIPES, Sequence(0));
    let mut model = Model::default();
    let mut slow: Vec<SlowReader> = Vec::new();
    let mut hits = 0;
    for _ in 0..3_000 {
        let key = key(rng.below(KEYS));
        match rng.below(10) {
            0..=2 => write(&overlay, &mut model, key, &rng),
            3 => {
                model.durable +=
                    rng.below((model.changes.len() - model.durable) as u64 + 1) as usize
            }
            4 => apply(&overlay, &mut model, &rng),
            5 => {
                let position = model.applied;
                let value = model.value_at(&key, position);
                slow.push(SlowReader {
                    key,
                    position,
                    value,
                });
            }
            6 if !slow.is_empty() => {
                let reader = slow.swap_remove(rng.below(slow.len() as u64) as usize);
                overlay.remember(&reader.key, Sequence(reader.position as u64), reader.value);
            }
            7 => {
                let newest = match overlay.newest(&key) {
                    Found::Value(_, value) => value,
                    Found::Unknown => {
                        assert!(!model.has_pending(&key));
                        model.value_at(&key, model.applied)
                    }
                };
                assert_eq!(
                    newest,
                    model.value_at(&key, model.changes.len()),
                    "seed {seed}"
                );
            }
            _ => {
                let durable = Sequence(model.durable as u64);
                let value = match overlay.newest_durable(&key, || durable) {
                    Found::Value(sequence, value) => {
                        hits += 1;
                        assert!(sequence <= durable);
                        value
                    }
                    Found::Unknown => model.value_at(&key, model.applied),
                };
                assert_eq!(value, model.value_at(&key, model.durable), "seed {seed}");
            }
        }
    }
    assert!(hits > 0);
}

fn write(overlay: &Overlay, model: &mut Model, key: Vec<u8>, rng: &SeededRng) {
    let value = match rng.below(4) {
        0 => None,
        _ => Some(Bytes::from(vec![
            rng.below(256) as u8;
            rng.below(200) as usize
        ])),
    };
    model.changes.push((key.clone(), value.clone()));
    let sequence = Sequence(model.changes.len() as u64);
    overlay.insert(key, sequence, value, Sequence(model.durable as u64));
}

/// Applies some of the durable changes: the model's state moves first, as the state does.
fn apply(overlay: &Overlay, model: &mut Model, rng: &SeededRng) {
    let before = model.applied;
    model.applied += rng.below((model.durable - before) as u64 + 1) as usize;
    let changes = model.changes[before..model.applied]
        .iter()
        .zip(before as u64 + 1..);
    let changes: Vec<AppliedKey> = changes
        .map(|((key, _), sequence)| applied(key, sequence))
        .collect();
    overlay.drop_applied(Sequence(model.applied as u64), changes.iter());
}

fn applied(key: &[u8], sequence: u64) -> AppliedKey {
    AppliedKey {
        key: Bytes::copy_from_slice(key),
        sequence: Sequence(sequence),
        is_item: true,
    }
}

#[test]
fn entries_of_indexes_are_not_kept_behind() {
    let overlay = Overlay::new(1 << 20, 1 << 20, Sequence(0));
    overlay.insert(
        key(1),
        Sequence(1),
        Some(Bytes::from_static(b"entry")),
        Sequence(0),
    );
    let change = AppliedKey {
        is_item: false,
        ..applied(&key(1), 1)
    };
    overlay.drop_applied(Sequence(1), [change].iter());
    assert_eq!(overlay.bytes(), 0);
    assert_eq!(overlay.newest(&key(1)), Found::Unknown);
}

#[test]
fn what_is_applied_leaves_the_bound_and_stays_readable() {
    let overlay = Overlay::new(1 << 20, 1 << 20, Sequence(0));
    let mut values = HashMap::new();
    for number in 0..20 {
        let value = Some(Bytes::from(vec![number as u8; 100]));
        overlay.insert(
            key(number),
            Sequence(number + 1),
            value.clone(),
            Sequence(0),
        );
        values.insert(key(number), value);
    }
    assert!(overlay.bytes() > 2_000);
    let changes: Vec<AppliedKey> = (0..20).map(|n| applied(&key(n), n + 1)).collect();
    overlay.drop_applied(Sequence(20), changes.iter());
    assert_eq!(overlay.bytes(), 0);
    for (key, value) in values {
        let Found::Value(_, found) = overlay.newest_durable(&key, || Sequence(20)) else {
            panic!("gone");
        };
        assert_eq!(found, value);
    }
    // Ranges read the state for what is applied.
    let all = overlay.range(
        Bound::Unbounded,
        Bound::Unbounded,
        || Sequence(20),
        100,
        false,
    );
    assert!(all.entries.is_empty());
}
