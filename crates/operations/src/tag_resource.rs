//! TagResource, of tables.

use headwater_engine::TagChange;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::TagResourceInput;
use headwater_wire::messages::tables;

use crate::api::{Api, RequestContext};
use crate::tags::{RETENTION_TAG, check_tags, of_tagged, pairs, tagged_table};

pub(crate) async fn tag_resource(
    api: &Api,
    input: TagResourceInput,
    context: &RequestContext,
) -> Result<(), ApiError> {
    let arn = &input.resource_arn;
    let name = tagged_table(arn, context)?;
    if input.tags.is_empty() {
        return Err(tables::no_tags_given());
    }
    check_tags(&input.tags)?;
    let change = TagChange {
        set: pairs(input.tags),
        remove: Vec::new(),
        fixed: Some(RETENTION_TAG),
    };
    let changed = api
        .database
        .change_tags(&context.namespace, name, change)
        .await;
    changed.map_err(|error| of_tagged(error, arn, context))
}
