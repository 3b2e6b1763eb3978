//! ListBulkOperations: bulk operations, the last ones first.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ListBulkOperationsInput, ListBulkOperationsOutput};

use crate::api::{Api, RequestContext};
use crate::bulk_description::summary;
use crate::transfer_job::TransferKind;
use crate::transfer_pages::page;

pub(crate) async fn list_bulk_operations(
    api: &Api,
    input: ListBulkOperationsInput,
    context: &RequestContext,
) -> Result<ListBulkOperationsOutput, ApiError> {
    let jobs = api
        .transfers
        .of_kind(TransferKind::BulkPut, context)
        .await?;
    let (jobs, next_token) = page(jobs, input.max_results, input.next_token.as_deref())?;
    let jobs = api.transfers.read(&jobs).await?;
    Ok(ListBulkOperationsOutput {
        bulk_operations_summary_list: Some(jobs.iter().map(summary).collect()),
        next_token,
    })
}
