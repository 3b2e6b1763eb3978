//! GetItem: one item by its key. Every read here is strongly consistent; what is asked for only counts.

use headwater_engine::ReadOf;
use headwater_model::{EncodedItem, capacity};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{GetItemInput, GetItemOutput};

use crate::api::{Api, RequestContext};
use crate::capacity::{Used, consumed};
use crate::expressions::{Expressions, refuse_mixed, refuse_placeholders_alone};
use crate::failure::{internal, of_items};
use crate::table_name::table_name;
use crate::{key, legacy, nested_keys};

/// The parameters that exclude or need each other.
pub(crate) fn check_parameters(input: &GetItemInput) -> Result<(), ApiError> {
    let given = [(
        "ProjectionExpression",
        input.projection_expression.is_some(),
    )];
    let legacy = [("AttributesToGet", input.attributes_to_get.is_some())];
    refuse_mixed(&legacy, &given)?;
    let names = input.expression_attribute_names.is_some();
    refuse_placeholders_alone((names, false), &[], &given)
}

pub(crate) async fn get_item(
    api: &Api,
    input: GetItemInput,
    context: &RequestContext,
) -> Result<GetItemOutput, ApiError> {
    let mut expressions = Expressions::new(input.expression_attribute_names, None)?;
    let attributes = legacy::attributes_to_get(input.attributes_to_get.as_deref())?;
    let projection = expressions.projection(input.projection_expression.as_deref())?;
    expressions.finish()?;

    let name = table_name(&input.table_name, context)?;
    let table = api.table_of(name, context)?;
    let key = key::of_key(table.schema(), &input.key)?;
    nested_keys::refuse(&table, projection.as_ref())?;
    api.admit_read(&table, None, ReadOf::Item(&key))?;
    let item = api.database.get(&table, &key).await.map_err(of_items)?;
    let size_bytes = item.as_ref().map_or(0, EncodedItem::size_bytes);
    let units = capacity::read_units(size_bytes, input.consistent_read == Some(true));
    api.database.charge_read(&table, None, units);
    let item = match (item, projection.or(attributes)) {
        (Some(item), Some(projection)) => {
            let whole = item.decode().map_err(internal)?;
            Some(EncodedItem::encode(&projection.project(&whole)))
        }
        (item, _) => item,
    };
    Ok(GetItemOutput {
        item,
        consumed_capacity: consumed(input.return_consumed_capacity, name, &Used::of_table(units)),
    })
}
