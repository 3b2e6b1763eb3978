//! UpdateContributorInsights, of tables and global indexes. What is counted is shown by the server's own calls
//! (`/_headwater/contributor-insights/`).

use headwater_engine::InsightsMode;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ContributorInsightsAction, ContributorInsightsMode, UpdateContributorInsightsInput,
    UpdateContributorInsightsOutput,
};

use crate::api::{Api, RequestContext};
use crate::contributor_insights::{mode, of_insights, status};
use crate::table_name::table_name;

pub(crate) async fn update_contributor_insights(
    api: &Api,
    input: UpdateContributorInsightsInput,
    context: &RequestContext,
) -> Result<UpdateContributorInsightsOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let index = input.index_name.as_deref();
    let wanted = match (
        input.contributor_insights_action,
        input.contributor_insights_mode,
    ) {
        (ContributorInsightsAction::Disable, _) => None,
        (ContributorInsightsAction::Enable, Some(ContributorInsightsMode::ThrottledKeys)) => {
            Some(InsightsMode::Throttled)
        }
        // Without a mode all is counted, whatever was before (recorded).
        (ContributorInsightsAction::Enable, _) => Some(InsightsMode::AccessedAndThrottled),
    };
    let changed = api
        .database
        .change_insights(&context.namespace, name, index, wanted)
        .await;
    let view = changed.map_err(of_insights)?;
    let record = view.record.as_ref();
    Ok(UpdateContributorInsightsOutput {
        contributor_insights_status: status(record, api.database.clock().now_ms()),
        contributor_insights_mode: record.map(mode),
        table_name: Some(view.table),
        index_name: view.index,
    })
}
