//! What is said of the catalog is durable, also when it is another client's change of a moment ago.

use std::sync::Arc;

use headwater_changelog::testing::{Fault, FaultyFiles};
use headwater_changelog::{Log, LogOptions};
use headwater_engine::{Database, EngineError};
use headwater_model::{ManualClock, SeededRng};
use headwater_state::StateOptions;

use crate::support::{START_MS, create, new_table, options, put, until};

fn open(files: &FaultyFiles) -> Database {
    let clock = Arc::new(ManualClock::new(START_MS));
    let log_options = LogOptions {
        preallocate: false,
        ..LogOptions::default()
    };
    let (log, _) = Log::open(Arc::new(files.clone()), log_options, clock.clone()).unwrap();
    let state = headwater_state::in_memory(StateOptions::default()).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    Database::open(log, state, clock, rng, options(1))
        .unwrap()
        .0
}

/// Lets the next group take its time.
fn slow_down(files: &FaultyFiles) {
    (0..4).for_each(|after| files.inject(after, Fault::SlowSync(200_000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_what_is_there_or_not_waits_until_that_is_durable() {
    let files = FaultyFiles::new(1);
    let database = open(&files);
    let is_durable = || database.log().durable() == database.log().appended();
    let table = create(&database, "t", None).await;
    put(&database, &table, "key", 1).await.unwrap();

    slow_down(&files);
    let deleting = tokio::spawn({
        let database = database.clone();
        async move { database.delete_table("", "t").await.map(drop) }
    });
    until("it is under way", || database.table("", "t").is_err()).await;
    let refused = put(&database, &table, "key", 2).await;
    assert!(
        matches!(refused, Err(EngineError::TableNotFound { .. })),
        "{refused:?}"
    );
    assert!(is_durable());
    deleting.await.unwrap().unwrap();

    slow_down(&files);
    let creating = tokio::spawn({
        let database = database.clone();
        async move { database.create_table(new_table("u", None)).await.map(drop) }
    });
    until("it is under way", || database.table("", "u").is_ok()).await;
    let refused = database.create_table(new_table("u", None)).await.map(drop);
    assert!(
        matches!(refused, Err(EngineError::TableExists { .. })),
        "{refused:?}"
    );
    assert!(is_durable());
    creating.await.unwrap().unwrap();
    database.close();
}
