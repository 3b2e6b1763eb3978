//! Batching windows and lanes (triggers.md section 2).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::a_moment;
use super::world::{MAPPINGS, World, ids, item_id, numbered};

#[tokio::test(flavor = "multi_thread")]
async fn a_window_gathers_until_it_is_over_or_the_batch_is_full() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let settings = json!({"MaximumBatchingWindowInSeconds": 60, "BatchSize": 5});
    world.map(&stream, "f", settings).await;
    world.put_items("items", 0..3).await;
    // The batch is not full, and its time is not over.
    world.clock.advance_ms(30_000);
    a_moment().await;
    assert_eq!(recorder.batches(), Vec::<Vec<String>>::new());
    world.put_items("items", 3..4).await;
    a_moment().await;
    world.clock.advance_ms(31_000);
    recorder.wait_for_calls(1).await;
    assert_eq!(recorder.batches(), [numbered(0..4)]);
    // A full batch waits for nothing.
    world.put_items("items", 4..9).await;
    recorder.wait_for_calls(2).await;
    assert_eq!(recorder.batches()[1], numbered(4..9));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_window_counts_from_its_update_on() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let settings = json!({"MaximumBatchingWindowInSeconds": 300});
    let uuid = world.map(&stream, "f", settings).await;
    world.put_items("items", 0..2).await;
    a_moment().await;
    assert_eq!(recorder.events().len(), 0);
    let update = json!({"MaximumBatchingWindowInSeconds": 0});
    world.put(&format!("{MAPPINGS}/{uuid}"), update).await;
    assert_eq!(recorder.wait_for_ids(2).await, numbered(0..2));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_deliver_side_by_side_and_keep_the_order_of_each_item() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"hold": true}));
    let settings = json!({"ParallelizationFactor": 4, "BatchSize": 3});
    let uuid = world.map(&stream, "f", settings).await;
    for version in 0..5 {
        for id in 0..12 {
            world.put_version("items", &item_id(id), version).await;
        }
    }
    // All lanes are at the function at once, each with one batch.
    let events = recorder.wait_for_calls(4).await;
    a_moment().await;
    assert_eq!(recorder.events().len(), 4);
    let mut lane_of = BTreeMap::new();
    for (lane, event) in events.iter().enumerate() {
        for id in ids(event) {
            assert_eq!(
                *lane_of.entry(id).or_insert(lane),
                lane,
                "an item in two batches"
            );
        }
    }
    recorder.control(json!({}));
    recorder.wait_for_ids(60).await;
    let mut versions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (id, version) in recorder.versions() {
        versions.entry(id).or_default().push(version);
    }
    assert_eq!(versions.len(), 12);
    for (id, seen) in versions {
        assert_eq!(seen, [0, 1, 2, 3, 4], "{id}");
    }
    world.wait_for_result(&uuid, "OK").await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_fails_keeps_no_other() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0003"]}));
    let settings = json!({"ParallelizationFactor": 10, "BatchSize": 1});
    let uuid = world.map(&stream, "f", settings).await;
    world.put_items("items", 0..40).await;
    crate::bench::until("the other lanes", || recorder.distinct() > 30).await;
    // A change of the settings loses nothing and delivers nothing anew that is done.
    let path = format!("{MAPPINGS}/{uuid}");
    world.put(&path, json!({"ParallelizationFactor": 9})).await;
    recorder.control(json!({}));
    crate::bench::until("all", || {
        world.clock.advance_ms(500);
        recorder.distinct() == 40
    })
    .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_a_disabled_mapping_is_behind_what_all_lanes_have_done() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let slow = item_id(0);
    recorder.control(json!({"poison": [slow]}));
    world.put_item("items", &slow).await;
    let uuid = world
        .map(&stream, "f", json!({"ParallelizationFactor": 2}))
        .await;
    recorder.wait_for_calls(1).await;
    world.put_items("items", 1..12).await;
    // While one lane fails, what is delivered is of the other.
    let of_other_lane = || recorder.ids().into_iter().find(|id| *id != slow);
    crate::bench::until("the other lane", || of_other_lane().is_some()).await;
    let quick = of_other_lane().unwrap();
    for version in 2..50 {
        world.put_version("items", &quick, version).await;
    }
    crate::bench::until("the last", || {
        recorder.ids().iter().filter(|id| **id == quick).count() == 49
    })
    .await;
    recorder.control(json!({}));
    let is_done = |status: &Value| {
        world.clock.advance_ms(100);
        let shard = &status["shards"][0];
        shard["lagRecords"] == 0 && shard["inFlight"] == 0
    };
    world.status_until(&uuid, is_done).await;

    world.set_enabled(&uuid, false).await;
    let status = world.manage("GET", &format!("triggers/{uuid}")).await;
    assert_eq!(status["shards"][0]["lagRecords"], 0, "{status}");
    let delivered = recorder.ids().len();
    let update = json!({"ParallelizationFactor": 3, "Enabled": true});
    world.put(&format!("{MAPPINGS}/{uuid}"), update).await;
    world.put_item("items", "new").await;
    crate::bench::until("the new one", || recorder.ids().contains(&"new".to_owned())).await;
    world.status_until(&uuid, is_done).await;
    assert_eq!(recorder.ids()[delivered..], ["new"]);
    world.close().await;
}
