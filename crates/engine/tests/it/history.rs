//! What an item was, read from the log in calls that end.

use headwater_engine::{Action, Database, Table};
use headwater_model::{AttributeValue, EncodedItem, ManualClock, Sequence, StorageKey};

use crate::support::{START_MS, command, create, item, open, options, put};

async fn put_large(database: &Database, table: &std::sync::Arc<Table>, number: i64) {
    let mut large = item("large", Some(number));
    let text = AttributeValue::S("x".repeat(400_000));
    large.insert("text".to_owned(), text);
    let action = Action::Put(EncodedItem::encode(&large));
    database
        .write(command(table, "large", action))
        .await
        .unwrap();
}

fn key_of(table: &Table, key: &str) -> StorageKey {
    table.schema().storage_key_of_key(&item(key, None)).unwrap()
}

#[tokio::test]
async fn a_call_ends_after_so_many_bytes_of_other_items() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", None).await;
    put(&database, &table, "a", 1).await.unwrap();
    for number in 0..180 {
        put_large(&database, &table, number).await;
    }
    put(&database, &table, "a", 2).await.unwrap();
    let key = key_of(&table, "a");
    let first = database
        .history(&table, &key, Sequence::ZERO, &|| true)
        .unwrap();
    assert_eq!(first.versions.len(), 1);
    let next = first.next.expect("there is more");
    let rest = database.history(&table, &key, next, &|| true).unwrap();
    assert_eq!((rest.versions.len(), rest.next), (1, None));
}

#[tokio::test]
async fn a_call_that_nobody_wants_ends_with_the_entry_it_is_at() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", None).await;
    for number in 0..10 {
        put(&database, &table, "a", number).await.unwrap();
    }
    let key = key_of(&table, "a");
    let whole = database
        .history(&table, &key, Sequence::ZERO, &|| true)
        .unwrap();
    assert_eq!((whole.versions.len(), whole.next), (10, None));
    let looked = std::cell::Cell::new(0);
    let is_wanted = || {
        looked.set(looked.get() + 1);
        looked.get() < 5
    };
    let cut = database
        .history(&table, &key, Sequence::ZERO, &is_wanted)
        .unwrap();
    assert!(cut.versions.len() <= 5 && cut.next.is_some(), "{cut:?}");
    assert_eq!(looked.get(), 5);
}
