//! Sentences of Kinesis streaming destinations. "Recorded" are answers of the service, found in public notes of probes
//! from 2026.

use std::fmt::Display;

use crate::error::ApiError;

fn invalid_state(what: impl Display) -> ApiError {
    ApiError::validation(format!(
        "Table is not in a valid state to enable Kinesis Streaming Destination: {what}"
    ))
}

/// Enabling beside a destination that is not disabled (recorded).
pub fn not_disabled() -> ApiError {
    invalid_state(
        "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation.",
    )
}

/// Disabling what is not active, or not there (recorded).
pub fn not_active() -> ApiError {
    invalid_state("KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.")
}

/// Updating what is not active, or not there (recorded, but for its end).
pub fn not_updatable(table: &str) -> ApiError {
    invalid_state(format_args!(
        "Kinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE state. TableName: {table}"
    ))
}

/// The precision that the destination has (recorded).
pub fn same_precision(precision: &str, table_id: &str, arn: &str) -> ApiError {
    ApiError::validation(format!(
        "Invalid Request: Precision is already set to the desired value of {precision} for tableId: {table_id}, kdsArn: {arn}"
    ))
}

/// An update that names no precision (recorded).
pub fn nothing_to_update() -> ApiError {
    ApiError::validation(
        "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot be null or contain only null values",
    )
}

/// Disabling with a configuration (recorded).
pub fn disabled_with_configuration() -> ApiError {
    ApiError::validation(
        "Stream cannot be disabled using EnableKinesisStreamingConfiguration parameters",
    )
}

/// An ARN of no Kinesis stream. AWS takes it and fails later; text ours.
pub fn invalid_arn(arn: &str) -> ApiError {
    ApiError::validation(format!(
        "One or more parameter values were invalid: not the ARN of a Kinesis stream: {arn}"
    ))
}

/// The server was not told where Kinesis is. Ours.
pub fn no_endpoint() -> ApiError {
    ApiError::validation(
        "Headwater sends changes to Kinesis streams only when it was started with --kinesis-endpoint",
    )
}
