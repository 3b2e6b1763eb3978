//! Tumbling windows (triggers.md section 7).

use std::sync::Arc;

use headwater_wire::Operation;
use serde_json::{Value, json};

use super::world::{FUNCTIONS, MAPPINGS, Recorder, World, ids, numbered};

const HOUR_MS: u64 = 3_600_000;

/// Moves the clock to just behind the beginning of a window.
fn to_window(world: &World, length_ms: u64) -> u64 {
    let start = (world.now_ms() / length_ms + 1) * length_ms;
    world.clock.advance_ms(start - world.now_ms());
    start
}

fn counts(events: &[Value]) -> Vec<Value> {
    events.iter().map(|event| event["state"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_carries_its_state_to_a_final_call() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    to_window(&world, 60_000);
    let settings = json!({"TumblingWindowInSeconds": 60, "BatchSize": 2});
    world.map(&stream, "f", settings).await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_calls(1).await;
    world.put_items("items", 1..2).await;
    recorder.wait_for_calls(2).await;
    let first = &recorder.events()[0];
    assert_eq!(first["state"], json!({}));
    assert_eq!(first["isFinalInvokeForWindow"], false);
    assert_eq!(first["isWindowTerminatedEarly"], false);
    assert_eq!(first["eventSourceARN"], stream);
    assert!(first["shardId"].as_str().unwrap().starts_with("shardId-"));
    world.clock.advance_ms(60_000);
    recorder.wait_for_calls(3).await;
    let events = recorder.events();
    assert_eq!(
        counts(&events),
        [json!({}), json!({"count": 1}), json!({"count": 2})]
    );
    assert_eq!(events[2]["Records"], json!([]));
    assert_eq!(events[2]["isFinalInvokeForWindow"], true);
    assert_eq!(events[2]["window"], events[0]["window"]);
    // The next window begins without a state.
    world.put_items("items", 2..3).await;
    recorder.wait_for_calls(4).await;
    let events = recorder.events();
    assert_eq!(events[3]["state"], json!({}));
    assert_eq!(events[3]["window"]["start"], events[0]["window"]["end"]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_holds_records_of_one_window() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    to_window(&world, 30_000);
    world.put_items("items", 0..2).await;
    world.clock.advance_ms(30_000);
    world.put_items("items", 2..4).await;
    world
        .map(&stream, "f", json!({"TumblingWindowInSeconds": 30}))
        .await;
    let events = recorder.wait_for_calls(3).await;
    let batches: Vec<Vec<String>> = events.iter().map(ids).collect();
    assert_eq!(batches, [numbered(0..2), vec![], numbered(2..4)]);
    assert_eq!(events[1]["isFinalInvokeForWindow"], true);
    assert_eq!(events[1]["state"], json!({"count": 2}));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_state_is_a_failure() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"answer": {"batchItemFailures": []}}));
    world.put_items("items", 0..1).await;
    let settings = json!({"TumblingWindowInSeconds": 30, "MaximumRetryAttempts": 1});
    world.map(&stream, "f", settings).await;
    recorder.wait_for_calls(1).await;
    world.clock.advance_ms(500);
    world.wait_for_letters(1).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_too_long_ends_the_window_early() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"pad": 1 << 20}));
    let start = to_window(&world, 600_000);
    world
        .map(&stream, "f", json!({"TumblingWindowInSeconds": 600}))
        .await;
    world.put_items("items", 0..1).await;
    let events = recorder.wait_for_calls(2).await;
    assert_eq!(events[1]["Records"], json!([]));
    assert_eq!(events[1]["isFinalInvokeForWindow"], true);
    assert_eq!(events[1]["isWindowTerminatedEarly"], true);
    assert_eq!(events[1]["state"]["count"], 1);
    recorder.control(json!({}));
    world.put_items("items", 1..2).await;
    let events = recorder.wait_for_calls(3).await;
    assert_eq!(events[2]["state"], json!({}));
    assert_eq!(events[2]["window"], events[0]["window"]);
    assert_eq!(world.now_ms() / 600_000, start / 600_000);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_goes_on_after_a_restart_be_it_long_or_short() {
    for pad in [0, 500_000] {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let world = World::on_disk(folder.clone()).await;
        let stream = world.table("items").await;
        let recorder = world.recorder("f").await;
        recorder.control(json!({"pad": pad}));
        to_window(&world, 900_000);
        let settings = json!({"TumblingWindowInSeconds": 900});
        let uuid = world.map(&stream, "f", settings).await;
        world.put_items("items", 0..1).await;
        recorder.wait_for_calls(1).await;
        world.put_items("items", 1..2).await;
        recorder.wait_for_calls(2).await;
        world.wait_for_result(&uuid, "OK").await;
        let moved_ms = world.now_ms();
        world.close().await;
        let world = World::on_disk(folder).await;
        world
            .clock
            .advance_ms(moved_ms.saturating_sub(world.now_ms()));
        world.put_items("items", 2..3).await;
        let events = recorder.wait_for_calls(3).await;
        assert_eq!(events[2]["state"]["count"], 2, "pad {pad}");
        assert_eq!(events[2]["window"], events[0]["window"]);
        world.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shard_waits_for_a_final_call_that_fails() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    to_window(&world, 30_000);
    let settings = json!({"TumblingWindowInSeconds": 30, "MaximumRetryAttempts": 0});
    let uuid = world.map(&stream, "f", settings).await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_calls(1).await;
    world.wait_for_result(&uuid, "OK").await;
    recorder.control(json!({"fail": true}));
    world.clock.advance_ms(30_000);
    recorder.wait_for_calls(2).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    let status = world.manage("GET", &format!("triggers/{uuid}")).await;
    let told = &status["shards"][0]["lastError"];
    assert!(told.as_str().unwrap().contains("told to fail"), "{status}");
    world.put_items("items", 1..2).await;
    recorder.calls_in_time(&world, 4, 250).await;
    let finals = recorder.events()[1..4]
        .iter()
        .all(|event| event["isFinalInvokeForWindow"] == true);
    assert!(finals, "a record went before the final call");
    recorder.control(json!({}));
    crate::bench::until("the next window", || {
        world.clock.advance_ms(500);
        recorder.ids() == numbered(0..2)
    })
    .await;
    world.wait_for_result(&uuid, "OK").await;
    // Likewise one that can't be made.
    world.delete(&format!("{FUNCTIONS}/f")).await;
    world.clock.advance_ms(30_000);
    world
        .wait_for_result(&uuid, "PROBLEM: Function does not exist")
        .await;
    world.close().await;
}

/// A mapping that is off while a window is open and a record waits; the stream, its function, its id, and the shards.
async fn left_open(world: &World) -> (String, Recorder, String, Vec<String>) {
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    to_window(world, 900_000);
    let settings = json!({"TumblingWindowInSeconds": 900});
    let uuid = world.map(&stream, "f", settings).await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_calls(1).await;
    world.wait_for_result(&uuid, "OK").await;
    world.set_enabled(&uuid, false).await;
    world.put_items("items", 1..2).await;
    let first = world.shards().await;
    (stream, recorder, uuid, first)
}

/// A shard that expired while its mapping was off can't be read any more, but the function hears the end of its window.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_expired_unread_still_has_its_final_call() {
    let world = World::new().await;
    let (_, recorder, uuid, first) = left_open(&world).await;
    // It is rolled over by its age, then the retention of what it holds ends.
    world.clock.advance_ms(5 * HOUR_MS);
    world.shards_until(|shards| shards.len() == 2).await;
    world.clock.advance_ms(25 * HOUR_MS);
    world
        .shards_until(|shards| !shards.contains(&first[0]))
        .await;
    world.set_enabled(&uuid, true).await;
    let events = recorder.wait_for_calls(2).await;
    assert_eq!(events[1]["Records"], json!([]));
    assert_eq!(events[1]["isFinalInvokeForWindow"], true);
    assert_eq!(events[1]["state"], json!({"count": 1}));
    assert_eq!(events[1]["shardId"], first[0].as_str());
    assert_eq!(events[1]["window"], events[0]["window"]);
    // The shards after it go on, and the record that was lost is told.
    world.put_items("items", 2..3).await;
    let events = recorder.wait_for_calls(3).await;
    assert_eq!(ids(&events[2]), numbered(2..3));
    assert_eq!(events[2]["state"], json!({}));
    let status = world.manage("GET", &format!("triggers/{uuid}")).await;
    assert_ne!(status["sinceStart"]["lostStretches"], 0);
    world.close().await;
}

