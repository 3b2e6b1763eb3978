//! Imports as the API shows them (dynamodb-api.md section 16).

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ImportStatus, ImportSummary, ImportTableDescription, InputCompressionType, S3BucketSource,
};

use crate::table_description::{time, whole};
use crate::transfer_job::{TransferJob, TransferStatus};

/// What is described; the request with what AWS takes where it says nothing (recorded). There is no log group here:
/// refused items are told in the log of the server.
pub(crate) fn describe(job: &TransferJob) -> Result<ImportTableDescription, ApiError> {
    let request = job.import_request()?;
    let failure = job.failure.as_ref();
    let compression = request.input_compression_type;
    Ok(ImportTableDescription {
        import_arn: Some(job.arn.clone()),
        import_status: Some(status(job)),
        table_arn: Some(job.table_arn.clone()),
        table_id: Some(job.table_id.clone()).filter(|id| !id.is_empty()),
        client_token: request.client_token,
        s3_bucket_source: Some(source(job, request.s3_bucket_source)),
        error_count: Some(whole(job.counts.errors)),
        cloud_watch_log_group_arn: None,
        input_format: Some(request.input_format),
        input_format_options: request.input_format_options,
        input_compression_type: compression.or(Some(InputCompressionType::None)),
        table_creation_parameters: Some(request.table_creation_parameters),
        start_time: Some(time(job.started_ms)),
        end_time: job.ended_ms.map(time),
        processed_size_bytes: Some(whole(job.counts.bytes)),
        processed_item_count: Some(whole(job.counts.processed)),
        imported_item_count: Some(whole(job.counts.items)),
        failure_code: failure.map(|failure| failure.code.clone()),
        failure_message: failure.map(|failure| failure.message.clone()),
    })
}

pub(crate) fn summary(job: &TransferJob) -> Result<ImportSummary, ApiError> {
    let request = job.import_request()?;
    Ok(ImportSummary {
        import_arn: Some(job.arn.clone()),
        import_status: Some(status(job)),
        table_arn: Some(job.table_arn.clone()),
        s3_bucket_source: Some(source(job, request.s3_bucket_source)),
        cloud_watch_log_group_arn: None,
        input_format: Some(request.input_format),
        start_time: Some(time(job.started_ms)),
        end_time: job.ended_ms.map(time),
    })
}

fn source(job: &TransferJob, given: S3BucketSource) -> S3BucketSource {
    S3BucketSource {
        s3_bucket_owner: given.s3_bucket_owner.or(Some(job.account.clone())),
        ..given
    }
}

fn status(job: &TransferJob) -> ImportStatus {
    match job.status {
        TransferStatus::InProgress | TransferStatus::Cancelling => ImportStatus::InProgress,
        TransferStatus::Completed => ImportStatus::Completed,
        TransferStatus::Failed | TransferStatus::Cancelled => ImportStatus::Failed,
    }
}
