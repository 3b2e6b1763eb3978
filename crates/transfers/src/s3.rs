//! A bucket of a service that speaks S3's protocol, with the bucket in the path. Requests are signed, bounded, and sent again
//! a few times.

use std::time::Duration;

use bytes::Bytes;
use headwater_outgoing::{
    HttpAnswerIn, HttpClient, HttpRequestOut, Limits, Method, SendError, shown,
};
use headwater_wire::sigv4::{SigningScope, escaped};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::bucket::{Bucket, BucketError, OBJECTS_MAX, Object};
use crate::buckets::{S3Settings, WantedBucket};
use crate::s3_answer::{Listed, error_code};
use crate::transfers::stopped;

/// Bytes of an object that are read at once.
const READ_BYTES: u64 = 8 << 20;
/// Objects of one page of a list (S3's own bound).
const PAGE_OBJECTS: usize = 1000;
/// Bytes of an answer that lists objects: a page of the longest keys, escaped, and some.
const LIST_BYTES_MAX: usize = 8 << 20;
/// Time for one request and its answer.
const REQUEST_TIME: Duration = Duration::from_secs(60);
/// How often a request is sent at most, and the pause before the second time, which doubles.
const ATTEMPTS_MAX: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

/// A bucket.
pub(crate) struct S3Bucket {
    settings: S3Settings,
    name: String,
    /// Headers of every request.
    owner: Option<String>,
    /// Headers of requests that put objects.
    encryption: Vec<(&'static str, String)>,
    client: HttpClient,
    handle: Handle,
    /// Says when the server stops, which ends requests and pauses.
    stop: watch::Receiver<bool>,
}

/// A request to the bucket.
struct Request<'r> {
    method: Method,
    key: &'r str,
    query: &'r str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl S3Bucket {
    pub(crate) fn new(
        settings: &S3Settings,
        wanted: &WantedBucket<'_>,
        handle: Handle,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let mut encryption = Vec::new();
        if let Some(algorithm) = wanted.encryption {
            let algorithm = match algorithm {
                headwater_wire::dynamodb::S3SseAlgorithm::Aes256 => "AES256",
                headwater_wire::dynamodb::S3SseAlgorithm::Kms => "aws:kms",
            };
            encryption.push(("x-amz-server-side-encryption", algorithm.to_owned()));
        }
        if let Some(key) = wanted.encryption_key {
            let name = "x-amz-server-side-encryption-aws-kms-key-id";
            encryption.push((name, key.to_owned()));
        }
        S3Bucket {
            settings: settings.clone(),
            name: wanted.name.to_owned(),
            owner: wanted.owner.map(str::to_owned),
            encryption,
            client: HttpClient::default(),
            handle,
            stop,
        }
    }

    /// Sends a request until it is answered, or was sent often enough.
    fn send(&self, request: &Request<'_>, bytes_max: usize) -> Result<HttpAnswerIn, BucketError> {
        let limits = Limits {
            time: REQUEST_TIME,
            body_bytes_max: bytes_max,
        };
        let mut pause = PAUSE;
        let mut attempts = 1;
        loop {
            let signed = self.signed(request)?;
            let sent = self.unless_stopped(self.client.send(signed, limits))?;
            let may_pass = match &sent {
                Ok(answer) => matches!(answer.status, 408 | 429 | 500..),
                Err(error) => !matches!(error, SendError::Invalid(_) | SendError::TooLarge(_)),
            };
            if !may_pass || attempts == ATTEMPTS_MAX {
                return self.answered(request, sent);
            }
            self.unless_stopped(tokio::time::sleep(pause))?;
            attempts += 1;
            pause *= 2;
        }
    }

    fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, BucketError> {
        let mut stop = self.stop.clone();
        self.handle.block_on(async {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => Err(BucketError::Stopping),
                done = work => Ok(done),
            }
        })
    }

    fn signed(&self, request: &Request<'_>) -> Result<HttpRequestOut, BucketError> {
        let parts: Vec<String> = request.key.split('/').map(escaped).collect();
        let bucket = escaped(&self.name);
        let path = match request.query {
            "" => format!("/{bucket}/{}", parts.join("/")),
            query => format!("/{bucket}?{query}"),
        };
        let url = self.settings.endpoint.below(&path);
        let url = url.map_err(|error| self.failed(request, error.to_string()))?;
        let mut headers = request.headers.clone();
        if let Some(owner) = &self.owner {
            headers.push(("x-amz-expected-bucket-owner", owner.clone()));
        }
        let request = HttpRequestOut {
            method: request.method.clone(),
            url,
            headers,
            body: request.body.clone(),
        };
        let scope = SigningScope {
            region: &self.settings.region,
            service: "s3",
            now_ms: (self.settings.wall)(),
        };
        Ok(request.signed(&scope, &self.settings.credentials))
    }

    fn answered(
        &self,
        request: &Request<'_>,
        sent: Result<HttpAnswerIn, SendError>,
    ) -> Result<HttpAnswerIn, BucketError> {
        let answer = match sent {
            Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer),
            Ok(answer) => answer,
            Err(error) => return Err(self.failed(request, error.to_string())),
        };
        let told = format!(
            "(Service: Amazon S3; Status Code: {}) {}",
            answer.status,
            shown(&answer.body)
        );
        Err(match (error_code(&answer.body), answer.status) {
            (Some("NoSuchBucket"), _) => BucketError::NoSuchBucket(format!("{} {told}", self.name)),
            (Some("AccessDenied"), _) | (_, 401 | 403) => BucketError::AccessDenied(told),
            _ => self.failed(request, told),
        })
    }

    fn failed(&self, request: &Request<'_>, reason: String) -> BucketError {
        BucketError::Io {
            what: format!("the object {:?} of the bucket {}", request.key, self.name),
            error: std::io::Error::other(reason),
        }
    }
}

impl Bucket for S3Bucket {
    fn put(&self, key: &str, body: Bytes) -> Result<(), BucketError> {
        let request = Request {
            method: Method::PUT,
            key,
            query: "",
            headers: self.encryption.clone(),
            body,
        };
        self.send(&request, LIST_BYTES_MAX).map(|_| ())
    }

    fn delete(&self, key: &str) -> Result<(), BucketError> {
        let request = Request {
            method: Method::DELETE,
            key,
            query: "",
            headers: Vec::new(),
            body: Bytes::new(),
        };
        self.send(&request, LIST_BYTES_MAX).map(|_| ())
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BucketError> {
        let mut objects = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut query = format!(
                "encoding-type=url&list-type=2&max-keys={PAGE_OBJECTS}&prefix={}",
                escaped(prefix)
            );
            if let Some(token) = &token {
                query = format!("continuation-token={}&{query}", escaped(token));
            }
            let request = Request {
                method: Method::GET,
                key: "",
                query: &query,
                headers: Vec::new(),
                body: Bytes::new(),
            };
            let answer = self.send(&request, LIST_BYTES_MAX)?;
            let page = Listed::read(&answer.body);
            let page = page.map_err(|reason| self.failed(&request, reason))?;
            // What stands for a folder in consoles is no object of items.
            let files = page
                .objects
                .into_iter()
                .filter(|one| !one.key.ends_with('/'));
            objects.extend(files);
            if objects.len() > OBJECTS_MAX {
                return Err(BucketError::TooManyObjects);
            }
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(objects),
            }
        }
    }

    fn read(&self, object: &Object, from: u64) -> Result<Bytes, BucketError> {
        let last = object.bytes.min(from + READ_BYTES) - 1;
        let request = Request {
            method: Method::GET,
            key: &object.key,
            query: "",
            headers: vec![("range", format!("bytes={from}-{last}"))],
            body: Bytes::new(),
        };
        let answer = self.send(&request, READ_BYTES as usize)?;
        match answer.status {
            206 => Ok(answer.body),
            // A service that knows no ranges sends all of it, which is fine if that is what was asked for.
            _ if from == 0 && answer.body.len() as u64 == object.bytes => Ok(answer.body),
            _ => Err(self.failed(&request, "the service answers no ranges".to_owned())),
        }
    }
}
