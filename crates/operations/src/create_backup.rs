//! CreateBackup: a backup of a table, made while writes go on.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{CreateBackupInput, CreateBackupOutput};

use crate::api::{Api, RequestContext};
use crate::backup_description::details;
use crate::failure::of_backups;
use crate::table_name::table_name;

pub(crate) async fn create_backup(
    api: &Api,
    input: CreateBackupInput,
    context: &RequestContext,
) -> Result<CreateBackupOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let backup = api
        .database
        .create_backup(&context.namespace, name, &input.backup_name)
        .await
        .map_err(|error| of_backups(error, name))?;
    Ok(CreateBackupOutput {
        backup_details: Some(details(&backup)),
    })
}
