//! What a condition says whatever the item is, worked out once: its constants may be large, and the items of a page many.

use std::sync::Arc;

use headwater_model::{AttributeValue, Item};

use super::evaluate::{holds, measured_bytes, size_of};
use super::steps::Steps;
use super::visit_paths;
use crate::ast::{ConditionNode, Operand};

/// Steps in which constants are worked out; what takes more stays as it is.
const STEPS_MAX: u64 = 32 << 20;

/// The same condition, with what needs no item in place of how it is found.
pub(super) fn folded(node: ConditionNode) -> ConditionNode {
    folded_within(node, &mut Steps::new(STEPS_MAX))
}

fn folded_within(node: ConditionNode, steps: &mut Steps) -> ConditionNode {
    match node {
        ConditionNode::And(list) => ConditionNode::And(all_folded(list, steps)),
        ConditionNode::Or(list) => ConditionNode::Or(all_folded(list, steps)),
        ConditionNode::Not(inner) => ConditionNode::Not(Box::new(folded_within(*inner, steps))),
        leaf => folded_leaf(leaf, steps),
    }
}

fn all_folded(mut list: Vec<ConditionNode>, steps: &mut Steps) -> Vec<ConditionNode> {
    // A loop: `collect` would take several times the stack at every level.
    for node in &mut list {
        *node = folded_within(std::mem::replace(node, always(true)), steps);
    }
    list
}

/// Apart from [`folded_within`], which calls itself and has to stay small on the stack.
fn folded_leaf(mut leaf: ConditionNode, steps: &mut Steps) -> ConditionNode {
    each_operand(&mut leaf, &mut |operand| {
        let whole = std::mem::replace(operand, Operand::Truth(Box::new(always(true))));
        *operand = folded_operand(whole, steps);
    });
    match constant(&leaf, steps) {
        Some(holds) => always(holds),
        None => leaf,
    }
}

fn folded_operand(operand: Operand, steps: &mut Steps) -> Operand {
    match operand {
        Operand::Size(inner) => {
            let inner = folded_operand(*inner, steps);
            match &inner {
                Operand::Value(value)
                    if steps.take_for(measured_bytes(value))
                        && let Some(size) = size_of(value) =>
                {
                    Operand::Value(Arc::new(size))
                }
                _ => Operand::Size(Box::new(inner)),
            }
        }
        Operand::Truth(node) => {
            let node = folded_within(*node, steps);
            match constant(&node, steps) {
                Some(truth) => Operand::Value(Arc::new(AttributeValue::Bool(truth))),
                None => Operand::Truth(Box::new(node)),
            }
        }
        operand => operand,
    }
}

/// Whether it holds for every item or for none, if it needs none to say that.
fn constant(node: &ConditionNode, steps: &mut Steps) -> Option<bool> {
    if needs_an_item(node) {
        return None;
    }
    let holds = holds(node, &Item::new(), steps);
    (!steps.are_used_up()).then_some(holds)
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
