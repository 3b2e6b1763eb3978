//! What the parts of a WHERE clause say about the key of what is read or written.

use std::sync::Arc;

use headwater_model::{AttributeValue, KeyAttribute, KeySchema, KeyType};

use super::error::PartiqlError;
use crate::ast::{Comparator, ConditionNode, Operand, Path};
use crate::condition::{Condition, visit_paths};
use crate::key_condition::SortCondition;

/// The parts of a condition that must all hold.
pub(super) fn conjuncts(node: &ConditionNode) -> Vec<&ConditionNode> {
    let mut parts = Vec::new();
    collect(node, &mut parts);
    parts
}

fn collect<'n>(node: &'n ConditionNode, parts: &mut Vec<&'n ConditionNode>) {
    match node {
        ConditionNode::And(list) => list.iter().for_each(|node| collect(node, parts)),
        other => parts.push(other),
    }
}

/// A condition out of parts; none if there are none.
pub(super) fn all_of(parts: Vec<&ConditionNode>) -> Option<Condition> {
    let root = match parts.as_slice() {
        [] => return None,
        [single] => ConditionNode::clone(single),
        _ => ConditionNode::And(parts.into_iter().cloned().collect()),
    };
    Some(Condition::new(root))
}

/// The key attribute that a condition looks into, though it has no parts.
pub(super) fn nested_key(node: &ConditionNode, schema: &KeySchema) -> Option<String> {
    let mut nested = None;
    visit_paths(node, &mut |path: &Path| {
        if !path.is_top_level() && schema.contains(&path.attribute) {
            nested.get_or_insert_with(|| path.attribute.to_string());
        }
    });
    nested
}

/// Refuses comparisons of key attributes with values of another type.
pub(super) fn check_filter(node: &ConditionNode, schema: &KeySchema) -> Result<(), PartiqlError> {
    let operands = match node {
        ConditionNode::And(list) | ConditionNode::Or(list) => {
            return list.iter().try_for_each(|node| check_filter(node, schema));
        }
        ConditionNode::Not(inner) => return check_filter(inner, schema),
        ConditionNode::Compare { left, right, .. } => vec![left, right],
        ConditionNode::Between {
            operand,
            lower,
            upper,
        } => vec![operand, lower, upper],
        ConditionNode::In { operand, list } => std::iter::once(operand).chain(list).collect(),
        _ => return Ok(()),
    };
    let mut attributes = operands.iter().filter_map(|operand| match operand {
        Operand::Path(path) => attribute_of(path, schema),
        _ => None,
    });
    let Some(attribute) = attributes.next() else {
        return Ok(());
    };
    let mut values = operands.iter().filter_map(|operand| match operand {
        Operand::Value(value) => Some(value),
        _ => None,
    });
    if !values.clone().all(|value| has_type(value, attribute.kind)) {
        return Err(PartiqlError::ConditionOnKeyType);
    }
    values.try_for_each(|value| check_value(value, attribute))
}

fn attribute_of<'s>(path: &Path, schema: &'s KeySchema) -> Option<&'s KeyAttribute> {
    let name = path.is_top_level().then_some(&*path.attribute)?;
    schema.attributes().find(|attribute| attribute.name == name)
}

fn has_type(value: &AttributeValue, kind: KeyType) -> bool {
    matches!(
        (value, kind),
        (AttributeValue::S(_), KeyType::S)
            | (AttributeValue::N(_), KeyType::N)
            | (AttributeValue::B(_), KeyType::B)
    )
}

/// Refuses a value that the key attribute cannot have.
pub(super) fn check_value(
    value: &AttributeValue,
    attribute: &KeyAttribute,
) -> Result<(), PartiqlError> {
    let name = || attribute.name.clone();
    let empty = match value {
        AttributeValue::S(text) => text.is_empty().then_some("string"),
        AttributeValue::B(bytes) => bytes.is_empty().then_some("binary"),
        _ => None,
    };
    if !has_type(value, attribute.kind) {
        return Err(PartiqlError::KeyType { name: name() });
    }
    match empty {
        Some(kind) => Err(PartiqlError::KeyEmpty { name: name(), kind }),
        None => Ok(()),
    }
}

