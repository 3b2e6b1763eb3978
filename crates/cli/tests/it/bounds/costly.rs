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

/// Puts so many items with nothing but a key.
fn put_many(client: &mut Client, count: usize) {
    let put = |number| json!({"PutRequest": {"Item": {"id": {"S": format!("item-{number}")}}}});
    let puts: Vec<Value> = (0..count).map(put).collect();
    for puts in puts.chunks(25) {
        client.dynamodb("BatchWriteItem", &json!({"RequestItems": {"table": puts}}));
    }
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

/// Constants were measured anew for each item.
#[test]
fn a_filter_that_measures_its_own_constants() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    put_many(&mut client, 500);
    let filter = vec!["size(:a) = :n"; 100].join(" OR ");
    let body = json!({
        "TableName": "table",
        "FilterExpression": filter,
        "ExpressionAttributeValues": {":a": {"S": "a".repeat(2_000_000)}, ":n": {"N": "1"}},
    });
    let answer = ask(&mut client, "Scan", &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.error());
    let answer = answer.json();
    assert_eq!(
        (&answer["Count"], &answer["ScannedCount"]),
        (&json!(0), &json!(500))
    );
    server.stop();
}

/// Each item was looked for in all of the constants, however many items there were; a page ends before that takes long.
#[test]
fn items_looked_for_in_large_constants() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    put_many(&mut client, 12);
    let filter = ["contains(:a,nowhere)", "contains(:a,id)"].join(" OR ");
    let filter = vec![filter.as_str(); 50].join(" OR ");
    let large = format!("{}item-7", "a".repeat(2_000_000));
    let mut body = json!({
        "TableName": "table",
        "FilterExpression": filter,
        "ExpressionAttributeValues": {":a": {"S": large}},
    });
    let (mut scanned, mut found, mut pages) = (0, 0, 0);
    loop {
        let page = ask(&mut client, "Scan", &body.to_string());
        assert_eq!(page.status, 200, "{}", page.error());
        let page = page.json();
        scanned += page["ScannedCount"].as_u64().unwrap_or_default();
        found += page["Count"].as_u64().unwrap_or_default();
        pages += 1;
        match &page["LastEvaluatedKey"] {
            Value::Null => break,
            key => body["ExclusiveStartKey"] = key.clone(),
        }
    }
    assert_eq!((scanned, found), (12, 1));
    assert!(pages > 1, "{pages} pages");
    server.stop();
}

/// Attributes of an item were compared with each other as often as the expression said.
#[test]
fn large_attributes_compared_with_each_other_again_and_again() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    let list = |end: &str| {
        let mut list = vec![json!({"S": ""}); 150_000];
        list.push(json!({"S": end}));
        json!({"L": list})
    };
    put(
        &mut client,
        json!({"id": {"S": "x"}, "a": list("a"), "b": list("b")}),
    );
    let compared = format!("a IN ({})", vec!["b"; 99].join(","));
    let expression = vec![compared.as_str(); 19].join(" OR ");
    assert!(expression.len() < 4096);
    let key = json!({"id": {"S": "x"}});
    let body = json!({"TableName": "table", "FilterExpression": expression});
    let refused = [
        ask(&mut client, "Scan", &body.to_string()),
        ask(
            &mut client,
            "DeleteItem",
            &json!({"TableName": "table", "Key": key, "ConditionExpression": expression})
                .to_string(),
        ),
    ];
    for answer in refused {
        let message = answer.json()["message"].to_string();
        assert!(message.contains("compares too much"), "{message}");
    }
    // Ten times is no more than what large items may well be asked for.
    let compared = format!("a IN ({})", ["b"; 10].join(","));
    let body = json!({"TableName": "table", "FilterExpression": compared});
    let answer = ask(&mut client, "Scan", &body.to_string()).json();
    assert_eq!(
        (&answer["Count"], &answer["ScannedCount"]),
        (&json!(0), &json!(1))
    );
    server.stop();
}

