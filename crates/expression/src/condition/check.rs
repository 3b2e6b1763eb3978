//! From a raw condition to its tree. Faults come in the service's order: redundant parentheses,
//! unknown functions, misplaced functions, reserved words; then condition by condition, from left
//! to right, undefined placeholders, counts, operands that are the same, operand types.

use std::sync::Arc;

use headwater_model::AttributeValue;
use headwater_model::limits::IN_OPERANDS_MAX;

use super::build;
use crate::ast::{ConditionNode, Operand, Path};
use crate::error::Fault;
use crate::placeholders::Placeholders;
use crate::resolve::{
    CONDITION_FUNCTIONS, check_count, check_known, check_path, misused, resolve_path, visit_operand,
};
use crate::syntax::{ParsedCondition, RawCall, RawCondition, RawOperand};

pub(super) fn resolve(
    parsed: &ParsedCondition<'_>,
    placeholders: &mut Placeholders,
) -> Result<ConditionNode, Fault> {
    if parsed.redundant_parentheses {
        return Err(Fault::RedundantParentheses);
    }
    each_leaf(&parsed.root, &mut |leaf| {
        leaf.each_call(&mut |call, _| check_known(call))
    })?;
    each_leaf(&parsed.root, &mut |leaf| leaf.each_call(&mut check_place))?;
    each_leaf(&parsed.root, &mut |leaf| {
        leaf.each_operand(&mut |operand| match operand {
            RawOperand::Path(path) => check_path(path),
            _ => Ok(()),
        })
    })?;
    node(&parsed.root, placeholders)
}

/// A condition without AND, OR and NOT.
#[derive(Clone, Copy)]
struct Leaf<'r, 't> {
    operands: &'r [RawOperand<'t>],
    /// The function that is the condition, if it is one.
    call: Option<&'r RawCall<'t>>,
}

