//! What exports read and imports write: the items of a moment, what changed in a window, tables that are filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_engine::{
    Action, ChangedItems, Command, Database, EngineError, ItemCommand, LogError, PastItems,
    ReturnValues, Table, TableStatus,
};
use headwater_model::{
    AttributeValue, Clock, EncodedItem, Item, KeyAttribute, KeySchema, KeyType, ManualClock,
    SeededRng,
};

use crate::support::{START_MS, command, delete, item, new_table, open, options, put, verify};

const HOUR_MS: u64 = 3_600_000;

type Model = BTreeMap<String, i64>;

fn pair(item: &EncodedItem) -> (String, i64) {
    let item: Item = item.decode().unwrap();
    match (item.get("pk"), item.get("v")) {
        (Some(AttributeValue::S(key)), Some(AttributeValue::N(number))) => {
            (key.clone(), number.to_i64().unwrap())
        }
        other => panic!("{other:?}"),
    }
}

async fn write_some(database: &Database, table: &Arc<Table>, model: &mut Model, rng: &SeededRng) {
    for _ in 0..80 {
        let key = format!("k{}", rng.below(60));
        if rng.below(3) == 0 {
            delete(database, table, &key).await.unwrap();
            model.remove(&key);
        } else {
            let value = rng.below(1_000) as i64;
            put(database, table, &key, value).await.unwrap();
            model.insert(key, value);
        }
    }
}

async fn items_at(database: &Database, table: &Table, at_ms: u64) -> Model {
    all_items(database.items_at(table, at_ms).await.unwrap())
}

fn all_items(mut items: PastItems) -> Model {
    let mut found = Model::new();
    while let Some(chunk) = items.next_items().unwrap() {
        for (key, value) in chunk.iter().map(pair) {
            assert_eq!(found.insert(key, value), None, "an item is shown once");
        }
    }
    found
}

#[tokio::test]
async fn moments_and_windows_are_those_of_a_model() {
    let clock = ManualClock::new(START_MS);
    let rng = SeededRng::new(9);
    let database = open(None, &clock, options(2));
    let table = database.create_table(new_table("t", None)).await.unwrap();
    let table = table.table;
    database.change_recovery("", "t", Some(1)).await.unwrap();
    let mut model = Model::new();
    let mut moments = vec![(clock.now_ms(), model.clone())];
    for _ in 0..6 {
        clock.advance_ms(1_000);
        write_some(&database, &table, &mut model, &rng).await;
        moments.push((clock.now_ms(), model.clone()));
    }
    clock.advance_ms(1_000);
    for (at_ms, then) in &moments {
        assert_eq!(items_at(&database, &table, *at_ms).await, *then);
    }
    for (first, (from_ms, before)) in moments.iter().enumerate() {
        for (to_ms, after) in &moments[first + 1..] {
            // The window begins behind the writes of its first moment, and ends behind those of its last.
            let mut changes = database.items_changed(&table, from_ms + 1, to_ms + 1);
            let mut applied = before.clone();
            while let Some(change) = changes.next_item().unwrap() {
                let old = change.before.as_ref().map(pair);
                let new = change.after.as_ref().map(pair);
                let key = old.as_ref().or(new.as_ref()).unwrap().0.clone();
                assert_eq!(applied.get(&key).copied(), old.map(|(_, value)| value));
                assert!((from_ms + 1..=*to_ms).contains(&change.changed.ms()));
                match new {
                    Some((key, value)) => applied.insert(key, value),
                    None => applied.remove(&key),
                };
            }
            assert_eq!(applied, *after);
        }
    }
}

/// Items of one partition that take more than is held at once are gone through in several parts: each comes once, as it
/// was, changed since or gone since. When the database is about to be closed, that ends.
#[tokio::test]
async fn one_partition_of_more_than_is_held_at_once_comes_whole() {
    const ITEMS: i64 = 216;
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let mut new = new_table("t", None);
    let sort = KeyAttribute::new("sk", KeyType::N);
    new.schema = KeySchema::new(KeyAttribute::new("pk", KeyType::S), Some(sort));
    let table = database.create_table(new).await.unwrap().table;
    database.change_recovery("", "t", Some(1)).await.unwrap();
    let write = async |sort: i64, action: Action| {
        let mut key = item("hot", None);
        key.insert("sk".to_owned(), AttributeValue::N(sort.into()));
        let command = ItemCommand {
            table: table.clone(),
            key: table.schema().storage_key_of_key(&key).unwrap(),
            condition: None,
            action,
            returns: ReturnValues::None,
            return_item_on_failure: false,
        };
        database.write(Command::single(command)).await.unwrap();
    };
    let put = |sort: i64, turn: i64, bytes: usize| {
        let mut new = item("hot", Some(turn * ITEMS + sort));
        new.insert("sk".to_owned(), AttributeValue::N(sort.into()));
        new.insert("data".to_owned(), AttributeValue::S("x".repeat(bytes)));
        Action::Put(EncodedItem::encode(&new))
    };
    let numbers = |from: i64, to: i64| -> Vec<i64> { (from..to).collect() };
    for sort in 0..ITEMS {
        write(sort, put(sort, 0, 380_000)).await;
    }
    let at_ms = clock.now_ms();
    clock.advance_ms(1_000);
    let from_ms = clock.now_ms();
    // Nothing is left of every third one; one in nine is as it was.
    for sort in (0..ITEMS).filter(|sort| sort % 9 != 1) {
        let action = match sort % 3 {
            0 => Action::Delete,
            _ => put(sort, 1, 10),
        };
        write(sort, action).await;
    }
    clock.advance_ms(1_000);
    let value = |item: &EncodedItem| pair(item).1;
    let mut then = database.items_at(&table, at_ms).await.unwrap();
    let mut found = Vec::new();
    while let Some(chunk) = then.next_items().unwrap() {
        found.extend(chunk.iter().map(value));
    }
    // Those that are gone come at the end of each part.
    let breaks = found.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!(breaks > 1, "all was held at once");
    found.sort_unstable();
    assert_eq!(found, numbers(0, ITEMS));
    let mut changes = database.items_changed(&table, from_ms, clock.now_ms());
    let mut found = Vec::new();
    while let Some(change) = changes.next_item().unwrap() {
        let sort = value(change.before.as_ref().unwrap());
        let after = (sort % 3 != 0).then_some(ITEMS + sort);
        assert_eq!(change.after.as_ref().map(value), after);
        found.push(sort);
    }
    let changed = numbers(0, ITEMS).into_iter().filter(|sort| sort % 9 != 1);
    assert_eq!(
        found,
        changed.collect::<Vec<_>>(),
        "in the order of the keys"
    );
    let mut then = database.items_at(&table, at_ms).await.unwrap();
    database.end_long_reads();
    assert!(matches!(
        then.next_items(),
        Err(EngineError::Log(LogError::Closed))
    ));
    database.close();
}

