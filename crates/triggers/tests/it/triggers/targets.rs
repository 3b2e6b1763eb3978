//! Functions whose code lies elsewhere: webhooks, functions of other servers, programs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater_wire::sigv4::{Credentials, hmac_hex};
use serde_json::{Value, json};

use crate::bench::is_running;

use super::fake::{Answer, Fake, Seen};
use super::world::{FUNCTIONS, ROLE, Reply, World, ids, numbered};

const SECRET: &str = "shared secret";

async fn create(world: &World, bucket: &str, key: &str, variables: Value) -> Reply {
    let definition = json!({
        "FunctionName": "f", "Role": ROLE, "Timeout": 30,
        "Code": {"S3Bucket": bucket, "S3Key": key},
        "Environment": {"Variables": variables},
    });
    world.post(FUNCTIONS, definition).await
}

async fn created(bucket: &str, key: &str, variables: Value) -> (World, String) {
    let world = World::new().await;
    let reply = create(&world, bucket, key, variables).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let stream = world.table("items").await;
    (world, stream)
}

fn event(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap()
}

fn batches(seen: &[Seen]) -> Vec<Vec<String>> {
    seen.iter().map(|seen| ids(&event(seen))).collect()
}

/// Answers that the record at a place failed.
fn reporting(seen: &Seen, place: usize) -> Answer {
    let number = event(seen)["Records"][place]["dynamodb"]["SequenceNumber"].clone();
    let answer = json!({"batchItemFailures": [{"itemIdentifier": number}]});
    Answer::of(200, &answer.to_string())
}

