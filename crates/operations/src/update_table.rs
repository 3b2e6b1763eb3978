//! UpdateTable: indexes, billing, throughput, stream, deletion protection, table class.

use headwater_engine::{
    BillingMode, Database, EngineError, IndexChange, IndexKind, IndexRecord, IndexThroughput,
    NewIndex, TableChange, TableRecord, TableView, Throughput,
};
use headwater_model::limits;
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    self, UpdateGlobalSecondaryIndexAction, UpdateTableInput, UpdateTableOutput, VectorIndexUpdate,
};
use headwater_wire::messages::{tables, vectors};

use crate::api::{Api, RequestContext};
use crate::expressions::refuse_unsupported;
use crate::failure::of_tables;
use crate::index_definitions::{Definitions, Given, check_together};
use crate::redefinition::refuse_redefinition;
use crate::table_name::table_name;
use crate::table_settings::{
    encryption, maxima_change, refuse_replicas, stream_change, throughput,
};
use crate::update_concerns::{check_concerns, index_updates, vector_updates};
use crate::vector_definitions::{GivenVectorIndex, check_dimensions};
use crate::warm_throughput::{self, Of};

/// How often a request is checked anew because others change the table at the same moment.
const TRIES_MAX: usize = 8;

pub(crate) async fn update_table(
    api: &Api,
    input: UpdateTableInput,
    context: &RequestContext,
) -> Result<UpdateTableOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    refuse(&input)?;
    check_concerns(&input)?;
    let mut tries = 0;
    let view = loop {
        tries += 1;
        match change_table(api, &input, name, context).await? {
            // Another request was between: this one is checked against what that one made.
            Err(EngineError::TableChanged { .. }) if tries < TRIES_MAX => {}
            changed => break changed.map_err(of_tables)?,
        }
    };
    Ok(UpdateTableOutput {
        table_description: Some(api.describe_table_view(&view)?),
    })
}

/// Checks the request against the table as it is, and changes that.
async fn change_table(
    api: &Api,
    input: &UpdateTableInput,
    name: &str,
    context: &RequestContext,
) -> Result<Result<TableView, EngineError>, ApiError> {
    let mut change = change(input, &api.database)?;
    let view = api.database.describe(&context.namespace, name).await;
    let record = view.map_err(of_tables)?.record;
    check_throughput(&record, &change)?;
    let billing = change.billing.unwrap_or(record.billing);
    change.on_demand = maxima_change(input.on_demand_throughput.as_ref(), Of::Table, billing)?;
    let (warm, present) = (input.warm_throughput.as_ref(), record.warm_throughput());
    warm_throughput::refuse_empty(warm, Of::Table)?;
    change.warm = warm_throughput::raised(warm, Of::Table, present)?;
    change.index = index_change(&record, input, billing)?;
    change.index_throughput = index_throughput(&record, input, billing)?;
    change.seen = Some(record);
    let changing = api.database.update_table(&context.namespace, name, change);
    Ok(changing.await)
}

/// The index that is to be added or removed, checked against those that are there.
fn index_change(
    record: &TableRecord,
    input: &UpdateTableInput,
    billing: BillingMode,
) -> Result<Option<IndexChange>, ApiError> {
    if let Some(update) = vector_updates(input).first() {
        return vector_change(record, input, update, billing).map(Some);
    }
    for update in index_updates(input) {
        if let Some(delete) = &update.delete {
            let name = delete.index_name.clone();
            let mut indexes = record.indexes.iter();
            if indexes.any(|index| index.kind == IndexKind::Local && index.name == name) {
                return Err(tables::local_index_deleted(&name));
            }
            return Ok(Some(IndexChange::Delete(IndexKind::Global, name)));
        }
        let Some(create) = &update.create else {
            continue;
        };
        let definitions = input.attribute_definitions.as_deref();
        let definitions =
            definitions.ok_or_else(|| tables::attribute_definitions_missing(&create.index_name))?;
        let definitions = Definitions::of_request(definitions);
        let given = Given {
            name: &create.index_name,
            is_added: true,
            kind: IndexKind::Global,
            key_schema: &create.key_schema,
            projection: &create.projection,
            throughput: create.provisioned_throughput.as_ref(),
            on_demand: create.on_demand_throughput.as_ref(),
            warm: create.warm_throughput.as_ref(),
        };
        let new = given.define(&definitions, &record.schema(), billing)?;
        refuse_redefinition(record, &new)?;
        if global_indexes(record).count() >= limits::GLOBAL_INDEXES_MAX {
            return Err(tables::too_many_global_indexes_of_table());
        }
        check_projections(record, &new)?;
        return Ok(Some(IndexChange::Create(new)));
    }
    Ok(None)
}

/// The vector index that is to be added or removed, checked against those that are there.
fn vector_change(
    record: &TableRecord,
    input: &UpdateTableInput,
    update: &VectorIndexUpdate,
    billing: BillingMode,
) -> Result<IndexChange, ApiError> {
    let create = match (&update.create, &update.delete) {
        (None, None) => return Err(vectors::update_without_action()),
        (Some(_), Some(_)) => return Err(vectors::update_with_two_actions()),
        (None, Some(delete)) => {
            let name = delete.index_name.clone();
            return Ok(IndexChange::Delete(IndexKind::Vector, name));
        }
        (Some(create), None) => create,
    };
    if billing != BillingMode::PayPerRequest {
        return Err(vectors::only_on_demand());
    }
    let given = input.attribute_definitions.as_deref().unwrap_or_default();
    let new = GivenVectorIndex::of_action(create).define(&Definitions::of_request(given))?;
    refuse_redefinition(record, &new)?;
    let present = || vector_indexes(record).filter_map(|index| index.vector.as_ref());
    if present().count() >= limits::VECTOR_INDEXES_MAX {
        return Err(vectors::too_many_indexes_of_table(
            limits::VECTOR_INDEXES_MAX,
        ));
    }
    check_dimensions(present().chain(new.vector.as_ref()))?;
    check_projections(record, &new)?;
    Ok(IndexChange::Create(new))
}

