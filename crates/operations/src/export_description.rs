//! Exports as the API shows them (dynamodb-api.md section 16).

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ExportDescription, ExportFormat, ExportStatus, ExportViewType, IncrementalExportSpecification,
    S3SseAlgorithm,
};

use crate::table_description::{time, whole};
use crate::transfer_job::{TransferJob, TransferStatus};

/// What is described; some of it is not there before the end (recorded).
pub(crate) fn describe(job: &TransferJob) -> Result<ExportDescription, ApiError> {
    let request = job.export_request()?;
    let completed = job.status == TransferStatus::Completed;
    let manifest = format!("{}/manifest-summary.json", job.export_folder()?);
    let window = request.incremental_export_specification;
    let window = window.map(|given| IncrementalExportSpecification {
        export_from_time: job.export_from_ms.map(time),
        export_to_time: Some(time(job.export_ms)),
        export_view_type: given
            .export_view_type
            .or(Some(ExportViewType::NewAndOldImages)),
    });
    let failure = job.failure.as_ref();
    Ok(ExportDescription {
        export_arn: Some(job.arn.clone()),
        export_status: Some(status(job)),
        start_time: Some(time(job.started_ms)),
        end_time: job.ended_ms.map(time),
        export_manifest: completed.then_some(manifest),
        table_arn: Some(job.table_arn.clone()),
        table_id: Some(job.table_id.clone()),
        export_time: window.is_none().then(|| time(job.export_ms)),
        client_token: request.client_token,
        s3_bucket: Some(request.s3_bucket),
        s3_bucket_owner: request.s3_bucket_owner,
        s3_prefix: request.s3_prefix,
        s3_sse_algorithm: request.s3_sse_algorithm.or(Some(S3SseAlgorithm::Aes256)),
        s3_sse_kms_key_id: request.s3_sse_kms_key_id,
        failure_code: failure.map(|failure| failure.code.clone()),
        failure_message: failure.map(|failure| failure.message.clone()),
        export_format: request.export_format.or(Some(ExportFormat::DynamodbJson)),
        billed_size_bytes: completed.then(|| whole(job.counts.bytes)),
        item_count: completed.then(|| whole(job.counts.items)),
        export_type: request.export_type,
        incremental_export_specification: window,
        filter_specification: request.filter_specification,
    })
}

pub(crate) fn status(job: &TransferJob) -> ExportStatus {
    match job.status {
        TransferStatus::InProgress | TransferStatus::Cancelling => ExportStatus::InProgress,
        TransferStatus::Completed => ExportStatus::Completed,
        TransferStatus::Failed | TransferStatus::Cancelled => ExportStatus::Failed,
    }
}
