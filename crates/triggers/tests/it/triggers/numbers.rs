//! What is counted of mappings, as metrics show it.

use serde_json::json;

use super::world::{FUNCTIONS, World};

#[tokio::test(flavor = "multi_thread")]
async fn failed_calls_are_counted_apart_from_those_that_reached_nobody() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let settings = json!({"BatchSize": 2, "MaximumRetryAttempts": 0});
    let uuid = world.map(&stream, "f", settings).await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..1).await;
    world.wait_for_letters(1).await;
    recorder.control(json!({}));
    world.put_items("items", 1..4).await;
    recorder.wait_for_ids(4).await;
    world.wait_for_result(&uuid, "OK").await;
    let deleted = world.delete(&format!("{FUNCTIONS}/f")).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    world.put_items("items", 4..5).await;
    let unreached = || {
        let numbers = world.triggers.numbers();
        numbers.mappings.iter().any(|mapping| mapping.unreached > 0)
    };
    crate::bench::until("a call that reaches nobody", unreached).await;

    let numbers = world.triggers.numbers();
    let [mapping] = numbers.mappings.as_slice() else {
        panic!("{numbers:?}");
    };
    assert_eq!(
        [&mapping.uuid, &mapping.function, &mapping.table],
        [uuid.as_str(), "f", "items"]
    );
    assert_eq!((mapping.errors, mapping.records), (1, 3));
    assert_eq!((mapping.dropped_records, mapping.filtered_records), (1, 0));
    let batches = recorder.batches().len() as u64;
    assert_eq!((mapping.invocations, mapping.in_flight), (batches, 0));
    assert!(
        mapping
            .iterator_age_ms
            .is_some_and(|age_ms| age_ms < 60_000)
    );
    assert_eq!(
        (numbers.dead_letters, numbers.dead_letters_pushed_out),
        (1, 0)
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_is_that_of_the_last_record_when_its_batch_was_done() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.put_items("items", 0..1).await;
    world.clock.advance_ms(5_000);
    world.put_items("items", 1..2).await;
    world.clock.advance_ms(60_000);
    let recorder = world.recorder("f").await;
    recorder.control(json!({"hold": true}));
    let uuid = world.map(&stream, "f", json!({})).await;
    recorder.wait_for_calls(1).await;
    let numbers = world.triggers.numbers();
    let mapping = &numbers.mappings[0];
    assert_eq!((mapping.in_flight, mapping.iterator_age_ms), (1, None));
    world.clock.advance_ms(10_000);
    recorder.control(json!({}));
    world.wait_for_result(&uuid, "OK").await;
    let numbers = world.triggers.numbers();
    let mapping = &numbers.mappings[0];
    let age_ms = mapping.iterator_age_ms.unwrap();
    // The clock of the test runs on by itself, too.
    assert!((70_000..74_000).contains(&age_ms), "{age_ms}");
    assert_eq!(mapping.in_flight, 0);
    world.close().await;
}
