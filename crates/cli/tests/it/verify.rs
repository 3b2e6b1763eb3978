//! `headwater verify` as people run it: on a stopped folder and on a running server, clean and with damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::process::{Server, output, text, unread};

fn stopped(folder: &Path, more: &[&str]) -> Output {
    let data = folder.to_str().expect("a path");
    output(&[&["verify", "--data", data], more].concat())
}

fn live(server: &Server, more: &[&str]) -> Output {
    output(&[&["verify", "--live", "--endpoint", &server.url], more].concat())
}

fn start(folder: &Path) -> Server {
    Server::start(folder, "127.0.0.1:0")
}

/// A folder with a table, some of whose items have a text that can be found in the file.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path());
    server.create_table("things", true);
    for number in 0..40 {
        server.put("things", &format!("id of item {number}"), number);
    }
    server.stop();
    folder
}

/// The text with its length before it, as it stands in the item and not in the key.
const IN_VALUE: &[u8] = b"\x0cid of item 7";

/// Flips a bit in each place of the state that holds the text.
fn flip_in_state(folder: &Path, wanted: &[u8]) {
    let path = folder.join("state");
    let mut bytes = fs::read(&path).expect("a state");
    let found: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(wanted))
        .collect();
    assert!(!found.is_empty());
    for at in found {
        bytes[at + wanted.len() - 1] ^= 1;
    }
    fs::write(path, bytes).expect("written");
}

/// The segments that hold blocks, oldest first.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("log")).expect("a log");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "hwl"))
        .filter(|path| fs::metadata(path).is_ok_and(|file| file.len() > 200))
        .collect();
    paths.sort();
    paths
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[offset] ^= 1;
    fs::write(path, bytes).expect("written");
}

#[test]
fn a_stopped_store_is_verified_and_the_status_tells() {
    let folder = filled();
    let clean = stopped(folder.path(), &[]);
    let said = text(&clean.stdout);
    assert_eq!(clean.status.code(), Some(0), "{said}");
    for part in [
        "40 stream records",
        "whole from the first write on",
        "40 items",
        "no damage found",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(text(&clean.stderr), "");
    let json = stopped(folder.path(), &["--json", "--progress"]);
    let result: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(result["findings_total"], 0);
    assert!(result["keys_compared"].as_u64() > Some(40));

    let segment = &segments(folder.path())[0];
    flip(segment, 64 + 40);
    let damaged = stopped(folder.path(), &[]);
    assert_eq!(damaged.status.code(), Some(1));
    let name = segment.file_name().and_then(|name| name.to_str());
    let expected = format!("damage: log file {} at byte 64", name.expect("a name"));
    assert!(text(&damaged.stdout).contains(&expected), "{damaged:?}");
    flip(segment, 64 + 40);

    flip_in_state(folder.path(), IN_VALUE);
    let damaged = stopped(folder.path(), &[]);
    let said = text(&damaged.stdout);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(said.contains("damage: table things, key "), "{said}");
    assert!(!said.contains("id of item"), "{said}");

    let nothing = tempfile::tempdir().expect("a folder");
    let unknown = stopped(nothing.path(), &[]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("it holds no log"));
}

#[test]
fn the_status_tells_when_nobody_reads() {
    let folder = filled();
    let data = folder.path().to_str().expect("a path");
    let status = |more: &[&str]| unread(&[&["verify", "--data", data], more].concat()).code();
    assert_eq!(status(&["--progress"]), Some(0));
    assert_eq!(status(&["--json"]), Some(0));
    flip_in_state(folder.path(), IN_VALUE);
    assert_eq!(status(&[]), Some(1));
    assert_eq!(status(&["--json"]), Some(1));
    let nothing = tempfile::tempdir().expect("a folder");
    let nothing = nothing.path().to_str().expect("a path");
    assert_eq!(unread(&["verify", "--data", nothing]).code(), Some(2));
}

#[test]
fn a_running_server_is_clean_under_writers_that_it_does_not_stop() {
    let folder = filled();
    let server = start(folder.path());
    let in_use = stopped(folder.path(), &[]);
    assert_eq!(in_use.status.code(), Some(2), "{in_use:?}");

    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let write = |writer: usize| {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let id = format!("id of item {}", (number * 7 + writer) % 90);
            match number % 4 {
                3 => server.delete("things", &id),
                _ => server.put("things", &id, number),
            }
            number += 1;
            written.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let write = &write;
        for writer in 0..4 {
            scope.spawn(move || write(writer));
        }
        for run in 0..3 {
            let before = written.load(Ordering::Relaxed);
            let clean = live(&server, &["--progress"]);
            assert_eq!(clean.status.code(), Some(0), "run {run}: {clean:?}");
            while written.load(Ordering::Relaxed) < before + 100 {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(written.load(Ordering::Relaxed) > 300);
    server.stop();
    assert_eq!(stopped(folder.path(), &[]).status.code(), Some(0));
    let gone = output(&["verify", "--live", "--endpoint", "http://127.0.0.1:1"]);
    assert_eq!(gone.status.code(), Some(2));
}

#[test]
fn a_running_server_names_damage_and_answers_an_error_instead_of_a_wrong_value() {
    let folder = filled();
    let server = start(folder.path());
    server.create_table("others", false);
    server.put("others", "id of item 8", 8);
    server.stop();
    flip_in_state(folder.path(), IN_VALUE);
    let server = start(folder.path());
    let get = |table: &str, id: &str| {
        let input = json!({"TableName": table, "Key": {"id": {"S": id}}});
        server.request("POST", "/", "DynamoDB_20120810.GetItem", &input.to_string())
    };
    assert_eq!(get("things", "id of item 7").0, 500);
    // Tables don't share what can be damaged.
    assert_eq!(get("others", "id of item 8").1["Item"]["v"]["N"], "8");

    let never = server.request("GET", "/_headwater/verify", "", "");
    assert_eq!(never, (200, json!({"status": "never started"})));
    let damaged = live(&server, &[]);
    let said = text(&damaged.stdout);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert!(said.contains("damage: table things, key "), "{said}");
    assert!(!said.contains("table others"), "{said}");

    flip(&segments(folder.path())[0], 64 + 40);
    let damaged = live(&server, &["--json"]);
    assert_eq!(damaged.status.code(), Some(1));
    let result: Value = serde_json::from_slice(&damaged.stdout).expect("JSON");
    let place = result["findings"][0]["place"].as_str().expect("a place");
    assert!(place.starts_with("log file "), "{result}");
    server.stop();
}
