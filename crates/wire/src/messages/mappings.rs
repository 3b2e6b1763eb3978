//! Sentences of event source mappings. Source, where none is named: triggers.md section 1 (recorded).

use crate::error::{ApiError, ErrorKind};

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::LambdaInvalidParameterValue, message)
}

/// Get, update or delete of an unknown UUID.
pub fn not_found() -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceNotFound,
        "The resource you requested does not exist.",
    )
}

/// No `EventSourceArn`, or one of no known kind.
pub fn unrecognized_event_source() -> ApiError {
    invalid("Unrecognized event source.")
}

/// A mapping to a function that is not there.
pub fn function_does_not_exist() -> ApiError {
    invalid("Function does not exist")
}

/// A mapping from a stream that is not there.
pub fn stream_not_found(arn: &str) -> ApiError {
    invalid(format!("Stream not found: {arn}"))
}

/// A second mapping of one stream to one function; AWS puts spaces inside the quotes.
pub fn already_exists(stream_arn: &str, function: &str, uuid: &str) -> ApiError {
    ApiError::new(
        ErrorKind::LambdaResourceConflict,
        format!(
            "The event source arn (\" {stream_arn} \") and function (\" {function} \") provided mapping already \
             exists. Please update or delete the existing mapping with UUID {uuid}"
        ),
    )
}

/// No `StartingPosition`; this sentence ends with a dot, and the type is not `ValidationException`.
pub fn starting_position_required() -> ApiError {
    invalid(
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: \
         Member must not be null.",
    )
}

/// A starting position that streams do not have on AWS.
pub fn unsupported_starting_position(arn: &str) -> ApiError {
    invalid(format!("Unsupported starting position for arn type: {arn}"))
}

/// A time to start from beside another position: what AWS does with it is unconfirmed, and so is the text.
pub fn timestamp_for_other_position() -> ApiError {
    invalid("StartingPositionTimestamp is for the StartingPosition AT_TIMESTAMP only")
}

/// A filter that is no pattern.
pub fn invalid_filter_pattern() -> ApiError {
    invalid("Invalid filter pattern definition.")
}

/// `OnSuccess` and the like.
pub fn unsupported_destination() -> ApiError {
    invalid("Unsupported DestinationConfig parameter for given event source mapping type.")
}

/// An update while a change is under way: type from the API model; text as clients of AWS tell of it, not recorded.
pub fn in_use_for_update() -> ApiError {
    in_use("Cannot update the event source mapping because it is in use.")
}

/// Likewise a deletion.
pub fn in_use_for_delete() -> ApiError {
    in_use("Cannot delete the event source mapping because it is in use.")
}

fn in_use(message: &'static str) -> ApiError {
    ApiError::new(ErrorKind::LambdaResourceInUse, message)
}

/// `MaximumRecordAgeInSeconds` between 0 and 59: range by triggers.md section 1; text ours.
pub fn record_age_out_of_range(seconds: i64) -> ApiError {
    invalid(format!(
        "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800, not {seconds}"
    ))
}

/// More filters than a mapping may have: the quota is AWS's, the text ours.
pub fn too_many_filters(filters_max: usize) -> ApiError {
    invalid(format!(
        "FilterCriteria must not hold more than {filters_max} filters"
    ))
}

/// More tags than a resource may have: the quota is AWS's, the text ours.
pub fn too_many_tags(tags_max: usize) -> ApiError {
    invalid(format!(
        "A resource must not have more than {tags_max} tags"
    ))
}

/// A destination that streams do not have: queues and topics of the FIFO kind (guide), and other services; text ours.
pub fn unsupported_on_failure(arn: &str) -> ApiError {
    invalid(format!(
        "The destination {arn} is not supported: give the ARN of a standard SQS queue, a standard SNS topic or an S3 \
         bucket"
    ))
}

/// A metric of other event sources; text ours.
pub fn unsupported_metric() -> ApiError {
    invalid("MetricsConfig: DynamoDB streams have the metric EventCount only")
}
