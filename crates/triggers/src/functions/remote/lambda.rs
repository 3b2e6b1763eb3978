//! Functions of other servers that have Lambda's Invoke: `cargo lambda watch`, SAM, LocalStack, AWS itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_wire::sigv4::{Credentials, SigningScope};
use hyper::Method;
use serde::Deserialize;

use headwater_outgoing::{HttpAnswerIn, HttpClient, HttpRequestOut, Url, shown};

use super::super::config::FunctionConfig;
use super::super::invocation::Failure;
use super::super::process::Job;
use super::super::settings::RuntimeSettings;
use super::{Outcome, Unreached, limits, without_answer};

/// Type of a failure by its status; ours.
const REFUSED: &str = "Lambda.Refused";

/// Invokes the function. `now_ms` is the real time.
pub(super) async fn call(
    client: &HttpClient,
    url: &str,
    job: &Job,
    settings: &RuntimeSettings,
    now_ms: u64,
) -> Outcome {
    let url = Url::parse(url).map_err(|error| Unreached(error.to_string()))?;
    let region = region(&job.config, &url, settings);
    let scope = SigningScope {
        region: &region,
        service: "lambda",
        now_ms,
    };
    let request = HttpRequestOut {
        method: Method::POST,
        url,
        headers: headers(job),
        body: job.payload.clone(),
    };
    let request = request.signed(&scope, &credentials(&job.config, settings));
    match client.send(request, limits(job)).await {
        Ok(answer) => outcome(answer, job),
        Err(error) => without_answer(error, job),
    }
}

fn headers(job: &Job) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-amz-invocation-type", "RequestResponse".to_owned()),
    ];
    let context = job
        .headers
        .iter()
        .find(|(name, _)| name.as_str() == "lambda-runtime-client-context");
    if let Some((_, context)) = context {
        headers.push(("x-amz-client-context", STANDARD.encode(context.as_bytes())));
    }
    headers
}

/// The function ran if the answer is 2xx, also when it failed. It is at fault for an event that it can't be given;
/// everything else means that it was not reached: too many calls, no permission, no function. `cargo lambda` answers for
/// a function that failed with status 500 and the function's own error (seen with version 1.9.2).
fn outcome(answer: HttpAnswerIn, job: &Job) -> Outcome {
    let what = || format!("it answered {}: {}", answer.status, shown(&answer.body));
    match answer.status {
        200..300 if answer.headers.contains_key("x-amz-function-error") => Ok(Err(Failure {
            error_type: error_type(&answer.body),
            body: answer.body,
        })),
        200..300 => Ok(Ok(answer.body)),
        500 if is_functions_error(&answer) => Ok(Err(Failure {
            error_type: error_type(&answer.body),
            body: answer.body,
        })),
        400 | 413 => {
            let text = format!("RequestId: {} Error: {}", job.request_id, what());
            Ok(Err(Failure::new(REFUSED, &text)))
        }
        _ => Err(Unreached(what())),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    error_type: String,
    error_message: Option<String>,
}

/// Whether a body is a function's error; the errors of Lambda itself have a header with their type.
fn is_functions_error(answer: &HttpAnswerIn) -> bool {
    let of_lambda = answer.headers.contains_key("x-amzn-errortype");
    !of_lambda
        && serde_json::from_slice::<ErrorBody>(&answer.body)
            .is_ok_and(|body| body.error_message.is_some())
}

fn error_type(body: &[u8]) -> Option<String> {
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    Some(body.error_type)
}

/// The function's own variables go before those that functions of this server are given.
fn credentials(config: &FunctionConfig, settings: &RuntimeSettings) -> Credentials {
    let own = |name| config.environment.get(name).cloned();
    match (own("AWS_ACCESS_KEY_ID"), own("AWS_SECRET_ACCESS_KEY")) {
        (Some(access_key_id), Some(secret_access_key)) => Credentials {
            access_key_id,
            secret_access_key,
            session_token: own("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
        },
        _ => Credentials {
            access_key_id: settings.credentials.access_key_id.clone(),
            secret_access_key: settings.credentials.secret_access_key.clone(),
            session_token: settings.credentials.session_token.clone(),
        },
    }
}

/// The region of a variable, of an address of AWS, or of the function here.
fn region(config: &FunctionConfig, url: &Url, settings: &RuntimeSettings) -> String {
    let own = |name| config.environment.get(name).map(String::as_str);
    let found = own("AWS_REGION")
        .or_else(|| own("AWS_DEFAULT_REGION"))
        .or_else(|| region_of_host(url.host()))
        .or_else(|| config.region());
    found.unwrap_or(&settings.region).to_owned()
}

/// `eu-west-1` of `lambda.eu-west-1.amazonaws.com`.
fn region_of_host(host: &str) -> Option<&str> {
    let rest = host.strip_prefix("lambda.")?;
    let (region, rest) = rest.split_once('.')?;
    rest.starts_with("amazonaws.com").then_some(region)
}

#[cfg(test)]
mod tests {
    use super::region_of_host;

    #[test]
    fn addresses_of_aws_name_their_region() {
        let region = region_of_host("lambda.eu-west-1.amazonaws.com");
        assert_eq!(region, Some("eu-west-1"));
        assert_eq!(
            region_of_host("lambda.cn-north-1.amazonaws.com.cn"),
            Some("cn-north-1")
        );
        assert_eq!(region_of_host("localhost:4566"), None);
        assert_eq!(region_of_host("lambda.example.com"), None);
    }
}
