//! What a log does on any files: one suite, run on memory, disk and faulty files without faults.

use std::sync::Arc;

use headwater_changelog::testing::FaultyFiles;
use headwater_changelog::{
    DiskFiles, Durability, Entry, EntryDraft, Files, Log, LogError, LogOptions, MemoryFiles,
    ReadLimit,
};
use headwater_model::{ManualClock, Sequence};

use crate::support::{
    ALL_MODES, START_MS, append, block_on, change, clock, encrypted, entries, expected, fill,
    noise, open, put, records, small, verify, wait,
};

const PAGE: ReadLimit = ReadLimit {
    records: 7,
    bytes: 1000,
};

fn on_all_files(check: impl Fn(Arc<dyn Files>, LogOptions)) {
    let modes = ALL_MODES.map(|durability| LogOptions {
        durability,
        ..small()
    });
    let sealed = modes.clone().map(|options| encrypted(options, 1));
    for options in modes.into_iter().chain(sealed) {
        check(Arc::new(MemoryFiles::new()), options.clone());
        check(Arc::new(FaultyFiles::new(1)), options.clone());
        let folder = tempfile::tempdir().unwrap();
        check(
            Arc::new(DiskFiles::open(folder.path().join("log")).unwrap()),
            options,
        );
    }
}

fn reopen(files: &Arc<dyn Files>, options: &LogOptions) -> Log {
    Log::open(files.clone(), options.clone(), clock())
        .unwrap()
        .0
}

#[test]
fn what_was_appended_is_read_in_order_now_and_after_reopening() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        let mut all = fill(&log, 60);
        all.push(put(
            &log,
            vec![
                change(1, "a", b"1"),
                change(0, "b", b"2"),
                change(2, "c", b"3"),
            ],
        ));
        for round in 0..3 {
            let log = if round == 0 {
                None
            } else {
                Some(reopen(&files, &options))
            }
            .unwrap_or_else(|| {
                log.shutdown();
                reopen(&files, &options)
            });
            assert_eq!(entries(&log).unwrap(), all);
            for shard in 1..5 {
                assert_eq!(
                    records(&log, shard, Sequence::ZERO, PAGE).unwrap(),
                    expected(&all, shard, Sequence::ZERO)
                );
            }
            all.push(put(&log, vec![change(1, "round", &[round])]));
            assert!(log.segments().len() > 2);
            log.close().unwrap();
        }
        let report = verify(&*files, &options).unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.entries, report.torn_bytes), (all.len() as u64, 0));
        assert_eq!(
            (report.first, report.last),
            (all[0].first, all[all.len() - 1].last())
        );
    });
}

