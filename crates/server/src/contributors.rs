//! `GET /_headwater/contributor-insights/TABLE?index=NAME&limit=N`: the most accessed keys of a table or index, by the
//! rules that DescribeContributorInsights names.

use headwater_operations::{Contributor, ContributorRule, Contributors, RequestContext};
use headwater_wire::ApiError;
use headwater_wire::json::WriteJson;
use serde_json::{Value, json};

use crate::query::Query;
use crate::request::Server;

/// Keys of each rule when the request names no number.
const LIMIT: usize = 25;

/// The answer's body.
///
/// # Errors
/// What DescribeContributorInsights answers.
pub(crate) async fn report(
    server: &Server,
    table: &str,
    query: &str,
    context: &RequestContext,
) -> Result<String, ApiError> {
    let query = Query::parse(query);
    let limit = query.get("limit").and_then(|limit| limit.parse().ok());
    let index = query.get("index");
    let contributors = server
        .api
        .contributors(&context.namespace, table, index, limit.unwrap_or(LIMIT))
        .await?;
    Ok(shown(&contributors).to_string())
}

fn shown(contributors: &Contributors) -> Value {
    let mut body = json!({
        "table": contributors.table,
        "status": contributors.status,
        "rules": contributors.rules.iter().map(rule).collect::<Vec<_>>(),
    });
    if let Some(index) = &contributors.index {
        body["index"] = json!(index);
    }
    if let Some(mode) = contributors.mode {
        body["mode"] = json!(mode);
    }
    body
}

fn rule(rule: &ContributorRule) -> Value {
    json!({
        "name": rule.name,
        "total": rule.top.total,
        "contributors": rule.top.contributors.iter().map(one).collect::<Vec<_>>(),
    })
}

fn one(one: &Contributor) -> Value {
    let mut key = Vec::new();
    let written = one.key.write(&mut key).map_err(|error| error.to_string());
    let key = written
        .and_then(|()| serde_json::from_slice::<Value>(&key).map_err(|error| error.to_string()));
    let key = key.unwrap_or_else(|error| {
        tracing::error!(%error, "a counted key could not be written down");
        Value::Null
    });
    json!({ "key": key, "count": one.count, "error": one.error })
}