impl<'r, 't> Leaf<'r, 't> {
    fn each_operand(
        self,
        visit: &mut dyn FnMut(&'r RawOperand<'t>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.operands
            .iter()
            .try_for_each(|operand| visit_operand(operand, visit))
    }

    /// Visits the calls, each with whether it stands for the whole condition.
    fn each_call(
        self,
        visit: &mut dyn FnMut(&'r RawCall<'t>, bool) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if let Some(call) = self.call {
            visit(call, true)?;
        }
        self.each_operand(&mut |operand| match operand {
            RawOperand::Call(call) => visit(call, false),
            _ => Ok(()),
        })
    }
}

fn each_leaf<'r, 't>(
    condition: &'r RawCondition<'t>,
    visit: &mut dyn FnMut(Leaf<'r, 't>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (operands, call): (&[RawOperand<'t>], _) = match condition {
        RawCondition::And(list) | RawCondition::Or(list) => {
            for inner in list {
                each_leaf(inner, visit)?;
            }
            return Ok(());
        }
        RawCondition::Not(inner) => return each_leaf(inner, visit),
        RawCondition::Compare(_, operands) => (&operands[..], None),
        RawCondition::Between(operands) => (&operands[..], None),
        RawCondition::In(operands) => (operands, None),
        RawCondition::Call(call) => (&call.arguments, Some(call)),
    };
    visit(Leaf { operands, call })
}

/// `size` is an operand, the other functions are conditions, those of updates are neither.
fn check_place(call: &RawCall<'_>, is_condition: bool) -> Result<(), Fault> {
    let known = CONDITION_FUNCTIONS
        .iter()
        .any(|(name, _)| *name == call.name);
    if known && (call.name == "size") != is_condition {
        Ok(())
    } else {
        Err(misused(call))
    }
}

fn node(
    condition: &RawCondition<'_>,
    placeholders: &mut Placeholders,
) -> Result<ConditionNode, Fault> {
    match condition {
        RawCondition::And(list) => Ok(ConditionNode::And(nodes(list, placeholders)?)),
        RawCondition::Or(list) => Ok(ConditionNode::Or(nodes(list, placeholders)?)),
        RawCondition::Not(inner) => Ok(ConditionNode::Not(Box::new(node(inner, placeholders)?))),
        RawCondition::Compare(..)
        | RawCondition::Between(_)
        | RawCondition::In(_)
        | RawCondition::Call(_) => leaf(condition, placeholders),
    }
}

/// Apart from [`node`], which calls itself and has to stay small on the stack.
fn leaf(
    condition: &RawCondition<'_>,
    placeholders: &mut Placeholders,
) -> Result<ConditionNode, Fault> {
    let mut term = |operand| Term::of(operand, placeholders);
    match condition {
        RawCondition::Compare(comparator, operands) => {
            let [left, right] = &**operands;
            let (left, right) = (term(left)?, term(right)?);
            build::comparison(*comparator, [left.operand()?, right.operand()?])
        }
        RawCondition::Between(operands) => {
            let [operand, lower, upper] = &**operands;
            let terms = [term(operand)?, term(lower)?, term(upper)?];
            let [operand, lower, upper] = terms.map(Term::operand);
            build::between([operand?, lower?, upper?])
        }
        RawCondition::In(operands) => membership(Term::list(operands, placeholders)?),
        RawCondition::Call(call) => {
            let terms = Term::list(&call.arguments, placeholders)?;
            let name = check_count(&CONDITION_FUNCTIONS, call)?;
            build::function(name, operands(terms)?)
        }
        RawCondition::And(_) | RawCondition::Or(_) | RawCondition::Not(_) => {
            node(condition, placeholders)
        }
    }
}

fn nodes(
    list: &[RawCondition<'_>],
    placeholders: &mut Placeholders,
) -> Result<Vec<ConditionNode>, Fault> {
    // A loop: `collect` would take several times the stack at every level.
    let mut nodes = Vec::with_capacity(list.len());
    for inner in list {
        nodes.push(node(inner, placeholders)?);
    }
    Ok(nodes)
}

/// An operand with its placeholders replaced; calls of `size` wait for their own checks, because
/// every placeholder of the condition is looked up before.
enum Term<'r, 't> {
    Path(Path),
    Value(Arc<AttributeValue>),
    Size(&'r RawCall<'t>, Vec<Term<'r, 't>>),
}

impl<'r, 't> Term<'r, 't> {
    fn of(operand: &'r RawOperand<'t>, placeholders: &mut Placeholders) -> Result<Self, Fault> {
        Ok(match operand {
            RawOperand::Path(path) => Self::Path(resolve_path(path, placeholders)?),
            RawOperand::Value(key) => Self::Value(placeholders.value(key)?),
            RawOperand::Call(call) => Self::Size(call, Self::list(&call.arguments, placeholders)?),
        })
    }

    fn list(
        operands: &'r [RawOperand<'t>],
        placeholders: &mut Placeholders,
    ) -> Result<Vec<Self>, Fault> {
        operands
            .iter()
            .map(|operand| Self::of(operand, placeholders))
            .collect()
    }

    fn operand(self) -> Result<Operand, Fault> {
        Ok(match self {
            Self::Path(path) => Operand::Path(path),
            Self::Value(value) => Operand::Value(value),
            Self::Size(call, arguments) => {
                check_count(&CONDITION_FUNCTIONS, call)?;
                let mut operands = operands(arguments)?;
                // The count was checked: there is one.
                let Some(inner) = operands.pop() else {
                    return Err(misused(call));
                };
                build::size(inner)?
            }
        })
    }
}

fn operands(terms: Vec<Term<'_, '_>>) -> Result<Vec<Operand>, Fault> {
    terms.into_iter().map(Term::operand).collect()
}

/// Only the values in the list are counted (guide: up to 100 of them).
fn membership(terms: Vec<Term<'_, '_>>) -> Result<ConditionNode, Fault> {
    // The left side stands first.
    let count = terms.len().saturating_sub(1);
    if count > IN_OPERANDS_MAX {
        return Err(Fault::TooManyInOperands { count });
    }
    let mut list = operands(terms)?;
    let operand = list.remove(0);
    build::membership(operand, list)
}
