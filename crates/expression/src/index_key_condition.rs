//! Key conditions on a secondary index, whose key may have several partition and sort attributes.

use headwater_model::{AttributeValue, IndexSchema};

use crate::error::ExpressionError;
use crate::key_condition::{KeyTerm, SortCondition, check_value, take_term};

/// A key condition on an index: one partition, and a range of it (Alternator's tests; dynamodb-api.md section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexKeyCondition {
    /// The value of each partition attribute.
    pub partition: Vec<AttributeValue>,
    /// The conditions on the sort attributes, left to right; all but the last are [`SortCondition::Equal`].
    pub sort: Vec<SortCondition>,
}

impl IndexKeyCondition {
    /// Matches conditions with the schema of the index that is read.
    ///
    /// # Errors
    /// What AWS refuses: a partition attribute without `=`, a sort attribute that is passed over, a condition behind
    /// one that is not `=`, values of another type.
    pub fn new(mut terms: Vec<KeyTerm>, schema: &IndexSchema) -> Result<Self, ExpressionError> {
        let attributes = schema.attributes().count();
        if terms.len() > attributes {
            let conditions = terms.len();
            return Err(ExpressionError::KeyTooManyConditions {
                conditions,
                attributes,
            });
        }
        let mut partition = Vec::with_capacity(schema.partition.len());
        for attribute in &schema.partition {
            let SortCondition::Equal(value) = take_term(&mut terms, attribute)? else {
                return Err(ExpressionError::KeyConditionNotSupported);
            };
            check_value(&value, attribute)?;
            partition.push(value);
        }
        refuse_gap(&terms, schema)?;
        let mut sort = Vec::with_capacity(terms.len());
        for attribute in &schema.sort {
            if terms.is_empty() {
                break;
            }
            let condition = take_term(&mut terms, attribute)?;
            condition
                .values()
                .try_for_each(|value| check_value(value, attribute))?;
            sort.push(condition);
        }
        Ok(Self { partition, sort })
    }
}

/// Every sort attribute in front of one with a condition needs `=`.
fn refuse_gap(terms: &[KeyTerm], schema: &IndexSchema) -> Result<(), ExpressionError> {
    let condition_on = |name: &str| terms.iter().find(|term| term.attribute == name);
    let mut without_equality = Vec::new();
    for attribute in &schema.sort {
        let term = condition_on(&attribute.name);
        if term.is_some() && !without_equality.is_empty() {
            return Err(ExpressionError::KeyGap {
                names: without_equality,
                behind: attribute.name.clone(),
            });
        }
        if !term.is_some_and(|term| matches!(term.condition, SortCondition::Equal(_))) {
            without_equality.push(attribute.name.clone());
        }
    }
    Ok(())
}
