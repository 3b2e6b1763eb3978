//! `KeyConditions`: one comparison for each key attribute.

use std::collections::BTreeMap;

use headwater_model::{AttributeValue, limits};

use super::comparison::{Comparison, ComparisonOperator};
use super::error::LegacyError;
use crate::key_condition::{KeyTerm, SortCondition};

/// The most conditions on a table's key, and on that of an index with no more attributes (dynalite's captures).
const KEY_CONDITIONS_MAX: usize = 2;

/// `KeyConditions` whose values are right.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyConditions {
    conditions: BTreeMap<String, Comparison>,
}

impl KeyConditions {
    /// Checks what needs no table. A key `of_index` may have more attributes than a table's.
    ///
    /// # Errors
    /// The first fault in the order of the names.
    pub fn new(
        conditions: BTreeMap<String, Comparison>,
        of_index: bool,
    ) -> Result<Self, LegacyError> {
        for comparison in conditions.values() {
            comparison.check()?;
        }
        let most = match of_index {
            true => 2 * limits::INDEX_KEY_PARTS_MAX,
            false => KEY_CONDITIONS_MAX,
        };
        if !(1..=most).contains(&conditions.len()) {
            return Err(LegacyError::KeyConditionCount);
        }
        Ok(Self { conditions })
    }

    /// The conditions as those of a key condition expression. `keys` are the key attributes of what is
    /// read, the partition key first.
    ///
    /// # Errors
    /// [`LegacyError::KeyConditionCount`] for more conditions than this key can have; [`LegacyError::KeyMissed`] and
    /// [`LegacyError::KeyConditionNotSupported`] if there is a condition on something else;
    /// [`LegacyError::NotIndexable`] for an operator that only filters know.
    pub fn terms<'k>(
        mut self,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<Vec<KeyTerm>, LegacyError> {
        let keys: Vec<&str> = keys.into_iter().collect();
        if self.conditions.len() > keys.len().max(KEY_CONDITIONS_MAX) {
            return Err(LegacyError::KeyConditionCount);
        }
        let mut terms = Vec::with_capacity(self.conditions.len());
        let mut missed = None;
        for key in keys {
            match self.conditions.remove(key) {
                Some(comparison) => terms.push(KeyTerm {
                    attribute: key.to_owned(),
                    condition: sort_condition(comparison)?,
                }),
                None => {
                    missed.get_or_insert(key);
                }
            }
        }
        match (self.conditions.is_empty(), missed) {
            (true, _) => Ok(terms),
            (false, Some(name)) => Err(LegacyError::KeyMissed {
                name: name.to_owned(),
            }),
            (false, None) => Err(LegacyError::KeyConditionNotSupported),
        }
    }
}

fn sort_condition(comparison: Comparison) -> Result<SortCondition, LegacyError> {
    let build: fn(AttributeValue) -> SortCondition = match comparison.operator {
        ComparisonOperator::Eq => SortCondition::Equal,
        ComparisonOperator::Le => SortCondition::LessOrEqual,
        ComparisonOperator::Lt => SortCondition::Less,
        ComparisonOperator::Ge => SortCondition::GreaterOrEqual,
        ComparisonOperator::Gt => SortCondition::Greater,
        ComparisonOperator::BeginsWith => SortCondition::BeginsWith,
        ComparisonOperator::Between => {
            return match <[AttributeValue; 2]>::try_from(comparison.values) {
                Ok([lower, upper]) => Ok(SortCondition::Between(lower, upper)),
                Err(_) => Err(LegacyError::ArgumentCount {
                    operator: comparison.operator.as_str(),
                }),
            };
        }
        ComparisonOperator::Ne
        | ComparisonOperator::NotNull
        | ComparisonOperator::Null
        | ComparisonOperator::Contains
        | ComparisonOperator::NotContains
        | ComparisonOperator::In => return Err(LegacyError::NotIndexable),
    };
    let operator = comparison.operator.as_str();
    let value = comparison.values.into_iter().next();
    value
        .map(build)
        .ok_or(LegacyError::ArgumentCount { operator })
}
