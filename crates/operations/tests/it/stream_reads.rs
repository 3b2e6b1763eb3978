//! Iterators, pages, retention, and the errors of reading (streams.md sections 6 to 8).

use std::time::{Duration, Instant};

use headwater_engine::EngineOptions;
use headwater_model::ManualClock;
use headwater_operations::{ApiOptions, FeedStart};
use headwater_streams::StreamsOptions;
use serde_json::{Value, json};

use crate::support::{START_MS, Server, id, n, s};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

struct Stream {
    server: Server,
    arn: String,
    shard: String,
}

/// A stream of one shard with a record per second: items 0 to `records` - 1.
async fn stream(records: u64) -> Stream {
    let server = Server::start();
    server.table("ttt", Some("NEW_IMAGE")).await;
    for number in 0..records {
        server.clock.set_ms(START_MS + 1000 * (number + 1));
        server
            .put("ttt", json!({"pk": s(&number.to_string())}))
            .await;
    }
    let arn = server.stream_arn("ttt").await;
    let shard = id(&server.shards(&arn).await[0]);
    Stream { server, arn, shard }
}

impl Stream {
    async fn start(&self, more: Value) -> Result<String, String> {
        self.server.iterator(&self.arn, &self.shard, more).await
    }

    async fn page(&self, iterator: &str) -> Result<(Vec<String>, Option<String>), String> {
        let page = self
            .server
            .ask("GetRecords", json!({"ShardIterator": iterator}))
            .await?;
        Ok((
            keys(&page),
            page["NextShardIterator"].as_str().map(str::to_owned),
        ))
    }

    async fn read(&self, more: Value) -> Result<Vec<String>, String> {
        let iterator = self.start(more).await?;
        Ok(self.page(&iterator).await?.0)
    }

    async fn sequence(&self, index: usize) -> String {
        let records = self.server.records("ttt").await;
        records[index]["dynamodb"]["SequenceNumber"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

fn keys(page: &Value) -> Vec<String> {
    let records = page["Records"].as_array().unwrap().iter();
    records
        .map(|record| {
            record["dynamodb"]["Keys"]["pk"]["S"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn the_five_ways_to_start() {
    let stream = stream(4).await;
    let second = stream.sequence(1).await;
    for (start, expected) in [
        (
            json!({"ShardIteratorType": "TRIM_HORIZON"}),
            vec!["0", "1", "2", "3"],
        ),
        (json!({"ShardIteratorType": "LATEST"}), vec![]),
        (
            json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": second}),
            vec!["1", "2", "3"],
        ),
        (
            json!({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": second}),
            vec!["2", "3"],
        ),
        (
            json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_760_000_003.0}),
            vec!["2", "3"],
        ),
        (
            json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_760_000_002.001}),
            vec!["2", "3"],
        ),
        (
            json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_760_000_001.999}),
            vec!["1", "2", "3"],
        ),
        (
            json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1}),
            vec!["0", "1", "2", "3"],
        ),
    ] {
        assert_eq!(
            stream.read(start.clone()).await,
            Ok(expected.iter().map(|key| key.to_string()).collect()),
            "{start}"
        );
    }
    let latest = stream
        .start(json!({"ShardIteratorType": "LATEST"}))
        .await
        .unwrap();
    stream.server.put("ttt", json!({"pk": s("new")})).await;
    let (records, next) = stream.page(&latest).await.unwrap();
    assert_eq!(records, ["new"]);
    assert_eq!(
        stream.page(&next.unwrap()).await.unwrap().0,
        Vec::<String>::new()
    );
    assert_eq!(stream.page(&latest).await.unwrap().0, ["new"]);
}

#[tokio::test]
async fn parameters_that_do_not_fit() {
    let stream = stream(1).await;
    let first = stream.sequence(0).await;
    let invalid = "ValidationException: ";
    for (start, expected) in [
        (
            json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER"}),
            format!(
                "{invalid}SequenceNumber is required when ShardIteratorType is AT_SEQUENCE_NUMBER"
            ),
        ),
        (
            json!({"ShardIteratorType": "LATEST", "SequenceNumber": first}),
            format!("{invalid}SequenceNumber cannot be specified when ShardIteratorType is LATEST"),
        ),
        (
            json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "not a sequence number"}),
            format!("{invalid}Invalid SequenceNumber: not a sequence number"),
        ),
        (
            json!({"ShardIteratorType": "AT_TIMESTAMP"}),
            format!("{invalid}Timestamp is required when ShardIteratorType is AT_TIMESTAMP"),
        ),
        (
            json!({"ShardIteratorType": "LATEST", "Timestamp": 1}),
            format!("{invalid}Timestamp cannot be specified when ShardIteratorType is LATEST"),
        ),
        (
            json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_960_000_000}),
            format!("{invalid}Timestamp cannot be in the future"),
        ),
        (
            json!({"ShardIteratorType": "LATEST", "ShardId": "shardId-00000001414576573621-f55eea83"}),
            "ResourceNotFoundException: Requested resource not found: Shard does not exist".into(),
        ),
        (
            json!({"ShardIteratorType": "LATEST", "StreamArn": stream.arn.replace("table/ttt/", "table/u/")}),
            format!(
                "ResourceNotFoundException: Requested resource not found: Stream: {} not found",
                stream.arn.replace("table/ttt/", "table/u/")
            ),
        ),
        (
            json!({"ShardIteratorType": "LATEST", "StreamArn": "x".repeat(40)}),
            format!("{invalid}Invalid StreamArn: not the ARN of a stream"),
        ),
    ] {
        assert_eq!(stream.start(start.clone()).await, Err(expected), "{start}");
    }
    assert!(
        stream
            .start(json!({"ShardIteratorType": "OTHER"}))
            .await
            .unwrap_err()
            .contains("enum value set")
    );
    for limit in [0, -1, 1001] {
        let iterator = stream
            .start(json!({"ShardIteratorType": "LATEST"}))
            .await
            .unwrap();
        let error = stream
            .server
            .ask(
                "GetRecords",
                json!({"ShardIterator": iterator, "Limit": limit}),
            )
            .await
            .unwrap_err();
        assert!(
            error.starts_with(invalid) && error.contains("imit"),
            "{error}"
        );
    }
    assert_eq!(
        stream.page("garbage").await,
        Err("ValidationException: Invalid ShardIterator".into())
    );
}

