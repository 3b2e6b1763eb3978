//! What a condition says about an item.
//!
//! A missing attribute equals nothing, not even another missing one, so `<>` holds for it and every
//! other comparison does not. Values of different types are unequal and unordered. Source:
//! Alternator's tests of conditions, which were run against the service.

use std::borrow::Cow;

use headwater_model::{AttributeValue, Item, Number};
use memchr::memmem;

use super::steps::{PER_STEP, Steps};
use crate::ast::{Comparator, ConditionNode, Operand};

type Resolved<'a> = Option<Cow<'a, AttributeValue>>;

/// What it says means nothing once the steps are used up.
pub(super) fn holds(node: &ConditionNode, item: &Item, steps: &mut Steps) -> bool {
    match node {
        ConditionNode::And(list) => list.iter().all(|node| holds(node, item, steps)),
        ConditionNode::Or(list) => list.iter().any(|node| holds(node, item, steps)),
        ConditionNode::Not(inner) => !holds(inner, item, steps),
        leaf => steps.take_for(0) && leaf_holds(leaf, item, steps),
    }
}

/// Apart from [`holds`], which calls itself and has to stay small on the stack.
fn leaf_holds(leaf: &ConditionNode, item: &Item, steps: &mut Steps) -> bool {
    match leaf {
        ConditionNode::Compare {
            comparator,
            left,
            right,
        } => {
            let (left, right) = (resolve(left, item, steps), resolve(right, item, steps));
            compare(*comparator, &left, &right, steps)
        }
        ConditionNode::Between {
            operand,
            lower,
            upper,
        } => {
            let operand = resolve(operand, item, steps);
            let lower = resolve(lower, item, steps);
            compare(Comparator::GreaterOrEqual, &operand, &lower, steps) && {
                let upper = resolve(upper, item, steps);
                compare(Comparator::LessOrEqual, &operand, &upper, steps)
            }
        }
        ConditionNode::In { operand, list } => {
            let operand = resolve(operand, item, steps);
            list.iter().any(|member| {
                let member = resolve(member, item, steps);
                compare(Comparator::Equal, &operand, &member, steps)
            })
        }
        ConditionNode::AttributeExists(path) => path.find(item).is_some(),
        ConditionNode::AttributeNotExists(path) => path.find(item).is_none(),
        ConditionNode::AttributeType { operand, type_name } => resolve(operand, item, steps)
            .is_some_and(|value| value.type_name() == type_name.as_str()),
        ConditionNode::BeginsWith { operand, prefix } => {
            let (value, prefix) = (resolve(operand, item, steps), resolve(prefix, item, steps));
            both(&value, &prefix, steps, begins_with)
        }
        ConditionNode::Contains { container, sought } => {
            let container = resolve(container, item, steps);
            let sought = resolve(sought, item, steps);
            both(&container, &sought, steps, contains)
        }
        ConditionNode::And(_) | ConditionNode::Or(_) | ConditionNode::Not(_) => {
            holds(leaf, item, steps)
        }
    }
}

fn resolve<'a>(operand: &'a Operand, item: &'a Item, steps: &mut Steps) -> Resolved<'a> {
    match operand {
        Operand::Path(path) => path.find(item).map(Cow::Borrowed),
        Operand::Value(value) => Some(Cow::Borrowed(value)),
        Operand::Size(inner) => {
            let inner = resolve(inner, item, steps)?;
            match steps.take_for(measured_bytes(&inner)) {
                true => size_of(&inner).map(Cow::Owned),
                false => None,
            }
        }
        Operand::Truth(node) => Some(Cow::Owned(AttributeValue::Bool(holds(node, item, steps)))),
    }
}

fn compare(
    comparator: Comparator,
    left: &Resolved<'_>,
    right: &Resolved<'_>,
    steps: &mut Steps,
) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return comparator == Comparator::NotEqual;
    };
    let (left, right) = (&**left, &**right);
    match comparator {
        Comparator::Equal => return equal(left, right, steps),
        Comparator::NotEqual => return !equal(left, right, steps),
        _ => {}
    }
    let order = match steps.take_for(common_bytes(left, right)) {
        true => left.compare(right),
        false => None,
    };
    order.is_some_and(|order| match comparator {
        Comparator::Less => order.is_lt(),
        Comparator::LessOrEqual => order.is_le(),
        Comparator::Greater => order.is_gt(),
        Comparator::GreaterOrEqual => order.is_ge(),
        Comparator::Equal | Comparator::NotEqual => false,
    })
}

