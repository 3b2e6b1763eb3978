//! Key conditions: parsed like conditions, then read as one condition per attribute, then matched
//! with a key schema.
//!
//! Three steps, because the service reports them at three moments: [`KeyCondition::parse`] with the
//! other expressions, [`KeyCondition::terms`] after all placeholders were counted as used, and
//! [`ResolvedKeyCondition::new`] once the table is known.

use headwater_model::{AttributeValue, KeyAttribute, KeySchema, KeyType};

use crate::ast::{Comparator, ConditionNode, Operand, Path};
use crate::condition::Condition;
use crate::error::{ExpressionError, Fault};
use crate::kind::ExpressionKind;
use crate::placeholders::Placeholders;

/// A key condition whose text is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCondition {
    condition: Condition,
}

/// A condition on one key attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTerm {
    /// The attribute.
    pub attribute: String,
    /// What it has to be.
    pub condition: SortCondition,
}

/// What a key attribute has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortCondition {
    /// Equal to the value; the only condition on a partition key.
    Equal(AttributeValue),
    /// Below the value.
    Less(AttributeValue),
    /// At or below the value.
    LessOrEqual(AttributeValue),
    /// Above the value.
    Greater(AttributeValue),
    /// At or above the value.
    GreaterOrEqual(AttributeValue),
    /// From the first to the second value, both included.
    Between(AttributeValue, AttributeValue),
    /// A string or binary that begins with the value.
    BeginsWith(AttributeValue),
}

/// A key condition on a table or index: one partition, and a range of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedKeyCondition {
    /// The value of the partition key.
    pub partition: AttributeValue,
    /// The condition on the sort key, if there is one.
    pub sort: Option<SortCondition>,
}

impl KeyCondition {
    /// Parses a key condition expression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        let condition = Condition::parse(ExpressionKind::KeyCondition, text, placeholders)?;
        Ok(Self { condition })
    }

    /// The conditions by attribute; refuses what no key condition may say.
    pub fn terms(&self) -> Result<Vec<KeyTerm>, ExpressionError> {
        let mut terms = Vec::new();
        collect(self.condition.root(), &mut terms)?;
        Ok(terms)
    }

    /// [`Self::terms`] and [`ResolvedKeyCondition::new`] in one.
    pub fn resolve(&self, schema: &KeySchema) -> Result<ResolvedKeyCondition, ExpressionError> {
        ResolvedKeyCondition::new(self.terms()?, schema)
    }
}

impl ResolvedKeyCondition {
    /// Matches conditions with the schema of the table or index that is read.
    pub fn new(terms: Vec<KeyTerm>, schema: &KeySchema) -> Result<Self, ExpressionError> {
        let attributes = 1 + usize::from(schema.sort.is_some());
        if terms.len() > attributes {
            let conditions = terms.len();
            return Err(ExpressionError::KeyTooManyConditions {
                conditions,
                attributes,
            });
        }
        let mut terms = terms;
        let partition = take_term(&mut terms, &schema.partition)?;
        let sort = match (&schema.sort, terms.is_empty()) {
            (Some(sort), false) => Some(take_term(&mut terms, sort)?),
            _ => None,
        };
        let SortCondition::Equal(partition) = partition else {
            return Err(ExpressionError::KeyConditionNotSupported);
        };
        check_value(&partition, &schema.partition)?;
        if let (Some(condition), Some(attribute)) = (&sort, &schema.sort) {
            condition
                .values()
                .try_for_each(|value| check_value(value, attribute))?;
        }
        Ok(Self { partition, sort })
    }
}

impl SortCondition {
    /// The values of the condition, one or two.
    pub fn values(&self) -> impl Iterator<Item = &AttributeValue> {
        let (first, second) = match self {
            Self::Equal(value)
            | Self::Less(value)
            | Self::LessOrEqual(value)
            | Self::Greater(value)
            | Self::GreaterOrEqual(value)
            | Self::BeginsWith(value) => (value, None),
            Self::Between(lower, upper) => (lower, Some(upper)),
        };
        std::iter::once(first).chain(second)
    }
}

pub(crate) fn take_term(
    terms: &mut Vec<KeyTerm>,
    attribute: &KeyAttribute,
) -> Result<SortCondition, ExpressionError> {
    match terms
        .iter()
        .position(|term| term.attribute == attribute.name)
    {
        Some(position) => Ok(terms.swap_remove(position).condition),
        None => Err(ExpressionError::KeyMissed {
            name: attribute.name.clone(),
        }),
    }
}

