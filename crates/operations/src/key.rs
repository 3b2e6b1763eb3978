//! Keys in requests, and the sentences for those that don't fit the table.

use headwater_engine::{IndexKeyError, Table};
use headwater_model::{Item, KeyError, KeySchema, KeyType, StorageKey};
use headwater_wire::ApiError;
use headwater_wire::messages::items;

/// The storage key of a request's `Key`.
pub(crate) fn of_key(schema: &KeySchema, key: &Item) -> Result<StorageKey, ApiError> {
    schema.storage_key_of_key(key).map_err(of_value)
}

/// The storage key of an item that is put; its attributes fit the keys of the table's indexes too.
pub(crate) fn of_item(table: &Table, item: &Item) -> Result<StorageKey, ApiError> {
    let key = table.schema().storage_key_of_item(item).map_err(of_put)?;
    table.check_index_keys(item).map_err(of_index)?;
    Ok(key)
}

/// A key of an item that is put and that does not fit the table.
pub(crate) fn of_put(error: KeyError) -> ApiError {
    match error {
        KeyError::Missing { name } => items::missing_key(&name),
        KeyError::TypeMismatch {
            name,
            expected,
            actual,
        } => items::key_type_mismatch(&name, expected.as_str(), actual),
        other => of_value(other),
    }
}

/// An attribute that does not fit the key of an index.
pub(crate) fn of_index(error: IndexKeyError) -> ApiError {
    let index = error.index;
    match error.error {
        KeyError::TypeMismatch {
            name,
            expected,
            actual,
        } => items::index_key_type_mismatch(&name, expected.as_str(), actual, &index),
        KeyError::Empty { name, kind } => items::empty_index_key(&name, kind_name(kind), &index),
        other => of_value(other),
    }
}

/// The storage key of an `ExclusiveStartKey`.
pub(crate) fn of_starting_key(schema: &KeySchema, key: &Item) -> Result<StorageKey, ApiError> {
    schema
        .storage_key_of_key(key)
        .map_err(|_| items::starting_key_does_not_match_schema())
}

/// A key that does not fit the table, or no table.
pub(crate) fn of_value(error: KeyError) -> ApiError {
    match error {
        KeyError::Empty { name, kind } => items::empty_key(&name, kind_name(kind)),
        KeyError::PartitionTooLong { .. } => items::partition_key_too_long(),
        KeyError::SortTooLong { .. } => items::sort_key_too_long(),
        KeyError::Missing { .. } | KeyError::TypeMismatch { .. } | KeyError::UnknownAttributes => {
            items::key_does_not_match_schema()
        }
    }
}

fn kind_name(kind: KeyType) -> &'static str {
    match kind {
        KeyType::B => "binary",
        KeyType::S | KeyType::N => "string",
    }
}
