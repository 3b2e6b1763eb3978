//! Random operations on the engine and on a map: same answers; and the stream, replayed from the
//! beginning, gives the table, whatever was closed, rolled over, split or reopened in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_changelog::ChangeKind;
use headwater_engine::{
    Action, Database, EngineError, EngineOptions, Refusal, RequestToken, StreamView, Table,
};
use headwater_expression::{Condition, ExpressionKind, Placeholders, Update};
use headwater_model::limits::TRANSACTION_TOKEN_AGE_MS_MAX;
use headwater_model::{Clock, EncodedItem, Item, ManualClock, SeededRng};
use headwater_state::Direction;

use crate::support::{
    START_MS, command, create, get, item, open, options, records, scan, verify, with_condition,
};

mod transaction;

type Model = BTreeMap<String, i64>;

/// Keys that the operations are about.
const KEYS: u64 = 12;

fn parse_condition(text: &str) -> Condition {
    let mut placeholders = Placeholders::new(None, None).unwrap();
    Condition::parse(ExpressionKind::Condition, text, &mut placeholders).unwrap()
}

fn add(by: i64) -> Update {
    let values = [(
        ":n".to_owned(),
        headwater_model::AttributeValue::N(by.into()),
    )];
    let mut placeholders = Placeholders::new(None, Some(values.into())).unwrap();
    Update::parse("ADD v :n", &mut placeholders).unwrap()
}

/// The clock runs for days here; nothing may be trimmed, since the whole stream is replayed.
fn keep_all() -> EngineOptions {
    EngineOptions {
        retention_ms: u64::MAX / 4,
        ..options(2)
    }
}

