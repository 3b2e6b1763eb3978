//! Delivery: what arrives, in which order, how often.

use std::collections::BTreeMap;

use headwater_wire::Operation;
use serde_json::{Value, json};

use super::a_moment;
use super::world::{FUNCTIONS, MAPPINGS, World, ids, item_id, numbered};

#[tokio::test(flavor = "multi_thread")]
async fn the_event_is_the_recorded_one() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    world.put_item("items", "a").await;
    let key = json!({"TableName": "items", "Key": {"id": {"S": "a"}}});
    world.dynamo(Operation::DeleteItem, key).await;
    let uuid = world.map(&stream, "f", json!({})).await;
    let events = recorder.wait_for_calls(1).await;
    let got = GetRecords::of(&world, &stream).await;
    assert_eq!(events[0], json!({"Records": [got.event(0), got.event(1)]}));
    let names: Vec<&Value> = [0, 1]
        .map(|at| &events[0]["Records"][at]["eventName"])
        .to_vec();
    assert_eq!(names, ["INSERT", "REMOVE"]);
    let time = &events[0]["Records"][0]["dynamodb"]["ApproximateCreationDateTime"];
    assert!(time.is_f64(), "{time}");
    world.wait_for_result(&uuid, "OK").await;
    world.close().await;
}

/// The records as a customer's reader gets them.
struct GetRecords(Vec<Value>, String);

