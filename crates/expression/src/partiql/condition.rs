//! WHERE clauses into the tree that expressions give.

use headwater_model::limits::{EXPRESSION_OPERATORS_MAX, IN_OPERANDS_MAX};

use super::error::PartiqlError;
use super::lexer::Position;
use super::path::path;
use super::syntax::{Node, Raw};
use super::value::Values;
use crate::ast::{Comparator, ConditionNode, Operand, TypeName};
use crate::condition::build;
use crate::error::Fault;
use crate::resolve::{CONDITION_FUNCTIONS, UPDATE_FUNCTIONS};

/// Names of types behind `IS`, and the types of attributes that they are.
const TYPES: [(&str, &str); 9] = [
    ("NULL", "NULL"),
    ("BOOL", "BOOL"),
    ("BOOLEAN", "BOOL"),
    ("BLOB", "B"),
    ("STRING", "S"),
    ("NUMERIC", "N"),
    ("STRUCT", "M"),
    ("TUPLE", "M"),
    ("LIST", "L"),
];

/// The condition that a WHERE clause is.
pub(super) fn condition(raw: &Raw, values: &Values) -> Result<ConditionNode, PartiqlError> {
    require_truth(raw, PartiqlError::NotBoolean)?;
    let mut translation = Translation {
        values,
        operators: 0,
    };
    translation.node(raw)
}

struct Translation<'v> {
    values: &'v Values,
    operators: usize,
}

impl Translation<'_> {
    fn count(&mut self, operators: usize) -> Result<(), PartiqlError> {
        self.operators += operators;
        if self.operators > EXPRESSION_OPERATORS_MAX {
            return Err(Fault::TooManyOperators {
                count: EXPRESSION_OPERATORS_MAX + 1,
            }
            .into());
        }
        Ok(())
    }

    /// Something that holds or does not.
    fn node(&mut self, raw: &Raw) -> Result<ConditionNode, PartiqlError> {
        match &raw.node {
            Node::And(list) => Ok(ConditionNode::And(self.junction("AND", list)?)),
            Node::Or(list) => Ok(ConditionNode::Or(self.junction("OR", list)?)),
            Node::Not(inner) => {
                self.count(1)?;
                refuse_number("NOT", inner)?;
                require_truth(inner, PartiqlError::NotOperand)?;
                Ok(ConditionNode::Not(Box::new(self.node(inner)?)))
            }
            _ => self.leaf(raw),
        }
    }

    fn junction(
        &mut self,
        operator: &'static str,
        list: &[Raw],
    ) -> Result<Vec<ConditionNode>, PartiqlError> {
        self.count(list.len() - 1)?;
        for raw in list {
            refuse_number(operator, raw)?;
        }
        for raw in list {
            require_truth(raw, PartiqlError::JunctionOperand)?;
        }
        // A loop: `collect` would take more of the stack at every level.
        let mut nodes = Vec::with_capacity(list.len());
        for raw in list {
            nodes.push(self.node(raw)?);
        }
        Ok(nodes)
    }

    /// Apart from [`Self::node`], which calls itself and has to stay small on the stack.
    fn leaf(&mut self, raw: &Raw) -> Result<ConditionNode, PartiqlError> {
        self.count(1)?;
        match &raw.node {
            Node::Compare(comparator, operands) => self.comparison(*comparator, operands),
            Node::Between { negated, operands } => {
                let [operand, lower, upper] = &**operands;
                let operands = [
                    self.operand(operand)?,
                    self.operand(lower)?,
                    self.operand(upper)?,
                ];
                Ok(negated_if(*negated, build::between(operands)?))
            }
            Node::In { negated, operands } => {
                let [operand, list] = &**operands;
                Ok(negated_if(*negated, self.membership(operand, list)?))
            }
            Node::Is {
                negated,
                operand,
                type_name,
            } => {
                if !matches!(
                    operand.node,
                    Node::Path(_) | Node::Null | Node::Bool(_) | Node::Text(_) | Node::Number(_)
                ) {
                    return Err(PartiqlError::TypeOperand);
                }
                let operand = self.operand(operand)?;
                if let ("MISSING", Operand::Value(_)) = (*type_name, &operand) {
                    let operator = "attribute_not_exists";
                    return Err(Fault::PathRequired { operator }.into());
                }
                let node = is_type(operand, type_name).ok_or(PartiqlError::UnsupportedType {
                    name: type_name,
                    at: raw.at,
                })?;
                Ok(negated_if(*negated, node))
            }
            Node::Call { name, arguments } => {
                if let Some(error) = arguments.iter().find_map(refused) {
                    return Err(PartiqlError::clone(error));
                }
                let name = condition_function(name, raw)?;
                if name == "size" {
                    return Err(PartiqlError::NotBoolean);
                }
                let operands = self.operands(name, arguments)?;
                Ok(build::function(name, operands)?)
            }
            Node::Binary(operator, _) | Node::Sign(operator) => {
                Err(PartiqlError::ConditionOperator { operator })
            }
            Node::Refused(error) => Err(PartiqlError::clone(error)),
            _ => Err(PartiqlError::NotBoolean),
        }
    }

    fn comparison(
        &mut self,
        comparator: Comparator,
        [left, right]: &[Raw; 2],
    ) -> Result<ConditionNode, PartiqlError> {
        let operands = [self.operand(left)?, self.operand(right)?];
        Ok(build::comparison(comparator, operands)?)
    }

    fn membership(&mut self, operand: &Raw, list: &Raw) -> Result<ConditionNode, PartiqlError> {
        let members = match &list.node {
            Node::Refused(error) => return Err(PartiqlError::clone(error)),
            Node::List(members) | Node::Bag(members) if !members.is_empty() => members,
            _ => return Err(PartiqlError::InOperands),
        };
        if members.len() > IN_OPERANDS_MAX {
            return Err(Fault::TooManyInOperands {
                count: members.len(),
            }
            .into());
        }
        let operand = self.operand(operand)?;
        let members = members.iter().map(|raw| self.operand(raw));
        let list = members.collect::<Result<_, _>>()?;
        Ok(build::membership(operand, list)?)
    }

    /// Something that is compared.
    fn operand(&mut self, raw: &Raw) -> Result<Operand, PartiqlError> {
        match &raw.node {
            Node::Path(raw) => Ok(Operand::Path(path(raw)?)),
            Node::Missing => Err(PartiqlError::MissingCompared),
            Node::Call { name, arguments } if name == "size" => {
                self.count(1)?;
                let mut operands = self.operands("size", arguments)?;
                // The count was checked: there is one.
                let inner = operands.pop().ok_or(PartiqlError::NotBoolean)?;
                Ok(build::size(inner)?)
            }
            node if is_condition(node) => Ok(Operand::Truth(Box::new(self.node(raw)?))),
            Node::Binary(operator, _) | Node::Sign(operator) => {
                Err(PartiqlError::ConditionOperator { operator })
            }
            _ => self.values.value(raw).map(Operand::Value),
        }
    }

    fn operands(
        &mut self,
        operator: &'static str,
        arguments: &[Raw],
    ) -> Result<Vec<Operand>, PartiqlError> {
        let wanted = CONDITION_FUNCTIONS
            .iter()
            .find(|(name, _)| *name == operator);
        let count = arguments.len();
        if wanted.is_some_and(|(_, wanted)| *wanted != count) {
            return Err(Fault::OperandCount { operator, count }.into());
        }
        arguments.iter().map(|raw| self.operand(raw)).collect()
    }
}

