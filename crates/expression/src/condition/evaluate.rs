//! What a condition says about an item.
//!
//! A missing attribute equals nothing, not even another missing one, so `<>` holds for it and every
//! other comparison does not. Values of different types are unequal and unordered. Source:
//! Alternator's tests of conditions, which were run against the service.

use std::borrow::Cow;
use std::cmp::Ordering;

use headwater_model::{AttributeValue, Item, Number};
use memchr::memmem;

use crate::ast::{Comparator, ConditionNode, Operand};

type Resolved<'a> = Option<Cow<'a, AttributeValue>>;

pub(super) fn holds(node: &ConditionNode, item: &Item) -> bool {
    match node {
        ConditionNode::And(list) => list.iter().all(|node| holds(node, item)),
        ConditionNode::Or(list) => list.iter().any(|node| holds(node, item)),
        ConditionNode::Not(inner) => !holds(inner, item),
        ConditionNode::Compare {
            comparator,
            left,
            right,
        } => compare(*comparator, &resolve(left, item), &resolve(right, item)),
        ConditionNode::Between {
            operand,
            lower,
            upper,
        } => {
            let operand = resolve(operand, item);
            compare(Comparator::GreaterOrEqual, &operand, &resolve(lower, item))
                && compare(Comparator::LessOrEqual, &operand, &resolve(upper, item))
        }
        ConditionNode::In { operand, list } => {
            let operand = resolve(operand, item);
            list.iter()
                .any(|member| compare(Comparator::Equal, &operand, &resolve(member, item)))
        }
        ConditionNode::AttributeExists(path) => path.find(item).is_some(),
        ConditionNode::AttributeNotExists(path) => path.find(item).is_none(),
        ConditionNode::AttributeType { operand, type_name } => {
            resolve(operand, item).is_some_and(|value| value.type_name() == type_name.as_str())
        }
        ConditionNode::BeginsWith { operand, prefix } => {
            both(resolve(operand, item), resolve(prefix, item), begins_with)
        }
        ConditionNode::Contains { container, sought } => {
            both(resolve(container, item), resolve(sought, item), contains)
        }
    }
}

fn resolve<'a>(operand: &'a Operand, item: &'a Item) -> Resolved<'a> {
    match operand {
        Operand::Path(path) => path.find(item).map(Cow::Borrowed),
        Operand::Value(value) => Some(Cow::Borrowed(value)),
        Operand::Size(inner) => Some(Cow::Owned(size_of(&*resolve(inner, item)?)?)),
        Operand::Truth(node) => Some(Cow::Owned(AttributeValue::Bool(holds(node, item)))),
    }
}

fn compare(comparator: Comparator, left: &Resolved<'_>, right: &Resolved<'_>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return comparator == Comparator::NotEqual;
    };
    let (left, right) = (&**left, &**right);
    match comparator {
        Comparator::Equal => left == right,
        Comparator::NotEqual => left != right,
        Comparator::Less => left.compare(right) == Some(Ordering::Less),
        Comparator::LessOrEqual => left.compare(right).is_some_and(Ordering::is_le),
        Comparator::Greater => left.compare(right) == Some(Ordering::Greater),
        Comparator::GreaterOrEqual => left.compare(right).is_some_and(Ordering::is_ge),
    }
}

fn both(
    left: Resolved<'_>,
    right: Resolved<'_>,
    test: fn(&AttributeValue, &AttributeValue) -> bool,
) -> bool {
    matches!((left, right), (Some(left), Some(right)) if test(&left, &right))
}

fn begins_with(value: &AttributeValue, prefix: &AttributeValue) -> bool {
    match (value, prefix) {
        (AttributeValue::S(value), AttributeValue::S(prefix)) => value.starts_with(&**prefix),
        (AttributeValue::B(value), AttributeValue::B(prefix)) => value.starts_with(prefix),
        _ => false,
    }
}

fn contains(container: &AttributeValue, sought: &AttributeValue) -> bool {
    match (container, sought) {
        (AttributeValue::S(text), AttributeValue::S(part)) => text.contains(&**part),
        // The search would go through all of a long part first.
        (AttributeValue::B(bytes), AttributeValue::B(part)) => {
            part.len() <= bytes.len() && memmem::find(bytes, part).is_some()
        }
        (AttributeValue::Ss(set), AttributeValue::S(member)) => set.binary_search(member).is_ok(),
        (AttributeValue::Ns(set), AttributeValue::N(member)) => set.binary_search(member).is_ok(),
        (AttributeValue::Bs(set), AttributeValue::B(member)) => set.binary_search(member).is_ok(),
        (AttributeValue::L(list), member) => list.contains(member),
        _ => false,
    }
}

/// What `size` says of a value, if anything.
pub(super) fn size_of(value: &AttributeValue) -> Option<AttributeValue> {
    size(value).map(|size| AttributeValue::N(Number::from(size as u64)))
}

/// Strings are measured in UTF-16 units; what has no size makes the comparison one with a missing
/// value. Source: answers of the service recorded for other implementations.
fn size(value: &AttributeValue) -> Option<usize> {
    match value {
        AttributeValue::S(text) => Some(text.encode_utf16().count()),
        AttributeValue::B(bytes) => Some(bytes.len()),
        AttributeValue::L(list) => Some(list.len()),
        AttributeValue::M(map) => Some(map.len()),
        AttributeValue::Ss(set) => Some(set.len()),
        AttributeValue::Ns(set) => Some(set.len()),
        AttributeValue::Bs(set) => Some(set.len()),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => None,
    }
}
