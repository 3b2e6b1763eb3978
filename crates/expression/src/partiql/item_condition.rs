//! The item that a WHERE clause names, for statements that are about one item.

use headwater_model::{Item, KeySchema};

use super::error::PartiqlError;
use super::key_terms::{all_of, check_filter, check_value, conjuncts, equal_to, nested_key};
use crate::ast::ConditionNode;
use crate::condition::Condition;

/// The key that a WHERE clause asks for, and what else it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemCondition {
    /// The key attributes.
    pub key: Item,
    /// The rest of the clause.
    pub condition: Option<Condition>,
}

impl ItemCondition {
    /// Finds the key in a WHERE clause: an equality for each key attribute.
    ///
    /// # Errors
    /// [`PartiqlError::KeyIncomplete`] if there is no such equality, [`PartiqlError::KeyRepeated`] if there are several with
    /// different values, and faults of the values.
    pub fn new(
        condition: Option<&ConditionNode>,
        schema: &KeySchema,
    ) -> Result<Self, PartiqlError> {
        let condition = condition.ok_or(PartiqlError::KeyIncomplete)?;
        if let Some(name) = nested_key(condition, schema) {
            return Err(PartiqlError::KeyNestedInItem { name });
        }
        let mut parts = conjuncts(condition);
        let mut key = Item::new();
        for attribute in schema.attributes() {
            let mut found = None;
            let mut rest = Vec::with_capacity(parts.len());
            for part in parts {
                let Some(value) = equal_to(part, attribute) else {
                    rest.push(part);
                    continue;
                };
                if found.is_some_and(|found| found != value) {
                    return Err(PartiqlError::KeyRepeated {
                        name: attribute.name.clone(),
                    });
                }
                found = Some(value);
            }
            let value = found.ok_or(PartiqlError::KeyIncomplete)?;
            check_value(value, attribute)?;
            key.insert(attribute.name.clone(), (**value).clone());
            parts = rest;
        }
        parts
            .iter()
            .try_for_each(|part| check_filter(part, schema))?;
        Ok(ItemCondition {
            key,
            condition: all_of(parts),
        })
    }
}
