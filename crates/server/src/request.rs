//! A request from its head to its reply: which interface it is for, its body within bounds, the envelope.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_model::Rng;
use headwater_operations::{Api, RequestContext};
use headwater_triggers::Triggers;
use headwater_wire::messages::{self, functions};
use headwater_wire::{ApiError, Operation, Target, sigv4};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{Semaphore, watch};

use crate::body::{BODY_BYTES_MAX, FUNCTION_BODY_BYTES_MAX, units_of};
use crate::connection::stopping;
use crate::console::{self, ConsoleSettings};
use crate::load::{Load, LoadLimits, Place};
use crate::metrics::Metrics;
use crate::reply_body::ReplyBody;
use crate::request_id::RequestIds;
use crate::same_origin::Names;
use crate::{admin, events, same_origin};

/// Most bytes of all replies together that are not sent yet, as the server sets it.
pub const REPLIES_BYTES_MAX: usize = 256 * 1024 * 1024;

// Made once: a name that is a text is parsed each time.
static TARGET: HeaderName = HeaderName::from_static("x-amz-target");
static WAIT: HeaderName = HeaderName::from_static("x-headwater-wait-ms");
static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
static CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

const JSON_1_0: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) type Reply = Response<ReplyBody>;

/// Whose errors a request is answered with.
#[derive(Clone, Copy)]
pub(crate) enum Interface {
    /// Those of DynamoDB, and what is the server's own.
    DynamoDb,
    Lambda,
}

/// Settings of the HTTP side.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Most connections at once.
    pub connections_max: usize,
    /// Longest time in which a client must have sent a request; and longest time in which it takes nothing of
    /// a reply, or next to nothing.
    pub request_timeout: Duration,
    /// Longest time that a request waits for its turn before it is refused as throttled: for a processor, for
    /// memory for its body, for the log to go on.
    pub wait_max: Duration,
    /// Most writes under way; further ones are refused as throttled.
    pub writes_max: usize,
    /// Most bytes of all replies that are not sent yet; past it requests are refused as throttled.
    /// [`REPLIES_BYTES_MAX`] is a good value.
    pub replies_bytes_max: usize,
    /// Most bytes of all large bodies together; [`crate::LARGE_BODIES_BYTES_MAX`] is a good value. One body that
    /// is larger than all of it waits in vain.
    pub large_bodies_bytes_max: usize,
    /// Region when a request names none.
    pub region: String,
    /// Account id in ARNs.
    pub account: String,
    /// Whether the tables of different access keys and regions are kept apart.
    pub separate_namespaces: bool,
    /// The console.
    pub console: ConsoleSettings,
}

/// Moves a test clock by milliseconds.
pub type AdvanceClock = Box<dyn Fn(u64) + Send + Sync>;

/// What requests are answered with.
pub struct Server {
    /// Settings.
    pub settings: ServerSettings,
    /// DynamoDB and DynamoDB Streams.
    pub api: Arc<Api>,
    /// Functions and event source mappings.
    pub triggers: Arc<Triggers>,
    /// Moves the clock by so many milliseconds, if tests may do that.
    pub advance_clock: Option<AdvanceClock>,
    /// Counters.
    pub metrics: Metrics,
    pub(crate) load: Load,
    /// When it was made, milliseconds since 1970 by the database's clock.
    pub(crate) started_ms: u64,
    /// Places for readers of events.
    pub(crate) event_readers: Arc<Semaphore>,
    /// Turns of those who have filters explained.
    pub(crate) explaining_turns: Arc<Semaphore>,
    ids: RequestIds,
    pub(crate) large_bodies: Arc<Semaphore>,
}

impl Server {
    /// A server over its parts; within a runtime, whose load it watches.
    pub fn new(
        settings: ServerSettings,
        api: Arc<Api>,
        triggers: Arc<Triggers>,
        advance_clock: Option<AdvanceClock>,
        rng: &dyn Rng,
    ) -> Self {
        let units = units_of(settings.large_bodies_bytes_max);
        let limits = LoadLimits {
            writes_max: settings.writes_max.min(Semaphore::MAX_PERMITS),
            replies_bytes_max: settings.replies_bytes_max,
            wait_max: settings.wait_max,
        };
        Server {
            load: Load::new(limits, &api),
            started_ms: api.database().clock().now_ms(),
            event_readers: Arc::new(Semaphore::new(events::READERS_MAX)),
            explaining_turns: Arc::new(Semaphore::new(admin::EXPLAINING_TURNS)),
            settings,
            api,
            triggers,
            advance_clock,
            metrics: Metrics::new(),
            ids: RequestIds::new(rng),
            large_bodies: Arc::new(Semaphore::new(units)),
        }
    }

