//! `headwater tail` against a served table.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Running, Server, headwater, output, text, wait};

/// A server with the table `things`, which has a stream.
fn served() -> (TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), "127.0.0.1:0");
    server.create_table("things", true);
    (folder, server)
}

fn tail(server: &Server, arguments: &[&str]) -> Running {
    Running::start(&[&["tail", "things", "--endpoint", &server.url], arguments].concat())
}

/// The lines without their times.
fn shown(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line.split_once("  ").map_or("", |(_, rest)| rest))
        .collect()
}

#[test]
fn old_records_come_in_the_order_of_the_writes() {
    let (_folder, server) = served();
    server.put("things", "a", 1);
    server.put("things", "b", 1);
    server.put("things", "a", 2);
    server.put("things", "a", 2);
    server.delete("things", "b");
    server.put("things", "c d", 1);
    let all = tail(&server, &["--from", "beginning"]);
    let lines = all.lines(5);
    let expected = [
        "INSERT  id=a  v=1",
        "INSERT  id=b  v=1",
        "MODIFY  id=a  v: 1 -> 2",
        "REMOVE  id=b  v=1",
        "INSERT  id=\"c d\"  v=1",
    ];
    assert_eq!(shown(&lines), expected);
    all.signal(Signal::INT);
    assert!(all.wait().success());
    server.stop();
}

#[test]
fn filters_limits_and_json() {
    let (_folder, server) = served();
    for (id, v) in [("a1", 1), ("a2", 1), ("b1", 1), ("a1", 2), ("b1", 2)] {
        server.put("things", id, v);
    }
    for (arguments, expected) in [
        (
            vec!["--event", "modify", "--limit", "2"],
            vec!["MODIFY  id=a1  v: 1 -> 2", "MODIFY  id=b1  v: 1 -> 2"],
        ),
        (
            vec!["--key", "a*", "--limit", "3"],
            vec![
                "INSERT  id=a1  v=1",
                "INSERT  id=a2  v=1",
                "MODIFY  id=a1  v: 1 -> 2",
            ],
        ),
        (
            vec!["--key", "id=b1", "--event", "INSERT", "--limit", "1"],
            vec!["INSERT  id=b1  v=1"],
        ),
        (
            vec!["--from", "1h", "--limit", "1"],
            vec!["INSERT  id=a1  v=1"],
        ),
    ] {
        let from: &[&str] = if arguments.contains(&"--from") {
            &[]
        } else {
            &["--from", "beginning"]
        };
        let running = tail(&server, &[from, &arguments].concat());
        let lines = running.lines(expected.len());
        assert_eq!(shown(&lines), expected);
        assert!(running.wait().success());
    }
    let running = tail(&server, &["--from", "beginning", "--json", "--limit", "1"]);
    let record: Value = serde_json::from_str(&running.line()).expect("JSON");
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(
        record["dynamodb"]["NewImage"],
        json!({"id": {"S": "a1"}, "v": {"N": "1"}})
    );
    assert!(
        record["shardId"]
            .as_str()
            .is_some_and(|id| id.starts_with("shardId-"))
    );
    server.stop();
}

/// Writes until the tail shows something, which tells that it has begun.
fn until_it_follows(server: &Server, running: &Running) -> usize {
    for v in 1..1_000 {
        server.put("things", "mark", v);
        if running.line_within(Duration::from_millis(100)).is_some() {
            return v;
        }
    }
    panic!("the tail shows nothing");
}

/// The lines up to the one of a last write, without those of the mark.
fn rest(server: &Server, running: &Running) -> Vec<String> {
    server.put("things", "end", 1);
    let mut lines = Vec::new();
    let mut ended = false;
    // Shards are followed side by side: what was written before may still come after.
    while let Some(line) = running.line_within(Duration::from_secs(if ended { 2 } else { 30 })) {
        ended |= line.contains("id=end");
        if !line.contains("id=mark") && !line.contains("id=end") {
            lines.push(line);
        }
    }
    assert!(ended, "the last write is missing");
    lines
}

/// For each key the values that were shown, in order.
fn by_key(lines: &[String]) -> HashMap<String, Vec<String>> {
    let mut keys: HashMap<String, Vec<String>> = HashMap::new();
    for line in shown(lines) {
        let mut words = line.split("  ").skip(1);
        let key = words.next().expect("a key").to_owned();
        let value = words.next().expect("a value").rsplit([' ', '=']).next();
        keys.entry(key)
            .or_default()
            .push(value.expect("a value").to_owned());
    }
    keys
}