/// Others waited for latches while the items of a transaction were read and compared, one after the other.
#[test]
fn writes_beside_a_transaction_that_looks_at_large_items() {
    const ITEMS: usize = 10;
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    let list = vec![json!({"S": ""}); 300_000];
    for number in 0..ITEMS {
        let id = format!("large-{number}");
        put(&mut client, json!({"id": {"S": id}, "a": {"L": list}}));
    }
    let check = |number: usize| {
        json!({"ConditionCheck": {
            "TableName": "table",
            "Key": {"id": {"S": format!("large-{number}")}},
            "ConditionExpression": "a <> c AND attribute_exists(a)",
        }})
    };
    let mut actions: Vec<Value> = (0..ITEMS).map(check).collect();
    actions.push(json!({"Put": {"TableName": "table", "Item": {"id": {"S": "small"}}}}));
    let body = json!({"TransactItems": actions}).to_string();
    let transaction = std::thread::spawn(move || {
        let begun = Instant::now();
        let answer = ask(&mut client, "TransactWriteItems", &body);
        (answer, begun.elapsed())
    });
    let mut other = Client::connect(&server);
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !transaction.is_finished() {
        // Looks at one of the items, and changes none.
        let body = json!({
            "TableName": "table",
            "Key": {"id": {"S": format!("large-{}", count % ITEMS)}},
            "ConditionExpression": "attribute_exists(nothing)",
        });
        let begun = Instant::now();
        let answer = other.ask("DynamoDB_20120810.DeleteItem", &body.to_string());
        longest = longest.max(begun.elapsed());
        assert_eq!(answer.error(), "ConditionalCheckFailedException");
        count += 1;
    }
    let (answer, took) = transaction.join().expect("a transaction");
    assert_eq!(answer.status, 200, "{}", answer.error());
    println!("{count} writes beside it, the longest took {longest:?}");
    assert!(longest < took / 2, "{longest:?} of {took:?}");
    server.stop();
}

/// The entries of all indexes were made before anybody looked at the size of the whole.
#[test]
fn a_transaction_that_is_too_large_in_a_table_with_many_indexes() {
    const ITEMS: usize = 100;
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    let mut client = Client::connect(&server);
    let index = |number: usize| {
        json!({
            "IndexName": format!("index-{number}"),
            "KeySchema": [{"AttributeName": "group", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["text"]},
        })
    };
    let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    let create = json!({
        "TableName": "table",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("id"), attribute("group")],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": (0..20).map(index).collect::<Vec<_>>(),
    });
    client.dynamodb("CreateTable", &create);
    let text = "x".repeat(400_000);
    let id = |number: usize| json!({"S": format!("item-{number}")});
    for number in 0..ITEMS {
        put(
            &mut client,
            json!({"id": id(number), "text": {"S": text}, "other": {"S": "y"}}),
        );
    }
    let update = |number: usize| {
        json!({"Update": {
            "TableName": "table",
            "Key": {"id": id(number)},
            "UpdateExpression": "SET #g = :g",
            "ExpressionAttributeNames": {"#g": "group"},
            "ExpressionAttributeValues": {":g": {"S": "g"}},
        }})
    };
    let updates: Vec<Value> = (0..ITEMS).map(update).collect();
    let body = json!({"TransactItems": updates}).to_string();
    let answer = ask(&mut client, "TransactWriteItems", &body);
    let message = answer.json()["message"].to_string();
    assert!(message.contains("maximum of 4 MB"), "{message}");
    let peak = usage::peak_rss_mb(server.pid());
    println!("{peak} MB");
    assert!(peak < MEMORY_MB_MAX, "{peak} MB");
    server.stop();
}

/// The part was gone through before its length was looked at, for each item.
#[test]
fn large_bytes_looked_for_in_small_items() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    let put = |number| json!({"PutRequest": {"Item": {"id": {"S": format!("item-{number}")}, "b": {"B": "AAAA"}}}});
    let puts: Vec<Value> = (0..25).map(put).collect();
    client.dynamodb("BatchWriteItem", &json!({"RequestItems": {"table": puts}}));
    let body = json!({
        "TableName": "table",
        "FilterExpression": vec!["contains(b,:p)"; 100].join(" OR "),
        "ExpressionAttributeValues": {":p": {"B": "A".repeat(2_000_000)}},
    });
    let answer = ask(&mut client, "Scan", &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.error());
    assert_eq!(answer.json()["ScannedCount"], json!(25));
    server.stop();
}

/// Each name was looked for among all those before it.
#[test]
fn a_hundred_thousand_definitions_and_index_updates() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    let mut client = Client::connect(&server);
    let defined = |number: usize| json!({"AttributeName": format!("attribute-{number}"), "AttributeType": "S"});
    let index = |number: usize| {
        json!({
            "IndexName": format!("index-{number}"),
            "KeySchema": [{"AttributeName": format!("attribute-{number}"), "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        })
    };
    let create = json!({
        "TableName": "table",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": (0..100_000).map(defined).collect::<Vec<_>>(),
        "KeySchema": [{"AttributeName": "attribute-0", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": (0..50_000).map(index).collect::<Vec<_>>(),
    });
    let answer = ask(&mut client, "CreateTable", &create.to_string());
    assert_eq!(answer.status, 400);
    let delete = |number: usize| json!({"Delete": {"IndexName": format!("index-{number}")}});
    let update = json!({
        "TableName": "table",
        "GlobalSecondaryIndexUpdates": (0..200_000).map(delete).collect::<Vec<_>>(),
    });
    let answer = ask(&mut client, "UpdateTable", &update.to_string());
    assert_eq!(answer.status, 400);
    server.stop();
}