const REPORTS: &str = "ReportBatchItemFailures";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_signed_events_and_may_report_what_failed() {
    let fake = Fake::start(|before, seen| match before {
        0 => reporting(seen, 1),
        _ => Answer::of(204, ""),
    })
    .await;
    let url = format!("{}/hook?source=stream", fake.address());
    let variables = json!({"HEADWATER_WEBHOOK_SECRET": SECRET});
    let (world, stream) = created("headwater-webhook", &url, variables).await;
    world.put_items("items", 0..3).await;
    let settings = json!({"FunctionResponseTypes": [REPORTS]});
    let uuid = world.map(&stream, "f", settings).await;
    fake.wait_for(1).await;
    world.clock.advance_ms(500);
    let seen = fake.wait_for(2).await;
    assert_eq!(batches(&seen), [numbered(0..3), numbered(1..3)]);
    world.wait_for_result(&uuid, "OK").await;
    for seen in &seen {
        assert_eq!(
            (seen.method.as_str(), seen.path.as_str()),
            ("POST", "/hook")
        );
        assert_eq!(seen.header("content-type"), "application/json");
        assert_eq!(seen.header("x-headwater-request-id").len(), 36);
        let timestamp = seen.header("x-headwater-timestamp");
        let now_s = crate::bench::clock()() / 1_000;
        assert!(
            now_s.abs_diff(timestamp.parse().unwrap()) < 120,
            "{timestamp}"
        );
        let text = format!("{timestamp}.{}", seen.text());
        let expected = format!("v1={}", hmac_hex(SECRET.as_bytes(), text.as_bytes()));
        assert_eq!(seen.header("x-headwater-signature"), expected);
    }
    assert!(seen[0].header("x-headwater-request-id") != seen[1].header("x-headwater-request-id"));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_refuses_has_failed_and_is_called_again() {
    let fake = Fake::start(|before, _| match before {
        0 => Answer::of(500, "out of\norder"),
        1 => Answer {
            headers: vec![("location", "/elsewhere")],
            ..Answer::of(302, "")
        },
        _ => Answer::of(200, "thanks"),
    })
    .await;
    let (world, stream) = created("headwater-webhook", &fake.address(), json!({})).await;
    world.put_items("items", 0..2).await;
    let settings = json!({"MaximumRetryAttempts": 2});
    let uuid = world.map(&stream, "f", settings).await;
    crate::bench::until("three calls", || {
        world.clock.advance_ms(100);
        fake.seen().len() >= 3
    })
    .await;
    world.wait_for_result(&uuid, "OK").await;
    assert_eq!(world.dead_letters().await, [] as [Value; 0]);
    let seen = fake.seen();
    assert_eq!(seen.len(), 3);
    // Without a secret there is no signature.
    assert_eq!(seen[0].header_if_sent("x-headwater-signature"), None);
    let status = world.manage("GET", &format!("triggers/{uuid}")).await;
    assert_eq!(status["sinceStart"]["failedCalls"], 2);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invoking_a_webhook_answers_what_it_answered() {
    let fake = Fake::start(|before, _| match before {
        0 => Answer::of(200, r#"{"n": 1}"#),
        1 => Answer::of(200, "plain text"),
        2 => Answer::of(503, "out of\norder"),
        _ => Answer {
            hangs: true,
            ..Answer::of(200, "")
        },
    })
    .await;
    let (world, _) = created("headwater-webhook", &fake.address(), json!({})).await;
    let uri = format!("{FUNCTIONS}/f/invocations");
    let tail = [("X-Amz-Log-Type", "Tail"), ("x-amz-log-type", "Tail")];
    let reply = world.request("POST", &uri, &tail, r#"{"a": 1}"#).await;
    assert_eq!((reply.status, &reply.bytes[..]), (200, &br#"{"n": 1}"#[..]));
    assert!(reply.header("X-Amz-Log-Result").is_some());
    assert_eq!(fake.seen()[0].text(), r#"{"a": 1}"#);
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(&reply.bytes[..], b"null");
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(reply.header("X-Amz-Function-Error"), Some("Unhandled"));
    assert_eq!(reply.body["errorType"], "Webhook.Failed");
    let text = reply.body["errorMessage"].as_str().unwrap();
    assert!(
        text.ends_with("Error: the webhook answered 503: out of order"),
        "{text}"
    );

    let update = json!({"Timeout": 1});
    let updated = world
        .put(&format!("{FUNCTIONS}/f/configuration"), update)
        .await;
    assert_eq!(updated.status, 200, "{updated:?}");
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(reply.body["errorType"], "Sandbox.Timedout");
    let text = reply.body["errorMessage"].as_str().unwrap();
    assert!(
        text.ends_with("Task timed out after 1.00 seconds"),
        "{text}"
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_not_there_is_waited_for() {
    let fake = Fake::start(|_, _| Answer::of(200, "")).await;
    // Nothing listens there.
    let (world, stream) = created("headwater-webhook", "http://127.0.0.1:1/", json!({})).await;
    let reply = world
        .post(&format!("{FUNCTIONS}/f/invocations"), json!({}))
        .await;
    assert_eq!(reply.status, 502, "{reply:?}");
    world.put_items("items", 0..2).await;
    // Not being reached is no attempt.
    let settings = json!({"MaximumRetryAttempts": 0});
    let uuid = world.map(&stream, "f", settings).await;
    let reason = "PROBLEM: function f was not reached: Connection refused (os error 111)";
    world.wait_for_result(&uuid, reason).await;
    let code = json!({"S3Bucket": "headwater-webhook", "S3Key": fake.address()});
    let updated = world.put(&format!("{FUNCTIONS}/f/code"), code).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    world.wait_for_result(&uuid, "OK").await;
    assert_eq!(batches(&fake.seen()), [numbered(0..2)]);
    assert_eq!(world.dead_letters().await, [] as [Value; 0]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_does_not_wait_for_a_webhook_that_hangs() {
    let hangs = Answer {
        hangs: true,
        ..Answer::of(200, "")
    };
    let fake = Fake::start(move |_, _| hangs.clone()).await;
    let (world, stream) = created("headwater-webhook", &fake.address(), json!({})).await;
    world.put_items("items", 0..1).await;
    world.map(&stream, "f", json!({})).await;
    fake.wait_for(1).await;
    let closed = tokio::time::timeout(Duration::from_secs(20), world.close());
    assert!(closed.await.is_ok(), "its time-out is 30 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_another_server_is_invoked_with_a_signature() {
    let fake = Fake::start(|before, seen| match before {
        0 => Answer::of(429, r#"{"message":"Rate exceeded"}"#),
        1 => Answer {
            headers: vec![("x-amz-function-error", "Unhandled")],
            ..Answer::of(200, r#"{"errorType":"ValueError","errorMessage":"no"}"#)
        },
        2 => reporting(seen, 1),
        _ => Answer::of(200, "null"),
    })
    .await;
    let variables = json!({
        "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token", "AWS_REGION": "eu-central-1",
    });
    let url = format!(
        "{}/arn:aws:lambda:eu-central-1:000000000000:function:far",
        fake.address()
    );
    let (world, stream) = created("headwater-lambda", &url, variables).await;
    world.put_items("items", 0..2).await;
    // One retry: what was throttled is no attempt.
    let settings = json!({"MaximumRetryAttempts": 1, "FunctionResponseTypes": [REPORTS]});
    let uuid = world.map(&stream, "f", settings).await;
    crate::bench::until("four calls", || {
        world.clock.advance_ms(100);
        fake.seen().len() >= 4
    })
    .await;
    world.wait_for_result(&uuid, "OK").await;
    let seen = fake.seen();
    let all = numbered(0..2);
    assert_eq!(
        batches(&seen),
        [all.clone(), all.clone(), all, numbered(1..2)]
    );
    let credentials = Credentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: Some("token".to_owned()),
    };
    for seen in &seen {
        assert_eq!(
            seen.path,
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A000000000000%3Afunction%3Afar/invocations"
        );
        assert_eq!(seen.header("x-amz-invocation-type"), "RequestResponse");
        let (region, service) = seen.check_signature(&credentials);
        assert_eq!(
            (region.as_str(), service.as_str()),
            ("eu-central-1", "lambda")
        );
    }
    let status = world.manage("GET", &format!("triggers/{uuid}")).await;
    assert_eq!(status["sinceStart"]["unreached"], 1);
    assert_eq!(status["sinceStart"]["failedCalls"], 2, "{status}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_function_elsewhere_are_passed_on() {
    let body = r#"{"errorType":"ValueError","errorMessage":"no","stackTrace":[]}"#;
    let fake = Fake::start(move |before, _| match before {
        0 => Answer {
            headers: vec![("x-amz-function-error", "Unhandled")],
            ..Answer::of(200, body)
        },
        1 => Answer::of(413, "too large"),
        // As cargo lambda answers for a function that failed.
        2 => Answer::of(500, body),
        // As Lambda answers when it failed itself.
        3 => Answer {
            headers: vec![("x-amzn-errortype", "ServiceException")],
            ..Answer::of(500, body)
        },
        _ => Answer::of(404, "no such function"),
    })
    .await;
    let url = format!("{}/2015-03-31/functions/far/invocations", fake.address());
    let (world, _) = created("headwater-lambda", &url, json!({})).await;
    let uri = format!("{FUNCTIONS}/f/invocations");
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(reply.header("X-Amz-Function-Error"), Some("Unhandled"));
    assert_eq!(reply.bytes, body);
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(reply.body["errorType"], "Lambda.Refused");
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(reply.header("X-Amz-Function-Error"), Some("Unhandled"));
    assert_eq!(reply.bytes, body);
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(reply.status, 502, "{reply:?}");
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(reply.status, 502, "{reply:?}");
    let text = reply.body["message"].as_str().unwrap();
    assert_eq!(
        text,
        "function f was not reached: it answered 404: no such function"
    );
    world.close().await;
}

/// A program in a folder of the world's.
fn program(world: &World, name: &str, text: &str) -> PathBuf {
    let place = world.folder.path().join(name);
    fs::write(&place, text).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    place
}

fn read_lines(place: &Path) -> Vec<Value> {
    let text = fs::read_to_string(place).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn keys(records: &[Value]) -> Vec<String> {
    ids(&json!({ "Records": records }))
}

/// Appends what it reads to its first argument; fails once, reports the second record once, then succeeds.
const SINK: &str = r#"#!/usr/bin/env python3
import json, os, sys
lines = [json.loads(line) for line in sys.stdin]
calls = sys.argv[1] + ".calls"
with open(calls, "a") as file:
    file.write(os.environ["HEADWATER_REQUEST_ID"] + "\n")
count = len(open(calls).read().split())
if count == 1:
    print("no disk", file=sys.stderr)
    sys.exit(3)
failed = lines[1:2] if count == 2 else []
with open(sys.argv[1], "a") as file:
    for line in lines[:1] if failed else lines:
        file.write(json.dumps(line) + "\n")
print("written")
print(json.dumps({"batchItemFailures": [{"itemIdentifier": r["dynamodb"]["SequenceNumber"]} for r in failed]}))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reads_records_as_lines_and_its_status_counts() {
    let world = World::new().await;
    let out = world.folder.path().join("out");
    let place = program(&world, "sink.py", SINK);
    let variables = json!({"HEADWATER_ARGS": out});
    let place = place.to_str().unwrap();
    let reply = create(&world, "headwater-command", place, variables).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let stream = world.table("items").await;
    world.put_items("items", 0..3).await;
    let settings = json!({"MaximumRetryAttempts": 1, "FunctionResponseTypes": [REPORTS]});
    let uuid = world.map(&stream, "f", settings).await;
    crate::bench::until("three lines", || {
        world.clock.advance_ms(100);
        read_lines(&out).len() >= 3
    })
    .await;
    world.wait_for_result(&uuid, "OK").await;
    assert_eq!(keys(&read_lines(&out)), numbered(0..3));
    let calls = fs::read_to_string(out.with_extension("calls")).unwrap();
    assert_eq!(calls.lines().count(), 3, "{calls}");
    assert_eq!(world.dead_letters().await, [] as [Value; 0]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invoking_a_program_tells_how_it_ended() {
    let world = World::new().await;
    let text = "#!/bin/sh\nread -r event\ncase $event in\n*slow*) sleep 60 ;;\n*bad*) echo 'no disk' >&2; exit 3 ;;\n\
                *quiet*) echo not json ;;\n*) printf '%s' \"{\\\"args\\\":\\\"$1-$2\\\",\\\"api\\\":\\\"$AWS_LAMBDA_RUNTIME_API\\\"}\" ;;\nesac\n";
    let place = program(&world, "answer", text);
    let variables = json!({"HEADWATER_ARGS": r#"["a b", "c"]"#});
    let place_text = place.to_str().unwrap();
    let reply = create(&world, "headwater-command", place_text, variables).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let shown = world.get(&format!("{FUNCTIONS}/f")).await;
    let location = format!("file://{place_text}");
    assert_eq!(shown.body["Code"]["Location"], location);
    assert_eq!(shown.body["Configuration"]["Runtime"], "provided.al2023");
    let uri = format!("{FUNCTIONS}/f/invocations");
    let reply = world.post(&uri, json!({"x": 1})).await;
    assert_eq!(reply.body, json!({"args": "a b-c", "api": ""}));
    let reply = world.post(&uri, json!("quiet")).await;
    assert_eq!(reply.bytes, "null");
    let reply = world.post(&uri, json!("bad")).await;
    assert_eq!(reply.header("X-Amz-Function-Error"), Some("Unhandled"));
    assert_eq!(reply.body["errorType"], "Runtime.ExitError");
    let text = reply.body["errorMessage"].as_str().unwrap();
    assert!(
        text.ends_with("Error: Runtime exited with error: exit status 3: no disk"),
        "{text}"
    );

    let uri_of_configuration = format!("{FUNCTIONS}/f/configuration");
    let updated = world
        .put(&uri_of_configuration, json!({"Timeout": 1}))
        .await;
    assert_eq!(updated.status, 200);
    let reply = world.post(&uri, json!("slow")).await;
    assert_eq!(reply.body["errorType"], "Sandbox.Timedout");
    assert_eq!(world.runtimes.processes(), [], "its group is gone");

    fs::remove_file(&place).unwrap();
    let reply = world.post(&uri, json!({})).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_need_not_read_and_leaves_nothing_behind() {
    let world = World::new().await;
    let left = world.folder.path().join("left");
    let text = format!(
        "#!/bin/sh\nsleep 60 &\necho $! > {}\necho '{{\"done\": true}}'\n",
        left.display()
    );
    let place = program(&world, "careless", &text);
    let place = place.to_str().unwrap();
    let reply = create(&world, "headwater-command", place, json!({})).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    // More than a pipe takes.
    let event = json!("x".repeat(1 << 20));
    let uri = format!("{FUNCTIONS}/f/invocations");
    let reply = world.post(&uri, event).await;
    assert_eq!(reply.body, json!({"done": true}));
    let left = fs::read_to_string(left).unwrap();
    let left: u64 = left.trim().parse().unwrap();
    crate::bench::until("the end of what it started", || !is_running(left)).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_aliases_of_an_address_stay_with_it() {
    let first = Fake::start(|_, _| Answer::of(200, r#""first""#)).await;
    let second = Fake::start(|_, _| Answer::of(200, r#""second""#)).await;
    let (world, _) = created("headwater-webhook", &first.address(), json!({})).await;
    let published = world
        .post(&format!("{FUNCTIONS}/f/versions"), json!({}))
        .await;
    assert_eq!(
        (published.status, &published.body["Version"]),
        (201, &json!("1"))
    );
    let code = json!({"S3Bucket": "headwater-webhook", "S3Key": second.address()});
    let updated = world.put(&format!("{FUNCTIONS}/f/code"), code).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    let uri = format!("{FUNCTIONS}/f/invocations");
    assert_eq!(world.post(&uri, json!({})).await.body, "second");
    let uri = format!("{uri}?Qualifier=1");
    assert_eq!(world.post(&uri, json!({})).await.body, "first");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_target_is_refused() {
    let world = World::new().await;
    let folder = world.folder.path().to_str().unwrap().to_owned();
    for (bucket, key, variables) in [
        ("headwater-webhook", "example.com/hook", json!({})),
        (
            "headwater-webhook",
            "http://user:pass@example.com",
            json!({}),
        ),
        ("headwater-lambda", "http://example.com/", json!({})),
        ("headwater-command", "bin/sink", json!({})),
        ("headwater-command", "/no/such/program", json!({})),
        ("headwater-command", &folder, json!({})),
        (
            "headwater-command",
            "/bin/sh",
            json!({"HEADWATER_ARGS": "[1]"}),
        ),
        // Only functions of other servers have credentials of their own.
        (
            "headwater-webhook",
            "http://h",
            json!({"AWS_ACCESS_KEY_ID": "x"}),
        ),
    ] {
        let reply = create(&world, bucket, key, variables).await;
        assert_eq!(reply.status, 400, "{bucket} {key}: {reply:?}");
        assert_eq!(
            reply.header("x-amzn-ErrorType"),
            Some("InvalidParameterValueException")
        );
    }
    world.close().await;
}
