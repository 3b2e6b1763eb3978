//! Storage keys: order, round trips, and what is refused.

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;

use super::{KeyAttribute, KeyError, KeySchema, KeyType, StorageKey, prefix_end};
use crate::arbitrary::{binary, number, text};
use crate::{AttributeValue, Item, Number};

fn schema(partition: KeyType, sort: Option<KeyType>) -> KeySchema {
    KeySchema::new(
        KeyAttribute::new("pk", partition),
        sort.map(|kind| KeyAttribute::new("sk", kind)),
    )
}

fn kind() -> impl Strategy<Value = KeyType> {
    prop_oneof![Just(KeyType::S), Just(KeyType::N), Just(KeyType::B)]
}

fn value(kind: KeyType) -> proptest::strategy::BoxedStrategy<AttributeValue> {
    match kind {
        KeyType::S => text()
            .prop_filter("empty", |text| !text.is_empty() && text.len() <= 1024)
            .prop_map(AttributeValue::S)
            .boxed(),
        KeyType::N => number().prop_map(AttributeValue::N).boxed(),
        KeyType::B => binary()
            .prop_filter("empty", |bytes| !bytes.is_empty())
            .prop_map(AttributeValue::B)
            .boxed(),
    }
}

/// A schema and two keys for it.
fn two_keys() -> impl Strategy<Value = (KeySchema, Item, Item)> {
    (kind(), proptest::option::of(kind())).prop_flat_map(|(partition, sort)| {
        let key = move || {
            let sort = match sort {
                Some(kind) => value(kind).prop_map(Some).boxed(),
                None => Just(None).boxed(),
            };
            (value(partition), sort)
        };
        (key(), key(), any::<bool>()).prop_map(move |(left, mut right, same_partition)| {
            if same_partition {
                right.0 = left.0.clone();
            }
            (schema(partition, sort), item(left), item(right))
        })
    })
}

fn item((partition, sort): (AttributeValue, Option<AttributeValue>)) -> Item {
    let mut item = Item::from([("pk", partition)]);
    if let Some(sort) = sort {
        item.insert("sk".to_owned(), sort);
    }
    item
}

