//! CreateTable: a table, with a stream if that is asked for.

use headwater_engine::{BillingMode, NewIndex, NewTable, Throughput};
use headwater_model::{KeyAttribute, KeySchema, KeyType, limits};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{self, AttributeDefinition, CreateTableInput, CreateTableOutput};
use headwater_wire::messages::{tables, vectors};

use crate::api::{Api, RequestContext};
use crate::expressions::refuse_unsupported;
use crate::failure::of_tables;
use crate::index_definitions::{Definitions, Given, check_together};
use crate::policy_document::canonical;
use crate::table_name::table_name;
use crate::table_settings::{encryption, first_stream, maxima, refuse_replicas, throughput};
use crate::tags::{check_tags, first_duplicate, pairs, retention_ms};
use crate::vector_definitions::{GivenVectorIndex, check_dimensions};
use crate::warm_throughput::{self, Of};

pub(crate) async fn create_table(
    api: &Api,
    input: CreateTableInput,
    context: &RequestContext,
) -> Result<CreateTableOutput, ApiError> {
    let new = define(api, input, context)?;
    let view = api.database.create_table(new).await.map_err(of_tables)?;
    Ok(CreateTableOutput {
        table_description: Some(api.describe_table_view(&view)?),
    })
}

/// The table that is asked for, once nothing is wrong with it.
pub(crate) fn define(
    api: &Api,
    input: CreateTableInput,
    context: &RequestContext,
) -> Result<NewTable, ApiError> {
    let name = table_name(&input.table_name, context)?.to_owned();
    let (billing, throughput) = billing(&input)?;
    let schema = key_schema(&input)?;
    let indexes = indexes(&input, &schema, billing)?;
    refuse(&input)?;
    let sse = input.sse_specification.as_ref();
    let encryption = sse.map(|sse| encryption(sse, &api.database)).transpose()?;
    let encryption = encryption.flatten();
    let given = input.on_demand_throughput.as_ref();
    let on_demand = maxima(given, Of::Table, billing)?;
    let warm = input.warm_throughput.as_ref();
    let warm = warm_throughput::initial(warm, Of::Table, billing, throughput)?;
    let stream = input.stream_specification.as_ref().map(first_stream);
    let stream = stream.transpose()?.flatten();
    let policy = input
        .resource_policy
        .as_deref()
        .map(canonical)
        .transpose()?;
    let tags = input.tags.unwrap_or_default();
    check_tags(&tags)?;
    Ok(NewTable {
        namespace: context.namespace.clone(),
        name,
        region: context.region.clone(),
        account: context.account.clone(),
        schema,
        billing,
        throughput,
        on_demand,
        warm,
        deletion_protection: input.deletion_protection_enabled == Some(true),
        table_class: input.table_class.map(|class| class.as_str().to_owned()),
        encryption,
        stream,
        retention_ms: retention_ms(&tags)?,
        tags: pairs(tags),
        policy,
        indexes,
    })
}

/// The indexes, in the order in which AWS finds fault with them (dynamodb-api.md section 7).
fn indexes(
    input: &CreateTableInput,
    table: &KeySchema,
    billing: BillingMode,
) -> Result<Vec<NewIndex>, ApiError> {
    let (local, global) = (
        input.local_secondary_indexes.as_deref(),
        input.global_secondary_indexes.as_deref(),
    );
    if local.is_some_and(<[_]>::is_empty) {
        return Err(tables::index_list_empty("LocalSecondaryIndexes"));
    }
    if global.is_some_and(<[_]>::is_empty) {
        return Err(tables::index_list_empty("GlobalSecondaryIndexes"));
    }
    if local.is_some() && table.sort.is_none() {
        return Err(tables::local_index_needs_range_key());
    }
    let definitions = Definitions::of_request(&input.attribute_definitions);
    let define = |given: Given<'_>| given.define(&definitions, table, billing);
    let mut indexes = Vec::new();
    for index in local.unwrap_or_default() {
        indexes.push(define(Given::local(index))?);
    }
    if indexes.len() > limits::LOCAL_INDEXES_MAX {
        return Err(tables::too_many_local_indexes());
    }
    for index in global.unwrap_or_default() {
        indexes.push(define(Given::global(index))?);
    }
    if global.is_some_and(|global| global.len() > limits::GLOBAL_INDEXES_MAX) {
        return Err(tables::too_many_global_indexes());
    }
    vector_indexes(input, &definitions, billing, &mut indexes)?;
    check_together(
        indexes.iter().map(|index| &index.name),
        indexes
            .iter()
            .map(|index| (&index.projection, index.vector.as_ref())),
    )?;
    if !indexes.is_empty() {
        definitions.refuse_unused(table, &indexes)?;
    }
    Ok(indexes)
}