#[tokio::test]
async fn iterators_begin_with_the_arn_and_expire() {
    let stream = stream(1).await;
    let iterator = stream
        .start(json!({"ShardIteratorType": "TRIM_HORIZON"}))
        .await
        .unwrap();
    assert!(iterator.starts_with(&format!("{}|2|", stream.arn)));
    stream.server.clock.advance_ms(15 * MINUTE_MS);
    assert_eq!(stream.page(&iterator).await.unwrap().0, ["0"]);
    stream.server.clock.advance_ms(1);
    let expired = "ExpiredIteratorException: Iterator expired. The shard iterator exceeds the maximum age allowed of";
    assert_eq!(
        stream.page(&iterator).await,
        Err(format!("{expired} 15 minutes."))
    );
}

#[tokio::test]
async fn iterators_hold_as_long_as_is_set() {
    let mut options = ApiOptions::default();
    options.streams.iterator_age_ms_max = 10 * HOUR_MS;
    let server = Server::with(EngineOptions::default(), options);
    server.table("ttt", Some("KEYS_ONLY")).await;
    let arn = server.stream_arn("ttt").await;
    let shard = id(&server.shards(&arn).await[0]);
    let latest = server.iterator(&arn, &shard, json!({"ShardIteratorType": "LATEST"}));
    let read = json!({"ShardIterator": latest.await.unwrap()});
    server.clock.advance_ms(10 * HOUR_MS);
    server.must("GetRecords", read.clone()).await;
    server.clock.advance_ms(1);
    let error = server.ask("GetRecords", read).await.unwrap_err();
    assert!(error.ends_with("allowed of 600 minutes."), "{error}");
}

#[tokio::test]
async fn pages_by_count_and_by_size() {
    let stream = stream(5).await;
    let start = stream
        .start(json!({"ShardIteratorType": "TRIM_HORIZON"}))
        .await
        .unwrap();
    let page = stream
        .server
        .must("GetRecords", json!({"ShardIterator": start, "Limit": 2}))
        .await;
    assert_eq!(keys(&page), ["0", "1"]);
    let next = page["NextShardIterator"].as_str().unwrap();
    assert_eq!(stream.page(next).await.unwrap().0, ["2", "3", "4"]);
    for number in 0..7 {
        stream
            .server
            .put(
                "ttt",
                json!({"pk": s("big"), "n": n(number), "x": s(&"x".repeat(300_000))}),
            )
            .await;
    }
    let (all, _) = stream.server.drain(&stream.arn, &stream.shard).await;
    assert_eq!(all.len(), 12);
    // Five small ones and three of 300 KB are under 1 MB; the fourth would not be.
    assert_eq!(stream.page(&start).await.unwrap().0.len(), 8);
}

