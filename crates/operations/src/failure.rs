//! From what the rooms below refuse to the error that a client sees. Causes inside the server are logged
//! here, where they end.

use headwater_engine::{
    EngineError, IndexFault, IndexKind, Refusal, TableStatus, TooManyDecreases,
};
use headwater_expression::ExpressionError;
use headwater_model::KeyError;
use headwater_streams::StreamsError;
use headwater_wire::messages::{self, backups, items, streams, tables, throughput};
use headwater_wire::{ApiError, ErrorKind};

use crate::key;
use crate::tags::RETENTION_TAG;
use crate::throughput::of_throttled;

/// Whether an error may say what is there and what is not.
pub(crate) fn may_tell_of_catalog(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BackupInUse
            | ErrorKind::BackupNotFound
            | ErrorKind::ContinuousBackupsUnavailable
            | ErrorKind::InvalidRestoreTime
            | ErrorKind::LimitExceeded
            | ErrorKind::PointInTimeRecoveryUnavailable
            | ErrorKind::PolicyNotFound
            | ErrorKind::ResourceInUse
            | ErrorKind::ResourceNotFound
            | ErrorKind::TableAlreadyExists
            | ErrorKind::TableInUse
            | ErrorKind::TableNotFound
            | ErrorKind::Validation
    )
}

/// An operation on items was refused.
pub(crate) fn of_items(error: EngineError) -> ApiError {
    match error {
        EngineError::TableNotFound { .. } => items::table_not_found(),
        EngineError::Throttled(throttled) => of_throttled(&throttled),
        EngineError::IndexBackfilling { index } => items::index_is_backfilling(&index),
        EngineError::IndexNotFound { index, .. } => items::index_not_found(&index),
        EngineError::ConditionTooCostly(_) => items::condition_too_costly(),
        EngineError::Refused(refusals) => match refusals.into_iter().flatten().next() {
            Some(refusal) => of_refusal(refusal),
            None => internal("a command was refused without a reason"),
        },
        other => of_store(other),
    }
}

/// A command on an item was refused.
pub(crate) fn of_refusal(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::ConditionFailed { item, .. } => items::condition_failed(item),
        Refusal::ItemTooLarge { by_update: true } => items::updated_item_too_large(),
        Refusal::ItemTooLarge { by_update: false } => items::item_too_large(),
        Refusal::CollectionTooLarge => items::collection_too_large(),
        Refusal::IndexKey {
            error,
            by_update: true,
        } if error.kind != IndexKind::Vector
            && matches!(error.error, IndexFault::Key(KeyError::TypeMismatch { .. })) =>
        {
            items::index_key_updated_to_other_type()
        }
        Refusal::IndexKey { error, .. } => key::of_index(error),
        Refusal::Update(error) => ApiError::validation(error.to_string()),
    }
}

/// An operation on a table was refused.
pub(crate) fn of_tables(error: EngineError) -> ApiError {
    match error {
        EngineError::TableNotFound { name } => tables::not_found(&name),
        EngineError::TableExists { name } => tables::already_exists(&name),
        EngineError::TableInUse { name, status } => match status {
            TableStatus::Creating => tables::being_created(&name),
            TableStatus::Updating | TableStatus::Active => tables::being_updated(&name),
            TableStatus::Deleting | TableStatus::Gone => tables::being_deleted(&name),
        },
        EngineError::TableChanged { name } => tables::being_updated(&name),
        EngineError::StreamEnabled { name } => tables::stream_already_enabled(&name),
        EngineError::StreamNotEnabled { name } => tables::no_stream_to_disable(&name),
        EngineError::FixedTag { .. } => tables::retention_tag_is_fixed(RETENTION_TAG),
        EngineError::TooManyTags { .. } => tables::too_many_tags(),
        EngineError::IndexExists { .. } => tables::index_already_exists(),
        EngineError::IndexNotFound { name, index } => tables::index_not_found(&index, &name),
        EngineError::IndexesBeingChanged { .. } => tables::index_being_changed(),
        EngineError::IndexBeingCreated { .. } => tables::one_index_change_at_a_time(),
        EngineError::DeletionProtected { .. } => tables::deletion_protected(),
        EngineError::TooManyDecreases(TooManyDecreases {
            today,
            last_ms,
            next_ms,
        }) => throughput::too_many_decreases(today, last_ms, next_ms),
        other => of_store(other),
    }
}

/// An operation on backups was refused; `subject` is the backup's ARN or the table's name.
pub(crate) fn of_backups(error: EngineError, subject: &str) -> ApiError {
    match error {
        EngineError::TableNotFound { .. } => backups::table_not_found(subject),
        EngineError::TableExists { name } => backups::table_already_exists(&name),
        EngineError::TableInUse { name, status } => match status {
            TableStatus::Creating => backups::not_enabled_yet(&name),
            TableStatus::Deleting | TableStatus::Gone => backups::table_not_found(subject),
            TableStatus::Updating | TableStatus::Active => backups::table_in_use(&name),
        },
        EngineError::BackupNotFound => backups::not_found(subject),
        EngineError::BackupInUse => backups::in_use(subject),
        other => of_store(other),
    }
}

/// An operation on streams was refused; `member` is the one that holds the ARN.
pub(crate) fn of_streams(error: StreamsError, member: &str) -> ApiError {
    match error {
        StreamsError::InvalidArn(_) => streams::invalid_arn(member),
        StreamsError::StreamNotFound { arn } => streams::not_found(&arn),
        StreamsError::ShardNotFound => streams::shard_not_found(),
        StreamsError::InvalidIterator(_) => streams::invalid_iterator(),
        StreamsError::ExpiredIterator { age_ms_max, .. } => streams::iterator_expired(age_ms_max),
        StreamsError::Trimmed => streams::trimmed(),
        StreamsError::TimestampInFuture => streams::timestamp_in_the_future(),
        StreamsError::Throttled => streams::too_many_readers(),
        StreamsError::Engine(error) => of_store(error),
        StreamsError::Log(error) => of_store(EngineError::Log(error)),
        error @ StreamsError::Key(_) => internal(error),
    }
}

/// An expression was refused.
pub(crate) fn of_expressions(error: ExpressionError) -> ApiError {
    ApiError::validation(error.to_string())
}

fn of_store(error: EngineError) -> ApiError {
    use headwater_engine::{LogError, StateError};
    match &error {
        EngineError::State(StateError::Io { .. } | StateError::Stopped { .. }) => {
            tracing::error!(cause = %error, "a request failed");
            messages::state_failed()
        }
        EngineError::Log(LogError::Poisoned { reason }) => messages::writes_stopped(reason),
        EngineError::Log(LogError::NoRoom { .. }) => messages::no_room(),
        EngineError::Log(LogError::Overloaded { .. }) => messages::throttled(),
        EngineError::TooManyDisabledShards { most } => tables::too_many_disabled_shards(*most),
        _ => internal(error),
    }
}

/// Something is wrong inside; the client is told only that.
pub(crate) fn internal(cause: impl std::fmt::Display) -> ApiError {
    tracing::error!(%cause, "a request failed");
    messages::internal_server_error()
}
