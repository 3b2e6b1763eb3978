//! The Runtime API: what a process asks of us over HTTP (triggers.md section 9).
//!
//! Each process has a listener and a `Desk` of its own. Work is laid on the desk by
//! `Process::serve`; the process takes it with `next` and puts the answer back. The listener is on the loopback interface,
//! which is everybody's: connections of other users are closed ([`Peers`]), requests that a browser made or that are
//! addressed to another name are refused, and whoever keeps connections without using them loses them.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::invocation::RESPONSE_BYTES_MAX;
use super::peers::Peers;
use super::settings::WallClock;

const BASE: &str = "/2018-06-01/";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";
/// Answers over the limit are read to their end up to here, so that the client sees the refusal.
const DISCARD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Python's client sends a cause of up to 1 MB in a header.
const HEADER_BYTES_MAX: usize = 2 * 1024 * 1024;
const CONNECTIONS_MAX: usize = 16;
/// A connection brings its first request within this time. Later it may be idle for as long as an invocation takes.
const FIRST_REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// An invocation on its way to a process.
pub(super) struct Work {
    pub(super) request_id: Arc<str>,
    /// Headers of `next`; the deadline is added when the work is taken.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) payload: Bytes,
    pub(super) timeout: Duration,
    /// Called when the process takes the work, before it can act on it.
    pub(super) taken: Box<dyn FnOnce() + Send>,
    pub(super) outcome: oneshot::Sender<Outcome>,
}

/// What a process made of its work.
#[derive(Debug)]
pub(super) enum Outcome {
    Response(Bytes),
    Error {
        error_type: Option<String>,
        body: Bytes,
    },
    TooLarge,
}

/// How the start of a process went.
#[derive(Debug)]
pub(super) enum Init {
    Ready,
    Error {
        error_type: Option<String>,
        body: Bytes,
    },
}

/// Where one process gets its work and leaves its answers.
pub(super) struct Desk {
    clock: WallClock,
    state: Mutex<DeskState>,
    laid: Notify,
}

struct DeskState {
    init: Option<oneshot::Sender<Init>>,
    pending: Option<Work>,
    current: Option<Current>,
}

struct Current {
    request_id: Arc<str>,
    outcome: oneshot::Sender<Outcome>,
}

impl Desk {
    /// A desk, and the news of how the process's start went.
    pub(super) fn new(clock: WallClock) -> (Arc<Self>, oneshot::Receiver<Init>) {
        let (init, news) = oneshot::channel();
        let state = Mutex::new(DeskState {
            init: Some(init),
            pending: None,
            current: None,
        });
        (
            Arc::new(Self {
                clock,
                state,
                laid: Notify::new(),
            }),
            news,
        )
    }

    /// Lays work on the desk; the caller knows that it is empty.
    pub(super) fn lay(&self, work: Work) {
        self.state().pending = Some(work);
        self.laid.notify_one();
    }

    /// Takes work back that the process has not taken; says whether it could.
    pub(super) fn withdraw(&self) -> bool {
        self.state().pending.take().is_some()
    }

    fn state(&self) -> MutexGuard<'_, DeskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle_init(&self, init: Init) -> bool {
        // The receiver is gone when nobody waits any more.
        self.state()
            .init
            .take()
            .is_some_and(|sender| sender.send(init).is_ok())
    }

    fn is_busy(&self) -> bool {
        self.state().current.is_some()
    }

    fn is_current(&self, request_id: &str) -> bool {
        self.state()
            .current
            .as_ref()
            .is_some_and(|current| *current.request_id == *request_id)
    }

    /// Takes the next work as the process's current one.
    async fn take(&self) -> Response<Full<Bytes>> {
        loop {
            let laid = self.laid.notified();
            if let Some(response) = self.try_take() {
                return response;
            }
            laid.await;
        }
    }

    fn try_take(&self) -> Option<Response<Full<Bytes>>> {
        let mut state = self.state();
        let work = state.pending.take()?;
        let deadline_ms =
            (self.clock)() + u64::try_from(work.timeout.as_millis()).unwrap_or(u64::MAX / 2);
        let mut response = Response::new(Full::new(work.payload));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(deadline_ms));
        headers.extend(work.headers);
        (work.taken)();
        state.current = Some(Current {
            request_id: work.request_id,
            outcome: work.outcome,
        });
        Some(response)
    }

    /// Hands over the answer, if this is still the current work.
    fn settle(&self, request_id: &str, outcome: Outcome) -> bool {
        let mut state = self.state();
        match state.current.take() {
            Some(current) if *current.request_id == *request_id => {
                let _ = current.outcome.send(outcome);
                true
            }
            other => {
                state.current = other;
                false
            }
        }
    }
}

