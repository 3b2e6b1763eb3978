//! Destinations of batches that are given up: queues, topics and buckets of services that are compatible with AWS.
//!
//! A service has to have an endpoint in the settings; by default there is none, and everything goes into the
//! dead-letter store. What a destination does not take goes there too, so nothing is lost.

mod message;
mod service;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use headwater_model::Clock;
use headwater_wire::sigv4::Credentials;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::functions::WallClock;
use crate::mappings::pause_ms;
use crate::registry::NewDeadLetter;
use headwater_outgoing::{HttpClient, HttpRequestOut, Limits, Url, shown};

use service::{Service, Target};

/// How often a message is sent at most.
const ATTEMPTS_MAX: u32 = 4;
/// Messages that are on their way at once; others wait.
const SENDING_MAX: usize = 16;
/// Why a message did not get its turn.
const TOO_MANY: &str = "too many messages are on their way";
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where destinations are, and what requests to them are signed with.
#[derive(Clone, Debug)]
pub struct DestinationSettings {
    /// A service that speaks the JSON protocol of SQS.
    pub sqs: Option<Url>,
    /// A service that speaks the query protocol of SNS.
    pub sns: Option<Url>,
    /// A service that takes objects as S3 does, with the bucket in the path.
    pub s3: Option<Url>,
    /// A service that takes the changes of tables as Kinesis does.
    pub kinesis: Option<Url>,
    /// What requests are signed with.
    pub credentials: Credentials,
    /// The region of destinations whose ARN names none.
    pub region: String,
    /// How long a batch may try to get to its destination, answers and waiting for its turn included; then the
    /// dead-letter store has it. A connection that is being made has some seconds more.
    pub time_max: Duration,
}

impl Default for DestinationSettings {
    fn default() -> Self {
        Self {
            sqs: None,
            sns: None,
            s3: None,
            kinesis: None,
            credentials: Credentials {
                access_key_id: "local".to_owned(),
                secret_access_key: "local".to_owned(),
                session_token: None,
            },
            region: "us-east-1".to_owned(),
            time_max: Duration::from_secs(10),
        }
    }
}

/// What came of a batch that was to go to a destination.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The destination took it.
    Taken,
    /// It did not, for this reason.
    Failed(String),
    /// The mapping has no destination, or the destination no endpoint.
    Nowhere,
}

/// Sends batches to destinations.
pub(crate) struct Destinations {
    settings: DestinationSettings,
    client: HttpClient,
    sending: Semaphore,
    /// Signatures hold by the real time.
    wall: WallClock,
}

/// How an attempt failed.
struct Fault {
    reason: String,
    /// Whether another attempt may do better.
    may_pass: bool,
}

impl Destinations {
    pub(crate) fn new(settings: DestinationSettings, wall: WallClock) -> Self {
        Self {
            settings,
            client: HttpClient::default(),
            sending: Semaphore::new(SENDING_MAX),
            wall,
        }
    }

    /// Sends a batch to the destination that it names, more than once if need be, with pauses by `clock`. `unique`
    /// tells objects of one second apart.
    pub(crate) async fn send(
        &self,
        batch: &NewDeadLetter,
        payload: &Bytes,
        unique: &str,
        clock: &dyn Clock,
    ) -> Sent {
        let Some(target) = batch.destination.as_deref().and_then(Target::of) else {
            return Sent::Nowhere;
        };
        let Some(endpoint) = self.endpoint(target.service) else {
            return Sent::Nowhere;
        };
        let until = Instant::now() + self.settings.time_max;
        let mut attempts = 0;
        loop {
            let now_ms = (self.wall)();
            let request = target.request(endpoint, &self.settings, batch, payload, unique, now_ms);
            let request = match request {
                Ok(request) => request,
                Err(error) => return Sent::Failed(error.to_string()),
            };
            let fault = match self.attempt(target.service, request, until).await {
                Ok(()) => return Sent::Taken,
                Err(fault) => fault,
            };
            attempts += 1;
            let pause = Duration::from_millis(pause_ms(attempts));
            let is_last = attempts >= ATTEMPTS_MAX || Instant::now() + pause >= until;
            if !fault.may_pass || is_last {
                return Sent::Failed(fault.reason);
            }
            clock.sleep_until(clock.now_ms() + pause_ms(attempts)).await;
        }
    }

    fn endpoint(&self, service: Service) -> Option<&Url> {
        match service {
            Service::Sqs => self.settings.sqs.as_ref(),
            Service::Sns => self.settings.sns.as_ref(),
            Service::S3 => self.settings.s3.as_ref(),
        }
    }

    async fn attempt(
        &self,
        service: Service,
        request: HttpRequestOut,
        until: Instant,
    ) -> Result<(), Fault> {
        let service = service.name();
        let not_reached = |reason: &dyn fmt::Display| Fault {
            reason: format!("{service} was not reached: {reason}"),
            may_pass: true,
        };
        let permit = timeout_at(until, self.sending.acquire()).await;
        // It is never closed.
        let _permit = permit.map_err(|_| not_reached(&TOO_MANY))?;
        let limits = Limits {
            time: until.saturating_duration_since(Instant::now()),
            body_bytes_max: ANSWER_BYTES_MAX,
        };
        let answer = self.client.send(request, limits).await;
        let answer = answer.map_err(|error| not_reached(&error))?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        Err(Fault {
            reason: format!(
                "{service} answered {}: {}",
                answer.status,
                shown(&answer.body)
            ),
            may_pass: matches!(answer.status, 408 | 429 | 500..),
        })
    }
}
