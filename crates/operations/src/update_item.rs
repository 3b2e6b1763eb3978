//! UpdateItem: changes attributes of an item, or makes it.

use headwater_engine::{Action, ReturnValues};
use headwater_expression::{Condition, ExpressionKind, Update};
use headwater_wire::dynamodb::{ReturnValue, UpdateItemInput, UpdateItemOutput};
use headwater_wire::{ApiError, messages};

use crate::api::{Api, RequestContext};
use crate::capacity::{Used, consumed};
use crate::expressions::{Expressions, refuse_mixed, refuse_placeholders_alone_in_write};
use crate::failure::of_expressions;
use crate::item_collections::Collection;
use crate::table_name::table_name;
use crate::write::ItemWrite;
use crate::{key, legacy, nested_keys};

/// The parameters that exclude or need each other.
pub(crate) fn check_parameters(input: &UpdateItemInput) -> Result<(), ApiError> {
    refuse_parameters(input).map_err(messages::enveloped)
}

fn refuse_parameters(input: &UpdateItemInput) -> Result<(), ApiError> {
    let given = [
        ("UpdateExpression", input.update_expression.is_some()),
        ("ConditionExpression", input.condition_expression.is_some()),
    ];
    let legacy = [
        ("AttributeUpdates", input.attribute_updates.is_some()),
        ("Expected", input.expected.is_some()),
        ("ConditionalOperator", input.conditional_operator.is_some()),
    ];
    refuse_mixed(&legacy, &given)?;
    legacy::check_operator(input.conditional_operator, input.expected.as_ref())?;
    let placeholders = (
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    );
    refuse_placeholders_alone_in_write(placeholders, &given)
}

pub(crate) async fn update_item(
    api: &Api,
    mut input: UpdateItemInput,
    context: &RequestContext,
) -> Result<UpdateItemOutput, ApiError> {
    let (update, condition) = expressions(&mut input).map_err(messages::enveloped)?;

    let name = table_name(&input.table_name, context)?;
    let table = api.table_of(name, context)?;
    let key = key::of_key(table.schema(), &input.key)?;
    let wanted = input.return_item_collection_metrics;
    let collection = Collection::of(wanted, &table, &key)?;
    if let Some(update) = &update {
        let keys = table.schema().attributes().map(|key| key.name.as_str());
        update.refuse_keys(keys).map_err(of_expressions)?;
        key::refuse_index_types(&table, update).map_err(key::of_index)?;
        nested_keys::refuse(&table, Some(update))?;
    }
    nested_keys::refuse(&table, condition.as_ref())?;
    let outcome = api
        .write_item(ItemWrite {
            table,
            key,
            condition,
            action: Action::Update {
                update: update.unwrap_or_default(),
                key: input.key,
            },
            returns: returns(input.return_values),
            on_failure: input.return_values_on_condition_check_failure,
        })
        .await?;
    Ok(UpdateItemOutput {
        consumed_capacity: consumed(
            input.return_consumed_capacity,
            name,
            &Used::of_write(&outcome),
        ),
        attributes: outcome.attributes,
        item_collection_metrics: collection.map(|one| api.item_collection_metrics(one)),
    })
}

/// What is to be done to the item, and what it has to be like.
fn expressions(
    input: &mut UpdateItemInput,
) -> Result<(Option<Update>, Option<Condition>), ApiError> {
    let mut expressions = Expressions::new(
        input.expression_attribute_names.take(),
        input.expression_attribute_values.take(),
    )?;
    let attribute_updates = legacy::attribute_updates(input.attribute_updates.take())?;
    let expected = legacy::expected(input.expected.take(), input.conditional_operator)?;
    let update = expressions.parse(input.update_expression.as_deref(), Update::parse)?;
    let text = input.condition_expression.as_deref();
    let condition = expressions.condition(ExpressionKind::Condition, text)?;
    expressions.finish()?;
    Ok((update.or(attribute_updates), condition.or(expected)))
}

fn returns(wanted: Option<ReturnValue>) -> ReturnValues {
    match wanted {
        None | Some(ReturnValue::None) => ReturnValues::None,
        Some(ReturnValue::AllOld) => ReturnValues::AllOld,
        Some(ReturnValue::AllNew) => ReturnValues::AllNew,
        Some(ReturnValue::UpdatedOld) => ReturnValues::UpdatedOld,
        Some(ReturnValue::UpdatedNew) => ReturnValues::UpdatedNew,
    }
}
