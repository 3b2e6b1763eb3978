//! `TableDescription`: a table as CreateTable, DescribeTable, UpdateTable and DeleteTable show it.

use headwater_engine::{
    BillingMode, IndexKind, IndexProjection, IndexRecord, IndexState, OnDemandThroughput,
    TableEncryption, TableRecord, TableStatus, TableView, Throughput, ThroughputChanges,
    VectorRecord,
};
use headwater_model::KeySchema;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    self, AttributeDefinition, BillingModeSummary, GlobalSecondaryIndexDescription,
    GlobalSecondaryIndexWarmThroughputDescription, IndexStatus, KeySchemaElement, KeyType,
    LocalSecondaryIndexDescription, ProjectionType, ProvisionedThroughputDescription,
    RestoreSummary, ScalarAttributeType, SearchSchemaElement, SearchSchemaElementType,
    SseDescription, SseStatus, SseType, StreamSpecification, StreamViewType, TableClass,
    TableClassSummary, TableDescription, TableWarmThroughputDescription, VectorAttributeDefinition,
    VectorDistanceFunction, VectorIndexDescription, VectorIndexInfo,
};
use headwater_wire::{ApiError, Timestamp};

use crate::api::Api;
use crate::failure::of_tables;
use crate::index_definitions::attributes;

impl Api {
    /// Describes a table and its indexes.
    pub(crate) fn describe_table_view(
        &self,
        view: &TableView,
    ) -> Result<TableDescription, ApiError> {
        let now_ms = self.database.clock().now_ms();
        let mut description = describe(view, now_ms);
        let shown = |kind: IndexKind| {
            view.record
                .indexes
                .iter()
                .filter(move |one| one.kind == kind)
        };
        let local = shown(IndexKind::Local).map(|index| self.describe_local(&view.record, index));
        let local = local.collect::<Result<Vec<_>, _>>()?;
        let global = shown(IndexKind::Global).map(|index| self.describe_global(view, index));
        let global = global.collect::<Result<Vec<_>, _>>()?;
        let vectors = shown(IndexKind::Vector).map(|index| self.describe_vectors(view, index));
        let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
        description.vector_indexes = (!vectors.is_empty()).then_some(vectors);
        description.local_secondary_indexes = (!local.is_empty()).then_some(local);
        description.global_secondary_indexes = (!global.is_empty()).then_some(global);
        Ok(description)
    }

    fn describe_local(
        &self,
        table: &TableRecord,
        index: &IndexRecord,
    ) -> Result<LocalSecondaryIndexDescription, ApiError> {
        let (items, bytes) = self.database.index_counts(index.id).map_err(of_tables)?;
        Ok(LocalSecondaryIndexDescription {
            index_name: Some(index.name.clone()),
            key_schema: Some(index_key_schema(index)),
            projection: Some(projection(index)),
            index_size_bytes: Some(whole(bytes)),
            item_count: Some(whole(items)),
            index_arn: Some(index_arn(table, index)),
        })
    }

    fn describe_global(
        &self,
        view: &TableView,
        index: &IndexRecord,
    ) -> Result<GlobalSecondaryIndexDescription, ApiError> {
        let (items, bytes) = self.database.index_counts(index.id).map_err(of_tables)?;
        let now_ms = self.database.clock().now_ms();
        Ok(GlobalSecondaryIndexDescription {
            index_name: Some(index.name.clone()),
            key_schema: Some(index_key_schema(index)),
            projection: Some(projection(index)),
            index_status: Some(index_status(view, index)),
            backfilling: backfilling(view, index),
            provisioned_throughput: Some(throughput(index.throughput, index.changes, now_ms)),
            index_size_bytes: Some(whole(bytes)),
            item_count: Some(whole(items)),
            index_arn: Some(index_arn(&view.record, index)),
            on_demand_throughput: index.on_demand.map(on_demand),
            warm_throughput: warm_status(view).map(|updating| {
                let warm = index.warm_throughput(view.record.billing);
                GlobalSecondaryIndexWarmThroughputDescription {
                    read_units_per_second: Some(whole(warm.read)),
                    write_units_per_second: Some(whole(warm.write)),
                    status: IndexStatus::parse(updating.as_str()),
                }
            }),
        })
    }
}

impl Api {
    fn describe_vectors(
        &self,
        view: &TableView,
        index: &IndexRecord,
    ) -> Result<VectorIndexDescription, ApiError> {
        let (items, bytes) = self.database.index_counts(index.id).map_err(of_tables)?;
        let of_vectors = vector_info(index);
        Ok(VectorIndexDescription {
            index_name: of_vectors.index_name,
            search_schema: of_vectors.search_schema,
            projection: of_vectors.projection,
            vector_attribute: of_vectors.vector_attribute,
            dimensions: of_vectors.dimensions,
            distance_function: of_vectors.distance_function,
            index_status: Some(index_status(view, index)),
            backfilling: backfilling(view, index),
            index_size_bytes: Some(whole(bytes)),
            item_count: Some(whole(items)),
            index_arn: Some(index_arn(&view.record, index)),
        })
    }
}

