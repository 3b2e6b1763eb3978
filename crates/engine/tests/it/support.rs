//! A database over a folder or in memory, on a clock that the test moves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_changelog::{Change, ReadLimit};
use headwater_engine::{
    Action, BillingMode, Command, Database, Durability, EngineError, EngineOptions, Index,
    ItemCommand, KeyRange, NewTable, OpenError, Outcome, PageRequest, Progress, ReturnValues,
    StorageOptions, StreamView, Table, Throughput, UserKey, Verified,
};
use headwater_expression::Condition;
use headwater_model::{
    AttributeValue, EncodedItem, Item, KeyAttribute, KeySchema, KeyType, ManualClock, Rng,
    SeededRng, Sequence,
};
use headwater_state::Direction;
use std::ops::Bound;

pub const START_MS: u64 = 1_760_000_000_000;

const PATIENCE: Duration = Duration::from_secs(30);

/// Lets others run until it holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let holds = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.expect(what);
}

/// Until the state holds what is durable.
pub async fn until_applied(database: &Database) {
    until("all is applied", || {
        database.applied() == database.log().durable()
    })
    .await;
}

/// A text that hardly compresses.
pub fn noise(rng: &SeededRng, length: usize) -> String {
    let mut bytes = vec![0; length];
    rng.fill(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(b'!' + byte % 90))
        .collect()
}

pub fn options(shards: u32) -> EngineOptions {
    EngineOptions {
        shards: Some(shards),
        apply_interval_ms: 1,
        checkpoint_interval_ms: 20,
        ..EngineOptions::default()
    }
}

pub fn open(folder: Option<&Path>, clock: &ManualClock, options: EngineOptions) -> Database {
    try_open(folder, clock, options).unwrap()
}

pub fn try_open(
    folder: Option<&Path>,
    clock: &ManualClock,
    options: EngineOptions,
) -> Result<Database, OpenError> {
    try_open_with(folder, None, clock, options)
}

/// With the key that the folder is encrypted with.
pub fn try_open_with(
    folder: Option<&Path>,
    key: Option<&UserKey>,
    clock: &ManualClock,
    options: EngineOptions,
) -> Result<Database, OpenError> {
    let mut storage = StorageOptions {
        key: key.cloned(),
        ..StorageOptions::default()
    };
    storage.log.durability = match folder {
        Some(_) => Durability::Sync,
        None => Durability::Memory,
    };
    // Small segments, so that tests see many of them.
    storage.log.segment_bytes = 64 << 10;
    storage.log.preallocate = false;
    let rng = Arc::new(SeededRng::new(1));
    let opened = headwater_engine::open(folder, storage, Arc::new(clock.clone()), rng, options)?;
    Ok(opened.0)
}

/// The folder as `headwater verify` checks it.
pub fn verify(folder: &Path) -> Result<Verified, OpenError> {
    verify_with(folder, None)
}

pub fn verify_with(folder: &Path, key: Option<&UserKey>) -> Result<Verified, OpenError> {
    headwater_engine::verify(folder, key, &Progress::new(None))
}

pub fn new_table(name: &str, stream: Option<StreamView>) -> NewTable {
    NewTable {
        namespace: String::new(),
        name: name.to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        schema: KeySchema::new(KeyAttribute::new("pk", KeyType::S), None),
        billing: BillingMode::PayPerRequest,
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        deletion_protection: false,
        table_class: None,
        encryption: None,
        tags: Vec::new(),
        policy: None,
        indexes: Vec::new(),
        stream,
        retention_ms: None,
    }
}

pub async fn create(database: &Database, name: &str, stream: Option<StreamView>) -> Arc<Table> {
    let view = database
        .create_table(new_table(name, stream))
        .await
        .unwrap();
    view.table
}

pub fn item(key: &str, value: Option<i64>) -> Item {
    let mut item = Item::from([("pk", AttributeValue::S(key.to_owned()))]);
    if let Some(value) = value {
        item.insert("v".to_owned(), AttributeValue::N(value.into()));
    }
    item
}

