//! `headwater triggers` and `headwater dead-letters` as people run them, against a server with real functions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{PATIENCE, Running, Server, output, text};

/// A handler without an SDK: it fails for a while, or for good, as its folder says.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
while True:
    with urllib.request.urlopen(base + "invocation/next") as event:
        request, body = event.headers["Lambda-Runtime-Aws-Request-Id"], json.load(event)
    ids = [r["dynamodb"]["Keys"]["id"]["S"] for r in body["Records"]]
    bad = os.path.exists(os.environ["FAIL"]) and any(id.startswith("bad") for id in ids)
    kind, answer = "response", {}
    if bad:
        kind, answer = "error", {"errorType": "ValueError", "errorMessage": "no good: \x1b[2J" + ids[0]}
    url = base + "invocation/" + request + "/" + kind
    urllib.request.urlopen(url, json.dumps(answer).encode()).close()
"#;

/// A server with the table `things` and a mapping to the function `guard`, which refuses ids that begin with `bad`.
struct World {
    folder: TempDir,
    server: Server,
    mapping: String,
}

impl World {
    fn new(settings: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let code = folder.path().join("code");
        fs::create_dir(&code).expect("a folder");
        fs::write(code.join("bootstrap"), BOOTSTRAP).expect("written");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(code.join("bootstrap"), mode).expect("executable");
        let server = Server::start(&folder.path().join("data"), "127.0.0.1:0");
        server.create_table("things", true);
        let mut world = World {
            folder,
            server,
            mapping: String::new(),
        };
        fs::write(world.fail(), "").expect("written");
        let definition = json!({
            "FunctionName": "guard",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Runtime": "provided.al2023",
            "Handler": "any",
            "Timeout": 30,
            "Code": {"S3Bucket": "headwater-local-directory", "S3Key": code},
            "Environment": {"Variables": {"FAIL": world.fail()}},
        });
        world.lambda("POST", "/2015-03-31/functions", &definition, 201);
        let table = world
            .server
            .dynamodb("DescribeTable", &json!({"TableName": "things"}));
        let mut mapping = json!({
            "FunctionName": "guard",
            "EventSourceArn": table["Table"]["LatestStreamArn"],
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 1,
        });
        for (name, value) in settings.as_object().expect("settings") {
            mapping[name] = value.clone();
        }
        let path = "/2015-03-31/event-source-mappings";
        let made = world.lambda("POST", path, &mapping, 202);
        world.mapping = made["UUID"].as_str().expect("a UUID").to_owned();
        world
    }

    /// As long as this file is there, the function refuses what is bad.
    fn fail(&self) -> PathBuf {
        self.folder.path().join("fail")
    }

    fn lambda(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.server.request(method, path, "", &body.to_string());
        assert_eq!(answer.0, status, "{path}: {}", answer.1);
        answer.1
    }

    fn run(&self, arguments: &[&str]) -> Output {
        output(&[arguments, &["--endpoint", &self.server.url]].concat())
    }

    /// What a command prints; it is to succeed.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        text(&output.stdout)
    }

    fn letters(&self) -> Vec<Value> {
        let said = self.said(&["dead-letters", "list", "--json"]);
        let read = |line: &str| serde_json::from_str(line).expect("JSON");
        said.lines().map(read).collect()
    }

    /// Writes items that are given up, one after the other, and gives their dead letters.
    fn give_up(&self, count: usize) -> Vec<String> {
        for number in 0..count {
            self.server.put("things", &format!("bad-{number}"), number);
        }
        until("all of them are given up", || self.letters().len() == count);
        let id = |letter: &Value| letter["id"].as_str().expect("an ID").to_owned();
        self.letters().iter().map(id).collect()
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        // Each look is a process, so this is no busy loop.
        std::thread::yield_now();
    }
}

