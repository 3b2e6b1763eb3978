//! What the property tests of this room draw from: numbers, values and items that DynamoDB could
//! store, from small alphabets so that equal ones and near misses come up.

use bytes::Bytes;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::{AttributeValue, Item, Number};

/// Numbers of any length, sign and magnitude, near ones more often.
pub(crate) fn number() -> impl Strategy<Value = Number> {
    number_text().prop_filter_map("out of range", |text| Number::parse(&text).ok())
}

/// Texts of numbers, most of them in range.
pub(crate) fn number_text() -> impl Strategy<Value = String> {
    let exponent = prop_oneof![
        4 => (-3i32..=3).prop_map(Some),
        3 => (-45i32..=45).prop_map(Some),
        2 => (-172i32..=130).prop_map(Some),
        2 => Just(None),
    ];
    let digits = prop_oneof![
        4 => "[0-9]{1,3}",
        2 => "[0-9]{1,19}",
        2 => "[0-9]{15,38}",
        1 => "[09]{36,40}",
        1 => "[1-9][0-9]{37}",
        1 => "10{0,39}",
    ];
    let fraction = prop_oneof![3 => Just(String::new()), 1 => "\\.[0-9]{0,5}", 1 => "\\.0{0,4}"];
    ("[-+]?", digits, fraction, exponent).prop_map(|(sign, digits, fraction, exponent)| {
        let exponent = exponent.map_or(String::new(), |exponent| format!("e{exponent}"));
        format!("{sign}{digits}{fraction}{exponent}")
    })
}

/// Short texts with characters of one to four bytes.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab\u{0}\u{1}\u{e9}\u{20ac}\u{1f600}]{0,4}",
        1 => any::<String>(),
        1 => "a{120,140}",
    ]
}

/// Short bytes, with zeros and ones that look like escapes.
pub(crate) fn binary() -> impl Strategy<Value = Bytes> {
    let byte = prop_oneof![Just(0u8), Just(1), Just(0xFF), any::<u8>()];
    vec(byte, 0..6).prop_map(Bytes::from)
}

/// A value of any type, nested a few levels.
pub(crate) fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        text().prop_map(AttributeValue::S),
        number().prop_map(AttributeValue::N),
        binary().prop_map(AttributeValue::B),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null),
        btree_set(text(), 1..4)
            .prop_map(|set| AttributeValue::string_set(set.into_iter().collect()).unwrap()),
        btree_set(number(), 1..4)
            .prop_map(|set| AttributeValue::number_set(set.into_iter().collect()).unwrap()),
        btree_set(binary(), 1..4)
            .prop_map(|set| AttributeValue::binary_set(set.into_iter().collect()).unwrap()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
            members(inner).prop_map(AttributeValue::M),
        ]
    })
}

/// An item with a few attributes.
pub(crate) fn item() -> impl Strategy<Value = Item> {
    members(value())
}

fn members(value: impl Strategy<Value = AttributeValue>) -> impl Strategy<Value = Item> {
    btree_map(text(), value, 0..5).prop_map(|members| members.into_iter().collect())
}
