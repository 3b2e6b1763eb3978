//! A failed write or fsync ends the log for good: nothing is acknowledged any more, and a reopened log holds what was.

use headwater_changelog::testing::{Fault, FaultyFiles, Survives};
use headwater_changelog::{Durability, LogError, LogOptions};

use crate::support::{append, change, entries, fill, noise, open, put, small, wait};

#[test]
fn a_failed_write_or_fsync_poisons_for_good() {
    for (after, fault, word) in [
        (0, Fault::Fail, "write"),
        (0, Fault::Short, "write"),
        (1, Fault::Fail, "sync"),
        // Of a write that finds none it waits for room; what this was to make safe may be gone.
        (1, Fault::NoRoom, "sync"),
        (0, Fault::PowerLoss, "write"),
        (1, Fault::PowerLoss, "sync"),
    ] {
        let files = FaultyFiles::new(5);
        let log = open(
            &files,
            LogOptions {
                preallocate: false,
                ..small()
            },
        )
        .unwrap()
        .0;
        let all = fill(&log, 3);
        let groups = log.groups().unwrap();
        files.inject(after, fault);
        let failed = append(&log, &[change(1, "lost", b"?")]).unwrap();
        let Err(LogError::Poisoned { reason }) = wait(&log, failed.last) else {
            panic!("acknowledged")
        };
        assert!(reason.contains(word), "{reason}");
        assert!(matches!(
            append(&log, &[change(1, "x", b"")]),
            Err(LogError::Poisoned { .. })
        ));
        assert!(
            matches!(wait(&log, failed.last), Err(LogError::Poisoned { .. })),
            "for good"
        );
        assert!(
            wait(&log, all[2].last()).is_ok(),
            "what was durable stays so"
        );
        assert_eq!(log.durable(), all[2].last());
        assert!(groups.recv().is_err(), "nothing reaches the applier");
        assert!(matches!(log.close(), Err(LogError::Poisoned { .. })));

        let files = files.power_loss(Survives::SomeSectors);
        let log = open(&files, small()).unwrap().0;
        let read = entries(&log).unwrap();
        assert_eq!(read[..3], all, "what was acknowledged is there");
        assert!(read.len() <= 4);
        put(&log, vec![change(1, "goes on", b"")]);
    }
}

#[test]
fn a_failed_background_sync_poisons_too() {
    let files = FaultyFiles::new(5);
    let log = open(
        &files,
        LogOptions {
            durability: Durability::Interval(1),
            ..small()
        },
    )
    .unwrap()
    .0;
    // The write is the first operation, the sync of the interval the second.
    files.inject(1, Fault::Fail);
    let appended = append(&log, &[change(1, "a", b"")]).unwrap();
    let _ = wait(&log, appended.last);
    let mut watched = 0;
    while append(&log, &[change(1, "b", b"")]).is_ok() {
        std::thread::yield_now();
        watched += 1;
        assert!(watched < 50_000_000, "never poisoned");
    }
    assert!(matches!(
        append(&log, &[change(1, "c", b"")]),
        Err(LogError::Poisoned { .. } | LogError::Overloaded { .. })
    ));
}

/// The system tells one of two fsyncs at a time that something could not be written. The other one acknowledged it.
#[test]
fn a_failed_sync_fails_for_those_who_ask_meanwhile_too() {
    let files = FaultyFiles::new(5);
    let options = LogOptions {
        durability: Durability::Interval(3_600_000),
        ..small()
    };
    let log = open(&files, options).unwrap().0;
    fill(&log, 3);
    let before = files.operations();
    files.inject(0, Fault::FailLate(50_000));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| log.sync());
        while files.operations() == before {
            std::thread::yield_now();
        }
        assert!(log.sync().is_err(), "nothing is safe");
        assert!(first.join().unwrap().is_err());
    });
    assert!(log.poisoned().is_some());
    assert_eq!(files.operations(), before + 1, "one is enough");
}

