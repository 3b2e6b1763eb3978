//! What ends a server that takes its time to start or to stop.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::process::{PATIENCE, Running, Server, headwater, text, wait};

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

/// Sends signals until the process ends.
fn terminate(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "the process does not end");
        kill_process(Pid::from_child(child), Signal::TERM).expect("the process is there");
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

#[test]
fn a_signal_ends_a_server_that_is_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, key) = (folder.path().join("data"), folder.path().join("key"));
    fifo(&key);
    let mut command = headwater(&["serve", "--listen", "127.0.0.1:0"]);
    command
        .arg("--data")
        .arg(data)
        .arg("--encryption-key-file")
        .arg(&key);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it runs");
    let _waits = writer(&key);
    kill_process(Pid::from_child(&child), Signal::TERM).expect("the process is there");
    assert_eq!(wait(&mut child).code(), Some(1));
    let said = std::io::read_to_string(child.stderr.take().expect("a pipe")).expect("text");
    assert!(
        said.contains("a signal ended the server while it was starting"),
        "{said}"
    );
}

#[test]
fn a_second_signal_ends_a_server_that_is_stopping() {
    let folder = tempfile::tempdir().expect("a folder");
    let errors = folder.path().join("errors");
    let mut command = headwater(&["serve", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(folder.path().join("data"));
    command.stderr(File::create(&errors).expect("a file"));
    let mut running = Running::of(command);
    let ready = running.line();
    let address = ready.trim_start_matches("headwater listening on http://");
    // A request in flight is waited for, and this one never ends.
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.0\r\n\
                x-amz-target: DynamoDB_20120810.PutItem\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = [0; "HTTP/1.1 100 Continue".len()];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(text(&answer), "HTTP/1.1 100 Continue");
    assert_eq!(terminate(running.child()).code(), Some(1));
    let said = fs::read_to_string(&errors).expect("text");
    assert!(said.contains("a second signal ended the server"), "{said}");
}
