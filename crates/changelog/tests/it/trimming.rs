//! Trimming many segments at once: what it costs, what a crash leaves of it, and that what is missing above the trim
//! point is noticed.

use std::sync::Barrier;

use headwater_changelog::testing::{Fault, FaultyFiles, Survives};
use headwater_changelog::{
    Entry, Log, LogError, LogOptions, LogVisitor, MemoryFiles, ReadLimit, is_segment,
};

use crate::support::{change, entries, fill, open, put, small, verify};

const TRIM_POINT: &str = "trimmed";

/// A log of many sealed segments, all of them checkpointed, and what it holds.
fn sealed() -> (FaultyFiles, Log, Vec<Entry>) {
    let files = FaultyFiles::new(11);
    let log = open(&files, options()).unwrap().0;
    let all = fill(&log, 120);
    drop(log);
    let log = open(&files, options()).unwrap().0;
    log.checkpointed(log.durable());
    (files, log, all)
}

fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 1024,
        preallocate: false,
        ..small()
    }
}

fn segment_files(files: &FaultyFiles) -> usize {
    files.sizes().keys().filter(|name| is_segment(name)).count()
}

/// Trims all but the last three sealed segments, and removes their files; gives how many went.
fn trim_most(log: &Log) -> Result<usize, LogError> {
    let segments = log.segments();
    let kept = segments[segments.len() - 4].id;
    let dropped = log.trim(&|segment| segment.id < kept)?;
    log.remove_trimmed(usize::MAX)?;
    Ok(dropped)
}

fn since_oldest(log: &Log, all: &[Entry]) -> Vec<Entry> {
    let oldest = log.oldest();
    all.iter()
        .filter(|entry| entry.first >= oldest)
        .cloned()
        .collect()
}

/// A reader of a shard whose records are trimmed at that moment gets them, or is told; it is never sent on behind them.
#[test]
fn a_shard_that_is_trimmed_while_it_is_read_is_not_found_empty() {
    let limit = ReadLimit {
        records: 10,
        bytes: 1 << 20,
    };
    for _ in 0..150 {
        let files = MemoryFiles::new();
        let log = open(&files, options()).unwrap().0;
        let first = put(&log, vec![change(9, "only", b"one")]).first;
        fill(&log, 20);
        drop(log);
        let log = open(&files, options()).unwrap().0;
        log.checkpointed(log.durable());
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                begun.wait();
                loop {
                    match log.read_shard(9, first, limit) {
                        Ok(page) => assert_eq!(page.records.len(), 1, "it was passed over"),
                        Err(LogError::Trimmed { .. }) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            begun.wait();
            assert!(log.trim(&|_| true).unwrap() > 0);
        });
    }
}

#[test]
fn any_number_of_segments_costs_one_sync() {
    let (files, log, _) = sealed();
    let operations = files.operations();
    let dropped = trim_most(&log).unwrap();
    assert!(dropped > 8, "{dropped}");
    assert_eq!(
        files.operations() - operations,
        2 + dropped as u64,
        "the new point is written and synced, then each file is removed"
    );
    let operations = files.operations();
    assert_eq!(trim_most(&log).unwrap(), 0);
    assert_eq!(files.operations(), operations, "nothing is to do");
}

#[test]
fn files_that_a_power_loss_brings_back_are_trimmed_nevertheless() {
    for survives in [Survives::Synced, Survives::SomeSectors] {
        let (files, log, all) = sealed();
        let before = segment_files(&files);
        trim_most(&log).unwrap();
        let (oldest, left) = (log.oldest(), since_oldest(&log, &all));
        let kept = segment_files(&files);
        let files = files.power_loss(survives);
        drop(log);
        if survives == Survives::Synced {
            assert_eq!(segment_files(&files), before, "no removal was synced");
        }
        let report = verify(&files, &options()).unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.trimmed_segments, segment_files(&files) - kept);
        let log = open(&files, options()).unwrap().0;
        assert_eq!((log.oldest(), entries(&log).unwrap()), (oldest, left));
        assert_eq!(log.remove_trimmed(usize::MAX).unwrap().left, 0);
        assert_eq!(segment_files(&files), log.segments().len());
    }
}

