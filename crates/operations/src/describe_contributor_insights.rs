//! DescribeContributorInsights, of tables and global indexes.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    DescribeContributorInsightsInput, DescribeContributorInsightsOutput,
};

use crate::api::{Api, RequestContext};
use crate::contributor_insights::{mode, of_insights, rules, status};
use crate::table_description::time;
use crate::table_name::table_name;

pub(crate) async fn describe_contributor_insights(
    api: &Api,
    input: DescribeContributorInsightsInput,
    context: &RequestContext,
) -> Result<DescribeContributorInsightsOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let index = input.index_name.as_deref();
    let view = api.database.insights(&context.namespace, name, index).await;
    let view = view.map_err(of_insights)?;
    let record = view.record.as_ref();
    let rules = record.map(|record| rules(&view, record));
    Ok(DescribeContributorInsightsOutput {
        contributor_insights_rule_list: rules.filter(|rules| !rules.is_empty()),
        contributor_insights_status: status(record, api.database.clock().now_ms()),
        last_update_date_time: record.map(|record| time(record.changed_ms)),
        contributor_insights_mode: record.map(mode),
        table_name: Some(view.table),
        index_name: view.index,
    })
}
