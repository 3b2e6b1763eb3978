//! Many who ask what an item was, and go away: each reads a part of the log, on threads that others need.

use serde_json::json;

use super::client::Client;
use super::usage;
use crate::process::Server;

const ASKERS: usize = 60;
/// Beside the threads that there were: those that read, and what else happens now and then.
const THREADS_MORE_MAX: usize = 12;

#[test]
fn histories_take_few_threads() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    let key = json!({"id": {"S": "item"}});
    for number in 0..40 {
        let text = format!("{number}{}", "x".repeat(390_000));
        let item = json!({"id": {"S": "other"}, "text": {"S": text}});
        client.dynamodb("PutItem", &json!({"TableName": "table", "Item": item}));
    }
    let body = json!({"TableName": "table", "Key": key}).to_string();
    let request = format!(
        "POST /_headwater/history HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let before = usage::of(server.pid()).threads;
    let mut askers: Vec<Client> = (0..ASKERS).map(|_| Client::connect(&server)).collect();
    for asker in &mut askers {
        asker.send(request.as_bytes()).expect("sent");
    }
    // Half of them do not wait for the answer.
    let mut waiting = askers.split_off(ASKERS / 2);
    let mut threads = usage::of(server.pid()).threads;
    drop(askers);
    for asker in &mut waiting {
        let answer = asker.answer().expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["Versions"], json!([]));
        threads = threads.max(usage::of(server.pid()).threads);
    }
    println!("{before} threads before, {threads} at most");
    assert!(threads <= before + THREADS_MORE_MAX, "{before}, {threads}");
    server.stop();
}
