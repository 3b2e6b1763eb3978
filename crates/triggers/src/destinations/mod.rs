//! Destinations of batches that are given up: queues, topics and buckets of services that are compatible with AWS.
//!
//! A service has to have an endpoint in the settings; by default there is none, and everything goes into the
//! dead-letter store. What a destination does not take goes there too, so nothing is lost.

mod message;
mod service;

use std::time::Duration;

use bytes::Bytes;
use headwater_model::Clock;
use headwater_wire::sigv4::Credentials;
use tokio::sync::Semaphore;

use crate::functions::WallClock;
use crate::mappings::pause_ms;
use crate::outgoing::{HttpClient, HttpRequestOut, Limits, Url, shown};
use crate::registry::NewDeadLetter;

use service::{Service, Target};

/// How often a message is sent at most.
const ATTEMPTS_MAX: u32 = 4;
/// Messages that are on their way at once; others wait.
const SENDING_MAX: usize = 16;
const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    body_bytes_max: 64 * 1024,
};

/// Where destinations are, and what requests to them are signed with.
#[derive(Clone, Debug)]
pub struct DestinationSettings {
    /// A service that speaks the JSON protocol of SQS.
    pub sqs: Option<Url>,
    /// A service that speaks the query protocol of SNS.
    pub sns: Option<Url>,
    /// A service that takes objects as S3 does, with the bucket in the path.
    pub s3: Option<Url>,
    /// What requests are signed with.
    pub credentials: Credentials,
    /// The region of destinations whose ARN names none.
    pub region: String,
}

impl Default for DestinationSettings {
    fn default() -> Self {
        Self {
            sqs: None,
            sns: None,
            s3: None,
            credentials: Credentials {
                access_key_id: "local".to_owned(),
                secret_access_key: "local".to_owned(),
                session_token: None,
            },
            region: "us-east-1".to_owned(),
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
        let mut attempts = 0;
        loop {
            let now_ms = (self.wall)();
            let request = target.request(endpoint, &self.settings, batch, payload, unique, now_ms);
            let request = match request {
                Ok(request) => request,
                Err(error) => return Sent::Failed(error.to_string()),
            };
            let fault = match self.attempt(target.service, request).await {
                Ok(()) => return Sent::Taken,
                Err(fault) => fault,
            };
            attempts += 1;
            if !fault.may_pass || attempts >= ATTEMPTS_MAX {
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

    async fn attempt(&self, service: Service, request: HttpRequestOut) -> Result<(), Fault> {
        // Never closed.
        let _permit = self.sending.acquire().await;
        let service = service.name();
        let answer = match self.client.send(request, LIMITS).await {
            Ok(answer) => answer,
            Err(error) => {
                return Err(Fault {
                    reason: format!("{service} was not reached: {error}"),
                    may_pass: true,
                });
            }
        };
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
