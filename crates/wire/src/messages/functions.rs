//! Sentences of Lambda functions and of their invocation.

use crate::error::{ApiError, ErrorDetail, ErrorKind};

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

/// A request over the limit: type by triggers.md section 10; text as AWS writes it of packages, unconfirmed.
pub fn request_too_large(limit_bytes: usize) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaRequestTooLarge,
        format!("Request must be smaller than {limit_bytes} bytes"),
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

/// A function whose code lies elsewhere, to which there was no way. Ours; the type is one that SDKs send again.
pub fn not_reached(what: &str) -> ApiError {
    ApiError::new(ErrorKind::LambdaResourceNotReady, what)
}

/// More calls at once than are reserved for the function: text and reason as LocalStack recorded them.
pub fn reserved_concurrency_exceeded() -> ApiError {
    too_many_requests().with(ErrorDetail::Reason(
        "ReservedFunctionConcurrentInvocationLimitExceeded",
    ))
}

/// A `RevisionId` that is not the current one: as LocalStack recorded it.
pub fn revision_mismatch() -> ApiError {
    ApiError::new(
        ErrorKind::LambdaPreconditionFailed,
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
         retrieve the latest Revision Id",
    )
}

/// An image for a function that runs from a package: as LocalStack recorded it.
pub fn image_for_package() -> ApiError {
    invalid_parameter(
        "Please don't provide ImageUri when updating a function with packageType Zip.",
    )
}

/// A version or an alias where only a function will do. Unconfirmed.
pub fn functions_only() -> ApiError {
    invalid_parameter(
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
         Please specify either a function name or an unqualified function ARN.",
    )
}

/// PublishVersion with a `CodeSha256` that is not that of the code: as LocalStack recorded it.
pub fn code_sha256_mismatch(given: &str, current: &str) -> ApiError {
    invalid_parameter(format!(
        "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with \
         the CodeSHA256 in $LATEST."
    ))
}

/// DeleteFunction with the qualifier `$LATEST`: as LocalStack recorded it.
pub fn latest_cannot_be_deleted() -> ApiError {
    invalid_parameter("$LATEST version cannot be deleted without deleting the function.")
}

/// DeleteFunction with an alias as the qualifier: as LocalStack recorded it.
pub fn aliases_cannot_be_deleted_so() -> ApiError {
    invalid_parameter("Deletion of aliases is not currently supported.")
}

/// DeleteFunction of a version that aliases name. Unconfirmed; floci has the same.
pub fn version_has_aliases(aliases: &[&str]) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceConflict,
        format!(
            "Unable to delete version because the following aliases reference it: [{}]",
            aliases.join(", ")
        ),
    )
}

/// An alias that is not there: as moto and LocalStack recorded it.
pub fn alias_not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceNotFound,
        format!("Cannot find alias arn: {arn}"),
    )
}

/// CreateAlias of an alias that is there: as LocalStack recorded it.
pub fn alias_exists(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceConflict,
        format!("Alias already exists: {arn}"),
    )
}

/// More aliases than a function may have: type by the API model; the text is ours.
pub fn too_many_aliases(aliases_max: usize) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaAliasLimitExceeded,
        format!("A function cannot have more than {aliases_max} aliases"),
    )
}

/// More than one additional version in a routing configuration: as LocalStack recorded it.
pub fn too_many_weights() -> ApiError {
    invalid_parameter("Number of items in AdditionalVersionWeights cannot be greater than 1")
}

/// A weight that is no part of 1: as LocalStack recorded it.
pub fn weight_out_of_range(version: &str, weight: f64) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value '{{{version}={weight:?}}}' at 'routingConfig.additionalVersionWeights' \
         failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal \
         to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"
    ))
}

/// A weight of something that is no version: as LocalStack recorded it.
pub fn weight_of_no_version(version: &str, weight: f64) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value '{{{version}={weight:?}}}' at 'routingConfig.additionalVersionWeights' \
         failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal \
         to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression \
         pattern: [0-9]+]"
    ))
}

/// A weight of the version that the alias names anyway: as LocalStack recorded it.
pub fn weight_of_main_version(version: &str) -> ApiError {
    invalid_parameter(format!(
        "Invalid function version {version}. Function version {version} is already included in routing configuration."
    ))
}

/// Weights beside `$LATEST`: as LocalStack recorded it.
pub fn weight_beside_latest() -> ApiError {
    invalid_parameter("$LATEST is not supported for an alias pointing to more than 1 version")
}

/// Tags of a version or an alias. Unconfirmed.
pub fn tags_of_functions_only() -> ApiError {
    invalid_parameter(
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    )
}

/// TagResource without tags. Unconfirmed.
pub fn no_tags() -> ApiError {
    invalid_parameter("An error occurred and the request cannot be processed.")
}

/// More tags than a resource may have. Unconfirmed.
pub fn too_many_tags() -> ApiError {
    invalid_parameter("Number of tags exceeds resource tag limit.")
}

/// A tag's key that is empty or too long: the constraint is the model's, in the form of others of AWS. Of a long key the
/// beginning is told.
pub fn tag_key_length(key: &str, value: &str, most: usize) -> ApiError {
    let told: String = key.chars().take(2 * most).collect();
    ApiError::validation(format!(
        "1 validation error detected: Value '{{{told}={value}}}' at 'tags' failed to satisfy constraint: Map keys must \
         satisfy constraint: [Member must have length less than or equal to {most}, Member must have length greater \
         than or equal to 1]"
    ))
}

/// Tags of a mapping that is not there: triggers.md section 1 (recorded).
pub fn tagged_mapping_not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceNotFound,
        format!("Event source mapping not found: {arn}"),
    )
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
