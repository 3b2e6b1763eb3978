//! What a condition says whatever the item is, worked out once: its constants may be large, and the items of a page many.

use std::sync::Arc;

use headwater_model::{AttributeValue, Item};

use super::evaluate::{holds, size_of};
use super::visit_paths;
use crate::ast::{ConditionNode, Operand};

/// The same condition, with what needs no item in place of how it is found.
pub(super) fn folded(node: ConditionNode) -> ConditionNode {
    match node {
        ConditionNode::And(list) => ConditionNode::And(all_folded(list)),
        ConditionNode::Or(list) => ConditionNode::Or(all_folded(list)),
        ConditionNode::Not(inner) => ConditionNode::Not(Box::new(folded(*inner))),
        leaf => folded_leaf(leaf),
    }
}

fn all_folded(mut list: Vec<ConditionNode>) -> Vec<ConditionNode> {
    // A loop: `collect` would take several times the stack at every level.
    for node in &mut list {
        *node = folded(std::mem::replace(node, always(true)));
    }
    list
}

/// Apart from [`folded`], which calls itself and has to stay small on the stack.
fn folded_leaf(mut leaf: ConditionNode) -> ConditionNode {
    each_operand(&mut leaf, &mut |operand| {
        let whole = std::mem::replace(operand, Operand::Truth(Box::new(always(true))));
        *operand = folded_operand(whole);
    });
    match needs_an_item(&leaf) {
        true => leaf,
        false => always(holds(&leaf, &Item::new())),
    }
}

fn folded_operand(operand: Operand) -> Operand {
    match operand {
        Operand::Size(inner) => {
            let inner = folded_operand(*inner);
            match &inner {
                Operand::Value(value) if let Some(size) = size_of(value) => {
                    Operand::Value(Arc::new(size))
                }
                _ => Operand::Size(Box::new(inner)),
            }
        }
        Operand::Truth(node) => {
            let node = folded(*node);
            match needs_an_item(&node) {
                true => Operand::Truth(Box::new(node)),
                false => {
                    let truth = holds(&node, &Item::new());
                    Operand::Value(Arc::new(AttributeValue::Bool(truth)))
                }
            }
        }
        operand => operand,
    }
}

/// A condition that holds for every item, or for none.
fn always(holds: bool) -> ConditionNode {
    match holds {
        true => ConditionNode::And(Vec::new()),
        false => ConditionNode::Or(Vec::new()),
    }
}

fn needs_an_item(node: &ConditionNode) -> bool {
    let mut any = false;
    visit_paths(node, &mut |_| any = true);
    any
}

/// Bytes of constants that each evaluation goes through, beside those of the item.
pub(super) fn constant_bytes(node: &ConditionNode) -> usize {
    let sum = |bytes: &mut dyn Iterator<Item = usize>| bytes.fold(0, usize::saturating_add);
    match node {
        ConditionNode::And(list) | ConditionNode::Or(list) => {
            sum(&mut list.iter().map(constant_bytes))
        }
        ConditionNode::Not(inner) => constant_bytes(inner),
        ConditionNode::Contains {
            container: Operand::Value(value),
            sought,
        } => searched_bytes(value).saturating_add(bytes_within(sought)),
        ConditionNode::Contains {
            container: one,
            sought: other,
        }
        | ConditionNode::BeginsWith {
            operand: one,
            prefix: other,
        }
        | ConditionNode::Compare {
            left: one,
            right: other,
            ..
        } => bytes_within(one).saturating_add(bytes_within(other)),
        ConditionNode::Between {
            operand,
            lower,
            upper,
        } => sum(&mut [operand, lower, upper].into_iter().map(bytes_within)),
        ConditionNode::In { operand, list } => {
            sum(&mut list.iter().map(bytes_within)).saturating_add(bytes_within(operand))
        }
        ConditionNode::AttributeType { operand, .. } => bytes_within(operand),
        ConditionNode::AttributeExists(_) | ConditionNode::AttributeNotExists(_) => 0,
    }
}

/// As [`constant_bytes`], of the conditions within an operand; of a constant no more is looked at than of the attribute that
/// it is compared with.
fn bytes_within(operand: &Operand) -> usize {
    match operand {
        Operand::Path(_) | Operand::Value(_) => 0,
        Operand::Size(inner) => bytes_within(inner),
        Operand::Truth(node) => constant_bytes(node),
    }
}

/// Bytes of a container that are looked at to find something in it.
fn searched_bytes(container: &AttributeValue) -> usize {
    match container {
        AttributeValue::S(_) | AttributeValue::B(_) | AttributeValue::L(_) => {
            container.size_bytes()
        }
        // Sets are sorted.
        _ => 0,
    }
}

fn each_operand(leaf: &mut ConditionNode, change: &mut dyn FnMut(&mut Operand)) {
    match leaf {
        ConditionNode::Compare { left, right, .. } => [left, right].into_iter().for_each(change),
        ConditionNode::Between {
            operand,
            lower,
            upper,
        } => [operand, lower, upper].into_iter().for_each(change),
        ConditionNode::In { operand, list } => {
            change(operand);
            list.iter_mut().for_each(change);
        }
        ConditionNode::AttributeType { operand, .. } => change(operand),
        ConditionNode::BeginsWith { operand, prefix } => {
            [operand, prefix].into_iter().for_each(change);
        }
        ConditionNode::Contains { container, sought } => {
            [container, sought].into_iter().for_each(change);
        }
        ConditionNode::And(_)
        | ConditionNode::Or(_)
        | ConditionNode::Not(_)
        | ConditionNode::AttributeExists(_)
        | ConditionNode::AttributeNotExists(_) => {}
    }
}
