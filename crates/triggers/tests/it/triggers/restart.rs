//! What a restart keeps: functions, mappings, places in streams, and counts of attempts.

use std::sync::Arc;
use std::task::Poll;

use serde_json::{Value, json};

use super::world::{FUNCTIONS, MAPPINGS, World, numbered};

#[tokio::test(flavor = "multi_thread")]
async fn delivery_goes_on_where_it_was() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let uuid = world.map(&stream, "f", json!({"BatchSize": 3})).await;
    world.put_items("items", 0..7).await;
    recorder.wait_for_ids(7).await;
    world.wait_for_result(&uuid, "OK").await;
    let function = world.get(&format!("{FUNCTIONS}/f")).await.body;
    let mapping = world.mapping(&uuid).await;
    world.close().await;

    let world = World::on_disk(folder).await;
    assert_eq!(world.get(&format!("{FUNCTIONS}/f")).await.body, function);
    assert_eq!(world.mapping(&uuid).await, mapping);
    world.put_items("items", 7..9).await;
    recorder.wait_for_ids(9).await;
    assert_eq!(recorder.ids(), numbered(0..9));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_on() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0000"]}));
    let uuid = world
        .map(&stream, "f", json!({"MaximumRetryAttempts": 2}))
        .await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_calls(1).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    world.put_items("items", 1..3).await;
    world.close().await;

    let world = World::on_disk(folder.clone()).await;
    world
        .status_until(&uuid, |status| status["shards"][0]["attempts"] == 2)
        .await;
    world.close().await;

    let world = World::on_disk(folder).await;
    recorder.wait_for_ids(5).await;
    let first = numbered(0..1);
    assert_eq!(
        recorder.batches(),
        [first.clone(), first.clone(), first, numbered(1..3)]
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_cut_off_is_delivered_again() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"hold": true}));
    world.map(&stream, "f", json!({})).await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_calls(1).await;
    world.close().await;
    recorder.control(json!({}));

    let world = World::on_disk(folder).await;
    recorder.wait_for_ids(2).await;
    let twice = numbered(0..1);
    assert_eq!(recorder.batches(), [twice.clone(), twice]);
    world.close().await;
}

/// What functions call may be gone while the server ends, and they may have been told to end as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_while_the_server_ends_is_no_attempt() {
    for outcome in [json!({"fail": true}), json!({"report": ["item-0000"]})] {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let world = World::on_disk(folder.clone()).await;
        let stream = world.table("items").await;
        let recorder = world.recorder("f").await;
        recorder.control(json!({"hold": true}));
        let settings = json!({
            "MaximumRetryAttempts": 0, "FunctionResponseTypes": ["ReportBatchItemFailures"],
        });
        world.map(&stream, "f", settings).await;
        world.put_items("items", 0..1).await;
        recorder.wait_for_calls(1).await;
        end_while(&world, || recorder.control(outcome.clone())).await;
        world.close().await;
        recorder.control(json!({"hold": true}));

        let world = World::on_disk(folder).await;
        recorder.wait_for_calls(2).await;
        assert_eq!(world.dead_letters().await, Vec::<Value>::new());
        recorder.control(json!({"fail": true}));
        world.wait_for_letters(1).await;
        let letter = world.dead_letters().await.remove(0);
        assert_eq!(letter["approximateInvokeCount"], 1, "{letter}");
        let twice = numbered(0..1);
        assert_eq!(recorder.batches(), [twice.clone(), twice]);
        world.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_while_the_server_ends_is_kept_and_nothing_else_begins() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"hold": true}));
    world.map(&stream, "f", json!({"BatchSize": 1})).await;
    world.put_items("items", 0..2).await;
    recorder.wait_for_calls(1).await;
    end_while(&world, || recorder.control(json!({}))).await;
    // Requests are still served.
    let other = world.table("others").await;
    world.recorder("g").await;
    world.map(&other, "g", json!({})).await;
    world.close().await;
    assert_eq!(recorder.batches(), [numbered(0..1)]);

    let world = World::on_disk(folder).await;
    recorder.wait_for_calls(2).await;
    assert_eq!(recorder.batches(), [numbered(0..1), numbered(1..2)]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_and_deleted_mappings_stay_so() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let uuid = world.map(&stream, "f", json!({"Enabled": false})).await;
    world.recorder("g").await;
    let deleted = world.map(&stream, "g", json!({})).await;
    world.delete(&format!("{MAPPINGS}/{deleted}")).await;
    world.put_items("items", 0..2).await;
    world.close().await;

    let world = World::on_disk(folder).await;
    assert_eq!(world.mapping(&uuid).await["State"], "Disabled");
    assert_eq!(
        world.get(&format!("{MAPPINGS}/{deleted}")).await.status,
        404
    );
    world
        .put(&format!("{MAPPINGS}/{uuid}"), json!({"Enabled": true}))
        .await;
    assert_eq!(recorder.wait_for_ids(2).await, numbered(0..2));
    world.close().await;
}

/// Clients leave in the middle of a request; what they asked for happens or not, but the same way for all.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_client_leaves_is_the_same_before_and_after_a_restart() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    world.recorder("f").await;
    let kept = world.map(&stream, "f", json!({})).await;
    let other = world.table("others").await;
    let body = json!({"EventSourceArn": other, "FunctionName": "f", "StartingPosition": "LATEST"});
    let kept_uri = format!("{MAPPINGS}/{kept}");
    assert_leaves(world.post(MAPPINGS, body)).await;
    assert_leaves(world.delete(&kept_uri)).await;
    crate::bench::until("changes in the log", || {
        world.database().log().durable() == world.database().log().appended()
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let mut before = world.get(MAPPINGS).await.body;
    world.close().await;

    let world = World::on_disk(folder).await;
    let mut after = world.get(MAPPINGS).await.body;
    for body in [&mut before, &mut after] {
        for mapping in body["EventSourceMappings"].as_array_mut().unwrap() {
            mapping["LastProcessingResult"].take();
        }
    }
    assert_eq!(before, after);
    world.close().await;
}

/// Ends the deliveries, and does something while they end.
async fn end_while(world: &World, act: impl FnOnce()) {
    let mut end = std::pin::pin!(world.triggers.stop_deliveries());
    let polled = std::future::poll_fn(|context| Poll::Ready(end.as_mut().poll(context)));
    assert!(polled.await.is_pending(), "nothing was at a function");
    act();
    end.await;
}

/// Polls once, then drops.
async fn assert_leaves<T>(request: impl Future<Output = T>) {
    let mut request = std::pin::pin!(request);
    let polled = std::future::poll_fn(|context| Poll::Ready(request.as_mut().poll(context)));
    assert!(polled.await.is_pending(), "it was answered at once");
}
