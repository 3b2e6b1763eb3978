//! `--function-code`: what functions may be, when they are given code and when they run.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::functions::{BOOTSTRAP, definition};
use crate::process::{Server, headwater, text};

const FUNCTIONS: &str = "/2015-03-31/functions";

fn zip() -> Value {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let executable = SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", executable).expect("a file");
    zip.write_all(BOOTSTRAP.as_bytes()).expect("its content");
    let zip = zip.finish().expect("a zip file").into_inner();
    json!({"ZipFile": STANDARD.encode(zip)})
}

fn create(server: &Server, folder: &Path, name: &str, code: &Value) -> (u16, Value) {
    let mut input = definition(folder, name, BOOTSTRAP);
    input["Code"] = code.clone();
    server.request("POST", FUNCTIONS, "", &input.to_string())
}

/// What a call answers.
fn invoke(server: &Server, name: &str) -> (u16, Value) {
    let path = format!("{FUNCTIONS}/{name}/invocations");
    server.request("POST", &path, "", "[1]")
}

fn refused((status, answer): (u16, Value), reason: &str) {
    assert_eq!(status, 400, "{answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(message.contains(reason), "{answer}");
}

/// All that is no package.
fn others(folder: &Path) -> [Value; 4] {
    let local = definition(folder, "any", BOOTSTRAP)["Code"].clone();
    let program = folder.join("code/bootstrap");
    [
        local,
        json!({"S3Bucket": "headwater-command", "S3Key": program}),
        json!({"S3Bucket": "headwater-webhook", "S3Key": "http://127.0.0.1:9/hook"}),
        json!({"S3Bucket": "headwater-lambda", "S3Key": "http://127.0.0.1:9/f"}),
    ]
}

#[test]
fn packages_alone_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let server = Server::with(&folder.join("data"), &["--function-code", "packages"]);
    let (status, answer) = create(&server, folder, "packed", &zip());
    assert_eq!(status, 201, "{answer}");
    for code in others(folder) {
        let reason = "--function-code all";
        refused(create(&server, folder, "other", &code), reason);
        let path = format!("{FUNCTIONS}/packed/code");
        let updated = server.request("PUT", &path, "", &code.to_string());
        refused(updated, reason);
    }
    assert_eq!(invoke(&server, "packed"), (200, json!([1])));
    server.stop();
}

#[test]
fn no_code_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::with(&data, &["--function-code", "none"]);
    let mut all = others(folder.path()).to_vec();
    all.push(zip());
    for code in &all {
        refused(
            create(&server, folder.path(), "f", code),
            "runs no functions",
        );
    }
    let unpacked = data.join("functions/code").read_dir().expect("a folder");
    assert_eq!(unpacked.count(), 0);
    server.stop();
}

#[test]
fn a_stored_function_runs_only_if_its_code_may_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let [local, ..] = others(folder.path());
    let server = Server::with(&data, &[]);
    for (name, code) in [("packed", zip()), ("local", local)] {
        let (status, answer) = create(&server, folder.path(), name, &code);
        assert_eq!(status, 201, "{answer}");
    }
    assert_eq!(invoke(&server, "local"), (200, json!([1])));
    server.stop();

    let server = Server::with(&data, &["--function-code", "packages"]);
    assert_eq!(invoke(&server, "packed"), (200, json!([1])));
    let reason = "--function-code all";
    refused(invoke(&server, "local"), reason);
    // A version would be a copy of the folder, and thereby a package.
    let path = format!("{FUNCTIONS}/local/versions");
    refused(server.request("POST", &path, "", "{}"), reason);
    // It is there, and can be given a package.
    let path = format!("{FUNCTIONS}/local/code");
    let (status, answer) = server.request("PUT", &path, "", &zip().to_string());
    assert_eq!(status, 200, "{answer}");
    assert_eq!(invoke(&server, "local"), (200, json!([1])));
    server.stop();

    let server = Server::with(&data, &["--function-code", "none"]);
    for name in ["packed", "local"] {
        refused(invoke(&server, name), "runs no functions");
    }
    let (_, listed) = server.request("GET", FUNCTIONS, "", "");
    assert_eq!(listed["Functions"].as_array().map(Vec::len), Some(2));
    server.stop();
}

/// What a server logs between its start and its end.
fn logged(listen: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let serve = ["serve", "--listen", listen, "--durability", "memory"];
    let mut command = headwater(&[&serve, more].concat());
    let file = File::create(&log).expect("a file");
    command.stderr(Stdio::from(file));
    Server::of(command).stop();
    let mut said = Vec::new();
    let read = File::open(&log).and_then(|mut file| file.read_to_end(&mut said));
    read.expect("its content");
    text(&said)
}

#[test]
fn a_server_that_others_reach_says_what_they_can_do() {
    assert_eq!(logged("127.0.0.1:0", &[]), "");
    let data = "can read and change all data";
    for (code, functions) in [
        ("all", "any program of this machine"),
        ("packages", "programs that it brings along"),
    ] {
        let said = logged("0.0.0.0:0", &["--function-code", code]);
        assert!(said.contains(data) && said.contains(functions), "{said}");
    }
    let said = logged("0.0.0.0:0", &["--function-code", "none"]);
    assert!(said.contains(data), "{said}");
    assert!(!said.contains("program"), "{said}");
}
