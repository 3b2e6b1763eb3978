//! What is Headwater's own, under `/_headwater/`: health, metrics, the test clock, shard splits, filters explained.
//!
//! | request | answer |
//! |---|---|
//! | `GET /_headwater/health` | 200 `{"status":"ok"}` or `{"status":"disk_full",...}`, or 503 `{"status":"failed",...}` |
//! | `GET /_headwater/metrics` | Prometheus text |
//! | `GET /_headwater/clock` | `{"now_ms":N}` |
//! | `POST /_headwater/clock` `{"advance_ms":N}` | moves the test clock; answers when what became due is done |
//! | `POST /_headwater/verify` | 202, starts a verification; 409 while one runs |
//! | `GET /_headwater/verify` | how the last one goes, or what it found |
//! | `triggers`, `triggers/UUID`, `dead-letters`, `dead-letters/ID`, `dead-letters/ID/redrive`, `functions/NAME/logs`, `kinesis` | [`headwater_triggers::Triggers::manage`] |
//! | `GET /_headwater/contributor-insights/TABLE?index=NAME&limit=N` | [`contributors`]: the most accessed keys |
//! | `GET /_headwater/overview` | the server, its tables and its mappings: [`overview`] |
//! | `GET /_headwater/shards?stream=ARN` | the shards of a stream as ranges of hashes over time: [`overview`] |
//! | `POST /_headwater/history` `{"TableName":"...","Key":{...}}` | what an item was, as far back as the log reaches |
//! | `POST /_headwater/split` `{"shard_id":"...","stream_arn":"...","children":N}` | splits an open shard |
//! | `POST /_headwater/filter/explain` `{"patterns":["..."],"events":[{...}]}` | why records match filter patterns or not |

use bytes::Bytes;
use headwater_operations::{RequestContext, VerificationStatus};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, StatusCode};

use crate::query::Query;
use crate::request::{Interface, Reply, Server};
use crate::{contributors, overview};

const INSIGHTS: &str = "contributor-insights/";
const ADMIN_BODY_BYTES_MAX: usize = 64 * 1024;
/// Filters that are explained at once: others need the threads that may take their time, too.
pub(crate) const EXPLAINING_TURNS: usize = 2;

pub(crate) async fn handle(server: &Server, request: Request<Incoming>) -> Reply {
    let path = request
        .uri()
        .path()
        .trim_start_matches("/_headwater/")
        .to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let method = request.method().clone();
    let context = server.context(request.headers());
    let body = request.into_body();
    let body = server.body(body, ADMIN_BODY_BYTES_MAX, Interface::DynamoDb);
    let body = match body.await {
        Ok(body) => body.bytes,
        Err(reply) => return *reply,
    };
    match (&method, path.as_str()) {
        (&Method::GET, "health") => health(server),
        (&Method::GET, "metrics") => text(
            server,
            StatusCode::OK,
            server
                .metrics
                .page(&server.api, &server.load, &server.triggers),
        ),
        (&Method::GET, "clock") => now(server),
        (&Method::POST, "clock") => advance(server, &body).await,
        (&Method::POST, "split") => split(server, context, &body).await,
        (&Method::POST, "filter/explain") => explain_filter(server, body).await,
        (&Method::GET, "overview") => shown(server, overview::overview(server, &context).await),
        (&Method::GET, "shards") => {
            let query = Query::parse(&query);
            let stream = query.get("stream").unwrap_or_default();
            shown(server, overview::shards(server, stream, &context).await)
        }
        (&Method::POST, "history") => match server.api.item_history(&body, &context).await {
            Ok(history) => bytes(server, StatusCode::OK, history.into()),
            Err(error) => server.dynamodb_error(&error),
        },
        (&Method::GET, "verify") => verification(server, StatusCode::OK),
        (&Method::POST, "verify") => start_verification(server),
        (&Method::GET, path) if path.starts_with(INSIGHTS) => {
            let table = path.trim_start_matches(INSIGHTS);
            match contributors::report(server, table, &query, &context).await {
                Ok(body) => answer(server, StatusCode::OK, body),
                Err(error) => server.dynamodb_error(&error),
            }
        }
        _ => manage(server, &method, &path, &query, &context).await,
    }
}

