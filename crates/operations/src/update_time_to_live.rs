//! UpdateTimeToLive: from which attribute on the items of a table expire, or that they don't
//! (dynamodb-api.md section 14).

use headwater_engine::{EngineError, TableStatus};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    TimeToLiveSpecification, UpdateTimeToLiveInput, UpdateTimeToLiveOutput,
};
use headwater_wire::messages::tables;

use crate::api::{Api, RequestContext};
use crate::failure::of_tables;
use crate::table_name::table_name;

pub(crate) async fn update_time_to_live(
    api: &Api,
    input: UpdateTimeToLiveInput,
    context: &RequestContext,
) -> Result<UpdateTimeToLiveOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let wanted = input.time_to_live_specification;
    let view = api.database.describe(&context.namespace, name).await;
    let record = view.map_err(of_tables)?.record;
    let current = record.ttl.as_ref().filter(|ttl| ttl.enabled);
    if let Some(ttl) = current.filter(|ttl| ttl.attribute != wanted.attribute_name) {
        return Err(tables::time_to_live_by_another_attribute(&ttl.attribute));
    }
    let changed = api
        .database
        .change_time_to_live(
            &context.namespace,
            name,
            &wanted.attribute_name,
            wanted.enabled,
        )
        .await;
    changed.map_err(|error| refused(error, &wanted))?;
    Ok(UpdateTimeToLiveOutput {
        time_to_live_specification: Some(wanted),
    })
}

fn refused(error: EngineError, wanted: &TimeToLiveSpecification) -> ApiError {
    match error {
        EngineError::TimeToLiveEnabled { attribute } if attribute != wanted.attribute_name => {
            tables::time_to_live_by_another_attribute(&attribute)
        }
        EngineError::TimeToLiveEnabled { .. } => tables::time_to_live_already("enabled"),
        EngineError::TimeToLiveDisabled => tables::time_to_live_already("disabled"),
        EngineError::TableInUse {
            name,
            status: TableStatus::Creating,
        } => tables::being_created_without_time_to_live(&name),
        other => of_tables(other),
    }
}