#[test]
fn mappings_are_shown_with_their_trouble() {
    let world = World::new(&json!({}));
    let short = &world.mapping[..8];
    world.server.put("things", "good", 1);
    until("it is delivered", || {
        world.said(&["triggers"]).ends_with("  0    OK\n")
    });
    world.server.put("things", "bad-one", 1);
    until("it has failed", || {
        world.said(&["triggers"]).contains("Function call failed")
    });
    let table = world.said(&["triggers"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    for word in [
        "MAPPING",
        "FUNCTION",
        "TABLE",
        "STATE",
        "LAG",
        "LAST RESULT",
    ] {
        assert!(lines[0].contains(word), "{table}");
    }
    for word in [short, "guard", "things", "Enabled", "1, "] {
        assert!(lines[1].contains(word), "{word}: {table}");
    }

    let one = world.said(&["triggers", short]);
    for part in [
        &world.mapping,
        "state        Enabled",
        "lag          1 record, ",
        "1 records done",
        "  delivering\n",
        "lag 1 record, ",
        "in flight ",
        // The function's text, without what would clear the terminal.
        ": ValueError: no good: \\u{1b}[2Jbad-one",
    ] {
        assert!(one.contains(part), "{part}: {one}");
    }
    assert!(!one.contains('\u{1b}'), "{one}");

    let all: Value = serde_json::from_str(&world.said(&["triggers", "--json"])).expect("JSON");
    assert_eq!(all["triggers"][0]["uuid"], world.mapping.as_str());
    let json = world.said(&["triggers", &world.mapping, "--json"]);
    let one: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        one["functionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:guard"
    );

    let none = world.run(&["triggers", "0000-none"]);
    assert_eq!(none.status.code(), Some(1), "{none:?}");
    assert!(text(&none.stderr).contains("there is no mapping 0000-none"));
    world.server.stop();
}

#[test]
fn watching_shows_what_changes_until_it_is_told_to_end() {
    let world = World::new(&json!({}));
    let watching = Running::start(&["triggers", "--watch", "--endpoint", &world.server.url]);
    let shows = |wanted: &str| loop {
        if watching.line().contains(wanted) {
            break;
        }
    };
    shows("No records processed");
    world.server.put("things", "good", 1);
    shows("OK");
    watching.signal(Signal::INT);
    assert!(watching.wait().success());
    world.server.stop();
}

#[test]
fn what_was_given_up_is_listed_shown_redriven_and_removed() {
    let world = World::new(&json!({"MaximumRetryAttempts": 0}));
    let empty = world.said(&["dead-letters", "list"]);
    assert_eq!(empty, "nothing was given up\n");
    let ids = world.give_up(6);

    let table = world.said(&["dead-letters", "list", "--limit", "4"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    for (line, id) in lines[1..].iter().zip(&ids) {
        assert!(line.starts_with(&id[..18]), "{table}");
        for word in [&world.mapping[..8], "guard", "ValueError: no good"] {
            assert!(line.contains(word), "{word}: {table}");
        }
    }
    let shown = world.said(&["dead-letters", "show", &ids[0]]);
    for part in [
        "because of   RetryAttemptsExhausted",
        "\"eventName\": \"INSERT\"",
        "\"S\": \"bad-",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    // The first failure ends it, unless more are allowed.
    let failed = world.run(&["dead-letters", "redrive", "--mapping", &world.mapping[..8]]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert_eq!(text(&failed.stdout), "0 redriven, 1 failed, 5 not tried\n");
    assert!(text(&failed.stderr).contains(&ids[0]), "{failed:?}");
    let two = [
        "dead-letters",
        "redrive",
        "--mapping",
        &world.mapping,
        "--failures-max",
        "2",
    ];
    let failed = world.run(&two);
    assert_eq!(text(&failed.stdout), "0 redriven, 2 failed, 4 not tried\n");
    assert_eq!(world.letters()[0]["redrives"], 2);

    // By name: the older one first, whatever the order in which they are named.
    let two = world.run(&["dead-letters", "redrive", &ids[3], &ids[1]]);
    assert_eq!(text(&two.stdout), "0 redriven, 1 failed, 1 not tried\n");
    assert!(text(&two.stderr).contains(&ids[1]), "{two:?}");

    fs::remove_file(world.fail()).expect("removed");
    let unknown = "0000000000000-0000";
    let some = world.run(&["dead-letters", "redrive", &ids[0], unknown]);
    assert_eq!(some.status.code(), Some(1), "{some:?}");
    assert_eq!(text(&some.stdout), "1 redriven, 0 failed, 0 not tried\n");
    assert!(text(&some.stderr).contains(&format!("there is no dead letter {unknown}")));
    assert_eq!(
        world.said(&["dead-letters", "remove", &ids[5]]),
        "1 removed\n"
    );
    let rest = [
        "dead-letters",
        "redrive",
        "--mapping",
        &world.mapping,
        "--json",
    ];
    let rest: Value = serde_json::from_str(&world.said(&rest)).expect("JSON");
    assert_eq!(
        rest,
        json!({"redriven": 4, "failed": 0, "gone": 0, "left": 0})
    );
    assert!(world.letters().is_empty());
    world.server.stop();
}

#[test]
fn many_batches_come_over_pages_and_all_of_a_mapping_go_at_once() {
    let world = World::new(&json!({"MaximumRetryAttempts": 0, "ParallelizationFactor": 10}));
    let ids = world.give_up(130);
    let mut sorted = ids.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(ids, sorted);
    assert_eq!(ids.len(), 130);
    let limited = world.said(&["dead-letters", "list", "--json", "--limit", "101"]);
    assert_eq!(limited.lines().count(), 101);
    // A common beginning of two, which there is: all were given up within seconds.
    let several = world.run(&["dead-letters", "remove", &ids[0][..6]]);
    assert_eq!(several.status.code(), Some(1), "{several:?}");
    assert!(
        text(&several.stderr).contains("fits more than one"),
        "{several:?}"
    );
    let removed = world.said(&["dead-letters", "remove", "--mapping", &world.mapping]);
    assert_eq!(removed, "130 removed\n");
    assert!(world.letters().is_empty());
    world.server.stop();
}

#[test]
fn without_a_server_the_status_says_that_nothing_is_known() {
    let nowhere = ["--endpoint", "http://127.0.0.1:1"];
    for command in [
        &["triggers"][..],
        &["dead-letters", "list"],
        &["dead-letters", "redrive", "0123"],
    ] {
        let output = output(&[command, &nowhere].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(
            text(&output.stderr).contains("no server answers"),
            "{output:?}"
        );
    }
    // Neither a batch nor a mapping is named.
    let nothing = output(&["dead-letters", "redrive"]);
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
}
