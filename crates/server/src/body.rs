//! The body of a request, read within bounds of size, time and memory, and decompressed within the same.

mod gzip;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use headwater_wire::messages::{self, functions};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::load::Full;
use crate::request::{Interface, Reply, Server, closing, status_only};

/// Most bytes of a body (dynamodb-api.md section 2: larger ones get 413).
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most bytes of a body of the Lambda interface: a zip of 50 MB as base64 in its JSON, and some.
pub const FUNCTION_BODY_BYTES_MAX: usize = 72 * 1024 * 1024;

/// Most bytes of all large bodies together that are read or worked on at one time, as the server sets it.
pub const LARGE_BODIES_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Bodies up to this size are no large ones; their number is bounded by that of connections.
const SMALL_BODY_BYTES_MAX: usize = 16 * 1024;
const BUDGET_UNIT_BYTES: usize = 4 * 1024;
/// A large body, for which others may be waiting, must bring [`PROGRESS_BYTES_MIN`] in each such time.
const PATIENCE: Duration = Duration::from_secs(10);
const PROGRESS_BYTES_MIN: usize = 64 * 1024;

/// The body of a request, with its part of the budget for as long as it is in memory.
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    place: Option<OwnedSemaphorePermit>,
}

impl Body {
    /// Whether it is more than what most requests need.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes.len() > SMALL_BODY_BYTES_MAX
    }

    /// The bytes, and what has to be kept for as long as they are.
    pub(crate) fn into_parts(self) -> (Bytes, impl Send + 'static) {
        (self.bytes, self.place)
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// There was no part of the budget in time.
#[derive(Debug)]
struct NoRoom;

/// Why a body is not there.
#[derive(Debug)]
enum Failure {
    TooLarge,
    BrokenOff(Cause),
    TooSlow,
}

impl Server {
    /// Reads a body within its bounds in size and time. Large ones share a budget: who finds it used up waits
    /// for a place, and is throttled if that takes too long. What goes wrong is told as by the interface.
    pub(crate) async fn body(
        &self,
        body: Incoming,
        bytes_max: usize,
        interface: Interface,
    ) -> Result<Body, Box<Reply>> {
        let failed = |failure| Box::new(self.body_failure(failure, bytes_max, interface));
        let hint = body.size_hint();
        if hint.lower() > bytes_max as u64 {
            // Its length is announced: no need to read it.
            return Err(failed(Failure::TooLarge));
        }
        let bytes_most = hint.exact().map_or(bytes_max, |bytes| bytes as usize);
        let place = self.place_for(bytes_most).await;
        let throttled = |NoRoom| Box::new(closing(self.throttled(interface)));
        let mut place = place.map_err(throttled)?;
        let body = Limited::new(body, bytes_max);
        let read = async {
            match &place {
                None => small(body).await,
                Some(_) => large(body, PATIENCE.min(self.settings.request_timeout)).await,
            }
        };
        let read = timeout(self.settings.request_timeout, read).await;
        match read.unwrap_or(Err(Failure::TooSlow)) {
            Ok(bytes) => {
                shrink(&mut place, bytes.len());
                Ok(Body { bytes, place })
            }
            Err(failure) => Err(failed(failure)),
        }
    }

    /// The body of a request as it was before its sender compressed it. AWS has an internal error for whatever is not
    /// gzip, and takes more than 16 MB of what is (Alternator's tests); here both bounds are the same.
    pub(crate) async fn decoded(
        &self,
        body: Body,
        headers: &HeaderMap,
        bytes_max: usize,
    ) -> Result<Body, Box<Reply>> {
        let Some(encoding) = headers.get(CONTENT_ENCODING) else {
            return Ok(body);
        };
        if !encoding.as_bytes().eq_ignore_ascii_case(b"gzip") {
            let error = messages::internal_server_error();
            return Err(Box::new(self.dynamodb_error(&error)));
        }
        let throttled = |NoRoom| Box::new(self.throttled(Interface::DynamoDb));
        let work = self.place_for(gzip::WORK_BYTES).await;
        let _work = work.map_err(throttled)?;
        // What comes of it is measured first: the budget is for what there is, not for what there might be.
        let (mut length, mut small) = (0, BytesMut::new());
        let measured = gzip::pieces(&body.bytes, bytes_max, |piece| {
            length += piece.len();
            if length <= SMALL_BODY_BYTES_MAX {
                small.extend_from_slice(piece);
            }
        });
        measured.await.map_err(|failure| self.undecoded(failure))?;
        let place = self.place_for(length).await.map_err(throttled)?;
        let mut bytes = small;
        if length > SMALL_BODY_BYTES_MAX {
            bytes = BytesMut::with_capacity(length);
            let decoded = gzip::pieces(&body.bytes, length, |piece| bytes.extend_from_slice(piece));
            decoded.await.map_err(|failure| self.undecoded(failure))?;
        }
        Ok(Body {
            bytes: bytes.freeze(),
            place,
        })
    }

    fn undecoded(&self, failure: gzip::Failure) -> Box<Reply> {
        Box::new(self.dynamodb_error(&match failure {
            gzip::Failure::TooLarge => messages::body_too_large(),
            gzip::Failure::Broken(error) => {
                tracing::debug!(%error, "a body could not be decompressed");
                messages::internal_server_error()
            }
        }))
    }

    fn throttled(&self, interface: Interface) -> Reply {
        match interface {
            Interface::DynamoDb => self.dynamodb_error(&messages::throttled()),
            Interface::Lambda => self.lambda_error(&functions::too_many_requests()),
        }
    }

    fn body_failure(&self, failure: Failure, bytes_max: usize, interface: Interface) -> Reply {
        closing(match failure {
            Failure::TooLarge => match interface {
                Interface::DynamoDb => self.dynamodb_error(&messages::body_too_large()),
                Interface::Lambda => self.lambda_error(&functions::request_too_large(bytes_max)),
            },
            Failure::BrokenOff(error) => {
                tracing::debug!(%error, "a body broke off");
                status_only(StatusCode::BAD_REQUEST)
            }
            Failure::TooSlow => status_only(StatusCode::REQUEST_TIMEOUT),
        })
    }

    /// A part of the budget for a large body; small ones need none, so that nobody can hold them up. Who waits too long
    /// for it is throttled.
    async fn place_for(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, NoRoom> {
        if bytes <= SMALL_BODY_BYTES_MAX {
            return Ok(None);
        }
        let place = self.large_bodies.clone();
        let place = place.acquire_many_owned(units_of(bytes) as u32);
        match timeout(self.settings.wait_max, place).await {
            Ok(place) => Ok(place.ok()),
            Err(_) => {
                self.load.refuse(Full::Bodies);
                Err(NoRoom)
            }
        }
    }
}

/// The part of the budget for so many bytes.
pub(crate) fn units_of(bytes: usize) -> usize {
    bytes.div_ceil(BUDGET_UNIT_BYTES)
}

/// Gives back what a body did not need that could have been larger.
fn shrink(place: &mut Option<OwnedSemaphorePermit>, bytes: usize) {
    if bytes <= SMALL_BODY_BYTES_MAX {
        *place = None;
    } else if let Some(place) = place {
        let surplus = place.num_permits().saturating_sub(units_of(bytes));
        drop(place.split(surplus));
    }
}

async fn small(body: Limited<Incoming>) -> Result<Bytes, Failure> {
    let whole = body.collect().await;
    whole.map(|whole| whole.to_bytes()).map_err(failure)
}

/// Gives up on a client that keeps a place and sends next to nothing.
async fn large<B>(mut body: Limited<B>, patience: Duration) -> Result<Bytes, Failure>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Cause>,
{
    let announced = body.size_hint().exact().unwrap_or_default();
    let mut bytes = BytesMut::with_capacity(announced as usize);
    let mut until = Instant::now() + patience;
    let mut enough = PROGRESS_BYTES_MIN;
    while let Some(frame) = timeout_at(until, body.frame())
        .await
        .map_err(|_| Failure::TooSlow)?
    {
        if let Ok(data) = frame.map_err(failure)?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() >= enough {
            until = Instant::now() + patience;
            enough = bytes.len() + PROGRESS_BYTES_MIN;
        }
    }
    Ok(bytes.freeze())
}

fn failure(error: Cause) -> Failure {
    match error.is::<LengthLimitError>() {
        true => Failure::TooLarge,
        false => Failure::BrokenOff(error),
    }
}

#[cfg(test)]
mod tests;
