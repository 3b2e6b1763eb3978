//! Jobs on a disk that is full for a while.

use std::fs;

use headwater_operations::SystemTable;
use serde_json::json;

use crate::support::{Server, until};

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
    let body = json!({"TableArn": table, "S3Bucket": "bucket"});
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
