//! Bulk operations as the API shows them (dynamodb-api.md section 16).

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    BulkOperationBytes, BulkOperationDescription, BulkOperationPerformanceTier,
    BulkOperationStatus, BulkOperationSummary, BulkOperationTableDetail, BulkOperationUsage,
};

use crate::table_description::{time, whole};
use crate::transfer_job::{TransferJob, TransferStatus};

pub(crate) fn describe(job: &TransferJob) -> Result<BulkOperationDescription, ApiError> {
    let request = job.bulk_request()?;
    let failure = job.failure.as_ref();
    let counts = &job.counts;
    let bytes = Some(whole(counts.written_bytes));
    Ok(BulkOperationDescription {
        bulk_operation_arn: Some(job.arn.clone()),
        bulk_operation_status: Some(status(job)),
        table_details: Some(vec![BulkOperationTableDetail {
            table_name: Some(job.table.clone()),
            table_id: Some(job.table_id.clone()),
        }]),
        client_token: request.client_token,
        input_s3_configuration: Some(request.input_s3_configuration),
        output_s3_configuration: Some(request.output_s3_configuration),
        start_time: Some(time(job.started_ms)),
        end_time: job.ended_ms.map(time),
        processed_item_count: Some(whole(counts.processed)),
        processed_input_bytes: Some(whole(counts.bytes)),
        total_input_bytes: (counts.total_bytes > 0).then(|| whole(counts.total_bytes)),
        bulk_operation_usage: Some(vec![BulkOperationUsage {
            table_name: Some(job.table.clone()),
            bulk_put_bytes: bytes,
            table: Some(BulkOperationBytes {
                bulk_put_bytes: bytes,
            }),
            ..BulkOperationUsage::default()
        }]),
        failed_item_count: Some(whole(counts.errors)),
        failure_code: failure.map(|failure| failure.code.clone()),
        failure_message: failure.map(|failure| failure.message.clone()),
        max_write_request_units: request.max_write_request_units,
        performance_tier: request
            .performance_tier
            .or(Some(BulkOperationPerformanceTier::Standard)),
    })
}

pub(crate) fn summary(job: &TransferJob) -> BulkOperationSummary {
    BulkOperationSummary {
        bulk_operation_arn: job.arn.clone(),
        bulk_operation_status: status(job),
        start_time: time(job.started_ms),
        end_time: job.ended_ms.map(time),
    }
}

pub(crate) fn status(job: &TransferJob) -> BulkOperationStatus {
    match job.status {
        TransferStatus::InProgress => BulkOperationStatus::InProgress,
        TransferStatus::Completed if job.counts.errors > 0 => {
            BulkOperationStatus::CompletedWithErrors
        }
        TransferStatus::Completed => BulkOperationStatus::Completed,
        TransferStatus::Cancelling => BulkOperationStatus::Cancelling,
        TransferStatus::Cancelled => BulkOperationStatus::Cancelled,
        TransferStatus::Failed => BulkOperationStatus::Failed,
    }
}
