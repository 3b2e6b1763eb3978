//! The encoded form: round trips, one form for each item, and no trust in bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index;

use super::{CorruptItem, EncodedItem, ItemRef, ValueRef, tag};
use crate::arbitrary::{item, text};
use crate::limits::NESTING_DEPTH_MAX;
use crate::{AttributeValue, Item, Number};

fn nested(levels: usize) -> AttributeValue {
    (1..levels).fold(AttributeValue::Null, |inner, _| {
        AttributeValue::L(vec![inner])
    })
}

fn encoded(bytes: &[u8]) -> EncodedItem {
    EncodedItem::from_bytes(Bytes::copy_from_slice(bytes))
}

/// Goes through every view, however nested; counts the values.
fn walk(value: ValueRef<'_>) -> Result<usize, CorruptItem> {
    let mut count = 1;
    match value {
        ValueRef::L(list) => {
            for element in list.iter() {
                count += walk(element?)?;
            }
        }
        ValueRef::M(map) => {
            for member in map.iter() {
                count += walk(member?.1)?;
            }
        }
        ValueRef::Ss(set) => set.iter().try_for_each(|element| element.map(drop))?,
        ValueRef::Ns(set) => set.iter().try_for_each(|element| element.map(drop))?,
        ValueRef::Bs(set) => set.iter().try_for_each(|element| element.map(drop))?,
        _ => {}
    }
    Ok(count)
}

fn walk_item(item: ItemRef<'_>) -> Result<usize, CorruptItem> {
    item.iter().map(|attribute| walk(attribute?.1)).sum()
}

#[test]
fn layout() {
    let number = AttributeValue::N(Number::from_i64(-4200));
    let item = Item::from([
        ("n", number),
        ("a", AttributeValue::from("xy")),
        (
            "l",
            AttributeValue::L(vec![AttributeValue::Null, AttributeValue::Bool(true)]),
        ),
    ]);
    let bytes = EncodedItem::encode(&item).into_bytes();
    // Size: a 1 + 2, l 1 + 3 + 2 * 2, n 1 + 3.
    let expected = [
        &[15, 0, 0, 0, 3][..],
        &[1, b'a', tag::S, 2, b'x', b'y'],
        &[1, b'l', tag::L, 3, 2, tag::NULL, tag::TRUE],
        &[1, b'n', tag::N, 4 << 1 | 1, 42],
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn an_empty_item() {
    let encoded = EncodedItem::encode(&Item::new());
    assert_eq!(encoded.bytes().as_ref(), &[0, 0, 0, 0, 0]);
    assert_eq!(encoded.decode(), Ok(Item::new()));
    assert_eq!(encoded.as_ref().iter().count(), 0);
}

#[test]
fn nesting_up_to_the_limit_and_not_without_end() {
    for levels in [1, 2, NESTING_DEPTH_MAX, NESTING_DEPTH_MAX + 8] {
        let item = Item::from([("a", nested(levels))]);
        assert_eq!(item.depth(), levels);
        assert_eq!(EncodedItem::encode(&item).decode(), Ok(item));
    }
    for levels in [NESTING_DEPTH_MAX + 10, 300] {
        let encoded = EncodedItem::encode(&Item::from([("a", nested(levels))]));
        assert_eq!(encoded.decode(), Err(CorruptItem("too deep")));
        assert_eq!(walk_item(encoded.as_ref()), Err(CorruptItem("too deep")));
        assert!(encoded.get("a").is_err());
        assert_eq!(encoded.get("b"), Ok(None));
    }
}

#[test]
fn long_bodies_move_by_their_length() {
    for len in [100, 126, 127, 128, 129, 16_383, 16_384, 70_000] {
        let text = AttributeValue::S("x".repeat(len));
        let list = AttributeValue::L(vec![AttributeValue::L(vec![text]), AttributeValue::Null]);
        let item = Item::from([("a", list), ("b", AttributeValue::from("after"))]);
        let encoded = EncodedItem::encode(&item);
        assert_eq!(encoded.decode(), Ok(item));
        assert_eq!(encoded.get("b"), Ok(Some(AttributeValue::from("after"))));
    }
}

#[test]
fn forms_that_the_encoder_does_not_write() {
    for (attributes, why) in [
        (&[][..], "no attributes"),
        (&[0x80, 0x00], "no attributes"),
        (&[1], "no attributes"),
        (&[0, 0], "bytes after the last element"),
        (&[1, 0], "a missing value"),
        (&[1, 0, 11], "an unknown type"),
        (&[1, 0, tag::S, 2, b'x'], "cut bytes"),
        (&[1, 0, tag::S, 1, 0xFF], "a text that is not UTF-8"),
        (&[1, 0, tag::N, 0, 10], "a broken number"),
        (&[1, 0, tag::N, 1, 0], "a broken number"),
        (&[1, 0, tag::SS, 1, 0], "an empty set"),
        (
            &[1, 0, tag::NS, 5, 2, 0, 1, 0, 1],
            "set elements out of order",
        ),
        (
            &[1, 0, tag::L, 2, 0, tag::NULL],
            "bytes after the last element",
        ),
        (&[1, 0, tag::L, 1, 9], "a broken count"),
        (&[2, 0, tag::NULL, 0, tag::NULL], "names out of order"),
        (&[1, 0, tag::NULL], "the size is not that of the attributes"),
    ] {
        let bytes = [&[0, 0, 0, 0], attributes].concat();
        assert_eq!(
            encoded(&bytes).decode(),
            Err(CorruptItem(why)),
            "{attributes:?}"
        );
    }
    assert_eq!(encoded(&[1, 2]).size_bytes(), 0);
    assert!(encoded(&[]).decode().is_err());
}

#[test]
fn a_failed_walk_ends() {
    let broken = [0, 0, 0, 0, 3, 0, 99, 0, 0, 0, 0];
    let steps: Vec<_> = ItemRef::new(&broken).iter().take(10).collect();
    assert_eq!(steps.len(), 1);
    assert!(steps[0].is_err());
    assert_eq!(ItemRef::new(&[]).iter().take(10).count(), 1);
}

/// An item's bytes with one byte changed, removed or added.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (item(), any::<Index>(), any::<u8>(), 0..3).prop_map(|(item, at, byte, how)| {
        let mut bytes = EncodedItem::encode(&item).into_bytes().to_vec();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, byte),
        }
        bytes
    })
}

