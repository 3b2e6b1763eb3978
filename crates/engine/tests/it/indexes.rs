//! Secondary indexes: each is, at any moment, the projection of its table, whatever was written, added, removed, closed
//! or lost in between.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::{
    Action, Database, EngineError, EngineOptions, Index, IndexChange, IndexKind, IndexProjection,
    IndexState, KeyRange, NewIndex, PageRequest, Refusal, StreamView, Table, TableChange,
    Throughput,
};
use headwater_model::{
    AttributeValue, Clock, EncodedItem, Item, KeyAttribute, KeyType, ManualClock, SeededRng,
};
use headwater_state::Direction;

use crate::support::{START_MS, command, delete, entries, new_table, open, options, scan, verify};

fn new_index(name: &str, sort: &[(&str, KeyType)], projection: IndexProjection) -> NewIndex {
    let sort = sort
        .iter()
        .map(|(name, kind)| KeyAttribute::new(*name, *kind));
    NewIndex {
        name: name.to_owned(),
        kind: IndexKind::Global,
        partition: vec![KeyAttribute::new("g", KeyType::S)],
        sort: sort.collect(),
        projection,
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        vector: None,
    }
}

pub fn by_number() -> NewIndex {
    new_index("by-number", &[("v", KeyType::N)], IndexProjection::All)
}

pub fn keys_only() -> NewIndex {
    new_index("keys", &[], IndexProjection::KeysOnly)
}

pub fn item(key: &str, group: Option<&str>, value: Option<i64>) -> Item {
    let mut item = crate::support::item(key, value);
    if let Some(group) = group {
        item.insert("g".to_owned(), AttributeValue::S(group.to_owned()));
    }
    item
}

async fn put(database: &Database, table: &Arc<Table>, item: &Item) {
    let Some(AttributeValue::S(key)) = item.get("pk") else {
        unreachable!()
    };
    let action = Action::Put(EncodedItem::encode(item));
    database.write(command(table, key, action)).await.unwrap();
}

/// What the index must hold, by the keys of the items.
fn expected(model: &BTreeMap<String, Item>, index: &NewIndex) -> BTreeMap<String, Item> {
    let keys = index.partition.iter().chain(&index.sort);
    let keys: Vec<&str> = keys.map(|key| key.name.as_str()).collect();
    let held = model
        .iter()
        .filter(|(_, item)| keys.iter().all(|key| item.contains(key)));
    held.map(|(key, item)| {
        let mut item = item.clone();
        if index.projection == IndexProjection::KeysOnly {
            item.retain(|name, _| name == "pk" || keys.contains(&name));
        }
        (key.clone(), item)
    })
    .collect()
}

pub fn check(database: &Database, table: &Table, model: &BTreeMap<String, Item>, index: &NewIndex) {
    let forward = entries(database, table, &index.name, 3, Direction::Forward);
    let mut backward = entries(database, table, &index.name, 4, Direction::Backward);
    backward.reverse();
    assert_eq!(forward, backward);
    let number = |item: &Item| match item.get("v") {
        Some(AttributeValue::N(number)) => Some(*number),
        _ => None,
    };
    for pair in forward.windows(2) {
        if !index.sort.is_empty() && pair[0].get("g") == pair[1].get("g") {
            assert!(number(&pair[0]) <= number(&pair[1]));
        }
    }
    let count = forward.len();
    let by_key = |item: Item| match item.get("pk") {
        Some(AttributeValue::S(key)) => (key.clone(), item),
        _ => panic!("an entry without the table's key"),
    };
    let found: BTreeMap<String, Item> = forward.into_iter().map(by_key).collect();
    assert_eq!(found.len(), count, "an item has one entry");
    assert_eq!(found, expected(model, index));
}

