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
        let mut sort = Vec::with_capacity(terms.len());
        for attribute in &schema.sort {
            if terms.is_empty() {
                break;
            }
            let condition = take_term(&mut terms, attribute)?;
            condition
                .values()
                .try_for_each(|value| check_value(value, attribute))?;
            if !terms.is_empty() && !matches!(condition, SortCondition::Equal(_)) {
                return Err(ExpressionError::KeyConditionNotSupported);
            }
            sort.push(condition);
        }
        Ok(Self { partition, sort })
    }
}