pub(crate) fn check_value(
    value: &AttributeValue,
    attribute: &KeyAttribute,
) -> Result<(), ExpressionError> {
    let empty = match (value, attribute.kind) {
        (AttributeValue::S(text), KeyType::S) => text.is_empty().then_some("string"),
        (AttributeValue::B(bytes), KeyType::B) => bytes.is_empty().then_some("binary"),
        (AttributeValue::N(_), KeyType::N) => None,
        _ => return Err(ExpressionError::KeyTypeMismatch),
    };
    match empty {
        Some(kind) => Err(ExpressionError::KeyValueEmpty {
            name: attribute.name.clone(),
            kind,
        }),
        None => Ok(()),
    }
}

fn fault(fault: Fault) -> ExpressionError {
    fault.of(ExpressionKind::KeyCondition)
}

fn collect(node: &ConditionNode, terms: &mut Vec<KeyTerm>) -> Result<(), ExpressionError> {
    let operator = match node {
        ConditionNode::And(list) => {
            return list.iter().try_for_each(|node| collect(node, terms));
        }
        ConditionNode::Compare {
            comparator,
            left,
            right,
        } if *comparator != Comparator::NotEqual => {
            let (path, at_left) = only_path(&[left, right])?;
            let comparator = if at_left {
                *comparator
            } else {
                comparator.flipped()
            };
            let value = value(if at_left { right } else { left })?;
            return add(terms, path, compared(comparator, value));
        }
        ConditionNode::Between {
            operand,
            lower,
            upper,
        } => {
            require_first("BETWEEN", operand)?;
            let (path, _) = only_path(&[operand, lower, upper])?;
            return add(
                terms,
                path,
                SortCondition::Between(value(lower)?, value(upper)?),
            );
        }
        ConditionNode::BeginsWith { operand, prefix } => {
            require_first("begins_with", operand)?;
            let (path, _) = only_path(&[operand, prefix])?;
            return add(terms, path, SortCondition::BeginsWith(value(prefix)?));
        }
        ConditionNode::Compare { .. } => "<>",
        ConditionNode::Or(_) => "OR",
        ConditionNode::Not(_) => "NOT",
        ConditionNode::In { .. } => "IN",
        ConditionNode::AttributeExists(_) => "attribute_exists",
        ConditionNode::AttributeNotExists(_) => "attribute_not_exists",
        ConditionNode::AttributeType { .. } => "attribute_type",
        ConditionNode::Contains { .. } => "contains",
    };
    Err(ExpressionError::KeyOperator { operator })
}

/// The one path among the operands, and whether it is the first of them.
fn only_path<'o>(operands: &[&'o Operand]) -> Result<(&'o Path, bool), ExpressionError> {
    let mut found = None;
    for (position, operand) in operands.iter().enumerate() {
        match operand {
            Operand::Path(_) if found.is_some() => return Err(ExpressionError::KeyManyAttributes),
            Operand::Path(path) if !path.is_top_level() => {
                return Err(fault(Fault::KeyNestedAttribute));
            }
            Operand::Path(path) => found = Some((path, position == 0)),
            Operand::Size(_) | Operand::Truth(_) => {
                return Err(fault(Fault::KeyNestedOperation));
            }
            Operand::Value(_) => {}
        }
    }
    found.ok_or(ExpressionError::KeyNoAttribute)
}

fn require_first(operator: &'static str, operand: &Operand) -> Result<(), ExpressionError> {
    match operand {
        Operand::Path(_) => Ok(()),
        _ => Err(ExpressionError::KeyFirstOperand { operator }),
    }
}

fn value(operand: &Operand) -> Result<AttributeValue, ExpressionError> {
    match operand {
        Operand::Value(value) => Ok(AttributeValue::clone(value)),
        Operand::Path(_) => Err(ExpressionError::KeyManyAttributes),
        Operand::Size(_) | Operand::Truth(_) => Err(fault(Fault::KeyNestedOperation)),
    }
}

fn compared(comparator: Comparator, value: AttributeValue) -> SortCondition {
    match comparator {
        // `<>` was refused before.
        Comparator::Equal | Comparator::NotEqual => SortCondition::Equal(value),
        Comparator::Less => SortCondition::Less(value),
        Comparator::LessOrEqual => SortCondition::LessOrEqual(value),
        Comparator::Greater => SortCondition::Greater(value),
        Comparator::GreaterOrEqual => SortCondition::GreaterOrEqual(value),
    }
}

fn add(
    terms: &mut Vec<KeyTerm>,
    path: &Path,
    condition: SortCondition,
) -> Result<(), ExpressionError> {
    if terms.iter().any(|term| *term.attribute == *path.attribute) {
        return Err(fault(Fault::KeyConditionRepeated));
    }
    terms.push(KeyTerm {
        attribute: path.attribute.to_string(),
        condition,
    });
    Ok(())
}
