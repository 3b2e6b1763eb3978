//! `headwater filter explain` as people run it.

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::process::{Server, headwater, output, text};

const PATTERN: &str =
    r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"v":{"N":[{"numeric":[">",1]},"1"]}}}}"#;

fn record(name: &str, v: &str) -> Value {
    json!({"eventID": format!("id-{v}"), "eventName": name, "dynamodb": {"NewImage": {"v": {"N": v}}}})
}

/// Runs it on files of these contents.
fn explain(pattern: &str, event: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.into_os_string().into_string().expect("a path")
    };
    let (pattern, event) = (path("pattern", pattern), path("event", event));
    let arguments = [
        "filter",
        "explain",
        "--pattern",
        &pattern,
        "--event",
        &event,
    ];
    output(&[&arguments, more].concat())
}

fn explain_stdin(arguments: &[&str], input: &str) -> Output {
    let mut command = headwater(&[&["filter", "explain"], arguments].concat());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[test]
fn records_are_explained_and_the_status_tells() {
    let event = json!({"Records": [record("INSERT", "1"), record("INSERT", "2")]});
    let explained = explain(PATTERN, &event.to_string(), &[]);
    assert_eq!(explained.status.code(), Some(1));
    let rule = r#"dynamodb.NewImage.v.N [{"numeric":[">",1]},"1"]: found"#;
    assert_eq!(
        text(&explained.stdout),
        format!(
            "record 1 (INSERT): matches\n    yes  eventName [\"INSERT\"]: found \"INSERT\"\n    yes  {rule} \"1\"\n\
             record 2 (INSERT): does not match\n    yes  eventName [\"INSERT\"]: found \"INSERT\"\n    no   {rule} \"2\" \
             (a string; N attributes are JSON strings, which numbers never match)\n1 of 2 records match\n"
        )
    );
    let one = explain(PATTERN, &record("INSERT", "1").to_string(), &[]);
    assert_eq!(one.status.code(), Some(0), "{}", text(&one.stdout));
}

#[test]
fn criteria_and_lines_of_json() {
    let criteria = json!({"FilterCriteria": {"Filters": [
        {"Pattern": r#"{"eventName":["REMOVE"]}"#},
        {"Pattern": r#"{"userIdentity":{"type":["Service"]}}"#},
    ]}});
    let mut expired = record("MODIFY", "3");
    expired["userIdentity"] = json!({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"});
    let lines = format!(
        "{}\n{}\n{expired}\n",
        record("REMOVE", "1"),
        record("INSERT", "2")
    );
    let explained = explain(&criteria.to_string(), &lines, &["--json"]);
    assert_eq!(explained.status.code(), Some(1));
    let said = text(&explained.stdout);
    let said: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let matches: Vec<_> = said
        .iter()
        .map(|line| (&line["eventID"], &line["matches"]))
        .collect();
    let (one, two, three) = (json!("id-1"), json!("id-2"), json!("id-3"));
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(matches, [(&one, &yes), (&two, &no), (&three, &yes)]);
    assert_eq!(
        said[1]["patterns"][0]["rules"][0],
        json!({"path": "eventName", "rule": "[\"REMOVE\"]", "found": "\"INSERT\"", "matches": false})
    );
}

#[test]
fn bad_input_has_a_status_of_its_own() {
    let good = record("INSERT", "1").to_string();
    for (pattern, event, expected) in [
        (
            r#"{"eventName":"INSERT"}"#,
            good.as_str(),
            "pattern 1: at eventName: a string stands for no rule",
        ),
        (
            r#"{"Filters":[{}]}"#,
            &good,
            "each of Filters holds its pattern as a string",
        ),
        ("{", &good, "not JSON"),
        (PATTERN, "{", "event is not JSON"),
        (PATTERN, "1", "record 1"),
    ] {
        let refused = explain(pattern, event, &[]);
        assert_eq!(refused.status.code(), Some(2), "{pattern} {event}");
        let said = text(&refused.stderr);
        assert!(said.contains(expected), "{said}");
    }
    let missing = output(&["filter", "explain", "--pattern", "/no/such/file"]);
    assert_eq!(missing.status.code(), Some(2));
    let twice = output(&["filter", "explain", "--pattern", "-", "--event", "-"]);
    assert_eq!(twice.status.code(), Some(2));
}

#[test]
fn patterns_alone_are_checked() {
    let checked = explain_stdin(&["--pattern", "-"], PATTERN);
    assert_eq!(checked.status.code(), Some(0));
    assert_eq!(text(&checked.stdout), "pattern 1: 2 rules, all right\n");
    let refused = explain_stdin(&["--pattern", "-"], "{}");
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn what_tail_prints_can_be_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), "127.0.0.1:0");
    server.create_table("things", true);
    server.put("things", "a", 1);
    server.put("things", "b", 2);
    let options = ["--from", "beginning", "--limit", "2", "--json"];
    let tail = output(&[&["tail", "things", "--endpoint", &server.url], &options[..]].concat());
    server.stop();
    let pattern = folder.path().join("pattern");
    fs::write(&pattern, r#"{"dynamodb":{"ApproximateCreationDateTime":[{"numeric":[">",0]}],"NewImage":{"v":{"N":["2"]}}}}"#)
        .expect("written");
    let pattern = pattern.to_str().expect("a path");
    let explained = explain_stdin(&["--pattern", pattern, "--event", "-"], &text(&tail.stdout));
    assert_eq!(explained.status.code(), Some(1));
    let said = text(&explained.stdout);
    assert!(said.ends_with("1 of 2 records match\n"), "{said}");
}
