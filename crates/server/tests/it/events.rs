//! Changes as server-sent events: order, going on, filters, bounds.

use std::sync::Arc;

use headwater_server::ServerSettings;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{PATIENCE, Running, body_of, settings, start, status};

/// A reader of events, over HTTP/1.0 so that the body comes as it is.
struct Reader {
    connection: TcpStream,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Reader {
    async fn open(server: &Running, query: &str, headers: &str) -> Reader {
        let mut connection = server.connect().await;
        let head = format!(
            "GET /streams/table/events{query} HTTP/1.0\r\nhost: localhost\r\n{headers}\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut reader = Reader {
            connection,
            text: String::new(),
        };
        let head = reader.until("\r\n\r\n").await.unwrap();
        assert!(head.contains("200 OK"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        reader
    }

    /// What comes up to the end mark; `None` if the server closes before.
    async fn until(&mut self, mark: &str) -> Option<String> {
        loop {
            if let Some(at) = self.text.find(mark) {
                let rest = self.text.split_off(at + mark.len());
                return Some(std::mem::replace(&mut self.text, rest));
            }
            let mut buffer = [0; 64 << 10];
            let read = tokio::time::timeout(PATIENCE, self.connection.read(&mut buffer)).await;
            let read = read.expect("no event came").unwrap();
            if read == 0 {
                return None;
            }
            self.text
                .push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
    }

    /// The next event, those without data too.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.until("\n\n").await?;
            let field = |name: &str| {
                let mut lines = block.lines();
                let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                value.unwrap_or_default().to_owned()
            };
            let (name, id, data) = (field("event"), field("id"), field("data"));
            if !(name.is_empty() && id.is_empty()) {
                let data = serde_json::from_str(&data).unwrap_or_default();
                return Some(Event { name, id, data });
            }
        }
    }

    /// The next events of this name; others are passed over.
    async fn take(&mut self, name: &str, count: usize) -> Vec<Event> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let event = self.next().await.expect("the events ended");
            if event.name == name {
                taken.push(event);
            }
        }
        taken
    }
}

async fn streamed() -> Running {
    streamed_with(settings()).await
}

async fn streamed_with(settings: ServerSettings) -> Running {
    let server = start(settings).await;
    let body = br#"{"TableName":"table","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
        "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}"#;
    let (status, body) = server.post("DynamoDB_20120810.CreateTable", body).await;
    assert_eq!(status, 200, "{body}");
    server
}

async fn put(server: &Running, key: &str, value: &str) {
    let body = json!({"TableName": "table", "Item": {"pk": {"S": key}, "v": {"S": value}}});
    let body = body.to_string();
    let (status, body) = server
        .post("DynamoDB_20120810.PutItem", body.as_bytes())
        .await;
    assert_eq!(status, 200, "{body}");
}

async fn split_all(server: &Running) {
    let stream = server.database.streams().await.unwrap()[0].clone();
    for shard in server.database.shards(stream.id).await.unwrap() {
        if shard.end.is_none() {
            let split = server
                .database
                .split_shard(stream.id, shard.number, 2)
                .await;
            split.unwrap();
        }
    }
}