#[tokio::test]
async fn what_is_past_its_retention_is_hidden() {
    let stream = stream(3).await;
    let (first, last) = (stream.sequence(0).await, stream.sequence(2).await);
    let trimmed = "TrimmedDataAccessException: The data you are trying to access has been trimmed";
    stream.server.clock.set_ms(START_MS + 24 * HOUR_MS + 1500);
    let horizon = json!({"ShardIteratorType": "TRIM_HORIZON"});
    assert_eq!(stream.read(horizon.clone()).await.unwrap(), ["1", "2"]);
    let at =
        |kind: &str, sequence: &str| json!({"ShardIteratorType": kind, "SequenceNumber": sequence});
    assert_eq!(
        stream.read(at("AT_SEQUENCE_NUMBER", &first)).await,
        Err(trimmed.into())
    );
    // Nothing is lost by starting behind the first one.
    assert_eq!(
        stream
            .read(at("AFTER_SEQUENCE_NUMBER", &first))
            .await
            .unwrap(),
        ["1", "2"]
    );
    stream.server.clock.set_ms(START_MS + 24 * HOUR_MS + 3001);
    assert_eq!(stream.read(horizon).await.unwrap(), Vec::<String>::new());
    assert_eq!(
        stream.read(at("AFTER_SEQUENCE_NUMBER", &first)).await,
        Err(trimmed.into())
    );
    // A quiet shard has lost nothing behind its last record.
    assert_eq!(
        stream
            .read(at("AFTER_SEQUENCE_NUMBER", &last))
            .await
            .unwrap(),
        Vec::<String>::new()
    );
    let old = json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_760_000_001});
    assert_eq!(stream.read(old).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_iterator_whose_records_are_trimmed_before_it_is_used() {
    let options = EngineOptions {
        shards: Some(1),
        retention_ms: MINUTE_MS,
        ..EngineOptions::default()
    };
    let server = Server::with(options, ApiOptions::default());
    server.table("ttt", Some("KEYS_ONLY")).await;
    let arn = server.stream_arn("ttt").await;
    let shard = id(&server.shards(&arn).await[0]);
    let latest = server
        .iterator(&arn, &shard, json!({"ShardIteratorType": "LATEST"}))
        .await
        .unwrap();
    let horizon = server
        .iterator(&arn, &shard, json!({"ShardIteratorType": "TRIM_HORIZON"}))
        .await
        .unwrap();
    server.clock.advance_ms(2 * MINUTE_MS);
    let page = server
        .must("GetRecords", json!({"ShardIterator": latest}))
        .await;
    assert_eq!(page["Records"], json!([]));
    server.put("ttt", json!({"pk": s("a")})).await;
    server.clock.advance_ms(2 * MINUTE_MS);
    let error = server
        .ask("GetRecords", json!({"ShardIterator": latest}))
        .await
        .unwrap_err();
    assert!(error.starts_with("TrimmedDataAccessException"), "{error}");
    let page = server
        .must("GetRecords", json!({"ShardIterator": horizon}))
        .await;
    assert_eq!(page["Records"], json!([]));
}

/// Fills segments with items of a table without a stream, until all that was in the log before is trimmed.
async fn trim_all(server: &Server) {
    let log = server.api.database().log();
    let (wanted, begun) = (log.durable(), Instant::now());
    while log.oldest() <= wanted {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing trimmed");
        let item =
            json!({"pk": s("busy"), "noise": s(&format!("{:?}", begun.elapsed()).repeat(1_000))});
        server.put("busy", item).await;
        server.run_due().await;
    }
}

async fn quiet_and_busy() -> (Server, String, String, String) {
    let server = Server::with_small_segments();
    server.table("quiet", Some("KEYS_ONLY")).await;
    server.table("busy", None).await;
    let arn = server.stream_arn("quiet").await;
    let shard = id(&server.shards(&arn).await[0]);
    let latest = json!({"ShardIteratorType": "LATEST"});
    let latest = server.iterator(&arn, &shard, latest).await.unwrap();
    (server, arn, shard, latest)
}

/// Segments without records of a stream go as soon as the state has them. A reader of a shard that was quiet meanwhile
/// was told of a loss.
#[tokio::test]
async fn a_quiet_shard_loses_nothing_with_segments_of_other_tables() {
    let (server, _, shard, latest) = quiet_and_busy().await;
    let read = || server.must("GetRecords", json!({"ShardIterator": latest}));
    trim_all(&server).await;
    let page = read().await;
    assert_eq!(page["Records"], json!([]));
    assert!(page["NextShardIterator"].is_string());
    server.put("quiet", json!({"pk": s("a")})).await;
    assert_eq!(keys(&read().await), ["a"]);

    // Closed without another record.
    let (server, arn, other, latest) = quiet_and_busy().await;
    assert_eq!(shard, other);
    trim_all(&server).await;
    let stream = server.api.streams().find("", &arn).unwrap();
    let number = server.api.database().shards_now(stream.id)[0].number;
    let split = server.api.database().split_shard(stream.id, number, 1);
    split.await.unwrap();
    trim_all(&server).await;
    let read = server.must("GetRecords", json!({"ShardIterator": latest}));
    let page = read.await;
    assert_eq!(page["Records"], json!([]));
    assert!(page.get("NextShardIterator").is_none());
}

/// Its retention counts, not where the log begins, which goes on with what other tables write.
#[tokio::test]
async fn a_stream_that_was_disabled_stays_until_its_retention_is_over() {
    let (server, arn, shard, latest) = quiet_and_busy().await;
    let off = json!({"TableName": "quiet", "StreamSpecification": {"StreamEnabled": false}});
    server.must("UpdateTable", off).await;
    trim_all(&server).await;
    let stream = json!({"StreamArn": arn});
    let told = server.must("DescribeStream", stream.clone()).await;
    assert_eq!(told["StreamDescription"]["StreamStatus"], "DISABLED");
    assert_eq!(id(&server.shards(&arn).await[0]), shard);
    let listed = server.must("ListStreams", json!({})).await;
    assert_eq!(listed["Streams"][0]["StreamArn"], arn);
    for start in ["LATEST", "TRIM_HORIZON"] {
        let start = json!({"ShardIteratorType": start});
        let iterator = server.iterator(&arn, &shard, start).await.unwrap();
        for iterator in [&iterator, &latest] {
            let read = server.must("GetRecords", json!({"ShardIterator": iterator}));
            let page = read.await;
            assert_eq!(page["Records"], json!([]));
            assert!(page.get("NextShardIterator").is_none());
        }
    }
    server.clock.advance_ms(24 * HOUR_MS + 1);
    let gone = server.ask("DescribeStream", stream).await.unwrap_err();
    assert!(gone.contains("ResourceNotFoundException"), "{gone}");
}

#[tokio::test]
async fn a_record_that_went_with_its_segment_is_told() {
    let (server, arn, shard, latest) = quiet_and_busy().await;
    server.put("quiet", json!({"pk": s("a")})).await;
    server.clock.advance_ms(2 * MINUTE_MS);
    trim_all(&server).await;
    let read = json!({"ShardIterator": latest});
    let error = server.ask("GetRecords", read).await.unwrap_err();
    assert!(error.starts_with("TrimmedDataAccessException"), "{error}");
    let latest = json!({"ShardIteratorType": "LATEST"});
    let latest = server.iterator(&arn, &shard, latest).await.unwrap();
    trim_all(&server).await;
    let read = json!({"ShardIterator": latest});
    let page = server.must("GetRecords", read).await;
    assert_eq!(page["Records"], json!([]));
}

#[tokio::test]
async fn behind_the_end_of_a_closed_shard_nothing_is_lost_when_it_goes() {
    let (server, arn, shard, _) = quiet_and_busy().await;
    server.put("quiet", json!({"pk": s("a")})).await;
    let database = server.api.database();
    let stream = server.api.streams().find("", &arn).unwrap();
    let number = database.shards_now(stream.id)[0].number;
    database.split_shard(stream.id, number, 1).await.unwrap();
    let latest = json!({"ShardIteratorType": "LATEST"});
    let latest = server.iterator(&arn, &shard, latest).await.unwrap();
    server.clock.advance_ms(2 * MINUTE_MS);
    server.run_due().await;
    assert!(database.shard(stream.id, number).is_none());
    let page = server
        .must("GetRecords", json!({"ShardIterator": latest}))
        .await;
    assert_eq!(page["Records"], json!([]));
    assert!(page.get("NextShardIterator").is_none());
}

#[tokio::test]
async fn a_tag_sets_the_retention() {
    let server = Server::start();
    server
        .must(
            "CreateTable",
            json!({
                "TableName": "ttt", "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
                "Tags": [{"Key": "headwater:stream-retention-hours", "Value": "48"}],
            }),
        )
        .await;
    server.put("ttt", json!({"pk": s("a")})).await;
    server.clock.advance_ms(47 * HOUR_MS);
    assert_eq!(server.records("ttt").await.len(), 1);
    server.clock.advance_ms(2 * HOUR_MS);
    assert_eq!(server.records("ttt").await.len(), 0);
}

#[tokio::test]
async fn readers_are_throttled_only_when_that_is_set() {
    let options = ApiOptions {
        streams: StreamsOptions {
            reads_per_second_max: Some(5),
            ..StreamsOptions::default()
        },
        ..ApiOptions::default()
    };
    let server = Server::with(
        EngineOptions {
            shards: Some(1),
            ..EngineOptions::default()
        },
        options,
    );
    server.table("ttt", Some("KEYS_ONLY")).await;
    let arn = server.stream_arn("ttt").await;
    let shard = id(&server.shards(&arn).await[0]);
    let start = server
        .iterator(&arn, &shard, json!({"ShardIteratorType": "LATEST"}))
        .await
        .unwrap();
    for _ in 0..5 {
        server
            .must("GetRecords", json!({"ShardIterator": start}))
            .await;
    }
    let error = server
        .ask("GetRecords", json!({"ShardIterator": start}))
        .await
        .unwrap_err();
    assert!(error.starts_with("LimitExceededException"), "{error}");
    server.clock.advance_ms(1000);
    server
        .must("GetRecords", json!({"ShardIterator": start}))
        .await;
}

#[tokio::test]
async fn streams_are_listed_in_a_stable_order() {
    let server = Server::start();
    for name in ["zzz", "aaa", "mmm"] {
        server.table(name, Some("KEYS_ONLY")).await;
        server.clock.advance_ms(10);
    }
    server.table("none", None).await;
    let names = |page: &Value| -> Vec<String> {
        let streams = page["Streams"].as_array().unwrap().iter();
        streams
            .map(|stream| stream["TableName"].as_str().unwrap().to_owned())
            .collect()
    };
    let page = server.must("ListStreams", json!({"Limit": 2})).await;
    assert_eq!(names(&page), ["zzz", "aaa"]);
    server
        .must("DeleteTable", json!({"TableName": "aaa"}))
        .await;
    server.table("new", Some("KEYS_ONLY")).await;
    let next = json!({"ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"], "Limit": 2});
    let page = server.must("ListStreams", next).await;
    assert_eq!(names(&page), ["mmm", "new"]);
    assert_eq!(page["LastEvaluatedStreamArn"], Value::Null);
    assert_eq!(
        server
            .must("ListStreams", json!({"TableName": "none"}))
            .await,
        json!({"Streams": []})
    );
    for limit in [0, 101] {
        assert!(
            server
                .ask("ListStreams", json!({"Limit": limit}))
                .await
                .unwrap_err()
                .starts_with("ValidationException")
        );
    }
    let malformed = json!({"ExclusiveStartStreamArn": "x".repeat(40)});
    assert!(
        server
            .ask("ListStreams", malformed)
            .await
            .unwrap_err()
            .starts_with("ValidationException")
    );
}

