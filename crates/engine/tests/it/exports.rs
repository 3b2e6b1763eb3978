//! What exports read and imports write: the items of a moment, what changed in a window, tables that are filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_engine::{Action, Database, EngineError, Table, TableStatus};
use headwater_model::{AttributeValue, Clock, EncodedItem, Item, ManualClock, SeededRng};

use crate::support::{START_MS, command, delete, item, new_table, open, options, put, verify};

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
    let mut items = database.items_at(table, at_ms).await.unwrap();
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