/// A file system that copies what is written needs room for the point, too.
#[test]
fn without_room_for_the_point_the_log_opens_and_removes_nothing() {
    let (files, log, all) = sealed();
    let segments = log.segments();
    assert!(log.trim(&|_| true).unwrap() > 8);
    let (oldest, left) = (log.oldest(), since_oldest(&log, &all));
    let files = files.power_loss(Survives::All);
    drop(log);
    files.inject(0, Fault::NoRoom);
    let log = open(&files, options()).unwrap().0;
    assert_eq!(
        (log.oldest(), entries(&log).unwrap()),
        (oldest, left.clone())
    );
    log.remove_trimmed(usize::MAX).unwrap();
    assert!(
        segment_files(&files) >= segments.len(),
        "nothing says yet that they may go"
    );
    drop(log);
    let log = open(&files, options()).unwrap().0;
    assert_eq!((log.oldest(), entries(&log).unwrap()), (oldest, left));
    log.remove_trimmed(usize::MAX).unwrap();
    assert_eq!(segment_files(&files), log.segments().len());
}

/// Not so if what was written of the point may be gone.
#[test]
fn without_room_to_sync_the_point_the_log_does_not_open() {
    let (files, log, all) = sealed();
    assert!(log.trim(&|_| true).unwrap() > 8);
    let (oldest, left) = (log.oldest(), since_oldest(&log, &all));
    let files = files.power_loss(Survives::All);
    drop(log);
    files.inject(1, Fault::NoRoom);
    let refused = open(&files, options()).map(|_| ());
    assert!(
        matches!(refused, Err(LogError::Io { action: "sync", .. })),
        "{refused:?}"
    );
    let log = open(&files, options()).unwrap().0;
    assert_eq!((log.oldest(), entries(&log).unwrap()), (oldest, left));
}

#[test]
fn a_crash_after_any_step_leaves_all_or_what_is_not_trimmed() {
    let mut step = 0;
    loop {
        let (files, log, all) = sealed();
        files.inject(step, Fault::PowerLoss);
        let cut_short = trim_most(&log).is_err();
        drop(log);
        for survives in [Survives::Synced, Survives::SomeSectors] {
            let files = files.power_loss(survives);
            let log = open(&files, options()).unwrap().0;
            assert_eq!(entries(&log).unwrap(), since_oldest(&log, &all));
            log.checkpointed(log.durable());
            log.trim(&|_| true).unwrap();
            log.remove_trimmed(1).unwrap();
            drop(log);
            assert!(verify(&files, &options()).unwrap().is_clean());
        }
        if !cut_short {
            break;
        }
        step += 1;
    }
    assert!(step > 8, "{step}");
}

#[test]
fn a_file_that_cannot_be_removed_is_tried_again() {
    let (files, log, all) = sealed();
    let before = segment_files(&files);
    files.inject(4, Fault::Fail);
    assert!(matches!(trim_most(&log), Err(LogError::Io { action, .. }) if action == "remove"));
    let left = since_oldest(&log, &all);
    assert!(left.len() < all.len(), "the point moved on");
    assert_eq!(segment_files(&files), before - 2);
    assert_eq!(entries(&log).unwrap(), left);
    let trimmed = segment_files(&files) - log.segments().len();
    assert_eq!(log.remove_trimmed(3).unwrap().left, trimmed - 3);
    assert_eq!(log.remove_trimmed(usize::MAX).unwrap().left, 0);
    assert_eq!(segment_files(&files), log.segments().len());
    fill(&log, 1);
}

