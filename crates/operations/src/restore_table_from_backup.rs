//! RestoreTableFromBackup: a new table with the items of a backup.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{RestoreTableFromBackupInput, RestoreTableFromBackupOutput};

use crate::api::{Api, RequestContext};
use crate::failure::{of_backups, of_tables};
use crate::restored_table::Overrides;

pub(crate) async fn restore_table_from_backup(
    api: &Api,
    input: RestoreTableFromBackupInput,
    context: &RequestContext,
) -> Result<RestoreTableFromBackupOutput, ApiError> {
    let arn = &input.backup_arn;
    let backup = api.database.backup(&context.namespace, arn);
    let backup = backup.map_err(|error| of_backups(error, arn))?;
    let overrides = Overrides {
        billing: input.billing_mode_override,
        throughput: input.provisioned_throughput_override.as_ref(),
        on_demand: input.on_demand_throughput_override.as_ref(),
        global: input.global_secondary_index_override.as_deref(),
        local: input.local_secondary_index_override.as_deref(),
        vectors: input.vector_index_override.as_deref(),
        encryption: input.sse_specification_override.as_ref(),
    };
    let name = &input.target_table_name;
    let definition = overrides.define(&backup.table, name, api)?;
    let restored = api.database.restore_backup(backup.id, definition).await;
    restored.map_err(|error| of_backups(error, arn))?;
    let view = api.database.describe(&context.namespace, name).await;
    Ok(RestoreTableFromBackupOutput {
        table_description: Some(api.describe_table_view(&view.map_err(of_tables)?)?),
    })
}
