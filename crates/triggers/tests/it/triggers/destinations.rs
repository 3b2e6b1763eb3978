//! Batches that are given up go to destinations with an endpoint (triggers.md section 8).

use headwater_triggers::{DestinationSettings, Url};
use headwater_wire::sigv4::Credentials;
use serde_json::{Value, json};

use super::fake::{Answer, Fake};
use super::world::{Recorder, World, ids, numbered};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:failed";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:failed";
const BUCKET: &str = "arn:aws:s3:::failed-batches";

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: Some("token".to_owned()),
    }
}

fn all_at(fake: &Fake) -> DestinationSettings {
    DestinationSettings {
        sqs: Some(fake.url()),
        sns: Some(fake.url()),
        s3: Some(fake.url()),
        credentials: credentials(),
        region: "us-west-2".to_owned(),
        ..DestinationSettings::default()
    }
}

fn to(arn: &str) -> Value {
    json!({"OnFailure": {"Destination": arn}})
}

/// A world in which a function fails with two items.
async fn failing(fake: &Fake) -> (World, String, Recorder) {
    let world = World::with_destinations(all_at(fake)).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..2).await;
    (world, stream, recorder)
}

async fn counts(world: &World, uuid: &str) -> (Value, Value) {
    let status = world.manage("GET", &format!("triggers/{uuid}")).await;
    let counts = &status["sinceStart"];
    (
        counts["destinationBatches"].clone(),
        counts["destinationFailures"].clone(),
    )
}

/// The text that a message should be, out of what can't be foretold and what the world knows.
fn expected(message: &Value, response: &str, recorder: &Recorder, stream: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let event = recorder.events().remove(0);
    let record = |at: usize| text(&event["Records"][at]["dynamodb"]["SequenceNumber"]);
    let batch = &message["DDBStreamBatchInfo"];
    let (first, last) = (
        text(&batch["approximateArrivalOfFirstRecord"]),
        text(&batch["approximateArrivalOfLastRecord"]),
    );
    for second in [&first, &last] {
        assert_eq!(
            (second.len(), second.ends_with('Z')),
            (20, true),
            "{second}"
        );
    }
    let time = text(&message["timestamp"]);
    assert_eq!((time.len(), &time[19..20]), (24, "."), "{time}");
    format!(
        r#"{{"requestContext":{{"requestId":"{}","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f","condition":"RetryAttemptsExhausted","approximateInvokeCount":1}},{response}"version":"1.0","timestamp":"{time}","DDBStreamBatchInfo":{{"shardId":"{}","startSequenceNumber":"{}","endSequenceNumber":"{}","approximateArrivalOfFirstRecord":"{first}","approximateArrivalOfLastRecord":"{last}","batchSize":2,"streamArn":"{stream}"}}}}"#,
        text(&message["requestContext"]["requestId"]),
        text(&batch["shardId"]),
        record(0),
        record(1),
    )
}

