//! FilterSpecification of exports: which items go into an export, and what of them. Its parameters are those of Query and
//! Scan (the model).

use std::ops::RangeBounds as _;

use headwater_engine::KeyRange;
use headwater_expression::{Condition, ExpressionKind, KeyCondition, Projection};
use headwater_model::{CorruptItem, EncodedItem, KeySchema};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::FilterSpecification;
use headwater_wire::messages::transfers as messages;

use crate::expressions::{Expressions, refuse_placeholders_alone};
use crate::failure::of_expressions;
use crate::{key, key_range};

/// What is exported of a table.
pub struct ExportFilter {
    schema: KeySchema,
    keys: Option<KeyRange>,
    condition: Option<Condition>,
    projection: Option<Projection>,
}

impl ExportFilter {
    /// What a specification asks for, of a table with these keys.
    pub(crate) fn new(given: &FilterSpecification, schema: &KeySchema) -> Result<Self, ApiError> {
        let has_none = given.filter_expression.is_none()
            && given.key_condition_expression.is_none()
            && given.projection_expression.is_none();
        if has_none {
            return Err(messages::filter_specification_empty());
        }
        Self::parse(given, schema)
            .map_err(|error| messages::filter_specification_invalid(&error.message))
    }

    fn parse(given: &FilterSpecification, schema: &KeySchema) -> Result<Self, ApiError> {
        let with_values = [
            ("FilterExpression", given.filter_expression.is_some()),
            (
                "KeyConditionExpression",
                given.key_condition_expression.is_some(),
            ),
        ];
        let others = [(
            "ProjectionExpression",
            given.projection_expression.is_some(),
        )];
        let placeholders = (
            given.expression_attribute_names.is_some(),
            given.expression_attribute_values.is_some(),
        );
        refuse_placeholders_alone(placeholders, &with_values, &others)?;
        let mut expressions = Expressions::new(
            given.expression_attribute_names.clone(),
            given.expression_attribute_values.clone(),
        )?;
        let keys = given.key_condition_expression.as_deref();
        let keys = expressions.parse(keys, KeyCondition::parse)?;
        let filter = given.filter_expression.as_deref();
        let condition = expressions.condition(ExpressionKind::Filter, filter)?;
        let projection = expressions.projection(given.projection_expression.as_deref())?;
        expressions.finish()?;
        if let (Some(condition), Some(_)) = (&condition, &keys) {
            let names = schema.attributes().map(|attribute| attribute.name.as_str());
            condition.refuse_keys(names).map_err(of_expressions)?;
        }
        let range = keys.map(|keys| {
            let resolved = keys.resolve(schema).map_err(of_expressions)?;
            key_range::of_condition(schema, &resolved).map_err(key::of_value)
        });
        Ok(ExportFilter {
            schema: schema.clone(),
            keys: range.transpose()?,
            condition,
            projection,
        })
    }

    /// What of an item is exported, if anything is.
    ///
    /// # Errors
    /// The item is damaged.
    pub fn apply(&self, encoded: &EncodedItem) -> Result<Option<EncodedItem>, CorruptItem> {
        let item = encoded.decode()?;
        let is_in = |range: &KeyRange| {
            let key = self.schema.storage_key_of_item(&item);
            let bounds = (range.from.clone(), range.to.clone());
            key.is_ok_and(|key| bounds.contains(&key.into_vec()))
        };
        let is_wanted = self.keys.as_ref().is_none_or(is_in)
            && self
                .condition
                .as_ref()
                .is_none_or(|condition| condition.evaluate(&item));
        Ok(is_wanted.then(|| match &self.projection {
            None => encoded.clone(),
            Some(projection) => EncodedItem::encode(&projection.project(&item)),
        }))
    }
}
