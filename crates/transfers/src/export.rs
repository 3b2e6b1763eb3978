//! Carrying out an export: the items of a moment, or what changed in a window, as lines in compressed files, and the
//! manifests.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use headwater_engine::Table;
use headwater_wire::dynamodb::{ExportFormat, ExportTableToPointInTimeInput, ExportViewType};

use crate::buckets::WantedBucket;
use crate::data_files::DataFiles;
use crate::export_line::{ChangeLine, write_line};
use crate::failure::Ended;
use crate::manifest;
use crate::run::Run;

/// Items between two looks at whether to stop.
const ITEMS_PER_LOOK: u64 = 256;

/// Writes all of it; what it has done is in the counts.
pub(crate) fn export(run: &mut Run) -> Result<(), Ended> {
    let request = run.job.export_request()?;
    let buckets = run.buckets.clone();
    let wanted = WantedBucket {
        name: &request.s3_bucket,
        owner: request.s3_bucket_owner.as_deref(),
        encryption: request.s3_sse_algorithm,
        encryption_key: request.s3_sse_kms_key_id.as_deref(),
    };
    let bucket = buckets.open(&wanted, run.handle.clone(), run.stop())?;
    let folder = run.job.export_folder()?;
    bucket.put(&format!("{folder}/_started"), Bytes::new())?;
    let table = run.database().table(&run.job.namespace, &run.job.table);
    let table = table
        .ok()
        .filter(|table| table.record().uuid == run.job.table_id)
        .ok_or_else(|| {
            Ended::failed(
                "TableNotFound",
                "the table was deleted before the export began",
            )
        })?;
    let format = request.export_format.unwrap_or(ExportFormat::DynamodbJson);
    let ending = match format {
        ExportFormat::DynamodbJson => ".json.gz",
        ExportFormat::Ion => ".ion.gz",
    };
    // Incremental exports of a prefix share a folder (guide).
    let data = match run.job.export_from_ms {
        None => format!("{folder}/data"),
        Some(_) => format!("{}/data", run.job.shared_export_folder()?),
    };
    let mut files = DataFiles::begin(bucket.as_ref(), &data, &run.job.arn, ending)?;
    match run.job.export_from_ms {
        None => write_items(run, &table, format, &mut files)?,
        Some(from_ms) => {
            let view = view(&request);
            write_changes(run, &table, (from_ms, view), format, &mut files)?;
        }
    }
    let files = files.finish()?;
    let name = "manifest-files";
    manifest::put_with_digest(bucket.as_ref(), &folder, name, manifest::files(&files))?;
    let now_ms = run.database().clock().now_ms();
    let summary = manifest::summary(&run.job, run.counts, &folder, now_ms)?;
    manifest::put_with_digest(bucket.as_ref(), &folder, "manifest-summary", summary)?;
    Ok(())
}

/// What an incremental export shows.
pub(crate) fn view(request: &ExportTableToPointInTimeInput) -> ExportViewType {
    let window = request.incremental_export_specification.as_ref();
    let view = window.and_then(|window| window.export_view_type);
    view.unwrap_or(ExportViewType::NewAndOldImages)
}

fn write_items(
    run: &mut Run,
    table: &Arc<Table>,
    format: ExportFormat,
    files: &mut DataFiles<'_>,
) -> Result<(), Ended> {
    let items = run.database().items_at(table, run.job.export_ms);
    let mut items = run.handle.block_on(items)?;
    let filter = run.job.export_filter(table.schema())?;
    let mut line = Vec::new();
    while let Some(chunk) = items.next_items()? {
        for item in &chunk {
            let shown = match &filter {
                None => Some(item.clone()),
                Some(filter) => filter.apply(item).map_err(damaged)?,
            };
            let Some(shown) = shown else { continue };
            line.clear();
            write_line(&mut line, format, &shown).map_err(damaged)?;
            files.add(&line)?;
            run.counts.items += 1;
            run.counts.bytes += item.size_bytes() as u64;
        }
        run.note()?;
    }
    Ok(())
}

fn write_changes(
    run: &mut Run,
    table: &Arc<Table>,
    (from_ms, view): (u64, ExportViewType),
    format: ExportFormat,
    files: &mut DataFiles<'_>,
) -> Result<(), Ended> {
    let database = run.database().clone();
    let mut changes = database.items_changed(table, from_ms, run.job.export_ms);
    let mut line = Vec::new();
    while let Some(change) = changes.next_item()? {
        line.clear();
        let keys = table.schema().decode_key(&change.key).map_err(damaged)?;
        let shown = ChangeLine {
            keys: &keys,
            change: &change,
            with_before: view == ExportViewType::NewAndOldImages,
        };
        shown.write(&mut line, format).map_err(damaged)?;
        files.add(&line)?;
        run.counts.items += 1;
        run.counts.bytes += line.len() as u64;
        if run.counts.items.is_multiple_of(ITEMS_PER_LOOK) {
            run.note()?;
        }
    }
    Ok(())
}

fn damaged(error: impl Display) -> Ended {
    tracing::error!(%error, "an item can't be exported; run `headwater verify`");
    Ended::failed("InternalError", "an item of the table is damaged")
}
