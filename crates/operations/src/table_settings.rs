//! Settings that CreateTable and UpdateTable take alike, checked and put into the engine's words
//! (dynamodb-api.md sections 2 and 15).

use headwater_engine::{
    BillingMode, Database, OnDemandChange, OnDemandThroughput, StreamChange, StreamView,
    TableEncryption, Throughput,
};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    self, ProvisionedThroughput, SseSpecification, SseType, StreamSpecification,
};
use headwater_wire::messages::{tables, throughput as messages};

use crate::warm_throughput::Of;

/// Most capacity units that are accepted (dynalite's captures).
const CAPACITY_UNITS_MAX: i64 = 1_000_000_000_000;

pub(crate) const MAX_READ: &str = "MaxReadRequestUnits";
pub(crate) const MAX_WRITE: &str = "MaxWriteRequestUnits";

/// What only means something for a table with replicas (dynamodb-api.md sections 1 and 17).
const PARAMETERS_OF_REPLICAS: [&str; 6] = [
    "ReplicaUpdates",
    "GlobalTableWitnessUpdates",
    "MultiRegionConsistency",
    "GlobalTableSourceArn",
    "GlobalTableSettingsReplicationMode",
    "DisassociationProtectionEnabled",
];

/// Refuses what only means something for a table with replicas; `given` are the parameters that are not served.
pub(crate) fn refuse_replicas(given: &[&str]) -> Result<(), ApiError> {
    let given = given.iter().copied();
    let names: Vec<&str> = given
        .filter(|name| PARAMETERS_OF_REPLICAS.contains(name))
        .collect();
    match names.is_empty() {
        true => Ok(()),
        false => Err(tables::parameters_need_replicas(&names)),
    }
}

/// A provisioned throughput.
pub(crate) fn throughput(given: &ProvisionedThroughput) -> Result<Throughput, ApiError> {
    let unit = |units: i64, name: &str| match u64::try_from(units) {
        Ok(value) if units <= CAPACITY_UNITS_MAX => Ok(value),
        _ => Err(tables::throughput_out_of_bounds(units, name)),
    };
    Ok(Throughput {
        read: unit(given.read_capacity_units, "ReadCapacityUnits")?,
        write: unit(given.write_capacity_units, "WriteCapacityUnits")?,
    })
}

/// The maxima of a new on-demand table or index, if there are any.
pub(crate) fn maxima(
    given: Option<&dynamodb::OnDemandThroughput>,
    of: Of<'_>,
    billing: BillingMode,
) -> Result<Option<OnDemandThroughput>, ApiError> {
    let given = maxima_given(given, billing)?;
    let maximum = |units: Option<i64>, name: &str| match units {
        Some(units) if units < 1 => Err(messages::maximum_out_of_range(name, of)),
        units => Ok(units),
    };
    let maxima = OnDemandThroughput {
        read_max: maximum(given.max_read_request_units, MAX_READ)?,
        write_max: maximum(given.max_write_request_units, MAX_WRITE)?,
    };
    Ok((maxima != OnDemandThroughput::default()).then_some(maxima))
}

/// A change of the maxima: -1 removes one, and one that is not named stays (recorded).
pub(crate) fn maxima_change(
    given: Option<&dynamodb::OnDemandThroughput>,
    of: Of<'_>,
    billing: BillingMode,
) -> Result<OnDemandChange, ApiError> {
    if given == Some(&dynamodb::OnDemandThroughput::default()) {
        return Err(messages::maxima_without_units(of));
    }
    let given = maxima_given(given, billing)?;
    let maximum = |units: Option<i64>, name: &str| match units {
        None => Ok(None),
        Some(-1) => Ok(Some(None)),
        Some(units) if units < 1 => Err(messages::maximum_out_of_range(name, of)),
        Some(units) => Ok(Some(Some(units))),
    };
    Ok(OnDemandChange {
        read_max: maximum(given.max_read_request_units, MAX_READ)?,
        write_max: maximum(given.max_write_request_units, MAX_WRITE)?,
    })
}

fn maxima_given(
    given: Option<&dynamodb::OnDemandThroughput>,
    billing: BillingMode,
) -> Result<dynamodb::OnDemandThroughput, ApiError> {
    let given = given.cloned().unwrap_or_default();
    let named = [
        (given.max_read_request_units, MAX_READ),
        (given.max_write_request_units, MAX_WRITE),
    ];
    let first = named.into_iter().find(|(units, _)| units.is_some());
    match (billing, first) {
        (BillingMode::Provisioned, Some((_, name))) => {
            Err(messages::maximum_with_provisioned(name))
        }
        _ => Ok(given),
    }
}

/// The view of a new table's stream, if it is to have one.
pub(crate) fn first_stream(given: &StreamSpecification) -> Result<Option<StreamView>, ApiError> {
    match (given.stream_enabled, view_of(given)) {
        (true, None) => Err(tables::first_stream_needs_view_type()),
        (false, Some(_)) => Err(tables::no_first_stream_takes_no_view_type()),
        (_, view) => Ok(view),
    }
}

/// The change that a stream specification asks for.
pub(crate) fn stream_change(given: &StreamSpecification) -> Result<StreamChange, ApiError> {
    match (given.stream_enabled, view_of(given)) {
        (true, Some(view)) => Ok(StreamChange::Enable(view)),
        (true, None) => Err(tables::stream_needs_view_type()),
        (false, None) => Ok(StreamChange::Disable),
        (false, Some(_)) => Err(tables::disabled_stream_takes_no_view_type()),
    }
}

fn view_of(given: &StreamSpecification) -> Option<StreamView> {
    StreamView::parse(given.stream_view_type?.as_str())
}

/// What a specification of encryption asks for: `None` to be encrypted no more. A type alone turns it on, and a key needs
/// one (recorded 2026). The whole store is encrypted or nothing of it is, so a plain store refuses (dynamodb-api.md
/// section 15; the refusal is our own).
pub(crate) fn encryption(
    given: &SseSpecification,
    database: &Database,
) -> Result<Option<TableEncryption>, ApiError> {
    let key_name = given.kms_master_key_id.clone();
    let is_enabled = given.enabled.unwrap_or(given.sse_type.is_some());
    match (is_enabled, given.sse_type) {
        (_, Some(SseType::Aes256)) => Err(tables::unsupported_encryption_type("AES256")),
        (false, Some(_)) => Err(tables::encryption_is_not_enabled("SSEType")),
        (false, None) if given.enabled == Some(false) && key_name.is_some() => {
            Err(tables::encryption_is_not_enabled("KMSMasterKeyId"))
        }
        (_, None) if key_name.is_some() => Err(tables::encryption_key_without_type()),
        (false, None) => Ok(None),
        (true, _) if !database.is_encrypted() => Err(tables::store_is_not_encrypted()),
        (true, _) => Ok(Some(TableEncryption { key_name })),
    }
}