#[test]
fn many_writers_share_groups_and_all_of_them_get_an_answer() {
    on_all_files(|files, options| {
        let log = Arc::new(reopen(&files, &options));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let tasks: Vec<_> = (0..32u32)
            .map(|task| {
                let log = log.clone();
                runtime.spawn(async move {
                    for i in 0..20u64 {
                        let changes = [change(1 + task % 4, &format!("{task}/{i}"), &noise(i, 50))];
                        let appended = append(&log, &changes).unwrap();
                        log.wait_durable(appended.last).await.unwrap();
                        assert!(log.durable() >= appended.last);
                        let page = log.read_shard(1 + task % 4, appended.first, PAGE).unwrap();
                        assert_eq!(
                            page.records[0].change, changes[0],
                            "visible once acknowledged"
                        );
                    }
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        let all = entries(&log).unwrap();
        assert_eq!(all.len(), 640);
        assert!(all.windows(2).all(|pair| pair[0].last() < pair[1].first));
        assert!(log.stats().groups <= 640);
        assert_eq!(log.stats().entries, 640);
    });
}

#[test]
fn the_feed_of_groups_holds_every_entry_once_and_ends_with_the_log() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        let groups = log.groups().unwrap();
        assert!(log.groups().is_none(), "given out once");
        let applier = std::thread::spawn(move || {
            let mut all = Vec::new();
            for group in groups {
                assert_eq!(group.entries.last().unwrap().last(), group.last);
                all.extend(group.entries.iter().cloned());
            }
            all
        });
        let all = fill(&log, 40);
        log.close().unwrap();
        assert_eq!(applier.join().unwrap(), all);
    });
}

#[test]
fn sequences_grow_over_restarts_clock_steps_and_trimming() {
    on_all_files(|files, options| {
        let clock = clock();
        let mut last = Sequence::ZERO;
        for step_ms in [0u64, 5_000, 1_000, 9_000, 0] {
            clock.set_ms(START_MS + step_ms);
            let (log, report) = Log::open(files.clone(), options.clone(), clock.clone()).unwrap();
            assert_eq!(report.last, last);
            let appended = append(&log, &[change(1, "a", b""), change(1, "b", b"")]).unwrap();
            assert!(appended.first > last);
            assert_eq!(
                appended.first,
                last.next().max(Sequence::first_at_ms(START_MS + step_ms))
            );
            last = appended.last;
            wait(&log, last).unwrap();
            log.checkpointed(last);
            drop(log);
            let log = reopen(&files, &options);
            log.checkpointed(last);
            assert_eq!(log.trim(&|_| true).unwrap(), 1, "everything is trimmed");
            assert_eq!(log.segments().len(), 1);
            assert_eq!(log.oldest(), last.next());
            assert_eq!(entries(&log).unwrap(), []);
        }
    });
}

#[test]
fn trimming_takes_whole_checkpointed_segments_from_the_oldest_on() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        let all = fill(&log, 100);
        log.shutdown();
        let log = reopen(&files, &options);
        let segments = log.segments();
        assert!(segments.len() > 4);
        assert_eq!(log.trim(&|_| true).unwrap(), 0, "nothing is checkpointed");
        log.checkpointed(Sequence(segments[2].last.0 - 1));
        assert_eq!(
            log.trim(&|segment| segment.id == segments[0].id).unwrap(),
            1,
            "stops at the first that may not go"
        );
        assert_eq!(log.trim(&|_| true).unwrap(), 1, "stops at the checkpoint");
        assert_eq!(log.oldest(), segments[1].last.next());

        let trimmed = log.read_shard(1, segments[1].last, PAGE);
        assert!(matches!(trimmed, Err(LogError::Trimmed { oldest }) if oldest == log.oldest()));
        let trimmed: Result<Vec<_>, _> = log.read_from(segments[0].last).collect();
        assert!(matches!(trimmed, Err(LogError::Trimmed { oldest }) if oldest == log.oldest()));

        let left: Vec<_> = all
            .into_iter()
            .filter(|entry| entry.first >= log.oldest())
            .collect();
        assert_eq!(entries(&log).unwrap(), left);
        assert_eq!(
            records(&log, 2, log.oldest(), PAGE).unwrap(),
            expected(&left, 2, Sequence::ZERO)
        );
        drop(log);
        assert_eq!(entries(&reopen(&files, &options)).unwrap(), left);
    });
}

#[test]
fn a_reader_between_pages_of_a_segment_that_goes_is_told() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        fill(&log, 60);
        log.shutdown();
        let log = reopen(&files, &options);
        let page = log
            .read_shard(
                1,
                Sequence::ZERO,
                ReadLimit {
                    records: 1,
                    bytes: 1,
                },
            )
            .unwrap();
        let mut replay = log.read_from(Sequence::ZERO);
        replay.next().unwrap().unwrap();
        log.checkpointed(log.durable());
        log.trim(&|_| true).unwrap();
        log.remove_trimmed(usize::MAX).unwrap();
        let oldest = log.oldest();
        assert!(
            matches!(log.read_shard(1, page.next, PAGE), Err(LogError::Trimmed { oldest: told }) if told == oldest)
        );
        // The replay may finish the segment it has open, then it is told.
        let rest: Result<Vec<_>, _> = replay.collect();
        assert!(matches!(rest, Err(LogError::Trimmed { oldest: told }) if told == oldest));
    });
}

