//! The dead-letter store of a server, over `/_headwater/dead-letters`.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::client::{Client, ClientError};
use crate::triggers::one_of;

const PATH: &str = "/_headwater/dead-letters";
/// Batches that are asked for at once; the server gives no more.
const PAGE: u64 = 100;
/// Characters of a whole UUID.
const UUID_CHARS: usize = 36;
/// Characters of a whole ID: a time in milliseconds, a hyphen and a UUID.
const ID_CHARS: usize = 13 + 1 + UUID_CHARS;
/// A redrive takes as long as the function does, which may be 5,400 s, and waits for a free process.
const REDRIVE_TIMEOUT: Duration = Duration::from_secs(6_000);

pub(super) struct Store {
    client: Client,
}

/// What came of a redrive.
pub(super) enum Redriven {
    Succeeded,
    /// The function failed again, or could not be called.
    Failed(String),
    /// Somebody else removed it.
    Gone,
}

impl Store {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The server's clock.
    pub(super) async fn now_ms(&self) -> Result<u64, ClientError> {
        let clock = self.client.own("/_headwater/clock").await?;
        Ok(clock["now_ms"].as_u64().unwrap_or_default())
    }

    /// Batches, the oldest first, over all pages.
    pub(super) async fn letters(
        &self,
        mapping: Option<&str>,
        limit: Option<u64>,
    ) -> Result<Vec<Value>, ClientError> {
        let mapping = mapping.map_or_else(String::new, |uuid| format!("&mapping={uuid}"));
        let mut left = limit.unwrap_or(u64::MAX);
        let mut after = String::new();
        let mut letters = Vec::new();
        while left > 0 {
            let page = left.min(PAGE);
            let path = format!("{PATH}?limit={page}&after={after}{mapping}");
            let mut body = self.client.own(&path).await?;
            if let Value::Array(shown) = body["deadLetters"].take() {
                left = left.saturating_sub(shown.len() as u64);
                letters.extend(shown);
            }
            match body["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => break,
            }
        }
        Ok(letters)
    }

    /// The ID that begins so; the inner error says why there is none.
    pub(super) async fn id(&self, given: &str) -> Result<Result<String, String>, ClientError> {
        let unknown = || Ok(Err(format!("there is no dead letter {given}")));
        let given = given.to_ascii_lowercase();
        if !is_plain(&given) {
            return unknown();
        }
        if given.len() == ID_CHARS {
            return Ok(Ok(given));
        }
        // What begins so comes right behind it.
        let path = format!("{PATH}?limit=2&after={given}");
        let body = self.client.own(&path).await?;
        let letters = body["deadLetters"].as_array().into_iter().flatten();
        let ids = letters.filter_map(|letter| letter["id"].as_str());
        let mut fitting = ids.filter(|id| id.starts_with(&given));
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => Ok(Ok(id.to_owned())),
            (None, _) => unknown(),
            (Some(_), Some(_)) => Ok(Err(format!(
                "{given} fits more than one dead letter; give more of the ID"
            ))),
        }
    }

    /// The UUID of the mapping that begins so. A whole one may be of a mapping that was deleted.
    pub(super) async fn mapping(&self, given: &str) -> Result<Result<String, String>, ClientError> {
        let given = given.to_ascii_lowercase();
        if given.len() == UUID_CHARS && is_plain(&given) {
            return Ok(Ok(given));
        }
        let body = self.client.own("/_headwater/triggers").await?;
        let mappings = body["triggers"].as_array().map_or(&[][..], Vec::as_slice);
        let uuid = |mapping: &Value| mapping["uuid"].as_str().unwrap_or_default().to_owned();
        Ok(one_of(mappings, &given).map(uuid))
    }

    /// A batch with its records, if it is there.
    pub(super) async fn letter(&self, id: &str) -> Result<Option<Value>, ClientError> {
        match self.client.own(&format!("{PATH}/{id}")).await {
            Ok(letter) => Ok(Some(letter)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a batch; whether it was there.
    pub(super) async fn remove(&self, id: &str) -> Result<bool, ClientError> {
        let path = format!("{PATH}/{id}");
        match self.client.own_call(Method::DELETE, &path, None).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn redrive(&self, id: &str) -> Result<Redriven, ClientError> {
        let path = format!("{PATH}/{id}/redrive");
        let called = self
            .client
            .own_call(Method::POST, &path, Some(REDRIVE_TIMEOUT));
        match called.await {
            Ok(_) => Ok(Redriven::Succeeded),
            Err(error) if is_missing(&error) => Ok(Redriven::Gone),
            Err(ClientError::Refused {
                status: StatusCode::BAD_GATEWAY,
                message,
                ..
            }) => Ok(Redriven::Failed(message)),
            Err(error) => Err(error),
        }
    }
}

fn is_missing(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { status, .. } if *status == StatusCode::NOT_FOUND)
}

/// Whether a text may stand in a path as it is.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_plain)
}
