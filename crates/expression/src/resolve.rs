//! From the raw trees to meaning: the checks that all languages share, each a pass of its own
//! because the service reports faults by sort and not by place, and placeholders into contents.

use std::sync::Arc;

use headwater_model::AttributeValue;

use crate::ast::{Path, Segment};
use crate::error::Fault;
use crate::limits::{LIST_INDEX_MAX, PATH_SEGMENTS_MAX};
use crate::placeholders::Placeholders;
use crate::reserved::is_reserved;
use crate::syntax::{RawCall, RawOperand, RawSegment};

/// Functions of conditions, with the number of their operands.
pub(crate) const CONDITION_FUNCTIONS: [(&str, usize); 6] = [
    ("attribute_exists", 1),
    ("attribute_not_exists", 1),
    ("attribute_type", 2),
    ("begins_with", 2),
    ("contains", 2),
    ("size", 1),
];

/// Functions of updates, with the number of their operands.
pub(crate) const UPDATE_FUNCTIONS: [(&str, usize); 2] = [("if_not_exists", 2), ("list_append", 2)];

/// Refuses names that no language knows. Case matters.
pub(crate) fn check_known(call: &RawCall<'_>) -> Result<(), Fault> {
    let known = CONDITION_FUNCTIONS.iter().chain(&UPDATE_FUNCTIONS);
    if known.clone().any(|(name, _)| *name == call.name) {
        return Ok(());
    }
    Err(Fault::UnknownFunction {
        name: call.name.to_owned(),
    })
}

pub(crate) fn misused(call: &RawCall<'_>) -> Fault {
    Fault::MisusedFunction {
        name: call.name.to_owned(),
    }
}

/// The function's own name and a check of the number of its operands.
pub(crate) fn check_count(
    functions: &[(&'static str, usize)],
    call: &RawCall<'_>,
) -> Result<&'static str, Fault> {
    let Some((operator, wanted)) = functions.iter().find(|(name, _)| *name == call.name) else {
        return Err(misused(call));
    };
    let count = call.arguments.len();
    if count != *wanted {
        return Err(Fault::OperandCount { operator, count });
    }
    Ok(operator)
}

/// Visits an operand and all within it, outer before inner.
pub(crate) fn visit_operand<'r, 't>(
    operand: &'r RawOperand<'t>,
    visit: &mut dyn FnMut(&'r RawOperand<'t>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    visit(operand)?;
    if let RawOperand::Call(call) = operand {
        for argument in &call.arguments {
            visit_operand(argument, visit)?;
        }
    }
    Ok(())
}

/// Refuses reserved words, and indexes and depths that no item reaches.
pub(crate) fn check_path(path: &[RawSegment<'_>]) -> Result<(), Fault> {
    for segment in path {
        match segment {
            RawSegment::Word(name) if is_reserved(name) => {
                return Err(Fault::ReservedWord {
                    name: (*name).to_owned(),
                });
            }
            RawSegment::Index(digits) => {
                parse_index(digits)?;
            }
            _ => {}
        }
    }
    if path.len() > PATH_SEGMENTS_MAX {
        return Err(Fault::PathTooDeep { levels: path.len() });
    }
    Ok(())
}

fn parse_index(digits: &str) -> Result<u32, Fault> {
    match digits.parse() {
        Ok(index) if index <= LIST_INDEX_MAX => Ok(index),
        _ => Err(Fault::IndexOutOfRange {
            index: digits.to_owned(),
        }),
    }
}

/// The path with names in place of placeholders.
pub(crate) fn resolve_path(
    path: &[RawSegment<'_>],
    placeholders: &mut Placeholders,
) -> Result<Path, Fault> {
    let mut attribute: Option<Arc<str>> = None;
    let mut rest = Vec::new();
    for segment in path {
        let name: Arc<str> = match segment {
            RawSegment::Word(name) => Arc::from(*name),
            RawSegment::Placeholder(key) => placeholders.name(key)?,
            RawSegment::Index(digits) => {
                rest.push(Segment::Index(parse_index(digits)?));
                continue;
            }
        };
        match attribute {
            None => attribute = Some(name),
            Some(_) => rest.push(Segment::Name(name)),
        }
    }
    // The parser begins every path with a name.
    let attribute = attribute.unwrap_or_default();
    Ok(Path { attribute, rest })
}

/// A value as the service prints it in messages about bounds.
pub(crate) fn printed(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => format!("{{S:{text}}}"),
        AttributeValue::N(number) => format!("{{N:{number}}}"),
        AttributeValue::B(bytes) => {
            let length = bytes.len();
            format!("{{B:java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]}}")
        }
        other => format!("{{{}}}", other.type_name()),
    }
}
