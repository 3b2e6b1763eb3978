//! Invoke.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use headwater_operations::RequestContext;
use headwater_wire::lambda::{InvocationRequest, InvocationResponse, InvocationType, LogType};
use headwater_wire::messages::functions;
use headwater_wire::{ApiError, ErrorKind};
use serde::de::IgnoredAny;

use crate::functions::{Invocation, InvokeError, InvokeResult};
use crate::registry::{FunctionRecord, uuid};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, REQUEST_ID, internal};
use super::events::Event;
use super::function_name::FunctionName;

/// Largest payloads: triggers.md section 10 for the first, the API reference for the second.
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;
const EVENT_PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// What a function gets when nothing was sent.
const NO_PAYLOAD: &[u8] = b"{}";

pub(super) async fn invoke(
    triggers: &Triggers,
    request: InvocationRequest,
    context: &RequestContext,
    trace_id: Option<String>,
) -> Result<HttpAnswer, ApiError> {
    if !request.unsupported.is_empty() {
        return Err(functions::unsupported_parameters(&request.unsupported));
    }
    let name = FunctionName::parse(&request.function_name).qualified(request.qualifier.clone())?;
    let kind = request
        .invocation_type
        .unwrap_or(InvocationType::RequestResponse);
    check_size(&request.payload, kind)?;
    let target = triggers.target(&name, context)?;
    let function = target.pick(triggers.rng());
    // Before an event is taken on that would only wait until it is too old.
    let allowed = triggers.runtimes.check_allowed(&function.config);
    allowed.map_err(|error| refused(error.into()))?;
    let invocation = Invocation {
        request_id: uuid(triggers.rng()),
        payload: checked(&request.payload)?,
        trace_id,
        client_context: client_context(request.client_context.as_deref())?,
        qualifier: name.qualifier.clone(),
    };
    let request_id = invocation.request_id.clone();
    let answer = match kind {
        InvocationType::RequestResponse => {
            let wants_log = request.log_type == Some(LogType::Tail);
            call(triggers, function, invocation, wants_log).await?
        }
        InvocationType::Event => submit(triggers, function, invocation)?,
        InvocationType::DryRun => {
            HttpAnswer::empty(204).with_header(EXECUTED_VERSION, &function.config.version)
        }
    };
    Ok(answer.with_header(REQUEST_ID, &request_id))
}

const EXECUTED_VERSION: &str = "X-Amz-Executed-Version";

fn check_size(payload: &Bytes, kind: InvocationType) -> Result<(), ApiError> {
    let limit_bytes = match kind {
        InvocationType::Event => EVENT_PAYLOAD_BYTES_MAX,
        InvocationType::RequestResponse | InvocationType::DryRun => PAYLOAD_BYTES_MAX,
    };
    if payload.len() > limit_bytes {
        return Err(functions::payload_too_large(payload.len(), limit_bytes));
    }
    Ok(())
}

/// The payload, which has to be JSON.
fn checked(payload: &Bytes) -> Result<Bytes, ApiError> {
    if payload.is_empty() {
        return Ok(Bytes::from_static(NO_PAYLOAD));
    }
    match serde_json::from_slice::<IgnoredAny>(payload) {
        Ok(_) => Ok(payload.clone()),
        Err(error) => Err(functions::invalid_payload(&error.to_string())),
    }
}

/// The client context, decoded.
fn client_context(encoded: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(encoded) = encoded else {
        return Ok(None);
    };
    let decoded = STANDARD.decode(encoded).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let is_json = |text: &String| serde_json::from_str::<IgnoredAny>(text).is_ok();
    match text.filter(is_json) {
        Some(text) => Ok(Some(text)),
        None => Err(ApiError::new(
            ErrorKind::LambdaInvalidRequestContent,
            "Client context must be a valid Base64-encoded JSON object.",
        )),
    }
}

async fn call(
    triggers: &Triggers,
    function: &FunctionRecord,
    invocation: Invocation,
    wants_log: bool,
) -> Result<HttpAnswer, ApiError> {
    let result = triggers.runtimes.invoke(&function.config, invocation).await;
    let response = response(result.map_err(refused)?, wants_log);
    let answer = HttpAnswer::with_body(200, response.payload.clone());
    Ok(response.headers().fold(answer, |answer, (name, value)| {
        answer.with_header(name, value)
    }))
}

fn response(result: InvokeResult, wants_log: bool) -> InvocationResponse {
    InvocationResponse {
        status_code: Some(200),
        function_error: result.function_error.map(|error| error.as_str().to_owned()),
        log_result: wants_log.then(|| STANDARD.encode(&result.log_tail)),
        payload: result.payload,
        executed_version: Some(result.executed_version),
    }
}

fn refused(error: InvokeError) -> ApiError {
    match error {
        InvokeError::Throttled { .. } => functions::too_many_requests(),
        InvokeError::Reserved { .. } => functions::reserved_concurrency_exceeded(),
        InvokeError::Setup(_) | InvokeError::Header { .. } => {
            functions::invalid_parameter(error.to_string())
        }
        InvokeError::Unreachable { .. } => functions::not_reached(&error.to_string()),
        InvokeError::ShuttingDown => internal(error),
    }
}

fn submit(
    triggers: &Triggers,
    function: &FunctionRecord,
    invocation: Invocation,
) -> Result<HttpAnswer, ApiError> {
    let event = Event {
        namespace: function.namespace.clone(),
        function: function.config.name.clone(),
        invocation,
    };
    match triggers.events.submit(event) {
        Ok(()) => Ok(HttpAnswer::empty(202)),
        Err(_) => Err(functions::too_many_requests()),
    }
}
