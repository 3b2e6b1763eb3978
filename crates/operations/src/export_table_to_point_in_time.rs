//! ExportTableToPointInTime: begins to write a table's items at a moment, or what changed in a window, into a bucket.

use headwater_engine::TableRecord;
use headwater_model::UtcTime;
use headwater_wire::dynamodb::{
    ExportTableToPointInTimeInput, ExportTableToPointInTimeOutput, ExportType, S3SseAlgorithm,
};
use headwater_wire::messages::{backups, transfers as messages};
use headwater_wire::{ApiError, Timestamp};

use crate::api::{Api, RequestContext};
use crate::export_description::describe;
use crate::export_filter::ExportFilter;
use crate::expressions::refuse_unsupported;
use crate::table_name::table_name;
use crate::transfer_job::TransferKind;

/// The shortest and the longest window of an incremental export (guide).
const WINDOW_MS_MIN: u64 = 15 * 60 * 1000;
const WINDOW_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// What an export shows.
struct Moment {
    /// The first millisecond of the window of an incremental one.
    from_ms: Option<u64>,
    /// The moment; of an incremental one the end of its window.
    at_ms: u64,
}

pub(crate) async fn export_table_to_point_in_time(
    api: &Api,
    input: ExportTableToPointInTimeInput,
    body: &[u8],
    context: &RequestContext,
) -> Result<ExportTableToPointInTimeOutput, ApiError> {
    check_parameters(&input)?;
    let arn = &input.table_arn;
    if !arn.starts_with("arn:") {
        return Err(messages::not_a_table_arn());
    }
    let name = table_name(arn, context).map_err(|_| messages::table_arn_invalid())?;
    let beginning = api.transfers.beginning().await;
    let token = input.client_token.as_deref();
    let repeated = beginning.repeated(TransferKind::Export, token, context);
    if let Some(job) = repeated.await? {
        if job.export_request()? != input {
            return Err(messages::export_conflict());
        }
        return Ok(ExportTableToPointInTimeOutput {
            export_description: Some(describe(&job)?),
        });
    }
    let view = api.database.describe(&context.namespace, name).await;
    let record = view.map_err(|_| messages::table_not_found(arn))?.record;
    let now_ms = api.database.latest_ms();
    let moment = moment(&input, &record, now_ms)?;
    if let Some(filter) = &input.filter_specification {
        ExportFilter::new(filter, &record.schema())?;
    }
    if !api.reaches_buckets {
        return Err(messages::no_buckets());
    }
    let table = (record.arn(), record.name.as_str());
    let request = (body, input.client_token.clone());
    let mut job = beginning.job(TransferKind::Export, (&table.0, table.1), request, context)?;
    job.table_id.clone_from(&record.uuid);
    job.export_ms = moment.at_ms;
    job.export_from_ms = moment.from_ms;
    beginning.keep(&job).await?;
    Ok(ExportTableToPointInTimeOutput {
        export_description: Some(describe(&job)?),
    })
}

/// What needs no table.
fn check_parameters(input: &ExportTableToPointInTimeInput) -> Result<(), ApiError> {
    let is_incremental = input.export_type == Some(ExportType::IncrementalExport);
    let has_filter = input.filter_specification.is_some();
    refuse_unsupported(&[(
        "FilterSpecification of an incremental export",
        has_filter && is_incremental,
    )])?;
    let has_key = input.s3_sse_kms_key_id.is_some();
    if has_key && input.s3_sse_algorithm != Some(S3SseAlgorithm::Kms) {
        return Err(messages::key_without_kms());
    }
    let window = input.incremental_export_specification.as_ref();
    match (input.export_type, window) {
        (None, Some(_)) => Err(messages::incremental_type_expected()),
        (Some(ExportType::FullExport), Some(_)) => {
            Err(messages::incremental_specification_of_full_export())
        }
        (Some(ExportType::IncrementalExport), None) => {
            Err(messages::incremental_specification_missing())
        }
        (Some(ExportType::IncrementalExport), Some(window))
            if window.export_from_time.is_none() =>
        {
            Err(messages::export_from_missing())
        }
        (Some(ExportType::IncrementalExport), Some(_)) if input.export_time.is_some() => {
            Err(messages::export_time_of_incremental_export())
        }
        _ => Ok(()),
    }
}

/// The moment or window that is asked for, within the table's recovery window.
fn moment(
    input: &ExportTableToPointInTimeInput,
    record: &TableRecord,
    now_ms: u64,
) -> Result<Moment, ApiError> {
    let unavailable = || backups::recovery_not_enabled(&record.name);
    let window = input.incremental_export_specification.as_ref();
    let Some(from) = window.and_then(|window| window.export_from_time) else {
        let recovery = record.pitr.ok_or_else(unavailable)?;
        let earliest_ms = recovery.earliest_ms(now_ms);
        let at_ms = match input.export_time {
            None => now_ms,
            Some(time) => match u64::try_from(time.0) {
                // Callers round moments to seconds.
                Ok(ms) if ms >= earliest_ms / 1000 * 1000 && ms <= now_ms => ms.max(earliest_ms),
                _ => return Err(messages::export_time_invalid()),
            },
        };
        return Ok(Moment {
            from_ms: None,
            at_ms,
        });
    };
    let to = window.and_then(|window| window.export_to_time);
    let (from_ms, to_ms) = (ms(from), to.map_or(now_ms, ms));
    // What is wrong with the window is told before that there is no recovery (recorded).
    if from_ms < record.created_ms / 1000 * 1000 {
        return Err(messages::export_from_before_table(&shown(from_ms)));
    }
    if to_ms > now_ms {
        return Err(messages::export_to_in_the_future(&shown(to_ms)));
    }
    let length_ms = to_ms.saturating_sub(from_ms);
    if length_ms < WINDOW_MS_MIN {
        return Err(messages::export_window_too_short());
    }
    if length_ms > WINDOW_MS_MAX {
        return Err(messages::export_window_too_long());
    }
    let earliest_ms = record.pitr.ok_or_else(unavailable)?.earliest_ms(now_ms);
    if from_ms < earliest_ms / 1000 * 1000 {
        return Err(messages::recovery_not_available_then());
    }
    Ok(Moment {
        from_ms: Some(from_ms.max(earliest_ms)),
        at_ms: to_ms,
    })
}

fn ms(time: Timestamp) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}

/// A moment in whole seconds, as AWS shows it.
pub(crate) fn shown(ms: u64) -> String {
    let text = UtcTime::of_ms(ms).to_string();
    format!("{}Z", text.split('.').next().unwrap_or_default())
}
