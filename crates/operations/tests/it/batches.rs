//! Batches and transactions that are too large for a text file of cases, and what strangers may send.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Server, n, s};

/// Nearly the largest item.
fn large(key: usize) -> Value {
    json!({"pk": s(&format!("k{key:03}")), "v": s(&"x".repeat(400_000))})
}

async fn put_large(server: &Server, table: &str, count: usize) {
    for from in (0..count).step_by(20) {
        let keys = from..count.min(from + 20);
        let puts: Vec<Value> = keys
            .map(|key| json!({"PutRequest": {"Item": large(key)}}))
            .collect();
        let reply = server
            .must("BatchWriteItem", json!({"RequestItems": {table: puts}}))
            .await;
        assert_eq!(reply, json!({"UnprocessedItems": {}}));
    }
}

fn key(number: usize) -> Value {
    json!({"pk": s(&format!("k{number:03}"))})
}

#[tokio::test]
async fn what_does_not_fit_an_answer_comes_back_as_unprocessed_and_can_be_asked_for() {
    const ITEMS: usize = 45;
    let server = Server::start();
    server.table("ttt", None).await;
    server.table("uuu", None).await;
    put_large(&server, "ttt", ITEMS).await;
    server.put("uuu", json!({"pk": s("small")})).await;
    let keys: Vec<Value> = (0..ITEMS).map(key).collect();
    let mut wanted = json!({
        "ttt": {"Keys": keys, "ConsistentRead": true, "ProjectionExpression": "#p",
            "ExpressionAttributeNames": {"#p": "pk"}},
        "uuu": {"Keys": [{"pk": s("small")}]},
    });
    let mut seen = BTreeSet::new();
    let mut answers = Vec::new();
    while wanted != json!({}) {
        let body = json!({"RequestItems": wanted, "ReturnConsumedCapacity": "TOTAL"});
        let reply = server.must("BatchGetItem", body).await;
        for (table, items) in reply["Responses"].as_object().unwrap() {
            for item in items.as_array().unwrap() {
                assert!(item.get("v").is_none());
                assert!(seen.insert((table.clone(), item["pk"]["S"].as_str().unwrap().to_owned())));
            }
        }
        let units: f64 = reply["ConsumedCapacity"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| table["CapacityUnits"].as_f64().unwrap())
            .sum();
        answers.push((seen.len(), units));
        wanted = reply["UnprocessedKeys"].clone();
        if let Some(rest) = wanted.get("ttt") {
            assert_eq!(rest["ConsistentRead"], json!(true));
            assert_eq!(rest["ProjectionExpression"], json!("#p"));
            assert_eq!(rest["ExpressionAttributeNames"], json!({"#p": "pk"}));
        }
    }
    assert_eq!(seen.len(), ITEMS + 1);
    // 41 of 400,009 bytes are 16 MB; what is not read costs nothing, and the small one waits for its turn.
    let units_of_one = 98.0;
    assert_eq!(
        answers,
        [(41, 41.0 * units_of_one), (46, 4.0 * units_of_one + 0.5)]
    );
}

#[tokio::test]
async fn an_answer_has_no_more_json_than_it_may_though_its_items_count_little() {
    const ITEMS: usize = 5;
    let server = Server::start();
    server.table("ttt", None).await;
    // Three bytes each as they are counted, and 142 as they are shown.
    let numbers = vec![json!({"N": "1E-130"}); 130_000];
    let mut item = json!({"pk": "", "l": {"L": numbers}});
    for number in 0..ITEMS {
        item["pk"] = key(number)["pk"].clone();
        server.put("ttt", item.clone()).await;
    }
    let mut wanted = json!({"ttt": {"Keys": (0..ITEMS).map(key).collect::<Vec<_>>()}});
    let mut answers = Vec::new();
    while wanted != json!({}) {
        let body = json!({"RequestItems": wanted, "ReturnConsumedCapacity": "TOTAL"});
        let mut reply = server.must("BatchGetItem", body).await;
        assert!(reply["Responses"].to_string().len() <= 64 << 20);
        let items = reply["Responses"]["ttt"].as_array().unwrap().len();
        let units = reply["ConsumedCapacity"][0]["CapacityUnits"].as_f64();
        answers.push((items, units.unwrap()));
        wanted = reply["UnprocessedKeys"].take();
    }
    // What is not shown costs nothing.
    assert_eq!(answers, [(3, 3.0 * 48.0), (2, 2.0 * 48.0)]);
    // What is not asked for counts for nothing.
    let keys: Vec<Value> = (0..ITEMS).map(key).collect();
    let wanted = json!({"ttt": {"Keys": keys, "ProjectionExpression": "pk"}});
    let reply = server.must("BatchGetItem", json!({"RequestItems": wanted}));
    let reply = reply.await;
    assert_eq!(reply["UnprocessedKeys"], json!({}));
}