/// Deletes what has expired, if anything does, from table and model.
async fn expired(
    database: &Database,
    table: &Table,
    model: &mut BTreeMap<String, Item>,
    now_s: u64,
) {
    if table.record().ttl.as_ref().is_some_and(|ttl| ttl.enabled) {
        model.retain(|_, item| match item.get("t") {
            Some(AttributeValue::N(number)) => number.floor_u64().unwrap() >= now_s,
            _ => true,
        });
    }
    let done = async {
        loop {
            database.run_due().await.unwrap();
            if table.item_count() == model.len() as u64 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), done).await;
    done.expect("what has expired is deleted, and nothing else");
}

pub async fn change(database: &Database, index: IndexChange) -> Result<(), EngineError> {
    let change = TableChange {
        index: Some(index),
        ..TableChange::default()
    };
    database.update_table("", "t", change).await.map(|_| ())
}

/// Waits until the index is readable.
pub async fn filled(database: &Database, table: &Table, name: &str) {
    let filled = async {
        while !table.index(name).is_some_and(|index| index.is_readable()) {
            database.run_due().await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), filled)
        .await
        .expect("the index is filled");
}

pub fn fast() -> EngineOptions {
    EngineOptions {
        retention_ms: u64::MAX / 4,
        ..options(2)
    }
}

#[tokio::test]
async fn indexes_are_the_projection_of_their_table_over_reopenings() {
    for seed in 0..8 {
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let rng = SeededRng::new(seed);
    let clock = ManualClock::new(START_MS);
    let options = EngineOptions {
        backfill_items_max: 1 + seed as usize % 3,
        ..fast()
    };
    let mut database = open(Some(folder.path()), &clock, options.clone());
    // Its records keep the log whole, from the first write on.
    let mut new = new_table("t", Some(StreamView::KeysOnly));
    new.indexes = match seed % 3 {
        0 => Vec::new(),
        _ => vec![by_number()],
    };
    let has_number = !new.indexes.is_empty();
    let mut states = Vec::new();
    let mut table = database.create_table(new).await.unwrap().table;
    let mut model = BTreeMap::new();
    let mut has_keys = false;
    for step in 0..250 {
        let key = format!("k{}", rng.below(20));
        match rng.below(100) {
            0..=69 => {
                let group = (rng.below(4) > 0).then(|| ["x", "y"][rng.below(2) as usize]);
                let value = (rng.below(4) > 0).then(|| rng.below(4) as i64);
                let mut item = item(&key, group, value);
                if rng.below(3) == 0 {
                    let second = clock.now_ms() / 1000 + rng.below(4);
                    item.insert("t".to_owned(), AttributeValue::N((second as i64).into()));
                }
                put(&database, &table, &item).await;
                model.insert(key, item);
            }
            70..=87 => {
                delete(&database, &table, &key).await.unwrap();
                model.remove(&key);
            }
            88..=91 if has_keys => {
                let gone = IndexChange::Delete(IndexKind::Global, "keys".to_owned());
                change(&database, gone).await.unwrap();
                assert!(table.index("keys").is_none());
                has_keys = false;
            }
            88..=91 => {
                let new = IndexChange::Create(keys_only());
                change(&database, new).await.unwrap();
                has_keys = true;
            }
            92 => {
                clock.advance_ms(1_500);
                expired(&database, &table, &mut model, clock.now_ms() / 1000).await;
            }
            93 => {
                let expires = table.record().ttl.as_ref().is_some_and(|ttl| ttl.enabled);
                let changed = database.change_time_to_live("", "t", "t", !expires).await;
                changed.unwrap();
            }
            94..=95 => {
                database.close();
                drop((table, database));
                change_state(folder.path(), &rng, &mut states);
                database = open(Some(folder.path()), &clock, options.clone());
                table = database.table("", "t").unwrap();
            }
            _ => {
                if has_number {
                    check(&database, &table, &model, &by_number());
                }
                if has_keys {
                    filled(&database, &table, "keys").await;
                    // What is done until then deletes, too, what has expired.
                    expired(&database, &table, &mut model, clock.now_ms() / 1000).await;
                    check(&database, &table, &model, &keys_only());
                }
            }
        }
        clock.advance_ms(rng.below(3));
        assert_eq!(
            table.item_count(),
            model.len() as u64,
            "seed {seed}, step {step}"
        );
    }
    if has_number {
        check(&database, &table, &model, &by_number());
    }
    if has_keys {
        filled(&database, &table, "keys").await;
        expired(&database, &table, &mut model, clock.now_ms() / 1000).await;
        check(&database, &table, &model, &keys_only());
        let id = table.index("keys").unwrap().id();
        let count = expected(&model, &keys_only()).len() as u64;
        database.close();
        assert_eq!(database.index_counts(id).unwrap().0, count);
    }
    database.close();
    drop((table, database));
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
}

/// Leaves the state of a closed store as it is, takes it away, or puts one of an earlier closing back: what the log has
/// since must make the same of each.
fn change_state(folder: &Path, rng: &SeededRng, states: &mut Vec<Vec<u8>>) {
    let state = folder.join("state");
    states.push(std::fs::read(&state).unwrap());
    match rng.below(4) {
        0 => std::fs::remove_file(&state).unwrap(),
        1 => {
            let one = &states[rng.below(states.len() as u64) as usize];
            std::fs::write(&state, one).unwrap();
        }
        _ => {}
    }
}

/// All entries of an index, in one page.
fn all_of(index: &Index) -> PageRequest<'_> {
    PageRequest {
        range: KeyRange {
            from: Bound::Unbounded,
            to: Bound::Unbounded,
        },
        direction: Direction::Forward,
        limit: None,
        bytes_max: 1 << 20,
        filter: None,
        items: true,
        index: Some(index),
        fetch: false,
    }
}