#[test]
fn a_failed_sync_of_the_point_stops_the_log_and_keeps_the_files() {
    let (files, log, all) = sealed();
    let before = segment_files(&files);
    files.inject(1, Fault::Fail);
    assert!(trim_most(&log).is_err());
    assert!(matches!(
        log.append_with(1, |_| unreachable!()),
        Err(LogError::Poisoned { .. })
    ));
    assert_eq!(segment_files(&files), before);
    drop(log);
    // The process starts again, sees the new point, and the power goes after that.
    let files = files.power_loss(Survives::All);
    drop(open(&files, options()).unwrap());
    let files = files.power_loss(Survives::Synced);
    let log = open(&files, options()).unwrap().0;
    assert_eq!(entries(&log).unwrap(), since_oldest(&log, &all));
}

#[test]
fn segments_missing_from_the_old_end_are_noticed() {
    let (files, log, _) = sealed();
    trim_most(&log).unwrap();
    drop(log);
    let oldest = files.sizes().into_keys().find(|name| is_segment(name));
    files.remove_behind_everybody(&oldest.unwrap());
    assert_refused(&files, "segments are missing");
    let report = verify(&files, &options()).unwrap();
    assert_eq!(report.problems[0].file, TRIM_POINT);
}

#[test]
fn a_lost_or_damaged_trim_point_is_noticed() {
    let (files, log, _) = sealed();
    trim_most(&log).unwrap();
    drop(log);
    let whole = files.contents(TRIM_POINT).unwrap();
    for slot in [0, 512] {
        files.flip(TRIM_POINT, slot + 33, 0x40);
    }
    assert_refused(&files, "does not say up to where");
    files.remove_behind_everybody(TRIM_POINT);
    assert_refused(&files, "the file is missing");
    files.replace(TRIM_POINT, whole);
    open(&files, options()).unwrap();
}

struct Nobody;

impl LogVisitor for Nobody {
    fn entry(&mut self, _: &Entry) {}
}

/// Of two new stores both are trimmed up to nothing.
#[test]
fn another_store_s_trim_point_under_an_open_log_is_noticed() {
    let (files, log, _) = sealed();
    let other = FaultyFiles::new(9);
    let of_other = LogOptions {
        store_id: Some([9; 16]),
        ..options()
    };
    drop(open(&other, of_other).unwrap());
    assert!(log.check(&mut Nobody).unwrap().is_clean());
    files.replace(TRIM_POINT, other.contents(TRIM_POINT).unwrap());
    let problems = log.check(&mut Nobody).unwrap().problems;
    let [problem] = &problems[..] else {
        panic!("{problems:?}");
    };
    assert_eq!(problem.file, TRIM_POINT);
    assert!(problem.detail.contains("another store"), "{problem:?}");
}

#[test]
fn a_newer_trim_point_is_refused_by_name() {
    let (files, log, _) = sealed();
    drop(log);
    let mut bytes = files.contents(TRIM_POINT).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..56]);
    bytes[56..60].copy_from_slice(&crc.to_le_bytes());
    files.replace(TRIM_POINT, bytes);
    let Err(error @ LogError::Unsupported { .. }) = open(&files, options()) else {
        panic!("not refused")
    };
    assert!(error.to_string().contains("its format is 2"), "{error}");
}

fn assert_refused(files: &FaultyFiles, why: &str) {
    let Err(error @ LogError::Damaged { .. }) = open(files, options()) else {
        panic!("not refused")
    };
    let said = error.to_string();
    assert!(said.contains(TRIM_POINT) && said.contains(why), "{said}");
    assert!(!verify(files, &options()).unwrap().is_clean());
}

#[test]
fn all_but_the_newest_segments_may_leave_the_page_cache() {
    let files = FaultyFiles::new(11);
    let log = open(&files, options()).unwrap().0;
    fill(&log, 120);
    let sealed = log.segments().len() - 1;
    drop(log);
    let names = files.sizes().into_keys().filter(|name| is_segment(name));
    let expected: Vec<_> = names.take(sealed - 4).collect();
    assert!(expected.len() > 4, "{expected:?}");
    assert_eq!(files.left_page_cache(), expected);
}
