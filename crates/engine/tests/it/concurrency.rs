//! Many writers at once: hot keys, all-or-nothing commands, readers that see only what is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_changelog::Identity;
use headwater_engine::{
    Action, Command, Database, EngineOptions, IndexChange, IndexKind, ReturnValues, StreamView,
    Table,
};
use headwater_expression::{Placeholders, Update};
use headwater_model::{AttributeValue, EncodedItem, Item, ManualClock, SeededRng};
use headwater_state::Direction;
use tokio::task::JoinSet;

use crate::indexes::by_number;
use crate::support::{
    START_MS, command, create, get, item, open, options, records, scan, until, until_applied,
    verify,
};

/// How often indexes come, or go, under writers.
const CHANGES: u64 = 50;

fn increment() -> Update {
    let values = [(":n".to_owned(), AttributeValue::N(1_i64.into()))];
    let mut placeholders = Placeholders::new(None, Some(values.into())).unwrap();
    Update::parse("ADD v :n", &mut placeholders).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_increments_of_one_item_are_all_counted_and_ride_in_groups() {
    const TASKS: i64 = 64;
    const EACH: i64 = 50;
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(2));
    let table = create(&database, "t", Some(StreamView::NewImage)).await;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (database, table) = (database.clone(), table.clone());
        tasks.spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..EACH {
                let action = Action::Update {
                    update: increment(),
                    key: item("hot", None),
                };
                let mut command = command(&table, "hot", action);
                command.items[0].returns = ReturnValues::UpdatedNew;
                let outcome = database.write(command).await.unwrap().remove(0);
                let value = outcome.attributes.unwrap().get("v").unwrap().unwrap();
                // The reply went out after the change was durable, so that every reader sees it.
                let now = get(&database, &table, "hot").unwrap();
                assert!(number(now.get("v").unwrap()) >= number(&value));
                seen.push(number(&value));
            }
            seen
        });
    }
    let mut seen = BTreeSet::new();
    while let Some(values) = tasks.join_next().await {
        for value in values.unwrap() {
            assert!(seen.insert(value), "{value} was returned twice");
        }
    }
    assert_eq!(seen, (1..=TASKS * EACH).collect());
    let stream = table.record().stream.unwrap();
    let images: Vec<i64> = records(&database, stream, 1000)
        .into_iter()
        .map(|(_, _, change)| EncodedItem::from_bytes(change.new.unwrap()))
        .map(|image| number(&image.get("v").unwrap().unwrap()))
        .collect();
    assert_eq!(images, (1..=TASKS * EACH).collect::<Vec<_>>());
    let stats = database.log().stats();
    assert!(
        stats.groups * 2 < stats.entries,
        "{} entries took {} groups",
        stats.entries,
        stats.groups
    );
}

