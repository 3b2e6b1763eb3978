//! The items of a dropped table are removed in parts, whatever ends the process in between.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use headwater_changelog::testing::{FaultyFiles, Survives};
use headwater_changelog::{Identity, Log, LogOptions};
use headwater_engine::{Action, Command, Database, EngineOptions};
use headwater_model::{EncodedItem, ManualClock, SeededRng};
use headwater_state::testing::FaultyDisk;
use headwater_state::{Direction, StateOptions, StateStore};

use crate::support::{START_MS, command, create, get, item, options, put, until, until_applied};
use crate::verify::{document, state_key, wait_for_result};

/// More than are removed at once.
const ITEMS: usize = 5_000;

fn open_state(disk: &FaultyDisk) -> Arc<dyn StateStore> {
    headwater_state::open(disk.backend(), None, StateOptions::default()).unwrap()
}

fn open(files: &FaultyFiles, state: Arc<dyn StateStore>) -> Database {
    let clock = Arc::new(ManualClock::new(START_MS));
    let log_options = LogOptions {
        preallocate: false,
        ..LogOptions::default()
    };
    let (log, _) = Log::open(Arc::new(files.clone()), log_options, clock.clone()).unwrap();
    let options = EngineOptions {
        // Each part is in a checkpoint of its own.
        checkpoint_interval_ms: 0,
        ..options(1)
    };
    let rng = Arc::new(SeededRng::new(1));
    Database::open(log, state, clock, rng, options).unwrap().0
}

/// How many keys the state has under a number.
fn count(state: &dyn StateStore, table: u32) -> usize {
    let [from, to] = [0, 1].map(|edge| state_key(table + edge, b""));
    let (from, to) = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
    let mut count = 0;
    let snapshot = state.snapshot();
    let scanned = snapshot.scan(from, to, Direction::Forward, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    count
}

/// Whether the state still has something to remove under a number.
fn is_dropped(state: &dyn StateStore, table: u32) -> bool {
    let key = state_key(0, &document(b'd', table));
    state.snapshot().get(&key).unwrap().is_some()
}

/// Gives how many items the crash left to be removed.
async fn crash_after(operations: u64) -> usize {
    let (files, disk) = (FaultyFiles::new(1), FaultyDisk::new());
    let state = open_state(&disk);
    let database = open(&files, state.clone());
    let kept = create(&database, "kept", None).await;
    put(&database, &kept, "k", 1).await.unwrap();
    let table = create(&database, "t", None).await;
    let number = table.id();
    let keys: Vec<String> = (0..ITEMS).map(|index| format!("k{index}")).collect();
    for keys in keys.chunks(100) {
        let items = keys.iter().flat_map(|key| {
            let action = Action::Put(EncodedItem::encode(&item(key, Some(1))));
            command(&table, key, action).items
        });
        let command = Command {
            items: items.collect(),
            identity: Identity::None,
        };
        database.write(command).await.unwrap();
    }
    until_applied(&database).await;
    let log = database.log();
    until("a checkpoint", || log.checkpoint() >= log.durable()).await;
    assert_eq!(count(&*state, number), ITEMS);
    disk.fail_after(operations);
    // What is merged meanwhile may be what fails: then the log may take it, or not.
    let _ = database.delete_table("", "t").await;
    until("the sweep ends", || {
        let is_swept = database.applied() >= log.durable() && !is_dropped(&*state, number);
        is_swept || log.poisoned().is_some()
    })
    .await;
    let files = files.power_loss(Survives::All);
    disk.crash(operations);
    drop((kept, table, database, state));

    let state = open_state(&disk);
    let left = match is_dropped(&*state, number) {
        true => count(&*state, number),
        false => 0,
    };
    let database = open(&files, state.clone());
    if database.table("", "t").is_ok() {
        return 0;
    }
    until("the sweep ends", || !is_dropped(&*state, number)).await;
    assert_eq!(count(&*state, number), 0, "after {operations} operations");
    database.start_verification().unwrap().unwrap();
    let running = database.clone();
    let verified = tokio::task::spawn_blocking(move || wait_for_result(&running));
    let verified = verified.await.unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    let kept = database.table("", "kept").unwrap();
    assert!(get(&database, &kept, "k").is_some());
    database.close();
    left
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_dropped_table_whatever_ends_its_sweep() {
    let mut interrupted = 0;
    for operations in (1..60).step_by(3) {
        let left = crash_after(operations).await;
        interrupted += usize::from(left > 0 && left < ITEMS);
        if interrupted == 3 {
            return;
        }
    }
    assert!(interrupted > 0, "no crash came in the middle");
}
