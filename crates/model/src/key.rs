//! Key schemas, and the bytes under which an item stands in a store.
//!
//! A [`StorageKey`] is the partition's hash (four bytes, big endian), the partition value, and the
//! sort value. Byte order is therefore the order of (hash, partition value, sort value), and a
//! partition, a scan segment and a shard are all ranges of bytes. No type is written: the schema
//! fixes it.
//! - Partition value: S and B have each 0x00 written as 0x00 0xFF and end with 0x00 0x01; N is the
//!   ordered form of [`Number`], which delimits itself.
//! - Sort value: S and B as they are, N in ordered form. It reaches to the key's end.
//! - Hash: the upper half of XXH3-64 over the partition value's bytes as just described.

use std::fmt;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::limits::{PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX};
use crate::{AttributeValue, Item, Number};

mod index;
#[cfg(test)]
mod tests;

pub use index::IndexSchema;

/// The types that a key attribute may have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyType {
    /// String, ordered by UTF-8 bytes.
    S,
    /// Number, ordered by value.
    N,
    /// Binary, ordered by unsigned bytes.
    B,
}

/// A key attribute: its name and type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyAttribute {
    /// The attribute's name.
    pub name: String,
    /// The type that its value must have.
    pub kind: KeyType,
}

/// The key attributes of a table.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeySchema {
    /// The partition (HASH) key.
    pub partition: KeyAttribute,
    /// The sort (RANGE) key, if there is one.
    pub sort: Option<KeyAttribute>,
}

/// The bytes under which an item stands. Byte order is key order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StorageKey(Vec<u8>);

/// Why an item has no storage key. The texts that clients see depend on the operation; the caller
/// chooses them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A key attribute is missing.
    #[error("missing the key attribute {name}")]
    Missing {
        /// The attribute.
        name: String,
    },
    /// A key attribute has a type that the schema does not say.
    #[error("type mismatch for the key attribute {name}: expected {expected}, actual {actual}")]
    TypeMismatch {
        /// The attribute.
        name: String,
        /// What the schema says.
        expected: KeyType,
        /// What the value is, as on the wire.
        actual: &'static str,
    },
    /// A string or binary key attribute is empty.
    #[error("the key attribute {name} is empty")]
    Empty {
        /// The attribute.
        name: String,
        /// S or B.
        kind: KeyType,
    },
    /// The partition value is over [`PARTITION_KEY_BYTES_MAX`].
    #[error("the partition key {name} has {size_bytes} bytes, more than {PARTITION_KEY_BYTES_MAX}")]
    PartitionTooLong {
        /// The attribute.
        name: String,
        /// Its size.
        size_bytes: usize,
    },
    /// The sort value is over [`SORT_KEY_BYTES_MAX`].
    #[error("the sort key {name} has {size_bytes} bytes, more than {SORT_KEY_BYTES_MAX}")]
    SortTooLong {
        /// The attribute.
        name: String,
        /// Its size.
        size_bytes: usize,
    },
    /// There are attributes, or a sort value, that the schema does not have.
    #[error("there are attributes that are not part of the key")]
    UnknownAttributes,
}

/// Bytes that are not a storage key of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt storage key: {0}")]
pub struct CorruptKey(&'static str);

const HASH_LEN: usize = 4;
const ESCAPED: u8 = 0x00;
const ESCAPE_ZERO: u8 = 0xFF;
const ESCAPE_END: u8 = 0x01;

impl KeyType {
    /// The type's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }

    /// The type with that name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "S" => Some(Self::S),
            "N" => Some(Self::N),
            "B" => Some(Self::B),
            _ => None,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl KeyAttribute {
    /// A key attribute.
    pub fn new(name: impl Into<String>, kind: KeyType) -> Self {
        Self {
            name: name.into(),
            kind,
        }
    }

    fn value_in<'a>(&self, item: &'a Item) -> Result<&'a AttributeValue, KeyError> {
        item.get(&self.name).ok_or_else(|| KeyError::Missing {
            name: self.name.clone(),
        })
    }

    /// The value as key material: of the right type and not empty.
    fn check<'a>(&self, value: &'a AttributeValue) -> Result<KeyValue<'a>, KeyError> {
        let value = match (self.kind, value) {
            (KeyType::S, AttributeValue::S(text)) => KeyValue::Raw(text.as_bytes()),
            (KeyType::B, AttributeValue::B(bytes)) => KeyValue::Raw(bytes),
            (KeyType::N, AttributeValue::N(number)) => KeyValue::Number(*number),
            _ => {
                return Err(KeyError::TypeMismatch {
                    name: self.name.clone(),
                    expected: self.kind,
                    actual: value.type_name(),
                });
            }
        };
        match value {
            KeyValue::Raw([]) => Err(KeyError::Empty {
                name: self.name.clone(),
                kind: self.kind,
            }),
            value => Ok(value),
        }
    }

    fn value_from_raw(&self, raw: Vec<u8>, bytes_max: usize) -> Result<AttributeValue, CorruptKey> {
        if raw.is_empty() {
            return Err(CorruptKey("an empty value"));
        }
        if raw.len() > bytes_max {
            return Err(CorruptKey("a value that is longer than keys may be"));
        }
        match self.kind {
            KeyType::S => String::from_utf8(raw)
                .map(AttributeValue::S)
                .map_err(|_| CorruptKey("a string that is not UTF-8")),
            KeyType::B => Ok(AttributeValue::B(Bytes::from(raw))),
            KeyType::N => Err(CorruptKey("a number in raw bytes")),
        }
    }
}