fn index_status(view: &TableView, index: &IndexRecord) -> IndexStatus {
    match index.state {
        IndexState::Creating => IndexStatus::Creating,
        IndexState::Deleting { .. } => IndexStatus::Deleting,
        IndexState::Active if view.status == TableStatus::Creating => IndexStatus::Creating,
        IndexState::Active => IndexStatus::Active,
    }
}

/// Only shown of an index that was added to its table, until it is there.
fn backfilling(view: &TableView, index: &IndexRecord) -> Option<bool> {
    (index.state == IndexState::Creating).then_some(view.status == TableStatus::Active)
}

/// The definition of a vector index.
pub(crate) fn vector_info(index: &IndexRecord) -> VectorIndexInfo {
    let of_vectors = index.vector.as_ref();
    let search = of_vectors
        .map(VectorRecord::search_keys)
        .unwrap_or_default();
    let search = search.into_iter().map(|key| SearchSchemaElement {
        attribute_name: key.attribute.name,
        search_schema_element_type: match key.is_filter {
            true => SearchSchemaElementType::InlineFilter,
            false => SearchSchemaElementType::Hash,
        },
    });
    let search: Vec<_> = search.collect();
    VectorIndexInfo {
        index_name: Some(index.name.clone()),
        vector_attribute: of_vectors.map(|of_vectors| VectorAttributeDefinition {
            attribute_name: of_vectors.attribute.clone(),
        }),
        search_schema: (!search.is_empty()).then_some(search),
        projection: Some(projection(index)),
        dimensions: of_vectors.map(|of_vectors| i64::from(of_vectors.dimensions)),
        distance_function: of_vectors
            .and_then(|of_vectors| VectorDistanceFunction::parse(of_vectors.distance().as_str())),
    }
}

pub(crate) fn on_demand(maxima: OnDemandThroughput) -> dynamodb::OnDemandThroughput {
    dynamodb::OnDemandThroughput {
        max_read_request_units: maxima.read_max,
        max_write_request_units: maxima.write_max,
    }
}

fn index_arn(table: &TableRecord, index: &IndexRecord) -> String {
    format!("{}/index/{}", table.arn(), index.name)
}

pub(crate) fn index_key_schema(index: &IndexRecord) -> Vec<KeySchemaElement> {
    let partition = index
        .partition()
        .into_iter()
        .map(|one| (one, KeyType::Hash));
    let sort = index.sort().into_iter().map(|one| (one, KeyType::Range));
    partition
        .chain(sort)
        .map(|(attribute, key_type)| KeySchemaElement {
            attribute_name: attribute.name,
            key_type,
        })
        .collect()
}

/// Names are shown in their order, as those of definitions are (recorded).
pub(crate) fn projection(index: &IndexRecord) -> dynamodb::Projection {
    let (kind, names) = match &index.projection {
        IndexProjection::All => (ProjectionType::All, None),
        IndexProjection::KeysOnly => (ProjectionType::KeysOnly, None),
        IndexProjection::Include(names) => {
            let mut names = names.clone();
            names.sort();
            (ProjectionType::Include, Some(names))
        }
    };
    dynamodb::Projection {
        projection_type: Some(kind),
        non_key_attributes: names,
    }
}

fn describe(view: &TableView, now_ms: u64) -> TableDescription {
    let record = &view.record;
    let schema = view.table.schema();
    let stream = view.latest_stream.as_ref();
    let enabled = stream.filter(|_| view.stream_enabled);
    // Nothing is told of one that is over (recorded 2026).
    let restore = record.restore.as_ref();
    let restore = restore.filter(|restore| restore.is_in_progress());
    TableDescription {
        attribute_definitions: Some(attribute_definitions(schema, &record.indexes)),
        table_name: Some(record.name.clone()),
        key_schema: Some(key_schema(schema)),
        table_status: dynamodb::TableStatus::parse(view.status.as_str()),
        creation_date_time: Some(time(record.created_ms)),
        provisioned_throughput: Some(throughput(record.throughput, record.changes, now_ms)),
        table_size_bytes: Some(whole(view.table.size_bytes())),
        item_count: Some(whole(view.table.item_count())),
        table_arn: Some(record.arn()),
        table_id: Some(record.uuid.clone()),
        billing_mode_summary: record.billing_summary.then(|| billing(view)),
        stream_specification: enabled.map(|stream| StreamSpecification {
            stream_enabled: true,
            stream_view_type: StreamViewType::parse(stream.view.as_str()),
        }),
        latest_stream_label: stream.map(|stream| stream.label.clone()),
        latest_stream_arn: stream.map(|stream| stream.arn()),
        table_class_summary: record
            .table_class
            .as_deref()
            .map(|class| TableClassSummary {
                table_class: TableClass::parse(class),
                last_update_date_time: record.table_class_changed_ms.map(time),
            }),
        deletion_protection_enabled: Some(record.deletion_protection),
        on_demand_throughput: record.on_demand.map(on_demand),
        warm_throughput: warm_throughput(view),
        restore_summary: restore.map(|restore| RestoreSummary {
            source_backup_arn: restore.source_backup_arn.clone(),
            source_table_arn: Some(restore.source_table_arn.clone()),
            restore_date_time: time(restore.at_ms),
            restore_in_progress: true,
        }),
        sse_description: record
            .encryption
            .as_ref()
            .map(|encryption| encrypted(record, encryption)),
        ..TableDescription::default()
    }
}

