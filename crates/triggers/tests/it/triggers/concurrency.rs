//! Reserved concurrency.

use std::fs;
use std::sync::Arc;

use serde_json::json;

use super::a_moment;
use super::packages::{arn, create, invoke, refusal};
use super::world::{FUNCTIONS, Reply, World};

const PUT: &str = "/2017-10-31/functions";
const GET: &str = "/2019-09-30/functions";
const SIX_HOURS_MS: u64 = 6 * 60 * 60 * 1_000;

async fn reserve(world: &World, reserved: u32) {
    let body = json!({"ReservedConcurrentExecutions": reserved});
    let reply = world
        .put(&format!("{PUT}/f/concurrency"), body.clone())
        .await;
    assert_eq!((reply.status, reply.body), (200, body));
}

fn is_throttled(reply: &Reply) -> bool {
    let expected = json!({
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    });
    reply.status == 429 && reply.body == expected
}

#[tokio::test(flavor = "multi_thread")]
async fn more_invocations_than_reserved_are_refused_at_once() {
    let world = World::new().await;
    create(&world, "f", "").await;
    let none = world.get(&format!("{GET}/f/concurrency")).await;
    assert_eq!((none.status, none.body), (200, json!({})));
    reserve(&world, 1).await;
    let got = world.get(&format!("{GET}/f/concurrency")).await.body;
    assert_eq!(got, json!({"ReservedConcurrentExecutions": 1}));
    let got = world.get(&format!("{FUNCTIONS}/f")).await.body;
    assert_eq!(
        got["Concurrency"],
        json!({"ReservedConcurrentExecutions": 1})
    );

    // All versions share what is reserved.
    let versions = format!("{FUNCTIONS}/f/versions");
    assert_eq!(world.post(&versions, json!({})).await.status, 201);
    let begun = world.folder.path().join("begun");
    let go_on = world.folder.path().join("go-on");
    let running = invoke(
        &world,
        "f",
        "",
        json!({"do": "wait", "begun": begun, "file": go_on}),
    );
    let others = async {
        crate::bench::until("the invocation", || begun.exists()).await;
        assert!(is_throttled(&invoke(&world, "f", "", json!({})).await));
        assert!(is_throttled(&invoke(&world, "f:1", "", json!({})).await));
        fs::write(&go_on, "").unwrap();
    };
    let (reply, ()) = tokio::join!(running, others);
    assert_eq!(reply.status, 200);
    assert_eq!(invoke(&world, "f:1", "", json!({})).await.status, 200);

    reserve(&world, 0).await;
    let reply = invoke(&world, "f", "", json!({})).await;
    assert!(is_throttled(&reply), "{reply:?}");
    assert_eq!(
        reply.header("x-amzn-ErrorType"),
        Some("TooManyRequestsException")
    );
    let deleted = world.delete(&format!("{PUT}/f/concurrency")).await;
    assert_eq!((deleted.status, deleted.bytes.len()), (204, 0));
    assert_eq!(invoke(&world, "f", "", json!({})).await.status, 200);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_refused() {
    let world = World::new().await;
    create(&world, "f", "").await;
    let body = json!({"ReservedConcurrentExecutions": 1});
    let text = format!("Function not found: {}", arn("missing"));
    for reply in [
        world
            .put(&format!("{PUT}/missing/concurrency"), body.clone())
            .await,
        world.get(&format!("{GET}/missing/concurrency")).await,
        world.delete(&format!("{PUT}/missing/concurrency")).await,
    ] {
        assert_eq!(
            refusal(&reply),
            (404, "ResourceNotFoundException", text.as_str())
        );
    }
    let reply = world.put(&format!("{PUT}/f:1/concurrency"), body).await;
    assert_eq!(refusal(&reply).1, "InvalidParameterValueException");
    let body = json!({"ReservedConcurrentExecutions": -1});
    let reply = world.put(&format!("{PUT}/f/concurrency"), body).await;
    assert_eq!(refusal(&reply).1, "ValidationException");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waited_for_six_hours_is_dropped() {
    let world = World::new().await;
    let recorder = world.recorder("f").await;
    let event = [("x-amz-invocation-type", "Event")];
    let path = format!("{FUNCTIONS}/f/invocations");
    for waits_ms in [SIX_HOURS_MS + 1_000, SIX_HOURS_MS - 1_000] {
        reserve(&world, 0).await;
        let payload = json!({"waits": waits_ms}).to_string();
        let taken = world.request("POST", &path, &event, payload).await;
        assert_eq!(taken.status, 202, "{taken:?}");
        // It is refused for the first time.
        a_moment().await;
        reserve(&world, 1).await;
        world.clock.advance_ms(waits_ms);
        a_moment().await;
    }
    let called = recorder.wait_for_calls(1).await;
    assert_eq!(called, [json!({"waits": SIX_HOURS_MS - 1_000})]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_waits_until_there_is_room() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    reserve(&world, 0).await;
    let uuid = world
        .map(&stream, "f", json!({"MaximumRetryAttempts": 0}))
        .await;
    world.put_item("items", "a").await;
    let problem = "PROBLEM: function f runs as often as its reserved concurrency allows";
    world.wait_for_result(&uuid, problem).await;
    world.close().await;

    // The reservation outlives a restart; being throttled was no attempt.
    let world = World::on_disk(folder).await;
    world.put_item("items", "b").await;
    world.wait_for_result(&uuid, problem).await;
    assert_eq!(recorder.events().len(), 0);
    world.delete(&format!("{PUT}/f/concurrency")).await;
    assert_eq!(recorder.wait_for_ids(2).await, ["a", "b"]);
    world.wait_for_result(&uuid, "OK").await;
    world.close().await;
}
