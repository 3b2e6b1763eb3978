//! `GET /streams/TABLE/events`: the changes of a table as server-sent events, an extension.
//!
//! | parameter | meaning |
//! |---|---|
//! | `from` | `latest` (the default), `horizon`, a sequence number to go on behind, or `@` and milliseconds since 1970 |
//! | `filter` | a filter pattern as those of event source mappings; with several, one must match |
//! | `batch` | up to so many records in one event, as an array; they are never waited for |
//!
//! Each `record` (or `records`) event has the sequence number of its last record as its id, so that a reader that comes
//! again with `Last-Event-ID` goes on behind it. Who reads slowly is sent what comes later when it reads again: the
//! records wait in the log, and no writer waits for anybody.

use std::time::Duration;

use bytes::Bytes;
use headwater_operations::{ChangeFeed, FeedPage, FeedRecord, FeedStart, RequestContext};
use headwater_wire::{ApiError, ErrorKind};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::connection::stopping;
use crate::query::Query;
use crate::reply_body::ReplyBody;
use crate::request::{Reply, Server};

/// Most readers of events at once.
pub(crate) const READERS_MAX: usize = 64;
/// Most records in one event.
const BATCH_MAX: usize = 1_000;
/// Time without records after which a reader is told that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Pages that wait for a reader.
const PAGES_WAITING_MAX: usize = 1;

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The table's name in the path of a feed.
pub(crate) fn table_in(path: &str) -> Option<&str> {
    path.strip_prefix("/streams/")?.strip_suffix("/events")
}

/// Begins a feed.
///
/// # Errors
/// A reason for people, and the status.
pub(crate) async fn begin(
    server: &Server,
    table: &str,
    query: &str,
    headers: &HeaderMap,
    context: &RequestContext,
    stop: watch::Receiver<bool>,
) -> Result<Reply, (StatusCode, String)> {
    let bad = |reason: &str| (StatusCode::BAD_REQUEST, reason.to_owned());
    let query = Query::parse(query);
    let last_id = headers.get(&LAST_EVENT_ID);
    let last_id = last_id.and_then(|id| id.to_str().ok());
    let from = last_id.or(query.get("from")).unwrap_or("latest");
    let start = FeedStart::parse(from).ok_or_else(|| {
        bad("from is latest, horizon, a sequence number, or @ and milliseconds since 1970")
    })?;
    let batch = match query.get("batch").map(str::parse::<usize>) {
        None => None,
        Some(Ok(batch)) if (1..=BATCH_MAX).contains(&batch) => Some(batch),
        Some(_) => return Err(bad(&format!("batch is a number from 1 to {BATCH_MAX}"))),
    };
    let place = server.event_readers.clone().try_acquire_owned();
    let place = place.map_err(|_| {
        let reason = format!("{READERS_MAX} readers of events are there already; close one");
        (StatusCode::TOO_MANY_REQUESTS, reason)
    })?;
    let table = percent_encoding::percent_decode_str(table).decode_utf8_lossy();
    let feed = server
        .api
        .change_feed(&table, start, &query.all("filter"), context)
        .await;
    let feed = feed.map_err(|error| {
        let status = match error.kind {
            ErrorKind::ResourceNotFound => Ok(StatusCode::NOT_FOUND),
            _ => StatusCode::from_u16(error.status()),
        };
        (status.unwrap_or(StatusCode::BAD_REQUEST), error.message)
    })?;
    let (events, receiver) = mpsc::channel(PAGES_WAITING_MAX);
    tokio::spawn(send(feed, batch, events, stop, place));
    let mut reply = Response::new(ReplyBody::Events(receiver));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

/// Sends events until the reader leaves, the stream ends or the server stops.
async fn send(
    mut feed: ChangeFeed,
    batch: Option<usize>,
    events: Sender<Bytes>,
    mut stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    let mut next = first_event(&feed);
    loop {
        let sent = tokio::select! {
            sent = events.send(next) => sent.is_ok(),
            () = stopping(&mut stop) => false,
        };
        if !sent {
            return;
        }
        next = tokio::select! {
            biased;
            () = stopping(&mut stop) => return,
            () = events.closed() => return,
            page = feed.next(batch.unwrap_or(BATCH_MAX)) => match page {
                Ok(Some(page)) => written(&page, batch.is_some()),
                Ok(None) => {
                    finish(&events, "event: end\ndata: {}\n\n".into()).await;
                    return;
                }
                Err(error) => {
                    finish(&events, failure(&error)).await;
                    return;
                }
            },
            () = tokio::time::sleep(HEARTBEAT) => heartbeat(&feed),
        };
        if next.is_empty() {
            // Nothing was looked at: nothing to tell.
            next = Bytes::from_static(b":\n\n");
        }
    }
}

/// The last event; a reader who left misses nothing.
async fn finish(events: &Sender<Bytes>, event: Bytes) {
    if events.send(event).await.is_err() {
        tracing::debug!("a reader of events left before the end");
    }
}

/// Where the feed begins, so that a reader that is cut off before the first record can go on there.
fn first_event(feed: &ChangeFeed) -> Bytes {
    let data = serde_json::json!({ "stream": feed.stream_arn(), "view": feed.view() });
    let id = feed
        .begins_behind()
        .map_or_else(String::new, |sequence| format!("id: {sequence}\n"));
    format!("retry: 1000\n{id}event: start\ndata: {data}\n\n").into()
}

/// Moves the id on, so that a reader of a quiet table that comes again does not ask for what is past its retention.
fn heartbeat(feed: &ChangeFeed) -> Bytes {
    match feed.seen() {
        Some(seen) => format!("id: {seen}\n\n").into(),
        None => Bytes::from_static(b":\n\n"),
    }
}

fn failure(error: &ApiError) -> Bytes {
    let data = serde_json::json!({ "message": error.message });
    format!("event: failure\ndata: {data}\n\n").into()
}

/// A page as events. What was looked at without a match moves the id on, by an event without data, which readers do
/// not see.
fn written(page: &FeedPage, in_batches: bool) -> Bytes {
    let bytes: usize = page.records.iter().map(|record| record.json.len()).sum();
    let mut out = Vec::with_capacity(bytes + 64 * (page.records.len() + 2));
    if page.lost {
        let data = serde_json::json!({
            "message": "records were, or may have been, past their retention before they were read, and are not shown",
        });
        out.extend_from_slice(format!("event: lost\ndata: {data}\n\n").as_bytes());
    }
    if in_batches {
        if let Some(last) = page.records.last() {
            out.extend_from_slice(b"event: records\ndata: [");
            for (at, record) in page.records.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&record.json);
            }
            out.extend_from_slice(format!("]\nid: {}\n\n", last.sequence).as_bytes());
        }
    } else {
        for FeedRecord { sequence, json } in &page.records {
            out.extend_from_slice(format!("event: record\nid: {sequence}\ndata: ").as_bytes());
            out.extend_from_slice(json);
            out.extend_from_slice(b"\n\n");
        }
    }
    let told = page.records.last().map(|record| record.sequence);
    if let Some(seen) = page.seen.filter(|seen| Some(*seen) != told) {
        out.extend_from_slice(format!("id: {seen}\n\n").as_bytes());
    }
    out.into()
}
