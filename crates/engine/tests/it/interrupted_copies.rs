//! Backups and restores whose copy a full disk ends, and which go on when there is room, on a table that has changed
//! since.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_changelog::testing::FaultyFiles;
use headwater_changelog::{Log, LogOptions};
use headwater_engine::{Action, Database, EngineError, EngineOptions, LogError, Table};
use headwater_model::{AttributeValue, EncodedItem, Item, ManualClock, SeededRng};
use headwater_state::{Direction, StateOptions, StateStore};
use tokio::task::JoinSet;

use crate::support::{START_MS, command, create, item, noise, options, scan, until, until_applied};
use crate::verify::{document, state_key, wait_for_result};

const ITEMS: usize = 4_000;
/// About as much room as a tenth of the items needs.
const ROOM_BYTES: u64 = 300 << 10;

type Model = BTreeMap<String, i64>;

struct Store {
    clock: ManualClock,
    files: FaultyFiles,
    state: Arc<dyn StateStore>,
    database: Database,
    table: Arc<Table>,
    model: Model,
}

impl Store {
    async fn new() -> Store {
        let clock = ManualClock::new(START_MS);
        let files = FaultyFiles::new(1);
        let log_options = LogOptions {
            preallocate: false,
            ..LogOptions::default()
        };
        let time = Arc::new(clock.clone());
        let (log, _) = Log::open(Arc::new(files.clone()), log_options, time.clone()).unwrap();
        let state = headwater_state::in_memory(StateOptions::default()).unwrap();
        let rng = Arc::new(SeededRng::new(1));
        let options = EngineOptions {
            // Without a checkpoint, nothing of the log goes, and no room comes from it.
            checkpoint_interval_ms: 3_600_000,
            checkpoint_log_bytes: 1 << 40,
            ..options(1)
        };
        let (database, _) = Database::open(log, state.clone(), time, rng.clone(), options).unwrap();
        let table = create(&database, "t", None).await;
        let mut store = Store {
            clock,
            files,
            state,
            database,
            table,
            model: Model::new(),
        };
        let keys = (0..ITEMS).map(|index| format!("{index} {}", noise(&rng, 480)));
        let writes: Vec<_> = keys.map(|key| (key, Some(1))).collect();
        store.write(writes).await;
        store
    }

    /// Puts values, or deletes.
    async fn write(&mut self, writes: Vec<(String, Option<i64>)>) {
        let mut tasks = JoinSet::new();
        for (key, value) in writes {
            let action = match value {
                Some(value) => Action::Put(EncodedItem::encode(&item(&key, Some(value)))),
                None => Action::Delete,
            };
            let (database, command) = (self.database.clone(), command(&self.table, &key, action));
            tasks.spawn(async move { database.write(command).await });
            match value {
                Some(value) => drop(self.model.insert(key, value)),
                None => drop(self.model.remove(&key)),
            }
        }
        for written in tasks.join_all().await {
            written.unwrap();
        }
    }

    /// Lets a copy begin, ends it for lack of room, makes some, and changes a third of the table.
    async fn interrupt(&mut self) {
        let used = self.files.used_bytes();
        self.files.set_disk_size_bytes(Some(used + ROOM_BYTES));
        let ended = self.database.run_due().await;
        assert!(
            matches!(ended, Err(EngineError::Log(LogError::NoRoom { .. }))),
            "{ended:?}"
        );
        assert!(self.files.used_bytes() > used + ROOM_BYTES / 2, "it began");
        self.files.set_disk_size_bytes(None);
        let database = self.database.clone();
        until("there is room", || database.no_room().is_none()).await;
        let changed: Vec<_> = (0..).zip(self.model.keys()).step_by(3).collect();
        let changed = changed
            .into_iter()
            .map(|(index, key)| (key.clone(), (index % 2 == 0).then_some(2)));
        self.write(changed.collect()).await;
    }