/// The API's form of a key schema.
pub(crate) fn key_schema(schema: &KeySchema) -> Vec<KeySchemaElement> {
    let kinds = [KeyType::Hash, KeyType::Range];
    let elements = schema.attributes().zip(kinds);
    elements
        .map(|(attribute, key_type)| KeySchemaElement {
            attribute_name: attribute.name.clone(),
            key_type,
        })
        .collect()
}

/// Milliseconds since the epoch as the API's time.
pub(crate) fn time(ms: u64) -> Timestamp {
    Timestamp(whole(ms))
}

fn attribute_definitions(schema: &KeySchema, indexes: &[IndexRecord]) -> Vec<AttributeDefinition> {
    let mut attributes = attributes(schema, indexes);
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    let attributes = attributes.into_iter();
    attributes
        .map(|attribute| AttributeDefinition {
            attribute_name: attribute.name,
            attribute_type: ScalarAttributeType::parse(attribute.kind.as_str()).unwrap_or_default(),
        })
        .collect()
}

fn throughput(
    units: Throughput,
    changes: ThroughputChanges,
    now_ms: u64,
) -> ProvisionedThroughputDescription {
    ProvisionedThroughputDescription {
        last_increase_date_time: changes.increased_ms.map(time),
        last_decrease_date_time: changes.decreased_ms.map(time),
        number_of_decreases_today: Some(i64::from(changes.decreases_today(now_ms))),
        read_capacity_units: Some(whole(units.read)),
        write_capacity_units: Some(whole(units.write)),
    }
}

fn billing(view: &TableView) -> BillingModeSummary {
    let record = &view.record;
    // CreateTable does not tell it yet (recorded).
    let is_told = view.status != TableStatus::Creating;
    BillingModeSummary {
        billing_mode: Some(match record.billing {
            BillingMode::Provisioned => dynamodb::BillingMode::Provisioned,
            BillingMode::PayPerRequest => dynamodb::BillingMode::PayPerRequest,
        }),
        last_update_to_pay_per_request_date_time: record
            .last_on_demand_ms()
            .filter(|_| is_told)
            .map(time),
    }
}

fn warm_throughput(view: &TableView) -> Option<TableWarmThroughputDescription> {
    let warm = view.record.warm_throughput();
    Some(TableWarmThroughputDescription {
        status: Some(warm_status(view)?),
        read_units_per_second: Some(whole(warm.read)),
        write_units_per_second: Some(whole(warm.write)),
    })
}

/// Whether the warm throughput is shown, and as what (recorded).
fn warm_status(view: &TableView) -> Option<dynamodb::TableStatus> {
    match view.status {
        TableStatus::Active => Some(dynamodb::TableStatus::Active),
        TableStatus::Updating => Some(dynamodb::TableStatus::Updating),
        TableStatus::Creating | TableStatus::Deleting | TableStatus::Gone => None,
    }
}

/// The key is named as the request named it, or by a name of our own; the store's key is what encrypts.
pub(crate) fn encrypted(record: &TableRecord, encryption: &TableEncryption) -> SseDescription {
    let name = encryption.key_name.as_deref().unwrap_or("headwater");
    let TableRecord {
        region, account, ..
    } = record;
    let arn = match name {
        arn if arn.starts_with("arn:") => arn.to_owned(),
        alias if alias.starts_with("alias/") => format!("arn:aws:kms:{region}:{account}:{alias}"),
        id => format!("arn:aws:kms:{region}:{account}:key/{id}"),
    };
    SseDescription {
        status: Some(SseStatus::Enabled),
        sse_type: Some(SseType::Kms),
        kms_master_key_arn: Some(arn),
        inaccessible_encryption_date_time: None,
    }
}

pub(crate) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
