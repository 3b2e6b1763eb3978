//! UpdateContinuousBackups: point-in-time recovery on and off, and the length of its window.

use headwater_model::limits::RECOVERY_PERIOD_DAYS_MAX;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ContinuousBackupsStatus, UpdateContinuousBackupsInput, UpdateContinuousBackupsOutput,
};
use headwater_wire::messages::backups;

use crate::api::{Api, RequestContext};
use crate::describe_continuous_backups::describe;
use crate::failure::of_backups;
use crate::table_name::table_name;

pub(crate) async fn update_continuous_backups(
    api: &Api,
    input: UpdateContinuousBackupsInput,
    context: &RequestContext,
) -> Result<UpdateContinuousBackupsOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let wanted = &input.point_in_time_recovery_specification;
    let days = match (
        wanted.point_in_time_recovery_enabled,
        wanted.recovery_period_in_days,
    ) {
        (false, Some(_)) => return Err(backups::period_without_recovery()),
        (false, None) => None,
        (true, None) => Some(RECOVERY_PERIOD_DAYS_MAX),
        // The model bounds it.
        (true, Some(days)) => u32::try_from(days).ok(),
    };
    let changed = api
        .database
        .change_recovery(&context.namespace, name, days)
        .await;
    let record = changed.map_err(|error| of_backups(error, name))?;
    let now_ms = api.database.latest_ms();
    let status = ContinuousBackupsStatus::Enabled;
    Ok(UpdateContinuousBackupsOutput {
        continuous_backups_description: Some(describe(status, record.pitr, now_ms)),
    })
}
