//! What all mappings read ahead has one bound.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::a_moment;
use super::world::{MAPPINGS, Recorder, World, item_id, numbered};

/// Bytes of an item, and of a record of it at most.
const ITEM_BYTES: usize = 10_000;
const RECORD_BYTES: usize = ITEM_BYTES + 1_000;

const TABLES: [&str; 4] = ["one", "two", "three", "four"];
const ITEMS: usize = 30;
const BATCH: usize = 10;

/// How many records of a mapping are in memory: those at the function that holds them, and those that wait.
async fn held(world: &World, uuid: &str, recorder: &Recorder) -> usize {
    let status = world.manage("GET", &format!("triggers/{uuid}")).await;
    let waiting = status["shards"][0]["readAhead"].as_u64().unwrap();
    let at_work = recorder.batches().last().map_or(0, Vec::len);
    usize::try_from(waiting).unwrap() + at_work
}

#[tokio::test(flavor = "multi_thread")]
async fn mappings_whose_functions_hang_hold_no_more_than_the_bound_together() {
    let bound = 40 * RECORD_BYTES;
    let world = World::with_read_ahead(bound).await;
    let mut mappings = Vec::new();
    for table in TABLES {
        let stream = world.table(table).await;
        world.put_large_items(table, 0..ITEMS, ITEM_BYTES).await;
        let recorder = world.recorder(table).await;
        recorder.control(json!({"hold": true}));
        let settings = json!({"BatchSize": BATCH});
        let uuid = world.map(&stream, table, settings).await;
        // Whatever others hold, each has something at its function.
        recorder.wait_for_calls(1).await;
        mappings.push((uuid, recorder));
    }
    a_moment().await;
    let mut all = 0;
    for (uuid, recorder) in &mappings {
        all += held(&world, uuid, recorder).await;
    }
    assert!(
        all * ITEM_BYTES <= bound + TABLES.len() * RECORD_BYTES,
        "{all}"
    );
    // The first had room for as much as without a bound.
    assert_eq!(
        held(&world, &mappings[0].0, &mappings[0].1).await,
        2 * BATCH
    );

    // What is held comes back, and nothing was lost or mixed up.
    for (uuid, recorder) in &mappings {
        recorder.control(json!({}));
        assert_eq!(recorder.wait_for_ids(ITEMS).await, numbered(0..ITEMS));
        world.wait_for_result(uuid, "OK").await;
    }
    let (uuid, recorder) = mappings.last().unwrap();
    let calls = recorder.batches().len();
    world.set_enabled(uuid, false).await;
    let more = ITEMS..ITEMS + 2 * BATCH;
    world
        .put_large_items("four", more.clone(), ITEM_BYTES)
        .await;
    world.set_enabled(uuid, true).await;
    recorder.wait_for_ids(more.end).await;
    let batches = &recorder.batches()[calls..];
    let (first, second) = (more.start..more.start + BATCH, more.start + BATCH..more.end);
    assert_eq!(batches, [numbered(first), numbered(second)]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_is_deleted_gives_back_what_it_held() {
    let world = World::with_read_ahead(12 * RECORD_BYTES).await;
    let stream = world.table("items").await;
    world.put_large_items("items", 0..ITEMS, ITEM_BYTES).await;
    let hung = world.recorder("hung").await;
    hung.control(json!({"hold": true}));
    let settings = json!({"BatchSize": BATCH});
    let first = world.map(&stream, "hung", settings.clone()).await;
    hung.wait_for_calls(1).await;
    let deleted = world.delete(&format!("{MAPPINGS}/{first}")).await;
    assert_eq!(deleted.status, 202, "{deleted:?}");
    let recorder = world.recorder("f").await;
    world.map(&stream, "f", settings).await;
    recorder.wait_for_ids(ITEMS).await;
    // Half of the bound, as if the first had never been.
    assert!(recorder.batches()[0].len() >= 6, "{:?}", recorder.batches());
    hung.control(json!({}));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_grow_waits_for_no_window() {
    let world = World::with_read_ahead(10 * RECORD_BYTES).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let settings = json!({"BatchSize": 1_000, "MaximumBatchingWindowInSeconds": 300});
    let uuid = world.map(&stream, "f", settings).await;
    world.put_large_items("items", 0..2, ITEM_BYTES).await;
    a_moment().await;
    // There is room, so these wait.
    assert_eq!(recorder.events().len(), 0);
    world.put_large_items("items", 2..23, ITEM_BYTES).await;
    recorder.wait_for_calls(3).await;
    let sizes: Vec<usize> = recorder.batches().iter().map(Vec::len).collect();
    // A batch is full with half of what all may hold.
    assert!(
        sizes[..3].iter().all(|size| (5..=6).contains(size)),
        "{sizes:?}"
    );
    // Those that are read later begin another window.
    let are_read = |status: &Value| {
        let waiting = status["shards"][0]["readAhead"].as_u64().unwrap_or(0);
        waiting as usize + recorder.ids().len() >= 23
    };
    world.status_until(&uuid, are_read).await;
    world.clock.advance_ms(301_000);
    assert_eq!(recorder.wait_for_ids(23).await, numbered(0..23));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_room_records_go_one_by_one() {
    let world = World::with_read_ahead(0).await;
    // Lanes.
    let stream = world.table("lanes").await;
    let recorder = world.recorder("lanes").await;
    for version in 0..3 {
        for id in 0..10 {
            world.put_version("lanes", &item_id(id), version).await;
        }
    }
    let settings = json!({"ParallelizationFactor": 4, "MaximumBatchingWindowInSeconds": 0});
    world.map(&stream, "lanes", settings).await;
    recorder.wait_for_ids(30).await;
    let mut versions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (id, version) in recorder.versions() {
        versions.entry(id).or_default().push(version);
    }
    assert_eq!(versions.len(), 10);
    assert!(
        versions.values().all(|seen| *seen == [0, 1, 2]),
        "{versions:?}"
    );

    // Tumbling windows: the last call comes when the window's time is over, with the state of all records.
    let stream = world.table("windows").await;
    let recorder = world.recorder("windows").await;
    let uuid = world
        .map(&stream, "windows", json!({"TumblingWindowInSeconds": 60}))
        .await;
    world.put_items("windows", 0..5).await;
    recorder.wait_for_ids(5).await;
    world.wait_for_result(&uuid, "OK").await;
    crate::bench::until("the end of the window", || {
        world.clock.advance_ms(5_000);
        let events = recorder.events();
        events
            .iter()
            .any(|event| event["isFinalInvokeForWindow"] == true)
    })
    .await;
    let events = recorder.events();
    assert!(
        events
            .iter()
            .all(|event| event["Records"].as_array().unwrap().len() <= 1)
    );
    assert_eq!(events.last().unwrap()["state"], json!({"count": 5}));
    world.close().await;
}