/// Adds the vector indexes to the others.
fn vector_indexes(
    input: &CreateTableInput,
    definitions: &Definitions,
    billing: BillingMode,
    indexes: &mut Vec<NewIndex>,
) -> Result<(), ApiError> {
    let Some(given) = input.vector_indexes.as_deref() else {
        return Ok(());
    };
    if given.is_empty() {
        return Err(tables::index_list_empty("VectorIndexes"));
    }
    if billing != BillingMode::PayPerRequest {
        return Err(vectors::only_on_demand());
    }
    if given.len() > limits::VECTOR_INDEXES_MAX {
        return Err(vectors::too_many_indexes(limits::VECTOR_INDEXES_MAX));
    }
    for index in given {
        indexes.push(GivenVectorIndex::of_table(index).define(definitions)?);
    }
    check_dimensions(indexes.iter().filter_map(|index| index.vector.as_ref()))
}

fn refuse(input: &CreateTableInput) -> Result<(), ApiError> {
    refuse_replicas(&input.unsupported)?;
    let unsupported = input.unsupported.iter().map(|name| (*name, true));
    refuse_unsupported(&unsupported.collect::<Vec<_>>())
}

/// Billing mode and throughput, which decide each other (dynamodb-api.md section 15).
fn billing(input: &CreateTableInput) -> Result<(BillingMode, Throughput), ApiError> {
    let given = input.provisioned_throughput.as_ref();
    match (input.billing_mode, given) {
        (Some(dynamodb::BillingMode::PayPerRequest), None) => {
            Ok((BillingMode::PayPerRequest, Throughput::default()))
        }
        (Some(dynamodb::BillingMode::PayPerRequest), Some(_)) => {
            Err(tables::throughput_with_on_demand())
        }
        (_, None) => Err(tables::throughput_missing()),
        (_, Some(given)) => Ok((BillingMode::Provisioned, throughput(given)?)),
    }
}

/// The key schema, in the order in which AWS finds fault with it (dynamodb-api.md section 7).
fn key_schema(input: &CreateTableInput) -> Result<KeySchema, ApiError> {
    let definitions = &input.attribute_definitions;
    let names: Vec<&str> = definitions
        .iter()
        .map(|definition| definition.attribute_name.as_str())
        .collect();
    let elements = &input.key_schema;
    let keys: Vec<&str> = elements
        .iter()
        .map(|element| element.attribute_name.as_str())
        .collect();
    let given = definitions
        .iter()
        .map(|definition| &definition.attribute_name);
    if let Some(name) = first_duplicate(given) {
        return Err(tables::attribute_defined_twice(name));
    }
    if keys.len() > names.len() {
        return Err(tables::key_attribute_undefined());
    }
    if keys.iter().any(|key| !names.contains(key)) {
        return Err(tables::key_attributes_not_defined(&keys, &names));
    }
    let kinds: Vec<&str> = elements
        .iter()
        .map(|element| element.key_type.as_str())
        .collect();
    if kinds.first() != Some(&"HASH") {
        return Err(tables::first_key_part_is_not_hash());
    }
    if keys.len() > 1 && keys[0] == keys[1] {
        return Err(tables::key_parts_have_one_name());
    }
    if kinds.get(1).is_some_and(|kind| *kind != "RANGE") {
        return Err(tables::second_key_part_is_not_range());
    }
    if names.len() != keys.len() && !has_indexes(input) {
        return Err(tables::unused_attribute_definitions());
    }
    let part = |index: usize| keys.get(index).and_then(|key| attribute(definitions, key));
    match part(0) {
        Some(partition) => Ok(KeySchema::new(partition, part(1))),
        None => Err(tables::key_attribute_undefined()),
    }
}

fn has_indexes(input: &CreateTableInput) -> bool {
    input.local_secondary_indexes.is_some()
        || input.global_secondary_indexes.is_some()
        || input.vector_indexes.is_some()
}

fn attribute(definitions: &[AttributeDefinition], name: &str) -> Option<KeyAttribute> {
    let definition = definitions
        .iter()
        .find(|definition| definition.attribute_name == name)?;
    let kind = KeyType::from_name(definition.attribute_type.as_str())?;
    Some(KeyAttribute::new(name, kind))
}
