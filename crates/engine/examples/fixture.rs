//! Writes a data folder of today's disk format, which later versions must open for ever. It is run by
//! `cargo xtask fixtures`, once for each format; what it holds is checked by the tests of this room.

use std::path::PathBuf;
use std::sync::Arc;

use headwater_engine::{
    Action, BillingMode, Command, Database, EngineOptions, Identity, IndexKind, IndexProjection,
    ItemCommand, NewIndex, NewTable, RequestToken, ReturnValues, StorageOptions, StreamView, Table,
    Throughput, UserKey,
};
use headwater_model::{
    AttributeValue, EncodedItem, Item, KeyAttribute, KeySchema, KeyType, ManualClock, SeededRng,
};

const START_MS: u64 = 1_790_000_000_000;
const ITEMS: i64 = 40;
/// The key of encrypted folders, which is no secret.
const KEY: [u8; 32] = [1; 32];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("name the folder to write to")?;
    let mut storage = StorageOptions::default();
    if std::env::args().nth(2).as_deref() == Some("encrypted") {
        storage.key = Some(UserKey::new(KEY));
    }
    storage.log.preallocate = false;
    // Several segments, sealed and not.
    storage.log.segment_bytes = 2 << 10;
    let clock = ManualClock::new(START_MS);
    let rng = Arc::new(SeededRng::new(1));
    let options = EngineOptions {
        shards: Some(2),
        ..EngineOptions::default()
    };
    let (database, ..) = headwater_engine::open(
        Some(&folder),
        storage,
        Arc::new(clock.clone()),
        rng,
        options,
    )?;
    write_changes(&database, &clock).await?;
    use_features(&database).await?;
    database.close();
    Ok(())
}

type Done = Result<(), Box<dyn std::error::Error>>;

fn new_table(name: &str) -> NewTable {
    let key = |name: &str, kind| KeyAttribute::new(name, kind);
    NewTable {
        namespace: String::new(),
        name: name.to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        schema: KeySchema::new(key("pk", KeyType::S), Some(key("sk", KeyType::N))),
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
        stream: Some(StreamView::NewAndOldImages),
        retention_ms: None,
    }
}

/// Changes of a table with a stream whose shards roll over meanwhile.
async fn write_changes(database: &Database, clock: &ManualClock) -> Done {
    let table = database.create_table(new_table("fixture")).await?.table;
    for number in 0..ITEMS {
        clock.advance_ms(10 * 60_000);
        database.run_due().await?;
        let mut put = put(&table, &item(number))?;
        if number % 7 == 6 {
            put.action = Action::Delete;
        }
        database.write(Command::single(put)).await?;
    }
    Ok(())
}

fn item(number: i64) -> Item {
    Item::from([
        ("pk", AttributeValue::S(format!("partition {}", number % 4))),
        ("sk", AttributeValue::N((number % 10).into())),
        ("value", AttributeValue::N(number.into())),
    ])
}

fn put(table: &Arc<Table>, item: &Item) -> Result<ItemCommand, Box<dyn std::error::Error>> {
    Ok(ItemCommand {
        table: table.clone(),
        key: table.schema().storage_key_of_item(item)?,
        condition: None,
        action: Action::Put(EncodedItem::encode(item)),
        returns: ReturnValues::None,
        return_item_on_failure: false,
    })
}

/// A table of each feature that the catalog names.
async fn use_features(database: &Database) -> Done {
    let mut new = new_table("features");
    new.indexes = vec![NewIndex {
        name: "by-value".to_owned(),
        kind: IndexKind::Global,
        partition: vec![KeyAttribute::new("value", KeyType::N)],
        sort: Vec::new(),
        projection: IndexProjection::All,
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        vector: None,
    }];
    let table = database.create_table(new).await?.table;
    let change = database.change_time_to_live("", "features", "expires", true);
    change.await?;
    database.change_recovery("", "features", Some(35)).await?;
    let destination = "arn:aws:kinesis:us-east-1:000000000000:stream/fixture";
    let enable = database.enable_kinesis("", "features", destination, None);
    enable.await?;
    let mut expiring = item(2);
    let expires_s = START_MS as i64 / 1000 + 24 * 3600;
    expiring.insert("expires".to_owned(), AttributeValue::N(expires_s.into()));
    let transaction = Command {
        items: vec![put(&table, &item(1))?, put(&table, &expiring)?],
        identity: Identity::None,
    };
    let token = RequestToken::new("", "fixture", 1);
    database.transact(transaction, Some(token)).await?;
    database.create_backup("", "features", "fixture").await?;
    database.run_due().await?;
    Ok(())
}
