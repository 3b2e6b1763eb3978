//! DescribeExport: how far an export is.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DescribeExportInput, DescribeExportOutput};
use headwater_wire::messages::transfers as messages;

use crate::api::{Api, RequestContext};
use crate::export_description::describe;
use crate::transfer_job::TransferKind;

pub(crate) async fn describe_export(
    api: &Api,
    input: DescribeExportInput,
    context: &RequestContext,
) -> Result<DescribeExportOutput, ApiError> {
    let arn = &input.export_arn;
    if !arn.starts_with("arn:") || !arn.contains("/export/") {
        return Err(messages::export_arn_invalid());
    }
    let job = api
        .transfers
        .find(TransferKind::Export, arn, context)
        .await?;
    let job = job.ok_or_else(|| messages::export_not_found(arn))?;
    Ok(DescribeExportOutput {
        export_description: Some(describe(&job)?),
    })
}
