//! Many tables, many shards, many large items.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use super::client::Client;
use super::{scale, usage};
use crate::process::Server;

fn table(name: &str) -> Value {
    json!({
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    })
}

fn list_tables(client: &mut Client) -> usize {
    let (mut count, mut start) = (0, Value::Null);
    loop {
        let page = client.dynamodb("ListTables", &json!({"ExclusiveStartTableName": start}));
        count += page["TableNames"].as_array().expect("names").len();
        start = page["LastEvaluatedTableName"].clone();
        if start.is_null() {
            return count;
        }
    }
}

#[test]
fn many_tables_are_made_listed_and_opened_again() {
    let count = scale(300, 10_000);
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    let before = usage::of(server.pid());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for part in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut client = Client::connect(server);
                for number in (part..count).step_by(8) {
                    client.dynamodb("CreateTable", &table(&format!("table-{number:05}")));
                }
            });
        }
    });
    let made = begun.elapsed();
    let mut client = Client::connect(&server);
    let begun = Instant::now();
    assert_eq!(list_tables(&mut client), count);
    let listed = begun.elapsed();
    let last = format!("table-{:05}", count - 1);
    let item = json!({"id": {"S": "a"}});
    client.dynamodb("PutItem", &json!({"TableName": last, "Item": item}));
    let during = usage::of(server.pid());
    drop(client);
    server.stop();
    let begun = Instant::now();
    let server = Server::with(data.path(), &[]);
    let opened = begun.elapsed();
    let mut client = Client::connect(&server);
    assert_eq!(list_tables(&mut client), count);
    let got = client.dynamodb("GetItem", &json!({"TableName": last, "Key": item}));
    assert_eq!(got["Item"], item);
    println!(
        "{count} tables with streams: made in {made:?}, listed in {listed:?}, opened in {opened:?}, \
         {before:?} -> {during:?}"
    );
    assert!(during.rss_mb <= before.rss_mb + 64 + count / 16);
    assert!(during.threads <= before.threads + 2);
    server.stop();
}

#[test]
fn a_stream_of_many_shards_is_described_and_read_whole() {
    let shards = scale(200, 1_000);
    let data = tempfile::tempdir().expect("a folder");
    let shards_text = shards.to_string();
    let settings = ["--shards", &shards_text, "--durability", "interval"];
    let server = Server::with(data.path(), &settings);
    let mut client = Client::connect(&server);
    let begun = Instant::now();
    let made = client.dynamodb("CreateTable", &table("table"));
    let stream = made["TableDescription"]["LatestStreamArn"].clone();
    let keys = 2 * shards;
    for number in 0..keys {
        let item = json!({"id": {"S": number.to_string()}});
        client.dynamodb("PutItem", &json!({"TableName": "table", "Item": item}));
    }
    let written = begun.elapsed();
    let begun = Instant::now();
    let ids = shard_ids(&mut client, &stream);
    assert_eq!(ids.len(), shards);
    let described = begun.elapsed();
    let begun = Instant::now();
    let mut seen = BTreeSet::new();
    for id in &ids {
        for record in records(&mut client, &stream, id) {
            let key = &record["dynamodb"]["Keys"]["id"]["S"];
            assert!(seen.insert(key.as_str().expect("a key").to_owned()));
        }
    }
    assert_eq!(seen.len(), keys);
    println!(
        "{shards} shards: {keys} puts in {written:?}, described in {described:?}, read in {:?}, {:?}",
        begun.elapsed(),
        usage::of(server.pid())
    );
    server.stop();
}

fn shard_ids(client: &mut Client, stream: &Value) -> Vec<String> {
    let (mut ids, mut start) = (Vec::new(), Value::Null);
    loop {
        let input = json!({"StreamArn": stream, "ExclusiveStartShardId": start});
        let described = client.streams("DescribeStream", &input);
        let described = &described["StreamDescription"];
        let shards = described["Shards"].as_array().expect("shards");
        let id = |shard: &Value| shard["ShardId"].as_str().expect("an id").to_owned();
        ids.extend(shards.iter().map(id));
        start = described["LastEvaluatedShardId"].clone();
        if start.is_null() {
            return ids;
        }
    }
}

fn records(client: &mut Client, stream: &Value, shard: &str) -> Vec<Value> {
    let input = json!({"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = client.streams("GetShardIterator", &input);
    let page = json!({"ShardIterator": iterator["ShardIterator"]});
    let page = client.streams("GetRecords", &page);
    page["Records"].as_array().expect("records").clone()
}

#[test]
fn many_large_items_pass_through_bounded_memory() {
    let count = scale(80, 5_000);
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &["--cache-mb", "32"]);
    server.create_table("table", true);
    let before = usage::of(server.pid());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for part in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut client = Client::connect(server);
                let value = "x".repeat(400 * 1024 - 100);
                for number in (part..count).step_by(8) {
                    let item = json!({"id": {"S": number.to_string()}, "v": {"S": value}});
                    let input = json!({"TableName": "table", "Item": item}).to_string();
                    // Who comes too fast is told to come again.
                    while client.ask("DynamoDB_20120810.PutItem", &input).status != 200 {
                        std::thread::yield_now();
                    }
                }
            });
        }
    });
    let peak = usage::peak_rss_mb(server.pid());
    println!(
        "{count} items of 400 KB in {:?}: peak {peak} MB, {before:?} -> {:?}",
        begun.elapsed(),
        usage::of(server.pid())
    );
    // Cache, overlay, queue with old images, the log's caches, groups and batches under way.
    assert!(peak <= before.rss_mb + 32 + 4 * 32 + 300, "{peak} MB");
    server.stop();
}
