//! DescribeImport: how far an import is.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DescribeImportInput, DescribeImportOutput};
use headwater_wire::messages::transfers as messages;

use crate::api::{Api, RequestContext};
use crate::import_description::describe;
use crate::transfer_job::TransferKind;

pub(crate) async fn describe_import(
    api: &Api,
    input: DescribeImportInput,
    context: &RequestContext,
) -> Result<DescribeImportOutput, ApiError> {
    let arn = &input.import_arn;
    if !arn.starts_with("arn:") || !arn.contains("/import/") {
        return Err(messages::import_arn_invalid());
    }
    let job = api
        .transfers
        .find(TransferKind::Import, arn, context)
        .await?;
    let job = job.ok_or_else(|| messages::import_not_found(arn))?;
    Ok(DescribeImportOutput {
        import_table_description: describe(&job)?,
    })
}
