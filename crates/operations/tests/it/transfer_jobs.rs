//! Jobs of exports, imports and bulk puts as they are remembered; nobody carries them out here.

use headwater_engine::EngineOptions;
use headwater_operations::{Api, ApiOptions, SystemTable, TransferStatus};
use serde_json::{Value, json};

use crate::support::Server;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Jobs that are remembered.
const REMEMBERED_MAX: usize = 10_000;
/// Documents that are put at once.
const TOGETHER: usize = 200;

fn options() -> ApiOptions {
    ApiOptions {
        reaches_buckets: true,
        ..ApiOptions::default()
    }
}

/// With a table that can be exported.
async fn start() -> Server {
    let engine = EngineOptions {
        shards: Some(1),
        ..EngineOptions::default()
    };
    let server = Server::with(engine, options());
    server.table("ttt", None).await;
    let recovery = json!({"PointInTimeRecoveryEnabled": true});
    let body = json!({"TableName": "ttt", "PointInTimeRecoverySpecification": recovery});
    server.must("UpdateContinuousBackups", body).await;
    server
}

async fn export(server: &Server, token: Value) -> Result<String, String> {
    let table = "arn:aws:dynamodb:us-east-1:000000000000:table/ttt";
    let body = json!({"TableArn": table, "S3Bucket": "bucket", "ClientToken": token});
    let reply = server.ask("ExportTableToPointInTime", body).await?;
    let arn = reply["ExportDescription"]["ExportArn"].as_str();
    Ok(arn.unwrap().to_owned())
}

async fn end(server: &Server, arn: &str) {
    let now_ms = server.api.database().latest_ms();
    let ended = server.api.transfers().change(arn, |job| {
        job.status = TransferStatus::Completed;
        job.ended_ms = Some(now_ms);
    });
    assert!(ended.await.unwrap().is_some());
}

async fn listed(server: &Server) -> Vec<String> {
    let mut arns = Vec::new();
    let mut body = json!({"MaxResults": 25});
    loop {
        let reply = server.must("ListExports", body.clone()).await;
        let page = reply["ExportSummaries"].as_array().unwrap();
        arns.extend(
            page.iter()
                .map(|one| one["ExportArn"].as_str().unwrap().to_owned()),
        );
        match &reply["NextToken"] {
            Value::Null => return arns,
            token => body["NextToken"] = token.clone(),
        }
    }
}

async fn documents(server: &Server) -> SystemTable {
    let database = server.api.database();
    SystemTable::open(database, "transfers").await.unwrap()
}

/// Quotes are two characters in the request, and four in what is remembered of it.
#[tokio::test]
async fn a_token_of_quotes_that_there_is_no_room_for_is_refused() {
    let server = start().await;
    let refused = export(&server, json!("\"".repeat(76_000))).await;
    assert_eq!(
        refused.unwrap_err(),
        "ValidationException: Headwater remembers the request of a transfer, which can't be larger than 153600 bytes"
    );
    export(&server, json!("\"".repeat(50_000))).await.unwrap();
    assert_eq!(listed(&server).await.len(), 1);
}

#[tokio::test]
async fn a_token_stands_for_its_first_job_after_a_restart_too() {
    let mut server = start().await;
    let first = export(&server, json!("one")).await.unwrap();
    assert_eq!(export(&server, json!("one")).await.unwrap(), first);
    end(&server, &first).await;
    server.api = Api::new(server.api.database().clone(), options());
    assert_eq!(export(&server, json!("one")).await.unwrap(), first);
    let eight_hours_ms = DAY_MS / 3;
    server.clock.advance_ms(eight_hours_ms);
    let second = export(&server, json!("one")).await.unwrap();
    assert_ne!(second, first);
    assert_eq!(export(&server, json!("one")).await.unwrap(), second);
    server.api = Api::new(server.api.database().clone(), options());
    assert_eq!(export(&server, json!("one")).await.unwrap(), second);
    assert_eq!(listed(&server).await, [second, first]);
}