    /// Nothing of a table is left, and what is left is right.
    async fn check_gone(&self, number: u32) {
        let key = state_key(0, &document(b'd', number));
        until("the sweep ends", || {
            self.state.snapshot().get(&key).unwrap().is_none()
        })
        .await;
        self.check().await;
    }

    async fn check(&self) {
        until_applied(&self.database).await;
        self.database.start_verification().unwrap().unwrap();
        let running = self.database.clone();
        let verified = tokio::task::spawn_blocking(move || wait_for_result(&running));
        let verified = verified.await.unwrap();
        assert!(verified.is_clean(), "{verified:?}");
    }
}

fn items(database: &Database, table: &Table) -> Model {
    let found = scan(database, table, 1_000, Direction::Forward);
    let pair = |item: Item| match (item.get("pk"), item.get("v")) {
        (Some(AttributeValue::S(key)), Some(AttributeValue::N(number))) => {
            (key.clone(), number.to_i64().unwrap())
        }
        other => panic!("{other:?}"),
    };
    found.into_iter().map(pair).collect()
}

/// What was copied before is of another moment: it would stay in the backup where the table has it no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_whose_copy_was_interrupted_is_of_the_moment_at_which_it_began_anew() {
    let mut store = Store::new().await;
    let backup = store.database.create_backup("", "t", "b").await.unwrap();
    store.interrupt().await;
    store.database.run_due().await.unwrap();
    let database = &store.database;
    let made = database.backups("").await.unwrap().remove(0);
    assert_eq!(made.id, backup.id);
    let (count, _) = made.whole.expect("the backup is whole");
    assert_eq!(count, store.model.len() as u64);
    let mut definition = (*store.table.record()).clone();
    definition.name = "again".to_owned();
    let again = database.restore_backup(made.id, definition).await.unwrap();
    database.run_due().await.unwrap();
    assert!(items(database, &again) == store.model);
    assert!(items(database, &store.table) == store.model);
    // The copy that was begun first had the number after the backup's.
    store.check_gone(backup.id + 1).await;
    database.close();
}

/// Restores the table to a moment, after which it was `before`, with a copy that is interrupted.
async fn restore_with_an_interruption(mut store: Store, at_ms: u64, before: Model) {
    let mut definition = (*store.table.record()).clone();
    definition.name = "before".to_owned();
    let restoring = store
        .database
        .restore_to_time(&store.table, at_ms, definition);
    let restored = restoring.await.unwrap();
    store.interrupt().await;
    store.database.run_due().await.unwrap();
    let database = &store.database;
    let restore = restored.record().restore.clone().unwrap();
    assert!(!restore.is_in_progress());
    assert_eq!(restored.item_count(), before.len() as u64);
    assert!(items(database, &restored) == before);
    assert!(items(database, &store.table) == store.model);
    store.check().await;
    database.close();
}

/// What was does not change: the copy goes on, over what it put already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_whose_copy_was_interrupted_is_of_its_moment() {
    let mut store = Store::new().await;
    let recovery = store.database.change_recovery("", "t", Some(1)).await;
    recovery.unwrap();
    let (at_ms, before) = (START_MS, store.model.clone());
    store.clock.advance_ms(60_000);
    let keys: Vec<_> = store.model.keys().take(100).cloned().collect();
    let deleted = keys.into_iter().map(|key| (key, None)).collect();
    store.write(deleted).await;
    restore_with_an_interruption(store, at_ms, before).await;
}

/// The clock was set back: until it is where the log is, all changes are of the latest moment. Those behind the restore are
/// none of its.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_to_the_latest_moment_has_nothing_of_later_changes_of_that_moment() {
    let mut store = Store::new().await;
    let recovery = store.database.change_recovery("", "t", Some(1)).await;
    recovery.unwrap();
    store.clock.advance_ms(3_600_000);
    let key = store.model.keys().next().unwrap().clone();
    store.write(vec![(key, Some(3))]).await;
    store.clock.set_ms(START_MS);
    let (at_ms, before) = (store.database.latest_ms(), store.model.clone());
    assert!(at_ms > START_MS);
    restore_with_an_interruption(store, at_ms, before).await;
}