pub fn check_folder(folder: &Path) {
    let verified = verify(folder).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    assert!(verified.entries_compared > 0);
}

#[tokio::test]
async fn an_index_of_a_large_table_is_filled_while_writes_go_on() {
    const ITEMS: u64 = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, fast());
    let table = database.create_table(new_table("t", None)).await.unwrap();
    let table = table.table;
    let mut model = BTreeMap::new();
    for number in 0..ITEMS {
        let key = format!("k{number}");
        let item = item(&key, Some("x"), Some(number as i64));
        model.insert(key, item);
    }
    let mut puts = tokio::task::JoinSet::new();
    for item in model.values() {
        let (database, table, item) = (database.clone(), table.clone(), item.clone());
        puts.spawn(async move { put(&database, &table, &item).await });
    }
    puts.join_all().await;
    change(&database, IndexChange::Create(by_number()))
        .await
        .unwrap();
    let other = change(&database, IndexChange::Create(keys_only())).await;
    assert!(matches!(other, Err(EngineError::IndexBeingCreated { .. })));
    let index = table.index("by-number").unwrap();
    assert_eq!(index.record().state, IndexState::Creating);
    let request = all_of(&index);
    let early = database.page(&table, &request);
    assert!(matches!(early, Err(EngineError::IndexBackfilling { .. })));
    for number in (0..ITEMS).step_by(7) {
        let key = format!("k{number}");
        if number % 2 == 0 {
            delete(&database, &table, &key).await.unwrap();
            model.remove(&key);
        } else {
            let item = item(&key, Some("y"), Some(-(number as i64)));
            put(&database, &table, &item).await;
            model.insert(key, item);
        }
    }
    // What was filled before the crash may be lost; filling goes on where the state is.
    drop((index, table));
    database.close();
    drop(database);
    let database = open(Some(folder.path()), &clock, fast());
    let table = database.table("", "t").unwrap();
    filled(&database, &table, "by-number").await;
    check(&database, &table, &model, &by_number());
    let all = scan(&database, &table, 1_000, Direction::Forward);
    assert_eq!(all.len(), model.len());
    database.close();
    drop((table, database));
    check_folder(folder.path());
}

