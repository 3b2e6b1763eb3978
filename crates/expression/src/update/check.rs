//! From a raw update to its actions. Faults come in the service's order: reserved words, functions,
//! repeated clauses, undefined names, undefined values, overlapping and conflicting paths, operands
//! of ADD and DELETE, operands of functions and arithmetic.

use headwater_model::AttributeValue;

use super::build;
use crate::ast::{SetValue, UpdateAction, UpdateOperand};
use crate::error::Fault;
use crate::path::check_distinct;
use crate::placeholders::Placeholders;
use crate::resolve::{
    UPDATE_FUNCTIONS, check_count, check_known, check_path, misused, resolve_path, visit_operand,
};
use crate::syntax::{RawAction, RawCall, RawOperand, RawPath, RawSetValue, RawUpdate, Section};

pub(super) fn resolve(
    update: &RawUpdate<'_>,
    placeholders: &mut Placeholders,
) -> Result<Vec<UpdateAction>, Fault> {
    each_path(update, &mut |path| check_path(path))?;
    each_operand(update, &mut |operand| match operand {
        RawOperand::Call(call) => check_known(call),
        _ => Ok(()),
    })?;
    each_operand(update, &mut |operand| match operand {
        RawOperand::Call(call) => check_place(call),
        _ => Ok(()),
    })?;
    check_sections(&update.sections)?;
    each_path(update, &mut |path| {
        resolve_path(path, placeholders).map(drop)
    })?;
    each_value(update, &mut |key| placeholders.value(key).map(drop))?;
    check_targets(update, placeholders)?;
    check_clause_operands(update, placeholders)?;
    update
        .actions
        .iter()
        .map(|action| resolve_action(action, placeholders))
        .collect()
}