fn key(event: &Event) -> String {
    let keys = &event.data["record"]["dynamodb"]["Keys"];
    keys["pk"]["S"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn all_shards_come_in_one_order_and_go_on_behind_any_record() {
    let server = Arc::new(streamed().await);
    let mut live = Reader::open(&server, "", "").await;
    for round in 0..4 {
        let mut writers = JoinSet::new();
        for writer in 0..10 {
            let server = server.clone();
            writers.spawn(async move {
                for item in 0..5 {
                    put(&server, &format!("{round}-{writer}-{item}"), "x").await;
                }
            });
        }
        split_all(&server).await;
        writers.join_all().await;
    }
    let live = live.take("record", 200).await;
    let ids: Vec<&str> = live.iter().map(|event| event.id.as_str()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    let shards: std::collections::BTreeSet<&str> = live
        .iter()
        .map(|event| event.data["shardId"].as_str().unwrap())
        .collect();
    assert!(shards.len() > 8, "{shards:?}");
    let past = Reader::open(&server, "?from=horizon", "")
        .await
        .take("record", 200)
        .await;
    assert_eq!(past, live);
    for at in [0, 57, 198] {
        let header = format!("last-event-id: {}\r\n", ids[at]);
        let mut reader = Reader::open(&server, "?from=horizon", &header).await;
        let rest = reader.take("record", 199 - at).await;
        assert_eq!(rest, live[at + 1..]);
    }
    Arc::into_inner(server).unwrap().stop().await;
}

#[tokio::test]
async fn a_reader_cut_off_before_the_first_record_goes_on_where_it_began() {
    let server = streamed().await;
    put(&server, "before", "x").await;
    let mut reader = Reader::open(&server, "", "").await;
    let begun = reader.take("start", 1).await.remove(0);
    drop(reader);
    put(&server, "meanwhile", "x").await;
    let header = format!("last-event-id: {}\r\n", begun.id);
    let mut reader = Reader::open(&server, "", &header).await;
    assert_eq!(key(&reader.take("record", 1).await[0]), "meanwhile");
    server.stop().await;
}

#[tokio::test]
async fn what_does_not_match_only_moves_the_id() {
    let server = streamed().await;
    let pattern =
        "%7B%22dynamodb%22%3A%7B%22Keys%22%3A%7B%22pk%22%3A%7B%22S%22%3A%5B%22b%22%5D%7D%7D%7D%7D";
    let mut reader = Reader::open(&server, &format!("?filter={pattern}"), "").await;
    put(&server, "a", "1").await;
    put(&server, "b", "1").await;
    let begun = reader.next().await.unwrap();
    let moved = reader.next().await.unwrap();
    assert_eq!((moved.name.as_str(), &moved.data), ("", &Value::Null));
    assert!(moved.id > begun.id);
    let record = reader.take("record", 1).await.remove(0);
    assert_eq!(key(&record), "b");
    assert!(record.id > moved.id);
    server.stop().await;
}

#[tokio::test]
async fn batches_hold_what_is_there() {
    let server = streamed().await;
    for item in 0..5 {
        put(&server, &item.to_string(), "1").await;
    }
    let mut reader = Reader::open(&server, "?from=horizon&batch=3", "").await;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let event = reader.take("records", 1).await.remove(0);
        let records = event.data.as_array().unwrap().clone();
        assert!((1..=3).contains(&records.len()));
        let last = &records.last().unwrap()["record"]["dynamodb"]["SequenceNumber"];
        assert_eq!(*last, json!(event.id));
        seen.extend(records);
    }
    let keys: Vec<&Value> = seen
        .iter()
        .map(|one| &one["record"]["dynamodb"]["Keys"]["pk"]["S"])
        .collect();
    assert_eq!(keys, ["0", "1", "2", "3", "4"]);
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_stream_ends_when_it_is_read() {
    let server = streamed().await;
    let mut reader = Reader::open(&server, "", "").await;
    put(&server, "last", "1").await;
    let disable = br#"{"TableName":"table","StreamSpecification":{"StreamEnabled":false}}"#;
    let (status, body) = server.post("DynamoDB_20120810.UpdateTable", disable).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(key(&reader.take("record", 1).await[0]), "last");
    assert_eq!(reader.take("end", 1).await.len(), 1);
    assert_eq!(reader.next().await, None);
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_read_holds_nobody_up_and_misses_nothing() {
    let server = streamed().await;
    let mut reader = Reader::open(&server, "", "").await;
    let value = "v".repeat(100_000);
    for item in 0..150 {
        put(&server, &item.to_string(), &value).await;
    }
    let records = reader.take("record", 150).await;
    let keys: Vec<String> = records.iter().map(key).collect();
    let all: Vec<String> = (0..150).map(|item| item.to_string()).collect();
    assert_eq!(keys, all);
    server.stop().await;
}

#[tokio::test]
async fn the_end_of_the_server_ends_the_events() {
    let server = streamed().await;
    let mut reader = Reader::open(&server, "", "").await;
    assert_eq!(reader.next().await.unwrap().name, "start");
    let ended = tokio::spawn(async move { reader.next().await });
    server.stop().await;
    assert_eq!(ended.await.unwrap(), None);
}

#[tokio::test]
async fn refusals_say_what_is_wrong() {
    let server = streamed().await;
    let ask = async |path: &str, headers: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        let answer = server.exchange(request.as_bytes()).await;
        let body: Value = serde_json::from_str(body_of(&answer)).unwrap();
        (
            status(&answer),
            body["message"].as_str().unwrap().to_owned(),
        )
    };
    for (path, expected, part) in [
        ("/streams/none/events", 404, "Table: none not found"),
        (
            "/streams/table/events?from=yesterday",
            400,
            "sequence number",
        ),
        ("/streams/table/events?batch=0", 400, "from 1 to 1000"),
        ("/streams/table/events?batch=x", 400, "from 1 to 1000"),
        ("/streams/table/events?filter=%7B", 400, "pattern"),
        (
            "/streams/table/events?from=@99999999999999",
            400,
            "Timestamp",
        ),
    ] {
        let (status, message) = ask(path, "").await;
        assert_eq!(status, expected, "{path}: {message}");
        assert!(message.contains(part), "{path}: {message}");
    }
    let (status, message) = ask("/streams/table/events", "origin: http://example.com\r\n").await;
    assert_eq!(status, 403, "{message}");
    server.stop().await;
}

#[tokio::test]
async fn a_table_without_a_stream_says_how_to_get_one() {
    let server = start(settings()).await;
    server.create_table().await;
    let request =
        "GET /streams/table/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = server.exchange(request.as_bytes()).await;
    assert_eq!(status(&answer), 400);
    assert!(body_of(&answer).contains("has no stream"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn there_are_only_so_many_readers() {
    let mut settings = settings();
    settings.connections_max = 100;
    let server = streamed_with(settings).await;
    let mut readers = Vec::new();
    for _ in 0..64 {
        readers.push(Reader::open(&server, "", "").await);
    }
    let ask = "GET /streams/table/events HTTP/1.0\r\nhost: localhost\r\n\r\n";
    let answer = server.exchange(ask.as_bytes()).await;
    assert_eq!(status(&answer), 429, "{answer}");
    assert!(body_of(&answer).contains("64 readers"), "{answer}");
    // A place is free again when the server has seen that its reader left.
    drop(readers.pop());
    let free = async {
        loop {
            let mut connection = server.connect().await;
            connection.write_all(ask.as_bytes()).await.unwrap();
            let mut line = [0; 15];
            connection.read_exact(&mut line).await.unwrap();
            if line == *b"HTTP/1.0 200 OK" {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, free).await.unwrap();
    server.stop().await;
}

/// Moves the clock and lets what is due then be done.
async fn pass_hours(server: &Running, hours: u64) {
    let body = format!(r#"{{"advance_ms":{}}}"#, hours * 3_600_000);
    let request = format!(
        "POST /_headwater/clock HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let reply = server.exchange(request.as_bytes()).await;
    assert!(reply.contains("200 OK"), "{reply}");
    server.database.run_due().await.unwrap();
}

/// Puts an item, and reads its event with those that a reader gets first.
async fn put_and_read(server: &Running, reader: &mut Reader, name: &str) -> Event {
    put(server, name, "v").await;
    reader.take("record", 1).await.remove(0)
}

#[tokio::test]
async fn a_reader_that_comes_too_late_is_told_that_records_are_lost() {
    let server = streamed().await;
    let mut reader = Reader::open(&server, "", "").await;
    let last = put_and_read(&server, &mut reader, "read").await.id;
    put(&server, "missed", "v").await;
    pass_hours(&server, 30).await;
    put(&server, "there", "v").await;
    drop(reader);

    let header = format!("last-event-id: {last}\r\n");
    let mut late = Reader::open(&server, "", &header).await;
    assert_eq!(late.next().await.unwrap().name, "start");
    assert_eq!(late.next().await.unwrap().name, "lost");
    let next = late.take("record", 1).await.remove(0);
    assert_eq!(key(&next), "there");
}

/// The shards that had the records were gone, and nobody saw that they had been there.
#[tokio::test]
async fn a_reader_is_told_of_records_whose_shards_are_gone() {
    let server = streamed().await;
    let mut reader = Reader::open(&server, "", "").await;
    let last = put_and_read(&server, &mut reader, "read").await.id;
    put(&server, "missed", "v").await;
    drop(reader);
    pass_hours(&server, 30).await;
    pass_hours(&server, 25).await;

    let header = format!("last-event-id: {last}\r\n");
    let mut late = Reader::open(&server, "", &header).await;
    assert_eq!(late.next().await.unwrap().name, "start");
    assert_eq!(late.next().await.unwrap().name, "lost");
    let next = put_and_read(&server, &mut late, "there").await;

    // Nothing is lost to one that was there until now, nor to one that begins at the horizon.
    let header = format!("last-event-id: {}\r\n", next.id);
    for (query, header) in [("", &*header), ("?from=horizon", "")] {
        let mut reader = Reader::open(&server, query, header).await;
        assert_eq!(reader.next().await.unwrap().name, "start");
        put(&server, "more", query).await;
        assert_eq!(reader.next().await.unwrap().name, "record");
    }
}
