//! When batches are due and where they end.

use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::registry::LastCall;

const RULES: BatchRules = BatchRules {
    records_max: 3,
    bytes_max: 1_000,
    wait_ms: 0,
    tumbling_ms: None,
};

fn record(sequence: u64, created_ms: u64, bytes: usize) -> PendingRecord {
    PendingRecord {
        sequence: Sequence(sequence),
        created_ms,
        read_ms: 100,
        json: Bytes::from(vec![b'x'; bytes]),
    }
}

fn lane(records: impl IntoIterator<Item = u64>) -> Lane {
    let mut lane = Lane::default();
    for sequence in records {
        lane.push(record(sequence, 0, 10));
    }
    lane
}

fn reached(position: u64, now_ms: u64) -> Reached {
    Reached {
        position: Sequence(position),
        is_last: false,
        now_ms,
    }
}

fn sequences(batch: Option<Batch>) -> Vec<u64> {
    let records = batch.map(|batch| batch.records).unwrap_or_default();
    records.iter().map(|record| record.sequence.0).collect()
}

#[test]
fn without_a_window_what_is_there_is_due_at_once() {
    let mut lane = lane([1]);
    assert_eq!(lane.due(&RULES, &reached(2, 100)), Due::Now);
    assert_eq!(sequences(lane.take(&RULES)), [1]);
    assert_eq!(lane.due(&RULES, &reached(2, 100)), Due::NotYet);
}

#[test]
fn a_window_ends_with_the_time_the_count_the_bytes_or_the_shard() {
    let rules = BatchRules {
        wait_ms: 50,
        ..RULES
    };
    let mut two = lane([1, 2]);
    assert_eq!(two.due(&rules, &reached(3, 149)), Due::At(150));
    assert_eq!(two.due(&rules, &reached(3, 150)), Due::Now);
    assert_eq!(lane([1, 2, 3]).due(&rules, &reached(4, 100)), Due::Now);
    let small = BatchRules {
        bytes_max: 20,
        ..rules
    };
    assert_eq!(lane([1, 2]).due(&small, &reached(3, 100)), Due::Now);
    let ended = Reached {
        is_last: true,
        ..reached(3, 100)
    };
    assert_eq!(lane([1, 2]).due(&rules, &ended), Due::Now);
}

#[test]
fn a_record_larger_than_the_bound_is_a_batch_of_its_own() {
    let mut lane = Lane::default();
    lane.push(record(1, 0, 5_000));
    lane.push(record(2, 0, 10));
    assert_eq!(sequences(lane.take(&RULES)), [1]);
    assert_eq!(sequences(lane.take(&RULES)), [2]);
    assert_eq!(lane.bytes(), 0);
}

#[test]
fn a_batch_stays_within_its_tumbling_window() {
    let rules = BatchRules {
        tumbling_ms: Some(1_000),
        wait_ms: 10_000,
        ..RULES
    };
    let mut lane = Lane::default();
    lane.push(record(1, 1_500, 10));
    lane.push(record(2, 1_999, 10));
    assert_eq!(lane.due(&rules, &reached(3, 100)), Due::At(10_100));
    lane.push(record(3, 2_000, 10));
    assert_eq!(lane.due(&rules, &reached(4, 100)), Due::Now);
    assert_eq!(sequences(lane.take(&rules)), [1, 2]);
    assert_eq!(lane.due(&rules, &reached(4, 100)), Due::At(10_100));
}

#[test]
fn what_failed_before_is_formed_again_when_all_of_it_was_read() {
    let trial = Trial {
        first: Sequence(5),
        last: Sequence(6),
        failures: 2,
        calls: 3,
        last_call: LastCall::default(),
    };
    let mut lane = Lane::resumed(LaneCheckpoint {
        done: Sequence(3),
        trials: vec![trial],
    });
    for sequence in 1..=5 {
        lane.push(record(sequence, 0, 10));
    }
    assert_eq!(lane.due(&RULES, &reached(6, 100)), Due::Now);
    assert_eq!(
        sequences(lane.take(&RULES)),
        [3, 4],
        "done ones are left out"
    );
    assert_eq!(lane.due(&RULES, &reached(6, 100)), Due::NotYet);
    lane.push(record(6, 0, 10));
    lane.push(record(7, 0, 10));
    assert_eq!(lane.due(&RULES, &reached(8, 100)), Due::Now);
    let batch = lane.take(&RULES).unwrap();
    assert_eq!((batch.failures, batch.calls), (2, 3));
    assert_eq!(sequences(Some(batch)), [5, 6]);
    let batch = lane.take(&RULES).unwrap();
    assert_eq!((batch.failures, batch.calls), (0, 0));
}

#[test]
fn a_trial_whose_records_are_gone_is_forgotten() {
    let trial = Trial {
        first: Sequence(1),
        last: Sequence(2),
        failures: 2,
        calls: 2,
        last_call: LastCall::default(),
    };
    let mut lane = Lane::resumed(LaneCheckpoint {
        done: Sequence(1),
        trials: vec![trial],
    });
    lane.push(record(3, 0, 10));
    assert_eq!(lane.due(&RULES, &reached(4, 100)), Due::Now);
    assert_eq!(lane.take(&RULES).unwrap().failures, 0);
}

fn sizes() -> impl Strategy<Value = Vec<(usize, u64)>> {
    prop::collection::vec((1..400_usize, 0..500_u64), 1..60)
}

proptest! {
    /// Whatever the records, the batches hold all of them once, in order, within the bounds.
    #[test]
    fn batches_hold_every_record_once(
        sizes in sizes(),
        records_max in 1..10_usize,
        bytes_max in 1..1_000_usize,
        tumbles in any::<bool>(),
    ) {
        let rules = BatchRules {
            records_max,
            bytes_max,
            wait_ms: 0,
            tumbling_ms: tumbles.then_some(1_000),
        };
        let (mut lane, mut created_ms) = (Lane::default(), 0);
        for (at, (bytes, pause_ms)) in sizes.iter().enumerate() {
            created_ms += pause_ms;
            lane.push(record(at as u64 + 1, created_ms, *bytes));
        }
        let mut seen = Vec::new();
        while let Some(batch) = lane.take(&rules) {
            let bytes: usize = batch.records.iter().map(|r| r.json.len() + 1).sum();
            prop_assert!(!batch.records.is_empty() && batch.len() <= records_max);
            prop_assert!(batch.len() == 1 || bytes <= bytes_max + 1);
            let windows = batch.records.iter().map(|r| r.created_ms / 1_000);
            let windows: std::collections::BTreeSet<u64> = windows.collect();
            prop_assert!(!tumbles || windows.len() == 1);
            seen.extend(batch.records.iter().map(|r| r.sequence.0));
        }
        prop_assert_eq!(seen, (1..=sizes.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!((lane.bytes(), lane.len()), (0, 0));
    }
}

#[test]
fn a_batch_is_due_when_the_clock_is_set_back() {
    let rules = BatchRules {
        wait_ms: 50,
        ..RULES
    };
    let mut one = lane([1]);
    assert_eq!(one.due(&rules, &reached(2, 100)), Due::At(150));
    assert_eq!(one.due(&rules, &reached(2, 99)), Due::Now);
}