pub fn command(table: &Arc<Table>, key: &str, action: Action) -> Command {
    Command::single(ItemCommand {
        table: table.clone(),
        key: table.schema().storage_key_of_key(&item(key, None)).unwrap(),
        condition: None,
        action,
        returns: ReturnValues::None,
        return_item_on_failure: false,
    })
}

pub fn with_condition(mut command: Command, condition: Condition) -> Command {
    command.items[0].condition = Some(condition);
    command
}

pub async fn put(
    database: &Database,
    table: &Arc<Table>,
    key: &str,
    value: i64,
) -> Result<Outcome, EngineError> {
    let action = Action::Put(EncodedItem::encode(&item(key, Some(value))));
    Ok(database.write(command(table, key, action)).await?.remove(0))
}

pub async fn delete(
    database: &Database,
    table: &Arc<Table>,
    key: &str,
) -> Result<Outcome, EngineError> {
    Ok(database
        .write(command(table, key, Action::Delete))
        .await?
        .remove(0))
}

pub fn try_get(
    database: &Database,
    table: &Table,
    key: &str,
) -> Result<Option<EncodedItem>, EngineError> {
    let key = table.schema().storage_key_of_key(&item(key, None)).unwrap();
    // Nothing here begins reads that would have to be waited for.
    let got = std::pin::pin!(database.get(table, &key));
    match got.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(got) => got,
        std::task::Poll::Pending => panic!("a get waits"),
    }
}

pub fn get(database: &Database, table: &Table, key: &str) -> Option<Item> {
    try_get(database, table, key)
        .unwrap()
        .map(|item| item.decode().unwrap())
}

/// All items of a table, read in pages of `limit`.
pub fn scan(database: &Database, table: &Table, limit: usize, direction: Direction) -> Vec<Item> {
    pages(database, table, None, limit, direction)
}

/// All entries of an index, read in pages of `limit`.
pub fn entries(
    database: &Database,
    table: &Table,
    name: &str,
    limit: usize,
    direction: Direction,
) -> Vec<Item> {
    let index = table.index(name).unwrap();
    pages(database, table, Some(&index), limit, direction)
}

fn pages(
    database: &Database,
    table: &Table,
    index: Option<&Index>,
    limit: usize,
    direction: Direction,
) -> Vec<Item> {
    let mut range = KeyRange {
        from: Bound::Unbounded,
        to: Bound::Unbounded,
    };
    let mut items = Vec::new();
    loop {
        let request = PageRequest {
            range: range.clone(),
            direction,
            limit: Some(limit),
            bytes_max: 1 << 20,
            filter: None,
            items: true,
            index,
            fetch: false,
        };
        let page = database.page(table, &request).unwrap();
        items.extend(page.items.iter().map(|item| item.decode().unwrap()));
        let Some(last) = page.last_key else {
            return items;
        };
        if let Some(index) = index {
            let key = index.schema().decode_key(&last).unwrap();
            assert_eq!(index.schema().entry_key_of_key(&key).unwrap(), last);
        }
        match direction {
            Direction::Forward => range.from = Bound::Excluded(last),
            Direction::Backward => range.to = Bound::Excluded(last),
        }
    }
}

/// Every record of every shard of a stream, shard by shard with parents first, read in pages of `limit`.
pub fn records(database: &Database, stream: u32, limit: usize) -> Vec<(u32, Sequence, Change)> {
    let mut out = Vec::new();
    for shard in database.shards_now(stream) {
        let mut from = Sequence::ZERO;
        loop {
            let limit = ReadLimit {
                records: limit,
                bytes: 1 << 20,
            };
            let page = database
                .log()
                .read_shard(shard.number, from, limit)
                .unwrap();
            if page.records.is_empty() {
                break;
            }
            let read = page.records.into_iter();
            out.extend(read.map(|record| (shard.number, record.sequence, record.change)));
            from = page.next;
        }
    }
    out
}
