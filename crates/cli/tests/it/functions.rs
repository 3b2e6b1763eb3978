//! `headwater functions` against a server with functions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bounds::usage;
use crate::process::{Running, Server, on_terminal, output, text};

/// Prints what it is asked to, and answers with it; fails when it is asked to, and tells whether it may have large pages.
pub const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request

base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(base + "next") as event:
        request = event.headers["Lambda-Runtime-Aws-Request-Id"]
        asked = json.load(event)
    print("asked for", asked, flush=True)
    if asked == "pages":
        with open("/proc/self/status") as status:
            asked = "THP_enabled:\t1" in status.read()
    kind = "error" if asked == "fail" else "response"
    urllib.request.urlopen(base + request + "/" + kind, json.dumps(asked).encode()).close()
"#;

fn create(server: &Server, folder: &Path, name: &str) {
    let input = definition(folder, name, BOOTSTRAP);
    let (status, answer) = server.try_post("/2015-03-31/functions", "", &input);
    assert_eq!(status, 201, "{answer}");
}

/// A function whose code is written into the folder.
pub fn definition(folder: &Path, name: &str, code_text: &str) -> Value {
    let code = folder.join("code");
    fs::create_dir_all(&code).expect("a folder");
    let bootstrap = code.join("bootstrap");
    fs::write(&bootstrap, code_text).expect("a file");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("a mode");
    json!({
        "FunctionName": name,
        "Role": "arn:aws:iam::000000000000:role/any",
        "Runtime": "provided.al2023",
        "Handler": "any",
        "Timeout": 30,
        "Code": {"S3Bucket": "headwater-local-directory", "S3Key": code},
    })
}

/// A server with the function `echo`, its data in `data` of the folder.
fn served(more: &[&str]) -> (TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start_with(&folder.path().join("data"), "127.0.0.1:0", more);
    create(&server, folder.path(), "echo");
    (folder, server)
}

