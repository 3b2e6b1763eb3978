//! Backups as the API shows them (dynamodb-api.md section 16).

use headwater_engine::{BackupKind, BackupRecord, BillingMode, IndexKind};
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    self, BackupDescription, BackupDetails, BackupStatus, BackupSummary, BackupType,
    GlobalSecondaryIndexInfo, LocalSecondaryIndexInfo, ProvisionedThroughput, SourceTableDetails,
    SourceTableFeatureDetails, StreamSpecification, StreamViewType, TimeToLiveDescription,
    TimeToLiveStatus,
};

use crate::table_description::{
    encrypted, index_key_schema, key_schema, on_demand, projection, time, vector_info, whole,
};

pub(crate) fn details(backup: &BackupRecord) -> BackupDetails {
    BackupDetails {
        backup_arn: backup.arn(),
        backup_name: backup.name.clone(),
        backup_size_bytes: Some(whole(backup.whole.map_or(0, |(_, bytes)| bytes))),
        backup_status: status(backup),
        backup_type: match backup.kind {
            BackupKind::User => BackupType::User,
            BackupKind::System => BackupType::System,
        },
        backup_creation_date_time: time(backup.created_ms),
        backup_expiry_date_time: backup.expires_ms().map(time),
    }
}

pub(crate) fn summary(backup: &BackupRecord) -> BackupSummary {
    let details = details(backup);
    BackupSummary {
        table_name: Some(backup.table.name.clone()),
        table_id: Some(backup.table.uuid.clone()),
        table_arn: Some(backup.table.arn()),
        backup_arn: Some(details.backup_arn),
        backup_name: Some(details.backup_name),
        backup_creation_date_time: Some(details.backup_creation_date_time),
        backup_expiry_date_time: details.backup_expiry_date_time,
        backup_status: Some(details.backup_status),
        backup_type: Some(details.backup_type),
        backup_size_bytes: details.backup_size_bytes,
    }
}

pub(crate) fn description(backup: &BackupRecord) -> BackupDescription {
    BackupDescription {
        backup_details: Some(details(backup)),
        source_table_details: Some(source(backup)),
        source_table_feature_details: Some(features(backup)),
    }
}

fn status(backup: &BackupRecord) -> BackupStatus {
    match backup.whole {
        Some(_) => BackupStatus::Available,
        None => BackupStatus::Creating,
    }
}

fn source(backup: &BackupRecord) -> SourceTableDetails {
    let table = &backup.table;
    let (items, bytes) = backup.whole.unwrap_or_default();
    SourceTableDetails {
        table_name: table.name.clone(),
        table_id: table.uuid.clone(),
        table_arn: Some(table.arn()),
        table_size_bytes: Some(whole(bytes)),
        key_schema: key_schema(&table.schema()),
        table_creation_date_time: time(table.created_ms),
        provisioned_throughput: ProvisionedThroughput {
            read_capacity_units: whole(table.throughput.read),
            write_capacity_units: whole(table.throughput.write),
        },
        on_demand_throughput: table.on_demand.map(on_demand),
        item_count: Some(whole(items)),
        billing_mode: Some(match table.billing {
            BillingMode::Provisioned => dynamodb::BillingMode::Provisioned,
            BillingMode::PayPerRequest => dynamodb::BillingMode::PayPerRequest,
        }),
    }
}

/// What was enabled then (recorded 2026).
fn features(backup: &BackupRecord) -> SourceTableFeatureDetails {
    let table = &backup.table;
    let of_kind = |kind| table.indexes.iter().filter(move |index| index.kind == kind);
    let local = of_kind(IndexKind::Local).map(|index| LocalSecondaryIndexInfo {
        index_name: Some(index.name.clone()),
        key_schema: Some(index_key_schema(index)),
        projection: Some(projection(index)),
    });
    let global = of_kind(IndexKind::Global).map(|index| GlobalSecondaryIndexInfo {
        index_name: Some(index.name.clone()),
        key_schema: Some(index_key_schema(index)),
        projection: Some(projection(index)),
        provisioned_throughput: Some(ProvisionedThroughput {
            read_capacity_units: whole(index.throughput.read),
            write_capacity_units: whole(index.throughput.write),
        }),
        on_demand_throughput: index.on_demand.map(on_demand),
    });
    let (local, global): (Vec<_>, Vec<_>) = (local.collect(), global.collect());
    let vectors: Vec<_> = of_kind(IndexKind::Vector).map(vector_info).collect();
    let ttl = table.ttl.as_ref().filter(|ttl| ttl.enabled);
    SourceTableFeatureDetails {
        local_secondary_indexes: (!local.is_empty()).then_some(local),
        global_secondary_indexes: (!global.is_empty()).then_some(global),
        vector_indexes: (!vectors.is_empty()).then_some(vectors),
        stream_description: backup.stream.map(|view| StreamSpecification {
            stream_enabled: true,
            stream_view_type: StreamViewType::parse(view.as_str()),
        }),
        time_to_live_description: ttl.map(|ttl| TimeToLiveDescription {
            time_to_live_status: Some(TimeToLiveStatus::Enabled),
            attribute_name: Some(ttl.attribute.clone()),
        }),
        sse_description: table
            .encryption
            .as_ref()
            .map(|encryption| encrypted(table, encryption)),
    }
}
