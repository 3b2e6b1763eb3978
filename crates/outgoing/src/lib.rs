//! Requests that this server sends: to the destinations of batches that are given up, to functions that run elsewhere, to
//! buckets ([docs/adr/0020](../../../docs/adr/0020-outgoing-http.md)).
//!
//! Everything is bounded: the time to connect, the time to answer, the answer, the connections that are kept. Redirects
//! are not followed and no proxies are used, so a request goes where it was addressed to, or nowhere.

mod client;
mod url;

pub use client::{HttpAnswerIn, HttpClient, Limits, SendError};
pub use hyper::Method;
pub use url::{Url, UrlError};

use bytes::Bytes;
use headwater_wire::sigv4::{Credentials, SigningScope, Unsigned, sign};

/// A request to be sent. `host` and `content-length` are added.
#[derive(Clone, Debug)]
pub struct HttpRequestOut {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl HttpRequestOut {
    /// Adds the headers of a signature over the request as it is.
    pub fn signed(mut self, scope: &SigningScope<'_>, credentials: &Credentials) -> Self {
        let mut headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        headers.push(("host", self.url.host()));
        let unsigned = Unsigned {
            method: self.method.as_str(),
            path: self.url.path(),
            query: self.url.query(),
            headers: &headers,
            body: &self.body,
        };
        let added = sign(&unsigned, scope, credentials);
        self.headers.extend(added);
        self
    }
}

/// So much of an answer's body is shown in errors.
const SHOWN_BYTES_MAX: usize = 300;

/// The beginning of a body, in one line.
pub fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES_MAX)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
