//! Which table or stream the ARN of a policy request means. Each has a policy of its own (recorded).

use std::sync::Arc;

use headwater_engine::{EngineError, ExpectedPolicy, PolicyChange, PolicyRecord, StreamRecord};
use headwater_streams::{StreamArn, StreamsError};
use headwater_wire::ApiError;
use headwater_wire::messages::policies;

use crate::api::{Api, RequestContext};
use crate::failure::{of_streams, of_tables};
use crate::table_name::table_name;

/// The word by which a request says that there must be no policy yet.
const NO_POLICY: &str = "NO_POLICY";

/// What has a policy.
pub(crate) enum PolicyTarget<'a> {
    /// The table of this name.
    Table(&'a str),
    /// A stream, and its parts of the ARN.
    Stream(Arc<StreamRecord>, StreamArn<'a>),
}

impl<'a> PolicyTarget<'a> {
    /// Finds it; a table is looked for later.
    pub(crate) fn find(
        api: &Api,
        arn: &'a str,
        context: &RequestContext,
    ) -> Result<Self, ApiError> {
        if !arn.starts_with("arn:") {
            return Err(policies::no_arn(arn));
        }
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let mut parts = resource.split('/');
        let (kind, name) = (parts.next(), parts.next());
        match (kind, name, parts.next(), parts.next(), parts.next()) {
            (Some("table"), Some(_), None, ..) => table_name(arn, context)
                .map(PolicyTarget::Table)
                .map_err(|_| policies::arn_of_somebody_else(arn)),
            (Some("table"), Some(_), Some("stream"), Some(_), None) => {
                let Ok(parts) = StreamArn::parse(arn) else {
                    return Err(policies::arn_of_another_resource(arn));
                };
                match api.streams.find(&context.namespace, arn) {
                    Ok(stream) => Ok(PolicyTarget::Stream(stream, parts)),
                    Err(error) => Err(missing_stream(error, parts)),
                }
            }
            (Some("table"), Some(_), Some("index"), Some(_), None) => {
                Err(policies::arn_of_an_index(arn))
            }
            _ => Err(policies::arn_of_another_resource(arn)),
        }
    }

    /// Its policy as it is.
    pub(crate) async fn policy(
        &self,
        api: &Api,
        context: &RequestContext,
    ) -> Result<Option<PolicyRecord>, ApiError> {
        match self {
            PolicyTarget::Table(name) => {
                let view = api.database.describe(&context.namespace, name).await;
                Ok(view.map_err(of_tables)?.record.policy.clone())
            }
            PolicyTarget::Stream(stream, _) => {
                let policy = api.database.stream_policy(stream.id).await;
                policy.map_err(of_tables)
            }
        }
    }

    /// Changes it; the revision to answer with, if there is one.
    pub(crate) async fn change(
        &self,
        api: &Api,
        context: &RequestContext,
        document: Option<String>,
        expected: Option<String>,
    ) -> Result<Option<String>, ApiError> {
        let wanted = PolicyChange {
            document,
            expected: expected.map(|revision| match revision.as_str() {
                NO_POLICY => ExpectedPolicy::Absent,
                _ => ExpectedPolicy::Revision(revision),
            }),
        };
        let changed = match self {
            PolicyTarget::Table(name) => api
                .database
                .change_table_policy(&context.namespace, name, wanted)
                .await
                .map(Some),
            PolicyTarget::Stream(stream, _) => {
                api.database.change_stream_policy(stream.id, wanted).await
            }
        };
        match (changed, self) {
            (Ok(Some(revision)), _) => Ok(revision.map(|revision_ms| revision_ms.to_string())),
            (Ok(None), PolicyTarget::Stream(_, parts)) => {
                Err(policies::stream_not_found(parts.label, parts.table_name))
            }
            (Ok(None), PolicyTarget::Table(_)) => Ok(None),
            (Err(EngineError::Policy(mismatch)), _) => {
                Err(match (mismatch.expected, mismatch.found_ms) {
                    (ExpectedPolicy::Revision(expected), Some(found)) => {
                        policies::other_revision(&mismatch.table, &expected, found)
                    }
                    (ExpectedPolicy::Revision(expected), None) => {
                        policies::no_revision(&mismatch.table, &expected)
                    }
                    (ExpectedPolicy::Absent, found) => {
                        policies::unexpected(&mismatch.table, found.unwrap_or_default())
                    }
                })
            }
            (Err(error), _) => Err(of_tables(error)),
        }
    }
}

fn missing_stream(error: StreamsError, parts: StreamArn<'_>) -> ApiError {
    match error {
        StreamsError::StreamNotFound { .. } => {
            policies::stream_not_found(parts.label, parts.table_name)
        }
        other => of_streams(other, "ResourceArn"),
    }
}
