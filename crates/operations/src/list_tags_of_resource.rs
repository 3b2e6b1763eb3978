//! ListTagsOfResource, of tables. A table's tags are few (dynamodb-api.md section 3), so that one page holds all of
//! them and no token is ever given out. How AWS cuts pages is unconfirmed.

use headwater_engine::EngineError;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ListTagsOfResourceInput, ListTagsOfResourceOutput, Tag};
use headwater_wire::messages::tables;

use crate::api::{Api, RequestContext};
use crate::tags::{of_tagged, tagged_table};

/// The account of an ARN that is nobody's on AWS, and that of a server unless it is told another.
const NOBODYS_ACCOUNT: &str = ":000000000000:";

pub(crate) async fn list_tags_of_resource(
    api: &Api,
    input: ListTagsOfResourceInput,
    context: &RequestContext,
) -> Result<ListTagsOfResourceOutput, ApiError> {
    let arn = &input.resource_arn;
    let name = tagged_table(arn, context)?;
    if input.next_token.is_some() {
        return Err(tables::unknown_tags_token());
    }
    let view = api.database.describe(&context.namespace, name).await;
    let view = view.map_err(|error| match error {
        // AWS has no such account, and what was recorded of its ARNs is expected of a server that goes by it, too
        // (dynamodb-api.md section 7).
        EngineError::TableNotFound { .. } if arn.contains(NOBODYS_ACCOUNT) => {
            tables::access_denied()
        }
        error => of_tagged(error, arn, context),
    })?;
    let tags = view.record.tags.iter();
    Ok(ListTagsOfResourceOutput {
        tags: Some(
            tags.map(|(key, value)| Tag {
                key: key.clone(),
                value: value.clone(),
            })
            .collect(),
        ),
        next_token: None,
    })
}