/// The values that a part allows for an attribute, if it is `=` or `IN` with constants.
pub(super) fn values_of(
    node: &ConditionNode,
    attribute: &KeyAttribute,
) -> Result<Option<Vec<AttributeValue>>, PartiqlError> {
    let values = match node {
        ConditionNode::Compare { .. } => match equal_to(node, attribute) {
            Some(value) => vec![value],
            None => return Ok(None),
        },
        ConditionNode::In { operand, list } if is_attribute(operand, attribute) => {
            let values = list.iter().map(|operand| match operand {
                Operand::Value(value) => Some(value),
                _ => None,
            });
            match values.collect::<Option<Vec<_>>>() {
                Some(values) => values,
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    if matches!(node, ConditionNode::In { .. })
        && !values.iter().all(|value| has_type(value, attribute.kind))
    {
        return Err(PartiqlError::ConditionOnKeyType);
    }
    let mut distinct: Vec<AttributeValue> = Vec::with_capacity(values.len());
    for value in values {
        check_value(value, attribute)?;
        if !distinct.contains(value) {
            distinct.push(AttributeValue::clone(value));
        }
    }
    Ok(Some(distinct))
}

/// The range of values that a part allows for an attribute, if it is one.
pub(super) fn range_of(
    node: &ConditionNode,
    attribute: &KeyAttribute,
) -> Result<Option<SortCondition>, PartiqlError> {
    let condition = match node {
        ConditionNode::Compare {
            comparator,
            left,
            right,
        } => {
            let Some((value, at_left)) = constant_beside(attribute, left, right) else {
                return Ok(None);
            };
            let value = AttributeValue::clone(value);
            let comparator = match at_left {
                true => comparator.flipped(),
                false => *comparator,
            };
            match comparator {
                Comparator::Equal => SortCondition::Equal(value),
                Comparator::Less => SortCondition::Less(value),
                Comparator::LessOrEqual => SortCondition::LessOrEqual(value),
                Comparator::Greater => SortCondition::Greater(value),
                Comparator::GreaterOrEqual => SortCondition::GreaterOrEqual(value),
                Comparator::NotEqual => return Ok(None),
            }
        }
        ConditionNode::Between {
            operand,
            lower: Operand::Value(lower),
            upper: Operand::Value(upper),
        } if is_attribute(operand, attribute) => {
            SortCondition::Between(AttributeValue::clone(lower), AttributeValue::clone(upper))
        }
        ConditionNode::BeginsWith {
            operand,
            prefix: Operand::Value(prefix),
        } if is_attribute(operand, attribute) => {
            SortCondition::BeginsWith(AttributeValue::clone(prefix))
        }
        _ => return Ok(None),
    };
    condition
        .values()
        .try_for_each(|value| check_value(value, attribute))?;
    Ok(Some(condition))
}

fn is_attribute(operand: &Operand, attribute: &KeyAttribute) -> bool {
    match operand {
        Operand::Path(path) => path.is_top_level() && *path.attribute == *attribute.name,
        _ => false,
    }
}

/// The constant that a part says an attribute is equal to.
pub(super) fn equal_to<'n>(
    node: &'n ConditionNode,
    attribute: &KeyAttribute,
) -> Option<&'n Arc<AttributeValue>> {
    match node {
        ConditionNode::Compare {
            comparator: Comparator::Equal,
            left,
            right,
        } => constant_beside(attribute, left, right).map(|(value, _)| value),
        _ => None,
    }
}

/// The constant that an attribute is compared with, and whether it is the left side.
fn constant_beside<'n>(
    attribute: &KeyAttribute,
    left: &'n Operand,
    right: &'n Operand,
) -> Option<(&'n Arc<AttributeValue>, bool)> {
    match (left, right) {
        (path, Operand::Value(value)) if is_attribute(path, attribute) => Some((value, false)),
        (Operand::Value(value), path) if is_attribute(path, attribute) => Some((value, true)),
        _ => None,
    }
}

/// Whether a part is about an attribute.
pub(super) fn mentions(node: &ConditionNode, attribute: &KeyAttribute) -> bool {
    let mut found = false;
    visit_paths(node, &mut |path| {
        found |= *path.attribute == *attribute.name;
    });
    found
}