/// Visits the operands of all right sides of SET, outer before inner.
fn each_operand<'r, 't>(
    update: &'r RawUpdate<'t>,
    visit: &mut dyn FnMut(&'r RawOperand<'t>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for action in &update.actions {
        if let RawAction::Set(_, value) = action {
            value
                .operands()
                .iter()
                .try_for_each(|operand| visit_operand(operand, visit))?;
        }
    }
    Ok(())
}

fn each_path<'r, 't>(
    update: &'r RawUpdate<'t>,
    visit: &mut dyn FnMut(&'r RawPath<'t>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for action in &update.actions {
        visit(target(action))?;
        let RawAction::Set(_, value) = action else {
            continue;
        };
        for operand in value.operands() {
            visit_operand(operand, &mut |operand| match operand {
                RawOperand::Path(path) => visit(path),
                _ => Ok(()),
            })?;
        }
    }
    Ok(())
}

fn each_value<'r, 't>(
    update: &'r RawUpdate<'t>,
    visit: &mut dyn FnMut(&'t str) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for action in &update.actions {
        match action {
            RawAction::Remove(_) => {}
            RawAction::Add(_, key) | RawAction::Delete(_, key) => visit(key)?,
            RawAction::Set(_, value) => {
                for operand in value.operands() {
                    visit_operand(operand, &mut |operand| match operand {
                        RawOperand::Value(key) => visit(key),
                        _ => Ok(()),
                    })?;
                }
            }
        }
    }
    Ok(())
}

fn target<'r, 't>(action: &'r RawAction<'t>) -> &'r RawPath<'t> {
    match action {
        RawAction::Set(path, _)
        | RawAction::Remove(path)
        | RawAction::Add(path, _)
        | RawAction::Delete(path, _) => path,
    }
}

/// Functions of conditions have no place here, and lists are not appended within functions
/// (Alternator's tests).
fn check_place(call: &RawCall<'_>) -> Result<(), Fault> {
    if !UPDATE_FUNCTIONS.iter().any(|(name, _)| *name == call.name) {
        return Err(misused(call));
    }
    let inner = call.arguments.iter().find_map(|argument| match argument {
        RawOperand::Call(inner) if inner.name == "list_append" => Some(inner),
        _ => None,
    });
    inner.map_or(Ok(()), |inner| Err(misused(inner)))
}

fn check_sections(sections: &[Section]) -> Result<(), Fault> {
    for (position, section) in sections.iter().enumerate() {
        if sections[..position].contains(section) {
            return Err(Fault::RepeatedSection {
                section: section.keyword(),
            });
        }
    }
    Ok(())
}

fn check_targets(update: &RawUpdate<'_>, placeholders: &mut Placeholders) -> Result<(), Fault> {
    let paths: Result<Vec<_>, _> = update
        .actions
        .iter()
        .map(|action| resolve_path(target(action), placeholders))
        .collect();
    check_distinct(&paths?.iter().collect::<Vec<_>>())
}

fn check_clause_operands(
    update: &RawUpdate<'_>,
    placeholders: &mut Placeholders,
) -> Result<(), Fault> {
    for action in &update.actions {
        let (clause, key) = match action {
            RawAction::Add(_, key) => (Section::Add, key),
            RawAction::Delete(_, key) => (Section::Delete, key),
            RawAction::Set(..) | RawAction::Remove(_) => continue,
        };
        check_clause_operand(clause, &*placeholders.value(key)?)?;
    }
    Ok(())
}

/// ADD takes numbers and sets, DELETE takes sets.
fn check_clause_operand(section: Section, value: &AttributeValue) -> Result<(), Fault> {
    let operand = match value {
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => return Ok(()),
        AttributeValue::N(_) if section == Section::Add => return Ok(()),
        AttributeValue::N(_) => "NUMBER",
        AttributeValue::S(_) => "STRING",
        AttributeValue::B(_) => "BINARY",
        AttributeValue::Null => "NULL",
        AttributeValue::Bool(_) => "BOOLEAN",
        AttributeValue::L(_) => "LIST",
        AttributeValue::M(_) => "MAP",
    };
    Err(Fault::ClauseOperandType {
        clause: section.keyword(),
        operand,
    })
}

fn resolve_action(
    action: &RawAction<'_>,
    placeholders: &mut Placeholders,
) -> Result<UpdateAction, Fault> {
    let path = resolve_path(target(action), placeholders)?;
    Ok(match action {
        RawAction::Set(_, value) => UpdateAction::Set {
            path,
            value: resolve_set_value(value, placeholders)?,
        },
        RawAction::Remove(_) => UpdateAction::Remove { path },
        RawAction::Add(_, key) => UpdateAction::Add {
            path,
            value: placeholders.value(key)?,
        },
        RawAction::Delete(_, key) => UpdateAction::Delete {
            path,
            value: placeholders.value(key)?,
        },
    })
}

fn resolve_set_value(
    value: &RawSetValue<'_>,
    placeholders: &mut Placeholders,
) -> Result<SetValue, Fault> {
    match value {
        RawSetValue::Operand(operand) => {
            Ok(SetValue::Operand(resolve_operand(operand, placeholders)?))
        }
        RawSetValue::Sum(operands) => {
            let [left, right] = operands;
            build::sum([
                resolve_operand(left, placeholders)?,
                resolve_operand(right, placeholders)?,
            ])
        }
        RawSetValue::Difference(operands) => {
            let [left, right] = operands;
            build::difference([
                resolve_operand(left, placeholders)?,
                resolve_operand(right, placeholders)?,
            ])
        }
    }
}

fn resolve_operand(
    operand: &RawOperand<'_>,
    placeholders: &mut Placeholders,
) -> Result<UpdateOperand, Fault> {
    match operand {
        RawOperand::Path(path) => Ok(UpdateOperand::Path(resolve_path(path, placeholders)?)),
        RawOperand::Value(key) => Ok(UpdateOperand::Value(placeholders.value(key)?)),
        RawOperand::Call(call) => resolve_call(call, placeholders),
    }
}

fn resolve_call(
    call: &RawCall<'_>,
    placeholders: &mut Placeholders,
) -> Result<UpdateOperand, Fault> {
    let operator = check_count(&UPDATE_FUNCTIONS, call)?;
    let [first, second] = call.arguments.as_slice() else {
        return Err(misused(call));
    };
    let first = resolve_operand(first, placeholders)?;
    if operator == "if_not_exists" {
        let path = build::require_path(operator, first)?;
        let default = Box::new(resolve_operand(second, placeholders)?);
        return Ok(UpdateOperand::IfNotExists { path, default });
    }
    build::list_append(first, resolve_operand(second, placeholders)?)
}