#[test]
fn nothing_is_left_out_and_next_leads_on_for_quiet_and_unknown_shards() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        let first = put(&log, vec![change(9, "quiet", b"1")]);
        fill(&log, 50);
        let last = put(&log, vec![change(9, "quiet", b"2")]);
        fill(&log, 50);
        let page = |from| {
            log.read_shard(
                9,
                from,
                ReadLimit {
                    records: 1,
                    bytes: 1,
                },
            )
            .unwrap()
        };
        let one = page(Sequence::ZERO);
        assert_eq!(one.records[0].sequence, first.first);
        let two = page(one.next);
        assert_eq!(
            two.records[0].sequence, last.first,
            "jumps over what lies between"
        );
        let three = page(two.next);
        assert_eq!((three.records.len(), three.next), (0, log.durable().next()));
        let ahead = Sequence(log.durable().0 + 1000);
        assert_eq!(page(ahead).next, ahead, "a position ahead of the log stays");
        let unknown = log.read_shard(77, Sequence::ZERO, PAGE).unwrap();
        assert_eq!(
            (unknown.records.len(), unknown.next),
            (0, log.durable().next())
        );
    });
}

#[test]
fn replay_starts_anywhere() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        let all = fill(&log, 70);
        for start in [0, 1, 13, 35, 68, 69] {
            let rest: Vec<_> = log
                .read_from(all[start].last())
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(rest, all[start + 1..]);
        }
    });
}

#[test]
fn an_entry_larger_than_a_segment_has_one_of_its_own() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        let mut all = fill(&log, 5);
        all.push(put(
            &log,
            vec![
                change(1, "large", &noise(5, 20_000)),
                change(2, "with it", b""),
            ],
        ));
        all.extend(fill(&log, 5));
        assert_eq!(entries(&log).unwrap(), all);
        drop(log);
        let log = reopen(&files, &options);
        assert_eq!(entries(&log).unwrap(), all);
        assert_eq!(
            records(&log, 1, Sequence::ZERO, PAGE).unwrap(),
            expected(&all, 1, Sequence::ZERO)
        );
    });
}

#[test]
fn a_full_queue_refuses_and_a_failed_build_takes_no_sequence() {
    let log = reopen(
        &(Arc::new(MemoryFiles::new()) as Arc<dyn Files>),
        &LogOptions {
            queue_bytes_max: 1,
            ..small()
        },
    );
    let first = append(&log, &[change(1, "a", b"")]).unwrap();
    wait(&log, first.last).unwrap();
    let refused = log.append_with(1, |_| {
        Err(LogError::InvalidEntry {
            detail: "of the test",
        })
    });
    assert!(matches!(
        refused,
        Err(LogError::InvalidEntry { .. } | LogError::Overloaded { .. })
    ));
    let mut overloaded = 0;
    for _ in 0..10_000 {
        match append(&log, &[change(1, "b", &[0; 300])]) {
            Ok(_) => {}
            Err(LogError::Overloaded { limit_bytes: 1, .. }) => overloaded += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(overloaded > 0);
    wait(&log, log.appended()).unwrap();
    let all = entries(&log).unwrap();
    assert!(
        all.windows(2)
            .all(|pair| pair[1].first == pair[0].last().next())
    );
    let own = loop {
        let draft = |first: Sequence| EntryDraft::new(&[change(1, &first.to_string(), b"")]);
        match log.append_with(1, draft) {
            Err(LogError::Overloaded { .. }) => {}
            own => break own.unwrap(),
        }
    };
    wait(&log, own.last).unwrap();
    let page = log.read_shard(1, own.first, PAGE).unwrap();
    assert_eq!(page.records[0].change.key, own.first.to_string().as_bytes());
}

#[test]
fn a_second_process_is_refused() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        let second = Log::open(files.clone(), options.clone(), clock());
        let Err(LogError::Locked { folder }) = second else {
            panic!("not refused")
        };
        assert_eq!(folder, files.location());
        assert!(matches!(
            verify(&*files, &options),
            Err(LogError::Locked { .. })
        ));
        drop(log);
        reopen(&files, &options);
    });
}

