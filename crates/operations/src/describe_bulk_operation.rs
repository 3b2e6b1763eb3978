//! DescribeBulkOperation: how far a bulk operation is.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DescribeBulkOperationInput, DescribeBulkOperationOutput};
use headwater_wire::messages::transfers as messages;

use crate::api::{Api, RequestContext};
use crate::bulk_description::describe;
use crate::transfer_job::TransferKind;

pub(crate) async fn describe_bulk_operation(
    api: &Api,
    input: DescribeBulkOperationInput,
    context: &RequestContext,
) -> Result<DescribeBulkOperationOutput, ApiError> {
    let arn = &input.bulk_operation_arn;
    let job = api
        .transfers
        .find(TransferKind::BulkPut, arn, context)
        .await?;
    let job = job.ok_or_else(|| messages::bulk_operation_not_found(arn))?;
    Ok(DescribeBulkOperationOutput {
        bulk_operation_description: describe(&job)?,
    })
}
