//! Ranges of which more is pending than is gathered at once.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use headwater_changelog::{Log, LogOptions, MemoryFiles};
use headwater_engine::{Action, Database, EngineOptions, KeyRange, PageRequest, Table};
use headwater_model::{EncodedItem, Item, ManualClock, SeededRng};
use headwater_state::{Direction, StateOptions};
use tokio::task::JoinSet;

use crate::full_disk::Held;
use crate::support::{START_MS, command, create, item, options, scan, until, until_applied};

const APPLIED: i64 = 3_000;
/// More than are gathered at once.
const PENDING: i64 = 6_000;

fn write(key: String, value: Option<i64>) -> (String, Action) {
    let action = match value {
        Some(value) => Action::Put(EncodedItem::encode(&item(&key, Some(value)))),
        None => Action::Delete,
    };
    (key, action)
}

async fn write_all(database: &Database, table: &Arc<Table>, writes: Vec<(String, Action)>) {
    let mut tasks = JoinSet::new();
    for (key, action) in writes {
        let (database, command) = (database.clone(), command(table, &key, action));
        tasks.spawn(async move { database.write(command).await });
    }
    for written in tasks.join_all().await {
        written.unwrap();
    }
}

fn storage_key(table: &Table, item: &Item) -> Vec<u8> {
    let key = table.schema().storage_key_of_item(item).unwrap();
    key.into_vec()
}

/// The items in the order of their keys.
fn in_order(table: &Table, model: &BTreeMap<String, i64>) -> Vec<Item> {
    let items = model.iter().map(|(key, value)| item(key, Some(*value)));
    let mut items: Vec<Item> = items.collect();
    items.sort_by_cached_key(|item| storage_key(table, item));
    items
}

/// All items from this one on.
fn all_from(database: &Database, table: &Table, first: &Item, direction: Direction) -> Vec<Item> {
    let (mut from, mut to) = (Bound::Unbounded, Bound::Unbounded);
    let first = Bound::Included(storage_key(table, first));
    match direction {
        Direction::Forward => from = first,
        Direction::Backward => to = first,
    }
    let request = PageRequest {
        range: KeyRange { from, to },
        direction,
        limit: None,
        bytes_max: usize::MAX,
        filter: None,
        items: true,
        index: None,
        fetch: false,
    };
    let page = database.page(table, &request).unwrap();
    assert!(page.last_key.is_none());
    let items = page.items.iter();
    items.map(|item| item.decode().unwrap()).collect()
}

#[track_caller]
fn check(database: &Database, table: &Table, model: &BTreeMap<String, i64>) {
    let mut expected = in_order(table, model);
    for direction in [Direction::Forward, Direction::Backward] {
        // The gathering stops elsewhere each time: a value that is deleted there would not be missed.
        for skipped in 0..4 {
            let expected = &expected[skipped..];
            let found = all_from(database, table, &expected[0], direction);
            assert!(found == expected, "{direction:?}, without {skipped}");
        }
        let found = scan(database, table, 1_000, direction);
        assert!(found == expected, "{direction:?}, by pages");
        expected.reverse();
    }
}

fn over_held_state(options: EngineOptions) -> (Database, Arc<Held>) {
    let state = Arc::new(Held::new(
        headwater_state::in_memory(StateOptions::default()).unwrap(),
    ));
    let clock = Arc::new(ManualClock::new(START_MS));
    let log_options = LogOptions {
        queued_groups_max: 2 * PENDING as usize,
        ..LogOptions::default()
    };
    let (log, _) = Log::open(Arc::new(MemoryFiles::new()), log_options, clock.clone()).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    let (database, _) = Database::open(log, state.clone(), clock, rng, options).unwrap();
    (database, state)
}

