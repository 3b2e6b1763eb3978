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
    match node {
        ConditionNode::And(list) | ConditionNode::Or(list) => list
            .iter()
            .map(constant_bytes)
            .fold(0, usize::saturating_add),
        ConditionNode::Not(inner) => constant_bytes(inner),
        ConditionNode::Contains {
            container: Operand::Value(value),
            ..
        } => searched_bytes(value),
        // The others look at no more of a constant than of the attribute that they compare it with.
        _ => 0,
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