/// The last stream of a page expired before the next one was asked for.
#[tokio::test]
async fn a_list_goes_on_behind_a_stream_that_is_gone() {
    let server = Server::start();
    server.table("first", Some("KEYS_ONLY")).await;
    server.clock.advance_ms(10);
    server.table("second", Some("KEYS_ONLY")).await;
    let page = server.must("ListStreams", json!({"Limit": 1})).await;
    let last = page["LastEvaluatedStreamArn"].clone();
    assert_eq!(page["Streams"][0]["TableName"], "first");
    let gone = json!({"TableName": "first"});
    server.must("DeleteTable", gone).await;
    server.clock.advance_ms(25 * HOUR_MS);
    server.run_due().await;
    let all = server.must("ListStreams", json!({})).await;
    assert_eq!(all["Streams"].as_array().unwrap().len(), 1);
    let next = json!({"ExclusiveStartStreamArn": last, "Limit": 1});
    let page = server.must("ListStreams", next).await;
    assert_eq!(page["Streams"], all["Streams"]);
    assert_eq!(page["LastEvaluatedStreamArn"], Value::Null);
}

#[tokio::test]
async fn iterators_and_records_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let server = Server::on_disk(folder.path(), clock.clone());
    server.table("ttt", Some("NEW_IMAGE")).await;
    server.put("ttt", json!({"pk": s("a")})).await;
    let arn = server.stream_arn("ttt").await;
    let shard = id(&server.shards(&arn).await[0]);
    let latest = json!({"ShardIteratorType": "LATEST"});
    let latest = server.iterator(&arn, &shard, latest).await.unwrap();
    let before = server.records("ttt").await;
    server.api.database().close();
    drop(server);
    clock.advance_ms(MINUTE_MS);
    let server = Server::on_disk(folder.path(), clock);
    server.put("ttt", json!({"pk": s("b")})).await;
    let page = server
        .must("GetRecords", json!({"ShardIterator": latest}))
        .await;
    assert_eq!(keys(&page), ["b"]);
    let after = server.records("ttt").await;
    assert_eq!(after[..1], before[..]);
    assert_eq!(after.len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_set_back_skips_nothing() {
    let stream = stream(1).await;
    let set_ms = |ms| stream.server.clock.set_ms(ms);
    set_ms(START_MS + 72 * HOUR_MS);
    let oldest = stream.start(json!({"ShardIteratorType": "TRIM_HORIZON"}));
    let (read, next) = stream.page(&oldest.await.unwrap()).await.unwrap();
    assert_eq!(read, [] as [&str; 0], "past its retention");
    set_ms(START_MS + MINUTE_MS);
    stream.server.put("ttt", json!({"pk": s("later")})).await;
    let (read, _) = stream.page(&next.unwrap()).await.unwrap();
    assert_eq!(read, ["later"]);
}

#[tokio::test]
async fn a_record_is_found_by_its_time_when_the_clock_is_set_back() {
    let server = Server::start();
    server.table("ttt", Some("NEW_IMAGE")).await;
    server.clock.set_ms(START_MS + HOUR_MS);
    server.put("ttt", json!({"pk": s("early")})).await;
    server.clock.set_ms(START_MS);
    let time = &server.records("ttt").await[0]["dynamodb"]["ApproximateCreationDateTime"];
    assert!(time.as_f64().unwrap() * 1000.0 > START_MS as f64, "{time}");
    let arn = server.stream_arn("ttt").await;
    let shard = id(&server.shards(&arn).await[0]);
    let at_time = json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time});
    let iterator = server.iterator(&arn, &shard, at_time).await.unwrap();
    let page = server
        .must("GetRecords", json!({"ShardIterator": iterator}))
        .await;
    assert_eq!(keys(&page), ["early"]);
}

/// Between them others have the thread.
#[tokio::test]
async fn a_feed_whose_filters_look_at_records_for_long_gives_them_one_by_one() {
    let server = Server::start();
    server.table("ttt", Some("NEW_IMAGE")).await;
    let elements = vec![s("x"); 8_000];
    for key in ["a", "b", "c"] {
        let item = json!({"pk": s(key), "l": {"L": elements}});
        server.put("ttt", item).await;
    }
    let prefixes = r#"{"prefix":"a"},"#.repeat(30);
    let image = format!(r#"{{"l":{{"L":{{"S":[{prefixes}"y"]}}}}}}"#);
    let pattern = format!(r#"{{"dynamodb":{{"NewImage":{image}}}}}"#);
    let patterns = [pattern];
    let feed = server
        .api
        .change_feed("ttt", FeedStart::Horizon, &patterns, &server.context);
    let mut feed = feed.await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = tokio::time::timeout(Duration::from_secs(30), feed.next(100));
        let page = page.await.unwrap().unwrap().unwrap();
        assert!(page.records.is_empty());
        assert_eq!(page.seen, feed.seen());
        seen.extend(page.seen);
    }
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
}