const UNHANDLED: &str = r#""responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"#;
const REPORTED: &str =
    r#""responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":null},"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_gets_a_message_and_the_store_gets_nothing() {
    let fake = Fake::start(|_, _| Answer::of(200, r#"{"MessageId":"m"}"#)).await;
    let (world, stream, recorder) = failing(&fake).await;
    let settings = json!({"MaximumRetryAttempts": 0, "DestinationConfig": to(QUEUE)});
    let uuid = world.map(&stream, "f", settings).await;
    let seen = fake.wait_for(1).await.remove(0);
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/"));
    assert_eq!(seen.header("x-amz-target"), "AmazonSQS.SendMessage");
    assert_eq!(seen.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(seen.header("x-amz-security-token"), "token");
    let (region, service) = seen.check_signature(&credentials());
    assert_eq!((region.as_str(), service.as_str()), ("eu-west-1", "sqs"));
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    let queue = format!("{}/123456789012/failed", fake.address());
    assert_eq!(body["QueueUrl"], queue.as_str());
    let text = body["MessageBody"].as_str().unwrap();
    let message = serde_json::from_str(text).unwrap();
    assert_eq!(text, expected(&message, UNHANDLED, &recorder, &stream));
    // The shard goes on, and nothing is kept.
    recorder.control(json!({}));
    world.put_item("items", "next").await;
    recorder.wait_for_ids(3).await;
    assert_eq!(world.dead_letters().await, [] as [Value; 0]);
    assert_eq!(counts(&world, &uuid).await, (json!(1), json!(0)));
    assert_eq!(fake.seen().len(), 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_gets_what_the_function_reported() {
    let fake = Fake::start(|_, _| Answer::of(200, "<PublishResponse/>")).await;
    let (world, stream, recorder) = failing(&fake).await;
    recorder.control(json!({"report": ["item-0000"]}));
    let settings = json!({
        "MaximumRetryAttempts": 0, "DestinationConfig": to(TOPIC),
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    });
    world.map(&stream, "f", settings).await;
    let seen = fake.wait_for(1).await.remove(0);
    let (region, service) = seen.check_signature(&credentials());
    assert_eq!((region.as_str(), service.as_str()), ("eu-west-1", "sns"));
    let form: Vec<(&str, String)> = seen
        .text()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name, unescaped(value)))
        .collect();
    let names: Vec<&str> = form.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Action", "Version", "TopicArn", "Message"]);
    assert_eq!((form[0].1.as_str(), form[2].1.as_str()), ("Publish", TOPIC));
    let message = serde_json::from_str(&form[3].1).unwrap();
    assert_eq!(form[3].1, expected(&message, REPORTED, &recorder, &stream));
    world.close().await;
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_gets_the_records_that_were_too_old() {
    let fake = Fake::start(|_, _| Answer::of(200, "")).await;
    let (world, stream, _recorder) = failing(&fake).await;
    world.clock.advance_ms(61_000);
    let settings = json!({"MaximumRecordAgeInSeconds": 60, "DestinationConfig": to(BUCKET)});
    let uuid = world.map(&stream, "f", settings).await;
    let seen = fake.wait_for(1).await.remove(0);
    assert_eq!(seen.method, "PUT");
    // The ARN names no region.
    let (region, service) = seen.check_signature(&credentials());
    assert_eq!((region.as_str(), service.as_str()), ("us-west-2", "s3"));
    let object: Value = serde_json::from_slice(&seen.body).unwrap();
    let context = &object["requestContext"];
    assert_eq!(context["condition"], "RecordAgeExceeded");
    assert_eq!(context["approximateInvokeCount"], 1);
    assert_eq!(object.get("responseContext"), None);
    assert_eq!(ids(&object["payload"]), numbered(0..2));
    let shard = object["DDBStreamBatchInfo"]["shardId"].as_str().unwrap();
    let time = object["timestamp"].as_str().unwrap();
    let (day, second) = (time[..10].replace('-', "/"), time[..19].replace(':', "."));
    let key = format!("/failed-batches/aws/lambda/{uuid}/{shard}/{day}/{second}-");
    assert_eq!(
        seen.path.strip_prefix(&key).map(str::len),
        Some(36),
        "{}",
        seen.path
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_sent_again() {
    let fake = Fake::start(|before, _| match before {
        0 => Answer::of(503, "later"),
        1 => Answer::of(429, "slower"),
        _ => Answer::of(200, ""),
    })
    .await;
    let (world, stream, _recorder) = failing(&fake).await;
    let settings = json!({"MaximumRetryAttempts": 0, "DestinationConfig": to(BUCKET)});
    let uuid = world.map(&stream, "f", settings).await;
    crate::bench::until("three requests", || {
        world.clock.advance_ms(100);
        fake.seen().len() >= 3
    })
    .await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function call failed")
        .await;
    let seen = fake.seen();
    assert_eq!(seen[0].path, seen[2].path, "one object");
    assert_eq!(world.dead_letters().await, [] as [Value; 0]);
    assert_eq!(counts(&world, &uuid).await, (json!(1), json!(0)));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_destination_takes_is_kept_with_the_reason() {
    let fake = Fake::start(|_, seen| match seen.path.as_str() {
        "/" => Answer {
            headers: vec![("location", "/elsewhere")],
            ..Answer::of(307, "")
        },
        _ => Answer::of(404, "<Code>NoSuchBucket</Code>\n"),
    })
    .await;
    let (world, stream, recorder) = failing(&fake).await;
    world.recorder("g").await.control(json!({"fail": true}));
    for (count, (function, arn, reason)) in [
        ("f", BUCKET, "S3 answered 404: <Code>NoSuchBucket</Code>"),
        ("g", TOPIC, "SNS answered 307: "),
    ]
    .into_iter()
    .enumerate()
    {
        let settings = json!({"MaximumRetryAttempts": 0, "DestinationConfig": to(arn)});
        let uuid = world.map(&stream, function, settings).await;
        world.wait_for_letters(count + 1).await;
        let letters = world.dead_letters().await;
        let letter = letters
            .iter()
            .find(|letter| letter["mapping"] == uuid.as_str());
        let letter = letter.unwrap();
        assert_eq!(letter["destination"], arn);
        assert_eq!(letter["destinationError"], reason);
        assert_eq!(letter["records"], 2);
        assert_eq!(counts(&world, &uuid).await, (json!(0), json!(1)));
        // What will not pass is sent once.
        assert_eq!(fake.seen().len(), count + 1);
    }
    assert_eq!(recorder.batches(), [numbered(0..2)]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_not_there_does_not_hold_the_shard() {
    let fake = Fake::start(|_, _| Answer::of(200, "")).await;
    let mut settings = all_at(&fake);
    // Nothing listens there.
    settings.sqs = Url::parse("http://127.0.0.1:1").ok();
    let world = World::with_destinations(settings).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..2).await;
    let settings = json!({"MaximumRetryAttempts": 0, "DestinationConfig": to(QUEUE)});
    world.map(&stream, "f", settings).await;
    recorder.wait_for_calls(1).await;
    recorder.control(json!({}));
    world.put_item("items", "next").await;
    crate::bench::until("the next record", || {
        world.clock.advance_ms(100);
        recorder.ids().len() >= 3
    })
    .await;
    let letters = world.dead_letters().await;
    let error = letters[0]["destinationError"].as_str().unwrap();
    assert!(
        error.starts_with("SQS was not reached: Connection refused"),
        "{error}"
    );
    let id = letters[0]["id"].as_str().unwrap();
    let shown = world.manage("GET", &format!("dead-letters/{id}")).await;
    assert_eq!(ids(&shown["payload"]), numbered(0..2));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_does_not_wait_for_a_destination_that_hangs() {
    let hangs = Answer {
        hangs: true,
        ..Answer::of(200, "")
    };
    let fake = Fake::start(move |_, _| hangs.clone()).await;
    let (world, stream, _recorder) = failing(&fake).await;
    let settings = json!({"MaximumRetryAttempts": 0, "DestinationConfig": to(QUEUE)});
    world.map(&stream, "f", settings).await;
    fake.wait_for(1).await;
    let begun = std::time::Instant::now();
    world.close().await;
    // One attempt would take ten seconds.
    assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_hangs_holds_the_shard_for_one_time_only() {
    let hangs = Answer {
        hangs: true,
        ..Answer::of(200, "")
    };
    let fake = Fake::start(move |_, _| hangs.clone()).await;
    let mut settings = all_at(&fake);
    settings.time_max = std::time::Duration::from_millis(300);
    let world = World::with_destinations(settings).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0000"]}));
    world.put_items("items", 0..2).await;
    let settings = json!({
        "BatchSize": 1, "MaximumRetryAttempts": 0, "DestinationConfig": to(QUEUE),
    });
    world.map(&stream, "f", settings).await;
    recorder.wait_for_ids(2).await;
    let letters = world.dead_letters().await;
    let error = letters[0]["destinationError"].as_str().unwrap();
    assert!(
        error.starts_with("SQS was not reached: no answer within 0."),
        "{error}"
    );
    assert_eq!(fake.seen().len(), 1, "it is not tried again");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_the_store_has_it() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.put_items("items", 0..2).await;
    let settings = json!({"MaximumRetryAttempts": 0, "DestinationConfig": to(QUEUE)});
    let uuid = world.map(&stream, "f", settings).await;
    world.wait_for_letters(1).await;
    let letters = world.dead_letters().await;
    assert_eq!(letters[0]["destination"], QUEUE);
    assert_eq!(letters[0]["destinationError"], json!(null));
    assert_eq!(counts(&world, &uuid).await, (json!(0), json!(0)));
    world.close().await;
}
