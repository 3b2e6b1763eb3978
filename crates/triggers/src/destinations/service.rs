//! The requests that put a message into a queue, a topic or a bucket.

use headwater_wire::sigv4::{SigningScope, escaped};
use hyper::Method;

use crate::registry::NewDeadLetter;
use headwater_outgoing::{HttpRequestOut, Url, UrlError};

use super::DestinationSettings;
use super::message::{message, object_key};

/// The kinds of destinations that streams have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Sqs,
    Sns,
    S3,
}

/// A destination, out of its ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) service: Service,
    arn: &'a str,
    region: &'a str,
    account: &'a str,
    name: &'a str,
}

impl Service {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqs => "SQS",
            Self::Sns => "SNS",
            Self::S3 => "S3",
        }
    }

    fn signing_name(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::S3 => "s3",
        }
    }
}

impl<'a> Target<'a> {
    /// Reads `arn:aws:<service>:<region>:<account>:<name>`; `None` for another service.
    pub(super) fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':').skip(2);
        let service = match parts.next()? {
            "sqs" => Service::Sqs,
            "sns" => Service::Sns,
            "s3" => Service::S3,
            _ => return None,
        };
        Some(Self {
            service,
            arn,
            region: parts.next()?,
            account: parts.next()?,
            name: parts.next()?,
        })
    }

    /// The signed request. `unique` is what a key ends with, and is the same when it is sent again.
    pub(super) fn request(
        &self,
        endpoint: &Url,
        settings: &DestinationSettings,
        batch: &NewDeadLetter,
        payload: &[u8],
        unique: &str,
        now_ms: u64,
    ) -> Result<HttpRequestOut, UrlError> {
        let request = match self.service {
            Service::Sqs => self.send_message(endpoint, batch)?,
            Service::Sns => self.publish(endpoint, batch)?,
            Service::S3 => self.put_object(endpoint, batch, payload, unique)?,
        };
        let scope = SigningScope {
            // ARNs of buckets name no region.
            region: match self.region {
                "" => &settings.region,
                region => region,
            },
            service: self.service.signing_name(),
            now_ms,
        };
        Ok(request.signed(&scope, &settings.credentials))
    }

    /// SendMessage, by the JSON protocol.
    fn send_message(
        &self,
        endpoint: &Url,
        batch: &NewDeadLetter,
    ) -> Result<HttpRequestOut, UrlError> {
        let queue = endpoint.below(&format!(
            "/{}/{}",
            escaped(self.account),
            escaped(self.name)
        ))?;
        let body = serde_json::json!({
            "QueueUrl": queue.to_string(),
            "MessageBody": String::from_utf8_lossy(&message(batch, None)),
        });
        Ok(HttpRequestOut {
            method: Method::POST,
            url: endpoint.below("/")?,
            headers: vec![
                ("content-type", "application/x-amz-json-1.0".to_owned()),
                ("x-amz-target", "AmazonSQS.SendMessage".to_owned()),
            ],
            body: body.to_string().into(),
        })
    }

    /// Publish, by the query protocol.
    fn publish(&self, endpoint: &Url, batch: &NewDeadLetter) -> Result<HttpRequestOut, UrlError> {
        let message = message(batch, None);
        let body = format!(
            "Action=Publish&Version=2010-03-31&TopicArn={}&Message={}",
            escaped(self.arn),
            escaped(&String::from_utf8_lossy(&message)),
        );
        Ok(HttpRequestOut {
            method: Method::POST,
            url: endpoint.below("/")?,
            headers: vec![(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
            )],
            body: body.into(),
        })
    }

    /// PutObject, with the bucket in the path, which needs no names of hosts.
    fn put_object(
        &self,
        endpoint: &Url,
        batch: &NewDeadLetter,
        payload: &[u8],
        unique: &str,
    ) -> Result<HttpRequestOut, UrlError> {
        let key = object_key(batch, unique);
        let parts: Vec<String> = key.split('/').map(escaped).collect();
        Ok(HttpRequestOut {
            method: Method::PUT,
            url: endpoint.below(&format!("/{}/{}", escaped(self.name), parts.join("/")))?,
            headers: vec![("content-type", "application/json".to_owned())],
            body: message(batch, Some(payload)).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_read() {
        let queue = Target::of("arn:aws:sqs:eu-west-1:123456789012:q").unwrap();
        assert_eq!((queue.service, queue.region), (Service::Sqs, "eu-west-1"));
        assert_eq!((queue.account, queue.name), ("123456789012", "q"));
        let bucket = Target::of("arn:aws:s3:::b").unwrap();
        assert_eq!(
            (bucket.service, bucket.region, bucket.name),
            (Service::S3, "", "b")
        );
        assert_eq!(
            Target::of("arn:aws:lambda:eu-west-1:123456789012:function:f"),
            None
        );
        assert_eq!(Target::of("arn:aws:sqs:eu-west-1"), None);
    }
}
