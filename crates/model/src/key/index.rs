//! Keys of secondary indexes, and the bytes under which an index's entries stand.
//!
//! An entry's key is the hash of its partition values (four bytes, big endian), the partition values, the sort values,
//! and the whole storage key of the item in its table. Each value ends itself: S and B as a table's partition value,
//! N in ordered form. Byte order is therefore the order of (hash, partition values, sort values, table key); entries
//! with equal index keys have an order, so that a page can end between any two of them.

use crate::limits::{PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX};
use crate::{AttributeValue, Item};

use super::{
    CorruptKey, HASH_LEN, KeyAttribute, KeyError, KeySchema, KeyValue, append_escaped,
    append_escaped_open, hash_of, read_value,
};

/// The key attributes of an index and of its table. A global index has up to
/// [`INDEX_KEY_PARTS_MAX`](crate::limits::INDEX_KEY_PARTS_MAX) of each kind, a local one has one of each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IndexSchema {
    /// The partition (HASH) key attributes; at least one.
    pub partition: Vec<KeyAttribute>,
    /// The sort (RANGE) key attributes, in order; may be empty.
    pub sort: Vec<KeyAttribute>,
    /// The key schema of the table.
    pub table: KeySchema,
}

impl IndexSchema {
    /// The index's key attributes, the partition's first.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        self.partition.iter().chain(&self.sort)
    }

    /// Whether the attribute is part of the index's key or of the table's.
    pub fn contains(&self, name: &str) -> bool {
        self.attributes().any(|attribute| attribute.name == name) || self.table.contains(name)
    }

    /// The entry's key for an item; `value` gives the item's attributes. `None` if the item lacks one of the index's
    /// key attributes, so that the index does not hold it.
    ///
    /// # Errors
    /// [`KeyError`] of the first attribute that does not fit, even if another one is missing; what `value` refuses.
    pub fn entry_key<E: From<KeyError>>(
        &self,
        table_key: &[u8],
        mut value: impl FnMut(&str) -> Result<Option<AttributeValue>, E>,
    ) -> Result<Option<Vec<u8>>, E> {
        let mut key = vec![0; HASH_LEN];
        let mut is_complete = true;
        for attribute in &self.partition {
            match value(&attribute.name)? {
                Some(value) => append(attribute, &value, PARTITION_KEY_BYTES_MAX, &mut key)?,
                None => is_complete = false,
            }
        }
        put_hash(&mut key);
        for attribute in &self.sort {
            match value(&attribute.name)? {
                Some(value) => append(attribute, &value, SORT_KEY_BYTES_MAX, &mut key)?,
                None => is_complete = false,
            }
        }
        key.extend_from_slice(table_key);
        Ok(is_complete.then_some(key))
    }

    /// The entry's key from exactly the key attributes of index and table, as a starting key names it.
    ///
    /// # Errors
    /// [`KeyError`] if attributes are missing, don't fit, or are too many.
    pub fn entry_key_of_key(&self, key: &Item) -> Result<Vec<u8>, KeyError> {
        let table_key = self.table.storage_key_of_item(key)?;
        let mut missing = None;
        let found = self.entry_key(table_key.bytes(), |name| {
            let value = key.get(name).cloned();
            if value.is_none() {
                missing.get_or_insert_with(|| name.to_owned());
            }
            Ok::<_, KeyError>(value)
        })?;
        let entry_key = match (found, missing) {
            (Some(entry_key), _) => entry_key,
            (None, name) => {
                let name = name.unwrap_or_default();
                return Err(KeyError::Missing { name });
            }
        };
        match key.iter().all(|(name, _)| self.contains(name)) {
            true => Ok(entry_key),
            false => Err(KeyError::UnknownAttributes),
        }
    }

    /// What the keys of all entries of a partition begin with, and no others; one value per partition attribute.
    ///
    /// # Errors
    /// [`KeyError`] of the first value that does not fit.
    pub fn partition_prefix(&self, values: &[AttributeValue]) -> Result<Vec<u8>, KeyError> {
        let mut key = vec![0; HASH_LEN];
        for (attribute, value) in self.partition.iter().zip(values) {
            append(attribute, value, PARTITION_KEY_BYTES_MAX, &mut key)?;
        }
        put_hash(&mut key);
        Ok(key)
    }

    /// Appends the value of the sort attribute at `place`, as it stands in entries' keys.
    ///
    /// # Errors
    /// [`KeyError`] if the value does not fit or there is no such attribute.
    pub fn append_sort(
        &self,
        place: usize,
        value: &AttributeValue,
        key: &mut Vec<u8>,
    ) -> Result<(), KeyError> {
        let attribute = self.sort.get(place).ok_or(KeyError::UnknownAttributes)?;
        append(attribute, value, SORT_KEY_BYTES_MAX, key)
    }

    /// Appends what values of the sort attribute at `place` that begin with `value` begin with.
    ///
    /// # Errors
    /// As [`IndexSchema::append_sort`].
    pub fn append_sort_beginning(
        &self,
        place: usize,
        value: &AttributeValue,
        key: &mut Vec<u8>,
    ) -> Result<(), KeyError> {
        let attribute = self.sort.get(place).ok_or(KeyError::UnknownAttributes)?;
        match attribute.check(value)? {
            KeyValue::Number(number) => number.encode_ordered(key),
            KeyValue::Raw(raw) => append_escaped_open(raw, key),
        }
        Ok(())
    }

    /// The storage key, in its table, of the item that an entry stands for.
    ///
    /// # Errors
    /// [`CorruptKey`] for bytes that this schema does not write.
    pub fn table_key<'k>(&self, entry_key: &'k [u8]) -> Result<&'k [u8], CorruptKey> {
        let mut rest = entry_key
            .get(HASH_LEN..)
            .ok_or(CorruptKey("shorter than a hash"))?;
        for (attribute, bytes_max) in self.sized() {
            let (_, used) = read_value(attribute, rest, bytes_max)?;
            rest = &rest[used..];
        }
        Ok(rest)
    }

    /// The key attributes of index and table back from an entry's key.
    ///
    /// # Errors
    /// [`CorruptKey`] for bytes that this schema does not write.
    pub fn decode_key(&self, entry_key: &[u8]) -> Result<Item, CorruptKey> {
        let mut rest = entry_key
            .get(HASH_LEN..)
            .ok_or(CorruptKey("shorter than a hash"))?;
        let mut key = Item::with_capacity(self.partition.len() + self.sort.len() + 2);
        for (attribute, bytes_max) in self.sized() {
            let (value, used) = read_value(attribute, rest, bytes_max)?;
            key.insert(attribute.name.clone(), value);
            rest = &rest[used..];
        }
        for (name, value) in self.table.decode_key(rest)? {
            key.insert(name, value);
        }
        Ok(key)
    }

    fn sized(&self) -> impl Iterator<Item = (&KeyAttribute, usize)> {
        let partition = self
            .partition
            .iter()
            .map(|one| (one, PARTITION_KEY_BYTES_MAX));
        partition.chain(self.sort.iter().map(|one| (one, SORT_KEY_BYTES_MAX)))
    }
}