/// Runs `headwater functions`; whether it succeeded, its output and its errors.
fn functions(server: &Server, arguments: &[&str]) -> (bool, String, String) {
    let arguments = [&["functions"], arguments, &["--endpoint", &server.url]].concat();
    let output = output(&arguments);
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn functions_are_listed_and_called() {
    let (folder, server) = served(&[]);
    create(&server, folder.path(), "another-one");
    let (succeeded, out, _) = functions(&server, &["list"]);
    assert!(succeeded);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(
        lines[0].starts_with("NAME         RUNTIME          HANDLER"),
        "{out}"
    );
    assert!(
        lines[1].starts_with("another-one  provided.al2023  any      30 s     128 MB  20"),
        "{out}"
    );
    assert!(
        lines[2].starts_with("echo         provided.al2023"),
        "{out}"
    );
    let (_, out, _) = functions(&server, &["list", "--json"]);
    let first: Value = serde_json::from_str(out.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["FunctionName"], "another-one");

    let (succeeded, out, err) =
        functions(&server, &["invoke", "echo", "--payload", "[1]", "--log"]);
    assert!(succeeded, "{err}");
    assert_eq!(out, "[1]\n");
    assert!(
        err.contains("asked for [1]") && err.contains("REPORT RequestId"),
        "{err}"
    );
    let (_, out, _) = functions(&server, &["invoke", "echo", "--qualifier", "$LATEST"]);
    assert_eq!(out, "{}\n");
    let event = folder.path().join("event.json");
    fs::write(&event, "\"fail\"").expect("a file");
    let path = event.to_str().expect("a path");
    let (succeeded, out, err) = functions(&server, &["invoke", "echo", "--payload-file", path]);
    assert!(!succeeded);
    assert_eq!(
        (out.as_str(), err.as_str()),
        ("\"fail\"\n", "headwater: the function failed (Unhandled)\n")
    );

    let (succeeded, _, err) = functions(&server, &["invoke", "missing"]);
    assert!(!succeeded);
    assert!(
        err.contains("the functions there are another-one, echo"),
        "{err}"
    );
    assert!(err.contains("Function not found"), "{err}");
    let (succeeded, _, err) = functions(&server, &["logs", "missing"]);
    assert!(
        !succeeded && err.contains("the functions there are another-one, echo"),
        "{err}"
    );
    server.stop();
}

#[test]
fn logs_are_shown_and_followed() {
    let (folder, server) = served(&[]);
    functions(&server, &["invoke", "echo", "--payload", "1"]);
    let (_, out, _) = functions(&server, &["logs", "echo"]);
    assert!(out.contains("  asked for 1\n"), "{out}");
    let (_, out, _) = functions(&server, &["logs", "echo", "-n", "1", "--json"]);
    let line: Value = serde_json::from_str(&out).expect("one line of JSON");
    assert!(
        line["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("REPORT")),
        "{line}"
    );

    let following = Running::start(&[
        "functions",
        "logs",
        "echo",
        "-f",
        "-n",
        "1",
        "--endpoint",
        &server.url,
    ]);
    assert!(following.line().contains("  REPORT RequestId"));
    functions(&server, &["invoke", "echo", "--payload", "2"]);
    assert!(following.line().contains("  START RequestId"));
    assert!(following.line().ends_with("  asked for 2"));
    following.signal(Signal::INT);
    assert!(following.wait().success());
    server.stop();

    // They outlive the server.
    let server = Server::start(&folder.path().join("data"), "127.0.0.1:0");
    let (_, out, _) = functions(&server, &["logs", "echo"]);
    assert!(
        out.contains("asked for 1") && out.contains("asked for 2"),
        "{out}"
    );
    server.stop();
}

#[test]
fn what_functions_say_is_shown_to_people_and_not_carried_out() {
    let (_folder, server) = served(&[]);
    let said = "asked for \u{1b}[2J\tthere\u{9b}2J";
    let shown = "asked for \\u{1b}[2J\tthere\\u{9b}2J\r\n";
    let event = r#""\u001b[2J\tthere\u009b2J""#;
    let call = ["invoke", "echo", "--payload", event, "--log"];
    let (_, _, err) = functions(&server, &call);
    assert!(err.contains(said), "{err:?}");
    let (_, out, _) = functions(&server, &["logs", "echo"]);
    assert!(out.contains(said), "{out:?}");
    for arguments in [&call[..], &["logs", "echo"]] {
        let endpoint = ["--endpoint", &server.url];
        let on_terminal = on_terminal(&[&["functions"], arguments, &endpoint].concat());
        assert!(on_terminal.contains(shown), "{on_terminal:?}");
        assert!(!on_terminal.contains('\u{1b}'), "{on_terminal:?}");
    }
    server.stop();
}

#[test]
fn an_encrypted_store_keeps_logs_in_memory_only() {
    let keys = tempfile::tempdir().expect("a folder");
    let key = keys.path().join("the.key");
    let key = key.to_str().expect("a path");
    assert!(output(&["key", "new", "--out", key]).status.success());
    let (folder, server) = served(&["--encryption-key-file", key]);
    functions(&server, &["invoke", "echo", "--payload", "1"]);
    let (_, out, _) = functions(&server, &["logs", "echo"]);
    assert!(out.contains("asked for 1"), "{out}");
    server.stop();
    assert!(!folder.path().join("data/functions/logs").exists());
    let server = Server::start_with(
        &folder.path().join("data"),
        "127.0.0.1:0",
        &["--encryption-key-file", key],
    );
    let (succeeded, out, _) = functions(&server, &["logs", "echo"]);
    assert!(succeeded && out.is_empty(), "{out}");
    server.stop();
}

#[test]
fn a_function_may_have_large_pages_though_its_server_has_none_yet() {
    let (_folder, server) = served(&[]);
    assert!(!usage::may_have_large_pages(server.pid()));
    let (succeeded, out, err) = functions(&server, &["invoke", "echo", "--payload", "\"pages\""]);
    assert!(succeeded, "{err}");
    let here = usage::may_have_large_pages(std::process::id());
    assert_eq!(out, format!("{here}\n"));
    server.stop();
}

/// Tells the server to end when it is called for the first time, and then asks it something for a while. It fails if it
/// is not answered.
const ASKING: &str = r#"#!/usr/bin/env python3
import os, signal, time, urllib.request

base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
outcomes = os.environ["OUTCOMES"]
while True:
    with urllib.request.urlopen(base + "next") as event:
        request = event.headers["Lambda-Runtime-Aws-Request-Id"]
    if not os.path.exists(outcomes):
        os.kill(int(os.environ["SERVER"]), signal.SIGTERM)
    outcome, kind = "served\n", "response"
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_headwater/health").close()
        except OSError:
            outcome, kind = "refused\n", "error"
            break
    with open(outcomes, "a") as file:
        file.write(outcome)
    urllib.request.urlopen(base + request + "/" + kind, b"{}").close()
"#;

#[test]
fn a_server_that_ends_serves_the_functions_that_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let outcomes = folder.path().join("outcomes");
    let server = Server::start(&data, "127.0.0.1:0");
    let mut input = definition(folder.path(), "asking", ASKING);
    let variables = json!({"SERVER": server.pid().to_string(), "OUTCOMES": outcomes});
    input["Environment"] = json!({ "Variables": variables });
    let (status, answer) = server.try_post("/2015-03-31/functions", "", &input);
    assert_eq!(status, 201, "{answer}");
    server.create_table("things", true);
    let table = server.dynamodb("DescribeTable", &json!({"TableName": "things"}));
    let mapping = json!({
        "FunctionName": "asking",
        "EventSourceArn": table["Table"]["LatestStreamArn"],
        "StartingPosition": "TRIM_HORIZON",
        "MaximumRetryAttempts": 0,
    });
    let (status, answer) = server.try_post("/2015-03-31/event-source-mappings", "", &mapping);
    assert_eq!(status, 202, "{answer}");
    server.put("things", "one", 1);
    server.wait();
    assert_eq!(fs::read_to_string(&outcomes).expect("outcomes"), "served\n");

    let server = Server::start(&data, "127.0.0.1:0");
    let (_, letters) = server.request("GET", "/_headwater/dead-letters", "", "");
    assert_eq!(letters["deadLetters"], json!([]));
    server.stop();
}
