//! Bad input gets the error that AWS gives, or a closed connection; never a hang, a panic or a lost server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_engine::{Durability, EngineOptions, StorageOptions, TestClock};
use headwater_model::SeededRng;
use headwater_operations::{Api, ApiOptions};
use headwater_server::AdvanceClock;
use tokio::io::AsyncWriteExt;

use crate::support::{PATIENCE, Running, body_of, read_to_end, serve, settings, start, status};

/// The server still works after whatever was done to it.
async fn assert_alive(running: &Running) {
    let (status, body) = running.post("DynamoDB_20120810.ListTables", b"{}").await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn bodies_that_are_no_json_are_serialization_errors() {
    let running = start(settings()).await;
    running.create_table().await;
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let deep_item = format!(
        r#"{{"TableName":"table","Item":{{"pk":{{"S":"a"}},"d":{}{{"S":"x"}}{}}}}}"#,
        r#"{"L":["#.repeat(5_000),
        "]}".repeat(5_000)
    );
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"{\"TableName\":\"table\"",
        b"[]",
        b"nonsense",
        b"{\"TableName\":\"\xff\xfe\"}",
        b"{\"TableName\":\"table\"} trailing",
        b"{\"TableName\":\"\\ud800\"}",
        &deep,
    ];
    for body in bodies {
        let (status, answer) = running.post("DynamoDB_20120810.PutItem", body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(status, 400, "{shown}: {answer}");
        assert!(
            answer.contains("SerializationException"),
            "{shown}: {answer}"
        );
    }
    let (status, answer) = running
        .post("DynamoDB_20120810.PutItem", deep_item.as_bytes())
        .await;
    assert_eq!(status, 400, "{answer}");
    let wrong_types = [
        r#"{"TableName":5}"#,
        r#"{"TableName":"table","Item":[]}"#,
        r#"{"TableName":"table","Item":{"pk":{"S":5}}}"#,
        r#"{"TableName":"table","Item":{"pk":{"B":"not base64!"}}}"#,
    ];
    for body in wrong_types {
        let (status, answer) = running
            .post("DynamoDB_20120810.PutItem", body.as_bytes())
            .await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(
            answer.contains("SerializationException"),
            "{body}: {answer}"
        );
    }
    assert_alive(&running).await;
    running.stop().await;
}

#[tokio::test]
async fn a_body_over_16_mb_is_refused_before_it_is_read() {
    let running = start(settings()).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.0\r\n\
                x-amz-target: DynamoDB_20120810.PutItem\r\ncontent-length: 1000000000\r\n\r\n";
    let answer = running.exchange(head.as_bytes()).await;
    assert_eq!(status(&answer), 413, "{answer}");
    // Without a length it is found out while reading.
    let mut chunked = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.0\r\n\
        x-amz-target: DynamoDB_20120810.PutItem\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec();
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    for _ in 0..18 {
        chunked.extend_from_slice(&chunk);
    }
    let answer = running.exchange(&chunked).await;
    assert!(status(&answer) == 413 || answer.is_empty(), "{answer}");
    assert_alive(&running).await;
    running.stop().await;
}

#[tokio::test]
async fn broken_http_closes_the_connection() {
    let running = start(settings()).await;
    let long_header = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(200_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5_000));
    let requests: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        long_header.as_bytes(),
        many_headers.as_bytes(),
    ];
    for request in requests {
        let answer = running.exchange(request).await;
        assert!(
            answer.is_empty() || (400..500).contains(&status(&answer)),
            "{answer}"
        );
    }
    assert_alive(&running).await;
    running.stop().await;
}

#[tokio::test]
async fn slow_and_vanishing_clients_are_let_go() {
    let mut quick = settings();
    quick.request_timeout = Duration::from_millis(300);
    quick.connections_max = 4;
    let running = start(quick).await;
    let mut slow = Vec::new();
    for request in [
        "",
        "POST / HTT",
        "POST / HTTP/1.1\r\nhost: x\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: DynamoDB_20120810.PutItem\r\ncontent-length: 100\r\n\r\n{\"Tab",
    ] {
        let mut stream = running.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    // All places are taken; they come free because each of these is given up.
    for stream in &mut slow {
        let answer = read_to_end(stream).await;
        assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
    }
    assert_alive(&running).await;
    // A client that is gone before its answer.
    let mut gone = running.connect().await;
    gone.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12")
        .await
        .unwrap();
    drop(gone);
    assert_alive(&running).await;
    running.stop().await;
}

#[tokio::test]
async fn other_paths_methods_and_types_are_unknown() {
    let running = start(settings()).await;
    for request in [
        "PUT / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}",
    ] {
        let answer = running.exchange(request.as_bytes()).await;
        assert_eq!(
            (status(&answer), body_of(&answer)),
            (404, "<UnknownOperationException/>\n")
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn large_bodies_share_a_budget_and_small_ones_go_past() {
    let mut tight = settings();
    tight.large_bodies_bytes_max = 1 << 20;
    let running = start(tight).await;
    running.create_table().await;
    // One client takes most of the budget and sends nothing yet.
    let item = format!(
        r#"{{"TableName":"table","Item":{{"pk":{{"S":"a"}},"v":{{"S":"{}"}}}}}}"#,
        "x".repeat(300_000)
    );
    let head = |length: usize| {
        format!(
            "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/x-amz-json-1.0\r\n\
             x-amz-target: DynamoDB_20120810.PutItem\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let padded = format!("{item}{}", " ".repeat(900_000 - item.len()));
    let mut first = running.connect().await;
    first
        .write_all(head(padded.len()).as_bytes())
        .await
        .unwrap();
    // A second large one has to wait for it; small ones don't.
    let mut second = running.connect().await;
    second
        .write_all(head(padded.len()).as_bytes())
        .await
        .unwrap();
    second.write_all(&padded.as_bytes()[..100]).await.unwrap();
    assert_alive(&running).await;
    // Whichever has the budget, both get through once both have sent.
    first.write_all(padded.as_bytes()).await.unwrap();
    second.write_all(&padded.as_bytes()[100..]).await.unwrap();
    for stream in [&mut first, &mut second] {
        let answer = read_to_end(stream).await;
        assert_eq!(status(&answer), 200, "{answer}");
    }
    running.stop().await;
}

async fn connections_open(running: &Running) -> u64 {
    let request = b"GET /_headwater/metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let page = running.exchange(request).await;
    let mut lines = body_of(&page).lines();
    let found = lines.find_map(|line| line.strip_prefix("headwater_connections "));
    found.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_connection_whose_handler_panics_is_counted_no_more() {
    let clock = Arc::new(TestClock::default());
    let rng = Arc::new(SeededRng::new(7));
    let mut storage = StorageOptions::default();
    storage.log.durability = Durability::Memory;
    let opened =
        headwater_engine::open(None, storage, clock.clone(), rng, EngineOptions::default());
    let api = Api::new(opened.unwrap().0, ApiOptions::default());
    let fails: AdvanceClock = Box::new(|_| panic!("this test's clock can't be moved"));
    let running = serve(settings(), api, clock, Some(fails)).await;
    let request = b"POST /_headwater/clock HTTP/1.1\r\nhost: localhost\r\ncontent-length: 16\r\n\r\n{\"advance_ms\":1}";
    assert_eq!(running.exchange(request).await, "");
    let begun = Instant::now();
    // The one that asks.
    while connections_open(&running).await > 1 {
        assert!(begun.elapsed() < PATIENCE, "it is still counted");
    }
    running.stop().await;
}
