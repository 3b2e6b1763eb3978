//! Carrying out an export: the items of a moment, as lines in compressed files, and the manifests.

use bytes::Bytes;
use headwater_model::EncodedItem;
use headwater_wire::write_item;

use crate::buckets::WantedBucket;
use crate::data_files::DataFiles;
use crate::failure::Ended;
use crate::manifest;
use crate::run::Run;

/// Writes all of it; what it has done is in the counts.
pub(crate) fn export(run: &mut Run) -> Result<(), Ended> {
    let request = run.job.export_request()?;
    let buckets = run.buckets.clone();
    let bucket = buckets.open(&WantedBucket {
        name: &request.s3_bucket,
        owner: request.s3_bucket_owner.as_deref(),
        encryption: request.s3_sse_algorithm,
    })?;
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
    let items = run.database().items_at(&table, run.job.export_ms);
    let mut items = run.handle.block_on(items)?;
    let data = format!("{folder}/data");
    let mut files = DataFiles::begin(bucket.as_ref(), &data, &run.job.arn, ".json.gz")?;
    let mut line = Vec::new();
    while let Some(chunk) = items.next_items()? {
        for item in &chunk {
            line.clear();
            write_line(&mut line, item)?;
            files.add(&line)?;
            run.counts.items += 1;
            run.counts.bytes += item.size_bytes() as u64;
        }
        run.note()?;
    }
    let files = files.finish()?;
    let name = "manifest-files";
    manifest::put_with_digest(bucket.as_ref(), &folder, name, manifest::files(&files))?;
    let now_ms = run.database().clock().now_ms();
    let summary = manifest::summary(&run.job, run.counts, &folder, now_ms)?;
    manifest::put_with_digest(bucket.as_ref(), &folder, "manifest-summary", summary)?;
    Ok(())
}

fn write_line(line: &mut Vec<u8>, item: &EncodedItem) -> Result<(), Ended> {
    line.extend_from_slice(br#"{"Item":"#);
    write_item(line, item.as_ref()).map_err(|error| {
        tracing::error!(%error, "an item can't be exported; run `headwater verify`");
        Ended::failed("InternalError", "an item of the table is damaged")
    })?;
    line.extend_from_slice(b"}\n");
    Ok(())
}