/// The applier asks before each checkpoint. What it has is on disk; the group under way is the writer's.
#[test]
fn what_is_acknowledged_after_an_fsync_needs_no_other() {
    let files = FaultyFiles::new(5);
    let options = LogOptions {
        preallocate: false,
        ..small()
    };
    let log = open(&files, options).unwrap().0;
    fill(&log, 3);
    let before = files.operations();
    files.inject(1, Fault::FailLate(1_000));
    let lost = append(&log, &[change(1, "lost", b"?")]).unwrap();
    while files.operations() < before + 2 {
        std::thread::yield_now();
    }
    log.sync().unwrap();
    assert!(wait(&log, lost.last).is_err());
    log.sync().unwrap();
    assert_eq!(files.operations(), before + 2);
}

/// An fsync promises nothing of what is written after it began. Were that taken for safe, the next one would be left
/// out, and a power loss would take what a caller of `sync` was told is on disk.
#[test]
fn an_fsync_covers_what_was_written_before_it_began() {
    let files = FaultyFiles::new(5);
    let options = LogOptions {
        durability: Durability::Interval(3_600_000),
        preallocate: false,
        ..small()
    };
    let log = open(&files, options.clone()).unwrap().0;
    let mut all = fill(&log, 3);
    let before = files.operations();
    files.inject(0, Fault::SlowSync(200_000));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| log.sync());
        while files.operations() == before {
            std::thread::yield_now();
        }
        all.push(put(&log, vec![change(1, "meanwhile", b"")]));
        first.join().unwrap().unwrap();
    });
    let before = files.operations();
    log.sync().unwrap();
    assert_eq!(files.operations(), before + 1, "there is something new");
    log.sync().unwrap();
    assert_eq!(files.operations(), before + 1, "and then there is not");

    let files = files.power_loss(Survives::Synced);
    drop(log);
    let log = open(&files, options).unwrap().0;
    assert_eq!(entries(&log).unwrap(), all);
}

#[test]
fn any_operation_may_fail_while_opening_and_rolling_over() {
    let base = FaultyFiles::new(11);
    let log = open(&base, small()).unwrap().0;
    let all = fill(&log, 30);
    let base = base.power_loss(Survives::All);
    drop(log);
    for fault in [Fault::Fail, Fault::Short, Fault::PowerLoss] {
        for after in 0..60 {
            let files = base.power_loss(Survives::All);
            files.inject(after, fault);
            let mut acknowledged = all.clone();
            if let Ok((log, _)) = open(&files, small()) {
                for i in 0..20u64 {
                    let changes = vec![change(1, "new", &noise(i, 200))];
                    let Ok(appended) = append(&log, &changes) else {
                        break;
                    };
                    if wait(&log, appended.last).is_ok() {
                        acknowledged.push(headwater_changelog::Entry {
                            first: appended.first,
                            changes,
                        });
                    }
                }
            }
            let files = files.power_loss(Survives::SomeSectors);
            let (log, _) = open(&files, small())
                .unwrap_or_else(|error| panic!("{fault:?} at {after}: {error}"));
            let read = entries(&log).unwrap();
            assert!(read.starts_with(&acknowledged), "{fault:?} at {after}");
            assert!(read.len() <= acknowledged.len() + 1);
        }
    }
}

#[test]
fn a_panic_of_the_writer_ends_the_log_instead_of_hanging_it() {
    for after in [0, 1] {
        let files = FaultyFiles::new(6);
        let options = LogOptions {
            preallocate: false,
            ..small()
        };
        let log = open(&files, options).unwrap().0;
        fill(&log, 3);
        let groups = log.groups().unwrap();
        files.inject(after, Fault::Panic);
        let lost = append(&log, &[change(1, "lost", b"?")]).unwrap();
        let Err(LogError::Poisoned { reason }) = wait(&log, lost.last) else {
            panic!("acknowledged")
        };
        assert!(reason.contains("panicked"), "{reason}");
        assert!(groups.recv().is_err(), "the feed ends");
        assert!(append(&log, &[change(1, "x", b"")]).is_err());
        assert!(matches!(log.close(), Err(LogError::Poisoned { .. })));
    }
}
