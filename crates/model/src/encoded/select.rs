//! Some attributes of an encoded item, taken over as they are: an index of a table takes those of each item that is written.

use bytes::Bytes;

use super::read::{read_nested, read_number, read_raw, read_set, read_text, skip_value};
use super::{CorruptItem, EncodedItem, ItemRef, SIZE_LEN, tag};
use crate::value::{CONTAINER_SIZE_BYTES, ELEMENT_SIZE_BYTES};
use crate::varint;

/// Bytes of attributes, as they are encoded.
#[derive(Default)]
struct Part<'a> {
    /// Names' lengths and the values' bytes.
    attributes: Vec<(usize, &'a [u8])>,
    bytes: usize,
}

impl<'a> Part<'a> {
    fn push(&mut self, name_len: usize, value: &'a [u8]) {
        self.attributes.push((name_len, value));
        self.bytes += value.len();
    }

    /// The bytes that DynamoDB counts for them.
    fn size_bytes(&self, levels: u8) -> Result<usize, CorruptItem> {
        let attributes = self.attributes.iter();
        let sizes = attributes.map(|(name_len, value)| {
            let mut value = *value;
            Ok(name_len + value_size_bytes(&mut value, levels)?)
        });
        sizes.sum()
    }
}

/// See [`EncodedItem::select`].
pub(super) fn select(
    item: &EncodedItem,
    keep: impl Fn(&str) -> bool,
) -> Result<EncodedItem, CorruptItem> {
    let whole = ItemRef::new(&item.0);
    let body = whole.body()?;
    let mut bytes = body.bytes;
    let (mut kept, mut dropped) = (Part::default(), Part::default());
    let mut raw = Vec::new();
    for _ in 0..body.count {
        let attribute = bytes;
        let name = read_text(&mut bytes)?;
        let value = bytes;
        skip_value(&mut bytes)?;
        let value = &value[..value.len() - bytes.len()];
        match keep(name) {
            true => {
                kept.push(name.len(), value);
                raw.extend_from_slice(&attribute[..attribute.len() - bytes.len()]);
            }
            false => dropped.push(name.len(), value),
        }
    }
    if dropped.attributes.is_empty() {
        return Ok(item.clone());
    }
    let size_bytes = match kept.bytes <= dropped.bytes {
        true => kept.size_bytes(body.levels)?,
        false => {
            let dropped = dropped.size_bytes(body.levels)?;
            let rest = whole.size_bytes().checked_sub(dropped);
            rest.ok_or(CorruptItem("the size is not that of the attributes"))?
        }
    };
    let (count, count_len) = varint::to_array(kept.attributes.len() as u64);
    let mut out = Vec::with_capacity(SIZE_LEN + count_len + raw.len());
    let prefix = u32::try_from(size_bytes).unwrap_or(u32::MAX);
    out.extend_from_slice(&prefix.to_le_bytes());
    out.extend_from_slice(&count[..count_len]);
    out.extend_from_slice(&raw);
    Ok(EncodedItem(Bytes::from(out)))
}

/// The bytes that DynamoDB counts for a value that is passed over.
fn value_size_bytes(bytes: &mut &[u8], levels: u8) -> Result<usize, CorruptItem> {
    let (tag, rest) = bytes.split_first().ok_or(CorruptItem("a missing value"))?;
    *bytes = rest;
    Ok(match *tag {
        tag::NULL | tag::FALSE | tag::TRUE => 1,
        tag::N => read_number(bytes)?.size_bytes(),
        tag::S | tag::B => read_raw(bytes)?.len(),
        tag::L | tag::M => {
            let mut body = read_nested(bytes, levels)?;
            let mut size = CONTAINER_SIZE_BYTES + body.count * ELEMENT_SIZE_BYTES;
            for _ in 0..body.count {
                if *tag == tag::M {
                    size += read_raw(&mut body.bytes)?.len();
                }
                size += value_size_bytes(&mut body.bytes, body.levels)?;
            }
            size
        }
        tag::SS | tag::BS => {
            let mut body = read_set(bytes)?;
            let mut size = 0;
            for _ in 0..body.count {
                size += read_raw(&mut body.bytes)?.len();
            }
            size
        }
        tag::NS => {
            let mut body = read_set(bytes)?;
            let mut size = 0;
            for _ in 0..body.count {
                size += read_number(&mut body.bytes)?.size_bytes();
            }
            size
        }
        _ => return Err(CorruptItem("an unknown type")),
    })
}
