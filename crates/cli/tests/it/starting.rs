//! What a server says at its start of what it finds.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::process::{Server, headwater, output, text};

fn log_ahead_seconds(server: &Server) -> u64 {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let request =
        "GET /_headwater/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    let page = std::io::read_to_string(stream).expect("text");
    let mut lines = page.lines();
    let value = lines.find_map(|line| line.strip_prefix("headwater_log_ahead_seconds "));
    value.expect("a gauge").parse().expect("a number")
}

/// What a server on a folder logs until it can be reached, and the server.
fn start(data: &Path, more: &[&str]) -> (String, Server) {
    let errors = data.with_extension("errors");
    let mut command = headwater(&["serve", "--listen", "127.0.0.1:0"]);
    command.args(more).arg("--data").arg(data);
    command.stderr(File::create(&errors).expect("a file"));
    let server = Server::of(command);
    (fs::read_to_string(&errors).expect("text"), server)
}

fn last_segment(data: &Path) -> PathBuf {
    let entries = fs::read_dir(data.join("log")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let segments = paths.filter(|path| path.extension().is_some_and(|kind| kind == "hwl"));
    segments.max().expect("a segment")
}

#[test]
fn the_version_names_the_commit_wherever_it_is_told() {
    let version = text(&output(&["version"]).stdout);
    let version = version.trim_end();
    let own = format!("headwater {}", env!("CARGO_PKG_VERSION"));
    let commit = version.strip_prefix(&own).expect("the version");
    if Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../.git")
        .exists()
    {
        let (hash, date) = commit.split_once(", ").expect("a commit and its date");
        let hash = hash.strip_prefix(" (").expect("a bracket");
        assert!(
            hash.len() >= 10 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
            "{hash}"
        );
        assert_eq!(date.len(), "2026-01-01)".len(), "{date}");
    }
    assert_eq!(text(&output(&["--version"]).stdout).trim_end(), version);
    let folder = tempfile::tempdir().expect("a folder");
    let (said, server) = start(&folder.path().join("data"), &["--log-level", "info"]);
    let first = said.lines().next().unwrap_or_default();
    assert!(first.ends_with(version), "{first}");
    let (_, overview) = server.request("GET", "/_headwater/overview", "", "");
    let told = overview["version"].as_str().expect("a text");
    assert_eq!(format!("headwater {told}"), version);
    server.stop();
}

#[test]
fn a_log_whose_end_is_torn_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (said, server) = start(&data, &[]);
    assert_eq!(said, "");
    server.create_table("items", false);
    server.put("items", "a", 1);
    server.kill();
    // What is there as yet is whole.
    let (said, server) = start(&data, &[]);
    assert_eq!(said, "");
    server.put("items", "a", 2);
    server.kill();
    let segment = last_segment(&data);
    let mut bytes = fs::read(&segment).expect("its bytes");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("blocks") + 1;
    bytes.truncate(end.next_multiple_of(512));
    bytes.extend([0xaa; 300]);
    fs::write(&segment, &bytes).expect("written");
    let (said, server) = start(&data, &[]);
    for part in ["WARN", "the end of the log was not whole", "bytes="] {
        assert!(said.contains(part), "{said}");
    }
    server.stop();
    let (said, server) = start(&data, &[]);
    assert_eq!(said, "");
    server.stop();
}

#[test]
fn a_log_that_is_ahead_of_the_clock_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (said, server) = start(&data, &["--test-clock", "--test-clock-offset", "2h"]);
    assert_eq!(said, "");
    assert_eq!(log_ahead_seconds(&server), 0);
    server.create_table("items", false);
    server.kill();
    let (said, server) = start(&data, &[]);
    for part in ["WARN", "the log is ahead of the clock", "seconds="] {
        assert!(said.contains(part), "{said}");
    }
    let ahead = log_ahead_seconds(&server);
    assert!((7_000..7_300).contains(&ahead), "{ahead}");
    server.stop();
}