/// A key attribute's value, checked.
enum KeyValue<'a> {
    Raw(&'a [u8]),
    Number(Number),
}

impl KeySchema {
    /// A schema.
    pub fn new(partition: KeyAttribute, sort: Option<KeyAttribute>) -> Self {
        Self { partition, sort }
    }

    /// The key attributes, the partition's first.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.partition).chain(&self.sort)
    }

    /// Whether the attribute is part of the key.
    pub fn contains(&self, name: &str) -> bool {
        self.attributes().any(|attribute| attribute.name == name)
    }

    /// The storage key of an item, which may have more attributes than the key's.
    ///
    /// # Errors
    /// [`KeyError`] of the first attribute that does not fit, the partition's first.
    pub fn storage_key_of_item(&self, item: &Item) -> Result<StorageKey, KeyError> {
        let mut key = self.partition_prefix(self.partition.value_in(item)?)?;
        if let Some(sort) = &self.sort {
            append_sort(sort, sort.value_in(item)?, &mut key)?;
        }
        Ok(StorageKey(key))
    }

    /// The storage key of a key: exactly the key attributes.
    ///
    /// # Errors
    /// As [`KeySchema::storage_key_of_item`], and [`KeyError::UnknownAttributes`] if all key
    /// attributes are fine but there are others.
    pub fn storage_key_of_key(&self, key: &Item) -> Result<StorageKey, KeyError> {
        let storage_key = self.storage_key_of_item(key)?;
        if key.len() == self.attributes().count() {
            Ok(storage_key)
        } else {
            Err(KeyError::UnknownAttributes)
        }
    }

    /// The key attributes of an item, without a check of their types.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn key_of_item(&self, item: &Item) -> Result<Item, KeyError> {
        self.attributes()
            .map(|attribute| {
                let value = attribute.value_in(item)?;
                Ok((attribute.name.clone(), value.clone()))
            })
            .collect()
    }

    /// The key attributes back from a storage key.
    ///
    /// # Errors
    /// [`CorruptKey`] for bytes that this schema does not write.
    pub fn decode_key(&self, storage_key: &[u8]) -> Result<Item, CorruptKey> {
        let (hash, rest) = storage_key
            .split_first_chunk::<HASH_LEN>()
            .ok_or(CorruptKey("shorter than a hash"))?;
        let (partition, used) = read_partition(&self.partition, rest)?;
        let (partition_bytes, sort_bytes) = rest.split_at(used);
        if u32::from_be_bytes(*hash) != hash_of(partition_bytes) {
            return Err(CorruptKey("the hash is not that of the partition value"));
        }
        let mut key = Item::with_capacity(2);
        key.insert(self.partition.name.clone(), partition);
        match &self.sort {
            Some(sort) => {
                key.insert(sort.name.clone(), read_sort(sort, sort_bytes)?);
            }
            None if sort_bytes.is_empty() => {}
            None => return Err(CorruptKey("bytes after the partition value")),
        }
        Ok(key)
    }

    /// What all storage keys of a partition begin with: hash and partition value. No other
    /// partition's keys begin with it.
    ///
    /// # Errors
    /// [`KeyError`] if the value does not fit the partition key.
    pub fn partition_prefix(&self, value: &AttributeValue) -> Result<Vec<u8>, KeyError> {
        let value = self.partition.check(value)?;
        let mut prefix = Vec::with_capacity(value.len_hint() + 48);
        prefix.extend_from_slice(&[0; HASH_LEN]);
        match value {
            KeyValue::Number(number) => number.encode_ordered(&mut prefix),
            KeyValue::Raw(raw) if raw.len() > PARTITION_KEY_BYTES_MAX => {
                return Err(KeyError::PartitionTooLong {
                    name: self.partition.name.clone(),
                    size_bytes: raw.len(),
                });
            }
            KeyValue::Raw(raw) => append_escaped(raw, &mut prefix),
        }
        let hash = hash_of(&prefix[HASH_LEN..]);
        prefix[..HASH_LEN].copy_from_slice(&hash.to_be_bytes());
        Ok(prefix)
    }

    /// What all storage keys of the partition of this one begin with.
    ///
    /// # Errors
    /// [`CorruptKey`] for bytes that this schema does not write.
    pub fn partition_part<'k>(&self, storage_key: &'k [u8]) -> Result<&'k [u8], CorruptKey> {
        let rest = storage_key
            .get(HASH_LEN..)
            .ok_or(CorruptKey("shorter than a hash"))?;
        let (_, used) = read_partition(&self.partition, rest)?;
        Ok(&storage_key[..HASH_LEN + used])
    }

    /// A sort value as it stands in storage keys, after the partition's prefix.
    ///
    /// # Errors
    /// [`KeyError`] if the value does not fit the sort key; [`KeyError::UnknownAttributes`] if the
    /// schema has none.
    pub fn sort_bytes(&self, value: &AttributeValue) -> Result<Vec<u8>, KeyError> {
        let sort = self.sort.as_ref().ok_or(KeyError::UnknownAttributes)?;
        let mut out = Vec::new();
        append_sort(sort, value, &mut out)?;
        Ok(out)
    }

    /// The hash in the first four bytes of a storage key or a partition's prefix; missing bytes
    /// count as zero.
    pub fn partition_hash(prefix_or_key: &[u8]) -> u32 {
        let mut hash = [0; HASH_LEN];
        let len = prefix_or_key.len().min(HASH_LEN);
        hash[..len].copy_from_slice(&prefix_or_key[..len]);
        u32::from_be_bytes(hash)
    }
}