#[test]
fn a_closed_log_takes_nothing_but_can_be_read() {
    on_all_files(|files, options| {
        let log = reopen(&files, &options);
        let all = fill(&log, 10);
        let waiting = append(&log, &[change(1, "last", b"")]).unwrap();
        log.shutdown();
        log.shutdown();
        assert!(
            block_on(log.wait_durable(waiting.last)).is_ok(),
            "what was in the queue is durable"
        );
        assert!(matches!(
            append(&log, &[change(1, "x", b"")]),
            Err(LogError::Closed)
        ));
        assert!(matches!(
            wait(&log, waiting.last.next()),
            Err(LogError::Closed)
        ));
        assert_eq!(entries(&log).unwrap().len(), all.len() + 1);
        assert!(log.groups().is_none());
    });
}

#[test]
fn the_watch_follows_the_durable_position() {
    let log = open(&MemoryFiles::new(), small()).unwrap().0;
    let mut watch = log.watch();
    let appended = append(&log, &[change(1, "a", b"")]).unwrap();
    let seen = block_on(async {
        *watch
            .wait_for(|durable| *durable >= appended.last)
            .await
            .unwrap()
    });
    assert_eq!(seen, appended.last);
}

#[test]
fn caches_and_queues_keep_their_bounds() {
    let options = LogOptions {
        durability: Durability::Memory,
        ..small()
    };
    let log = open(&MemoryFiles::new(), options.clone()).unwrap().0;
    fill(&log, 300);
    for shard in 1..4 {
        records(&log, shard, Sequence::ZERO, PAGE).unwrap();
        let stats = log.stats();
        assert!(stats.tail_cache_bytes <= options.tail_cache_bytes as u64);
        assert!(stats.block_cache_bytes <= options.block_cache_bytes as u64);
        assert!(stats.footer_cache_bytes <= options.footer_cache_bytes as u64);
    }
    assert_eq!(log.stats().queued_bytes, 0);
}

#[test]
fn options_out_of_range_are_refused() {
    for options in [
        LogOptions {
            segment_bytes: 3 << 30,
            ..small()
        },
        LogOptions {
            block_bytes_max: 0,
            ..small()
        },
        LogOptions {
            durability: Durability::Interval(0),
            ..small()
        },
    ] {
        assert!(matches!(
            open(&MemoryFiles::new(), options),
            Err(LogError::InvalidOption { .. })
        ));
    }
}

/// Found by killing a server again and again: with hundreds of small blocks between two listed ones, each page
/// began at the listed block, spent its bound on blocks before its position, and ended where it had begun.
#[test]
fn pages_lead_on_through_hundreds_of_small_blocks() {
    let options = LogOptions {
        preallocate: false,
        ..LogOptions::default()
    };
    let files: Arc<dyn Files> = Arc::new(FaultyFiles::new(1));
    let log = reopen(&files, &options);
    // One group and so one block for each; the second shard has only the last.
    let mut entries: Vec<Entry> = (0..900)
        .map(|i| put(&log, vec![change(1, &format!("{i}"), b"")]))
        .collect();
    entries.push(put(&log, vec![change(2, "last", b"")]));
    drop(log);
    let log = reopen(&files, &options);
    assert_eq!(log.segments().len(), 2);
    for records_max in [1, 7, 1000] {
        for shard in [1, 2] {
            let limit = ReadLimit {
                records: records_max,
                bytes: usize::MAX,
            };
            let from = Sequence::ZERO;
            let found = records(&log, shard, from, limit).unwrap();
            assert_eq!(found, expected(&entries, shard, from));
        }
    }
}

/// Whoever builds an entry may show it to others at once, so a refused one must not be built.
#[test]
fn an_entry_beyond_the_last_sequence_is_refused_before_it_is_built() {
    let clock = Arc::new(ManualClock::new(u64::MAX));
    let (log, _) = Log::open(Arc::new(MemoryFiles::new()), small(), clock).unwrap();
    let refused = log.append_with(1 << 20, |_| panic!("built"));
    assert!(matches!(refused, Err(LogError::InvalidEntry { .. })));
    put(&log, vec![change(1, "fits", b"")]);
}
