//! The kept logs of functions, under `/_headwater/functions/`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::packages::invoke;
use super::world::{FUNCTIONS, World};

async fn log(world: &World, query: &str) -> Value {
    let path = "functions/f/logs";
    let answer = world
        .triggers
        .manage("GET", path, query, &world.context)
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn texts(log: &Value) -> Vec<&str> {
    let lines = log["lines"].as_array().unwrap();
    lines
        .iter()
        .map(|line| line["text"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_goes_on_over_updates_and_versions() {
    let world = World::new().await;
    world.recorder("f").await;
    assert_eq!(texts(&log(&world, "").await), [""; 0]);
    let reply = invoke(&world, "f", "", json!({})).await;
    let id = reply.header("x-amzn-RequestId").unwrap().to_owned();
    let first = log(&world, "").await;
    let lines = texts(&first);
    assert_eq!(lines[0], format!("START RequestId: {id} Version: $LATEST"));
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with(&format!("REPORT RequestId: {id}\t")),
        "{lines:?}"
    );
    assert_eq!(first["lines"][0]["requestId"], id);
    assert!(first["lines"][0]["atMs"].as_u64().unwrap() > 0);

    let versions = format!("{FUNCTIONS}/f/versions");
    world.post(&versions, json!({})).await;
    world
        .put(
            &format!("{FUNCTIONS}/f/configuration"),
            json!({"Timeout": 9}),
        )
        .await;
    invoke(&world, "f:1", "", json!({})).await;
    let next = &first["next"];
    let rest = log(&world, &format!("after={next}")).await;
    assert!(texts(&rest)[0].ends_with("Version: 1"), "{rest}");
    let page = log(&world, &format!("after={next}&limit=1")).await;
    assert_eq!(texts(&page), texts(&rest)[..1]);
    assert_eq!(page["next"], page["lines"][0]["number"]);
    let newest = log(&world, "limit=1").await;
    assert_eq!(texts(&newest), [*texts(&rest).last().unwrap()]);

    let missing = world
        .triggers
        .manage("GET", "functions/g/logs", "", &world.context);
    assert_eq!(missing.await.unwrap().status, 404);
    let wrong = world
        .triggers
        .manage("GET", "functions/f/logs", "after=x", &world.context);
    assert_eq!(wrong.await.unwrap().status, 400);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_for_the_first_line() {
    let world = World::new().await;
    world.recorder("f").await;
    let next = log(&world, "").await["next"].clone();
    let query = format!("after={next}&wait-ms=5000");
    let waiting = tokio::time::timeout(Duration::from_secs(30), log(&world, &query));
    let (waited, reply) = tokio::join!(waiting, invoke(&world, "f", "", json!({})));
    assert_eq!(reply.status, 200);
    assert!(!texts(&waited.unwrap()).is_empty());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_outlives_a_restart_but_not_its_function() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    world.recorder("f").await;
    invoke(&world, "f", "", json!({})).await;
    let before = log(&world, "").await;
    world.close().await;

    let world = World::on_disk(folder).await;
    assert_eq!(log(&world, "").await["lines"], before["lines"]);
    let next = &before["next"];
    invoke(&world, "f", "", json!({})).await;
    let rest = log(&world, &format!("after={next}")).await;
    assert_eq!(texts(&rest).len(), texts(&before).len());
    world.delete(&format!("{FUNCTIONS}/f")).await;
    world.recorder("f").await;
    assert_eq!(texts(&log(&world, "").await), [""; 0]);
    world.close().await;
}
