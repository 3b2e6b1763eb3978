//! One comparison of an attribute with values: the operator, what it takes, and the condition that it means.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use headwater_model::AttributeValue;

use super::error::LegacyError;
use crate::ast::{Comparator, ConditionNode, Operand, Path};

/// `ComparisonOperator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonOperator {
    /// Equal, in type and value.
    Eq,
    /// Not equal; a missing attribute is not equal to anything.
    Ne,
    /// At or below.
    Le,
    /// Below.
    Lt,
    /// At or above.
    Ge,
    /// Above.
    Gt,
    /// The attribute is there, whatever its value.
    NotNull,
    /// The attribute is not there.
    Null,
    /// A string or binary with that part, or a set or list with that member.
    Contains,
    /// An attribute that is there and does not contain the value.
    NotContains,
    /// A string or binary with that beginning.
    BeginsWith,
    /// Equal to one of several values.
    In,
    /// Between two values, both included.
    Between,
}

const ORDERED: &[&str] = &["S", "N", "B"];
const ALL: &[&str] = &["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];

impl ComparisonOperator {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "EQ",
            Self::Ne => "NE",
            Self::Le => "LE",
            Self::Lt => "LT",
            Self::Ge => "GE",
            Self::Gt => "GT",
            Self::NotNull => "NOT_NULL",
            Self::Null => "NULL",
            Self::Contains => "CONTAINS",
            Self::NotContains => "NOT_CONTAINS",
            Self::BeginsWith => "BEGINS_WITH",
            Self::In => "IN",
            Self::Between => "BETWEEN",
        }
    }

    /// Whether the operator asks only if the attribute is there.
    pub(super) fn asks_for_presence(self) -> bool {
        matches!(self, Self::Null | Self::NotNull)
    }

    fn takes_count(self, count: usize) -> bool {
        match self {
            Self::Null | Self::NotNull => count == 0,
            Self::Between => count == 2,
            Self::In => count >= 1,
            _ => count == 1,
        }
    }

    /// Short names of the types that the values may have (DynamoDB Local; Alternator's tests for a part of them).
    fn types(self) -> &'static [&'static str] {
        match self {
            Self::Eq | Self::Ne | Self::Null | Self::NotNull => ALL,
            Self::Contains | Self::NotContains => &["S", "N", "B", "BOOL", "NULL"],
            Self::BeginsWith => &["S", "B"],
            Self::Le | Self::Lt | Self::Ge | Self::Gt | Self::In | Self::Between => ORDERED,
        }
    }
}

impl fmt::Display for ComparisonOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An operator and its values: what `Condition` is in the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The operator.
    pub operator: ComparisonOperator,
    /// `AttributeValueList`; empty when it is absent.
    pub values: Vec<AttributeValue>,
}

impl Comparison {
    /// Checks number, types and order of the values.
    pub(super) fn check(&self) -> Result<(), LegacyError> {
        let operator = self.operator.as_str();
        if !self.operator.takes_count(self.values.len()) {
            return Err(LegacyError::ArgumentCount { operator });
        }
        let Some(first) = self.values.first() else {
            return Ok(());
        };
        let type_name = first.type_name();
        if self
            .values
            .iter()
            .any(|value| value.type_name() != type_name)
        {
            return Err(LegacyError::MixedTypes);
        }
        if !self.operator.types().contains(&type_name) {
            return Err(LegacyError::ArgumentType {
                operator,
                type_name,
            });
        }
        match &self.values[..] {
            [lower, upper] if self.operator == ComparisonOperator::Between => {
                match lower.compare(upper) {
                    Some(Ordering::Greater) => Err(LegacyError::BetweenOrder),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// How much of an item's time the comparison takes, in comparisons of single values.
    pub(super) fn weight(&self) -> usize {
        self.values.len().max(1)
    }

    /// The condition on `attribute`. The values were checked.
    pub(super) fn node(self, attribute: String) -> Result<ConditionNode, LegacyError> {
        let path = Path::top_level(attribute);
        let operator = self.operator;
        let count_fault = || LegacyError::ArgumentCount {
            operator: operator.as_str(),
        };
        let mut values = self.values.into_iter().map(constant);
        let mut value = || values.next().ok_or_else(count_fault);
        let compare = |comparator, path, right| ConditionNode::Compare {
            comparator,
            left: Operand::Path(path),
            right,
        };
        Ok(match operator {
            ComparisonOperator::Eq => compare(Comparator::Equal, path, value()?),
            ComparisonOperator::Ne => compare(Comparator::NotEqual, path, value()?),
            ComparisonOperator::Le => compare(Comparator::LessOrEqual, path, value()?),
            ComparisonOperator::Lt => compare(Comparator::Less, path, value()?),
            ComparisonOperator::Ge => compare(Comparator::GreaterOrEqual, path, value()?),
            ComparisonOperator::Gt => compare(Comparator::Greater, path, value()?),
            ComparisonOperator::NotNull => ConditionNode::AttributeExists(path),
            ComparisonOperator::Null => ConditionNode::AttributeNotExists(path),
            ComparisonOperator::Contains => contains(path, value()?),
            // False for a missing attribute, unlike NE (Alternator's tests).
            ComparisonOperator::NotContains => ConditionNode::And(vec![
                ConditionNode::AttributeExists(path.clone()),
                ConditionNode::Not(Box::new(contains(path, value()?))),
            ]),
            ComparisonOperator::BeginsWith => ConditionNode::BeginsWith {
                operand: Operand::Path(path),
                prefix: value()?,
            },
            ComparisonOperator::In => ConditionNode::In {
                operand: Operand::Path(path),
                list: values.collect(),
            },
            ComparisonOperator::Between => ConditionNode::Between {
                operand: Operand::Path(path),
                lower: value()?,
                upper: value()?,
            },
        })
    }
}

fn constant(value: AttributeValue) -> Operand {
    Operand::Value(Arc::new(value))
}

fn contains(path: Path, sought: Operand) -> ConditionNode {
    ConditionNode::Contains {
        container: Operand::Path(path),
        sought,
    }
}
