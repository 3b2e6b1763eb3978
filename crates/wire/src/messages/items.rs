//! Sentences of the item operations, Query and Scan.

use headwater_model::EncodedItem;

use crate::error::{ApiError, ErrorDetail, ErrorKind};

fn invalid(what: impl std::fmt::Display) -> ApiError {
    ApiError::validation(format!("One or more parameter values were invalid: {what}"))
}

/// Item operations, Query and Scan on a missing table: dynamodb-api.md section 7.
pub fn table_not_found() -> ApiError {
    ApiError::new(ErrorKind::ResourceNotFound, "Requested resource not found")
}

/// Words of an item collection that would be too large. Those of the guide's list of errors and of the model, of cancelled
/// transactions, which both have a full stop behind them; no answer of the service was found. Of the two sentences next to it
/// that were recorded, the service leaves that out.
pub(super) const COLLECTION_TOO_LARGE: &str = "Collection size exceeded";

/// A write that would make an item collection exceed 10 GB, of a table with local indexes.
pub fn collection_too_large() -> ApiError {
    ApiError::new(
        ErrorKind::ItemCollectionSizeLimitExceeded,
        COLLECTION_TOO_LARGE,
    )
}

/// Get, Update, Delete with another key than the table's: dynamodb-api.md section 6.
pub fn key_does_not_match_schema() -> ApiError {
    ApiError::validation("The provided key element does not match the schema")
}

/// Put of an item without a key attribute: dynamodb-api.md section 6.
pub fn missing_key(name: &str) -> ApiError {
    invalid(format_args!("Missing the key {name} in the item"))
}

/// Put of an item with a key of another type: dynamodb-api.md section 6.
pub fn key_type_mismatch(name: &str, expected: &str, actual: &str) -> ApiError {
    invalid(format_args!(
        "Type mismatch for key {name} expected: {expected} actual: {actual}"
    ))
}

/// An index key of another type: dynamodb-api.md section 6.
pub fn index_key_type_mismatch(name: &str, expected: &str, actual: &str, index: &str) -> ApiError {
    invalid(format_args!(
        "Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} IndexName: {index}"
    ))
}

/// An empty string or binary as a key: dynamodb-api.md section 6. `what` is `string` or `binary`.
pub fn empty_key(name: &str, what: &str) -> ApiError {
    ApiError::validation(format!(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
         {what} value. Key: {name}"
    ))
}

/// An update that would give an index key the value of another attribute, of another type (dynalite's captures).
pub fn index_key_updated_to_other_type() -> ApiError {
    ApiError::validation(
        "The update expression attempted to update the secondary index key to unsupported type",
    )
}

/// An empty string or binary as an index key: dynamodb-api.md section 6 states the rule; text unconfirmed.
pub fn empty_index_key(name: &str, what: &str, index: &str) -> ApiError {
    ApiError::validation(format!(
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. \
         The AttributeValue for a key attribute cannot contain an empty {what} value. IndexName: {index}, \
         IndexKey: {name}"
    ))
}

/// A partition key of more than 2048 bytes (dynalite's captures).
pub fn partition_key_too_long() -> ApiError {
    invalid("Size of hashkey has exceeded the maximum size limit of2048 bytes")
}