fn compare(left: &Item, right: &Item, name: &str) -> std::cmp::Ordering {
    match (left.get(name), right.get(name)) {
        (Some(left), Some(right)) => left.compare(right).unwrap(),
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

#[test]
fn layout() {
    let schema = schema(KeyType::S, Some(KeyType::S));
    let item = Item::from([
        ("pk", "a\0b".into()),
        ("sk", "c\0d".into()),
        ("x", "y".into()),
    ]);
    let key = schema.storage_key_of_item(&item).unwrap();
    assert_eq!(&key.bytes()[4..], b"a\0\xFFb\0\x01c\0d");
    let prefix = schema.partition_prefix(&"a\0b".into()).unwrap();
    assert_eq!(prefix, &key.bytes()[..10]);
    assert_eq!(KeySchema::partition_hash(&prefix), key.partition_hash());
    assert_eq!(schema.sort_bytes(&"c\0d".into()).unwrap(), b"c\0d");
}

#[test]
fn the_hash_never_changes() {
    // Stored data depends on it.
    for (kind, value, hash) in [
        (KeyType::S, AttributeValue::from("a"), HASH_OF_TEXT),
        (
            KeyType::N,
            AttributeValue::N(Number::from_i64(42)),
            HASH_OF_NUMBER,
        ),
    ] {
        let prefix = schema(kind, None).partition_prefix(&value).unwrap();
        assert_eq!(KeySchema::partition_hash(&prefix), hash);
    }
    assert_eq!(KeySchema::partition_hash(&[]), 0);
    assert_eq!(KeySchema::partition_hash(&[1, 2]), 0x0102_0000);
}

const HASH_OF_TEXT: u32 = 812_658_043;
const HASH_OF_NUMBER: u32 = 2_938_788_623;

#[test]
fn refusals() {
    let schema = schema(KeyType::S, Some(KeyType::B));
    let name = |name: &str| name.to_owned();
    let binary = |len| AttributeValue::B(Bytes::from(vec![1; len]));
    let string = |len| AttributeValue::S("x".repeat(len));
    for (item, error) in [
        (Item::new(), KeyError::Missing { name: name("pk") }),
        (
            Item::from([("pk", string(1))]),
            KeyError::Missing { name: name("sk") },
        ),
        (
            Item::from([("pk", binary(1)), ("sk", binary(1))]),
            KeyError::TypeMismatch {
                name: name("pk"),
                expected: KeyType::S,
                actual: "B",
            },
        ),
        (
            Item::from([("pk", string(1)), ("sk", AttributeValue::Null)]),
            KeyError::TypeMismatch {
                name: name("sk"),
                expected: KeyType::B,
                actual: "NULL",
            },
        ),
        (
            Item::from([("pk", string(0)), ("sk", binary(1))]),
            KeyError::Empty {
                name: name("pk"),
                kind: KeyType::S,
            },
        ),
        (
            Item::from([("pk", string(1)), ("sk", binary(0))]),
            KeyError::Empty {
                name: name("sk"),
                kind: KeyType::B,
            },
        ),
        (
            Item::from([("pk", string(2049)), ("sk", binary(1))]),
            KeyError::PartitionTooLong {
                name: name("pk"),
                size_bytes: 2049,
            },
        ),
        (
            Item::from([("pk", string(2048)), ("sk", binary(1025))]),
            KeyError::SortTooLong {
                name: name("sk"),
                size_bytes: 1025,
            },
        ),
    ] {
        assert_eq!(schema.storage_key_of_item(&item), Err(error.clone()));
        assert_eq!(schema.storage_key_of_key(&item), Err(error));
    }
    let more = Item::from([("pk", string(2048)), ("sk", binary(1024)), ("z", string(1))]);
    assert!(schema.storage_key_of_item(&more).is_ok());
    assert_eq!(
        schema.storage_key_of_key(&more),
        Err(KeyError::UnknownAttributes)
    );
    let unsorted = self::schema(KeyType::S, None);
    assert_eq!(
        unsorted.sort_bytes(&string(1)),
        Err(KeyError::UnknownAttributes)
    );
}

#[test]
fn the_end_of_a_prefix() {
    assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
    assert_eq!(prefix_end(&[1, 0xFF, 0xFF]), Some(vec![2]));
    assert_eq!(prefix_end(&[0xFF]), None);
    assert_eq!(prefix_end(&[]), None);
}

/// The fuzz target `storage_key` found it: a stored key with a value that is longer than keys may be was read as
/// if it had been written here, where such a value is refused.
#[test]
fn values_that_are_too_long_for_keys_are_not_read() {
    let schema = schema(KeyType::S, Some(KeyType::B));
    let mut item = Item::new();
    item.insert("pk".to_owned(), AttributeValue::S("k".to_owned()));
    item.insert("sk".to_owned(), AttributeValue::B(vec![1; 1024].into()));
    let mut longest = schema.storage_key_of_key(&item).unwrap().into_vec();
    assert_eq!(schema.decode_key(&longest), Ok(item));
    longest.push(1);
    assert!(schema.decode_key(&longest).is_err());
}

proptest! {
    #[test]
    fn keys_round_trip((schema, left, _) in two_keys()) {
        let key = schema.storage_key_of_key(&left).unwrap();
        prop_assert_eq!(schema.decode_key(key.bytes()), Ok(left.clone()));
        let mut more = left.clone();
        more.insert("other".to_owned(), AttributeValue::Null);
        prop_assert_eq!(schema.storage_key_of_item(&more), Ok(key));
        prop_assert_eq!(schema.key_of_item(&more), Ok(left));
    }

    #[test]
    fn keys_are_in_the_order_of_hash_partition_and_sort((schema, left, right) in two_keys()) {
        let key = |item: &Item| schema.storage_key_of_key(item).unwrap();
        let (left_key, right_key) = (key(&left), key(&right));
        let hashes = left_key.partition_hash().cmp(&right_key.partition_hash());
        let order = hashes
            .then(compare(&left, &right, "pk"))
            .then(compare(&left, &right, "sk"));
        prop_assert_eq!(left_key.cmp(&right_key), order);
        // Also without the hash, which decides nearly always.
        let values = compare(&left, &right, "pk").then(compare(&left, &right, "sk"));
        prop_assert_eq!(left_key.bytes()[4..].cmp(&right_key.bytes()[4..]), values);
    }

    #[test]
    fn a_partition_is_its_prefix((schema, left, right) in two_keys()) {
        let prefix = schema.partition_prefix(left.get("pk").unwrap()).unwrap();
        let key = schema.storage_key_of_item(&left).unwrap();
        prop_assert_eq!(schema.partition_part(key.bytes()).unwrap(), prefix.as_slice());
        let key: StorageKey = schema.storage_key_of_key(&right).unwrap();
        prop_assert_eq!(key.bytes().starts_with(&prefix), left.get("pk") == right.get("pk"));
        if let Some(sort) = right.get("sk") {
            let sort = schema.sort_bytes(sort).unwrap();
            prop_assert!(key.bytes().ends_with(&sort));
        }
    }

    #[test]
    fn prefix_end_bounds_exactly_the_prefix(prefix in binary(), other in binary()) {
        let within = other >= prefix && prefix_end(&prefix).is_none_or(|end| other.as_ref() < end.as_slice());
        prop_assert_eq!(within, other.starts_with(&prefix));
    }

    #[test]
    fn damaged_keys_are_refused_or_canonical((schema, left, _) in two_keys(), at in any::<Index>(), byte in any::<u8>()) {
        let mut bytes = schema.storage_key_of_key(&left).unwrap().into_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(key) = schema.decode_key(&bytes) {
            prop_assert_eq!(schema.storage_key_of_key(&key).unwrap().into_vec(), bytes.clone());
        }
        let _ = schema.decode_key(&bytes[..at]);
    }
}
