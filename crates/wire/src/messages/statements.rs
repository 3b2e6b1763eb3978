//! Sentences of PartiQL's operations that are not about a statement's text; those are the expression room's.

use crate::error::{ApiError, CancellationReason, ErrorKind};

/// INSERT of an item whose key is there (conformance suite).
pub fn duplicate_item() -> ApiError {
    ApiError::new(
        ErrorKind::DuplicateItem,
        "Duplicate primary key exists in table",
    )
}

/// INSERT of an item without one of the table's key attributes (conformance suite).
pub fn key_missing_in_item(name: &str) -> ApiError {
    ApiError::validation(format!(
        "Key attribute should be present in the item: Key {name}"
    ))
}

/// SELECT from an index that is not there (conformance suite).
pub fn index_not_found() -> ApiError {
    ApiError::validation("The table does not have the specified index")
}

/// A consistent SELECT from a global index (conformance suite).
pub fn consistent_read_on_global_index() -> ApiError {
    ApiError::validation("Strongly consistent read is not supported on Global Secondary Indexes")
}

/// SELECT from an index whose key has several attributes of a kind (conformance suite).
pub fn multi_attribute_key() -> ApiError {
    ApiError::validation(
        "PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys.",
    )
}

/// A condition on attributes that the index does not hold (conformance suite).
pub fn filter_not_projected(index: &str, attributes: &[&str]) -> ApiError {
    ApiError::validation(format!(
        "One or more parameter values were invalid: Secondary index {index} does not project one or more filter attributes: [{}]",
        attributes.join(", ")
    ))
}

/// A text that is no `NextToken` (conformance suite).
pub fn invalid_next_token() -> ApiError {
    ApiError::validation("Invalid NextToken")
}

/// The `NextToken` of another request (conformance suite).
pub fn next_token_of_another_request() -> ApiError {
    ApiError::validation("NextToken does not match request")
}

/// SELECT beside statements that write, in a batch (conformance suite).
pub fn mixed_batch() -> ApiError {
    ApiError::validation("Read and write requests together in the same batch is not supported.")
}

/// SELECT of something else than one item, in a batch (conformance suite).
pub fn batch_read_of_several() -> ApiError {
    ApiError::validation(
        "Select statements within BatchExecuteStatement must specify the primary key in the where clause.",
    )
}

/// SELECT beside statements that write, in a transaction (conformance suite).
pub fn mixed_transaction() -> ApiError {
    ApiError::validation(
        "ExecuteTransaction API does not support both read and write operations in the same request.",
    )
}

/// A faulty statement of a transaction (conformance suite).
pub fn in_transaction(place: usize, error: ApiError) -> ApiError {
    ApiError {
        message: format!(
            "Validation failed in TransactStatements[{place}]: {}",
            error.message
        ),
        ..error
    }
}

/// SELECT of something else than one item, in a transaction (conformance suite).
pub fn transacted_read_of_several() -> ApiError {
    ApiError::validation(
        "Select statements within ExecuteTransaction must specify the primary key in the where clause.",
    )
}

/// SELECT from an index, in a transaction (conformance suite).
pub fn transacted_read_of_index() -> ApiError {
    ApiError::validation("Reads on indices are not supported within transactions.")
}

/// EXISTS of something else than one item that has to be so or so (conformance suite).
pub fn exists_without_condition() -> ApiError {
    ApiError::validation("EXISTS() must contain a single item read with additional condition")
}

/// RETURNING in a transaction (conformance suite).
pub fn returning_in_transaction() -> ApiError {
    ApiError::validation("RETURNING clause is not supported in ExecuteTransaction.")
}

/// The reason of an INSERT of an item that is there (conformance suite).
pub fn reason_duplicate_item() -> CancellationReason {
    CancellationReason {
        code: "DuplicateItem".to_owned(),
        message: Some(duplicate_item().message),
        item: None,
    }
}

/// Something else than the four statements, in a batch (DynamoDB Local).
pub fn not_of_a_batch() -> ApiError {
    ApiError::validation(
        "Invalid operation. Only select, insert, update and delete operations are valid",
    )
}

/// A statement of a batch whose item there is no room for in the answer. It was not carried out. Text ours.
pub fn answer_is_full() -> ApiError {
    ApiError::new(
        ErrorKind::Throttling,
        "The answer to the batch has no room for the item of this statement. Send it again",
    )
}

/// A condition that is no EXISTS, in a transaction (DynamoDB Local).
pub fn not_of_a_transaction() -> ApiError {
    ApiError::validation("Unsupported operation in transaction.")
}
