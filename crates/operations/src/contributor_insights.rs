//! What the operations on contributor insights have in common: words, and the names of rules, which only name what the
//! server counts itself.

use headwater_engine::{
    Counted, EngineError, InsightsMode, InsightsRecord, InsightsView, TopContributors,
};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{ContributorInsightsMode, ContributorInsightsStatus};
use headwater_wire::messages::tables;

use crate::api::Api;
use crate::failure::of_tables;

/// Rules of partition keys and of whole keys: of accesses, then of throttling (guide).
const ACCESSED: [&str; 2] = ["PKC", "SKC"];
const THROTTLED: [&str; 2] = ["PKT", "SKT"];

/// Contributor insights of a table or index with what was counted, as the server shows them.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributors {
    /// The table's name.
    pub table: String,
    /// The index's name, if it is one.
    pub index: Option<String>,
    /// The API's ContributorInsightsStatus.
    pub status: &'static str,
    /// The API's ContributorInsightsMode; `None` if they never were on.
    pub mode: Option<&'static str>,
    /// What was counted, by the names of the rules.
    pub rules: Vec<ContributorRule>,
}

/// What one rule counted.
#[derive(Clone, Debug, PartialEq)]
pub struct ContributorRule {
    /// Its name, as in DescribeContributorInsights.
    pub name: String,
    /// The keys with the highest counts.
    pub top: TopContributors,
}

impl Api {
    /// What was accessed most, and throttled most, of a table or of one of its indexes: at most `limit` keys for each
    /// rule. Counting begins with UpdateContributorInsights, and anew when the database is opened. Unless throughput is
    /// enforced, the rules of throttled keys are empty.
    ///
    /// # Errors
    /// What DescribeContributorInsights answers.
    pub async fn contributors(
        &self,
        namespace: &str,
        table: &str,
        index: Option<&str>,
        limit: usize,
    ) -> Result<Contributors, ApiError> {
        let view = self.database.insights(namespace, table, index).await;
        let view = view.map_err(of_insights)?;
        let open = self.database.table(namespace, table).map_err(of_tables)?;
        let of_index = index.and_then(|name| open.index(name));
        let counted = |counted: Counted| match (index, &of_index) {
            (Some(_), None) => None,
            _ => open.counted_keys(counted, of_index.as_deref(), limit),
        };
        // In the order of `rules`.
        let counted = [Counted::Accesses, Counted::Throttled].map(counted);
        let tops = counted.into_iter().flatten();
        let tops = tops.flat_map(|keys| [Some(keys.partitions), keys.keys]);
        let record = view.record.as_ref();
        let names = record.map_or_else(Vec::new, |record| rules(&view, record));
        let tops = tops
            .flatten()
            .chain(std::iter::repeat(TopContributors::default()));
        let rules = names.into_iter().zip(tops);
        Ok(Contributors {
            status: record.map_or(DISABLED, |record| {
                record.status(self.database.clock().now_ms())
            }),
            mode: record.map(|record| mode(record).as_str()),
            rules: rules
                .map(|(name, top)| ContributorRule { name, top })
                .collect(),
            table: view.table,
            index: view.index,
        })
    }
}

const DISABLED: &str = "DISABLED";

/// An operation on contributor insights was refused.
pub(crate) fn of_insights(error: EngineError) -> ApiError {
    match error {
        EngineError::IndexNotFound { name, index } => {
            tables::insights_index_not_found(&index, &name)
        }
        EngineError::InsightsNotReady { of } => tables::insights_not_ready(of),
        other => of_tables(other),
    }
}

pub(crate) fn mode(record: &InsightsRecord) -> ContributorInsightsMode {
    match record.mode {
        InsightsMode::AccessedAndThrottled => ContributorInsightsMode::AccessedAndThrottledKeys,
        InsightsMode::Throttled => ContributorInsightsMode::ThrottledKeys,
    }
}

/// The status of what may never have been on.
pub(crate) fn status(
    record: Option<&InsightsRecord>,
    now_ms: u64,
) -> Option<ContributorInsightsStatus> {
    let word = record.map_or(DISABLED, |record| record.status(now_ms));
    ContributorInsightsStatus::parse(word)
}

/// The names of the rules, as the guide forms them; none if insights are off.
pub(crate) fn rules(view: &InsightsView, record: &InsightsRecord) -> Vec<String> {
    if !record.enabled {
        return Vec::new();
    }
    let kinds: &[[&str; 2]] = match record.mode {
        InsightsMode::AccessedAndThrottled => &[ACCESSED, THROTTLED],
        InsightsMode::Throttled => &[THROTTLED],
    };
    let parts = if view.has_sort { 2 } else { 1 };
    let kinds = kinds.iter().flat_map(|kind| &kind[..parts]);
    let resource = match &view.index {
        Some(index) => format!("{}-{index}", view.table),
        None => view.table.clone(),
    };
    let since_ms = record.since_ms;
    kinds
        .map(|kind| format!("DynamoDBContributorInsights-{kind}-{resource}-{since_ms}"))
        .collect()
}
