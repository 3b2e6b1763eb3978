//! Conditions on several attributes, joined by `ConditionalOperator`: `Expected`, `QueryFilter`, `ScanFilter`.

use std::collections::BTreeMap;

use super::comparison::Comparison;
use super::error::LegacyError;
use super::expected::ExpectedAttribute;
use crate::ast::ConditionNode;
use crate::condition::Condition;
use crate::limits::LEGACY_VALUES_MAX;

/// How several conditions are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConditionalOperator {
    /// All have to hold.
    #[default]
    And,
    /// One has to hold.
    Or,
}

/// Which filter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterParameter {
    /// `QueryFilter`
    Query,
    /// `ScanFilter`
    Scan,
}

impl FilterParameter {
    fn name(self) -> &'static str {
        match self {
            Self::Query => "QueryFilter",
            Self::Scan => "ScanFilter",
        }
    }
}

/// Refuses a `ConditionalOperator` that has nothing to join; `conditions` is their number.
///
/// # Errors
/// [`LegacyError::OperatorWithoutConditions`], [`LegacyError::OperatorWithOneCondition`].
pub fn check_conditional_operator(given: bool, conditions: usize) -> Result<(), LegacyError> {
    match (given, conditions) {
        (true, 0) => Err(LegacyError::OperatorWithoutConditions),
        (true, 1) => Err(LegacyError::OperatorWithOneCondition),
        _ => Ok(()),
    }
}

/// The condition that `Expected` means; none if it names no attribute.
///
/// # Errors
/// The first fault in the order of the names.
pub fn expected(
    expected: BTreeMap<String, ExpectedAttribute>,
    operator: ConditionalOperator,
) -> Result<Option<Condition>, LegacyError> {
    let comparisons = expected
        .into_iter()
        .map(|(name, attribute)| {
            let comparison = attribute.comparison(&name)?;
            Ok((name, comparison))
        })
        .collect::<Result<Vec<_>, LegacyError>>()?;
    join("Expected", comparisons, operator)
}

/// The condition that a filter means; none if it names no attribute.
///
/// # Errors
/// The first fault in the order of the names.
pub fn filter(
    parameter: FilterParameter,
    conditions: BTreeMap<String, Comparison>,
    operator: ConditionalOperator,
) -> Result<Option<Condition>, LegacyError> {
    for comparison in conditions.values() {
        comparison.check()?;
    }
    join(parameter.name(), conditions.into_iter().collect(), operator)
}

/// Refuses a `QueryFilter` on one of `keys`: the key attributes of what is read.
///
/// # Errors
/// [`LegacyError::FilterOnKey`].
pub fn refuse_filter_on_keys<'k>(
    filter: &Condition,
    keys: impl IntoIterator<Item = &'k str>,
) -> Result<(), LegacyError> {
    let attributes = filter.attributes();
    match keys.into_iter().find(|key| attributes.contains(key)) {
        Some(name) => Err(LegacyError::FilterOnKey {
            name: name.to_owned(),
        }),
        None => Ok(()),
    }
}

fn join(
    parameter: &'static str,
    comparisons: Vec<(String, Comparison)>,
    operator: ConditionalOperator,
) -> Result<Option<Condition>, LegacyError> {
    if comparisons.iter().any(|(name, _)| name.is_empty()) {
        return Err(LegacyError::EmptyName);
    }
    let weight: usize = comparisons
        .iter()
        .map(|(_, comparison)| comparison.weight())
        .sum();
    if weight > LEGACY_VALUES_MAX {
        return Err(LegacyError::TooManyValues {
            parameter,
            max: LEGACY_VALUES_MAX,
        });
    }
    let mut nodes = comparisons
        .into_iter()
        .map(|(name, comparison)| comparison.node(name))
        .collect::<Result<Vec<_>, _>>()?;
    let root = match (nodes.len(), operator) {
        (0, _) => return Ok(None),
        (1, _) => nodes.remove(0),
        (_, ConditionalOperator::And) => ConditionNode::And(nodes),
        (_, ConditionalOperator::Or) => ConditionNode::Or(nodes),
    };
    Ok(Some(Condition::new(root)))
}
