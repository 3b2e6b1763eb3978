//! The client: one request out, one bounded answer in.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{HeaderMap, Request, Response};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::sync::{OnceCell, oneshot};
use tokio::time::timeout;

use crate::HttpRequestOut;

/// Time to find an address and to connect, TLS included.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Connections to one host that are kept when they are idle.
const IDLE_CONNECTIONS_MAX: usize = 8;
/// Shorter than the five seconds after which common servers close idle connections.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// What an answer may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From when the request goes out until its answer is complete.
    pub time: Duration,
    /// Of the answer's body.
    pub body_bytes_max: usize,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct HttpAnswerIn {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The request never went out.
    #[error("{0}")]
    NotConnected(String),
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer: {0}")]
    Broken(String),
    /// The answer did not come in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer is larger than allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// Something of it cannot be sent.
    #[error("the request cannot be sent: {0}")]
    Invalid(String),
}

/// Sends requests. Connections are kept for a while.
#[derive(Default)]
pub struct HttpClient {
    /// Made at the first request: most servers send none, and reading the system's certificates takes time.
    client: OnceCell<Client<HttpsConnector<HttpConnector>, NotedBody>>,
}

impl HttpClient {
    /// Sends a request, and waits for the whole answer.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(
        &self,
        request: HttpRequestOut,
        limits: Limits,
    ) -> Result<HttpAnswerIn, SendError> {
        let (request, begun) = request_of(request)?;
        let mut answer = pin!(self.client().await?.request(request));
        // The body is asked for as soon as there is a connection.
        let early = tokio::select! {
            biased;
            answer = &mut answer => Some(answer),
            begun = timeout(CONNECT_MAX, begun) => match begun {
                Ok(_) => None,
                Err(_) => return Err(SendError::NotConnected(
                    format!("no connection within {} s", CONNECT_MAX.as_secs()),
                )),
            },
        };
        let complete = async {
            let answer = match early {
                Some(answer) => answer,
                None => answer.await,
            };
            read(answer.map_err(failed)?, limits.body_bytes_max).await
        };
        let complete = timeout(limits.time, complete).await;
        complete.unwrap_or(Err(SendError::TimedOut(limits.time)))
    }

    async fn client(&self) -> Result<&Client<HttpsConnector<HttpConnector>, NotedBody>, SendError> {
        let make = || async {
            let tls = tokio::task::spawn_blocking(tls).await;
            let tls = tls.map_err(|error| SendError::Invalid(error.to_string()))?;
            Ok(client(tls?))
        };
        self.client.get_or_try_init(make).await
    }
}

/// TLS with the certificates that the system trusts.
fn tls() -> Result<ClientConfig, SendError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = || {
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions();
        builder.map_err(|error| SendError::Invalid(error.to_string()))
    };
    match builder()?.with_native_roots() {
        Ok(trusting) => Ok(trusting.with_no_client_auth()),
        Err(error) => {
            tracing::warn!(%error, "no certificates of the system are found: https cannot be used");
            let nothing = builder()?.with_root_certificates(RootCertStore::empty());
            Ok(nothing.with_no_client_auth())
        }
    }
}

fn client(tls: ClientConfig) -> Client<HttpsConnector<HttpConnector>, NotedBody> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_MAX));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build(connector)
}

fn request_of(
    request: HttpRequestOut,
) -> Result<(Request<NotedBody>, oneshot::Receiver<()>), SendError> {
    let (begun, told) = oneshot::channel();
    let body = NotedBody {
        begun: Some(begun).filter(|_| !request.body.is_empty()),
        bytes: Some(request.body).filter(|body| !body.is_empty()),
    };
    let mut builder = Request::builder()
        .method(request.method)
        .uri(request.url.uri())
        .header(hyper::header::HOST, request.url.host());
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    let request = builder.body(body);
    let request = request.map_err(|error| SendError::Invalid(error.to_string()))?;
    Ok((request, told))
}

async fn read(
    answer: Response<Incoming>,
    body_bytes_max: usize,
) -> Result<HttpAnswerIn, SendError> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, body_bytes_max).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => SendError::Broken(innermost(&*error)),
        Err(_) => SendError::TooLarge(body_bytes_max),
    })?;
    Ok(HttpAnswerIn {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.to_bytes(),
    })
}

fn failed(error: legacy::Error) -> SendError {
    match error.is_connect() {
        true => SendError::NotConnected(innermost(&error)),
        false => SendError::Broken(innermost(&error)),
    }
}

/// The cause that says most: libraries wrap it in words of their own.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// A body that tells when it is first asked for, which is when the request goes out.
struct NotedBody {
    bytes: Option<Bytes>,
    begun: Option<oneshot::Sender<()>>,
}

impl Body for NotedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(begun) = self.begun.take() {
            // Nobody waits any more if the request was given up.
            let _ = begun.send(());
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
