//! How much JSON the items of one answer may be.

use headwater_model::{CorruptItem, EncodedItem, limits};
use headwater_wire::json::WriteJson as _;

/// Most bytes of an answer's JSON that its larger items take. Two bytes as they are counted may be 135 of JSON, so that
/// the service's limits, which are in counted bytes, do not bound them.
pub(crate) const WRITTEN_BYTES_MAX: usize = 64 << 20;
/// Items up to this size are not measured: all of a request together come to little.
const SMALL_SIZE_BYTES_MAX: usize = 4 << 10;
/// Most bytes of JSON for a byte of an item as it is counted: the smallest numbers, in sets, count two bytes each and are
/// written as 135, with what stands between them.
const WRITTEN_PER_BYTE: usize = 68;

/// Room for one item.
pub(crate) struct Reserved(usize);

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

    /// Takes the room for an item that is shown whether there is as much or not.
    pub(crate) fn take_anyway(&mut self, item: &EncodedItem) -> Result<(), CorruptItem> {
        self.bytes_left = self.bytes_left.saturating_sub(written_bytes(item)?);
        Ok(())
    }

    /// Keeps room for an item of which only the largest size that it may have is known, if there is as much.
    pub(crate) fn reserve(&mut self, size_bytes_max: usize) -> Option<Reserved> {
        let size_bytes = size_bytes_max.min(limits::ITEM_SIZE_BYTES_MAX);
        let bytes = match size_bytes <= SMALL_SIZE_BYTES_MAX {
            true => 0,
            false => size_bytes * WRITTEN_PER_BYTE,
        };
        self.bytes_left = self.bytes_left.checked_sub(bytes)?;
        Some(Reserved(bytes))
    }

    /// Gives back what was reserved for one item.
    pub(crate) fn release(&mut self, reserved: Reserved) {
        self.bytes_left += reserved.0;
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

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_model::{AttributeValue, Item};

    /// An item of about this size with as much JSON as there can be.
    fn item(size_bytes: usize) -> EncodedItem {
        let tenths = (11..100).filter(|digits| digits % 10 > 0);
        let numbers = (1..10).flat_map(|digit| [format!("{digit}E-130"), format!("{digit}E-129")]);
        let numbers = numbers.chain(tenths.map(|digits| format!("{digits}E-130")));
        let numbers: Vec<_> = numbers.map(|number| number.parse().unwrap()).collect();
        let set = AttributeValue::Ns(numbers.into_iter().collect());
        let count = size_bytes / (set.size_bytes() + 1);
        EncodedItem::encode(&Item::from([("l", AttributeValue::L(vec![set; count]))]))
    }

    #[test]
    fn what_is_reserved_is_enough_for_any_item() {
        let item = item(390_000);
        let written = written_bytes(&item).unwrap();
        assert!(written > 20 << 20, "{written}");
        let mut room = AnswerRoom::new();
        let reserved = room.reserve(item.size_bytes()).unwrap();
        assert!(reserved.0 >= written, "{} for {written}", reserved.0);
        assert!(room.reserve(usize::MAX).is_some() && room.reserve(usize::MAX).is_none());
        room.release(reserved);
        room.take_anyway(&item).unwrap();
        room.take_anyway(&item).unwrap();
        assert!(room.reserve(1 << 20).is_none());
        // What is small is not counted, however many there are.
        assert!((0..100).all(|_| room.reserve(SMALL_SIZE_BYTES_MAX).is_some()));
    }
}