/// Equality of values, each of which takes a step.
fn equal(left: &AttributeValue, right: &AttributeValue, steps: &mut Steps) -> bool {
    match (left, right) {
        (AttributeValue::L(left), AttributeValue::L(right)) => {
            let mut pairs = left.iter().zip(right);
            steps.take_for(0)
                && left.len() == right.len()
                && pairs.all(|(left, right)| equal(left, right, steps))
        }
        (AttributeValue::M(left), AttributeValue::M(right)) => {
            let mut pairs = left.iter().zip(right.iter());
            steps.take_for(0)
                && left.len() == right.len()
                && pairs.all(|((left_name, left), (right_name, right))| {
                    steps.take_for(left_name.len().min(right_name.len()))
                        && left_name == right_name
                        && equal(left, right, steps)
                })
        }
        _ => steps.take_for(common_bytes(left, right)) && left == right,
    }
}

/// Bytes that comparing two values goes through at most; each element of a set counts as a step's.
fn common_bytes(left: &AttributeValue, right: &AttributeValue) -> usize {
    match (left, right) {
        (AttributeValue::S(left), AttributeValue::S(right)) => left.len().min(right.len()),
        (AttributeValue::B(left), AttributeValue::B(right)) => left.len().min(right.len()),
        (AttributeValue::Ss(left), AttributeValue::Ss(right)) if left.len() == right.len() => {
            left.iter().map(|element| PER_STEP + element.len()).sum()
        }
        (AttributeValue::Bs(left), AttributeValue::Bs(right)) if left.len() == right.len() => {
            left.iter().map(|element| PER_STEP + element.len()).sum()
        }
        (AttributeValue::Ns(left), AttributeValue::Ns(right)) if left.len() == right.len() => {
            PER_STEP * left.len()
        }
        _ => 0,
    }
}

fn both(
    left: &Resolved<'_>,
    right: &Resolved<'_>,
    steps: &mut Steps,
    test: fn(&AttributeValue, &AttributeValue, &mut Steps) -> bool,
) -> bool {
    matches!((left, right), (Some(left), Some(right)) if test(left, right, steps))
}

fn begins_with(value: &AttributeValue, prefix: &AttributeValue, steps: &mut Steps) -> bool {
    if !steps.take_for(common_bytes(value, prefix)) {
        return false;
    }
    match (value, prefix) {
        (AttributeValue::S(value), AttributeValue::S(prefix)) => value.starts_with(&**prefix),
        (AttributeValue::B(value), AttributeValue::B(prefix)) => value.starts_with(prefix),
        _ => false,
    }
}

fn contains(container: &AttributeValue, sought: &AttributeValue, steps: &mut Steps) -> bool {
    match (container, sought) {
        // The search would go through all of a long part first.
        (AttributeValue::S(text), AttributeValue::S(part)) => {
            part.len() <= text.len() && steps.take_for(text.len()) && text.contains(&**part)
        }
        (AttributeValue::B(bytes), AttributeValue::B(part)) => {
            part.len() <= bytes.len()
                && steps.take_for(bytes.len())
                && memmem::find(bytes, part).is_some()
        }
        (AttributeValue::Ss(set), AttributeValue::S(member)) => {
            steps.take_for(member.len()) && set.binary_search(member).is_ok()
        }
        (AttributeValue::Ns(set), AttributeValue::N(member)) => set.binary_search(member).is_ok(),
        (AttributeValue::Bs(set), AttributeValue::B(member)) => {
            steps.take_for(member.len()) && set.binary_search(member).is_ok()
        }
        (AttributeValue::L(list), member) => list
            .iter()
            .any(|element| equal(element, member, steps) || steps.are_used_up()),
        _ => false,
    }
}

/// Bytes that `size` goes through.
pub(super) fn measured_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        _ => 0,
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
