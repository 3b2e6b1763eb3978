//! DescribeTimeToLive: by which attribute the items of a table expire, if they do (dynamodb-api.md section 14).

use headwater_engine::{TableStatus, TimeToLive};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    DescribeTimeToLiveInput, DescribeTimeToLiveOutput, TimeToLiveDescription, TimeToLiveStatus,
};
use headwater_wire::messages::tables;

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
    let view = view.map_err(of_tables)?;
    if !matches!(view.status, TableStatus::Active | TableStatus::Updating) {
        return Err(tables::time_to_live_not_told(view.status.as_str()));
    }
    let now_ms = api.database.clock().now_ms();
    Ok(DescribeTimeToLiveOutput {
        time_to_live_description: Some(describe(view.record.ttl.as_ref(), now_ms)),
    })
}

fn describe(ttl: Option<&TimeToLive>, now_ms: u64) -> TimeToLiveDescription {
    let status = match ttl {
        Some(ttl) if ttl.enabled && now_ms < ttl.settles_at_ms => TimeToLiveStatus::Enabling,
        Some(ttl) if ttl.enabled => TimeToLiveStatus::Enabled,
        Some(ttl) if now_ms < ttl.settles_at_ms => TimeToLiveStatus::Disabling,
        Some(_) | None => TimeToLiveStatus::Disabled,
    };
    let named = ttl.filter(|_| status != TimeToLiveStatus::Disabled);
    TimeToLiveDescription {
        time_to_live_status: Some(status),
        attribute_name: named.map(|ttl| ttl.attribute.clone()),
    }
}
