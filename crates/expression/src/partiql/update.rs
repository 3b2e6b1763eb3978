//! `SET` and `REMOVE` into the actions that update expressions give.

use headwater_model::AttributeValue;

use super::condition::unknown_function;
use super::error::PartiqlError;
use super::path::path;
use super::printed::printed;
use super::syntax::{Node, Raw, RawChange};
use super::value::Values;
use crate::ast::{Path, SetValue, UpdateAction, UpdateOperand};
use crate::error::Fault;
use crate::path::check_distinct;
use crate::resolve::CONDITION_FUNCTIONS;
use crate::update::{Update, build};

/// The update that all changes of a statement are.
pub(super) fn update(changes: &[RawChange], values: &Values) -> Result<Update, PartiqlError> {
    let actions: Vec<UpdateAction> = changes
        .iter()
        .map(|change| action(change, values))
        .collect::<Result<_, _>>()?;
    // The service names the later path first.
    let paths: Vec<&Path> = actions.iter().rev().map(UpdateAction::path).collect();
    check_distinct(&paths)?;
    Ok(Update::new(actions))
}

fn action(change: &RawChange, values: &Values) -> Result<UpdateAction, PartiqlError> {
    match change {
        RawChange::Remove(target) => Ok(UpdateAction::Remove {
            path: path(target)?,
        }),
        RawChange::Set(target, raw) => {
            let path = path(target)?;
            match set_function(raw) {
                Some((function, arguments)) => {
                    change_of_set(function, path, raw, arguments, values)
                }
                None => Ok(UpdateAction::Set {
                    path,
                    value: set_value(raw, values)?,
                }),
            }
        }
    }
}

const SET_ADD: &str = "SET_ADD";
const SET_DELETE: &str = "SET_DELETE";

/// The arguments of `set_add` or `set_delete`, which are no functions but actions.
fn set_function(raw: &Raw) -> Option<(&'static str, &[Raw])> {
    let Node::Call { name, arguments } = &raw.node else {
        return None;
    };
    match name.as_str() {
        "set_add" => Some((SET_ADD, arguments)),
        "set_delete" => Some((SET_DELETE, arguments)),
        _ => None,
    }
}

fn change_of_set(
    function: &'static str,
    target: Path,
    raw: &Raw,
    arguments: &[Raw],
    values: &Values,
) -> Result<UpdateAction, PartiqlError> {
    let [first, second] = arguments else {
        return Err(PartiqlError::SetFunctionCount {
            function,
            at: raw.at,
        });
    };
    let names_target = match &first.node {
        Node::Path(first) => path(first)? == target,
        _ => false,
    };
    if !names_target {
        return Err(PartiqlError::SetFunctionTarget {
            function,
            at: raw.at,
        });
    }
    let value = match &second.node {
        Node::Parameter(_) | Node::Bag(_) => values.value(second)?,
        _ => {
            return Err(PartiqlError::SetFunctionValue {
                function,
                at: first.at,
            });
        }
    };
    match (&*value, function) {
        (AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_), SET_ADD) => {
            Ok(UpdateAction::Add {
                path: target,
                value,
            })
        }
        (AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_), _) => {
            Ok(UpdateAction::Delete {
                path: target,
                value,
            })
        }
        _ => Err(PartiqlError::SetFunctionValue {
            function,
            at: first.at,
        }),
    }
}

fn set_value(raw: &Raw, values: &Values) -> Result<SetValue, PartiqlError> {
    match &raw.node {
        Node::Binary(operator @ ("+" | "-"), operands) => {
            let [left, right] = &**operands;
            let operands = [operand(left, values)?, operand(right, values)?];
            Ok(match *operator {
                "+" => build::sum(operands)?,
                _ => build::difference(operands)?,
            })
        }
        _ => operand(raw, values).map(SetValue::Operand),
    }
}

fn operand(raw: &Raw, values: &Values) -> Result<UpdateOperand, PartiqlError> {
    match &raw.node {
        Node::Path(raw) => Ok(UpdateOperand::Path(path(raw)?)),
        Node::Call { name, arguments } => call(name, arguments, raw, values),
        Node::Binary("+" | "-", _) => {
            let value = set_value(raw, values)?;
            Ok(UpdateOperand::Computed(Box::new(value)))
        }
        Node::Missing => Err(PartiqlError::MissingCompared),
        Node::Sign(operator) => Err(Fault::OperandCount { operator, count: 1 }.into()),
        Node::Is { .. } => Err(PartiqlError::TypeInUpdate),
        node @ (Node::And(_)
        | Node::Or(_)
        | Node::Not(_)
        | Node::Compare(..)
        | Node::Binary(..)
        | Node::Between { .. }
        | Node::In { .. }) => Err(PartiqlError::UpdateOperator {
            operator: printed(node),
        }),
        _ => values.value(raw).map(UpdateOperand::Value),
    }
}

fn call(
    name: &str,
    arguments: &[Raw],
    raw: &Raw,
    values: &Values,
) -> Result<UpdateOperand, PartiqlError> {
    let operator = match name {
        "if_not_exists" => "if_not_exists",
        "list_append" => "list_append",
        _ if CONDITION_FUNCTIONS.iter().any(|(known, _)| *known == name) => {
            return Err(PartiqlError::FunctionInUpdate {
                name: name.to_owned(),
            });
        }
        _ => return Err(unknown_function(name, raw.at)),
    };
    let [first, second] = arguments else {
        return Err(Fault::OperandCount {
            operator,
            count: arguments.len(),
        }
        .into());
    };
    if operator == "if_not_exists" {
        let path = build::require_path(operator, operand(first, values)?)?;
        let default = Box::new(operand(second, values)?);
        return Ok(UpdateOperand::IfNotExists { path, default });
    }
    Ok(build::list_append(
        operand(first, values)?,
        operand(second, values)?,
    )?)
}
