//! PutItem: puts an item in place of the one with its key, or adds it.

use headwater_engine::{Action, ReturnValues};
use headwater_expression::{Condition, ExpressionKind};
use headwater_model::{EncodedItem, limits};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{PutItemInput, PutItemOutput};
use headwater_wire::messages::{self, items};

use crate::api::{Api, RequestContext};
use crate::capacity::{Used, consumed};
use crate::expressions::{Expressions, refuse_mixed, refuse_placeholders_alone_in_write};
use crate::item_collections::Collection;
use crate::table_name::table_name;
use crate::write::{ItemWrite, returns_old};
use crate::{key, legacy, nested_keys};

/// The parameters that exclude or need each other.
pub(crate) fn check_parameters(input: &PutItemInput) -> Result<(), ApiError> {
    refuse_parameters(input).map_err(messages::enveloped)
}

fn refuse_parameters(input: &PutItemInput) -> Result<(), ApiError> {
    let conditions = [("ConditionExpression", input.condition_expression.is_some())];
    let legacy = [
        ("Expected", input.expected.is_some()),
        ("ConditionalOperator", input.conditional_operator.is_some()),
    ];
    refuse_mixed(&legacy, &conditions)?;
    legacy::check_operator(input.conditional_operator, input.expected.as_ref())?;
    let placeholders = (
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    );
    refuse_placeholders_alone_in_write(placeholders, &conditions)
}

pub(crate) async fn put_item(
    api: &Api,
    mut input: PutItemInput,
    context: &RequestContext,
) -> Result<PutItemOutput, ApiError> {
    let (returns, condition) = conditions(&mut input).map_err(messages::enveloped)?;
    let name = table_name(&input.table_name, context)?;
    let table = api.table_of(name, context)?;
    let tree = std::mem::take(&mut input.item);
    let key = key::of_item(&table, &tree)?;
    let wanted = input.return_item_collection_metrics;
    let collection = Collection::of(wanted, &table, &key)?;
    let item = EncodedItem::encode(&tree);
    // Before the disk is waited for.
    drop(tree);
    if item.size_bytes() > limits::ITEM_SIZE_BYTES_MAX {
        return Err(items::item_too_large());
    }
    nested_keys::refuse(&table, condition.as_ref())?;
    let outcome = api
        .write_item(ItemWrite {
            table,
            key,
            condition,
            action: Action::Put(item),
            returns,
            on_failure: input.return_values_on_condition_check_failure,
        })
        .await?;
    Ok(PutItemOutput {
        consumed_capacity: consumed(
            input.return_consumed_capacity,
            name,
            &Used::of_write(&outcome),
        ),
        attributes: outcome.attributes,
        item_collection_metrics: collection.map(|one| api.item_collection_metrics(one)),
    })
}

/// What the item has to be like, and what of it is returned.
fn conditions(input: &mut PutItemInput) -> Result<(ReturnValues, Option<Condition>), ApiError> {
    let mut expressions = Expressions::new(
        input.expression_attribute_names.take(),
        input.expression_attribute_values.take(),
    )?;
    let returns = returns_old(input.return_values)?;
    let expected = legacy::expected(input.expected.take(), input.conditional_operator)?;
    let text = input.condition_expression.as_deref();
    let condition = expressions.condition(ExpressionKind::Condition, text)?;
    expressions.finish()?;
    Ok((returns, condition.or(expected)))
}
