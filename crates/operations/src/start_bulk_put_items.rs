//! StartBulkPutItems: begins to put the items in a bucket into a table.

use headwater_engine::TableStatus;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{S3SseAlgorithm, StartBulkPutItemsInput, StartBulkPutItemsOutput};
use headwater_wire::messages::{tables, transfers as messages};

use crate::api::{Api, RequestContext};
use crate::bulk_description::describe;
use crate::failure::of_tables;
use crate::table_name::table_name;
use crate::transfer_job::TransferKind;

pub(crate) async fn start_bulk_put_items(
    api: &Api,
    input: StartBulkPutItemsInput,
    body: &[u8],
    context: &RequestContext,
) -> Result<StartBulkPutItemsOutput, ApiError> {
    let output = &input.output_s3_configuration;
    if output.output_type.is_empty() {
        return Err(messages::output_type_missing());
    }
    if output.s3_bucket.is_none() {
        return Err(messages::output_bucket_missing());
    }
    let has_key = output.s3_sse_kms_key_id.is_some();
    if has_key && output.s3_sse_algorithm != Some(S3SseAlgorithm::Kms) {
        return Err(messages::key_without_kms());
    }
    let name = table_name(&input.table_name, context)?;
    let beginning = api.transfers.beginning().await;
    let token = input.client_token.as_deref();
    let repeated = beginning.repeated(TransferKind::BulkPut, token, context);
    if let Some(job) = repeated.await? {
        if job.bulk_request()? != input {
            return Err(messages::bulk_conflict());
        }
        return Ok(StartBulkPutItemsOutput {
            bulk_operation_description: describe(&job)?,
        });
    }
    let view = api.database.describe(&context.namespace, name).await;
    let view = view.map_err(of_tables)?;
    match view.status {
        TableStatus::Active | TableStatus::Updating => {}
        TableStatus::Creating => return Err(tables::being_created(name)),
        TableStatus::Deleting | TableStatus::Gone => return Err(tables::being_deleted(name)),
    }
    if !api.reaches_buckets {
        return Err(messages::no_buckets());
    }
    let arn = view.record.arn();
    let request = (body, input.client_token.clone());
    let mut job = beginning.job(TransferKind::BulkPut, (&arn, name), request, context)?;
    job.table_id.clone_from(&view.record.uuid);
    beginning.keep(&job).await?;
    Ok(StartBulkPutItemsOutput {
        bulk_operation_description: describe(&job)?,
    })
}
