//! What fails below ends in an answer: nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater_changelog::{Log, LogOptions, MemoryFiles};
use headwater_engine::{Database, EngineError, EngineOptions, LogError};
use headwater_model::{ManualClock, SeededRng};
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
