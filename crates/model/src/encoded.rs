//! The canonical binary form of an item: equal items have equal bytes, and the reverse.
//!
//! ```text
//! item   = u32 LE size_bytes (as DynamoDB counts), attributes
//! attributes = count, (name length, name, value)*       names strictly ascending
//! value  = tag, payload
//!   NULL, FALSE, TRUE   nothing
//!   N                   number in compact form (number/bytes.rs)
//!   S, B                length, bytes
//!   L                   length of the rest, count, values
//!   M                   length of the rest, attributes
//!   SS, BS              length of the rest, count, (length, bytes)*   strictly ascending
//!   NS                  length of the rest, count, numbers            strictly ascending
//! ```
//! Counts and lengths are minimal varints. Everything is prefixed with its length, so that a
//! walker ([`ItemRef`]) passes over what it does not want, and allocates nothing.
//! The reading half is in `encoded/read.rs`, what takes a part of an item in `encoded/select.rs`.

use bytes::Bytes;

use crate::{AttributeValue, Item, Number, varint};

mod read;
mod select;
#[cfg(test)]
mod tests;

pub use read::{
    Attributes, BinarySetIter, BinarySetRef, ItemRef, ListIter, ListRef, MapRef, NumberSetIter,
    NumberSetRef, StringSetIter, StringSetRef, ValueRef,
};

/// An item in its canonical bytes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EncodedItem(Bytes);

/// Bytes that are not an encoded item; says what is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt item: {0}")]
pub struct CorruptItem(&'static str);

/// Bytes of the size at the front.
const SIZE_LEN: usize = 4;

mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const N: u8 = 3;
    pub(super) const S: u8 = 4;
    pub(super) const B: u8 = 5;
    pub(super) const L: u8 = 6;
    pub(super) const M: u8 = 7;
    pub(super) const SS: u8 = 8;
    pub(super) const NS: u8 = 9;
    pub(super) const BS: u8 = 10;
}

impl EncodedItem {
    /// Writes an item down. The item must be one that DynamoDB could store: its nesting within
    /// [`crate::limits::NESTING_DEPTH_MAX`], or decoding will refuse it.
    pub fn encode(item: &Item) -> Self {
        let size_bytes = item.size_bytes();
        let mut out = Vec::with_capacity(SIZE_LEN + size_bytes + 4 * item.len() + 16);
        let prefix = u32::try_from(size_bytes).unwrap_or(u32::MAX);
        out.extend_from_slice(&prefix.to_le_bytes());
        write_attributes(&mut out, item);
        Self(Bytes::from(out))
    }

    /// Reads the item back.
    ///
    /// # Errors
    /// [`CorruptItem`] for any bytes that [`EncodedItem::encode`] does not write.
    pub fn decode(&self) -> Result<Item, CorruptItem> {
        self.as_ref().to_item()
    }

    /// Takes bytes as an encoded item. They are checked only when they are read.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes with their ownership.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The item's size as DynamoDB counts it, from the prefix.
    pub fn size_bytes(&self) -> usize {
        self.as_ref().size_bytes()
    }

    /// The value of one attribute, without reading the others.
    ///
    /// # Errors
    /// [`CorruptItem`] if the bytes up to the attribute are not an item's.
    pub fn get(&self, name: &str) -> Result<Option<AttributeValue>, CorruptItem> {
        let value = self.as_ref().get(name)?;
        value.map(|value| value.to_value()).transpose()
    }

    /// The item with only those attributes whose names `keep` wants. Their values are taken over as they are.
    ///
    /// # Errors
    /// [`CorruptItem`] if the bytes can't be an item's.
    pub fn select(&self, keep: impl Fn(&str) -> bool) -> Result<Self, CorruptItem> {
        select::select(self, keep)
    }

    /// A view for walking without allocation.
    pub fn as_ref(&self) -> ItemRef<'_> {
        ItemRef::new(&self.0)
    }
}

fn write_attributes(out: &mut Vec<u8>, item: &Item) {
    varint::write(out, item.len() as u64);
    for (name, value) in item {
        write_prefixed(out, name.as_bytes());
        write_value(out, value);
    }
}

fn write_value(out: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::Null => out.push(tag::NULL),
        AttributeValue::Bool(false) => out.push(tag::FALSE),
        AttributeValue::Bool(true) => out.push(tag::TRUE),
        AttributeValue::N(number) => {
            out.push(tag::N);
            number.encode_compact(out);
        }
        AttributeValue::S(text) => {
            out.push(tag::S);
            write_prefixed(out, text.as_bytes());
        }
        AttributeValue::B(bytes) => {
            out.push(tag::B);
            write_prefixed(out, bytes);
        }
        AttributeValue::L(elements) => write_elements(out, tag::L, elements, write_value),
        AttributeValue::M(members) => {
            write_body(out, tag::M, |out| write_attributes(out, members));
        }
        AttributeValue::Ss(elements) => write_elements(out, tag::SS, elements, |out, text| {
            write_prefixed(out, text.as_bytes());
        }),
        AttributeValue::Ns(elements) => write_elements(out, tag::NS, elements, |out, number| {
            Number::encode_compact(number, out);
        }),
        AttributeValue::Bs(elements) => write_elements(out, tag::BS, elements, |out, bytes| {
            write_prefixed(out, bytes);
        }),
    }
}

fn write_elements<T>(out: &mut Vec<u8>, tag: u8, elements: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    write_body(out, tag, |out| {
        varint::write(out, elements.len() as u64);
        elements.iter().for_each(|element| write(out, element));
    });
}

/// Writes the tag, the length of what `write` appends, and that. The length is known only
/// afterwards: one byte is kept free for it, and a longer one moves the body.
fn write_body(out: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[tag, 0]);
    let start = out.len();
    write(out);
    let body_len = out.len() - start;
    if let Ok(short @ 0..0x80) = u8::try_from(body_len) {
        out[start - 1] = short;
        return;
    }
    let (length, len) = varint::to_array(body_len as u64);
    out.splice(start - 1..start, length[..len].iter().copied());
}

fn write_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
