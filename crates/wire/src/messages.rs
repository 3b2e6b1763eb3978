//! Every sentence that a client can see, once, with its source.
//!
//! This file holds what concerns requests as such; tables, items, streams and functions have their own. A source names
//! a section of the specification sheets (`dynamodb-api.md`, `streams.md`, `triggers.md`); "ours" marks sentences that
//! AWS does not have or that could not be verified.

pub mod backups;
pub mod batches;
pub mod functions;
pub mod items;
pub mod kinesis;
pub mod mappings;
pub mod policies;
pub mod statements;
pub mod streams;
pub mod tables;
pub mod throughput;
pub mod transfers;
pub mod vectors;

use crate::decode::Violation;
use crate::error::{ApiError, ErrorKind};

/// dynamodb-api.md section 6 (conformance suite).
pub(crate) const NESTING_TOO_DEEP: &str = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit";
/// A name of 64 KB or more (dynamodb-api.md section 3); text unconfirmed.
pub(crate) const ATTRIBUTE_NAME_TOO_LONG: &str =
    "Attribute name is too large, must be less than 65536 bytes";
/// An empty name (dynamodb-api.md section 3); text unconfirmed.
pub(crate) const ATTRIBUTE_NAME_EMPTY: &str = "Empty attribute name";
/// dynamodb-api.md section 6.
pub(crate) const ATTRIBUTE_VALUE_EMPTY: &str =
    "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
/// dynamodb-api.md section 6.
pub(crate) const ATTRIBUTE_VALUE_AMBIGUOUS: &str = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
/// dynamodb-api.md section 6.
pub(crate) const NULL_MUST_BE_TRUE: &str = "One or more parameter values were invalid: Null attribute value types must have the value of true";
/// The older words for an empty number; the newer ones quote it, with nothing behind the colon (conformance suite).
pub(crate) const NUMBER_EMPTY: &str = "The parameter cannot be converted to a numeric value";
/// dynamodb-api.md section 6 (two spaces).
pub(crate) const STRING_SET_EMPTY: &str =
    "One or more parameter values were invalid: An string set  may not be empty";
/// dynamodb-api.md section 6 (two spaces).
pub(crate) const NUMBER_SET_EMPTY: &str =
    "One or more parameter values were invalid: An number set  may not be empty";
/// dynamodb-api.md section 6.
pub(crate) const BINARY_SET_EMPTY: &str =
    "One or more parameter values were invalid: Binary sets should not be empty";
/// Unconfirmed.
pub(crate) const SET_MEMBER_NULL: &str = "One or more parameter values were invalid: An string set may not have a null string as a member";

/// A number twice in a set (conformance suite, recorded 2026).
pub(crate) const DUPLICATE_NUMBERS: &str =
    "One or more parameter values were invalid: Input collection contains duplicates.";
/// The same in the older words.
pub(crate) const DUPLICATE_NUMBERS_OLDER: &str = "Input collection contains duplicates";

/// dynamodb-api.md section 6; AWS forgets the space before the type of binary sets.
pub(crate) fn duplicate_members_text(members: &str, suffix: &str) -> String {
    let gap = if suffix == " " { "" } else { suffix };
    format!(
        "One or more parameter values were invalid: Input collection [{members}]{gap} contains duplicates."
    )
}

/// What AWS puts around a fault of `ExclusiveStartKey`: dynamodb-api.md section 8.
pub(crate) fn invalid_starting_key_text(fault: &str) -> String {
    format!("The provided starting key is invalid: {fault}")
}

/// What AWS puts around a fault of `ExpressionAttributeValues` (dynalite's captures).
pub(crate) fn invalid_expression_value_text(fault: &str, key: &str) -> String {
    format!("ExpressionAttributeValues contains invalid value: {fault} for key {key}")
}

/// dynamodb-api.md section 7: one or several broken constraints in one answer.
pub fn violations(violations: &[Violation]) -> ApiError {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let list: Vec<String> = violations.iter().map(Violation::to_string).collect();
    ApiError::validation(format!(
        "{} validation error{plural} detected: {}",
        violations.len(),
        list.join("; ")
    ))
}