#[tokio::test]
async fn no_more_than_fifty_exports_are_in_progress() {
    let server = start().await;
    let mut arns = Vec::new();
    for _ in 0..50 {
        arns.push(export(&server, Value::Null).await.unwrap());
        server.clock.advance_ms(1);
    }
    let refused = export(&server, Value::Null).await.unwrap_err();
    assert!(refused.starts_with("LimitExceededException"), "{refused}");
    let jobs = server.api.transfers();
    let next = jobs.next(|arn| arn == arns[0]).await.unwrap().unwrap();
    assert_eq!(next.arn, arns[1]);
    end(&server, &arns[1]).await;
    let next = jobs.next(|arn| arn == arns[0]).await.unwrap().unwrap();
    assert_eq!(next.arn, arns[2]);
    arns.push(export(&server, Value::Null).await.unwrap());
    arns.reverse();
    assert_eq!(listed(&server).await, arns);
}

#[tokio::test]
async fn what_begins_jobs_and_lists_them_reads_no_others() {
    let server = start().await;
    let arn = export(&server, json!("one")).await.unwrap();
    let documents = documents(&server).await;
    // Whoever reads it fails.
    documents.put("another", &b"no job"[..]).await.unwrap();
    assert_eq!(export(&server, json!("one")).await.unwrap(), arn);
    let second = export(&server, json!("two")).await.unwrap();
    let next = server.api.transfers().next(|other| other == arn).await;
    assert_eq!(next.unwrap().unwrap().arn, second);
    assert_eq!(listed(&server).await.len(), 2);
    end(&server, &arn).await;
    server.clock.advance_ms(90 * DAY_MS);
    assert_eq!(server.api.transfers().forget_old().await.unwrap(), None);
    assert_eq!(documents.get(&arn).await.unwrap(), None);
}

#[tokio::test]
async fn jobs_are_forgotten_after_ninety_days() {
    let server = start().await;
    let mut arns = Vec::new();
    for _ in 0..3 {
        arns.push(export(&server, Value::Null).await.unwrap());
        server.clock.advance_ms(DAY_MS);
    }
    end(&server, &arns[0]).await;
    end(&server, &arns[1]).await;
    let jobs = server.api.transfers();
    let due_ms = jobs.forget_old().await.unwrap().unwrap();
    server.clock.set_ms(due_ms - 1);
    assert_eq!(jobs.forget_old().await.unwrap(), Some(due_ms));
    assert_eq!(listed(&server).await.len(), 3);
    server.clock.set_ms(due_ms);
    assert_eq!(jobs.forget_old().await.unwrap(), Some(due_ms + DAY_MS));
    assert_eq!(documents(&server).await.scan_all().await.unwrap().len(), 2);
    // What is in progress stays.
    server.clock.set_ms(due_ms + 9 * DAY_MS);
    assert_eq!(jobs.forget_old().await.unwrap(), None);
    let left = documents(&server).await.scan_all().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0, arns[2]);
}

#[tokio::test]
async fn the_oldest_go_when_there_are_too_many() {
    let mut server = start().await;
    let arn = export(&server, Value::Null).await.unwrap();
    end(&server, &arn).await;
    let documents = documents(&server).await;
    let first = documents.get(&arn).await.unwrap().unwrap();
    let mut job: Value = serde_json::from_slice(&first).unwrap();
    let started_ms = job["started_ms"].as_u64().unwrap();
    for numbers in (1..=REMEMBERED_MAX as u64)
        .collect::<Vec<_>>()
        .chunks(TOGETHER)
    {
        let mut puts = tokio::task::JoinSet::new();
        for number in numbers {
            let key = format!("{arn}-{number}");
            job["arn"] = json!(key);
            job["started_ms"] = json!(started_ms + number);
            let (documents, document) = (documents.clone(), serde_json::to_vec(&job).unwrap());
            puts.spawn(async move { documents.put(&key, document).await.unwrap() });
        }
        puts.join_all().await;
    }
    server.api = Api::new(server.api.database().clone(), options());
    let due_ms = server.api.transfers().forget_old().await.unwrap();
    assert_eq!(due_ms, Some(started_ms + 1 + 90 * DAY_MS));
    let left = documents.scan_all().await.unwrap();
    assert_eq!(left.len(), REMEMBERED_MAX);
    assert!(left.iter().all(|(key, _)| *key != arn));
}
