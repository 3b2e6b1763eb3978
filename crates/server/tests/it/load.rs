//! Too much at once: what is refused, with which answer, and that it ends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::{Running, body_of, settings, start, status};

const PUT: &[u8] = br#"{"TableName":"table","Item":{"pk":{"S":"a"}}}"#;
const GET: &[u8] = br#"{"TableName":"table","Key":{"pk":{"S":"a"}}}"#;

async fn refused(running: &Running, reason: &str) -> u64 {
    let request = b"GET /_headwater/metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let page = running.exchange(request).await;
    let line = format!("headwater_refused_total{{reason=\"{reason}\"}} ");
    let found = body_of(&page).lines().find_map(|l| l.strip_prefix(&line));
    found.unwrap().parse().unwrap()
}

fn assert_throttled((status, body): (u16, String)) {
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("ThrottlingException"), "{body}");
}

#[tokio::test]
async fn writes_past_their_number_are_throttled_and_reads_go_on() {
    let mut none = settings();
    none.writes_max = 0;
    let running = start(none).await;
    for target in ["PutItem", "UpdateItem", "DeleteItem", "CreateTable"] {
        assert_throttled(
            running
                .post(&format!("DynamoDB_20120810.{target}"), PUT)
                .await,
        );
    }
    let (status, _) = running.post("DynamoDB_20120810.ListTables", b"{}").await;
    assert_eq!(status, 200);
    assert_eq!(refused(&running, "writes").await, 4);
    running.stop().await;
}

#[tokio::test]
async fn a_body_that_finds_no_memory_in_time_is_throttled() {
    let mut tight = settings();
    tight.large_bodies_bytes_max = 1 << 20;
    tight.wait_max = Duration::from_millis(50);
    let running = start(tight).await;
    running.create_table().await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: DynamoDB_20120810.PutItem\r\ncontent-length: 1000000\r\n\r\n";
    // It takes nearly all of the memory and sends nothing.
    let mut greedy = running.connect().await;
    greedy.write_all(head.as_bytes()).await.unwrap();
    while refused(&running, "bodies").await == 0 {
        let answer = running.exchange(head.as_bytes()).await;
        // Until the greedy one was noticed, the other one gets the memory, and its body is missing.
        assert!(matches!(status(&answer), 400 | 408), "{answer}");
    }
    drop(greedy);
    running.stop().await;
}

/// Replies that nobody reads take memory: past its bound others are throttled, and who reads nothing is given up.
#[tokio::test]
async fn readers_that_do_not_read_are_given_up() {
    let mut tight = settings();
    tight.replies_bytes_max = 100_000;
    tight.request_timeout = Duration::from_millis(500);
    let running = start(tight).await;
    running.create_table().await;
    let item = format!(
        r#"{{"TableName":"table","Item":{{"pk":{{"S":"a"}},"v":{{"S":"{}"}}}}}}"#,
        "x".repeat(390_000)
    );
    let put = running.post("DynamoDB_20120810.PutItem", item.as_bytes());
    assert_eq!(put.await.0, 200);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut idle = socket.connect(running.address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: DynamoDB_20120810.GetItem\r\ncontent-length: {}\r\n\r\n",
        GET.len()
    );
    // The system takes some replies in; then one waits here.
    let asks = 40;
    let requests = [head.as_bytes(), GET].concat().repeat(asks);
    idle.write_all(&requests).await.unwrap();
    let mut throttled = 0;
    loop {
        let (status, body) = running.post("DynamoDB_20120810.GetItem", GET).await;
        if status == 400 {
            assert_throttled((status, body));
            throttled += 1;
        } else if throttled > 0 {
            break;
        }
    }
    let mut read = Vec::new();
    let ended = idle.read_to_end(&mut read).await;
    assert!(ended.is_err() || read.len() < asks * 390_000);
    assert_eq!(refused(&running, "replies").await, throttled);
    running.stop().await;
}
