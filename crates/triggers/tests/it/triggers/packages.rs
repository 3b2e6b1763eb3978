//! Packages of a function that does what its event says, told apart by a file.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::world::{FUNCTIONS, ROLE, Reply, World};

/// A package with an empty file of this name beside the code; none if it has no name.
pub(super) fn package(marker: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let executable = SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", executable).unwrap();
    zip.write_all(include_bytes!("../bootstrap.py")).unwrap();
    if !marker.is_empty() {
        zip.start_file(marker, SimpleFileOptions::default())
            .unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(super) fn definition(name: &str, zip: &[u8]) -> Value {
    json!({
        "FunctionName": name,
        "Role": ROLE,
        "Runtime": "provided.al2023",
        "Handler": "any",
        "Timeout": 30,
        "Code": {"ZipFile": STANDARD.encode(zip)},
    })
}

pub(super) fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

/// Creates a function whose package has the marker.
pub(super) async fn create(world: &World, name: &str, marker: &str) -> Value {
    let created = world
        .post(FUNCTIONS, definition(name, &package(marker)))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    created.body
}

/// Gives a function the package with the marker.
pub(super) async fn update(world: &World, name: &str, marker: &str) -> Value {
    let code = json!({"ZipFile": STANDARD.encode(package(marker))});
    let updated = world.put(&format!("{FUNCTIONS}/{name}/code"), code).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    updated.body
}

/// The marker of the package that a call finds, and the version that it was told.
pub(super) async fn found(world: &World, name: &str, query: &str) -> (String, String) {
    let reply = invoke(world, name, query, json!({})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let files = reply.body["files"].as_array().unwrap();
    let mut markers = files.iter().filter(|file| **file != "bootstrap");
    let marker = markers.next().and_then(Value::as_str).unwrap_or_default();
    let version = reply.header("X-Amz-Executed-Version").unwrap();
    (marker.to_owned(), version.to_owned())
}

pub(super) async fn invoke(world: &World, name: &str, query: &str, event: Value) -> Reply {
    let path = format!("{FUNCTIONS}/{name}/invocations{query}");
    world.post(&path, event).await
}

/// An answer that refuses: status, error type and message.
pub(super) fn refusal(reply: &Reply) -> (u16, &str, &str) {
    let message = reply.body["message"]
        .as_str()
        .or(reply.body["Message"].as_str());
    (
        reply.status,
        reply.header("x-amzn-ErrorType").unwrap_or_default(),
        message.unwrap_or_default(),
    )
}

/// The ARN of a function.
pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}
