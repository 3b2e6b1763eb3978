//! What the checksums of values cost: the same gets, scans and batches on a store with and one without them,
//! taking turns. `cargo run --release -p headwater-state --example checksums -- [ITEM_BYTES]`.

use std::ops::{Bound, ControlFlow};
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_state::{Batch, Direction, RedbStore, StateError, StateOptions, StateStore};

const KEYS: u64 = 100_000;
const BATCH: u64 = 2_000;
const ROUNDS: u64 = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let item_bytes: usize = std::env::args().nth(1).map_or(Ok(300), |n| n.parse())?;
    let plain = store(false, item_bytes)?;
    let checked = store(true, item_bytes)?;
    let mut times = [[Duration::MAX; 3]; 2];
    for round in 1..=ROUNDS {
        for (store, best) in [&plain, &checked].into_iter().zip(&mut times) {
            for (run, best) in [gets, scans].into_iter().zip(&mut best[..2]) {
                *best = run(store)?.min(*best);
            }
            best[2] = applies(store, round, item_bytes)?.min(best[2]);
        }
    }
    println!("{item_bytes} bytes per item, nanoseconds per item, the best of {ROUNDS} rounds");
    for (name, at) in [("get", 0), ("scan", 1), ("apply", 2)] {
        let [without, with] = times.map(|times| times[at].as_nanos() as f64 / KEYS as f64);
        let more = (with / without - 1.0) * 100.0;
        println!("{name:6} without {without:7.0}   with {with:7.0}   {more:+5.1} %");
    }
    Ok(())
}

fn store(checksums: bool, item_bytes: usize) -> Result<RedbStore, StateError> {
    let options = StateOptions {
        cache_bytes: 512 << 20,
        checksums,
        ..StateOptions::default()
    };
    let store = RedbStore::in_memory(options)?;
    applies(&store, 0, item_bytes)?;
    Ok(store)
}

/// Scattered, as hashes of partitions are.
fn key(number: u64) -> [u8; 20] {
    let mut key = [7; 20];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key
}

fn gets(store: &RedbStore) -> Result<Duration, StateError> {
    let begun = Instant::now();
    let snapshot = store.snapshot();
    for number in 0..KEYS {
        std::hint::black_box(snapshot.get(&key(number))?);
    }
    Ok(begun.elapsed())
}

fn scans(store: &RedbStore) -> Result<Duration, StateError> {
    let begun = Instant::now();
    let all = (Bound::Unbounded, Bound::Unbounded);
    let snapshot = store.snapshot();
    snapshot.scan(all.0, all.1, Direction::Forward, &mut |_, value| {
        std::hint::black_box(value);
        ControlFlow::Continue(())
    })?;
    Ok(begun.elapsed())
}

fn applies(store: &RedbStore, round: u64, item_bytes: usize) -> Result<Duration, StateError> {
    let begun = Instant::now();
    for first in (0..KEYS).step_by(BATCH as usize) {
        let mut batch = Batch::new();
        for number in first..first + BATCH {
            let value = vec![round as u8; item_bytes];
            batch.put(Bytes::copy_from_slice(&key(number)), Bytes::from(value));
        }
        store.apply(batch, round * KEYS + first)?;
    }
    Ok(begun.elapsed())
}
