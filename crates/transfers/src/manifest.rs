//! The manifests of an export (guide: export output format).

use bytes::Bytes;
use headwater_model::UtcTime;
use headwater_operations::{TransferCounts, TransferJob};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice as _;
use headwater_wire::dynamodb::{ExportFormat, S3SseAlgorithm};
use md5::{Digest as _, Md5};
use serde_json::json;

use crate::bucket::{Bucket, BucketError};
use crate::data_files::{DataFile, md5_text};
use crate::export::view;

/// Writes an object, and beside it the digest of its content.
pub(crate) fn put_with_digest(
    bucket: &dyn Bucket,
    folder: &str,
    name: &str,
    body: String,
) -> Result<(), BucketError> {
    let digest = md5_text(&Md5::digest(body.as_bytes()).into());
    bucket.put(&format!("{folder}/{name}.json"), Bytes::from(body))?;
    bucket.put(&format!("{folder}/{name}.md5"), Bytes::from(digest))
}

/// One line for each file.
pub(crate) fn files(files: &[DataFile]) -> String {
    let line = |file: &DataFile| {
        let etag: String = file.md5.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = json!({
            "itemCount": file.items,
            "md5Checksum": md5_text(&file.md5),
            "etag": etag,
            "dataFileS3Key": file.key,
        });
        format!("{line}\n")
    };
    files.iter().map(line).collect()
}

/// The summary of an export that ends now.
pub(crate) fn summary(
    job: &TransferJob,
    counts: TransferCounts,
    folder: &str,
    now_ms: u64,
) -> Result<String, ApiError> {
    let request = job.export_request()?;
    let format = request.export_format.unwrap_or(ExportFormat::DynamodbJson);
    let encryption = request.s3_sse_algorithm.unwrap_or(S3SseAlgorithm::Aes256);
    let mut summary = json!({
        "version": "2020-06-30",
        "exportArn": job.arn,
        "startTime": shown(job.started_ms),
        "endTime": shown(now_ms),
        "tableArn": job.table_arn,
        "tableId": job.table_id,
        "s3Bucket": request.s3_bucket,
        "s3Prefix": request.s3_prefix,
        "s3SseAlgorithm": encryption.as_str(),
        "s3SseKmsKeyId": request.s3_sse_kms_key_id,
        "manifestFilesS3Key": format!("{folder}/manifest-files.json"),
        "billedSizeBytes": counts.bytes,
        "itemCount": counts.items,
        "outputFormat": format.as_str(),
    });
    match job.export_from_ms {
        None => summary["exportTime"] = json!(shown(job.export_ms)),
        Some(from_ms) => {
            summary["version"] = json!("2023-08-01");
            summary["exportType"] = json!("INCREMENTAL_EXPORT");
            summary["exportFromTime"] = json!(shown(from_ms));
            summary["exportToTime"] = json!(shown(job.export_ms));
            summary["outputView"] = json!(view(&request).as_str());
        }
    }
    Ok(summary.to_string())
}

fn shown(ms: u64) -> String {
    format!("{}Z", UtcTime::of_ms(ms))
}