async fn manage(
    server: &Server,
    method: &Method,
    path: &str,
    query: &str,
    context: &RequestContext,
) -> Reply {
    let triggers = &server.triggers;
    match triggers.manage(method.as_str(), path, query, context).await {
        Some(managed) => {
            let status = StatusCode::from_u16(managed.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            answer(server, status, managed.body.to_string())
        }
        None => server.not_found(),
    }
}

fn start_verification(server: &Server) -> Reply {
    match server.api.database().start_verification() {
        Ok(Ok(())) => verification(server, StatusCode::ACCEPTED),
        Ok(Err(running)) => answer(server, StatusCode::CONFLICT, problem(&running.to_string())),
        Err(error) => {
            let reason = problem(&error.to_string());
            answer(server, StatusCode::INTERNAL_SERVER_ERROR, reason)
        }
    }
}

fn verification(server: &Server, status: StatusCode) -> Reply {
    let body = match server.api.database().verification() {
        VerificationStatus::Never => serde_json::json!({ "status": "never started" }),
        VerificationStatus::Running {
            percent,
            done_bytes,
            seconds,
        } => serde_json::json!({
            "status": "running",
            "percent": percent,
            "done_bytes": done_bytes,
            "seconds": seconds,
        }),
        VerificationStatus::Done { verified, seconds } => serde_json::json!({
            "status": "done",
            "seconds": seconds,
            "result": *verified,
        }),
        VerificationStatus::Failed { reason } => {
            serde_json::json!({ "status": "failed", "message": reason })
        }
    };
    answer(server, status, body.to_string())
}

fn health(server: &Server) -> Reply {
    let (code, body) = health_of(server);
    answer(server, code, body.to_string())
}

/// How the server does, as health checks see it.
pub(crate) fn health_of(server: &Server) -> (StatusCode, serde_json::Value) {
    let database = server.api.database();
    if let Some(reason) = failure(server) {
        let reason = format!("{reason}; look at the disk, then restart");
        return (StatusCode::SERVICE_UNAVAILABLE, status("failed", &reason));
    }
    // Reads are served and a restart would not help, so whoever watches is not to end this process.
    match database.no_room() {
        Some(reason) => {
            let reason = format!("disk full: writes are refused until there is room: {reason}");
            (StatusCode::OK, status("disk_full", &reason))
        }
        None => (StatusCode::OK, serde_json::json!({ "status": "ok" })),
    }
}

/// What only a restart heals.
fn failure(server: &Server) -> Option<String> {
    let database = server.api.database();
    let of_state = database.state_failure().map(|reason| {
        format!(
            "writes are refused, and items that are not in memory may not be read, since the state failed: {reason}"
        )
    });
    of_state.or_else(|| {
        let reason = database.log().poisoned()?;
        Some(format!("writes are refused since the log failed: {reason}"))
    })
}

fn status(status: &str, reason: &str) -> serde_json::Value {
    serde_json::json!({ "status": status, "message": reason })
}

fn now(server: &Server) -> Reply {
    let now_ms = server.api.database().clock().now_ms();
    answer(server, StatusCode::OK, format!(r#"{{"now_ms":{now_ms}}}"#))
}

async fn advance(server: &Server, body: &[u8]) -> Reply {
    let Some(advance_clock) = &server.advance_clock else {
        return refuse(
            server,
            "the clock can be moved only when the server was started with --test-clock",
        );
    };
    let Some(by_ms) = member_u64(body, "advance_ms") else {
        return refuse(server, "expected {\"advance_ms\": MILLISECONDS}");
    };
    advance_clock(by_ms);
    if let Err(error) = server.api.database().run_due().await {
        return refuse(server, &error.to_string());
    }
    now(server)
}

async fn split(server: &Server, context: RequestContext, body: &[u8]) -> Reply {
    let (Some(arn), Some(shard)) = (
        member_text(body, "stream_arn"),
        member_text(body, "shard_id"),
    ) else {
        return refuse(
            server,
            "expected {\"stream_arn\": ARN, \"shard_id\": ID, \"children\": COUNT}",
        );
    };
    let children = member_u64(body, "children").unwrap_or(2).clamp(1, 64) as u32;
    match split_shard(server, &context, &arn, &shard, children).await {
        Ok(ids) => {
            let body = serde_json::json!({ "children": ids }).to_string();
            answer(server, StatusCode::OK, body)
        }
        Err(reason) => refuse(server, &reason),
    }
}

async fn split_shard(
    server: &Server,
    context: &RequestContext,
    arn: &str,
    shard: &str,
    children: u32,
) -> Result<Vec<String>, String> {
    let streams = server.api.streams();
    let stream = streams
        .find(&context.namespace, arn)
        .map_err(|error| error.to_string())?;
    let shard = streams
        .shard(&stream, shard)
        .map_err(|error| error.to_string())?;
    let database = server.api.database();
    let opened = database
        .split_shard(stream.id, shard.number, children)
        .await;
    let opened = opened.map_err(|error| error.to_string())?;
    Ok(opened.iter().map(|shard| shard.id()).collect())
}

/// On a thread that may take its time.
async fn explain_filter(server: &Server, question: Bytes) -> Reply {
    let turn = server.explaining_turns.clone().acquire_owned().await;
    let explain = move || {
        let _turn = turn;
        headwater_triggers::explain_filter(&question)
    };
    match tokio::task::spawn_blocking(explain).await {
        Ok(Ok(explained)) => answer(server, StatusCode::OK, explained),
        Ok(Err(reason)) => refuse(server, &reason),
        Err(error) => {
            tracing::error!(%error, "explaining a filter ended early");
            let reason = problem("the filter could not be explained");
            answer(server, StatusCode::INTERNAL_SERVER_ERROR, reason)
        }
    }
}

fn member_u64(body: &[u8], name: &str) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(body)
        .ok()?
        .get(name)?
        .as_u64()
}

fn member_text(body: &[u8], name: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get(name)?.as_str()?.to_owned())
}

fn problem(reason: &str) -> String {
    serde_json::json!({ "message": reason }).to_string()
}

fn refuse(server: &Server, reason: &str) -> Reply {
    answer(server, StatusCode::BAD_REQUEST, problem(reason))
}

fn shown(server: &Server, shown: Result<serde_json::Value, String>) -> Reply {
    match shown {
        Ok(body) => answer(server, StatusCode::OK, body.to_string()),
        Err(reason) => refuse(server, &reason),
    }
}

fn answer(server: &Server, status: StatusCode, body: String) -> Reply {
    bytes(server, status, Bytes::from(body))
}

fn bytes(server: &Server, status: StatusCode, body: Bytes) -> Reply {
    let kind = HeaderValue::from_static("application/json");
    server.reply(status, kind, body)
}

fn text(server: &Server, status: StatusCode, body: String) -> Reply {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");
    server.reply(status, kind, Bytes::from(body))
}
