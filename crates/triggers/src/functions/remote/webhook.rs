//! Webhooks: an event is the body of a POST, and a status of 2xx is a success.

use bytes::Bytes;
use headwater_wire::sigv4::hmac_hex;
use hyper::Method;
use serde::de::IgnoredAny;

use headwater_outgoing::{HttpClient, HttpRequestOut, Url, shown};

use super::super::invocation::Failure;
use super::super::process::Job;
use super::{Outcome, Unreached, limits, without_answer};

/// The variable of the function with the secret that requests are signed with.
const SECRET: &str = "HEADWATER_WEBHOOK_SECRET";
/// What an answer without JSON counts as.
const NO_ANSWER: &[u8] = b"null";
/// Type of a failure by its status; ours.
const FAILED: &str = "Webhook.Failed";

/// Posts the event. `now_ms` is the real time.
pub(super) async fn call(client: &HttpClient, url: &str, job: &Job, now_ms: u64) -> Outcome {
    let url = Url::parse(url).map_err(|error| Unreached(error.to_string()))?;
    let request = HttpRequestOut {
        method: Method::POST,
        url,
        headers: headers(job, now_ms),
        body: job.payload.clone(),
    };
    let answer = match client.send(request, limits(job)).await {
        Ok(answer) => answer,
        Err(error) => return without_answer(error, job),
    };
    if !(200..300).contains(&answer.status) {
        let text = format!(
            "RequestId: {} Error: the webhook answered {}: {}",
            job.request_id,
            answer.status,
            shown(&answer.body)
        );
        return Ok(Err(Failure::new(FAILED, text.trim_end_matches([':', ' ']))));
    }
    let is_json = serde_json::from_slice::<IgnoredAny>(&answer.body).is_ok();
    Ok(Ok(match is_json {
        true => answer.body,
        false => Bytes::from_static(NO_ANSWER),
    }))
}

fn headers(job: &Job, now_ms: u64) -> Vec<(&'static str, String)> {
    let timestamp = (now_ms / 1_000).to_string();
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-headwater-request-id", job.request_id.to_string()),
        ("x-headwater-timestamp", timestamp.clone()),
    ];
    let secret = job.config.environment.get(SECRET);
    if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
        let mut text = timestamp.into_bytes();
        text.push(b'.');
        text.extend_from_slice(&job.payload);
        let signature = hmac_hex(secret.as_bytes(), &text);
        headers.push(("x-headwater-signature", format!("v1={signature}")));
    }
    headers
}
