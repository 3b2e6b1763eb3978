//! The parameters from before expressions (dynamodb-api.md section 10): from the API's shapes to those of the
//! expression room, which gives the same trees as for expressions.

use std::collections::BTreeMap;

use headwater_expression::legacy::{
    self, AttributeAction, AttributeUpdate, Comparison, ComparisonOperator, ExpectedAttribute,
    FilterParameter, KeyConditions, LegacyError,
};
use headwater_expression::{Condition, Projection, Update};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    self as api, AttributeValueUpdate, ConditionalOperator, ExpectedAttributeValue,
};

/// Refuses a `ConditionalOperator` that has nothing to join in `conditions`.
pub(crate) fn check_operator<T>(
    operator: Option<ConditionalOperator>,
    conditions: Option<&BTreeMap<String, T>>,
) -> Result<(), ApiError> {
    let count = conditions.map_or(0, BTreeMap::len);
    legacy::check_conditional_operator(operator.is_some(), count).map_err(refused)
}

/// The condition that `Expected` means.
pub(crate) fn expected(
    expected: Option<BTreeMap<String, ExpectedAttributeValue>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>, ApiError> {
    let expected = expected.unwrap_or_default().into_iter();
    let attributes = expected.map(|(name, attribute)| (name, expected_attribute(attribute)));
    legacy::expected(attributes.collect(), joined_by(operator)).map_err(refused)
}

/// The condition that `QueryFilter` or `ScanFilter` means.
pub(crate) fn filter(
    parameter: FilterParameter,
    conditions: Option<BTreeMap<String, api::Condition>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>, ApiError> {
    let comparisons = comparisons(conditions.unwrap_or_default());
    legacy::filter(parameter, comparisons, joined_by(operator)).map_err(refused)
}

/// `KeyConditions`, if they are given, on the key of the table or of an index of it.
pub(crate) fn key_conditions(
    conditions: Option<BTreeMap<String, api::Condition>>,
    of_index: bool,
) -> Result<Option<KeyConditions>, ApiError> {
    let conditions =
        conditions.map(|conditions| KeyConditions::new(comparisons(conditions), of_index));
    conditions.transpose().map_err(refused)
}

/// The update that `AttributeUpdates` means, if it is given.
pub(crate) fn attribute_updates(
    updates: Option<BTreeMap<String, AttributeValueUpdate>>,
) -> Result<Option<Update>, ApiError> {
    let updates = updates.map(|updates| {
        let updates = updates.into_iter();
        let updates = updates.map(|(name, update)| (name, attribute_update(update)));
        legacy::attribute_updates(updates.collect())
    });
    updates.transpose().map_err(refused)
}

/// The projection that `AttributesToGet` means, if it is given.
pub(crate) fn attributes_to_get(names: Option<&[String]>) -> Result<Option<Projection>, ApiError> {
    let projection = names.map(legacy::attributes_to_get);
    projection.transpose().map_err(refused)
}

/// A parameter from before expressions was refused.
pub(crate) fn refused(error: LegacyError) -> ApiError {
    ApiError::validation(error.to_string())
}

fn joined_by(operator: Option<ConditionalOperator>) -> legacy::ConditionalOperator {
    match operator {
        None | Some(ConditionalOperator::And) => legacy::ConditionalOperator::And,
        Some(ConditionalOperator::Or) => legacy::ConditionalOperator::Or,
    }
}

fn expected_attribute(attribute: ExpectedAttributeValue) -> ExpectedAttribute {
    ExpectedAttribute {
        value: attribute.value,
        exists: attribute.exists,
        operator: attribute.comparison_operator.map(comparison_operator),
        values: attribute.attribute_value_list,
    }
}

fn comparisons(conditions: BTreeMap<String, api::Condition>) -> BTreeMap<String, Comparison> {
    let comparison = |condition: api::Condition| Comparison {
        operator: comparison_operator(condition.comparison_operator),
        values: condition.attribute_value_list.unwrap_or_default(),
    };
    let conditions = conditions.into_iter();
    conditions
        .map(|(name, condition)| (name, comparison(condition)))
        .collect()
}

fn comparison_operator(operator: api::ComparisonOperator) -> ComparisonOperator {
    match operator {
        api::ComparisonOperator::Eq => ComparisonOperator::Eq,
        api::ComparisonOperator::Ne => ComparisonOperator::Ne,
        api::ComparisonOperator::In => ComparisonOperator::In,
        api::ComparisonOperator::Le => ComparisonOperator::Le,
        api::ComparisonOperator::Lt => ComparisonOperator::Lt,
        api::ComparisonOperator::Ge => ComparisonOperator::Ge,
        api::ComparisonOperator::Gt => ComparisonOperator::Gt,
        api::ComparisonOperator::Between => ComparisonOperator::Between,
        api::ComparisonOperator::NotNull => ComparisonOperator::NotNull,
        api::ComparisonOperator::Null => ComparisonOperator::Null,
        api::ComparisonOperator::Contains => ComparisonOperator::Contains,
        api::ComparisonOperator::NotContains => ComparisonOperator::NotContains,
        api::ComparisonOperator::BeginsWith => ComparisonOperator::BeginsWith,
    }
}

fn attribute_update(update: AttributeValueUpdate) -> AttributeUpdate {
    let action = update.action.map(|action| match action {
        api::AttributeAction::Add => AttributeAction::Add,
        api::AttributeAction::Put => AttributeAction::Put,
        api::AttributeAction::Delete => AttributeAction::Delete,
    });
    AttributeUpdate {
        action,
        value: update.value,
    }
}
