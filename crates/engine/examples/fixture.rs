//! Writes a data folder of today's disk format, which later versions must open for ever. It is run by
//! `cargo xtask fixtures`, once for each format; what it holds is checked by the tests of this room.

use std::path::PathBuf;
use std::sync::Arc;

use headwater_engine::{
    Action, BillingMode, Command, EngineOptions, ItemCommand, NewTable, ReturnValues,
    StorageOptions, StreamView, Throughput, UserKey,
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
    let key = |name: &str, kind| KeyAttribute::new(name, kind);
    let new = NewTable {
        namespace: String::new(),
        name: "fixture".to_owned(),
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
    };
    let table = database.create_table(new).await?.table;
    for number in 0..ITEMS {
        clock.advance_ms(10 * 60_000);
        database.run_due().await?;
        let mut item = Item::from([
            ("pk", AttributeValue::S(format!("partition {}", number % 4))),
            ("sk", AttributeValue::N((number % 10).into())),
        ]);
        let key = table.schema().storage_key_of_key(&item)?;
        item.insert("value".to_owned(), AttributeValue::N(number.into()));
        let action = match number % 7 {
            6 => Action::Delete,
            _ => Action::Put(EncodedItem::encode(&item)),
        };
        let command = ItemCommand {
            table: table.clone(),
            key,
            condition: None,
            action,
            returns: ReturnValues::None,
            return_item_on_failure: false,
        };
        database.write(Command::single(command)).await?;
    }
    database.close();
    Ok(())
}
