//! The check of an item that is put into a table, for those who put items without a request of their own.

use headwater_engine::Table;
use headwater_model::{EncodedItem, Item, StorageKey, limits};
use headwater_wire::ApiError;
use headwater_wire::messages::items;

use crate::key;

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
