//! The log is trimmed by what is durable: what a change of the catalog gives up is needed if a crash takes the change back.

use std::sync::Arc;

use headwater_changelog::testing::{FaultyFiles, Survives};
use headwater_changelog::{Log, LogOptions};
use headwater_engine::{Database, EngineError, LogError};
use headwater_model::{ManualClock, SeededRng};
use headwater_state::StateOptions;
use headwater_state::testing::FaultyDisk;

use crate::support::{START_MS, create, noise, options, put, until};

fn open(files: &FaultyFiles, disk: &FaultyDisk) -> Database {
    let clock = Arc::new(ManualClock::new(START_MS));
    let log_options = LogOptions {
        segment_bytes: 64 << 10,
        preallocate: false,
        ..LogOptions::default()
    };
    let (log, _) = Log::open(Arc::new(files.clone()), log_options, clock.clone()).unwrap();
    let state = headwater_state::open(disk.backend(), None, StateOptions::default()).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    let (database, _) = Database::open(log, state, clock, rng, options(1)).unwrap();
    database
}

/// A table with a recovery of several segments, all of which the state holds as well. That it was enabled has been looked at
/// by the upkeep only if it `looks`.
async fn recoverable(files: &FaultyFiles, disk: &FaultyDisk, looks: bool) -> Database {
    let database = open(files, disk);
    let table = create(&database, "t", None).await;
    let enabled = database.change_recovery("", "t", Some(1)).await;
    enabled.unwrap();
    if looks {
        database.run_due().await.unwrap();
    }
    let rng = SeededRng::new(2);
    for index in 0..1_000 {
        let key = format!("{index} {}", noise(&rng, 300));
        put(&database, &table, &key, index).await.unwrap();
    }
    until("all is in a checkpoint", || {
        database.log().checkpoint() >= database.log().durable()
    })
    .await;
    assert!(database.log().segments().len() >= 4);
    database
}

/// Disables the recovery on a disk that has no room for the change, and lets the upkeep look.
async fn disable_without_room(files: &FaultyFiles, database: &Database) {
    files.set_disk_size_bytes(Some(files.used_bytes()));
    let disabled = database.change_recovery("", "t", None).await;
    assert!(
        matches!(disabled, Err(EngineError::Log(LogError::NoRoom { .. }))),
        "{disabled:?}"
    );
    database.run_due().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_that_a_power_loss_brings_back_has_its_history() {
    for looks in [true, false] {
        let (files, disk) = (FaultyFiles::new(1), FaultyDisk::new());
        let database = recoverable(&files, &disk, looks).await;
        let oldest = database.log().oldest();
        disable_without_room(&files, &database).await;
        let files = files.power_loss(Survives::Synced);
        disk.crash(1);
        drop(database);
        files.set_disk_size_bytes(None);
        let database = open(&files, &disk);
        let table = database.table("", "t").unwrap();
        assert!(table.record().pitr.is_some());
        assert_eq!(database.log().oldest(), oldest, "looked: {looks}");
        database.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_change_gives_up_goes_when_the_change_is_durable() {
    let (files, disk) = (FaultyFiles::new(1), FaultyDisk::new());
    let database = recoverable(&files, &disk, true).await;
    let oldest = database.log().oldest();
    disable_without_room(&files, &database).await;
    assert_eq!(database.log().oldest(), oldest);
    files.set_disk_size_bytes(None);
    until("the change is durable", || {
        database.log().durable() == database.log().appended()
    })
    .await;
    database.run_due().await.unwrap();
    assert!(database.log().oldest() > oldest);
    database.close();
}
