//! Keys in requests, and the sentences for those that don't fit the table.

use headwater_engine::{IndexFault, IndexKeyError, IndexKind, Table};
use headwater_expression::Update;
use headwater_model::{
    Item, KeyError, KeySchema, KeyType, Number, StorageKey, VectorError, limits,
};
use headwater_wire::ApiError;
use headwater_wire::messages::{items, vectors};

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

/// Refuses an update that gives the key attribute of an index another type whatever the item is; the service tells that
/// before it looks at the condition and the item (dynalite's captures, Alternator's tests). Vector indexes have sentences
/// of their own, and are looked at with the item.
pub(crate) fn refuse_index_types(table: &Table, update: &Update) -> Result<(), IndexKeyError> {
    let indexes = table.indexes();
    let indexes = indexes.iter().map(|index| (index.record(), index.schema()));
    for (record, schema) in indexes.filter(|(record, _)| record.kind != IndexKind::Vector) {
        for attribute in schema.attributes() {
            let (name, expected) = (&attribute.name, attribute.kind);
            let known = update.known_type(name);
            if let Some(actual) = known.filter(|actual| *actual != expected.as_str()) {
                let name = name.clone();
                let mismatch = KeyError::TypeMismatch {
                    name,
                    expected,
                    actual,
                };
                return Err(IndexKeyError {
                    index: record.name.clone(),
                    kind: record.kind,
                    error: IndexFault::Key(mismatch),
                });
            }
        }
    }
    Ok(())
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

/// An attribute that does not fit an index.
pub(crate) fn of_index(error: IndexKeyError) -> ApiError {
    let index = error.index;
    match error.error {
        IndexFault::Key(fault) if error.kind == IndexKind::Vector => of_search_key(fault, &index),
        IndexFault::Key(KeyError::TypeMismatch {
            name,
            expected,
            actual,
        }) => items::index_key_type_mismatch(&name, expected.as_str(), actual, &index),
        IndexFault::Key(KeyError::Empty { name, kind }) => {
            items::empty_index_key(&name, kind_name(kind), &index)
        }
        IndexFault::Key(other) => of_value(other),
        IndexFault::Vector { attribute, error } => of_vector(error, &attribute, &index),
        IndexFault::FilterTooLong { name } => {
            vectors::filter_too_long(&name, limits::SEARCH_FILTER_BYTES_MAX)
        }
    }
}

/// An attribute by which a vector index is searched.
fn of_search_key(fault: KeyError, index: &str) -> ApiError {
    match fault {
        KeyError::TypeMismatch {
            name,
            expected,
            actual,
        } => vectors::search_attribute_type_mismatch(&name, expected.as_str(), actual, index),
        KeyError::Empty { name, kind } => items::empty_index_key(&name, kind_name(kind), index),
        KeyError::PartitionTooLong { .. } => {
            vectors::search_key_too_long(limits::PARTITION_KEY_BYTES_MAX)
        }
        other => of_value(other),
    }
}

fn of_vector(error: VectorError, attribute: &str, index: &str) -> ApiError {
    match error {
        VectorError::NotAList { .. } => vectors::not_a_list(attribute, index),
        VectorError::Dimensions { expected, actual } => {
            vectors::wrong_dimensions(attribute, expected, actual, index)
        }
        VectorError::NotANumber { place, actual } => {
            vectors::not_a_number(attribute, place, actual, index)
        }
        VectorError::OutOfRange { place, number } => {
            vectors::number_out_of_range(attribute, place, &scientific(number), index)
        }
    }
}

/// A large number in the service's short form, `3.5E+38`.
fn scientific(number: Number) -> String {
    let digits = number.to_string();
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.as_str()),
    };
    let whole = digits.split('.').next().unwrap_or(digits);
    let exponent = whole.len().saturating_sub(1);
    let significant = digits.replace('.', "");
    let significant = significant.trim_end_matches('0');
    let (first, rest) = significant.split_at(significant.len().min(1));
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E+{exponent}")
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