/// A refusal of PutItem, UpdateItem or DeleteItem from before it looks for the table: AWS tells it as it tells broken
/// constraints (conformance suite, recorded 2026).
pub fn enveloped(error: ApiError) -> ApiError {
    match error.kind {
        ErrorKind::Validation => ApiError {
            message: format!("1 validation error detected: {}", error.message),
            ..error
        },
        _ => error,
    }
}

/// dynamodb-api.md section 7, "CreateTable without name".
pub fn parameter_required(name: &str) -> ApiError {
    ApiError::validation(format!(
        "The parameter '{name}' is required but was not present in the request"
    ))
}

/// A value of the wrong JSON type: dynamodb-api.md section 2.
pub fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::Serialization, message)
}

/// A body that is no JSON: AWS gives no message.
pub fn malformed_body() -> ApiError {
    serialization("")
}

/// A body over 16 MB: dynamodb-api.md section 2 (status 413); text ours.
pub fn body_too_large() -> ApiError {
    ApiError::new(
        ErrorKind::RequestEntityTooLarge,
        "Request body is larger than 16 MB",
    )
}

/// An `X-Amz-Target` that names no operation: dynamodb-api.md section 1; AWS gives no message.
pub fn unknown_operation() -> ApiError {
    ApiError::new(ErrorKind::UnknownOperation, "")
}

/// An operation of AWS that is not served here. Ours.
pub fn unsupported_operation(name: &str) -> ApiError {
    ApiError::new(
        ErrorKind::UnknownOperation,
        format!("Headwater does not support the operation {name} yet"),
    )
}

/// Parameters of AWS that are not served here, of a DynamoDB operation. Ours.
pub fn unsupported_parameters(names: &[&str]) -> ApiError {
    ApiError::validation(unsupported_parameters_text(names))
}

pub(crate) fn unsupported_parameters_text(names: &[&str]) -> String {
    format!(
        "Headwater does not support these parameters yet: {}",
        names.join(", ")
    )
}

/// A request without credentials, when they are asked for (dynalite's captures).
pub fn missing_authentication_token() -> ApiError {
    ApiError::new(
        ErrorKind::MissingAuthenticationToken,
        "Request is missing Authentication Token",
    )
}

/// An `Authorization` header that cannot be read. Ours; AWS lists each missing part.
pub fn incomplete_signature(what: &str) -> ApiError {
    ApiError::new(
        ErrorKind::IncompleteSignature,
        format!("Authorization header requires '{what}'"),
    )
}

/// Something went wrong in the server. The cause is logged, not sent. Text of the API model's generic form.
pub fn internal_server_error() -> ApiError {
    ApiError::new(
        ErrorKind::InternalServerError,
        "The request processing has failed because of an unknown error, exception or failure.",
    )
}

/// The server no longer acknowledges writes, because its log could not be made durable. Ours.
pub fn writes_stopped(reason: &str) -> ApiError {
    ApiError::new(
        ErrorKind::InternalServerError,
        format!("Writes are stopped because the log could not be written: {reason}"),
    )
}

/// The state's file failed, so that only what is in memory can be read; the cause is logged. Ours.
pub fn state_failed() -> ApiError {
    ApiError::new(
        ErrorKind::InternalServerError,
        "The file of the tables' state could not be read or written. Items that are not in memory may not be read, and nothing can be written, until the server is restarted.",
    )
}

/// The disk is full, or nearly so; the cause is logged. Clients try again, as with all errors of this kind. Ours.
pub fn no_room() -> ApiError {
    ApiError::new(
        ErrorKind::InternalServerError,
        "Disk full: writes are refused until there is room. Reads go on.",
    )
}

/// Too many requests at once. The text is AWS's for `ThrottlingException`.
pub fn throttled() -> ApiError {
    ApiError::new(
        ErrorKind::Throttling,
        "Rate of requests exceeds the allowed throughput.",
    )
}
