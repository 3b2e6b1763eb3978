//! A full disk: what is written waits, whoever waits for it is told, readers go on, and with room everything goes on
//! in its order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headwater_changelog::testing::{FaultyFiles, Survives};
use headwater_changelog::{Durability, Entry, Log, LogError, LogOptions, LogVisitor};

use crate::support::{
    append, change, encrypted, entries, fill, noise, open, put, small, verify, wait,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn no_more(files: &FaultyFiles) {
    files.set_disk_size_bytes(Some(files.used_bytes()));
}

fn plain() -> LogOptions {
    LogOptions {
        preallocate: false,
        ..small()
    }
}

#[test]
fn writes_wait_readers_go_on_and_with_room_all_goes_on_in_order() {
    let files = FaultyFiles::new(1);
    let log = open(&files, plain()).unwrap().0;
    let mut all = fill(&log, 5);
    no_more(&files);
    for index in 0..6 {
        let changes = vec![change(1, "held", &noise(index, 700))];
        let appended = append(&log, &changes).unwrap();
        all.push(Entry {
            first: appended.first,
            changes,
        });
    }
    let last = all.last().unwrap().last();
    let Err(LogError::NoRoom { reason }) = wait(&log, last) else {
        panic!("not told");
    };
    assert!(reason.contains("cannot write"), "{reason}");
    assert!(
        log.no_room()
            .is_some_and(|reason| reason.contains("no room"))
    );
    assert!(log.poisoned().is_none());
    assert_eq!(
        entries(&log).unwrap(),
        all[..5],
        "only what is durable is seen"
    );
    // Later ones are told as well, and keep their place.
    let later = append(&log, &[change(1, "later", b"")]).unwrap();
    assert!(matches!(
        wait(&log, later.last),
        Err(LogError::NoRoom { .. })
    ));
    files.set_disk_size_bytes(None);
    until("nothing goes on", || log.durable() == later.last);
    wait(&log, later.last).unwrap();
    assert_eq!(entries(&log).unwrap()[..all.len()], all);
    until("still no room", || log.no_room().is_none());
    put(&log, vec![change(1, "goes on", b"")]);
    log.close().unwrap();
}

/// Wherever the room ends: in a block, at a new segment's name, in a footer, in zeros made ahead.
#[test]
fn wherever_the_room_ends_nothing_is_lost_twice_or_torn() {
    for preallocate in [false, true] {
        for extra in (0..9_000).step_by(701) {
            let files = FaultyFiles::new(extra);
            let options = LogOptions {
                preallocate,
                ..small()
            };
            let log = open(&files, options).unwrap().0;
            let mut all = fill(&log, 5);
            files.set_disk_size_bytes(Some(files.used_bytes() + extra));
            let mut appended = append_all(&log, &mut all, 20);
            until("neither durable nor held", || {
                log.no_room().is_some() || log.durable() == appended
            });
            files.set_disk_size_bytes(None);
            appended = appended.max(append_all(&log, &mut all, 3));
            until("nothing goes on", || log.durable() == appended);
            assert_eq!(entries(&log).unwrap(), all, "{preallocate} {extra}");
            log.close().unwrap();
            let log = open(&files, small()).unwrap().0;
            assert_eq!(entries(&log).unwrap(), all, "{preallocate} {extra}");
        }
    }
}

fn append_all(log: &Log, all: &mut Vec<Entry>, count: u64) -> headwater_model::Sequence {
    for index in 0..count {
        let changes = vec![change(1 + index as u32 % 2, "k", &noise(index, 300))];
        let appended = append(log, &changes).unwrap();
        all.push(Entry {
            first: appended.first,
            changes,
        });
    }
    log.appended()
}

#[test]
fn a_shutdown_without_room_ends_and_the_next_start_has_what_was_acknowledged() {
    for survives in [Survives::All, Survives::SomeSectors, Survives::Synced] {
        for extra in [0, 100, 700] {
            let files = FaultyFiles::new(extra);
            let log = open(&files, plain()).unwrap().0;
            let acknowledged = fill(&log, 5);
            files.set_disk_size_bytes(Some(files.used_bytes() + extra));
            let mut all = acknowledged.clone();
            append_all(&log, &mut all, 12);
            until("not held", || log.no_room().is_some());
            assert!(log.close().is_err(), "not all is safe");
            let files = files.power_loss(survives);
            let log = open(&files, plain()).unwrap().0;
            let mut found = entries(&log).unwrap();
            assert!(found.starts_with(&acknowledged));
            assert!(all.starts_with(&found), "{survives:?} {extra}");
            files.set_disk_size_bytes(None);
            found.push(put(&log, vec![change(1, "goes on", b"")]));
            log.close().unwrap();
            let log = open(&files, plain()).unwrap().0;
            assert_eq!(entries(&log).unwrap(), found);
        }
    }
}

#[test]
fn a_broken_reserve_is_told_before_the_room_ends() {
    let files = FaultyFiles::new(1);
    let options = LogOptions {
        reserve_bytes: 100_000,
        ..plain()
    };
    let log = open(&files, options).unwrap().0;
    let mut all = fill(&log, 5);
    assert!(log.no_room().is_none());
    let used_bytes = files.used_bytes();
    files.set_disk_size_bytes(Some(used_bytes + 100_000));
    // The look comes before the write: this one passes.
    all.push(put(&log, vec![change(1, "last", b"")]));
    all.push(put(&log, vec![change(1, "one more", b"")]));
    let reason = log.no_room().expect("a reason");
    assert!(reason.contains("less than the reserve"), "{reason}");
    // What is appended nevertheless is written: the reserve is there for it.
    all.push(put(&log, vec![change(1, "late", b"")]));
    // A little more than the reserve is not enough yet.
    files.set_disk_size_bytes(Some(files.used_bytes() + 101_000));
    all.push(put(&log, vec![change(1, "later", b"")]));
    assert!(log.no_room().is_some());
    // The writer looks by itself.
    files.set_disk_size_bytes(Some(files.used_bytes() + 200_000));
    until("still no room", || log.no_room().is_none());
    assert_eq!(entries(&log).unwrap(), all);
    log.close().unwrap();
}

/// The writer left the answer as it was when the disk did not say how much is free, and writes were refused until the
/// next start.
#[test]
fn a_disk_that_tells_no_more_is_taken_to_have_room() {
    let files = FaultyFiles::new(1);
    let options = LogOptions {
        reserve_bytes: 100_000,
        ..plain()
    };
    let log = open(&files, options).unwrap().0;
    files.set_disk_size_bytes(Some(files.used_bytes() + 50_000));
    let mut all = fill(&log, 5);
    until("the reserve is whole", || log.no_room().is_some());
    files.set_disk_size_bytes(None);
    until("still no room", || log.no_room().is_none());
    all.push(put(&log, vec![change(1, "goes on", b"")]));
    assert_eq!(entries(&log).unwrap(), all);
    log.close().unwrap();
}

/// The reader of the groups has a disk of its own. When it waited for room there and the feed was full, those who had
/// appended waited with it, and heard nothing.
#[test]
fn those_behind_a_feed_whose_reader_has_no_room_are_told_and_keep_their_place() {
    let options = LogOptions {
        queued_groups_max: 1,
        ..plain()
    };
    let log = open(&FaultyFiles::new(1), options).unwrap().0;
    let is_full = Arc::new(AtomicBool::new(true));
    let held = is_full.clone();
    let groups = log.groups_with(move || {
        let held = held.load(Ordering::SeqCst);
        held.then(|| "the other disk is full".to_owned())
    });
    let groups = groups.unwrap();
    // One lies in the feed, and with the next one the writer waits.
    let mut all = fill(&log, 2);
    for key in ["held", "later"] {
        let changes = vec![change(1, key, b"")];
        let appended = append(&log, &changes).unwrap();
        let told = wait(&log, appended.last);
        assert!(
            matches!(&told, Err(LogError::NoRoom { reason }) if reason.contains("other disk")),
            "{told:?}"
        );
        assert_eq!(entries(&log).unwrap(), all[..2], "readers go on");
        all.push(Entry {
            first: appended.first,
            changes,
        });
    }
    is_full.store(false, Ordering::SeqCst);
    let applier = std::thread::spawn(move || {
        let groups = groups.iter();
        groups.flat_map(|group| group.entries.clone()).collect()
    });
    until("nothing goes on", || log.durable() == log.appended());
    wait(&log, log.durable()).unwrap();
    all.push(put(&log, vec![change(1, "goes on", b"")]));
    assert_eq!(entries(&log).unwrap(), all);
    log.close().unwrap();
    let applied: Vec<Entry> = applier.join().unwrap();
    assert_eq!(applied, all, "each once, in order");
}

/// The room that a start needs may lie in files that hold nothing: they went only when it had found some elsewhere.
#[test]
fn a_start_on_a_full_disk_takes_the_room_of_files_that_hold_nothing() {
    let ahead = LogOptions {
        preallocate: true,
        ..small()
    };
    type Prepare = fn(&FaultyFiles, &Log);
    let cases: [(&str, LogOptions, Prepare); 3] = [
        ("made ahead", ahead, |files, log| {
            until("nothing is made ahead", || {
                put(log, vec![change(1, "more", b"")]);
                files.sizes().contains_key("next.tmp")
            });
        }),
        ("trimmed", plain(), |_, log| {
            log.checkpointed(log.durable());
            let second = log.segments()[1].id;
            assert_eq!(log.trim(&|segment| segment.id < second).unwrap(), 1);
        }),
        ("empty", plain(), |_, _| {}),
    ];
    for (what, options, prepare) in cases {
        let files = FaultyFiles::new(1);
        let log = open(&files, options.clone()).unwrap().0;
        fill(&log, 40);
        log.close().unwrap();
        let log = open(&files, options.clone()).unwrap().0;
        prepare(&files, &log);
        let left = entries(&log).unwrap();
        let killed = files.power_loss(Survives::All);
        drop(log);
        no_more(&killed);
        let log = open(&killed, options).expect(what).0;
        assert_eq!(entries(&log).unwrap(), left, "{what}");
        let appended = append(&log, &[change(1, "waits", &noise(1, 3_000))]).unwrap();
        assert!(matches!(
            wait(&log, appended.last),
            Ok(()) | Err(LogError::NoRoom { .. })
        ));
        killed.set_disk_size_bytes(None);
        until("nothing goes on", || log.durable() == appended.last);
        log.close().unwrap();
    }
}

/// Not even the new segment's name has a place: starts refused, and with them every reader.
#[test]
fn a_start_without_any_room_is_for_readers_until_there_is_some() {
    type End = fn(FaultyFiles, Log) -> FaultyFiles;
    let sealed: End = |files, log| {
        log.close().unwrap();
        files.power_loss(Survives::All)
    };
    let killed: End = |files, log| {
        let left = files.power_loss(Survives::All);
        drop(log);
        left
    };
    let ends = [("sealed", sealed), ("killed", killed)];
    for (what, end) in ends {
        for options in [plain(), encrypted(plain(), 7)] {
            let files = FaultyFiles::new(1);
            let log = open(&files, options.clone()).unwrap().0;
            let mut all = fill(&log, 40);
            let files = end(files, log);
            no_more(&files);
            // Once more, as a supervisor does.
            for _ in 0..3 {
                let log = open(&files, options.clone()).expect(what).0;
                assert_eq!(entries(&log).unwrap(), all, "{what}");
                let held = append(&log, &[change(1, "held", &noise(1, 300))]).unwrap();
                assert!(
                    matches!(wait(&log, held.last), Err(LogError::NoRoom { .. })),
                    "{what}"
                );
                assert!(log.no_room().is_some());
                assert!(log.close().is_err(), "what was held is not there");
                no_more(&files);
            }
            let log = open(&files, options.clone()).unwrap().0;
            let changes = vec![change(1, "waits", &noise(2, 300))];
            let appended = append(&log, &changes).unwrap();
            files.set_disk_size_bytes(None);
            until("nothing goes on", || log.durable() == appended.last);
            all.push(Entry {
                first: appended.first,
                changes,
            });
            all.extend(fill(&log, 20));
            assert_eq!(entries(&log).unwrap(), all, "{what}");
            log.close().unwrap();
            assert_eq!(verify(&files, &options).unwrap().problems, []);
            let log = open(&files, options).unwrap().0;
            assert_eq!(entries(&log).unwrap(), all, "{what}");
        }
    }
}

/// Trimming is what makes room: all but the last segment go, and a log that holds nothing any more opens as well.
#[test]
fn a_log_that_was_opened_without_any_room_is_trimmed() {
    let files = FaultyFiles::new(1);
    let log = open(&files, plain()).unwrap().0;
    let all = fill(&log, 40);
    log.close().unwrap();
    no_more(&files);
    let log = open(&files, plain()).unwrap().0;
    let segments = log.segments();
    let names = files.sizes().into_keys();
    let files_of_segments = names.filter(|name| headwater_changelog::is_segment(name));
    assert_eq!(files_of_segments.count(), segments.len());
    assert_eq!(
        segments[segments.len() - 1].last,
        log.durable(),
        "a new one"
    );
    log.checkpointed(log.durable());
    assert_eq!(log.trim(&|_| true).unwrap(), segments.len() - 1);
    log.remove_trimmed(100).unwrap();
    // That made room.
    let last = segments[segments.len() - 1].first;
    let mut left: Vec<_> = all
        .into_iter()
        .filter(|entry| entry.first >= last)
        .collect();
    left.push(put(&log, vec![change(1, "goes on", b"")]));
    assert_eq!(entries(&log).unwrap(), left);
    until("the one before is not sealed", || log.segments()[0].sealed);
    log.checkpointed(log.durable());
    assert_eq!(log.trim(&|_| true).unwrap(), 1);
    let before = log.durable();
    log.close().unwrap();

    // The one that is left holds one entry; after another start and trim none does.
    let log = open(&files, plain()).unwrap().0;
    log.checkpointed(log.durable());
    assert_eq!(log.trim(&|_| true).unwrap(), 1);
    log.remove_trimmed(100).unwrap();
    let files = files.power_loss(Survives::All);
    drop(log);
    no_more(&files);
    let log = open(&files, plain()).expect("nothing but the joint").0;
    assert_eq!((log.durable(), entries(&log).unwrap()), (before, vec![]));
    files.set_disk_size_bytes(None);
    let next = put(&log, vec![change(1, "first again", b"")]);
    assert!(next.first > before);
    log.close().unwrap();
    let log = open(&files, plain()).unwrap().0;
    assert_eq!(entries(&log).unwrap(), [next]);
}

struct Nobody;

impl LogVisitor for Nobody {
    fn entry(&mut self, _: &Entry) {}
}

/// The new segment's name has room and its header has none: while the first group waits, the segment before is the only
/// one that says where the log ends.
#[test]
fn a_new_segment_without_its_header_does_not_let_the_one_before_be_trimmed() {
    for durability in [Durability::Sync, Durability::Interval(3_600_000)] {
        let options = LogOptions {
            durability,
            ..plain()
        };
        let files = FaultyFiles::new(1);
        let log = open(&files, options.clone()).unwrap().0;
        let all = fill(&log, 40);
        log.close().unwrap();
        // Once more, so that the last one has its footer, and is followed by one with nothing but a header of 64 bytes.
        drop(open(&files, options.clone()).unwrap());
        files.set_disk_size_bytes(Some(files.used_bytes() - 64 + 40));
        let log = open(&files, options.clone()).unwrap().0;
        log.checkpointed(log.durable());
        let held = append(&log, &[change(1, "held", &noise(1, 300))]).unwrap();
        assert!(matches!(
            wait(&log, held.last),
            Err(LogError::NoRoom { .. })
        ));
        let segments = log.segments();
        assert!(
            segments[..segments.len() - 1]
                .iter()
                .all(|segment| segment.sealed)
        );
        assert_eq!(log.trim(&|_| true).unwrap(), segments.len() - 2);
        assert_eq!(log.check(&mut Nobody).unwrap().problems, []);
        let killed = files.power_loss(Survives::All);
        assert!(log.close().is_err());
        killed.set_disk_size_bytes(None);
        let log = open(&killed, options).expect("the log has lost its end").0;
        assert_eq!(log.durable(), all[all.len() - 1].last());
        put(&log, vec![change(1, "goes on", b"")]);
    }
}
