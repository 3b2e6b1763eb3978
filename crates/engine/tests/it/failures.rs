//! What fails below ends in an answer: nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater_changelog::testing::{Fault, FaultyFiles, Survives};
use headwater_changelog::{Log, LogOptions, MemoryFiles};
use headwater_engine::{Database, Durability, EngineError, EngineOptions, LogError, Table};
use headwater_model::{ManualClock, SeededRng, Sequence};
use headwater_state::testing::FaultyDisk;
use headwater_state::{Batch, Snapshot, StateError, StateOptions, StateStats, StateStore};

use crate::support::{START_MS, create, get, noise, options, put, try_get};

const PATIENCE: Duration = Duration::from_secs(20);

/// A state that panics when it is told to.
struct Panicking {
    store: Arc<dyn StateStore>,
    now: Arc<AtomicBool>,
}

impl StateStore for Panicking {
    fn stats(&self) -> StateStats {
        self.store.stats()
    }

    fn format(&self) -> u64 {
        self.store.format()
    }

    fn claim(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        self.store.claim(store_id)
    }

    fn check_owner(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        self.store.check_owner(store_id)
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.store.snapshot()
    }

    fn apply(&self, batch: Batch, position: u64) -> Result<(), StateError> {
        assert!(!self.now.load(Ordering::SeqCst), "injected");
        self.store.apply(batch, position)
    }

    fn checkpoint(&self) -> Result<u64, StateError> {
        self.store.checkpoint()
    }

    fn position(&self) -> u64 {
        self.store.position()
    }

    fn durable_position(&self) -> u64 {
        self.store.durable_position()
    }
}

#[tokio::test]
async fn a_panic_of_the_applier_refuses_writes_instead_of_hanging_them() {
    let now = Arc::new(AtomicBool::new(false));
    let state = Panicking {
        store: headwater_state::in_memory(StateOptions::default()).unwrap(),
        now: now.clone(),
    };
    let clock = Arc::new(ManualClock::new(START_MS));
    let files = Arc::new(MemoryFiles::new());
    let (log, _) = Log::open(files, LogOptions::default(), clock.clone()).unwrap();
    let small = EngineOptions {
        overlay_bytes_max: 1_000,
        ..options(1)
    };
    let rng = Arc::new(SeededRng::new(1));
    let (database, _) = Database::open(log, Arc::new(state), clock, rng, small).unwrap();
    let table = create(&database, "t", None).await;
    put(&database, &table, "before", 1).await.unwrap();

    now.store(true, Ordering::SeqCst);
    let writes = async {
        for index in 0.. {
            let key = format!("key {index}");
            if let Err(error) = put(&database, &table, &key, index).await {
                return error;
            }
        }
        unreachable!()
    };
    let refusal = tokio::time::timeout(PATIENCE, writes).await.unwrap();
    assert!(
        matches!(refusal, EngineError::Log(LogError::Poisoned { .. })),
        "{refusal}"
    );
    assert!(get(&database, &table, "before").is_some());
    database.close();
}

/// With durability `interval` the state holds what the log has acknowledged and not synced. A sync failed, the next
/// one, before a checkpoint, found nothing to do and succeeded; or closing committed what the state held. After a
/// power loss the log was shorter than the state, and no start was possible.
#[tokio::test]
async fn a_failed_sync_leaves_no_state_that_is_ahead_of_its_log() {
    let clock = Arc::new(ManualClock::new(START_MS));
    let rng = Arc::new(SeededRng::new(1));
    let open = |files: &FaultyFiles, disk: &FaultyDisk| {
        let log_options = LogOptions {
            durability: Durability::Interval(u64::MAX >> 20),
            preallocate: false,
            ..LogOptions::default()
        };
        let (log, _) = Log::open(Arc::new(files.clone()), log_options, clock.clone()).unwrap();
        let state = headwater_state::open(disk.backend(), None, StateOptions::default()).unwrap();
        let options = EngineOptions {
            checkpoint_interval_ms: 3_600_000,
            ..options(1)
        };
        Database::open(log, state, clock.clone(), rng.clone(), options)
    };
    for closes in [true, false] {
        let (files, disk) = (FaultyFiles::new(1), FaultyDisk::new());
        let (database, _) = open(&files, &disk).unwrap();
        let table = create(&database, "t", None).await;
        put(&database, &table, "safe", 1).await.unwrap();
        database.log().sync().unwrap();
        put(&database, &table, "acknowledged", 1).await.unwrap();
        let applied = async {
            while database.applied() < database.log().durable() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, applied).await.unwrap();
        files.inject(0, Fault::Fail);
        database.log().sync().unwrap_err();
        assert!(database.log().poisoned().is_some());
        database.log().sync().unwrap_err();
        assert!(put(&database, &table, "refused", 1).await.is_err());
        assert!(
            get(&database, &table, "acknowledged").is_some(),
            "reads go on"
        );
        if closes {
            database.close();
        }
        drop((table, database));
        let files = files.power_loss(Survives::Synced);
        let (database, _) = open(&files, &disk).unwrap();
        let table = database.table("", "t").unwrap();
        assert!(get(&database, &table, "safe").is_some());
        put(&database, &table, "after", 1).await.unwrap();
        database.close();
    }
}

/// More than the state keeps in memory.
const ITEMS: i64 = 200;

fn key_of(index: i64) -> String {
    format!("{index} {}", "k".repeat(900))
}

