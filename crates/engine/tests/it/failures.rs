//! What fails below ends in an answer: nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater_changelog::testing::{Fault, FaultyFiles, Survives};
use headwater_changelog::{Log, LogOptions, MemoryFiles};
use headwater_engine::{Database, Durability, EngineError, EngineOptions, LogError};
use headwater_model::{ManualClock, SeededRng};
use headwater_state::testing::FaultyDisk;
use headwater_state::{Batch, RedbStore, Snapshot, StateError, StateOptions, StateStore};

use crate::support::{START_MS, create, get, options, put};

const PATIENCE: Duration = Duration::from_secs(20);

/// A state that panics when it is told to.
struct Panicking {
    store: RedbStore,
    now: Arc<AtomicBool>,
}

impl StateStore for Panicking {
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
        store: RedbStore::in_memory(StateOptions::default()).unwrap(),
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
        let state = RedbStore::open(disk.backend(), StateOptions::default()).unwrap();
        let options = EngineOptions {
            checkpoint_interval_ms: 3_600_000,
            ..options(1)
        };
        Database::open(log, Arc::new(state), clock.clone(), rng.clone(), options)
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
