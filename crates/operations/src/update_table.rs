//! UpdateTable: billing, throughput, stream, deletion protection, table class.

use headwater_engine::{BillingMode, Database, TableChange, TableRecord, Throughput};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    self, GlobalSecondaryIndexUpdate, UpdateTableInput, UpdateTableOutput,
};
use headwater_wire::messages::tables;

use crate::api::{Api, RequestContext};
use crate::expressions::refuse_unsupported;
use crate::failure::of_tables;
use crate::table_description::describe;
use crate::table_name::table_name;
use crate::table_settings::{encryption, on_demand, stream_change, throughput};

pub(crate) async fn update_table(
    api: &Api,
    input: UpdateTableInput,
    context: &RequestContext,
) -> Result<UpdateTableOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    refuse_several_changes(&input)?;
    refuse(&input)?;
    let change = change(&input, &api.database)?;
    let view = api.database.describe(&context.namespace, name).await;
    let record = view.map_err(of_tables)?.record;
    check_throughput(&record, &input, &change)?;
    // No table has indexes yet, so that there is none to change or to delete.
    if let Some(index) = index_updates(&input).iter().find_map(index_name) {
        return Err(tables::index_not_found(index, &record.name));
    }
    let view = api
        .database
        .update_table(&context.namespace, name, change)
        .await;
    let view = view.map_err(of_tables)?;
    Ok(UpdateTableOutput {
        table_description: Some(describe(&view)),
    })
}

/// Stream, throughput and the set of indexes change one at a time (dynamodb-api.md sections 3 and 15).
fn refuse_several_changes(input: &UpdateTableInput) -> Result<(), ApiError> {
    let updates = index_updates(input).iter();
    let of_set = updates.filter(|update| update.create.is_some() || update.delete.is_some());
    let indexes = of_set.count();
    if indexes > 1 {
        return Err(tables::one_index_change_at_a_time());
    }
    let changes = [
        indexes == 1,
        input.stream_specification.is_some(),
        input.provisioned_throughput.is_some(),
    ];
    if changes.iter().filter(|change| **change).count() > 1 {
        return Err(tables::several_changes_at_once());
    }
    Ok(())
}

fn index_updates(input: &UpdateTableInput) -> &[GlobalSecondaryIndexUpdate] {
    let updates = input.global_secondary_index_updates.as_ref();
    updates.map_or(&[], Vec::as_slice)
}

/// The index that has to be there for an update of it.
fn index_name(update: &GlobalSecondaryIndexUpdate) -> Option<&str> {
    match (&update.update, &update.delete) {
        (Some(update), _) => Some(&update.index_name),
        (None, Some(delete)) => Some(&delete.index_name),
        (None, None) => None,
    }
}

fn refuse(input: &UpdateTableInput) -> Result<(), ApiError> {
    let indexes = index_updates(input);
    let mut unsupported = vec![
        (
            "GlobalSecondaryIndexUpdates",
            indexes.iter().any(|update| index_name(update).is_none()),
        ),
        ("WarmThroughput", input.warm_throughput.is_some()),
    ];
    unsupported.extend(input.unsupported.iter().map(|name| (*name, true)));
    refuse_unsupported(&unsupported)?;
    let settings = [
        input.billing_mode.is_some(),
        input.provisioned_throughput.is_some(),
        input.stream_specification.is_some(),
        input.sse_specification.is_some(),
        input.table_class.is_some(),
        input.deletion_protection_enabled.is_some(),
        input.on_demand_throughput.is_some(),
        !indexes.is_empty(),
    ];
    if settings.contains(&true) {
        Ok(())
    } else {
        Err(tables::nothing_to_update())
    }
}

/// What the engine is to change.
fn change(input: &UpdateTableInput, database: &Database) -> Result<TableChange, ApiError> {
    let billing = match (input.billing_mode, &input.provisioned_throughput) {
        (Some(dynamodb::BillingMode::PayPerRequest), Some(_)) => {
            return Err(tables::throughput_with_on_demand());
        }
        (Some(dynamodb::BillingMode::PayPerRequest), None) => Some(BillingMode::PayPerRequest),
        (Some(dynamodb::BillingMode::Provisioned), _) => Some(BillingMode::Provisioned),
        (None, _) => None,
    };
    let given = input.provisioned_throughput.as_ref();
    let maxima = input.on_demand_throughput.as_ref();
    let stream = input.stream_specification.as_ref();
    let sse = input.sse_specification.as_ref();
    Ok(TableChange {
        billing,
        throughput: given.map(throughput).transpose()?,
        on_demand: maxima.map(on_demand).transpose()?,
        deletion_protection: input.deletion_protection_enabled,
        table_class: input.table_class.map(|class| class.as_str().to_owned()),
        encryption: sse.map(|sse| encryption(sse, database)).transpose()?,
        stream: stream.map(stream_change).transpose()?,
    })
}

/// Whether the throughput asked for fits the billing mode that the table has then.
fn check_throughput(
    record: &TableRecord,
    input: &UpdateTableInput,
    change: &TableChange,
) -> Result<(), ApiError> {
    let switched = change
        .billing
        .is_some_and(|billing| billing != record.billing);
    match (change.billing.unwrap_or(record.billing), change.throughput) {
        (BillingMode::PayPerRequest, Some(_)) => Err(tables::throughput_with_on_demand()),
        (BillingMode::Provisioned, None) if switched => Err(tables::throughput_missing()),
        (BillingMode::Provisioned, Some(wanted))
            if !switched && wanted == record.throughput && is_only_throughput(input) =>
        {
            let Throughput { read, write } = wanted;
            Err(tables::throughput_unchanged(read as i64, write as i64))
        }
        _ => Ok(()),
    }
}

fn is_only_throughput(input: &UpdateTableInput) -> bool {
    input.stream_specification.is_none()
        && input.table_class.is_none()
        && input.deletion_protection_enabled.is_none()
        && input.on_demand_throughput.is_none()
}
