//! TransactGetItems: up to 100 items as they are at one moment.

use headwater_expression::Projection;
use headwater_model::{EncodedItem, capacity};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{Get, ItemResponse, TransactGetItemsInput, TransactGetItemsOutput};

use crate::answer_room::AnswerRoom;
use crate::api::{Api, RequestContext};
use crate::capacity::Used;
use crate::capacity_by_table::{CapacityByTable, UnitKind};
use crate::expressions::{Expressions, refuse_placeholders_alone};
use crate::failure::internal;
use crate::transaction::{
    ActionFault, all_or_reasons, of_transaction, refuse_duplicates, refuse_too_large,
    refuse_without_room, tables_of,
};
use crate::{key, nested_keys};

/// What is wrong with the first `count` actions, before the attribute values of later ones are looked at.
pub(crate) fn check_actions(input: &TransactGetItemsInput, count: usize) -> Result<(), ApiError> {
    let actions = input.transact_items.iter().take(count);
    actions
        .map(|action| projection(&action.get))
        .try_for_each(|projection| projection.map(drop))
}

pub(crate) async fn transact_get_items(
    api: &Api,
    input: TransactGetItemsInput,
    context: &RequestContext,
) -> Result<TransactGetItemsOutput, ApiError> {
    let gets = || input.transact_items.iter().map(|action| &action.get);
    let projections = gets().map(projection).collect::<Result<Vec<_>, _>>()?;
    let tables = tables_of(api, gets().map(|get| get.table_name.as_str()), context)?;
    let asked = gets().zip(&projections).zip(&tables);
    let keys = all_or_reasons(asked.map(|((get, projection), (_, table))| {
        let key = table.schema().storage_key_of_key(&get.key);
        let key = key.map_err(|error| ActionFault::of_key(error, key::of_value))?;
        let nested = nested_keys::refuse(table, projection.as_ref());
        nested.map_err(ActionFault::Action).map(|()| key)
    }))?;
    refuse_duplicates(tables.iter().map(|(_, table)| table.as_ref()).zip(&keys))?;
    let (names, tables): (Vec<&str>, Vec<_>) = tables.into_iter().unzip();
    let wanted: Vec<_> = tables.into_iter().zip(keys).collect();
    api.admit_reads(&wanted)?;
    let items = api.database.get_together(&wanted).await;
    let items = items.map_err(of_transaction)?;
    let size = |item: &Option<EncodedItem>| item.as_ref().map_or(0, EncodedItem::size_bytes);
    refuse_too_large(items.iter().map(size).sum())?;
    let mut consumed =
        CapacityByTable::new(input.return_consumed_capacity, UnitKind::TransactedRead);
    let mut responses = Vec::with_capacity(items.len());
    let mut room = AnswerRoom::new();
    let read = wanted.iter().zip(names);
    for ((item, projection), ((table, _), name)) in items.into_iter().zip(&projections).zip(read) {
        let units = capacity::read_units(size(&item), true);
        api.database.charge_read(table, None, 2.0 * units);
        consumed.add(name, &Used::of_table(units));
        let item = item
            .map(|item| shown(item, projection.as_ref()))
            .transpose()?;
        refuse_without_room(&mut room, item.as_ref())?;
        responses.push(ItemResponse { item });
    }
    Ok(TransactGetItemsOutput {
        consumed_capacity: consumed.reply(),
        responses,
    })
}

fn projection(get: &Get) -> Result<Option<Projection>, ApiError> {
    let given = [("ProjectionExpression", get.projection_expression.is_some())];
    let names = get.expression_attribute_names.is_some();
    refuse_placeholders_alone((names, false), &[], &given)?;
    let mut expressions = Expressions::new(get.expression_attribute_names.clone(), None)?;
    let projection = expressions.projection(get.projection_expression.as_deref())?;
    expressions.finish()?;
    Ok(projection)
}

fn shown(item: EncodedItem, projection: Option<&Projection>) -> Result<EncodedItem, ApiError> {
    let Some(projection) = projection else {
        return Ok(item);
    };
    let whole = item.decode().map_err(internal)?;
    Ok(EncodedItem::encode(&projection.project(&whole)))
}
