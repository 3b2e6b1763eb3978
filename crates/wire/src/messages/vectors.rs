//! What clients are told about vector indexes and SearchVectors. Unless something else is said, the sentences are those
//! of the conformance suite, recorded in 2026.

use crate::error::{ApiError, ErrorKind};

fn invalid(what: impl std::fmt::Display) -> ApiError {
    ApiError::validation(format!("One or more parameter values were invalid: {what}"))
}

/// The same with a full stop, about values of items.
fn invalid_value(what: impl std::fmt::Display) -> ApiError {
    ApiError::validation(format!("One or more parameter values were invalid. {what}"))
}

/// A vector index of a provisioned table.
pub fn only_on_demand() -> ApiError {
    invalid("Vector indexes are only supported for PAY_PER_REQUEST tables")
}

/// A search schema names an attribute that the request does not define.
pub fn search_attribute_not_defined() -> ApiError {
    invalid("One element in SearchSchema is not defined in attribute definitions")
}

/// More dimensions than an index may have.
pub fn dimensions_out_of_range(most: usize) -> ApiError {
    invalid(format_args!(
        "Number of dimensions must be between 1 and {most} inclusive."
    ))
}

/// More vector indexes than a table may have, in CreateTable.
pub fn too_many_indexes(most: usize) -> ApiError {
    invalid(format_args!(
        "VectorIndex count exceeds the per-table limit of {most}"
    ))
}

/// The same in UpdateTable (ExtendDB's tests against the service).
pub fn too_many_indexes_of_table(most: usize) -> ApiError {
    ApiError::new(
        ErrorKind::LimitExceeded,
        format!(
            "Subscriber limit exceeded: Number of vector secondary indexes exceeds per-table limit of {most}"
        ),
    )
}

/// Two indexes of one attribute that differ in dimensions.
pub fn dimensions_differ(attribute: &str) -> ApiError {
    invalid(format_args!(
        "Conflicting attribute definition for '{attribute}'. All VectorIndexes on the same vector attribute must use \
         the same dimensions."
    ))
}

/// A vector attribute that is among the definitions (ExtendDB's tests against the service).
pub fn attribute_is_defined(attribute: &str) -> ApiError {
    invalid(format_args!(
        "Conflicting attribute definition for '{attribute}'. An attribute cannot be defined in AttributeDefinitions \
         when used as a VectorAttribute."
    ))
}

/// A search schema with more elements of a type than it may have (ExtendDB's tests against the service).
pub fn too_many_search_elements(element_type: &str, given: usize, most: usize) -> ApiError {
    invalid(format_args!(
        "Value '{given}' at 'SearchSchema' failed to satisfy constraint: Member must have {element_type} count less \
         than or equal to {most}"
    ))
}

/// A search schema that names an attribute twice; text unconfirmed.
pub fn search_attribute_repeated(attribute: &str) -> ApiError {
    invalid(format_args!(
        "Attribute {attribute} is in the SearchSchema more than once"
    ))
}

/// An element of `VectorIndexUpdates` that asks for nothing, as one of `GlobalSecondaryIndexUpdates` is refused
/// (dynalite's captures); text unconfirmed.
pub fn update_without_action() -> ApiError {
    invalid("One of VectorIndexUpdate.Create, VectorIndexUpdate.Delete must not be null")
}

/// An element of `VectorIndexUpdates` that asks for both; text unconfirmed.
pub fn update_with_two_actions() -> ApiError {
    invalid("Only one of VectorIndexUpdate.Create, VectorIndexUpdate.Delete may be specified")
}

/// A vector of another number of dimensions in an item.
pub fn wrong_dimensions(attribute: &str, expected: usize, actual: usize, index: &str) -> ApiError {
    invalid_value(format_args!(
        "Invalid size for parameter {attribute}, Expected: {expected}, Actual: {actual} IndexName: {index}"
    ))
}

/// Something else than a list in place of a vector.
pub fn not_a_list(attribute: &str, index: &str) -> ApiError {
    invalid_value(format_args!(
        "Invalid type for parameter {attribute}, Expected: 32-bit floating point number list IndexName: {index}"
    ))
}

