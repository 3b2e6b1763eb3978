//! PartiQL: statements parsed, planned, evaluated and applied.
//!
//! An input is a statement. Its parameters are the same few values over and over; what it is about is a fixed item.

use headwater_expression::Condition;
use headwater_expression::ast::ConditionNode;
use headwater_expression::partiql::{ItemCondition, PartitionRead, ReadPlan, Select, Statement};
use headwater_model::limits::{NESTING_DEPTH_MAX, STATEMENT_CHARS_MAX};
use headwater_model::{AttributeValue, EncodedItem, Item, KeyAttribute, KeySchema, KeyType};

use crate::wire::item_of_json;

const VALUES: &[u8] =
    br#"{"0":{"S":"k"},"1":{"N":"1"},"2":{"L":[{"N":"2"}]},"3":{"SS":["x","y"]},"4":{"B":"AA=="}}"#;
const ITEM: &[u8] = br#"{"pk":{"S":"k"},"sk":{"N":"1"},"a":{"L":[{"N":"1"},{"M":{"b":{"S":"x"}}}]},"b":{"N":"2"},"c":{"SS":["x"]},"d":{"M":{"e":{"NULL":true}}}}"#;

/// A statement. What it means does not depend on how often it is read, its plan finds the item if its WHERE clause
/// holds, and what it makes can be stored.
pub(crate) fn statement(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.chars().count() > STATEMENT_CHARS_MAX {
        return;
    }
    let (Some(values), Some(item)) = (item_of_json(VALUES), item_of_json(ITEM)) else {
        return;
    };
    let values: Vec<AttributeValue> = values.iter().map(|(_, value)| value.clone()).collect();
    // Some of them stand in strings and comments.
    for count in 0..=text.matches('?').count().min(8) {
        let parameters: Vec<_> = values.iter().cycle().take(count).cloned().collect();
        let parsed = Statement::parse(text, parameters.clone());
        assert_eq!(Statement::parse(text, parameters), parsed);
        match parsed {
            Ok(statement) => carry_out(statement, &item),
            Err(error) => drop(error.to_string()),
        }
    }
}

fn carry_out(statement: Statement, item: &Item) {
    match statement {
        Statement::Select(select) | Statement::Exists(select) => read(&select, item),
        Statement::Insert(insert) => {
            assert!(insert.item.depth() <= NESTING_DEPTH_MAX);
            let encoded = EncodedItem::encode(&insert.item);
            assert_eq!(encoded.decode().as_ref(), Ok(&insert.item));
        }
        Statement::Update(update) => {
            name_item(update.condition.as_ref());
            if let Ok(updated) = update.update.apply(Some(item), &Item::new())
                && updated.item.depth() <= NESTING_DEPTH_MAX
            {
                let encoded = EncodedItem::encode(&updated.item);
                assert_eq!(encoded.decode().as_ref(), Ok(&updated.item));
            }
        }
        Statement::Delete(delete) => name_item(delete.condition.as_ref()),
    }
}

fn schema() -> KeySchema {
    let sort = KeyAttribute::new("sk", KeyType::N);
    KeySchema::new(KeyAttribute::new("pk", KeyType::S), Some(sort))
}

fn name_item(condition: Option<&ConditionNode>) {
    if let Ok(named) = ItemCondition::new(condition, &schema()) {
        assert_eq!(named.key.len(), 2);
    }
}

fn read(select: &Select, item: &Item) {
    name_item(select.condition.as_ref());
    if let Some(columns) = &select.columns {
        columns.project(item);
    }
    let Ok(plan) = ReadPlan::new(select, &schema(), None) else {
        return;
    };
    let holds = select
        .condition
        .as_ref()
        .is_none_or(|node| Condition::new(node.clone()).evaluate(item));
    let (filter, partitions) = match plan {
        ReadPlan::Scan { filter } => (filter, None),
        ReadPlan::Partitions { reads, filter, .. } => (filter, Some(reads)),
    };
    let passes = filter.is_none_or(|filter| filter.evaluate(item));
    let is_there = |read: &PartitionRead| item.get("pk") == Some(&read.partition);
    match partitions {
        None => assert_eq!(passes, holds),
        // Ranges of the sort key are the operations' to compute.
        Some(reads) if holds => assert!(passes && reads.iter().any(is_there)),
        Some(_) => {}
    }
}
