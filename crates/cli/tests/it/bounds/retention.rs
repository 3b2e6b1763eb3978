//! A day and more of changes, on the test clock: disk and memory stay bounded, trimming takes no time, and a reader
//! who stopped reading costs nothing and is told what it missed.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::{scale, usage};
use crate::process::Server;

const STEP_MS: u64 = 2 * 60 * 60 * 1000;
const STEPS: usize = 20;

#[test]
fn a_day_and_more_of_changes_keeps_within_its_disk() {
    let data = tempfile::tempdir().expect("a folder");
    let settings = [
        "--test-clock",
        "--cache-mb",
        "32",
        "--durability",
        "interval",
    ];
    let server = Server::with(data.path(), &settings);
    server.create_table("table", true);
    let mut client = Client::connect(&server);
    let stopped = iterators(&mut client);
    let mut sleeper = None;
    let (changes, value) = (scale(60, 500_000), scale(100_000, 100));
    let (mut most_mb, mut rss, mut longest) = (0, Vec::new(), Duration::ZERO);
    for step in 0..STEPS {
        write(&server, changes, value, step);
        if step == 0 {
            // A follower that asks for everything and never reads its answers.
            sleeper = Some(follow(&server, &stopped));
        }
        longest = longest.max(advance(&server));
        most_mb = most_mb.max(usage::folder_mb(&data.path().join("log")));
        rss.push(usage::of(server.pid()).rss_mb);
    }
    println!(
        "{STEPS} times {changes} changes of {value} bytes, two hours apart: log at most {most_mb} MB and at last {} MB, \
         moving the clock took at most {longest:?}, memory {rss:?} MB",
        usage::folder_mb(&data.path().join("log"))
    );
    assert!(log_is_trimmed(data.path()));
    let middle = rss[STEPS / 2];
    assert!(rss[STEPS - 1] <= middle + 64, "{rss:?}");
    // The first connection has been idle for too long.
    let mut client = Client::connect(&server);
    for iterator in &stopped {
        let input = json!({"ShardIterator": iterator}).to_string();
        let answer = client.ask("DynamoDBStreams_20120810.GetRecords", &input);
        assert_eq!(answer.error(), "ExpiredIteratorException");
    }
    drop(sleeper);
    server.stop();
}

fn iterators(client: &mut Client) -> Vec<Value> {
    let table = client.dynamodb("DescribeTable", &json!({"TableName": "table"}));
    let stream = &table["Table"]["LatestStreamArn"];
    let described = client.streams("DescribeStream", &json!({"StreamArn": stream}));
    let shards = described["StreamDescription"]["Shards"]
        .as_array()
        .expect("shards");
    let iterator = |shard: &Value| {
        let input = json!({"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"});
        client.streams("GetShardIterator", &input)["ShardIterator"].clone()
    };
    shards.iter().map(iterator).collect()
}

fn follow(server: &Server, iterators: &[Value]) -> Client {
    let mut sleeper = Client::connect(server);
    for iterator in iterators {
        let body = json!({"ShardIterator": iterator}).to_string();
        let asks = super::client::request("DynamoDBStreams_20120810.GetRecords", &body);
        sleeper.send(&asks.repeat(8)).expect("sent");
    }
    sleeper
}

fn write(server: &Server, changes: usize, value: usize, step: usize) {
    std::thread::scope(|scope| {
        for part in 0..8 {
            scope.spawn(move || {
                let mut client = Client::connect(server);
                for number in (part..changes).step_by(8) {
                    let text = incompressible(value, (step * changes + number) as u64);
                    let item = json!({"id": {"S": number.to_string()}, "v": {"S": text}});
                    let input = json!({"TableName": "table", "Item": item}).to_string();
                    while client.ask("DynamoDB_20120810.PutItem", &input).status != 200 {
                        std::thread::yield_now();
                    }
                }
            });
        }
    });
}

/// Text that does not become smaller, so that a few changes fill a segment.
pub fn incompressible(len: usize, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                [state as usize % 64],
        )
    };
    (0..len).map(letter).collect()
}

/// Moves the clock; how long what became due took.
fn advance(server: &Server) -> Duration {
    let mut client = Client::connect(server);
    let body = json!({"advance_ms": STEP_MS}).to_string();
    let request = format!(
        "POST /_headwater/clock HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let begun = Instant::now();
    client.send(request.as_bytes()).expect("sent");
    assert_eq!(client.answer().expect("an answer").status, 200);
    begun.elapsed()
}

/// Whether the first segment is gone.
fn log_is_trimmed(data: &Path) -> bool {
    !data.join("log/00000000000000000001.hwl").exists()
}