impl GetRecords {
    async fn of(world: &World, stream: &str) -> Self {
        let described = json!({"StreamArn": stream});
        let described = world.dynamo(Operation::DescribeStream, described).await;
        let shard = &described["StreamDescription"]["Shards"][0]["ShardId"];
        let wanted =
            json!({"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let iterator = world.dynamo(Operation::GetShardIterator, wanted).await;
        let page = world.dynamo(Operation::GetRecords, iterator).await;
        Self(
            page["Records"].as_array().unwrap().clone(),
            stream.to_owned(),
        )
    }

    fn event(&self, at: usize) -> Value {
        let mut event = self.0[at].clone();
        let time = &mut event["dynamodb"]["ApproximateCreationDateTime"];
        *time = json!(time.as_f64().unwrap());
        event["eventSourceARN"] = json!(self.1);
        event
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_order_in_batches() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.put_items("items", 0..25).await;
    let recorder = world.recorder("f").await;
    let uuid = world.map(&stream, "f", json!({"BatchSize": 10})).await;
    recorder.wait_for_ids(25).await;
    let sizes: Vec<usize> = recorder.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 5]);
    world
        .put(&format!("{MAPPINGS}/{uuid}"), json!({"BatchSize": 1}))
        .await;
    world.put_items("items", 25..30).await;
    assert_eq!(recorder.wait_for_ids(30).await, numbered(0..30));
    assert!(recorder.batches()[3..].iter().all(|batch| batch.len() == 1));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_of_one_shard_and_keys_keep_their_order() {
    let world = World::wide().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    world.map(&stream, "f", json!({})).await;
    for round in 0..3 {
        for id in 0..20 {
            let item = json!({"id": {"S": item_id(id)}, "round": {"N": round.to_string()}});
            let put = json!({"TableName": "items", "Item": item});
            world.dynamo(Operation::PutItem, put).await;
        }
    }
    recorder.wait_for_ids(60).await;
    let mut rounds = BTreeMap::<String, Vec<Value>>::new();
    for event in recorder.events() {
        for (id, record) in ids(&event)
            .into_iter()
            .zip(event["Records"].as_array().unwrap())
        {
            let round = &record["dynamodb"]["NewImage"]["round"]["N"];
            rounds.entry(id).or_default().push(round.clone());
        }
    }
    assert_eq!(rounds.len(), 20);
    assert!(
        rounds.values().all(|rounds| *rounds == ["0", "1", "2"]),
        "{rounds:?}"
    );
    assert!(recorder.batches().len() >= 4);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stay_below_six_megabytes() {
    let world = World::new().await;
    let stream = world.table("items").await;
    for id in 0..30 {
        let item = json!({"id": {"S": item_id(id)}, "data": {"S": "x".repeat(390_000)}});
        world
            .dynamo(
                Operation::PutItem,
                json!({"TableName": "items", "Item": item}),
            )
            .await;
    }
    let recorder = world.recorder("f").await;
    world.map(&stream, "f", json!({})).await;
    assert_eq!(recorder.wait_for_ids(30).await, numbered(0..30));
    let sizes: Vec<usize> = recorder.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [16, 14]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_misses_nothing_from_its_answer_on() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.put_items("items", 0..5).await;
    let recorder = world.recorder("f").await;
    world
        .map(&stream, "f", json!({"StartingPosition": "LATEST"}))
        .await;
    world.put_items("items", 5..10).await;
    assert_eq!(recorder.wait_for_ids(5).await, numbered(5..10));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_mapping_keeps_its_place_from_the_start() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.put_items("items", 0..2).await;
    let recorder = world.recorder("f").await;
    let settings = json!({"StartingPosition": "LATEST", "Enabled": false});
    let uuid = world.map(&stream, "f", settings).await;
    assert_eq!(world.mapping(&uuid).await["State"], "Disabled");
    world.put_items("items", 2..4).await;
    let path = format!("{MAPPINGS}/{uuid}");
    world.put(&path, json!({"Enabled": true})).await;
    assert_eq!(recorder.wait_for_ids(2).await, numbered(2..4));
    world.wait_for_result(&uuid, "OK").await;
    world.put(&path, json!({"Enabled": false})).await;
    world.wait_for_state(&uuid, "Disabled").await;
    world.put_items("items", 4..6).await;
    a_moment().await;
    assert_eq!(recorder.ids().len(), 2);
    world.put(&path, json!({"Enabled": true})).await;
    assert_eq!(recorder.wait_for_ids(4).await, numbered(2..6));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_are_one_less_than_calls() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0000"]}));
    let settings = json!({"MaximumRetryAttempts": 3, "BatchSize": 2});
    let uuid = world.map(&stream, "f", settings).await;
    world.put_item("items", "item-0000").await;
    recorder.wait_for_calls(1).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    world.put_item("items", "item-0001").await;
    a_moment().await;
    // The shard is blocked, and the batch stays as it was.
    assert_eq!(recorder.events().len(), 1);
    for (call, pause_ms) in [(2, 500), (3, 1_000), (4, 2_000)] {
        world.clock.advance_ms(pause_ms);
        recorder.wait_for_calls(call).await;
    }
    let poisoned = vec!["item-0000".to_owned()];
    recorder.wait_for_calls(5).await;
    let mut expected = vec![poisoned; 4];
    expected.push(vec!["item-0001".to_owned()]);
    assert_eq!(recorder.batches(), expected);
    world.wait_for_result(&uuid, "OK").await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bound_a_batch_is_tried_until_it_succeeds_or_is_trimmed() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0000"]}));
    let uuid = world.map(&stream, "f", json!({})).await;
    world.put_item("items", "item-0000").await;
    recorder.calls_in_time(&world, 8, 10_000).await;
    recorder.control(json!({}));
    recorder.calls_in_time(&world, 9, 10_000).await;
    world.wait_for_result(&uuid, "OK").await;

    recorder.control(json!({"fail": true}));
    world.put_item("items", "item-0001").await;
    recorder.wait_for_calls(10).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    recorder.control(json!({}));
    world.clock.advance_ms(25 * 3_600_000);
    world.put_item("items", "item-0002").await;
    recorder.wait_for_calls(11).await;
    assert_eq!(recorder.batches()[10], ["item-0002"]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lowered_bound_ends_the_retries() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0000"]}));
    let uuid = world.map(&stream, "f", json!({})).await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_calls(1).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    world
        .put(
            &format!("{MAPPINGS}/{uuid}"),
            json!({"MaximumRetryAttempts": 0}),
        )
        .await;
    world.put_items("items", 1..2).await;
    assert_eq!(recorder.wait_for_ids(2).await, numbered(0..2));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_function_is_tried_at_once() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    let uuid = world.map(&stream, "f", json!({})).await;
    world.put_items("items", 0..1).await;
    recorder.calls_in_time(&world, 8, 30_000).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    recorder.control(json!({}));
    let calls = recorder.events().len();
    // The next retry is a minute away.
    world.delete(&format!("{FUNCTIONS}/f")).await;
    world.post(FUNCTIONS, recorder.definition("f")).await;
    recorder.wait_for_calls(calls + 1).await;
    world.wait_for_result(&uuid, "OK").await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_function_is_no_attempt() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let uuid = world
        .map(&stream, "f", json!({"MaximumRetryAttempts": 0}))
        .await;
    world.delete(&format!("{FUNCTIONS}/f")).await;
    world.put_items("items", 0..3).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function does not exist")
        .await;
    world.clock.advance_ms(120_000);
    world.post(FUNCTIONS, recorder.definition("f")).await;
    let ids = recorder.wait_for_ids(3).await;
    assert_eq!(ids, numbered(0..3));
    world.wait_for_result(&uuid, "OK").await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_functions_on_one_stream_do_not_disturb_each_other() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let (sound, broken) = (
        world.recorder("sound").await,
        world.recorder("broken").await,
    );
    broken.control(json!({"fail": true}));
    world.map(&stream, "sound", json!({})).await;
    world.map(&stream, "broken", json!({})).await;
    world.put_items("items", 0..10).await;
    assert_eq!(sound.wait_for_ids(10).await, numbered(0..10));
    broken.wait_for_calls(1).await;
    broken.control(json!({}));
    // In one batch or in several, by how many records there were when it began to read.
    crate::bench::until("the rest once more", || {
        world.clock.advance_ms(1_000);
        let batches = broken.batches();
        let last = batches.last().and_then(|batch| batch.last());
        batches.len() > 1 && last.is_some_and(|last| last == "item-0009")
    })
    .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_comes_after_its_parent() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0001"]}));
    let uuid = world.map(&stream, "f", json!({"BatchSize": 1})).await;
    world.put_items("items", 0..2).await;
    recorder.wait_for_calls(2).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    for generation in 1..4 {
        world.clock.advance_ms(4 * 3_600_000 + 1);
        world.database().run_due().await.unwrap();
        world
            .put_items("items", generation * 2..generation * 2 + 2)
            .await;
    }
    let described = world
        .dynamo(Operation::DescribeStream, json!({"StreamArn": stream}))
        .await;
    assert_eq!(
        described["StreamDescription"]["Shards"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    assert!(
        !recorder.ids().contains(&item_id(2)),
        "{:?}",
        recorder.ids()
    );
    recorder.control(json!({}));
    world.clock.advance_ms(60_000);
    recorder.wait_for_ids(8).await;
    crate::bench::until("the last one", || recorder.ids().contains(&item_id(7))).await;
    let mut ids = recorder.ids();
    ids.dedup();
    assert_eq!(ids, numbered(0..8));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_stream_is_drained() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    world.put_items("items", 0..3).await;
    world
        .dynamo(Operation::DeleteTable, json!({"TableName": "items"}))
        .await;
    let second = world.table("items").await;
    assert_ne!(stream, second);
    world.map(&stream, "f", json!({})).await;
    world.put_items("items", 3..5).await;
    recorder.wait_for_ids(3).await;
    a_moment().await;
    assert_eq!(recorder.ids(), numbered(0..3));
    world.map(&second, "f", json!({})).await;
    recorder.wait_for_ids(5).await;
    assert_eq!(recorder.ids(), numbered(0..5));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_mapping_leaves_nothing() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let uuid = world.map(&stream, "f", json!({})).await;
    world.put_items("items", 0..2).await;
    recorder.wait_for_ids(2).await;
    world.wait_for_result(&uuid, "OK").await;
    assert_eq!(
        world.delete(&format!("{MAPPINGS}/{uuid}")).await.status,
        202
    );
    world.put_items("items", 2..4).await;
    a_moment().await;
    assert_eq!(recorder.ids().len(), 2);
    world.map(&stream, "f", json!({})).await;
    recorder.wait_for_ids(6).await;
    assert_eq!(recorder.ids()[2..], numbered(0..4));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_reaches_a_warm_function_soon() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    world.map(&stream, "f", json!({})).await;
    world.put_item("items", "warm-up").await;
    recorder.wait_for_calls(1).await;
    let mut sent = Vec::new();
    for id in 0..50 {
        world.put_item("items", &item_id(id)).await;
        sent.push((crate::bench::clock())() as f64 / 1000.0);
        recorder.wait_for_ids(id + 2).await;
    }
    let noted = recorder.noted();
    let mut delays_ms: Vec<f64> = noted[1..]
        .iter()
        .zip(&sent)
        .map(|((at, _), sent)| (at - sent) * 1000.0)
        .collect();
    delays_ms.sort_by(f64::total_cmp);
    println!(
        "change to function: p50 {:.1} ms, max {:.1} ms",
        delays_ms[25], delays_ms[49]
    );
    // The aim is 5 ms; the bound leaves room for two busy cores.
    assert!(delays_ms[25] < 50.0, "{delays_ms:?}");
    world.close().await;
}

/// Counting what is behind a mapping ends at a bound, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_lag_is_whole_or_said_to_be_more() {
    let world = World::wide().await;
    let stream = world.table("items").await;
    world.recorder("f").await;
    let uuid = world.map(&stream, "f", json!({"Enabled": false})).await;
    world.put_items("items", 0..50).await;
    let lag = async || {
        let status = world.manage("GET", &format!("triggers/{uuid}")).await;
        let shards = status["shards"].as_array().unwrap().clone();
        let sum = |shard: &Value| shard["lagRecords"].as_u64().unwrap();
        let is_more = |shard: &Value| shard["lagRecordsAtLeast"] == true;
        (
            shards.iter().map(sum).sum::<u64>(),
            shards.iter().any(is_more),
            shards,
        )
    };
    let (records, is_more, _) = lag().await;
    assert_eq!((records, is_more), (50, false));

    // Two or three fill a page, and sixteen pages are read.
    let text = "x".repeat(390_000);
    for version in 0..60 {
        let item =
            json!({"id": {"S": "large"}, "at": {"N": version.to_string()}, "text": {"S": text}});
        let put = json!({"TableName": "items", "Item": item});
        world.dynamo(Operation::PutItem, put).await;
    }
    let (records, is_more, shards) = lag().await;
    assert!(is_more && records < 110, "{shards:?}");
    for shard in &shards {
        let is_unknown = shard["lagMs"].is_null();
        let found_none = shard["lagRecords"] == 0 && shard["lagRecordsAtLeast"] == true;
        assert_eq!(is_unknown, found_none, "{shard}");
    }
    world.close().await;
}
