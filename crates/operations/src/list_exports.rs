//! ListExports: exports in the order of their ids, the last ones first.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ExportSummary, ListExportsInput, ListExportsOutput};

use crate::api::{Api, RequestContext};
use crate::export_description::status;
use crate::table_name::table_name;
use crate::transfer_job::TransferKind;
use crate::transfer_pages::page;

pub(crate) async fn list_exports(
    api: &Api,
    input: ListExportsInput,
    context: &RequestContext,
) -> Result<ListExportsOutput, ApiError> {
    let mut jobs = api.transfers.of_kind(TransferKind::Export, context).await?;
    if let Some(arn) = &input.table_arn {
        // Those of an earlier table of the name are not told (recorded).
        let table = api
            .database
            .table(&context.namespace, table_name(arn, context)?);
        let record = table.ok().map(|table| table.record());
        jobs.retain(|job| {
            record
                .as_ref()
                .is_some_and(|record| *record.uuid == *job.table_id)
        });
    }
    let (jobs, next_token) = page(jobs, input.max_results, input.next_token.as_deref())?;
    let mut summaries = Vec::with_capacity(jobs.len());
    for job in &api.transfers.read(&jobs).await? {
        summaries.push(ExportSummary {
            export_arn: Some(job.arn.clone()),
            export_status: Some(status(job)),
            export_type: job.export_request()?.export_type,
        });
    }
    Ok(ListExportsOutput {
        export_summaries: Some(summaries),
        next_token,
    })
}
