//! What ends a server that takes its time to start or to stop.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use serde_json::json;

use crate::process::{PATIENCE, Server, headwater};

/// A file that whoever reads it waits for.
fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a fifo");
}

/// The writing end, once somebody reads, who waits as long as it is kept.
fn writer(path: &Path) -> File {
    let begun = Instant::now();
    let mut options = File::options();
    options
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    loop {
        match options.open(path) {
            Ok(writer) => return writer,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "nobody reads it: {error}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_thread_that_waits_for_the_system_does_not_keep_a_server_that_has_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = folder.path().join("certificates");
    fifo(&certificates);
    let mut command = headwater(&["serve", "--listen", "127.0.0.1:0"]);
    command.args(["--kinesis-endpoint", "http://127.0.0.1:1", "--data"]);
    command.arg(folder.path().join("data"));
    // They are read on a thread of their own before the first request goes out, as addresses are looked for.
    command.env("SSL_CERT_FILE", &certificates);
    let server = Server::of(command);
    server.create_table("items", false);
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/changes";
    let destination = json!({"TableName": "items", "StreamArn": arn});
    server.dynamodb("EnableKinesisStreamingDestination", &destination);
    server.put("items", "a", 1);
    let _waits = writer(&certificates);
    server.stop();
}
