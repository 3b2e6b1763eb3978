//! Connections: accepting, their bounds in number and time, and the drain at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::request::Server;
use crate::slow_peer::{PatientStream, Reply};

/// Most bytes of request line and headers.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// Pause after a failed accept, so that a lack of descriptors does not spin a core.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// A lack of descriptors is told no more often than this.
const ACCEPT_WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Serves connections until `stop` says true, then lets the requests in flight finish within `drain`.
///
/// # Errors
/// None: a connection that fails is closed, a failed accept is tried again.
pub async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) {
    let places = Arc::new(Semaphore::new(server.settings.connections_max));
    let mut warned: Option<Instant> = None;
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = stopping(&mut stop) => break,
        };
        let Ok(place) = place else { break };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping(&mut stop) => break,
        };
        match stream {
            Ok((stream, peer)) => {
                let (server, stop) = (server.clone(), stop.clone());
                tokio::spawn(async move {
                    let _place = place;
                    let _counted = server.metrics.connected();
                    connection(stream, peer, server.clone(), stop).await;
                });
            }
            Err(error) => {
                if warned.is_none_or(|at| at.elapsed() > ACCEPT_WARNING_INTERVAL) {
                    tracing::warn!(%error, "a connection could not be accepted; is the limit of open files too low?");
                    warned = Some(Instant::now());
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    let all = server.settings.connections_max as u32;
    if tokio::time::timeout(drain, places.acquire_many(all))
        .await
        .is_err()
    {
        tracing::warn!("requests were still running when the time to drain was over");
    }
}

/// Returns when the server is to stop, or when nobody is left who could say so.
pub(crate) async fn stopping(stop: &mut watch::Receiver<bool>) {
    // The answer holds a lock guard, which must not live across another await.
    let _ = stop.wait_for(|stop| *stop).await.is_ok();
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    server: Arc<Server>,
    mut stop: watch::Receiver<bool>,
) {
    // Replies are small and whole: waiting to fill a packet only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "no-delay could not be set");
    }
    let timeout = server.settings.request_timeout;
    // The narrower answer if it can't be known.
    let local = stream.local_addr();
    let is_loopback = local.map_or(true, |local| local.ip().to_canonical().is_loopback());
    let written = Arc::new(Reply::default());
    let stream = PatientStream::new(stream, timeout, written.clone());
    let to_stop = stop.clone();
    let service = service_fn(move |request| {
        let (server, stop) = (server.clone(), to_stop.clone());
        let written = written.clone();
        async move {
            let reply = server.handle(request, is_loopback, stop).await;
            // The next request is not answered before all of this is written.
            let bytes = reply.body().size_hint().exact().unwrap_or_default();
            written.begin(bytes as usize);
            Ok::<_, Infallible>(reply)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(HEADERS_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let finished = tokio::select! {
        result = connection.as_mut() => Some(result),
        () = stopping(&mut stop) => None,
    };
    let result = match finished {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, %peer, "connection ended");
    }
}
