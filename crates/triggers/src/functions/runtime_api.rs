//! The Runtime API: what a process asks of us over HTTP (triggers.md section 9).
//!
//! Each process has a listener and a `Desk` of its own. Work is laid on the desk by
//! `Process::serve`; the process takes it with `next` and puts the answer back. The listener is
//! on the loopback interface; requests that a browser made are refused, and nobody else can
//! guess a request id.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;

use super::invocation::RESPONSE_BYTES_MAX;
use super::settings::WallClock;

const BASE: &str = "/2018-06-01/";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";
/// Answers over the limit are read to their end up to here, so that the client sees the refusal.
const DISCARD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Python's client sends a cause of up to 1 MB in a header.
const HEADER_BYTES_MAX: usize = 2 * 1024 * 1024;
const CONNECTIONS_MAX: usize = 16;

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
pub(super) async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of a function");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            let _slot = slot;
            let service = service_fn(|request| answer(&desk, request));
            let connection = http1::Builder::new()
                .max_buf_size(HEADER_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service);
            // A process that ends breaks its connections: nothing to tell.
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    desk: &Desk,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.headers().contains_key(ORIGIN) || request.headers().contains_key("sec-fetch-site") {
        return Ok(refusal(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "browsers are not served",
        ));
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
