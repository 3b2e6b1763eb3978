//! DescribeContinuousBackups: whether a table can be restored to points in time, and to which (dynamodb-api.md section
//! 16). The backups themselves are said to be enabled once the table is there (recorded 2026).

use headwater_engine::{PointInTimeRecovery, TableStatus};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ContinuousBackupsDescription, ContinuousBackupsStatus, DescribeContinuousBackupsInput,
    DescribeContinuousBackupsOutput, PointInTimeRecoveryDescription, PointInTimeRecoveryStatus,
};

use crate::api::{Api, RequestContext};
use crate::failure::of_backups;
use crate::table_description::time;
use crate::table_name::table_name;

pub(crate) async fn describe_continuous_backups(
    api: &Api,
    input: DescribeContinuousBackupsInput,
    context: &RequestContext,
) -> Result<DescribeContinuousBackupsOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let view = api.database.describe(&context.namespace, name).await;
    let view = view.map_err(|error| of_backups(error, name))?;
    let status = match view.status {
        TableStatus::Creating => ContinuousBackupsStatus::Disabled,
        _ => ContinuousBackupsStatus::Enabled,
    };
    let now_ms = api.database.latest_ms();
    Ok(DescribeContinuousBackupsOutput {
        continuous_backups_description: Some(describe(status, view.record.pitr, now_ms)),
    })
}

pub(crate) fn describe(
    status: ContinuousBackupsStatus,
    recovery: Option<PointInTimeRecovery>,
    now_ms: u64,
) -> ContinuousBackupsDescription {
    let description = match recovery {
        None => PointInTimeRecoveryDescription {
            point_in_time_recovery_status: Some(PointInTimeRecoveryStatus::Disabled),
            ..PointInTimeRecoveryDescription::default()
        },
        Some(recovery) => PointInTimeRecoveryDescription {
            point_in_time_recovery_status: Some(PointInTimeRecoveryStatus::Enabled),
            recovery_period_in_days: Some(i64::from(recovery.period_days)),
            earliest_restorable_date_time: Some(time(recovery.earliest_ms(now_ms))),
            latest_restorable_date_time: Some(time(now_ms)),
        },
    };
    ContinuousBackupsDescription {
        continuous_backups_status: status,
        point_in_time_recovery_description: Some(description),
    }
}
