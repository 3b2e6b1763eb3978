//! What clients are told about backups and point-in-time recovery. Types are those of the API model; texts that no
//! source records are marked as unconfirmed. "Recorded" are answers of the service, found in public notes of probes.

use crate::error::{ApiError, ErrorKind};

fn invalid(what: impl std::fmt::Display) -> ApiError {
    ApiError::validation(format!("Invalid Request: {what}"))
}

/// A backup that is not there (recorded 2026).
pub fn not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::BackupNotFound,
        format!("Backup not found: {arn}"),
    )
}

/// DeleteBackup while a table is being restored from it (recorded 2026).
pub fn being_restored(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::BackupInUse,
        format!("Backup is being used to restore table: {arn}"),
    )
}

/// A backup that is being made; text unconfirmed.
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

/// Name and ARN of the table to restore (recorded 2026, but for what may stand before it).
pub fn two_source_tables() -> ApiError {
    ApiError::validation("Must provide exactly one of: sourceTableArn, sourceTableName")
}

/// ListBackups of a time that ends before it begins (recorded 2026).
pub fn bounds_reversed() -> ApiError {
    ApiError::validation(
        "One or more parameter values were invalid: Time range lower bound must be less than or equal to upper bound",
    )
}

/// A table without point-in-time recovery (recorded 2026).
pub fn recovery_not_enabled(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::PointInTimeRecoveryUnavailable,
        format!("Point in time recovery is not enabled for table '{table}'"),
    )
}

/// Two moments (recorded 2026; its end by stackd).
pub fn latest_and_a_time() -> ApiError {
    invalid(
        "Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time restore request. Please \
         specify either RestoreDateTime time or UseLatestRestorableTime",
    )
}

/// No moment (recorded 2026).
pub fn no_restore_time() -> ApiError {
    invalid(
        "Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both",
    )
}

/// A moment that the table can't be restored to (recorded 2026, but for its end).
pub fn restore_time_out_of_range(wanted: &str, earliest: &str, latest: &str) -> ApiError {
    ApiError::new(
        ErrorKind::InvalidRestoreTime,
        format!(
            "RestoreDateTime '{wanted}' must be within EarliestRestorableDateTime '{earliest}' and \
             LatestRestorableDateTime '{latest}'"
        ),
    )
}

/// A window for what is switched off (recorded 2026).
pub fn period_without_recovery() -> ApiError {
    invalid("Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery.")
}

/// An override of an index that the source does not have (recorded 2026).
pub fn index_not_in_source(index: &str) -> ApiError {
    invalid(format_args!(
        "Index {index} does not match a secondary index that existed in the source table and cannot be created during the \
         restore operation"
    ))
}

/// Throughput for a table that is restored as an on-demand one (recorded 2026).
pub fn throughput_with_on_demand() -> ApiError {
    invalid("Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST")
}

/// Throughput for a table that was an on-demand one and stays so (recorded 2026).
pub fn throughput_of_on_demand() -> ApiError {
    invalid("Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED")
}

/// No throughput for a table that is restored as a provisioned one (recorded 2026).
pub fn throughput_missing() -> ApiError {
    invalid("Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED")
}

/// Throughput for an index of a table that is restored as an on-demand one (recorded 2026).
pub fn index_throughput_with_on_demand(index: &str) -> ApiError {
    invalid(format_args!(
        "Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST for index {index}"
    ))
}

/// No throughput for an index of a table that is restored as a provisioned one (recorded 2026, of an index that is listed).
pub fn index_throughput_missing(index: &str) -> ApiError {
    invalid(format_args!(
        "Must specify provisioned throughput for index {index}"
    ))
}

/// Maxima for a table that is restored as a provisioned one (recorded 2026).
pub fn maximum_with_provisioned(part: &str) -> ApiError {
    invalid(format_args!(
        "Cannot override {part} for OnDemandThroughput unless BillingModeOverride is PAY_PER_REQUEST"
    ))
}

/// A maximum below 1 (recorded 2026).
pub fn maximum_out_of_range(part: &str) -> ApiError {
    invalid(format_args!(
        "Requested {part} for OnDemandThroughput is outside of valid range"
    ))
}