#[test]
fn new_records_come_through_splits_and_a_restart() {
    let (folder, server) = served();
    let running = tail(&server, &[]);
    until_it_follows(&server, &running);
    let write = |server: &Server, round: usize| {
        for id in 0..20 {
            server.put("things", &format!("k{id}"), round);
        }
    };
    write(&server, 1);
    split_all(&server);
    write(&server, 2);
    let address = server.address().to_owned();
    server.stop();
    let server = Server::start(folder.path(), &address);
    write(&server, 3);
    split_all(&server);
    write(&server, 4);
    let keys = by_key(&rest(&server, &running));
    assert_eq!(keys.len(), 20);
    for (key, values) in &keys {
        assert_eq!(values, &["1", "2", "3", "4"], "{key}");
    }
    let again = tail(
        &server,
        &["--from", "beginning", "--key", "k7", "--limit", "4"],
    );
    let lines = again.lines(4);
    assert_eq!(
        shown(&lines),
        [
            "INSERT  id=k7  v=1",
            "MODIFY  id=k7  v: 1 -> 2",
            "MODIFY  id=k7  v: 2 -> 3",
            "MODIFY  id=k7  v: 3 -> 4"
        ]
    );
    running.signal(Signal::INT);
    assert!(running.wait().success());
    server.stop();
}

/// Splits each open shard in two.
fn split_all(server: &Server) {
    let table = server.dynamodb("DescribeTable", &json!({"TableName": "things"}));
    let stream = &table["Table"]["LatestStreamArn"];
    let described = server.streams("DescribeStream", &json!({"StreamArn": stream}));
    for shard in described["StreamDescription"]["Shards"]
        .as_array()
        .expect("shards")
    {
        if shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null() {
            let input = json!({"stream_arn": stream, "shard_id": shard["ShardId"], "children": 2});
            server.post("/_headwater/split", "", &input);
        }
    }
}

#[test]
fn a_stream_that_is_disabled_ends_the_tail() {
    let (_folder, server) = served();
    server.put("things", "a", 1);
    let disable = json!({"TableName": "things", "StreamSpecification": {"StreamEnabled": false}});
    server.dynamodb("UpdateTable", &disable);
    let ended = output(&[
        "tail",
        "things",
        "--endpoint",
        &server.url,
        "--from",
        "beginning",
    ]);
    assert!(ended.status.success());
    let lines = text(&ended.stdout);
    assert!(lines.trim_end().ends_with("INSERT  id=a  v=1"), "{lines}");
    assert!(
        text(&ended.stderr).contains("aws dynamodb update-table"),
        "{}",
        text(&ended.stderr)
    );
    server.stop();
}

#[test]
fn a_closed_output_ends_it() {
    let (_folder, server) = served();
    server.put("things", "a", 1);
    // Nobody reads, and no record comes either.
    let mut child = headwater(&["tail", "things", "--endpoint", &server.url])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    assert!(wait(&mut child).success());
    // Nobody reads what is there.
    let mut child = headwater(&[
        "tail",
        "things",
        "--endpoint",
        &server.url,
        "--from",
        "beginning",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .expect("it runs");
    drop(child.stdout.take());
    assert!(wait(&mut child).success());
    server.stop();
}

#[test]
fn errors_say_what_to_do() {
    let (_folder, server) = served();
    server.create_table("plain", false);
    for (arguments, expected) in [
        (
            vec!["tail", "plain", "--endpoint", &server.url],
            "aws dynamodb update-table --table-name plain",
        ),
        (
            vec!["tail", "none", "--endpoint", &server.url],
            "the tables there are plain, things",
        ),
        (
            vec!["tail", "things", "--endpoint", "http://127.0.0.1:1"],
            "start one with `headwater serve`",
        ),
        (
            vec!["tail", "things", "--endpoint", "https://127.0.0.1:1"],
            "expected http://HOST:PORT",
        ),
        (
            vec![
                "tail",
                "things",
                "--endpoint",
                &server.url,
                "--from",
                "noon",
            ],
            "such as 90s, 10m or 2h",
        ),
    ] {
        let output = output(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            text(&output.stderr).contains(expected),
            "{}",
            text(&output.stderr)
        );
    }
    server.stop();
}