#[tokio::test]
async fn table_stream_and_model_agree_over_reopenings_and_shard_changes() {
    for seed in 0..12 {
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let rng = SeededRng::new(seed);
    let clock = ManualClock::new(START_MS);
    let mut database = open(Some(folder.path()), &clock, keep_all());
    let mut table = create(&database, "t", Some(StreamView::NewAndOldImages)).await;
    let stream = table.record().stream.unwrap();
    let mut model = Model::new();
    let mut tokens = transaction::Tokens::default();
    let mut changes = 0;
    for _ in 0..300 {
        let key = format!("k{}", rng.below(KEYS));
        let before = model.get(&key).copied();
        match rng.below(100) {
            0..=24 => {
                let value = rng.below(4) as i64;
                let action = Action::Put(EncodedItem::encode(&item(&key, Some(value))));
                let outcome = database.write(command(&table, &key, action)).await.unwrap();
                assert_eq!(outcome[0].changed, before != Some(value));
                model.insert(key, value);
            }
            25..=41 => {
                let by = rng.below(3) as i64 - 1;
                let action = Action::Update {
                    update: add(by),
                    key: item(&key, None),
                };
                let outcome = database.write(command(&table, &key, action)).await.unwrap();
                assert_eq!(outcome[0].changed, before.is_none() || by != 0);
                *model.entry(key).or_insert(0) += by;
            }
            42..=53 => {
                let command = command(&table, &key, Action::Delete);
                let outcome = database.write(command).await.unwrap();
                assert_eq!(outcome[0].changed, model.remove(&key).is_some());
            }
            54..=61 => {
                let action = Action::Put(EncodedItem::encode(&item(&key, Some(9))));
                let condition = parse_condition("attribute_not_exists(pk)");
                let command = with_condition(command(&table, &key, action), condition);
                match database.write(command).await {
                    Ok(_) => assert_eq!(model.insert(key, 9), None),
                    Err(EngineError::Refused(refusals)) => {
                        assert!(matches!(refusals[0], Some(Refusal::ConditionFailed { .. })));
                        assert!(before.is_some());
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            62..=89 => {
                let transaction = transaction::Transaction::random(&rng);
                transaction
                    .check(&database, &table, &clock, &mut model, &mut tokens)
                    .await;
            }
            90..=93 => {
                clock.advance_ms(4 * 60 * 60 * 1000);
                database.run_due().await.unwrap();
            }
            94..=95 => {
                let open: Vec<_> = database.shards_now(stream);
                let shard = open.iter().rfind(|shard| shard.end.is_none()).unwrap();
                database.split_shard(stream, shard.number, 2).await.unwrap();
            }
            96 => clock.set_ms(clock_back(&clock, rng.below(5_000))),
            _ => {
                database.close();
                drop((table, database));
                database = open(Some(folder.path()), &clock, keep_all());
                table = database.table("", "t").unwrap();
            }
        }
        changes += 1;
        if changes % 37 == 0 {
            check(&database, &table, &model, seed);
            check_together(&database, &table, &model, seed).await;
        }
        clock.advance_ms(rng.below(3));
    }
    check(&database, &table, &model, seed);
    check_stream(&database, stream, &model, seed);
    database.close();
    drop((table, database));
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "seed {seed}: {verified:?}");
    assert!(verified.keys_compared > 0);
}

fn clock_back(clock: &ManualClock, by_ms: u64) -> u64 {
    clock.now_ms() - by_ms
}

fn check(database: &Database, table: &Table, model: &Model, seed: u64) {
    for direction in [Direction::Forward, Direction::Backward] {
        let scanned: BTreeMap<String, Item> = scan(database, table, 5, direction)
            .into_iter()
            .map(|item| (format!("{:?}", item.get("pk")), item))
            .collect();
        let expected: BTreeMap<String, Item> = model
            .iter()
            .map(|(key, value)| item(key, Some(*value)))
            .map(|item| (format!("{:?}", item.get("pk")), item))
            .collect();
        assert_eq!(scanned, expected, "seed {seed}");
    }
    for index in 0..KEYS {
        let key = format!("k{index}");
        let expected = model.get(&key).map(|value| item(&key, Some(*value)));
        assert_eq!(get(database, table, &key), expected, "seed {seed}");
    }
    assert_eq!(table.item_count(), model.len() as u64, "seed {seed}");
    let bytes: usize = model
        .iter()
        .map(|(key, value)| item(key, Some(*value)).size_bytes())
        .sum();
    assert_eq!(table.size_bytes(), bytes as u64, "seed {seed}");
}

/// All keys read at one moment.
async fn check_together(database: &Database, table: &Arc<Table>, model: &Model, seed: u64) {
    let keys: Vec<String> = (0..KEYS).map(|index| format!("k{index}")).collect();
    let gets: Vec<_> = keys
        .iter()
        .map(|key| {
            let key = table.schema().storage_key_of_key(&item(key, None)).unwrap();
            (table.clone(), key)
        })
        .collect();
    let items = database.get_together(&gets).await.unwrap();
    for (key, found) in keys.iter().zip(items) {
        let expected = model.get(key).map(|value| item(key, Some(*value)));
        let found = found.map(|found| found.decode().unwrap());
        assert_eq!(found, expected, "seed {seed}");
    }
}

/// Replays the records: each starts from the image that the one before it left, in one shard at a time.
fn check_stream(database: &Database, stream: u32, model: &Model, seed: u64) {
    let mut replayed: BTreeMap<Vec<u8>, EncodedItem> = BTreeMap::new();
    let mut last = BTreeMap::new();
    let records = records(database, stream, 7);
    let mut by_sequence: Vec<_> = records.iter().map(|(_, sequence, _)| *sequence).collect();
    for (shard, sequence, change) in &records {
        assert!(
            last.insert(*shard, *sequence) < Some(*sequence),
            "seed {seed}"
        );
        let shard = database.shard(stream, *shard).unwrap();
        assert!(*sequence >= shard.start && shard.end.is_none_or(|end| *sequence <= end));
        let old = change.old.clone().map(EncodedItem::from_bytes);
        assert_eq!(
            replayed.get(change.key.as_ref()),
            old.as_ref(),
            "seed {seed}"
        );
        let expected = match (&old, &change.new) {
            (None, Some(_)) => ChangeKind::Insert,
            (Some(_), Some(_)) => ChangeKind::Modify,
            _ => ChangeKind::Remove,
        };
        assert_eq!(change.kind, expected);
        match &change.new {
            Some(new) => replayed.insert(change.key.to_vec(), EncodedItem::from_bytes(new.clone())),
            None => replayed.remove(change.key.as_ref()),
        };
    }
    by_sequence.sort_unstable();
    by_sequence.dedup();
    assert_eq!(
        by_sequence.len(),
        records.len(),
        "a record appears once, seed {seed}"
    );
    let replayed: Vec<Item> = replayed
        .values()
        .map(|item| item.decode().unwrap())
        .collect();
    let mut expected: Vec<Item> = model
        .iter()
        .map(|(key, value)| item(key, Some(*value)))
        .collect();
    let by_key = |item: &Item| format!("{:?}", item.get("pk"));
    let mut replayed = replayed;
    replayed.sort_by_key(by_key);
    expected.sort_by_key(by_key);
    assert_eq!(replayed, expected, "seed {seed}");
}
