//! DescribeBackup: a backup, and the table as it was then.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DescribeBackupInput, DescribeBackupOutput};

use crate::api::{Api, RequestContext};
use crate::backup_description::description;
use crate::failure::of_backups;

pub(crate) async fn describe_backup(
    api: &Api,
    input: DescribeBackupInput,
    context: &RequestContext,
) -> Result<DescribeBackupOutput, ApiError> {
    let arn = &input.backup_arn;
    let backup = api.database.backup(&context.namespace, arn).await;
    let backup = backup.map_err(|error| of_backups(error, arn))?;
    Ok(DescribeBackupOutput {
        backup_description: Some(description(&backup)),
    })
}
