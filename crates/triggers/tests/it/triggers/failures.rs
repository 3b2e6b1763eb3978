//! What becomes of batches that fail (triggers.md sections 5 and 6).

use serde_json::{Value, json};

use super::world::{MAPPINGS, World, numbered};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_halved_until_the_bad_record_is_alone() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0005"]}));
    world.put_items("items", 0..8).await;
    let settings = json!({
        "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 1, "BatchSize": 8,
    });
    let uuid = world.map(&stream, "f", settings).await;
    // Splits wait for nothing; the single record is retried once.
    recorder.wait_for_calls(6).await;
    world.clock.advance_ms(500);
    recorder.wait_for_ids(8 + 4 + 4 + 2 + 1 + 1 + 2).await;
    let expected = [
        numbered(0..8),
        numbered(0..4),
        numbered(4..8),
        numbered(4..6),
        numbered(4..5),
        numbered(5..6),
        numbered(5..6),
        numbered(6..8),
    ];
    assert_eq!(recorder.batches(), expected);
    world.wait_for_result(&uuid, "OK").await;
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["records"], 1);
    assert_eq!(letters[0]["condition"], "RetryAttemptsExhausted");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_split_at_the_record_that_is_named() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"report": ["item-0003"]}));
    world.put_items("items", 0..10).await;
    let settings = json!({
        "BisectBatchOnFunctionError": true,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRetryAttempts": 0,
    });
    let uuid = world.map(&stream, "f", settings).await;
    world.wait_for_result(&uuid, "OK").await;
    let expected = [
        numbered(0..10),
        numbered(3..10),
        numbered(3..4),
        numbered(4..10),
    ];
    assert_eq!(recorder.batches(), expected);
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["records"], 1);
    assert_eq!(letters[0]["condition"], "RetryAttemptsExhausted");
    assert_eq!(letters[0]["approximateInvokeCount"], 3);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bound_one_bad_record_is_tried_alone_for_ever() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0001"]}));
    world.put_items("items", 0..2).await;
    let settings = json!({"BisectBatchOnFunctionError": true});
    world.map(&stream, "f", settings).await;
    recorder.calls_in_time(&world, 8, 20_000).await;
    let batches = recorder.batches();
    assert_eq!(batches[..2], [numbered(0..2), numbered(0..1)]);
    assert!(batches[2..].iter().all(|batch| *batch == numbered(1..2)));
    recorder.control(json!({}));
    world.put_item("items", "last").await;
    crate::bench::until("the end", || {
        world.clock.advance_ms(60_000);
        recorder.ids().contains(&"last".to_owned())
    })
    .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_failed_is_delivered_again() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"report": ["item-0002", "item-0004"]}));
    world.put_items("items", 0..6).await;
    let settings = json!({
        "FunctionResponseTypes": ["ReportBatchItemFailures"], "MaximumRetryAttempts": 1, "BatchSize": 6,
    });
    let uuid = world.map(&stream, "f", settings).await;
    recorder.wait_for_calls(1).await;
    recorder.control(json!({"report": ["item-0004"]}));
    world.clock.advance_ms(500);
    // It got further, so what is left counts anew.
    recorder.wait_for_calls(2).await;
    world.clock.advance_ms(500);
    recorder.wait_for_calls(3).await;
    world.wait_for_letters(1).await;
    let expected = [numbered(0..6), numbered(2..6), numbered(4..6)];
    assert_eq!(recorder.batches(), expected);
    let letters = world.dead_letters().await;
    assert_eq!(letters[0]["records"], 2, "{letters:?}");
    assert_eq!(letters[0]["response"]["functionError"], json!(null));
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_answers_fail_the_whole_batch_n_plus_one_times() {
    let world = World::new().await;
    let recorder = world.recorder("f").await;
    for (number, failure) in [
        json!({"itemIdentifier": ""}),
        json!({"itemIdentifier": null}),
        json!({"foo": "bar"}),
        json!({"itemIdentifier": 123}),
        json!({"itemIdentifier": "unknown"}),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("items{number}");
        let stream = world.table(&table).await;
        let before = recorder.events().len();
        recorder.control(json!({"answer": {"batchItemFailures": [failure]}}));
        world.put_items(&table, 0..2).await;
        let settings = json!({
            "FunctionResponseTypes": ["ReportBatchItemFailures"], "MaximumRetryAttempts": 3,
        });
        world.map(&stream, "f", settings).await;
        recorder.calls_in_time(&world, before + 4, 1_000).await;
        world.wait_for_letters(number + 1).await;
        assert_eq!(recorder.events().len(), before + 4);
        let letters = world.dead_letters().await;
        let letter = &letters[number];
        assert_eq!(letter["approximateInvokeCount"], 4);
        assert_eq!(letter["response"]["statusCode"], 200);
        assert_eq!(letter["response"]["functionError"], json!(null));
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_and_its_retries_go_on_after_a_restart() {
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0000"]}));
    world.put_items("items", 0..4).await;
    let settings = json!({
        "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 2, "BatchSize": 4,
    });
    let uuid = world.map(&stream, "f", settings).await;
    let has_failed_alone = |status: &Value| status["shards"][0]["lastErrorBatch"]["records"] == 1;
    world.status_until(&uuid, has_failed_alone).await;
    world.close().await;
    let world = World::on_disk(folder).await;
    // The single record was called once before.
    recorder.calls_in_time(&world, 7, 500).await;
    let expected = [
        numbered(0..4),
        numbered(0..2),
        numbered(0..1),
        numbered(0..1),
        numbered(0..1),
        numbered(1..2),
        numbered(2..4),
    ];
    assert_eq!(recorder.batches(), expected);
    world.wait_for_letters(1).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_given_up_after_a_pause_tells_of_the_call_before_it() {
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..2).await;
    let uuid = world.map(&stream, "f", json!({})).await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    world.set_enabled(&uuid, false).await;
    let calls = recorder.events().len();
    world.close().await;
    let world = World::on_disk(folder).await;
    let update = json!({"MaximumRetryAttempts": 0, "Enabled": true});
    world.put(&format!("{MAPPINGS}/{uuid}"), update).await;
    world.wait_for_letters(1).await;
    assert_eq!(recorder.events().len(), calls);
    let letters = world.dead_letters().await;
    assert_eq!(letters[0]["condition"], "RetryAttemptsExhausted");
    assert_eq!(letters[0]["approximateInvokeCount"], calls);
    let response =
        json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"});
    assert_eq!(letters[0]["response"], response);
    let error = letters[0]["error"].as_str().unwrap();
    assert!(error.contains("told to fail"), "{error}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_too_old_are_given_up_before_and_between_calls() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    world.put_items("items", 0..2).await;
    world.clock.advance_ms(61_000);
    world.put_items("items", 2..4).await;
    let begun_ms = world.now_ms();
    recorder.control(json!({"fail": true}));
    let settings = json!({"MaximumRecordAgeInSeconds": 60});
    world.map(&stream, "f", settings).await;
    recorder.wait_for_calls(1).await;
    assert_eq!(recorder.batches(), [numbered(2..4)]);
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["condition"], "RecordAgeExceeded");
    assert_eq!(letters[0]["approximateInvokeCount"], 1);
    assert_eq!(letters[0]["response"], json!(null));
    crate::bench::until("the age", || {
        world.clock.advance_ms(1_000);
        world.now_ms() > begun_ms + 61_000
    })
    .await;
    world.wait_for_letters(2).await;
    let letters = world.dead_letters().await;
    assert_eq!(letters[1]["condition"], "RecordAgeExceeded");
    assert_eq!(letters[1]["response"], json!(null));
    assert_eq!(
        letters[1]["approximateInvokeCount"],
        recorder.events().len()
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_the_retries_ends_a_batch_that_fails() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..2).await;
    let uuid = world.map(&stream, "f", json!({})).await;
    recorder.wait_for_calls(1).await;
    let update = json!({"MaximumRetryAttempts": 0});
    world.put(&format!("{MAPPINGS}/{uuid}"), update).await;
    world.wait_for_letters(1).await;
    assert_eq!(recorder.events().len(), 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_to_be_given_up_is_split_by_rules_that_allow_it() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0002"]}));
    world.put_items("items", 0..4).await;
    let uuid = world.map(&stream, "f", json!({"BatchSize": 4})).await;
    recorder.calls_in_time(&world, 3, 1_000).await;
    let has_failed = |status: &Value| status["shards"][0]["attempts"] == 3;
    world.status_until(&uuid, has_failed).await;
    let update = json!({"BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 1});
    world.put(&format!("{MAPPINGS}/{uuid}"), update).await;
    recorder.calls_in_time(&world, 9, 1_000).await;
    world.wait_for_result(&uuid, "OK").await;
    let whole = vec![numbered(0..4); 4];
    let parts = [
        numbered(0..2),
        numbered(2..4),
        numbered(2..3),
        numbered(2..3),
        numbered(3..4),
    ];
    assert_eq!(recorder.batches(), [&whole[..], &parts].concat());
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["records"], 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_is_cut_to_the_size_that_batches_have_now() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0001"]}));
    world.put_items("items", 0..4).await;
    let uuid = world.map(&stream, "f", json!({"BatchSize": 4})).await;
    recorder.calls_in_time(&world, 2, 1_000).await;
    let has_failed = |status: &Value| status["shards"][0]["attempts"] == 2;
    world.status_until(&uuid, has_failed).await;
    let update = json!({"BatchSize": 1, "MaximumRetryAttempts": 2});
    world.put(&format!("{MAPPINGS}/{uuid}"), update).await;
    // Of the one that fails by itself the failures before do not count.
    recorder.calls_in_time(&world, 2 + 1 + 3 + 2, 1_000).await;
    world.wait_for_result(&uuid, "OK").await;
    let whole = vec![numbered(0..4); 2];
    let poison = vec![numbered(1..2); 3];
    let expected = [
        &whole[..],
        &[numbered(0..1)],
        &poison,
        &[numbered(2..3), numbered(3..4)],
    ];
    assert_eq!(recorder.batches(), expected.concat());
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["records"], 1);
    world.close().await;
}