fn refused(raw: &Raw) -> Option<&PartiqlError> {
    match &raw.node {
        Node::Refused(error) => Some(error),
        _ => None,
    }
}

/// Refuses what neither holds nor not.
fn require_truth(raw: &Raw, otherwise: PartiqlError) -> Result<(), PartiqlError> {
    match &raw.node {
        Node::Missing => Err(PartiqlError::MissingCompared),
        node if may_hold(node) => Ok(()),
        _ => Err(otherwise),
    }
}

/// Whether something can be a condition.
fn may_hold(node: &Node) -> bool {
    is_condition(node)
        || matches!(
            node,
            Node::Binary(..) | Node::Sign(_) | Node::Call { .. } | Node::Refused(_)
        )
}

fn is_condition(node: &Node) -> bool {
    match node {
        Node::And(_)
        | Node::Or(_)
        | Node::Not(_)
        | Node::Compare(..)
        | Node::Between { .. }
        | Node::In { .. }
        | Node::Is { .. } => true,
        Node::Call { name, .. } => name != "size",
        _ => false,
    }
}

/// A size neither holds nor not.
fn refuse_number(operator: &'static str, raw: &Raw) -> Result<(), PartiqlError> {
    match &raw.node {
        Node::Call { name, .. } if name == "size" => Err(Fault::OperandType {
            operator,
            operand: "N",
        }
        .into()),
        _ => Ok(()),
    }
}

fn negated_if(negated: bool, node: ConditionNode) -> ConditionNode {
    match negated {
        true => ConditionNode::Not(Box::new(node)),
        false => node,
    }
}

fn is_type(operand: Operand, type_name: &str) -> Option<ConditionNode> {
    if type_name == "MISSING" {
        return match operand {
            Operand::Path(path) => Some(ConditionNode::AttributeNotExists(path)),
            _ => None,
        };
    }
    let (_, short) = TYPES.iter().find(|(name, _)| *name == type_name)?;
    Some(ConditionNode::AttributeType {
        operand,
        type_name: TypeName::parse(short)?,
    })
}

/// The function's own name, if conditions have it.
fn condition_function(name: &str, raw: &Raw) -> Result<&'static str, PartiqlError> {
    if let Some((name, _)) = CONDITION_FUNCTIONS.iter().find(|(known, _)| *known == name) {
        return Ok(name);
    }
    match UPDATE_FUNCTIONS.iter().find(|(known, _)| *known == name) {
        Some((name, _)) => Err(PartiqlError::FunctionInCondition { name }),
        None => Err(unknown_function(name, raw.at)),
    }
}

/// The refusal of a function that DynamoDB does not have.
pub(super) fn unknown_function(name: &str, at: Position) -> PartiqlError {
    let name = name.to_owned();
    match AGGREGATES.contains(&name.as_str()) {
        true => PartiqlError::UnsupportedToken {
            token: name,
            at: Some(at),
        },
        false => PartiqlError::UnknownFunction { name, at },
    }
}

/// Functions over many items.
const AGGREGATES: [&str; 5] = ["avg", "count", "max", "min", "sum"];
