//! CancelBulkOperation: a bulk operation ends soon; what it has put stays.

use headwater_wire::ApiError;
use headwater_wire::decode::Choice as _;
use headwater_wire::dynamodb::{CancelBulkOperationInput, CancelBulkOperationOutput};
use headwater_wire::messages::transfers as messages;

use crate::api::{Api, RequestContext};
use crate::bulk_description::status;
use crate::failure::internal;
use crate::transfer_job::{TransferKind, TransferStatus};

pub(crate) async fn cancel_bulk_operation(
    api: &Api,
    input: CancelBulkOperationInput,
    context: &RequestContext,
) -> Result<CancelBulkOperationOutput, ApiError> {
    let arn = &input.bulk_operation_arn;
    let job = api
        .transfers
        .find(TransferKind::BulkPut, arn, context)
        .await?;
    job.ok_or_else(|| messages::bulk_operation_not_found(arn))?;
    let changed = api.transfers.change(arn, |job| {
        if job.status == TransferStatus::InProgress {
            job.status = TransferStatus::Cancelling;
        }
    });
    let job = changed.await.map_err(internal)?;
    let job = job.ok_or_else(|| messages::bulk_operation_not_found(arn))?;
    if job.status != TransferStatus::Cancelling {
        return Err(messages::bulk_operation_over(status(&job).as_str()));
    }
    Ok(CancelBulkOperationOutput {
        bulk_operation_arn: job.arn.clone(),
        bulk_operation_status: status(&job),
    })
}