/// Serves one process until the task is dropped.
pub(super) async fn serve(listener: TcpListener, desk: Arc<Desk>, peers: Arc<Peers>) {
    let Ok(local) = listener.local_addr() else {
        return;
    };
    let listener_name = local.to_string();
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let crowded = Arc::new(Notify::new());
    let mut connections = JoinSet::new();
    loop {
        let slot = match Arc::clone(&slots).try_acquire_owned() {
            Ok(slot) => Ok(slot),
            Err(_) => {
                crowded.notify_waiters();
                Arc::clone(&slots).acquire_owned().await
            }
        };
        let Ok(slot) = slot else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of a function");
                tokio::task::yield_now().await;
                continue;
            }
        };
        if !peers.lets_in(local, peer) {
            tracing::debug!(%peer, "another user may not call as a function");
            continue;
        }
        let _ = stream.set_nodelay(true);
        let caller = Caller {
            desk: Arc::clone(&desk),
            listener_name: listener_name.clone(),
        };
        // Made here, so that it is told also before it is first asked.
        let others_wait = Arc::clone(&crowded).notified_owned();
        connections.spawn(async move {
            let _slot = slot;
            caller.serve(stream, others_wait).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// What one connection is served with.
struct Caller {
    desk: Arc<Desk>,
    /// Address and port, which requests have to be addressed to.
    listener_name: String,
}

impl Caller {
    /// Serves a connection until its end. One that brings nothing is closed, and one that is idle when there is no room for
    /// another.
    async fn serve(&self, stream: TcpStream, others_wait: OwnedNotified) {
        let heard = Notify::new();
        let service = service_fn(|request| {
            heard.notify_one();
            answer(&self.desk, &self.listener_name, request)
        });
        let connection = http1::Builder::new()
            .max_buf_size(HEADER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let silence = async {
            if timeout(FIRST_REQUEST_TIME_MAX, heard.notified())
                .await
                .is_ok()
            {
                pending().await
            }
        };
        let (mut connection, mut silence) = (pin!(connection), pin!(silence));
        // A process that ends breaks its connections: nothing to tell.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = silence.as_mut() => return,
            () = others_wait => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            _ = connection => {}
            () = silence => {}
        }
    }
}

async fn answer(
    desk: &Desk,
    listener_name: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(reason) = stranger(request.headers(), listener_name) {
        let mut refusal = refusal(StatusCode::FORBIDDEN, "Forbidden", reason);
        let close = HeaderValue::from_static("close");
        refusal.headers_mut().insert(CONNECTION, close);
        return Ok(refusal);
    }
    let path = request.uri().path().to_owned();
    let Some(call) = path.strip_prefix(BASE) else {
        return Ok(not_found());
    };
    let segments: Vec<&str> = call.split('/').collect();
    Ok(match (request.method(), segments.as_slice()) {
        (&Method::GET, ["runtime", "invocation", "next"]) => next(desk).await,
        (&Method::POST, ["runtime", "invocation", id, "response"]) => {
            response(desk, id, request).await
        }
        (&Method::POST, ["runtime", "invocation", id, "error"]) => error(desk, id, request).await,
        (&Method::POST, ["runtime", "init", "error"]) => init_error(desk, request).await,
        _ => not_found(),
    })
}

/// Why a request is not one of the function, if that can be seen.
fn stranger(headers: &HeaderMap, listener_name: &str) -> Option<&'static str> {
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        return Some("browsers are not served");
    }
    // A name that was pointed here makes a page of the same origin, which need not say so.
    let is_other = |host: &HeaderValue| host.as_bytes() != listener_name.as_bytes();
    let host = headers.get(HOST);
    host.is_some_and(is_other)
        .then_some("the Host of the request is not AWS_LAMBDA_RUNTIME_API")
}

