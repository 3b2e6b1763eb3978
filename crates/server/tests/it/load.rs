//! Too much at once: what is refused, with which answer, and that it ends.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use headwater_changelog::{Log, LogOptions};
use headwater_engine::{Database, EngineOptions, TestClock};
use headwater_model::SeededRng;
use headwater_state::StateOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::held_files::HeldFiles;
use crate::support::{PATIENCE, Running, body_of, settings, start, start_on, status};

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

/// Whoever calls the Lambda interface is told so in its words.
#[tokio::test]
async fn a_body_of_the_lambda_interface_that_finds_no_memory_is_too_much() {
    let mut tight = settings();
    tight.large_bodies_bytes_max = 1 << 20;
    tight.wait_max = Duration::from_millis(50);
    tight.request_timeout = Duration::from_secs(1);
    let running = start(tight).await;
    let create = |length: usize| {
        format!(
            "POST /2015-03-31/functions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let answer = loop {
        // It takes nearly all of the memory and sends nothing.
        let mut greedy = running.connect().await;
        let asks = create(1_000_000);
        greedy.write_all(asks.as_bytes()).await.unwrap();
        let answer = running.exchange(asks.as_bytes()).await;
        // Until the greedy one was noticed, the other one gets the memory, and its body is missing.
        if status(&answer) != 408 {
            break answer;
        }
    };
    assert_eq!(status(&answer), 429, "{answer}");
    let kind = "x-amzn-errortype: TooManyRequestsException";
    assert!(answer.contains(kind), "{answer}");
    let answer = running.exchange(create(100_000_000).as_bytes()).await;
    assert_eq!(status(&answer), 413, "{answer}");
    let kind = "x-amzn-errortype: RequestTooLargeException";
    assert!(answer.contains(kind), "{answer}");
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

/// Who takes a large reply so slowly that it would be in memory for long is given up too.
#[tokio::test]
async fn readers_that_make_a_large_reply_last_are_given_up() {
    let mut hasty = settings();
    hasty.request_timeout = Duration::from_millis(500);
    let running = start(hasty).await;
    running.create_table().await;
    // Each number is three bytes of an item and 141 of a reply.
    let numbers = vec![r#"{"N":"1e-130"}"#; 120_000].join(",");
    let item =
        format!(r#"{{"TableName":"table","Item":{{"pk":{{"S":"a"}},"v":{{"L":[{numbers}]}}}}}}"#);
    let put = running.post("DynamoDB_20120810.PutItem", item.as_bytes());
    assert_eq!(put.await.0, 200);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(running.address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: DynamoDB_20120810.GetItem\r\ncontent-length: {}\r\n\r\n",
        GET.len()
    );
    let request = [head.as_bytes(), GET].concat();
    slow.write_all(&request).await.unwrap();
    // A fifteenth of the reply in each patience.
    let mut piece = vec![0; 110_000];
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    let mut read = 0;
    while slow.read_exact(&mut piece).await.is_ok() {
        read += piece.len();
        pace.tick().await;
    }
    assert!(read > 0);
    assert!(read < 120_000 * 130, "all of it was sent");
    running.stop().await;
}

/// A disk that takes writes and makes nothing safe any more: those that are under way wait for it, further ones are told
/// to come again, and reads go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_hangs_throttles_writes_and_no_reads() {
    let (files, hold) = HeldFiles::new();
    let clock = Arc::new(TestClock::default());
    let (log, _) = Log::open(Arc::new(files), LogOptions::default(), clock.clone()).unwrap();
    let state = headwater_state::in_memory(StateOptions::default()).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    let options = EngineOptions::default();
    let (database, _) = Database::open(log, state, clock.clone(), rng, options).unwrap();
    let mut impatient = settings();
    impatient.wait_max = Duration::from_millis(200);
    let running = Arc::new(start_on(impatient, database, clock).await);
    running.create_table().await;
    hold.send_replace(true);
    let server = running.clone();
    let waiting = tokio::spawn(async move { server.post("DynamoDB_20120810.PutItem", PUT).await });
    let metrics = async {
        while refused(&running, "log").await == 0 {
            // Those before the disk is late wait for it.
            let put = running.post("DynamoDB_20120810.PutItem", PUT);
            if let Ok(answer) = tokio::time::timeout(Duration::from_millis(100), put).await {
                assert_throttled(answer);
            }
        }
    };
    tokio::time::timeout(PATIENCE, metrics).await.unwrap();
    let put = running.post("DynamoDB_20120810.PutItem", PUT);
    assert_throttled(put.await);
    for (read, body) in [
        ("GetItem", GET),
        ("DescribeTimeToLive", br#"{"TableName":"table"}"#),
    ] {
        let (status, body) = running
            .post(&format!("DynamoDB_20120810.{read}"), body)
            .await;
        assert_eq!(status, 200, "{body}");
    }
    assert!(!waiting.is_finished());
    hold.send_replace(false);
    let (status, body) = waiting.await.unwrap();
    assert_eq!(status, 200, "{body}");
    let again = async { while running.post("DynamoDB_20120810.PutItem", PUT).await.0 != 200 {} };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    Arc::into_inner(running).unwrap().stop().await;
}

/// The code of a function is in memory until the change that brought it is over, whether its client waits for that or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_client_left_keeps_its_part_of_the_memory_for_bodies() {
    const BODY_BYTES: usize = 700_000;
    let (files, hold) = HeldFiles::new();
    let clock = Arc::new(TestClock::default());
    let (log, _) = Log::open(Arc::new(files), LogOptions::default(), clock.clone()).unwrap();
    let state = headwater_state::in_memory(StateOptions::default()).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    let options = EngineOptions::default();
    let (database, _) = Database::open(log, state, clock.clone(), rng, options).unwrap();
    let mut tight = settings();
    tight.large_bodies_bytes_max = 1 << 20;
    tight.wait_max = Duration::from_millis(200);
    let running = start_on(tight, database, clock).await;
    let create = |name: &str, code: &str| {
        let body = format!(
            r#"{{"FunctionName":"{name}","Role":"arn:aws:iam::000000000000:role/any","Runtime":"provided.al2023",
            "Handler":"none","Code":{{{code}}}}}"#
        );
        let length = body.len();
        format!(
            "POST /2015-03-31/functions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
    };
    let webhook = r#""S3Bucket":"headwater-webhook","S3Key":"http://127.0.0.1:9/""#;
    let before = create("before", webhook);
    let answer = running.exchange(before.as_bytes()).await;
    assert_eq!(status(&answer), 201, "{answer}");
    // Holds the lock of changes and waits for the disk.
    hold.send_replace(true);
    let mut first = running.connect().await;
    let first_asks = create("first", webhook);
    first.write_all(first_asks.as_bytes()).await.unwrap();
    let list = format!(r#"{{"Unknown":"{}"}}"#, "x".repeat(BODY_BYTES));
    let large = async || {
        let list = running.post("DynamoDB_20120810.ListTables", list.as_bytes());
        list.await
    };
    assert_eq!(large().await.0, 200);
    let zip = format!(r#""ZipFile":"{}""#, "A".repeat(BODY_BYTES));
    // Until all of it was read, and waits behind the first.
    let (mut kept, mut tries) = (0, 0);
    while kept < 5 {
        tries += 1;
        assert!(tries < 500, "its part is given back each time");
        if kept == 0 {
            let mut leaving = running.connect().await;
            let asks = create("second", &zip);
            leaving.write_all(asks.as_bytes()).await.unwrap();
        }
        match large().await {
            (200, _) => {
                assert_eq!(kept, 0, "its part was given back");
            }
            refused => {
                assert_throttled(refused);
                kept += 1;
            }
        }
    }
    hold.send_replace(false);
    let again = async { while large().await.0 != 200 {} };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    running.stop().await;
}

/// Work that comes to a processor too late is refused rather than done late.
#[test]
fn processors_that_are_kept_throttle_what_comes() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut impatient = settings();
    impatient.wait_max = Duration::from_millis(100);
    let running = runtime.block_on(async {
        let running = runtime.spawn(start(impatient)).await.unwrap();
        running.create_table().await;
        running
    });
    let mut throttled = false;
    for _ in 0..20 {
        let (go, may_go) = channel::<()>();
        runtime.spawn(async move { may_go.recv_timeout(PATIENCE).unwrap() });
        let answer = runtime.block_on(async {
            let asking = running.post("DynamoDB_20120810.GetItem", GET);
            let letting_go = async {
                tokio::task::yield_now().await;
                let kept = Duration::from_millis(500);
                // The clock of the runtime stands still with its processor.
                tokio::task::block_in_place(|| channel::<()>().1.recv_timeout(kept)).ok();
                go.send(()).unwrap();
            };
            tokio::join!(asking, letting_go).0
        });
        if answer.0 == 400 {
            assert_throttled(answer);
            throttled = true;
            break;
        }
    }
    assert!(throttled, "nothing was refused");
    runtime.block_on(async {
        assert!(refused(&running, "processors").await > 0);
        let again =
            async { while running.post("DynamoDB_20120810.GetItem", GET).await.0 != 200 {} };
        tokio::time::timeout(PATIENCE, again).await.unwrap();
        running.stop().await;
    });
}
