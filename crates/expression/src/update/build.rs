//! Right sides of updates out of operands: what is refused whatever language they are written in.

use std::sync::Arc;

use crate::ast::{Path, SetValue, UpdateOperand};
use crate::error::Fault;

/// `left + right`
pub(crate) fn sum([left, right]: [UpdateOperand; 2]) -> Result<SetValue, Fault> {
    require_type("+", "N", &[&left, &right])?;
    Ok(SetValue::Sum(left, right))
}

/// `left - right`
pub(crate) fn difference([left, right]: [UpdateOperand; 2]) -> Result<SetValue, Fault> {
    require_type("-", "N", &[&left, &right])?;
    Ok(SetValue::Difference(left, right))
}

/// `list_append(first, second)`
pub(crate) fn list_append(
    first: UpdateOperand,
    second: UpdateOperand,
) -> Result<UpdateOperand, Fault> {
    require_type("list_append", "L", &[&first, &second])?;
    Ok(UpdateOperand::ListAppend {
        first: Box::new(first),
        second: Box::new(second),
    })
}

/// The path that an operand is.
pub(crate) fn require_path(operator: &'static str, operand: UpdateOperand) -> Result<Path, Fault> {
    match operand {
        UpdateOperand::Path(path) => Ok(path),
        _ => Err(Fault::PathRequired { operator }),
    }
}

/// Refuses operands that are known, without an item, to have another type.
fn require_type(
    operator: &'static str,
    wanted: &str,
    operands: &[&UpdateOperand],
) -> Result<(), Fault> {
    for operand in operands {
        let known = match operand {
            UpdateOperand::Value(value) => Arc::as_ref(value).type_name(),
            UpdateOperand::ListAppend { .. } => "L",
            UpdateOperand::Computed(_) => "N",
            UpdateOperand::Path(_) | UpdateOperand::IfNotExists { .. } => continue,
        };
        if known != wanted {
            return Err(Fault::OperandType {
                operator,
                operand: known,
            });
        }
    }
    Ok(())
}
