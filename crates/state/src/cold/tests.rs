//! Reads of a file whose pages were pushed out of memory, as far as the system does that.

use super::*;
use crate::{Batch, RunStore, Sought, StateOptions, StateStore as _};
use std::io::Write;
use std::sync::atomic::AtomicUsize;

/// More than is read at once.
const BYTES: usize = 64 << 10;

fn file_content() -> Vec<u8> {
    (0..BYTES).map(|at| (at / 7 % 251) as u8).collect()
}

fn file() -> (File, Vec<u8>) {
    let content = file_content();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    file.sync_all().unwrap();
    (file, content)
}

/// The system may keep it in its memory nevertheless.
fn leave_memory(file: &File) {
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

fn counting() -> (Reads, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let cold = ColdReads::new(move |read| {
        counted.fetch_add(1, Ordering::Relaxed);
        read();
    });
    (Reads::new(Some(cold)), count)
}

#[test]
fn what_is_not_in_memory_is_read_by_what_was_given_and_the_rest_without() {
    let (file, content) = file();
    let file = Arc::new(file);
    let (reads, count) = counting();
    // The system may keep it in memory nevertheless; then nothing is cold.
    leave_memory(&file);
    let mut out = vec![0; 8192];
    reads.read_exact(&file, &mut out, 4096).unwrap();
    assert_eq!(out, content[4096..4096 + 8192]);
    let cold = count.load(Ordering::Relaxed);
    assert!(cold <= 1);
    reads.read_exact(&file, &mut out, 4096).unwrap();
    assert_eq!(out, content[4096..4096 + 8192]);
    assert_eq!(count.load(Ordering::Relaxed), cold, "it is in memory now");
}

#[test]
fn a_read_that_is_not_run_is_an_error_and_no_page() {
    let file = Arc::new(file().0);
    let reads = Reads::new(Some(ColdReads::new(|_| {})));
    let mut out = vec![0; 8192];
    // Its end is not in the file, so that it is never warm.
    let read = reads.read_exact(&file, &mut out, BYTES as u64 - 100);
    assert!(read.is_err());
}

#[test]
fn reading_beyond_the_end_is_the_same_error_either_way() {
    let file = Arc::new(file().0);
    let mut out = vec![0; 8192];
    for reads in [counting().0, Reads::default()] {
        let error = reads.read_exact(&file, &mut out, BYTES as u64 - 100);
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}

/// Reads that are begun are run when they are waited for. Counts those that were begun and those that kept a thread.
fn beginning(places: usize) -> (ColdReads, Arc<[AtomicUsize; 2]>) {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let (begun, run) = (counts.clone(), counts.clone());
    let reads = ColdReads::new(move |read| {
        run[1].fetch_add(1, Ordering::Relaxed);
        read();
    });
    let reads = reads.beginning_with(move |file, offset, length| {
        let file = file.clone();
        let first = begun[0].fetch_add(1, Ordering::Relaxed);
        (first < places).then(|| {
            ColdRead::new(async move { file.read_at(&mut vec![0; length], offset).is_ok() })
        })
    });
    (reads, counts)
}

/// A file of which the system has nothing in its memory, and whether it really has not.
fn cold_file(cold: ColdReads) -> (Arc<File>, Reads, bool) {
    let file = Arc::new(file().0);
    leave_memory(&file);
    let reads = Reads::new(Some(cold));
    let is_cold = reads.read_warm(&file, &mut [0], 0) == 0;
    (file, reads, is_cold)
}

#[tokio::test]
async fn a_read_is_begun_by_those_alone_who_do_not_wait() {
    let (cold, counts) = beginning(1);
    let (file, reads, is_cold) = cold_file(cold);
    let mut out = [0; 100];
    let mut look = || without_waiting(|| reads.read_exact(&file, &mut out, 5000));
    let (read, begun) = look();
    if is_cold {
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(begun.expect("it was begun").wait().await);
    }
    let (read, begun) = look();
    assert!(read.is_ok() && begun.is_none());
    assert_eq!(out, file_content()[5000..5100]);
    // Who waits does so as ever, and so does who finds no place.
    leave_memory(&file);
    reads.read_exact(&file, &mut out, 30_000).unwrap();
    assert_eq!(out, file_content()[30_000..30_100]);
    leave_memory(&file);
    let (read, begun) = without_waiting(|| reads.read_exact(&file, &mut out, 60_000));
    assert!(read.is_ok() && begun.is_none());
    assert_eq!(out, file_content()[60_000..60_100]);
    if is_cold {
        let counts = [0, 1].map(|which| counts[which].load(Ordering::Relaxed));
        assert_eq!(counts, [2, 2], "asked to begin, and run");
    }
}

#[test]
fn a_thread_waits_again_after_a_panic() {
    let (file, reads, _) = cold_file(beginning(1).0);
    let panicked = std::panic::catch_unwind(|| without_waiting(|| panic!("for the test")));
    assert!(panicked.is_err());
    assert!(reads.read_exact(&file, &mut [0; 10], 0).is_ok());
}

#[tokio::test]
async fn every_key_of_a_store_is_found_without_a_thread_that_waits() {
    const KEYS: u32 = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (cold, counts) = beginning(usize::MAX);
    let options = StateOptions {
        // Neither blocks nor filters fit.
        cache_bytes: 32 << 10,
        cold_reads: Some(cold),
        ..StateOptions::default()
    };
    let store = RunStore::open_file(&path, options).unwrap();
    let key = |number: u32| number.to_be_bytes().to_vec();
    let value = |number: u32, turn: u64| vec![(number as u64 * 7 + turn) as u8; 300];
    for turn in 1..=3 {
        let mut batch = Batch::new();
        let turns = (0..KEYS).filter(|number| u64::from(*number) % turn == 0);
        turns.for_each(|number| batch.put(key(number).into(), value(number, turn).into()));
        store.apply(batch, turn).unwrap();
        store.checkpoint().unwrap();
    }
    let file = File::open(&path).unwrap();
    leave_memory(&file);
    let is_cold = Reads::default().read_warm(&file, &mut [0], 100_000) == 0;
    let run_before = counts[1].load(Ordering::Relaxed);
    for number in (0..KEYS + 10).rev() {
        let turn = (1..=3).rev().find(|turn| u64::from(number) % turn == 0);
        let expected = turn.filter(|_| number < KEYS);
        let expected = expected.map(|turn| value(number, turn));
        let found = loop {
            match store.snapshot().seek(&key(number)).unwrap() {
                Sought::Value(found) => break found,
                Sought::Waits(read) => assert!(read.wait().await),
            }
        };
        assert_eq!(found.as_deref(), expected.as_deref(), "key {number}");
    }
    let counts = [0, 1].map(|which| counts[which].load(Ordering::Relaxed));
    assert_eq!(counts[1], run_before, "nothing kept a thread");
    assert!(counts[0] > 0 || !is_cold);
}
