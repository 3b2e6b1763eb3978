//! The changes of tables, sent to Kinesis streams (docs/adr/0027).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_operations::SystemTable;
use headwater_triggers::DestinationSettings;
use headwater_wire::Operation;
use headwater_wire::sigv4::Credentials;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::a_moment;
use super::fake::{Answer, Fake, Seen};
use super::world::{WAIT_MAX, World, ids};

const ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/changes";
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The longest pause between two requests.
const PAUSE_MS_MAX: u64 = 60_000;
const OTHER_ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/others";

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: None,
    }
}

fn at(fake: &Fake) -> DestinationSettings {
    DestinationSettings {
        kinesis: Some(fake.url()),
        credentials: credentials(),
        region: "us-west-2".to_owned(),
        ..DestinationSettings::default()
    }
}

fn records(request: &Seen) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    body["Records"].as_array().unwrap().clone()
}

/// A change out of a record of a request.
fn change(record: &Value) -> (String, Value) {
    let bytes = STANDARD.decode(record["Data"].as_str().unwrap()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let value = serde_json::from_str(&text).unwrap();
    (text, value)
}

/// Answers each record: with an error those of these places.
fn answer(request: &Seen, failed: &HashSet<usize>) -> Answer {
    let answers = (0..records(request).len()).map(|place| match failed.contains(&place) {
        true => {
            json!({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"})
        }
        false => json!({"SequenceNumber": "1", "ShardId": "shardId-000000000000"}),
    });
    let body = json!({"FailedRecordCount": failed.len(), "Records": answers.collect::<Vec<_>>()});
    Answer::of(200, &body.to_string())
}

fn takes_all(request: &Seen) -> Answer {
    answer(request, &HashSet::new())
}

/// A service that takes nothing until it is opened.
async fn closed() -> (Fake, watch::Sender<bool>) {
    let opened = watch::Sender::new(false);
    let is_open = opened.subscribe();
    let fake = Fake::start(move |_, seen| match *is_open.borrow() {
        true => takes_all(seen),
        false => Answer::of(500, "{}"),
    });
    (fake.await, opened)
}

/// The item and its version of each change that was taken, where all of a request were.
fn versions(seen: &[Seen]) -> Vec<(String, i64)> {
    let all = seen.iter().flat_map(records);
    all.map(|record| version(&change(&record).1)).collect()
}

fn version(change: &Value) -> (String, i64) {
    let id = change["dynamodb"]["Keys"]["id"]["S"].as_str().unwrap();
    let version = change["dynamodb"]["NewImage"]["at"]["N"].as_str().unwrap();
    (id.to_owned(), version.parse().unwrap())
}

fn numbered(versions: impl IntoIterator<Item = i64>) -> Vec<(String, i64)> {
    let versions = versions.into_iter();
    versions.map(|version| ("a".to_owned(), version)).collect()
}

impl World {
    async fn plain_table(&self, name: &str) {
        let table = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        });
        self.dynamo(Operation::CreateTable, table).await;
    }

    async fn enable_kinesis(&self, table: &str, arn: &str) {
        let body = json!({"TableName": table, "StreamArn": arn});
        self.dynamo(Operation::EnableKinesisStreamingDestination, body)
            .await;
    }

    async fn disable_kinesis(&self, table: &str, arn: &str) {
        let body = json!({"TableName": table, "StreamArn": arn});
        self.dynamo(Operation::DisableKinesisStreamingDestination, body)
            .await;
    }

    async fn set_stream(&self, table: &str, view: Option<&str>) {
        let specification = match view {
            Some(view) => json!({"StreamEnabled": true, "StreamViewType": view}),
            None => json!({"StreamEnabled": false}),
        };
        let body = json!({"TableName": table, "StreamSpecification": specification});
        self.dynamo(Operation::UpdateTable, body).await;
    }

    /// Splits the only shard of the only stream.
    async fn split_shard(&self) {
        let database = self.database();
        let stream = database.streams().await.unwrap().remove(0).id;
        let shard = database.shards_now(stream).remove(0).number;
        database.split_shard(stream, shard, 3).await.unwrap();
    }

    /// The items of each shard of a stream that has records, in the order of the shards.
    async fn items_by_shard(&self, stream: &str) -> Vec<Vec<String>> {
        let body = json!({"StreamArn": stream});
        let described = self.dynamo(Operation::DescribeStream, body).await;
        let shards = described["StreamDescription"]["Shards"].as_array();
        let mut all = Vec::new();
        for shard in shards.unwrap() {
            let body = json!({
                "StreamArn": stream, "ShardId": shard["ShardId"],
                "ShardIteratorType": "TRIM_HORIZON",
            });
            let iterator = self.dynamo(Operation::GetShardIterator, body).await;
            let page = self.dynamo(Operation::GetRecords, iterator).await;
            let items = ids(&page);
            if !items.is_empty() {
                all.push(items);
            }
        }
        all
    }

    /// What the server tells of its destinations.
    async fn kinesis(&self) -> Vec<Value> {
        let answer = self.manage("GET", "kinesis").await;
        answer["destinations"].as_array().unwrap().clone()
    }

    /// Waits until the newest destination has this many of what it counts by this name.
    async fn kinesis_until(&self, name: &str, count: u64) {
        let reached = async {
            while self.kinesis().await[0][name].as_u64().unwrap() < count {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(std::time::Duration::from_secs(30), reached).await;
        assert!(reached.is_ok(), "{:?}", self.kinesis().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_have_the_documented_form() {
    let fake = Fake::start(|_, seen| takes_all(seen)).await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.put_version("items", "a", 0).await;
    let body = json!({
        "TableName": "items", "StreamArn": ARN,
        "EnableKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    });
    world
        .dynamo(Operation::EnableKinesisStreamingDestination, body)
        .await;
    world.put_version("items", "a", 1).await;
    let first = fake.wait_for(1).await.remove(0);
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/"));
    assert_eq!(first.header("x-amz-target"), "Kinesis_20131202.PutRecords");
    assert_eq!(first.header("content-type"), "application/x-amz-json-1.1");
    let (region, service) = first.check_signature(&credentials());
    assert_eq!(
        (region.as_str(), service.as_str()),
        ("eu-west-1", "kinesis")
    );
    let body: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(
        (&body["StreamARN"], &body["StreamName"]),
        (&json!(ARN), &json!("changes"))
    );
    let record = records(&first).remove(0);
    let (text, value) = change(&record);
    let event_id = value["eventID"].as_str().unwrap();
    let groups: Vec<usize> = event_id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{event_id}");
    let time = value["dynamodb"]["ApproximateCreationDateTime"].as_u64();
    let time = time.unwrap();
    let second_us = 1_000_000;
    assert!(
        time.abs_diff(world.now_ms() * 1_000) < 60 * second_us,
        "{time}"
    );
    // The whole text: which members there are, and their order.
    assert_eq!(
        text,
        format!(
            r#"{{"awsRegion":"us-east-1","eventID":"{event_id}","eventName":"MODIFY","userIdentity":null,"recordFormat":"application/json","tableName":"items","dynamodb":{{"ApproximateCreationDateTime":{time},"Keys":{{"id":{{"S":"a"}}}},"NewImage":{{"at":{{"N":"1"}},"id":{{"S":"a"}}}},"OldImage":{{"at":{{"N":"0"}},"id":{{"S":"a"}}}},"SizeBytes":16,"ApproximateCreationDateTimePrecision":"MICROSECOND"}},"eventSource":"aws:dynamodb"}}"#
        )
    );
    let delete = json!({"TableName": "items", "Key": {"id": {"S": "a"}}});
    world.dynamo(Operation::DeleteItem, delete).await;
    let removed = records(&fake.wait_for(2).await[1]).remove(0);
    assert_eq!(removed["PartitionKey"], record["PartitionKey"]);
    let (_, value) = change(&removed);
    assert_eq!(value["eventName"], "REMOVE");
    assert_eq!(value["dynamodb"].get("NewImage"), None);
    assert_eq!(value["dynamodb"]["OldImage"]["at"]["N"], "1");
    world.put_version("items", "b", 0).await;
    let inserted = records(&fake.wait_for(3).await[2]).remove(0);
    assert_ne!(inserted["PartitionKey"], record["PartitionKey"]);
    let (_, value) = change(&inserted);
    assert_eq!(value["eventName"], "INSERT");
    assert_eq!(value["dynamodb"].get("OldImage"), None);
    world.kinesis_until("sent", 3).await;
    assert_eq!(
        world.kinesis().await,
        [json!({
            "table": "items", "streamArn": ARN, "status": "ACTIVE",
            "sent": 3, "failures": 0, "refused": 0, "lostRecords": false, "lastFailure": null,
        })]
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_names_the_service() {
    let fake = Fake::start(|_, seen| takes_all(seen)).await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    world.put_expiring("items", "a").await;
    let sent = || fake.seen().iter().flat_map(records).collect::<Vec<_>>();
    crate::bench::until("both records", || {
        world.clock.advance_ms(1_000);
        sent().len() == 2
    })
    .await;
    let changes = sent()
        .iter()
        .map(|record| change(record).1)
        .collect::<Vec<_>>();
    assert_eq!(changes[0]["userIdentity"], Value::Null);
    assert_eq!(changes[1]["eventName"], "REMOVE");
    let service = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    assert_eq!(changes[1]["userIdentity"], service);
    world.close().await;
}

/// What a service takes that refuses records by chance.
#[derive(Default)]
struct Taken {
    versions: BTreeMap<String, Vec<i64>>,
    count: usize,
    refusals: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn items_stay_in_order_when_records_are_not_taken() {
    let taken = Arc::new(std::sync::Mutex::new(Taken::default()));
    let notes = taken.clone();
    let fake = Fake::start(move |before, seen| {
        let mut taken = notes.lock().unwrap();
        if before % 5 == 1 {
            return Answer::of(500, "{}");
        }
        let all = records(seen);
        // Each third, from another one on with each request.
        let failed = (0..all.len()).filter(|place| (place + before) % 3 == 0);
        let failed: HashSet<usize> = failed.collect();
        for (place, record) in all.iter().enumerate() {
            if failed.contains(&place) {
                taken.refusals += 1;
                continue;
            }
            let (id, version) = version(&change(record).1);
            taken.versions.entry(id).or_default().push(version);
            taken.count += 1;
        }
        answer(seen, &failed)
    })
    .await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    let (items, versions) = (7, 6);
    for version in 0..versions {
        if version == 3 {
            world.split_shard().await;
        }
        for item in 0..items {
            world
                .put_version("items", &format!("i{item}"), version)
                .await;
        }
    }
    let all = items * versions as usize;
    let clock = world.clock.clone();
    crate::bench::until("all records", || {
        // Pauses after failures pass at once.
        clock.advance_ms(1_000);
        taken.lock().unwrap().count >= all
    })
    .await;
    world.close().await;
    let taken = taken.lock().unwrap();
    assert_eq!((taken.count, taken.versions.len()), (all, items));
    assert!(taken.refusals > 5, "{}", taken.refusals);
    let expected: Vec<i64> = (0..versions).collect();
    for (item, found) in &taken.versions {
        assert_eq!(found, &expected, "{item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_behind_what_was_taken() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let fake = Fake::start(|_, seen| takes_all(seen)).await;
    let world = World::on_disk_with_destinations(folder.clone(), at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 1).await;
    world.kinesis_until("sent", 1).await;
    world.close().await;

    // Nobody listens: the records wait, and that it is disabled changes nothing about them.
    let down = Fake::start(|_, _| Answer::of(503, "down")).await;
    let world = World::on_disk_with_destinations(folder.clone(), at(&down)).await;
    world.put_version("items", "a", 2).await;
    world.put_version("items", "a", 3).await;
    world.disable_kinesis("items", ARN).await;
    world.put_version("items", "a", 4).await;
    world.kinesis_until("failures", 1).await;
    let told = world.kinesis().await.remove(0);
    assert_eq!(told["lastFailure"], "Kinesis answered 503: down");
    world.close().await;

    // Without an endpoint nothing is sent, and nothing is lost.
    let world = World::on_disk(folder.clone()).await;
    assert_eq!(world.kinesis().await, [] as [Value; 0]);
    world.close().await;

    let fake = Fake::start(|_, seen| takes_all(seen)).await;
    let world = World::on_disk_with_destinations(folder.clone(), at(&fake)).await;
    world.kinesis_until("sent", 2).await;
    assert_eq!(versions(&fake.seen()), numbered([2, 3]));
    world.close().await;

    // It is done, and stays so.
    let fake = Fake::start(|_, seen| takes_all(seen)).await;
    let world = World::on_disk_with_destinations(folder, at(&fake)).await;
    a_moment().await;
    assert_eq!(fake.seen().len(), 0);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tables_own_stream_may_come_and_go() {
    let fake = Fake::start(|_, seen| takes_all(seen)).await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.put_version("items", "a", 0).await;
    world.enable_kinesis("items", ARN).await;
    let views = [Some("KEYS_ONLY"), None, Some("NEW_IMAGE"), None];
    for (round, view) in views.into_iter().enumerate() {
        let round = round as i64;
        world.put_version("items", "a", 2 * round + 1).await;
        world.set_stream("items", view).await;
        world.put_version("items", "a", 2 * round + 2).await;
    }
    world.disable_kinesis("items", ARN).await;
    world.put_version("items", "a", 9).await;
    world.kinesis_until("sent", 8).await;
    a_moment().await;
    assert_eq!(versions(&fake.seen()), numbered(1..9));
    for record in fake.seen().iter().flat_map(records) {
        let (_, value) = change(&record);
        let image = |name: &str| -> i64 {
            let number = value["dynamodb"][name]["at"]["N"].as_str().unwrap();
            number.parse().unwrap()
        };
        assert_eq!(image("OldImage") + 1, image("NewImage"));
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_enabled_again_waits_for_what_was_before() {
    let (fake, opened) = closed().await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 1).await;
    world.kinesis_until("failures", 1).await;
    world.disable_kinesis("items", ARN).await;
    world.put_version("items", "a", 2).await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 3).await;
    let refused = fake.seen().len();
    opened.send_replace(true);
    let clock = world.clock.clone();
    crate::bench::until("both records", || {
        clock.advance_ms(1_000);
        let seen = fake.seen();
        versions(&seen).last() == Some(&("a".to_owned(), 3))
    })
    .await;
    let seen = fake.seen();
    let mut taken = versions(&seen[refused..]);
    // A request may have been under way.
    taken.dedup();
    assert_eq!(taken, numbered([1, 3]));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_earlier_enabling_is_sent_though_its_table_is_deleted() {
    let (fake, opened) = closed().await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 1).await;
    world.kinesis_until("failures", 1).await;
    world.disable_kinesis("items", ARN).await;
    // Now it knows where it ends.
    world.clock.advance_ms(PAUSE_MS_MAX);
    world.kinesis_until("failures", 2).await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 2).await;
    let delete = json!({"TableName": "items"});
    world.dynamo(Operation::DeleteTable, delete).await;
    let is_gone = || world.database().kinesis_tables().is_empty();
    crate::bench::until("the end of the table", is_gone).await;
    a_moment().await;
    opened.send_replace(true);
    crate::bench::until("both records", || {
        world.clock.advance_ms(1_000);
        versions(&fake.seen()).last() == Some(&("a".to_owned(), 2))
    })
    .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_enabled_again_waits_for_an_enabling_that_is_forgotten() {
    let (fake, opened) = closed().await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 1).await;
    world.kinesis_until("failures", 1).await;
    world.disable_kinesis("items", ARN).await;
    for _ in 0..20 {
        world.enable_kinesis("items", OTHER_ARN).await;
        world.disable_kinesis("items", OTHER_ARN).await;
    }
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 2).await;
    a_moment().await;
    let refused = versions(&fake.seen());
    assert!(
        refused.iter().all(|(_, version)| *version == 1),
        "{refused:?}"
    );
    opened.send_replace(true);
    crate::bench::until("both records", || {
        world.clock.advance_ms(1_000);
        versions(&fake.seen()).last() == Some(&("a".to_owned(), 2))
    })
    .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_from_after_it_was_disabled_is_sent_out_of_a_shard_that_is_read_late() {
    let fake = Fake::start(|before, seen| Answer {
        hangs: before == 0,
        ..takes_all(seen)
    })
    .await;
    let world = World::with_destinations(at(&fake)).await;
    let stream = world.table("items").await;
    world.split_shard().await;
    world.put_items("items", 0..12).await;
    let shards = world.items_by_shard(&stream).await;
    assert!(shards.len() > 1, "{shards:?}");
    let (early, late) = (&shards[0][0], &shards[shards.len() - 1][0]);
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", early, 2).await;
    fake.wait_for(1).await;
    world.put_version("items", late, 2).await;
    world.disable_kinesis("items", ARN).await;
    world.put_version("items", late, 3).await;
    fake.release();
    world.kinesis_until("sent", 2).await;
    a_moment().await;
    let expected = [(early.clone(), 2), (late.clone(), 2)];
    assert_eq!(versions(&fake.seen()), expected);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_refused_hold_up_no_others() {
    let is_bad = |record: &Value| version(&change(record).1).1 == 13;
    let fake = Fake::start(move |_, seen| match records(seen).iter().any(is_bad) {
        true => Answer::of(
            400,
            r#"{"__type":"InvalidArgumentException","message":"large"}"#,
        ),
        false => takes_all(seen),
    })
    .await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    for (item, version) in [("a", 1), ("b", 13), ("c", 3)] {
        world.put_version("items", item, version).await;
    }
    world.kinesis_until("sent", 2).await;
    world.kinesis_until("refused", 1).await;
    let told = world.kinesis().await.remove(0);
    assert_eq!((&told["sent"], &told["refused"]), (&json!(2), &json!(1)));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_table_has_its_own_destination() {
    let fake = Fake::start(|_, seen| takes_all(seen)).await;
    let world = World::with_destinations(at(&fake)).await;
    world.table("first").await;
    world.plain_table("second").await;
    world.enable_kinesis("first", ARN).await;
    world.enable_kinesis("second", OTHER_ARN).await;
    world.put_item("second", "b").await;
    world.put_item("first", "a").await;
    let seen = fake.wait_for(2).await;
    let mut found: Vec<(String, String)> = seen
        .iter()
        .map(|seen| {
            let body: Value = serde_json::from_slice(&seen.body).unwrap();
            let (_, value) = change(&body["Records"][0]);
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&body["StreamName"]), text(&value["tableName"]))
        })
        .collect();
    found.sort();
    let pair = |stream: &str, table: &str| (stream.to_owned(), table.to_owned());
    assert_eq!(found, [pair("changes", "first"), pair("others", "second")]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_past_their_retention_hold_up_no_others() {
    let fake = Fake::start(|_, seen| {
        let is_bad = |record: &Value| version(&change(record).1).1 < 3;
        match records(seen).iter().any(is_bad) {
            true => Answer::of(500, "{}"),
            false => takes_all(seen),
        }
    })
    .await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 1).await;
    world.put_version("items", "b", 2).await;
    world.kinesis_until("failures", 1).await;
    world.clock.advance_ms(DAY_MS + 1);
    world.put_version("items", "c", 3).await;
    world.kinesis_until("sent", 1).await;
    let told = world.kinesis().await.remove(0);
    assert_eq!(
        (&told["sent"], &told["lostRecords"]),
        (&json!(1), &json!(true))
    );
    world.close().await;
}

/// A table remembers some enablings only, the newest ones.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_an_enabling_that_is_forgotten_wait_for_a_stream_that_is_missing() {
    let no_stream = r#"{"__type":"ResourceNotFoundException","message":"no stream"}"#;
    let opened = watch::Sender::new(false);
    let is_open = opened.subscribe();
    let fake = Fake::start(move |_, seen| match *is_open.borrow() {
        true => takes_all(seen),
        false => Answer::of(400, no_stream),
    })
    .await;
    let world = World::with_destinations(at(&fake)).await;
    // With a stream, so that what comes while nothing is enabled is in a shard as well.
    world.table("items").await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 1).await;
    world.kinesis_until("failures", 1).await;
    world.disable_kinesis("items", ARN).await;
    world.clock.advance_ms(PAUSE_MS_MAX);
    world.kinesis_until("failures", 2).await;
    world.put_version("items", "a", 2).await;
    for _ in 0..20 {
        world.enable_kinesis("items", OTHER_ARN).await;
        world.disable_kinesis("items", OTHER_ARN).await;
    }
    let told = world.kinesis().await;
    assert!(told.iter().all(|one| one["streamArn"] != ARN), "{told:?}");
    let before = fake.seen().len();
    crate::bench::until("another request", || {
        world.clock.advance_ms(1_000);
        fake.seen().len() > before
    })
    .await;
    a_moment().await;
    let refused = fake.seen().len();
    opened.send_replace(true);
    crate::bench::until("the record", || {
        world.clock.advance_ms(1_000);
        fake.seen().len() > refused
    })
    .await;
    a_moment().await;
    assert_eq!(versions(&fake.seen()[refused..]), numbered([1]));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_wait_for_a_stream_that_is_missing_until_their_table_is_gone_too() {
    let no_stream = r#"{"__type":"ResourceNotFoundException","message":"no stream"}"#;
    let fake = Fake::start(move |before, seen| match before {
        0 => takes_all(seen),
        _ => Answer::of(400, no_stream),
    })
    .await;
    let world = World::with_destinations(at(&fake)).await;
    world.plain_table("items").await;
    world.enable_kinesis("items", ARN).await;
    world.put_version("items", "a", 1).await;
    world.kinesis_until("sent", 1).await;
    let checkpoints = async || {
        let table = SystemTable::open(world.database(), "kinesis").await;
        table.unwrap().scan_all().await.unwrap().len()
    };
    while checkpoints().await == 0 {
        tokio::task::yield_now().await;
    }
    world.put_version("items", "a", 2).await;
    for failures in 1..4 {
        world.kinesis_until("failures", failures).await;
        world.clock.advance_ms(PAUSE_MS_MAX);
    }
    let delete = json!({"TableName": "items"});
    world.dynamo(Operation::DeleteTable, delete).await;
    let is_forgotten = async {
        // For hours at most, so that the records are not past their retention.
        while checkpoints().await > 0 {
            world.clock.advance_ms(PAUSE_MS_MAX);
            a_moment().await;
        }
    };
    let is_forgotten = tokio::time::timeout(WAIT_MAX, is_forgotten).await;
    assert!(is_forgotten.is_ok(), "it is sent for ever");
    let requests = fake.seen().len();
    world.clock.advance_ms(PAUSE_MS_MAX);
    a_moment().await;
    assert_eq!(fake.seen().len(), requests);
    world.close().await;
}
