//! What records that are damaged, or take long, do to those around them.

use std::sync::Arc;

use headwater_engine::{
    Action, BillingMode, Command, Database, Durability, EngineOptions, ItemCommand, NewTable,
    ReturnValues, StorageOptions, StreamView, Table, Throughput,
};
use headwater_model::{
    AttributeValue, EncodedItem, Item, KeyAttribute, KeySchema, KeyType, ManualClock, SeededRng,
};
use headwater_streams::{Start, Streams, StreamsOptions};

use headwater_expression::filter::Filters;

use super::{Read, Reader};

fn database() -> (Database, ManualClock) {
    let mut storage = StorageOptions::default();
    storage.log.durability = Durability::Memory;
    let options = EngineOptions {
        shards: Some(1),
        ..EngineOptions::default()
    };
    let clock = ManualClock::new(1_760_000_000_000);
    let rng = Arc::new(SeededRng::new(1));
    let opened = headwater_engine::open(None, storage, Arc::new(clock.clone()), rng, options);
    (opened.unwrap().0, clock)
}

async fn table(database: &Database) -> Arc<Table> {
    let new = NewTable {
        namespace: String::new(),
        name: "t".to_owned(),
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
        stream: Some(StreamView::NewImage),
        retention_ms: None,
    };
    database.create_table(new).await.unwrap().table
}

/// Puts an item, or bytes that are none.
async fn put(database: &Database, table: &Arc<Table>, key: &str, is_whole: bool) {
    let item = Item::from([("pk", AttributeValue::S(key.to_owned()))]);
    let image = match is_whole {
        true => EncodedItem::encode(&item),
        false => EncodedItem::from_bytes(vec![9, 0, 0, 0, 0xff, 0xff, 0xff].into()),
    };
    put_image(database, table, &item, image).await;
}

async fn put_image(database: &Database, table: &Arc<Table>, item: &Item, image: EncodedItem) {
    let command = ItemCommand {
        table: table.clone(),
        key: table.schema().storage_key_of_key(item).unwrap(),
        condition: None,
        action: Action::Put(image),
        returns: ReturnValues::None,
        return_item_on_failure: false,
    };
    database.write(Command::single(command)).await.unwrap();
}

/// A reader of the only shard of a table with these records; one in the middle is damaged.
async fn reader(database: &Database) -> Reader {
    let table = table(database).await;
    for (key, is_whole) in [("a", true), ("b", true), ("damaged", false), ("c", true)] {
        put(database, &table, key, is_whole).await;
    }
    reader_of(database, Filters::default()).await
}

async fn reader_of(database: &Database, filters: Filters) -> Reader {
    let streams = Streams::new(database.clone(), StreamsOptions::default());
    let stream = database.streams().await.unwrap().remove(0);
    let shard = database.shards_now(stream.id)[0].number;
    let follower = streams.follow(stream, shard, Start::TrimHorizon).unwrap();
    Reader::new(
        follower,
        "arn".to_owned(),
        "us-east-1".to_owned(),
        1,
        filters,
        Arc::new(ManualClock::new(0)),
    )
}

/// Between them others have the thread.
#[tokio::test]
async fn records_that_filters_look_at_for_long_are_given_one_by_one() {
    let (database, _) = database();
    let table = table(&database).await;
    let elements = vec![AttributeValue::S("x".to_owned()); 20_000];
    for key in ["a", "b", "c"] {
        let key = Item::from([("pk", AttributeValue::S(key.to_owned()))]);
        let mut item = key.clone();
        item.insert("l".to_owned(), AttributeValue::L(elements.clone()));
        put_image(&database, &table, &key, EncodedItem::encode(&item)).await;
    }
    let prefixes = r#"{"prefix":"a"},"#.repeat(20);
    let image = format!(r#"{{"l":{{"L":{{"S":[{prefixes}"y"]}}}}}}"#);
    let pattern = format!(r#"{{"dynamodb":{{"NewImage":{image}}}}}"#);
    let mut reader = reader_of(&database, Filters::parse(&[pattern]).unwrap()).await;
    for _ in 0..3 {
        let before = reader.position();
        let read = reader.poll(100).unwrap();
        assert_eq!((read.records.len(), read.filtered), (0, 1));
        assert!(reader.position() > before);
    }
    assert!(reader.poll(100).unwrap().is_empty());
    database.close();
}

#[tokio::test]
async fn a_damaged_record_costs_none_of_those_before_it() {
    let (database, _) = database();
    let mut reader = reader(&database).await;
    let read = reader.next(100).await.unwrap();
    assert_eq!(keys(&read), ["a", "b"]);
    let damaged = reader.position();
    for _ in 0..2 {
        assert!(reader.next(100).await.is_err());
        assert!(reader.poll(100).is_err());
        assert_eq!(reader.position(), damaged, "it is not passed over");
    }
    database.close();
}

#[tokio::test]
async fn a_damaged_record_is_lost_when_its_retention_is_over() {
    let (database, clock) = database();
    let mut reader = reader(&database).await;
    reader.next(100).await.unwrap();
    assert!(reader.poll(100).is_err());
    assert!(!reader.take_lost());
    clock.advance_ms(25 * 3_600_000);
    // The one behind it was read before, and is delivered.
    assert_eq!(keys(&reader.poll(100).unwrap()), ["c"]);
    assert!(reader.take_lost());
    assert!(!reader.take_lost());
    database.close();
}

fn keys(read: &Read) -> Vec<String> {
    let records = read.records.iter().map(|(_, record)| {
        let record: serde_json::Value = serde_json::from_slice(&record.json).unwrap();
        record["dynamodb"]["Keys"]["pk"]["S"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    records.collect()
}
