//! DescribeContinuousBackups. As on AWS the answer is `ENABLED` for every table (dynamodb-api.md section 16); what can be
//! restored is told by the status of point-in-time recovery, which is off and cannot be turned on.

use headwater_engine::EngineError;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ContinuousBackupsDescription, ContinuousBackupsStatus, DescribeContinuousBackupsInput,
    DescribeContinuousBackupsOutput, PointInTimeRecoveryDescription, PointInTimeRecoveryStatus,
};
use headwater_wire::messages::tables;

use crate::api::{Api, RequestContext};
use crate::failure::of_tables;
use crate::table_name::table_name;

pub(crate) async fn describe_continuous_backups(
    api: &Api,
    input: DescribeContinuousBackupsInput,
    context: &RequestContext,
) -> Result<DescribeContinuousBackupsOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let view = api.database.describe(&context.namespace, name).await;
    view.map_err(|error| match error {
        EngineError::TableNotFound { name } => tables::table_without_backups_not_found(&name),
        other => of_tables(other),
    })?;
    Ok(DescribeContinuousBackupsOutput {
        continuous_backups_description: Some(ContinuousBackupsDescription {
            continuous_backups_status: ContinuousBackupsStatus::Enabled,
            point_in_time_recovery_description: Some(PointInTimeRecoveryDescription {
                point_in_time_recovery_status: Some(PointInTimeRecoveryStatus::Disabled),
                ..PointInTimeRecoveryDescription::default()
            }),
        }),
    })
}
