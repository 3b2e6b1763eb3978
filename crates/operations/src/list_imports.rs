//! ListImports: imports in the order of their ids, the last ones first.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ListImportsInput, ListImportsOutput};

use crate::api::{Api, RequestContext};
use crate::import_description::summary;
use crate::table_name::table_name;
use crate::transfer_job::TransferKind;
use crate::transfer_pages::page;

pub(crate) async fn list_imports(
    api: &Api,
    input: ListImportsInput,
    context: &RequestContext,
) -> Result<ListImportsOutput, ApiError> {
    let mut jobs = api.transfers.of_kind(TransferKind::Import, context).await?;
    if let Some(arn) = &input.table_arn {
        // Of tables that are gone, too (recorded).
        let name = table_name(arn, context)?;
        jobs.retain(|job| job.table() == name);
    }
    let (jobs, next_token) = page(jobs, input.page_size, input.next_token.as_deref())?;
    let jobs = api.transfers.read(&jobs).await?;
    let summaries = jobs.iter().map(summary).collect::<Result<Vec<_>, _>>()?;
    Ok(ListImportsOutput {
        import_summary_list: Some(summaries),
        next_token,
    })
}
