//! Requests that are short for what they ask for: they are answered, or refused, within time and memory.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::usage;
use crate::process::Server;

/// A debug build on a busy machine needs seconds where what was wrong needed minutes.
const TIME_MAX: Duration = Duration::from_secs(15);
const MEMORY_MB_MAX: usize = 700;

/// Asks, and says how long that took if it was too long.
fn ask(client: &mut Client, operation: &str, body: &str) -> Answer {
    let begun = Instant::now();
    let answer = client.ask(&format!("DynamoDB_20120810.{operation}"), body);
    let took = begun.elapsed();
    println!("{operation} of {} bytes: {took:?}", body.len());
    assert!(took < TIME_MAX, "{operation} took {took:?}");
    answer
}

fn put(client: &mut Client, item: Value) {
    client.dynamodb("PutItem", &json!({"TableName": "table", "Item": item}));
}

/// Every violation was kept with a path that copied the key above it.
#[test]
fn a_million_violations_under_a_long_key() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    let mut client = Client::connect(&server);
    let key = "k".repeat(500_000);
    let requests = r#"{"PutRequest":{}},"#.repeat(25_000);
    let body = format!(r#"{{"RequestItems":{{"{key}":[{requests}{{}}]}}}}"#);
    let answer = ask(&mut client, "BatchWriteItem", &body);
    assert_eq!(
        (answer.status, answer.error()),
        (400, "ValidationException".to_owned())
    );
    let message = answer.json()["message"].to_string();
    assert!(
        message.contains("10 validation errors detected") && message.len() < 200_000,
        "{} bytes",
        message.len()
    );
    let peak = usage::peak_rss_mb(server.pid());
    assert!(peak < MEMORY_MB_MAX, "{peak} MB");
    server.stop();
}

/// Each call was carried out before anybody looked at the size of the whole.
#[test]
fn lists_that_are_appended_to_each_other_again_and_again() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    let list = vec![json!({"NULL": true}); 100_000];
    put(&mut client, json!({"id": {"S": "x"}, "a": {"L": list}}));
    let mut value = "a".to_owned();
    for _ in 0..8 {
        value = format!("list_append({value},{value})");
    }
    let statement = format!("UPDATE \"table\" SET b = {value} WHERE id = 'x'");
    let body = json!({"Statement": statement}).to_string();
    let answer = ask(&mut client, "ExecuteStatement", &body);
    let message = answer.json()["message"].to_string();
    assert!(message.contains("Item size to update"), "{message}");
    let peak = usage::peak_rss_mb(server.pid());
    assert!(peak < MEMORY_MB_MAX, "{peak} MB");
    server.stop();
}

/// Each place of the value was compared with all of what was looked for.
#[test]
fn bytes_looked_for_in_bytes_that_are_almost_the_same() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    // Zeros, in base64, and zeros with an end that is not there.
    let value = "A".repeat(400_000);
    let part = format!("{}AAAB", "A".repeat(200_000));
    put(&mut client, json!({"id": {"S": "x"}, "b": {"B": value}}));
    let filter = vec!["contains(b,:p)"; 100].join(" OR ");
    let body = json!({
        "TableName": "table",
        "FilterExpression": filter,
        "ExpressionAttributeValues": {":p": {"B": part}},
    });
    let answer = ask(&mut client, "Scan", &body.to_string());
    let answer = answer.json();
    assert_eq!(
        (&answer["Count"], &answer["ScannedCount"]),
        (&json!(0), &json!(1))
    );
    server.stop();
}

/// Each attribute that was taken out moved all those behind it.
#[test]
fn a_hundred_thousand_attributes_taken_out_and_put_in() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    // Names of three letters, as many as an item has room for.
    let letters: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='j').collect();
    let letter = |number: usize| letters[number % letters.len()];
    let names: Vec<String> = (0..95_000)
        .map(|number| {
            [
                letter(number / 46 / 46),
                letter(number / 46),
                letter(number),
            ]
            .iter()
            .collect()
        })
        .collect();
    let key = json!({"id": {"S": "x"}});
    let update = |action: &dyn Fn(&str) -> Value| {
        let updates: serde_json::Map<String, Value> = names
            .iter()
            .map(|name| (name.clone(), action(name)))
            .collect();
        json!({"TableName": "table", "Key": key, "AttributeUpdates": updates}).to_string()
    };
    // What is there lies behind all that come, so that each of them would move it.
    put(&mut client, json!({"id": {"S": "x"}, "z": {"S": "stays"}}));
    let add = update(&|_| json!({"Action": "PUT", "Value": {"NULL": true}}));
    assert_eq!(ask(&mut client, "UpdateItem", &add).status, 200);
    let remove = update(&|_| json!({"Action": "DELETE"}));
    assert_eq!(ask(&mut client, "UpdateItem", &remove).status, 200);
    let item = client.dynamodb("GetItem", &json!({"TableName": "table", "Key": key}));
    assert_eq!(item["Item"], json!({"id": {"S": "x"}, "z": {"S": "stays"}}));
    server.stop();
}