/// A database whose state lies on a disk, with items that are in it and not in memory.
async fn on_disk(files: &FaultyFiles, disk: &FaultyDisk) -> Database {
    let database = open_on(files, disk);
    let table = create(&database, "t", None).await;
    for index in 0..ITEMS {
        let key = key_of(index);
        put(&database, &table, &key, index).await.unwrap();
    }
    database.close();
    drop((table, database));
    open_on(files, disk)
}

fn open_on(files: &FaultyFiles, disk: &FaultyDisk) -> Database {
    let clock = Arc::new(ManualClock::new(START_MS));
    let (log, _) = Log::open(
        Arc::new(files.clone()),
        LogOptions::default(),
        clock.clone(),
    )
    .unwrap();
    let state_options = StateOptions {
        cache_bytes: 64 << 10,
        ..StateOptions::default()
    };
    let state = headwater_state::open(disk.backend(), None, state_options).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    let (database, _) = Database::open(log, state, clock, rng, options(1)).unwrap();
    database
}

async fn until(mut holds: impl FnMut() -> bool) {
    let holds = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap();
}

/// The first index from which on a read fails, and how.
fn first_failure(database: &Database, table: &Table) -> Option<EngineError> {
    (0..ITEMS).find_map(|index| try_get(database, table, &key_of(index)).err())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_or_read_of_the_state_is_told_until_it_is_opened_again() {
    for reads in [true, false] {
        let (files, disk) = (FaultyFiles::new(1), FaultyDisk::new());
        let database = on_disk(&files, &disk).await;
        let table = database.table("", "t").unwrap();
        put(&database, &table, "in memory", 1).await.unwrap();
        assert!(database.state_failure().is_none());
        if reads {
            // So that no checkpoint is left that would notice.
            until(|| database.log().checkpoint() >= database.log().durable()).await;
            disk.fail_reads(true);
            assert!(first_failure(&database, &table).is_some());
            disk.fail_reads(false);
        } else {
            disk.fail_after(0);
            // Which of them the applier gets to is its own affair.
            let _ = put(&database, &table, "fails", 1).await;
        }
        // Without another write, too.
        until(|| database.log().poisoned().is_some()).await;
        let failure = database.state_failure().unwrap();
        assert!(failure.contains("injected"), "{failure}");
        let refused = put(&database, &table, &key_of(0), 1).await;
        assert!(
            matches!(
                refused,
                Err(EngineError::Log(LogError::Poisoned { .. }) | EngineError::State(_))
            ),
            "{refused:?}"
        );
        // What the disk gives again is read.
        for index in 0..ITEMS {
            assert!(get(&database, &table, &key_of(index)).is_some(), "{index}");
        }
        assert!(get(&database, &table, "in memory").is_some());
        database.close();
        drop((table, database));
        disk.crash(1);
        let database = open_on(&files, &disk);
        let table = database.table("", "t").unwrap();
        assert!(database.state_failure().is_none());
        assert!(first_failure(&database, &table).is_none());
        for index in 0..ITEMS {
            assert!(get(&database, &table, &key_of(index)).is_some(), "{index}");
        }
        assert!(get(&database, &table, "in memory").is_some());
        database.close();
    }
}

/// What a start replays is in the state's memory alone until the next checkpoint. Were the log told of it before, it
/// would drop what the start after that needs.
#[tokio::test]
async fn the_log_keeps_what_was_replayed_and_is_in_no_checkpoint() {
    const PUTS: i64 = 2_000;
    let clock = Arc::new(ManualClock::new(START_MS));
    let rng = Arc::new(SeededRng::new(1));
    let open = |files: &FaultyFiles, disk: &FaultyDisk| {
        let log_options = LogOptions {
            segment_bytes: 64 << 10,
            preallocate: false,
            ..LogOptions::default()
        };
        let (log, _) = Log::open(Arc::new(files.clone()), log_options, clock.clone()).unwrap();
        let state = headwater_state::open(disk.backend(), None, StateOptions::default()).unwrap();
        let options = EngineOptions {
            checkpoint_interval_ms: 3_600_000,
            checkpoint_log_bytes: 1 << 40,
            ..options(1)
        };
        Database::open(log, state, clock.clone(), rng.clone(), options)
    };
    let (files, disk) = (FaultyFiles::new(1), FaultyDisk::new());
    let (database, _) = open(&files, &disk).unwrap();
    let table = create(&database, "t", None).await;
    let keys: Vec<String> = (0..PUTS)
        .map(|index| format!("{index} {}", noise(&rng, 200)))
        .collect();
    for (index, key) in (0..).zip(&keys) {
        put(&database, &table, key, index).await.unwrap();
    }
    assert!(database.log().segments().len() >= 4);
    let files = files.power_loss(Survives::All);
    disk.crash(1);
    drop((table, database));

    let (database, opened) = open(&files, &disk).unwrap();
    assert!(opened.replayed as i64 > PUTS);
    assert_eq!(database.log().checkpoint(), Sequence::ZERO);
    // Nobody reads the log of a table without a stream: only the state needs it.
    database.run_due().await.unwrap();
    assert_eq!(database.log().oldest(), Sequence::ZERO);
    let files = files.power_loss(Survives::Synced);
    disk.crash(2);
    drop(database);

    let (database, _) = open(&files, &disk).unwrap();
    let table = database.table("", "t").unwrap();
    assert_eq!(table.item_count(), PUTS as u64);
    for key in &keys {
        assert!(get(&database, &table, key).is_some(), "{key}");
    }
    database.close();
}
