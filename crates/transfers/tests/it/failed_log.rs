//! Jobs over a log that has failed: what they keep is refused until the next start, so nothing is begun before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headwater_changelog::testing::Fault;
use serde_json::json;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::{BUCKET, Server, until};

/// How often others run while it is seen whether something is tried again and again. A job that is tried needs as long.
const ROUNDS: usize = 200;
/// What may be told of one job that can't go on.
const WARNINGS_MAX: u64 = 2;

/// Counts what the server is warned of, on the thread of the test.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicU64>);

impl Warnings {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

async fn fail(server: &Server) {
    let log = server.api.database().log();
    until("a quiet log", async || log.durable() == log.appended()).await;
    server.files.inject(0, Fault::Fail);
}

async fn let_others_run() {
    for _ in 0..ROUNDS {
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_begun() {
    let mut server = Server::start_idle();
    let table = server.table("ttt").await;
    server.bulk_put("ttt", "none/").await;
    server.import(BUCKET, "imported").await;
    server.export(&table).await;
    fail(&server).await;
    let put = json!({"TableName": "ttt", "Item": {"pk": {"S": "a"}}});
    server.ask("PutItem", put).await.unwrap_err();
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    server.carry_out().await;
    let_others_run().await;
    assert_eq!(warnings.count(), 0);
    server.close().await;
}

#[tokio::test]
async fn a_bulk_put_that_can_t_be_begun_is_left() {
    let mut server = Server::start_idle();
    server.table("ttt").await;
    server.bulk_put("ttt", "none/").await;
    ends_once(&mut server).await;
    server.close().await;
}

#[tokio::test]
async fn an_import_that_can_t_be_settled_is_left() {
    let mut server = Server::start_idle();
    // Why it fails is to be noted before its table goes.
    server.import("missing", "imported").await;
    ends_once(&mut server).await;
    server.close().await;
}

/// The log fails at the job's first write.
async fn ends_once(server: &mut Server) {
    fail(server).await;
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    server.carry_out().await;
    let log = server.api.database().log();
    until("a failed log", async || log.poisoned().is_some()).await;
    let_others_run().await;
    assert!(warnings.count() <= WARNINGS_MAX, "{}", warnings.count());
}
