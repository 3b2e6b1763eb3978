//! Sentences of Lambda functions and of their invocation.

use crate::error::{ApiError, ErrorKind};

/// An operation on a function that is not there: triggers.md section 10 (recorded).
pub fn not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceNotFound,
        format!("Function not found: {arn}"),
    )
}

/// CreateFunction of a function that is there: triggers.md section 10.
pub fn already_exists(name: &str) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceConflict,
        format!("Function already exist: {name}"),
    )
}

/// A parameter that does not fit, with a sentence that says why. Ours.
pub fn invalid_parameter(what: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::LambdaInvalidParameterValue, what)
}

/// Parameters of AWS that are not served here. Ours.
pub fn unsupported_parameters(names: &[&str]) -> ApiError {
    invalid_parameter(super::unsupported_parameters_text(names))
}

/// A zip package without a runtime or a handler. Unconfirmed.
pub fn runtime_and_handler_required() -> ApiError {
    invalid_parameter(
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    )
}

/// No code at all. Unconfirmed.
pub fn code_required() -> ApiError {
    invalid_parameter("Please provide a source for function code.")
}

/// A package that cannot be unzipped. Unconfirmed.
pub fn invalid_zip() -> ApiError {
    invalid_parameter(
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    )
}

/// An Invoke payload that is no JSON: triggers.md section 10 (recorded); `why` is the parser's text.
pub fn invalid_payload(why: &str) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaInvalidRequestContent,
        format!("Could not parse request body into json: Could not parse payload into json: {why}"),
    )
}

/// An Invoke payload over the limit: type by triggers.md section 10; text as AWS writes it, unconfirmed.
pub fn payload_too_large(size_bytes: usize, limit_bytes: usize) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaRequestTooLarge,
        format!(
            "Request must be smaller than {limit_bytes} bytes for the InvokeFunction operation (was {size_bytes})"
        ),
    )
}

/// More calls at once than allowed: type by triggers.md section 10.
pub fn too_many_requests() -> ApiError {
    ApiError::new(ErrorKind::LambdaTooManyRequests, "Rate Exceeded.")
}

/// Something went wrong in the server. The cause is logged, not sent. Ours.
pub fn service_error() -> ApiError {
    ApiError::new(ErrorKind::LambdaService, "An internal error occurred.")
}

/// An operation of AWS that is not served here. Ours.
pub fn unknown_path(method: &str, path: &str) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceNotFound,
        format!("Headwater does not serve {method} {path}"),
    )
}

/// The error type of a call that ran out of time: triggers.md section 10 (recorded).
pub const TIMED_OUT_TYPE: &str = "Sandbox.Timedout";

/// What such a call answers: triggers.md section 10 (recorded).
pub fn timed_out_text(request_id: &str, timeout_seconds: f64) -> String {
    format!("RequestId: {request_id} Error: Task timed out after {timeout_seconds:.2} seconds")
}

/// The error type of a process that ended before answering: triggers.md section 10 (recorded).
pub const EXITED_TYPE: &str = "Runtime.ExitError";

/// What such a call answers: triggers.md section 10 (recorded). `None` is an end without an exit status.
pub fn exited_text(request_id: &str, exit_status: Option<i32>) -> String {
    match exit_status {
        Some(status) => {
            format!(
                "RequestId: {request_id} Error: Runtime exited with error: exit status {status}"
            )
        }
        None => format!("RequestId: {request_id} Error: Runtime exited without providing a reason"),
    }
}

/// The error type of an answer that is too big: triggers.md section 10 (recorded).
pub const RESPONSE_TOO_LARGE_TYPE: &str = "Function.ResponseSizeTooLarge";

/// What such a call answers: triggers.md section 10 (recorded).
pub const RESPONSE_TOO_LARGE_TEXT: &str =
    "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
