//! Many writers at once: hot keys, all-or-nothing commands, readers that see only what is durable.

use std::collections::BTreeSet;
use std::sync::Arc;

use headwater_engine::{Action, Command, EngineOptions, ReturnValues, StreamView};
use headwater_expression::{Placeholders, Update};
use headwater_model::{AttributeValue, EncodedItem, ManualClock};

use crate::support::{START_MS, command, create, get, item, open, options, records};

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
    let mut tasks = tokio::task::JoinSet::new();
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
        let mut tasks = tokio::task::JoinSet::new();
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
            identity: headwater_changelog::Identity::None,
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
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
