//! RestoreTableToPointInTime: a new table with the items that another one had at a moment.

use headwater_engine::TableRecord;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{RestoreTableToPointInTimeInput, RestoreTableToPointInTimeOutput};
use headwater_wire::messages::backups;

use crate::api::{Api, RequestContext};
use crate::failure::{of_backups, of_tables};
use crate::restored_table::overrides;
use crate::table_name::table_name;

pub(crate) async fn restore_table_to_point_in_time(
    api: &Api,
    input: RestoreTableToPointInTimeInput,
    context: &RequestContext,
) -> Result<RestoreTableToPointInTimeOutput, ApiError> {
    let source = input.source_table_arn.as_ref();
    let source = source.or(input.source_table_name.as_ref());
    let source = source.ok_or_else(backups::source_table_missing)?;
    let source = table_name(source, context)?;
    let table = api.database.table(&context.namespace, source);
    let table = table.map_err(|error| of_backups(error, source))?;
    let record = table.record();
    let at_ms = moment(&input, &record, api.database.latest_ms())?;
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

/// The moment that is asked for, in milliseconds, within the table's window.
fn moment(
    input: &RestoreTableToPointInTimeInput,
    record: &TableRecord,
    now_ms: u64,
) -> Result<u64, ApiError> {
    let recovery = record.pitr;
    let recovery = recovery.ok_or_else(|| backups::recovery_not_enabled(&record.name))?;
    let latest = input.use_latest_restorable_time == Some(true);
    match (latest, input.restore_date_time) {
        (true, Some(_)) => Err(backups::latest_and_a_time()),
        (true, None) => Ok(now_ms),
        (false, None) => Err(backups::no_restore_time()),
        (false, Some(time)) => match u64::try_from(time.0) {
            // Descriptions show whole milliseconds; callers may round them to seconds.
            Ok(ms) if ms >= recovery.earliest_ms(now_ms) / 1000 * 1000 && ms <= now_ms => {
                Ok(ms.max(recovery.earliest_ms(now_ms)))
            }
            _ => Err(backups::restore_time_out_of_range()),
        },
    }
}
