//! Jobs on a disk that is full for a while.

use std::fs;

use headwater_operations::SystemTable;
use serde_json::json;

use crate::support::{BUCKET, Server, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_refused_does_not_come_to_be() {
    let server = Server::start().await;
    let table = server.table("ttt").await;
    let first = server.export(&table).await;
    let is_done = async || server.export_status(&first).await.unwrap() == "COMPLETED";
    until("an export", is_done).await;
    let exports = || fs::read_dir(server.bucket().join("AWSDynamoDB")).unwrap();
    assert_eq!(exports().count(), 1);
    server.fill_up().await;
    let body = json!({"TableArn": table, "S3Bucket": BUCKET});
    server
        .ask("ExportTableToPointInTime", body)
        .await
        .unwrap_err();
    until("room", async || server.api.database().no_room().is_none()).await;
    // It came to be, as its place in the log was taken, and is taken back.
    let documents = SystemTable::open(server.api.database(), "transfers").await;
    let documents = documents.unwrap();
    let count = async || documents.scan_all().await.unwrap().len();
    until("it is taken back", async || count().await == 1).await;
    let listed = server.must("ListExports", json!({})).await;
    assert_eq!(listed["ExportSummaries"].as_array().unwrap().len(), 1);
    assert_eq!(exports().count(), 1);
    let server = server.restart().await;
    assert_eq!(server.export_status(&first).await.unwrap(), "COMPLETED");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_put_begins_when_there_is_room() {
    let mut server = Server::start_idle();
    server.table("ttt").await;
    fs::create_dir(server.bucket().join("data")).unwrap();
    let line = r#"{"Item": {"pk": {"S": "a"}}}"#;
    fs::write(server.bucket().join("data/one.json"), line).unwrap();
    let arn = server.bulk_put("ttt", "data/").await;
    server.fill_up().await;
    server.carry_out().await;
    let is_over = async || server.bulk_put_told(&arn).await["EndTime"].is_number();
    until("a bulk put", is_over).await;
    // That its beginning was noted later than it was refused is not taken for an interruption.
    let told = server.bulk_put_told(&arn).await;
    assert_eq!(told["BulkOperationStatus"], "COMPLETED", "{told}");
    let get = json!({"TableName": "ttt", "Key": {"pk": {"S": "a"}}});
    assert!(server.must("GetItem", get).await["Item"].is_object());
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_settled_when_there_is_room() {
    let mut server = Server::start_idle();
    let arn = server.import(BUCKET, "ttt").await;
    server.fill_up().await;
    server.carry_out().await;
    let is_done = async || server.import_status(&arn).await == "COMPLETED";
    until("an import", is_done).await;
    let told = server
        .must("DescribeTable", json!({"TableName": "ttt"}))
        .await;
    assert_eq!(told["Table"]["TableStatus"], "ACTIVE");
    server.close().await;
}

/// Whoever asked hears of no room when its job is durable and its table is made.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_refused_in_its_last_step_is_carried_out() {
    let server = Server::start().await;
    // Makes the system table.
    let first = server.import(BUCKET, "first").await;
    let is_done = async || server.import_status(&first).await == "COMPLETED";
    until("an import", is_done).await;
    server.fill_up_after(2).await;
    let body = server.import_request(BUCKET, "second");
    let refused = server.ask("ImportTable", body).await.unwrap_err();
    let is_done = async || {
        let listed = server.must("ListImports", json!({})).await;
        let listed = listed["ImportSummaryList"].as_array().unwrap().clone();
        listed.len() == 2 && listed.iter().all(|one| one["ImportStatus"] == "COMPLETED")
    };
    until(&format!("the other import, {refused}"), is_done).await;
    let told = server
        .must("DescribeTable", json!({"TableName": "second"}))
        .await;
    assert_eq!(told["Table"]["TableStatus"], "ACTIVE");
    server.close().await;
}
