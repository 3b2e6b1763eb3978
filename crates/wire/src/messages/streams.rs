//! Sentences of DynamoDB Streams.

use crate::error::{ApiError, ErrorKind};

/// A well-formed ARN of no stream: streams.md section 6 (recorded).
pub fn not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceNotFound,
        format!("Requested resource not found: Stream: {arn} not found"),
    )
}

/// A shard id of no shard: streams.md section 8 (recorded).
pub fn shard_not_found() -> ApiError {
    ApiError::new(
        ErrorKind::ResourceNotFound,
        "Requested resource not found: Shard does not exist",
    )
}

/// A malformed `StreamArn` or `ExclusiveStartStreamArn`: a ValidationException by streams.md sections 6 to 8; text ours.
pub fn invalid_arn(member: &str) -> ApiError {
    ApiError::validation(format!("Invalid {member}: not the ARN of a stream"))
}

/// A GetRecords iterator that is none: a ValidationException by streams.md section 8; text of DynamoDB Local.
pub fn invalid_iterator() -> ApiError {
    ApiError::validation("Invalid ShardIterator")
}

/// An iterator older than it may be, which is 15 minutes on AWS: type by streams.md section 8; text unconfirmed.
pub fn iterator_expired(age_ms_max: u64) -> ApiError {
    let age = match age_ms_max {
        ms if ms % 60_000 == 0 => format!("{} minutes", ms / 60_000),
        ms => format!("{ms} milliseconds"),
    };
    ApiError::new(
        ErrorKind::ExpiredIterator,
        format!("Iterator expired. The shard iterator exceeds the maximum age allowed of {age}."),
    )
}

/// Records that are gone: streams.md section 8 (recorded).
pub fn trimmed() -> ApiError {
    ApiError::new(
        ErrorKind::TrimmedDataAccess,
        "The data you are trying to access has been trimmed",
    )
}

/// `AT_`/`AFTER_SEQUENCE_NUMBER` without a sequence number: type by streams.md section 8; text ours.
pub fn sequence_number_required(iterator_type: &str) -> ApiError {
    ApiError::validation(format!(
        "SequenceNumber is required when ShardIteratorType is {iterator_type}"
    ))
}

/// A sequence number with another iterator type: type by streams.md section 8; text ours.
pub fn sequence_number_not_allowed(iterator_type: &str) -> ApiError {
    ApiError::validation(format!(
        "SequenceNumber cannot be specified when ShardIteratorType is {iterator_type}"
    ))
}

/// A sequence number that is no number: type by streams.md section 8; text ours.
pub fn invalid_sequence_number(text: &str) -> ApiError {
    ApiError::validation(format!("Invalid SequenceNumber: {text}"))
}

/// `AT_TIMESTAMP` without a timestamp: streams.md section 8, unconfirmed.
pub fn timestamp_required() -> ApiError {
    ApiError::validation("Timestamp is required when ShardIteratorType is AT_TIMESTAMP")
}

/// A timestamp with another iterator type: streams.md section 8, unconfirmed.
pub fn timestamp_not_allowed(iterator_type: &str) -> ApiError {
    ApiError::validation(format!(
        "Timestamp cannot be specified when ShardIteratorType is {iterator_type}"
    ))
}

/// A timestamp in the future: type by streams.md section 8 (API model); text ours.
pub fn timestamp_in_the_future() -> ApiError {
    ApiError::validation("Timestamp cannot be in the future")
}

/// `ShardFilter` without a type: type by streams.md section 6; text ours.
pub fn shard_filter_type_required() -> ApiError {
    ApiError::validation("ShardFilter.Type is required when ShardFilter is specified")
}

/// `ShardFilter` without a shard: type by streams.md section 6; text ours.
pub fn shard_filter_shard_required() -> ApiError {
    ApiError::validation("ShardFilter.ShardId is required when ShardFilter.Type is CHILD_SHARDS")
}

/// A shard id of another form in `ShardFilter`: the text has to name the member (streams.md section 6); wording ours.
pub fn shard_filter_shard_invalid(shard: &str) -> ApiError {
    ApiError::validation(format!("Invalid ShardFilter.ShardId: {shard}"))
}

/// More than two readers of a shard, where that is refused: streams.md section 8; text ours.
pub fn too_many_readers() -> ApiError {
    ApiError::new(
        ErrorKind::LimitExceeded,
        "More than 2 readers are reading this shard at the same time",
    )
}
