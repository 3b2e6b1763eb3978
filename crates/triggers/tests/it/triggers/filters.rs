//! Filters of mappings (triggers.md section 4). What matches what is tested where the matcher stands.

use headwater_wire::Operation;
use serde_json::{Value, json};

use super::world::{MAPPINGS, World, ids, item_id, numbered};

fn criteria(patterns: &[Value]) -> Value {
    let filters: Vec<Value> = patterns
        .iter()
        .map(|pattern| json!({"Pattern": pattern.to_string()}))
        .collect();
    json!({"Filters": filters})
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_matches_is_counted_and_delivered() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let wanted = json!({"dynamodb": {"Keys": {"id": {"S": [{"suffix": "7"}]}}}});
    let settings = json!({
        "FilterCriteria": criteria(&[wanted]),
        "BatchSize": 2,
        "MaximumBatchingWindowInSeconds": 300,
    });
    let uuid = world.map(&stream, "f", settings).await;
    world.put_items("items", 0..20).await;
    recorder.wait_for_calls(1).await;
    assert_eq!(recorder.batches(), [vec![item_id(7), item_id(17)]]);
    world.wait_for_result(&uuid, "OK").await;
    // The position is past what nobody wanted, the two behind the last that was wanted too.
    let passed = |status: &Value| status["shards"][0]["lagRecords"] == 0;
    let status = world.status_until(&uuid, passed).await;
    assert_eq!(status["sinceStart"]["records"], 2);
    assert_eq!(status["sinceStart"]["filteredRecords"], 18);
    world.close().await;
}

/// The pattern of the guide, for a function that archives what expires.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_expired_goes_to_who_asks_for_that() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let expired = json!({
        "userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]},
    });
    let settings = json!({"FilterCriteria": criteria(&[expired])});
    let uuid = world.map(&stream, "f", settings).await;
    world.put_items("items", 0..1).await;
    let key = json!({"TableName": "items", "Key": {"id": {"S": item_id(0)}}});
    world.dynamo(Operation::DeleteItem, key).await;
    world.put_expiring("items", "old").await;
    recorder.calls_in_time(&world, 1, 1_000).await;
    world.wait_for_result(&uuid, "OK").await;
    let events = recorder.events();
    let records = events[0]["Records"].as_array().unwrap();
    assert_eq!((events.len(), records.len()), (1, 1), "{events:?}");
    assert_eq!(records[0]["eventName"], "REMOVE");
    assert_eq!(ids(&events[0]), ["old"]);
    let service = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    assert_eq!(records[0]["userIdentity"], service);
    let status = world.manage("GET", &format!("triggers/{uuid}")).await;
    assert_eq!(status["sinceStart"]["filteredRecords"], 3, "{status}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_patterns_is_enough() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let removed = json!({"eventName": ["REMOVE"]});
    let third = json!({"dynamodb": {"NewImage": {"id": {"S": ["item-0003"]}}}});
    let filters = criteria(&[removed, third]);
    world
        .map(
            &stream,
            "f",
            json!({"FilterCriteria": filters, "BatchSize": 1}),
        )
        .await;
    world.put_items("items", 0..5).await;
    let key = json!({"TableName": "items", "Key": {"id": {"S": item_id(1)}}});
    world.dynamo(Operation::DeleteItem, key).await;
    let events = recorder.wait_for_calls(2).await;
    let seen: Vec<(Vec<String>, &Value)> = events
        .iter()
        .map(|event| (ids(event), &event["Records"][0]["eventName"]))
        .collect();
    let expected = [
        (vec![item_id(3)], &json!("INSERT")),
        (vec![item_id(1)], &json!("REMOVE")),
    ];
    assert_eq!(seen, expected);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_the_filters_of_what_comes_and_loses_no_place() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let none = json!({"eventName": ["NONE"]});
    let settings = json!({"FilterCriteria": criteria(&[none])});
    let uuid = world.map(&stream, "f", settings).await;
    world.put_items("items", 0..3).await;
    let passed = async {
        loop {
            let status = world.manage("GET", &format!("triggers/{uuid}")).await;
            if status["sinceStart"]["filteredRecords"] == 3 {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), passed)
        .await
        .unwrap();
    let path = format!("{MAPPINGS}/{uuid}");
    let updated = world.put(&path, json!({"FilterCriteria": {}})).await;
    assert_eq!(updated.status, 202);
    assert_eq!(updated.body["FilterCriteria"], Value::Null);
    world.put_items("items", 3..6).await;
    // What was filtered out is skipped for good.
    assert_eq!(recorder.wait_for_ids(3).await, numbered(3..6));
    world.close().await;
}
