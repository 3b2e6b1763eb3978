//! Items as JSON: what is written reads back, and hostile bytes only give errors.

use bytes::Bytes;
use headwater_model::{AttributeValue, EncodedItem, Item, Number};
use headwater_wire::dynamodb::PutItemInput;
use headwater_wire::json::{Json, WriteJson};
use headwater_wire::write_item;
use proptest::prelude::*;

fn number() -> impl Strategy<Value = Number> {
    (any::<i64>(), -100..100i32).prop_map(|(coefficient, exponent)| {
        Number::parse(&format!("{coefficient}e{exponent}")).expect("a number")
    })
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        any::<String>().prop_map(AttributeValue::S),
        number().prop_map(AttributeValue::N),
        bytes().prop_map(AttributeValue::B),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null),
        prop::collection::btree_set(any::<String>(), 1..4)
            .prop_map(|set| AttributeValue::string_set(set.into_iter().collect()).expect("a set")),
        prop::collection::btree_set(any::<i32>(), 1..4).prop_map(|set| {
            let numbers = set
                .into_iter()
                .map(|n| Number::from_i64(n.into()))
                .collect();
            AttributeValue::number_set(numbers).expect("a set")
        }),
        prop::collection::btree_set(prop::collection::vec(any::<u8>(), 0..5), 1..4).prop_map(
            |set| AttributeValue::binary_set(set.into_iter().map(Bytes::from).collect())
                .expect("a set")
        ),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(AttributeValue::L),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| AttributeValue::M(members.into_iter().collect())),
        ]
    })
}

fn item() -> impl Strategy<Value = Item> {
    let names = any::<String>().prop_filter("names are not empty", |name| !name.is_empty());
    prop::collection::btree_map(names, value(), 0..8)
        .prop_map(|attributes| attributes.into_iter().collect())
}

fn read(item_json: &[u8]) -> Item {
    let body = [br#"{"TableName":"t","Item":"#, item_json, b"}"].concat();
    let json = Json::parse(&body).expect("json");
    PutItemInput::decode(&json).expect("decoded").item
}

proptest! {
    #[test]
    fn what_is_written_reads_back(item in item()) {
        let encoded = EncodedItem::encode(&item);
        let mut from_bytes = Vec::new();
        write_item(&mut from_bytes, encoded.as_ref()).expect("written");
        let mut from_tree = Vec::new();
        item.write(&mut from_tree).expect("written");
        prop_assert_eq!(String::from_utf8_lossy(&from_bytes), String::from_utf8_lossy(&from_tree));
        prop_assert_eq!(read(&from_bytes), item);
    }

    #[test]
    fn damaged_requests_never_panic(item in item(), at: prop::sample::Index, byte: u8) {
        let mut body = br#"{"TableName":"t","Item":"#.to_vec();
        item.write(&mut body).expect("written");
        body.push(b'}');
        let place = at.index(body.len());
        body[place] = byte;
        if let Ok(json) = Json::parse(&body) {
            let _ = PutItemInput::decode(&json);
        }
    }

    #[test]
    fn damaged_items_are_errors_not_panics(item in item(), at: prop::sample::Index, byte: u8) {
        let mut bytes = EncodedItem::encode(&item).into_bytes().to_vec();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let _ = write_item(&mut Vec::new(), EncodedItem::from_bytes(bytes.into()).as_ref());
    }
}

#[test]
fn every_type_has_its_form() {
    let json = br#"{"B":{"B":"AQI="},"BOOL":{"BOOL":true},"BS":{"BS":["AQ==","Ag=="]},"L":{"L":[{"S":"x"},{"L":[]}]},"M":{"M":{"k":{"N":"1.5"},"m":{"M":{}}}},"N":{"N":"-100"},"NS":{"NS":["1","2"]},"NULL":{"NULL":true},"S":{"S":"\"\u0001\n"},"SS":{"SS":["a","b"]}}"#;
    let item = read(json);
    let mut out = Vec::new();
    write_item(&mut out, EncodedItem::encode(&item).as_ref()).expect("written");
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(json));
}

#[test]
fn attributes_of_any_order_and_repeated_names_are_taken() {
    let item = read(br#"{"b":{"S":"1"},"a":{"N":"1"},"b":{"S":"2","S":"3"}}"#);
    let expected = Item::from([
        ("a", AttributeValue::from(Number::from_i64(1))),
        ("b", AttributeValue::from("3")),
    ]);
    assert_eq!(item, expected);
}
