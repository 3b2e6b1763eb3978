//! Words out of a set that AWS refuses without naming the member (conformance suite, recorded 2026).

use super::mismatch::DecodeError;
use super::violation::{Echo, Rule, Violation};
use super::{Choice, Decoder};
use crate::error::ApiError;
use crate::json::Json;
use crate::messages;

impl<'j> Decoder<'j> {
    /// `ReturnValues` of the writes of one item. AWS neither names the member nor shows the word (conformance suite,
    /// recorded 2026).
    pub(crate) fn return_values<T: Choice>(
        &mut self,
        json: &'j Json<'j>,
    ) -> Result<T, DecodeError> {
        let value = self.string(json)?;
        Ok(T::parse(value).unwrap_or_else(|| {
            self.violate_with(|_| unknown_return_values());
            T::default()
        }))
    }

    /// The same where it is told whatever else is wrong, except with the table's name.
    pub(crate) fn return_values_alone<T: Choice>(
        &mut self,
        json: &'j Json<'j>,
    ) -> Result<T, DecodeError> {
        let value = self.string(json)?;
        Ok(T::parse(value).unwrap_or_else(|| {
            let alone = messages::violations(&[unknown_return_values()]);
            self.first.get_or_insert(alone);
            T::default()
        }))
    }

    /// `ConditionalOperator` of Query, which AWS tells alone and by itself, with words that it does not take
    /// (conformance suite, recorded 2026).
    pub(crate) fn conditional_operator_alone<T: Choice>(
        &mut self,
        json: &'j Json<'j>,
    ) -> Result<T, DecodeError> {
        let value = self.string(json)?;
        Ok(T::parse(value).unwrap_or_else(|| {
            let unknown = Violation {
                path: String::new(),
                value: Echo::Unnamed,
                rule: Rule::OneOf(&["ALL", "OR"]),
            };
            self.first
                .get_or_insert_with(|| ApiError::validation(unknown.to_string()));
            T::default()
        }))
    }
}

/// AWS's set for the writes of one item, with its misspelling.
fn unknown_return_values() -> Violation {
    Violation {
        path: String::new(),
        value: Echo::Unnamed,
        rule: Rule::OneOf(&["ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATE_NEW", "NONE"]),
    }
}
