//! Expressions as messages print them, in the two ways that the service has.

use super::error::PartiqlError;
use super::syntax::{Node, Raw};

/// An expression by its head.
pub(super) fn printed(node: &Node) -> String {
    match node {
        Node::Path(path) if path.steps.is_empty() => &path.root,
        Node::Path(_) => "PATH",
        Node::Parameter(_) => "PARAMETER",
        Node::Missing => "MISSING",
        Node::Null => "null",
        Node::Bool(true) => "true",
        Node::Bool(false) => "false",
        Node::Text(text) => return format!("\"{text}\""),
        Node::Number(text) => text,
        Node::Ion(what) => what,
        Node::List(_) => "LIST",
        Node::Bag(_) => "BAG",
        Node::Struct(_) => "STRUCT",
        Node::Call { name, .. } => name,
        Node::And(_) => "and",
        Node::Or(_) => "or",
        Node::Not(_) => "not",
        Node::Compare(comparator, _) => comparator.symbol(),
        Node::Binary(operator, _) | Node::Sign(operator) => operator,
        Node::Between { .. } => "between",
        Node::In { .. } => "in",
        Node::Is { .. } => "is",
        Node::Refused(error) => match &**error {
            PartiqlError::UnsupportedToken { token, .. } => token,
            _ => "TYPED",
        },
    }
    .to_owned()
}

/// An expression by its kind.
pub(super) fn described(raw: &Raw) -> String {
    match &raw.node {
        Node::Path(path) if path.steps.is_empty() => "VariableReference",
        Node::Path(_) => "Path",
        Node::Parameter(_) => "Parameter",
        Node::Missing => "LiteralMissing",
        Node::Null => "NULL",
        Node::Bool(_) => "BOOL",
        Node::Text(_) => "STRING",
        Node::Number(text) if text.contains(['.', 'e', 'E']) => "DECIMAL",
        Node::Number(_) => "INT",
        Node::Ion(what) => what,
        Node::List(_) => "LIST",
        Node::Bag(_) => "BAG",
        Node::Struct(_) => "STRUCT",
        Node::Call { .. }
        | Node::And(_)
        | Node::Or(_)
        | Node::Not(_)
        | Node::Compare(..)
        | Node::Binary(..)
        | Node::Sign(_)
        | Node::Between { .. }
        | Node::In { .. } => "NAry",
        Node::Is { .. } => "Typed",
        Node::Refused(_) => "Select",
    }
    .to_owned()
}
