//! What stands around every answer (streams.md section 0, dynamodb-api.md section 2).

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_engine::{Durability, EngineOptions, StorageOptions};
use headwater_model::{ManualClock, SeededRng};
use headwater_operations::{Api, ApiOptions};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{PATIENCE, Running, body_of, read_to_end, serve, settings, start, status};

#[tokio::test]
async fn answers_carry_request_id_checksum_and_type() {
    const JSON: &str = "application/x-amz-json-1.0";
    let running = start(settings()).await;
    let mut ids = std::collections::BTreeSet::new();
    for (method, kind, operation, expected_status, expected_kind) in [
        ("POST", JSON, "ListTables", 200, Some(JSON)),
        ("POST", "application/json", "ListTables", 200, Some(JSON)),
        ("POST", JSON, "DescribeTable", 400, Some(JSON)),
        ("POST", JSON, "Nothing", 400, Some(JSON)),
        ("POST", "text/plain", "ListTables", 404, None),
        ("PUT", JSON, "ListTables", 404, None),
    ] {
        let request = format!(
            "{method} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             x-amz-target: DynamoDB_20120810.{operation}\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        let answer = running.exchange(request.as_bytes()).await;
        let header = |name: &str| {
            let mut lines = answer.lines();
            let line = lines.find(|line| line.to_lowercase().starts_with(name));
            Some(line?.split_once(": ")?.1)
        };
        assert_eq!(status(&answer), expected_status, "{answer}");
        assert_eq!(header("content-type:"), expected_kind, "{answer}");
        let crc = crc32fast::hash(body_of(&answer).as_bytes()).to_string();
        assert_eq!(header("x-amz-crc32:"), Some(crc.as_str()), "{answer}");
        let id = header("x-amzn-requestid:").unwrap_or_default().to_owned();
        let is_letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        assert!(id.len() == 52 && id.bytes().all(is_letter), "{answer}");
        assert!(ids.insert(id));
    }
    running.stop().await;
}

#[tokio::test]
async fn health_metrics_and_the_known_odd_answers() {
    let running = start(settings()).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    for (path, expected_status, expected) in [
        ("/", 200, "healthy: dynamodb.us-east-1.amazonaws.com "),
        ("/_headwater/health", 200, r#"{"status":"ok"}"#),
        ("/elsewhere", 404, "<UnknownOperationException/>\n"),
    ] {
        let answer = running.exchange(get(path).as_bytes()).await;
        assert_eq!(
            (status(&answer), body_of(&answer)),
            (expected_status, expected),
            "{path}"
        );
    }
    let (code, body) = running.post("DynamoDB_20120810.Nothing", b"{}").await;
    assert_eq!(code, 400);
    assert!(
        body.contains("com.amazon.coral.service#UnknownOperationException"),
        "{body}"
    );
    running.create_table().await;
    let answer = running
        .exchange(get("/_headwater/metrics").as_bytes())
        .await;
    assert!(
        body_of(&answer).contains("headwater_requests_total{operation=\"CreateTable\"} 1"),
        "{answer}"
    );
    // A store without a file, which nobody has filled.
    for line in [
        "# TYPE headwater_state_merges_total counter",
        "headwater_state_runs 0",
        "headwater_state_bytes 65536",
        "headwater_log_segments 1",
    ] {
        assert!(
            body_of(&answer).lines().any(|found| found == line),
            "{line}: {answer}"
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn metrics_have_what_the_last_verification_found() {
    let running = start(settings()).await;
    let ask = async |method: &str, path: &str| {
        let request = format!(
            "{method} /_headwater/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        let answer = running.exchange(request.as_bytes()).await;
        body_of(&answer).to_owned()
    };
    assert!(!ask("GET", "metrics").await.contains("headwater_verify"));
    ask("POST", "verify").await;
    let begun = Instant::now();
    while !ask("GET", "verify").await.contains(r#""status":"done""#) {
        assert!(begun.elapsed() < PATIENCE, "it does not end");
    }
    let metrics = ask("GET", "metrics").await;
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    assert_eq!(value("headwater_verify_findings "), 0);
    let ended = value("headwater_verify_ended_seconds ");
    let now = running.database.clock().now_ms() / 1_000;
    assert!(ended <= now && ended + PATIENCE.as_secs() > now, "{ended}");
    running.stop().await;
}

#[tokio::test]
async fn the_test_clock_moves_when_told_to() {
    let running = start(settings()).await;
    let before = now_ms(
        &running
            .exchange(
                b"GET /_headwater/clock HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            )
            .await,
    );
    let body = r#"{"advance_ms":86400000}"#;
    let request = format!(
        "POST /_headwater/clock HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let after = now_ms(&running.exchange(request.as_bytes()).await);
    assert!(after >= before + 86_400_000);
    running.stop().await;
}

#[tokio::test]
async fn filters_are_explained() {
    let running = start(settings()).await;
    let ask = async |body: &str| {
        let length = body.len();
        let head =
            "POST /_headwater/filter/explain HTTP/1.1\r\nhost: localhost\r\nconnection: close";
        let request = format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        let answer = running.exchange(request.as_bytes()).await;
        (status(&answer), body_of(&answer).to_owned())
    };
    let event = r#"{"eventName":"INSERT"}"#;
    let good = format!(r#"{{"patterns":["{{\"eventName\":[\"INSERT\"]}}"],"events":[{event}]}}"#);
    let rule = r#"{"path":"eventName","rule":"[\"INSERT\"]","found":"\"INSERT\"","matches":true}"#;
    let pattern = format!(r#"{{"matches":true,"rules":[{rule}]}}"#);
    let expected = format!(r#"{{"results":[{{"matches":true,"patterns":[{pattern}]}}]}}"#);
    assert_eq!(ask(&good).await, (200, expected));
    let (code, body) = ask(r#"{"patterns":["{\"a\":1}"],"events":[]}"#).await;
    assert_eq!(code, 400);
    assert!(
        body.contains("pattern 1: at a: a number stands for no rule"),
        "{body}"
    );
    assert_eq!(ask("[").await.0, 400);
    let (code, _) = ask(&" ".repeat(70_000)).await;
    assert_eq!(code, 413);
    running.stop().await;
}

fn now_ms(answer: &str) -> u64 {
    let value: serde_json::Value = serde_json::from_str(body_of(answer)).unwrap();
    value["now_ms"].as_u64().unwrap()
}

/// A reader that waits for a record of a new table, for 20 seconds.
async fn waiting_reader(running: &Running) -> TcpStream {
    let table = br#"{"TableName":"table","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
        "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}"#;
    let ask = async |target: &str, body: String| -> serde_json::Value {
        let (status, answer) = running.post(target, body.as_bytes()).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    };
    let table = String::from_utf8_lossy(table).into_owned();
    let made = ask("DynamoDB_20120810.CreateTable", table).await;
    let arn = &made["TableDescription"]["LatestStreamArn"];
    let described = ask(
        "DynamoDBStreams_20120810.DescribeStream",
        serde_json::json!({ "StreamArn": arn }).to_string(),
    )
    .await;
    let shard = &described["StreamDescription"]["Shards"][0]["ShardId"];
    let iterator = ask(
        "DynamoDBStreams_20120810.GetShardIterator",
        serde_json::json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST"})
            .to_string(),
    )
    .await;
    let body = iterator.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-headwater-wait-ms: 20000\r\n\
         content-type: application/x-amz-json-1.0\r\n\
         x-amz-target: DynamoDBStreams_20120810.GetRecords\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut waiting = running.connect().await;
    waiting.write_all(request.as_bytes()).await.unwrap();
    // Long enough for the request to arrive; before that there is nobody to answer.
    tokio::time::sleep(Duration::from_millis(300)).await;
    waiting
}

#[tokio::test]
async fn whoever_waits_for_records_is_answered_when_the_server_stops() {
    let running = start(settings()).await;
    let mut waiting = waiting_reader(&running).await;
    let stopping = tokio::time::Instant::now();
    running.stop().await;
    let answer = read_to_end(&mut waiting).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(body_of(&answer).contains("NextShardIterator"), "{answer}");
    assert!(stopping.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn whoever_waits_for_records_is_answered_with_the_first_one() {
    let running = start(settings()).await;
    let mut waiting = waiting_reader(&running).await;
    let put = br#"{"TableName":"table","Item":{"pk":{"S":"a"}}}"#;
    let writing = tokio::time::Instant::now();
    let (status, answer) = running.post("DynamoDB_20120810.PutItem", put).await;
    assert_eq!(status, 200, "{answer}");
    let answer = read_to_end(&mut waiting).await;
    assert!(
        body_of(&answer).contains(r#""eventName":"INSERT""#),
        "{answer}"
    );
    assert!(writing.elapsed() < Duration::from_secs(3));
    running.stop().await;
}

/// A reader waits while another table is written and time passes. Gives the answer when its own table is written at last.
async fn answer_after_other_writes(api_options: ApiOptions, passes_ms: u64) -> String {
    let mut storage = StorageOptions::default();
    storage.log.durability = Durability::Memory;
    let clock = ManualClock::new(1_760_000_000_000);
    let (shared, rng) = (Arc::new(clock.clone()), Arc::new(SeededRng::new(7)));
    let options = EngineOptions::default();
    let (database, ..) =
        headwater_engine::open(None, storage, shared.clone(), rng, options).unwrap();
    let running = serve(settings(), Api::new(database, api_options), shared, None).await;
    let other = r#"{"TableName":"other","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}"#;
    let ask = async |target: &str, body: &str| {
        let (status, answer) = running.post(target, body.as_bytes()).await;
        assert_eq!(status, 200, "{answer}");
    };
    ask("DynamoDB_20120810.CreateTable", other).await;
    let mut waiting = waiting_reader(&running).await;
    clock.advance_ms(passes_ms);
    for number in 0..30 {
        let put = format!(r#"{{"TableName":"other","Item":{{"pk":{{"S":"{number}"}}}}}}"#);
        ask("DynamoDB_20120810.PutItem", &put).await;
    }
    let put = r#"{"TableName":"table","Item":{"pk":{"S":"a"}}}"#;
    ask("DynamoDB_20120810.PutItem", put).await;
    let answer = read_to_end(&mut waiting).await;
    running.stop().await;
    answer
}

#[tokio::test]
async fn whoever_waits_for_records_reads_once_however_often_others_write() {
    let mut options = ApiOptions::default();
    options.streams.reads_per_second_max = Some(5);
    let answer = answer_after_other_writes(options, 0).await;
    assert!(answer.contains(r#""eventName":"INSERT""#), "{answer}");
}

#[tokio::test]
async fn an_iterator_does_not_expire_while_its_reader_waits() {
    let options = ApiOptions::default();
    let passes_ms = options.streams.iterator_age_ms_max + 1;
    let answer = answer_after_other_writes(options, passes_ms).await;
    assert!(answer.contains(r#""eventName":"INSERT""#), "{answer}");
}
