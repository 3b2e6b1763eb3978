//! Sentences of the operations on several items: batches and transactions.

use headwater_model::EncodedItem;

use crate::decode::{Echo, Rule, Violation};
use crate::error::{ApiError, CancellationReason, ErrorDetail, ErrorKind};

/// BatchWriteItem of nothing: dynamodb-api.md section 7; so in most regions (conformance suite, recorded 2026).
pub fn no_writes() -> ApiError {
    ApiError::validation("The requestItems parameter is required for BatchWriteItem")
}

/// BatchGetItem of nothing: newer words in all regions but one (conformance suite, recorded 2026).
pub fn no_keys() -> ApiError {
    super::violations(&[Violation {
        path: "RequestItems".to_owned(),
        value: Echo::Hidden,
        rule: Rule::LengthMin(1),
    }])
}

/// More than 100 keys, or 25 writes, in several tables (dynalite's captures, API reference).
pub fn too_many_items(operation: &str) -> ApiError {
    ApiError::validation(format!("Too many items requested for the {operation} call"))
}

/// One item twice in a batch: dynamodb-api.md section 7.
pub fn duplicate_keys() -> ApiError {
    ApiError::validation("Provided list of item keys contains duplicates")
}

/// A write of a batch that is neither a put nor a delete, or both. The words are those of attribute values on AWS
/// (dynalite's captures).
pub fn write_request_ambiguous() -> ApiError {
    ApiError::validation(super::ATTRIBUTE_VALUE_AMBIGUOUS)
}

/// A batch whose items are over 16 MB together: dynamodb-api.md section 3. Text ours.
pub fn batch_too_large() -> ApiError {
    ApiError::validation("Size of the items of the batch has exceeded the maximum of 16 MB")
}

/// Actions of two kinds in one (moto's tests against AWS).
pub fn action_ambiguous() -> ApiError {
    ApiError::validation("TransactItems can only contain one of Check, Put, Update or Delete")
}

/// An action of no kind. Unconfirmed.
pub fn action_empty() -> ApiError {
    ApiError::validation(
        "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request",
    )
}

/// One item twice in a transaction: dynamodb-api.md section 7.
pub fn several_operations_on_one_item() -> ApiError {
    ApiError::validation("Transaction request cannot include multiple operations on one item")
}

/// Items over 4 MB together: dynamodb-api.md section 3 (a ValidationException, conformance suite). Text ours.
pub fn transaction_too_large() -> ApiError {
    ApiError::validation("Size of the items of the transaction has exceeded the maximum of 4 MB")
}

/// Items whose JSON is too much for one answer, though they count little. Text ours.
pub fn transaction_answer_too_large(most: usize) -> ApiError {
    ApiError::validation(format!(
        "The items of the transaction exceed the maximum of {most} bytes of an answer"
    ))
}

/// A token that came with another request before: dynamodb-api.md section 12. Text ours.
pub fn token_mismatch() -> ApiError {
    ApiError::new(
        ErrorKind::IdempotentParameterMismatch,
        "The client request token was used for a request with other parameters",
    )
}

/// A transaction that was cancelled: dynamodb-api.md section 12. There is one reason for each action.
pub fn transaction_cancelled(reasons: Vec<CancellationReason>) -> ApiError {
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    ApiError::new(ErrorKind::TransactionCanceled, message)
        .with(ErrorDetail::CancellationReasons(reasons))
}

/// The reason of an action that was fine: dynamodb-api.md section 12.
pub fn no_reason() -> CancellationReason {
    CancellationReason {
        code: "None".to_owned(),
        message: None,
        item: None,
    }
}

/// A condition that was false: dynamodb-api.md section 12.
pub fn reason_condition_failed(item: Option<EncodedItem>) -> CancellationReason {
    CancellationReason {
        code: "ConditionalCheckFailed".to_owned(),
        message: Some("The conditional request failed".to_owned()),
        item,
    }
}

/// An item collection that would be too large (model).
pub fn reason_collection_too_large() -> CancellationReason {
    CancellationReason {
        code: "ItemCollectionSizeLimitExceeded".to_owned(),
        message: Some(super::items::COLLECTION_TOO_LARGE.to_owned()),
        item: None,
    }
}

/// What would be a ValidationException outside of a transaction: dynamodb-api.md section 12.
pub fn reason_invalid(error: ApiError) -> CancellationReason {
    CancellationReason {
        code: "ValidationError".to_owned(),
        message: Some(error.message),
        item: None,
    }
}
