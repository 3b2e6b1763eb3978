//! How much JSON the items of one answer may be.

use headwater_model::{CorruptItem, EncodedItem, limits};
use headwater_wire::json::WriteJson as _;

/// Most bytes of an answer's JSON that its larger items take. Three bytes as they are counted may be 140 of JSON, so that
/// the service's limits, which are in counted bytes, do not bound them.
pub(crate) const WRITTEN_BYTES_MAX: usize = 64 << 20;
/// Items up to this size are not measured: all of a request together come to little.
const SMALL_SIZE_BYTES_MAX: usize = 4 << 10;
/// Most bytes of one item's JSON: that of the smallest numbers, with what stands between them.
const ITEM_BYTES_MAX: usize = limits::ITEM_SIZE_BYTES_MAX / 3 * 142;

/// The room that is left.
pub(crate) struct AnswerRoom {
    bytes_left: usize,
}

impl AnswerRoom {
    pub(crate) fn new() -> Self {
        AnswerRoom {
            bytes_left: WRITTEN_BYTES_MAX,
        }
    }

    /// Takes the room for an item, if there is as much.
    pub(crate) fn take(&mut self, item: &EncodedItem) -> Result<bool, CorruptItem> {
        let left = self.bytes_left.checked_sub(written_bytes(item)?);
        self.bytes_left = left.unwrap_or(self.bytes_left);
        Ok(left.is_some())
    }

    /// Keeps room for an item that nobody knows yet, if there is as much.
    pub(crate) fn reserve(&mut self) -> bool {
        let left = self.bytes_left.checked_sub(ITEM_BYTES_MAX);
        self.bytes_left = left.unwrap_or(self.bytes_left);
        left.is_some()
    }

    /// Gives back what was reserved for one item.
    pub(crate) fn release(&mut self) {
        self.bytes_left += ITEM_BYTES_MAX;
    }
}

/// The length of an item's JSON, if it is a large one.
fn written_bytes(item: &EncodedItem) -> Result<usize, CorruptItem> {
    if item.size_bytes() <= SMALL_SIZE_BYTES_MAX {
        return Ok(0);
    }
    let mut json = Vec::new();
    item.write(&mut json)?;
    Ok(json.len())
}