/// Values come from the pending ones, from the cache that the applier and slow readers fill, and from the state; a
/// reader must not see one of them go back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_sees_an_item_go_back_while_caches_are_small() {
    const KEYS: usize = 40;
    for item_cache_bytes_max in [0, 40_000, 1 << 20] {
        let clock = ManualClock::new(START_MS);
        let options = EngineOptions {
            item_cache_bytes_max,
            ..options(2)
        };
        let database = open(None, &clock, options);
        let table = create(&database, "t", None).await;
        let mut tasks = JoinSet::new();
        for writer in 0..4 {
            let (database, table) = (database.clone(), table.clone());
            tasks.spawn(async move {
                for value in 1..=60 {
                    for key in (writer..KEYS).step_by(4) {
                        let key = format!("k{key}");
                        let action = Action::Put(EncodedItem::encode(&item(&key, Some(value))));
                        database.write(command(&table, &key, action)).await.unwrap();
                        let now = get(&database, &table, &key).unwrap();
                        assert_eq!(number(now.get("v").unwrap()), value);
                    }
                }
            });
        }
        for reader in 0..4 {
            let (database, table) = (database.clone(), table.clone());
            tasks.spawn(async move {
                let mut newest = vec![0; KEYS];
                for turn in 0..6_000 {
                    let key = (turn * 7 + reader) % KEYS;
                    let seen = get(&database, &table, &format!("k{key}"));
                    let seen = seen.map_or(0, |item| number(item.get("v").unwrap()));
                    assert!(seen >= newest[key], "k{key} went back to {seen}");
                    newest[key] = seen;
                    if turn % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    }
}

fn number(value: &AttributeValue) -> i64 {
    match value {
        AttributeValue::N(number) => number.to_i64().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Puts and deletes of many items at once, so that much is decided by the indexes of before when some come or go.
async fn write_until(stop: &AtomicBool, database: &Database, table: &Arc<Table>, seed: u64) -> u64 {
    const KEYS: u64 = 80;
    let rng = SeededRng::new(seed);
    let mut commands = 0;
    while !stop.load(Ordering::Relaxed) {
        let first = rng.below(KEYS);
        let items = (0..25).flat_map(|number| {
            let key = format!("k{}", (first + number * 3) % KEYS);
            let group = ["x", "y", "z"][rng.below(3) as usize];
            let mut item = crate::indexes::item(&key, Some(group), Some(rng.below(9) as i64));
            // Long after the test.
            let second = 2_000_000_000 + rng.below(1_000) as i64;
            item.insert("t".to_owned(), AttributeValue::N(second.into()));
            let action = match rng.below(4) {
                0 => Action::Delete,
                _ => Action::Put(EncodedItem::encode(&item)),
            };
            command(table, &key, action).items
        });
        let command = Command {
            items: items.collect(),
            identity: Identity::None,
        };
        database.write(command).await.unwrap();
        commands += 1;
    }
    commands
}

/// A write is decided by the indexes that it found, and enqueued among those that are there by then. What it puts into
/// the overlay has to be what the applier takes out, and what it puts into the log what the applier derives from.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn indexes_and_times_come_and_go_among_writers() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    let table = create(&database, "t", None).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for seed in 0..4 {
        let (database, table, stop) = (database.clone(), table.clone(), stop.clone());
        writers.spawn(async move { write_until(&stop, &database, &table, seed).await });
    }
    let mut expires = false;
    for turn in 0..CHANGES {
        let applied = database.applied();
        let added = IndexChange::Create(by_number());
        crate::indexes::change(&database, added).await.unwrap();
        if turn % 3 == 0 {
            expires = !expires;
            let changed = database.change_time_to_live("", "t", "t", expires).await;
            changed.unwrap();
        }
        // Some go before they are filled.
        if turn % 2 == 0 {
            crate::indexes::filled(&database, &table, "by-number").await;
        }
        until("writes go on", || database.applied() > applied.offset(50)).await;
        if turn + 1 < CHANGES {
            let removed = IndexChange::Delete(IndexKind::Global, "by-number".to_owned());
            crate::indexes::change(&database, removed).await.unwrap();
            until("writes go on", || database.applied() > applied.offset(100)).await;
        }
    }
    if !expires {
        let changed = database.change_time_to_live("", "t", "t", true).await;
        changed.unwrap();
    }
    crate::indexes::filled(&database, &table, "by-number").await;
    stop.store(true, Ordering::Relaxed);
    for commands in writers.join_all().await {
        assert!(commands > CHANGES);
    }
    until_applied(&database).await;
    until("the overlay is empty", || database.overlay_bytes() == 0).await;
    let model = scan(&database, &table, 100, Direction::Forward);
    let model = model.into_iter().map(|item| match item.get("pk") {
        Some(AttributeValue::S(key)) => (key.clone(), item),
        other => panic!("{other:?}"),
    });
    let model: BTreeMap<String, Item> = model.collect();
    crate::indexes::check(&database, &table, &model, &by_number());
    let index = table.index("by-number").unwrap().id();
    assert_eq!(database.index_counts(index).unwrap().0, model.len() as u64);
    database.close();
    drop((table, database));
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    // Items without a time are none, so each has an entry and a time.
    assert_eq!(verified.entries_compared, 2 * model.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_many_items_happens_whole_or_not_at_all() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewAndOldImages)).await;
    let swap = |a: &str, b: &str| {
        let mut items = Vec::new();
        for (key, by) in [(a, 1), (b, -1)] {
            let values = [(":n".to_owned(), AttributeValue::N(i64::from(by).into()))];
            let mut placeholders = Placeholders::new(None, Some(values.into())).unwrap();
            let update = Update::parse("ADD v :n", &mut placeholders).unwrap();
            let action = Action::Update {
                update,
                key: item(key, None),
            };
            items.extend(command(&table, key, action).items);
        }
        Command {
            items,
            identity: Identity::None,
        }
    };
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let database = database.clone();
        // Both orders of the same two keys, so that latches taken in request order would deadlock.
        let command = if task % 2 == 0 {
            swap("a", "b")
        } else {
            swap("b", "a")
        };
        tasks.spawn(async move {
            for _ in 0..25 {
                database.write(command.clone()).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let values: Vec<i64> = ["a", "b"]
        .iter()
        .map(|key| number(get(&database, &table, key).unwrap().get("v").unwrap()))
        .collect();
    assert_eq!(values, [0, 0]);
    // The first command made both items; each later one changed both: two records for one entry.
    let stream = table.record().stream.unwrap();
    assert_eq!(records(&database, stream, 1000).len(), 16 * 25 * 2);
    drop(Arc::clone(&table));
}