fn check_untrusted(bytes: &[u8], name: &str) {
    let encoded = encoded(bytes);
    let walked = walk_item(encoded.as_ref());
    let _ = encoded.get(name);
    if let Ok(item) = encoded.decode() {
        assert!(walked.is_ok());
        assert_eq!(EncodedItem::encode(&item), encoded);
    }
}

proptest! {
    #[test]
    fn round_trip(item in item()) {
        let encoded = EncodedItem::encode(&item);
        prop_assert_eq!(encoded.size_bytes(), item.size_bytes());
        prop_assert_eq!(encoded.decode(), Ok(item));
        prop_assert!(walk_item(encoded.as_ref()).is_ok());
    }

    #[test]
    fn a_selection_is_the_item_of_its_attributes(item in item(), kept in any::<u64>()) {
        let mut number = 0;
        let names: Vec<String> = item.iter().map(|(name, _)| name.to_owned()).collect();
        let names = names.into_iter().filter(|_| {
            number += 1;
            kept >> (number % 64) & 1 == 1
        });
        let names: std::collections::BTreeSet<String> = names.collect();
        let encoded = EncodedItem::encode(&item);
        let mut selected = item;
        selected.retain(|name, _| names.contains(name));
        let expected = EncodedItem::encode(&selected);
        prop_assert_eq!(encoded.select(|name| names.contains(name)), Ok(expected));
    }

    #[test]
    fn a_selection_of_any_bytes_is_one_or_an_error(bytes in vec(any::<u8>(), 0..64)) {
        let _ = encoded(&bytes).select(|name| name.len() % 2 == 0);
    }

    #[test]
    fn equal_items_are_equal_bytes(left in item(), right in item(), order in any::<u64>()) {
        let bytes = |item: &Item| EncodedItem::encode(item);
        prop_assert_eq!(left == right, bytes(&left) == bytes(&right));
        let mut attributes: Vec<_> = left.clone().into_iter().collect();
        let turn = order as usize % attributes.len().max(1);
        attributes.rotate_left(turn);
        attributes.reverse();
        let same: Item = attributes.into_iter().collect();
        prop_assert_eq!(&same, &left);
        prop_assert_eq!(bytes(&same), bytes(&left));
    }

    #[test]
    fn near_items_are_equal_exactly_when_their_bytes_are(
        (item, changed) in (item(), item()).prop_flat_map(|(item, other)| {
            let count = item.len() + other.len();
            (Just(item), Just(other), vec(any::<bool>(), count))
        }).prop_map(|(item, other, take)| {
            let mut changed = item.clone();
            for ((name, value), take) in other.into_iter().zip(take) {
                if take { changed.insert(name, value); }
            }
            (item, changed)
        })
    ) {
        let (left, right) = (EncodedItem::encode(&item), EncodedItem::encode(&changed));
        prop_assert_eq!(item == changed, left == right);
    }

    #[test]
    fn get_agrees_with_the_item(item in item(), other in text()) {
        let encoded = EncodedItem::encode(&item);
        for (name, value) in &item {
            prop_assert_eq!(encoded.get(name), Ok(Some(value.clone())));
        }
        prop_assert_eq!(encoded.get(&other), Ok(item.get(&other).cloned()));
    }

    #[test]
    fn damaged_items_are_refused_or_canonical(bytes in damaged(), name in text()) {
        check_untrusted(&bytes, &name);
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(
        bytes in vec(proptest::prop_oneof![0u8..12, any::<u8>()], 0..40), name in text(),
    ) {
        check_untrusted(&bytes, &name);
        check_untrusted(&[&[0; 4], bytes.as_slice()].concat(), &name);
    }
}
