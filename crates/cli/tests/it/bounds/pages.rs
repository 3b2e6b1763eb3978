//! Memory comes in small pages until the first writes.

use serde_json::json;

use super::client::Client;
use super::retention::incompressible;
use super::usage;
use crate::process::Server;

#[test]
fn a_server_that_nobody_writes_to_takes_small_pages() {
    let data = tempfile::tempdir().expect("a folder");
    // What this machine has at all.
    let large = usage::may_have_large_pages(std::process::id());
    let server = Server::with(data.path(), &[]);
    server.create_table("table", true);
    let mut client = Client::connect(&server);
    assert!(!usage::may_have_large_pages(server.pid()));
    for number in 0..4 {
        let value = incompressible(300_000, number);
        let item = json!({"id": {"S": number.to_string()}, "v": {"S": value}});
        client.dynamodb("PutItem", &json!({"TableName": "table", "Item": item}));
    }
    usage::eventually("large pages after writes", || {
        usage::may_have_large_pages(server.pid()) == large
    });
    server.stop();
}
