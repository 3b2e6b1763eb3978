//! Jobs whose items are larger than what is written about them, or at once, may be.

use std::fs;

use serde_json::json;

use crate::support::{BUCKET, Server, until};

/// What was said of an item's failure was kept in a document that has to be smaller than it, without an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_quotes_a_large_value_ends_an_import() {
    let server = Server::start().await;
    fs::create_dir(server.bucket().join("none")).unwrap();
    let twice = "x".repeat(250_000);
    let line = json!({"Item": {"pk": {"S": "a"}, "s": {"SS": [&twice, &twice]}}});
    fs::write(server.bucket().join("none/one.json"), line.to_string()).unwrap();
    let arn = server.import(BUCKET, "ttt").await;
    let is_over = async || server.import_status(&arn).await != "IN_PROGRESS";
    until("an import", is_over).await;
    let told = server
        .must("DescribeImport", json!({"ImportArn": arn}))
        .await;
    let told = &told["ImportTableDescription"];
    assert_eq!(
        (&told["ImportStatus"], &told["ErrorCount"]),
        (&json!("FAILED"), &json!(1)),
    );
    let message = told["FailureMessage"].as_str().unwrap();
    assert!(
        message.contains("duplicates") && message.len() < 3000,
        "{} bytes: {}",
        message.len(),
        &message[..300]
    );
    let table = server
        .must("DescribeTable", json!({"TableName": "ttt"}))
        .await;
    assert_eq!(table["Table"]["TableStatus"], "ACTIVE");
    server.close().await;
}

/// An entry of the log holds the items that were there before, too.
#[tokio::test(flavor = "multi_thread")]
async fn small_items_take_the_place_of_large_ones() {
    const ITEMS: usize = 200;
    let server = Server::start().await;
    server.table("ttt").await;
    let large = "x".repeat(300_000);
    let mut lines = String::new();
    for number in 0..ITEMS {
        let pk = json!({"S": format!("item-{number}")});
        let item = json!({"pk": pk, "large": {"S": large}});
        server
            .must("PutItem", json!({"TableName": "ttt", "Item": item}))
            .await;
        lines += &format!("{}\n", json!({"Item": {"pk": pk}}));
    }
    fs::create_dir(server.bucket().join("data")).unwrap();
    fs::write(server.bucket().join("data/one.json"), lines).unwrap();
    let arn = server.bulk_put("ttt", "data/").await;
    let is_over = async || server.bulk_put_told(&arn).await["EndTime"].is_number();
    until("a bulk put", is_over).await;
    let told = server.bulk_put_told(&arn).await;
    assert_eq!(told["BulkOperationStatus"], "COMPLETED", "{told}");
    let counted = json!({"TableName": "ttt", "Select": "COUNT"});
    let counted = server.must("Scan", counted).await;
    assert_eq!(
        (&counted["Count"], &counted["LastEvaluatedKey"]),
        (&json!(ITEMS), &json!(null))
    );
    server.close().await;
}