fn append(
    attribute: &KeyAttribute,
    value: &AttributeValue,
    bytes_max: usize,
    key: &mut Vec<u8>,
) -> Result<(), KeyError> {
    match attribute.check(value)? {
        KeyValue::Number(number) => number.encode_ordered(key),
        KeyValue::Raw(raw) if raw.len() > bytes_max => {
            let (name, size_bytes) = (attribute.name.clone(), raw.len());
            return Err(match bytes_max {
                PARTITION_KEY_BYTES_MAX => KeyError::PartitionTooLong { name, size_bytes },
                _ => KeyError::SortTooLong { name, size_bytes },
            });
        }
        KeyValue::Raw(raw) => append_escaped(raw, key),
    }
    Ok(())
}

fn put_hash(key: &mut [u8]) {
    let hash = hash_of(&key[HASH_LEN..]);
    key[..HASH_LEN].copy_from_slice(&hash.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{KeyType, Number, prefix_end};

    fn schema() -> IndexSchema {
        let key = |name: &str, kind| KeyAttribute::new(name, kind);
        IndexSchema {
            partition: vec![key("a", KeyType::S), key("b", KeyType::N)],
            sort: vec![key("c", KeyType::B), key("d", KeyType::N)],
            table: KeySchema::new(key("pk", KeyType::S), Some(key("c", KeyType::B))),
        }
    }

    fn item(a: &str, b: i64, c: &[u8], d: i64, pk: &str) -> Item {
        Item::from([
            ("a", AttributeValue::S(a.to_owned())),
            ("b", AttributeValue::N(Number::from(b))),
            ("c", AttributeValue::B(c.to_vec().into())),
            ("d", AttributeValue::N(Number::from(d))),
            ("pk", AttributeValue::S(pk.to_owned())),
        ])
    }

    fn texts() -> impl Strategy<Value = String> {
        "[a\u{0}\u{1}]{1,3}"
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 0xFE, 0xFF]), 1..4)
    }

    fn items() -> impl Strategy<Value = Item> {
        (texts(), -3_i64..3, bytes(), -3_i64..3, texts())
            .prop_map(|(a, b, c, d, pk)| item(&a, b, &c, d, &pk))
    }

    proptest! {
        #[test]
        fn entry_keys_sort_as_values_do_and_come_back(one in items(), other in items()) {
            let schema = schema();
            let key = |item: &Item| schema.entry_key_of_key(item).unwrap();
            prop_assert_eq!(&schema.decode_key(&key(&one)).unwrap(), &one);
            let table_key = schema.table.storage_key_of_item(&one).unwrap();
            let entry_key = key(&one);
            prop_assert_eq!(schema.table_key(&entry_key).unwrap(), table_key.bytes());
            let values = |item: &Item| {
                let value = |name: &str| item.get(name).unwrap().clone();
                let AttributeValue::B(c) = value("c") else { unreachable!() };
                let AttributeValue::N(d) = value("d") else { unreachable!() };
                (value("a"), value("b"), c, d)
            };
            let (x, y) = (values(&one), values(&other));
            if (&x.0, &x.1) == (&y.0, &y.1) && (&x.2, &x.3) != (&y.2, &y.3) {
                prop_assert_eq!(key(&one).cmp(&key(&other)), (x.2, x.3).cmp(&(y.2, y.3)));
            }
            prop_assert_eq!(one == other, key(&one) == key(&other));
        }

        #[test]
        fn a_beginning_is_a_range(one in items(), beginning in bytes()) {
            let schema = schema();
            let values = ["a", "b"].map(|name| one.get(name).unwrap().clone());
            let mut from = schema.partition_prefix(&values).unwrap();
            let value = AttributeValue::B(beginning.clone().into());
            schema.append_sort_beginning(0, &value, &mut from).unwrap();
            let to = prefix_end(&from).unwrap();
            let key = schema.entry_key_of_key(&one).unwrap();
            let AttributeValue::B(c) = one.get("c").unwrap() else { unreachable!() };
            prop_assert_eq!(c.starts_with(&beginning), from <= key && key < to);
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = schema().decode_key(&bytes);
            let _ = schema().table_key(&bytes);
        }
    }

    #[test]
    fn an_item_without_a_key_attribute_has_no_entry() {
        let schema = schema();
        for missing in ["a", "b", "c", "d"] {
            let mut item = item("a", 1, b"c", 2, "pk");
            item.remove(missing);
            let found = schema.entry_key(b"key", |name| Ok::<_, KeyError>(item.get(name).cloned()));
            assert_eq!(found, Ok(None), "{missing}");
        }
    }

    #[test]
    fn what_is_there_has_to_fit_though_something_is_missing() {
        let schema = schema();
        for missing in ["a", "b", "c"] {
            let mut item = item("a", 1, b"c", 2, "pk");
            item.remove(missing);
            item.insert("d".to_owned(), AttributeValue::Null);
            let found = schema.entry_key(b"key", |name| Ok::<_, KeyError>(item.get(name).cloned()));
            let fault = KeyError::TypeMismatch {
                name: "d".to_owned(),
                expected: KeyType::N,
                actual: "NULL",
            };
            assert_eq!(found, Err(fault), "{missing}");
        }
    }

    #[test]
    fn a_starting_key_has_exactly_the_attributes() {
        let schema = schema();
        let mut key = item("a", 1, b"c", 2, "pk");
        assert!(schema.entry_key_of_key(&key).is_ok());
        key.insert("e".to_owned(), AttributeValue::Null);
        assert_eq!(
            schema.entry_key_of_key(&key),
            Err(KeyError::UnknownAttributes)
        );
        key.remove("e");
        key.remove("d");
        assert_eq!(
            schema.entry_key_of_key(&key),
            Err(KeyError::Missing {
                name: "d".to_owned()
            })
        );
    }
}
