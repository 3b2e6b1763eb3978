//! What clients are told about exports to S3, imports and bulk operations. Types are those of the API model; "recorded"
//! marks texts that a lab recorded from AWS in October 2026.

use crate::error::{ApiError, ErrorKind};

/// The server was not told where buckets are. Ours.
pub fn no_buckets() -> ApiError {
    ApiError::validation(
        "Headwater reads and writes S3 buckets only when it was started with --buckets-folder, in which each folder is a \
         bucket, or with --s3-endpoint",
    )
}

/// What only an ARN can be given for (recorded).
pub fn not_a_table_arn() -> ApiError {
    ApiError::validation("One or more parameter values were invalid: tableArn is not a valid ARN")
}

/// An ARN of something else (recorded).
pub fn table_arn_invalid() -> ApiError {
    ApiError::validation("Invalid Request: Table ARN is invalid.")
}

/// A table to export that is not there (recorded).
pub fn table_not_found(arn: &str) -> ApiError {
    ApiError::new(ErrorKind::TableNotFound, format!("Table not found: {arn}"))
}

/// A moment outside of the window (recorded).
pub fn export_time_invalid() -> ApiError {
    ApiError::new(ErrorKind::InvalidExportTime, "Export Time is invalid")
}

/// A moment from before point-in-time recovery was enabled (recorded).
pub fn recovery_not_available_then() -> ApiError {
    ApiError::new(
        ErrorKind::InvalidExportTime,
        "Point in Time Recovery is not available for specified export time",
    )
}

/// A window that begins before the table does (recorded).
pub fn export_from_before_table(from: &str) -> ApiError {
    ApiError::new(
        ErrorKind::InvalidExportTime,
        format!(
            "Incremental export period from time cannot be less than the table creation time : {from}"
        ),
    )
}

/// A window that ends in the future (recorded).
pub fn export_to_in_the_future(to: &str) -> ApiError {
    ApiError::new(
        ErrorKind::InvalidExportTime,
        format!("Incremental export period to time cannot be greater than the current time : {to}"),
    )
}

/// A window that is too short (recorded).
pub fn export_window_too_short() -> ApiError {
    ApiError::new(
        ErrorKind::InvalidExportTime,
        "Difference between export period from time and export period to time is less than 15 minutes",
    )
}

/// A window that is too long; text unconfirmed.
pub fn export_window_too_long() -> ApiError {
    ApiError::new(
        ErrorKind::InvalidExportTime,
        "Difference between export period from time and export period to time is greater than 24 hours",
    )
}

/// The window of an incremental export for one whose type is not named (recorded).
pub fn incremental_type_expected() -> ApiError {
    ApiError::validation(
        "Invalid Request: Export Type expected to be Incremental Export when incremental export specification is provided",
    )
}

/// The window of an incremental export for a full one (recorded, with its space before the comma).
pub fn incremental_specification_of_full_export() -> ApiError {
    ApiError::validation(
        "Invalid Request: When Export Type is Full Export , Incremental Export Specification should not be provided",
    )
}

/// An incremental export without its window (recorded).
pub fn incremental_specification_missing() -> ApiError {
    ApiError::validation(
        "Invalid Request: Incremental Export Specification expected when export type is set as Incremental Export",
    )
}

/// A window without its beginning (recorded).
pub fn export_from_missing() -> ApiError {
    ApiError::validation(
        "Invalid Request: ExportFromTime must be provided in IncrementalExportSpecification",
    )
}

/// A moment for an export of a window; ours, AWS was not seen to say anything.
pub fn export_time_of_incremental_export() -> ApiError {
    ApiError::validation(
        "Invalid Request: ExportTime can not be provided when export type is set as Incremental Export",
    )
}

/// A filter without anything in it (recorded).
pub fn filter_specification_empty() -> ApiError {
    ApiError::validation(
        "Invalid Request: Invalid FilterSpecification: The specification can not be empty",
    )
}

/// A filter that is wrong; the words around the fault are recorded.
pub fn filter_specification_invalid(fault: &str) -> ApiError {
    ApiError::validation(format!(
        "Invalid Request: Invalid FilterSpecification: {fault}"
    ))
}

/// A key of KMS for an encryption without one (recorded).
pub fn key_without_kms() -> ApiError {
    ApiError::validation("Invalid Request: KMS Key Id is not supported for this encryption type")
}

/// A token that was used for another export (recorded).
pub fn export_conflict() -> ApiError {
    ApiError::new(
        ErrorKind::ExportConflict,
        "Export conflict: Duplicate request detected with conflicting parameters",
    )
}

/// An export that is not there (recorded, with its words twice).
pub fn export_not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ExportNotFound,
        format!("Export not found: Export not found: {arn}"),
    )
}

/// The ARN of something else than an export (recorded).
pub fn export_arn_invalid() -> ApiError {
    ApiError::validation("Invalid Export ARN")
}

/// A token that was used for another import (recorded).
pub fn import_conflict() -> ApiError {
    ApiError::new(
        ErrorKind::ImportConflict,
        "Import conflict: Duplicate request detected with conflicting parameters",
    )
}

/// An import that is not there; text unconfirmed.
pub fn import_not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ImportNotFound,
        format!("Import not found: Import not found: {arn}"),
    )
}

/// The ARN of something else than an import (recorded).
pub fn import_arn_invalid() -> ApiError {
    ApiError::validation("Invalid Import ARN")
}

/// A token that was used for another bulk operation; text unconfirmed.
pub fn bulk_conflict() -> ApiError {
    ApiError::new(
        ErrorKind::IdempotentParameterMismatch,
        "The client token was used for a bulk operation with other parameters",
    )
}

/// A bulk operation that is not there; text unconfirmed.
pub fn bulk_operation_not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceNotFound,
        format!("Bulk operation not found: {arn}"),
    )
}

/// A bulk operation that can't be cancelled any more; text unconfirmed.
pub fn bulk_operation_over(status: &str) -> ApiError {
    ApiError::validation(format!(
        "A bulk operation can't be cancelled when its status is {status}"
    ))
}

/// No kind of report; text unconfirmed.
pub fn output_type_missing() -> ApiError {
    ApiError::validation(
        "One or more parameter values were invalid: OutputType must have at least one value",
    )
}

/// No bucket for reports, which the guide requires; text unconfirmed.
pub fn output_bucket_missing() -> ApiError {
    ApiError::validation(
        "One or more parameter values were invalid: OutputS3Configuration must have an S3Bucket",
    )
}

/// Options of another format (recorded).
pub fn format_options_unsupported(format: &str) -> ApiError {
    ApiError::validation(format!(
        "Invalid Request: Unsupported InputFormatOptions for the given input format: {format}."
    ))
}

/// A token of a page that was not handed out for this list (recorded).
pub fn page_token_invalid(token: &str) -> ApiError {
    ApiError::validation(format!(
        "Invalid Request: Provided nextToken is invalid: {token}"
    ))
}

/// More jobs of a kind than may be in progress; text unconfirmed.
pub fn too_many_jobs(kind: &str, most: usize) -> ApiError {
    ApiError::new(
        ErrorKind::LimitExceeded,
        format!("Too many {kind}s are in progress; at most {most} can be"),
    )
}

/// A request that is too large to be remembered. Ours.
pub fn request_too_large(most: usize) -> ApiError {
    ApiError::validation(format!(
        "Headwater remembers the request of a transfer, which can't be larger than {most} bytes"
    ))
}
