//! ListContributorInsights: what is on, or not off yet, a table before its indexes (recorded), a page at a time.
//!
//! The token of a page is the name at which it ended: `TABLE` or `TABLE/INDEX`.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ContributorInsightsSummary, ListContributorInsightsInput, ListContributorInsightsOutput,
};

use crate::api::{Api, RequestContext};
use crate::contributor_insights::{mode, status};
use crate::failure::of_tables;
use crate::table_name::table_name;

/// Most summaries of a page (API model).
const PAGE_MAX: usize = 100;

pub(crate) async fn list_contributor_insights(
    api: &Api,
    input: ListContributorInsightsInput,
    context: &RequestContext,
) -> Result<ListContributorInsightsOutput, ApiError> {
    let namespace = &context.namespace;
    let name = input.table_name.as_deref();
    let name = name.map(|name| table_name(name, context)).transpose()?;
    if let Some(name) = name {
        // A table that is not there is an error, not an empty page (recorded).
        let view = api.database.describe(namespace, name).await;
        view.map_err(of_tables)?;
    }
    let after = input.next_token.as_deref().map(position);
    let limit = input
        .max_results
        .and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(PAGE_MAX);
    let views = api
        .database
        .all_insights(namespace)
        .await
        .map_err(of_tables)?;
    let mut page: Vec<_> = views
        .into_iter()
        .filter(|view| name.is_none_or(|name| name == view.table))
        .filter(|view| {
            after.is_none_or(|after| (view.table.as_str(), view.index.as_deref()) > after)
        })
        .take(limit + 1)
        .collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().filter(|_| more);
    let now_ms = api.database.clock().now_ms();
    Ok(ListContributorInsightsOutput {
        next_token: last.map(|view| match &view.index {
            Some(index) => format!("{}/{index}", view.table),
            None => view.table.clone(),
        }),
        contributor_insights_summaries: page
            .into_iter()
            .map(|view| ContributorInsightsSummary {
                contributor_insights_status: status(view.record.as_ref(), now_ms),
                contributor_insights_mode: view.record.as_ref().map(mode),
                table_name: Some(view.table),
                index_name: view.index,
            })
            .collect(),
    })
}

/// The place that a token names. Names hold no slash.
fn position(token: &str) -> (&str, Option<&str>) {
    match token.split_once('/') {
        Some((table, index)) => (table, Some(index)),
        None => (token, None),
    }
}