/// A request that took its index before it was deleted may come to it when it is swept: a page of what was left, without a
/// place to go on, would pass for all there is.
#[tokio::test]
async fn a_page_of_an_index_that_is_gone_by_now_is_refused() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, fast());
    let table = database.create_table(new_table("t", None)).await.unwrap();
    let table = table.table;
    put(&database, &table, &item("a", Some("x"), Some(1))).await;
    let created = change(&database, IndexChange::Create(by_number())).await;
    created.unwrap();
    filled(&database, &table, "by-number").await;
    let index = table.index("by-number").unwrap();
    let request = all_of(&index);
    assert_eq!(database.page(&table, &request).unwrap().items.len(), 1);
    let deletion = IndexChange::Delete(IndexKind::Global, "by-number".to_owned());
    change(&database, deletion).await.unwrap();
    let gone = database.page(&table, &request);
    assert!(matches!(gone, Err(EngineError::IndexNotFound { .. })));
    database.close();
}

/// The log says that an index is readable, and had a state that held it. One that is made anew from the log fills the index
/// before anybody reads it.
#[tokio::test]
async fn a_state_that_is_made_anew_fills_indexes_that_were_added() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, fast());
    let table = database.create_table(new_table("t", None)).await.unwrap();
    let table = table.table;
    let mut model = BTreeMap::new();
    let mut put_all = async |from: i64, database: &Database, table: &Arc<Table>| {
        for number in from..60 {
            let key = format!("k{number}");
            let item = item(&key, Some("x"), Some(number - 3 * from));
            put(database, table, &item).await;
            model.insert(key, item);
        }
        model.clone()
    };
    put_all(0, &database, &table).await;
    for (new, name) in [(by_number(), "by-number"), (keys_only(), "keys")] {
        change(&database, IndexChange::Create(new)).await.unwrap();
        filled(&database, &table, name).await;
    }
    let model = put_all(40, &database, &table).await;
    database.close();
    drop((table, database));
    for _ in 0..2 {
        std::fs::remove_file(folder.path().join("state")).unwrap();
        let database = open(Some(folder.path()), &clock, fast());
        let table = database.table("", "t").unwrap();
        for new in [by_number(), keys_only()] {
            check(&database, &table, &model, &new);
        }
        database.close();
        drop((table, database));
        check_folder(folder.path());
    }
}

#[tokio::test]
async fn an_item_that_does_not_fit_an_index_is_refused_and_left_out_of_a_later_one() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, fast());
    let table = database.create_table(new_table("t", None)).await.unwrap();
    let table = table.table;
    let mut wrong = item("a", Some("x"), None);
    wrong.insert("v".to_owned(), AttributeValue::S("no number".to_owned()));
    put(&database, &table, &wrong).await;
    put(&database, &table, &item("b", Some("x"), Some(1))).await;
    change(&database, IndexChange::Create(by_number()))
        .await
        .unwrap();
    filled(&database, &table, "by-number").await;
    let found = entries(&database, &table, "by-number", 10, Direction::Forward);
    assert_eq!(found, [item("b", Some("x"), Some(1))]);

    let refused = database
        .write(command(
            &table,
            "c",
            Action::Put(EncodedItem::encode(&{
                let mut other = wrong.clone();
                other.insert("pk".to_owned(), AttributeValue::S("c".to_owned()));
                other
            })),
        ))
        .await;
    let Err(EngineError::Refused(refusals)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        matches!(&refusals[0], Some(Refusal::IndexKey { error, by_update: false }) if error.index == "by-number")
    );
    // The item from before the index can still be changed elsewhere, and into one that fits.
    let mut elsewhere = wrong.clone();
    elsewhere.insert("more".to_owned(), AttributeValue::Null);
    put(&database, &table, &elsewhere).await;
    let found = entries(&database, &table, "by-number", 10, Direction::Forward);
    assert_eq!(found.len(), 1);
    put(&database, &table, &item("a", Some("x"), Some(2))).await;
    let found = entries(&database, &table, "by-number", 10, Direction::Forward);
    assert_eq!(found.len(), 2);
}