    /// Answers one request that came over the loopback interface, or not; one that may wait is answered at once when
    /// `stop` says true.
    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        is_loopback: bool,
        stop: watch::Receiver<bool>,
    ) -> Reply {
        let names = Names {
            hosts: &self.settings.console.hosts,
            is_loopback,
        };
        if let Some(reason) = same_origin::refusal(&request, names) {
            return as_it_says(self.refused(StatusCode::FORBIDDEN, reason));
        }
        if request.uri().path() == "/" && *request.method() == Method::POST {
            return self.json_1_0(request, stop).await;
        }
        // Elsewhere, so that the future of a request for items is no larger for it.
        as_it_says(Box::pin(self.beside(request, stop)).await)
    }

    /// Everything but DynamoDB and DynamoDB Streams.
    async fn beside(&self, request: Request<Incoming>, stop: watch::Receiver<bool>) -> Reply {
        let path = request.uri().path();
        if path == "/" {
            return match *request.method() {
                Method::GET if takes_pages(request.headers()) => console::redirect(),
                Method::GET => self.healthy(),
                _ => self.not_found(),
            };
        }
        if path.starts_with("/_headwater/") {
            return admin::handle(self, request).await;
        }
        if let Some(table) = events::table_in(path) {
            return self.events(table, &request, stop).await;
        }
        if let Some(path) = path.strip_prefix(console::PREFIX) {
            return match *request.method() {
                Method::GET => console::file(&self.settings.console, path, request.headers())
                    .unwrap_or_else(|| self.not_found()),
                _ => self.not_found(),
            };
        }
        if path == "/console" {
            return console::redirect();
        }
        if is_lambda_path(path) {
            return self.lambda(request).await;
        }
        self.not_found()
    }

    async fn events(
        &self,
        table: &str,
        request: &Request<Incoming>,
        stop: watch::Receiver<bool>,
    ) -> Reply {
        if *request.method() != Method::GET {
            return self.not_found();
        }
        let headers = request.headers();
        let context = self.context(headers);
        let query = request.uri().query().unwrap_or_default();
        match events::begin(self, table, query, headers, &context, stop).await {
            Ok(reply) => reply,
            Err((status, reason)) => self.refused(status, &reason),
        }
    }

    /// A refusal of what is no operation of AWS.
    fn refused(&self, status: StatusCode, reason: &str) -> Reply {
        let body = serde_json::json!({ "message": reason }).to_string();
        self.reply(status, JSON, Bytes::from(body))
    }

    /// DynamoDB and DynamoDB Streams: the operation is in a header, the input in the body.
    async fn json_1_0(&self, request: Request<Incoming>, stop: watch::Receiver<bool>) -> Reply {
        let started = Instant::now();
        if !is_amz_json(request.headers()) {
            return self.not_found();
        }
        let (head, body) = request.into_parts();
        let body = self.body(body, BODY_BYTES_MAX, Interface::DynamoDb);
        let body = match body.await {
            Ok(body) => self.decoded(body, &head.headers, BODY_BYTES_MAX).await,
            Err(reply) => return *reply,
        };
        let body = match body {
            Ok(body) => body,
            Err(reply) => return *reply,
        };
        let target = head
            .headers
            .get(&TARGET)
            .and_then(|value| value.to_str().ok());
        let operation = match Target::parse(target.unwrap_or_default()) {
            Ok(target) => target.operation,
            Err(error) => return self.dynamodb_error(&error),
        };
        let context = self.context(&head.headers);
        let wait = match operation {
            // A large body, which is mostly what nobody knows, is not read again with each commit.
            Operation::GetRecords if !body.is_large() => wait(&head.headers),
            _ => None,
        };
        // What most requests do now is wait for the disk; what is freed afterwards has left the processor's caches.
        drop(head);
        let result = match wait {
            Some(wait) => {
                let waiting = self.get_records_waiting(&body.bytes, &context, wait, stop);
                Box::pin(waiting).await
            }
            None => self.dispatch(operation, &body.bytes, &context).await,
        };
        let failed = result.as_ref().err();
        self.metrics.count(operation, started.elapsed(), failed);
        match result {
            Ok(reply) => self.reply(StatusCode::OK, JSON_1_0, Bytes::from(reply)),
            Err(error) => self.dynamodb_error(&error),
        }
    }

    /// Carries an operation out, if there is room for it.
    async fn dispatch(
        &self,
        operation: Operation,
        body: &[u8],
        context: &RequestContext,
    ) -> Result<Vec<u8>, ApiError> {
        let _place = self.enter(operation)?;
        self.api.dispatch(operation, body, context).await
    }

    fn enter(&self, operation: Operation) -> Result<Place, ApiError> {
        let place = self.load.enter(operation);
        place.map_err(|_| messages::throttled())
    }

    /// GetRecords that waits for a record, an extension: an empty page of an open shard is asked for again
    /// with each commit, whatever table it is of, until something is there, the time is over or the server stops.
    async fn get_records_waiting(
        &self,
        body: &[u8],
        context: &RequestContext,
        wait: Duration,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Vec<u8>, ApiError> {
        let until = tokio::time::Instant::now() + wait;
        let mut commits = self.api.database().log().watch();
        commits.borrow_and_update();
        let mut reply = self.dispatch(Operation::GetRecords, body, context).await?;
        while is_open_and_empty(&reply) {
            tokio::select! {
                biased;
                () = stopping(&mut stop) => break,
                () = tokio::time::sleep_until(until) => break,
                moved = commits.changed() => if moved.is_err() {
                    break;
                },
            }
            let _place = self.enter(Operation::GetRecords)?;
            reply = self.api.get_records_again(body, context)?;
        }
        Ok(reply)
    }

    /// The Lambda interface: the operation is in method and path.
    async fn lambda(&self, request: Request<Incoming>) -> Reply {
        if self.load.room().is_err() {
            return closing(self.lambda_error(&functions::too_many_requests()));
        }
        let (head, body) = request.into_parts();
        let body = self.body(body, FUNCTION_BODY_BYTES_MAX, Interface::Lambda);
        let body = match body.await {
            Ok(body) => body,
            Err(reply) => return *reply,
        };
        let context = self.context(&head.headers);
        let header = |name: &str| -> Option<String> {
            let value = head.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let answer = self
            .triggers
            .handle(
                head.method.as_str(),
                &head.uri.to_string(),
                &header,
                body.into_parts(),
                &context,
            )
            .await;
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = self.reply(status, JSON, answer.body);
        for (name, value) in answer.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                reply.headers_mut().insert(name, value);
            }
        }
        reply
    }

    /// Who asks, for which region.
    pub(crate) fn context(&self, headers: &HeaderMap) -> RequestContext {
        let authorization = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let scope = authorization.and_then(sigv4::credential_scope);
        let region = scope
            .as_ref()
            .map_or(self.settings.region.as_str(), |scope| scope.region);
        let namespace = match &scope {
            Some(scope) if self.settings.separate_namespaces => {
                format!("{}/{}", scope.access_key, scope.region)
            }
            _ => String::new(),
        };
        RequestContext {
            namespace,
            region: region.to_owned(),
            account: self.settings.account.clone(),
            host: headers
                .get(HOST)
                .and_then(|host| host.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// The answer to a health check (dynamodb-api.md section 2), trailing space included.
    fn healthy(&self) -> Reply {
        let text = format!("healthy: dynamodb.{}.amazonaws.com ", self.settings.region);
        self.reply(
            StatusCode::OK,
            HeaderValue::from_static("text/plain"),
            Bytes::from(text),
        )
    }

    pub(crate) fn dynamodb_error(&self, error: &ApiError) -> Reply {
        let mut body = Vec::with_capacity(256);
        if let Err(error) = error.write_dynamodb(&mut body) {
            tracing::error!(%error, "an error could not be written down");
        }
        // Its cause is in the log already, once; a full disk would fill up with the rest.
        if error.is_server_fault() {
            tracing::info!(%error, "a request failed");
        }
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.reply(status, JSON_1_0, Bytes::from(body))
    }

    pub(crate) fn lambda_error(&self, error: &ApiError) -> Reply {
        let mut body = Vec::with_capacity(128);
        if let Err(error) = error.write_lambda(&mut body) {
            tracing::error!(%error, "an error could not be written down");
        }
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = self.reply(status, JSON, Bytes::from(body));
        let kind = HeaderValue::from_static(error.kind.code());
        reply.headers_mut().insert("x-amzn-errortype", kind);
        reply
    }

    /// What AWS answers to a path, method or content type that it does not know (dynamodb-api.md section 2).
    pub(crate) fn not_found(&self) -> Reply {
        let body = Bytes::from_static(b"<UnknownOperationException/>\n");
        let mut reply = self.reply(StatusCode::NOT_FOUND, JSON_1_0, body);
        // It is none that the header could name.
        reply.headers_mut().remove(CONTENT_TYPE);
        reply
    }

    /// A reply with the headers that every reply of AWS has.
    pub(crate) fn reply(&self, status: StatusCode, kind: HeaderValue, body: Bytes) -> Reply {
        let crc = crc32fast::hash(&body);
        let mut reply = Response::new(ReplyBody::whole(self.load.counted(body)));
        *reply.status_mut() = status;
        let headers = reply.headers_mut();
        headers.insert(REQUEST_ID.clone(), self.ids.next());
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(CRC32.clone(), HeaderValue::from(crc));
        reply
    }
}

/// Longest time that a request may ask to wait.
const WAIT_MS_MAX: u64 = 20_000;

/// How long GetRecords is to wait for a record: an extension, by header, in milliseconds.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(&WAIT)?.to_str().ok()?;
    let wait_ms: u64 = value.parse().ok()?;
    Some(Duration::from_millis(wait_ms.min(WAIT_MS_MAX)))
}

/// Whether a reply of GetRecords has no records, of a shard that may get some.
fn is_open_and_empty(reply: &[u8]) -> bool {
    contains(reply, br#""Records":[]"#) && contains(reply, br#""NextShardIterator":"#)
}

/// Whether a reply holds these bytes. Quotes inside of values are escaped, so that only a member can match.
fn contains(reply: &[u8], member: &[u8]) -> bool {
    reply.windows(member.len()).any(|window| window == member)
}

fn is_amz_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    let kind = kind.trim_ascii();
    kind.eq_ignore_ascii_case(b"application/x-amz-json-1.0")
        || kind.eq_ignore_ascii_case(b"application/json")
}

/// A reply that browsers must not take for anything but what its `Content-Type` says.
fn as_it_says(mut reply: Reply) -> Reply {
    let nosniff = HeaderValue::from_static("nosniff");
    reply.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    reply
}

/// Whether a browser asks for a page, not a program for the health.
fn takes_pages(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(ACCEPT)
        .and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

fn is_lambda_path(path: &str) -> bool {
    // A version date such as 2015-03-31 opens every path of the Lambda interface.
    let version = path.split('/').nth(1).unwrap_or_default().as_bytes();
    version.len() == 10 && version[4] == b'-' && version[7] == b'-'
}

pub(crate) fn status_only(status: StatusCode) -> Reply {
    let mut reply = Response::new(ReplyBody::whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

/// The rest of an unread body must not be taken for the next request.
pub(crate) fn closing(mut reply: Reply) -> Reply {
    let close = HeaderValue::from_static("close");
    reply.headers_mut().insert(hyper::header::CONNECTION, close);
    reply
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::header::{HeaderMap, HeaderValue};

    use super::{WAIT, wait};

    #[test]
    fn a_wait_is_bounded() {
        let asked = |text| {
            let value = HeaderValue::from_static(text);
            wait(&HeaderMap::from_iter([(WAIT.clone(), value)]))
        };
        assert_eq!(asked("100"), Some(Duration::from_millis(100)));
        assert_eq!(asked("3600000"), Some(Duration::from_secs(20)));
        assert_eq!(asked("soon"), None);
        assert_eq!(wait(&HeaderMap::new()), None);
    }
}
