//! The dead-letter store: what is kept, shown, redriven and removed.

use std::sync::Arc;

use serde_json::{Value, json};

use super::world::{FUNCTIONS, World, ids, numbered};

/// A world with one dead letter of three records.
async fn with_a_letter(world: &World) -> (super::world::Recorder, Value) {
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..3).await;
    world
        .map(&stream, "f", json!({"MaximumRetryAttempts": 0}))
        .await;
    world.wait_for_letters(1).await;
    let letter = world.dead_letters().await.remove(0);
    (recorder, letter)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_tells_what_happened_and_holds_the_records() {
    let world = World::new().await;
    let (recorder, letter) = with_a_letter(&world).await;
    assert_eq!(letter["records"], 3);
    assert_eq!(letter["condition"], "RetryAttemptsExhausted");
    assert_eq!(letter["approximateInvokeCount"], 1);
    let response = json!({
        "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
    });
    assert_eq!(letter["response"], response);
    assert!(letter["error"].as_str().unwrap().contains("told to fail"));
    let id = letter["id"].as_str().unwrap();
    let whole = world.manage("GET", &format!("dead-letters/{id}")).await;
    assert_eq!(whole["payload"], recorder.events()[0]);
    let records = &whole["payload"]["Records"];
    let first = &records[0]["dynamodb"]["SequenceNumber"];
    assert_eq!(&letter["startSequenceNumber"], first);
    assert_eq!(
        letter["endSequenceNumber"],
        records[2]["dynamodb"]["SequenceNumber"]
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_succeeds_removes_the_letter_and_one_that_fails_keeps_it() {
    let world = World::new().await;
    let (recorder, letter) = with_a_letter(&world).await;
    let id = letter["id"].as_str().unwrap();
    let redrive = format!("dead-letters/{id}/redrive");
    let answer = world
        .triggers
        .manage("POST", &redrive, "", &world.context)
        .await;
    assert_eq!(answer.unwrap().status, 502);
    let kept = world.dead_letters().await.remove(0);
    assert_eq!(kept["redrives"], 1);
    assert!(
        kept["redriveError"]
            .as_str()
            .unwrap()
            .contains("told to fail")
    );
    recorder.control(json!({}));
    let redriven = world.manage("POST", &redrive).await;
    assert_eq!(redriven, json!({"redriven": id}));
    assert_eq!(world.dead_letters().await, Vec::<Value>::new());
    let events = recorder.events();
    assert_eq!(events.len(), 3);
    assert_eq!(ids(&events[2]), numbered(0..3));
    let again = world
        .triggers
        .manage("POST", &redrive, "", &world.context)
        .await;
    assert_eq!(again.unwrap().status, 404);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_and_their_records_are_there_after_a_restart() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let (_, letter) = with_a_letter(&world).await;
    let id = letter["id"].as_str().unwrap().to_owned();
    let path = format!("dead-letters/{id}");
    let whole = world.manage("GET", &path).await;
    world.close().await;
    let world = World::on_disk(folder).await;
    assert_eq!(world.manage("GET", &path).await, whole);
    assert_eq!(world.manage("DELETE", &path).await, json!({"removed": id}));
    let gone = world
        .triggers
        .manage("GET", &path, "", &world.context)
        .await;
    assert_eq!(gone.unwrap().status, 404);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_a_tumbling_window_is_redriven_in_its_window_without_a_state() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..2).await;
    let settings = json!({"MaximumRetryAttempts": 0, "TumblingWindowInSeconds": 900});
    world.map(&stream, "f", settings).await;
    world.wait_for_letters(1).await;
    let letter = world.dead_letters().await.remove(0);
    let id = letter["id"].as_str().unwrap();
    let redrive = format!("dead-letters/{id}/redrive");
    recorder.control(json!({"answer": {}}));
    let answer = world
        .triggers
        .manage("POST", &redrive, "", &world.context)
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, 502, "an answer without a state: {answer:?}");
    recorder.control(json!({}));
    world.manage("POST", &redrive).await;
    let events = recorder.events();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2], events[0]);
    assert_eq!(events[1]["state"], json!({}));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_behind_the_last_letter() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..5).await;
    let settings = json!({"MaximumRetryAttempts": 0, "BatchSize": 1});
    let uuid = world.map(&stream, "f", settings).await;
    world.wait_for_letters(5).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("dead-letters?mapping={uuid}&limit=2&after={after}");
        let page = world.manage("GET", &path).await;
        let letters = page["deadLetters"].as_array().unwrap();
        seen.extend(letters.iter().map(|letter| letter["id"].clone()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    let none = world.manage("GET", "dead-letters?mapping=other").await;
    assert_eq!(none["deadLetters"], json!([]));
    let refused = world
        .triggers
        .manage("GET", "dead-letters", "limit=0", &world.context)
        .await;
    assert_eq!(refused.unwrap().status, 400);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_outlives_its_mapping_and_its_function() {
    let world = World::new().await;
    let (recorder, letter) = with_a_letter(&world).await;
    let mapping = letter["mapping"].as_str().unwrap();
    world
        .delete(&format!("{}/{mapping}", super::world::MAPPINGS))
        .await;
    world.delete(&format!("{FUNCTIONS}/f")).await;
    let id = letter["id"].as_str().unwrap();
    let redrive = format!("dead-letters/{id}/redrive");
    let answer = world
        .triggers
        .manage("POST", &redrive, "", &world.context)
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, 502);
    assert_eq!(answer.body["message"], "the function f does not exist");
    recorder.control(json!({}));
    world.post(FUNCTIONS, recorder.definition("f")).await;
    world.manage("POST", &redrive).await;
    world.close().await;
}