impl KeyValue<'_> {
    fn len_hint(&self) -> usize {
        match self {
            Self::Raw(raw) => raw.len().min(PARTITION_KEY_BYTES_MAX),
            Self::Number(_) => 0,
        }
    }
}

impl StorageKey {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A storage key that was stored before.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes with their ownership.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from(self.0)
    }

    /// The bytes with their ownership, to append to.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// The partition's hash.
    pub fn partition_hash(&self) -> u32 {
        KeySchema::partition_hash(&self.0)
    }
}

impl AsRef<[u8]> for StorageKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The least bytes above everything that begins with `prefix`; `None` if there is nothing above.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

fn hash_of(partition_bytes: &[u8]) -> u32 {
    (xxh3_64(partition_bytes) >> 32) as u32
}

fn append_escaped(raw: &[u8], out: &mut Vec<u8>) {
    append_escaped_open(raw, out);
    out.extend_from_slice(&[ESCAPED, ESCAPE_END]);
}

/// Without the end, so that more may follow.
fn append_escaped_open(raw: &[u8], out: &mut Vec<u8>) {
    for (at, run) in raw.split(|byte| *byte == ESCAPED).enumerate() {
        if at > 0 {
            out.extend_from_slice(&[ESCAPED, ESCAPE_ZERO]);
        }
        out.extend_from_slice(run);
    }
}

fn append_sort(
    sort: &KeyAttribute,
    value: &AttributeValue,
    out: &mut Vec<u8>,
) -> Result<(), KeyError> {
    match sort.check(value)? {
        KeyValue::Number(number) => number.encode_ordered(out),
        KeyValue::Raw(raw) if raw.len() > SORT_KEY_BYTES_MAX => {
            return Err(KeyError::SortTooLong {
                name: sort.name.clone(),
                size_bytes: raw.len(),
            });
        }
        KeyValue::Raw(raw) => out.extend_from_slice(raw),
    }
    Ok(())
}

/// The partition value at the front of `bytes`, and how many bytes it took.
fn read_partition(
    partition: &KeyAttribute,
    bytes: &[u8],
) -> Result<(AttributeValue, usize), CorruptKey> {
    read_value(partition, bytes, PARTITION_KEY_BYTES_MAX)
}

/// A value that ends itself, and how many bytes it took.
fn read_value(
    attribute: &KeyAttribute,
    bytes: &[u8],
    bytes_max: usize,
) -> Result<(AttributeValue, usize), CorruptKey> {
    if attribute.kind == KeyType::N {
        let (number, used) = read_number(bytes)?;
        return Ok((AttributeValue::N(number), used));
    }
    let (raw, used) = read_escaped(bytes)?;
    let value = attribute.value_from_raw(raw, bytes_max)?;
    Ok((value, used))
}

fn read_sort(sort: &KeyAttribute, bytes: &[u8]) -> Result<AttributeValue, CorruptKey> {
    if sort.kind != KeyType::N {
        return sort.value_from_raw(bytes.to_vec(), SORT_KEY_BYTES_MAX);
    }
    let (number, used) = read_number(bytes)?;
    if used != bytes.len() {
        return Err(CorruptKey("bytes after the sort value"));
    }
    Ok(AttributeValue::N(number))
}

fn read_number(bytes: &[u8]) -> Result<(Number, usize), CorruptKey> {
    Number::decode_ordered(bytes).map_err(|_| CorruptKey("a number that is not ordered bytes"))
}

fn read_escaped(bytes: &[u8]) -> Result<(Vec<u8>, usize), CorruptKey> {
    let mut raw = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let zero = rest.iter().position(|byte| *byte == ESCAPED);
        let zero = zero.ok_or(CorruptKey("a partition value without end"))?;
        raw.extend_from_slice(&rest[..zero]);
        let mark = rest.get(zero + 1).copied();
        rest = rest.get(zero + 2..).unwrap_or_default();
        match mark {
            Some(ESCAPE_ZERO) => raw.push(ESCAPED),
            Some(ESCAPE_END) => return Ok((raw, bytes.len() - rest.len())),
            _ => return Err(CorruptKey("an unknown escape in the partition value")),
        }
    }
}