/// Something else than a number in a vector.
pub fn not_a_number(attribute: &str, place: usize, actual: &str, index: &str) -> ApiError {
    invalid_value(format_args!(
        "Invalid type for parameter {attribute}[{place}], Expected: 32-bit floating point number, Actual: {actual}. \
         IndexName: {index}"
    ))
}

/// A number in a vector that 32 bits can't say (dynoxide's captures).
pub fn number_out_of_range(attribute: &str, place: usize, number: &str, index: &str) -> ApiError {
    invalid_value(format_args!(
        "Invalid value for parameter {attribute}[{place}], Value: {number} is outside valid range \
         [-3.4028235E38, 3.4028235E38]. IndexName: {index}"
    ))
}

/// An attribute of a search schema with another type (ExtendDB's and dynoxide's captures).
pub fn search_attribute_type_mismatch(
    attribute: &str,
    expected: &str,
    actual: &str,
    index: &str,
) -> ApiError {
    invalid_value(format_args!(
        "Attribute '{attribute}' type mismatch. Expected: {expected}, Actual: {actual}. IndexName: {index}"
    ))
}

/// A partition key of a search schema that is too long (ExtendDB).
pub fn search_key_too_long(most: usize) -> ApiError {
    invalid(format_args!(
        "Aggregate size for HASH key attributes exceeds the maximum of {most} bytes"
    ))
}

/// An inline filter's value that is too long (ExtendDB).
pub fn filter_too_long(attribute: &str, most: usize) -> ApiError {
    invalid(format_args!(
        "Size limit exceeded for SearchSchema attribute '{attribute}': maximum {most} bytes"
    ))
}

/// Query, Scan and PartiQL of a vector index; `operation` is `Query` or `Scan` (AWS's agent toolkit).
pub fn operation_not_supported(operation: &str) -> ApiError {
    ApiError::validation(format!(
        "{operation} operation not supported on this index type."
    ))
}

/// A search of an index that does not hold all its entries yet.
pub fn index_is_backfilling(index: &str) -> ApiError {
    ApiError::validation(format!("Cannot search backfilling vector index: {index}"))
}

/// More results than a search may ask for.
pub fn top_k_out_of_range(given: i64, most: usize) -> ApiError {
    ApiError::validation(format!(
        "Provided TopK value '{given}' is out of valid range. The value must be between 1 and {most} inclusive"
    ))
}

/// A search vector with something else than numbers of 32 bits.
pub fn invalid_search_vector() -> ApiError {
    ApiError::validation(
        "Search vector contains invalid values. All values in the search vector must be a 32-bit floating-point number \
         attribute",
    )
}

/// A search vector of another number of dimensions than the index.
pub fn search_vector_dimensions(given: usize, wanted: u32) -> ApiError {
    ApiError::validation(format!(
        "Input search vector dimension {given} does not match vector index dimension {wanted}"
    ))
}

/// A search of an index with a partition key that does not name it.
pub fn search_condition_missing() -> ApiError {
    ApiError::validation(
        "SearchConditionExpression must be provided when SearchSchema has a HASH key",
    )
}

/// A search condition on an attribute that is not in the search schema.
pub fn search_attribute_unknown(attribute: &str) -> ApiError {
    ApiError::validation(format!(
        "SearchConditionExpression must not contain any attributes that is not in SearchSchema. Invalid attribute: \
         {attribute}"
    ))
}

/// A search condition with a value of another type than the attribute's (dynoxide's captures).
pub fn search_value_type_mismatch(attribute: &str, given: &str, wanted: &str) -> ApiError {
    ApiError::validation(format!(
        "Type of '{attribute}' attribute in SearchConditionExpression ({given}) does not match type in search schema \
         ({wanted})"
    ))
}

/// Results that are too large for one answer: the guide has the bound; text ours.
pub fn results_too_large(most: usize) -> ApiError {
    ApiError::validation(format!(
        "The results of the search exceed the maximum of {most} bytes. Use a narrower projection or a smaller TopK"
    ))
}