/// An export that takes longer than the log is kept: what it reads stays until it ends, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_kept_for_as_long_as_an_export_reads_it() {
    let clock = ManualClock::new(START_MS);
    let rng = SeededRng::new(4);
    let database = open(None, &clock, options(1));
    let table = database.create_table(new_table("t", None)).await.unwrap();
    let table = table.table;
    database.change_recovery("", "t", Some(1)).await.unwrap();
    let mut model = Model::new();
    clock.advance_ms(HOUR_MS);
    let from_ms = clock.now_ms();
    for _ in 0..20 {
        write_some(&database, &table, &mut model, &rng).await;
    }
    let (then, at_ms) = (model.clone(), clock.now_ms());
    clock.advance_ms(HOUR_MS);
    let to_ms = clock.now_ms();
    let full = database.items_at(&table, at_ms).await.unwrap();
    let incremental = database.items_changed(&table, from_ms, to_ms);
    // Two days later all of that is past its retention, if nobody read it.
    for _ in 0..48 {
        clock.advance_ms(HOUR_MS);
        write_some(&database, &table, &mut model, &rng).await;
        checkpointed(&database).await;
        database.run_due().await.unwrap();
    }
    let segments = database.log().segments().len();
    assert_eq!(all_items(full), then);
    // The other still needs it.
    database.run_due().await.unwrap();
    assert_eq!(changed(incremental).unwrap(), then);
    database.run_due().await.unwrap();
    assert!(database.log().segments().len() < segments);
    let too_late = changed(database.items_changed(&table, from_ms, to_ms));
    assert!(matches!(too_late, Err(EngineError::Log(_))), "{too_late:?}");
    database.close();
}

/// Until the state holds the log, whose sealed segments may go then.
async fn checkpointed(database: &Database) {
    while database.log().checkpoint() < database.log().durable() {
        tokio::task::yield_now().await;
    }
}

/// What is there after changes of a table that was empty.
fn changed(mut changes: ChangedItems) -> Result<Model, EngineError> {
    let mut after = Model::new();
    while let Some(change) = changes.next_item()? {
        after.extend(change.after.as_ref().map(pair));
    }
    Ok(after)
}

#[tokio::test]
async fn a_table_that_is_filled_is_nobody_elses_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    for name in ["kept", "given-up"] {
        database
            .create_table_to_fill(new_table(name, None))
            .await
            .unwrap();
    }
    let table = database.table("", "kept").unwrap();
    let fill = |table: &Arc<Table>, key: &str| {
        let new = EncodedItem::encode(&item(key, Some(1)));
        command(table, key, Action::Put(new))
    };
    database.fill(fill(&table, "a")).await.unwrap();
    let refused = put(&database, &table, "b", 1).await;
    assert!(matches!(refused, Err(EngineError::TableNotFound { .. })));
    drop(table);
    database.close();
    drop(database);
    let database = open(Some(folder.path()), &clock, options(1));
    clock.advance_ms(60_000);
    database.run_due().await.unwrap();
    let table = database.table("", "kept").unwrap();
    assert!(table.record().is_being_filled());
    let status = table.record().status(clock.now_ms());
    assert_eq!(status, TableStatus::Creating);
    database.fill(fill(&table, "c")).await.unwrap();
    database.end_filling(&table).await.unwrap();
    database.end_filling(&table).await.unwrap();
    put(&database, &table, "d", 1).await.unwrap();
    assert_eq!(table.item_count(), 3);
    let other = database.table("", "given-up").unwrap();
    database.fill(fill(&other, "a")).await.unwrap();
    database.give_up_filling(&other).await.unwrap();
    assert!(database.table("", "given-up").is_err());
    // A table that is in use is not given up.
    database.give_up_filling(&table).await.unwrap();
    assert!(database.table("", "kept").is_ok());
    drop((table, other));
    database.close();
    drop(database);
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
}
