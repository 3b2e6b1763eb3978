//! The check of an item that is put into a table, for those who put items without a request of their own.

use std::collections::BTreeMap;

use headwater_engine::{Refusal, Table};
use headwater_expression::ExpressionKind;
use headwater_model::{EncodedItem, Item, StorageKey, limits};
use headwater_wire::ApiError;
use headwater_wire::messages::items;

use crate::expressions::Expressions;
use crate::failure::{internal, of_refusal};
use crate::key;

/// The condition of a put.
pub use headwater_expression::Condition as PutCondition;

/// A condition as PutItem takes it.
///
/// # Errors
/// What PutItem would say of it.
pub fn put_condition(
    expression: &str,
    names: Option<BTreeMap<String, String>>,
    values: Option<Item>,
) -> Result<PutCondition, ApiError> {
    let mut expressions = Expressions::new(names, values)?;
    let condition = expressions.parse(Some(expression), |text, placeholders| {
        PutCondition::parse(ExpressionKind::Condition, text, placeholders)
    })?;
    expressions.finish()?;
    condition.ok_or_else(|| internal("a condition was parsed into none"))
}

/// The key of an item that may be put into the table; `encoded` is the same item.
///
/// # Errors
/// What PutItem would say of it.
pub fn check_put(
    table: &Table,
    item: &Item,
    encoded: &EncodedItem,
) -> Result<StorageKey, ApiError> {
    let key = key::of_item(table, item)?;
    match encoded.size_bytes() > limits::ITEM_SIZE_BYTES_MAX {
        true => Err(items::item_too_large()),
        false => Ok(key),
    }
}

/// What PutItem says of a put that the engine refused.
pub fn put_refusal(refusal: Refusal) -> ApiError {
    of_refusal(refusal)
}
