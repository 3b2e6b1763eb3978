//! RestoreTableFromBackup: a new table with the items of a backup.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{RestoreTableFromBackupInput, RestoreTableFromBackupOutput};

use crate::api::{Api, RequestContext};
use crate::failure::{of_backups, of_tables};
use crate::restored_table::overrides;

pub(crate) async fn restore_table_from_backup(
    api: &Api,
    input: RestoreTableFromBackupInput,
    context: &RequestContext,
) -> Result<RestoreTableFromBackupOutput, ApiError> {
    let arn = &input.backup_arn;
    let backup = api.database.backup(&context.namespace, arn).await;
    let backup = backup.map_err(|error| of_backups(error, arn))?;
    let name = &input.target_table_name;
    let definition = overrides!(input).define(&backup.table, name, api)?;
    let restored = api.database.restore_backup(backup.id, definition).await;
    restored.map_err(|error| of_backups(error, arn))?;
    let view = api.database.describe(&context.namespace, name).await;
    Ok(RestoreTableFromBackupOutput {
        table_description: Some(api.describe_table_view(&view.map_err(of_tables)?)?),
    })
}