#[tokio::test]
async fn a_transaction_reads_no_more_than_4_mb() {
    let server = Server::start();
    server.table("ttt", None).await;
    put_large(&server, "ttt", 11).await;
    let gets = |count: usize| {
        let gets: Vec<Value> = (0..count)
            .map(|number| json!({"Get": {"TableName": "ttt", "Key": key(number), "ProjectionExpression": "pk"}}))
            .collect();
        json!({"TransactItems": gets})
    };
    let reply = server.must("TransactGetItems", gets(10)).await;
    assert_eq!(reply["Responses"].as_array().unwrap().len(), 10);
    assert_eq!(
        server.ask("TransactGetItems", gets(11)).await.unwrap_err(),
        "ValidationException: Size of the items of the transaction has exceeded the maximum of 4 MB"
    );
}

#[tokio::test]
async fn updates_of_large_items_are_bounded_by_what_they_make() {
    let server = Server::start();
    server.table("ttt", Some("NEW_AND_OLD_IMAGES")).await;
    put_large(&server, "ttt", 100).await;
    let updates = |count: usize| {
        let updates: Vec<Value> = (0..count)
            .map(|number| {
                json!({"Update": {"TableName": "ttt", "Key": key(number),
                    "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": n(1)}}})
            })
            .collect();
        json!({"TransactItems": updates})
    };
    server.must("TransactWriteItems", updates(10)).await;
    assert_eq!(
        server
            .ask("TransactWriteItems", updates(100))
            .await
            .unwrap_err(),
        "ValidationException: Size of the items of the transaction has exceeded the maximum of 4 MB"
    );
    // All of them at once, with their images, are one entry.
    let deletes: Vec<Value> = (0..100)
        .map(|number| json!({"Delete": {"TableName": "ttt", "Key": key(number)}}))
        .collect();
    server
        .must("TransactWriteItems", json!({"TransactItems": deletes}))
        .await;
    let left = server.must("Scan", json!({"TableName": "ttt"})).await;
    assert_eq!(left["Count"], json!(0));
}

/// Each value of a good request in turn becomes something else.
#[tokio::test]
async fn requests_with_anything_in_any_place_are_answered() {
    let server = Server::start();
    server.table("ttt", Some("NEW_IMAGE")).await;
    let requests = [
        (
            "BatchGetItem",
            json!({"RequestItems": {"ttt": {"Keys": [key(1), key(2)], "ConsistentRead": true,
            "ProjectionExpression": "#a", "ExpressionAttributeNames": {"#a": "b"}}}, "ReturnConsumedCapacity": "INDEXES"}),
        ),
        (
            "BatchWriteItem",
            json!({"RequestItems": {"ttt": [{"PutRequest": {"Item": {"pk": s("a"), "v": {"L": [n(1)]}}}},
            {"DeleteRequest": {"Key": key(1)}}]}, "ReturnItemCollectionMetrics": "SIZE"}),
        ),
        (
            "TransactGetItems",
            json!({"TransactItems": [{"Get": {"TableName": "ttt", "Key": key(1), "ProjectionExpression": "a"}}]}),
        ),
        (
            "TransactWriteItems",
            json!({"ClientRequestToken": "t", "TransactItems": [
            {"Put": {"TableName": "ttt", "Item": key(1), "ConditionExpression": "a = :v", "ExpressionAttributeValues": {":v": n(1)}}},
            {"Update": {"TableName": "ttt", "Key": key(2), "UpdateExpression": "ADD a :v", "ExpressionAttributeValues": {":v": n(1)}}},
            {"Delete": {"TableName": "ttt", "Key": key(3)}},
            {"ConditionCheck": {"TableName": "ttt", "Key": key(4), "ConditionExpression": "attribute_not_exists(pk)"}}]}),
        ),
    ];
    let strange = [
        Value::Null,
        json!(true),
        json!(-1.5),
        json!(""),
        json!("\u{0}\u{10ffff}"),
        json!("x".repeat(3_000)),
        json!([]),
        json!([null]),
        json!([[[]]]),
        json!({}),
        json!({"": null}),
        json!({"a": {"a": {"a": []}}}),
        json!({"S": "x"}),
        json!({"N": "1e999"}),
        json!({"B": "="}),
    ];
    let mut answered = 0;
    for (operation, request) in &requests {
        for pointer in pointers(request, String::new()) {
            for value in &strange {
                let mut changed = request.clone();
                *changed.pointer_mut(&pointer).unwrap() = value.clone();
                if let Err(error) = server.try_ask(operation, changed.clone()).await {
                    assert!(!error.is_server_fault(), "{operation} {changed}: {error}");
                }
                answered += 1;
            }
        }
    }
    assert!(answered > 1_000, "only {answered}");
    server.must("TransactGetItems", requests[2].1.clone()).await;
}

/// The JSON pointers of all values.
fn pointers(value: &Value, own: String) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (format!("{own}/{name}"), value))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("{own}/{index}"), value))
            .collect(),
        _ => Vec::new(),
    };
    let mut all = vec![own];
    for (pointer, value) in inner {
        all.extend(pointers(value, pointer));
    }
    all
}
