//! Conditions out of operands: what is refused whatever language they are written in.

use std::cmp::Ordering;

use headwater_model::AttributeValue;

use crate::ast::{Comparator, ConditionNode, Operand, Path, TypeName};
use crate::error::Fault;
use crate::resolve::printed;

/// `size(inner)`
pub(crate) fn size(inner: Operand) -> Result<Operand, Fault> {
    refuse_types("size", &["N", "BOOL", "NULL"], &[&inner])?;
    Ok(Operand::Size(Box::new(inner)))
}

/// The type of an operand, where it is known without an item.
fn known_type(operand: &Operand) -> Option<&'static str> {
    match operand {
        Operand::Path(_) => None,
        Operand::Value(value) => Some(value.type_name()),
        Operand::Size(_) => Some("N"),
        Operand::Truth(_) => Some("BOOL"),
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

fn refuse_same(operator: &'static str, first: &Operand, others: &[&Operand]) -> Result<(), Fault> {
    match first {
        Operand::Path(path) if others.contains(&first) => Err(Fault::NotDistinct {
            operator,
            path: path.to_string(),
        }),
        _ => Ok(()),
    }
}

/// `left comparator right`
pub(crate) fn comparison(
    comparator: Comparator,
    [left, right]: [Operand; 2],
) -> Result<ConditionNode, Fault> {
    refuse_same(comparator.symbol(), &left, &[&right])?;
    if !matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
        refuse_types(comparator.symbol(), &UNORDERED, &[&left, &right])?;
    }
    Ok(ConditionNode::Compare {
        comparator,
        left,
        right,
    })
}

/// `operand BETWEEN lower AND upper`
pub(crate) fn between([operand, lower, upper]: [Operand; 3]) -> Result<ConditionNode, Fault> {
    refuse_same("BETWEEN", &operand, &[&lower, &upper])?;
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

/// `operand IN (list)`
pub(crate) fn membership(operand: Operand, list: Vec<Operand>) -> Result<ConditionNode, Fault> {
    refuse_same("IN", &operand, &list.iter().collect::<Vec<_>>())?;
    Ok(ConditionNode::In { operand, list })
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

/// A function that is a condition; the number of its operands is right.
pub(crate) fn function(name: &'static str, operands: Vec<Operand>) -> Result<ConditionNode, Fault> {
    let mut operands = operands.into_iter();
    let (first, second) = (operands.next(), operands.next());
    match (name, first, second) {
        ("attribute_exists", Some(first), None) => {
            Ok(ConditionNode::AttributeExists(require_path(name, first)?))
        }
        ("attribute_not_exists", Some(first), None) => Ok(ConditionNode::AttributeNotExists(
            require_path(name, first)?,
        )),
        ("attribute_type", Some(operand), Some(second)) => {
            refuse_same(name, &operand, &[&second])?;
            Ok(ConditionNode::AttributeType {
                operand,
                type_name: type_name(&second)?,
            })
        }
        ("begins_with", Some(operand), Some(prefix)) => {
            refuse_same(name, &operand, &[&prefix])?;
            const REFUSED: [&str; 8] = ["N", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];
            refuse_types(name, &REFUSED, &[&operand, &prefix])?;
            Ok(ConditionNode::BeginsWith { operand, prefix })
        }
        ("contains", Some(container), Some(sought)) => {
            refuse_same(name, &container, &[&sought])?;
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