fn vector_indexes(record: &TableRecord) -> impl Iterator<Item = &IndexRecord> {
    let indexes = record.indexes.iter();
    indexes.filter(|index| index.kind == IndexKind::Vector && index.is_kept())
}

fn check_projections(record: &TableRecord, new: &NewIndex) -> Result<(), ApiError> {
    let present = record.indexes.iter();
    let present = present.map(|index| (&index.projection, index.vector.as_ref()));
    let all = present.chain([(&new.projection, new.vector.as_ref())]);
    check_together(std::iter::empty(), all)
}

/// Throughput for indexes that are there; a table that becomes provisioned needs it for all of them.
fn index_throughput(
    record: &TableRecord,
    input: &UpdateTableInput,
    billing: BillingMode,
) -> Result<Vec<IndexThroughput>, ApiError> {
    let updates = index_updates(input).iter();
    let updates = updates.filter_map(|update| update.update.as_ref());
    let wanted = updates.map(|update| throughput_of_index(record, update, billing));
    let wanted: Vec<IndexThroughput> = wanted.collect::<Result<_, _>>()?;
    if billing != BillingMode::Provisioned || record.billing == billing {
        return Ok(wanted);
    }
    if vector_indexes(record).next().is_some() {
        return Err(vectors::only_on_demand());
    }
    let is_given = |index: &IndexRecord| {
        let mut given = wanted.iter();
        given.any(|given| given.index == index.name && given.throughput.is_some())
    };
    let missing = global_indexes(record).filter(|index| !is_given(index));
    let missing: Vec<&str> = missing.map(|index| index.name.as_str()).collect();
    match missing.is_empty() {
        true => Ok(wanted),
        false => Err(tables::index_throughput_missing(&missing.join(","))),
    }
}

fn throughput_of_index(
    record: &TableRecord,
    update: &UpdateGlobalSecondaryIndexAction,
    billing: BillingMode,
) -> Result<IndexThroughput, ApiError> {
    let name = &update.index_name;
    let mut indexes = record.indexes.iter();
    let index = indexes.find(|index| index.name == *name);
    if index.is_some_and(|index| index.kind == IndexKind::Local) {
        return Err(tables::local_index_updated(name));
    }
    let given = update.provisioned_throughput.as_ref();
    if given.is_some() && billing == BillingMode::PayPerRequest {
        return Err(tables::index_throughput_updated_with_on_demand(name));
    }
    let (of, warm) = (Of::Index(name), update.warm_throughput.as_ref());
    warm_throughput::refuse_empty(warm, of)?;
    let wanted = given.map(throughput).transpose()?;
    let stays = index.is_some_and(|index| wanted == Some(index.throughput));
    if let (true, Some(Throughput { read, write })) = (stays && warm.is_none(), wanted) {
        return Err(tables::index_throughput_unchanged(name, read, write));
    }
    let present = index.map(|index| index.warm_throughput(record.billing));
    Ok(IndexThroughput {
        index: name.clone(),
        throughput: wanted,
        on_demand: maxima_change(update.on_demand_throughput.as_ref(), of, billing)?,
        warm: warm_throughput::raised(warm, of, present.unwrap_or_default())?,
    })
}

fn global_indexes(record: &TableRecord) -> impl Iterator<Item = &IndexRecord> {
    let indexes = record.indexes.iter();
    indexes.filter(|index| index.kind == IndexKind::Global && index.is_kept())
}

fn refuse(input: &UpdateTableInput) -> Result<(), ApiError> {
    refuse_replicas(&input.unsupported)?;
    let indexes = index_updates(input);
    let unsupported = input.unsupported.iter().map(|name| (*name, true));
    refuse_unsupported(&unsupported.collect::<Vec<_>>())?;
    let settings = [
        input.billing_mode.is_some(),
        input.provisioned_throughput.is_some(),
        input.stream_specification.is_some(),
        input.sse_specification.is_some(),
        input.table_class.is_some(),
        input.deletion_protection_enabled.is_some(),
        input.on_demand_throughput.is_some(),
        input.warm_throughput.is_some(),
        !indexes.is_empty(),
        !vector_updates(input).is_empty(),
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
    let stream = input.stream_specification.as_ref();
    let sse = input.sse_specification.as_ref();
    Ok(TableChange {
        billing,
        throughput: given.map(throughput).transpose()?,
        deletion_protection: input.deletion_protection_enabled,
        table_class: input.table_class.map(|class| class.as_str().to_owned()),
        encryption: sse.map(|sse| encryption(sse, database)).transpose()?,
        stream: stream.map(stream_change).transpose()?,
        ..TableChange::default()
    })
}

/// Whether the throughput asked for fits the billing mode that the table has then.
fn check_throughput(record: &TableRecord, change: &TableChange) -> Result<(), ApiError> {
    let billing = change.billing.unwrap_or(record.billing);
    match (billing, change.throughput) {
        (BillingMode::PayPerRequest, Some(_)) => Err(tables::throughput_with_on_demand()),
        (BillingMode::Provisioned, None) if change.billing.is_some() => {
            Err(tables::throughput_not_specified())
        }
        (BillingMode::Provisioned, Some(wanted))
            if billing == record.billing && wanted == record.throughput =>
        {
            let Throughput { read, write } = wanted;
            Err(tables::throughput_unchanged(read, write))
        }
        _ => Ok(()),
    }
}
