//! A state file that can't be read: what clients and whoever watches the server are told.

use std::sync::Arc;

use headwater_changelog::{Log, LogOptions, MemoryFiles};
use headwater_engine::{Database, EngineOptions, TestClock};
use headwater_model::SeededRng;
use headwater_state::StateOptions;
use headwater_state::testing::FaultyDisk;

use crate::support::{Running, settings, start_on};

/// More than the state keeps in memory.
const ITEMS: usize = 200;

async fn start(disk: &FaultyDisk) -> Running {
    let clock = Arc::new(TestClock::default());
    let files = Arc::new(MemoryFiles::new());
    let (log, _) = Log::open(files, LogOptions::default(), clock.clone()).unwrap();
    let small = StateOptions {
        cache_bytes: 64 << 10,
        ..StateOptions::default()
    };
    let state = headwater_state::open(disk.backend(), None, small).unwrap();
    let options = EngineOptions {
        item_cache_bytes_max: 0,
        apply_interval_ms: 1,
        checkpoint_interval_ms: 20,
        ..EngineOptions::default()
    };
    let rng = Arc::new(SeededRng::new(1));
    let (database, _) = Database::open(log, state, clock.clone(), rng, options).unwrap();
    start_on(settings(), database, clock).await
}

/// The first answer that is not 200.
async fn first_failure(server: &Running) -> Option<(u16, String)> {
    for index in 0..ITEMS {
        let body = format!(r#"{{"TableName":"table","Key":{{"pk":{{"S":"{index}"}}}}}}"#);
        let answer = server
            .post("DynamoDB_20120810.GetItem", body.as_bytes())
            .await;
        if answer.0 != 200 {
            return Some(answer);
        }
    }
    None
}

async fn look(server: &Running, path: &str) -> String {
    let request =
        format!("GET /_headwater/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    server.exchange(request.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_cannot_be_read_is_told_to_clients_in_health_and_in_metrics() {
    let disk = FaultyDisk::new();
    let server = start(&disk).await;
    server.create_table().await;
    let noise = "n".repeat(2_000);
    for index in 0..ITEMS {
        let body = format!(
            r#"{{"TableName":"table","Item":{{"pk":{{"S":"{index}"}},"noise":{{"S":"{noise}"}}}}}}"#
        );
        let (status, body) = server
            .post("DynamoDB_20120810.PutItem", body.as_bytes())
            .await;
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(first_failure(&server).await, None);
    assert!(
        look(&server, "metrics")
            .await
            .contains("\nheadwater_state_failed 0\n")
    );

    disk.fail_reads(true);
    let (status, body) = first_failure(&server).await.expect("all lay in memory");
    disk.fail_reads(false);
    assert_eq!(status, 500);
    assert!(body.contains("InternalServerError"), "{body}");
    assert!(body.contains("until the server is restarted"), "{body}");
    assert!(
        !body.contains("injected"),
        "the cause is not for clients: {body}"
    );
    // What the disk gives again is read, but nobody says that all is well.
    assert_eq!(first_failure(&server).await, None);
    let health = look(&server, "health").await;
    assert!(health.starts_with("HTTP/1.1 503"), "{health}");
    assert!(
        health.contains("items that are not in memory may not be read"),
        "{health}"
    );
    assert!(health.contains("injected failure"), "{health}");
    assert!(
        look(&server, "metrics")
            .await
            .contains("\nheadwater_state_failed 1\n")
    );
    server.stop().await;
}
