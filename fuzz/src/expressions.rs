//! Expressions: parsed, checked, evaluated.
//!
//! An input is up to four lines: the expression, then as JSON the names, the values and an item. Lines that are
//! missing have defaults, so that a text alone is an input too.

use std::collections::BTreeMap;

use headwater_expression::{
    Condition, ExpressionKind, KeyCondition, Placeholders, Projection, Update,
};
use headwater_model::{AttributeValue, EncodedItem, Item, KeyAttribute, KeySchema, KeyType};

use crate::wire::item_of_json;

const VALUES: &[u8] = br#"{":v":{"N":"1"},":s":{"S":"x"},":l":{"L":[{"N":"2"}]},":t":{"SS":["x","y"]},":b":{"B":"AA=="}}"#;
const ITEM: &[u8] = br#"{"pk":{"S":"k"},"a":{"L":[{"N":"1"},{"M":{"b":{"S":"x"}}}]},"b":{"N":"2"},"c":{"SS":["x"]},"d":{"M":{"e":{"NULL":true}}}}"#;

struct Input {
    text: String,
    placeholders: Placeholders,
    item: Item,
}

impl Input {
    fn read(data: &[u8]) -> Option<Self> {
        let mut lines = data.splitn(4, |byte| *byte == b'\n');
        let text = std::str::from_utf8(lines.next()?).ok()?.to_owned();
        let names = lines.next().filter(|line| !line.is_empty());
        let names: Option<BTreeMap<String, String>> = match names {
            Some(line) => Some(serde_json::from_slice(line).ok()?),
            None => Some([("#n".to_owned(), "a".to_owned())].into()),
        };
        let values = lines.next().filter(|line| !line.is_empty());
        let values: BTreeMap<String, AttributeValue> = item_of_json(values.unwrap_or(VALUES))?
            .into_iter()
            .collect();
        let item = item_of_json(lines.next().unwrap_or(ITEM))?;
        Some(Input {
            text,
            placeholders: Placeholders::new(names, Some(values)).ok()?,
            item,
        })
    }
}

/// A condition and a filter. Its negation says the opposite.
pub(crate) fn condition(data: &[u8]) {
    let Some(input) = Input::read(data) else {
        return;
    };
    for kind in [ExpressionKind::Condition, ExpressionKind::Filter] {
        let mut placeholders = input.placeholders.clone();
        let Ok(condition) = Condition::parse(kind, &input.text, &mut placeholders) else {
            continue;
        };
        drop(placeholders.finish());
        drop(condition.refuse_keys(["pk", "a"]));
        let holds = condition.evaluate(&input.item);
        assert_eq!(condition.evaluate(&input.item), holds);
        condition.evaluate(&Item::new());
        let negated = format!("NOT ({})", input.text);
        if let Ok(negated) = Condition::parse(kind, &negated, &mut input.placeholders.clone()) {
            assert_eq!(negated.evaluate(&input.item), !holds);
        }
    }
}

/// A key condition, against schemas of each kind of key.
pub(crate) fn key_condition(data: &[u8]) {
    let Some(mut input) = Input::read(data) else {
        return;
    };
    let Ok(condition) = KeyCondition::parse(&input.text, &mut input.placeholders) else {
        return;
    };
    drop(condition.terms());
    for kind in [KeyType::S, KeyType::N, KeyType::B] {
        let partition = KeyAttribute::new("pk", kind);
        for sort in [None, Some(KeyAttribute::new("sk", kind))] {
            let schema = KeySchema::new(partition.clone(), sort);
            drop(condition.resolve(&schema));
        }
    }
}

/// A projection. What it shows is no larger than the item.
pub(crate) fn projection(data: &[u8]) {
    let Some(mut input) = Input::read(data) else {
        return;
    };
    if let Ok(projection) = Projection::parse(&input.text, &mut input.placeholders) {
        let shown = projection.project(&input.item);
        assert!(shown.size_bytes() <= input.item.size_bytes());
        assert!(shown.iter().all(|(name, _)| input.item.contains(name)));
    }
}

/// An update of an item and of none. What it makes can be stored.
pub(crate) fn update(data: &[u8]) {
    let Some(mut input) = Input::read(data) else {
        return;
    };
    let Ok(update) = Update::parse(&input.text, &mut input.placeholders) else {
        return;
    };
    drop(update.refuse_keys(["pk"]));
    let mut key = Item::new();
    key.insert("pk".to_owned(), AttributeValue::S("k".to_owned()));
    for old in [Some(&input.item), None] {
        let Ok(updated) = update.apply(old, &key) else {
            continue;
        };
        assert_eq!(update.apply(old, &key).as_ref(), Ok(&updated));
        updated.updated_new();
        updated.updated_old(old);
        let encoded = EncodedItem::encode(&updated.item);
        // Values from expressions may nest an item deeper than is allowed; the engine refuses it by its depth.
        if updated.item.depth() <= headwater_model::limits::NESTING_DEPTH_MAX {
            assert_eq!(encoded.decode().as_ref(), Ok(&updated.item));
        }
    }
}
