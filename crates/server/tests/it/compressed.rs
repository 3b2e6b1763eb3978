//! Bodies that their senders compressed.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Running, body_of, settings, start, status};

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A put of an item with this key, and as many bytes in it.
fn put(key: &str, length: usize) -> String {
    let value = "x".repeat(length);
    format!(r#"{{"TableName":"table","Item":{{"pk":{{"S":"{key}"}},"v":{{"S":"{value}"}}}}}}"#)
}

/// Sends a PutItem in an encoding; status and body of the answer.
async fn send(running: &Running, encoding: &str, body: &[u8]) -> (u16, String) {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/x-amz-json-1.0\r\nx-amz-target: DynamoDB_20120810.PutItem\r\n\
         content-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = running.exchange(&[head.as_bytes(), body].concat()).await;
    (status(&answer), body_of(&answer).to_owned())
}

async fn has(running: &Running, key: &str) -> bool {
    let get = format!(r#"{{"TableName":"table","Key":{{"pk":{{"S":"{key}"}}}}}}"#);
    let answer = running
        .post("DynamoDB_20120810.GetItem", get.as_bytes())
        .await;
    assert_eq!(answer.0, 200, "{answer:?}");
    answer.1.contains("Item")
}

#[tokio::test]
async fn what_is_compressed_is_taken() {
    let running = start(settings()).await;
    running.create_table().await;
    for (key, length) in [("small", 5), ("large", 300_000)] {
        let answer = send(&running, "gzip", &gzip(&put(key, length))).await;
        assert_eq!(answer, (200, "{}".to_owned()), "{key}");
        assert!(has(&running, key).await, "{key}");
    }
    let text = put("two", 5);
    let (begin, end) = text.split_at(10);
    let two = [gzip(begin), gzip(end)].concat();
    assert_eq!(send(&running, "GZIP", &two).await.0, 200);
    assert!(has(&running, "two").await);
    running.stop().await;
}

#[tokio::test]
async fn what_is_broken_or_of_another_encoding_is_an_internal_error() {
    let running = start(settings()).await;
    running.create_table().await;
    let text = put("key", 5);
    let whole = gzip(&text);
    for (encoding, body) in [
        ("garbage", text.as_bytes()),
        ("gzip", text.as_bytes()),
        ("gzip", &whole[..whole.len() - 1]),
        ("gzip", b""),
        ("gzip, gzip", &whole),
    ] {
        let (status, answer) = send(&running, encoding, body).await;
        assert_eq!(status, 500, "{encoding}: {answer}");
        assert!(answer.contains("#InternalServerError"), "{answer}");
        assert!(!has(&running, "key").await);
    }
    running.stop().await;
}

#[tokio::test]
async fn no_more_is_decompressed_than_a_body_may_have() {
    let running = start(settings()).await;
    running.create_table().await;
    let padded = put("key", 5) + &" ".repeat(20 << 20);
    let (status, answer) = send(&running, "gzip", &gzip(&padded)).await;
    assert_eq!(status, 413, "{answer}");
    assert!(!has(&running, "key").await);
    running.stop().await;
}

/// What a body is decompressed to takes its part of the budget.
#[tokio::test]
async fn what_finds_no_memory_in_time_is_throttled() {
    let mut tight = settings();
    tight.large_bodies_bytes_max = 1 << 20;
    tight.wait_max = Duration::from_millis(50);
    let running = start(tight).await;
    running.create_table().await;
    let padded = |bytes: usize| gzip(&(put("key", 5) + &" ".repeat(bytes)));
    for _ in 0..3 {
        let (status, answer) = send(&running, "gzip", &padded(2 << 20)).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer.contains("ThrottlingException"), "{answer}");
    }
    assert!(!has(&running, "key").await);
    // Nothing of the budget is lost.
    let (status, answer) = send(&running, "gzip", &padded(700_000)).await;
    assert_eq!(status, 200, "{answer}");
    running.stop().await;
}
