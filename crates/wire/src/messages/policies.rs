//! Sentences of resource policies. "Recorded" are answers of the service, found in public notes of probes from 2026.

use crate::error::{ApiError, ErrorKind};

fn invalid(what: impl std::fmt::Display) -> ApiError {
    ApiError::validation(format!("One or more parameter values were invalid: {what}"))
}

fn invalid_document(what: impl std::fmt::Display) -> ApiError {
    invalid(format_args!("Invalid policy document: {what}"))
}

fn not_found(what: impl std::fmt::Display) -> ApiError {
    ApiError::new(
        ErrorKind::PolicyNotFound,
        format!("Resource-based policy not found for the provided ResourceArn: {what}"),
    )
}

/// GetResourcePolicy of a resource without one (recorded).
pub fn none(arn: &str) -> ApiError {
    not_found(arn)
}

/// `ExpectedRevisionId` of another policy than the one that is there (recorded).
pub fn other_revision(table: &str, expected: &str, found: u64) -> ApiError {
    not_found(format_args!(
        "Requested update for policy with revision id {expected}, but the policy associated to target table {table} has revision id {found}."
    ))
}

/// `ExpectedRevisionId` where there is no policy (recorded, but for its end).
pub fn no_revision(table: &str, expected: &str) -> ApiError {
    not_found(format_args!(
        "Requested update for policy with revision id {expected}, but table {table} has no associated policy."
    ))
}

/// `ExpectedRevisionId` `NO_POLICY` where there is one (recorded).
pub fn unexpected(table: &str, found: u64) -> ApiError {
    not_found(format_args!(
        "Requested policy update expecting none to be present for table {table}, but a policy exists with revision id {found}."
    ))
}

/// A name in place of an ARN (recorded).
pub fn no_arn(given: &str) -> ApiError {
    invalid(format_args!("ARNs must start with 'arn:': {given}"))
}

/// An ARN of neither a table nor a stream (recorded).
pub fn arn_of_another_resource(arn: &str) -> ApiError {
    invalid(format_args!(
        "Provided Arn is not a DynamoDB resource arn: {arn}"
    ))
}

/// The ARN of an index (recorded).
pub fn arn_of_an_index(arn: &str) -> ApiError {
    invalid(format_args!(
        "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}"
    ))
}

/// An ARN of another account or region, where they are kept apart (recorded, of another region).
pub fn arn_of_somebody_else(arn: &str) -> ApiError {
    invalid(format_args!("Invalid resource Arn: {arn}"))
}

/// The ARN of a stream that is not there (recorded).
pub fn stream_not_found(label: &str, table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceNotFound,
        format!("Requested resource not found: Stream: {label} not found for Table: {table}"),
    )
}

/// A document that is too large (recorded).
pub fn too_large(bytes_max: usize) -> ApiError {
    invalid(format_args!(
        "Maximum policy size of {bytes_max} bytes exceeded"
    ))
}

/// A document that is no JSON object (recorded).
pub fn invalid_json() -> ApiError {
    invalid_document("This policy contains invalid Json")
}

/// A document without a statement (recorded).
pub fn no_statement() -> ApiError {
    invalid_document("Could not parse the policy: Statement is empty!")
}

/// A member that a statement, or the document, has to have (recorded, of `Resource`).
pub fn missing_field(name: &str) -> ApiError {
    invalid_document(format_args!("Missing required field {name}"))
}

/// Two statements of one name (recorded).
pub fn sids_not_unique() -> ApiError {
    invalid_document("The Statement Ids in the policy are not unique")
}

/// A member of a wrong form, or an unknown one. AWS names a position; text ours.
pub fn syntax(member: &str) -> ApiError {
    invalid_document(format_args!("Syntax error in {member}"))
}

/// Text unconfirmed.
pub fn invalid_version() -> ApiError {
    invalid_document("The policy must contain a valid version string")
}

/// An allowance for everybody (recorded).
pub fn unbounded() -> ApiError {
    ApiError::validation(
        "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure least-privilege form of access",
    )
}