/// A sort key of more than 1024 bytes (dynalite's captures).
pub fn sort_key_too_long() -> ApiError {
    invalid("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
}

/// Put of a too big item: dynamodb-api.md section 4.
pub fn item_too_large() -> ApiError {
    ApiError::validation("Item size has exceeded the maximum allowed size")
}

/// Update to a too big item: dynamodb-api.md section 4.
pub fn updated_item_too_large() -> ApiError {
    ApiError::validation("Item size to update has exceeded the maximum allowed size")
}

/// Conditions, or a filter and one item, that compare too much: the service names no such limit. Text ours.
pub fn condition_too_costly() -> ApiError {
    ApiError::validation(
        "The expression compares too much with the item: it must not name large values so often",
    )
}

/// An attribute nested too deep: dynamodb-api.md section 6.
pub fn nesting_too_deep() -> ApiError {
    ApiError::validation(super::NESTING_TOO_DEEP)
}

/// A condition that was false, with the item if it was asked for: dynamodb-api.md section 7.
pub fn condition_failed(item: Option<EncodedItem>) -> ApiError {
    let error = ApiError::new(
        ErrorKind::ConditionalCheckFailed,
        "The conditional request failed",
    );
    match item {
        Some(item) => error.with(ErrorDetail::Item(item)),
        None => error,
    }
}

/// Update of a key attribute: dynamodb-api.md section 7.
pub fn cannot_update_key(name: &str) -> ApiError {
    invalid(format_args!(
        "Cannot update attribute {name}. This attribute is part of the key"
    ))
}

/// Legacy parameters beside expressions: dynamodb-api.md section 7.
pub fn expression_and_legacy(legacy: &[&str], expressions: &[&str]) -> ApiError {
    ApiError::validation(format!(
        "Can not use both expression and non-expression parameters in the same request: \
         Non-expression parameters: {{{}}} Expression parameters: {{{}}}",
        legacy.join(", "),
        expressions.join(", ")
    ))
}

/// `ReturnValues` that PutItem or DeleteItem do not have (dynalite's captures).
pub fn return_values_not_supported() -> ApiError {
    ApiError::validation("ReturnValues can only be ALL_OLD or NONE")
}

/// Query without a condition on the partition key: dynamodb-api.md section 7.
pub fn missing_key_condition(name: &str) -> ApiError {
    ApiError::validation(format!("Query condition missed key schema element: {name}"))
}

/// Query without any key condition (dynalite's captures).
pub fn no_key_condition() -> ApiError {
    ApiError::validation(
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
    )
}

/// A key condition that Query does not have (dynalite's captures).
pub fn key_condition_not_supported() -> ApiError {
    ApiError::validation("Query key condition not supported")
}

/// A key condition with a value of another type than the key (dynalite's captures).
pub fn key_condition_type_mismatch() -> ApiError {
    invalid("Condition parameter type does not match schema type")
}

/// An empty key value in a key condition (dynalite's captures, wording of dynamodb-api.md section 6).
pub fn empty_key_condition(name: &str, what: &str) -> ApiError {
    empty_key(name, what)
}

/// A filter on a key attribute: dynamodb-api.md section 8.
pub fn filter_on_key(name: &str) -> ApiError {
    ApiError::validation(format!(
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
    ))
}

/// dynamodb-api.md section 8.
pub fn starting_key_does_not_match_schema() -> ApiError {
    ApiError::validation(
        "The provided starting key is invalid: The provided key element does not match the schema",
    )
}

/// A starting key outside of what Query reads (dynalite's captures).
pub fn starting_key_outside_of_query() -> ApiError {
    ApiError::validation(
        "The provided starting key is outside query boundaries based on provided conditions",
    )
}

/// A starting key of the partition that Query reads, which the condition on the sort key excludes (dynalite's captures).
pub fn starting_key_outside_of_range() -> ApiError {
    ApiError::validation("The provided starting key does not match the range key predicate")
}

/// A starting key of another segment (dynalite's captures).
pub fn starting_key_outside_of_segment(segment: u32, total_segments: u32) -> ApiError {
    ApiError::validation(format!(
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct \
         Segment. TotalSegments: {total_segments} Segment: {segment}"
    ))
}

/// dynamodb-api.md section 7.
pub fn consistent_read_on_global_index() -> ApiError {
    ApiError::validation("Consistent reads are not supported on global secondary indexes")
}

/// Query or Scan of an index that is not there (dynalite's captures).
pub fn index_not_found(index: &str) -> ApiError {
    ApiError::validation(format!(
        "The table does not have the specified index: {index}"
    ))
}

/// Query or Scan of an index that does not hold all its entries yet (API reference; text unconfirmed).
pub fn index_is_backfilling(index: &str) -> ApiError {
    ApiError::validation(format!(
        "Cannot read from backfilling global secondary index: {index}"
    ))
}

/// Attributes that a global index does not hold (dynalite's captures).
pub fn not_projected(index: &str, attributes: &[&str]) -> ApiError {
    invalid(format_args!(
        "Global secondary index {index} does not project [{}]",
        attributes.join(", ")
    ))
}

/// A filter on attributes that an index does not hold (DynamoDB Local's answer).
pub fn filter_not_projected(index: &str, attributes: &[&str]) -> ApiError {
    invalid(format_args!(
        "Secondary index {index} does not project one or more filter attributes: [{}]",
        attributes.join(", ")
    ))
}

/// `ALL_PROJECTED_ATTRIBUTES` without an index. This and the next two are as Scan gives them; Query puts an envelope
/// around them (moto's tests on AWS).
pub fn projected_attributes_without_index() -> ApiError {
    ApiError::validation(
        "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
    )
}

/// `ALL_ATTRIBUTES` of a global index that holds fewer (dynalite's captures).
pub fn all_attributes_of_partial_index(index: &str) -> ApiError {
    invalid(format_args!(
        "Select type ALL_ATTRIBUTES is not supported for global secondary index {index} because its projection type is not ALL"
    ))
}

/// `SPECIFIC_ATTRIBUTES` without naming any (dynalite's captures).
pub fn specific_attributes_without_list() -> ApiError {
    ApiError::validation(
        "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
    )
}

/// `ProjectionExpression` or `AttributesToGet` with another `Select` (dynalite's captures; of COUNT, the conformance
/// suite).
pub fn projection_with_select(parameter: &str, select: &str) -> ApiError {
    let what = if select == "COUNT" {
        "only the Count"
    } else {
        select
    };
    ApiError::validation(format!(
        "Cannot specify the {parameter} when choosing to get {what}"
    ))
}

/// dynamodb-api.md section 7.
pub fn total_segments_missing() -> ApiError {
    ApiError::validation(
        "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
    )
}

/// dynamodb-api.md section 7.
pub fn segment_missing() -> ApiError {
    ApiError::validation(
        "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
    )
}

/// dynamodb-api.md section 7.
pub fn segment_out_of_range(segment: i64, total_segments: i64) -> ApiError {
    ApiError::validation(format!(
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: \
         Segment: {segment} is not less than TotalSegments: {total_segments}"
    ))
}
