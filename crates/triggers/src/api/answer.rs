//! What a request is answered with.

use bytes::Bytes;
use headwater_wire::ApiError;
use headwater_wire::json::WriteJson;
use headwater_wire::messages::functions;

/// An HTTP answer, for the server to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Names and values, the content type and the request id among them.
    pub headers: Vec<(String, String)>,
    /// The body; empty where there is none.
    pub body: Bytes,
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

impl HttpAnswer {
    pub(super) fn json(status: u16, body: &impl WriteJson) -> Result<Self, ApiError> {
        let mut out = Vec::with_capacity(1024);
        body.write(&mut out).map_err(internal)?;
        Ok(Self::with_body(status, out.into()))
    }

    pub(super) fn with_body(status: u16, body: Bytes) -> Self {
        Self::empty(status).with_header(JSON.0, JSON.1).body(body)
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn error(error: &ApiError) -> Self {
        let mut out = Vec::with_capacity(128);
        if error.write_lambda(&mut out).is_err() {
            out.clear();
        }
        Self::with_body(error.status(), out.into())
            .with_header("x-amzn-ErrorType", error.kind.code())
    }

    pub(super) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds the request id unless the answer has one.
    pub(super) fn with_request_id(self, id: impl FnOnce() -> String) -> Self {
        if self.headers.iter().any(|(name, _)| name == REQUEST_ID) {
            return self;
        }
        self.with_header(REQUEST_ID, &id())
    }

    fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }
}

/// The header that tells a request's id.
pub(super) const REQUEST_ID: &str = "x-amzn-RequestId";

/// The error for something that went wrong inside; its cause is logged here, where it ends.
pub(crate) fn internal(cause: impl std::fmt::Display) -> ApiError {
    tracing::error!(%cause, "a request failed");
    functions::service_error()
}
