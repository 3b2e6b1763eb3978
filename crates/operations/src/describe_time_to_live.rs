//! DescribeTimeToLive. No table has a time to live yet, so that it is disabled for every table.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    DescribeTimeToLiveInput, DescribeTimeToLiveOutput, TimeToLiveDescription, TimeToLiveStatus,
};

use crate::api::{Api, RequestContext};
use crate::failure::of_tables;
use crate::table_name::table_name;

pub(crate) async fn describe_time_to_live(
    api: &Api,
    input: DescribeTimeToLiveInput,
    context: &RequestContext,
) -> Result<DescribeTimeToLiveOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let view = api.database.describe(&context.namespace, name).await;
    view.map_err(of_tables)?;
    Ok(DescribeTimeToLiveOutput {
        time_to_live_description: Some(TimeToLiveDescription {
            time_to_live_status: Some(TimeToLiveStatus::Disabled),
            attribute_name: None,
        }),
    })
}
