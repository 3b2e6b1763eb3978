//! From a raw condition to its tree. Faults come in the service's order: redundant parentheses,
//! unknown functions, misplaced functions, reserved words; then condition by condition, from left
//! to right, undefined placeholders, counts, operands that are the same, operand types.

use std::cmp::Ordering;
use std::sync::Arc;

use headwater_model::AttributeValue;
use headwater_model::limits::IN_OPERANDS_MAX;

use crate::ast::{Comparator, ConditionNode, Operand, Path, TypeName};
use crate::error::Fault;

use crate::placeholders::Placeholders;
use crate::resolve::{
    CONDITION_FUNCTIONS, check_count, check_known, check_path, misused, printed, resolve_path,
    visit_operand,
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
            comparison(*comparator, [term(left)?, term(right)?])
        }
        RawCondition::Between(operands) => {
            let [operand, lower, upper] = &**operands;
            between([term(operand)?, term(lower)?, term(upper)?])
        }
        RawCondition::In(operands) => membership(Term::list(operands, placeholders)?),
        RawCondition::Call(call) => {
            let terms = Term::list(&call.arguments, placeholders)?;
            function(check_count(&CONDITION_FUNCTIONS, call)?, terms)
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
                refuse_types("size", &["N", "BOOL", "NULL"], &[&inner])?;
                Operand::Size(Box::new(inner))
            }
        })
    }
}

fn operands(terms: Vec<Term<'_, '_>>) -> Result<Vec<Operand>, Fault> {
    terms.into_iter().map(Term::operand).collect()
}

/// The type of an operand, where it is known without an item.
fn known_type(operand: &Operand) -> Option<&'static str> {
    match operand {
        Operand::Path(_) => None,
        Operand::Value(value) => Some(value.type_name()),
        Operand::Size(_) => Some("N"),
    }
}

const UNORDERED: [&str; 7] = ["BOOL", "NULL", "L", "M", "SS", "NS", "BS"];

fn refuse_types(
    operator: &'static str,
    refused: &[&str],
    operands: &[&Operand],
) -> Result<(), Fault> {
    let types = operands.iter().filter_map(|operand| known_type(operand));
    match types.clone().find(|name| refused.contains(name)) {
        Some(operand) => Err(Fault::OperandType { operator, operand }),
        None => Ok(()),
    }
}

fn refuse_same(operator: &'static str, left: &Operand, right: &Operand) -> Result<(), Fault> {
    match (left, right) {
        (Operand::Path(left), Operand::Path(right)) if left == right => Err(Fault::NotDistinct {
            operator,
            path: left.to_string(),
        }),
        _ => Ok(()),
    }
}

fn comparison(
    comparator: Comparator,
    [left, right]: [Term<'_, '_>; 2],
) -> Result<ConditionNode, Fault> {
    let (left, right) = (left.operand()?, right.operand()?);
    refuse_same(comparator.symbol(), &left, &right)?;
    if !matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
        refuse_types(comparator.symbol(), &UNORDERED, &[&left, &right])?;
    }
    Ok(ConditionNode::Compare {
        comparator,
        left,
        right,
    })
}

fn between([operand, lower, upper]: [Term<'_, '_>; 3]) -> Result<ConditionNode, Fault> {
    let (operand, lower, upper) = (operand.operand()?, lower.operand()?, upper.operand()?);
    refuse_types("BETWEEN", &UNORDERED, &[&operand, &lower, &upper])?;
    if let (Operand::Value(lower), Operand::Value(upper)) = (&lower, &upper) {
        check_bounds(lower, upper)?;
    }
    Ok(ConditionNode::Between {
        operand,
        lower,
        upper,
    })
}

fn check_bounds(lower: &AttributeValue, upper: &AttributeValue) -> Result<(), Fault> {
    match lower.compare(upper) {
        None => Err(Fault::BetweenTypes {
            lower: printed(lower),
            upper: printed(upper),
        }),
        Some(Ordering::Greater) => Err(Fault::BetweenOrder {
            lower: printed(lower),
            upper: printed(upper),
        }),
        Some(_) => Ok(()),
    }
}

fn membership(terms: Vec<Term<'_, '_>>) -> Result<ConditionNode, Fault> {
    if terms.len() > IN_OPERANDS_MAX {
        return Err(Fault::TooManyInOperands { count: terms.len() });
    }
    let mut list = operands(terms)?;
    // The left side stands first.
    let operand = list.remove(0);
    Ok(ConditionNode::In { operand, list })
}

fn function(name: &'static str, terms: Vec<Term<'_, '_>>) -> Result<ConditionNode, Fault> {
    let mut operands = operands(terms)?.into_iter();
    let (first, second) = (operands.next(), operands.next());
    match (name, first, second) {
        ("attribute_exists", Some(first), None) => {
            Ok(ConditionNode::AttributeExists(require_path(name, first)?))
        }
        ("attribute_not_exists", Some(first), None) => Ok(ConditionNode::AttributeNotExists(
            require_path(name, first)?,
        )),
        ("attribute_type", Some(operand), Some(second)) => {
            refuse_same(name, &operand, &second)?;
            Ok(ConditionNode::AttributeType {
                operand,
                type_name: type_name(&second)?,
            })
        }
        ("begins_with", Some(operand), Some(prefix)) => {
            refuse_same(name, &operand, &prefix)?;
            const REFUSED: [&str; 8] = ["N", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];
            refuse_types(name, &REFUSED, &[&operand, &prefix])?;
            Ok(ConditionNode::BeginsWith { operand, prefix })
        }
        ("contains", Some(container), Some(sought)) => {
            refuse_same(name, &container, &sought)?;
            Ok(ConditionNode::Contains { container, sought })
        }
        // Number and place of operands were checked.
        _ => Err(Fault::MisusedFunction {
            name: name.to_owned(),
        }),
    }
}

fn require_path(operator: &'static str, operand: Operand) -> Result<Path, Fault> {
    match operand {
        Operand::Path(path) => Ok(path),
        _ => Err(Fault::PathRequired { operator }),
    }
}

fn type_name(operand: &Operand) -> Result<TypeName, Fault> {
    if let Operand::Value(value) = operand
        && let AttributeValue::S(name) = &**value
    {
        return TypeName::parse(name).ok_or_else(|| Fault::UnknownType { name: name.clone() });
    }
    // For an attribute the service names every type, in no order of its own.
    let operand = known_type(operand).unwrap_or("{NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
    Err(Fault::OperandType {
        operator: "attribute_type",
        operand,
    })
}
