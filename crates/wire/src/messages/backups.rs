//! What clients are told about backups and point-in-time recovery. Types are those of the API model; texts that no
//! source records are marked as unconfirmed.

use crate::error::{ApiError, ErrorKind};

/// A backup that is not there (recorded 2026).
pub fn not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::BackupNotFound,
        format!("Backup not found: {arn}"),
    )
}

/// A backup that is being made or read; text unconfirmed.
pub fn in_use(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::BackupInUse,
        format!("Backup is being used by another control plane operation: {arn}"),
    )
}

/// A table that is not there, or not for long (recorded 2026).
pub fn table_not_found(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::TableNotFound,
        format!("Table not found: {table}"),
    )
}

/// The target of a restore is there (recorded 2026).
pub fn table_already_exists(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::TableAlreadyExists,
        format!("Table already exists: {table}"),
    )
}

/// A table that is being created (recorded 2026).
pub fn not_enabled_yet(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ContinuousBackupsUnavailable,
        format!("Backups are being enabled for the table: {table}. Please retry later"),
    )
}

/// Recovery that a restore still needs. Ours: on AWS it may be turned off.
pub fn table_in_use(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::TableInUse,
        format!("Table is being restored to an earlier moment: {table}"),
    )
}

/// Neither name nor ARN of the table to restore; text unconfirmed.
pub fn source_table_missing() -> ApiError {
    ApiError::validation("Either SourceTableName or SourceTableArn must be specified")
}

/// A table without point-in-time recovery (recorded 2026).
pub fn recovery_not_enabled(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::PointInTimeRecoveryUnavailable,
        format!("Point in time recovery is not enabled for table '{table}'"),
    )
}

/// Two moments; text unconfirmed.
pub fn latest_and_a_time() -> ApiError {
    ApiError::validation(
        "UseLatestRestorableTime and RestoreDateTime can not be specified together",
    )
}

/// No moment; text unconfirmed.
pub fn no_restore_time() -> ApiError {
    ApiError::validation("Either UseLatestRestorableTime or RestoreDateTime must be specified")
}

/// A moment that the table can't be restored to; text unconfirmed.
pub fn restore_time_out_of_range() -> ApiError {
    ApiError::new(
        ErrorKind::InvalidRestoreTime,
        "An invalid restore time was specified. RestoreDateTime must be between EarliestRestorableDateTime and \
         LatestRestorableDateTime",
    )
}

/// A window for what is switched off; text unconfirmed.
pub fn period_without_recovery() -> ApiError {
    ApiError::validation(
        "RecoveryPeriodInDays can only be specified when PointInTimeRecoveryEnabled is true",
    )
}

/// An override that names an index which the source does not have; text unconfirmed.
pub fn index_not_in_source(index: &str) -> ApiError {
    ApiError::validation(format!(
        "One or more parameter values were invalid: The index {index} does not exist in the source table or backup"
    ))
}
