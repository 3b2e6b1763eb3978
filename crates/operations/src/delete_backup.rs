//! DeleteBackup: removes a backup; its items go in the background.

use headwater_engine::EngineError;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{BackupStatus, DeleteBackupInput, DeleteBackupOutput};
use headwater_wire::messages::backups;

use crate::api::{Api, RequestContext};
use crate::backup_description::description;
use crate::failure::of_backups;

pub(crate) async fn delete_backup(
    api: &Api,
    input: DeleteBackupInput,
    context: &RequestContext,
) -> Result<DeleteBackupOutput, ApiError> {
    let arn = &input.backup_arn;
    let refused = |error| of_backups(error, arn);
    let backup = api.database.backup(&context.namespace, arn).await;
    let backup = backup.map_err(refused)?;
    let deleted = api.database.delete_backup(backup.id).await;
    let deleted = deleted.map_err(|error| match error {
        EngineError::BackupInUse if backup.whole.is_some() => backups::being_restored(arn),
        other => refused(other),
    })?;
    let mut description = description(&deleted);
    if let Some(details) = &mut description.backup_details {
        details.backup_status = BackupStatus::Deleted;
    }
    Ok(DeleteBackupOutput {
        backup_description: Some(description),
    })
}
