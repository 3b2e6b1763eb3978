//! Commands of several items: money moves between accounts while readers add it up, and the store is opened again and
//! again in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_engine::{
    Action, Command, Database, EngineError, ItemCommand, Refusal, StreamView, Table,
};
use headwater_expression::{Condition, ExpressionKind, Placeholders, Update};
use headwater_model::{
    AttributeValue, EncodedItem, Item, ManualClock, SeededRng, StorageKey, limits,
};

use crate::support::{START_MS, command, create, item, open, options, put, records, verify};

const ACCOUNTS: i64 = 8;
const MONEY: i64 = 100;

fn account(number: i64) -> String {
    format!("account {number}")
}

fn number(item: &Item) -> i64 {
    match item.get("v") {
        Some(AttributeValue::N(number)) => number.to_i64().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn add(by: i64) -> Update {
    let values = [(":n".to_owned(), AttributeValue::N(by.into()))];
    let mut placeholders = Placeholders::new(None, Some(values.into())).unwrap();
    Update::parse("ADD v :n", &mut placeholders).unwrap()
}

fn at_least(least: i64) -> Condition {
    let values = [(":n".to_owned(), AttributeValue::N(least.into()))];
    let mut placeholders = Placeholders::new(None, Some(values.into())).unwrap();
    Condition::parse(ExpressionKind::Condition, "v >= :n", &mut placeholders).unwrap()
}

fn update(table: &Arc<Table>, key: &str, by: i64) -> ItemCommand {
    let action = Action::Update {
        update: add(by),
        key: item(key, None),
    };
    command(table, key, action).items.remove(0)
}

/// One command of several items.
fn together(items: Vec<ItemCommand>) -> Command {
    Command {
        items,
        identity: headwater_changelog::Identity::None,
    }
}

/// Moves money; nobody may owe any.
fn transfer(table: &Arc<Table>, from: i64, to: i64, sum: i64) -> Command {
    let mut take = update(table, &account(from), -sum);
    take.condition = Some(at_least(sum));
    let give = update(table, &account(to), sum);
    together(vec![take, give])
}

fn gets(table: &Arc<Table>, keys: impl Iterator<Item = String>) -> Vec<(Arc<Table>, StorageKey)> {
    keys.map(|key| {
        let key = table.schema().storage_key_of_key(&item(&key, None));
        (table.clone(), key.unwrap())
    })
    .collect()
}

async fn balances(database: &Database, table: &Arc<Table>) -> Vec<i64> {
    let accounts = gets(table, (0..ACCOUNTS).map(account));
    let items = database.get_together(&accounts).await.unwrap();
    items
        .into_iter()
        .map(|item| number(&item.unwrap().decode().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_of_all_accounts_always_see_all_the_money() {
    const ROUNDS: u64 = 4;
    const WRITERS: u64 = 6;
    const TRANSFERS: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let mut database = open(Some(folder.path()), &clock, options(2));
    let mut table = create(&database, "bank", Some(StreamView::NewAndOldImages)).await;
    for number in 0..ACCOUNTS {
        put(&database, &table, &account(number), MONEY)
            .await
            .unwrap();
    }
    for round in 0..ROUNDS {
        let writers_done = Arc::new(AtomicBool::new(false));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let (database, table) = (database.clone(), table.clone());
            let rng = SeededRng::new(round * 100 + writer);
            writers.spawn(async move {
                for _ in 0..TRANSFERS {
                    let from = rng.below(ACCOUNTS as u64) as i64;
                    let to = (from + 1 + rng.below(ACCOUNTS as u64 - 1) as i64) % ACCOUNTS;
                    let sum = 1 + rng.below(80) as i64;
                    match database
                        .transact(transfer(&table, from, to, sum), None)
                        .await
                    {
                        Ok(transacted) => assert!(!transacted.repeated),
                        Err(EngineError::Refused(refusals)) => assert!(matches!(
                            refusals[..],
                            [Some(Refusal::ConditionFailed { .. }), None]
                        )),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (database, table) = (database.clone(), table.clone());
            let writers_done = writers_done.clone();
            readers.spawn(async move {
                let mut reads = 0;
                while !writers_done.load(Ordering::Acquire) {
                    let balances = balances(&database, &table).await;
                    assert_eq!(balances.iter().sum::<i64>(), ACCOUNTS * MONEY);
                    assert!(balances.iter().all(|balance| *balance >= 0));
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                reads
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        writers_done.store(true, Ordering::Release);
        while let Some(reads) = readers.join_next().await {
            assert!(reads.unwrap() > 0);
        }
        let before = balances(&database, &table).await;
        database.close();
        drop((table, database));
        database = open(Some(folder.path()), &clock, options(2));
        table = database.table("", "bank").unwrap();
        assert_eq!(balances(&database, &table).await, before, "round {round}");
    }
    check_stream(&database, &table, &balances(&database, &table).await);
    database.close();
    drop((table, database));
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
}

/// The records, in the order of the log, are whole transfers, each on top of the one before, and end at `balances`:
/// the transactions happened one after the other.
fn check_stream(database: &Database, table: &Arc<Table>, balances: &[i64]) {
    let stream = table.record().stream.unwrap();
    let mut records = records(database, stream, 100);
    records.sort_by_key(|(_, sequence, _)| *sequence);
    let mut replayed = BTreeMap::new();
    let mut total = 0;
    let mut last = None;
    for (index, (_, sequence, change)) in records.iter().enumerate() {
        let image = |image: &Option<bytes::Bytes>| {
            let encoded = EncodedItem::from_bytes(image.clone()?);
            Some(number(&encoded.decode().unwrap()))
        };
        let (old, new) = (image(&change.old), image(&change.new).unwrap());
        assert_eq!(replayed.insert(change.key.clone(), new), old);
        total += new - old.unwrap_or_default();
        if let Some(moved) = index.checked_sub(ACCOUNTS as usize) {
            // Two records of one entry stand next to each other, and only behind them is the money whole.
            let is_second = moved % 2 == 1;
            assert_eq!(total == ACCOUNTS * MONEY, is_second, "record {index}");
            assert!(!is_second || last.map(headwater_model::Sequence::next) == Some(*sequence));
        }
        last = Some(*sequence);
    }
    let mut replayed: Vec<i64> = replayed.into_values().collect();
    let mut expected = balances.to_vec();
    replayed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(replayed, expected);
}

/// Nobody waits for a disk here, so that reading many items meets writes of two.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn items_read_together_are_of_one_moment() {
    const ITEMS: i64 = 90;
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", None).await;
    for number in 0..ITEMS {
        put(&database, &table, &account(number), 0).await.unwrap();
    }
    let reading = Arc::new(AtomicBool::new(true));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..3 {
        let (database, table, reading) = (database.clone(), table.clone(), reading.clone());
        let rng = SeededRng::new(writer);
        writers.spawn(async move {
            while reading.load(Ordering::Acquire) {
                let (one, other) = (rng.below(45) as i64, 45 + rng.below(45) as i64);
                let both = vec![
                    update(&table, &account(one), 1),
                    update(&table, &account(other), -1),
                ];
                database.write(together(both)).await.unwrap();
            }
        });
    }
    let all = gets(&table, (0..ITEMS).map(account));
    for _ in 0..1_000 {
        let items = database.get_together(&all).await.unwrap();
        let values = items
            .into_iter()
            .map(|item| number(&item.unwrap().decode().unwrap()));
        assert_eq!(values.sum::<i64>(), 0);
    }
    reading.store(false, Ordering::Release);
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn items_read_together_are_there_or_not_in_order() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", None).await;
    let other = create(&database, "u", None).await;
    put(&database, &table, "a", 1).await.unwrap();
    put(&database, &other, "a", 2).await.unwrap();
    let mut wanted = gets(&table, ["b", "a"].map(str::to_owned).into_iter());
    wanted.extend(gets(&other, ["a"].map(str::to_owned).into_iter()));
    let items = database.get_together(&wanted).await.unwrap();
    let found: Vec<Option<i64>> = items
        .iter()
        .map(|item| item.as_ref().map(|item| number(&item.decode().unwrap())))
        .collect();
    assert_eq!(found, [None, Some(1), Some(2)]);
    database.delete_table("", "u").await.unwrap();
    assert!(matches!(
        database.get_together(&wanted).await,
        Err(EngineError::TableNotFound { .. })
    ));
}

#[tokio::test]
async fn one_table_that_is_gone_refuses_the_whole_command() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", None).await;
    let gone = create(&database, "u", None).await;
    database.delete_table("", "u").await.unwrap();
    let command = together(vec![update(&table, "a", 1), update(&gone, "a", 1)]);
    let refused = database.transact(command, None).await;
    assert!(matches!(refused, Err(EngineError::TableNotFound { .. })));
    assert_eq!(table.item_count(), 0);
}

#[tokio::test]
async fn what_a_transaction_writes_is_bounded_by_what_it_makes_not_by_what_it_says() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewAndOldImages)).await;
    let text = "x".repeat(limits::ITEM_SIZE_BYTES_MAX - 100);
    let keys: Vec<String> = (0..100).map(|index| format!("k{index}")).collect();
    for key in &keys {
        let mut large = item(key, Some(1));
        large.insert("text".to_owned(), AttributeValue::S(text.clone()));
        let action = Action::Put(EncodedItem::encode(&large));
        database.write(command(&table, key, action)).await.unwrap();
    }
    let updates = |count: usize| {
        let keys = keys[..count].iter();
        together(keys.map(|key| update(&table, key, 1)).collect())
    };
    assert!(matches!(
        database.transact(updates(11), None).await,
        Err(EngineError::TransactionTooLarge)
    ));
    let outcomes = database.transact(updates(10), None).await.unwrap().outcomes;
    assert!(outcomes.iter().all(|outcome| outcome.changed));
    // Removing writes nothing new: the whole of what is there fits an entry with its images.
    let deletes = keys
        .iter()
        .map(|key| command(&table, key, Action::Delete).items.remove(0));
    database
        .transact(together(deletes.collect()), None)
        .await
        .unwrap();
    assert_eq!(table.item_count(), 0);
}
