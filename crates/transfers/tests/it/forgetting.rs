//! What is remembered of jobs that are over has a bound while the server runs, too.

use headwater_operations::SystemTable;

use crate::support::{Server, until};

const NINETY_DAYS_MS: u64 = 90 * 24 * 60 * 60 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_forgotten_ninety_days_later_without_a_restart() {
    let server = Server::start().await;
    let table = server.table("ttt").await;
    let first = server.export(&table).await;
    let is_done = async || server.export_status(&first).await.unwrap() == "COMPLETED";
    until("an export", is_done).await;
    server.clock.advance_ms(NINETY_DAYS_MS / 2);
    let second = server.export(&table).await;
    let is_done = async || server.export_status(&second).await.unwrap() == "COMPLETED";
    until("another export", is_done).await;
    server.clock.advance_ms(NINETY_DAYS_MS / 2);
    let documents = SystemTable::open(server.api.database(), "transfers").await;
    let documents = documents.unwrap();
    let is_forgotten = async || documents.get(&first).await.unwrap().is_none();
    until("the first one is forgotten", is_forgotten).await;
    assert!(documents.get(&second).await.unwrap().is_some());
    server.close().await;
}
