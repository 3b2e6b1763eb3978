//! RestoreTableToPointInTime: a new table with the items that another one had at a moment.

use headwater_engine::TableRecord;
use headwater_wire::dynamodb::{RestoreTableToPointInTimeInput, RestoreTableToPointInTimeOutput};
use headwater_wire::messages::{self, backups};
use headwater_wire::{ApiError, Timestamp};

use crate::api::{Api, RequestContext};
use crate::export_table_to_point_in_time::shown;
use crate::failure::{of_backups, of_tables};
use crate::restored_table::overrides;
use crate::table_name::table_name;

pub(crate) async fn restore_table_to_point_in_time(
    api: &Api,
    input: RestoreTableToPointInTimeInput,
    context: &RequestContext,
) -> Result<RestoreTableToPointInTimeOutput, ApiError> {
    let wanted = moment(&input)?;
    let source = match (&input.source_table_arn, &input.source_table_name) {
        (Some(_), Some(_)) => return Err(backups::two_source_tables()),
        (None, None) => return Err(messages::parameter_required("TableName")),
        (Some(source), None) | (None, Some(source)) => table_name(source, context)?,
    };
    let table = api.database.table(&context.namespace, source);
    let table = table.map_err(|error| of_backups(error, source))?;
    let record = table.record();
    let at_ms = within_window(wanted, &record, api.database.latest_ms())?;
    let name = &input.target_table_name;
    let definition = overrides!(input).define(&record, name, api)?;
    let restored = api
        .database
        .restore_to_time(&table, at_ms, definition)
        .await;
    restored.map_err(|error| of_backups(error, source))?;
    let view = api.database.describe(&context.namespace, name).await;
    Ok(RestoreTableToPointInTimeOutput {
        table_description: Some(api.describe_table_view(&view.map_err(of_tables)?)?),
    })
}

/// The moment that is asked for; `None` is the latest one. AWS looks at nothing before it (recorded 2026).
fn moment(input: &RestoreTableToPointInTimeInput) -> Result<Option<Timestamp>, ApiError> {
    let latest = input.use_latest_restorable_time == Some(true);
    match (latest, input.restore_date_time) {
        (true, Some(_)) => Err(backups::latest_and_a_time()),
        (false, None) => Err(backups::no_restore_time()),
        (true, None) => Ok(None),
        (false, time) => Ok(time),
    }
}

/// The same in milliseconds, within the table's window.
fn within_window(
    wanted: Option<Timestamp>,
    record: &TableRecord,
    now_ms: u64,
) -> Result<u64, ApiError> {
    let recovery = record.pitr;
    let recovery = recovery.ok_or_else(|| backups::recovery_not_enabled(&record.name))?;
    let Some(Timestamp(wanted_ms)) = wanted else {
        return Ok(now_ms);
    };
    let earliest_ms = recovery.earliest_ms(now_ms);
    let wanted_ms = u64::try_from(wanted_ms).unwrap_or_default();
    // Descriptions show whole milliseconds; callers may round them to seconds.
    match (earliest_ms / 1000 * 1000..=now_ms).contains(&wanted_ms) {
        true => Ok(wanted_ms.max(earliest_ms)),
        false => Err(backups::restore_time_out_of_range(
            &shown(wanted_ms),
            &shown(earliest_ms),
            &shown(now_ms),
        )),
    }
}