/// As above, with a stream that is gone as a whole by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_expired_unread_is_told_and_still_has_its_final_call() {
    let world = World::new().await;
    let (stream, recorder, uuid, first) = left_open(&world).await;
    let body = json!({"TableName": "items", "StreamSpecification": {"StreamEnabled": false}});
    world.dynamo(Operation::UpdateTable, body).await;
    world.clock.advance_ms(25 * HOUR_MS);
    let told = "PROBLEM: Records may have expired before they were delivered";
    for _ in 0..2 {
        world.set_enabled(&uuid, true).await;
        world.wait_for_result(&uuid, told).await;
        let events = recorder.wait_for_calls(2).await;
        assert_eq!(events[1]["Records"], json!([]));
        assert_eq!(events[1]["isFinalInvokeForWindow"], true);
        assert_eq!(events[1]["state"], json!({"count": 1}));
        assert_eq!(events[1]["shardId"], first[0].as_str());
        assert_eq!(events[1]["eventSourceARN"], stream);
        assert_eq!(events[1]["window"], events[0]["window"]);
        world.set_enabled(&uuid, false).await;
        // It is told once, and the window has one last call.
        let status = world.manage("GET", &format!("triggers/{uuid}")).await;
        assert_eq!(status["sinceStart"]["lostStretches"], 1);
        assert_eq!(recorder.events().len(), 2);
        world.wait_for_result(&uuid, told).await;
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_the_settings_leave_behind_ends_early_before_anything_else() {
    for change in [
        json!({"TumblingWindowInSeconds": 60}),
        json!({"TumblingWindowInSeconds": 0, "ParallelizationFactor": 4}),
    ] {
        let world = World::new().await;
        let stream = world.table("items").await;
        let recorder = world.recorder("f").await;
        to_window(&world, 900_000);
        let settings = json!({"TumblingWindowInSeconds": 900});
        let uuid = world.map(&stream, "f", settings).await;
        world.put_items("items", 0..2).await;
        recorder.wait_for_ids(2).await;
        world.wait_for_result(&uuid, "OK").await;
        let before = recorder.events();
        world
            .put(&format!("{MAPPINGS}/{uuid}"), change.clone())
            .await;
        let events = recorder.wait_for_calls(before.len() + 1).await;
        let last = &events[before.len()];
        assert_eq!(last["Records"], json!([]), "{change}");
        assert_eq!(last["isFinalInvokeForWindow"], true);
        assert_eq!(last["isWindowTerminatedEarly"], true);
        assert_eq!(last["state"], json!({"count": 2}));
        assert_eq!(last["window"], before[0]["window"]);
        // What comes then is of the new settings.
        world.put_items("items", 2..3).await;
        let events = recorder.wait_for_calls(before.len() + 2).await;
        let next = &events[before.len() + 1];
        assert_eq!(ids(next), numbered(2..3));
        match change["TumblingWindowInSeconds"].as_u64() {
            Some(0) => assert_eq!(next["window"], Value::Null),
            _ => assert_eq!(next["state"], json!({})),
        }
        world.close().await;
    }
}