/// The value at which the gathering stopped belongs to the next part of the range. It was in neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_with_more_pending_values_than_are_gathered_at_once_is_whole() {
    let options = EngineOptions {
        overlay_bytes_max: 64 << 20,
        ..options(1)
    };
    let (database, state) = over_held_state(options);
    let table = create(&database, "t", None).await;
    let mut model = BTreeMap::new();
    let mut writes = Vec::new();
    for number in 0..APPLIED {
        let key = format!("k{number}");
        model.insert(key.clone(), number);
        writes.push(write(key, Some(number)));
    }
    write_all(&database, &table, writes).await;
    until_applied(&database).await;
    let applied = database.applied();

    state.is_full.store(true, Ordering::SeqCst);
    let mut writes = Vec::new();
    for number in 0..PENDING {
        // A third of what is there goes, a third changes, and more comes.
        let key = match number < 2 * APPLIED / 3 {
            true => format!("k{}", number / 2 * 3 + number % 2),
            false => format!("new {number}"),
        };
        let value = (number >= 2 * APPLIED / 3 || number % 2 == 0).then_some(-number);
        match value {
            Some(value) => drop(model.insert(key.clone(), value)),
            None => assert!(model.remove(&key).is_some()),
        }
        writes.push(write(key, value));
    }
    write_all(&database, &table, writes).await;
    until("the state waits", || state.waits.load(Ordering::SeqCst)).await;
    assert_eq!(database.applied(), applied);
    check(&database, &table, &model);

    state.is_full.store(false, Ordering::SeqCst);
    until_applied(&database).await;
    check(&database, &table, &model);
    database.close();
}

/// A page ends among the keys that are gone from the state, and what is pending before that belongs to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_pass_many_deleted_keys_end_and_miss_nothing() {
    let options = EngineOptions {
        deleted_keys_per_page_max: 64,
        // A run would leave out what was put and deleted since the one before.
        checkpoint_interval_ms: 3_600_000,
        ..options(1)
    };
    let (database, state) = over_held_state(options);
    let table = create(&database, "t", None).await;
    let mut model = BTreeMap::new();
    let keys = |step: usize| {
        (0..APPLIED)
            .step_by(step)
            .map(|number| (number, format!("k{number}")))
    };
    let puts = keys(1).map(|(number, key)| write(key, Some(number)));
    write_all(&database, &table, puts.collect()).await;
    let deletes = keys(1).filter(|(number, _)| number % 500 != 0);
    let deletes = deletes.map(|(_, key)| write(key, None));
    write_all(&database, &table, deletes.collect()).await;
    model.extend(keys(500).map(|(number, key)| (key, number)));
    until_applied(&database).await;
    let check_pages = |model: &BTreeMap<String, i64>| {
        let mut expected = in_order(&table, model);
        for direction in [Direction::Forward, Direction::Backward] {
            let found = scan(&database, &table, 1_000, direction);
            assert!(found == expected, "{direction:?}");
            expected.reverse();
        }
    };
    let request = PageRequest {
        range: KeyRange {
            from: Bound::Unbounded,
            to: Bound::Unbounded,
        },
        direction: Direction::Forward,
        limit: None,
        bytes_max: usize::MAX,
        filter: None,
        items: true,
        index: None,
        fetch: false,
    };
    let page = database.page(&table, &request).unwrap();
    assert!(page.last_key.is_some() && page.items.len() < model.len());
    check_pages(&model);

    state.is_full.store(true, Ordering::SeqCst);
    let mut writes = Vec::new();
    for (number, key) in keys(7).chain([(1, "new".to_owned())]) {
        let value = (number % 500 != 0).then_some(-number);
        match value {
            Some(value) => drop(model.insert(key.clone(), value)),
            None => assert!(model.remove(&key).is_some()),
        }
        writes.push(write(key, value));
    }
    write_all(&database, &table, writes).await;
    until("the state waits", || state.waits.load(Ordering::SeqCst)).await;
    check_pages(&model);

    state.is_full.store(false, Ordering::SeqCst);
    until_applied(&database).await;
    check_pages(&model);
    database.close();
}