async fn next(desk: &Desk) -> Response<Full<Bytes>> {
    if desk.is_busy() {
        return refusal(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "the last invocation has no answer yet",
        );
    }
    desk.settle_init(Init::Ready);
    desk.take().await
}

async fn response(desk: &Desk, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !desk.is_current(id) {
        return unknown_id();
    }
    let outcome = match read(request.into_body()).await {
        Ok((body, trailers)) => match trailers.get(ERROR_TYPE) {
            // A streamed answer that failed on its way.
            Some(kind) => Outcome::Error {
                error_type: text(Some(kind)),
                body: trailer_body(&trailers),
            },
            None => Outcome::Response(body),
        },
        Err(ReadError::TooLarge) => Outcome::TooLarge,
        Err(ReadError::Broken) => return broken(),
    };
    let too_large = matches!(outcome, Outcome::TooLarge);
    match (desk.settle(id, outcome), too_large) {
        (false, _) => unknown_id(),
        (true, true) => refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."),
        ),
        (true, false) => accepted(),
    }
}

async fn error(desk: &Desk, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !desk.is_current(id) {
        return unknown_id();
    }
    let error_type = text(request.headers().get(ERROR_TYPE));
    let outcome = match read(request.into_body()).await {
        Ok((body, _)) => Outcome::Error { error_type, body },
        Err(ReadError::TooLarge) => Outcome::TooLarge,
        Err(ReadError::Broken) => return broken(),
    };
    if desk.settle(id, outcome) {
        accepted()
    } else {
        unknown_id()
    }
}

async fn init_error(desk: &Desk, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let error_type = text(request.headers().get(ERROR_TYPE));
    let Ok((body, _)) = read(request.into_body()).await else {
        return broken();
    };
    if desk.settle_init(Init::Error { error_type, body }) {
        return accepted();
    }
    refusal(
        StatusCode::FORBIDDEN,
        "InvalidStateTransition",
        "the runtime has started already",
    )
}

enum ReadError {
    TooLarge,
    Broken,
}

/// Reads a body up to the limit of answers; more is read and dropped within reason.
async fn read(mut body: Incoming) -> Result<(Bytes, HeaderMap), ReadError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::with_capacity(announced.min(RESPONSE_BYTES_MAX));
    let mut trailers = HeaderMap::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| ReadError::Broken)?.into_data() {
            Ok(data) => {
                length += data.len();
                if length <= RESPONSE_BYTES_MAX {
                    bytes.extend_from_slice(&data);
                } else if length > DISCARD_BYTES_MAX {
                    break;
                }
            }
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    if length > RESPONSE_BYTES_MAX {
        Err(ReadError::TooLarge)
    } else {
        Ok((bytes.freeze(), trailers))
    }
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    value
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// The error body of a streamed answer: base64 in a trailer.
fn trailer_body(trailers: &HeaderMap) -> Bytes {
    use base64::Engine;
    let encoded = trailers
        .get(ERROR_BODY)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .unwrap_or_else(|_| encoded.to_vec())
        .into()
}

fn reply(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn refusal(status: StatusCode, error_type: &str, error_message: &str) -> Response<Full<Bytes>> {
    reply(
        status,
        &json!({ "errorMessage": error_message, "errorType": error_type }),
    )
}

fn accepted() -> Response<Full<Bytes>> {
    reply(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn unknown_id() -> Response<Full<Bytes>> {
    refusal(
        StatusCode::BAD_REQUEST,
        "InvalidRequestID",
        "Invalid request ID",
    )
}

fn broken() -> Response<Full<Bytes>> {
    refusal(
        StatusCode::BAD_REQUEST,
        "InvalidRequest",
        "the body could not be read, or is too large",
    )
}

fn not_found() -> Response<Full<Bytes>> {
    refusal(StatusCode::NOT_FOUND, "NotFound", "no such call")
}

#[cfg(test)]
mod tests;
