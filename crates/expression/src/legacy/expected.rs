//! What `Expected` says of one attribute: an operator with values, or a value, or that there is none.

use headwater_model::AttributeValue;

use super::comparison::{Comparison, ComparisonOperator};
use super::error::LegacyError;

/// `ExpectedAttributeValue`, as it was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedAttribute {
    /// The value that the attribute has to have.
    pub value: Option<AttributeValue>,
    /// False if the attribute must not be there.
    pub exists: Option<bool>,
    /// Instead of `exists`: how it is compared.
    pub operator: Option<ComparisonOperator>,
    /// Instead of `value`: what it is compared with.
    pub values: Option<Vec<AttributeValue>>,
}

impl ExpectedAttribute {
    /// The comparison meant; refuses members that do not go together.
    pub(super) fn comparison(self, name: &str) -> Result<Comparison, LegacyError> {
        let comparison = match self.operator {
            Some(operator) => self.compared(operator, name)?,
            None => self.equal_or_absent(name)?,
        };
        comparison.check()?;
        Ok(comparison)
    }

    fn compared(self, operator: ComparisonOperator, name: &str) -> Result<Comparison, LegacyError> {
        let name = || name.to_owned();
        if self.exists.is_some() {
            return Err(LegacyError::ExistsWithOperator { name: name() });
        }
        let values = match (self.value, self.values) {
            (Some(_), Some(_)) => return Err(LegacyError::ValueWithList { name: name() }),
            (Some(value), None) => vec![value],
            (None, Some(values)) => values,
            (None, None) if operator.asks_for_presence() => Vec::new(),
            (None, None) => {
                return Err(LegacyError::OperatorWithoutValue {
                    operator: operator.as_str(),
                    name: name(),
                });
            }
        };
        Ok(Comparison { operator, values })
    }

    fn equal_or_absent(self, name: &str) -> Result<Comparison, LegacyError> {
        let name = name.to_owned();
        match (self.value, self.values, self.exists) {
            (Some(_), Some(_), _) => Err(LegacyError::ValueWithList { name }),
            (None, Some(_), _) => Err(LegacyError::ListWithoutOperator { name }),
            (Some(_), None, Some(false)) => Err(LegacyError::ValueNotAllowed { name }),
            (Some(value), None, _) => Ok(Comparison {
                operator: ComparisonOperator::Eq,
                values: vec![value],
            }),
            (None, None, Some(false)) => Ok(Comparison {
                operator: ComparisonOperator::Null,
                values: Vec::new(),
            }),
            (None, None, exists) => Err(LegacyError::ValueMissing {
                said: exists.is_some(),
                name,
            }),
        }
    }
}
